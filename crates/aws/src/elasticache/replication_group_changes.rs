//! Changes of a replication group in place.
//!
//! ElastiCache takes one change at a time: after each, the group is `modifying`, and refuses the next one. So only the
//! first of them is made here. The engine waits, compares again, and calls again for what is left.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use aws_sdk_elasticache::types::TransitEncryptionMode;
use platctl_engine::{Changes, CloudResult, Live, Owner};

use super::CacheTags;
use super::replication_group::{FINAL_SNAPSHOT, ReplicationGroup, Spec, final_snapshot};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{TagEdits, edits, write};

/// Makes the first of the changes. Nodes are added before other settings change, because automatic failover and zones
/// require them, and removed after.
pub(super) async fn apply(
    cloud: &Cloud,
    live: &Live<ReplicationGroup>,
    spec: &Spec,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let mut edits = edits(changes, owner);
    if changes.touch("/skip_final_snapshot") || changes.touch("/final_snapshot_identifier") {
        let value = final_snapshot(spec);
        edits.set.insert(FINAL_SNAPSHOT.to_owned(), value);
    }
    if edits != TagEdits::default() {
        return write::<CacheTags>(cloud, live.outputs.arn.as_str(), edits).await;
    }
    if changes.touch("/num_node_groups") {
        return shards(cloud, live, spec).await;
    }
    let (now, wanted) = (
        live.spec.replicas_per_node_group,
        spec.replicas_per_node_group,
    );
    match wanted.cmp(&now) {
        Ordering::Greater => add_replicas(cloud, live, wanted).await,
        _ if MODIFIED.iter().any(|path| changes.touch(path)) => {
            modify(cloud, live, spec, changes).await
        }
        Ordering::Less => remove_replicas(cloud, live, wanted).await,
        Ordering::Equal => Ok(()),
    }
}

/// Whoever takes shards away has to say which ones stay: the first.
async fn shards(cloud: &Cloud, live: &Live<ReplicationGroup>, spec: &Spec) -> CloudResult<()> {
    let wanted = spec.num_node_groups;
    let stay = (1..=wanted).map(|number| format!("{number:04}"));
    let fewer = wanted < live.spec.num_node_groups;
    let call = cloud
        .elasticache
        .modify_replication_group_shard_configuration()
        .replication_group_id(live.id.as_str())
        .node_group_count(wanted)
        .set_node_groups_to_retain(fewer.then(|| stay.collect()))
        .apply_immediately(true);
    call.send().ask().await.map(drop)
}

async fn add_replicas(cloud: &Cloud, live: &Live<ReplicationGroup>, count: i32) -> CloudResult<()> {
    let call = cloud
        .elasticache
        .increase_replica_count()
        .replication_group_id(live.id.as_str())
        .new_replica_count(count)
        .apply_immediately(true);
    call.send().ask().await.map(drop)
}

async fn remove_replicas(
    cloud: &Cloud,
    live: &Live<ReplicationGroup>,
    count: i32,
) -> CloudResult<()> {
    let call = cloud
        .elasticache
        .decrease_replica_count()
        .replication_group_id(live.id.as_str())
        .new_replica_count(count)
        .apply_immediately(true);
    call.send().ask().await.map(drop)
}

const MODIFIED: [&str; 15] = [
    "/replication_group_description",
    "/engine",
    "/engine_version",
    "/cache_node_type",
    "/automatic_failover_enabled",
    "/multi_az_enabled",
    "/security_group_ids",
    "/cache_parameter_group_name",
    "/transit_encryption_enabled",
    "/transit_encryption_mode",
    "/user_group_ids",
    "/snapshot_retention_limit",
    "/snapshot_window",
    "/preferred_maintenance_window",
    "/auto_minor_version_upgrade",
];

