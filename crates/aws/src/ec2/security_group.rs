//! `ec2.SecurityGroup`

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType, SecurityGroupRule};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{check_text, id_filters, in_order, security_group_rule};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{SecurityGroupId, VpcId, unless_same};

/// An EC2 security group. Its rules are a separate kind.
#[derive(Debug)]
pub struct SecurityGroup;

/// An EC2 security group. Its rules are a separate kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// The name of the security group. Must be unique within the VPC and is not case-sensitive. Up to 255
    /// letters, digits, spaces and any of `._-:/()#,@[]+=&;{}!$*`; must not be `default` or begin with `sg-`.
    pub group_name: String,
    /// A description of the security group. 1 to 255 ASCII letters, digits, spaces and any of
    /// `._-:/()#,@[]+=&;{}!$*`. Cannot be changed, so do not include facts that can change.
    pub description: String,
    /// Whether to keep the default rule that AWS adds to each new security group, which allows all outbound
    /// traffic. Default: `false`.
    #[serde(default)]
    pub allow_all_egress: bool,
    /// Tags to assign to the security group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the security group that other resources can reference.
    SecurityGroup {
        /// The ID of the security group, such as `sg-…`.
        GROUP_ID: group_id: SecurityGroupId,
    }
    and unmanaged
}

async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::SecurityGroup>> {
    let mut groups = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_security_groups()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        groups.extend(page.asked()?);
    }
    Ok(groups)
}

