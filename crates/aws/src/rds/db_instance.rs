//! `rds.DbInstance`: a writer or reader of an Aurora cluster. Which of them it is, AWS decides at every failover.

use aws_sdk_rds::types::{DbInstance as Described, Filter};
use platctl_engine::fields::Fact::{Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Declared, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::orderable::Order;
use super::{
    PENDING_REBOOT, check_identifier, classes, instance_phase, is_stopped, new_tags, split_tags,
    start, sync_tags, windows,
};
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked};
use crate::tags::Tags;
use crate::types::{Arn, unless_same};

/// A DB instance in an Aurora DB cluster.
#[derive(Debug)]
pub struct DbInstance;

/// A DB instance in an Aurora DB cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The identifier of the DB instance, in lower case. Must be unique within the account and region.
    pub db_instance_identifier: String,
    /// The identifier of the DB cluster to which the instance belongs.
    pub db_cluster_identifier: S::In<String>,
    /// The DB instance class: `db.r6g.large`, `db.serverless`, …
    pub db_instance_class: String,
    /// The database engine, which is that of the DB cluster.
    pub engine: String,
    /// The availability zone of the DB instance. Default: AWS chooses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// The order in which instances are promoted to writer after a failure of the current writer, from 0
    /// (first) to 15 (last).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_tier: Option<i32>,
    /// The name of the DB parameter group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_parameter_group_name: Option<S::In<String>>,
    /// Whether the DB instance is accessible from the internet. Default: `false`.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// Whether AWS applies minor version upgrades automatically. Default: `false`, because the version is set
    /// by the DB cluster.
    #[serde(default)]
    pub auto_minor_version_upgrade: bool,
    /// The weekly time range for maintenance, in UTC, such as `sun:04:00-sun:05:00`. Default: AWS chooses one. The
    /// one of the DB cluster does not apply to its instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_maintenance_window: Option<String>,
    /// The interval of Enhanced Monitoring, in seconds: 0 (disabled), 1, 5, 10, 15, 30 or 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_interval: Option<i32>,
    /// The ARN of the IAM role with which RDS sends Enhanced Monitoring metrics to CloudWatch Logs. Required
    /// for Enhanced Monitoring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_role_arn: Option<S::In<Arn>>,
    /// Whether Performance Insights is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_enabled: Option<bool>,
    /// The ARN of the KMS key that encrypts Performance Insights data. Once set, it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_kms_key_id: Option<S::In<Arn>>,
    /// The number of days for which Performance Insights data is kept: 7, 731, or a multiple of 31 from 31 (1
    /// month) to 713 (23 months).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_retention_period: Option<i32>,
    /// The identifier of the certificate authority for the TLS certificate of the DB instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_identifier: Option<String>,
    /// Tags to assign to the DB instance.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the DB instance that other resources can reference.
    DbInstance {
        /// The identifier of the DB instance.
        DB_INSTANCE_IDENTIFIER: db_instance_identifier: String,
        /// The Amazon Resource Name (ARN) of the DB instance.
        ARN: arn: Arn,
        /// The endpoint of the DB instance. Use the endpoints of the DB cluster, which follow failovers.
        ENDPOINT: endpoint: String,
        /// The availability zone of the DB instance.
        AVAILABILITY_ZONE: availability_zone: String,
    }
}

async fn read(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Described>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let values = ids.iter().map(ToString::to_string).collect();
    let filter = Filter::builder()
        .name("db-instance-id")
        .set_values(Some(values))
        .build();
    let call = cloud.rds.describe_db_instances().filters(filter);
    let instances: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    instances.asked()
}

