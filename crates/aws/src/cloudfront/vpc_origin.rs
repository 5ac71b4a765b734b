//! `cloudfront.VpcOrigin`

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    OriginProtocolPolicy, OriginSslProtocols, SslProtocol, VpcOriginEndpointConfig,
    VpcOriginSummary,
};
use platctl_engine::fields::Fact::Holds;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::tags::{CloudFrontTags, tag_list};
use super::{built, listed, present, texts};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, if_there, made};
use crate::tags::{Tagged, Tags, by_address, claimed, split, sync};
use crate::types::Arn;

/// A CloudFront VPC origin, which gives CloudFront access to a load balancer or an instance in private
/// subnets. The VPC must have an internet gateway.
#[derive(Debug)]
pub struct VpcOrigin;

/// A CloudFront VPC origin, which gives CloudFront access to a load balancer or an instance in private
/// subnets. The VPC must have an internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the VPC origin. Up to 64 characters. Need not be unique.
    pub name: String,
    /// The ARN of the load balancer or instance.
    pub arn: S::In<Arn>,
    /// The HTTP port. Default: 80.
    #[serde(default = "http")]
    pub http_port: i32,
    /// The HTTPS port. Default: 443.
    #[serde(default = "https")]
    pub https_port: i32,
    /// The protocol that CloudFront uses to connect to the origin: `https-only`, `http-only` or
    /// `match-viewer`. Default: `https-only`.
    #[serde(default = "https_only")]
    pub origin_protocol_policy: String,
    /// The SSL/TLS protocols that CloudFront can use with the origin. Default: `TLSv1.2`.
    #[serde(default = "tls_1_2")]
    pub origin_ssl_protocols: BTreeSet<String>,
    /// Tags to assign to the VPC origin.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

pub(super) const fn http() -> i32 {
    80
}

pub(super) const fn https() -> i32 {
    443
}

pub(super) fn https_only() -> String {
    "https-only".into()
}

pub(super) fn tls_1_2() -> BTreeSet<String> {
    BTreeSet::from(["TLSv1.2".into()])
}

pub(super) const PROTOCOL_POLICIES: &[&str] = &["https-only", "http-only", "match-viewer"];

platctl_engine::outputs! {
    /// Attributes of the VPC origin that other resources can reference.
    VpcOrigin {
        /// The ID of the VPC origin.
        VPC_ORIGIN_ID: vpc_origin_id: String,
        /// The Amazon Resource Name (ARN) of the VPC origin.
        ARN: arn: Arn,
    }
}

async fn all(cloud: &Cloud) -> CloudResult<Vec<VpcOriginSummary>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let call = cloud.cloudfront.list_vpc_origins().set_marker(marker);
        let answer = call.send().ask().await?;
        let list = present("cloudfront:ListVpcOrigins", answer.vpc_origin_list)?;
        all.extend(list.items.unwrap_or_default());
        marker = list.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

