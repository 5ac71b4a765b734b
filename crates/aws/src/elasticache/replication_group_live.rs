//! A replication group as it is now.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, CacheCluster, Endpoint, MultiAzStatus, ReplicationGroup as Described,
};
use aws_smithy_types::date_time::Format;
use platctl_engine::{Candidate, Class, CloudResult, Id, Live, Owner, Phase, Wanted};

use super::CacheTags;
use super::replication_group::{FINAL_SNAPSHOT, Outputs, ReplicationGroup, Spec, disabled};
use crate::Cloud;
use crate::errors::{Ask, if_there};
use crate::tags::{Tagged, Tags, split};
use crate::types::{Arn, SecurityGroupId};

async fn group(cloud: &Cloud, id: &str) -> CloudResult<Option<Described>> {
    let call = cloud.elasticache.describe_replication_groups();
    let answer = call.replication_group_id(id).send().ask().await?;
    Ok(answer
        .replication_groups
        .unwrap_or_default()
        .into_iter()
        .next())
}

/// What a replication group does not tell of itself, its nodes do: all of them have the same.
async fn node(cloud: &Cloud, group: &Described) -> CloudResult<Option<CacheCluster>> {
    let Some(name) = group.member_clusters().first() else {
        return Ok(None);
    };
    let call = cloud.elasticache.describe_cache_clusters();
    let answer = if_there(call.cache_cluster_id(name).send().ask().await)?;
    let nodes = answer.and_then(|answer| answer.cache_clusters);
    Ok(nodes.into_iter().flatten().next())
}

pub(super) async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ReplicationGroup>>> {
    let Some(group) = group(cloud, id.as_str()).await? else {
        return Ok(None);
    };
    let node = node(cloud, &group).await?;
    let tags = match CacheTags::list(cloud, group.arn().unwrap_or_default()).await {
        // ElastiCache does not tell the tags of a group that is not available. It is waited for, and nothing is
        // compared before.
        Err(error) if error.class == Class::Busy && group.status() != Some("available") => {
            Tags::new()
        }
        other => other?,
    };
    Ok(Some(live(id, &group, node.as_ref(), tags)))
}

/// The version without its patch, which AWS raises by itself.
fn minor(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Earlier versions of Redis only say whether it is enabled.
fn cluster_mode(group: &Described) -> String {
    match group.cluster_mode() {
        Some(mode) => mode.as_str().to_owned(),
        None if group.cluster_enabled() == Some(true) => "enabled".to_owned(),
        None => disabled(),
    }
}

fn security_groups(node: Option<&CacheCluster>) -> BTreeSet<SecurityGroupId> {
    let groups = node.map(CacheCluster::security_groups).unwrap_or_default();
    groups
        .iter()
        .filter_map(|group| group.security_group_id())
        .map(SecurityGroupId::from)
        .collect()
}

fn spec_of(
    id: &Id,
    group: &Described,
    node: Option<&CacheCluster>,
    all: Tags,
) -> (Spec, Option<Owner>) {
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let of_node = |read: fn(&CacheCluster) -> Option<&str>| node.and_then(read).unwrap_or_default();
    let marked = all.get(FINAL_SNAPSHOT).cloned();
    let (tags, owner) = split(all);
    let parameters = node.and_then(CacheCluster::cache_parameter_group);
    let shard = group.node_groups().first();
    let nodes = shard.map_or(1, |shard| shard.node_group_members().len());
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let failover = group.automatic_failover();
    let spec = Spec {
        replication_group_id: id.to_string(),
        replication_group_description: group.description().unwrap_or_default().to_owned(),
        engine: group
            .engine()
            .unwrap_or_else(|| of_node(CacheCluster::engine))
            .to_owned(),
        engine_version: minor(of_node(CacheCluster::engine_version)),
        cache_node_type: group.cache_node_type().unwrap_or_default().to_owned(),
        cluster_mode: cluster_mode(group),
        num_node_groups: number(group.node_groups().len()),
        replicas_per_node_group: number(nodes.saturating_sub(1)),
        automatic_failover_enabled: matches!(
            failover,
            Some(AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)
        ),
        multi_az_enabled: group.multi_az() == Some(&MultiAzStatus::Enabled),
        cache_subnet_group_name: of_node(CacheCluster::cache_subnet_group_name).to_owned(),
        security_group_ids: security_groups(node),
        cache_parameter_group_name: parameters
            .and_then(|group| text(group.cache_parameter_group_name())),
        port: endpoints(group).find_map(|endpoint| endpoint.port()),
        at_rest_encryption_enabled: group.at_rest_encryption_enabled().unwrap_or_default(),
        kms_key_id: group.kms_key_id().map(Arn::from),
        transit_encryption_enabled: group.transit_encryption_enabled().unwrap_or_default(),
        transit_encryption_mode: group
            .transit_encryption_mode()
            .map(|mode| mode.as_str().to_owned()),
        user_group_ids: Some(group.user_group_ids().iter().cloned().collect()),
        snapshot_retention_limit: group.snapshot_retention_limit(),
        snapshot_window: text(group.snapshot_window()),
        preferred_maintenance_window: node
            .and_then(|node| text(node.preferred_maintenance_window())),
        auto_minor_version_upgrade: group.auto_minor_version_upgrade(),
        snapshot_name: None,
        skip_final_snapshot: marked.as_deref() == Some("none"),
        final_snapshot_identifier: marked.filter(|name| name != "none"),
        tags,
    };
    (spec, owner)
}

/// The endpoints that clients use, whichever the mode.
fn endpoints(group: &Described) -> impl Iterator<Item = &Endpoint> {
    let shard = group.node_groups().first();
    let primary = shard.and_then(|shard| shard.primary_endpoint());
    group.configuration_endpoint().into_iter().chain(primary)
}

fn live(
    id: &Id,
    group: &Described,
    node: Option<&CacheCluster>,
    all: Tags,
) -> Live<ReplicationGroup> {
    let (spec, owner) = spec_of(id, group, node, all);
    let address = |endpoint: Option<&Endpoint>| {
        let address = endpoint.and_then(Endpoint::address);
        address.unwrap_or_default().to_owned()
    };
    let shard = group.node_groups().first();
    let created = group.replication_group_create_time();
    let outputs = Outputs {
        replication_group_id: id.to_string(),
        arn: group.arn().unwrap_or_default().into(),
        primary_endpoint: address(shard.and_then(|shard| shard.primary_endpoint())),
        reader_endpoint: address(shard.and_then(|shard| shard.reader_endpoint())),
        configuration_endpoint: address(group.configuration_endpoint()),
        port: spec.port.unwrap_or(6379),
        replication_group_create_time: created
            .and_then(|time| time.fmt(Format::DateTime).ok())
            .unwrap_or_default(),
    };
    Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: phase(group, node),
    }
}

