//! What an object is called among all objects.

use std::fmt;

use kube::core::GroupVersionKind;
use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::Value;

/// `v1 Secret argocd/gitops-repository`, or without the namespace for what has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.api_version, self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl Key {
    /// The key of an object.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(ToOwned::to_owned)
        };
        Some(Self {
            api_version: text("/apiVersion")?,
            kind: text("/kind")?,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name")?,
        })
    }

    /// The key that reads like this.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let (api_version, kind, place) = (parts.next()?, parts.next()?, parts.next()?);
        let (namespace, name) = match place.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, place),
        };
        Some(Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace,
            name: name.into(),
        })
    }

    pub(crate) fn gvk(&self) -> GroupVersionKind {
        let (group, version) = self
            .api_version
            .split_once('/')
            .unwrap_or(("", &self.api_version));
        GroupVersionKind::gvk(group, version, &self.kind)
    }

    /// Which objects come first: those that others stand in or are of the kind of.
    pub(crate) fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            "ServiceAccount" | "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding"
            | "ConfigMap" | "Secret" | "StorageClass" | "PriorityClass" => 2,
            _ => 3,
        }
    }

    /// How a person names it: `Secret argocd/gitops-repository`.
    pub(crate) fn short(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

/// The key by which a set knows an object; none for what is no object.
#[must_use]
pub fn key_of(object: &Value) -> Option<String> {
    Key::of(object).map(|key| key.to_string())
}

pub(crate) fn parse(text: &str) -> CloudResult<Key> {
    Key::parse(text).ok_or_else(|| {
        CloudError::new(
            Class::Invalid,
            "kubernetes:Apply",
            format!("`{text}` is not a valid object key"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_reads_as_it_is_written() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"}});
        let key = Key::of(&object).unwrap();
        assert_eq!(key.to_string(), "apps/v1 Deployment n/a");
        assert_eq!(Key::parse("apps/v1 Deployment n/a"), Some(key));
        let cluster_wide = Key::parse("v1 Namespace argocd").unwrap();
        assert_eq!(
            (
                cluster_wide.namespace.as_deref(),
                cluster_wide.gvk().version.as_str()
            ),
            (None, "v1")
        );
        assert_eq!(key_of(&json!({"kind": "List"})), None);
    }
}
