//! What has to be in the cluster before Argo CD can do the rest.

use serde_json::{Value, json};

use crate::component::{Component, PodSecurity};
use crate::components::{argo_cd, namespaces};
use crate::versions::{ARGO_CD, ARGO_CD_SHA256};
use crate::{Inputs, Settings, application};

/// The namespace of Argo CD.
pub const NAMESPACE: &str = "argocd";
/// The Secret by which Argo CD reads the repository.
pub const REPOSITORY_SECRET: &str = "gitops-repository";
/// The Secret by which Image Updater writes to the repository. Argo CD does not use it.
pub const WRITE_SECRET: &str = "gitops-repository-write";

/// Argo CD itself: where its manifest is, and the digest of it.
#[must_use]
pub fn argo_cd(settings: &Settings) -> (String, String) {
    match &settings.manifest {
        Some(elsewhere) => (elsewhere.url.clone(), elsewhere.sha256.clone()),
        None => (
            format!(
                "https://raw.githubusercontent.com/argoproj/argo-cd/{ARGO_CD}/manifests/ha/install.yaml"
            ),
            ARGO_CD_SHA256.to_owned(),
        ),
    }
}

/// The namespace that Argo CD runs in.
#[must_use]
pub fn namespace(settings: &Settings) -> Value {
    // Nobody knows what the pods of another manifest need.
    let level = if settings.manifest.is_some() {
        PodSecurity::Baseline
    } else {
        PodSecurity::Restricted
    };
    namespaces::namespace(NAMESPACE, level)
}

/// What is added to objects of the manifest; nothing to one of somebody else's.
#[must_use]
pub fn additions(settings: &Settings) -> Vec<Value> {
    if settings.manifest.is_some() {
        Vec::new()
    } else {
        argo_cd::additions()
    }
}

/// How Argo CD and Image Updater get into the repository. What is secret comes from outside, when it is applied.
#[derive(Clone, Debug)]
pub enum Login {
    /// A user name and a password, or a token in the place of a password.
    Password {
        /// The user's name.
        user: Value,
        /// The password.
        password: Value,
    },
    /// A GitHub App.
    GitHubApp {
        /// Its ID.
        id: Value,
        /// The ID of its installation.
        installation: Value,
        /// Its private key.
        key: Value,
        /// Where the API of a server of GitHub Enterprise is.
        api: Option<String>,
    },
    /// A key for SSH.
    SshKey(Value),
}

/// How Argo CD reads the repository.
#[must_use]
pub fn repository_secret(inputs: &Inputs, login: &Login) -> Value {
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": REPOSITORY_SECRET,
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": {"type": "git", "url": inputs.repository_url},
    });
    let data = &mut secret["stringData"];
    match login {
        Login::Password { user, password } => {
            data["username"] = user.clone();
            data["password"] = password.clone();
        }
        Login::GitHubApp {
            id,
            installation,
            key,
            api,
        } => {
            data["githubAppID"] = id.clone();
            data["githubAppInstallationID"] = installation.clone();
            data["githubAppPrivateKey"] = key.clone();
            if let Some(api) = api {
                data["githubAppEnterpriseBaseUrl"] = api.as_str().into();
            }
        }
        Login::SshKey(key) => data["sshPrivateKey"] = key.clone(),
    }
    secret
}

/// How Image Updater writes to the repository; none for a GitHub App, which it takes from Argo CD.
#[must_use]
pub fn write_secret(login: &Login) -> Option<Value> {
    let data = match login {
        Login::Password { user, password } => json!({"username": user, "password": password}),
        Login::SshKey(key) => json!({"sshPrivateKey": key}),
        Login::GitHubApp { .. } => return None,
    };
    Some(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": WRITE_SECRET, "namespace": NAMESPACE},
        "stringData": data,
    }))
}

/// The root Application, and the projects that it and all others are a part of.
#[must_use]
pub fn root(inputs: &Inputs, components: &[&Component]) -> Vec<Value> {
    let mut objects = application::projects(inputs, components);
    objects.push(application::root(inputs));
    objects
}
