//! When the objects of a bucket go by themselves, or move to where keeping them is cheaper.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule as SdkRule, LifecycleRuleFilter, NoncurrentVersionExpiration, NoncurrentVersionTransition,
    Transition as SdkTransition, TransitionStorageClass,
};
use platctl_engine::CloudResult;
use serde::{Deserialize, Serialize};

use super::settings::{built, optional};
use crate::Cloud;
use crate::errors::Ask;

/// A lifecycle rule, which expires objects or moves them to other storage classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// The ID of the rule. Must be unique within the bucket.
    pub id: String,
    /// Whether the rule is enabled. Default: `true`.
    #[serde(default = "on")]
    pub enabled: bool,
    /// The key prefix of the objects to which the rule applies. Default: all objects.
    #[serde(default)]
    pub prefix: String,
    /// The number of days after creation when objects expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_days: Option<i32>,
    /// The transitions of objects to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// The number of days after which noncurrent object versions expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_version_expiration_days: Option<i32>,
    /// The transitions of noncurrent object versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noncurrent_version_transitions: Vec<Transition>,
    /// The number of days after which incomplete multipart uploads are aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_incomplete_multipart_upload_days: Option<i32>,
    /// Whether the rule was created outside platctl with a filter other than a prefix. platctl can change
    /// such a filter only by replacing the rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign_filter: bool,
}

/// A transition to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The number of days after which objects are moved.
    pub days: i32,
    /// The storage class: `STANDARD_IA`, `ONEZONE_IA`, `INTELLIGENT_TIERING`, `GLACIER_IR`, `GLACIER` or
    /// `DEEP_ARCHIVE`.
    pub storage_class: String,
}

const fn on() -> bool {
    true
}

impl LifecycleRule {
    /// A rule that removes objects after this many days, and what an upload left after one.
    #[must_use]
    pub fn expire(id: &str, days: Option<i32>) -> Self {
        Self {
            id: id.to_owned(),
            enabled: true,
            prefix: String::new(),
            expiration_days: days,
            transitions: Vec::new(),
            noncurrent_version_expiration_days: None,
            noncurrent_version_transitions: Vec::new(),
            abort_incomplete_multipart_upload_days: Some(1),
            foreign_filter: false,
        }
    }
}

pub(super) async fn read(cloud: &Cloud, name: &str) -> CloudResult<Vec<LifecycleRule>> {
    let call = cloud.s3.get_bucket_lifecycle_configuration().bucket(name);
    let answer = call.send().ask().await;
    let rules = optional(answer)?.and_then(|answer| answer.rules).unwrap_or_default();
    Ok(rules.iter().map(rule).collect())
}

#[expect(deprecated, reason = "rules of old have their prefix outside of the filter")]
fn rule(rule: &SdkRule) -> LifecycleRule {
    let class = |class: Option<&TransitionStorageClass>| {
        class.map(TransitionStorageClass::as_str).unwrap_or_default().to_owned()
    };
    let transition = |one: &SdkTransition| Transition {
        days: one.days().unwrap_or_default(),
        storage_class: class(one.storage_class()),
    };
    let noncurrent = |one: &NoncurrentVersionTransition| Transition {
        days: one.noncurrent_days().unwrap_or_default(),
        storage_class: class(one.storage_class()),
    };
    let filter = rule.filter();
    let foreign = filter.is_some_and(|filter| {
        filter.and().is_some()
            || filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    });
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        enabled: rule.status() == &ExpirationStatus::Enabled,
        prefix: filter.and_then(|filter| filter.prefix()).or(rule.prefix()).unwrap_or_default().to_owned(),
        expiration_days: rule.expiration().and_then(|expiration| expiration.days()),
        transitions: rule.transitions().iter().map(transition).collect(),
        noncurrent_version_expiration_days: rule
            .noncurrent_version_expiration()
            .and_then(|expiration| expiration.noncurrent_days()),
        noncurrent_version_transitions: rule
            .noncurrent_version_transitions()
            .iter()
            .map(noncurrent)
            .collect(),
        abort_incomplete_multipart_upload_days: rule
            .abort_incomplete_multipart_upload()
            .and_then(|abort| abort.days_after_initiation()),
        foreign_filter: foreign,
    }
}

/// All rules of a bucket are written as one.
pub(super) async fn put(cloud: &Cloud, name: &str, rules: &[LifecycleRule]) -> CloudResult<()> {
    if rules.is_empty() {
        let call = cloud.s3.delete_bucket_lifecycle().bucket(name);
        return call.send().ask().await.map(drop);
    }
    let rules = rules.iter().map(sdk_rule).collect::<CloudResult<Vec<_>>>()?;
    let configuration = built(BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build())?;
    let call =
        cloud.s3.put_bucket_lifecycle_configuration().bucket(name).lifecycle_configuration(configuration);
    call.send().ask().await.map(drop)
}

fn sdk_rule(rule: &LifecycleRule) -> CloudResult<SdkRule> {
    let expiration = rule.expiration_days.map(|days| LifecycleExpiration::builder().days(days).build());
    let class = |one: &Transition| TransitionStorageClass::from(one.storage_class.as_str());
    let transitions: Vec<_> = rule
        .transitions
        .iter()
        .map(|one| SdkTransition::builder().days(one.days).storage_class(class(one)).build())
        .collect();
    let noncurrent: Vec<_> = rule
        .noncurrent_version_transitions
        .iter()
        .map(|one| {
            NoncurrentVersionTransition::builder().noncurrent_days(one.days).storage_class(class(one)).build()
        })
        .collect();
    let old = rule
        .noncurrent_version_expiration_days
        .map(|days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build());
    let abort = rule
        .abort_incomplete_multipart_upload_days
        .map(|days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
    let status = if rule.enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled };
    let one = SdkRule::builder()
        .id(&rule.id)
        .status(status)
        .filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build())
        .set_expiration(expiration)
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .set_noncurrent_version_expiration(old)
        .set_noncurrent_version_transitions((!noncurrent.is_empty()).then_some(noncurrent))
        .set_abort_incomplete_multipart_upload(abort);
    built(one.build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::Tag;

    #[test]
    fn rules_survive_a_round_trip() {
        let mut wanted = LifecycleRule::expire("logs", Some(90));
        wanted.enabled = false;
        wanted.transitions = vec![Transition { days: 30, storage_class: "GLACIER_IR".into() }];
        wanted.noncurrent_version_transitions =
            vec![Transition { days: 7, storage_class: "STANDARD_IA".into() }];
        assert_eq!(rule(&sdk_rule(&wanted).unwrap()), wanted);
    }

    #[test]
    fn a_rule_of_others_for_tagged_objects_is_not_taken_for_one_of_ours() {
        let tag = Tag::builder().key("keep").value("no").build().unwrap();
        let filter = LifecycleRuleFilter::builder().tag(tag).build();
        let theirs = SdkRule::builder().id("x").status(ExpirationStatus::Enabled).filter(filter).build();
        assert!(rule(&theirs.unwrap()).foreign_filter);
    }
}
