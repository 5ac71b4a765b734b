//! Who may write flow logs, and where to.

use platctl_aws::regions::dns_suffix;
use platctl_engine::input::JOIN;
use serde_json::{Value, json};

use crate::declare::Declare;

/// The account and region, and the names within them that policies speak of.
pub(super) struct Place<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    pub(super) log_group: String,
    pub(super) bucket: String,
}

impl<'a> Place<'a> {
    pub(super) fn new(declare: &Declare<'a>) -> Self {
        let context = declare.context();
        Self {
            partition: &context.partition,
            region: &context.region,
            account: &context.account,
            log_group: format!("/platctl/{}/flow-logs", declare.stack()),
            // Buckets share one namespace with everybody else's.
            bucket: declare.name(&format!("flow-logs-{}-{}", context.account, context.region)),
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// That a service acts for this account: without it, any account could have it act.
    fn on_behalf(&self, source: &str) -> Value {
        json!({"StringEquals": {"aws:SourceAccount": self.account}, "ArnLike": {"aws:SourceArn": source}})
    }
}

fn policy(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Lets flow logs of this account and region take on the role.
pub(super) fn trust(place: &Place<'_>) -> Value {
    policy(json!([{
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": place.on_behalf(&place.arn("ec2", "vpc-flow-log/*")),
    }]))
}

/// Lets the role write into the log group. It may not create groups: a late delivery would bring back the
/// group of a network that was destroyed.
pub(super) fn write(group: Value, place: &Place<'_>) -> Value {
    policy(json!([
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [group, {JOIN: [group, ":*"]}],
        },
        // A list is of all groups: AWS looks for the permission on `log-group::log-stream:`, which is no group's ARN.
        {"Effect": "Allow", "Action": ["logs:DescribeLogGroups"], "Resource": place.arn("logs", "log-group:*")},
    ]))
}

/// Lets identities of this account use the endpoint of a service, and nobody else who is in the VPC, with whatever
/// credentials: nothing leaves it for another account's resources.
pub(super) fn endpoint(service: &str, place: &Place<'_>) -> Value {
    let Place {
        partition, account, ..
    } = place;
    let any = |action: Value| json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"});
    let mut own = any(json!("*"));
    match service {
        "s3" => {
            own["Condition"] = json!({"StringEquals": {"aws:ResourceAccount": account}});
            // Layers of images are in buckets of AWS, and so are the packages of nodes. A list of buckets is of no
            // resource.
            let read = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListAllMyBuckets"];
            policy(json!([own, any(json!(read))]))
        }
        "sts" => {
            own["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": account}});
            // Pods that take on a role by a token have no identity yet.
            let mut token = any(json!("sts:AssumeRoleWithWebIdentity"));
            token["Resource"] = json!(format!("arn:{partition}:iam::{account}:role/*"));
            policy(json!([own, token]))
        }
        _ => {
            own["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": account}});
            policy(json!([own]))
        }
    }
}

/// What AWS gives an endpoint that is made without a policy: said, so that limits are taken back.
pub(super) fn open_endpoint() -> Value {
    policy(json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]))
}

/// Lets log delivery write into the bucket, and refuses whatever comes without TLS. The first two
/// statements are the ones that AWS would add by itself.
pub(super) fn delivery(place: &Place<'_>) -> Value {
    let Place {
        partition,
        account,
        bucket,
        ..
    } = place;
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let service = json!({"Service": "delivery.logs.amazonaws.com"});
    let on_behalf = place.on_behalf(&place.arn("logs", "*"));
    let mut to_write = on_behalf.clone();
    to_write["StringEquals"]["s3:x-amz-acl"] = json!("bucket-owner-full-control");
    policy(json!([
        {
            "Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
            "Resource": format!("{bucket}/AWSLogs/{account}/*"), "Condition": to_write,
        },
        {
            "Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
            "Resource": bucket, "Condition": on_behalf,
        },
        {
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [bucket, format!("{bucket}/*")], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]))
}

const USE_OF_KEY: [&str; 5] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
];

/// Lets CloudWatch Logs use the key, for this one log group.
pub(super) fn key_of_log_group(place: &Place<'_>) -> Value {
    let suffix = dns_suffix(place.partition);
    let group = place.arn("logs", &format!("log-group:{}", place.log_group));
    key(
        place,
        json!({
            "Effect": "Allow",
            "Principal": {"Service": format!("logs.{}.{suffix}", place.region)},
            "Action": USE_OF_KEY,
            "Resource": "*",
            "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
        }),
    )
}

/// Lets log delivery use the key for this account.
pub(super) fn key_of_bucket(place: &Place<'_>) -> Value {
    key(
        place,
        json!({
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": USE_OF_KEY,
            "Resource": "*",
            "Condition": place.on_behalf(&place.arn("logs", "*")),
        }),
    )
}

/// A key's policy: the account's own IAM policies decide, and a service may use it besides.
fn key(place: &Place<'_>, service: Value) -> Value {
    let Place {
        partition, account, ..
    } = place;
    let root = format!("arn:{partition}:iam::{account}:root");
    policy(json!([
        {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"},
        service,
    ]))
}
