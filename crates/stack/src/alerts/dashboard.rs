//! The dashboard.

use platctl_aws::Document;
use platctl_aws::cloudwatch::dashboard::{self, Dashboard};
use platctl_aws::elbv2::load_balancer;
use platctl_aws::rds::db_cluster;
use serde_json::{Value, json};

use super::{Alerts, Watched};
use crate::declare::{Checked, Declare};

/// The size of a widget, in the grid of 24 columns.
const WIDTH: usize = 12;
const HEIGHT: usize = 6;

impl Alerts {
    pub(super) fn board(&self, watched: &Watched<'_>, declare: &mut Declare<'_>) -> Checked<()> {
        let mut graphs: Vec<(&str, Value)> = Vec::new();
        if let Some(database) = watched.database {
            let id = database
                .cluster
                .json(db_cluster::out::DB_CLUSTER_IDENTIFIER);
            let metrics = |names: &[&str]| -> Value {
                names
                    .iter()
                    .map(|name| json!(["AWS/RDS", name, "DBClusterIdentifier", id]))
                    .collect()
            };
            graphs.push(("Database: load", metrics(&["CPUUtilization"])));
            graphs.push(("Database: connections", metrics(&["DatabaseConnections"])));
            graphs.push(("Database: free memory", metrics(&["FreeableMemory"])));
            graphs.push((
                "Database: lag of readers",
                metrics(&["AuroraReplicaLagMaximum"]),
            ));
        }
        if let Some(edge) = watched.edge {
            let id = edge.balancer.json(load_balancer::out::ARN_SUFFIX);
            let metrics = |names: &[&str]| -> Value {
                names
                    .iter()
                    .map(|name| json!(["AWS/ApplicationELB", name, "LoadBalancer", id]))
                    .collect()
            };
            graphs.push(("Services: requests", metrics(&["RequestCount"])));
            graphs.push(("Services: time to answer", metrics(&["TargetResponseTime"])));
            graphs.push((
                "Services: errors",
                metrics(&["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"]),
            ));
        }
        if graphs.is_empty() {
            return Ok(());
        }
        let region = &declare.context().region;
        let widget = |(number, (title, metrics)): (usize, &(&str, Value))| {
            json!({
                "type": "metric",
                "x": number % 2 * WIDTH, "y": number / 2 * HEIGHT, "width": WIDTH, "height": HEIGHT,
                "properties": {"title": title, "region": region, "stat": "Average", "period": 60, "metrics": metrics},
            })
        };
        let widgets: Vec<Value> = graphs.iter().enumerate().map(widget).collect();
        let spec = dashboard::Spec {
            dashboard_name: declare.global_name("platform"),
            dashboard_body: Document::declared(json!({"widgets": widgets})),
        };
        declare.add::<Dashboard>("dashboard", &spec).map(drop)
    }
}