/// All other changes in one call, at once: ElastiCache would else put some of them off until the maintenance window.
async fn modify(
    cloud: &Cloud,
    live: &Live<ReplicationGroup>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let touch = |path: &str| changes.touch(path);
    let upgrade = touch("/engine") || touch("/engine_version");
    let encrypt = touch("/transit_encryption_enabled") || touch("/transit_encryption_mode");
    let mode = spec.transit_encryption_mode.as_deref();
    let (added, removed) = users(&live.spec, spec);
    let call = cloud
        .elasticache
        .modify_replication_group()
        .replication_group_id(live.id.as_str())
        .apply_immediately(true)
        .set_replication_group_description(
            touch("/replication_group_description")
                .then(|| spec.replication_group_description.clone()),
        )
        // A version without its engine counts as one of Redis.
        .set_engine(upgrade.then(|| spec.engine.clone()))
        .set_engine_version(upgrade.then(|| spec.engine_version.clone()))
        .set_cache_node_type(touch("/cache_node_type").then(|| spec.cache_node_type.clone()))
        .set_automatic_failover_enabled(
            touch("/automatic_failover_enabled").then_some(spec.automatic_failover_enabled),
        )
        .set_multi_az_enabled(touch("/multi_az_enabled").then_some(spec.multi_az_enabled))
        .set_security_group_ids(touch("/security_group_ids").then(|| groups(spec)))
        .set_cache_parameter_group_name(
            spec.cache_parameter_group_name
                .clone()
                .filter(|_| touch("/cache_parameter_group_name")),
        )
        .set_transit_encryption_enabled(encrypt.then_some(spec.transit_encryption_enabled))
        .set_transit_encryption_mode(
            mode.filter(|_| encrypt && spec.transit_encryption_enabled)
                .map(TransitEncryptionMode::from),
        )
        .set_user_group_ids_to_add(added)
        .set_user_group_ids_to_remove(removed)
        .set_snapshot_retention_limit(
            spec.snapshot_retention_limit
                .filter(|_| touch("/snapshot_retention_limit")),
        )
        .set_snapshot_window(
            spec.snapshot_window
                .clone()
                .filter(|_| touch("/snapshot_window")),
        )
        .set_preferred_maintenance_window(
            spec.preferred_maintenance_window
                .clone()
                .filter(|_| touch("/preferred_maintenance_window")),
        )
        .set_auto_minor_version_upgrade(
            spec.auto_minor_version_upgrade
                .filter(|_| touch("/auto_minor_version_upgrade")),
        );
    call.send().ask().await.map(drop)
}

