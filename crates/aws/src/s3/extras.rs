//! The settings that few buckets need: ownership of objects, access logs, CORS, events, object lock.

use aws_sdk_s3::types::{
    BucketLoggingStatus, CorsConfiguration, CorsRule as SdkCors, DefaultRetention,
    EventBridgeConfiguration, LoggingEnabled, NotificationConfiguration, ObjectLockConfiguration,
    ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule,
};
use platctl_engine::{CloudResult, Resolved, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{built, optional};
use crate::Cloud;
use crate::errors::Ask;
use crate::types::BucketName;

/// The server access logging settings of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Logging<S: Stage = Resolved> {
    /// The name of the bucket that receives the logs. Must be another bucket in the same region, with a
    /// bucket policy that allows `logging.s3.amazonaws.com` to write. An empty name disables server access logging.
    pub target_bucket: S::In<BucketName>,
    /// The prefix of the log object keys.
    #[serde(default)]
    pub target_prefix: String,
}

/// A cross-origin resource sharing (CORS) rule of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// The origins that can access the bucket, such as `https://www.example.com`.
    pub allowed_origins: Vec<String>,
    /// The allowed HTTP methods: `GET`, `PUT`, `POST`, `DELETE` or `HEAD`.
    pub allowed_methods: Vec<String>,
    /// The allowed request headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_headers: Vec<String>,
    /// The response headers that browsers make available to the page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// The number of seconds for which a browser can cache the response to a preflight request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<i32>,
}

/// The default Object Lock retention for new objects, during which they cannot be deleted or overwritten.
/// Once enabled, Object Lock cannot be disabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectLock {
    /// The retention mode: `GOVERNANCE`, which principals with the required permission can bypass, or
    /// `COMPLIANCE`, which nobody can bypass, not even the root user of the account.
    pub mode: String,
    /// The retention period, in days.
    pub days: i32,
}

pub(super) async fn ownership(cloud: &Cloud, name: &str) -> CloudResult<String> {
    let call = cloud.s3.get_bucket_ownership_controls().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let rule = answer
        .and_then(|answer| answer.ownership_controls)
        .and_then(|all| all.rules.into_iter().next());
    // Buckets from before 2023 have none, which means that writers own what they write.
    Ok(rule.map_or("ObjectWriter".to_owned(), |rule| {
        rule.object_ownership.as_str().to_owned()
    }))
}

pub(super) async fn put_ownership(cloud: &Cloud, name: &str, ownership: &str) -> CloudResult<()> {
    let rule = OwnershipControlsRule::builder()
        .object_ownership(ObjectOwnership::from(ownership))
        .build();
    let controls = built(OwnershipControls::builder().rules(built(rule)?).build())?;
    let call = cloud
        .s3
        .put_bucket_ownership_controls()
        .bucket(name)
        .ownership_controls(controls);
    call.send().ask().await.map(drop)
}

pub(super) async fn logging(cloud: &Cloud, name: &str) -> CloudResult<Option<Logging>> {
    let call = cloud.s3.get_bucket_logging().bucket(name);
    let answer = call.send().ask().await?;
    Ok(answer.logging_enabled.map(|logging| Logging {
        target_bucket: logging.target_bucket.into(),
        target_prefix: logging.target_prefix,
    }))
}

/// Whether two values of the field both say that there is no logging: AWS then answers nothing.
pub(super) fn both_without_logging(desired: &Value, live: &Value) -> bool {
    let none = |logging: &Value| logging.is_null() || logging["target_bucket"] == "";
    none(desired) && none(live)
}

/// Written whole: the format of the keys and the grants go back as they are now. Without settings, or without a bucket
/// in them, no logs are written.
pub(super) async fn put_logging(
    cloud: &Cloud,
    name: &str,
    logging: Option<&Logging>,
) -> CloudResult<()> {
    let enabled = match logging.filter(|logging| !logging.target_bucket.as_str().is_empty()) {
        Some(logging) => Some(over(cloud, name, logging).await?),
        None => None,
    };
    let status = BucketLoggingStatus::builder()
        .set_logging_enabled(enabled)
        .build();
    let call = cloud
        .s3
        .put_bucket_logging()
        .bucket(name)
        .bucket_logging_status(status);
    call.send().ask().await.map(drop)
}

/// The settings as they are now, with those that are stated.
async fn over(cloud: &Cloud, name: &str, logging: &Logging) -> CloudResult<LoggingEnabled> {
    let enabled = LoggingEnabled::builder()
        .target_bucket(logging.target_bucket.as_str())
        .target_prefix(&logging.target_prefix)
        .build();
    let mut enabled = built(enabled)?;
    let now = cloud.s3.get_bucket_logging().bucket(name);
    if let Some(now) = now.send().ask().await?.logging_enabled {
        enabled.target_object_key_format = now.target_object_key_format;
        enabled.target_grants = now.target_grants.filter(|grants| !grants.is_empty());
    }
    Ok(enabled)
}

