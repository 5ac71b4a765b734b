//! What a cluster is made from: nothing, a snapshot, or another cluster at some time.

use aws_sdk_rds::types::{ServerlessV2ScalingConfiguration, Tag};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use platctl_engine::{Claim, Class, CloudError, CloudResult};

use super::db_cluster::{Capacity, FINAL_SNAPSHOT, Spec, final_snapshot};
use super::rds_tags;
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::claimed;

fn tags(spec: &Spec, claim: &Claim) -> Option<Vec<Tag>> {
    let mut tags = claimed(&spec.tags, &claim.owner);
    tags.insert(FINAL_SNAPSHOT.to_owned(), final_snapshot(spec));
    Some(rds_tags(tags))
}

pub(super) fn capacity(capacity: Option<Capacity>) -> Option<ServerlessV2ScalingConfiguration> {
    let capacity = capacity?;
    let builder = ServerlessV2ScalingConfiguration::builder().min_capacity(capacity.min_capacity);
    Some(builder.max_capacity(capacity.max_capacity).build())
}

fn groups(spec: &Spec) -> Option<Vec<String>> {
    Some(
        spec.vpc_security_group_ids
            .iter()
            .map(ToString::to_string)
            .collect(),
    )
}

fn logs(spec: &Spec) -> Option<Vec<String>> {
    spec.enabled_cloudwatch_logs_exports
        .as_ref()
        .map(|logs| logs.iter().cloned().collect())
}

/// What restoring cannot set, the engine sees as differences and has `update` set.
pub(super) async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<()> {
    match (
        &spec.snapshot_identifier,
        &spec.source_db_cluster_identifier,
    ) {
        (Some(snapshot), _) => from_snapshot(cloud, spec, snapshot, claim).await,
        (None, Some(source)) => from_cluster(cloud, spec, source, claim).await,
        (None, None) => from_nothing(cloud, spec, claim).await,
    }
}

async fn from_nothing(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<()> {
    // A secondary of a global cluster has the primary's users.
    let own = spec.global_cluster_identifier.is_none();
    let call = cloud
        .rds
        .create_db_cluster()
        .db_cluster_identifier(&spec.db_cluster_identifier)
        .engine(&spec.engine)
        .engine_version(&spec.engine_version)
        .set_database_name(spec.database_name.clone().filter(|_| own))
        .set_master_username(spec.master_username.clone().filter(|_| own))
        .set_manage_master_user_password(
            own.then(|| spec.manage_master_user_password.unwrap_or(true)),
        )
        .set_master_user_secret_kms_key_id(
            spec.master_user_secret_kms_key_id
                .as_ref()
                .filter(|_| own)
                .map(ToString::to_string),
        )
        .set_global_cluster_identifier(spec.global_cluster_identifier.clone())
        .set_port(spec.port)
        .db_subnet_group_name(&spec.db_subnet_group_name)
        .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
        .set_vpc_security_group_ids(groups(spec))
        .storage_encrypted(spec.storage_encrypted)
        .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
        .set_enable_cloudwatch_logs_exports(logs(spec))
        .set_backup_retention_period(spec.backup_retention_period)
        .set_preferred_backup_window(spec.preferred_backup_window.clone())
        .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone())
        .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .enable_iam_database_authentication(spec.iam_database_authentication_enabled)
        .deletion_protection(spec.deletion_protection)
        .set_serverless_v2_scaling_configuration(capacity(spec.serverless_v2_scaling_configuration))
        .set_tags(tags(spec, claim));
    call.send().ask().await.map(drop)
}

async fn from_snapshot(
    cloud: &Cloud,
    spec: &Spec,
    snapshot: &str,
    claim: &Claim,
) -> CloudResult<()> {
    let call = cloud
        .rds
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&spec.db_cluster_identifier)
        .snapshot_identifier(snapshot)
        .engine(&spec.engine)
        .engine_version(&spec.engine_version)
        .set_port(spec.port)
        .db_subnet_group_name(&spec.db_subnet_group_name)
        .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
        .set_vpc_security_group_ids(groups(spec))
        .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
        .set_enable_cloudwatch_logs_exports(logs(spec))
        .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .enable_iam_database_authentication(spec.iam_database_authentication_enabled)
        .deletion_protection(spec.deletion_protection)
        .set_serverless_v2_scaling_configuration(capacity(spec.serverless_v2_scaling_configuration))
        .set_tags(tags(spec, claim));
    call.send().ask().await.map(drop)
}

async fn from_cluster(cloud: &Cloud, spec: &Spec, source: &str, claim: &Claim) -> CloudResult<()> {
    let operation = "rds:RestoreDBClusterToPointInTime";
    let time = spec
        .restore_to_time
        .as_deref()
        .map(|text| DateTime::from_str(text, Format::DateTime))
        .transpose();
    let time = time.map_err(|error| {
        CloudError::new(
            Class::Invalid,
            operation,
            format!("restore_to_time: {error}"),
        )
    })?;
    let call = cloud
        .rds
        .restore_db_cluster_to_point_in_time()
        .db_cluster_identifier(&spec.db_cluster_identifier)
        .source_db_cluster_identifier(source)
        .set_use_latest_restorable_time(time.is_none().then_some(true))
        .set_restore_to_time(time)
        .set_port(spec.port)
        .db_subnet_group_name(&spec.db_subnet_group_name)
        .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
        .set_vpc_security_group_ids(groups(spec))
        .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
        .set_enable_cloudwatch_logs_exports(logs(spec))
        .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .enable_iam_database_authentication(spec.iam_database_authentication_enabled)
        .deletion_protection(spec.deletion_protection)
        .set_serverless_v2_scaling_configuration(capacity(spec.serverless_v2_scaling_configuration))
        .set_tags(tags(spec, claim));
    call.send().ask().await.map(drop)
}
