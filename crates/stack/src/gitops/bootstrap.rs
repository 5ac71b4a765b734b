//! Argo CD in the cluster, and its way into the repository.

use platctl_aws::codecommit::files::Files;
use platctl_aws::codecommit::repository::{self, Repository};
use platctl_aws::iam::service_specific_credential::{
    self as credential, ServiceSpecificCredential,
};
use platctl_aws::iam::user::{self, User};
use platctl_aws::iam::user_policy::UserPolicy;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::secretsmanager::secret::{self, Secret};
use platctl_engine::{Address, Handle};
use platctl_gitops::{Component, Inputs, Settings, bootstrap};
use platctl_kubernetes::{Objects, key_of, secret as from_secret};
use serde_json::{Map, Value, json};

use super::{Base, cluster_name};
use crate::common::{allow, policy, role_name};
use crate::declare::{Checked, Declare};

/// A way into the repository.
pub(super) struct Credential {
    pub(super) secret: Handle<Secret>,
    credential: Handle<ServiceSpecificCredential>,
}

/// What the bootstrap is made from.
pub(super) struct Wish<'a> {
    pub(super) settings: &'a Settings,
    pub(super) inputs: &'a Inputs,
    pub(super) components: &'a [&'static Component],
    pub(super) base: &'a Base<'a>,
    /// By which Argo CD reads the repository.
    pub(super) read: Credential,
    /// By which Image Updater writes to it, where there is one.
    pub(super) write: Option<Credential>,
    pub(super) files: Handle<Files>,
    /// What has to be there before.
    pub(super) after: Vec<Address>,
    /// What gives pods their roles. A pod gets its role when it is made, so this comes before the first one is.
    pub(super) identities: Vec<Address>,
}

/// What a user of the repository may do with it.
pub(super) enum Access {
    /// What Argo CD needs.
    Read,
    /// What Image Updater needs: it commits to the branch that is deployed.
    Write,
}

impl Access {
    const fn address(&self) -> &'static str {
        match self {
            Self::Read => "git",
            Self::Write => "git_write",
        }
    }

    /// The user's name, the secret's name, and what the secret is for.
    const fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Read => (
                "git",
                "gitops-repository",
                "By which Argo CD reads the GitOps repository",
            ),
            Self::Write => (
                "git-write",
                "gitops-repository-write",
                "By which Image Updater writes to the GitOps repository",
            ),
        }
    }

    /// IAM knows branches, and no paths within a repository.
    fn policy(&self, repository: &Value, branch: &str) -> Value {
        match self {
            Self::Read => policy([allow(&["codecommit:GitPull"], repository.clone())]),
            Self::Write => policy([
                allow(
                    &["codecommit:GitPull", "codecommit:GitPush"],
                    repository.clone(),
                ),
                json!({
                    "Effect": "Deny", "Action": "codecommit:GitPush", "Resource": repository,
                    "Condition": {
                        "StringNotEquals": {"codecommit:References": format!("refs/heads/{branch}")},
                        // A push begins with a request that is about no branch yet.
                        "Null": {"codecommit:References": "false"},
                    },
                }),
            ]),
        }
    }
}

/// Lets nobody else read a secret, whatever their own policies say. Nothing where nobody knows who reads it.
fn readers_only(readers: &[String]) -> Option<Value> {
    let statement = json!({
        "Sid": "ReadersOnly", "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue",
        "Resource": "*", "Condition": {"ArnNotEquals": {"aws:PrincipalArn": readers}},
    });
    (!readers.is_empty()).then(|| policy([statement]))
}

/// A user for Git alone: neither Argo CD nor Image Updater can take on a role for it.
pub(super) fn credential(
    access: &Access,
    repository: &Handle<Repository>,
    branch: &str,
    key: &Handle<Key>,
    readers: &[String],
    declare: &mut Declare<'_>,
) -> Checked<Credential> {
    let below = |name: &str| format!("{}.{name}", access.address());
    let (user, secret, purpose) = access.names();
    let user: Handle<User> = declare.make(
        &below("user"),
        json!({"user_name": role_name(user, declare)}),
    )?;
    let user_name = user.json(user::out::USER_NAME);
    let may = access.policy(&repository.json(repository::out::ARN), branch);
    declare.make::<UserPolicy>(
        &below("policy"),
        json!({"user_name": user_name, "policy_name": "platctl", "policy_document": may}),
    )?;
    let secret: Handle<Secret> = declare.make(
        &below("secret"),
        json!({
            "name": declare.name(secret),
            "description": purpose,
            "kms_key_id": key.json(key::out::ARN),
            "resource_policy": readers_only(readers),
            // A new one is made at any time.
            "recovery_window_in_days": 0,
        }),
    )?;
    let credential = declare.make(
        &below("credential"),
        json!({
            "user_name": user_name,
            "service_name": "codecommit.amazonaws.com",
            "secret_id": secret.json(secret::out::ARN),
        }),
    )?;
    Ok(Credential { secret, credential })
}

impl Credential {
    /// What a Secret of the cluster takes from it.
    fn field(&self, field: &str) -> Value {
        let arn = self.credential.json(credential::out::SECRET_ID);
        from_secret(
            &arn,
            field,
            &self.credential.json(credential::out::CREDENTIAL_ID),
        )
    }
}

/// Objects by their keys, as a set takes them.
fn keyed(objects: impl IntoIterator<Item = Value>) -> Map<String, Value> {
    objects
        .into_iter()
        .filter_map(|object| Some((key_of(&object)?, object)))
        .collect()
}

/// Argo CD, and then what it is to follow.
pub(super) fn declare(wish: &Wish<'_>, declare: &mut Declare<'_>) -> Checked<()> {
    let (user, password) = ("ServiceUserName", "ServicePassword");
    let read = &wish.read;
    let repository =
        bootstrap::repository_secret(wish.inputs, &read.field(user), &read.field(password));
    let write = wish.write.as_ref();
    let write =
        write.map(|write| bootstrap::write_secret(&write.field(user), &write.field(password)));
    let (url, sha256) = bootstrap::argo_cd(wish.settings);
    let after: Vec<&Address> = wish.after.iter().collect();
    let argo: Handle<Objects> = declare.make_after(
        "argo_cd",
        json!({
            "cluster_name": cluster_name(wish.base.cluster),
            "name": "argo-cd",
            "manifest": {"url": url, "sha256": sha256, "namespace": bootstrap::NAMESPACE},
            "objects": keyed(
                [bootstrap::namespace(wish.settings), repository]
                    .into_iter()
                    .chain(write)
                    .chain(bootstrap::additions(wish.settings)),
            ),
        }),
        &after,
    )?;
    let mut after = after;
    after.extend([argo.address(), wish.files.address()]);
    after.extend(&wish.identities);
    declare.make_after::<Objects>(
        "root",
        json!({
            "cluster_name": cluster_name(wish.base.cluster),
            "name": "root",
            "objects": keyed(bootstrap::root(wish.inputs, wish.components)),
        }),
        &after,
    )?;
    Ok(())
}
