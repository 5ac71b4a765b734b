//! `ec2.Vpc`

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, Tenancy, VpcAttributeName};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Candidate, Change, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live,
    Owner, Permissions, Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{default_group, id_filters, in_order, phase};
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{Cidr, VpcId};

/// A virtual private cloud (VPC).
#[derive(Debug)]
pub struct Vpc;

/// A virtual private cloud (VPC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The primary IPv4 CIDR block of the VPC, /16 to /28. Cannot be changed.
    pub cidr_block: Cidr,
    /// Whether DNS resolution through the Amazon DNS server is enabled. AWS default: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_support: Option<bool>,
    /// Whether instances receive public DNS hostnames. Requires `enable_dns_support`. AWS default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_hostnames: Option<bool>,
    /// Whether the default security group of the VPC has rules. `false` removes all of its rules, so that
    /// resources that are created without a security group cannot communicate. AWS default: `true`: all
    /// traffic within the group, and all outbound traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_security_group_rules: Option<bool>,
    /// The tenancy of instances: `default` or `dedicated`. Only `dedicated` can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_tenancy: Option<String>,
    /// Tags to assign to the VPC.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[doc(hidden)]
    #[serde(skip)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the VPC that other resources can reference.
    Vpc {
        /// The ID of the VPC, such as `vpc-…`.
        VPC_ID: vpc_id: VpcId,
        /// The primary IPv4 CIDR block of the VPC.
        CIDR_BLOCK: cidr_block: Cidr,
    }
}

async fn read(cloud: &Cloud, filters: Vec<Filter>) -> CloudResult<Vec<aws_sdk_ec2::types::Vpc>> {
    let mut vpcs = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_vpcs()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        vpcs.extend(page.asked()?);
    }
    Ok(vpcs)
}

async fn attribute(cloud: &Cloud, id: &str, name: VpcAttributeName) -> CloudResult<bool> {
    let call = cloud
        .ec2
        .describe_vpc_attribute()
        .vpc_id(id)
        .attribute(name.clone());
    let answer = call.send().ask().await?;
    let value = match name {
        VpcAttributeName::EnableDnsHostnames => answer.enable_dns_hostnames(),
        _ => answer.enable_dns_support(),
    };
    Ok(value
        .and_then(AttributeBooleanValue::value)
        .unwrap_or_default())
}

/// DNS hostnames need DNS support, so where they are on the second question can be spared.
async fn dns(cloud: &Cloud, id: &str) -> CloudResult<(bool, bool)> {
    let hostnames = attribute(cloud, id, VpcAttributeName::EnableDnsHostnames).await?;
    let support = hostnames || attribute(cloud, id, VpcAttributeName::EnableDnsSupport).await?;
    Ok((support, hostnames))
}

async fn live(
    cloud: &Cloud,
    vpc: aws_sdk_ec2::types::Vpc,
    rules: &BTreeMap<String, bool>,
) -> CloudResult<Option<Live<Vpc>>> {
    let Some(id) = vpc.vpc_id() else {
        return Ok(None);
    };
    let Some(cidr_block) = vpc.cidr_block().and_then(|text| text.parse().ok()) else {
        return Ok(None);
    };
    let (support, hostnames) = match dns(cloud, id).await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let (tags, owner) = split_ec2(vpc.tags());
    let spec = Spec {
        cidr_block,
        enable_dns_support: Some(support),
        enable_dns_hostnames: Some(hostnames),
        default_security_group_rules: rules.get(id).copied(),
        instance_tenancy: vpc
            .instance_tenancy()
            .map(|tenancy| tenancy.as_str().to_owned()),
        tags,
        stage: std::marker::PhantomData,
    };
    let outputs = Outputs {
        vpc_id: id.into(),
        cidr_block,
    };
    let phase = phase(vpc.state().map(aws_sdk_ec2::types::VpcState::as_str));
    Ok(Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase,
    }))
}

