//! Fluent Bit on every node.

use serde_json::json;

use super::elasticsearch::{WRITER, WRITER_SECRET};
use crate::application::LAST_WAVE;
use crate::component::{Component, Count, Exit, PLAIN, PodSecurity, Pods, Resources};
use crate::versions::FLUENT_BIT;

/// Into a data stream, as Elasticsearch keeps logs now, as a user that may do nothing but that.
const OUTPUTS: &str = "[OUTPUT]\n    Name es\n    Match kube.*\n    Host logs-es-http.logging.svc\n    Port 9200\n    HTTP_User {WRITER}\n    HTTP_Passwd ${ELASTIC_PASSWORD}\n    tls On\n    tls.ca_file /elastic/ca.crt\n    Suppress_Type_Name On\n    Replace_Dots On\n    Index logs-kubernetes-default\n    Write_Operation create\n    Retry_Limit 10\n";

const CONTAINER: Resources = Resources::new(50, 64, 256);

pub(crate) const COMPONENT: Component = Component {
    name: "fluent-bit",
    purpose: "Sends the logs of all pods to Elasticsearch",
    namespace: "logging",
    wave: LAST_WAVE,
    // It reads the logs of all pods from its node.
    pod_security: PodSecurity::Privileged,
    exits: |_, _| {
        // It asks the API server which pod a log is of.
        vec![Exit {
            labels: json!({"app.kubernetes.io/name": "fluent-bit"}),
            ..Exit::https()
        }]
    },
    pods: |_, _| vec![Pods::new("fluent-bit", Count::PerNode, &[CONTAINER])],
    needs: &["elasticsearch"],
    chart: Some(FLUENT_BIT),
    values: |_, _| {
        json!({
            "kind": "DaemonSet",
            "resources": CONTAINER.json(),
            "tolerations": [{"operator": "Exists"}],
            "env": [{
                "name": "ELASTIC_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": WRITER_SECRET, "key": "password"}},
            }],
            "extraVolumes": [{"name": "elastic", "secret": {"secretName": "logs-es-http-certs-public"}}],
            "extraVolumeMounts": [{"name": "elastic", "mountPath": "/elastic", "readOnly": true}],
            "config": {"outputs": OUTPUTS.replace("{WRITER}", WRITER)},
        })
    },
    health: &["DaemonSet logging/fluent-bit"],
    ..PLAIN
};
