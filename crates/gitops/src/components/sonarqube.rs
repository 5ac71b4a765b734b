//! SonarQube, on the platform's database.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::application::LAST_WAVE;
use crate::component::{Component, Exit, PLAIN, PodSecurity, Pods, Resources, To, join};
use crate::versions::SONARQUBE;
use crate::{Inputs, Settings};

const CONTAINER: Resources = Resources::new(400, 2048, 6144);
/// They prepare the volume, and end before it starts.
const BEFORE: Resources = Resources::new(10, 32, 256);

fn values(inputs: &Inputs, _: &Settings) -> Value {
    let (endpoint, port) = inputs
        .database
        .as_ref()
        .map_or((Value::Null, 5432), |database| {
            (database.endpoint.clone(), database.port)
        });
    json!({
        "community": {"enabled": true},
        "resources": CONTAINER.json(),
        "initContainers": {"resources": BEFORE.json()},
        "monitoringPasscodeSecretName": "sonarqube-monitoring",
        "monitoringPasscodeSecretKey": "passcode",
        "jdbcOverwrite": {
            "enabled": true,
            "jdbcUrl": join(["jdbc:postgresql://".into(), endpoint, format!(":{port}/sonarqube?sslmode=require").into()]),
            "jdbcUsername": "sonarqube",
            "jdbcSecretName": "sonarqube-database",
            "jdbcSecretPasswordKey": "password",
        },
        "persistence": {"enabled": true, "storageClass": STORAGE, "size": "20Gi"},
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "sonarqube",
    purpose: "Analyzes the code of services",
    namespace: "sonarqube",
    wave: LAST_WAVE,
    // Before it starts, it sets limits of the node's kernel that its search needs.
    pod_security: PodSecurity::Privileged,
    exits: |inputs, _| {
        let database = inputs.database.iter().map(|database| Exit {
            name: "to-database",
            labels: json!({}),
            to: vec![(To::Anywhere, vec![database.port])],
        });
        database.chain([Exit::https()]).collect()
    },
    pods: |_, _| vec![Pods::of("sonarqube-sonarqube", 1, &[CONTAINER])],
    needs: &["storage"],
    chart: Some(SONARQUBE),
    values,
    missing: |inputs, settings| match (&inputs.database, settings.sonarqube) {
        (None, _) => Some("requires a database: `database:`"),
        (Some(_), None) => Some("requires a database user, so it is disabled by default"),
        (Some(_), Some(_)) => None,
    },
    leftovers: &[VOLUMES],
    health: &["StatefulSet sonarqube/sonarqube-sonarqube"],
    ..PLAIN
};
