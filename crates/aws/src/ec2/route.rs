//! `ec2.Route`

use aws_sdk_ec2::types::{RouteState, RouteTable};
use platctl_engine::fields::Fact::{Accepted, Home, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, route_tables};
use crate::Cloud;
use crate::errors::Ask;
use crate::types::{Cidr, InternetGatewayId, NatGatewayId, RouteTableId, unless_same};

/// A route in a route table. AWS assigns no ID to routes; platctl uses `rtb-…|0.0.0.0/0`.
#[derive(Debug)]
pub struct Route;

/// A route in a route table. AWS assigns no ID to routes; platctl uses `rtb-…|0.0.0.0/0`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the route table.
    pub route_table_id: S::In<RouteTableId>,
    /// The IPv4 CIDR block of the destination.
    pub destination_cidr_block: Cidr,
    /// The ID of an internet gateway as the target. A route must have exactly one target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<S::In<InternetGatewayId>>,
    /// The ID of a NAT gateway as the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway_id: Option<S::In<NatGatewayId>>,
    /// The ID of a transit gateway as the target, such as `tgw-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_id: Option<S::In<String>>,
    /// The ID of a VPC peering connection as the target, such as `pcx-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<S::In<String>>,
    /// The ID of a Gateway Load Balancer endpoint as the target, such as `vpce-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<S::In<String>>,
}

platctl_engine::outputs! {
    /// A route has no outputs.
    Route {}
}

fn id_of(table: &str, destination: &Cidr) -> Id {
    Id::from(format!("{table}|{destination}"))
}

fn split(id: &Id) -> Option<(&str, Cidr)> {
    let (table, destination) = id.as_str().split_once('|')?;
    Some((table, destination.parse().ok()?))
}

/// The live route. One whose target is gone is a `blackhole`: it shows as a route without a target.
fn live(table: &RouteTable, destination: Cidr) -> Option<Live<Route>> {
    let table_id = table.route_table_id()?;
    let is_it = |text: &str| text.parse() == Ok(destination);
    let route = table
        .routes()
        .iter()
        .find(|route| route.destination_cidr_block().is_some_and(is_it))?;
    let sound = route.state() != Some(&RouteState::Blackhole);
    let target = |id: Option<&str>| id.filter(|_| sound).map(ToOwned::to_owned);
    let endpoint = route.gateway_id().filter(|id| id.starts_with("vpce-"));
    let spec = Spec {
        route_table_id: table_id.into(),
        destination_cidr_block: destination,
        gateway_id: target(route.gateway_id().filter(|_| endpoint.is_none()))
            .map(InternetGatewayId::from),
        nat_gateway_id: target(route.nat_gateway_id()).map(NatGatewayId::from),
        transit_gateway_id: target(route.transit_gateway_id()),
        vpc_peering_connection_id: target(route.vpc_peering_connection_id()),
        vpc_endpoint_id: target(endpoint),
    };
    let id = id_of(table_id, &destination);
    Some(Live {
        id,
        spec,
        outputs: Outputs {},
        owner: None,
        phase: Phase::Ready,
    })
}