const REBOOT: &str = "pending-reboot: changed parameters take effect when the nodes are rebooted (aws elasticache \
                      reboot-cache-cluster)";

/// Statuses of a group or of its nodes that do not end by themselves, and what to do about them.
const STUCK: [(&str, &str); 3] = [
    (
        "create-failed",
        "to see its events, run aws elasticache describe-events",
    ),
    (
        "incompatible-network",
        "the subnets of its subnet group have no free IP addresses, or the VPC has changed. Correct that",
    ),
    (
        "restore-failed",
        "the snapshot could not be restored. Restore another one",
    ),
];

fn phase(group: &Described, node: Option<&CacheCluster>) -> Phase {
    let parameters = node.and_then(CacheCluster::cache_parameter_group);
    let reboot =
        parameters.is_some_and(|group| group.parameter_apply_status() == Some("pending-reboot"));
    let pending = group.pending_modified_values();
    let moves = pending.is_some_and(|pending| {
        pending.resharding().is_some()
            || pending.user_groups().is_some()
            || pending.automatic_failover_status().is_some()
            || pending.transit_encryption_mode().is_some()
    });
    let of_node = node.and_then(CacheCluster::cache_cluster_status);
    let advice = |status: &str| {
        let what = STUCK.iter().find(|(known, _)| *known == status)?.1;
        Some(Phase::Failed(format!("{status}: {what}")))
    };
    if let Some(failed) = of_node.and_then(advice) {
        return failed;
    }
    match group.status().unwrap_or("available") {
        "available" if moves => Phase::Settling("changes are pending".into()),
        "available" if reboot => Phase::Degraded(REBOOT.into()),
        "available" => Phase::Ready,
        "deleting" => Phase::Deleting,
        other => advice(other).unwrap_or_else(|| Phase::Settling(other.to_owned())),
    }
}

