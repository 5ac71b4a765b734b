//! The blocks of addresses that are in use in a region: of its VPCs, and of what they are peered with.

use aws_sdk_ec2::types::{Vpc, VpcPeeringConnection, VpcPeeringConnectionVpcInfo};
use platctl_engine::{CloudResult, Owner};

use crate::Cloud;
use crate::errors::Asked;
use crate::tags::split_ec2;

/// A block of addresses that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The CIDR block.
    pub cidr: String,
    /// Whose VPC it is; none where it is nobody's, and for what is peered with.
    pub owner: Option<Owner>,
}

/// The states of a connection that leads, or will lead, to another network.
const PEERED: [&str; 4] = [
    "active",
    "initiating-request",
    "pending-acceptance",
    "provisioning",
];

/// The states of a block that a VPC does not have, or no more.
const GONE: [&str; 3] = ["disassociated", "failed", "failing"];

/// All blocks in use in the region.
pub(crate) async fn blocks(cloud: &Cloud) -> CloudResult<Vec<Block>> {
    let vpcs = async {
        let pages = cloud.ec2.describe_vpcs().into_paginator().items().send();
        let found: Result<Vec<Vpc>, _> = pages.collect().await;
        found.asked()
    };
    let peered = async {
        let call = cloud.ec2.describe_vpc_peering_connections();
        let pages = call.into_paginator().items().send();
        let found: Result<Vec<VpcPeeringConnection>, _> = pages.collect().await;
        found.asked()
    };
    let (vpcs, peered) = futures::try_join!(vpcs, peered)?;
    let own = vpcs.iter().flat_map(of_vpc);
    let peered = peered.iter().filter(|connection| leads(connection));
    Ok(own.chain(peered.flat_map(of_connection)).collect())
}

/// Whether a connection leads to another network. Those that were deleted are still listed for some time.
fn leads(connection: &VpcPeeringConnection) -> bool {
    let code = connection.status().and_then(|status| status.code());
    code.is_none_or(|code| PEERED.contains(&code.as_str()))
}

/// A VPC can have further blocks. One that is being removed is still in use.
fn of_vpc(vpc: &Vpc) -> Vec<Block> {
    let (_, owner) = split_ec2(vpc.tags());
    let further = vpc.cidr_block_association_set().iter().filter(|one| {
        let state = one.cidr_block_state().and_then(|state| state.state());
        !state.is_some_and(|state| GONE.contains(&state.as_str()))
    });
    let mut cidrs: Vec<&str> = further.filter_map(|one| one.cidr_block()).collect();
    cidrs.extend(vpc.cidr_block());
    cidrs.sort_unstable();
    cidrs.dedup();
    let block = |cidr: &str| Block {
        cidr: cidr.to_owned(),
        owner: owner.clone(),
    };
    cidrs.into_iter().map(block).collect()
}

fn of_connection(connection: &VpcPeeringConnection) -> Vec<Block> {
    let sides = [
        connection.accepter_vpc_info(),
        connection.requester_vpc_info(),
    ];
    sides.into_iter().flatten().flat_map(of_side).collect()
}

fn of_side(side: &VpcPeeringConnectionVpcInfo) -> Vec<Block> {
    let all = side
        .cidr_block_set()
        .iter()
        .filter_map(|one| one.cidr_block());
    let block = |cidr: &str| Block {
        cidr: cidr.to_owned(),
        owner: None,
    };
    all.chain(side.cidr_block()).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ec2::operation::describe_vpc_peering_connections::DescribeVpcPeeringConnectionsOutput;
    use aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsOutput;
    use aws_sdk_ec2::types::{
        Tag, VpcCidrBlockAssociation, VpcCidrBlockState, VpcCidrBlockStateCode,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn further(cidr: &str, state: VpcCidrBlockStateCode) -> VpcCidrBlockAssociation {
        let state = VpcCidrBlockState::builder().state(state).build();
        VpcCidrBlockAssociation::builder()
            .cidr_block(cidr)
            .cidr_block_state(state)
            .build()
    }

    fn vpc() -> Vpc {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        Vpc::builder()
            .cidr_block("10.64.0.0/20")
            .cidr_block_association_set(further("10.64.0.0/20", VpcCidrBlockStateCode::Associated))
            .cidr_block_association_set(further("100.64.0.0/16", VpcCidrBlockStateCode::Associated))
            .cidr_block_association_set(further(
                "10.9.0.0/16",
                VpcCidrBlockStateCode::Disassociated,
            ))
            .tags(tag("platctl:stack", "pr-1"))
            .tags(tag("platctl:address", "network.vpc"))
            .build()
    }

    #[tokio::test]
    async fn further_blocks_and_those_of_peers_are_in_use() {
        let vpcs = mock!(aws_sdk_ec2::Client::describe_vpcs)
            .then_output(|| DescribeVpcsOutput::builder().vpcs(vpc()).build());
        let peers =
            mock!(aws_sdk_ec2::Client::describe_vpc_peering_connections).then_output(|| {
                let far = VpcPeeringConnectionVpcInfo::builder()
                    .cidr_block("10.80.0.0/16")
                    .build();
                DescribeVpcPeeringConnectionsOutput::builder()
                    .vpc_peering_connections(
                        VpcPeeringConnection::builder()
                            .accepter_vpc_info(far)
                            .build(),
                    )
                    .build()
            });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, &[&vpcs, &peers]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let found = blocks(&cloud).await.unwrap();
        let cidrs: Vec<&str> = found.iter().map(|block| block.cidr.as_str()).collect();
        assert_eq!(cidrs, ["10.64.0.0/20", "100.64.0.0/16", "10.80.0.0/16"]);
        let owners: Vec<_> = found.iter().map(|block| block.owner.as_ref()).collect();
        assert_eq!(owners[0].map(|owner| owner.stack.as_str()), Some("pr-1"));
        assert_eq!(owners[2], None);
    }
}