fn live(instance: &Described) -> Option<Live<DbInstance>> {
    let id = instance.db_instance_identifier()?;
    let (tags, owner) = split_tags(instance.tag_list());
    let pending = instance.pending_modified_values();
    let class = pending
        .and_then(|pending| pending.db_instance_class())
        .or(instance.db_instance_class());
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let spec = Spec {
        db_instance_identifier: id.to_owned(),
        db_cluster_identifier: instance
            .db_cluster_identifier()
            .unwrap_or_default()
            .to_owned(),
        db_instance_class: class.unwrap_or_default().to_owned(),
        engine: instance.engine().unwrap_or_default().to_owned(),
        availability_zone: text(instance.availability_zone()),
        promotion_tier: instance.promotion_tier(),
        db_parameter_group_name: instance
            .db_parameter_groups()
            .first()
            .and_then(|group| text(group.db_parameter_group_name())),
        publicly_accessible: instance.publicly_accessible().unwrap_or_default(),
        auto_minor_version_upgrade: instance.auto_minor_version_upgrade().unwrap_or_default(),
        preferred_maintenance_window: text(instance.preferred_maintenance_window()),
        monitoring_interval: Some(instance.monitoring_interval().unwrap_or_default()),
        monitoring_role_arn: instance.monitoring_role_arn().map(Arn::from),
        performance_insights_enabled: Some(
            instance.performance_insights_enabled().unwrap_or_default(),
        ),
        performance_insights_kms_key_id: instance.performance_insights_kms_key_id().map(Arn::from),
        performance_insights_retention_period: instance.performance_insights_retention_period(),
        ca_certificate_identifier: text(instance.ca_certificate_identifier()),
        tags,
    };
    let groups = instance.db_parameter_groups();
    let parameters = |status: &str| {
        groups
            .iter()
            .any(|group| group.parameter_apply_status() == Some(status))
    };
    let waits = pending.is_some_and(|pending| pending.db_instance_class().is_some());
    let phase = match instance_phase(instance.db_instance_status()) {
        Phase::Ready if waits => Phase::Settling("changes are pending".into()),
        Phase::Ready if parameters("applying") => {
            Phase::Settling("parameters are being applied".into())
        }
        Phase::Ready if parameters("failed-to-apply") => Phase::Degraded(
            "failed-to-apply: RDS could not apply the parameter group; its events have the reason"
                .into(),
        ),
        Phase::Ready if parameters("pending-reboot") => Phase::Degraded(PENDING_REBOOT.into()),
        phase => phase,
    };
    let outputs = Outputs {
        db_instance_identifier: id.to_owned(),
        arn: instance.db_instance_arn().unwrap_or_default().into(),
        endpoint: instance
            .endpoint()
            .and_then(|endpoint| endpoint.address())
            .unwrap_or_default()
            .to_owned(),
        availability_zone: instance.availability_zone().unwrap_or_default().to_owned(),
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase,
    })
}

const MODIFIED: [&str; 11] = [
    "/db_instance_class",
    "/promotion_tier",
    "/db_parameter_group_name",
    "/publicly_accessible",
    "/auto_minor_version_upgrade",
    "/preferred_maintenance_window",
    "/monitoring_interval",
    "/monitoring_role_arn",
    "/performance_insights_enabled",
    "/performance_insights_retention_period",
    "/ca_certificate_identifier",
];

