//! Argo CD applies the files of the platform, controllers write into the same objects, and Argo CD applies again:
//! what the controllers wrote has to survive. Argo CD does what the options of each Application say.

use platctl_gitops::{
    DEFAULT_RESOURCES, File, Inputs, Nodes, Replicas, SHUTDOWN_SECONDS, STARTUP_SECONDS, Service,
    Settings, Web, Work, Zone,
};
use serde_json::{Value, json};

use crate::key_of;
use crate::testing::World;

fn service(name: &str, blue_green: bool) -> Service {
    Service {
        name: name.into(),
        part_of: None,
        work: Work::Web(Web {
            port: 8080,
            health_path: "/healthz".into(),
            startup_seconds: STARTUP_SECONDS,
            blue_green,
            analysis: None,
            target_group: Some("arn:group".into()),
            preview_group: None,
        }),
        replicas: Replicas {
            min: 3,
            max: 12,
            cpu: 70,
        },
        pin: None,
        image: "registry/image".into(),
        role: "arn:role".into(),
        resources: DEFAULT_RESOURCES,
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        login: None,
        shutdown_seconds: SHUTDOWN_SECONDS,
        timeout_seconds: None,
    }
}

fn files() -> Vec<(String, Vec<Value>)> {
    let inputs = Inputs {
        stack: "prod".into(),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
        partition: "aws".into(),
        dns_suffix: "amazonaws.com".into(),
        cluster: "prod-cluster".into(),
        version: "1.34".into(),
        nodes: Nodes::Managed,
        vpc_id: "vpc-1".into(),
        zone: Some(Zone {
            id: "zone".into(),
            domain: "example.com".into(),
        }),
        database: None,
        alerts: None,
        vault_key: "arn:key".into(),
        vault_secret: "arn:secret".into(),
        backup_bucket: "backups".into(),
        backup_key: "arn:backups".into(),
        repository_url: "https://repository".into(),
        by_github_app: false,
        environment: "prod".into(),
        branch: "main".into(),
        services: vec![service("backend", true), service("frontend", false)],
    };
    let files = platctl_gitops::files(&inputs, &Settings::default()).unwrap();
    let yaml = |file| {
        if let File::Yaml(documents) = file {
            documents
        } else {
            Vec::new()
        }
    };
    files
        .into_iter()
        .map(|(path, file)| (path, yaml(file)))
        .collect()
}

fn application(files: &[(String, Vec<Value>)], name: &str) -> Value {
    files
        .iter()
        .find(|(path, _)| *path == format!("clusters/prod/{name}.yaml"))
        .unwrap()
        .1[0]
        .clone()
}

/// Objects of a folder that Argo CD applies.
fn objects(files: &[(String, Vec<Value>)], folder: &str) -> Vec<Value> {
    let inside = files.iter().filter(|(path, _)| path.starts_with(folder));
    let all = inside.flat_map(|(_, objects)| objects.clone());
    all.filter(|object| object["kind"] != "Kustomization")
        .collect()
}

fn has(application: &Value, option: &str) -> bool {
    application["spec"]["syncPolicy"]["syncOptions"]
        .as_array()
        .unwrap()
        .contains(&json!(option))
}

/// The parts of a path in the two notations that Applications use.
fn parts(entry: &Value) -> Vec<Vec<String>> {
    let pointers = entry["jsonPointers"].as_array().into_iter().flatten();
    let pointers = pointers.map(|pointer| {
        pointer
            .as_str()
            .unwrap()
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/"))
            .collect()
    });
    let paths = entry["jqPathExpressions"].as_array().into_iter().flatten();
    let paths = paths.map(|path| {
        let path = path
            .as_str()
            .unwrap()
            .replace("[]?", ".[]")
            .replace("[\"", ".\"")
            .replace("\"]", "\"");
        let mut parts = vec![String::new()];
        let mut quoted = false;
        for c in path.chars().skip(1) {
            match c {
                '"' => quoted = !quoted,
                '.' if !quoted => parts.push(String::new()),
                other => parts.last_mut().unwrap().push(other),
            }
        }
        parts
    });
    pointers.chain(paths).collect()
}

/// Puts what is there in place of what is stated.
fn keep(stated: &mut Value, live: &Value, parts: &[String]) {
    let Some((first, rest)) = parts.split_first() else {
        return;
    };
    if first == "[]" {
        for item in stated.as_array_mut().into_iter().flatten() {
            let live = live
                .as_array()
                .and_then(|items| items.iter().find(|live| live["name"] == item["name"]));
            if let Some(live) = live {
                keep(item, live, rest);
            }
        }
        return;
    }
    let Some(fields) = stated.as_object_mut() else {
        return;
    };
    match (live.get(first), rest.is_empty()) {
        (Some(live), true) => drop(fields.insert(first.clone(), live.clone())),
        (None, true) => drop(fields.remove(first)),
        (Some(live), false) => keep(fields.entry(first.clone()).or_insert(json!({})), live, rest),
        (None, false) => {}
    }
}

fn place(object: &Value) -> String {
    key_of(object).unwrap()
}

