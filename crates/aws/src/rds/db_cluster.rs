//! `rds.DbCluster`: Aurora PostgreSQL.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbCluster as Described, Filter};
use platctl_engine::fields::Fact::{CreateOnly, Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Change, Changes, Claim, Class, CloudError, CloudResult, Contents, Declared, Id, Identity, Kind,
    Leaves, Live, Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::db_cluster_upgrade::is_ahead;
use super::{
    PENDING_REBOOT, check_identifier, db_cluster_values, phase, scaled_out, split_tags, start,
    sync_tags,
};
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked};
use crate::tags::Tags;
use crate::types::{Arn, SecurityGroupId, unless_same};
use crate::versions::was_raised;

/// An Amazon Aurora DB cluster.
#[derive(Debug)]
pub struct DbCluster;

/// The minimum and maximum capacity of Aurora Serverless v2 instances, in Aurora capacity units (ACUs).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The minimum capacity, in ACUs. With 0, instances can pause automatically.
    pub min_capacity: f64,
    /// The maximum capacity, in ACUs.
    pub max_capacity: f64,
}

/// An Amazon Aurora DB cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The identifier of the DB cluster, in lower case. Must be unique within the account and region.
    pub db_cluster_identifier: String,
    /// The database engine: `aurora-postgresql`.
    pub engine: String,
    /// The engine version, with major and minor version, such as `16.8`. A newer version is applied in place.
    pub engine_version: String,
    /// The name of the initial database, 1 to 63 letters, digits and `_`; not a reserved word. Used at creation
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// The name of the master user, 1 to 16 letters, digits and `_`; not a reserved word, such as `admin`. AWS generates its password, stores it in Secrets Manager and rotates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_username: Option<String>,
    /// Whether AWS manages the password of the master user in Secrets Manager. platctl never handles
    /// passwords. Default: `true`; only secondary clusters of a global cluster need `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_master_user_password: Option<bool>,
    /// The ARN of the KMS key that encrypts the secret of the master user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_user_secret_kms_key_id: Option<S::In<Arn>>,
    /// The port on which the instances accept connections, 1150 to 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The name of the DB subnet group.
    pub db_subnet_group_name: S::In<String>,
    /// The name of the DB cluster parameter group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_cluster_parameter_group_name: Option<S::In<String>>,
    /// The name of the DB parameter group that all instances of the cluster get in a major version upgrade.
    /// Used for such upgrades only; otherwise, each instance specifies its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_instance_parameter_group_name: Option<S::In<String>>,
    /// The IDs of the VPC security groups.
    pub vpc_security_group_ids: S::In<BTreeSet<SecurityGroupId>>,
    /// Whether the storage is encrypted. Default: `true`.
    #[serde(default = "on")]
    pub storage_encrypted: bool,
    /// The ARN of the KMS key that encrypts the storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<S::In<Arn>>,
    /// The log types to export to CloudWatch Logs, such as `postgresql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_cloudwatch_logs_exports: Option<BTreeSet<String>>,
    /// The number of days for which automated backups are kept for point-in-time recovery, 1 to 35.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_retention_period: Option<i32>,
    /// The daily time range for automated backups, in UTC, such as `02:00-03:00`. At least 30 minutes, outside of
    /// the maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_backup_window: Option<String>,
    /// The weekly time range for maintenance, in UTC, such as `sun:04:00-sun:05:00`. At least 30 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_maintenance_window: Option<String>,
    /// Whether the tags of the DB cluster are copied to its snapshots. Default: `true`.
    #[serde(default = "on")]
    pub copy_tags_to_snapshot: bool,
    /// Whether IAM users and roles can log in with authentication tokens.
    #[serde(default)]
    pub iam_database_authentication_enabled: bool,
    /// Whether AWS refuses to delete the DB cluster. platctl turns this off for a deletion that is requested
    /// and that `protect` does not forbid.
    #[serde(default)]
    pub deletion_protection: bool,
    /// The scaling configuration of Aurora Serverless v2 instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serverless_v2_scaling_configuration: Option<Capacity>,
    /// Whether to skip the final snapshot when the DB cluster is deleted. Stored in a tag, so that the DB
    /// cluster can be deleted without a stack file.
    #[serde(default)]
    pub skip_final_snapshot: bool,
    /// The prefix of the final snapshot's identifier, to which a part of the DB cluster's resource ID is
    /// appended. Cannot be used with `skip_final_snapshot`. Default: the DB cluster identifier, followed by
    /// `-final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_snapshot_identifier: Option<String>,
    /// The identifier of the global cluster of which this DB cluster is a secondary cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_cluster_identifier: Option<S::In<String>>,
    /// The identifier or ARN of the snapshot from which the DB cluster is restored. Used at creation only.
    /// Cannot be used with `source_db_cluster_identifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_identifier: Option<S::In<String>>,
    /// The identifier of the DB cluster from which this one is restored to a point in time. Used at creation
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_db_cluster_identifier: Option<S::In<String>>,
    /// The time to which the source DB cluster is restored, such as `2026-11-23T08:00:00Z`. Default: the
    /// latest restorable time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_to_time: Option<String>,
    /// Tags to assign to the DB cluster.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the DB cluster that other resources can reference.
    DbCluster {
        /// The identifier of the DB cluster.
        DB_CLUSTER_IDENTIFIER: db_cluster_identifier: String,
        /// The Amazon Resource Name (ARN) of the DB cluster.
        ARN: arn: Arn,
        /// The cluster endpoint, for writes.
        ENDPOINT: endpoint: String,
        /// The reader endpoint, for reads.
        READER_ENDPOINT: reader_endpoint: String,
        /// The port of the endpoints.
        PORT: port: i32,
        /// The ARN of the secret with the name and password of the master user. Empty for secondary clusters.
        MASTER_USER_SECRET_ARN: master_user_secret_arn: String,
        /// The resource ID of the DB cluster, which does not change when the DB cluster is renamed.
        CLUSTER_RESOURCE_ID: cluster_resource_id: String,
    }
}

