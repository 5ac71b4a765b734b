//! The instances: one that writes, and others that only read.

use platctl_aws::applicationautoscaling::scalable_target::{self, ScalableTarget};
use platctl_aws::applicationautoscaling::scaling_policy::{self, ScalingPolicy, TargetTracking};
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_aws::rds::db_instance::{DbInstance, Spec};
use platctl_aws::rds::db_parameter_group;
use platctl_engine::{Address, Declared, Handle, Input};

use super::parameters::Groups;
use super::{Database, ENGINE};
use crate::common::NetworkParts;
use crate::declare::{Checked, Declare};

/// What is scaled: the number of readers.
const DIMENSION: &str = "rds:cluster:ReadReplicaCount";

/// What an instance is made with: its cluster, its parameters, the key of Performance Insights, and the role of enhanced
/// monitoring.
type Parts<'a> = (
    &'a Handle<DbCluster>,
    &'a Groups,
    &'a Handle<Key>,
    Option<&'a Handle<Role>>,
);

impl Database {
    /// The first instance of a cluster becomes its writer, so readers wait until the writer's creation was
    /// accepted. Each stands in the next zone.
    pub(super) fn instances(
        &self,
        network: &NetworkParts,
        cluster: &Handle<DbCluster>,
        groups: &Groups,
        key: &Handle<Key>,
        monitoring: Option<&Handle<Role>>,
        declare: &mut Declare<'_>,
    ) -> Checked<(Handle<DbInstance>, Vec<Handle<DbInstance>>)> {
        let zone = |number: usize| network.zones.get(number % network.zones.len().max(1));
        let parts = (cluster, groups, key, monitoring);
        let named = ("database-writer", self.writer_class());
        let mut spec = self.instance("writer", named, parts, declare);
        spec.promotion_tier = Some(0);
        spec.availability_zone = zone(0).cloned();
        let writer: Handle<DbInstance> = declare.add("writer", &spec)?;
        let mut readers = Vec::new();
        for number in 1..=self.reader_count() {
            let address = format!("reader.{number}");
            let name = format!("database-reader-{number}");
            let named = (name.as_str(), self.reader_class());
            let mut spec = self.instance(&address, named, parts, declare);
            spec.promotion_tier = Some(number.into());
            spec.availability_zone = zone(usize::from(number)).cloned();
            readers.push(declare.add_after(&address, &spec, &[writer.address()])?);
        }
        Ok((writer, readers))
    }

    /// What writer and readers have in common.
    fn instance(
        &self,
        address: &str,
        named: (&str, &str),
        (cluster, groups, key, monitoring): Parts<'_>,
        declare: &Declare<'_>,
    ) -> Spec<Declared> {
        let insights = self.insights_days();
        let group = &groups.instance;
        let window = self.maintenance_window.as_ref();
        let mut spec = instance(cluster, address, named, declare);
        spec.db_parameter_group_name =
            Some(group.get(db_parameter_group::out::DB_PARAMETER_GROUP_NAME));
        spec.monitoring_interval = Some(self.interval().into());
        spec.monitoring_role_arn = monitoring.map(|role| role.get(role::out::ARN));
        // Each instance has a window of its own: it is the one in which AWS reboots or upgrades it.
        spec.preferred_maintenance_window = window.map(|window| window.value.clone());
        spec.performance_insights_enabled = Some(insights > 0);
        if insights > 0 {
            spec.performance_insights_kms_key_id = Some(key.get(key::out::ARN));
            spec.performance_insights_retention_period = Some(insights.into());
        }
        spec
    }

    /// Readers come and go by load. Those that AWS adds are its own; they are no part of the stack.
    pub(super) fn autoscale(
        &self,
        cluster: &Handle<DbCluster>,
        readers: &[Handle<DbInstance>],
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(scale) = &self.readers.autoscale else {
            return Ok(());
        };
        // Scaling copies a reader, so there has to be one.
        let after: Vec<&Address> = readers.iter().map(Handle::address).collect();
        let spec = scalable_target::Spec {
            service_namespace: "rds".to_owned(),
            resource_id: Input::join([
                "cluster:".into(),
                cluster.json(db_cluster::out::DB_CLUSTER_IDENTIFIER),
            ]),
            scalable_dimension: DIMENSION.to_owned(),
            min_capacity: self.reader_count().into(),
            max_capacity: scale.value.max.into(),
            tags: declare.tags("scaling_target"),
        };
        let target: Handle<ScalableTarget> = declare.add_after("scaling_target", &spec, &after)?;
        let spec = scaling_policy::Spec {
            policy_name: declare.name("database-readers"),
            service_namespace: "rds".to_owned(),
            resource_id: target.get(scalable_target::out::RESOURCE_ID),
            scalable_dimension: DIMENSION.to_owned(),
            target_tracking: TargetTracking {
                predefined_metric_type: "RDSReaderAverageCPUUtilization".to_owned(),
                target_value: f64::from(scale.value.cpu),
                scale_out_cooldown: scaling_policy::COOLDOWN_SECONDS,
                scale_in_cooldown: scaling_policy::COOLDOWN_SECONDS,
            },
        };
        declare
            .add::<ScalingPolicy>("scaling_policy", &spec)
            .map(drop)
    }
}

/// An instance of a cluster, with its name and its class.
pub(super) fn instance(
    cluster: &Handle<DbCluster>,
    address: &str,
    (name, class): (&str, &str),
    declare: &Declare<'_>,
) -> Spec<Declared> {
    Spec {
        db_instance_identifier: declare.name(name),
        db_cluster_identifier: cluster.get(db_cluster::out::DB_CLUSTER_IDENTIFIER),
        db_instance_class: class.to_owned(),
        engine: ENGINE.to_owned(),
        availability_zone: None,
        promotion_tier: None,
        db_parameter_group_name: None,
        publicly_accessible: false,
        auto_minor_version_upgrade: false,
        preferred_maintenance_window: None,
        monitoring_interval: None,
        monitoring_role_arn: None,
        performance_insights_enabled: None,
        performance_insights_kms_key_id: None,
        performance_insights_retention_period: None,
        ca_certificate_identifier: None,
        tags: declare.tags(address),
    }
}
