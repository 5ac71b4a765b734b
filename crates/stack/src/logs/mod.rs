//! The `logs:` block: the one bucket for access logs, those of the load balancer, of CloudFront and of the stack's other
//! buckets. What can go to log groups only is declared by the block that it is about.

use platctl_aws::logs::log_group::retention_of;
use platctl_aws::s3::bucket::{self, Bucket};
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_engine::{Handle, Input};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::versioned_bucket;
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::Fault;
use crate::names::TagMap;

/// What `logs:` says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logs {
    /// The retention period of the logs, in days. Log groups keep theirs for the next longer period that CloudWatch
    /// Logs supports. Default: 365.
    retention_days: Option<At<u16>>,
    /// Whether the load balancer writes access logs. Enabled by default.
    load_balancer: bool,
    /// Whether the S3 buckets of the stack write server access logs. Enabled by default.
    buckets: bool,
    /// Whether CloudFront writes access logs to the bucket. Enabled by default.
    cdn: bool,
    /// Whether AWS WAF writes its decisions to a log group. Enabled by default.
    waf: bool,
    /// Whether Route 53 writes the DNS queries for the stack's zone to a log group. Enabled by default.
    dns: bool,
    /// Tags to add to the resources of this block.
    tags: Option<At<TagMap>>,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            retention_days: None,
            load_balancer: true,
            buckets: true,
            cdn: true,
            waf: true,
            dns: true,
            tags: None,
        }
    }
}

/// What other blocks take from this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Where the load balancer writes.
    pub(crate) load_balancer: Option<Handle<Bucket>>,
    /// Where buckets write.
    pub(crate) buckets: Option<Handle<Bucket>>,
    /// Where CloudFront writes.
    pub(crate) cdn: Option<Place>,
    /// For how many days the log group of the web ACL keeps what AWS WAF writes.
    pub(crate) waf_days: Option<i32>,
    /// For how many days the log group of the zone keeps what Route 53 writes.
    pub(crate) dns_days: Option<i32>,
}

/// A place in the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: Handle<Bucket>,
    /// The ARN of the bucket, and the prefix.
    pub(crate) arn: String,
}

/// Where the load balancer's logs are in the bucket.
pub(crate) const LOAD_BALANCER: &str = "load-balancer";
/// Where the logs of buckets are, each under its own name.
pub(crate) const BUCKETS: &str = "buckets";
/// Where the logs of CloudFront are.
const CDN: &str = "cdn";

impl Logs {
    pub(crate) fn declare(&self, declare: &mut Declare<'_>) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        let days = self.days()?;
        let context = declare.context();
        let name = declare.name(&format!("logs-{}-{}", context.account, context.region));
        let policy = policy(&name, declare);
        let expire = LifecycleRule {
            noncurrent_version_expiration_days: Some(30),
            ..LifecycleRule::expire("expire", Some(days.into()))
        };
        let mut spec = versioned_bucket("bucket", name.clone(), policy, vec![expire], declare);
        // Neither Elastic Load Balancing nor S3 delivers logs to a bucket that uses a key of its own.
        spec.encryption = Some(bucket::Encryption {
            sse_algorithm: "AES256".to_owned(),
            kms_master_key_id: None,
        });
        // It is never empty. Whether it may go is for `protect` to say.
        spec.force_destroy = true;
        let bucket: Handle<Bucket> = declare.add("bucket", &spec)?;
        let wanted = |on: bool| on.then(|| bucket.clone());
        let kept = |on: bool| on.then(|| retention_of(days));
        let cdn = Place {
            bucket: bucket.clone(),
            arn: format!("arn:{}:s3:::{name}/{CDN}", context.partition),
        };
        Ok(Parts {
            load_balancer: wanted(self.load_balancer),
            buckets: wanted(self.buckets),
            cdn: self.cdn.then_some(cdn),
            waf_days: kept(self.waf),
            dns_days: kept(self.dns),
        })
    }

    fn days(&self) -> Checked<u16> {
        match &self.retention_days {
            None => Ok(365),
            Some(days) if days.value > 0 => Ok(days.value),
            Some(days) => {
                let fault = Fault::new("S3 does not support a retention period of 0 days");
                Err(vec![fault.at(days.span, "not supported")])
            }
        }
    }
}

/// Lets the three services deliver logs of this account, each below its own prefix, and nothing come in the clear.
fn policy(name: &str, declare: &Declare<'_>) -> Value {
    let context = declare.context();
    let (partition, account) = (&context.partition, &context.account);
    let arn = format!("arn:{partition}:s3:::{name}");
    json!({"Version": "2012-10-17", "Statement": [
        {
            // The path has the account of the load balancer in it: others' logs find no place here.
            "Sid": "LoadBalancerLogs", "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": format!("{arn}/{LOAD_BALANCER}/AWSLogs/{account}/*"),
        },
        {
            "Sid": "ServerAccessLogs", "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": format!("{arn}/{BUCKETS}/*"),
            "Condition": {
                "ArnLike": {"aws:SourceArn": format!("arn:{partition}:s3:::{}", declare.name("*"))},
                "StringEquals": {"aws:SourceAccount": account},
            },
        },
        {
            // Deliveries of CloudFront's logs are in us-east-1, wherever the bucket is.
            "Sid": "CloudFrontLogs", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": format!("{arn}/{CDN}/*"),
            "Condition": {
                "ArnLike": {"aws:SourceArn": format!("arn:{partition}:logs:us-east-1:{account}:*")},
                "StringEquals": {"aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        },
        {
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]})
}

impl Parts {
    /// The attributes of a load balancer by which it writes its logs, or no longer does.
    pub(crate) fn attributes(&self) -> Vec<(&'static str, Input<String>)> {
        let text = |text: &str| Input::Value(text.to_owned());
        match &self.load_balancer {
            None => vec![("access_logs.s3.enabled", text("false"))],
            Some(target) => vec![
                ("access_logs.s3.enabled", text("true")),
                (
                    "access_logs.s3.bucket",
                    target.get(bucket::out::BUCKET).cast(),
                ),
                ("access_logs.s3.prefix", text(LOAD_BALANCER)),
            ],
        }
    }
}
