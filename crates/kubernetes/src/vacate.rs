//! What is done in a cluster before it is deleted: whatever has made something in AWS deletes it, as long as the
//! controllers are alive that know how.
//!
//! The order is this one: first nobody syncs any more, or what is deleted comes back. Then what has load balancers and
//! volumes goes. Then node pools, or their instances come back. Whether it worked is seen in AWS, not here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::{Api as KubeApi, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use platctl_engine::CloudResult;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::Key;
use crate::{Api, errors};

/// How often what is deleted is looked at, and for how long controllers may take.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(4 * 60);

/// How far from a pod its topmost owner may be: Pod, ReplicaSet, Deployment, Rollout, and one more.
const OWNERS: usize = 5;

/// The programs of Argo CD that make and sync Applications, by a label of its manifests.
const PROGRAM: &str = "/metadata/labels/app.kubernetes.io~1name";
const SYNCING: [&str; 2] = [
    "argocd-application-controller",
    "argocd-applicationset-controller",
];
/// With this, Argo CD deletes what an Application has made before the Application goes.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
/// On what another Application has made.
const TRACKED: [&str; 2] = [
    "/metadata/annotations/argocd.argoproj.io~1tracking-id",
    "/metadata/labels/argocd.argoproj.io~1instance",
];

/// What is to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VacateOrder {
    /// Whether volume claims are deleted, and with them the data of those whose class says so.
    pub claims: bool,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VacateReport {
    /// The IDs of the volumes that stay because they are retained.
    pub retained: BTreeSet<String>,
    /// What is still there, and by which finalizers it is held.
    pub held: Vec<String>,
    /// Whether a node is ready: without one, no controller runs.
    pub alive: bool,
}

fn gvk(group: &str, version: &str, kind: &str) -> GroupVersionKind {
    GroupVersionKind::gvk(group, version, kind)
}

fn has_load_balancer(service: &Value) -> bool {
    service.pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer")
}

fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Whether it is a pod with a volume claim.
fn uses_a_claim(pod: &Value) -> bool {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    let mut volumes = volumes.into_iter().flatten();
    volumes.any(|volume| volume.get("persistentVolumeClaim").is_some())
}

/// The object that controls this one.
fn owner(object: &Value) -> Option<Key> {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    let text = |field: &str| owner[field].as_str().map(ToOwned::to_owned);
    Some(Key {
        api_version: text("apiVersion")?,
        kind: text("kind")?,
        namespace: object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        name: text("name")?,
    })
}

/// The volume of the EBS driver that a retained persistent volume stands for.
fn retained(volume: &Value) -> Option<String> {
    let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str);
    (text("/spec/persistentVolumeReclaimPolicy") == Some("Retain")).then_some(())?;
    text("/spec/csi/volumeHandle").map(ToOwned::to_owned)
}

impl Api {
    /// All objects of a kind, in all namespaces; none where the server does not serve it.
    pub(crate) async fn list(&self, gvk: &GroupVersionKind) -> CloudResult<Vec<(Key, Value)>> {
        let Some((resource, _)) = self.kind(gvk).await? else {
            return Ok(Vec::new());
        };
        let all = KubeApi::<DynamicObject>::all_with(self.client.clone(), &resource);
        let listed = all.list(&ListParams::default()).await;
        let listed = listed
            .map_err(|e| errors::cloud_error(&format!("kubernetes:List {}", gvk.kind), &e))?;
        let keyed = listed.items.iter().filter_map(|one| {
            let mut one = json!(one);
            one["apiVersion"] = gvk.api_version().into();
            one["kind"] = gvk.kind.clone().into();
            Some((Key::of(&one)?, one))
        });
        Ok(keyed.collect())
    }

    /// Changes some fields of an object. One that is gone is as good.
    async fn merge(&self, key: &Key, patch: &Value) -> CloudResult<()> {
        let Some(place) = self.place(key).await? else {
            return Ok(());
        };
        let patch = Patch::Merge(patch);
        let patched = place
            .patch(&key.name, &PatchParams::default(), &patch)
            .await;
        match patched {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(errors::cloud_error(
                &format!("kubernetes:Patch {}", key.short()),
                &error,
            )),
            Ok(_) => Ok(()),
        }
    }

    pub(crate) async fn do_vacate(&self, order: &VacateOrder) -> CloudResult<VacateReport> {
        let nodes = self.list(&gvk("", "v1", "Node")).await?;
        let mut report = VacateReport {
            alive: nodes.iter().any(|(_, node)| is_ready(node)),
            ..VacateReport::default()
        };
        self.stop_sync().await?;
        self.forget_applications().await?;
        let mut going = self.delete_entrances().await?;
        if order.claims {
            let volumes = self.list(&gvk("", "v1", "PersistentVolume")).await?;
            report.retained = volumes
                .iter()
                .filter_map(|(_, one)| retained(one))
                .collect();
            going.extend(self.delete_claims().await?);
        }
        // Controllers run on nodes of pools, too: they first get the time for all of the above.
        let begun = tokio::time::Instant::now();
        while report.alive
            && begun.elapsed() < LONGEST
            && !self.still_there(&going).await?.is_empty()
        {
            tokio::time::sleep(PAUSE).await;
        }
        going.extend(
            self.delete_all(&gvk("karpenter.sh", "v1", "NodePool"), |_| true)
                .await?,
        );
        self.delete_all(&gvk("karpenter.sh", "v1", "NodeClaim"), |_| true)
            .await?;
        report.held = self.still_there(&going).await?;
        Ok(report)
    }

