//! The same against a real API server, where `PLATCTL_TEST_KUBECONFIG` names one: a cluster that may be written to.
//! With `PLATCTL_TEST_MANIFEST`, the path of Argo CD's `install.yaml`, that is applied as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use platctl_engine::Class;
use serde_json::{Value, json};

use super::{owner, world};
use crate::testing::Provided;
use crate::{
    Api, Manifest, Order, Outcome, Server, SetState, Task, digest, key_of, perform, secret,
};

const NAMESPACE: &str = "platctl-test";
const SET: &str = "platctl-test";

/// A namespace, what stands in it, a definition, and an object of its kind: with values that servers rewrite.
const BUNDLE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: platctl-test}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.test.platctl.dev}
spec:
  group: test.platctl.dev
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
---
apiVersion: test.platctl.dev/v1
kind: Gadget
metadata: {name: one}
spec: {colour: blue, parts: [{name: a}, {name: b}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: worker}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: platctl-test}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  replicas: 0
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      serviceAccountName: worker
      containers:
      - name: worker
        image: registry.k8s.io/pause:3.10
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {memory: 1Gi}}
        env: [{name: LEVEL, value: 'info'}]
";

fn order(text: &str, provided: &Provided, more: &[Value]) -> Order {
    let url = format!("file:{}", digest::sha256(text.as_bytes()));
    provided
        .manifests
        .lock()
        .unwrap()
        .insert(url.clone(), text.to_owned());
    let manifest = Manifest {
        url,
        sha256: digest::sha256(text.as_bytes()),
        namespace: Some(NAMESPACE.into()),
    };
    let objects = more
        .iter()
        .map(|object| (key_of(object).unwrap(), object.clone()));
    Order {
        owner: owner(),
        manifest: Some(manifest),
        objects: objects.collect::<BTreeMap<_, _>>(),
    }
}

fn credentials() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": NAMESPACE},
        "stringData": {"password": secret(&json!("arn"), "Password", &json!("1"))},
    })
}

async fn read(api: &Api) -> SetState {
    api.read(SET).await.unwrap().unwrap()
}

/// A set from nothing to nothing.
async fn a_whole_life(api: &Api, order: &Order) {
    let delete = Task::Delete { set: SET.into() };
    // What an earlier run may have left.
    drop(perform(api, &delete, &mut |_| ()).await);
    api.claim(SET, &owner()).await.unwrap();
    let mut tries = 0;
    while let Err(error) = api.apply(SET, order).await {
        tries += 1;
        assert!(error.class.is_transient() && tries < 30, "{error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let first = read(api).await;
    assert_eq!(
        (&first.objects, &first.manifest),
        (&order.objects, &order.manifest)
    );
    assert_eq!(first.drifted, Vec::<String>::new());
    let before = versions(api, order).await;
    assert!(before.len() > 5);
    api.apply(SET, order).await.unwrap();
    assert_eq!(
        versions(api, order).await,
        before,
        "a second apply changes nothing"
    );
    let again = read(api).await;
    assert_eq!(
        (again.objects, again.drifted),
        (first.objects, first.drifted)
    );
    assert_eq!(perform(api, &delete, &mut |_| ()).await, Outcome::Set(None));
    assert_eq!(api.delete(SET).await.unwrap_err().class, Class::NotFound);
}

/// The versions of all objects, which any write that changes something changes. Controllers write status.
async fn versions(api: &Api, order: &Order) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (key, object) in api.objects_of(order).await.unwrap() {
        let generation = object.pointer("/metadata/generation").map(Value::to_string);
        let version = || {
            object
                .pointer("/metadata/resourceVersion")
                .map(Value::to_string)
        };
        found.insert(key, generation.or_else(version).unwrap_or_default());
    }
    found
}

#[tokio::test]
async fn a_real_server_takes_the_bundle() {
    let Ok(path) = std::env::var("PLATCTL_TEST_KUBECONFIG") else {
        return;
    };
    let file = Kubeconfig::read_from(Path::new(&path)).unwrap();
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let provided = world();
    let api = Api::new(client, Arc::new(provided.clone()));
    a_whole_life(&api, &order(BUNDLE, &provided, &[credentials()])).await;
    if let Ok(manifest) = std::env::var("PLATCTL_TEST_MANIFEST") {
        let text = std::fs::read_to_string(manifest).unwrap();
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        a_whole_life(&api, &order(&text, &provided, &[namespace, credentials()])).await;
    }
}
