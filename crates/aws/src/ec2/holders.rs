//! What keeps a VPC, a subnet or a security group from being deleted.

use aws_sdk_ec2::types::{NetworkInterface, Tag, VpcEndpoint};
use platctl_engine::{Attached, CloudResult, Id, Kind};

use super::internet_gateway::InternetGateway;
use super::route_table::RouteTable;
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::vpc_endpoint;
use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::leftovers::{self, Made};
use crate::tags::{Tags, filter, split_ec2};

/// What an object is called, and whose it is, as far as its tags say.
fn whose(tags: &[Tag]) -> Option<String> {
    let (others, owner) = split_ec2(tags);
    match owner {
        Some(owner) => Some(format!("`{}` of stack `{}`", owner.address, owner.stack)),
        None => others.get("Name").map(|name| format!("named {name}")),
    }
}

/// Who made it for which cluster, where its tags say so, or whose it is.
fn made_or_owned(tags: &[Tag], made: impl Fn(&Tags) -> Option<Made>) -> Option<String> {
    let made = leftovers::tags_of(tags).and_then(|tags| made(&tags));
    let words = |made: Made| {
        format!(
            "made by {} for the cluster {}, {}",
            made.by, made.cluster, made.known_by
        )
    };
    made.map(words).or_else(|| whose(tags))
}

fn attached(
    kind: &'static str,
    words: &str,
    id: Option<&str>,
    about: Vec<Option<String>>,
) -> Option<Attached> {
    let id = id?;
    let about: Vec<String> = about
        .into_iter()
        .flatten()
        .filter(|one| !one.is_empty())
        .collect();
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(" ({})", about.join("; "))
    };
    Some(Attached {
        kind,
        id: Id::from(id),
        what: format!("{words} {id}{about}"),
    })
}

fn interface(one: &NetworkInterface) -> Option<Attached> {
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let by = one.requester_id().map(|id| format!("created by {id}"));
    attached(
        "ec2.NetworkInterface",
        "network interface",
        one.network_interface_id(),
        vec![
            text(one.description()),
            by.or_else(|| made_or_owned(one.tag_set(), leftovers::interface)),
        ],
    )
}

async fn selected(cloud: &Cloud, name: &str, value: &str) -> CloudResult<Vec<NetworkInterface>> {
    let call = cloud
        .ec2
        .describe_network_interfaces()
        .filters(filter(name, [value]));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    found.asked()
}

/// The network interfaces that a filter selects: of a subnet, or with a group.
pub(super) async fn interfaces(
    cloud: &Cloud,
    name: &str,
    value: &str,
) -> CloudResult<Vec<Attached>> {
    let found = selected(cloud, name, value).await?;
    Ok(found.iter().filter_map(interface).collect())
}

/// The network interfaces with a security group, in words, and whether each goes by itself: those of a load balancer
/// do when it is gone, those of a node with the node.
pub(crate) async fn interfaces_with(
    cloud: &Cloud,
    group: &str,
) -> CloudResult<Vec<(String, bool)>> {
    let found = selected(cloud, "group-id", group).await?;
    let passes = |one: &NetworkInterface| {
        let made = leftovers::tags_of(one.tag_set()).and_then(|tags| leftovers::interface(&tags));
        one.requester_id() == Some("amazon-elb") || made.is_some()
    };
    let words = |one: &NetworkInterface| Some((interface(one)?.what, passes(one)));
    Ok(found.iter().filter_map(words).collect())
}

/// The endpoints in a VPC that a test selects: each has interfaces in its subnets, with its groups.
pub(super) async fn endpoints(
    cloud: &Cloud,
    vpc: &str,
    uses: impl Fn(&VpcEndpoint) -> bool,
) -> CloudResult<Vec<Attached>> {
    let call = cloud
        .ec2
        .describe_vpc_endpoints()
        .filters(filter("vpc-id", [vpc]));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found
        .iter()
        .filter(|one| uses(one))
        .filter_map(endpoint)
        .collect())
}

fn endpoint(one: &VpcEndpoint) -> Option<Attached> {
    let service = one.service_name().map(ToOwned::to_owned);
    attached(
        vpc_endpoint::VpcEndpoint::NAME,
        "endpoint",
        one.vpc_endpoint_id(),
        vec![service, whose(one.tags())],
    )
}

