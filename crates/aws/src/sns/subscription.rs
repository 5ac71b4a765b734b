//! `sns.Subscription`

use std::collections::BTreeSet;

use futures::future::try_join_all;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::in_order;
use crate::errors::cloud_error;
use crate::types::Arn;
use crate::{Cloud, Document};

/// Somebody who gets what is published.
#[derive(Debug)]
pub struct Subscription;

/// What a subscription is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The topic.
    pub topic_arn: S::In<Arn>,
    /// How: `email`, `https`, `sqs`, `lambda`, …
    pub protocol: String,
    /// Where to: an address, a URL, an ARN.
    pub endpoint: S::In<String>,
    /// Which messages; all unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<Document>,
}

platctl_engine::outputs! {
    /// What others take from a subscription.
    Subscription {
        /// Whether the recipient has agreed.
        CONFIRMED: confirmed: bool,
    }
}

/// Until the recipient has agreed a subscription has no ARN, so topic, protocol and endpoint name it.
fn id_of(topic: &str, protocol: &str, endpoint: &str) -> Id {
    Id::from(format!("{topic}|{protocol}|{endpoint}"))
}

fn topic_of(id: &Id) -> &str {
    id.as_str().split('|').next().unwrap_or_default()
}

/// The subscriptions of a topic: id, and the ARN where there is one.
async fn listed(cloud: &Cloud, topic: &str) -> CloudResult<Vec<(Id, Option<String>)>> {
    let pages = cloud.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
    let subscriptions: Result<Vec<_>, _> = pages.collect().await;
    let subscriptions = match subscriptions.map_err(|e| cloud_error("sns:ListSubscriptionsByTopic", e)) {
        Err(error) if error.class == Class::NotFound => Vec::new(),
        other => other?,
    };
    let entry = |one: &aws_sdk_sns::types::Subscription| {
        let arn = one.subscription_arn().filter(|arn| arn.starts_with("arn:")).map(ToOwned::to_owned);
        Some((id_of(topic, one.protocol()?, one.endpoint()?), arn))
    };
    Ok(subscriptions.iter().filter_map(entry).collect())
}

async fn read(cloud: &Cloud, id: &Id, arn: Option<&str>) -> CloudResult<Option<Live<Subscription>>> {
    let mut parts = id.as_str().splitn(3, '|').map(ToOwned::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let (topic, protocol, endpoint) = (part(), part(), part());
    let attributes = match arn {
        None => None,
        Some(arn) => {
            let call = cloud.sns.get_subscription_attributes().subscription_arn(arn);
            match call.send().await.map_err(|e| cloud_error("sns:GetSubscriptionAttributes", e)) {
                Err(error) if error.class == Class::NotFound => return Ok(None),
                other => other?.attributes,
            }
        }
    };
    let text = |key: &str| attributes.as_ref().and_then(|all| all.get(key)).map(String::as_str);
    let spec = Spec {
        topic_arn: topic.into(),
        protocol,
        endpoint,
        filter_policy: text("FilterPolicy").and_then(Document::parse),
    };
    let confirmed = arn.is_some() && text("PendingConfirmation") != Some("true");
    Ok(Some(Live { id: id.clone(), spec, outputs: Outputs { confirmed }, owner: None, phase: Phase::Ready }))
}

async fn found(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<(Id, Option<String>)>> {
    let topics: BTreeSet<&str> = ids.iter().map(topic_of).collect();
    let lists = try_join_all(topics.into_iter().map(|topic| listed(cloud, topic))).await?;
    Ok(lists.into_iter().flatten().filter(|(id, _)| ids.contains(id)).collect())
}

impl Kind for Subscription {
    const NAME: &'static str = "sns.Subscription";
    const REPLACE_ON: &'static [&'static str] = &["/topic_arn", "/protocol", "/endpoint"];
    const SHARED_MAPS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["confirmed"];
    const IDENTITY: Identity = Identity::Name;
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"],
        create: &["sns:Subscribe"],
        update: &["sns:SetSubscriptionAttributes"],
        delete: &["sns:Unsubscribe"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            topic_arn: "arn:aws:sns:eu-west-1:123456789012:example".into(),
            protocol: "email".into(),
            endpoint: "ops@example.com".into(),
            filter_policy: None,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![("/endpoint", json!("others@example.com"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        const PROTOCOLS: [&str; 9] =
            ["application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"];
        if PROTOCOLS.contains(&spec.protocol.as_str()) {
            return Ok(());
        }
        Err(SpecError::new("/protocol", format!("is none of {}", PROTOCOLS.join(", "))))
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        crate::tags::by_key(cloud, wanted, |spec| {
            id_of(spec.topic_arn.as_str(), &spec.protocol, &spec.endpoint)
        })
        .await
    }

    async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Self>>>> {
        let found = found(cloud, ids).await?;
        let live = try_join_all(found.iter().map(|(id, arn)| read(cloud, id, arn.as_deref()))).await?;
        Ok(in_order(ids, live.into_iter().flatten()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let mut call = cloud
            .sns
            .subscribe()
            .topic_arn(spec.topic_arn.as_str())
            .protocol(&spec.protocol)
            .endpoint(&spec.endpoint)
            .return_subscription_arn(true);
        if let Some(policy) = &spec.filter_policy {
            call = call.attributes("FilterPolicy", policy.to_json());
        }
        call.send().await.map_err(|e| cloud_error("sns:Subscribe", e))?;
        Ok(id_of(spec.topic_arn.as_str(), &spec.protocol, &spec.endpoint))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let found = found(cloud, std::slice::from_ref(&live.id)).await?;
        let arn = found.into_iter().find_map(|(_, arn)| arn);
        if let (Some(arn), Some(policy)) = (arn, &spec.filter_policy) {
            let call = cloud.sns.set_subscription_attributes().subscription_arn(arn);
            let call = call.attribute_name("FilterPolicy").attribute_value(policy.to_json());
            call.send().await.map_err(|e| cloud_error("sns:SetSubscriptionAttributes", e))?;
        }
        Ok(())
    }

    /// One that nobody has agreed to cannot be ended; it ends by itself, or with its topic.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let found = found(cloud, std::slice::from_ref(&live.id)).await?;
        let arn = found.into_iter().find_map(|(_, arn)| arn).filter(|_| live.outputs.confirmed);
        let nobody = || {
            let message = "nobody has agreed to it yet, so it ends by itself";
            platctl_engine::CloudError::new(Class::NotFound, "sns:Unsubscribe", message)
        };
        let call = cloud.sns.unsubscribe().subscription_arn(arn.ok_or_else(nobody)?);
        call.send().await.map(drop).map_err(|e| cloud_error("sns:Unsubscribe", e))
    }
}
