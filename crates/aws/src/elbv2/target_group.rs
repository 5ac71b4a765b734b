//! `elbv2.TargetGroup`

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as AwsTargetGroup, TargetGroupAttribute,
    TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use platctl_engine::fields::Fact::{Holds, Immutable, Name, StatedMap};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{
    Attributes, after, attribute_edits, gone, in_batches, is_name, sync_tags, tag_list, tags_of,
    with_tags,
};
use crate::Cloud;
use crate::bounded::{each, try_join_all};
use crate::errors::{Ask, Asked, made};
use crate::tags::Tags;
use crate::types::{Arn, VpcId, unless_same};

/// A target group of an Elastic Load Balancing load balancer. The targets are registered by whatever runs
/// them, not by platctl.
#[derive(Debug)]
pub struct TargetGroup;

/// A target group of an Elastic Load Balancing load balancer. The targets are registered by whatever runs
/// them, not by platctl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the target group. Must be unique within the region. Up to 32 letters, digits and hyphens;
    /// must not begin or end with a hyphen.
    pub name: String,
    /// The protocol: `HTTP` or `HTTPS` for an Application Load Balancer; `TCP`, `TLS`, `UDP` or `TCP_UDP` for
    /// a Network Load Balancer.
    pub protocol: String,
    /// The port of targets that are registered without their own port. Required unless the target type is
    /// `ip`. Has no effect if all targets are registered with a port. Default: 443 for `HTTPS` and `TLS`,
    /// otherwise 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The ID of the VPC of the targets.
    pub vpc_id: S::In<VpcId>,
    /// The type of target: `ip`, `instance` or `alb`. Default: `ip`.
    #[serde(default = "ip")]
    pub target_type: String,
    /// The protocol version: `HTTP1`, `HTTP2` or `GRPC`. For `HTTP` and `HTTPS` only. AWS default: `HTTP1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// The IP address type of the targets: `ipv4` or `ipv6`. AWS default: `ipv4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// The protocol of health checks. AWS default: `HTTP`, or `TCP` for a Network Load Balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_protocol: Option<String>,
    /// The port of health checks: a port number or `traffic-port`. AWS default: `traffic-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_port: Option<String>,
    /// The path of health checks. AWS default: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_path: Option<String>,
    /// The interval between health checks, in seconds, 5 to 300. AWS default: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_interval_seconds: Option<i32>,
    /// The number of seconds after which a health check without a response has failed, 2 to 120. Must be less
    /// than the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_timeout_seconds: Option<i32>,
    /// The number of consecutive successful health checks before a target is considered healthy, 2 to 10. AWS
    /// default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_threshold_count: Option<i32>,
    /// The number of consecutive failed health checks before a target is considered unhealthy, 2 to 10. AWS
    /// default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy_threshold_count: Option<i32>,
    /// The response codes of a healthy target, such as `200` or `200-299`. For `GRPC`, gRPC codes such as `0`
    /// or `0-99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<String>,
    /// The target group attributes, by their AWS keys, such as `deregistration_delay.timeout_seconds`.
    /// Attributes that are omitted are not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<S::In<Attributes>>,
    /// Tags to assign to the target group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn ip() -> String {
    "ip".into()
}

platctl_engine::outputs! {
    /// Attributes of the target group that other resources can reference.
    TargetGroup {
        /// The Amazon Resource Name (ARN) of the target group.
        ARN: arn: Arn,
        /// The name of the target group.
        NAME: name: String,
        /// The suffix of the ARN, `targetgroup/name/id`: the `TargetGroup` dimension of CloudWatch metrics.
        ARN_SUFFIX: arn_suffix: String,
    }
}

async fn named(cloud: &Cloud, name: &str) -> CloudResult<Option<String>> {
    let answer = cloud
        .elbv2
        .describe_target_groups()
        .names(name)
        .send()
        .await;
    let answer = answer.asked()?;
    Ok(answer
        .target_groups()
        .first()
        .and_then(|found| found.target_group_arn())
        .map(ToOwned::to_owned))
}

