//! Sets from the first claim to the last object, against the API server in memory.

mod real;
mod second_manager;

use std::collections::BTreeMap;
use std::sync::Arc;

use platctl_engine::{Class, Owner};
use serde_json::{Value, json};

use crate::testing::{Fault, Provided};
use crate::{Manifest, Order, Outcome, Server, Task, digest, key_of, perform, secret};

const DEFINITIONS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  replicas: 2
  template: {spec: {containers: [{name: server, image: one}]}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Application, plural: applications}
  versions: [{name: v1alpha1, served: true}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: server}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: [get]}]
";

const URL: &str = "https://example.com/install.yaml";

fn owner() -> Owner {
    Owner {
        stack: "prod".into(),
        address: "gitops.argo_cd".into(),
        generation: 1,
        region: Some("eu-west-1".into()),
        lineage: Some("lineage".into()),
    }
}

fn world() -> Provided {
    let provided = Provided::default();
    provided
        .manifests
        .lock()
        .unwrap()
        .insert(URL.into(), DEFINITIONS.into());
    provided
}

fn order(objects: &[Value]) -> Order {
    let manifest = Manifest {
        url: URL.into(),
        sha256: digest::sha256(DEFINITIONS.as_bytes()),
        namespace: Some("argocd".into()),
    };
    let objects = objects
        .iter()
        .map(|object| (key_of(object).unwrap(), object.clone()));
    Order {
        owner: owner(),
        manifest: Some(manifest),
        objects: objects.collect::<BTreeMap<_, _>>(),
    }
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
}

fn application() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "root", "namespace": "argocd"},
        "spec": {"project": "default", "source": {"path": "clusters/prod"}},
    })
}

fn credentials() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "repository", "namespace": "argocd"},
        "stringData": {"type": "git", "password": secret(&json!("arn:secret"), "ServicePassword", &json!("1"))},
    })
}

fn all() -> Order {
    order(&[namespace(), application(), credentials()])
}

/// The objects in the server, without its notes.
fn objects(provided: &Provided) -> BTreeMap<String, Value> {
    let world = provided.fake.world();
    world
        .objects
        .iter()
        .filter(|(at, _)| !at.contains("configmaps"))
        .map(|(at, object)| {
            let mut object = object.clone();
            for noise in [
                "resourceVersion",
                "managedFields",
                "annotations",
                "generation",
            ] {
                object["metadata"].as_object_mut().unwrap().remove(noise);
            }
            (at.clone(), object)
        })
        .collect()
}

#[tokio::test]
async fn a_set_is_applied_in_order_and_then_is_what_was_stated() {
    let provided = world();
    let api = provided.api();
    api.claim("argo-cd", &owner()).await.unwrap();
    let claimed = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!((claimed.owner, claimed.objects.len()), (Some(owner()), 0));
    api.apply("argo-cd", &all()).await.unwrap();
    let state = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!(
        (state.objects, state.manifest),
        (all().objects, all().manifest)
    );
    assert_eq!((state.drifted, state.waiting), (vec![], None));
    let there = objects(&provided);
    assert!(
        there.contains_key("apps/v1/deployments/argocd/server"),
        "the manifest's namespace counts"
    );
    let patches: Vec<String> = provided
        .fake
        .world()
        .requests
        .iter()
        .filter(|line| line.starts_with("PATCH"))
        .cloned()
        .collect();
    let place = |part: &str| patches.iter().position(|line| line.contains(part)).unwrap();
    assert!(place("namespaces/argocd") < place("customresourcedefinitions"));
    assert!(place("customresourcedefinitions") < place("applications/root"));
}

