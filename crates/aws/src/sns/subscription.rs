//! `sns.Subscription`

use platctl_engine::fields::Fact::{Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::types::Arn;
use crate::{Cloud, Document};

/// An SNS subscription, which delivers the messages of a topic to an endpoint.
#[derive(Debug)]
pub struct Subscription;

/// An SNS subscription, which delivers the messages of a topic to an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ARN of the topic.
    pub topic_arn: S::In<Arn>,
    /// The protocol: `email`, `https`, `sqs`, `lambda`, …
    pub protocol: String,
    /// The endpoint that receives messages: an email address, a URL or an ARN.
    pub endpoint: S::In<String>,
    /// The filter policy, which determines the messages that are delivered. Default: all messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<Document>,
}

platctl_engine::outputs! {
    /// Attributes of the subscription that other resources can reference.
    Subscription {
        /// Whether the recipient has confirmed the subscription.
        CONFIRMED: confirmed: bool,
    }
}

/// AWS tells the ARN of a subscription that nobody has agreed to yet only to whoever subscribes; a listing
/// hides it. Subscribing once more answers the same one.
async fn confirmed(cloud: &Cloud, wanted: &Wanted<Subscription>) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let call = cloud
        .sns
        .list_subscriptions_by_topic()
        .topic_arn(spec.topic_arn.as_str());
    let listed: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let listed = match listed.asked() {
        Err(error) if error.class == Class::NotFound => Vec::new(),
        other => other?,
    };
    let same = listed.iter().filter(|one| {
        one.protocol() == Some(spec.protocol.as_str())
            && one.endpoint() == Some(spec.endpoint.as_str())
    });
    let arns = same
        .filter_map(|one| one.subscription_arn())
        .filter(|arn| arn.starts_with("arn:"));
    Ok(arns
        .map(|arn| Candidate {
            id: arn.into(),
            owner: None,
        })
        .collect())
}

/// The filter policy that lets every message through.
const NO_CONDITIONS: &str = "{}";

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Subscription>>> {
    let call = cloud
        .sns
        .get_subscription_attributes()
        .subscription_arn(id.as_str());
    let attributes = call.send().ask().await?.attributes.unwrap_or_default();
    let text = |key: &str| attributes.get(key).map(String::as_str);
    let owned = |key: &str| text(key).unwrap_or_default().to_owned();
    let spec = Spec {
        topic_arn: owned("TopicArn").into(),
        protocol: owned("Protocol"),
        endpoint: owned("Endpoint"),
        // One without conditions is none.
        filter_policy: text("FilterPolicy")
            .filter(|policy| *policy != NO_CONDITIONS)
            .and_then(Document::parse),
    };
    let outputs = Outputs {
        confirmed: text("PendingConfirmation") != Some("true"),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }))
}

impl Kind for Subscription {
    const NAME: &'static str = "sns.Subscription";
    const FIELDS: &'static Table = &[
        ("/topic_arn", &[Immutable, Home]),
        ("/protocol", &[Immutable]),
        ("/endpoint", &[Immutable]),
    ];
    // All of them together are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const VOLATILE: &'static [&'static str] = &["confirmed"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "sns:ListSubscriptionsByTopic",
            "sns:GetSubscriptionAttributes",
        ],
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
            protocol: "sqs".into(),
            endpoint: "arn:aws:sqs:eu-west-1:123456789012:alarms".into(),
            filter_policy: None,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/endpoint",
                json!("arn:aws:sqs:eu-west-1:123456789012:others"),
            ),
            ("/filter_policy", json!({"severity": ["high"]})),
        ]
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("filter_policy", Value::Null)]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec
            .filter_policy
            .as_ref()
            .map(Document::to_json)
            .as_deref()
            == Some(NO_CONDITIONS)
        {
            return Err(SpecError::new(
                "/filter_policy",
                "must have a condition; to remove the filter policy, write `filter_policy: null`",
            ));
        }
        const PROTOCOLS: [&str; 9] = [
            "application",
            "email",
            "email-json",
            "firehose",
            "http",
            "https",
            "lambda",
            "sms",
            "sqs",
        ];
        if PROTOCOLS.contains(&spec.protocol.as_str()) {
            return Ok(());
        }
        Err(SpecError::new(
            "/protocol",
            format!("must be one of {}", PROTOCOLS.join(", ")),
        ))
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| confirmed(cloud, wanted))).await
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
        let answer = call.send().ask().await?;
        made("sns:Subscribe", answer.subscription_arn())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let policy = spec.filter_policy.as_ref();
        let call = cloud
            .sns
            .set_subscription_attributes()
            .subscription_arn(live.id.as_str())
            .attribute_name("FilterPolicy")
            .attribute_value(policy.map_or_else(|| NO_CONDITIONS.to_owned(), Document::to_json));
        call.send().ask().await.map(drop)
    }

    /// One that nobody has agreed to cannot be ended; it ends by itself after two days, or with its topic.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let operation = "sns:Unsubscribe";
        if !live.outputs.confirmed {
            let message = "the subscription is not confirmed yet, so it expires by itself";
            return Err(CloudError::new(Class::Lapsing, operation, message));
        }
        let call = cloud.sns.unsubscribe().subscription_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_sns::operation::get_subscription_attributes::GetSubscriptionAttributesOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_pending_subscription_lapses() {
        let read = mock!(aws_sdk_sns::Client::get_subscription_attributes).then_output(|| {
            let attributes = [
                ("PendingConfirmation", "true"),
                ("Protocol", "email"),
                ("FilterPolicy", r#"{"kind":["order"]}"#),
            ];
            let build = GetSubscriptionAttributesOutput::builder();
            attributes
                .into_iter()
                .fold(build, |build, (key, value)| build.attributes(key, value))
                .build()
        });
        let cloud = Cloud {
            sns: mock_client!(aws_sdk_sns, RuleMode::Sequential, &[&read]).into(),
            ..cloud()
        };
        let id = Id::from("arn:aws:sns:eu-west-1:123456789012:example:1");
        let live = Subscription::describe(&cloud, &[id])
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        assert!(!live.outputs.confirmed && live.spec.filter_policy.is_some());
        let error = Subscription::delete(&cloud, &live).await.unwrap_err();
        assert_eq!(error.class, Class::Lapsing);
    }
}