async fn attributes_of(cloud: &Cloud, arn: &str) -> CloudResult<Option<Attributes>> {
    let call = cloud
        .elbv2
        .describe_target_group_attributes()
        .target_group_arn(arn)
        .send()
        .await;
    let answer = call.asked();
    let pair = |one: &TargetGroupAttribute| {
        Some((
            one.key()?.to_owned(),
            one.value().unwrap_or_default().to_owned(),
        ))
    };
    gone(answer.map(|answer| {
        Some(Attributes(
            answer.attributes().iter().filter_map(pair).collect(),
        ))
    }))
}

fn live(
    found: &AwsTargetGroup,
    attributes: Option<Attributes>,
    tags: Tags,
    owner: Option<Owner>,
) -> Option<Live<TargetGroup>> {
    let arn = found.target_group_arn()?;
    let name = found.target_group_name()?;
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let matcher = found.matcher();
    let spec = Spec {
        name: name.to_owned(),
        protocol: found
            .protocol()
            .map(|protocol| protocol.as_str().to_owned())
            .unwrap_or_default(),
        port: found.port(),
        vpc_id: found.vpc_id().unwrap_or_default().into(),
        target_type: found
            .target_type()
            .map_or_else(ip, |kind| kind.as_str().to_owned()),
        protocol_version: text(found.protocol_version()),
        ip_address_type: found.ip_address_type().map(|kind| kind.as_str().to_owned()),
        health_check_protocol: found
            .health_check_protocol()
            .map(|protocol| protocol.as_str().to_owned()),
        health_check_port: text(found.health_check_port()),
        health_check_path: text(found.health_check_path()),
        health_check_interval_seconds: found.health_check_interval_seconds(),
        health_check_timeout_seconds: found.health_check_timeout_seconds(),
        healthy_threshold_count: found.healthy_threshold_count(),
        unhealthy_threshold_count: found.unhealthy_threshold_count(),
        matcher: matcher.and_then(|matcher| text(matcher.http_code().or(matcher.grpc_code()))),
        attributes,
        tags,
    };
    let suffix = format!("targetgroup/{}", after(arn, ":targetgroup/"));
    let outputs = Outputs {
        arn: arn.into(),
        name: name.to_owned(),
        arn_suffix: suffix,
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

fn port(spec: &Spec) -> i32 {
    let usual = if matches!(spec.protocol.as_str(), "HTTPS" | "TLS") {
        443
    } else {
        80
    };
    spec.port.unwrap_or(usual)
}

fn matcher(spec: &Spec) -> Option<Matcher> {
    let code = spec.matcher.as_ref()?;
    let grpc = spec.protocol_version.as_deref() == Some("GRPC");
    let builder = Matcher::builder();
    Some(
        if grpc {
            builder.grpc_code(code)
        } else {
            builder.http_code(code)
        }
        .build(),
    )
}

const HEALTH: [&str; 8] = [
    "/health_check_protocol",
    "/health_check_port",
    "/health_check_path",
    "/health_check_interval_seconds",
    "/health_check_timeout_seconds",
    "/healthy_threshold_count",
    "/unhealthy_threshold_count",
    "/matcher",
];

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<TargetGroup>>>> {
    let read = async |arns: Vec<String>| {
        let call = cloud
            .elbv2
            .describe_target_groups()
            .set_target_group_arns(Some(arns));
        let answer = call.send().ask().await?;
        Ok(answer.target_groups.unwrap_or_default())
    };
    let found = in_batches(ids.iter().map(Id::as_str), read).await?;
    let arns = || found.iter().filter_map(|one| one.target_group_arn());
    let known: Vec<&str> = arns().collect();
    let all = each(cloud, "reading attributes", known, |arn| {
        attributes_of(cloud, arn)
    });
    let (tags, all) = futures::try_join!(tags_of(cloud, arns()), all)?;
    let found = found.into_iter().zip(all).collect();
    let make = |(one, attributes): &(AwsTargetGroup, Option<Attributes>), tags, owner| {
        live(one, attributes.clone(), tags, owner)
    };
    Ok(with_tags(
        ids,
        found,
        &tags,
        |(one, _)| one.target_group_arn(),
        make,
    ))
}

impl Kind for TargetGroup {
    const NAME: &'static str = "elbv2.TargetGroup";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/protocol", &[Immutable]),
        ("/port", &[Immutable]),
        ("/vpc_id", &[Immutable, Holds]),
        ("/target_type", &[Immutable]),
        ("/protocol_version", &[Immutable]),
        ("/ip_address_type", &[Immutable]),
        ("/attributes", &[StatedMap]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:AddTags",
            "ec2:DescribeVpcs",
        ],
        update: &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteTargetGroup"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let attributes = [(
            "deregistration_delay.timeout_seconds".to_owned(),
            "30".to_owned(),
        )];
        Spec {
            name: "prod-web".into(),
            protocol: "HTTP".into(),
            port: Some(8080),
            vpc_id: "vpc-0123456789abcdef0".into(),
            target_type: ip(),
            protocol_version: Some("HTTP1".into()),
            ip_address_type: Some("ipv4".into()),
            health_check_protocol: Some("HTTP".into()),
            health_check_port: Some("traffic-port".into()),
            health_check_path: Some("/healthz".into()),
            health_check_interval_seconds: Some(15),
            health_check_timeout_seconds: Some(5),
            healthy_threshold_count: Some(2),
            unhealthy_threshold_count: Some(3),
            matcher: Some("200-299".into()),
            attributes: Some(Attributes(attributes.into())),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/name", json!("prod-api")),
            ("/protocol", json!("HTTPS")),
            ("/port", json!(8081)),
            ("/vpc_id", json!("vpc-0123456789abcdef1")),
            ("/target_type", json!("instance")),
            ("/protocol_version", json!("HTTP2")),
            ("/ip_address_type", json!("ipv6")),
            ("/health_check_protocol", json!("HTTPS")),
            ("/health_check_port", json!("9090")),
            ("/health_check_path", json!("/ready")),
            ("/health_check_interval_seconds", json!(20)),
            ("/health_check_timeout_seconds", json!(6)),
            ("/healthy_threshold_count", json!(3)),
            ("/unhealthy_threshold_count", json!(2)),
            ("/matcher", json!("200")),
            (
                "/attributes/deregistration_delay.timeout_seconds",
                json!("60"),
            ),
            ("/attributes/stickiness.enabled", json!("true")),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let within =
            |path: &str, value: Option<i32>, range: std::ops::RangeInclusive<i32>| match value {
                Some(value) if !range.contains(&value) => {
                    let message = format!("must be between {} and {}", range.start(), range.end());
                    Err(SpecError::new(path, message))
                }
                _ => Ok(()),
            };
        if !is_name(&spec.name) {
            let message = "must have 1 to 32 letters, digits and hyphens, and must not begin or end with a hyphen";
            return Err(SpecError::new("/name", message));
        }
        if !matches!(
            spec.protocol.as_str(),
            "HTTP" | "HTTPS" | "TCP" | "TLS" | "UDP" | "TCP_UDP"
        ) {
            return Err(SpecError::new(
                "/protocol",
                "must be HTTP, HTTPS, TCP, TLS, UDP or TCP_UDP",
            ));
        }
        if !matches!(spec.target_type.as_str(), "ip" | "instance" | "alb") {
            return Err(SpecError::new(
                "/target_type",
                "must be `ip`, `instance` or `alb`",
            ));
        }
        within("/port", spec.port, 1..=65535)?;
        if spec.port.is_none() && spec.target_type != "ip" {
            return Err(SpecError::new(
                "/port",
                "is required if the target type is not `ip`",
            ));
        }
        within(
            "/health_check_interval_seconds",
            spec.health_check_interval_seconds,
            5..=300,
        )?;
        within(
            "/health_check_timeout_seconds",
            spec.health_check_timeout_seconds,
            2..=120,
        )?;
        within(
            "/healthy_threshold_count",
            spec.healthy_threshold_count,
            2..=10,
        )?;
        within(
            "/unhealthy_threshold_count",
            spec.unhealthy_threshold_count,
            2..=10,
        )?;
        let pair = spec
            .health_check_timeout_seconds
            .zip(spec.health_check_interval_seconds);
        if pair.is_some_and(|(timeout, interval)| timeout >= interval) {
            let message = "must be shorter than `health_check_interval_seconds`";
            return Err(SpecError::new("/health_check_timeout_seconds", message));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            let Some(spec) = &wanted.spec else {
                return Ok(Vec::new());
            };
            let Some(arn) = gone(named(cloud, &spec.name).await)? else {
                return Ok(Vec::new());
            };
            let tags = tags_of(cloud, [arn.as_str()]).await?;
            let owner = tags.get(&arn).and_then(|(_, owner)| owner.clone());
            Ok(vec![Candidate {
                id: arn.into(),
                owner,
            }])
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "elasticloadbalancing:CreateTargetGroup";
        let call = cloud
            .elbv2
            .create_target_group()
            .name(&spec.name)
            .protocol(ProtocolEnum::from(spec.protocol.as_str()))
            .port(port(spec))
            .vpc_id(spec.vpc_id.as_str())
            .target_type(TargetTypeEnum::from(spec.target_type.as_str()))
            .set_protocol_version(spec.protocol_version.clone())
            .set_ip_address_type(
                spec.ip_address_type
                    .as_deref()
                    .map(TargetGroupIpAddressTypeEnum::from),
            )
            .set_health_check_protocol(
                spec.health_check_protocol
                    .as_deref()
                    .map(ProtocolEnum::from),
            )
            .set_health_check_port(spec.health_check_port.clone())
            .set_health_check_path(spec.health_check_path.clone())
            .set_health_check_interval_seconds(spec.health_check_interval_seconds)
            .set_health_check_timeout_seconds(spec.health_check_timeout_seconds)
            .set_healthy_threshold_count(spec.healthy_threshold_count)
            .set_unhealthy_threshold_count(spec.unhealthy_threshold_count)
            .set_matcher(matcher(spec))
            .set_tags(Some(tag_list(&spec.tags, &claim.owner)?));
        let answer = call.send().ask().await?;
        made(
            operation,
            answer
                .target_groups()
                .first()
                .and_then(|made| made.target_group_arn()),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let arn = live.id.as_str();
        if HEALTH.iter().any(|path| changes.touch(path)) {
            let call = cloud
                .elbv2
                .modify_target_group()
                .target_group_arn(arn)
                .set_health_check_protocol(
                    spec.health_check_protocol
                        .as_deref()
                        .map(ProtocolEnum::from),
                )
                .set_health_check_port(spec.health_check_port.clone())
                .set_health_check_path(spec.health_check_path.clone())
                .set_health_check_interval_seconds(spec.health_check_interval_seconds)
                .set_health_check_timeout_seconds(spec.health_check_timeout_seconds)
                .set_healthy_threshold_count(spec.healthy_threshold_count)
                .set_unhealthy_threshold_count(spec.unhealthy_threshold_count)
                .set_matcher(matcher(spec));
            call.send().ask().await?;
        }
        if let Some(attributes) = attribute_edits(changes) {
            let one = |(key, value)| {
                TargetGroupAttribute::builder()
                    .key(key)
                    .value(value)
                    .build()
            };
            let call = cloud
                .elbv2
                .modify_target_group_attributes()
                .target_group_arn(arn);
            let call = call
                .set_attributes(Some(attributes.into_iter().map(one).collect()))
                .send()
                .await;
            call.asked()?;
        }
        sync_tags(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .elbv2
            .delete_target_group()
            .target_group_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
