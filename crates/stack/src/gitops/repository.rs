//! The GitOps repository: what platctl writes into it, and how the cluster gets in.

use platctl_aws::codecommit::files::Files;
use platctl_aws::codecommit::repository::{self, Repository};
use platctl_aws::iam::service_specific_credential::{
    self as credential, ServiceSpecificCredential,
};
use platctl_aws::iam::user::{self, User};
use platctl_aws::iam::user_policy::UserPolicy;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::secretsmanager::secret::{self, Secret};
use platctl_aws::{github, gitlab};
use platctl_engine::{Address, Handle};
use platctl_gitops::{Settings, bootstrap};
use platctl_kubernetes::secret as from_secret;
use serde_json::{Map, Value, json};

use super::Base;
use crate::common::{allow, policy, role_name};
use crate::declare::{Checked, Declare};
use crate::delivery::{Follows, Host, Remote};

/// The files as they are written.
pub(super) struct Written {
    pub(super) address: Address,
    /// Which value of the user's credential is in use, where there is one.
    version: Option<Value>,
}

/// How Argo CD logs in, and the secret that this is read from: its ARN, or a pattern for it.
pub(super) struct Login {
    pub(super) login: bootstrap::Login,
    pub(super) secret: Value,
}

/// Where the repository is cloned from.
pub(super) fn url(repository: &Follows) -> Value {
    match repository {
        Follows::CodeCommit(own) => own.json(repository::out::CLONE_URL_HTTP),
        Follows::Remote(remote) => remote.clone_url().into(),
    }
}

/// Whether a GitHub App reads and writes it.
pub(super) fn by_github_app(repository: &Follows) -> bool {
    matches!(repository, Follows::Remote(remote) if remote.host == Host::GitHub)
}

/// Writes the files where the code is.
pub(super) fn files(
    files: Map<String, Value>,
    settings: &Settings,
    base: &Base<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Written> {
    let branch = settings.branch.as_deref().unwrap_or("main");
    let mut spec = json!({"branch_name": branch, "files": files, "keep": settings.keep});
    let remote = match base.repository {
        Follows::CodeCommit(own) => {
            spec["repository_name"] = own.json(repository::out::REPOSITORY_NAME);
            let files: Handle<Files> = declare.make("files", spec)?;
            return Ok(Written {
                address: files.address().clone(),
                version: None,
            });
        }
        Follows::Remote(remote) => remote,
    };
    spec["repository"] = remote.name.as_str().into();
    spec["credential"] = remote.credential.as_str().into();
    spec["url"] = remote.url.as_str().into();
    let (address, version) = match remote.host {
        Host::GitHub => {
            let files: Handle<github::files::Files> = declare.make("files", spec)?;
            let version = files.json(github::files::out::CREDENTIAL_VERSION);
            (files.address().clone(), version)
        }
        Host::GitLab => {
            let files: Handle<gitlab::files::Files> = declare.make("files", spec)?;
            let version = files.json(gitlab::files::out::CREDENTIAL_VERSION);
            (files.address().clone(), version)
        }
    };
    Ok(Written {
        address,
        version: Some(version),
    })
}

/// The way in: with the user's own credential, or with one for CodeCommit.
pub(super) fn login(
    files: &Written,
    repository: &Follows,
    key: &Handle<Key>,
    declare: &mut Declare<'_>,
) -> Checked<Login> {
    match repository {
        Follows::CodeCommit(own) => by_user(own, key, declare),
        Follows::Remote(remote) => Ok(Login {
            login: by_credential(remote, files.version.as_ref()),
            secret: remote.secret_arn(declare).into(),
        }),
    }
}

/// The keys of the secret are those that `github.Files` and `gitlab.Files` read.
fn by_credential(remote: &Remote, version: Option<&Value>) -> bootstrap::Login {
    let (secret, none) = (json!(remote.credential), Value::Null);
    let field = |key: &str| from_secret(&secret, key, version.unwrap_or(&none));
    match remote.host {
        Host::GitHub => bootstrap::Login::GitHubApp {
            id: field("app_id"),
            installation: field("installation_id"),
            key: field("private_key"),
            // GitHub's own API is what Argo CD knows by itself.
            api: (remote.url != "https://github.com").then(|| format!("{}/api/v3", remote.url)),
        },
        Host::GitLab => bootstrap::Login::Password {
            // GitLab takes any name with a token.
            user: "platctl".into(),
            password: field("token"),
        },
    }
}

/// A user for Git alone: Argo CD cannot take on a role for it.
fn by_user(
    repository: &Handle<Repository>,
    key: &Handle<Key>,
    declare: &mut Declare<'_>,
) -> Checked<Login> {
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
    let made: Handle<ServiceSpecificCredential> = declare.make(
        "git.credential",
        json!({
            "user_name": user_name,
            "service_name": "codecommit.amazonaws.com",
            "secret_id": secret.json(secret::out::ARN),
        }),
    )?;
    let arn = made.json(credential::out::SECRET_ID);
    let version = made.json(credential::out::CREDENTIAL_ID);
    Ok(Login {
        login: bootstrap::Login::Password {
            user: from_secret(&arn, "ServiceUserName", &version),
            password: from_secret(&arn, "ServicePassword", &version),
        },
        secret: secret.json(secret::out::ARN),
    })
}
