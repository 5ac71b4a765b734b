//! An API server that can be reached from here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use kube::api::{Api as KubeApi, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, ApiResource, Scope, pinned_kind};
use platctl_engine::{Class, CloudError, CloudResult, Owner};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::inventory::{self, Applied, Inventory};
use crate::key::{Key, parse};
use crate::objects::Manifest;
use crate::owned::{MANAGER, owned};
use crate::vacate::held;
use crate::{
    JobOrder, Order, Provider, ReleaseOrder, Server, SetState, VacateOrder, VacateReport, digest,
    drifted, errors, health, manifest, secrets,
};

/// How many calls are under way at a time.
const AT_ONCE: usize = 16;
/// How long a definition may take to be served, and how often it is looked at.
const ESTABLISHED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(250));

/// The API server of one cluster.
pub struct Api {
    pub(crate) client: Client,
    provider: Arc<dyn Provider>,
    kinds: Mutex<HashMap<GroupVersionKind, (ApiResource, ApiCapabilities)>>,
}

impl Api {
    /// Speaks through this client; takes secrets and manifests from the provider.
    #[must_use]
    pub fn new(client: Client, provider: Arc<dyn Provider>) -> Self {
        Self {
            client,
            provider,
            kinds: Mutex::default(),
        }
    }

    /// What the server knows of a kind; none when it does not serve it.
    pub(crate) async fn kind(
        &self,
        gvk: &GroupVersionKind,
    ) -> CloudResult<Option<(ApiResource, ApiCapabilities)>> {
        if let Some(known) = self.kinds.lock().await.get(gvk) {
            return Ok(Some(known.clone()));
        }
        match pinned_kind(&self.client, gvk).await {
            Ok(found) => {
                self.kinds.lock().await.insert(gvk.clone(), found.clone());
                Ok(Some(found))
            }
            Err(kube::Error::Discovery(_)) => Ok(None),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(errors::cloud_error(
                &format!("kubernetes:Discover {}", gvk.kind),
                &error,
            )),
        }
    }

    /// Where objects of this kind are; none when the server does not serve it.
    pub(crate) async fn place(&self, key: &Key) -> CloudResult<Option<KubeApi<DynamicObject>>> {
        Ok(self
            .kind(&key.gvk())
            .await?
            .map(|(resource, _)| match &key.namespace {
                Some(namespace) => {
                    KubeApi::namespaced_with(self.client.clone(), namespace, &resource)
                }
                None => KubeApi::all_with(self.client.clone(), &resource),
            }))
    }

    pub(crate) async fn get(&self, key: &Key) -> CloudResult<Option<Value>> {
        let Some(place) = self.place(key).await? else {
            return Ok(None);
        };
        let found = place.get_opt(&key.name).await;
        let found = found
            .map_err(|e| errors::cloud_error(&format!("kubernetes:Get {}", key.short()), &e))?;
        Ok(found.map(|object| json!(object)))
    }