async fn modify(cloud: &Cloud, id: &str, spec: &Spec, changes: &Changes) -> CloudResult<()> {
    let touch = |path: &str| changes.touch(path);
    if !MODIFIED.iter().any(|path| touch(path)) {
        return Ok(());
    }
    let monitoring = touch("/monitoring_interval") || touch("/monitoring_role_arn");
    let insights =
        touch("/performance_insights_enabled") || touch("/performance_insights_retention_period");
    // Retention and key make sense only together with insights.
    let kept = insights && spec.performance_insights_enabled == Some(true);
    let call = cloud
        .rds
        .modify_db_instance()
        .db_instance_identifier(id)
        .apply_immediately(true)
        .set_db_instance_class(touch("/db_instance_class").then(|| spec.db_instance_class.clone()))
        .set_promotion_tier(spec.promotion_tier.filter(|_| touch("/promotion_tier")))
        .set_db_parameter_group_name(
            spec.db_parameter_group_name
                .clone()
                .filter(|_| touch("/db_parameter_group_name")),
        )
        .set_publicly_accessible(touch("/publicly_accessible").then_some(spec.publicly_accessible))
        .set_auto_minor_version_upgrade(
            touch("/auto_minor_version_upgrade").then_some(spec.auto_minor_version_upgrade),
        )
        .set_preferred_maintenance_window(
            spec.preferred_maintenance_window
                .clone()
                .filter(|_| touch("/preferred_maintenance_window")),
        )
        .set_monitoring_interval(spec.monitoring_interval.filter(|_| monitoring))
        .set_monitoring_role_arn(
            spec.monitoring_role_arn
                .as_ref()
                .filter(|_| monitoring)
                .map(ToString::to_string),
        )
        .set_enable_performance_insights(spec.performance_insights_enabled.filter(|_| insights))
        .set_performance_insights_kms_key_id(
            spec.performance_insights_kms_key_id
                .as_ref()
                .filter(|_| kept)
                .map(ToString::to_string),
        )
        .set_performance_insights_retention_period(
            spec.performance_insights_retention_period.filter(|_| kept),
        )
        .set_ca_certificate_identifier(
            spec.ca_certificate_identifier
                .clone()
                .filter(|_| touch("/ca_certificate_identifier")),
        );
    call.send().ask().await.map(drop)
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<DbInstance>>>> {
    Ok(in_order(
        ids,
        read(cloud, ids).await?.iter().filter_map(live),
    ))
}

impl Kind for DbInstance {
    const NAME: &'static str = "rds.DbInstance";
    const FIELDS: &'static Table = &[
        ("/db_instance_identifier", &[Immutable, Name]),
        ("/db_cluster_identifier", &[Immutable, Holds]),
        ("/engine", &[Immutable]),
        ("/availability_zone", &[Immutable]),
        ("/performance_insights_kms_key_id", &[Immutable]),
        ("/db_parameter_group_name", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "rds:DescribeDBInstances",
            "rds:DescribeDBClusters",
            "rds:DescribeOrderableDBInstanceOptions",
        ],
        create: &[
            "rds:CreateDBInstance",
            "rds:AddTagsToResource",
            "iam:PassRole",
            "iam:CreateServiceLinkedRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        update: &[
            "rds:ModifyDBInstance",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            "iam:PassRole",
        ],
        delete: &["rds:DeleteDBInstance", "rds:StartDBCluster"],
    };
    const TIMING: Timing = Timing::seconds(480, 420, 600, 5400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            db_instance_identifier: "example-1".into(),
            db_cluster_identifier: "example-db-cluster".into(),
            db_instance_class: "db.r6g.large".into(),
            engine: "aurora-postgresql".into(),
            availability_zone: Some("eu-west-1a".into()),
            promotion_tier: Some(1),
            db_parameter_group_name: Some("db-instance-parameters-example".into()),
            publicly_accessible: false,
            auto_minor_version_upgrade: false,
            preferred_maintenance_window: Some("sun:04:00-sun:05:00".into()),
            monitoring_interval: Some(60),
            monitoring_role_arn: Some("arn:aws:iam::123456789012:role/services-example".into()),
            performance_insights_enabled: Some(true),
            performance_insights_kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            performance_insights_retention_period: Some(7),
            ca_certificate_identifier: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/db_instance_class", json!("db.r6g.xlarge")),
            ("/promotion_tier", json!(2)),
            ("/auto_minor_version_upgrade", json!(true)),
            (
                "/preferred_maintenance_window",
                json!("mon:05:00-mon:06:00"),
            ),
            ("/monitoring_interval", json!(30)),
            ("/performance_insights_retention_period", json!(31)),
            ("/tags/team", json!("data")),
            ("/availability_zone", json!("eu-west-1b")),
            ("/db_instance_identifier", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_identifier("/db_instance_identifier", &spec.db_instance_identifier, 63)?;
        // An instance without a cluster holds its own data, which this kind would delete without a snapshot.
        if spec.db_cluster_identifier.is_empty() {
            let message =
                "is empty: platctl manages only instances that belong to an Aurora cluster";
            return Err(SpecError::new("/db_cluster_identifier", message));
        }
        if let Some(window) = &spec.preferred_maintenance_window {
            windows::check_maintenance(window)
                .map_err(|message| SpecError::new("/preferred_maintenance_window", message))?;
        }
        let is_known = match spec.engine.as_str() {
            "aurora-postgresql" => classes::known(&spec.db_instance_class) != classes::Known::No,
            _ => spec.db_instance_class.starts_with("db."),
        };
        if !is_known {
            return Err(SpecError::new(
                "/db_instance_class",
                classes::unknown(&spec.db_instance_class),
            ));
        }
        if spec
            .promotion_tier
            .is_some_and(|tier| !(0..=15).contains(&tier))
        {
            return Err(SpecError::new(
                "/promotion_tier",
                "must be between 0 and 15",
            ));
        }
        let interval = spec.monitoring_interval.unwrap_or_default();
        if ![0, 1, 5, 10, 15, 30, 60].contains(&interval) {
            return Err(SpecError::new(
                "/monitoring_interval",
                "must be 0, 1, 5, 10, 15, 30 or 60 seconds",
            ));
        }
        if interval > 0 && spec.monitoring_role_arn.is_none() {
            return Err(SpecError::new(
                "/monitoring_role_arn",
                "is required for enhanced monitoring",
            ));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.db_instance_identifier,
            &desired.db_instance_identifier,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.db_instance_identifier.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .rds
            .create_db_instance()
            .db_instance_identifier(&spec.db_instance_identifier)
            .db_cluster_identifier(&spec.db_cluster_identifier)
            .db_instance_class(&spec.db_instance_class)
            .engine(&spec.engine)
            .set_availability_zone(spec.availability_zone.clone())
            .set_promotion_tier(spec.promotion_tier)
            .set_db_parameter_group_name(spec.db_parameter_group_name.clone())
            .publicly_accessible(spec.publicly_accessible)
            .auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
            .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone())
            .set_monitoring_interval(spec.monitoring_interval)
            .set_monitoring_role_arn(spec.monitoring_role_arn.as_ref().map(ToString::to_string))
            .set_enable_performance_insights(spec.performance_insights_enabled)
            .set_performance_insights_kms_key_id(
                spec.performance_insights_kms_key_id
                    .as_ref()
                    .map(ToString::to_string),
            )
            .set_performance_insights_retention_period(spec.performance_insights_retention_period)
            .set_ca_certificate_identifier(spec.ca_certificate_identifier.clone())
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.db_instance_identifier.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        modify(cloud, live.id.as_str(), spec, changes).await
    }

    async fn vet(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        if !changes.touch("/db_instance_class") {
            return Ok(Vec::new());
        }
        let cluster = Id::from(live.spec.db_cluster_identifier.as_str());
        let clusters = super::db_cluster::read(cloud, &[cluster]).await?;
        let version = clusters
            .first()
            .and_then(|cluster| cluster.engine_version());
        let (class, zone) = (
            &spec.db_instance_class,
            live.spec.availability_zone.as_deref(),
        );
        Order {
            engine: &spec.engine,
            version,
            class,
            zone,
        }
        .vet(cloud)
        .await
    }

    async fn vet_new(cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        let (class, zone) = (&spec.db_instance_class, spec.availability_zone.as_deref());
        Order {
            engine: &spec.engine,
            version: None,
            class,
            zone,
        }
        .vet(cloud)
        .await
    }

    /// Aurora's data is the cluster's: an instance has no final snapshot of its own. None is deleted while its
    /// cluster is stopped.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if matches!(&live.phase, Phase::Settling(status) if is_stopped(status)) {
            let cluster = &live.spec.db_cluster_identifier;
            start(cloud, cluster).await?;
            let message = format!(
                "the cluster {cluster} is being started, because RDS cannot delete instances of a stopped cluster"
            );
            return Err(CloudError::new(
                Class::Busy,
                "rds:DeleteDBInstance",
                message,
            ));
        }
        let call = cloud
            .rds
            .delete_db_instance()
            .db_instance_identifier(live.id.as_str())
            .skip_final_snapshot(true);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::{DbParameterGroupStatus, PendingModifiedValues};

    #[tokio::test]
    async fn the_cluster_is_started_before_an_instance_of_it_is_deleted() {
        use crate::cloud::tests::cloud;
        use aws_sdk_rds::operation::start_db_cluster::StartDbClusterOutput;
        use aws_smithy_mocks::{RuleMode, mock, mock_client};
        let started = mock!(aws_sdk_rds::Client::start_db_cluster)
            .match_requests(|request| request.db_cluster_identifier() == Some("prod"))
            .then_output(|| StartDbClusterOutput::builder().build());
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&started]);
        let instance = Described::builder()
            .db_instance_identifier("x")
            .db_cluster_identifier("prod");
        let live = live(&instance.db_instance_status("stopped").build()).unwrap();
        let refused = DbInstance::delete(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            &live,
        )
        .await
        .unwrap_err();
        assert_eq!((refused.class, started.num_calls()), (Class::Busy, 1));
    }

    #[test]
    fn an_instance_is_ready_only_when_nothing_is_pending() {
        let instance = || {
            Described::builder()
                .db_instance_identifier("x")
                .db_instance_status("available")
        };
        assert_eq!(live(&instance().build()).unwrap().phase, Phase::Ready);
        let pending = PendingModifiedValues::builder()
            .db_instance_class("db.r6g.xlarge")
            .build();
        let changing = live(
            &instance()
                .db_instance_class("db.r6g.large")
                .pending_modified_values(pending)
                .build(),
        );
        let changing = changing.unwrap();
        assert!(matches!(changing.phase, Phase::Settling(_)));
        assert_eq!(changing.spec.db_instance_class, "db.r6g.xlarge");
        let group = DbParameterGroupStatus::builder()
            .parameter_apply_status("applying")
            .build();
        let applying = live(&instance().db_parameter_groups(group).build()).unwrap();
        assert!(matches!(applying.phase, Phase::Settling(_)));
        for status in ["pending-reboot", "failed-to-apply"] {
            let group = DbParameterGroupStatus::builder()
                .parameter_apply_status(status)
                .build();
            let shown = live(&instance().db_parameter_groups(group).build())
                .unwrap()
                .phase;
            assert!(
                matches!(&shown, Phase::Degraded(why) if why.starts_with(status)),
                "{shown:?}"
            );
        }
    }
}