/// What is in a VPC, except for what goes with it.
pub(super) async fn of_vpc(cloud: &Cloud, vpc: &str) -> CloudResult<Vec<Attached>> {
    let here = || filter("vpc-id", [vpc]);
    let subnets = cloud
        .ec2
        .describe_subnets()
        .filters(here())
        .into_paginator()
        .items()
        .send()
        .collect();
    let groups = cloud
        .ec2
        .describe_security_groups()
        .filters(here())
        .into_paginator()
        .items()
        .send()
        .collect();
    let gateways = cloud
        .ec2
        .describe_internet_gateways()
        .filters(filter("attachment.vpc-id", [vpc]))
        .send()
        .ask();
    let (endpoints, subnets, groups, gateways, tables, interfaces) = futures::join!(
        endpoints(cloud, vpc, |_| true),
        subnets,
        groups,
        gateways,
        super::route_tables(cloud, vec![here()]),
        interfaces(cloud, "vpc-id", vpc),
    );
    let (subnets, groups): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (subnets, groups);
    let mut all = interfaces?;
    all.extend(endpoints?);
    all.extend(subnets.asked()?.iter().filter_map(|one| {
        attached(
            Subnet::NAME,
            "subnet",
            one.subnet_id(),
            vec![whose(one.tags())],
        )
    }));
    all.extend(
        groups
            .asked()?
            .iter()
            .filter(|one| one.group_name() != Some("default"))
            .filter_map(|one| {
                let name = one.group_name().map(ToOwned::to_owned);
                let made =
                    |tags: &Tags| leftovers::group(one.group_name().unwrap_or_default(), tags);
                attached(
                    SecurityGroup::NAME,
                    "security group",
                    one.group_id(),
                    vec![name, made_or_owned(one.tags(), made)],
                )
            }),
    );
    all.extend(gateways?.internet_gateways().iter().filter_map(|one| {
        attached(
            InternetGateway::NAME,
            "internet gateway",
            one.internet_gateway_id(),
            vec![whose(one.tags())],
        )
    }));
    let main = |table: &aws_sdk_ec2::types::RouteTable| {
        table
            .associations()
            .iter()
            .any(|one| one.main() == Some(true))
    };
    all.extend(
        tables?
            .iter()
            .filter(|table| !main(table))
            .filter_map(|one| {
                attached(
                    RouteTable::NAME,
                    "route table",
                    one.route_table_id(),
                    vec![whose(one.tags())],
                )
            }),
    );
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ec2::operation::describe_network_interfaces::DescribeNetworkInterfacesOutput;
    use aws_sdk_ec2::operation::describe_vpc_endpoints::DescribeVpcEndpointsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn an_endpoint_is_named_with_its_service_where_it_uses_the_subnet() {
        let found = mock!(aws_sdk_ec2::Client::describe_vpc_endpoints).then_output(|| {
            let made = |id: &str, subnet: &str| {
                VpcEndpoint::builder()
                    .vpc_endpoint_id(id)
                    .service_name("com.amazonaws.eu-west-1.ssm")
                    .subnet_ids(subnet)
                    .build()
            };
            DescribeVpcEndpointsOutput::builder()
                .vpc_endpoints(made("vpce-1", "subnet-1"))
                .vpc_endpoints(made("vpce-2", "subnet-2"))
                .build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&found]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let uses = |one: &VpcEndpoint| one.subnet_ids().contains(&"subnet-2".to_owned());
        let all = endpoints(&cloud, "vpc-1", uses).await.unwrap();
        assert_eq!(
            all,
            [Attached {
                kind: "ec2.VpcEndpoint",
                id: "vpce-2".into(),
                what: "endpoint vpce-2 (com.amazonaws.eu-west-1.ssm)".into(),
            }]
        );
    }

    #[tokio::test]
    async fn an_interface_is_named_with_what_it_is_for_and_who_made_it() {
        let found = mock!(aws_sdk_ec2::Client::describe_network_interfaces).then_output(|| {
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            let balancer = NetworkInterface::builder()
                .network_interface_id("eni-1")
                .description("ELB app/k8s-web/50dc6c495c0c9188")
                .requester_id("amazon-elb");
            let ours = NetworkInterface::builder()
                .network_interface_id("eni-2")
                .tag_set(tag("platctl:stack", "other"))
                .tag_set(tag("platctl:address", "network.x"));
            DescribeNetworkInterfacesOutput::builder()
                .network_interfaces(balancer.build())
                .network_interfaces(ours.build())
                .build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&found]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let all = interfaces(&cloud, "group-id", "sg-1").await.unwrap();
        let words: Vec<&str> = all.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            words,
            [
                "network interface eni-1 (ELB app/k8s-web/50dc6c495c0c9188; created by amazon-elb)",
                "network interface eni-2 (`network.x` of stack `other`)",
            ]
        );
    }
}
