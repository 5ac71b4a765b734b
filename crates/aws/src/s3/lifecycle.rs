//! When the objects of a bucket go by themselves, or move to where keeping them is cheaper.

use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRule as SdkRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, Transition as SdkTransition,
    TransitionDefaultMinimumObjectSize, TransitionStorageClass,
};
use platctl_engine::CloudResult;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{built, optional};
use crate::Cloud;
use crate::errors::Ask;
use crate::unmanaged::{part, settings};

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
    /// Whether the rule was created outside platctl with a filter other than a prefix. `true` keeps the filter;
    /// `false` replaces it with the prefix.
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

/// Whether two lists have the same rules: their order, and that of transitions, says nothing.
pub(super) fn alike(desired: &Value, live: &Value) -> bool {
    let sorted = |rules: &Value| -> Option<Vec<LifecycleRule>> {
        let mut rules = Vec::<LifecycleRule>::deserialize(rules).ok()?;
        for rule in &mut rules {
            for transitions in [
                &mut rule.transitions,
                &mut rule.noncurrent_version_transitions,
            ] {
                transitions.sort_by(|one, other| {
                    one.days
                        .cmp(&other.days)
                        .then(one.storage_class.cmp(&other.storage_class))
                });
            }
        }
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        Some(rules)
    };
    sorted(desired).is_some_and(|desired| Some(desired) == sorted(live))
}

/// The rules, and what is set on them that cannot be said here.
pub(super) async fn read(
    cloud: &Cloud,
    name: &str,
) -> CloudResult<(Vec<LifecycleRule>, Vec<String>)> {
    let Some(answer) = get(cloud, name).await? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let default = TransitionDefaultMinimumObjectSize::AllStorageClasses128K;
    let size = answer
        .transition_default_minimum_object_size()
        .is_some_and(|size| *size != default);
    let mut beyond: Vec<String> = answer.rules().iter().filter_map(unmanaged).collect();
    beyond.extend(settings([("minimum object size of transitions", size)]));
    Ok((answer.rules().iter().map(rule).collect(), beyond))
}

async fn get(
    cloud: &Cloud,
    name: &str,
) -> CloudResult<Option<GetBucketLifecycleConfigurationOutput>> {
    let call = cloud.s3.get_bucket_lifecycle_configuration().bucket(name);
    optional(call.send().ask().await)
}

/// What is set on a rule and cannot be said in a spec.
fn unmanaged(rule: &SdkRule) -> Option<String> {
    let expiration = rule.expiration();
    let versions = rule
        .noncurrent_version_expiration()
        .and_then(|one| one.newer_noncurrent_versions());
    let moved = rule.noncurrent_version_transitions().iter();
    let moved = moved
        .filter_map(NoncurrentVersionTransition::newer_noncurrent_versions)
        .next();
    let all = settings([
        ("filter", is_foreign(rule)),
        (
            "expired object delete marker",
            expiration.is_some_and(|one| one.expired_object_delete_marker() == Some(true)),
        ),
        (
            "expiration date",
            expiration.is_some_and(|one| one.date().is_some()),
        ),
        (
            "transition date",
            rule.transitions().iter().any(|one| one.date().is_some()),
        ),
        ("newer noncurrent versions", versions.or(moved).is_some()),
    ]);
    part(
        &format!("lifecycle rule {}", rule.id().unwrap_or_default()),
        &all,
    )
}

/// Whether a rule is for more than the objects under a prefix.
fn is_foreign(rule: &SdkRule) -> bool {
    rule.filter().is_some_and(|filter| {
        filter.and().is_some()
            || filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    })
}

#[expect(
    deprecated,
    reason = "rules of old have their prefix outside of the filter"
)]
fn rule(rule: &SdkRule) -> LifecycleRule {
    let class = |class: Option<&TransitionStorageClass>| {
        class
            .map(TransitionStorageClass::as_str)
            .unwrap_or_default()
            .to_owned()
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
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        enabled: rule.status() == &ExpirationStatus::Enabled,
        prefix: filter
            .and_then(|filter| filter.prefix())
            .or(rule.prefix())
            .unwrap_or_default()
            .to_owned(),
        expiration_days: rule.expiration().and_then(|expiration| expiration.days()),
        transitions: rule
            .transitions()
            .iter()
            .filter(|one| one.date().is_none())
            .map(transition)
            .collect(),
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
        foreign_filter: is_foreign(rule),
    }
}

