//! An API server in memory that behaves like the real one where it matters: account of fields, conflicts,
//! definitions that take a while, finalizers that hang, namespaces that have to be there, errors on demand.

mod fields;
mod provider;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

pub(crate) use provider::Provided;

/// What goes wrong: the next so many requests whose line contains this are answered so.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) line: &'static str,
    pub(crate) status: u16,
    pub(crate) times: u32,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<String, Value>,
    pub(crate) requests: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    /// After so many calls that change something, no connection comes about any more.
    pub(crate) cut_after: Option<usize>,
    /// How many reads a thing takes to become ready.
    pub(crate) slow: u64,
    /// Whether requests need a token.
    pub(crate) guarded: bool,
    /// The tokens that were issued, and when: each is taken for 15 minutes.
    pub(crate) issued: BTreeMap<String, tokio::time::Instant>,
    /// How many requests came without a token that is taken.
    pub(crate) refused: usize,
    /// Whether jobs fail.
    pub(crate) jobs_fail: bool,
    version: u64,
}

/// The server. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<World>>);

/// What the server serves from the start: version, kind, plural, whether it stands in a namespace.
const BUILT_IN: &[(&str, &str, &str, bool)] = &[
    ("v1", "Namespace", "namespaces", false),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "Pod", "pods", true),
    ("v1", "Node", "nodes", false),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    (
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        true,
    ),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("batch/v1", "Job", "jobs", true),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    ),
];

type Answer = (u16, Value);

/// There is no such path.
fn not_served() -> Answer {
    let message = "the server could not find the requested resource";
    refusal(404, "NotFound", message)
}

fn refusal(code: u16, reason: &str, message: impl Into<String>) -> Answer {
    (
        code,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message.into(), "reason": reason, "code": code,
        }),
    )
}

