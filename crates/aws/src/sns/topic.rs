//! `sns.Topic`

use std::collections::HashSet;

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{SnsTags, tags_from};
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, claimed, owned, sync};
use crate::types::{Arn, KeyId, unless_same};
use crate::{Cloud, Policy};

/// An Amazon SNS topic.
#[derive(Debug)]
pub struct Topic;

/// An Amazon SNS topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the topic. Must be unique within the account and region. 1 to 256 letters, digits, `-` and
    /// `_`.
    pub name: String,
    /// The display name, which appears as the sender in emails and text messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The ID of the KMS key that encrypts messages. CloudWatch alarms cannot publish to a topic that is
    /// encrypted with the AWS managed key for SNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<S::In<KeyId>>,
    /// The access policy, which determines who can publish and subscribe. Default: only the account of the
    /// topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<S::In<Policy>>,
    /// Tags to assign to the topic.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the topic that other resources can reference.
    Topic {
        /// The Amazon Resource Name (ARN) of the topic.
        ARN: arn: Arn,
        /// The name of the topic.
        NAME: name: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Topic>>> {
    let call = cloud.sns.get_topic_attributes().topic_arn(id.as_str());
    let attributes = call.send().ask().await?.attributes.unwrap_or_default();
    let (tags, owner) = owned::<SnsTags>(cloud, id.as_str()).await?;
    let name = id
        .as_str()
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let text = |key: &str| attributes.get(key).cloned();
    let spec = Spec {
        name: name.clone(),
        display_name: Some(text("DisplayName").unwrap_or_default()),
        kms_master_key_id: text("KmsMasterKeyId")
            .filter(|key| !key.is_empty())
            .map(KeyId::from),
        policy: text("Policy").as_deref().and_then(Policy::parse),
        tags,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs: Outputs {
            arn: id.as_str().into(),
            name,
        },
        owner,
        phase: Phase::Ready,
    }))
}

async fn set(cloud: &Cloud, arn: &str, name: &str, value: &str) -> CloudResult<()> {
    let call = cloud
        .sns
        .set_topic_attributes()
        .topic_arn(arn)
        .attribute_name(name)
        .attribute_value(value);
    call.send().ask().await.map(drop)
}

impl Kind for Topic {
    const NAME: &'static str = "sns.Topic";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "sns:GetTopicAttributes",
            "sns:ListTagsForResource",
            "sns:ListTopics",
        ],
        create: &["sns:CreateTopic", "sns:TagResource"],
        update: &[
            "sns:SetTopicAttributes",
            "sns:TagResource",
            "sns:UntagResource",
        ],
        delete: &["sns:DeleteTopic"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            name: "example".into(),
            display_name: Some("Alerts".into()),
            kms_master_key_id: Some("01234567-89ab-cdef-0123-456789abcdef".into()),
            policy: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("display_name", json!("")),
            ("kms_master_key_id", Value::Null),
        ]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
            "Resource": "arn:aws:sns:eu-west-1:123456789012:example",
        }]});
        vec![
            ("/display_name", json!("Alarms")),
            ("/policy", policy),
            ("/tags/team", json!("data")),
            ("/name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = (1..=256).contains(&spec.name.len())
            && spec
                .name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound {
            Ok(())
        } else {
            Err(SpecError::new(
                "/name",
                "must have 1 to 256 letters, digits, `-` and `_`",
            ))
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let pages = cloud.sns.list_topics().into_paginator().items().send();
        let topics: Result<Vec<_>, _> = pages.collect().await;
        let topics = topics.asked()?;
        let names: HashSet<&str> = wanted
            .iter()
            .filter_map(|wanted| wanted.spec.as_ref())
            .map(|spec| spec.name.as_str())
            .collect();
        let named = |arn: &&str| {
            arn.rsplit(':')
                .next()
                .is_some_and(|name| names.contains(name))
        };
        let arns = topics
            .iter()
            .filter_map(|topic| topic.topic_arn())
            .filter(named);
        let owners = arns
            .map(|arn| async move { Ok((Id::from(arn), owned::<SnsTags>(cloud, arn).await?.1)) });
        Ok(by_address(wanted, try_join_all(owners).await?))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = tags_from(claimed(&spec.tags, &claim.owner), "sns:CreateTopic")?;
        let mut call = cloud
            .sns
            .create_topic()
            .name(&spec.name)
            .set_tags(Some(tags));
        for (name, value) in [
            ("DisplayName", spec.display_name.clone()),
            (
                "KmsMasterKeyId",
                spec.kms_master_key_id.as_ref().map(ToString::to_string),
            ),
            ("Policy", spec.policy.as_ref().map(Policy::to_json)),
        ] {
            if let Some(value) = value {
                call = call.attributes(name, value);
            }
        }
        let answer = call.send().ask().await?;
        made("sns:CreateTopic", answer.topic_arn())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let arn = live.id.as_str();
        if let Some(name) = spec
            .display_name
            .as_ref()
            .filter(|_| changes.touch("/display_name"))
        {
            set(cloud, arn, "DisplayName", name).await?;
        }
        if changes.touch("/kms_master_key_id") {
            // An empty text ends the encryption.
            let key = spec.kms_master_key_id.as_ref();
            set(cloud, arn, "KmsMasterKeyId", key.map_or("", KeyId::as_str)).await?;
        }
        if let Some(policy) = spec.policy.as_ref().filter(|_| changes.touch("/policy")) {
            set(cloud, arn, "Policy", &policy.to_json()).await?;
        }
        sync::<SnsTags>(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.sns.delete_topic().topic_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
