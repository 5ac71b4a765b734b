//! `s3.Bucket`, with its settings.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Contents, Id, Identity, Kind, Live,
    Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::extras::{self, CorsRule, Logging, ObjectLock};
use super::lifecycle::{self, LifecycleRule};
use super::settings;
use crate::bounded::try_join_all;
use crate::errors::{Ask, cloud_error};
use crate::tags::Tags;
use crate::types::{Arn, BucketName, unless_same};
use crate::{Cloud, Policy};

/// An Amazon S3 bucket. A bucket that is not empty is deleted only if `force_destroy` is `true`, to prevent
/// accidental loss of data.
#[derive(Debug)]
pub struct Bucket;

/// An Amazon S3 bucket. A bucket that is not empty is deleted only if `force_destroy` is `true`, to prevent
/// accidental loss of data.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the bucket. Must be unique across all accounts of the AWS partition. 3 to 63 lower-case
    /// letters, digits, hyphens and dots.
    pub bucket: String,
    /// Whether versioning is enabled. Once enabled, it can only be suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<bool>,
    /// The default encryption of objects. AWS default: `AES256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption<S>>,
    /// Whether all four Block Public Access settings are enabled. Default: `true`.
    #[serde(default = "on")]
    pub block_public_access: bool,
    /// The lifecycle rules, which expire objects or move them to other storage classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_rules: Option<Vec<LifecycleRule>>,
    /// The bucket policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<S::In<Policy>>,
    /// The object ownership setting: `BucketOwnerEnforced` (ACLs are disabled), `BucketOwnerPreferred` or
    /// `ObjectWriter`. AWS default: `BucketOwnerEnforced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_ownership: Option<String>,
    /// The server access logging settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging<S>>,
    /// The cross-origin resource sharing (CORS) rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors_rules: Option<Vec<CorsRule>>,
    /// Whether the bucket sends event notifications to Amazon EventBridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_bridge: Option<bool>,
    /// The default Object Lock retention for new objects. Requires versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLock>,
    /// Whether all objects, including old versions, are deleted together with the bucket. Stored in a tag, so
    /// that the bucket can be deleted without a stack file.
    #[serde(default)]
    pub force_destroy: bool,
    /// Tags to assign to the bucket.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// The default encryption of the objects in a bucket.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Encryption<S: Stage = Resolved> {
    /// The server-side encryption algorithm: `AES256` or `aws:kms`.
    pub sse_algorithm: String,
    /// The ARN of the KMS key, for `aws:kms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<S::In<Arn>>,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the bucket that other resources can reference.
    Bucket {
        /// The name of the bucket.
        BUCKET: bucket: BucketName,
        /// The Amazon Resource Name (ARN) of the bucket.
        ARN: arn: Arn,
    }
    and unmanaged
}

/// Whether the bucket is there and ours to see.
async fn exists(cloud: &Cloud, name: &str) -> CloudResult<bool> {
    match cloud.s3.head_bucket().bucket(name).send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(false),
        other => other.map(|_| true),
    }
}

