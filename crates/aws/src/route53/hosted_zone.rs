//! `route53.HostedZone`

use std::collections::BTreeSet;

use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{ChangeAction, HostedZoneConfig, Vpc, VpcRegion};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Change, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::records;
use super::tags::{ZoneTags, read_tags};
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, edits, of_stack, split, write};
use crate::text::any;
use crate::types::{Arn, DnsName, VpcId};

/// A Route 53 hosted zone, either public or private to VPCs. Its NS and SOA records are created and deleted
/// together with it.
#[derive(Debug)]
pub struct HostedZone;

/// A Route 53 hosted zone, either public or private to VPCs. Its NS and SOA records are created and deleted
/// together with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The domain name of the hosted zone, such as `example.com`. Need not be unique.
    pub name: S::In<DnsName>,
    /// A comment that describes the hosted zone. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The IDs of the VPCs in this region that can use the hosted zone, which makes it a private hosted zone.
    /// Omit for a public hosted zone. VPCs of other regions are left unchanged. A public hosted zone cannot
    /// become private, or vice versa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_ids: Option<S::In<BTreeSet<VpcId>>>,
    /// Whether records created outside platctl are deleted together with the hosted zone. Default: `false`;
    /// AWS refuses to delete a hosted zone that contains such records.
    #[serde(default)]
    pub force_destroy: bool,
    /// Tags to assign to the hosted zone.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the hosted zone that other resources can reference.
    HostedZone {
        /// The ID of the hosted zone, such as `Z…`.
        ZONE_ID: zone_id: String,
        /// The Amazon Resource Name (ARN) of the hosted zone.
        ARN: arn: Arn,
        /// The domain name of the hosted zone, without a trailing dot.
        NAME: name: DnsName,
        /// The name servers to which the parent zone must delegate. Public hosted zones only.
        NAME_SERVERS: name_servers: BTreeSet<String>,
    }
}

/// The tag that says that a deletion may delete what is left: deleting knows the live zone only.
const FORCE: &str = "platctl:force-destroy";

