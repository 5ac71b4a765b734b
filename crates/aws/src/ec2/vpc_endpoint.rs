//! `ec2.VpcEndpoint`: gateway and interface endpoints.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, ResourceType, State, VpcEndpointType};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Read,
    Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{each_succeeded, id_filters, in_order, phase};
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{RouteTableId, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use crate::{Cloud, Policy};

/// A VPC endpoint, which provides a private connection to an AWS service.
#[derive(Debug)]
pub struct VpcEndpoint;

/// The type of a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Type {
    /// A gateway endpoint, which uses routes in route tables. For S3 and DynamoDB, free of charge.
    Gateway,
    /// An interface endpoint, which uses network interfaces in subnets.
    Interface,
}

/// A VPC endpoint, which provides a private connection to an AWS service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// The name of the service: `com.amazonaws.REGION.SERVICE`.
    pub service_name: String,
    /// The type of the endpoint: `Gateway` or `Interface`.
    pub vpc_endpoint_type: Type,
    /// The IDs of the route tables that receive the routes of a gateway endpoint. Gateway endpoints only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_table_ids: Option<S::In<BTreeSet<RouteTableId>>>,
    /// The IDs of the subnets for the network interfaces, one for each availability zone. Interface endpoints
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_ids: Option<S::In<BTreeSet<SubnetId>>>,
    /// The IDs of the security groups that control access to the endpoint. Interface endpoints only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<S::In<BTreeSet<SecurityGroupId>>>,
    /// Whether the default DNS name of the service resolves to the endpoint. Requires both DNS attributes of
    /// the VPC. Interface endpoints only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_enabled: Option<bool>,
    /// The endpoint policy, which controls access to the service through the endpoint. AWS default: full
    /// access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<S::In<Policy>>,
    /// Tags to assign to the VPC endpoint.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the VPC endpoint that other resources can reference.
    VpcEndpoint {
        /// The ID of the VPC endpoint, such as `vpce-…`.
        VPC_ENDPOINT_ID: vpc_endpoint_id: VpcEndpointId,
    }
}

async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::VpcEndpoint>> {
    let mut endpoints = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_vpc_endpoints()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        endpoints.extend(page.asked()?);
    }
    // The model writes states with capitals, the wire without.
    let deleted = |state: &State| state.as_str().eq_ignore_ascii_case("deleted");
    endpoints.retain(|endpoint| !endpoint.state().is_some_and(deleted));
    Ok(endpoints)
}

fn set<T: From<String> + Ord>(items: &[String]) -> BTreeSet<T> {
    items.iter().map(|item| T::from(item.clone())).collect()
}

fn live(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> Option<Live<VpcEndpoint>> {
    let (tags, owner) = split_ec2(endpoint.tags());
    let interface = endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Interface);
    let groups: Vec<String> = endpoint
        .groups()
        .iter()
        .filter_map(|group| group.group_id().map(ToOwned::to_owned))
        .collect();
    let spec = Spec {
        vpc_id: endpoint.vpc_id()?.into(),
        service_name: endpoint.service_name()?.to_owned(),
        vpc_endpoint_type: if interface {
            Type::Interface
        } else {
            Type::Gateway
        },
        route_table_ids: Some(set(endpoint.route_table_ids())),
        subnet_ids: Some(set(endpoint.subnet_ids())),
        security_group_ids: Some(set(&groups)),
        private_dns_enabled: Some(endpoint.private_dns_enabled().unwrap_or_default()),
        policy_document: endpoint.policy_document().and_then(Policy::parse),
        tags,
    };
    let id = endpoint.vpc_endpoint_id()?;
    let outputs = Outputs {
        vpc_endpoint_id: id.into(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: phase(endpoint.state().map(State::as_str)),
    })
}

/// What has to be added to `live` and removed from it.
fn edits<T: Ord + ToString>(
    live: Option<&BTreeSet<T>>,
    desired: Option<&BTreeSet<T>>,
) -> (Vec<String>, Vec<String>) {
    let Some(desired) = desired else {
        return (Vec::new(), Vec::new());
    };
    let empty = BTreeSet::new();
    let live = live.unwrap_or(&empty);
    let texts = |items: BTreeSet<&T>| items.into_iter().map(ToString::to_string).collect();
    (
        texts(desired.difference(live).collect()),
        texts(live.difference(desired).collect()),
    )
}