/// The tag that says what is to become of the data: `none`, or the beginning of the final snapshot's name.
pub(super) const FINAL_SNAPSHOT: &str = "platctl:final-snapshot";

/// The tag's value for a spec.
pub(super) fn final_snapshot(spec: &Spec) -> String {
    match (&spec.final_snapshot_identifier, spec.skip_final_snapshot) {
        (_, true) => "none".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) => format!("{}-final", spec.db_cluster_identifier),
    }
}

pub(super) async fn read(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Described>> {
    // RDS takes no empty filter.
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let values = ids.iter().map(ToString::to_string).collect();
    let filter = Filter::builder()
        .name("db-cluster-id")
        .set_values(Some(values))
        .build();
    let call = cloud.rds.describe_db_clusters().filters(filter);
    let clusters: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    clusters.asked()
}

fn live(cluster: &Described) -> Option<Live<DbCluster>> {
    let id = cluster.db_cluster_identifier()?;
    let marked = cluster
        .tag_list()
        .iter()
        .find(|tag| tag.key() == Some(FINAL_SNAPSHOT));
    let marked = marked.and_then(|tag| tag.value());
    let (tags, owner) = split_tags(cluster.tag_list());
    let groups = cluster
        .vpc_security_groups()
        .iter()
        .filter_map(|group| group.vpc_security_group_id());
    let capacity = cluster
        .serverless_v2_scaling_configuration()
        .and_then(|capacity| {
            Some(Capacity {
                min_capacity: capacity.min_capacity()?,
                max_capacity: capacity.max_capacity()?,
            })
        });
    let secret = cluster.master_user_secret();
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let pending = cluster.pending_modified_values();
    let version = pending
        .and_then(|pending| pending.engine_version())
        .or(cluster.engine_version());
    let spec = Spec {
        db_cluster_identifier: id.to_owned(),
        engine: cluster.engine().unwrap_or_default().to_owned(),
        engine_version: version.unwrap_or_default().to_owned(),
        // Of a cluster without a database, RDS answers with an empty name.
        database_name: text(cluster.database_name().filter(|name| !name.is_empty())),
        master_username: text(cluster.master_username()),
        manage_master_user_password: Some(secret.is_some()),
        master_user_secret_kms_key_id: secret.and_then(|secret| secret.kms_key_id()).map(Arn::from),
        port: cluster.port(),
        db_subnet_group_name: cluster.db_subnet_group().unwrap_or_default().to_owned(),
        db_cluster_parameter_group_name: text(cluster.db_cluster_parameter_group()),
        db_instance_parameter_group_name: None,
        vpc_security_group_ids: groups.map(SecurityGroupId::from).collect(),
        storage_encrypted: cluster.storage_encrypted().unwrap_or_default(),
        kms_key_id: cluster.kms_key_id().map(Arn::from),
        enabled_cloudwatch_logs_exports: Some(
            cluster
                .enabled_cloudwatch_logs_exports()
                .iter()
                .cloned()
                .collect(),
        ),
        backup_retention_period: cluster.backup_retention_period(),
        preferred_backup_window: text(cluster.preferred_backup_window()),
        preferred_maintenance_window: text(cluster.preferred_maintenance_window()),
        copy_tags_to_snapshot: cluster.copy_tags_to_snapshot().unwrap_or_default(),
        iam_database_authentication_enabled: cluster
            .iam_database_authentication_enabled()
            .unwrap_or_default(),
        deletion_protection: cluster.deletion_protection().unwrap_or_default(),
        serverless_v2_scaling_configuration: capacity,
        skip_final_snapshot: marked == Some("none"),
        final_snapshot_identifier: text(marked.filter(|name| *name != "none")),
        global_cluster_identifier: text(cluster.global_cluster_identifier())
            .filter(|name| !name.is_empty()),
        snapshot_identifier: None,
        source_db_cluster_identifier: None,
        restore_to_time: None,
        tags,
    };
    let outputs = Outputs {
        db_cluster_identifier: id.to_owned(),
        arn: cluster.db_cluster_arn().unwrap_or_default().into(),
        endpoint: cluster.endpoint().unwrap_or_default().to_owned(),
        reader_endpoint: cluster.reader_endpoint().unwrap_or_default().to_owned(),
        port: cluster.port().unwrap_or(5432),
        master_user_secret_arn: secret
            .and_then(|secret| secret.secret_arn())
            .unwrap_or_default()
            .to_owned(),
        cluster_resource_id: cluster
            .db_cluster_resource_id()
            .unwrap_or_default()
            .to_owned(),
    };
    let waits = pending.is_some_and(|pending| pending.engine_version().is_some());
    let members = cluster.db_cluster_members();
    let reboot = members
        .iter()
        .any(|one| one.db_cluster_parameter_group_status() == Some("pending-reboot"));
    // The password cannot be used then: RDS could not reach the secret or its key.
    let impaired = secret.is_some_and(|secret| secret.secret_status() == Some("impaired"));
    let phase = match phase(cluster.status()) {
        Phase::Ready if waits => Phase::Settling("changes are pending".into()),
        Phase::Ready if impaired => Phase::Degraded(IMPAIRED.into()),
        Phase::Ready if reboot => Phase::Degraded(PENDING_REBOOT.into()),
        phase => phase,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase,
    })
}