async fn rules_of(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<SecurityGroupRule>> {
    security_group_rule::read(cloud, id_filters("group-id", ids.iter().map(Id::as_str))).await
}

/// Whether AWS put the rule in by itself: everything may go out, and nobody's tags on it.
fn is_default(rule: &SecurityGroupRule) -> bool {
    let everywhere = rule.cidr_ipv4() == Some("0.0.0.0/0") || rule.cidr_ipv6() == Some("::/0");
    let everything = rule.is_egress() == Some(true) && rule.ip_protocol() == Some("-1");
    everywhere && everything && split_ec2(rule.tags()).1.is_none()
}

/// A rule that has no owner: somebody added it by hand.
fn by_hand(rule: &SecurityGroupRule) -> Option<String> {
    if is_default(rule) || split_ec2(rule.tags()).1.is_some() {
        return None;
    }
    let (direction, word) = if rule.is_egress() == Some(true) {
        ("egress", "to")
    } else {
        ("ingress", "from")
    };
    let group = rule
        .referenced_group_info()
        .and_then(|info| info.group_id());
    let peer = rule
        .cidr_ipv4()
        .or(rule.cidr_ipv6())
        .or(rule.prefix_list_id())
        .or(group)
        .unwrap_or_default();
    let protocol = rule
        .ip_protocol()
        .filter(|protocol| *protocol != "-1")
        .unwrap_or("all");
    let ports = match (rule.from_port().filter(|port| *port >= 0), rule.to_port()) {
        (Some(from), Some(to)) if from != to => format!(" {from}-{to}"),
        (Some(port), _) => format!(" {port}"),
        (None, _) => String::new(),
    };
    let id = rule.security_group_rule_id().unwrap_or_default();
    Some(format!(
        "{direction} {protocol}{ports} {word} {peer} ({id})"
    ))
}

fn live(
    group: &aws_sdk_ec2::types::SecurityGroup,
    rules: &[SecurityGroupRule],
) -> Option<Live<SecurityGroup>> {
    let (tags, owner) = split_ec2(group.tags());
    let id = group.group_id()?;
    let mine = || rules.iter().filter(|rule| rule.group_id() == Some(id));
    let spec = Spec {
        vpc_id: group.vpc_id()?.into(),
        group_name: group.group_name()?.to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
        allow_all_egress: mine().any(is_default),
        tags,
    };
    let outputs = Outputs {
        group_id: id.into(),
        unmanaged: mine().filter_map(by_hand).collect(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

async fn set_default_egress(cloud: &Cloud, id: &Id, allowed: bool) -> CloudResult<()> {
    if allowed {
        let range = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let everything = IpPermission::builder()
            .ip_protocol("-1")
            .ip_ranges(range)
            .build();
        let call = cloud
            .ec2
            .authorize_security_group_egress()
            .group_id(id.as_str())
            .ip_permissions(everything);
        return match call.send().ask().await {
            Err(error) if error.class == Class::AlreadyExists => Ok(()),
            other => other.map(drop),
        };
    }
    let rules = rules_of(cloud, std::slice::from_ref(id)).await?;
    let rules = rules.into_iter().filter(is_default);
    let ids: Vec<String> = rules
        .filter_map(|rule| rule.security_group_rule_id)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let call = cloud
        .ec2
        .revoke_security_group_egress()
        .group_id(id.as_str())
        .set_security_group_rule_ids(Some(ids));
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(()),
        other => other.map(drop),
    }
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<SecurityGroup>>>> {
    let groups = read(cloud, id_filters("group-id", ids.iter().map(Id::as_str)));
    let (groups, rules) = futures::try_join!(groups, rules_of(cloud, ids))?;
    Ok(in_order(
        ids,
        groups.iter().filter_map(|group| live(group, &rules)),
    ))
}

impl Kind for SecurityGroup {
    const NAME: &'static str = "ec2.SecurityGroup";
    const FIELDS: &'static Table = &[
        ("/vpc_id", &[Immutable, Holds]),
        ("/group_name", &[Immutable]),
        ("/description", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
        ],
        create: &["ec2:CreateSecurityGroup", "ec2:CreateTags"],
        update: &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces"],
    };
    // Network interfaces of endpoints and load balancers hold on to it for minutes after those are gone.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 1200);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            group_name: "prod-endpoints".into(),
            description: "Interface endpoints of prod".into(),
            allow_all_egress: true,
            tags: Tags::from([("Name".into(), "prod-endpoints".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/description", json!("Something else")),
            ("/allow_all_egress", json!(false)),
            ("/tags/Name", json!("other")),
            ("/group_name", json!("prod-others")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = spec.group_name.to_ascii_lowercase();
        if name.is_empty() || name.len() > 255 || name == "default" || name.starts_with("sg-") {
            let message = "must have 1 to 255 characters, must not be `default`, and must not begin with `sg-`";
            return Err(SpecError::new("/group_name", message));
        }
        if spec.description.is_empty() {
            return Err(SpecError::new(
                "/description",
                "must have 1 to 255 characters",
            ));
        }
        // EC2 cuts spaces off, and the group would differ for ever.
        if spec.group_name.trim() != spec.group_name {
            return Err(SpecError::new(
                "/group_name",
                "must not begin or end with a space",
            ));
        }
        check_text("/group_name", &spec.group_name)?;
        check_text("/description", &spec.description)
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &(&live.vpc_id, &live.group_name),
            &(&desired.vpc_id, &desired.group_name),
        )
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let found = found
            .iter()
            .filter_map(|group| Some((group.group_id()?.into(), split_ec2(group.tags()).1)));
        Ok(by_address(wanted, found))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .ec2
            .create_security_group()
            .vpc_id(spec.vpc_id.as_str())
            .group_name(&spec.group_name)
            .description(&spec.description)
            .tag_specifications(ec2_specification(
                ResourceType::SecurityGroup,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        made("ec2:CreateSecurityGroup", answer.group_id())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/allow_all_egress") {
            set_default_egress(cloud, &live.id, spec.allow_all_egress).await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn holders(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        super::holders::interfaces(cloud, "group-id", live.id.as_str()).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.ec2.delete_security_group().group_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::describe_security_group_rules::DescribeSecurityGroupRulesOutput;
    use aws_sdk_ec2::operation::revoke_security_group_egress::RevokeSecurityGroupEgressOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    fn rule(id: &str, cidr: &str) -> SecurityGroupRule {
        let builder = SecurityGroupRule::builder()
            .security_group_rule_id(id)
            .group_id("sg-1");
        builder
            .is_egress(true)
            .ip_protocol("-1")
            .cidr_ipv4(cidr)
            .build()
    }

    fn group(rules: &[SecurityGroupRule]) -> Live<SecurityGroup> {
        let builder = aws_sdk_ec2::types::SecurityGroup::builder()
            .group_id("sg-1")
            .vpc_id("vpc-1");
        live(&builder.group_name("web").description("Web").build(), rules).unwrap()
    }

    #[test]
    fn the_rule_that_aws_puts_in_is_part_of_the_group() {
        assert!(group(&[rule("sgr-1", "0.0.0.0/0")]).spec.allow_all_egress);
        assert!(!group(&[]).spec.allow_all_egress);
    }

    #[test]
    fn a_rule_that_nobody_owns_is_said() {
        let ssh = SecurityGroupRule::builder()
            .security_group_rule_id("sgr-2")
            .group_id("sg-1")
            .is_egress(false);
        let ssh = ssh
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .cidr_ipv4("0.0.0.0/0")
            .build();
        let tag = |key: &str| {
            aws_sdk_ec2::types::Tag::builder()
                .key(key)
                .value("x")
                .build()
        };
        let ours = SecurityGroupRule::builder()
            .group_id("sg-1")
            .ip_protocol("tcp")
            .from_port(443);
        let ours = ours
            .tags(tag("platctl:stack"))
            .tags(tag("platctl:address"))
            .build();
        let found = group(&[rule("sgr-1", "0.0.0.0/0"), ssh, ours]);
        assert_eq!(
            found.outputs.unmanaged,
            ["ingress tcp 22 from 0.0.0.0/0 (sgr-2)"]
        );
    }

    #[tokio::test]
    async fn only_the_rules_that_aws_put_in_are_revoked() {
        let list = mock!(aws_sdk_ec2::Client::describe_security_group_rules).then_output(|| {
            DescribeSecurityGroupRulesOutput::builder()
                .security_group_rules(rule("sgr-default", "0.0.0.0/0"))
                .security_group_rules(rule("sgr-other", "10.0.0.0/8"))
                .build()
        });
        let revoke = mock!(aws_sdk_ec2::Client::revoke_security_group_egress)
            .match_requests(|request| request.security_group_rule_ids() == ["sgr-default"])
            .then_output(|| RevokeSecurityGroupEgressOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&list, &revoke]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let desired = Spec {
            allow_all_egress: false,
            ..SecurityGroup::example()
        };
        let asked = changes(&[("/allow_all_egress", json!(true), json!(false))]);
        SecurityGroup::update(&cloud, &group(&[]), &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(revoke.num_calls(), 1);
    }

    #[test]
    fn names_that_aws_keeps_for_itself_are_refused() {
        for name in ["", "default", "sg-web"] {
            let spec = Spec {
                group_name: name.into(),
                ..SecurityGroup::example()
            };
            assert!(SecurityGroup::check(&spec).is_err(), "{name:?}");
        }
        assert!(SecurityGroup::check(&SecurityGroup::example()).is_ok());
        for description in ["", "L\u{e4}den", "the team's"] {
            let spec = Spec {
                description: description.into(),
                ..SecurityGroup::example()
            };
            assert_eq!(
                SecurityGroup::check(&spec).unwrap_err().path,
                "/description",
                "{description}"
            );
        }
        let spec = Spec {
            group_name: "web.prod (1)".into(),
            ..SecurityGroup::example()
        };
        assert!(SecurityGroup::check(&spec).is_ok());
    }
}
