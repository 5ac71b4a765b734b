//! All that prod.yaml brings into a cluster, taken by an API server.
//!
//! By default that of the local AWS. Where `PLATCTL_TEST_KUBECONFIG` names a real one, that: a cluster that may be
//! written to, and of which everything in the namespaces of the bundle is deleted at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api as KubeApi, DynamicObject};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use kube::{Client, Config};
use platctl_engine::{Class, CloudError, CloudResult, Owner};
use platctl_kubernetes::{
    Api, Manifest, Order, Outcome, Provider, Server, Task, Way, key_of, perform,
};
use serde_json::{Value, json};

use crate::world::World;

const SET: &str = "platctl-bundle-test";
const REPOSITORY: &str = "prod-gitops";
/// Groups that every API server has.
const BUILT_IN: [&str; 8] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
];

type Answer<'a, T> = Pin<Box<dyn Future<Output = CloudResult<T>> + Send + 'a>>;

/// The bundle needs nothing from outside of the cluster.
struct Nobody;

fn nothing<T: Send>() -> Answer<'static, T> {
    Box::pin(async {
        Err(CloudError::new(
            Class::NotFound,
            "test",
            "the bundle asks for something else",
        ))
    })
}

impl Provider for Nobody {
    fn way<'a>(&'a self, _cluster: &'a str) -> Answer<'a, Option<Way>> {
        nothing()
    }

    fn token<'a>(&'a self, _cluster: &'a str) -> Answer<'a, String> {
        nothing()
    }

    fn secret<'a>(&'a self, _arn: &'a str, _key: &'a str) -> Answer<'a, String> {
        nothing()
    }

    fn fetch<'a>(&'a self, _manifest: &'a Manifest) -> Answer<'a, Vec<u8>> {
        nothing()
    }
}

async fn client(world: &World) -> Client {
    if let Ok(path) = std::env::var("PLATCTL_TEST_KUBECONFIG") {
        let file = Kubeconfig::read_from(Path::new(&path)).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
            .await
            .unwrap();
        return Client::try_from(config).unwrap();
    }
    let call = world
        .eks()
        .describe_cluster()
        .name("prod-cluster")
        .send()
        .await
        .unwrap();
    let endpoint = call
        .cluster()
        .and_then(|cluster| cluster.endpoint())
        .unwrap();
    let mut config = Config::new(endpoint.parse().unwrap());
    config.auth_info = AuthInfo {
        token: Some(world.token().into()),
        ..AuthInfo::default()
    };
    Client::try_from(config).unwrap()
}

/// Every object of the repository, as an apply has written it there.
async fn objects(world: &World) -> Vec<Value> {
    let (mut folders, mut objects) = (vec!["/".to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let call = world
            .codecommit()
            .get_folder()
            .repository_name(REPOSITORY)
            .folder_path(folder);
        let found = call.send().await.unwrap();
        folders.extend(
            found
                .sub_folders()
                .iter()
                .filter_map(|one| one.absolute_path().map(ToOwned::to_owned)),
        );
        for path in found.files().iter().filter_map(|file| file.absolute_path()) {
            if !path.ends_with(".yaml") {
                continue;
            }
            let call = world
                .codecommit()
                .get_file()
                .repository_name(REPOSITORY)
                .file_path(path);
            let bytes = call.send().await.unwrap().file_content.into_inner();
            let text = String::from_utf8(bytes).unwrap();
            let documents: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
            // What kustomize reads is not for the server.
            objects.extend(
                documents
                    .into_iter()
                    .filter(|object| object["kind"] != "Kustomization"),
            );
        }
    }
    // Nobody is there who would take a finalizer away.
    for object in &mut objects {
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("finalizers");
    }
    objects
}

fn group_of(object: &Value) -> (String, String) {
    let version = object["apiVersion"].as_str().unwrap();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    (group.to_owned(), version.to_owned())
}

/// Definitions of the kinds that charts of the bundle would bring, and this server does not have: any object is right.
async fn definitions(client: &Client, objects: &[Value]) -> Vec<Value> {
    let mut definitions = BTreeMap::new();
    for object in objects {
        let (group, version) = group_of(object);
        let kind = object["kind"].as_str().unwrap();
        if BUILT_IN.contains(&group.as_str()) {
            continue;
        }
        if pinned_kind(client, &GroupVersionKind::gvk(&group, &version, kind))
            .await
            .is_ok()
        {
            continue;
        }
        let singular = kind.to_lowercase();
        let plural = format!("{singular}s");
        let scope = if object["metadata"]["namespace"].is_null() {
            "Cluster"
        } else {
            "Namespaced"
        };
        let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": scope,
                "names": {"kind": kind, "plural": plural, "singular": singular},
                "versions": [{
                    "name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": anything},
                }],
            },
        });
        definitions.insert((group, kind.to_owned()), definition);
    }
    definitions.into_values().collect()
}

