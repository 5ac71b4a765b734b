//! Values that are kept outside of the cluster and come into it only while it is applied: never into state, a plan
//! or the inventory.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use platctl_engine::CloudResult;
use serde_json::{Map, Value, json};

use crate::Provider;

const SECRET: &str = "$secret";

/// Stands in an object for the value of `key` in the JSON of the secret `arn`, which may be an expression, like
/// `version`, which says which value it is: with another one the object is applied again.
#[must_use]
pub fn secret(arn: &Value, key: &str, version: &Value) -> Value {
    json!({ SECRET: {"arn": arn, "key": key, "version": version} })
}

/// Whether such a value stands anywhere in the object.
pub(crate) fn any(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key(SECRET) || map.values().any(any),
        Value::Array(items) => items.iter().any(any),
        _ => false,
    }
}

/// The object as the server takes it.
pub(crate) async fn fill_in(object: &Value, provider: &Arc<dyn Provider>) -> CloudResult<Value> {
    let mut full = fill(object, provider).await?;
    if full["kind"] == "Secret" {
        encode(&mut full);
    }
    Ok(full)
}

fn fill<'a>(
    value: &'a Value,
    provider: &'a Arc<dyn Provider>,
) -> BoxFuture<'a, CloudResult<Value>> {
    Box::pin(async move {
        if !any(value) {
            return Ok(value.clone());
        }
        match value {
            Value::Object(map) => {
                if let Some(at) = map.get(SECRET) {
                    let (arn, key) = (at["arn"].as_str(), at["key"].as_str());
                    let found = provider
                        .secret(arn.unwrap_or_default(), key.unwrap_or_default())
                        .await?;
                    return Ok(found.into());
                }
                let mut full = Map::new();
                for (key, below) in map {
                    full.insert(key.clone(), fill(below, provider).await?);
                }
                Ok(full.into())
            }
            Value::Array(items) => {
                let mut full = Vec::new();
                for item in items {
                    full.push(fill(item, provider).await?);
                }
                Ok(full.into())
            }
            other => Ok(other.clone()),
        }
    })
}

/// The server itself would turn `stringData` into `data`, and lose track of whose fields they are.
fn encode(secret: &mut Value) {
    let Some(texts) = secret
        .as_object_mut()
        .and_then(|object| object.remove("stringData"))
    else {
        return;
    };
    for (key, text) in texts.as_object().into_iter().flatten() {
        secret["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}