#[tokio::test]
async fn a_second_apply_changes_nothing() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    let before = provided.fake.world().objects.clone();
    api.apply("argo-cd", &all()).await.unwrap();
    let versions = |objects: &BTreeMap<String, Value>| {
        objects
            .values()
            .map(|object| object["metadata"]["resourceVersion"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(versions(&before), versions(&provided.fake.world().objects));
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_call_the_next_run_ends_the_same() {
    let undisturbed = world();
    undisturbed.api().apply("argo-cd", &all()).await.unwrap();
    let calls = undisturbed
        .fake
        .world()
        .requests
        .iter()
        .filter(|line| !line.starts_with("GET"))
        .count();
    assert!(calls > 6, "{calls}");
    for cut in 0..calls {
        let provided = world();
        provided.fake.world().cut_after = Some(cut);
        let error = provided.api().apply("argo-cd", &all()).await.unwrap_err();
        assert_eq!(error.class, Class::Unreachable, "{error}");
        provided.fake.world().cut_after = None;
        // Whatever was made is in the inventory: a deletion now leaves nothing.
        provided.api().apply("argo-cd", &all()).await.unwrap();
        assert_eq!(objects(&provided), objects(&undisturbed), "cut after {cut}");
        assert_eq!(
            provided.api().read("argo-cd").await.unwrap(),
            undisturbed.api().read("argo-cd").await.unwrap()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deleted_after_any_cut_nothing_is_left() {
    for cut in 1..9 {
        let provided = world();
        provided.fake.world().cut_after = Some(cut);
        drop(provided.api().apply("argo-cd", &all()).await);
        provided.fake.world().cut_after = None;
        let outcome = perform(
            &provided.api(),
            &Task::Delete {
                set: "argo-cd".into(),
            },
            &mut |_| {},
        )
        .await;
        assert_eq!(outcome, Outcome::Set(None), "cut after {cut}");
        assert!(
            provided.fake.world().objects.is_empty(),
            "cut after {cut}: {:?}",
            provided.fake.world().objects
        );
    }
}

#[tokio::test(start_paused = true)]
async fn definitions_and_pods_that_take_a_while_are_waited_for() {
    let provided = world();
    provided.fake.world().slow = 4;
    let mut told = Vec::new();
    let task = Task::Apply {
        set: "argo-cd".into(),
        order: all(),
    };
    let outcome = perform(&provided.api(), &task, &mut |text| {
        told.push(text.to_owned())
    })
    .await;
    let Outcome::Set(Some(state)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((state.waiting, state.objects.len()), (None, 3));
    assert!(
        told.iter()
            .any(|text| text.contains("Deployment argocd/server")),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_somebody_changed_shows_and_is_put_back() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    provided.fake.world().meddle(
        "argoproj.io/v1alpha1/applications/argocd/root",
        "/spec/source/path",
        json!("elsewhere"),
    );
    provided.fake.world().meddle(
        "apps/v1/deployments/argocd/server",
        "/spec/replicas",
        json!(0),
    );
    provided
        .fake
        .world()
        .objects
        .remove("rbac.authorization.k8s.io/v1/clusterroles/server");
    let state = api.read("argo-cd").await.unwrap().unwrap();
    let key = key_of(&application()).unwrap();
    assert_ne!(state.objects[&key], application());
    assert_eq!(
        state.objects[&key]["spec"],
        json!({"project": "default", "source": {"path": "elsewhere"}})
    );
    assert_eq!(
        state.drifted,
        [
            "Deployment argocd/server was changed",
            "ClusterRole server is missing"
        ]
    );
    api.apply("argo-cd", &all()).await.unwrap();
    let state = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!((state.objects, state.drifted), (all().objects, vec![]));
    assert_eq!(
        provided.fake.world().objects["apps/v1/deployments/argocd/server"]["spec"]["replicas"],
        2
    );
}

#[tokio::test]
async fn what_is_stated_of_an_object_of_the_manifest_is_added_to_it() {
    let provided = world();
    let api = provided.api();
    let resources = json!({"requests": {"cpu": "50m"}});
    let part = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "server", "namespace": "argocd"},
        "spec": {"template": {"spec": {"containers": [{"name": "server", "resources": resources}]}}},
    });
    let order = order(&[namespace(), part.clone()]);
    api.apply("argo-cd", &order).await.unwrap();
    let at = "apps/v1/deployments/argocd/server";
    let live = provided.fake.world().objects[at].clone();
    assert_eq!(live["spec"]["replicas"], 2);
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"],
        json!([{"name": "server", "image": "one", "resources": resources}])
    );
    let state = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!(
        (state.objects, state.drifted),
        (order.objects.clone(), vec![])
    );
    // A change of a field that the manifest states is drift as well.
    provided.fake.world().meddle(at, "/spec/replicas", json!(0));
    let state = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!(state.drifted, ["Deployment argocd/server was changed"]);
    api.apply("argo-cd", &order).await.unwrap();
    assert_eq!(
        api.read("argo-cd").await.unwrap().unwrap().drifted,
        Vec::<String>::new()
    );
    provided.fake.world().objects.remove(at);
    let state = api.read("argo-cd").await.unwrap().unwrap();
    assert_eq!(state.drifted, ["Deployment argocd/server is missing"]);
    api.apply("argo-cd", &order).await.unwrap();
    // Without it, the manifest's own object stays.
    api.apply("argo-cd", &self::order(&[namespace()]))
        .await
        .unwrap();
    let live = provided.fake.world().objects[at].clone();
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"],
        json!([{"name": "server", "image": "one"}])
    );
}

#[tokio::test]
async fn what_others_add_is_left_alone() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    let at = "apps/v1/deployments/argocd/server";
    provided.fake.world().objects.get_mut(at).unwrap()["spec"]["paused"] = true.into();
    assert_eq!(
        api.read("argo-cd").await.unwrap().unwrap().drifted,
        Vec::<String>::new()
    );
    api.apply("argo-cd", &all()).await.unwrap();
    assert_eq!(provided.fake.world().objects[at]["spec"]["paused"], true);
}

#[tokio::test]
async fn what_is_not_stated_any_more_goes() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    api.apply("argo-cd", &order(&[namespace(), credentials()]))
        .await
        .unwrap();
    assert!(
        !objects(&provided)
            .keys()
            .any(|at| at.contains("applications/"))
    );
    assert_eq!(api.read("argo-cd").await.unwrap().unwrap().objects.len(), 2);
}

#[tokio::test]
async fn a_secret_goes_to_the_server_and_nowhere_else() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode("CANARY arn:secret ServicePassword")
    };
    let stored = provided.fake.world().objects.clone();
    assert!(
        !stored
            .values()
            .any(|object| object.to_string().contains("CANARY")),
        "it is stored encoded"
    );
    assert_eq!(
        stored["v1/secrets/argocd/repository"]["data"]["password"],
        json!(encoded)
    );
    assert!(
        !stored["v1/configmaps/kube-system/platctl.argo-cd"]
            .to_string()
            .contains(&encoded)
    );
    let state = api.read("argo-cd").await.unwrap();
    assert!(!format!("{state:?}").contains(&encoded) && !format!("{state:?}").contains("CANARY"));
    provided.fake.world().meddle(
        "v1/secrets/argocd/repository",
        "/data/password",
        json!("b3RoZXI="),
    );
    let state = format!("{:?}", api.read("argo-cd").await.unwrap());
    assert!(
        state.contains("by somebody else") && !state.contains("b3RoZXI="),
        "{state}"
    );
}