fn groups(spec: &Spec) -> Vec<String> {
    spec.security_group_ids
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The user groups to add and to remove; none where there are none, or where they are not stated.
fn users(live: &Spec, desired: &Spec) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let nothing = BTreeSet::new();
    let now = live.user_group_ids.as_ref().unwrap_or(&nothing);
    let wanted = desired.user_group_ids.as_ref().unwrap_or(now);
    let list = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        let names: Vec<String> = one.difference(other).cloned().collect();
        (!names.is_empty()).then_some(names)
    };
    (list(wanted, now), list(now, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_elasticache::operation::add_tags_to_resource::AddTagsToResourceOutput;
    use aws_sdk_elasticache::operation::increase_replica_count::IncreaseReplicaCountOutput;
    use aws_sdk_elasticache::operation::modify_replication_group::ModifyReplicationGroupOutput;
    use aws_sdk_elasticache::operation::modify_replication_group_shard_configuration::ModifyReplicationGroupShardConfigurationOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use platctl_engine::{Id, Kind, Phase};
    use serde_json::{Value, json};

    fn live(spec: Spec) -> Live<ReplicationGroup> {
        let outputs = serde_json::from_value(json!({
            "replication_group_id": "example", "arn": "arn:example", "primary_endpoint": "", "reader_endpoint": "",
            "configuration_endpoint": "", "port": 6379, "replication_group_create_time": "",
        }));
        Live {
            id: Id::from("example"),
            spec,
            outputs: outputs.unwrap(),
            owner: Some(owner()),
            phase: Phase::Ready,
        }
    }

    async fn update(spec: &Spec, list: &[(&str, Value, Value)], rule: &Rule) {
        let client = mock_client!(aws_sdk_elasticache, RuleMode::Sequential, &[rule]);
        let cloud = Cloud {
            elasticache: client.into(),
            ..cloud()
        };
        let live = live(ReplicationGroup::example());
        apply(&cloud, &live, spec, &changes(list), &owner())
            .await
            .unwrap();
        assert_eq!(rule.num_calls(), 1);
    }

    fn changed(change: impl FnOnce(&mut Spec)) -> Spec {
        let mut spec = ReplicationGroup::example();
        change(&mut spec);
        spec
    }

    #[tokio::test]
    async fn a_group_takes_one_change_at_a_time() {
        let tag = mock!(aws_sdk_elasticache::Client::add_tags_to_resource)
            .then_output(|| AddTagsToResourceOutput::builder().build());
        let spec = changed(|spec| spec.cache_node_type = "cache.t4g.medium".into());
        let list = [
            ("/tags/team", json!("platform"), json!("data")),
            (
                "/cache_node_type",
                json!("cache.t4g.small"),
                json!("cache.t4g.medium"),
            ),
        ];
        update(&spec, &list, &tag).await;
        let modify = mock!(aws_sdk_elasticache::Client::modify_replication_group)
            .match_requests(|request| {
                request.cache_node_type() == Some("cache.t4g.medium")
                    && request.apply_immediately() == Some(true)
                    && request.engine_version().is_none()
            })
            .then_output(|| ModifyReplicationGroupOutput::builder().build());
        update(&spec, &list[1..], &modify).await;
    }

    #[tokio::test]
    async fn replicas_come_before_what_requires_them() {
        let add = mock!(aws_sdk_elasticache::Client::increase_replica_count)
            .match_requests(|request| request.new_replica_count() == Some(3))
            .then_output(|| IncreaseReplicaCountOutput::builder().build());
        let spec = changed(|spec| spec.replicas_per_node_group = 3);
        let list = [
            ("/multi_az_enabled", json!(false), json!(true)),
            ("/replicas_per_node_group", json!(1), json!(3)),
        ];
        update(&spec, &list, &add).await;
        let modify = mock!(aws_sdk_elasticache::Client::modify_replication_group)
            .match_requests(|request| request.multi_az_enabled() == Some(false))
            .then_output(|| ModifyReplicationGroupOutput::builder().build());
        let spec = changed(|spec| {
            spec.replicas_per_node_group = 0;
            spec.multi_az_enabled = false;
        });
        let list = [
            ("/multi_az_enabled", json!(true), json!(false)),
            ("/replicas_per_node_group", json!(1), json!(0)),
        ];
        update(&spec, &list, &modify).await;
    }

    #[tokio::test]
    async fn fewer_shards_say_which_ones_stay() {
        let shards =
            mock!(aws_sdk_elasticache::Client::modify_replication_group_shard_configuration)
                .match_requests(|request| {
                    request.node_group_count() == Some(2)
                        && request.node_groups_to_retain().is_empty()
                })
                .then_output(|| ModifyReplicationGroupShardConfigurationOutput::builder().build());
        let spec = changed(|spec| spec.num_node_groups = 2);
        let list = [("/num_node_groups", json!(1), json!(2))];
        update(&spec, &list, &shards).await;
    }

    #[test]
    fn users_are_added_and_removed() {
        let with = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            changed(|spec| spec.user_group_ids = Some(names))
        };
        let both = users(&with(&["a"]), &with(&["b"]));
        assert_eq!(both, (Some(vec!["b".into()]), Some(vec!["a".into()])));
        assert_eq!(
            users(&with(&[]), &ReplicationGroup::example()),
            (None, None)
        );
    }
}
