//! The alarms.

use std::collections::BTreeMap;

use platctl_aws::cloudwatch::metric_alarm::{self, MetricAlarm};
use platctl_aws::elbv2::load_balancer;
use platctl_aws::elbv2::target_group;
use platctl_aws::rds::db_cluster;
use platctl_aws::sns::topic::{self, Topic};
use platctl_engine::{Handle, Input};

use super::{Alerts, Watched};
use crate::declare::{Checked, Declare};

/// What an alarm looks at.
struct Alarm<'a> {
    name: &'a str,
    description: &'a str,
    namespace: &'a str,
    metric: &'a str,
    statistic: &'a str,
    period: i32,
    above: bool,
    threshold: f64,
    dimensions: Input<BTreeMap<String, String>>,
    /// What it means that nothing is measured.
    silence: &'a str,
}

impl Alerts {
    pub(super) fn alarms(
        &self,
        topic: &Handle<Topic>,
        watched: &Watched<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        self.of_database(topic, watched, declare)?;
        self.of_edge(topic, watched, declare)
    }

    fn of_database(
        &self,
        topic: &Handle<Topic>,
        watched: &Watched<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(database) = watched.database else {
            return Ok(());
        };
        let limits = &self.thresholds;
        let memory = limits.database_memory_mib.unwrap_or(1024.0) * 1024.0 * 1024.0;
        let mut watched = vec![
            (
                "cpu",
                "CPUUtilization",
                "Average",
                true,
                limits.database_cpu.unwrap_or(80.0),
            ),
            (
                "connections",
                "DatabaseConnections",
                "Average",
                true,
                limits.database_connections.unwrap_or(800.0),
            ),
            ("memory", "FreeableMemory", "Minimum", false, memory),
        ];
        if !database.readers.is_empty() {
            let lag = limits.replica_lag_ms.unwrap_or(1000.0);
            watched.push((
                "replica-lag",
                "AuroraReplicaLagMaximum",
                "Maximum",
                true,
                lag,
            ));
        }
        let id = database.cluster.get(db_cluster::out::DB_CLUSTER_IDENTIFIER);
        let dimensions = declare.map([("DBClusterIdentifier", id)])?;
        for (name, metric, statistic, above, threshold) in watched {
            let alarm = Alarm {
                name: &format!("database-{name}"),
                description: &format!("The database: {metric}"),
                namespace: "AWS/RDS",
                metric,
                statistic,
                period: 60,
                above,
                threshold,
                dimensions: dimensions.clone(),
                silence: "missing",
            };
            declare_alarm(alarm, topic, declare)?;
        }
        Ok(())
    }

    fn of_edge(
        &self,
        topic: &Handle<Topic>,
        watched: &Watched<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(edge) = watched.edge else {
            return Ok(());
        };
        let balancer = edge.balancer.get(load_balancer::out::ARN_SUFFIX);
        let dimensions = declare.map([("LoadBalancer", balancer.clone())])?;
        let failed = self.thresholds.failed_requests.unwrap_or(25.0);
        let of_balancer = |name, description, metric| Alarm {
            name,
            description,
            namespace: "AWS/ApplicationELB",
            metric,
            statistic: "Sum",
            period: 300,
            above: true,
            threshold: failed,
            dimensions: dimensions.clone(),
            silence: "notBreaching",
        };
        let text = "Services answer with errors";
        declare_alarm(
            of_balancer("services-5xx", text, "HTTPCode_Target_5XX_Count"),
            topic,
            declare,
        )?;
        let text = "The load balancer cannot reach services";
        declare_alarm(
            of_balancer("load-balancer-5xx", text, "HTTPCode_ELB_5XX_Count"),
            topic,
            declare,
        )?;
        for service in watched.services {
            let Some(group) = &service.target_group else {
                continue;
            };
            let dimensions = [
                ("LoadBalancer", balancer.clone()),
                ("TargetGroup", group.get(target_group::out::ARN_SUFFIX)),
            ];
            let alarm = Alarm {
                name: &format!("{}-healthy-hosts", service.name),
                description: &format!("No pod of {} is healthy", service.name),
                namespace: "AWS/ApplicationELB",
                metric: "HealthyHostCount",
                statistic: "Minimum",
                period: 60,
                above: false,
                threshold: 1.0,
                dimensions: declare.map(dimensions)?,
                silence: "notBreaching",
            };
            declare_alarm(alarm, topic, declare)?;
        }
        Ok(())
    }
}

fn declare_alarm(
    alarm: Alarm<'_>,
    topic: &Handle<Topic>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let topic = declare.set([topic.get(topic::out::ARN)])?;
    let comparison = if alarm.above {
        "GreaterThanThreshold"
    } else {
        "LessThanThreshold"
    };
    let address = format!("alarm.{}", alarm.name);
    let spec = metric_alarm::Spec {
        alarm_name: declare.name(alarm.name),
        alarm_description: alarm.description.to_owned(),
        namespace: alarm.namespace.to_owned(),
        metric_name: alarm.metric.to_owned(),
        dimensions: Some(alarm.dimensions),
        statistic: alarm.statistic.to_owned(),
        period: alarm.period,
        evaluation_periods: 5,
        datapoints_to_alarm: Some(3),
        comparison_operator: comparison.to_owned(),
        threshold: alarm.threshold,
        treat_missing_data: alarm.silence.to_owned(),
        alarm_actions: Some(topic.clone()),
        ok_actions: Some(topic),
        insufficient_data_actions: None,
        actions_enabled: None,
        unit: None,
        tags: declare.tags(&address),
    };
    declare.add::<MetricAlarm>(&address, &spec).map(drop)
}