#[tokio::test]
async fn a_definition_does_not_take_other_peoples_objects_along() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    let mut theirs = application();
    theirs["metadata"]["name"] = "vault".into();
    provided.fake.world().objects.insert(
        "argoproj.io/v1alpha1/applications/argocd/vault".into(),
        theirs,
    );
    let error = api.delete("argo-cd").await.unwrap_err();
    assert_eq!(error.class, Class::Protected);
    assert!(
        error.message.contains("Application argocd/vault"),
        "{error}"
    );
    assert!(objects(&provided).len() > 5, "nothing was deleted");
}

#[tokio::test]
async fn a_finalizer_that_hangs_is_named() {
    let provided = world();
    let api = provided.api();
    api.apply("argo-cd", &all()).await.unwrap();
    let at = "argoproj.io/v1alpha1/applications/argocd/root";
    provided.fake.world().objects.get_mut(at).unwrap()["metadata"]["finalizers"] =
        json!(["resources-finalizer"]);
    let error = api.delete("argo-cd").await.unwrap_err();
    assert_eq!(error.class, Class::InUse);
    assert!(
        error
            .message
            .contains("Application argocd/root (held by [\"resources-finalizer\"])"),
        "{error}"
    );
    provided.fake.world().objects.remove(at);
    api.delete("argo-cd").await.unwrap();
    assert!(provided.fake.world().objects.is_empty());
    assert_eq!(
        api.delete("argo-cd").await.unwrap_err().class,
        Class::NotFound
    );
}

