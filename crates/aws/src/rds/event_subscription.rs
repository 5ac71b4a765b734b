//! `rds.EventSubscription`

use std::collections::BTreeSet;

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{new_tags, sync_tags, tags_of};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, unless_same};

/// An RDS event subscription, which sends notifications about databases to an SNS topic.
#[derive(Debug)]
pub struct EventSubscription;

/// An RDS event subscription, which sends notifications about databases to an SNS topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the subscription. Must be unique within the account and region. Up to 255 letters, digits and `-`.
    pub subscription_name: String,
    /// The ARN of the SNS topic. Its policy must allow `events.rds.amazonaws.com` to publish, and so must the policy of
    /// the KMS key that encrypts it.
    pub sns_topic_arn: S::In<Arn>,
    /// The type of the sources: `db-cluster`, `db-instance`, `db-parameter-group`, `db-cluster-snapshot`, …
    pub source_type: String,
    /// The identifiers of the sources. If omitted, the sources are not managed; a new subscription is about all
    /// sources of the type in the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ids: Option<S::In<BTreeSet<String>>>,
    /// The categories of the events, such as `failure` or `maintenance`. They depend on the type of the sources.
    pub event_categories: BTreeSet<String>,
    /// Whether notifications are sent. Default: `true`.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Tags to assign to the subscription.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the event subscription that other resources can reference.
    EventSubscription {
        /// The Amazon Resource Name (ARN) of the subscription.
        ARN: arn: Arn,
    }
}

/// A subscription that cannot publish is usable again as soon as that is mended: it is shown.
fn phase(status: &str) -> Phase {
    match status {
        "active" => Phase::Ready,
        "no-permission" => {
            Phase::Degraded("no-permission: RDS is not allowed to publish to the topic".into())
        }
        "topic-not-exist" => Phase::Degraded("topic-not-exist: the topic was deleted".into()),
        "deleting" => Phase::Deleting,
        other => Phase::Settling(other.to_owned()),
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<EventSubscription>>> {
    let call = cloud.rds.describe_event_subscriptions();
    let answer = call.subscription_name(id.as_str()).send().ask().await?;
    let Some(found) = answer.event_subscriptions_list().first() else {
        return Ok(None);
    };
    let arn = found.event_subscription_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        subscription_name: id.to_string(),
        sns_topic_arn: found.sns_topic_arn().unwrap_or_default().into(),
        source_type: found.source_type().unwrap_or_default().to_owned(),
        source_ids: Some(found.source_ids_list().iter().cloned().collect()),
        event_categories: found.event_categories_list().iter().cloned().collect(),
        enabled: found.enabled().unwrap_or(true),
        tags,
    };
    let outputs = Outputs { arn: arn.into() };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: phase(found.status().unwrap_or("active")),
    }))
}

/// New sources come before old ones go: a subscription without any is about all.
async fn sync_sources(
    cloud: &Cloud,
    live: &Live<EventSubscription>,
    wanted: &BTreeSet<String>,
) -> CloudResult<()> {
    let (name, nothing) = (live.id.as_str(), BTreeSet::new());
    let old = live.spec.source_ids.as_ref().unwrap_or(&nothing);
    for source in wanted.difference(old) {
        let call = cloud.rds.add_source_identifier_to_subscription();
        let call = call.subscription_name(name).source_identifier(source);
        call.send().ask().await?;
    }
    for source in old.difference(wanted) {
        let call = cloud.rds.remove_source_identifier_from_subscription();
        let call = call.subscription_name(name).source_identifier(source);
        call.send().ask().await?;
    }
    Ok(())
}

impl Kind for EventSubscription {
    const NAME: &'static str = "rds.EventSubscription";
    const FIELDS: &'static Table = &[
        ("/subscription_name", &[Immutable, Name]),
        ("/source_type", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["rds:DescribeEventSubscriptions", "rds:ListTagsForResource"],
        create: &["rds:CreateEventSubscription", "rds:AddTagsToResource"],
        update: &[
            "rds:ModifyEventSubscription",
            "rds:AddSourceIdentifierToSubscription",
            "rds:RemoveSourceIdentifierFromSubscription",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteEventSubscription"],
    };
    const TIMING: Timing = Timing::seconds(30, 30, 30, 900);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            subscription_name: "example".into(),
            sns_topic_arn: "arn:aws:sns:eu-west-1:123456789012:example".into(),
            source_type: "db-cluster".into(),
            source_ids: Some(BTreeSet::from(["example-db-cluster".into()])),
            event_categories: BTreeSet::from(["failure".into(), "maintenance".into()]),
            enabled: true,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/event_categories", json!(["failover", "failure"])),
            ("/enabled", json!(false)),
            ("/subscription_name", json!("example-2")),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.subscription_name;
        let sound = (1..255).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !sound {
            let message = "must have 1 to 254 letters, digits and `-`";
            return Err(SpecError::new("/subscription_name", message));
        }
        if spec.source_ids.as_ref().is_some_and(BTreeSet::is_empty) {
            let message = "must have at least one source; omit it for all sources of the type";
            return Err(SpecError::new("/source_ids", message));
        }
        if spec.event_categories.is_empty() {
            let message = "must have at least one category";
            return Err(SpecError::new("/event_categories", message));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.subscription_name, &desired.subscription_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.subscription_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let sources = spec.source_ids.as_ref();
        let categories = spec.event_categories.iter().cloned().collect();
        let call = cloud
            .rds
            .create_event_subscription()
            .subscription_name(&spec.subscription_name)
            .sns_topic_arn(spec.sns_topic_arn.as_str())
            .source_type(&spec.source_type)
            .set_source_ids(sources.map(|sources| sources.iter().cloned().collect()))
            .set_event_categories(Some(categories))
            .enabled(spec.enabled)
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.subscription_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let paths = ["/sns_topic_arn", "/event_categories", "/enabled"];
        if paths.into_iter().any(|path| changes.touch(path)) {
            let call = cloud
                .rds
                .modify_event_subscription()
                .subscription_name(live.id.as_str())
                .sns_topic_arn(spec.sns_topic_arn.as_str())
                .source_type(&spec.source_type)
                .set_event_categories(Some(spec.event_categories.iter().cloned().collect()))
                .enabled(spec.enabled);
            call.send().ask().await?;
        }
        if let Some(wanted) = spec
            .source_ids
            .as_ref()
            .filter(|_| changes.touch("/source_ids"))
        {
            sync_sources(cloud, live, wanted).await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.rds.delete_event_subscription();
        let call = call.subscription_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_that_cannot_publish_is_shown() {
        assert_eq!(phase("active"), Phase::Ready);
        assert_eq!(phase("modifying"), Phase::Settling("modifying".into()));
        for status in ["no-permission", "topic-not-exist"] {
            assert!(matches!(phase(status), Phase::Degraded(why) if why.contains(status)));
        }
    }
}