fn some(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

async fn modify(
    cloud: &Cloud,
    live: &Live<VpcEndpoint>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let old = &live.spec;
    let (add_tables, drop_tables) =
        edits(old.route_table_ids.as_ref(), spec.route_table_ids.as_ref());
    let (add_subnets, drop_subnets) = edits(old.subnet_ids.as_ref(), spec.subnet_ids.as_ref());
    let (add_groups, drop_groups) = edits(
        old.security_group_ids.as_ref(),
        spec.security_group_ids.as_ref(),
    );
    let (mut add_subnets, mut drop_subnets) = (some(add_subnets), some(drop_subnets));
    // Two subnets of one zone are refused, so what goes has to go before its successor comes.
    if add_subnets.is_some() && drop_subnets.is_some() {
        let call = cloud
            .ec2
            .modify_vpc_endpoint()
            .vpc_endpoint_id(live.id.as_str());
        let call = call.set_remove_subnet_ids(drop_subnets.take());
        call.send().ask().await?;
        // One modification at a time: the next look finds the rest still to be done.
        add_subnets = None;
    }
    let policy = spec
        .policy_document
        .as_ref()
        .filter(|_| changes.touch("/policy_document"));
    let rest = [&add_tables, &drop_tables, &add_groups, &drop_groups]
        .iter()
        .any(|list| !list.is_empty());
    let dns = spec
        .private_dns_enabled
        .filter(|_| changes.touch("/private_dns_enabled"));
    if !rest && add_subnets.is_none() && drop_subnets.is_none() && policy.is_none() && dns.is_none()
    {
        return Ok(());
    }
    let call = cloud
        .ec2
        .modify_vpc_endpoint()
        .vpc_endpoint_id(live.id.as_str())
        .set_add_route_table_ids(some(add_tables))
        .set_remove_route_table_ids(some(drop_tables))
        .set_add_subnet_ids(add_subnets)
        .set_remove_subnet_ids(drop_subnets)
        .set_add_security_group_ids(some(add_groups))
        .set_remove_security_group_ids(some(drop_groups))
        .set_private_dns_enabled(dns)
        .set_policy_document(policy.map(Policy::to_json));
    call.send().ask().await.map(drop)
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<VpcEndpoint>>>> {
    let found = read(
        cloud,
        id_filters("vpc-endpoint-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for VpcEndpoint {
    const NAME: &'static str = "ec2.VpcEndpoint";
    const FIELDS: &'static Table = &[
        ("/vpc_id", &[Immutable, Holds]),
        ("/service_name", &[Immutable]),
        ("/vpc_endpoint_type", &[Immutable]),
        ("/subnet_ids", &[Holds]),
        ("/security_group_ids", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeVpcEndpoints"],
        create: &[
            "ec2:CreateVpcEndpoint",
            "ec2:CreateTags",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "route53:AssociateVPCWithHostedZone",
        ],
        update: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteVpcEndpoints"],
    };
    const TIMING: Timing = Timing::seconds(120, 30, 60, 900);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &serde_json::Value, live: &serde_json::Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            service_name: "com.amazonaws.eu-west-1.logs".into(),
            vpc_endpoint_type: Type::Interface,
            route_table_ids: None,
            subnet_ids: Some(BTreeSet::from(["subnet-0123456789abcdef0".into()])),
            security_group_ids: Some(BTreeSet::from(["sg-0123456789abcdef0".into()])),
            private_dns_enabled: Some(true),
            policy_document: None,
            tags: Tags::from([("Name".into(), "prod-logs".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        // Amazon VPC's user guide: the default endpoint policy.
        let everything = serde_json::json!({
            "Version": "2008-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
        });
        vec![("policy_document", everything)]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/private_dns_enabled", json!(false)),
            (
                "/policy_document",
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents", "Resource": "*"}]}),
            ),
            ("/tags/Name", json!("other")),
            ("/service_name", json!("com.amazonaws.eu-west-1.sts")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        // AWS answers an empty list for what the type does not have.
        fn any<T>(list: &Option<BTreeSet<T>>) -> bool {
            list.as_ref().is_some_and(|list| !list.is_empty())
        }
        let (path, stated) = match spec.vpc_endpoint_type {
            Type::Gateway => (
                "/subnet_ids",
                any(&spec.subnet_ids) || any(&spec.security_group_ids),
            ),
            Type::Interface => ("/route_table_ids", any(&spec.route_table_ids)),
        };
        if stated {
            return Err(SpecError::new(
                path,
                "cannot be used with this type of endpoint",
            ));
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let id =
            |endpoint: &aws_sdk_ec2::types::VpcEndpoint| endpoint.vpc_endpoint_id().map(Id::from);
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|one| Some((id(one)?, split_ec2(one.tags()).1))),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let kind = match spec.vpc_endpoint_type {
            Type::Gateway => VpcEndpointType::Gateway,
            Type::Interface => VpcEndpointType::Interface,
        };
        let call = cloud
            .ec2
            .create_vpc_endpoint()
            .vpc_id(spec.vpc_id.as_str())
            .service_name(&spec.service_name)
            .vpc_endpoint_type(kind)
            .set_route_table_ids(
                spec.route_table_ids
                    .as_ref()
                    .map(|ids| ids.iter().map(ToString::to_string).collect()),
            )
            .set_subnet_ids(
                spec.subnet_ids
                    .as_ref()
                    .map(|ids| ids.iter().map(ToString::to_string).collect()),
            )
            .set_security_group_ids(
                spec.security_group_ids
                    .as_ref()
                    .map(|ids| ids.iter().map(ToString::to_string).collect()),
            )
            .set_private_dns_enabled(spec.private_dns_enabled)
            .set_policy_document(spec.policy_document.as_ref().map(Policy::to_json))
            .client_token(&claim.token)
            .tag_specifications(ec2_specification(
                ResourceType::VpcEndpoint,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer
            .vpc_endpoint()
            .and_then(|endpoint| endpoint.vpc_endpoint_id());
        made("ec2:CreateVpcEndpoint", id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        modify(cloud, live, spec, changes).await?;
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    fn is_detachable() -> bool {
        true
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let operation = "ec2:DeleteVpcEndpoints";
        let call = cloud
            .ec2
            .delete_vpc_endpoints()
            .vpc_endpoint_ids(live.id.as_str());
        let answer = call.send().ask().await?;
        each_succeeded(operation, answer.unsuccessful())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::delete_vpc_endpoints::DeleteVpcEndpointsOutput;
    use aws_sdk_ec2::operation::modify_vpc_endpoint::ModifyVpcEndpointOutput;
    use aws_sdk_ec2::types::{UnsuccessfulItem, UnsuccessfulItemError};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::{Class, Phase};
    use serde_json::json;

    fn endpoint(state: &str) -> Live<VpcEndpoint> {
        let builder = aws_sdk_ec2::types::VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .vpc_id("vpc-1");
        let builder = builder
            .service_name("com.amazonaws.eu-west-1.sts")
            .state(State::from(state));
        let builder = builder.vpc_endpoint_type(VpcEndpointType::Interface);
        live(
            &builder
                .subnet_ids("subnet-1")
                .subnet_ids("subnet-2")
                .build(),
        )
        .unwrap()
    }

    #[test]
    fn states_are_compared_whatever_their_case() {
        assert_eq!(endpoint("available").phase, Phase::Ready);
        assert_eq!(endpoint("Available").phase, Phase::Ready);
        assert!(matches!(
            endpoint("pendingAcceptance").phase,
            Phase::Settling(_)
        ));
        assert!(matches!(endpoint("Rejected").phase, Phase::Failed(_)));
    }

    #[tokio::test]
    async fn a_subnet_leaves_before_its_successor_of_the_same_zone_comes() {
        let modify = mock!(aws_sdk_ec2::Client::modify_vpc_endpoint)
            .match_requests(|request| {
                request.remove_subnet_ids() == ["subnet-2"] && request.add_subnet_ids().is_empty()
            })
            .then_output(|| ModifyVpcEndpointOutput::builder().build());
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&modify]).into(),
            ..cloud()
        };
        let old = endpoint("available");
        let subnets = ["subnet-1", "subnet-3"].map(SubnetId::from);
        let desired = Spec {
            subnet_ids: Some(subnets.into()),
            ..old.spec.clone()
        };
        let asked = changes(&[("/subnet_ids", json!(["subnet-2"]), json!(["subnet-3"]))]);
        VpcEndpoint::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(modify.num_calls(), 1, "the rest is for the next update");
    }

    #[tokio::test]
    async fn a_call_that_succeeds_may_have_deleted_nothing() {
        let delete = mock!(aws_sdk_ec2::Client::delete_vpc_endpoints).then_output(|| {
            let error = UnsuccessfulItemError::builder()
                .code("InvalidVpcEndpoint.NotFound")
                .message("gone");
            let item = UnsuccessfulItem::builder()
                .resource_id("vpce-1")
                .error(error.build())
                .build();
            DeleteVpcEndpointsOutput::builder()
                .unsuccessful(item)
                .build()
        });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&delete]).into(),
            ..cloud()
        };
        let error = VpcEndpoint::delete(&cloud, &endpoint("available"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.class, error.code.as_deref()),
            (Class::NotFound, Some("InvalidVpcEndpoint.NotFound"))
        );
    }
}
