//! What goes with a cluster: what its controllers have made in AWS, and nobody deletes when they are gone.

use platctl_engine::{Class, CloudError, CloudResult, Id, Live, Owner};
use serde_json::Value;

use super::cluster::Cluster;
use crate::Cloud;
use crate::errors::Asked;
use crate::leftovers::{Search, Thing, clear, find};
use crate::route53::hosted_zone;
use crate::tags::filter;

/// The permissions that a deletion takes.
pub(super) const PERMISSIONS: &[&str] = &[
    "eks:DeleteCluster",
    "ec2:CreateTags",
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteVolume",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:TerminateInstances",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:DeleteInstanceProfile",
    "iam:GetInstanceProfile",
    "iam:ListInstanceProfiles",
    "iam:RemoveRoleFromInstanceProfile",
    "logs:DeleteLogGroup",
    "logs:DescribeLogGroups",
    "logs:ListTagsForResource",
    "route53:ChangeResourceRecordSets",
    "route53:ListHostedZones",
    "route53:ListResourceRecordSets",
    "route53:ListTagsForResources",
];

/// What controllers delete themselves, as long as they live.
const BY_CONTROLLERS: [Thing; 4] = [
    Thing::LoadBalancer,
    Thing::TargetGroup,
    Thing::Volume,
    Thing::Instance,
];

/// The VPC of a cluster, by the subnets in its spec: the cluster itself may be gone. Without it, exact tags have to do.
async fn vpc(cloud: &Cloud, last: &Value) -> CloudResult<Option<String>> {
    let subnets = last.pointer("/subnet_ids").and_then(Value::as_array);
    let subnets: Vec<&str> = subnets
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if subnets.is_empty() {
        return Ok(None);
    }
    let call = cloud
        .ec2
        .describe_subnets()
        .filters(filter("subnet-id", subnets));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found
        .iter()
        .find_map(|subnet| subnet.vpc_id())
        .map(ToOwned::to_owned))
}

/// The hosted zones of the stack: records elsewhere are not its to delete. Where they cannot be listed, that is told.
async fn zones(cloud: &Cloud, owner: Option<&Owner>) -> CloudResult<Vec<String>> {
    let Some(owner) = owner else {
        return Ok(Vec::new());
    };
    match hosted_zone::of_this_stack(cloud, &owner.stack).await {
        Err(error) if !error.class.is_transient() => {
            let text = format!("DNS records that ExternalDNS made were not looked for: {error}");
            cloud.departure.note(text);
            Ok(Vec::new())
        }
        other => other,
    }
}

async fn search(cloud: &Cloud, id: &Id, last: &Value) -> CloudResult<Search> {
    Ok(Search {
        cluster: Some(id.to_string()),
        vpc: vpc(cloud, last).await?,
        ..Search::default()
    })
}

/// What controllers have been told to delete and have not deleted yet. A volume whose data is kept is not waited for.
pub(super) async fn lingers(cloud: &Cloud, id: &Id, last: &Value) -> CloudResult<Vec<String>> {
    let search = Search {
        only: BY_CONTROLLERS.to_vec(),
        alive: true,
        ..search(cloud, id, last).await?
    };
    let found = find(cloud, &search).await?;
    let goes = found
        .iter()
        .filter(|one| one.thing != Thing::Volume || !cloud.departure.keeps(&one.id));
    Ok(goes.map(ToString::to_string).collect())
}

/// Deletes what controllers have left, when all nodes are gone and nobody makes it again. An interface that is left
/// would keep the cluster's security group, and with it the VPC, from being deleted.
pub(super) async fn before_deletion(cloud: &Cloud, live: &Live<Cluster>) -> CloudResult<()> {
    let last = serde_json::json!({"subnet_ids": live.spec.subnet_ids});
    let owner = live.owner.as_ref();
    let search = Search {
        zones: zones(cloud, owner).await?,
        alive: true,
        ..search(cloud, &live.id, &last).await?
    };
    let going = clear(cloud, &search).await?;
    match going.first() {
        None => Ok(()),
        Some(first) => {
            let more = match going.len() {
                1 => String::new(),
                more => format!(" and {} more", more - 1),
            };
            let message = format!("{first}{more}");
            Err(CloudError::new(Class::Busy, "eks:DeleteCluster", message))
        }
    }
}

/// The same once the cluster is gone, however it went: now its own security group and its log groups are leftovers,
/// too.
pub(super) async fn after_deletion(
    cloud: &Cloud,
    id: &Id,
    last: &Value,
    owner: &Owner,
) -> CloudResult<Vec<String>> {
    let search = Search {
        zones: zones(cloud, Some(owner)).await?,
        ..search(cloud, id, last).await?
    };
    clear(cloud, &search).await
}