/// One of the wanted name, whoever owns it. While it is not available, nobody can tell whose it is.
pub(super) async fn named(
    cloud: &Cloud,
    wanted: &Wanted<ReplicationGroup>,
) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let id = spec.replication_group_id.as_str();
    let Some(found) = if_there(group(cloud, id).await)?.flatten() else {
        return Ok(Vec::new());
    };
    let tags = if_there(CacheTags::list(cloud, found.arn().unwrap_or_default()).await)?;
    let candidate = |tags: Tags| Candidate {
        id: Id::from(id),
        owner: split(tags).1,
    };
    Ok(tags.map(candidate).into_iter().collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_elasticache::operation::describe_cache_clusters::DescribeCacheClustersOutput;
    use aws_sdk_elasticache::operation::describe_replication_groups::DescribeReplicationGroupsOutput;
    use aws_sdk_elasticache::operation::list_tags_for_resource::ListTagsForResourceError;
    use aws_sdk_elasticache::types::builders::ReplicationGroupBuilder;
    use aws_sdk_elasticache::types::{CacheParameterGroupStatus, NodeGroup, NodeGroupMember};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;

    fn described() -> ReplicationGroupBuilder {
        let member = || NodeGroupMember::builder().build();
        let shard = NodeGroup::builder()
            .node_group_members(member())
            .node_group_members(member());
        Described::builder()
            .replication_group_id("example")
            .arn("arn:example")
            .status("available")
            .member_clusters("example-001")
            .node_groups(shard.build())
            .replication_group_create_time(DateTime::from_secs(1_795_850_000))
    }

    fn known() -> CacheCluster {
        CacheCluster::builder()
            .cache_cluster_id("example-001")
            .engine_version("8.0.1")
            .cache_subnet_group_name("main")
            .build()
    }

    /// One whose last snapshot is called so.
    pub(in super::super) fn tagged(value: &str) -> Live<ReplicationGroup> {
        let tags = Tags::from([(FINAL_SNAPSHOT.to_owned(), value.to_owned())]);
        live(
            &"example".into(),
            &described().build(),
            Some(&known()),
            tags,
        )
    }

    #[test]
    fn a_group_is_what_its_nodes_tell() {
        let live = tagged("none");
        assert_eq!(live.spec.engine_version, "8.0");
        assert_eq!(live.spec.cache_subnet_group_name, "main");
        assert_eq!(live.spec.replicas_per_node_group, 1);
        assert!(live.spec.skip_final_snapshot && live.spec.tags.is_empty());
        assert_eq!(live.phase, Phase::Ready);
    }

    #[test]
    fn statuses_are_waited_for_or_explained() {
        let of = |status: &str| phase(&described().status(status).build(), None);
        assert_eq!(of("available"), Phase::Ready);
        assert!(matches!(of("snapshotting"), Phase::Settling(_)));
        assert_eq!(of("deleting"), Phase::Deleting);
        assert!(
            matches!(of("create-failed"), Phase::Failed(why) if why.contains("describe-events"))
        );
        let stuck = CacheCluster::builder().cache_cluster_status("restore-failed");
        let stuck = phase(
            &described().status("creating").build(),
            Some(&stuck.build()),
        );
        assert!(matches!(stuck, Phase::Failed(why) if why.contains("Restore another one")));
        let waits = CacheParameterGroupStatus::builder().parameter_apply_status("pending-reboot");
        let node = CacheCluster::builder()
            .cache_parameter_group(waits.build())
            .build();
        assert!(matches!(
            phase(&described().build(), Some(&node)),
            Phase::Degraded(_)
        ));
    }

    #[tokio::test]
    async fn tags_that_cannot_be_read_while_a_group_changes_are_waited_for() {
        for (status, seen) in [("modifying", true), ("available", false)] {
            let groups = mock!(aws_sdk_elasticache::Client::describe_replication_groups)
                .then_output(move || {
                    DescribeReplicationGroupsOutput::builder()
                        .replication_groups(described().status(status).build())
                        .build()
                });
            let nodes =
                mock!(aws_sdk_elasticache::Client::describe_cache_clusters).then_output(|| {
                    DescribeCacheClustersOutput::builder()
                        .cache_clusters(known())
                        .build()
                });
            let tags =
                mock!(aws_sdk_elasticache::Client::list_tags_for_resource).then_error(|| {
                    let code = ErrorMetadata::builder().code("InvalidReplicationGroupState");
                    ListTagsForResourceError::generic(code.build())
                });
            let client = mock_client!(
                aws_sdk_elasticache,
                RuleMode::Sequential,
                &[&groups, &nodes, &tags]
            );
            let cloud = Cloud {
                elasticache: client.into(),
                ..cloud()
            };
            let found = read(&cloud, &"example".into()).await;
            assert_eq!(found.is_ok(), seen, "{status}: {found:?}");
        }
    }
}
