//! `ec2.RouteTableAssociation`

use aws_sdk_ec2::types::{RouteTable, RouteTableAssociationStateCode};
use platctl_engine::fields::Fact::{Holds, Home, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order, route_tables};
use crate::Cloud;
use crate::errors::Ask;
use crate::types::{RouteTableId, SubnetId};

/// An association between a subnet and a route table. platctl uses the subnet ID as its ID: a subnet has at
/// most one association, and the ID that AWS assigns (`rtbassoc-…`) changes whenever the route table changes.
#[derive(Debug)]
pub struct RouteTableAssociation;

/// An association between a subnet and a route table. platctl uses the subnet ID as its ID: a subnet has at
/// most one association, and the ID that AWS assigns (`rtbassoc-…`) changes whenever the route table changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the subnet.
    pub subnet_id: S::In<SubnetId>,
    /// The ID of the route table. Can be changed in place, and the subnet always has a route table during the
    /// change.
    pub route_table_id: S::In<RouteTableId>,
}

platctl_engine::outputs! {
    /// Attributes of the association that other resources can reference.
    RouteTableAssociation {
        /// The association ID that AWS assigns, such as `rtbassoc-…`.
        ASSOCIATION_ID: association_id: String,
    }
}

fn lives(table: &RouteTable) -> impl Iterator<Item = Live<RouteTableAssociation>> {
    table.associations().iter().filter_map(|association| {
        let (state, message) = match association.association_state() {
            Some(state) => (state.state(), state.status_message().unwrap_or("failed")),
            None => (None, ""),
        };
        let phase = match state {
            Some(RouteTableAssociationStateCode::Associating) => {
                Phase::Settling("associating".into())
            }
            Some(RouteTableAssociationStateCode::Disassociating) => Phase::Deleting,
            Some(RouteTableAssociationStateCode::Disassociated) => return None,
            Some(RouteTableAssociationStateCode::Failed) => Phase::Failed(message.to_owned()),
            _ => Phase::Ready,
        };
        let subnet = association.subnet_id()?;
        let spec = Spec {
            subnet_id: subnet.into(),
            route_table_id: association.route_table_id()?.into(),
        };
        let outputs = Outputs {
            association_id: association.route_table_association_id()?.to_owned(),
        };
        Some(Live {
            id: subnet.into(),
            spec,
            outputs,
            owner: None,
            phase,
        })
    })
}

async fn read(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<RouteTableAssociation>>>> {
    let filters = id_filters("association.subnet-id", ids.iter().map(Id::as_str));
    let tables = route_tables(cloud, filters).await?;
    Ok(in_order(ids, tables.iter().flat_map(lives)))
}

async fn describe(
    cloud: &Cloud,
    ids: &[Id],
) -> CloudResult<Vec<Option<Live<RouteTableAssociation>>>> {
    read(cloud, ids).await
}

impl Kind for RouteTableAssociation {
    const NAME: &'static str = "ec2.RouteTableAssociation";
    const FIELDS: &'static Table = &[
        ("/subnet_id", &[Immutable, Home]),
        ("/route_table_id", &[Holds, Leads]),
    ];
    const VOLATILE: &'static [&'static str] = &["association_id"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:AssociateRouteTable"],
        update: &["ec2:ReplaceRouteTableAssociation"],
        delete: &["ec2:DisassociateRouteTable"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            subnet_id: "subnet-0123456789abcdef0".into(),
            route_table_id: "rtb-0123456789abcdef0".into(),
        }
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.subnet_id.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .associate_route_table()
            .subnet_id(spec.subnet_id.as_str());
        let call = call.route_table_id(spec.route_table_id.as_str());
        call.send().ask().await?;
        Ok(Id::from(spec.subnet_id.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let call = cloud
            .ec2
            .replace_route_table_association()
            .association_id(&live.outputs.association_id);
        let call = call.route_table_id(spec.route_table_id.as_str());
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .ec2
            .disassociate_route_table()
            .association_id(&live.outputs.association_id);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesOutput;
    use aws_sdk_ec2::operation::replace_route_table_association::ReplaceRouteTableAssociationOutput;
    use aws_sdk_ec2::types::{RouteTableAssociation as Association, RouteTableAssociationState};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    fn association(subnet: Option<&str>, state: RouteTableAssociationStateCode) -> Association {
        let state = RouteTableAssociationState::builder().state(state).build();
        let builder = Association::builder()
            .route_table_id("rtb-1")
            .association_state(state);
        builder
            .route_table_association_id("rtbassoc-1")
            .set_subnet_id(subnet.map(ToOwned::to_owned))
            .build()
    }

    #[tokio::test]
    async fn it_is_known_by_its_subnet_and_main_ones_are_left_out() {
        let list = mock!(aws_sdk_ec2::Client::describe_route_tables).then_output(|| {
            let table = RouteTable::builder()
                .associations(association(
                    None,
                    RouteTableAssociationStateCode::Associated,
                ))
                .associations(association(
                    Some("subnet-1"),
                    RouteTableAssociationStateCode::Associated,
                ))
                .associations(association(
                    Some("subnet-2"),
                    RouteTableAssociationStateCode::Disassociated,
                ))
                .build();
            DescribeRouteTablesOutput::builder()
                .route_tables(table)
                .build()
        });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let ids = ["subnet-1", "subnet-2"].map(Id::from);
        let found = RouteTableAssociation::describe(&cloud, &ids).await.unwrap();
        assert_eq!(
            found[0].as_ref().unwrap().spec.route_table_id.as_str(),
            "rtb-1"
        );
        assert!(found[1].is_none(), "disassociated is gone");
    }

    #[tokio::test]
    async fn another_table_replaces_the_association_in_place() {
        let replace = mock!(aws_sdk_ec2::Client::replace_route_table_association)
            .match_requests(|request| {
                request.association_id() == Some("rtbassoc-1")
                    && request.route_table_id() == Some("rtb-2")
            })
            .then_output(|| ReplaceRouteTableAssociationOutput::builder().build());
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&replace]).into(),
            ..cloud()
        };
        let table = RouteTable::builder()
            .associations(association(
                Some("subnet-1"),
                RouteTableAssociationStateCode::Associated,
            ))
            .build();
        let old = lives(&table).next().unwrap();
        let desired = Spec {
            subnet_id: "subnet-1".into(),
            route_table_id: "rtb-2".into(),
        };
        let asked = changes(&[("/route_table_id", json!("rtb-1"), json!("rtb-2"))]);
        RouteTableAssociation::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
    }
}