async fn set_dns(
    cloud: &Cloud,
    id: &Id,
    support: Option<bool>,
    hostnames: Option<bool>,
) -> CloudResult<()> {
    let value = |on| AttributeBooleanValue::builder().value(on).build();
    // One attribute a call. Hostnames need support: on after it, off before it.
    let mut calls = [
        support.map(|on| (true, on)),
        hostnames.map(|on| (false, on)),
    ];
    if support == Some(false) {
        calls.reverse();
    }
    for (is_support, on) in calls.into_iter().flatten() {
        let call = cloud.ec2.modify_vpc_attribute().vpc_id(id.as_str());
        let call = if is_support {
            call.enable_dns_support(value(on))
        } else {
            call.enable_dns_hostnames(value(on))
        };
        call.send().ask().await?;
    }
    Ok(())
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Vpc>>>> {
    let found = read(cloud, id_filters("vpc-id", ids.iter().map(Id::as_str))).await?;
    let known: Vec<&str> = found.iter().filter_map(|vpc| vpc.vpc_id()).collect();
    let rules = default_group::have_rules(cloud, &known).await?;
    let lives = each(cloud, "reading attributes of VPCs", found, |vpc| {
        live(cloud, vpc, &rules)
    })
    .await?;
    Ok(in_order(ids, lives.into_iter().flatten()))
}

impl Kind for Vpc {
    const NAME: &'static str = "ec2.Vpc";
    const FIELDS: &'static Table = &[
        ("/cidr_block", &[Immutable]),
        ("/instance_tenancy", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeSecurityGroups",
        ],
        create: &["ec2:CreateVpc", "ec2:CreateTags"],
        update: &[
            "ec2:ModifyVpcAttribute",
            "ec2:ModifyVpcTenancy",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &[
            "ec2:DeleteVpc",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
        ],
    };
    const TIMING: Timing = Timing::seconds(3, 1, 1, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cidr_block: Cidr(ipnet::Ipv4Net::new_assert([10, 10, 0, 0].into(), 16)),
            enable_dns_support: Some(true),
            enable_dns_hostnames: Some(true),
            default_security_group_rules: Some(false),
            instance_tenancy: Some("default".into()),
            tags: Tags::from([("Name".into(), "prod".into())]),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/enable_dns_hostnames", json!(false)),
            ("/default_security_group_rules", json!(true)),
            ("/tags/Name", json!("other")),
            ("/cidr_block", json!("10.12.0.0/16")),
            ("/instance_tenancy", json!("dedicated")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(16..=28).contains(&spec.cidr_block.0.prefix_len()) {
            return Err(SpecError::new(
                "/cidr_block",
                format!("{} must be between /16 and /28", spec.cidr_block),
            ));
        }
        if spec.enable_dns_hostnames == Some(true) && spec.enable_dns_support == Some(false) {
            return Err(SpecError::new(
                "/enable_dns_hostnames",
                "requires enable_dns_support",
            ));
        }
        match spec.instance_tenancy.as_deref() {
            None | Some("default" | "dedicated") => Ok(()),
            Some(_) => Err(SpecError::new(
                "/instance_tenancy",
                "must be `default` or `dedicated`",
            )),
        }
    }

    /// AWS turns `dedicated` into `default` in place, but not back.
    fn replaces(change: &Change) -> bool {
        change.path == "/cidr_block"
            || (change.path == "/instance_tenancy"
                && change.after.as_ref() != Some(&json!("default")))
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let found = found
            .iter()
            .filter_map(|vpc| Some((vpc.vpc_id()?.into(), split_ec2(vpc.tags()).1)));
        Ok(by_address(wanted, found))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tenancy = spec.instance_tenancy.as_deref().map(Tenancy::from);
        let call = cloud
            .ec2
            .create_vpc()
            .cidr_block(spec.cidr_block.to_string())
            .set_instance_tenancy(tenancy)
            .tag_specifications(ec2_specification(
                ResourceType::Vpc,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer.vpc().and_then(|vpc| vpc.vpc_id());
        made("ec2:CreateVpc", id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let support = spec
            .enable_dns_support
            .filter(|_| changes.touch("/enable_dns_support"));
        let hostnames = spec
            .enable_dns_hostnames
            .filter(|_| changes.touch("/enable_dns_hostnames"));
        set_dns(cloud, &live.id, support, hostnames).await?;
        if let Some(rules) = spec
            .default_security_group_rules
            .filter(|_| changes.touch("/default_security_group_rules"))
        {
            default_group::set_rules(cloud, live.id.as_str(), rules).await?;
        }
        if changes.touch("/instance_tenancy") {
            let call = cloud.ec2.modify_vpc_tenancy().vpc_id(live.id.as_str());
            let call = call.instance_tenancy(aws_sdk_ec2::types::VpcTenancy::Default);
            call.send().ask().await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn holders(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        super::holders::of_vpc(cloud, live.id.as_str()).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.ec2.delete_vpc().vpc_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, claim, cloud, owner};
    use aws_sdk_ec2::operation::authorize_security_group_egress::AuthorizeSecurityGroupEgressOutput;
    use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressOutput;
    use aws_sdk_ec2::operation::create_vpc::CreateVpcOutput;
    use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsOutput;
    use aws_sdk_ec2::operation::describe_vpc_attribute::DescribeVpcAttributeOutput;
    use aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsOutput;
    use aws_sdk_ec2::operation::modify_vpc_attribute::ModifyVpcAttributeOutput;
    use aws_sdk_ec2::operation::revoke_security_group_egress::RevokeSecurityGroupEgressOutput;
    use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressOutput;
    use aws_sdk_ec2::types::{IpPermission, SecurityGroup, Tag, UserIdGroupPair, VpcState};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::Phase;

    fn tag(key: &str, value: &str) -> Tag {
        Tag::builder().key(key).value(value).build()
    }

    fn answer() -> aws_sdk_ec2::types::Vpc {
        aws_sdk_ec2::types::Vpc::builder()
            .vpc_id("vpc-1")
            .cidr_block("10.10.0.0/16")
            .state(VpcState::Pending)
            .instance_tenancy(Tenancy::Default)
            .tags(tag("Name", "prod"))
            .tags(tag("aws:x", "y"))
            .tags(tag("platctl:stack", "prod"))
            .tags(tag("platctl:address", "network.thing"))
            .tags(tag("platctl:generation", "1"))
            .tags(tag("platctl:region", "eu-west-1"))
            .tags(tag("platctl:lineage", "0123456789abcdef0123456789abcdef"))
            .build()
    }

    #[tokio::test]
    async fn describe_costs_three_calls_where_hostnames_are_on() {
        let list = mock!(aws_sdk_ec2::Client::describe_vpcs)
            .then_output(|| DescribeVpcsOutput::builder().vpcs(answer()).build());
        let on = AttributeBooleanValue::builder().value(true).build();
        let hostnames = mock!(aws_sdk_ec2::Client::describe_vpc_attribute)
            .match_requests(|r| r.attribute() == Some(&VpcAttributeName::EnableDnsHostnames))
            .then_output(move || {
                DescribeVpcAttributeOutput::builder()
                    .enable_dns_hostnames(on.clone())
                    .build()
            });
        let groups = mock!(aws_sdk_ec2::Client::describe_security_groups).then_output(|| {
            let group = SecurityGroup::builder()
                .group_id("sg-1")
                .vpc_id("vpc-1")
                .build();
            DescribeSecurityGroupsOutput::builder()
                .security_groups(group)
                .build()
        });
        let ec2 = mock_client!(
            aws_sdk_ec2,
            RuleMode::Sequential,
            &[&list, &groups, &hostnames]
        );
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let ids = [Id::from("vpc-gone"), Id::from("vpc-1")];
        let found = Vpc::describe(&cloud, &ids).await.unwrap();
        assert!(found[0].is_none());
        let live = found[1].as_ref().unwrap();
        assert_eq!(live.spec, Vpc::example());
        assert_eq!(live.phase, Phase::Settling("pending".into()));
        assert_eq!(live.owner, Some(owner()));
    }

    #[tokio::test]
    async fn create_is_one_call_that_carries_the_ownership_tags() {
        let create = mock!(aws_sdk_ec2::Client::create_vpc)
            .match_requests(|r| {
                let tags = r.tag_specifications()[0].tags();
                r.cidr_block() == Some("10.10.0.0/16")
                    && tags.contains(&tag("platctl:address", "network.thing"))
            })
            .then_output(|| CreateVpcOutput::builder().vpc(answer()).build());
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&create]).into(),
            ..cloud()
        };
        assert_eq!(
            Vpc::create(&cloud, &Vpc::example(), &claim()).await,
            Ok(Id::from("vpc-1"))
        );
    }

    #[tokio::test]
    async fn hostnames_go_off_before_support() {
        let hostnames = mock!(aws_sdk_ec2::Client::modify_vpc_attribute)
            .match_requests(|r| r.enable_dns_hostnames().is_some())
            .then_output(|| ModifyVpcAttributeOutput::builder().build());
        let support = mock!(aws_sdk_ec2::Client::modify_vpc_attribute)
            .match_requests(|r| r.enable_dns_support().is_some())
            .then_output(|| ModifyVpcAttributeOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&hostnames, &support]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let spec = Spec {
            enable_dns_support: Some(false),
            enable_dns_hostnames: Some(false),
            ..Vpc::example()
        };
        let live = Live {
            id: "vpc-1".into(),
            spec: Vpc::example(),
            outputs: Outputs {
                vpc_id: "vpc-1".into(),
                cidr_block: spec.cidr_block,
            },
            owner: Some(owner()),
            phase: Phase::Ready,
        };
        let list = [
            ("/enable_dns_support", json!(true), json!(false)),
            ("/enable_dns_hostnames", json!(true), json!(false)),
        ];
        Vpc::update(&cloud, &live, &spec, &changes(&list), &owner())
            .await
            .unwrap();
        assert_eq!((hostnames.num_calls(), support.num_calls()), (1, 1));
    }

    fn group_with(ingress: Option<IpPermission>) -> DescribeSecurityGroupsOutput {
        let group = SecurityGroup::builder()
            .group_id("sg-1")
            .vpc_id("vpc-1")
            .set_ip_permissions(ingress.map(|one| vec![one]));
        DescribeSecurityGroupsOutput::builder()
            .security_groups(group.build())
            .build()
    }

    #[tokio::test]
    async fn the_default_group_loses_the_rules_that_it_has() {
        let list = mock!(aws_sdk_ec2::Client::describe_security_groups).then_output(|| {
            let own = UserIdGroupPair::builder().group_id("sg-1").build();
            group_with(Some(
                IpPermission::builder()
                    .ip_protocol("-1")
                    .user_id_group_pairs(own)
                    .build(),
            ))
        });
        let revoke = mock!(aws_sdk_ec2::Client::revoke_security_group_ingress)
            .match_requests(|r| r.group_id() == Some("sg-1") && r.ip_permissions().len() == 1)
            .then_output(|| RevokeSecurityGroupIngressOutput::builder().build());
        let egress = mock!(aws_sdk_ec2::Client::revoke_security_group_egress)
            .then_output(|| RevokeSecurityGroupEgressOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, &[&list, &revoke, &egress]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        default_group::set_rules(&cloud, "vpc-1", false)
            .await
            .unwrap();
        assert_eq!(
            (revoke.num_calls(), egress.num_calls()),
            (1, 0),
            "a call without rules is refused"
        );
    }

    #[tokio::test]
    async fn the_default_group_gets_the_rules_of_aws_back() {
        let list =
            mock!(aws_sdk_ec2::Client::describe_security_groups).then_output(|| group_with(None));
        let ingress = mock!(aws_sdk_ec2::Client::authorize_security_group_ingress)
            .match_requests(|r| {
                r.ip_permissions()[0].user_id_group_pairs()[0].group_id() == Some("sg-1")
            })
            .then_output(|| AuthorizeSecurityGroupIngressOutput::builder().build());
        let egress = mock!(aws_sdk_ec2::Client::authorize_security_group_egress)
            .match_requests(|r| r.ip_permissions()[0].ip_ranges()[0].cidr_ip() == Some("0.0.0.0/0"))
            .then_output(|| AuthorizeSecurityGroupEgressOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, &[&list, &ingress, &egress]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        default_group::set_rules(&cloud, "vpc-1", true)
            .await
            .unwrap();
        assert_eq!((ingress.num_calls(), egress.num_calls()), (1, 1));
    }

    #[test]
    fn only_dedicated_tenancy_changes_in_place() {
        let change = |after: &str| Change {
            path: "/instance_tenancy".into(),
            before: None,
            after: Some(json!(after)),
        };
        assert!(!Vpc::replaces(&change("default")));
        assert!(Vpc::replaces(&change("dedicated")));
    }
}
