//! The attributes of a queue, which SQS takes and answers as texts.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Name;
use serde_json::{Value, json};

use super::queue::{RedriveAllowPolicy, RedrivePolicy, Spec};
use crate::Policy;
use crate::types::{Arn, KeyId};

/// What SQS answers.
pub(super) type Attributes = HashMap<Name, String>;

/// A field, the attribute that it is for, and its value, where it is stated.
type Field = (&'static str, Name, Option<String>);

/// The attributes that a spec states, each with the field that it comes from.
pub(super) fn stated(spec: &Spec) -> Vec<(&'static str, Name, String)> {
    let fields = fifo(spec)
        .into_iter()
        .chain(numbers(spec))
        .chain(documents(spec));
    fields
        .filter_map(|(path, name, value)| Some((path, name, value?)))
        .collect()
}

/// The attributes that a queue can be without and that a spec does not state, each with the field that it comes from.
/// Encryption is not among them: a queue has one kind of it or the other.
pub(super) fn removable(spec: &Spec) -> impl Iterator<Item = (&'static str, Name)> {
    let fields = documents(spec).into_iter();
    fields
        .filter(|(path, _, value)| value.is_none() && path.ends_with("policy"))
        .map(|(path, name, _)| (path, name))
}

fn flag(flag: Option<bool>) -> Option<String> {
    flag.map(|flag| flag.to_string())
}

fn fifo(spec: &Spec) -> [Field; 4] {
    let based = spec.content_based_deduplication;
    let (scope, limit) = (&spec.deduplication_scope, &spec.fifo_throughput_limit);
    [
        // A standard queue does not know this attribute, not even with the value `false`.
        (
            "/fifo_queue",
            Name::FifoQueue,
            flag(spec.fifo_queue.then_some(true)),
        ),
        (
            "/content_based_deduplication",
            Name::ContentBasedDeduplication,
            flag(based),
        ),
        (
            "/deduplication_scope",
            Name::DeduplicationScope,
            scope.clone(),
        ),
        (
            "/fifo_throughput_limit",
            Name::FifoThroughputLimit,
            limit.clone(),
        ),
    ]
}

fn numbers(spec: &Spec) -> impl Iterator<Item = Field> {
    let wait = spec.receive_message_wait_time_seconds;
    let reuse = spec.kms_data_key_reuse_period_seconds;
    let all = [
        ("/delay_seconds", Name::DelaySeconds, spec.delay_seconds),
        (
            "/maximum_message_size",
            Name::MaximumMessageSize,
            spec.maximum_message_size,
        ),
        (
            "/message_retention_period",
            Name::MessageRetentionPeriod,
            spec.message_retention_period,
        ),
        (
            "/receive_message_wait_time_seconds",
            Name::ReceiveMessageWaitTimeSeconds,
            wait,
        ),
        (
            "/visibility_timeout",
            Name::VisibilityTimeout,
            spec.visibility_timeout,
        ),
        (
            "/kms_data_key_reuse_period_seconds",
            Name::KmsDataKeyReusePeriodSeconds,
            reuse,
        ),
    ];
    let text = |(path, name, number): (_, _, Option<i32>)| {
        (path, name, number.map(|number| number.to_string()))
    };
    all.into_iter().map(text)
}

fn documents(spec: &Spec) -> [Field; 5] {
    let redrive = spec.redrive_policy.as_ref().map(redrive);
    let allow = spec.redrive_allow_policy.as_ref().map(redrive_allow);
    let key = spec.kms_master_key_id.as_ref().map(ToString::to_string);
    let policy = spec.policy.as_ref().map(Policy::to_json);
    [
        ("/redrive_policy", Name::RedrivePolicy, redrive),
        ("/redrive_allow_policy", Name::RedriveAllowPolicy, allow),
        ("/kms_master_key_id", Name::KmsMasterKeyId, key),
        (
            "/sqs_managed_sse_enabled",
            Name::SqsManagedSseEnabled,
            flag(spec.sqs_managed_sse_enabled),
        ),
        ("/policy", Name::Policy, policy),
    ]
}

fn redrive(policy: &RedrivePolicy) -> String {
    json!({
        "deadLetterTargetArn": policy.dead_letter_target_arn,
        "maxReceiveCount": policy.max_receive_count,
    })
    .to_string()
}

fn redrive_allow(policy: &RedriveAllowPolicy) -> String {
    let mut document = json!({"redrivePermission": policy.redrive_permission});
    if let Some(arns) = &policy.source_queue_arns {
        document["sourceQueueArns"] = json!(arns);
    }
    document.to_string()
}

/// A spec of what SQS answers. The name, the tags and what is stored in them are not among the attributes.
pub(super) fn read(attributes: &Attributes) -> Spec {
    let text = |name: Name| attributes.get(&name).filter(|text| !text.is_empty());
    let number = |name: Name| text(name).and_then(|text| text.parse().ok());
    let flag = |name: Name| text(name).map(|text| text == "true");
    let document = |name: Name| text(name).and_then(|text| serde_json::from_str(text).ok());
    Spec {
        queue_name: String::new(),
        fifo_queue: flag(Name::FifoQueue).unwrap_or_default(),
        content_based_deduplication: flag(Name::ContentBasedDeduplication),
        deduplication_scope: text(Name::DeduplicationScope).cloned(),
        fifo_throughput_limit: text(Name::FifoThroughputLimit).cloned(),
        delay_seconds: number(Name::DelaySeconds),
        maximum_message_size: number(Name::MaximumMessageSize),
        message_retention_period: number(Name::MessageRetentionPeriod),
        receive_message_wait_time_seconds: number(Name::ReceiveMessageWaitTimeSeconds),
        visibility_timeout: number(Name::VisibilityTimeout),
        redrive_policy: document(Name::RedrivePolicy).and_then(|value| redrive_of(&value)),
        redrive_allow_policy: document(Name::RedriveAllowPolicy)
            .and_then(|value| redrive_allow_of(&value)),
        kms_master_key_id: text(Name::KmsMasterKeyId).map(|key| KeyId(key.clone())),
        kms_data_key_reuse_period_seconds: number(Name::KmsDataKeyReusePeriodSeconds),
        sqs_managed_sse_enabled: flag(Name::SqsManagedSseEnabled),
        policy: text(Name::Policy).and_then(|text| Policy::parse(text)),
        force_delete: false,
        tags: crate::tags::Tags::new(),
    }
}

fn redrive_of(document: &Value) -> Option<RedrivePolicy> {
    // SQS keeps the number as it was written: with quotes or without.
    let count = &document["maxReceiveCount"];
    let count = count
        .as_i64()
        .or_else(|| count.as_str().and_then(|text| text.parse().ok()))?;
    Some(RedrivePolicy {
        dead_letter_target_arn: document["deadLetterTargetArn"].as_str()?.into(),
        max_receive_count: i32::try_from(count).ok()?,
    })
}

fn redrive_allow_of(document: &Value) -> Option<RedriveAllowPolicy> {
    let arns = document["sourceQueueArns"].as_array();
    let arns = arns.map(|arns| arns.iter().filter_map(Value::as_str).map(Arn::from));
    Some(RedriveAllowPolicy {
        redrive_permission: document["redrivePermission"].as_str()?.to_owned(),
        source_queue_arns: arns.map(Iterator::collect),
    })
}

/// How many messages there are: to be received, received and not yet deleted, and delayed.
pub(super) fn messages(attributes: &Attributes) -> i64 {
    let names = [
        Name::ApproximateNumberOfMessages,
        Name::ApproximateNumberOfMessagesNotVisible,
        Name::ApproximateNumberOfMessagesDelayed,
    ];
    let number = |name: &Name| attributes.get(name)?.parse::<i64>().ok();
    names.iter().filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::super::queue::Queue;
    use super::*;
    use platctl_engine::Kind;

    #[test]
    fn what_is_stated_reads_back_the_same() {
        let spec = Spec {
            queue_name: "orders.fifo".into(),
            fifo_queue: true,
            content_based_deduplication: Some(true),
            deduplication_scope: Some("messageGroup".into()),
            fifo_throughput_limit: Some("perMessageGroupId".into()),
            redrive_policy: Some(RedrivePolicy {
                dead_letter_target_arn: "arn:aws:sqs:eu-west-1:123456789012:dead.fifo".into(),
                max_receive_count: 5,
            }),
            redrive_allow_policy: Some(RedriveAllowPolicy {
                redrive_permission: "byQueue".into(),
                source_queue_arns: Some(
                    ["arn:aws:sqs:eu-west-1:123456789012:a.fifo".into()].into(),
                ),
            }),
            ..Queue::example()
        };
        let sent: Attributes = stated(&spec)
            .into_iter()
            .map(|(_, name, value)| (name, value))
            .collect();
        let found = Spec {
            queue_name: spec.queue_name.clone(),
            tags: spec.tags.clone(),
            ..read(&sent)
        };
        let json = |spec: &Spec| serde_json::to_value(spec).unwrap();
        assert_eq!(json(&found), json(&spec));
    }

    #[test]
    fn a_standard_queue_is_not_asked_to_be_no_fifo_queue() {
        let names: Vec<Name> = stated(&Queue::example())
            .into_iter()
            .map(|(_, name, _)| name)
            .collect();
        assert!(!names.contains(&Name::FifoQueue), "{names:?}");
    }

    #[test]
    fn a_count_may_have_quotes_and_a_removed_attribute_is_empty() {
        let attributes = Attributes::from([
            (
                Name::RedrivePolicy,
                r#"{"deadLetterTargetArn": "arn:dead", "maxReceiveCount": "7"}"#.to_owned(),
            ),
            (Name::KmsMasterKeyId, String::new()),
        ]);
        let spec = read(&attributes);
        assert_eq!(
            spec.redrive_policy.map(|policy| policy.max_receive_count),
            Some(7)
        );
        assert_eq!(spec.kms_master_key_id, None);
    }

    #[test]
    fn messages_in_every_state_count() {
        let attributes = Attributes::from([
            (Name::ApproximateNumberOfMessages, "2".to_owned()),
            (Name::ApproximateNumberOfMessagesNotVisible, "1".to_owned()),
            (Name::ApproximateNumberOfMessagesDelayed, "4".to_owned()),
        ]);
        assert_eq!(messages(&attributes), 7);
    }
}
