//! Every object against the schema of its kind.

use serde_json::{Map, Value, json};

use super::{documents, documents_of, everything, inputs, nodes, settings};
use crate::{Settings, bootstrap};

/// What the API takes of a kind, as one closed schema; nothing for a kind that we have not looked up.
fn schema(all: &Value, version: &str, kind: &str) -> Option<Value> {
    let known = all["kinds"].get(format!("{version} {kind}"))?;
    let closed = |body: &Value| {
        let mut body = body.clone();
        if body.get("$ref").is_none() {
            body["type"] = "object".into();
            body["additionalProperties"] = false.into();
        }
        body
    };
    let mut whole = known.get("itself").map_or_else(|| json!({}), closed);
    let mut required = whole["required"].as_array().cloned().unwrap_or_default();
    required.extend([json!("apiVersion"), json!("kind")]);
    if kind != "Kustomization" {
        required.push("metadata".into());
        whole["properties"]["metadata"] = json!({"$ref": "#/$defs/metadata"});
    }
    if let Some(spec) = known.get("spec") {
        whole["properties"]["spec"] = closed(spec);
        required.push("spec".into());
    }
    whole["properties"]["apiVersion"] = json!({"const": version});
    whole["properties"]["kind"] = json!({"const": kind});
    whole["required"] = required.into();
    whole["type"] = "object".into();
    whole["additionalProperties"] = false.into();
    whole["$defs"] = all["$defs"].clone();
    Some(whole)
}

/// The object once its expressions are texts.
pub(super) fn resolved(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("$ref") || map.contains_key("$join") => {
            "resolved".into()
        }
        Value::Object(map) => map
            .iter()
            .map(|(key, below)| (key.clone(), resolved(below)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(resolved).collect(),
        other => other.clone(),
    }
}

pub(super) fn faults(all: &Value, object: &Value) -> Vec<String> {
    let (version, kind) = (
        object["apiVersion"].as_str().unwrap(),
        object["kind"].as_str().unwrap(),
    );
    let Some(schema) = schema(all, version, kind) else {
        return vec![format!("{version} {kind} is unknown")];
    };
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator
        .iter_errors(&resolved(object))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

pub(super) fn all_schemas() -> Value {
    serde_yaml::from_str(include_str!("schemas.yaml")).unwrap()
}

/// What is in the repository, and what comes into the cluster before it.
fn all_objects(settings: &Settings) -> Vec<(String, Value)> {
    let mut objects = documents(settings);
    let password = bootstrap::Login::Password {
        user: json!("user"),
        password: json!("password"),
    };
    let app = bootstrap::Login::GitHubApp {
        id: json!("1"),
        installation: json!("2"),
        key: json!("key"),
        api: Some("https://git.example.com/api/v3".into()),
    };
    let key = bootstrap::Login::SshKey(json!("key"));
    let before = [
        bootstrap::namespace(settings),
        bootstrap::repository_secret(&inputs(), &key),
        bootstrap::repository_secret(&inputs(), &password),
        bootstrap::repository_secret(&inputs(), &app),
    ];
    objects.extend(before.map(|object| ("bootstrap".to_owned(), object)));
    objects
}

#[test]
fn every_object_is_one_that_its_api_takes() {
    let all = all_schemas();
    let few = "elastic: {nodes: 1}\nvault: {replicas: 1}\nprometheus: {alerts: {email: a@example.com, smtp: 'm:25'}}\n";
    let more = [nodes::karpenter(), nodes::auto()];
    let more = more
        .iter()
        .flat_map(|inputs| documents_of(inputs, &settings("{}")));
    let of = [everything(), settings("{}"), settings(few)];
    let objects: Vec<_> = of.iter().flat_map(all_objects).chain(more).collect();
    for (path, object) in objects {
        assert_eq!(
            faults(&all, &object),
            Vec::<String>::new(),
            "{path}: {object:#}"
        );
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let all = all_schemas();
    let find = |kind: &str| {
        let objects = all_objects(&everything());
        objects
            .into_iter()
            .map(|(_, object)| object)
            .find(|object| object["kind"] == kind)
            .unwrap()
    };
    let wrong = [
        (
            "Rollout",
            "/spec/strategy/blueGreen/activService",
            json!("x"),
        ),
        (
            "Rollout",
            "/spec/template/spec/containers/0/image",
            json!(1),
        ),
        ("HorizontalPodAutoscaler", "/spec/minReplicas", json!("3")),
        ("CronJob", "/spec/schedule", json!("nightly")),
        ("Application", "/spec/sources", json!([])),
        ("Service", "/metadata/name", json!("Not A Name")),
    ];
    for (kind, pointer, value) in wrong {
        let mut object = find(kind);
        assert_eq!(faults(&all, &object), Vec::<String>::new());
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        assert_ne!(
            faults(&all, &object),
            Vec::<String>::new(),
            "{kind} {pointer}"
        );
    }
}
