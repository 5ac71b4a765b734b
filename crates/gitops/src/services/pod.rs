//! The pods of a service.

use serde_json::{Value, json};

use super::{Made, secrets, selector};
use crate::component::{Resources, spread};
use crate::components::vault::tls;
use crate::{DatabaseLogin, Service, Web, Work};

/// What a service's container asks for, unless the stack file says it.
pub const DEFAULT_RESOURCES: Resources = Resources::new(100, 128, 512);
/// How many seconds a pod has to finish what it is doing, unless the stack file says it.
pub const SHUTDOWN_SECONDS: u16 = 45;
/// How many seconds a pod has to start, unless the stack file says it.
pub const STARTUP_SECONDS: u16 = 150;

/// Time for the load balancer to hear that the pod leaves.
const NOTICE: u16 = 15;
/// How often a pod is asked for its health, in seconds.
const PERIOD: u16 = 5;
/// The container that is the service, beside those that are put into its pods.
pub(super) const CONTAINER: &str = "app";

/// For how many seconds the load balancer lets a pod that leaves finish its requests. It ends before the pod does:
/// a connection that it keeps open would be cut.
#[must_use]
pub const fn deregistration_seconds(shutdown_seconds: u16) -> u16 {
    let before = shutdown_seconds.saturating_sub(NOTICE);
    if before < NOTICE { NOTICE } else { before }
}

fn probe(path: &str, failures: u16) -> Value {
    json!({
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": PERIOD,
        "failureThreshold": failures,
    })
}

/// The port, and what its health is asked for by.
fn listen(container: &mut Value, web: &Web) {
    let path = &web.health_path;
    container["ports"] = json!([{"name": "http", "containerPort": web.port}]);
    container["readinessProbe"] = probe(path, 3);
    container["livenessProbe"] = probe(path, 6);
    container["startupProbe"] = probe(path, web.startup_seconds.div_ceil(PERIOD));
}

fn container(made: Made<'_>) -> Value {
    let service = made.service;
    let mut container = json!({"name": CONTAINER, "image": service.image});
    for (key, words) in [("command", &service.command), ("args", &service.args)] {
        if !words.is_empty() {
            container[key] = json!(words);
        }
    }
    if let Some(web) = service.web() {
        listen(&mut container, web);
    }
    container["resources"] = service.resources.json();
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    let mut mounts = vec![json!({"name": "tmp", "mountPath": "/tmp"})];
    if service.login == Some(DatabaseLogin::Password) {
        mounts.push(json!({"name": "database", "mountPath": secrets::DATABASE_FOLDER}));
    }
    container["volumeMounts"] = mounts.into();
    if service.web().is_some() {
        container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": NOTICE}}});
    }
    let env = environment(made);
    if !env.is_empty() {
        container["env"] = env.into();
    }
    container
}

fn variable(name: &str, value: impl Into<Value>) -> Value {
    json!({"name": name, "value": value.into()})
}

/// What the platform says, then the database, then what the stack file says, and its secrets.
fn environment(made: Made<'_>) -> Vec<Value> {
    const TRACES: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let service = made.service;
    let mut env = Vec::new();
    if made.around.tracing && !service.env.iter().any(|(name, _)| name == TRACES) {
        env.push(variable(
            TRACES,
            "http://opentelemetry-collector.tracing:4317",
        ));
    }
    env.extend(database(made));
    env.extend(
        service
            .env
            .iter()
            .map(|(name, value)| variable(name, value.clone())),
    );
    env.extend(secrets::variables(service));
    env
}

/// Where the database is, and who the service is there.
fn database(made: Made<'_>) -> Vec<Value> {
    let (Some(database), Some(login)) = (&made.inputs.database, &made.service.login) else {
        return Vec::new();
    };
    let mut env = vec![
        variable("DATABASE_HOST", database.endpoint.clone()),
        variable("DATABASE_READER_HOST", database.reader_endpoint.clone()),
        variable("DATABASE_PORT", database.port.to_string()),
    ];
    env.extend(
        database
            .name
            .as_deref()
            .map(|name| variable("DATABASE_NAME", name)),
    );
    match login {
        DatabaseLogin::Iam { user } => env.extend([
            variable("DATABASE_USER", user.as_str()),
            variable("DATABASE_AUTHENTICATION", "iam"),
        ]),
        DatabaseLogin::Password => env.extend(secrets::login(made.service)),
    }
    env
}

/// The secret of the service comes as lines of `KEY=VALUE`, as files of environments are written.
fn agent(service: &Service) -> Value {
    let path = format!("secret/data/{}", service.name);
    let lines = format!(
        "{{{{- with secret \"{path}\" }}}}{{{{ range $key, $value := .Data.data }}}}{{{{ $key }}}}={{{{ $value }}}}\n{{{{ end }}}}{{{{ end -}}}}"
    );
    let mut annotations = json!({
        "vault.hashicorp.com/agent-inject": "true",
        "vault.hashicorp.com/role": service.name,
        "vault.hashicorp.com/agent-inject-secret-config": path,
        "vault.hashicorp.com/agent-inject-template-config": lines,
        // The injector mounts the Secret where it says, and nowhere else.
        "vault.hashicorp.com/tls-secret": tls::TRUST,
        "vault.hashicorp.com/ca-cert": tls::AUTHORITY,
    });
    if !service.stays() {
        // An agent that goes on would keep the pod from ending.
        annotations["vault.hashicorp.com/agent-pre-populate-only"] = "true".into();
    }
    annotations
}

/// How long a pod that is told to stop has until it is killed.
fn grace(service: &Service) -> u16 {
    let notice = if service.web().is_some() { NOTICE } else { 0 };
    notice.saturating_add(service.shutdown_seconds)
}

pub(super) fn template(made: Made<'_>) -> Value {
    let service = made.service;
    let mut metadata = json!({"labels": selector(service)});
    if made.around.vault {
        metadata["annotations"] = agent(service);
    }
    let mut volumes = vec![json!({"name": "tmp", "emptyDir": {}})];
    if service.login == Some(DatabaseLogin::Password) {
        let name = secrets::database_secret(service);
        volumes.push(json!({"name": "database", "secret": {"secretName": name}}));
    }
    let mut spec = json!({
        "serviceAccountName": service.name,
        "securityContext": {
            "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(made)],
        "volumes": volumes,
        "terminationGracePeriodSeconds": grace(service),
    });
    match service.work {
        Work::Web(_) | Work::Worker => {
            spec["topologySpreadConstraints"] = spread(&selector(service));
        }
        Work::Cron { .. } | Work::Job { .. } => spec["restartPolicy"] = "Never".into(),
    }
    json!({"metadata": metadata, "spec": spec})
}
