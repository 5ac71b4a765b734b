//! `sqs.Queue`

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName;
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Declared, Id, Identity, Input, Kind,
    Leaves, Live, Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
    Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attributes::{self, Attributes, removable, stated};
use super::checks::{self, other_type};
use super::tags::SqsTags;
use crate::bounded::try_join_all;
use crate::errors::{Ask, if_there, made};
use crate::tags::{Tagged, Tags, claimed, edits, split, write};
use crate::types::{Arn, KeyId, unless_same};
use crate::{Cloud, Policy};

/// An Amazon SQS queue.
#[derive(Debug)]
pub struct Queue;

/// The dead-letter queue of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct RedrivePolicy<S: Stage = Resolved> {
    /// The ARN of the dead-letter queue. It must be of the same type (standard or FIFO) and in the same region
    /// and account.
    pub dead_letter_target_arn: S::In<Arn>,
    /// The number of times that a message is received before it is moved to the dead-letter queue, 1 to 1000.
    pub max_receive_count: i32,
}

/// Which queues can use a queue as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct RedriveAllowPolicy<S: Stage = Resolved> {
    /// `allowAll`: all queues of the account in the region. `denyAll`: none. `byQueue`: those in
    /// `source_queue_arns`.
    pub redrive_permission: String,
    /// The ARNs of the source queues, 1 to 10. Required with `byQueue`, and allowed only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_queue_arns: Option<S::In<BTreeSet<Arn>>>,
}

/// An Amazon SQS queue.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the queue. Must be unique within the account and region. 1 to 80 letters, digits, `-` and
    /// `_`. The name of a FIFO queue must end with `.fifo`, which is part of the 80.
    pub queue_name: String,
    /// Whether the queue is a FIFO queue. Default: `false`. Cannot be changed.
    #[serde(default)]
    pub fifo_queue: bool,
    /// Whether messages with the same body are duplicates. Only for FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_based_deduplication: Option<bool>,
    /// Where duplicates are detected: in the whole `queue`, or in each `messageGroup`. Only for FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_scope: Option<String>,
    /// What the throughput quota applies to: `perQueue`, or `perMessageGroupId` for high throughput, which
    /// requires the deduplication scope `messageGroup`. Only for FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo_throughput_limit: Option<String>,
    /// The number of seconds for which new messages are delayed, 0 to 900.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<i32>,
    /// The maximum size of a message in bytes, 1024 to 1048576.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_message_size: Option<i32>,
    /// The number of seconds for which messages are kept, 60 to 1209600 (14 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_retention_period: Option<i32>,
    /// The number of seconds for which a receive call waits for a message, 0 to 20. More than 0 is long polling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_message_wait_time_seconds: Option<i32>,
    /// The number of seconds for which a received message is hidden from other consumers, 0 to 43200 (12 hours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout: Option<i32>,
    /// The dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_policy: Option<RedrivePolicy<S>>,
    /// Which queues can use this queue as their dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_allow_policy: Option<RedriveAllowPolicy<S>>,
    /// The ID of the KMS key that encrypts messages. EventBridge, SNS and S3 can send messages to an encrypted
    /// queue only if the key policy allows it, which the AWS managed key for SQS does not. Cannot be used with
    /// `sqs_managed_sse_enabled: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<S::In<KeyId>>,
    /// The number of seconds for which SQS uses a data key before it calls KMS again, 60 to 86400. Requires
    /// `kms_master_key_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_data_key_reuse_period_seconds: Option<i32>,
    /// Whether messages are encrypted with keys that SQS owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs_managed_sse_enabled: Option<bool>,
    /// The access policy, which determines who can send and receive messages. Default: only the account of the
    /// queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<S::In<Policy>>,
    /// Whether the queue can be deleted while it contains messages. Otherwise, deleting it requires consent to
    /// lose them. Stored in a tag, so that the queue can be deleted without a stack file.
    #[serde(default)]
    pub force_delete: bool,
    /// Tags to assign to the queue.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the queue that other resources can reference.
    Queue {
        /// The URL of the queue, which requests to SQS contain.
        QUEUE_URL: queue_url: String,
        /// The Amazon Resource Name (ARN) of the queue.
        ARN: arn: Arn,
        /// The name of the queue.
        QUEUE_NAME: queue_name: String,
        /// The approximate number of messages in the queue: visible, in flight and delayed.
        APPROXIMATE_NUMBER_OF_MESSAGES: approximate_number_of_messages: i64,
    }
}

