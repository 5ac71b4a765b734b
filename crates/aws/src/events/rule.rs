//! `events.Rule`, with its targets.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::targets;
use crate::errors::{Ask, Asked, invalid};
use crate::tags::{Tags, claimed, edits, split};
use crate::text::any;
use crate::types::{Arn, unless_same};
use crate::{Cloud, Document};

/// An EventBridge rule.
#[derive(Debug)]
pub struct Rule;

/// An input transformer, which builds the input of a target from the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputTransformer {
    /// The variables, by name, and the JSON paths of their values in the event, such as
    /// `{"commit": "$.detail.commitId"}`.
    #[serde(default)]
    pub input_paths_map: BTreeMap<String, String>,
    /// The input template, in which `<commit>` stands for the value of a variable.
    pub input_template: String,
}

/// A target of an EventBridge rule.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Target<S: Stage = Resolved> {
    /// The ID of the target. Must be unique within the rule.
    pub id: String,
    /// The ARN of the target: a pipeline, a build project, a topic, …
    pub arn: S::In<Arn>,
    /// The ARN of the IAM role that EventBridge uses to invoke the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<S::In<Arn>>,
    /// The JSON text that is passed to the target instead of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The input that is built from the event and passed to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_transformer: Option<InputTransformer>,
}

/// An EventBridge rule.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the rule. Must be unique within the account and region. 1 to 64 characters.
    pub name: String,
    /// A description of the rule.
    #[serde(default)]
    pub description: String,
    /// The event pattern. Either this or `schedule_expression` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_pattern: Option<S::In<Document>>,
    /// The schedule, such as `rate(5 minutes)` or `cron(0 3 * * ? *)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_expression: Option<String>,
    /// Whether the rule is enabled. Default: `true`.
    #[serde(default = "on")]
    pub enabled: bool,
    /// The targets, up to five, sorted by ID.
    #[serde(default)]
    pub targets: Vec<Target<S>>,
    /// Tags to assign to the rule.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the rule that other resources can reference.
    Rule {
        /// The Amazon Resource Name (ARN) of the rule.
        ARN: arn: Arn,
        /// The name of the rule.
        NAME: name: String,
    }
    and unmanaged
}

fn new_tags(tags: Tags, operation: &str) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(|e| invalid(operation, &e))
    };
    tags.into_iter().map(tag).collect()
}

