//! `ec2.InternetGateway`, with its attachment.

use aws_sdk_ec2::types::{Filter, ResourceType};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Change, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{InternetGatewayId, VpcId};

/// An internet gateway that is attached to a VPC.
#[derive(Debug)]
pub struct InternetGateway;

/// An internet gateway that is attached to a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC to which the internet gateway is attached. A VPC can have only one.
    pub vpc_id: S::In<VpcId>,
    /// Tags to assign to the internet gateway.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the internet gateway that other resources can reference.
    InternetGateway {
        /// The ID of the internet gateway, such as `igw-…`.
        INTERNET_GATEWAY_ID: internet_gateway_id: InternetGatewayId,
    }
}

async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::InternetGateway>> {
    let mut gateways = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_internet_gateways()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        gateways.extend(page.asked()?);
    }
    Ok(gateways)
}

fn live(gateway: &aws_sdk_ec2::types::InternetGateway) -> Option<Live<InternetGateway>> {
    let (tags, owner) = split_ec2(gateway.tags());
    let attachment = gateway
        .attachments()
        .iter()
        .find(|attachment| attachment.vpc_id().is_some());
    // An attached gateway reports `available`, though the model says `attached`.
    let phase = match attachment
        .and_then(|attachment| attachment.state())
        .map(|state| state.as_str())
    {
        Some(state @ ("attaching" | "detaching")) => Phase::Settling(state.to_owned()),
        _ => Phase::Ready,
    };
    let vpc_id = attachment
        .and_then(|attachment| attachment.vpc_id())
        .unwrap_or_default()
        .into();
    let id = gateway.internet_gateway_id()?;
    let outputs = Outputs {
        internet_gateway_id: id.into(),
    };
    Some(Live {
        id: id.into(),
        spec: Spec { vpc_id, tags },
        outputs,
        owner,
        phase,
    })
}

async fn detach(cloud: &Cloud, id: &Id, vpc: &VpcId) -> CloudResult<()> {
    let call = cloud
        .ec2
        .detach_internet_gateway()
        .internet_gateway_id(id.as_str())
        .vpc_id(vpc.as_str());
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(()),
        other => other.map(drop),
    }
}

async fn attach(cloud: &Cloud, id: &Id, vpc: &VpcId) -> CloudResult<()> {
    let call = cloud
        .ec2
        .attach_internet_gateway()
        .internet_gateway_id(id.as_str())
        .vpc_id(vpc.as_str());
    match call.send().ask().await {
        // From an earlier try whose answer was lost; the engine looks whether it is to the right VPC.
        Err(error) if error.class == Class::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<InternetGateway>>>> {
    let found = read(
        cloud,
        id_filters("internet-gateway-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for InternetGateway {
    const NAME: &'static str = "ec2.InternetGateway";
    const FIELDS: &'static Table = &[("/vpc_id", &[Immutable, Holds])];
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeInternetGateways"],
        create: &["ec2:CreateInternetGateway", "ec2:CreateTags"],
        update: &[
            "ec2:AttachInternetGateway",
            "ec2:DetachInternetGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
    };
    // Detaching waits for every public address in the VPC to go.
    const TIMING: Timing = Timing::seconds(2, 2, 2, 1200);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            tags: Tags::from([("Name".into(), "prod".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/tags/Name", json!("other"))]
    }

    /// One that is not attached yet is attached. One of another VPC stays with that until the VPC goes: detached, it
    /// would cut off what still runs there.
    fn replaces(change: &Change) -> bool {
        let attached = change
            .before
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .is_some_and(|vpc| !vpc.is_empty());
        change.path == "/vpc_id" && attached
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let id = |gateway: &aws_sdk_ec2::types::InternetGateway| {
            gateway.internet_gateway_id().map(Id::from)
        };
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|gateway| Some((id(gateway)?, split_ec2(gateway.tags()).1))),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = ec2_specification(ResourceType::InternetGateway, &spec.tags, &claim.owner);
        let call = cloud.ec2.create_internet_gateway().tag_specifications(tags);
        let answer = call.send().ask().await?;
        let id = answer
            .internet_gateway()
            .and_then(|gateway| gateway.internet_gateway_id());
        made("ec2:CreateInternetGateway", id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/vpc_id") {
            if !live.spec.vpc_id.as_str().is_empty() {
                detach(cloud, &live.id, &live.spec.vpc_id).await?;
            }
            attach(cloud, &live.id, &spec.vpc_id).await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if !live.spec.vpc_id.as_str().is_empty() {
            detach(cloud, &live.id, &live.spec.vpc_id).await?;
        }
        let call = cloud
            .ec2
            .delete_internet_gateway()
            .internet_gateway_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::attach_internet_gateway::AttachInternetGatewayOutput;
    use aws_sdk_ec2::operation::delete_internet_gateway::DeleteInternetGatewayOutput;
    use aws_sdk_ec2::operation::detach_internet_gateway::{
        DetachInternetGatewayError, DetachInternetGatewayOutput,
    };
    use aws_sdk_ec2::types::{AttachmentStatus, InternetGatewayAttachment};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::json;

    fn gateway(vpc: Option<&str>, state: &str) -> Live<InternetGateway> {
        let attachment = vpc.map(|vpc| {
            InternetGatewayAttachment::builder()
                .vpc_id(vpc)
                .state(AttachmentStatus::from(state))
                .build()
        });
        let builder = aws_sdk_ec2::types::InternetGateway::builder().internet_gateway_id("igw-1");
        live(
            &builder
                .set_attachments(attachment.map(|one| vec![one]))
                .build(),
        )
        .unwrap()
    }

    #[test]
    fn available_means_attached() {
        assert_eq!(gateway(Some("vpc-1"), "available").phase, Phase::Ready);
        assert_eq!(
            gateway(Some("vpc-1"), "attaching").phase,
            Phase::Settling("attaching".into())
        );
        assert_eq!(gateway(None, "").spec.vpc_id.as_str(), "");
    }

    #[tokio::test]
    async fn another_vpc_is_detached_before_the_new_one_is_attached() {
        let detach = mock!(aws_sdk_ec2::Client::detach_internet_gateway)
            .match_requests(|request| request.vpc_id() == Some("vpc-old"))
            .then_output(|| DetachInternetGatewayOutput::builder().build());
        let attach = mock!(aws_sdk_ec2::Client::attach_internet_gateway)
            .match_requests(|request| request.vpc_id() == Some("vpc-new"))
            .then_output(|| AttachInternetGatewayOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&detach, &attach]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let desired = Spec {
            vpc_id: "vpc-new".into(),
            ..InternetGateway::example()
        };
        let asked = changes(&[("/vpc_id", json!("vpc-old"), json!("vpc-new"))]);
        let old = gateway(Some("vpc-old"), "available");
        InternetGateway::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!((detach.num_calls(), attach.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn one_that_was_detached_already_is_deleted() {
        let detached = mock!(aws_sdk_ec2::Client::detach_internet_gateway).then_error(|| {
            DetachInternetGatewayError::generic(
                ErrorMetadata::builder().code("Gateway.NotAttached").build(),
            )
        });
        let delete = mock!(aws_sdk_ec2::Client::delete_internet_gateway)
            .then_output(|| DeleteInternetGatewayOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&detached, &delete]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        InternetGateway::delete(&cloud, &gateway(Some("vpc-1"), "available"))
            .await
            .unwrap();
        assert_eq!(delete.num_calls(), 1);
    }
}
