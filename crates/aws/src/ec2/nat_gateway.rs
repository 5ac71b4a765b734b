//! `ec2.NatGateway`, zonal.

use aws_sdk_ec2::types::{ConnectivityType, Filter, NatGatewayState, ResourceType};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{AllocationId, NatGatewayId, SubnetId};

/// A NAT gateway, which gives the private subnets of an availability zone outbound access.
#[derive(Debug)]
pub struct NatGateway;

/// A NAT gateway, which gives the private subnets of an availability zone outbound access.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the subnet of the NAT gateway. For a public NAT gateway, it must be a public subnet.
    pub subnet_id: S::In<SubnetId>,
    /// The allocation ID of the Elastic IP address. Required for a public NAT gateway, not allowed for a
    /// private one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_id: Option<S::In<AllocationId>>,
    /// The connectivity type: `public` or `private`. Default: `public`.
    #[serde(default = "public")]
    pub connectivity_type: String,
    /// Tags to assign to the NAT gateway.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn public() -> String {
    "public".to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the NAT gateway that other resources can reference.
    NatGateway {
        /// The ID of the NAT gateway, such as `nat-…`.
        NAT_GATEWAY_ID: nat_gateway_id: NatGatewayId,
    }
}

async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::NatGateway>> {
    let mut gateways = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_nat_gateways()
            .filter(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        gateways.extend(page.asked()?);
    }
    // Deleted ones stay visible for about an hour.
    gateways.retain(|gateway| gateway.state() != Some(&NatGatewayState::Deleted));
    Ok(gateways)
}

fn phase(gateway: &aws_sdk_ec2::types::NatGateway) -> Phase {
    match gateway.state() {
        Some(NatGatewayState::Failed) => {
            let code = gateway.failure_code().unwrap_or("failed");
            Phase::Failed(format!(
                "{code}: {}",
                gateway.failure_message().unwrap_or("no reason given")
            ))
        }
        Some(NatGatewayState::Deleting) => Phase::Deleting,
        Some(NatGatewayState::Available) => Phase::Ready,
        state => Phase::Settling(state.map_or("pending", NatGatewayState::as_str).to_owned()),
    }
}

fn live(gateway: &aws_sdk_ec2::types::NatGateway) -> Option<Live<NatGateway>> {
    let (tags, owner) = split_ec2(gateway.tags());
    let addresses = gateway.nat_gateway_addresses();
    // The mark of the primary one is missing where there is only one.
    let primary = addresses
        .iter()
        .find(|address| address.is_primary() == Some(true))
        .or(addresses.first());
    let spec = Spec {
        subnet_id: gateway.subnet_id()?.into(),
        allocation_id: primary
            .and_then(|address| address.allocation_id())
            .map(AllocationId::from),
        connectivity_type: gateway
            .connectivity_type()
            .map_or("public", ConnectivityType::as_str)
            .to_owned(),
        tags,
    };
    let id = gateway.nat_gateway_id()?;
    let outputs = Outputs {
        nat_gateway_id: id.into(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: phase(gateway),
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<NatGateway>>>> {
    let found = read(
        cloud,
        id_filters("nat-gateway-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for NatGateway {
    const NAME: &'static str = "ec2.NatGateway";
    const FIELDS: &'static Table = &[
        // Delete first: its address cannot serve two.
        ("/subnet_id", &[Immutable, Holds]),
        ("/allocation_id", &[Immutable, Holds]),
        ("/connectivity_type", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeNatGateways"],
        create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteNatGateway"],
    };
    const TIMING: Timing = Timing::seconds(105, 1, 58, 900);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            subnet_id: "subnet-0123456789abcdef0".into(),
            allocation_id: None,
            connectivity_type: "private".into(),
            tags: Tags::from([("Name".into(), "prod-a".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/tags/Name", json!("other"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        match (spec.connectivity_type.as_str(), &spec.allocation_id) {
            ("public", None) => Err(SpecError::new(
                "/allocation_id",
                "a public NAT gateway requires an Elastic IP",
            )),
            ("private", Some(_)) => Err(SpecError::new(
                "/allocation_id",
                "a private NAT gateway cannot have an Elastic IP",
            )),
            ("public" | "private", _) => Ok(()),
            _ => Err(SpecError::new(
                "/connectivity_type",
                "must be `public` or `private`",
            )),
        }
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let id = |gateway: &aws_sdk_ec2::types::NatGateway| gateway.nat_gateway_id().map(Id::from);
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|gateway| Some((id(gateway)?, split_ec2(gateway.tags()).1))),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .create_nat_gateway()
            .subnet_id(spec.subnet_id.as_str())
            .set_allocation_id(spec.allocation_id.as_ref().map(ToString::to_string))
            .connectivity_type(ConnectivityType::from(spec.connectivity_type.as_str()))
            .client_token(&claim.token)
            .tag_specifications(ec2_specification(
                ResourceType::Natgateway,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer
            .nat_gateway()
            .and_then(|gateway| gateway.nat_gateway_id());
        made("ec2:CreateNatGateway", id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .ec2
            .delete_nat_gateway()
            .nat_gateway_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ec2::operation::describe_nat_gateways::DescribeNatGatewaysOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn gateway(id: &str, state: NatGatewayState) -> aws_sdk_ec2::types::NatGateway {
        let builder = aws_sdk_ec2::types::NatGateway::builder()
            .nat_gateway_id(id)
            .subnet_id("subnet-1")
            .state(state);
        builder
            .failure_code("Gateway.NotAttached")
            .failure_message("Network has no Internet gateway")
            .build()
    }

    #[tokio::test]
    async fn deleted_gateways_are_gone_and_failed_ones_say_why() {
        let list = mock!(aws_sdk_ec2::Client::describe_nat_gateways).then_output(|| {
            DescribeNatGatewaysOutput::builder()
                .nat_gateways(gateway("nat-1", NatGatewayState::Deleted))
                .nat_gateways(gateway("nat-2", NatGatewayState::Failed))
                .nat_gateways(gateway("nat-3", NatGatewayState::Pending))
                .build()
        });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let ids = ["nat-1", "nat-2", "nat-3"].map(Id::from);
        let found = NatGateway::describe(&cloud, &ids).await.unwrap();
        let phases: Vec<_> = found
            .into_iter()
            .map(|live| live.map(|live| live.phase))
            .collect();
        let failed = Phase::Failed("Gateway.NotAttached: Network has no Internet gateway".into());
        assert_eq!(
            phases,
            [None, Some(failed), Some(Phase::Settling("pending".into()))]
        );
    }
}
