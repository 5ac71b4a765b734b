//! `ec2.SecurityGroupRule`

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{check_text, id_filters, in_order};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{Cidr, Cidr6, SecurityGroupId, SecurityGroupRuleId};

/// An inbound or outbound rule of a security group, with a single source or destination.
#[derive(Debug)]
pub struct SecurityGroupRule;

/// The direction of the traffic to which a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Direction {
    Ingress,
    Egress,
}

/// An inbound or outbound rule of a security group, with a single source or destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the security group.
    pub group_id: S::In<SecurityGroupId>,
    /// The direction of the traffic.
    pub direction: Direction,
    /// The IP protocol: `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all protocols.
    pub ip_protocol: Protocol,
    /// The first port of the range, or the ICMP type. If omitted, all. Must be used together with `to_port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The last port of the range, or the ICMP code. If omitted, all. Must be used together with `from_port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// The IPv4 CIDR block of the source or destination. A rule must have exactly one source or destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<Cidr>,
    /// The IPv6 CIDR block of the source or destination, such as `::/0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<Cidr6>,
    /// The ID of the prefix list of the source or destination, such as `pl-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<String>,
    /// The ID of the security group whose members are the source or destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_group_id: Option<S::In<SecurityGroupId>>,
    /// A description of the rule. Up to 255 letters, digits, spaces and any of `._-:/()#,@[]+=&;{}!$*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags to assign to the security group rule.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// An IP protocol as AWS reports it: four protocols have names, all others have numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "String")]
pub struct Protocol(String);

impl From<String> for Protocol {
    fn from(text: String) -> Self {
        Self(match text.to_ascii_lowercase().as_str() {
            "6" => "tcp".into(),
            "17" => "udp".into(),
            "1" => "icmp".into(),
            "58" => "icmpv6".into(),
            "all" => "-1".into(),
            other => other.to_owned(),
        })
    }
}

platctl_engine::outputs! {
    /// Attributes of the security group rule that other resources can reference.
    SecurityGroupRule {
        /// The ID of the security group rule, such as `sgr-…`.
        SECURITY_GROUP_RULE_ID: security_group_rule_id: SecurityGroupRuleId,
    }
}

pub(super) async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::SecurityGroupRule>> {
    let mut rules = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_security_group_rules()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        rules.extend(page.asked()?);
    }
    Ok(rules)
}

/// Ports, or an ICMP type and code, in AWS's normal form: -1 stands for all, and under all protocols there are none.
fn ports(protocol: &str, from: Option<i32>, to: Option<i32>) -> (Option<i32>, Option<i32>) {
    let known = |port: Option<i32>| port.filter(|port| *port != -1 && protocol != "-1");
    (known(from), known(to))
}

/// The ports of a spec in JSON.
fn stated_ports(spec: &Value) -> (Option<i32>, Option<i32>) {
    let port = |path: &str| {
        spec.pointer(path)
            .and_then(Value::as_i64)
            .and_then(|port| port.try_into().ok())
    };
    let protocol = spec
        .pointer("/ip_protocol")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ports(protocol, port("/from_port"), port("/to_port"))
}