/// All rules of a bucket are written as one: each as it is now, with what is stated of it.
pub(super) async fn put(cloud: &Cloud, name: &str, rules: &[LifecycleRule]) -> CloudResult<()> {
    if rules.is_empty() {
        let call = cloud.s3.delete_bucket_lifecycle().bucket(name);
        return call.send().ask().await.map(drop);
    }
    let now = get(cloud, name).await?;
    let size = now
        .as_ref()
        .and_then(|now| now.transition_default_minimum_object_size.clone());
    let now = now.and_then(|now| now.rules).unwrap_or_default();
    let one = |rule: &LifecycleRule| {
        over(
            now.iter().find(|now| now.id() == Some(rule.id.as_str())),
            rule,
        )
    };
    let rules = rules.iter().map(one).collect::<CloudResult<Vec<_>>>()?;
    let configuration = built(
        BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules))
            .build(),
    )?;
    let call = cloud
        .s3
        .put_bucket_lifecycle_configuration()
        .bucket(name)
        .lifecycle_configuration(configuration);
    call.set_transition_default_minimum_object_size(size)
        .send()
        .ask()
        .await
        .map(drop)
}

/// A rule as it is, with what is stated of it.
fn over(now: Option<&SdkRule>, stated: &LifecycleRule) -> CloudResult<SdkRule> {
    let new = sdk_rule(stated)?;
    let Some(now) = now else { return Ok(new) };
    let (is, mut sent) = (rule(now), now.clone());
    sent.status = new.status;
    sent.abort_incomplete_multipart_upload = new.abort_incomplete_multipart_upload;
    if (&is.prefix, is.foreign_filter) != (&stated.prefix, stated.foreign_filter)
        || sent.filter.is_none()
    {
        sent.filter = new.filter;
        // The old place of the prefix, which S3 does not take beside a filter.
        outdated(&mut sent);
    }
    // Days stand alone: S3 takes neither a date nor the mark beside them.
    if is.expiration_days != stated.expiration_days {
        sent.expiration = new.expiration;
    }
    let mut transitions = new.transitions.unwrap_or_default();
    transitions.extend(
        now.transitions()
            .iter()
            .filter(|one| one.date().is_some())
            .cloned(),
    );
    sent.transitions = (!transitions.is_empty()).then_some(transitions);
    sent.noncurrent_version_expiration = new.noncurrent_version_expiration.map(|mut new| {
        let now = now.noncurrent_version_expiration();
        new.newer_noncurrent_versions = now.and_then(|now| now.newer_noncurrent_versions);
        new
    });
    sent.noncurrent_version_transitions = new.noncurrent_version_transitions.map(|mut all| {
        for new in &mut all {
            let mut now = now.noncurrent_version_transitions().iter();
            let now = now.find(|now| now.storage_class == new.storage_class);
            new.newer_noncurrent_versions = now.and_then(|now| now.newer_noncurrent_versions);
        }
        all
    });
    Ok(sent)
}

#[expect(
    deprecated,
    reason = "rules of old have their prefix outside of the filter"
)]
fn outdated(rule: &mut SdkRule) {
    rule.prefix = None;
}