impl Fake {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        Client::new(service, "default")
    }

    async fn answer(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Full<bytes::Bytes>>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut world = self.world();
        let query = parts.uri.query().unwrap_or_default();
        let line = format!("{} {}", parts.method, parts.uri.path());
        world.requests.push(line.clone());
        if parts.method != Method::GET {
            match world.cut_after.as_mut() {
                Some(0) => return Err(std::io::Error::other("connect: connection refused")),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        let token = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let taken = world.takes(
            token
                .and_then(|text| text.strip_prefix("Bearer "))
                .unwrap_or_default(),
        );
        let (status, answer) = match world.fault(&line) {
            _ if !taken => refusal(401, "Unauthorized", "Unauthorized"),
            Some(status) => refusal(
                status,
                if status == 409 { "Conflict" } else { "" },
                "as the test wants it",
            ),
            None => world.serve(&parts.method, parts.uri.path(), query, &body),
        };
        let status = StatusCode::from_u16(status).map_err(std::io::Error::other)?;
        let mut response = Response::new(Full::from(answer.to_string()));
        *response.status_mut() = status;
        Ok(response)
    }
}

impl World {
    /// A new token.
    pub(crate) fn issue(&mut self) -> String {
        self.version += 1;
        let token = format!("token-{}", self.version);
        self.issued
            .insert(token.clone(), tokio::time::Instant::now());
        token
    }

    fn takes(&mut self, token: &str) -> bool {
        let issued = self.issued.get(token);
        let taken = !self.guarded || issued.is_some_and(|at| at.elapsed().as_secs() < 15 * 60);
        self.refused += usize::from(!taken);
        taken
    }

    fn fault(&mut self, line: &str) -> Option<u16> {
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.times > 0 && line.contains(fault.line))?;
        fault.times -= 1;
        Some(fault.status)
    }

    /// All that is served now, definitions included.
    fn served(&self) -> Vec<(String, String, String, bool)> {
        let built_in = BUILT_IN
            .iter()
            .map(|(a, b, c, d)| ((*a).into(), (*b).into(), (*c).into(), *d));
        let defined = self
            .objects
            .values()
            .filter(|object| object["kind"] == "CustomResourceDefinition");
        let established =
            defined.filter(|object| object["status"]["conditions"][0]["status"] == "True");
        let custom = established.map(|object| {
            let text = |pointer: &str| {
                object
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let version = format!("{}/{}", text("/spec/group"), text("/spec/versions/0/name"));
            let namespaced = text("/spec/scope") == "Namespaced";
            (
                version,
                text("/spec/names/kind"),
                text("/spec/names/plural"),
                namespaced,
            )
        });
        built_in.chain(custom).collect()
    }

    fn serve(&mut self, method: &Method, path: &str, query: &str, body: &Value) -> Answer {
        self.reap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return not_served(),
        };
        if rest.is_empty() {
            return self.discover(&version);
        }
        let (namespace, plural, name) = match rest {
            ["namespaces", namespace, plural, name, "status"] if *method == Method::PATCH => {
                return self.patch_status(&format!("{version}/{plural}/{namespace}/{name}"), body);
            }
            ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
            ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
            [plural, name] => (None, *plural, Some(*name)),
            [plural] => (None, *plural, None),
            _ => return refusal(404, "NotFound", path),
        };
        let served = self.served();
        let known = served
            .iter()
            .find(|(served, _, other, _)| *served == version && other == plural);
        // What stands in a namespace is served there alone, but for lists.
        if known.is_none_or(|(.., namespaced)| name.is_some() && *namespaced != namespace.is_some())
        {
            return not_served();
        }
        let Some(name) = name else {
            return self.list(&version, plural);
        };
        if let Some(namespace) = namespace
            && *method == Method::PATCH
            && !self
                .objects
                .contains_key(&format!("v1/namespaces/{namespace}"))
            && namespace != "kube-system"
        {
            return refusal(
                404,
                "NotFound",
                format!("namespaces \"{namespace}\" not found"),
            );
        }
        let at = namespace.map_or_else(
            || format!("{version}/{plural}/{name}"),
            |namespace| format!("{version}/{plural}/{namespace}/{name}"),
        );
        match *method {
            Method::GET => self.get(&at),
            Method::PATCH if !query.contains("fieldManager=") => self.merge_patch(&at, body),
            Method::PATCH => self.apply(&at, query, body),
            Method::DELETE => self.delete(&at),
            _ => refusal(405, "MethodNotAllowed", "no"),
        }
    }

    fn discover(&self, version: &str) -> Answer {
        let served = self
            .served()
            .into_iter()
            .filter(|(served, ..)| served == version);
        let resources: Vec<Value> = served
            .map(|(_, kind, plural, namespaced)| {
                json!({"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind,
                    "verbs": ["get", "list", "patch", "delete"]})
            })
            .collect();
        if resources.is_empty() {
            return not_served();
        }
        (
            200,
            json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources}),
        )
    }

    fn list(&self, version: &str, plural: &str) -> Answer {
        let within = format!("{version}/{plural}/");
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(at, _)| at.starts_with(&within))
            .map(|(_, object)| object)
            .collect();
        (
            200,
            json!({"kind": "List", "apiVersion": version, "metadata": {}, "items": items}),
        )
    }

    fn get(&mut self, at: &str) -> Answer {
        let (slow, jobs_fail) = (self.slow, self.jobs_fail);
        let Some(object) = self.objects.get_mut(at) else {
            return refusal(404, "NotFound", at);
        };
        let reads = object["metadata"]["annotations"]["test/reads"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let reads: u64 = reads.unwrap_or(0) + 1;
        if reads > slow {
            ready(object, jobs_fail);
        } else {
            object["metadata"]["annotations"]["test/reads"] = reads.to_string().into();
        }
        (200, object.clone())
    }

    fn merge_patch(&mut self, at: &str, body: &Value) -> Answer {
        let Some(object) = self.objects.get_mut(at) else {
            return refusal(404, "NotFound", at);
        };
        fields::change(object, body);
        (200, object.clone())
    }

    pub(crate) fn apply(&mut self, at: &str, query: &str, body: &Value) -> Answer {
        let manager = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("fieldManager="))
            .unwrap_or_default()
            .to_owned();
        let mut object = self
            .objects
            .get(at)
            .cloned()
            .unwrap_or_else(|| json!({"metadata": {}}));
        if object["metadata"].get("deletionTimestamp").is_some() {
            return refusal(409, "Conflict", "object is being deleted");
        }
        let before = object.clone();
        if let Err(message) =
            fields::apply(&mut object, body, &manager, query.contains("force=true"))
        {
            return refusal(409, "Conflict", message);
        }
        if object != before {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        if object["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = generation.into();
        }
        let jobs_fail = self.jobs_fail;
        self.objects.insert(at.to_owned(), object.clone());
        if self.slow == 0
            && let Some(object) = self.objects.get_mut(at)
        {
            ready(object, jobs_fail);
        }
        (200, object)
    }

    /// A merge patch of the status alone.
    fn patch_status(&mut self, at: &str, body: &Value) -> Answer {
        let Some(object) = self.objects.get_mut(at) else {
            return refusal(404, "NotFound", at);
        };
        for (field, value) in body["status"].as_object().into_iter().flatten() {
            match object["status"].as_object_mut() {
                Some(status) if value.is_null() => drop(status.remove(field)),
                _ => object["status"][field] = value.clone(),
            }
        }
        (200, object.clone())
    }

    /// A client applies an object by its own comparison.
    pub(crate) fn apply_by_client(&mut self, at: &str, stated: &Value) {
        self.write(at, |object| fields::apply_by_client(object, stated));
    }

    /// A controller changes some fields of an object, and owns them from then on.
    pub(crate) fn change(&mut self, at: &str, manager: &str, patch: &Value) {
        self.write(at, |object| {
            fields::change(object, patch);
            let account = object["metadata"]["managedFields"].as_array_mut();
            let entry =
                json!({"manager": manager, "operation": "Update", "fieldsV1": fields::fields_of(patch)});
            match account {
                Some(account) => account.push(entry),
                None => object["metadata"]["managedFields"] = json!([entry]),
            }
        });
    }

    fn write(&mut self, at: &str, how: impl FnOnce(&mut Value)) {
        let mut object = self
            .objects
            .get(at)
            .cloned()
            .unwrap_or_else(|| json!({"metadata": {}}));
        let before = object.clone();
        how(&mut object);
        if object != before {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        self.objects.insert(at.to_owned(), object);
    }

    fn delete(&mut self, at: &str) -> Answer {
        let Some(object) = self.objects.get_mut(at) else {
            return refusal(404, "NotFound", at);
        };
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        if held {
            return (200, object.clone());
        }
        let object = object.clone();
        self.reap();
        if self.objects.contains_key(at) && Self::contents(at, &object).is_none() {
            self.objects.remove(at);
        }
        (
            200,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}}),
        )
    }

    /// Where the things are that live and die with this one.
    fn contents(at: &str, object: &Value) -> Option<String> {
        match object["kind"].as_str() {
            Some("Namespace") => at
                .strip_prefix("v1/namespaces/")
                .map(|name| format!("/{name}/")),
            Some("CustomResourceDefinition") => object["spec"]["names"]["plural"]
                .as_str()
                .map(|plural| format!("/{plural}/")),
            _ => None,
        }
    }

    /// Takes away what is being deleted, contents first; what a finalizer holds stays, and what it is in.
    fn reap(&mut self) {
        let doomed = |object: &Value| object["metadata"].get("deletionTimestamp").is_some();
        let homes: Vec<(String, String)> = self
            .objects
            .iter()
            .filter(|(_, object)| doomed(object))
            .filter_map(|(at, object)| Some((at.clone(), Self::contents(at, object)?)))
            .collect();
        for (home, inside) in homes {
            self.objects.retain(|at, object| {
                !at.contains(&inside) || !object["metadata"]["finalizers"].is_null()
            });
            if !self.objects.keys().any(|at| at.contains(&inside)) {
                self.objects.remove(&home);
            }
        }
    }

    /// Somebody else changes a field.
    pub(crate) fn meddle(&mut self, at: &str, pointer: &str, value: Value) {
        let object = self
            .objects
            .get_mut(at)
            .unwrap_or_else(|| panic!("there is no {at}"));
        *object
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("there is no {pointer}")) = value;
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        fields::disown(object, pointer);
    }
}

/// What controllers do.
fn ready(object: &mut Value, jobs_fail: bool) {
    let generation = object["metadata"]["generation"].clone();
    let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
    match object["kind"].as_str() {
        Some("CustomResourceDefinition") => {
            object["status"]["conditions"] = json!([{"type": "Established", "status": "True"}]);
        }
        Some("Deployment" | "StatefulSet") => {
            object["status"] = json!({
                "observedGeneration": generation, "availableReplicas": replicas, "readyReplicas": replicas,
                "updatedReplicas": replicas,
            });
        }
        Some("Job") => {
            let end = if jobs_fail { "Failed" } else { "Complete" };
            object["status"]["conditions"] =
                json!([{"type": end, "status": "True", "message": "backoff limit"}]);
        }
        Some("Application") => object["status"] = json!({"sync": {"status": "Synced"}}),
        _ => {}
    }
}
