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
use platctl_gitops::{Inputs, Settings, bootstrap};
use platctl_kubernetes::{Objects, key_of, secret as from_secret};
use serde_json::{Map, Value, json};

use super::{Base, cluster_name};
use crate::common::{allow, policy, role_name};
use crate::declare::{Checked, Declare};

/// How Argo CD gets into the repository.
pub(super) struct Credential {
    pub(super) secret: Handle<Secret>,
    credential: Handle<ServiceSpecificCredential>,
}

/// What the bootstrap is made from.
pub(super) struct Wish<'a> {
    pub(super) settings: &'a Settings,
    pub(super) inputs: &'a Inputs,
    pub(super) base: &'a Base<'a>,
    pub(super) credential: Credential,
    pub(super) files: Handle<Files>,
    /// What has to be there before.
    pub(super) after: Vec<Address>,
    /// What gives pods their roles. A pod gets its role when it is made, so this comes before the first one is.
    pub(super) identities: Vec<Address>,
}

/// A user for Git alone: Argo CD cannot take on a role for it.
pub(super) fn credential(
    repository: &Handle<Repository>,
    key: &Handle<Key>,
    declare: &mut Declare<'_>,
) -> Checked<Credential> {
    let user: Handle<User> =
        declare.make("git.user", json!({"user_name": role_name("git", declare)}))?;
    let user_name = user.json(user::out::USER_NAME);
    let arn = repository.json(repository::out::ARN);
    let may = policy([allow(&["codecommit:GitPull", "codecommit:GitPush"], arn)]);
    declare.make::<UserPolicy>(
        "git.policy",
        json!({"user_name": user_name, "policy_name": "platctl", "policy_document": may}),
    )?;
    let secret: Handle<Secret> = declare.make(
        "git.secret",
        json!({
            "name": declare.name("gitops-repository"),
            "description": "By which Argo CD reads and writes the GitOps repository",
            "kms_key_id": key.json(key::out::ARN),
            // A new one is made at any time.
            "recovery_window_in_days": 0,
        }),
    )?;
    let credential = declare.make(
        "git.credential",
        json!({
            "user_name": user_name,
            "service_name": "codecommit.amazonaws.com",
            "secret_id": secret.json(secret::out::ARN),
        }),
    )?;
    Ok(Credential { secret, credential })
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
    let Credential { credential, .. } = &wish.credential;
    let secret = |field: &str| {
        let arn = credential.json(credential::out::SECRET_ID);
        from_secret(
            &arn,
            field,
            &credential.json(credential::out::CREDENTIAL_ID),
        )
    };
    let repository = bootstrap::repository_secret(
        wish.inputs,
        &secret("ServiceUserName"),
        &secret("ServicePassword"),
    );
    let (url, sha256) = bootstrap::argo_cd(wish.settings);
    let after: Vec<&Address> = wish.after.iter().collect();
    let argo: Handle<Objects> = declare.make_after(
        "argo_cd",
        json!({
            "cluster_name": cluster_name(wish.base.cluster),
            "name": "argo-cd",
            "manifest": {"url": url, "sha256": sha256, "namespace": bootstrap::NAMESPACE},
            "objects": keyed(
                [bootstrap::namespace(wish.settings), repository].into_iter().chain(bootstrap::additions(wish.settings)),
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
            "objects": keyed(bootstrap::root(wish.inputs)),
        }),
        &after,
    )?;
    Ok(())
}
