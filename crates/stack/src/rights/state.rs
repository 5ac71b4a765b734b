//! Permissions for states in a bucket.

use serde_json::{Value, json};

use super::Subject;
use crate::StateUrl;
use crate::common::allow;

/// The state of one stack in a bucket, and the key that the bucket is encrypted with.
pub(super) fn of_state(state: &StateUrl, subject: &Subject<'_>) -> Vec<Value> {
    let partition = &subject.context.partition;
    let below = match state.prefix.as_str() {
        "" => format!("{}/*", subject.stack),
        prefix => format!("{prefix}/{}/*", subject.stack),
    };
    let mut statements = state_in(state, &below, partition);
    statements.push(encrypted_in([state.bucket.as_str()], partition));
    statements
}

/// Reading and writing states in a bucket.
pub(crate) fn state_in(state: &StateUrl, below: &str, partition: &str) -> Vec<Value> {
    let arn = |path: &str| format!("arn:{partition}:s3:::{path}");
    vec![
        allow(
            &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            arn(&format!("{}/{below}", state.bucket)),
        ),
        allow(
            &[
                "s3:GetBucketLocation",
                "s3:GetBucketVersioning",
                "s3:ListBucket",
            ],
            arn(&state.bucket),
        ),
    ]
}

/// Which key encrypts a bucket is the bucket's own business.
pub(crate) fn encrypted_in<'a>(
    buckets: impl IntoIterator<Item = &'a str>,
    partition: &str,
) -> Value {
    let arn = |path: &str| format!("arn:{partition}:s3:::{path}");
    let encrypted: Vec<String> = buckets
        .into_iter()
        .flat_map(|bucket| [arn(bucket), arn(&format!("{bucket}/*"))])
        .collect();
    json!({
        "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
        "Condition": {
            "StringLike": {"kms:ViaService": "s3.*.amazonaws.com*"},
            "ArnLike": {"kms:EncryptionContext:aws:s3:arn": encrypted},
        },
    })
}
