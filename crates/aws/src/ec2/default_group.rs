//! The default security group of a VPC: AWS makes it with the VPC, and nobody can delete it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, SecurityGroup, UserIdGroupPair};
use platctl_engine::{Class, CloudError, CloudResult};

use super::id_filters;
use crate::Cloud;
use crate::errors::{Ask, Asked};

async fn groups(cloud: &Cloud, vpcs: &[&str]) -> CloudResult<Vec<SecurityGroup>> {
    let mut found = Vec::new();
    for vpcs in id_filters("vpc-id", vpcs.iter().copied()) {
        let default = Filter::builder()
            .name("group-name")
            .values("default")
            .build();
        let call = cloud
            .ec2
            .describe_security_groups()
            .filters(vpcs)
            .filters(default);
        let page: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        found.extend(page.asked()?);
    }
    Ok(found)
}

/// Whether the default groups of these VPCs have any rules.
pub(super) async fn have_rules(
    cloud: &Cloud,
    vpcs: &[&str],
) -> CloudResult<BTreeMap<String, bool>> {
    let rules = |group: SecurityGroup| {
        let any = !group.ip_permissions().is_empty() || !group.ip_permissions_egress().is_empty();
        Some((group.vpc_id?, any))
    };
    Ok(groups(cloud, vpcs)
        .await?
        .into_iter()
        .filter_map(rules)
        .collect())
}

/// Takes all rules of the default group away, or gives it those back that AWS makes it with.
pub(super) async fn set_rules(cloud: &Cloud, vpc: &str, rules: bool) -> CloudResult<()> {
    let operation = "ec2:DescribeSecurityGroups";
    // AWS makes it with the VPC: where it cannot be seen, it cannot be seen yet.
    let missing = || {
        let message = format!("the default security group of {vpc} is not visible yet");
        CloudError::new(Class::NotYetConsistent, operation, message)
    };
    let group = groups(cloud, &[vpc])
        .await?
        .into_iter()
        .next()
        .ok_or_else(missing)?;
    let id = group.group_id().unwrap_or_default();
    if rules {
        return give_back(cloud, id, &group).await;
    }
    // A call without rules is refused.
    if !group.ip_permissions().is_empty() {
        let call = cloud.ec2.revoke_security_group_ingress().group_id(id);
        call.set_ip_permissions(group.ip_permissions.clone())
            .send()
            .ask()
            .await?;
    }
    if !group.ip_permissions_egress().is_empty() {
        let call = cloud.ec2.revoke_security_group_egress().group_id(id);
        call.set_ip_permissions(group.ip_permissions_egress.clone())
            .send()
            .ask()
            .await?;
    }
    Ok(())
}

async fn give_back(cloud: &Cloud, id: &str, group: &SecurityGroup) -> CloudResult<()> {
    let all = || IpPermission::builder().ip_protocol("-1");
    if group.ip_permissions().is_empty() {
        let own = all()
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build())
            .build();
        let call = cloud.ec2.authorize_security_group_ingress().group_id(id);
        call.ip_permissions(own).send().ask().await?;
    }
    if group.ip_permissions_egress().is_empty() {
        let everywhere = all()
            .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
            .build();
        let call = cloud.ec2.authorize_security_group_egress().group_id(id);
        call.ip_permissions(everywhere).send().ask().await?;
    }
    Ok(())
}