/// All settings are read at once: each of them tells when there is no bucket. That many calls are large, and on the heap.
async fn read(cloud: &Cloud, name: &str) -> CloudResult<Option<Live<Bucket>>> {
    let settings = Box::pin(async {
        futures::try_join!(
            settings::versioning(cloud, name),
            settings::encryption(cloud, name),
            settings::public_access_block(cloud, name),
            lifecycle::read(cloud, name),
            settings::policy(cloud, name),
            settings::tags(cloud, name),
        )
    });
    let more = Box::pin(async {
        futures::try_join!(
            extras::ownership(cloud, name),
            extras::logging(cloud, name),
            extras::cors(cloud, name),
            extras::event_bridge(cloud, name),
            extras::object_lock(cloud, name),
        )
    });
    let (settings, more) = match futures::try_join!(settings, more) {
        Err(error) if error.code.as_deref() == Some("NoSuchBucket") => return Ok(None),
        other => other?,
    };
    let (
        versioning,
        encryption,
        block_public_access,
        lifecycle,
        policy,
        (tags, owner, force_destroy),
    ) = settings;
    let (lifecycle_rules, unmanaged) = lifecycle;
    let (ownership, logging, cors_rules, event_bridge, object_lock) = more;
    let spec = Spec {
        bucket: name.to_owned(),
        versioning: Some(versioning),
        encryption: Some(encryption),
        block_public_access,
        lifecycle_rules: Some(lifecycle_rules),
        policy,
        object_ownership: Some(ownership),
        logging,
        cors_rules: Some(cors_rules),
        event_bridge: Some(event_bridge),
        object_lock,
        force_destroy,
        tags,
    };
    let arn = format!("arn:{}:s3:::{name}", cloud.partition).into();
    let outputs = Outputs {
        bucket: name.into(),
        arn,
        unmanaged,
    };
    Ok(Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

impl Kind for Bucket {
    const NAME: &'static str = "s3.Bucket";
    const FIELDS: &'static Table = &[("/bucket", &[Immutable, Name])];
    /// Those of ownership, and whether it is emptied.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id.as_str())));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "s3:ListBucket",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetLifecycleConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetBucketTagging",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketLogging",
            "s3:GetBucketCORS",
            "s3:GetBucketNotification",
            "s3:GetBucketObjectLockConfiguration",
        ],
        create: &["s3:CreateBucket", "s3:TagResource", "s3:PutBucketTagging"],
        update: &[
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketTagging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketLogging",
            "s3:PutBucketCORS",
            "s3:PutBucketNotification",
            "s3:PutBucketObjectLockConfiguration",
        ],
        delete: &[
            "s3:DeleteBucket",
            "s3:ListBucketVersions",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        let rules = path == "/lifecycle_rules"
            && lifecycle::alike(&desired["lifecycle_rules"], &live["lifecycle_rules"]);
        let logging = path == "/logging"
            && extras::both_without_logging(&desired["logging"], &live["logging"]);
        rules || logging || crate::alike::alike(path, desired, live)
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("encryption", json!({"sse_algorithm": "AES256"})),
            ("lifecycle_rules", json!([])),
            ("policy", Value::Null),
            ("object_ownership", json!("BucketOwnerEnforced")),
            ("logging", Value::Null),
            ("cors_rules", json!([])),
            ("event_bridge", json!(false)),
            ("object_lock", Value::Null),
        ]
    }

    fn example() -> Spec {
        Spec {
            bucket: "example-123456789012-logs".into(),
            versioning: Some(true),
            encryption: Some(Encryption {
                sse_algorithm: "AES256".into(),
                kms_master_key_id: None,
            }),
            block_public_access: true,
            lifecycle_rules: Some(vec![LifecycleRule {
                noncurrent_version_expiration_days: Some(7),
                ..LifecycleRule::expire("expire", Some(30))
            }]),
            policy: None,
            object_ownership: Some("BucketOwnerEnforced".into()),
            logging: None,
            cors_rules: None,
            event_bridge: Some(false),
            object_lock: None,
            force_destroy: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": "arn:aws:s3:::example-123456789012-logs/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }]});
        let key = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
        vec![
            ("/versioning", json!(false)),
            (
                "/encryption",
                json!({"sse_algorithm": "aws:kms", "kms_master_key_id": key}),
            ),
            ("/block_public_access", json!(false)),
            ("/lifecycle_rules/0/expiration_days", json!(90)),
            (
                "/lifecycle_rules/0/transitions",
                json!([{"days": 10, "storage_class": "GLACIER"}]),
            ),
            ("/lifecycle_rules/0/enabled", json!(false)),
            ("/object_ownership", json!("BucketOwnerPreferred")),
            (
                "/cors_rules",
                json!([{"allowed_origins": ["https://www.example.com"], "allowed_methods": ["GET"]}]),
            ),
            ("/event_bridge", json!(true)),
            ("/lifecycle_rules", json!([])),
            ("/policy", policy),
            ("/force_destroy", json!(true)),
            ("/tags/team", json!("data")),
            ("/bucket", json!("example-123456789012-others")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = spec.bucket.as_bytes();
        let sound = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-' || *byte == b'.'
        };
        let edges = [name.first(), name.last()].into_iter().flatten();
        let edges = edges.map(|byte| *byte == b'-' || *byte == b'.');
        if !(3..=63).contains(&name.len())
            || !name.iter().all(sound)
            || edges.into_iter().any(|bad| bad)
        {
            let message = "must have 3 to 63 lower-case letters, digits, hyphens and dots, and must not end with a hyphen or dot";
            return Err(SpecError::new("/bucket", message));
        }
        if spec.object_lock.is_some() && spec.versioning == Some(false) {
            return Err(SpecError::new(
                "/object_lock",
                "requires `versioning: true`",
            ));
        }
        match spec
            .encryption
            .as_ref()
            .map(|encryption| encryption.sse_algorithm.as_str())
        {
            None | Some("AES256" | "aws:kms") => Ok(()),
            Some(_) => Err(SpecError::new(
                "/encryption/sse_algorithm",
                "must be `AES256` or `aws:kms`",
            )),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.bucket, &desired.bucket)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            let Some(spec) = &wanted.spec else {
                return Ok(Vec::new());
            };
            let there = match exists(cloud, &spec.bucket).await {
                // It is there, and somebody else's.
                Err(error) if error.class == Class::Denied => {
                    return Ok(vec![Candidate {
                        id: Id::from(spec.bucket.as_str()),
                        owner: None,
                    }]);
                }
                other => other?,
            };
            if !there {
                return Ok(Vec::new());
            }
            let (_, owner, _) = settings::tags(cloud, &spec.bucket).await?;
            Ok(vec![Candidate {
                id: Id::from(spec.bucket.as_str()),
                owner,
            }])
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "s3:CreateBucket";
        // In us-east-1 S3 answers success for a bucket that is there already, and resets its ACL.
        if exists(cloud, &spec.bucket).await? {
            return Err(CloudError::new(
                Class::AlreadyExists,
                operation,
                format!("{} already exists", spec.bucket),
            ));
        }
        let elsewhere = (cloud.region != "us-east-1")
            .then(|| BucketLocationConstraint::from(cloud.region.as_str()));
        let configuration = CreateBucketConfiguration::builder()
            .set_location_constraint(elsewhere)
            .set_tags(Some(settings::claimed_tags(
                &spec.tags,
                &claim.owner,
                spec.force_destroy,
            )?))
            .build();
        let call = cloud
            .s3
            .create_bucket()
            .bucket(&spec.bucket)
            .create_bucket_configuration(configuration);
        let call =
            call.set_object_lock_enabled_for_bucket(spec.object_lock.is_some().then_some(true));
        call.send().ask().await?;
        Ok(Id::from(spec.bucket.as_str()))
    }

    /// One setting after the other: S3 aborts writes to one bucket that meet.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let name = live.id.as_str();
        if ["/tags", "/force_destroy", Changes::OWNER]
            .iter()
            .any(|path| changes.touch(path))
        {
            settings::put_tags(
                cloud,
                name,
                &live.spec.tags,
                changes,
                owner,
                spec.force_destroy,
            )
            .await?;
        }
        if changes.touch("/block_public_access") {
            settings::put_public_access_block(cloud, name, spec.block_public_access).await?;
        }
        if let Some(on) = spec.versioning.filter(|_| changes.touch("/versioning")) {
            settings::put_versioning(cloud, name, on).await?;
        }
        if let Some(encryption) = spec
            .encryption
            .as_ref()
            .filter(|_| changes.touch("/encryption"))
        {
            settings::put_encryption(cloud, name, encryption).await?;
        }
        if let Some(rules) = spec
            .lifecycle_rules
            .as_ref()
            .filter(|_| changes.touch("/lifecycle_rules"))
        {
            lifecycle::put(cloud, name, rules).await?;
        }
        if let Some(ownership) = spec
            .object_ownership
            .as_ref()
            .filter(|_| changes.touch("/object_ownership"))
        {
            extras::put_ownership(cloud, name, ownership).await?;
        }
        if changes.touch("/logging") {
            extras::put_logging(cloud, name, spec.logging.as_ref()).await?;
        }
        if let Some(rules) = spec
            .cors_rules
            .as_ref()
            .filter(|_| changes.touch("/cors_rules"))
        {
            extras::put_cors(cloud, name, rules).await?;
        }
        if let Some(on) = spec.event_bridge.filter(|_| changes.touch("/event_bridge")) {
            extras::put_event_bridge(cloud, name, on).await?;
        }
        if changes.touch("/object_lock") {
            extras::put_object_lock(cloud, name, spec.object_lock.as_ref()).await?;
        }
        if changes.touch("/policy") {
            settings::put_policy(cloud, name, spec.policy.as_ref()).await?;
        }
        Ok(())
    }

    async fn contents(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        super::contents::look(cloud, live.id.as_str(), live.spec.force_destroy).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if live.spec.force_destroy {
            super::contents::remove(cloud, live.id.as_str()).await?;
        }
        let call = cloud.s3.delete_bucket().bucket(live.id.as_str());
        call.send().await.map(drop).map_err(|e| {
            let mut error = cloud_error(e);
            if error.code.as_deref() == Some("BucketNotEmpty") {
                error.message =
                    "the bucket is not empty; if its objects are not needed, delete them, or set `force_destroy: true` \
                     for the bucket and apply, then run again"
                        .into();
            }
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, claim, cloud, owner};
    use aws_sdk_s3::operation::create_bucket::CreateBucketOutput;
    use aws_sdk_s3::operation::delete_bucket::DeleteBucketError;
    use aws_sdk_s3::operation::delete_bucket_policy::DeleteBucketPolicyOutput;
    use aws_sdk_s3::operation::head_bucket::{HeadBucketError, HeadBucketOutput};
    use aws_sdk_s3::operation::put_bucket_logging::PutBucketLoggingOutput;
    use aws_sdk_s3::operation::put_object_lock_configuration::PutObjectLockConfigurationOutput;
    use aws_sdk_s3::types::error::NotFound;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    fn bucket() -> Live<Bucket> {
        Live {
            id: "b".into(),
            spec: Bucket::example(),
            outputs: Outputs {
                bucket: "b".into(),
                arn: "arn:aws:s3:::b".into(),
                unmanaged: Vec::new(),
            },
            owner: None,
            phase: Phase::Ready,
        }
    }

    #[tokio::test]
    async fn what_is_stated_as_nothing_is_removed() {
        let policy = mock!(aws_sdk_s3::Client::delete_bucket_policy)
            .then_output(|| DeleteBucketPolicyOutput::builder().build());
        let logging = mock!(aws_sdk_s3::Client::put_bucket_logging)
            .match_requests(|request| {
                let status = request.bucket_logging_status();
                status.is_some_and(|status| status.logging_enabled().is_none())
            })
            .then_output(|| PutBucketLoggingOutput::builder().build());
        let lock = mock!(aws_sdk_s3::Client::put_object_lock_configuration)
            .match_requests(|request| {
                let lock = request.object_lock_configuration();
                lock.is_some_and(|lock| lock.rule().is_none())
            })
            .then_output(|| PutObjectLockConfigurationOutput::builder().build());
        let s3 = mock_client!(
            aws_sdk_s3,
            RuleMode::Sequential,
            &[&logging, &lock, &policy]
        );
        let cloud = Cloud {
            s3: s3.into(),
            ..cloud()
        };
        let before = json!("something");
        let asked = changes(&[
            ("/policy", before.clone(), json!(null)),
            ("/logging", before.clone(), json!(null)),
            ("/object_lock", before, json!(null)),
        ]);
        Bucket::update(&cloud, &bucket(), &Bucket::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(policy.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_bucket_that_is_there_is_never_created_over() {
        let there = mock!(aws_sdk_s3::Client::head_bucket)
            .then_output(|| HeadBucketOutput::builder().build());
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&there]).into(),
            ..cloud()
        };
        let error = Bucket::create(&cloud, &Bucket::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::AlreadyExists);
    }

    #[tokio::test]
    async fn a_new_bucket_is_tagged_at_once_and_lives_in_its_region() {
        let missing = mock!(aws_sdk_s3::Client::head_bucket).then_error(|| {
            let meta = ErrorMetadata::builder().code("NotFound").build();
            HeadBucketError::NotFound(NotFound::builder().meta(meta).build())
        });
        let make = mock!(aws_sdk_s3::Client::create_bucket)
            .match_requests(|request| {
                let Some(configuration) = request.create_bucket_configuration() else {
                    return false;
                };
                let place = configuration
                    .location_constraint()
                    .map(BucketLocationConstraint::as_str);
                let ours = |tag: &aws_sdk_s3::types::Tag| {
                    tag.key() == "platctl:stack" && tag.value() == "prod"
                };
                place == Some("eu-west-1") && configuration.tags().iter().any(ours)
            })
            .then_output(|| CreateBucketOutput::builder().build());
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&missing, &make]).into(),
            ..cloud()
        };
        Bucket::create(&cloud, &Bucket::example(), &claim())
            .await
            .unwrap();
        assert_eq!(make.num_calls(), 1);
    }

    #[tokio::test]
    async fn logging_is_disabled_where_the_target_is_empty() {
        let put = mock!(aws_sdk_s3::Client::put_bucket_logging)
            .match_requests(|request| {
                let status = request.bucket_logging_status();
                status.is_some_and(|status| status.logging_enabled().is_none())
            })
            .then_output(|| PutBucketLoggingOutput::builder().build());
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&put]).into(),
            ..cloud()
        };
        let none = json!({"target_bucket": "", "target_prefix": ""});
        let off = serde_json::from_value(none.clone()).unwrap();
        let spec = Spec {
            logging: Some(off),
            ..Bucket::example()
        };
        let asked = changes(&[("/logging/target_bucket", json!("logs"), json!(""))]);
        Bucket::update(&cloud, &bucket(), &spec, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(put.num_calls(), 1);
        let of = |logging: Value| json!({"logging": logging});
        let on = of(json!({"target_bucket": "logs", "target_prefix": "a/"}));
        let off = of(none);
        assert!(Bucket::alike("/logging", &off, &json!({})));
        assert!(
            !Bucket::alike("/logging", &off, &on) && !Bucket::alike("/logging", &on, &json!({}))
        );
    }

    #[tokio::test]
    async fn a_bucket_with_objects_is_kept() {
        let refuse = mock!(aws_sdk_s3::Client::delete_bucket).then_error(|| {
            DeleteBucketError::generic(ErrorMetadata::builder().code("BucketNotEmpty").build())
        });
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&refuse]).into(),
            ..cloud()
        };
        let error = Bucket::delete(&cloud, &bucket()).await.unwrap_err();
        assert!(error.message.contains("is not empty"), "{}", error.message);
    }
}
