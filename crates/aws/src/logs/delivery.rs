//! `logs.Delivery`

use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::LogsTags;
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::Arn;

/// A delivery of CloudWatch Logs, which sends the logs of a delivery source to a delivery destination.
#[derive(Debug)]
pub struct Delivery;

/// A delivery of CloudWatch Logs, which sends the logs of a delivery source to a delivery destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the delivery source. Cannot be changed.
    pub delivery_source_name: S::In<String>,
    /// The ARN of the delivery destination. A delivery source can have one delivery to each type of destination.
    /// Cannot be changed.
    pub delivery_destination_arn: S::In<Arn>,
    /// Tags to assign to the delivery.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the delivery that other resources can reference.
    Delivery {
        /// The Amazon Resource Name (ARN) of the delivery.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Delivery>>> {
    let call = cloud.logs.get_delivery().id(id.as_str());
    let Some(delivery) = call.send().ask().await?.delivery else {
        return Ok(None);
    };
    let arn = delivery.arn().unwrap_or_default();
    let (tags, owner) = owned::<LogsTags>(cloud, arn).await?;
    let spec = Spec {
        delivery_source_name: delivery.delivery_source_name().unwrap_or_default().into(),
        delivery_destination_arn: delivery
            .delivery_destination_arn()
            .unwrap_or_default()
            .into(),
        tags,
    };
    let outputs = Outputs { arn: arn.into() };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// The delivery between these two: there can be one.
async fn between(cloud: &Cloud, wanted: &Wanted<Delivery>) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let pages = cloud.logs.describe_deliveries().into_paginator();
    let all: Result<Vec<_>, _> = pages.items().send().collect().await;
    let mut found = Vec::new();
    for delivery in all.asked()? {
        let same = delivery.delivery_source_name() == Some(spec.delivery_source_name.as_str())
            && delivery.delivery_destination_arn() == Some(spec.delivery_destination_arn.as_str());
        if let (true, Some(id), Some(arn)) = (same, delivery.id(), delivery.arn()) {
            let (_, owner) = owned::<LogsTags>(cloud, arn).await?;
            found.push(Candidate {
                id: id.into(),
                owner,
            });
        }
    }
    Ok(found)
}

impl Kind for Delivery {
    const NAME: &'static str = "logs.Delivery";
    const FIELDS: &'static Table = &[
        // Neither can be deleted while something is delivered.
        ("/delivery_source_name", &[Immutable, Holds]),
        ("/delivery_destination_arn", &[Immutable, Holds]),
    ];
    // A source has one delivery to each type of destination.
    const REPLACE: Replace = Replace::DeleteFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "logs:GetDelivery",
            "logs:DescribeDeliveries",
            "logs:ListTagsForResource",
        ],
        // CloudWatch Logs looks at the policy of a bucket, and adds what is missing.
        create: &[
            "logs:CreateDelivery",
            "logs:TagResource",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
        ],
        update: &["logs:TagResource", "logs:UntagResource"],
        delete: &["logs:DeleteDelivery"],
    };
    const TIMING: Timing = Timing::seconds(5, 1, 5, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            delivery_source_name: "example-delivery-source".into(),
            delivery_destination_arn:
                "arn:aws:logs:eu-west-1:123456789012:delivery-destination:example".into(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let other = "arn:aws:logs:eu-west-1:123456789012:delivery-destination:other";
        vec![
            (
                "/delivery_source_name",
                json!("example-other-delivery-source"),
            ),
            ("/delivery_destination_arn", json!(other)),
            ("/tags/team", json!("data")),
        ]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| between(cloud, wanted))).await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = claimed(&spec.tags, &claim.owner).into_iter().collect();
        let call = cloud
            .logs
            .create_delivery()
            .delivery_source_name(&spec.delivery_source_name)
            .delivery_destination_arn(spec.delivery_destination_arn.as_str())
            .set_tags(Some(tags));
        let answer = call.send().ask().await?;
        made(
            "logs:CreateDelivery",
            answer.delivery.and_then(|delivery| delivery.id),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync::<LogsTags>(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.logs.delete_delivery().id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