fn sdk_rule(rule: &LifecycleRule) -> CloudResult<SdkRule> {
    let expiration = rule
        .expiration_days
        .map(|days| LifecycleExpiration::builder().days(days).build());
    let class = |one: &Transition| TransitionStorageClass::from(one.storage_class.as_str());
    let transitions: Vec<_> = rule
        .transitions
        .iter()
        .map(|one| {
            SdkTransition::builder()
                .days(one.days)
                .storage_class(class(one))
                .build()
        })
        .collect();
    let noncurrent: Vec<_> = rule
        .noncurrent_version_transitions
        .iter()
        .map(|one| {
            NoncurrentVersionTransition::builder()
                .noncurrent_days(one.days)
                .storage_class(class(one))
                .build()
        })
        .collect();
    let old = rule.noncurrent_version_expiration_days.map(|days| {
        NoncurrentVersionExpiration::builder()
            .noncurrent_days(days)
            .build()
    });
    let abort = rule.abort_incomplete_multipart_upload_days.map(|days| {
        AbortIncompleteMultipartUpload::builder()
            .days_after_initiation(days)
            .build()
    });
    let status = if rule.enabled {
        ExpirationStatus::Enabled
    } else {
        ExpirationStatus::Disabled
    };
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
        wanted.transitions = vec![Transition {
            days: 30,
            storage_class: "GLACIER_IR".into(),
        }];
        wanted.noncurrent_version_transitions = vec![Transition {
            days: 7,
            storage_class: "STANDARD_IA".into(),
        }];
        assert_eq!(rule(&sdk_rule(&wanted).unwrap()), wanted);
    }

    #[test]
    fn the_order_of_rules_and_transitions_says_nothing() {
        use serde_json::json;
        let moved = |days: [i32; 2]| {
            let classes = ["INTELLIGENT_TIERING", "GLACIER"];
            let one =
                |days: i32| json!({"days": days, "storage_class": classes[usize::from(days > 30)]});
            json!({"id": "a", "transitions": days.map(one)})
        };
        let other = json!({"id": "b", "prefix": "tmp/", "expiration_days": 1});
        assert!(alike(
            &json!([moved([30, 90]), other]),
            &json!([other, moved([90, 30])])
        ));
        assert!(!alike(
            &json!([moved([30, 90]), other]),
            &json!([other, moved([90, 29])])
        ));
        assert!(!alike(&json!([other]), &json!([])));
    }

    #[test]
    fn a_rule_of_others_for_tagged_objects_is_not_taken_for_one_of_ours() {
        let tag = Tag::builder().key("keep").value("no").build().unwrap();
        let filter = LifecycleRuleFilter::builder().tag(tag).build();
        let theirs = SdkRule::builder()
            .id("x")
            .status(ExpirationStatus::Enabled)
            .filter(filter)
            .build();
        assert!(rule(&theirs.unwrap()).foreign_filter);
    }

    fn days(days: i32) -> aws_smithy_types::DateTime {
        aws_smithy_types::DateTime::from_secs(i64::from(days) * 86_400)
    }

    /// A rule with all that people set by hand.
    fn by_hand() -> SdkRule {
        let stated = LifecycleRule {
            noncurrent_version_expiration_days: Some(30),
            noncurrent_version_transitions: vec![Transition {
                days: 7,
                storage_class: "GLACIER".into(),
            }],
            foreign_filter: true,
            ..LifecycleRule::expire("old", None)
        };
        let mut now = sdk_rule(&stated).unwrap();
        let tag = Tag::builder().key("keep").value("no").build().unwrap();
        now.filter = Some(LifecycleRuleFilter::builder().tag(tag).build());
        now.expiration = Some(
            LifecycleExpiration::builder()
                .expired_object_delete_marker(true)
                .build(),
        );
        let dated = SdkTransition::builder()
            .date(days(20_000))
            .storage_class(TransitionStorageClass::Glacier);
        now.transitions = Some(vec![dated.build()]);
        now.noncurrent_version_expiration
            .as_mut()
            .unwrap()
            .newer_noncurrent_versions = Some(5);
        now.noncurrent_version_transitions.as_mut().unwrap()[0].newer_noncurrent_versions = Some(3);
        now
    }

    #[test]
    fn a_rule_keeps_what_a_spec_cannot_say() {
        let now = by_hand();
        let mut stated = rule(&now);
        assert_eq!(stated.transitions, []);
        assert_eq!(over(Some(&now), &stated).unwrap(), now);
        stated.enabled = false;
        stated.noncurrent_version_expiration_days = Some(60);
        let mut wanted = now.clone();
        wanted.status = ExpirationStatus::Disabled;
        wanted
            .noncurrent_version_expiration
            .as_mut()
            .unwrap()
            .noncurrent_days = Some(60);
        assert_eq!(over(Some(&now), &stated).unwrap(), wanted);
        assert_eq!(
            unmanaged(&now).unwrap(),
            "lifecycle rule old: filter, expired object delete marker, transition date, newer noncurrent versions"
        );
    }

    #[test]
    fn what_is_stated_takes_the_place_of_what_cannot_stand_beside_it() {
        let stated = LifecycleRule::expire("old", Some(9));
        let sent = over(Some(&by_hand()), &stated).unwrap();
        assert_eq!(rule(&sent), stated);
        assert_eq!(
            sent.expiration.unwrap().expired_object_delete_marker(),
            None
        );
    }

    #[tokio::test]
    async fn the_minimum_size_of_transitions_is_sent_back() {
        use crate::cloud::tests::cloud;
        use aws_sdk_s3::operation::put_bucket_lifecycle_configuration::PutBucketLifecycleConfigurationOutput;
        use aws_smithy_mocks::{RuleMode, mock, mock_client};
        let size = || TransitionDefaultMinimumObjectSize::VariesByStorageClass;
        let get =
            mock!(aws_sdk_s3::Client::get_bucket_lifecycle_configuration).then_output(move || {
                let answer = GetBucketLifecycleConfigurationOutput::builder().rules(by_hand());
                answer
                    .transition_default_minimum_object_size(size())
                    .build()
            });
        let put = mock!(aws_sdk_s3::Client::put_bucket_lifecycle_configuration)
            .match_requests(move |request| {
                let rules = request
                    .lifecycle_configuration()
                    .map(|all| all.rules())
                    .unwrap_or_default();
                rules == [by_hand()]
                    && request.transition_default_minimum_object_size() == Some(&size())
            })
            .then_output(|| PutBucketLifecycleConfigurationOutput::builder().build());
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&get, &put]);
        super::put(
            &Cloud {
                s3: s3.into(),
                ..cloud()
            },
            "b",
            &[rule(&by_hand())],
        )
        .await
        .unwrap();
        assert_eq!(put.num_calls(), 1);
    }
}