/// Namespaces that the objects stand in, and none of them brings.
fn namespaces(objects: &[Value]) -> Vec<Value> {
    let brought: BTreeSet<_> = objects
        .iter()
        .filter(|object| object["kind"] == "Namespace")
        .filter_map(|object| object["metadata"]["name"].as_str())
        .collect();
    let named: BTreeSet<_> = objects
        .iter()
        .filter_map(|object| object["metadata"]["namespace"].as_str())
        .filter(|name| !brought.contains(name) && *name != "default" && !name.starts_with("kube-"))
        .collect();
    let namespace =
        |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    named.into_iter().map(namespace).collect()
}

/// What any write that changes something changes. Controllers write status, which counts no generation.
async fn versions(client: &Client, objects: &[Value]) -> BTreeMap<String, Value> {
    let mut versions = BTreeMap::new();
    for object in objects {
        let (group, version) = group_of(object);
        let kind = GroupVersionKind::gvk(&group, &version, object["kind"].as_str().unwrap());
        let (resource, _) = pinned_kind(client, &kind).await.unwrap();
        let place: KubeApi<DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => KubeApi::namespaced_with(client.clone(), namespace, &resource),
            None => KubeApi::all_with(client.clone(), &resource),
        };
        let found = place
            .get(object["metadata"]["name"].as_str().unwrap())
            .await
            .unwrap()
            .metadata;
        let version = found
            .generation
            .map_or_else(|| json!(found.resource_version), |number| json!(number));
        versions.insert(key_of(object).unwrap(), version);
    }
    versions
}

#[tokio::test]
async fn an_api_server_takes_all_of_the_platform() {
    let world = World::new();
    let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
    world.file("prod.yaml", &text);
    world.platctl("apply prod.yaml --yes").expect(0);
    let client = client(&world).await;
    let mut bundle = objects(&world).await;
    assert!(bundle.len() > 50, "only {} objects", bundle.len());
    bundle.extend(definitions(&client, &bundle).await);
    bundle.extend(namespaces(&bundle));

    let owner = Owner {
        stack: "prod".into(),
        address: "test.bundle".into(),
        generation: 1,
        region: None,
        lineage: None,
    };
    let by_key = bundle
        .iter()
        .map(|object| (key_of(object).unwrap(), object.clone()));
    let order = Order {
        owner: owner.clone(),
        manifest: None,
        objects: by_key.collect(),
    };
    assert_eq!(
        order.objects.len(),
        bundle.len(),
        "no object is there twice"
    );
    let api = Api::new(client.clone(), Arc::new(Nobody));
    api.claim(SET, &owner).await.unwrap();
    let mut tries = 0;
    while let Err(error) = api.apply(SET, &order).await {
        tries += 1;
        assert!(error.class.is_transient() && tries < 30, "{error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let state = api.read(SET).await.unwrap().unwrap();
    assert_eq!(
        state.objects, order.objects,
        "what is there is what was stated"
    );
    let before = versions(&client, &bundle).await;
    api.apply(SET, &order).await.unwrap();
    assert_eq!(
        versions(&client, &bundle).await,
        before,
        "a second apply changes nothing"
    );

    let delete = Task::Delete { set: SET.into() };
    assert_eq!(
        perform(&api, &delete, &mut |_| ()).await,
        Outcome::Set(None)
    );
    assert_eq!(api.delete(SET).await.unwrap_err().class, Class::NotFound);
}