async fn read(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Route>>>> {
    let tables = ids.iter().filter_map(split).map(|(table, _)| table);
    let tables = route_tables(cloud, id_filters("route-table-id", tables)).await?;
    let find = |id: &Id| {
        let (table, destination) = split(id)?;
        tables
            .iter()
            .find(|found| found.route_table_id() == Some(table))
            .and_then(|found| live(found, destination))
    };
    Ok(ids.iter().map(find).collect())
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Route>>>> {
    read(cloud, ids).await
}

impl Kind for Route {
    const NAME: &'static str = "ec2.Route";
    const FIELDS: &'static Table = &[
        ("/route_table_id", &[Immutable, Home]),
        ("/destination_cidr_block", &[Immutable]),
        // A NAT gateway takes routes while it is pending.
        ("/nat_gateway_id", &[Accepted, Leads]),
        ("/gateway_id", &[Leads]),
        ("/transit_gateway_id", &[Leads]),
        ("/vpc_peering_connection_id", &[Leads]),
        ("/vpc_endpoint_id", &[Leads]),
    ];
    /// A table has one route for a destination, and another table another one.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:CreateRoute"],
        update: &["ec2:ReplaceRoute"],
        delete: &["ec2:DeleteRoute"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            route_table_id: "rtb-0123456789abcdef0".into(),
            destination_cidr_block: Cidr(ipnet::Ipv4Net::default()),
            gateway_id: None,
            nat_gateway_id: Some("nat-0123456789abcdef0".into()),
            transit_gateway_id: None,
            vpc_peering_connection_id: None,
            vpc_endpoint_id: None,
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/destination_cidr_block", json!("10.99.0.0/16"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let targets = [
            spec.gateway_id.is_some(),
            spec.nat_gateway_id.is_some(),
            spec.transit_gateway_id.is_some(),
            spec.vpc_peering_connection_id.is_some(),
            spec.vpc_endpoint_id.is_some(),
        ];
        match targets.iter().filter(|stated| **stated).count() {
            1 => Ok(()),
            count => Err(SpecError::new(
                "",
                format!("a route must have exactly one target, but this one has {count}"),
            )),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        let key = |spec: &Spec| id_of(spec.route_table_id.as_str(), &spec.destination_cidr_block);
        unless_same(&key(live), &key(desired))
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(
            spec.route_table_id.as_str(),
            &spec.destination_cidr_block,
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .create_route()
            .route_table_id(spec.route_table_id.as_str())
            .destination_cidr_block(spec.destination_cidr_block.to_string())
            .set_gateway_id(spec.gateway_id.as_ref().map(ToString::to_string))
            .set_nat_gateway_id(spec.nat_gateway_id.as_ref().map(ToString::to_string))
            .set_transit_gateway_id(spec.transit_gateway_id.clone())
            .set_vpc_peering_connection_id(spec.vpc_peering_connection_id.clone())
            .set_vpc_endpoint_id(spec.vpc_endpoint_id.clone());
        call.send().ask().await?;
        Ok(id_of(
            spec.route_table_id.as_str(),
            &spec.destination_cidr_block,
        ))
    }

    async fn update(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let call = cloud
            .ec2
            .replace_route()
            .route_table_id(spec.route_table_id.as_str())
            .destination_cidr_block(spec.destination_cidr_block.to_string())
            .set_gateway_id(spec.gateway_id.as_ref().map(ToString::to_string))
            .set_nat_gateway_id(spec.nat_gateway_id.as_ref().map(ToString::to_string))
            .set_transit_gateway_id(spec.transit_gateway_id.clone())
            .set_vpc_peering_connection_id(spec.vpc_peering_connection_id.clone())
            .set_vpc_endpoint_id(spec.vpc_endpoint_id.clone());
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .ec2
            .delete_route()
            .route_table_id(live.spec.route_table_id.as_str())
            .destination_cidr_block(live.spec.destination_cidr_block.to_string());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_route_whose_target_is_gone_has_no_target() {
        let list = mock!(aws_sdk_ec2::Client::describe_route_tables).then_output(|| {
            let route = |destination: &str, nat: &str, state| {
                let builder =
                    aws_sdk_ec2::types::Route::builder().destination_cidr_block(destination);
                builder.nat_gateway_id(nat).state(state).build()
            };
            let table = RouteTable::builder()
                .route_table_id("rtb-1")
                .routes(route("0.0.0.0/0", "nat-1", RouteState::Blackhole))
                .routes(route("10.9.0.0/16", "nat-2", RouteState::Active))
                .build();
            DescribeRouteTablesOutput::builder()
                .route_tables(table)
                .build()
        });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let ids = ["rtb-1|0.0.0.0/0", "rtb-1|10.9.0.0/16", "rtb-1|10.8.0.0/16"].map(Id::from);
        let found = Route::describe(&cloud, &ids).await.unwrap();
        let targets: Vec<_> = found
            .into_iter()
            .map(|live| live.map(|live| live.spec.nat_gateway_id))
            .collect();
        assert_eq!(targets, [Some(None), Some(Some("nat-2".into())), None]);
    }

    #[test]
    fn a_route_takes_one_target() {
        let none = Spec {
            nat_gateway_id: None,
            ..Route::example()
        };
        assert!(Route::check(&none).is_err());
        let two = Spec {
            gateway_id: Some("igw-1".into()),
            ..Route::example()
        };
        assert!(Route::check(&two).is_err());
        assert!(Route::check(&Route::example()).is_ok());
    }
}