    pub(crate) async fn get_all<'a>(
        &self,
        keys: impl Iterator<Item = &'a String>,
    ) -> CloudResult<Vec<(Key, Option<Value>)>> {
        let keys = keys
            .map(|key| parse(key))
            .collect::<CloudResult<Vec<Key>>>()?;
        let reads: Vec<_> = keys.into_iter().map(|key| self.get_with(key)).collect();
        stream::iter(reads).buffered(AT_ONCE).try_collect().await
    }

    async fn get_with(&self, key: Key) -> CloudResult<(Key, Option<Value>)> {
        let object = self.get(&key).await?;
        Ok((key, object))
    }

    /// Answers the object's key, and what platctl's part of it looks like now.
    pub(crate) async fn apply_one(
        &self,
        key: &Key,
        stated: &Value,
    ) -> CloudResult<(String, String)> {
        let full = secrets::fill_in(stated, &self.provider).await?;
        let place = self.place(key).await?.ok_or_else(|| {
            let message = format!(
                "the API server does not serve {} of {} yet",
                key.kind, key.api_version
            );
            CloudError::new(
                Class::NotYetConsistent,
                format!("kubernetes:Apply {}", key.short()),
                message,
            )
        })?;
        let params = PatchParams::apply(MANAGER).force();
        let applied = place.patch(&key.name, &params, &Patch::Apply(&full)).await;
        let applied = applied
            .map_err(|e| errors::cloud_error(&format!("kubernetes:Apply {}", key.short()), &e))?;
        Ok((key.to_string(), seen(key, &json!(applied))))
    }

    /// Changes fields of an object's status, as its controller does.
    pub(crate) async fn patch_status(&self, key: &Key, status: &Value) -> CloudResult<()> {
        let operation = format!("kubernetes:Patch {}", key.short());
        let place = self.place(key).await?.ok_or_else(|| {
            let message = format!("the API server does not serve {}", key.kind);
            CloudError::new(Class::NotFound, operation.clone(), message)
        })?;
        let patch = Patch::Merge(json!({"status": status}));
        let patched = place
            .patch_status(&key.name, &PatchParams::default(), &patch)
            .await;
        patched
            .map(drop)
            .map_err(|e| errors::cloud_error(&operation, &e))
    }

    pub(crate) async fn remove(&self, key: &Key) -> CloudResult<()> {
        let Some(place) = self.place(key).await? else {
            return Ok(());
        };
        match place.delete(&key.name, &DeleteParams::background()).await {
            Err(error) => {
                match errors::cloud_error(&format!("kubernetes:Delete {}", key.short()), &error) {
                    error if error.class == Class::NotFound => Ok(()),
                    error => Err(error),
                }
            }
            Ok(_) => Ok(()),
        }
    }

    /// All that an order comes to, in the order in which it is applied.
    async fn unfold(&self, order: &Order) -> CloudResult<Vec<(Key, Value)>> {
        let mut objects: Vec<(Key, Value)> = Vec::new();
        for (key, stated) in &order.objects {
            objects.push((parse(key)?, stated.clone()));
        }
        if let Some(source) = &order.manifest {
            let bytes = self.provider.fetch(source).await?;
            let all = manifest::objects(&bytes)?;
            let defined = manifest::namespaced_kinds(&all);
            for mut object in all {
                self.put_in_namespace(&mut object, source, &defined).await?;
                let key = Key::of(&object).ok_or_else(|| {
                    let message =
                        format!("{} contains an object without a kind or a name", source.url);
                    CloudError::new(Class::Invalid, "kubernetes:Fetch", message)
                })?;
                match objects.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, stated)) => *stated = manifest::overlaid(object, stated),
                    None => objects.push((key, object)),
                }
            }
        }
        objects.sort_by_key(|(key, _)| key.rank());
        Ok(objects)
    }

    /// What stands in a namespace and names none gets the manifest's.
    async fn put_in_namespace(
        &self,
        object: &mut Value,
        source: &Manifest,
        defined: &HashMap<(String, String), bool>,
    ) -> CloudResult<()> {
        let (Some(namespace), Some(key)) = (&source.namespace, Key::of(object)) else {
            return Ok(());
        };
        if key.namespace.is_some() {
            return Ok(());
        }
        let gvk = key.gvk();
        // A kind that the manifest itself defines is not served before that is applied.
        let namespaced = match defined.get(&(gvk.group.clone(), gvk.kind.clone())) {
            Some(namespaced) => *namespaced,
            None => self
                .kind(&gvk)
                .await?
                .is_some_and(|(_, can)| can.scope == Scope::Namespaced),
        };
        if namespaced {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        Ok(())
    }

    /// Applies objects of one rank side by side.
    async fn apply_rank(&self, objects: &[&(Key, Value)]) -> CloudResult<Vec<(String, String)>> {
        let calls: Vec<_> = objects
            .iter()
            .map(|object| self.apply_one(&object.0, &object.1))
            .collect();
        let applied = stream::iter(calls)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (key, _) in objects
            .iter()
            .filter(|(key, _)| key.kind == "CustomResourceDefinition")
        {
            self.until_established(key).await?;
        }
        Ok(applied)
    }

    async fn until_established(&self, key: &Key) -> CloudResult<()> {
        let begun = tokio::time::Instant::now();
        loop {
            let object = self.get(key).await?.unwrap_or_default();
            let Some(waiting) = health::waiting(key, &object) else {
                return Ok(());
            };
            if begun.elapsed() > ESTABLISHED.0 {
                return Err(CloudError::new(Class::Busy, "kubernetes:Apply", waiting));
            }
            tokio::time::sleep(ESTABLISHED.1).await;
        }
    }

    /// The live objects of an order, by key; those that are there.
    #[cfg(test)]
    pub(crate) async fn objects_of(&self, order: &Order) -> CloudResult<BTreeMap<String, Value>> {
        let keys: Vec<String> = self
            .unfold(order)
            .await?
            .iter()
            .map(|(key, _)| key.to_string())
            .collect();
        let found = self.get_all(keys.iter()).await?;
        Ok(found
            .into_iter()
            .filter_map(|(key, object)| Some((key.to_string(), object?)))
            .collect())
    }

    async fn do_apply(&self, set: &str, order: &Order) -> CloudResult<()> {
        let before = inventory::read(&self.client, set)
            .await?
            .unwrap_or_default();
        let objects = self.unfold(order).await?;
        let mut now = Inventory {
            owner: Some(order.owner.clone()),
            ..before.clone()
        };
        for (key, stated) in &objects {
            let text = key.to_string();
            let wanted = digest::of(stated);
            let entry = now.objects.entry(text.clone()).or_default();
            if entry.wanted != wanted {
                // Of an object that the manifest has too, what is stated is not all that is applied.
                *entry = Applied {
                    wanted,
                    stated: order.objects.get(&text).cloned(),
                    seen: None,
                };
            }
        }
        inventory::write(&self.client, set, &now).await?;
        for rank in 0..=3 {
            let these: Vec<_> = objects
                .iter()
                .filter(|(key, _)| key.rank() == rank)
                .collect();
            for (key, seen) in self.apply_rank(&these).await? {
                now.objects.entry(key).or_default().seen = Some(seen);
            }
        }
        let stays: Vec<String> = objects.iter().map(|(key, _)| key.to_string()).collect();
        let surplus: Vec<String> = now
            .objects
            .keys()
            .filter(|key| !stays.contains(*key))
            .cloned()
            .collect();
        for key in surplus.iter().rev() {
            self.remove(&parse(key)?).await?;
            now.objects.remove(key);
        }
        now.manifest.clone_from(&order.manifest);
        inventory::write(&self.client, set, &now).await
    }

    async fn do_read(&self, set: &str) -> CloudResult<Option<SetState>> {
        let Some(inventory) = inventory::read(&self.client, set).await? else {
            return Ok(None);
        };
        let mut state = SetState {
            owner: inventory.owner,
            manifest: inventory.manifest,
            objects: BTreeMap::new(),
            drifted: Vec::new(),
            waiting: None,
            checksum: String::new(),
        };
        for (key, live) in self.get_all(inventory.objects.keys()).await? {
            let text = key.to_string();
            let Some(applied) = inventory.objects.get(&text) else {
                continue;
            };
            let intact = live
                .as_ref()
                .is_some_and(|live| applied.seen.as_ref() == Some(&seen(&key, live)));
            if state.waiting.is_none() {
                state.waiting = live.as_ref().and_then(|live| health::waiting(&key, live));
            }
            match (&applied.stated, live) {
                (Some(stated), Some(_)) if intact => {
                    state.objects.insert(text, stated.clone());
                }
                (Some(stated), Some(live)) if applied.seen.is_some() => {
                    let shown = drifted::shown(stated, &live);
                    if shown == *stated {
                        // Of an object that the manifest has too, only a part is stated here.
                        state.drifted.push(format!("{} was changed", key.short()));
                    }
                    state.objects.insert(text, shown);
                }
                (Some(_), None) if applied.seen.is_some() => {
                    state.drifted.push(format!("{} is missing", key.short()));
                }
                (Some(_), _) => {}
                (None, Some(_)) if intact => {}
                (None, Some(_)) => state.drifted.push(format!("{} was changed", key.short())),
                (None, None) => state.drifted.push(format!("{} is missing", key.short())),
            }
        }
        if state.manifest.is_none() {
            // It was never applied to its end: what is missing of it is no drift.
            state.drifted.clear();
        }
        Ok(Some(state))
    }

    async fn do_delete(&self, set: &str) -> CloudResult<()> {
        let operation = format!("kubernetes:Delete set {set}");
        let Some(inventory) = inventory::read(&self.client, set).await? else {
            return Err(CloudError::new(
                Class::NotFound,
                operation,
                "the set does not exist",
            ));
        };
        let mut keys: Vec<Key> = inventory
            .objects
            .keys()
            .map(|key| parse(key))
            .collect::<CloudResult<_>>()?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.rank()));
        self.refuse_orphans(&operation, &keys).await?;
        for key in &keys {
            self.remove(key).await?;
        }
        let mut left = Vec::new();
        for (key, live) in self.get_all(inventory.objects.keys()).await? {
            left.extend(live.map(|live| held(&key, &live)));
        }
        if left.is_empty() {
            return inventory::forget(&self.client, set).await;
        }
        let message = format!("{} still going: {}", left.len(), left.join(", "));
        Err(CloudError::new(Class::InUse, operation, message))
    }

    /// A definition takes all objects of its kind along: those that are no part of the set are somebody else's.
    async fn refuse_orphans(&self, operation: &str, keys: &[Key]) -> CloudResult<()> {
        for definition in keys
            .iter()
            .filter(|key| key.kind == "CustomResourceDefinition")
        {
            let Some(object) = self.get(definition).await? else {
                continue;
            };
            let text = |pointer: &str| {
                object
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let versions = object.pointer("/spec/versions").and_then(Value::as_array);
            let version = versions
                .into_iter()
                .flatten()
                .find(|version| version["served"] != false);
            let version = version
                .and_then(|version| version["name"].as_str())
                .unwrap_or("v1");
            let gvk = GroupVersionKind::gvk(text("/spec/group"), version, text("/spec/names/kind"));
            let listed = self.list(&gvk).await?;
            let theirs: Vec<String> = listed
                .iter()
                .map(|(key, _)| key)
                .filter(|key| !keys.contains(key))
                .map(|key| key.short())
                .collect();
            if let Some(first) = theirs.first() {
                let message = format!(
                    "deleting the definition would also delete {} objects of kind {}, such as {first}. \
                     Delete them first, then run again",
                    theirs.len(),
                    gvk.kind
                );
                return Err(CloudError::new(Class::Protected, operation, message));
            }
        }
        Ok(())
    }
}

/// What platctl's part of an object looks like, without showing it. What a Secret holds is not even digested: any
/// write to it counts.
fn seen(key: &Key, live: &Value) -> String {
    match live
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
    {
        Some(version) if key.kind == "Secret" => format!("version {version}"),
        _ => digest::of(&owned(live)),
    }
}

impl Server for Api {
    fn read<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<Option<SetState>>> {
        Box::pin(self.do_read(set))
    }

    fn claim<'a>(&'a self, set: &'a str, owner: &'a Owner) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            let mut inventory = inventory::read(&self.client, set)
                .await?
                .unwrap_or_default();
            inventory.owner = Some(owner.clone());
            inventory::write(&self.client, set, &inventory).await
        })
    }

    fn apply<'a>(&'a self, set: &'a str, order: &'a Order) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.do_apply(set, order))
    }

    fn run_job<'a>(&'a self, job: &'a JobOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.do_run_job(job))
    }

    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.do_release(order))
    }

    fn vacate<'a>(&'a self, order: &'a VacateOrder) -> BoxFuture<'a, CloudResult<VacateReport>> {
        Box::pin(self.do_vacate(order))
    }

    fn delete<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.do_delete(set))
    }
}