    /// Nobody makes or syncs an Application any more.
    async fn stop_sync(&self) -> CloudResult<()> {
        for kind in ["StatefulSet", "Deployment"] {
            for (key, object) in self.list(&gvk("apps", "v1", kind)).await? {
                let name = object.pointer(PROGRAM).and_then(Value::as_str);
                if name.is_some_and(|name| SYNCING.contains(&name)) {
                    self.merge(&key, &json!({"spec": {"replicas": 0}})).await?;
                }
            }
        }
        Ok(())
    }

    /// Applications go without what they have made: most of it goes with the cluster, and nobody is there to delete it.
    /// The root comes first.
    async fn forget_applications(&self) -> CloudResult<()> {
        let group = "argoproj.io";
        self.delete_all(&gvk(group, "v1alpha1", "ApplicationSet"), |_| true)
            .await?;
        let mut all = self.list(&gvk(group, "v1alpha1", "Application")).await?;
        all.sort_by_key(|(_, one)| TRACKED.iter().any(|pointer| one.pointer(pointer).is_some()));
        for (key, object) in &all {
            let finalizers = object.pointer("/metadata/finalizers");
            let mut finalizers = finalizers
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let before = finalizers.len();
            finalizers.retain(|one| !one.as_str().is_some_and(|one| one.starts_with(CASCADE)));
            if finalizers.len() < before {
                let patch = json!({"metadata": {"finalizers": finalizers}});
                self.merge(key, &patch).await?;
            }
            self.remove(key).await?;
        }
        Ok(())
    }

    /// What load balancers are made for.
    async fn delete_entrances(&self) -> CloudResult<Vec<Key>> {
        let mut going = Vec::new();
        for kind in [
            gvk("networking.k8s.io", "v1", "Ingress"),
            gvk("gateway.networking.k8s.io", "v1", "Gateway"),
        ] {
            going.extend(self.delete_all(&kind, |_| true).await?);
        }
        let services = gvk("", "v1", "Service");
        going.extend(self.delete_all(&services, has_load_balancer).await?);
        Ok(going)
    }

    /// Claims go when no pod uses them, and pods stay away when what makes them is gone.
    async fn delete_claims(&self) -> CloudResult<Vec<Key>> {
        let pods = self.list(&gvk("", "v1", "Pod")).await?;
        let mut makers: BTreeMap<String, Key> = BTreeMap::new();
        for (key, pod) in pods.into_iter().filter(|(_, pod)| uses_a_claim(pod)) {
            let maker = self.topmost(key, pod).await?;
            makers.insert(maker.to_string(), maker);
        }
        for maker in makers.values() {
            self.remove(maker).await?;
        }
        self.delete_all(&gvk("", "v1", "PersistentVolumeClaim"), |_| true)
            .await
    }

    /// What has made a pod, whatever is between.
    async fn topmost(&self, mut key: Key, mut object: Value) -> CloudResult<Key> {
        for _ in 0..OWNERS {
            let Some(above) = owner(&object) else { break };
            let Some(found) = self.get(&above).await? else {
                break;
            };
            (key, object) = (above, found);
        }
        Ok(key)
    }

    async fn delete_all(
        &self,
        kind: &GroupVersionKind,
        goes: impl Fn(&Value) -> bool,
    ) -> CloudResult<Vec<Key>> {
        let all = self.list(kind).await?;
        let going: Vec<Key> = all
            .into_iter()
            .filter(|(_, object)| goes(object))
            .map(|(key, _)| key)
            .collect();
        for key in &going {
            self.remove(key).await?;
        }
        Ok(going)
    }

    /// What of these is still there, and by which finalizers it is held.
    async fn still_there(&self, keys: &[Key]) -> CloudResult<Vec<String>> {
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let found = self.get_all(texts.iter()).await?;
        Ok(found
            .into_iter()
            .filter_map(|(key, live)| Some(held(&key, &live?)))
            .collect())
    }
}