/// One sync.
fn sync(world: &mut World, application: &Value, objects: &[Value]) {
    for object in objects {
        let (at, mut stated) = (place(object), object.clone());
        let group = object["apiVersion"]
            .as_str()
            .unwrap()
            .split_once('/')
            .map_or("", |(group, _)| group);
        for entry in application["spec"]["ignoreDifferences"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let named = entry
                .get("name")
                .is_none_or(|name| *name == object["metadata"]["name"]);
            let same =
                entry["kind"] == object["kind"] && entry["group"].as_str().unwrap_or("") == group;
            let live = world
                .objects
                .get(&at)
                .filter(|_| has(application, "RespectIgnoreDifferences=true"));
            if let Some(live) = live.filter(|_| named && same) {
                parts(entry)
                    .iter()
                    .for_each(|path| keep(&mut stated, live, path));
            }
        }
        if has(application, "ServerSideApply=true") {
            assert_eq!(
                world
                    .apply(&at, "fieldManager=argocd-controller&force=true", &stated)
                    .0,
                200
            );
        } else {
            world.apply_by_client(&at, &stated);
        }
    }
}

/// The versions of all objects, by which a change shows.
fn versions(world: &World) -> Vec<Value> {
    world
        .objects
        .values()
        .map(|object| object["metadata"]["resourceVersion"].clone())
        .collect()
}

/// What controllers write into the objects of a service, by kind.
fn writes(object: &Value) -> Option<(&'static str, Value)> {
    match object["kind"].as_str()? {
        "Service" => Some((
            "rollouts-controller",
            json!({
                "metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "backend"}},
                "spec": {"selector": {"rollouts-pod-template-hash": "6d4b8f"}},
            }),
        )),
        "Rollout" | "Deployment" => {
            Some(("kube-controller-manager", json!({"spec": {"replicas": 7}})))
        }
        "TargetGroupBinding" => Some((
            "controller",
            json!({"metadata": {"finalizers": ["elbv2.k8s.aws/resources"]}, "spec": {"ipAddressType": "ipv4"}}),
        )),
        "Namespace" => Some((
            "kube-apiserver",
            json!({"spec": {"finalizers": ["kubernetes"]}}),
        )),
        _ => None,
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(fields) => fields
            .iter()
            .all(|(key, below)| contains(&whole[key], below)),
        _ => whole == part,
    }
}

#[test]
fn what_controllers_write_into_a_service_survives_the_next_sync() {
    let files = files();
    for name in ["backend", "frontend"] {
        let (application, objects) = (
            application(&files, &format!("service-{name}")),
            objects(&files, &format!("services/{name}/")),
        );
        let mut world = World::default();
        sync(&mut world, &application, &objects);
        let mut written = 0;
        for object in &objects {
            if let Some((manager, patch)) = writes(object) {
                world.change(&place(object), manager, &patch);
                written += 1;
            }
        }
        assert!(written > 3, "{name}: {written}");
        sync(&mut world, &application, &objects);
        let after = versions(&world);
        for object in &objects {
            let live = &world.objects[&place(object)];
            if let Some((manager, patch)) = writes(object) {
                assert!(
                    contains(live, &patch),
                    "{manager} wrote {patch} into {live:#}"
                );
            }
        }
        sync(&mut world, &application, &objects);
        assert_eq!(
            versions(&world),
            after,
            "{name}: a sync without a change changes something"
        );
    }
}

/// What is left of a selector's hash belongs to Argo Rollouts: a blue-green step goes on without a promotion when
/// the hash is missing.
#[test]
fn no_application_of_a_service_is_applied_by_the_server() {
    let files = files();
    let of_services = files
        .iter()
        .filter(|(path, _)| path.starts_with("clusters/prod/service-"));
    assert_eq!(of_services.clone().count(), 2);
    for (path, documents) in of_services {
        assert!(!has(&documents[0], "ServerSideApply=true"), "{path}");
        assert!(
            has(&documents[0], "RespectIgnoreDifferences=true"),
            "{path}"
        );
    }
}

/// Charts state an empty bundle, or a new one whenever they are rendered; whoever owns the webhook writes the real one.
#[test]
fn certificates_in_webhooks_survive_the_next_sync() {
    let files = files();
    let webhook = |bundle: &str| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "webhook"},
            "webhooks": [{"name": "one", "clientConfig": {"caBundle": bundle, "service": {"name": "s"}}}],
        })
    };
    for name in ["vault", "load-balancer-controller"] {
        let application = application(&files, name);
        let mut world = World::default();
        sync(&mut world, &application, &[webhook("")]);
        let at = place(&webhook(""));
        let written =
            json!({"webhooks": [{"name": "one", "clientConfig": {"caBundle": "theirs"}}]});
        world.change(&at, "injector", &written);
        sync(&mut world, &application, &[webhook("another")]);
        assert_eq!(
            world.objects[&at]["webhooks"][0]["clientConfig"]["caBundle"], "theirs",
            "{name}"
        );
    }
    // Where the chart states none, nothing has to be ignored.
    let application = application(&files, "cert-manager");
    let mut stated = webhook("");
    stated["webhooks"][0]["clientConfig"]
        .as_object_mut()
        .unwrap()
        .remove("caBundle");
    let mut world = World::default();
    for _ in 0..2 {
        sync(&mut world, &application, std::slice::from_ref(&stated));
        let written =
            json!({"webhooks": [{"name": "one", "clientConfig": {"caBundle": "theirs"}}]});
        world.change(&place(&stated), "cainjector", &written);
    }
    sync(&mut world, &application, std::slice::from_ref(&stated));
    assert_eq!(
        world.objects[&place(&stated)]["webhooks"][0]["clientConfig"],
        json!({"service": {"name": "s"}, "caBundle": "theirs"})
    );
}
