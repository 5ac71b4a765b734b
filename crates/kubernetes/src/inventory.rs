//! The memory of a set, in the cluster itself: whose it is, and what was applied. It is written before the first
//! object is, so that nothing is ever made that nobody knows of.

use std::collections::BTreeMap;

use kube::api::{Api as KubeApi, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, core::GroupVersionKind};
use platctl_engine::{Class, CloudError, CloudResult, Owner};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::cloud_error;
use crate::objects::Manifest;
use crate::owned::MANAGER;

/// The namespace that every cluster has.
const NAMESPACE: &str = "kube-system";
const CONTENT: &str = "set.json";

/// What is remembered of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct Applied {
    /// The digest of what was applied.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) wanted: String,
    /// The object as it was stated, where it was stated in full; secrets stand in it as where they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stated: Option<Value>,
    /// What platctl's part of it looked like right after; none before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<String>,
}

/// What is remembered of a set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inventory {
    pub(crate) owner: Option<Owner>,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) objects: BTreeMap<String, Applied>,
}

#[derive(Default, Serialize, Deserialize, schemars::JsonSchema)]
struct Content {
    manifest: Option<Manifest>,
    objects: BTreeMap<String, Applied>,
}

fn api(client: &Client) -> KubeApi<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ConfigMap"));
    KubeApi::namespaced_with(client.clone(), NAMESPACE, &resource)
}

fn name(set: &str) -> String {
    format!("platctl.{set}")
}

/// Reads what is remembered of a set; none when nothing is.
pub(crate) async fn read(client: &Client, set: &str) -> CloudResult<Option<Inventory>> {
    let operation = "kubernetes:Get ConfigMap";
    let found = api(client)
        .get_opt(&name(set))
        .await
        .map_err(|e| cloud_error(operation, &e))?;
    let Some(found) = found else { return Ok(None) };
    let text = found
        .data
        .pointer(&format!("/data/{CONTENT}"))
        .and_then(Value::as_str)
        .unwrap_or("{}");
    let content: Content = serde_json::from_str(text).map_err(|error| {
        CloudError::new(
            Class::Invalid,
            operation,
            format!(
                "{NAMESPACE}/{} is corrupted: {error}. Delete it, then run platctl apply again",
                name(set)
            ),
        )
    })?;
    let annotations = found.metadata.annotations.unwrap_or_default();
    let owner = annotations
        .get("platctl/stack")
        .zip(annotations.get("platctl/address"))
        .map(|(stack, address)| {
            let generation = annotations
                .get("platctl/generation")
                .and_then(|text| text.parse().ok())
                .unwrap_or(1);
            let text = |key: &str| annotations.get(key).cloned();
            Owner {
                stack: stack.clone(),
                address: address.clone(),
                generation,
                region: text("platctl/region"),
                lineage: text("platctl/lineage"),
            }
        });
    Ok(Some(Inventory {
        owner,
        manifest: content.manifest,
        objects: content.objects,
    }))
}

/// Writes down what is remembered of a set.
pub(crate) async fn write(client: &Client, set: &str, inventory: &Inventory) -> CloudResult<()> {
    let content = Content {
        manifest: inventory.manifest.clone(),
        objects: inventory.objects.clone(),
    };
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name(set),
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "platctl"},
        },
        "data": {CONTENT: json!(content).to_string()},
    });
    if let Some(owner) = &inventory.owner {
        object["metadata"]["annotations"] = json!({
            "platctl/stack": owner.stack,
            "platctl/address": owner.address,
            "platctl/generation": owner.generation.to_string(),
        });
        for (key, value) in [
            ("platctl/region", &owner.region),
            ("platctl/lineage", &owner.lineage),
        ] {
            if let Some(value) = value {
                object["metadata"]["annotations"][key] = json!(value);
            }
        }
    }
    let params = PatchParams::apply(MANAGER).force();
    let call = api(client)
        .patch(&name(set), &params, &Patch::Apply(&object))
        .await;
    call.map(drop)
        .map_err(|e| cloud_error("kubernetes:Apply ConfigMap", &e))
}

/// Forgets a set.
pub(crate) async fn forget(client: &Client, set: &str) -> CloudResult<()> {
    let call = api(client)
        .delete(&name(set), &kube::api::DeleteParams::default())
        .await;
    match call.map_err(|e| cloud_error("kubernetes:Delete ConfigMap", &e)) {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}