pub(super) async fn cors(cloud: &Cloud, name: &str) -> CloudResult<Vec<CorsRule>> {
    let call = cloud.s3.get_bucket_cors().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let rules = answer
        .and_then(|answer| answer.cors_rules)
        .unwrap_or_default();
    Ok(rules
        .into_iter()
        .map(|rule| CorsRule {
            allowed_origins: rule.allowed_origins,
            allowed_methods: rule.allowed_methods,
            allowed_headers: rule.allowed_headers.unwrap_or_default(),
            expose_headers: rule.expose_headers.unwrap_or_default(),
            max_age_seconds: rule.max_age_seconds,
        })
        .collect())
}

pub(super) async fn put_cors(cloud: &Cloud, name: &str, rules: &[CorsRule]) -> CloudResult<()> {
    if rules.is_empty() {
        let call = cloud.s3.delete_bucket_cors().bucket(name);
        return call.send().ask().await.map(drop);
    }
    let some = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
    let rule = |rule: &CorsRule| {
        let build = SdkCors::builder()
            .set_allowed_origins(Some(rule.allowed_origins.clone()))
            .set_allowed_methods(Some(rule.allowed_methods.clone()))
            .set_allowed_headers(some(&rule.allowed_headers))
            .set_expose_headers(some(&rule.expose_headers))
            .set_max_age_seconds(rule.max_age_seconds);
        built(build.build())
    };
    let rules = rules.iter().map(rule).collect::<CloudResult<Vec<_>>>()?;
    let configuration = built(
        CorsConfiguration::builder()
            .set_cors_rules(Some(rules))
            .build(),
    )?;
    let call = cloud
        .s3
        .put_bucket_cors()
        .bucket(name)
        .cors_configuration(configuration);
    call.send().ask().await.map(drop)
}

pub(super) async fn event_bridge(cloud: &Cloud, name: &str) -> CloudResult<bool> {
    let call = cloud
        .s3
        .get_bucket_notification_configuration()
        .bucket(name);
    let answer = call.send().ask().await?;
    Ok(answer.event_bridge_configuration.is_some())
}

/// Notifications are written as one, so those to queues, topics and functions are written again.
pub(super) async fn put_event_bridge(cloud: &Cloud, name: &str, on: bool) -> CloudResult<()> {
    let call = cloud
        .s3
        .get_bucket_notification_configuration()
        .bucket(name);
    let now = call.send().ask().await?;
    let configuration = NotificationConfiguration::builder()
        .set_topic_configurations(now.topic_configurations)
        .set_queue_configurations(now.queue_configurations)
        .set_lambda_function_configurations(now.lambda_function_configurations)
        .set_event_bridge_configuration(on.then(|| EventBridgeConfiguration::builder().build()))
        .build();
    let call = cloud
        .s3
        .put_bucket_notification_configuration()
        .bucket(name);
    let call = call.notification_configuration(configuration);
    call.send().ask().await.map(drop)
}

pub(super) async fn object_lock(cloud: &Cloud, name: &str) -> CloudResult<Option<ObjectLock>> {
    let call = cloud.s3.get_object_lock_configuration().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let rule = answer
        .and_then(|answer| answer.object_lock_configuration)
        .and_then(|lock| lock.rule);
    Ok(rule
        .and_then(|rule| rule.default_retention)
        .map(|retention| ObjectLock {
            mode: retention
                .mode
                .map(|mode| mode.as_str().to_owned())
                .unwrap_or_default(),
            days: retention
                .days
                .or(retention.years.map(|years| years.saturating_mul(365)))
                .unwrap_or_default(),
        }))
}

/// Without a retention, new objects are not locked. The bucket stays one that can lock objects.
pub(super) async fn put_object_lock(
    cloud: &Cloud,
    name: &str,
    lock: Option<&ObjectLock>,
) -> CloudResult<()> {
    let rule = lock.map(|lock| {
        let retention = DefaultRetention::builder()
            .mode(ObjectLockRetentionMode::from(lock.mode.as_str()))
            .days(lock.days)
            .build();
        ObjectLockRule::builder()
            .default_retention(retention)
            .build()
    });
    let configuration = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .set_rule(rule)
        .build();
    let call = cloud
        .s3
        .put_object_lock_configuration()
        .bucket(name)
        .object_lock_configuration(configuration);
    call.send().ask().await.map(drop)
}
