//! Elasticsearch and Kibana.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::component::{Component, PLAIN};
use crate::versions::ELASTIC;
use crate::{Inputs, Settings};

fn objects(_: &Inputs, settings: &Settings) -> Vec<Value> {
    let wishes = settings.elastic();
    let nodes = wishes.nodes.unwrap_or(3);
    let memory = json!({"requests": {"memory": "4Gi", "cpu": "1"}, "limits": {"memory": "4Gi"}});
    let elasticsearch = json!({
        "apiVersion": "elasticsearch.k8s.elastic.co/v1",
        "kind": "Elasticsearch",
        "metadata": {"name": "logs", "namespace": "logging"},
        "spec": {
            "version": ELASTIC,
            // The disks go with the cluster, as long as its operator is there to see it go.
            "volumeClaimDeletePolicy": "DeleteOnScaledownAndClusterDeletion",
            "nodeSets": [{
                "name": "default",
                "count": nodes,
                "config": {"node.store.allow_mmap": false},
                "podTemplate": {"spec": {
                    "containers": [{"name": "elasticsearch", "resources": memory}],
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"elasticsearch.k8s.elastic.co/cluster-name": "logs"}},
                    }],
                }},
                "volumeClaimTemplates": [{
                    "metadata": {"name": "elasticsearch-data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": STORAGE,
                        "resources": {"requests": {"storage": format!("{}Gi", wishes.disk_gib.unwrap_or(100))}},
                    },
                }],
            }],
        },
    });
    let kibana = json!({
        "apiVersion": "kibana.k8s.elastic.co/v1",
        "kind": "Kibana",
        "metadata": {"name": "logs", "namespace": "logging"},
        "spec": {"version": ELASTIC, "count": 1, "elasticsearchRef": {"name": "logs"}},
    });
    vec![elasticsearch, kibana]
}

pub(crate) const COMPONENT: Component = Component {
    name: "elasticsearch",
    purpose: "Keeps logs, and shows them in Kibana",
    namespace: "logging",
    wave: 0,
    needs: &["storage", "eck-operator"],
    objects,
    leftovers: &[VOLUMES],
    health: &["Elasticsearch logging/logs is green", "Kibana logging/logs is green"],
    ..PLAIN
};