const IMPAIRED: &str = "the managed password cannot be used to connect (its secret is `impaired`): make sure that the \
                        secret and its KMS key are enabled, then rotate the secret";

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<DbCluster>>>> {
    Ok(in_order(
        ids,
        read(cloud, ids).await?.iter().filter_map(live),
    ))
}

impl Kind for DbCluster {
    const NAME: &'static str = "rds.DbCluster";
    const FIELDS: &'static Table = &[
        ("/db_cluster_identifier", &[Immutable, Name]),
        ("/engine", &[Immutable]),
        ("/database_name", &[Immutable]),
        ("/master_username", &[Immutable]),
        ("/db_subnet_group_name", &[Immutable, Holds]),
        ("/storage_encrypted", &[Immutable]),
        ("/kms_key_id", &[Immutable]),
        ("/global_cluster_identifier", &[Immutable, Holds]),
        // Where it came from does not matter any more once it is there, and what its instances have is theirs to compare.
        ("/snapshot_identifier", &[CreateOnly]),
        ("/source_db_cluster_identifier", &[CreateOnly]),
        ("/restore_to_time", &[CreateOnly]),
        ("/db_instance_parameter_group_name", &[CreateOnly]),
        ("/db_cluster_parameter_group_name", &[Holds]),
        ("/vpc_security_group_ids", &[Holds]),
    ];
    const VOLATILE: &'static [&'static str] = &["master_user_secret_arn", "port"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const HOLDS_DATA: bool = true;
    /// And the final snapshot's.
    const OWN_TAGS: usize = 6;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "rds:DescribeDBClusters",
            "rds:DescribeDBEngineVersions",
            "rds:DescribeDBMajorEngineVersions",
        ],
        create: &[
            "rds:CreateDBCluster",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:RestoreDBClusterToPointInTime",
            "rds:AddTagsToResource",
            "iam:CreateServiceLinkedRole",
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
        ],
        update: &[
            "rds:ModifyDBCluster",
            "rds:StartDBCluster",
            "rds:CreateDBClusterSnapshot",
            "rds:DescribeDBClusterSnapshots",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &[
            "rds:DeleteDBCluster",
            "rds:DeleteDBInstance",
            "rds:StartDBCluster",
            "rds:ModifyDBCluster",
            "rds:RemoveFromGlobalCluster",
            "rds:CreateDBClusterSnapshot",
            "rds:DescribeDBClusterSnapshots",
            "rds:DescribeGlobalClusters",
        ],
    };
    const TIMING: Timing = Timing::seconds(60, 120, 120, 5400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            db_cluster_identifier: "example".into(),
            engine: "aurora-postgresql".into(),
            engine_version: "16.8".into(),
            database_name: Some("app".into()),
            master_username: Some("platform".into()),
            manage_master_user_password: Some(true),
            master_user_secret_kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            port: Some(5432),
            db_subnet_group_name: "db-subnets-example".into(),
            db_cluster_parameter_group_name: Some("db-cluster-parameters-example".into()),
            db_instance_parameter_group_name: None,
            vpc_security_group_ids: BTreeSet::from(["sg-0123456789abcdef0".into()]),
            storage_encrypted: true,
            kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            enabled_cloudwatch_logs_exports: Some(BTreeSet::from(["postgresql".into()])),
            backup_retention_period: Some(35),
            preferred_backup_window: Some("02:00-03:00".into()),
            preferred_maintenance_window: Some("sun:04:00-sun:05:00".into()),
            copy_tags_to_snapshot: true,
            iam_database_authentication_enabled: false,
            deletion_protection: false,
            serverless_v2_scaling_configuration: None,
            skip_final_snapshot: true,
            final_snapshot_identifier: None,
            global_cluster_identifier: None,
            snapshot_identifier: None,
            source_db_cluster_identifier: None,
            restore_to_time: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("backup_retention_period", json!(1)),
            ("enabled_cloudwatch_logs_exports", json!([])),
        ]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/engine_version", json!("16.9")),
            ("/backup_retention_period", json!(7)),
            ("/preferred_backup_window", json!("03:00-04:00")),
            (
                "/preferred_maintenance_window",
                json!("mon:05:00-mon:06:00"),
            ),
            ("/copy_tags_to_snapshot", json!(false)),
            ("/iam_database_authentication_enabled", json!(true)),
            ("/deletion_protection", json!(true)),
            (
                "/serverless_v2_scaling_configuration",
                json!({"min_capacity": 0.5, "max_capacity": 8.0}),
            ),
            ("/enabled_cloudwatch_logs_exports", json!([])),
            ("/vpc_security_group_ids", json!(["sg-0123456789abcdef1"])),
            ("/skip_final_snapshot", json!(false)),
            ("/tags/team", json!("data")),
            ("/database_name", json!("other")),
            ("/db_cluster_identifier", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_identifier("/db_cluster_identifier", &spec.db_cluster_identifier, 63)?;
        db_cluster_values::check(spec)?;
        if spec.engine != "aurora-postgresql" {
            return Err(SpecError::new("/engine", "must be `aurora-postgresql`"));
        }
        if spec
            .backup_retention_period
            .is_some_and(|days| !(1..=35).contains(&days))
        {
            return Err(SpecError::new(
                "/backup_retention_period",
                "must be between 1 and 35 days",
            ));
        }
        if spec.skip_final_snapshot && spec.final_snapshot_identifier.is_some() {
            return Err(SpecError::new(
                "/final_snapshot_identifier",
                "cannot be used with skip_final_snapshot",
            ));
        }
        if spec.snapshot_identifier.is_some() && spec.source_db_cluster_identifier.is_some() {
            return Err(SpecError::new(
                "/snapshot_identifier",
                "cannot be used with source_db_cluster_identifier",
            ));
        }
        let version: Vec<&str> = spec.engine_version.split('.').collect();
        if version.len() < 2 || version.iter().any(|part| part.parse::<u16>().is_err()) {
            let message = "must have a major and a minor version, such as 16.8. Otherwise AWS chooses the minor version, and it would show as a difference";
            return Err(SpecError::new("/engine_version", message));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.db_cluster_identifier, &desired.db_cluster_identifier)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.db_cluster_identifier.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        super::db_cluster_origin::create(cloud, spec, claim).await?;
        Ok(Id::from(spec.db_cluster_identifier.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch(Changes::RESTORE) {
            // It takes no other change until it has started.
            return start(cloud, live.id.as_str()).await;
        }
        super::db_cluster_changes::mark(cloud, live, spec, changes).await?;
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        super::db_cluster_changes::modify(cloud, live, spec, changes).await
    }

    /// AWS upgrades to later minor versions by itself.
    fn tolerates(change: &Change, last: Option<&Value>) -> bool {
        change.path == "/engine_version" && was_raised(change, last, is_ahead)
    }

    async fn vet_new(cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        super::db_cluster_upgrade::offered(cloud, &spec.engine, &spec.engine_version).await
    }

    async fn vet(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        let mut faults = super::db_cluster_upgrade::vet(cloud, live, spec, changes).await?;
        faults.extend(db_cluster_values::windows_collide(&live.spec, spec));
        Ok(faults)
    }

    async fn behind(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<String>> {
        super::db_cluster_upgrade::behind(cloud, live).await
    }

    fn leaves(live: &Live<Self>) -> Option<Leaves> {
        let needs = live
            .spec
            .kms_key_id
            .iter()
            .map(ToString::to_string)
            .collect();
        let what = || format!("snapshot {}", snapshot_name(live));
        (!live.spec.skip_final_snapshot).then(|| Leaves {
            what: what(),
            needs,
        })
    }

    /// Aurora does not say how large its storage is; other engines do.
    async fn contents(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        let found = read(cloud, std::slice::from_ref(&live.id)).await?;
        Ok(found.first().map(contents_of))
    }

    async fn left(cloud: &Cloud, what: &str) -> CloudResult<()> {
        super::db_cluster_snapshot::is_complete(cloud, what).await
    }

    /// AWS deletes no cluster that is stopped. A member of a global cluster has to leave it first, which takes a
    /// while; then the protection is lifted.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let id = live.id.as_str();
        if let Phase::Stopped(why) = &live.phase {
            start(cloud, id).await?;
            let message =
                format!("{why}; it is being started, because a stopped cluster cannot be deleted");
            return Err(CloudError::new(Class::Busy, "rds:DeleteDBCluster", message));
        }
        if let Some(global) = live.spec.global_cluster_identifier.as_deref() {
            super::failover::spare_the_writer(cloud, global, live.outputs.arn.as_str()).await?;
            let call = cloud
                .rds
                .remove_from_global_cluster()
                .global_cluster_identifier(global);
            let call = call.db_cluster_identifier(live.outputs.arn.as_str());
            match call.send().ask().await {
                // It has left since, or the global cluster is gone.
                Err(error) if error.class == Class::NotFound => {}
                other => {
                    other?;
                    let message = format!("it is leaving the global cluster {global}");
                    return Err(CloudError::new(Class::Busy, "rds:DeleteDBCluster", message));
                }
            }
        }
        if live.spec.deletion_protection {
            let call = cloud
                .rds
                .modify_db_cluster()
                .db_cluster_identifier(id)
                .deletion_protection(false);
            call.apply_immediately(true).send().ask().await?;
        }
        let call = cloud.rds.delete_db_cluster().db_cluster_identifier(id);
        let call = if live.spec.skip_final_snapshot {
            call.skip_final_snapshot(true)
        } else {
            call.skip_final_snapshot(false)
                .final_db_snapshot_identifier(snapshot_name(live))
        };
        match call.send().ask().await {
            Err(refused) if refused.class == Class::Busy => {
                scaled_out::make_way(cloud, id, refused).await
            }
            other => other.map(drop),
        }
    }
}

fn contents_of(cluster: &Described) -> Contents {
    let name = cluster.database_name().filter(|name| !name.is_empty());
    let name = name.map_or_else(
        || "a database".to_owned(),
        |name| format!("the database {name}"),
    );
    let gib = cluster.allocated_storage().filter(|gib| *gib > 1);
    let size = gib.map_or_else(String::new, |gib| format!(" ({gib} GiB allocated)"));
    Contents {
        what: format!("{name}{size}"),
        bytes: gib
            .and_then(|gib| u64::try_from(gib).ok())
            .map(|gib| gib << 30),
        ..Contents::default()
    }
}

/// Names of snapshots are unique, and a cluster of this name may have been deleted before: a part of the id
/// that no other cluster ever had makes the difference.
fn snapshot_name(live: &Live<DbCluster>) -> String {
    let tail: String = live
        .outputs
        .cluster_resource_id
        .chars()
        .rev()
        .take(8)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    format!(
        "{}-{}",
        final_snapshot(&live.spec),
        tail.to_ascii_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::delete_db_cluster::DeleteDbClusterOutput;
    use aws_sdk_rds::operation::describe_global_clusters::DescribeGlobalClustersOutput;
    use aws_sdk_rds::operation::modify_db_cluster::ModifyDbClusterOutput;
    use aws_sdk_rds::operation::remove_from_global_cluster::RemoveFromGlobalClusterError;
    use aws_sdk_rds::types::Tag;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    fn cluster() -> aws_sdk_rds::types::builders::DbClusterBuilder {
        Described::builder()
            .db_cluster_identifier("prod-database")
            .db_cluster_resource_id("cluster-ABCDEFGHIJKLMNOP")
            .status("available")
    }

    #[test]
    fn a_managed_password_that_cannot_be_used_is_shown() {
        use aws_sdk_rds::types::MasterUserSecret;
        let secret = |status: &str| MasterUserSecret::builder().secret_status(status).build();
        let phase = |status: &str| {
            live(&cluster().master_user_secret(secret(status)).build())
                .unwrap()
                .phase
        };
        assert_eq!(phase("active"), Phase::Ready);
        assert_eq!(phase("impaired"), Phase::Degraded(IMPAIRED.into()));
    }

    #[test]
    fn a_cluster_without_a_database_has_no_name_of_one() {
        let name = |name: &str| {
            let live = live(&cluster().database_name(name).build()).unwrap();
            live.spec.database_name
        };
        assert_eq!(name(""), None);
        assert_eq!(name("app"), Some("app".into()));
    }

    #[test]
    fn parameters_of_the_cluster_that_wait_for_a_reboot_are_shown() {
        use aws_sdk_rds::types::DbClusterMember;
        let phase = |status: &str| {
            let member = DbClusterMember::builder()
                .db_cluster_parameter_group_status(status)
                .build();
            live(&cluster().db_cluster_members(member).build())
                .unwrap()
                .phase
        };
        assert_eq!(phase("in-sync"), Phase::Ready);
        assert!(
            matches!(phase("pending-reboot"), Phase::Degraded(why) if why.contains("platctl restart"))
        );
    }

    #[tokio::test]
    async fn without_a_word_about_it_the_data_is_kept_and_the_protection_lifted_first() {
        let lift = mock!(aws_sdk_rds::Client::modify_db_cluster)
            .match_requests(|request| request.deletion_protection() == Some(false))
            .then_output(|| ModifyDbClusterOutput::builder().build());
        let delete = mock!(aws_sdk_rds::Client::delete_db_cluster)
            .match_requests(|request| {
                request.final_db_snapshot_identifier() == Some("prod-database-final-ijklmnop")
                    && request.skip_final_snapshot() == Some(false)
            })
            .then_output(|| DeleteDbClusterOutput::builder().build());
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&lift, &delete]);
        let live = live(&cluster().deletion_protection(true).build()).unwrap();
        DbCluster::delete(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            &live,
        )
        .await
        .unwrap();
        assert_eq!((lift.num_calls(), delete.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn one_that_has_left_its_global_cluster_meanwhile_is_deleted() {
        let read = mock!(aws_sdk_rds::Client::describe_global_clusters)
            .then_output(|| DescribeGlobalClustersOutput::builder().build());
        let leave = mock!(aws_sdk_rds::Client::remove_from_global_cluster).then_error(|| {
            let code = ErrorMetadata::builder()
                .code("GlobalClusterNotFoundFault")
                .build();
            RemoveFromGlobalClusterError::generic(code)
        });
        let delete = mock!(aws_sdk_rds::Client::delete_db_cluster)
            .then_output(|| DeleteDbClusterOutput::builder().build());
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&read, &leave, &delete]);
        let live = live(&cluster().global_cluster_identifier("dr").build()).unwrap();
        DbCluster::delete(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            &live,
        )
        .await
        .unwrap();
        assert_eq!(delete.num_calls(), 1);
    }

    #[test]
    fn a_tag_says_that_the_data_may_go() {
        let tag = Tag::builder().key(FINAL_SNAPSHOT).value("none").build();
        let live = live(&cluster().tag_list(tag).build()).unwrap();
        assert!(live.spec.skip_final_snapshot && live.spec.tags.is_empty());
    }
}
