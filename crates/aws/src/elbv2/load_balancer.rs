//! `elbv2.LoadBalancer`: application and network load balancers.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    IpAddressType, LoadBalancer as AwsLoadBalancer, LoadBalancerAttribute, LoadBalancerSchemeEnum,
    LoadBalancerStateEnum, LoadBalancerTypeEnum,
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
use crate::types::{Arn, SecurityGroupId, SubnetId, VpcId, unless_same};

const PROTECTION: &str = "deletion_protection.enabled";

/// An Application Load Balancer or Network Load Balancer.
#[derive(Debug)]
pub struct LoadBalancer;

/// An Application Load Balancer or Network Load Balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the load balancer. Must be unique within the region. Up to 32 letters, digits and hyphens;
    /// must not begin or end with a hyphen, or begin with `internal-`.
    pub name: String,
    /// The type of load balancer: `application` (HTTP) or `network` (TCP and UDP). Default: `application`.
    #[serde(default = "application")]
    pub r#type: String,
    /// The scheme: `internal` or `internet-facing`. Default: `internal`.
    #[serde(default = "internal")]
    pub scheme: String,
    /// The IDs of the subnets, one for each availability zone. An Application Load Balancer requires at least
    /// two availability zones.
    pub subnet_ids: S::In<BTreeSet<SubnetId>>,
    /// The IDs of the security groups. A Network Load Balancer that is created without security groups can
    /// never have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<S::In<BTreeSet<SecurityGroupId>>>,
    /// The IP address type: `ipv4` or `dualstack`. AWS default: `ipv4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// The load balancer attributes, by their AWS keys, such as `idle_timeout.timeout_seconds`. Attributes
    /// that are omitted are not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<S::In<Attributes>>,
    /// Tags to assign to the load balancer.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn application() -> String {
    "application".into()
}

fn internal() -> String {
    "internal".into()
}

platctl_engine::outputs! {
    /// Attributes of the load balancer that other resources can reference.
    LoadBalancer {
        /// The Amazon Resource Name (ARN) of the load balancer.
        ARN: arn: Arn,
        /// The DNS name of the load balancer.
        DNS_NAME: dns_name: String,
        /// The ID of the hosted zone of the DNS name, for alias records.
        CANONICAL_HOSTED_ZONE_ID: canonical_hosted_zone_id: String,
        /// The suffix of the ARN, `app/name/id`: the `LoadBalancer` dimension of CloudWatch metrics.
        ARN_SUFFIX: arn_suffix: String,
        /// The ID of the VPC of the load balancer.
        VPC_ID: vpc_id: VpcId,
    }
}

async fn named(cloud: &Cloud, name: &str) -> CloudResult<Option<String>> {
    let answer = cloud
        .elbv2
        .describe_load_balancers()
        .names(name)
        .send()
        .await;
    let answer = answer.asked()?;
    Ok(answer
        .load_balancers()
        .first()
        .and_then(|found| found.load_balancer_arn())
        .map(ToOwned::to_owned))
}

async fn attributes_of(cloud: &Cloud, arn: &str) -> CloudResult<Option<Attributes>> {
    let call = cloud
        .elbv2
        .describe_load_balancer_attributes()
        .load_balancer_arn(arn)
        .send()
        .await;
    let answer = call.asked();
    let pair = |one: &LoadBalancerAttribute| {
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

async fn set_attributes(
    cloud: &Cloud,
    arn: &str,
    attributes: Vec<(String, String)>,
) -> CloudResult<()> {
    let one = |(key, value)| {
        LoadBalancerAttribute::builder()
            .key(key)
            .value(value)
            .build()
    };
    let call = cloud
        .elbv2
        .modify_load_balancer_attributes()
        .load_balancer_arn(arn);
    let call = call
        .set_attributes(Some(attributes.into_iter().map(one).collect()))
        .send()
        .await;
    call.map(drop).asked()
}

fn phase(found: &AwsLoadBalancer) -> Phase {
    let state = found.state();
    let reason = || {
        state
            .and_then(|state| state.reason())
            .unwrap_or("no reason given")
            .to_owned()
    };
    match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Failed) => Phase::Failed(reason()),
        Some(LoadBalancerStateEnum::Provisioning) => Phase::Settling("provisioning".into()),
        // It works, with less capacity than it wants.
        Some(LoadBalancerStateEnum::ActiveImpaired) => {
            Phase::Degraded(format!("active_impaired: {}", reason()))
        }
        _ => Phase::Ready,
    }
}

