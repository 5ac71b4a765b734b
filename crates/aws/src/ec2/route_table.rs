//! `ec2.RouteTable`

use aws_sdk_ec2::types::{ResourceType, Route, RouteOrigin};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order, route_tables};
use crate::Cloud;
use crate::errors::{Ask, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{RouteTableId, VpcId};

/// A VPC route table. Routes and subnet associations are separate kinds. Routes that AWS adds (`local`, those
/// of gateway endpoints, and propagated ones) are not managed.
#[derive(Debug)]
pub struct RouteTable;

/// A VPC route table. Routes and subnet associations are separate kinds. Routes that AWS adds (`local`, those
/// of gateway endpoints, and propagated ones) are not managed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// Tags to assign to the route table.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the route table that other resources can reference.
    RouteTable {
        /// The ID of the route table, such as `rtb-…`.
        ROUTE_TABLE_ID: route_table_id: RouteTableId,
    }
}

fn live(table: &aws_sdk_ec2::types::RouteTable) -> Option<Live<RouteTable>> {
    let (tags, owner) = split_ec2(table.tags());
    let id = table.route_table_id()?;
    let spec = Spec {
        vpc_id: table.vpc_id()?.into(),
        tags,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs: Outputs {
            route_table_id: id.into(),
        },
        owner,
        phase: Phase::Ready,
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<RouteTable>>>> {
    let found = route_tables(
        cloud,
        id_filters("route-table-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

fn attached(table: &str, route: &Route) -> Option<Attached> {
    let to = route
        .destination_cidr_block()
        .or(route.destination_ipv6_cidr_block())?;
    Some(Attached {
        kind: super::route::Route::NAME,
        id: format!("{table}|{to}").into(),
        what: format!("route {to}"),
    })
}

impl Kind for RouteTable {
    const NAME: &'static str = "ec2.RouteTable";
    const FIELDS: &'static Table = &[("/vpc_id", &[Immutable, Holds])];
    /// It has no name: subnets move over to the new one before the old one goes.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:CreateRouteTable", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteRouteTable"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            tags: Tags::from([("Name".into(), "prod-private-a".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/tags/Name", json!("other"))]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = route_tables(cloud, vec![owned_by(wanted)]).await?;
        let found = found
            .iter()
            .filter_map(|table| Some((table.route_table_id()?.into(), split_ec2(table.tags()).1)));
        Ok(by_address(wanted, found))
    }

    async fn attached(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        let tables = route_tables(cloud, id_filters("route-table-id", [live.id.as_str()])).await?;
        // Routes that AWS makes by itself, for the network and for endpoints, are nobody's.
        let made = |route: &&Route| route.origin() == Some(&RouteOrigin::CreateRoute);
        let routes = tables.iter().flat_map(|table| table.routes()).filter(made);
        Ok(routes
            .filter_map(|route| attached(live.id.as_str(), route))
            .collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .create_route_table()
            .vpc_id(spec.vpc_id.as_str())
            .client_token(&claim.token)
            .tag_specifications(ec2_specification(
                ResourceType::RouteTable,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer
            .route_table()
            .and_then(|table| table.route_table_id());
        made("ec2:CreateRouteTable", id)
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
            .delete_route_table()
            .route_table_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{claim, cloud};
    use aws_sdk_ec2::operation::create_route_table::CreateRouteTableOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::Class;

    #[tokio::test]
    async fn a_repeated_creation_carries_the_same_token() {
        let make = mock!(aws_sdk_ec2::Client::create_route_table)
            .match_requests(|request| request.client_token() == Some("platctl-token"))
            .then_output(|| {
                let table = aws_sdk_ec2::types::RouteTable::builder()
                    .route_table_id("rtb-1")
                    .build();
                CreateRouteTableOutput::builder().route_table(table).build()
            });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::MatchAny, &[&make]).into(),
            ..cloud()
        };
        for _ in 0..2 {
            let id = RouteTable::create(&cloud, &RouteTable::example(), &claim())
                .await
                .unwrap();
            assert_eq!(id, Id::from("rtb-1"));
        }
        assert_eq!(make.num_calls(), 2);
    }

    #[tokio::test]
    async fn an_answer_without_an_id_is_a_lost_answer() {
        let make = mock!(aws_sdk_ec2::Client::create_route_table)
            .then_output(|| CreateRouteTableOutput::builder().build());
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&make]).into(),
            ..cloud()
        };
        let error = RouteTable::create(&cloud, &RouteTable::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Interrupted);
    }
}