async fn get(
    cloud: &Cloud,
    id: &Id,
) -> CloudResult<Option<(aws_sdk_cloudfront::types::VpcOrigin, Option<String>)>> {
    let call = cloud.cloudfront.get_vpc_origin().id(id.as_str());
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other.map(|answer| Some((answer.vpc_origin?, answer.e_tag))),
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<VpcOrigin>>> {
    let Some((origin, _)) = get(cloud, id).await? else {
        return Ok(None);
    };
    let tags = CloudFrontTags::list(cloud, origin.arn()).await?;
    Ok(live(&origin, tags))
}

fn live(origin: &aws_sdk_cloudfront::types::VpcOrigin, tags: Tags) -> Option<Live<VpcOrigin>> {
    let config = origin.vpc_origin_endpoint_config()?;
    let (tags, owner) = split(tags);
    let spec = Spec {
        name: config.name().to_owned(),
        arn: config.arn().into(),
        http_port: config.http_port(),
        https_port: config.https_port(),
        origin_protocol_policy: config.origin_protocol_policy().to_string(),
        origin_ssl_protocols: config
            .origin_ssl_protocols()
            .map(|list| texts(list.items()))
            .unwrap_or_default(),
        tags,
    };
    let outputs = Outputs {
        vpc_origin_id: origin.id().to_owned(),
        arn: origin.arn().into(),
    };
    let phase = match origin.status() {
        "Deployed" => Phase::Ready,
        status if status.to_ascii_lowercase().contains("fail") => Phase::Failed(status.to_owned()),
        // One that is being deleted shows the same status until it is gone.
        status => Phase::Settling(status.to_owned()),
    };
    Some(Live {
        id: origin.id().into(),
        spec,
        outputs,
        owner,
        phase,
    })
}

fn config(spec: &Spec) -> CloudResult<VpcOriginEndpointConfig> {
    let protocols = spec
        .origin_ssl_protocols
        .iter()
        .map(|text| SslProtocol::from(text.as_str()))
        .collect();
    let builder = VpcOriginEndpointConfig::builder()
        .name(&spec.name)
        .arn(spec.arn.as_str())
        .http_port(spec.http_port)
        .https_port(spec.https_port)
        .origin_protocol_policy(OriginProtocolPolicy::from(
            spec.origin_protocol_policy.as_str(),
        ))
        .origin_ssl_protocols(listed!(OriginSslProtocols, protocols)?);
    built(builder.build())
}

impl Kind for VpcOrigin {
    const NAME: &'static str = "cloudfront.VpcOrigin";
    const FIELDS: &'static Table = &[("/arn", &[Holds])];
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "cloudfront:GetVpcOrigin",
            "cloudfront:ListVpcOrigins",
            "cloudfront:ListTagsForResource",
        ],
        create: &[
            "cloudfront:CreateVpcOrigin",
            "cloudfront:TagResource",
            "ec2:DescribeInstances",
            "ec2:DescribeInternetGateways",
            "elasticloadbalancing:DescribeLoadBalancers",
            "iam:CreateServiceLinkedRole",
        ],
        update: &[
            "cloudfront:UpdateVpcOrigin",
            "cloudfront:TagResource",
            "cloudfront:UntagResource",
        ],
        delete: &["cloudfront:DeleteVpcOrigin"],
    };
    const TIMING: Timing = Timing::seconds(300, 300, 300, 2400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "prod-app".into(),
            arn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/example/0123456789abcdef"
                .into(),
            http_port: http(),
            https_port: https(),
            origin_protocol_policy: https_only(),
            origin_ssl_protocols: tls_1_2(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/name", json!("prod-application")),
            ("/http_port", json!(8080)),
            ("/https_port", json!(8443)),
            ("/origin_protocol_policy", json!("match-viewer")),
            ("/origin_ssl_protocols", json!(["TLSv1.1", "TLSv1.2"])),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.name.is_empty() || spec.name.len() > 64 {
            return Err(SpecError::new("/name", "must have 1 to 64 characters"));
        }
        if !PROTOCOL_POLICIES.contains(&spec.origin_protocol_policy.as_str()) {
            let message = format!("must be one of {}", PROTOCOL_POLICIES.join(", "));
            return Err(SpecError::new("/origin_protocol_policy", message));
        }
        if spec.origin_ssl_protocols.is_empty() {
            return Err(SpecError::new(
                "/origin_ssl_protocols",
                "must have at least one protocol",
            ));
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = try_join_all(all(cloud).await?.into_iter().map(|origin| async move {
            let tags =
                if_there(CloudFrontTags::list(cloud, origin.arn()).await)?.unwrap_or_default();
            Ok((Id::from(origin.id()), split(tags).1))
        }));
        Ok(by_address(
            wanted,
            crate::tags::of_stack(wanted, found.await?),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "cloudfront:CreateVpcOrigin";
        let call = cloud
            .cloudfront
            .create_vpc_origin()
            .vpc_origin_endpoint_config(config(spec)?);
        let call = call.tags(tag_list(claimed(&spec.tags, &claim.owner))?);
        let answer = call.send().ask().await?;
        made(operation, answer.vpc_origin().map(|origin| origin.id()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync::<CloudFrontTags>(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        let tags_only = changes
            .iter()
            .all(|change| change.path == Changes::OWNER || change.path.starts_with("/tags"));
        if tags_only {
            return Ok(());
        }
        let etag = get(cloud, &live.id).await?.and_then(|(_, etag)| etag);
        let call = cloud
            .cloudfront
            .update_vpc_origin()
            .id(live.id.as_str())
            .set_if_match(etag);
        let call = call.vpc_origin_endpoint_config(config(spec)?);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let Some((_, etag)) = get(cloud, &live.id).await? else {
            return Ok(());
        };
        let call = cloud
            .cloudfront
            .delete_vpc_origin()
            .id(live.id.as_str())
            .set_if_match(etag);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::DateTime;

    fn origin(status: &str) -> Live<VpcOrigin> {
        let builder = aws_sdk_cloudfront::types::VpcOrigin::builder()
            .id("vo_1")
            .arn("arn:vo")
            .status(status);
        let builder = builder
            .created_time(DateTime::from_secs(0))
            .last_modified_time(DateTime::from_secs(0));
        let config = config(&VpcOrigin::example()).unwrap();
        live(
            &builder.vpc_origin_endpoint_config(config).build().unwrap(),
            Tags::new(),
        )
        .unwrap()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        assert_eq!(
            Spec {
                tags: Tags::new(),
                ..VpcOrigin::example()
            },
            origin("Deployed").spec
        );
    }

    #[test]
    fn only_a_deployed_origin_is_ready() {
        assert_eq!(origin("Deployed").phase, Phase::Ready);
        assert!(matches!(origin("Deploying").phase, Phase::Settling(_)));
        assert!(matches!(origin("Failed").phase, Phase::Failed(_)));
    }
}