fn bare(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

async fn get(cloud: &Cloud, id: &Id) -> CloudResult<Option<GetHostedZoneOutput>> {
    let call = cloud.route53.get_hosted_zone().id(id.as_str());
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn live(cloud: &Cloud, found: &GetHostedZoneOutput, tags: Tags) -> Option<Live<HostedZone>> {
    let zone = found.hosted_zone()?;
    let id = bare(zone.id());
    let config = zone.config();
    let here = |vpc: &&Vpc| {
        vpc.vpc_region()
            .is_some_and(|region| region.as_str() == cloud.region)
    };
    let vpcs = found
        .vpcs()
        .iter()
        .filter(here)
        .filter_map(|vpc| vpc.vpc_id().map(VpcId::from));
    let force_destroy = tags.get(FORCE).is_some_and(|value| value == "true");
    let (tags, owner) = split(tags);
    let spec = Spec {
        name: zone.name().into(),
        comment: Some(
            config
                .and_then(HostedZoneConfig::comment)
                .unwrap_or_default()
                .to_owned(),
        ),
        vpc_ids: config
            .filter(|config| config.private_zone())
            .map(|_| vpcs.collect()),
        force_destroy,
        tags,
    };
    let servers = found
        .delegation_set()
        .map(|set| set.name_servers())
        .unwrap_or_default();
    let outputs = Outputs {
        zone_id: id.to_owned(),
        arn: format!("arn:{}:route53:::hostedzone/{id}", cloud.partition).into(),
        name: zone.name().into(),
        name_servers: servers.iter().cloned().collect(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

/// The ids of all zones, with their caller references.
async fn all(cloud: &Cloud) -> CloudResult<Vec<(Id, String)>> {
    let pages = cloud
        .route53
        .list_hosted_zones()
        .into_paginator()
        .items()
        .send();
    let zones: Result<Vec<_>, _> = pages.collect().await;
    let zones = zones.asked()?;
    Ok(zones
        .into_iter()
        .map(|zone| (Id::from(bare(zone.id())), zone.caller_reference))
        .collect())
}

/// The zones that carry the tags of a stack, by ID.
pub(crate) async fn of_this_stack(cloud: &Cloud, stack: &str) -> CloudResult<Vec<String>> {
    let ids: Vec<Id> = all(cloud).await?.into_iter().map(|(id, _)| id).collect();
    let tags = read_tags::<ZoneTags>(cloud, &ids).await?;
    let ours = |(_, tags): &(String, Tags)| {
        split(tags.clone())
            .1
            .is_some_and(|owner| owner.stack == stack)
    };
    Ok(tags.into_iter().filter(ours).map(|(id, _)| id).collect())
}

fn vpc(cloud: &Cloud, id: &VpcId) -> Vpc {
    Vpc::builder()
        .vpc_id(id.as_str())
        .vpc_region(VpcRegion::from(cloud.region.as_str()))
        .build()
}

/// New VPCs come before old ones go: the last one cannot go.
async fn sync_vpcs(
    cloud: &Cloud,
    live: &Live<HostedZone>,
    desired: &BTreeSet<VpcId>,
) -> CloudResult<()> {
    let nothing = BTreeSet::new();
    let old = live.spec.vpc_ids.as_ref().unwrap_or(&nothing);
    for id in desired.difference(old) {
        let call = cloud
            .route53
            .associate_vpc_with_hosted_zone()
            .hosted_zone_id(live.id.as_str());
        let call = call.vpc(vpc(cloud, id));
        call.send().ask().await?;
    }
    for id in old.difference(desired) {
        let call = cloud
            .route53
            .disassociate_vpc_from_hosted_zone()
            .hosted_zone_id(live.id.as_str());
        let call = call.vpc(vpc(cloud, id));
        call.send().ask().await?;
    }
    Ok(())
}

/// Deletes all records but those that AWS made.
async fn empty(cloud: &Cloud, live: &Live<HostedZone>) -> CloudResult<()> {
    let all = records::read(cloud, live.id.as_str(), None)
        .await?
        .unwrap_or_default();
    let own = |record: &aws_sdk_route53::types::ResourceRecordSet| {
        DnsName::from(record.name()) == live.spec.name
            && matches!(record.r#type().as_str(), "NS" | "SOA")
    };
    let others = all.into_iter().filter(|record| !own(record)).collect();
    records::change(cloud, live.id.as_str(), ChangeAction::Delete, others).await
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<HostedZone>>>> {
    let found = each(cloud, "reading Route 53 zones", ids, |id| get(cloud, id)).await?;
    let known = ids
        .iter()
        .zip(&found)
        .filter(|(_, zone)| zone.is_some())
        .map(|(id, _)| id.clone());
    let mut tags = read_tags::<ZoneTags>(cloud, &known.collect::<Vec<_>>()).await?;
    let live = |(id, zone): (&Id, Option<GetHostedZoneOutput>)| {
        live(cloud, &zone?, tags.remove(id.as_str()).unwrap_or_default())
    };
    Ok(ids.iter().zip(found).map(live).collect())
}

impl Kind for HostedZone {
    const NAME: &'static str = "route53.HostedZone";
    const FIELDS: &'static Table = &[("/name", &[Immutable]), ("/vpc_ids", &[Holds])];
    const REPLACE: Replace = Replace::CreateFirst;
    /// Those of ownership, and whether its records are deleted.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "route53:GetHostedZone",
            "route53:ListHostedZones",
            "route53:ListTagsForResources",
        ],
        create: &["route53:CreateHostedZone", "ec2:DescribeVpcs"],
        update: &[
            "route53:UpdateHostedZoneComment",
            "route53:AssociateVPCWithHostedZone",
            "route53:DisassociateVPCFromHostedZone",
            "route53:ChangeTagsForResource",
            "ec2:DescribeVpcs",
        ],
        delete: &[
            "route53:DeleteHostedZone",
            "route53:ListResourceRecordSets",
            "route53:ChangeResourceRecordSets",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "prod.example.com".into(),
            comment: Some("prod".into()),
            vpc_ids: None,
            force_destroy: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("comment", json!(""))]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/name", json!("test.example.com")),
            ("/comment", json!("production")),
            ("/force_destroy", json!(true)),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let labels = spec.name.as_str().split('.');
        if spec.name.as_str().len() > 253
            || labels
                .clone()
                .any(|label| label.is_empty() || label.len() > 63)
        {
            return Err(SpecError::new("/name", "is not a valid DNS name"));
        }
        any(256).check("/comment", spec.comment.as_deref())?;
        if spec.vpc_ids.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(SpecError::new(
                "/vpc_ids",
                "must have at least one VPC; omit it for a public zone",
            ));
        }
        Ok(())
    }

    /// A public zone cannot become a private one.
    fn replaces(change: &Change) -> bool {
        change.path == "/name" || (change.path == "/vpc_ids" && change.before.is_none())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let ids: Vec<Id> = all(cloud).await?.into_iter().map(|(id, _)| id).collect();
        let mut tags = read_tags::<ZoneTags>(cloud, &ids).await?;
        let owner = |id: Id| {
            let owner = split(tags.remove(id.as_str()).unwrap_or_default()).1;
            (id, owner)
        };
        let found: Vec<_> = ids.into_iter().map(owner).collect();
        Ok(by_address(wanted, of_stack(wanted, found)))
    }

    /// Tags cannot be a part of it: the engine sees that they are missing, and has `update` write them.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "route53:CreateHostedZone";
        let first = spec.vpc_ids.as_ref().and_then(BTreeSet::first);
        let config = HostedZoneConfig::builder()
            .set_comment(spec.comment.clone())
            .private_zone(first.is_some())
            .build();
        let call = cloud
            .route53
            .create_hosted_zone()
            .name(spec.name.as_str())
            .caller_reference(&claim.token)
            .set_vpc(first.map(|id| vpc(cloud, id)))
            .hosted_zone_config(config);
        match call.send().ask().await {
            // Ours, from a call whose answer was lost.
            Err(error) if error.class == Class::AlreadyExists => {
                let mine = all(cloud)
                    .await?
                    .into_iter()
                    .find(|(_, reference)| *reference == claim.token);
                mine.map(|(id, _)| id).ok_or(error)
            }
            answer => made(operation, answer?.hosted_zone().map(|zone| bare(zone.id()))),
        }
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let mut edits = edits(changes, owner);
        if changes.touch("/force_destroy") && spec.force_destroy {
            edits.set.insert(FORCE.into(), "true".into());
        } else if changes.touch("/force_destroy") {
            edits.remove.push(FORCE.into());
        }
        write::<ZoneTags>(cloud, live.id.as_str(), edits).await?;
        if let Some(comment) = spec.comment.as_ref().filter(|_| changes.touch("/comment")) {
            let call = cloud
                .route53
                .update_hosted_zone_comment()
                .id(live.id.as_str())
                .comment(comment);
            call.send().ask().await?;
        }
        match spec.vpc_ids.as_ref().filter(|_| changes.touch("/vpc_ids")) {
            Some(vpcs) => sync_vpcs(cloud, live, vpcs).await,
            None => Ok(()),
        }
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if live.spec.force_destroy {
            empty(cloud, live).await?;
        }
        let call = cloud.route53.delete_hosted_zone().id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, claim, cloud, owner};
    use aws_sdk_route53::operation::associate_vpc_with_hosted_zone::AssociateVpcWithHostedZoneOutput;
    use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneError;
    use aws_sdk_route53::operation::disassociate_vpc_from_hosted_zone::DisassociateVpcFromHostedZoneOutput;
    use aws_sdk_route53::operation::list_hosted_zones::ListHostedZonesOutput;
    use aws_sdk_route53::types::error::HostedZoneAlreadyExists;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::json;

    fn zone() -> aws_sdk_route53::types::HostedZone {
        let builder = aws_sdk_route53::types::HostedZone::builder()
            .id("/hostedzone/Z1")
            .name("prod.example.com.");
        let config = HostedZoneConfig::builder().private_zone(true).build();
        builder
            .caller_reference("platctl-token")
            .config(config)
            .build()
            .unwrap()
    }

    fn private() -> Live<HostedZone> {
        let here = vpc(&cloud(), &"vpc-1".into());
        let there = Vpc::builder()
            .vpc_id("vpc-9")
            .vpc_region(VpcRegion::from("us-east-1"))
            .build();
        let output = GetHostedZoneOutput::builder()
            .hosted_zone(zone())
            .vpcs(here)
            .vpcs(there)
            .build();
        live(
            &cloud(),
            &output,
            Tags::from([(FORCE.into(), "true".into())]),
        )
        .unwrap()
    }

    #[test]
    fn a_zone_is_read_in_normal_form() {
        let zone = private();
        assert_eq!(
            (zone.id.as_str(), zone.spec.name.as_str()),
            ("Z1", "prod.example.com")
        );
        assert_eq!(
            zone.spec.vpc_ids,
            Some(BTreeSet::from(["vpc-1".into()])),
            "others' regions are left out"
        );
        assert!(zone.spec.force_destroy);
        assert!(zone.spec.tags.is_empty());
    }

    #[tokio::test]
    async fn a_repeated_creation_finds_the_zone_by_its_reference() {
        let taken = mock!(aws_sdk_route53::Client::create_hosted_zone).then_error(|| {
            let meta = ErrorMetadata::builder()
                .code("HostedZoneAlreadyExists")
                .build();
            CreateHostedZoneError::HostedZoneAlreadyExists(
                HostedZoneAlreadyExists::builder().meta(meta).build(),
            )
        });
        let list = mock!(aws_sdk_route53::Client::list_hosted_zones).then_output(|| {
            let builder = ListHostedZonesOutput::builder()
                .hosted_zones(zone())
                .marker("")
                .is_truncated(false);
            builder.max_items(100).build().unwrap()
        });
        let client = mock_client!(aws_sdk_route53, RuleMode::Sequential, &[&taken, &list]);
        let cloud = Cloud {
            route53: client.into(),
            ..cloud()
        };
        assert_eq!(
            HostedZone::create(&cloud, &HostedZone::example(), &claim()).await,
            Ok("Z1".into())
        );
    }

    #[tokio::test]
    async fn a_new_vpc_comes_before_the_last_old_one_goes() {
        let come = mock!(aws_sdk_route53::Client::associate_vpc_with_hosted_zone)
            .match_requests(|request| request.vpc().and_then(Vpc::vpc_id) == Some("vpc-2"))
            .then_output(|| AssociateVpcWithHostedZoneOutput::builder().build());
        let go = mock!(aws_sdk_route53::Client::disassociate_vpc_from_hosted_zone)
            .match_requests(|request| request.vpc().and_then(Vpc::vpc_id) == Some("vpc-1"))
            .then_output(|| DisassociateVpcFromHostedZoneOutput::builder().build());
        let client = mock_client!(aws_sdk_route53, RuleMode::Sequential, &[&come, &go]);
        let cloud = Cloud {
            route53: client.into(),
            ..cloud()
        };
        let desired = Spec {
            vpc_ids: Some(BTreeSet::from(["vpc-2".into()])),
            ..private().spec
        };
        let asked = changes(&[("/vpc_ids", json!(["vpc-1"]), json!(["vpc-2"]))]);
        HostedZone::update(&cloud, &private(), &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!((come.num_calls(), go.num_calls()), (1, 1));
    }
}