fn live(
    found: &AwsLoadBalancer,
    attributes: Option<Attributes>,
    tags: Tags,
    owner: Option<Owner>,
) -> Option<Live<LoadBalancer>> {
    let arn = found.load_balancer_arn()?;
    let subnets = found
        .availability_zones()
        .iter()
        .filter_map(|zone| zone.subnet_id().map(SubnetId::from));
    let spec = Spec {
        name: found.load_balancer_name()?.to_owned(),
        r#type: found
            .r#type()
            .map_or_else(application, |kind| kind.as_str().to_owned()),
        scheme: found
            .scheme()
            .map_or_else(internal, |scheme| scheme.as_str().to_owned()),
        subnet_ids: subnets.collect(),
        security_group_ids: Some(
            found
                .security_groups()
                .iter()
                .map(|id| id.as_str().into())
                .collect(),
        ),
        ip_address_type: found.ip_address_type().map(|kind| kind.as_str().to_owned()),
        attributes,
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        dns_name: found.dns_name().unwrap_or_default().to_lowercase(),
        canonical_hosted_zone_id: found
            .canonical_hosted_zone_id()
            .unwrap_or_default()
            .to_owned(),
        arn_suffix: after(arn, ":loadbalancer/").to_owned(),
        vpc_id: found.vpc_id().unwrap_or_default().into(),
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs,
        owner,
        phase: phase(found),
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<LoadBalancer>>>> {
    let read = async |arns: Vec<String>| {
        let call = cloud
            .elbv2
            .describe_load_balancers()
            .set_load_balancer_arns(Some(arns));
        let answer = call.send().ask().await?;
        Ok(answer.load_balancers.unwrap_or_default())
    };
    let found = in_batches(ids.iter().map(Id::as_str), read).await?;
    let arns = || found.iter().filter_map(|one| one.load_balancer_arn());
    let known: Vec<&str> = arns().collect();
    let all = each(cloud, "reading attributes", known, |arn| {
        attributes_of(cloud, arn)
    });
    let (tags, all) = futures::try_join!(tags_of(cloud, arns()), all)?;
    let found = found.into_iter().zip(all).collect();
    let make = |(one, attributes): &(AwsLoadBalancer, Option<Attributes>), tags, owner| {
        live(one, attributes.clone(), tags, owner)
    };
    Ok(with_tags(
        ids,
        found,
        &tags,
        |(one, _)| one.load_balancer_arn(),
        make,
    ))
}

impl Kind for LoadBalancer {
    const NAME: &'static str = "elbv2.LoadBalancer";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/type", &[Immutable]),
        ("/scheme", &[Immutable]),
        ("/subnet_ids", &[Holds]),
        ("/security_group_ids", &[Holds]),
        ("/attributes", &[StatedMap]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:AddTags",
            "iam:CreateServiceLinkedRole",
        ],
        update: &[
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetIpAddressType",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &[
            "elasticloadbalancing:DeleteLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
        ],
    };
    const TIMING: Timing = Timing::seconds(155, 60, 5, 900);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let attributes = [
            (PROTECTION, "true"),
            ("idle_timeout.timeout_seconds", "60"),
            ("routing.http.drop_invalid_header_fields.enabled", "true"),
        ];
        Spec {
            name: "prod-web".into(),
            r#type: application(),
            scheme: internal(),
            subnet_ids: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
                .map(SubnetId::from)
                .into(),
            security_group_ids: Some(
                ["sg-0123456789abcdef0", "sg-0123456789abcdef1"]
                    .map(SecurityGroupId::from)
                    .into(),
            ),
            ip_address_type: Some("ipv4".into()),
            attributes: Some(Attributes(
                attributes
                    .map(|(key, value)| (key.into(), value.into()))
                    .into(),
            )),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/name", json!("prod-api")),
            ("/security_group_ids", json!(["sg-0123456789abcdef0"])),
            ("/ip_address_type", json!("dualstack")),
            ("/attributes/idle_timeout.timeout_seconds", json!("120")),
            ("/attributes/deletion_protection.enabled", json!("false")),
            ("/attributes/client_keep_alive.seconds", json!("600")),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !is_name(&spec.name) || spec.name.starts_with("internal-") {
            let message = "must have 1 to 32 letters, digits and hyphens, must not begin or end with a hyphen, and must not begin with `internal-`";
            return Err(SpecError::new("/name", message));
        }
        if !matches!(spec.r#type.as_str(), "application" | "network") {
            return Err(SpecError::new(
                "/type",
                "must be `application` or `network`",
            ));
        }
        if !matches!(spec.scheme.as_str(), "internal" | "internet-facing") {
            return Err(SpecError::new(
                "/scheme",
                "must be `internal` or `internet-facing`",
            ));
        }
        if spec.subnet_ids.len() < if spec.r#type == "application" { 2 } else { 1 } {
            return Err(SpecError::new(
                "/subnet_ids",
                "requires subnets in at least two zones",
            ));
        }
        let address_types = ["ipv4", "dualstack", "dualstack-without-public-ipv4"];
        if spec
            .ip_address_type
            .as_deref()
            .is_some_and(|kind| !address_types.contains(&kind))
        {
            return Err(SpecError::new(
                "/ip_address_type",
                "must be `ipv4` or `dualstack`",
            ));
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
        let operation = "elasticloadbalancing:CreateLoadBalancer";
        let groups = spec.security_group_ids.as_ref();
        let call = cloud
            .elbv2
            .create_load_balancer()
            .name(&spec.name)
            .r#type(LoadBalancerTypeEnum::from(spec.r#type.as_str()))
            .scheme(LoadBalancerSchemeEnum::from(spec.scheme.as_str()))
            .set_subnets(Some(
                spec.subnet_ids.iter().map(ToString::to_string).collect(),
            ))
            .set_security_groups(groups.map(|ids| ids.iter().map(ToString::to_string).collect()))
            .set_ip_address_type(spec.ip_address_type.as_deref().map(IpAddressType::from))
            .set_tags(Some(tag_list(&spec.tags, &claim.owner)?));
        let answer = call.send().ask().await?;
        made(
            operation,
            answer
                .load_balancers()
                .first()
                .and_then(|made| made.load_balancer_arn()),
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
        if changes.touch("/subnet_ids") {
            let subnets = spec.subnet_ids.iter().map(ToString::to_string).collect();
            let call = cloud
                .elbv2
                .set_subnets()
                .load_balancer_arn(arn)
                .set_subnets(Some(subnets));
            call.send().ask().await?;
        }
        if let Some(groups) = spec
            .security_group_ids
            .as_ref()
            .filter(|_| changes.touch("/security_group_ids"))
        {
            let groups = groups.iter().map(ToString::to_string).collect();
            let call = cloud
                .elbv2
                .set_security_groups()
                .load_balancer_arn(arn)
                .set_security_groups(Some(groups));
            call.send().ask().await?;
        }
        if let Some(kind) = spec
            .ip_address_type
            .as_deref()
            .filter(|_| changes.touch("/ip_address_type"))
        {
            let call = cloud.elbv2.set_ip_address_type().load_balancer_arn(arn);
            let call = call.ip_address_type(IpAddressType::from(kind));
            call.send().ask().await?;
        }
        if let Some(attributes) = attribute_edits(changes) {
            set_attributes(cloud, arn, attributes).await?;
        }
        sync_tags(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let arn = live.id.as_str();
        let attributes = live.spec.attributes.as_ref();
        // Whether it may go is for the stack's own protection to say, which has been asked.
        if attributes
            .and_then(|all| all.0.get(PROTECTION))
            .is_some_and(|on| on == "true")
        {
            set_attributes(cloud, arn, vec![(PROTECTION.into(), "false".into())]).await?;
        }
        let call = cloud.elbv2.delete_load_balancer().load_balancer_arn(arn);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_elasticloadbalancingv2::operation::delete_load_balancer::DeleteLoadBalancerOutput;
    use aws_sdk_elasticloadbalancingv2::operation::modify_load_balancer_attributes::ModifyLoadBalancerAttributesOutput;
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerState;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/prod-web/50dc6c495c0c9188";

    fn found(state: LoadBalancerStateEnum) -> AwsLoadBalancer {
        let state = LoadBalancerState::builder()
            .code(state)
            .reason("no addresses")
            .build();
        AwsLoadBalancer::builder()
            .load_balancer_arn(ARN)
            .load_balancer_name("prod-web")
            .state(state)
            .build()
    }

    #[test]
    fn an_impaired_balancer_works_and_a_failed_one_says_why() {
        let impaired = Phase::Degraded("active_impaired: no addresses".into());
        assert_eq!(
            phase(&found(LoadBalancerStateEnum::ActiveImpaired)),
            impaired
        );
        assert_eq!(
            phase(&found(LoadBalancerStateEnum::Failed)),
            Phase::Failed("no addresses".into())
        );
        let live = live(
            &found(LoadBalancerStateEnum::Active),
            None,
            Tags::new(),
            None,
        )
        .unwrap();
        assert_eq!(live.outputs.arn_suffix, "app/prod-web/50dc6c495c0c9188");
    }

    #[tokio::test]
    async fn protection_is_lifted_before_the_deletion() {
        let lift = mock!(aws_sdk_elasticloadbalancingv2::Client::modify_load_balancer_attributes)
            .match_requests(|request| request.attributes()[0].value() == Some("false"))
            .then_output(|| ModifyLoadBalancerAttributesOutput::builder().build());
        let delete = mock!(aws_sdk_elasticloadbalancingv2::Client::delete_load_balancer)
            .then_output(|| DeleteLoadBalancerOutput::builder().build());
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&lift, &delete]
        );
        let attributes = Attributes([(PROTECTION.to_owned(), "true".to_owned())].into());
        let live = live(
            &found(LoadBalancerStateEnum::Active),
            Some(attributes),
            Tags::new(),
            None,
        )
        .unwrap();
        LoadBalancer::delete(
            &Cloud {
                elbv2: elbv2.into(),
                ..cloud()
            },
            &live,
        )
        .await
        .unwrap();
        assert_eq!((lift.num_calls(), delete.num_calls()), (1, 1));
    }
}