/// The tag that says that messages may go with the queue.
const FORCE: &str = "platctl:force-delete";

fn live(id: &Id, attributes: &Attributes, all: Tags) -> Live<Queue> {
    let name = id.as_str().rsplit('/').next().unwrap_or_default();
    let force_delete = all.get(FORCE).is_some_and(|value| value == "true");
    let (tags, owner) = split(all);
    let arn = attributes.get(&QueueAttributeName::QueueArn);
    Live {
        id: id.clone(),
        spec: Spec {
            queue_name: name.to_owned(),
            force_delete,
            tags,
            ..attributes::read(attributes)
        },
        outputs: Outputs {
            queue_url: id.to_string(),
            arn: Arn(arn.cloned().unwrap_or_default()),
            queue_name: name.to_owned(),
            approximate_number_of_messages: attributes::messages(attributes),
        },
        owner,
        phase: Phase::Ready,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Queue>>> {
    let call = cloud
        .sqs
        .get_queue_attributes()
        .queue_url(id.as_str())
        .attribute_names(QueueAttributeName::All);
    let attributes = call.send().ask().await?.attributes.unwrap_or_default();
    let tags = SqsTags::list(cloud, id.as_str()).await?;
    Ok(Some(live(id, &attributes, tags)))
}

async fn url_of(cloud: &Cloud, name: &str) -> CloudResult<Option<String>> {
    let call = cloud.sqs.get_queue_url().queue_name(name);
    let answer = if_there(call.send().ask().await)?;
    Ok(answer.and_then(|answer| answer.queue_url))
}

/// A queue of the wanted name, whoever owns it.
async fn named(cloud: &Cloud, wanted: &Wanted<Queue>) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let Some(url) = url_of(cloud, &spec.queue_name).await? else {
        return Ok(Vec::new());
    };
    let tags = if_there(SqsTags::list(cloud, &url).await)?;
    let candidate = |tags: Tags| Candidate {
        id: Id(url),
        owner: split(tags).1,
    };
    Ok(tags.map(candidate).into_iter().collect())
}

/// What changes, as SQS takes it.
fn changed(live: &Spec, spec: &Spec, changes: &Changes) -> Attributes {
    let mut attributes: Attributes = stated(spec)
        .into_iter()
        .filter(|(path, ..)| changes.touch(path))
        .map(|(_, name, value)| (name, value))
        .collect();
    // An empty text removes what is stated as nothing.
    attributes.extend(
        removable(spec)
            .filter(|(path, _)| changes.touch(path))
            .map(|(_, name)| (name, String::new())),
    );
    // A queue has one kind of encryption: that with a key of KMS has to be ended in the same call.
    let managed = attributes
        .get(&QueueAttributeName::SqsManagedSseEnabled)
        .is_some_and(|value| value == "true");
    if managed && live.kms_master_key_id.is_some() {
        attributes.insert(QueueAttributeName::KmsMasterKeyId, String::new());
    }
    attributes
}

impl Kind for Queue {
    const NAME: &'static str = "sqs.Queue";
    const FIELDS: &'static Table = &[
        ("/queue_name", &[Immutable, Name]),
        ("/fifo_queue", &[Immutable]),
    ];
    const VOLATILE: &'static [&'static str] = &["approximate_number_of_messages"];
    /// Those of ownership, and whether its messages are deleted.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "sqs:GetQueueUrl",
            "sqs:GetQueueAttributes",
            "sqs:ListQueueTags",
        ],
        create: &["sqs:CreateQueue", "sqs:TagQueue"],
        update: &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
        delete: &["sqs:DeleteQueue"],
    };
    /// A deletion takes up to a minute.
    const TIMING: Timing = Timing::seconds(1, 1, 60, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            queue_name: "example".into(),
            fifo_queue: false,
            content_based_deduplication: None,
            deduplication_scope: None,
            fifo_throughput_limit: None,
            delay_seconds: Some(0),
            maximum_message_size: Some(262_144),
            message_retention_period: Some(1_209_600),
            receive_message_wait_time_seconds: Some(20),
            visibility_timeout: Some(60),
            redrive_policy: None,
            redrive_allow_policy: None,
            kms_master_key_id: Some("01234567-89ab-cdef-0123-456789abcdef".into()),
            kms_data_key_reuse_period_seconds: Some(300),
            sqs_managed_sse_enabled: None,
            policy: None,
            force_delete: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("delay_seconds", json!(0)),
            ("maximum_message_size", json!(1_048_576)),
            ("message_retention_period", json!(345_600)),
            ("receive_message_wait_time_seconds", json!(0)),
            ("visibility_timeout", json!(30)),
            ("redrive_policy", Value::Null),
            ("redrive_allow_policy", Value::Null),
            ("policy", Value::Null),
        ]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": "arn:aws:sqs:eu-west-1:123456789012:example",
        }]});
        let dead = "arn:aws:sqs:eu-west-1:123456789012:example-dead";
        vec![
            ("/delay_seconds", json!(5)),
            ("/maximum_message_size", json!(1_048_576)),
            ("/message_retention_period", json!(345_600)),
            ("/receive_message_wait_time_seconds", json!(0)),
            ("/visibility_timeout", json!(30)),
            (
                "/redrive_policy",
                json!({"dead_letter_target_arn": dead, "max_receive_count": 5}),
            ),
            (
                "/redrive_allow_policy",
                json!({"redrive_permission": "denyAll"}),
            ),
            ("/kms_data_key_reuse_period_seconds", json!(600)),
            ("/policy", policy),
            ("/force_delete", json!(true)),
            ("/tags/team", json!("data")),
            ("/queue_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        checks::check(spec)
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.queue_name, &desired.queue_name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| named(cloud, wanted))).await
    }

    /// SQS answers the URL of a queue that is there already, if its attributes are the same: it could be anybody's.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "sqs:CreateQueue";
        if url_of(cloud, &spec.queue_name).await?.is_some() {
            let message = format!("the queue {} already exists", spec.queue_name);
            return Err(CloudError::new(Class::AlreadyExists, operation, message));
        }
        let mut tags = claimed(&spec.tags, &claim.owner);
        tags.insert(FORCE.to_owned(), spec.force_delete.to_string());
        let attributes = stated(spec)
            .into_iter()
            .map(|(_, name, value)| (name, value));
        let call = cloud
            .sqs
            .create_queue()
            .queue_name(&spec.queue_name)
            .set_attributes(Some(attributes.collect()))
            .set_tags(Some(tags.into_iter().collect()));
        made(operation, call.send().ask().await?.queue_url())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let url = live.id.as_str();
        let attributes = changed(&live.spec, spec, changes);
        if !attributes.is_empty() {
            let call = cloud.sqs.set_queue_attributes().queue_url(url);
            let call = call.set_attributes(Some(attributes));
            call.send().ask().await?;
        }
        let mut edits = edits(changes, owner);
        if changes.touch("/force_delete") {
            let value = spec.force_delete.to_string();
            edits.set.insert(FORCE.to_owned(), value);
        }
        write::<SqsTags>(cloud, url, edits).await
    }

    async fn vet(
        _cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        let policy = spec.redrive_policy.as_ref();
        let fault = policy
            .and_then(|policy| other_type(spec.fifo_queue, policy.dead_letter_target_arn.as_str()));
        Ok(fault.into_iter().collect())
    }

    async fn vet_new(_cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        let policy = spec.redrive_policy.as_ref();
        let fault = policy.and_then(|policy| match &policy.dead_letter_target_arn {
            Input::Value(arn) => other_type(spec.fifo_queue, arn.as_str()),
            Input::Expr(_) => None,
        });
        Ok(fault.into_iter().collect())
    }

    /// SQS deletes a queue with all messages in it.
    fn last_copies(live: &Live<Self>) -> Option<Leaves> {
        let count = live.outputs.approximate_number_of_messages;
        let messages = if count == 1 { "message" } else { "messages" };
        let key = live.spec.kms_master_key_id.iter();
        (count > 0 && !live.spec.force_delete).then(|| Leaves {
            what: format!("{count} {messages} in the queue {}", live.spec.queue_name),
            needs: key.map(ToString::to_string).collect(),
        })
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.sqs.delete_queue().queue_url(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, claim, cloud};
    use aws_sdk_sqs::operation::create_queue::CreateQueueOutput;
    use aws_sdk_sqs::operation::get_queue_url::{GetQueueUrlError, GetQueueUrlOutput};
    use aws_sdk_sqs::types::error::QueueDoesNotExist;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/example";

    #[tokio::test]
    async fn a_dead_letter_queue_is_of_the_same_type() {
        let declared = |arn: Input<Arn>| Spec::<Declared> {
            redrive_policy: Some(RedrivePolicy {
                dead_letter_target_arn: arn,
                max_receive_count: 3,
            }),
            ..serde_json::from_value(json!({"queue_name": "orders.fifo", "fifo_queue": true}))
                .unwrap()
        };
        let dead = "arn:aws:sqs:eu-west-1:123456789012:dead";
        let faults = |spec| async move { Queue::vet_new(&cloud(), &spec).await.unwrap().len() };
        assert_eq!(faults(declared(Input::Value(dead.into()))).await, 1);
        assert_eq!(
            faults(declared(Input::Value(format!("{dead}.fifo").into()))).await,
            0
        );
        assert_eq!(
            faults(declared(Input::Expr(json!({"$ref": "dead.arn"})))).await,
            0
        );
    }

    #[test]
    fn what_is_stated_as_nothing_is_removed_with_an_empty_text() {
        let asked = changes(&[
            ("/redrive_policy", json!({}), json!(null)),
            ("/policy", json!({}), json!(null)),
            ("/delay_seconds", json!(0), json!(5)),
        ]);
        let spec = Spec {
            delay_seconds: Some(5),
            ..Queue::example()
        };
        let sent = changed(&Queue::example(), &spec, &asked);
        let sent = |name: QueueAttributeName| sent.get(&name).map(String::as_str);
        assert_eq!(sent(QueueAttributeName::RedrivePolicy), Some(""));
        assert_eq!(sent(QueueAttributeName::Policy), Some(""));
        assert_eq!(sent(QueueAttributeName::DelaySeconds), Some("5"));
        assert_eq!(sent(QueueAttributeName::KmsMasterKeyId), None);
    }

    #[tokio::test]
    async fn a_queue_that_is_there_already_is_not_taken_over() {
        let there = mock!(aws_sdk_sqs::Client::get_queue_url)
            .then_output(|| GetQueueUrlOutput::builder().queue_url(URL).build());
        let sqs = mock_client!(aws_sdk_sqs, RuleMode::Sequential, &[&there]);
        let cloud = Cloud {
            sqs: sqs.into(),
            ..cloud()
        };
        let error = Queue::create(&cloud, &Queue::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::AlreadyExists);
    }

    #[tokio::test]
    async fn a_queue_is_created_with_its_owner() {
        let missing = mock!(aws_sdk_sqs::Client::get_queue_url).then_error(|| {
            let code = "AWS.SimpleQueueService.NonExistentQueue";
            let meta = ErrorMetadata::builder().code(code).build();
            GetQueueUrlError::QueueDoesNotExist(QueueDoesNotExist::builder().meta(meta).build())
        });
        let create = mock!(aws_sdk_sqs::Client::create_queue)
            .match_requests(|request| {
                let tags = request.tags().unwrap();
                tags["platctl:stack"] == "prod"
                    && tags[FORCE] == "false"
                    && tags["team"] == "platform"
            })
            .then_output(|| CreateQueueOutput::builder().queue_url(URL).build());
        let sqs = mock_client!(aws_sdk_sqs, RuleMode::Sequential, &[&missing, &create]);
        let cloud = Cloud {
            sqs: sqs.into(),
            ..cloud()
        };
        let id = Queue::create(&cloud, &Queue::example(), &claim())
            .await
            .unwrap();
        assert_eq!(id.as_str(), URL);
    }

    #[test]
    fn keys_of_sqs_take_the_place_of_a_key_of_kms() {
        let live = Queue::example();
        let desired = Spec {
            kms_master_key_id: None,
            sqs_managed_sse_enabled: Some(true),
            ..Queue::example()
        };
        let change = changes(&[("/sqs_managed_sse_enabled", json!(false), json!(true))]);
        let sent = changed(&live, &desired, &change);
        assert_eq!(sent[&QueueAttributeName::SqsManagedSseEnabled], "true");
        assert_eq!(sent[&QueueAttributeName::KmsMasterKeyId], "");
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn messages_are_lost_by_consent_only() {
        let queue = |count: &str, force: &str| {
            let name = QueueAttributeName::ApproximateNumberOfMessages;
            let tags = Tags::from([(FORCE.to_owned(), force.to_owned())]);
            live(
                &URL.into(),
                &Attributes::from([(name, count.to_owned())]),
                tags,
            )
        };
        assert_eq!(Queue::last_copies(&queue("0", "false")), None);
        assert_eq!(Queue::last_copies(&queue("3", "true")), None);
        let lost = Queue::last_copies(&queue("1", "false")).unwrap();
        assert_eq!(lost.what, "1 message in the queue example");
    }
}
