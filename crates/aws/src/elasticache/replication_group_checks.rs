//! What ElastiCache would refuse of a replication group.

use std::collections::BTreeSet;

use platctl_engine::SpecError;

use super::check_name;
use super::replication_group::Spec;
use crate::rds::windows;
use crate::versions::kubernetes;

/// Whether ElastiCache takes this spec, as far as that is known without asking.
pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    check_name("/replication_group_id", &spec.replication_group_id, 40)?;
    check_engine(spec)?;
    check_nodes(spec)?;
    check_access(spec)?;
    check_snapshots(spec)
}

fn fault(path: &str, message: &str) -> Result<(), SpecError> {
    Err(SpecError::new(path, message))
}

fn check_engine(spec: &Spec) -> Result<(), SpecError> {
    if !["valkey", "redis"].contains(&spec.engine.as_str()) {
        return fault("/engine", "must be `valkey` or `redis`");
    }
    if kubernetes(&spec.engine_version).is_none() {
        let message =
            "must have a major and a minor version, such as 8.0: AWS chooses the patch version";
        return fault("/engine_version", message);
    }
    let parts: Vec<&str> = spec.cache_node_type.split('.').collect();
    if parts.len() != 3 || parts[0] != "cache" || parts.iter().any(|part| part.is_empty()) {
        return fault(
            "/cache_node_type",
            "must be a node type, such as cache.t4g.small",
        );
    }
    Ok(())
}

fn check_nodes(spec: &Spec) -> Result<(), SpecError> {
    let clustered = match spec.cluster_mode.as_str() {
        "enabled" => true,
        "disabled" => false,
        _ => return fault("/cluster_mode", "must be `enabled` or `disabled`"),
    };
    if !(0..=5).contains(&spec.replicas_per_node_group) {
        return fault("/replicas_per_node_group", "must be between 0 and 5");
    }
    if !(1..=500).contains(&spec.num_node_groups) {
        return fault("/num_node_groups", "must be between 1 and 500");
    }
    if spec.num_node_groups > 1 && !clustered {
        return fault(
            "/num_node_groups",
            "more than one shard requires `cluster_mode: enabled`",
        );
    }
    if clustered && !spec.automatic_failover_enabled {
        let message = "must be `true` with `cluster_mode: enabled`";
        return fault("/automatic_failover_enabled", message);
    }
    if spec.automatic_failover_enabled && !clustered && spec.replicas_per_node_group < 1 {
        return fault(
            "/automatic_failover_enabled",
            "requires `replicas_per_node_group: 1` or more",
        );
    }
    let replicated = spec.automatic_failover_enabled && spec.replicas_per_node_group > 0;
    if spec.multi_az_enabled && !replicated {
        let message =
            "requires `automatic_failover_enabled: true` and `replicas_per_node_group: 1` or more";
        return fault("/multi_az_enabled", message);
    }
    Ok(())
}

fn check_access(spec: &Spec) -> Result<(), SpecError> {
    if spec.kms_key_id.is_some() && !spec.at_rest_encryption_enabled {
        return fault("/kms_key_id", "requires `at_rest_encryption_enabled: true`");
    }
    match spec.transit_encryption_mode.as_deref() {
        None => {}
        Some("preferred" | "required") if spec.transit_encryption_enabled => {}
        Some("preferred" | "required") => {
            let message = "requires `transit_encryption_enabled: true`";
            return fault("/transit_encryption_mode", message);
        }
        Some(_) => {
            return fault(
                "/transit_encryption_mode",
                "must be `preferred` or `required`",
            );
        }
    }
    match spec.user_group_ids.as_ref().map_or(0, BTreeSet::len) {
        0 => Ok(()),
        1 if spec.transit_encryption_enabled => Ok(()),
        1 => fault(
            "/user_group_ids",
            "requires `transit_encryption_enabled: true`",
        ),
        _ => fault("/user_group_ids", "must have one user group at most"),
    }
}

fn check_snapshots(spec: &Spec) -> Result<(), SpecError> {
    let days = spec.snapshot_retention_limit;
    if days.is_some_and(|days| !(0..=35).contains(&days)) {
        return fault("/snapshot_retention_limit", "must be between 0 and 35 days");
    }
    if let Some(window) = &spec.snapshot_window {
        windows::check_backup(window).map_err(|e| SpecError::new("/snapshot_window", e))?;
    }
    if let Some(window) = &spec.preferred_maintenance_window {
        windows::check_maintenance(window)
            .map_err(|e| SpecError::new("/preferred_maintenance_window", e))?;
    }
    match &spec.final_snapshot_identifier {
        Some(_) if spec.skip_final_snapshot => fault(
            "/final_snapshot_identifier",
            "cannot be used with skip_final_snapshot",
        ),
        Some(name) => check_name("/final_snapshot_identifier", name, 200),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::replication_group::ReplicationGroup;
    use super::*;
    use platctl_engine::Kind;

    fn wrong(change: impl FnOnce(&mut Spec)) -> Option<String> {
        let mut spec = ReplicationGroup::example();
        change(&mut spec);
        check(&spec).err().map(|error| error.path)
    }

    #[test]
    fn shards_failover_and_zones_depend_on_each_other() {
        assert_eq!(wrong(|_| {}), None);
        let shards = wrong(|spec| spec.num_node_groups = 2);
        assert_eq!(shards.as_deref(), Some("/num_node_groups"));
        let clustered = wrong(|spec| {
            spec.cluster_mode = "enabled".into();
            spec.num_node_groups = 2;
        });
        assert_eq!(clustered, None);
        let alone = wrong(|spec| spec.replicas_per_node_group = 0);
        assert_eq!(alone.as_deref(), Some("/automatic_failover_enabled"));
        let zones = wrong(|spec| spec.automatic_failover_enabled = false);
        assert_eq!(zones.as_deref(), Some("/multi_az_enabled"));
    }

    #[test]
    fn users_need_encrypted_connections() {
        let open = wrong(|spec| {
            spec.user_group_ids = Some(BTreeSet::from(["app".into()]));
            spec.transit_encryption_enabled = false;
            spec.transit_encryption_mode = None;
        });
        assert_eq!(open.as_deref(), Some("/user_group_ids"));
        let two =
            wrong(|spec| spec.user_group_ids = Some(BTreeSet::from(["a".into(), "b".into()])));
        assert_eq!(two.as_deref(), Some("/user_group_ids"));
    }

    #[test]
    fn versions_have_no_patch_and_node_types_three_parts() {
        for version in ["8", "8.0.1", "latest", "6.x"] {
            let path = wrong(|spec| spec.engine_version = version.into());
            assert_eq!(path.as_deref(), Some("/engine_version"), "{version}");
        }
        for kind in ["t4g.small", "cache.t4g", "cache..small"] {
            let path = wrong(|spec| spec.cache_node_type = kind.into());
            assert_eq!(path.as_deref(), Some("/cache_node_type"), "{kind}");
        }
    }
}