#[tokio::test]
async fn errors_have_their_meaning() {
    let meanings = [
        (401, Class::NotYetConsistent),
        (403, Class::Denied),
        (409, Class::Busy),
        (422, Class::Invalid),
        (429, Class::Throttled),
        (500, Class::Interrupted),
        (503, Class::Interrupted),
    ];
    for (status, class) in meanings {
        let provided = world();
        provided.fake.world().faults = vec![Fault {
            line: "PATCH",
            status,
            times: 1,
        }];
        let error = provided.api().claim("argo-cd", &owner()).await.unwrap_err();
        assert_eq!(error.class, class, "{status}: {error}");
        provided.api().claim("argo-cd", &owner()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_pass_are_outlasted() {
    let provided = world();
    provided.fake.world().faults = vec![
        Fault {
            line: "PATCH",
            status: 429,
            times: 3,
        },
        Fault {
            line: "PATCH",
            status: 500,
            times: 2,
        },
        Fault {
            line: "clusterroles",
            status: 409,
            times: 1,
        },
    ];
    let task = Task::Apply {
        set: "argo-cd".into(),
        order: all(),
    };
    let outcome = perform(&provided.api(), &task, &mut |_| {}).await;
    assert!(matches!(outcome, Outcome::Set(Some(state)) if state.objects.len() == 3));
}

#[tokio::test]
async fn a_manifest_with_another_digest_changes_nothing() {
    let provided = world();
    let mut order = all();
    order.manifest.as_mut().unwrap().sha256 = "0".repeat(64);
    let error = provided.api().apply("argo-cd", &order).await.unwrap_err();
    assert!(error.message.contains("it was not applied"), "{error}");
    assert!(provided.fake.world().objects.is_empty());
}

#[tokio::test]
async fn the_kind_knows_clusters_by_name() {
    use crate::Objects;
    use platctl_engine::{Claim, Id, Kind, Wanted};
    let clusters = crate::Clusters::new(Arc::new(world()));
    let mut spec = Objects::example();
    let claim = Claim {
        owner: owner(),
        token: "t".into(),
    };
    let id = Objects::create(&clusters, &spec, &claim).await.unwrap();
    assert_eq!(id.as_str(), "open-example-cluster|example");
    let found = Objects::find(
        &clusters,
        &[Wanted {
            owner: owner(),
            spec: Some(spec.clone()),
        }],
    )
    .await
    .unwrap();
    assert_eq!(found[0][0].owner, Some(owner()));
    spec.cluster_name = "other".into();
    assert_eq!(
        Objects::create(&clusters, &spec, &claim)
            .await
            .unwrap_err()
            .class,
        Class::NotYetConsistent
    );
    assert!(
        Objects::describe(&clusters, &[Id::from("other|x")])
            .await
            .unwrap()[0]
            .is_none()
    );
}
