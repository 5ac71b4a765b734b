//! The operator of Elasticsearch and Kibana.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::ECK;

pub(crate) const COMPONENT: Component = Component {
    name: "eck-operator",
    purpose: "Runs Elasticsearch and Kibana",
    namespace: "elastic-system",
    wave: 0,
    chart: Some(ECK),
    values: |_, _| json!({"replicaCount": 1, "managedNamespaces": ["logging"]}),
    health: &["StatefulSet elastic-system/elastic-operator"],
    ..PLAIN
};
