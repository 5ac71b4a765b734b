//! `ec2.Subnet`

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, SubnetState};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order, phase};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{Cidr, SubnetId, VpcId};

/// A subnet in a VPC, in a single availability zone.
#[derive(Debug)]
pub struct Subnet;

/// A subnet in a VPC, in a single availability zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// The IPv4 CIDR block of the subnet, /16 to /28, within that of the VPC. AWS reserves five of its
    /// addresses.
    pub cidr_block: Cidr,
    /// The name of the availability zone, such as `eu-west-1a`.
    pub availability_zone: String,
    /// Whether instances launched in the subnet receive a public IPv4 address. AWS default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_public_ip_on_launch: Option<bool>,
    /// Tags to assign to the subnet. Tags that load balancer controllers add are left unchanged.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the subnet that other resources can reference.
    Subnet {
        /// The ID of the subnet, such as `subnet-…`.
        SUBNET_ID: subnet_id: SubnetId,
        /// The name of the availability zone.
        AVAILABILITY_ZONE: availability_zone: String,
    }
}

async fn read(cloud: &Cloud, filters: Vec<Filter>) -> CloudResult<Vec<aws_sdk_ec2::types::Subnet>> {
    let mut subnets = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_subnets()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        subnets.extend(page.asked()?);
    }
    Ok(subnets)
}

fn live(subnet: &aws_sdk_ec2::types::Subnet) -> Option<Live<Subnet>> {
    let (tags, owner) = split_ec2(subnet.tags());
    let zone = subnet.availability_zone()?.to_owned();
    let spec = Spec {
        vpc_id: subnet.vpc_id()?.into(),
        cidr_block: subnet.cidr_block()?.parse().ok()?,
        availability_zone: zone.clone(),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch().unwrap_or_default()),
        tags,
    };
    let id = subnet.subnet_id()?;
    let outputs = Outputs {
        subnet_id: id.into(),
        availability_zone: zone,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: phase(subnet.state().map(SubnetState::as_str)),
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Subnet>>>> {
    let found = read(cloud, id_filters("subnet-id", ids.iter().map(Id::as_str))).await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for Subnet {
    const NAME: &'static str = "ec2.Subnet";
    const FIELDS: &'static Table = &[
        ("/vpc_id", &[Immutable, Holds]),
        ("/cidr_block", &[Immutable]),
        ("/availability_zone", &[Immutable]),
    ];
    const REPLACE: Replace = Replace::CreateFirst;
    // The same network cannot exist twice in a VPC.
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeSubnets"],
        create: &["ec2:CreateSubnet", "ec2:CreateTags"],
        update: &[
            "ec2:ModifySubnetAttribute",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DeleteSubnet", "ec2:DescribeNetworkInterfaces"],
    };
    // Network interfaces of endpoints and load balancers linger in it for minutes.
    const TIMING: Timing = Timing::seconds(2, 1, 1, 1200);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            cidr_block: Cidr(ipnet::Ipv4Net::new_assert([10, 10, 0, 0].into(), 24)),
            availability_zone: "eu-west-1a".into(),
            map_public_ip_on_launch: Some(true),
            tags: Tags::from([("Name".into(), "prod-public-a".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/map_public_ip_on_launch", json!(false)),
            ("/tags/Name", json!("other")),
            ("/cidr_block", json!("10.10.1.0/24")),
            ("/availability_zone", json!("eu-west-1b")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if (16..=28).contains(&spec.cidr_block.0.prefix_len()) {
            return Ok(());
        }
        Err(SpecError::new(
            "/cidr_block",
            format!("{} must be between /16 and /28", spec.cidr_block),
        ))
    }

    /// Networks of one VPC must not overlap, so the old one has to go first if they do.
    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        let clash = live.vpc_id == desired.vpc_id && live.cidr_block.overlaps(&desired.cidr_block);
        if clash {
            Replace::DeleteFirst
        } else {
            Replace::CreateFirst
        }
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let found = found
            .iter()
            .filter_map(|subnet| Some((subnet.subnet_id()?.into(), split_ec2(subnet.tags()).1)));
        Ok(by_address(wanted, found))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .create_subnet()
            .vpc_id(spec.vpc_id.as_str())
            .cidr_block(spec.cidr_block.to_string())
            .availability_zone(&spec.availability_zone)
            .tag_specifications(ec2_specification(
                ResourceType::Subnet,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer.subnet().and_then(|subnet| subnet.subnet_id());
        made("ec2:CreateSubnet", id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if let Some(on) = spec
            .map_public_ip_on_launch
            .filter(|_| changes.touch("/map_public_ip_on_launch"))
        {
            let value = AttributeBooleanValue::builder().value(on).build();
            let call = cloud
                .ec2
                .modify_subnet_attribute()
                .subnet_id(live.id.as_str())
                .map_public_ip_on_launch(value);
            call.send().ask().await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn holders(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        super::holders::interfaces(cloud, "subnet-id", live.id.as_str()).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.ec2.delete_subnet().subnet_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_replaced_create_first_unless_the_networks_overlap() {
        let old = Subnet::example();
        let with = |cidr: &str| Spec {
            cidr_block: cidr.parse().unwrap(),
            ..old.clone()
        };
        assert_eq!(
            Subnet::replacement(&old, &with("10.10.1.0/24")),
            Replace::CreateFirst
        );
        assert_eq!(
            Subnet::replacement(&old, &with("10.10.0.0/25")),
            Replace::DeleteFirst
        );
        let zone = Spec {
            availability_zone: "eu-west-1b".into(),
            ..old.clone()
        };
        assert_eq!(Subnet::replacement(&old, &zone), Replace::DeleteFirst);
    }
}