/// An object that is on its way out, in words.
pub(crate) fn held(key: &Key, live: &Value) -> String {
    let finalizers = live.pointer("/metadata/finalizers");
    match finalizers.filter(|list| **list != json!([])) {
        Some(finalizers) => format!("{} (held by {finalizers})", key.short()),
        None => key.short(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Provided;

    fn object(version: &str, kind: &str, name: &str, rest: Value) -> Value {
        let mut object = json!({
            "apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": "web"},
        });
        for (field, value) in rest.as_object().into_iter().flatten() {
            match field.as_str() {
                "metadata" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        object["metadata"][key] = value.clone();
                    }
                }
                _ => object[field] = value.clone(),
            }
        }
        object
    }

    fn put(provided: &Provided, at: &str, object: Value) {
        let mut world = provided.fake.world();
        world.objects.insert(at.to_owned(), object);
    }

    fn is_there(provided: &Provided, at: &str) -> bool {
        provided.fake.world().objects.contains_key(at)
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_a_load_balancer_goes_and_all_else_stays() {
        let provided = Provided::default();
        let service = |kind: &str| json!({"spec": {"type": kind}});
        let open = object("v1", "Service", "open", service("LoadBalancer"));
        let inner = object("v1", "Service", "inner", service("ClusterIP"));
        let ingress = object("networking.k8s.io/v1", "Ingress", "web", json!({}));
        put(&provided, "v1/services/web/open", open);
        put(&provided, "v1/services/web/inner", inner);
        put(&provided, "networking.k8s.io/v1/ingresses/web/web", ingress);
        let order = VacateOrder::default();
        let report = provided.api().do_vacate(&order).await.unwrap();
        assert!(report.held.is_empty(), "{report:?}");
        assert!(!is_there(&provided, "v1/services/web/open"));
        assert!(!is_there(
            &provided,
            "networking.k8s.io/v1/ingresses/web/web"
        ));
        assert!(is_there(&provided, "v1/services/web/inner"));
    }

    #[tokio::test(start_paused = true)]
    async fn claims_go_by_consent_and_with_what_makes_their_pods() {
        let provided = Provided::default();
        let by = |kind: &str, name: &str| {
            json!({"metadata": {"ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true},
            ]}})
        };
        let mut pod = object("v1", "Pod", "db-0", by("StatefulSet", "db"));
        pod["spec"]["volumes"] = json!([{"persistentVolumeClaim": {"claimName": "data-db-0"}}]);
        put(&provided, "v1/pods/web/db-0", pod);
        let set = object("apps/v1", "StatefulSet", "db", json!({}));
        put(&provided, "apps/v1/statefulsets/web/db", set);
        let claim = object("v1", "PersistentVolumeClaim", "data-db-0", json!({}));
        put(&provided, "v1/persistentvolumeclaims/web/data-db-0", claim);
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
            "spec": {"persistentVolumeReclaimPolicy": "Retain", "csi": {"volumeHandle": "vol-1"}},
        });
        put(&provided, "v1/persistentvolumes/pv", volume);

        let api = provided.api();
        let kept = api.do_vacate(&VacateOrder { claims: false }).await.unwrap();
        assert!(is_there(
            &provided,
            "v1/persistentvolumeclaims/web/data-db-0"
        ));
        assert!(kept.retained.is_empty());

        let report = api.do_vacate(&VacateOrder { claims: true }).await.unwrap();
        assert_eq!(report.retained, BTreeSet::from(["vol-1".to_owned()]));
        assert!(!is_there(&provided, "apps/v1/statefulsets/web/db"));
        assert!(!is_there(
            &provided,
            "v1/persistentvolumeclaims/web/data-db-0"
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_lets_go_is_named_and_the_wait_has_an_end() {
        let provided = Provided::default();
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        put(&provided, "v1/nodes/a", node);
        let finalizers = json!({"metadata": {"finalizers": ["ingress.k8s.aws/resources"]}});
        let ingress = object("networking.k8s.io/v1", "Ingress", "web", finalizers);
        put(&provided, "networking.k8s.io/v1/ingresses/web/web", ingress);
        let order = VacateOrder::default();
        let report = provided.api().do_vacate(&order).await.unwrap();
        assert!(report.alive);
        assert_eq!(
            report.held,
            ["Ingress web/web (held by [\"ingress.k8s.aws/resources\"])"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_syncs_any_more_before_anything_is_deleted() {
        let provided = Provided::default();
        let labels = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "argocd-application-controller"}},
            "spec": {"replicas": 2},
        });
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}});
        put(&provided, "v1/namespaces/web", namespace);
        let controller = object("apps/v1", "StatefulSet", "sync", labels);
        put(&provided, "apps/v1/statefulsets/web/sync", controller);
        let service = json!({"spec": {"type": "LoadBalancer"}});
        put(
            &provided,
            "v1/services/web/open",
            object("v1", "Service", "open", service),
        );
        provided
            .api()
            .do_vacate(&VacateOrder::default())
            .await
            .unwrap();
        let world = provided.fake.world();
        assert_eq!(
            world.objects["apps/v1/statefulsets/web/sync"]["spec"]["replicas"],
            0
        );
        let at = |line: &str| world.requests.iter().position(|request| request == line);
        let stopped = at("PATCH /apis/apps/v1/namespaces/web/statefulsets/sync");
        let deleted = at("DELETE /api/v1/namespaces/web/services/open");
        assert!(
            stopped.is_some() && stopped < deleted,
            "{:?}",
            world.requests
        );
    }
}