async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let answer = cloud
        .events
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let answer = answer.asked()?;
    Ok(split(
        answer
            .tags()
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    ))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Rule>>> {
    let call = cloud.events.describe_rule().name(id.as_str());
    let found = call.send().ask().await?;
    let arn = found.arn().unwrap_or_default();
    let ((tags, owner), found_targets) =
        futures::try_join!(tags_of(cloud, arn), targets::read(cloud, id.as_str()))?;
    let role = found.role_arn().map(|_| "role of the rule".to_owned());
    let spec = Spec {
        name: id.to_string(),
        description: found.description().unwrap_or_default().to_owned(),
        event_pattern: found.event_pattern().and_then(Document::parse),
        schedule_expression: found
            .schedule_expression()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned),
        enabled: found.state() != Some(&RuleState::Disabled),
        targets: found_targets.iter().map(targets::target).collect(),
        tags,
    };
    let unmanaged = found_targets
        .iter()
        .filter_map(targets::unmanaged)
        .chain(role)
        .collect();
    let outputs = Outputs {
        arn: arn.into(),
        name: id.to_string(),
        unmanaged,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// Replaces the whole rule: what is left out is reset by AWS. Tags count at the creation only.
async fn put(
    cloud: &Cloud,
    spec: &Spec,
    (state, role): (RuleState, Option<String>),
    tags: Option<Vec<Tag>>,
) -> CloudResult<()> {
    let call = cloud
        .events
        .put_rule()
        .name(&spec.name)
        .description(&spec.description)
        .set_event_pattern(spec.event_pattern.as_ref().map(Document::to_json))
        .set_schedule_expression(spec.schedule_expression.clone())
        .state(state)
        .set_role_arn(role)
        .set_tags(tags);
    call.send().ask().await.map(drop)
}

/// Changes the rule: what is not stated goes back as it is now. A rule can have a pattern and a schedule; where the
/// stated one is new, it takes the place of the other.
async fn change(cloud: &Cloud, spec: &Spec, changes: &Changes) -> CloudResult<()> {
    let now = cloud
        .events
        .describe_rule()
        .name(&spec.name)
        .send()
        .ask()
        .await?;
    let mut sent = spec.clone();
    let (pattern, schedule) = (
        now.event_pattern,
        now.schedule_expression.filter(|text| !text.is_empty()),
    );
    if let (Some(pattern), Some(schedule)) = (pattern, schedule) {
        sent.event_pattern = sent.event_pattern.or_else(|| Document::parse(&pattern));
        sent.schedule_expression = sent.schedule_expression.or(Some(schedule));
    }
    let state = now
        .state
        .filter(|_| !changes.touch("/enabled"))
        .unwrap_or_else(|| state(spec));
    put(cloud, &sent, (state, now.role_arn), None).await
}

const fn state(spec: &Spec) -> RuleState {
    if spec.enabled {
        RuleState::Enabled
    } else {
        RuleState::Disabled
    }
}

impl Kind for Rule {
    const NAME: &'static str = "events.Rule";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "events:ListTagsForResource",
        ],
        create: &["events:PutRule", "events:TagResource"],
        update: &[
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource",
            "events:UntagResource",
            "iam:PassRole",
        ],
        delete: &["events:DeleteRule", "events:RemoveTargets"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "example".into(),
            description: "Commits start something".into(),
            event_pattern: Some(Document::new(&json!({"source": ["aws.codecommit"]}))),
            schedule_expression: None,
            enabled: true,
            targets: vec![Target {
                id: "topic".into(),
                arn: "arn:aws:sns:eu-west-1:123456789012:example".into(),
                role_arn: None,
                input: None,
                input_transformer: Some(InputTransformer {
                    input_paths_map: BTreeMap::from([("what".into(), "$.detail.event".into())]),
                    input_template: "{\"what\": <what>}".into(),
                }),
            }],
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/description", json!("Builds start something")),
            ("/event_pattern", json!({"source": ["aws.codebuild"]})),
            ("/enabled", json!(false)),
            (
                "/targets/0/input_transformer/input_template",
                json!("{\"event\": <what>}"),
            ),
            ("/targets", json!([])),
            ("/tags/team", json!("data")),
            ("/name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.event_pattern.is_some() == spec.schedule_expression.is_some() {
            return Err(SpecError::new(
                "/event_pattern",
                "or schedule_expression is required",
            ));
        }
        if spec.targets.len() > 5 {
            return Err(SpecError::new("/targets", "must have at most five entries"));
        }
        if !spec.targets.is_sorted_by(|one, other| one.id < other.id) {
            return Err(SpecError::new(
                "/targets",
                "must be sorted by ID, with unique IDs",
            ));
        }
        any(512).check("/description", Some(&spec.description))?;
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=64).contains(&spec.name.len()) && spec.name.bytes().all(sound) {
            return Ok(());
        }
        Err(SpecError::new(
            "/name",
            "must have 1 to 64 letters, digits and any of ._-",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = new_tags(claimed(&spec.tags, &claim.owner), "events:PutRule")?;
        put(cloud, spec, (state(spec), None), Some(tags)).await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (name, arn) = (live.id.as_str(), live.outputs.arn.as_str());
        let own = [
            "/description",
            "/event_pattern",
            "/schedule_expression",
            "/enabled",
        ];
        if own.iter().any(|path| changes.touch(path)) {
            change(cloud, spec, changes).await?;
        }
        if changes.touch("/targets") {
            let gone = live
                .spec
                .targets
                .iter()
                .filter(|old| !spec.targets.iter().any(|new| new.id == old.id));
            targets::remove(cloud, name, gone.map(|target| target.id.clone()).collect()).await?;
            targets::put(cloud, name, &spec.targets).await?;
        }
        let edits = edits(changes, owner);
        if !edits.set.is_empty() {
            let tags = new_tags(edits.set, "events:TagResource")?;
            let call = cloud
                .events
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            call.send().ask().await?;
        }
        if !edits.remove.is_empty() {
            let call = cloud
                .events
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(edits.remove));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let name = live.id.as_str();
        let targets = targets::read(cloud, name).await?;
        targets::remove(
            cloud,
            name,
            targets.into_iter().map(|target| target.id).collect(),
        )
        .await?;
        let call = cloud.events.delete_rule().name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
    use aws_sdk_eventbridge::operation::put_rule::PutRuleOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_rule_keeps_its_role_and_its_state() {
        let all = || RuleState::EnabledWithAllCloudtrailManagementEvents;
        let now = mock!(aws_sdk_eventbridge::Client::describe_rule).then_output(move || {
            DescribeRuleOutput::builder()
                .event_pattern("{}")
                .role_arn("arn:role")
                .state(all())
                .build()
        });
        let put = mock!(aws_sdk_eventbridge::Client::put_rule)
            .match_requests(move |request| {
                request.role_arn() == Some("arn:role")
                    && request.state() == Some(&all())
                    && request.description() == Some("new")
            })
            .then_output(|| PutRuleOutput::builder().build());
        let events = mock_client!(aws_sdk_eventbridge, RuleMode::Sequential, &[&now, &put]);
        let outputs = Outputs {
            arn: "arn:rule".into(),
            name: "example".into(),
            unmanaged: Vec::new(),
        };
        let live = Live {
            id: "example".into(),
            spec: Rule::example(),
            outputs,
            owner: None,
            phase: Phase::Ready,
        };
        let desired = Spec {
            description: "new".into(),
            ..Rule::example()
        };
        let asked = changes(&[("/description", json!("old"), json!("new"))]);
        let cloud = Cloud {
            events: events.into(),
            ..cloud()
        };
        Rule::update(&cloud, &live, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(put.num_calls(), 1);
    }
}
