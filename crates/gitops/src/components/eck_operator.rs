//! The operator of Elasticsearch and Kibana.

use serde_json::json;

use crate::application::LAST_WAVE;
use crate::component::{Component, Door, Exit, PLAIN, PodSecurity, Pods, Resources, To};
use crate::versions::ECK;

const OPERATOR: Resources = Resources::new(100, 150, 1024);

pub(crate) const COMPONENT: Component = Component {
    name: "eck-operator",
    purpose: "Runs Elasticsearch and Kibana",
    namespace: "elastic-system",
    wave: LAST_WAVE,
    // Its chart states no seccomp profile.
    pod_security: PodSecurity::Baseline,
    chart: Some(ECK),
    doors: |_| {
        let labels = json!({"app.kubernetes.io/name": "elastic-operator"});
        // The API server asks the webhook.
        vec![Door {
            name: "webhook",
            labels,
            ports: vec![9443],
            from: Vec::new(),
        }]
    },
    exits: |_, _| {
        let elasticsearch = Exit {
            name: "to-elasticsearch",
            labels: json!({}),
            to: vec![(To::Namespaces(vec!["logging".into()]), vec![9200])],
        };
        vec![Exit::https(), elasticsearch]
    },
    pods: |_, _| vec![Pods::of("elastic-operator", 1, &[OPERATOR])],
    values: |_, _| json!({"replicaCount": 1, "managedNamespaces": ["logging"], "resources": OPERATOR.json()}),
    health: &["StatefulSet elastic-system/elastic-operator"],
    ..PLAIN
};
