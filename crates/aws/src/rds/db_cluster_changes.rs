//! Changes of a cluster in place.

use std::collections::BTreeSet;

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use platctl_engine::{Changes, CloudResult, Live};

use super::db_cluster::{DbCluster, FINAL_SNAPSHOT, Spec, final_snapshot};
use super::db_cluster_origin::capacity;
use super::db_cluster_upgrade::{Prepared, is_major, prepare};
use super::rds_tags;
use crate::Cloud;
use crate::errors::Ask;

/// Writes down what is to become of the data.
pub(super) async fn mark(
    cloud: &Cloud,
    live: &Live<DbCluster>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    if !changes.touch("/skip_final_snapshot") && !changes.touch("/final_snapshot_identifier") {
        return Ok(());
    }
    let tags = rds_tags([(FINAL_SNAPSHOT.to_owned(), final_snapshot(spec))]);
    let call = cloud
        .rds
        .add_tags_to_resource()
        .resource_name(live.outputs.arn.as_str())
        .set_tags(Some(tags));
    call.send().ask().await.map(drop)
}

const MODIFIED: [&str; 13] = [
    "/engine_version",
    "/manage_master_user_password",
    "/master_user_secret_kms_key_id",
    "/port",
    "/db_cluster_parameter_group_name",
    "/vpc_security_group_ids",
    "/enabled_cloudwatch_logs_exports",
    "/backup_retention_period",
    "/preferred_backup_window",
    "/preferred_maintenance_window",
    "/copy_tags_to_snapshot",
    "/iam_database_authentication_enabled",
    "/deletion_protection",
];

/// All changes in one call, at once: RDS would else put them off until the maintenance window.
pub(super) async fn modify(
    cloud: &Cloud,
    live: &Live<DbCluster>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let touch = |path: &str| changes.touch(path);
    let scaling = touch("/serverless_v2_scaling_configuration");
    if !scaling && !MODIFIED.iter().any(|path| touch(path)) {
        return Ok(());
    }
    let version = Some(spec.engine_version.clone()).filter(|_| touch("/engine_version"));
    let upgrade = version.is_some() && is_major(&live.spec.engine_version, &spec.engine_version);
    if upgrade && prepare(cloud, live, spec).await? == Prepared::Done {
        return Ok(());
    }
    let managed = touch("/manage_master_user_password") || touch("/master_user_secret_kms_key_id");
    let groups: Vec<String> = spec
        .vpc_security_group_ids
        .iter()
        .map(ToString::to_string)
        .collect();
    let call = cloud
        .rds
        .modify_db_cluster()
        .db_cluster_identifier(live.id.as_str())
        .apply_immediately(true)
        .set_allow_major_version_upgrade(upgrade.then_some(true))
        .set_engine_version(version)
        .set_manage_master_user_password(spec.manage_master_user_password.filter(|_| managed))
        .set_master_user_secret_kms_key_id(
            spec.master_user_secret_kms_key_id
                .as_ref()
                .filter(|_| managed)
                .map(ToString::to_string),
        )
        .set_port(spec.port.filter(|_| touch("/port")))
        .set_db_cluster_parameter_group_name(
            spec.db_cluster_parameter_group_name
                .clone()
                .filter(|_| upgrade || touch("/db_cluster_parameter_group_name")),
        )
        // A group belongs to one major version. RDS refuses an upgrade that does not say which groups come after
        // it, and takes the instances' group together with an upgrade alone.
        .set_db_instance_parameter_group_name(
            spec.db_instance_parameter_group_name
                .clone()
                .filter(|_| upgrade),
        )
        .set_vpc_security_group_ids(Some(groups).filter(|_| touch("/vpc_security_group_ids")))
        .set_cloudwatch_logs_export_configuration(exports(live, spec, changes))
        .set_backup_retention_period(
            spec.backup_retention_period
                .filter(|_| touch("/backup_retention_period")),
        )
        .set_preferred_backup_window(
            spec.preferred_backup_window
                .clone()
                .filter(|_| touch("/preferred_backup_window")),
        )
        .set_preferred_maintenance_window(
            spec.preferred_maintenance_window
                .clone()
                .filter(|_| touch("/preferred_maintenance_window")),
        )
        .set_copy_tags_to_snapshot(
            touch("/copy_tags_to_snapshot").then_some(spec.copy_tags_to_snapshot),
        )
        .set_enable_iam_database_authentication(
            touch("/iam_database_authentication_enabled")
                .then_some(spec.iam_database_authentication_enabled),
        )
        .set_deletion_protection(touch("/deletion_protection").then_some(spec.deletion_protection))
        .set_serverless_v2_scaling_configuration(
            capacity(spec.serverless_v2_scaling_configuration).filter(|_| scaling),
        );
    call.send().ask().await.map(drop)
}

fn exports(
    live: &Live<DbCluster>,
    spec: &Spec,
    changes: &Changes,
) -> Option<CloudwatchLogsExportConfiguration> {
    if !changes.touch("/enabled_cloudwatch_logs_exports") {
        return None;
    }
    let nothing = BTreeSet::new();
    let now = live
        .spec
        .enabled_cloudwatch_logs_exports
        .as_ref()
        .unwrap_or(&nothing);
    let wanted = spec
        .enabled_cloudwatch_logs_exports
        .as_ref()
        .unwrap_or(&nothing);
    let list = |logs: Vec<&String>| (!logs.is_empty()).then(|| logs.into_iter().cloned().collect());
    let builder = CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(list(wanted.difference(now).collect()))
        .set_disable_log_types(list(now.difference(wanted).collect()));
    Some(builder.build())
}