fn live(rule: &aws_sdk_ec2::types::SecurityGroupRule) -> Option<Live<SecurityGroupRule>> {
    let (tags, owner) = split_ec2(rule.tags());
    let ports = ports(rule.ip_protocol()?, rule.from_port(), rule.to_port());
    let spec = Spec {
        group_id: rule.group_id()?.into(),
        direction: if rule.is_egress() == Some(true) {
            Direction::Egress
        } else {
            Direction::Ingress
        },
        ip_protocol: Protocol::from(rule.ip_protocol()?.to_owned()),
        from_port: ports.0,
        to_port: ports.1,
        cidr_ipv4: rule.cidr_ipv4().and_then(|text| text.parse().ok()),
        cidr_ipv6: rule.cidr_ipv6().and_then(|text| text.parse().ok()),
        prefix_list_id: rule.prefix_list_id().map(ToOwned::to_owned),
        referenced_group_id: rule
            .referenced_group_info()
            .and_then(|info| info.group_id())
            .map(Into::into),
        description: rule
            .description()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned),
        tags,
    };
    let id = rule.security_group_rule_id()?;
    let outputs = Outputs {
        security_group_rule_id: id.into(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

fn permission(spec: &Spec) -> IpPermission {
    let description = spec.description.clone();
    let ipv4 = spec.cidr_ipv4.map(|cidr| {
        IpRange::builder()
            .cidr_ip(cidr.to_string())
            .set_description(description.clone())
            .build()
    });
    let ipv6 = spec.cidr_ipv6.map(|cidr| {
        Ipv6Range::builder()
            .cidr_ipv6(cidr.to_string())
            .set_description(description.clone())
            .build()
    });
    let list = spec.prefix_list_id.clone().map(|id| {
        PrefixListId::builder()
            .prefix_list_id(id)
            .set_description(description.clone())
            .build()
    });
    let group = spec.referenced_group_id.as_ref().map(|id| {
        UserIdGroupPair::builder()
            .group_id(id.as_str())
            .set_description(description.clone())
            .build()
    });
    IpPermission::builder()
        .ip_protocol(&spec.ip_protocol.0)
        .from_port(spec.from_port.unwrap_or(-1))
        .to_port(spec.to_port.unwrap_or(-1))
        .set_ip_ranges(ipv4.map(|range| vec![range]))
        .set_ipv6_ranges(ipv6.map(|range| vec![range]))
        .set_prefix_list_ids(list.map(|list| vec![list]))
        .set_user_id_group_pairs(group.map(|group| vec![group]))
        .build()
}

fn request(spec: &Spec) -> SecurityGroupRuleRequest {
    SecurityGroupRuleRequest::builder()
        .ip_protocol(&spec.ip_protocol.0)
        .from_port(spec.from_port.unwrap_or(-1))
        .to_port(spec.to_port.unwrap_or(-1))
        .set_cidr_ipv4(spec.cidr_ipv4.map(|cidr| cidr.to_string()))
        .set_cidr_ipv6(spec.cidr_ipv6.map(|cidr| cidr.to_string()))
        .set_prefix_list_id(spec.prefix_list_id.clone())
        .set_referenced_group_id(spec.referenced_group_id.as_ref().map(ToString::to_string))
        .set_description(spec.description.clone())
        .build()
}

/// Ports of TCP and UDP are in order and in range; -1, for all, stands alone.
fn check_ports(spec: &Spec) -> Result<(), SpecError> {
    let (Some(from), Some(to)) = (spec.from_port, spec.to_port) else {
        return Ok(());
    };
    let sound = match spec.ip_protocol.0.as_str() {
        "tcp" | "udp" => (from, to) == (-1, -1) || (0 <= from && from <= to && to <= 65535),
        "icmp" | "icmpv6" => (-1..=255).contains(&from) && (-1..=255).contains(&to),
        _ => return Ok(()),
    };
    if sound {
        return Ok(());
    }
    let message =
        "must be between from_port and 65535 (tcp, udp), or an ICMP code between -1 and 255";
    Err(SpecError::new("/to_port", message))
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<SecurityGroupRule>>>> {
    let found = read(
        cloud,
        id_filters("security-group-rule-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for SecurityGroupRule {
    const NAME: &'static str = "ec2.SecurityGroupRule";
    const FIELDS: &'static Table = &[
        ("/group_id", &[Immutable]),
        ("/direction", &[Immutable]),
        ("/referenced_group_id", &[Holds]),
    ];
    // Both are a part of what makes it another rule.
    const REPLACE: Replace = Replace::CreateFirst;
    // The same rule cannot exist twice in a group.
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeSecurityGroupRules"],
        create: &[
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:CreateTags",
        ],
        update: &[
            "ec2:ModifySecurityGroupRules",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &[
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        matches!(path, "/from_port" | "/to_port") && stated_ports(desired) == stated_ports(live)
    }

    fn example() -> Spec {
        Spec {
            group_id: "sg-0123456789abcdef0".into(),
            direction: Direction::Ingress,
            ip_protocol: Protocol("tcp".into()),
            from_port: Some(443),
            to_port: Some(443),
            cidr_ipv4: Some(Cidr(ipnet::Ipv4Net::new_assert([10, 10, 0, 0].into(), 16))),
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group_id: None,
            description: Some("HTTPS from the VPC".into()),
            tags: Tags::from([("Name".into(), "prod-https".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        use serde_json::json;
        vec![
            ("/description", json!("TLS from the VPC")),
            ("/to_port", json!(444)),
            ("/cidr_ipv4", json!("10.10.0.0/17")),
            ("/tags/Name", json!("other")),
            ("/direction", json!("egress")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let places = [
            spec.cidr_ipv4.is_some(),
            spec.cidr_ipv6.is_some(),
            spec.prefix_list_id.is_some(),
            spec.referenced_group_id.is_some(),
        ];
        if places.iter().filter(|stated| **stated).count() != 1 {
            let message = "a rule must have exactly one of cidr_ipv4, cidr_ipv6, prefix_list_id and referenced_group_id";
            return Err(SpecError::new("", message));
        }
        if spec.from_port.is_some() != spec.to_port.is_some() {
            return Err(SpecError::new(
                "/to_port",
                "from_port and to_port must be used together",
            ));
        }
        check_ports(spec)?;
        check_text(
            "/description",
            spec.description.as_deref().unwrap_or_default(),
        )
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let id = |rule: &aws_sdk_ec2::types::SecurityGroupRule| {
            rule.security_group_rule_id().map(Id::from)
        };
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|rule| Some((id(rule)?, split_ec2(rule.tags()).1))),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = ec2_specification(ResourceType::SecurityGroupRule, &spec.tags, &claim.owner);
        let group = spec.group_id.as_str();
        match spec.direction {
            Direction::Ingress => {
                let operation = "ec2:AuthorizeSecurityGroupIngress";
                let call = cloud.ec2.authorize_security_group_ingress().group_id(group);
                let call = call
                    .ip_permissions(permission(spec))
                    .tag_specifications(tags);
                let answer = call.send().ask().await?;
                made(
                    operation,
                    answer
                        .security_group_rules()
                        .first()
                        .and_then(|rule| rule.security_group_rule_id()),
                )
            }
            Direction::Egress => {
                let operation = "ec2:AuthorizeSecurityGroupEgress";
                let call = cloud.ec2.authorize_security_group_egress().group_id(group);
                let call = call
                    .ip_permissions(permission(spec))
                    .tag_specifications(tags);
                let answer = call.send().ask().await?;
                made(
                    operation,
                    answer
                        .security_group_rules()
                        .first()
                        .and_then(|rule| rule.security_group_rule_id()),
                )
            }
        }
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let only_tags = changes
            .iter()
            .all(|c| c.path == Changes::OWNER || c.path.starts_with("/tags"));
        if !only_tags {
            let update =
                SecurityGroupRuleUpdate::builder().security_group_rule_id(live.id.as_str());
            // The rule is replaced whole, and a description that is not stated stays.
            let description = spec
                .description
                .clone()
                .or_else(|| live.spec.description.clone());
            let stated = request(&Spec {
                description,
                ..spec.clone()
            });
            let update = update.security_group_rule(stated).build();
            let call = cloud
                .ec2
                .modify_security_group_rules()
                .group_id(spec.group_id.as_str());
            let call = call.security_group_rules(update);
            call.send().ask().await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (group, rule) = (live.spec.group_id.as_str(), live.id.as_str());
        match live.spec.direction {
            Direction::Ingress => {
                let call = cloud
                    .ec2
                    .revoke_security_group_ingress()
                    .group_id(group)
                    .security_group_rule_ids(rule);
                call.send().ask().await.map(drop)
            }
            Direction::Egress => {
                let call = cloud
                    .ec2
                    .revoke_security_group_egress()
                    .group_id(group)
                    .security_group_rule_ids(rule);
                call.send().ask().await.map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::create_tags::CreateTagsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    fn rule() -> aws_sdk_ec2::types::SecurityGroupRule {
        let builder =
            aws_sdk_ec2::types::SecurityGroupRule::builder().security_group_rule_id("sgr-1");
        builder
            .group_id("sg-1")
            .is_egress(true)
            .ip_protocol("-1")
            .from_port(-1)
            .to_port(-1)
            .build()
    }

    #[test]
    fn all_ports_are_no_ports_and_protocols_have_one_name() {
        let found = live(&rule()).unwrap();
        assert_eq!((found.spec.from_port, found.spec.to_port), (None, None));
        let named = |text: &str| Protocol::from(text.to_owned());
        assert_eq!(named("6"), named("TCP"));
        assert_eq!(named("all"), named("-1"));
        assert_ne!(named("50"), named("51"));
    }

    #[test]
    fn ports_have_one_meaning() {
        let spec = |protocol: &str, from: Option<i32>, to: Option<i32>| json!({"ip_protocol": protocol, "from_port": from, "to_port": to});
        let alike =
            |protocol: &str, one: (Option<i32>, Option<i32>), other: (Option<i32>, Option<i32>)| {
                let (one, other) = (
                    spec(protocol, one.0, one.1),
                    spec(protocol, other.0, other.1),
                );
                ["/from_port", "/to_port"].map(|path| SecurityGroupRule::alike(path, &one, &other))
                    == [true; 2]
            };
        let none = (None, None);
        // Under all protocols ports say nothing.
        for stated in [
            (Some(-1), Some(-1)),
            (Some(0), Some(0)),
            (Some(0), Some(65535)),
        ] {
            assert!(alike("-1", stated, none), "{stated:?}");
        }
        assert!(alike("tcp", (Some(-1), Some(-1)), none));
        assert!(alike("icmp", (Some(8), Some(-1)), (Some(8), None)));
        assert!(!alike("icmp", (Some(8), Some(0)), (Some(8), None)));
        assert!(!alike("tcp", (Some(0), Some(0)), none));
        assert!(!SecurityGroupRule::alike(
            "/direction",
            &json!({}),
            &json!({})
        ));
    }

    #[test]
    fn what_ec2_would_refuse_is_refused() {
        let wrong = |change: &dyn Fn(&mut Spec)| {
            let mut spec = SecurityGroupRule::example();
            change(&mut spec);
            SecurityGroupRule::check(&spec).map_err(|error| error.path)
        };
        let description =
            |text: &str| wrong(&|spec: &mut Spec| spec.description = Some(text.into()));
        assert_eq!(
            description("Zugriff f\u{fc}r B\u{fc}ro"),
            Err("/description".into())
        );
        assert_eq!(
            description("the customer's network"),
            Err("/description".into())
        );
        assert_eq!(description("a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"), Ok(()));
        let ports = |from, to| {
            wrong(&move |spec: &mut Spec| (spec.from_port, spec.to_port) = (Some(from), Some(to)))
        };
        assert_eq!(ports(443, 80), Err("/to_port".into()));
        assert_eq!(ports(0, 65536), Err("/to_port".into()));
        assert_eq!((ports(-1, -1), ports(0, 65535)), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn a_changed_tag_leaves_the_rule_alone() {
        let tag = mock!(aws_sdk_ec2::Client::create_tags)
            .match_requests(|request| request.resources() == ["sgr-1"] && request.tags().len() == 1)
            .then_output(|| CreateTagsOutput::builder().build());
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&tag]).into(),
            ..cloud()
        };
        let (found, desired) = (live(&rule()).unwrap(), SecurityGroupRule::example());
        let asked = changes(&[("/tags/Name", json!("a"), json!("b"))]);
        SecurityGroupRule::update(&cloud, &found, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(tag.num_calls(), 1);
    }
}
