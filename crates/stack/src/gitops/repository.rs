//! The GitOps repository: what platctl writes into it, and how the cluster gets in.

use std::collections::BTreeMap;

use platctl_aws::branch::Text;
use platctl_aws::codecommit::files::{self, Files};
use platctl_aws::codecommit::repository::{self, Repository};
use platctl_aws::github::deploy_key::{self, DeployKey};
use platctl_aws::iam::service_specific_credential::{
    self as credential, ServiceSpecificCredential,
};
use platctl_aws::iam::user::{self, User};
use platctl_aws::iam::user_policy::{self, UserPolicy};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::secretsmanager::secret::{self, Secret};
use platctl_aws::types::Arn;
use platctl_aws::{Policy, github, gitlab};
use platctl_engine::{Address, Declared, Handle, Input};
use platctl_gitops::{Settings, bootstrap};
use platctl_kubernetes::secret as from_secret;
use serde_json::{Value, json};

use super::Base;
use crate::common::{allow, policy, role_name, secret_arn};
use crate::declare::{Checked, Declare};
use crate::delivery::{Follows, Host, Remote};

/// The files as they are written.
pub(super) struct Written {
    pub(super) address: Address,
    /// Which value of the user's credential is in use, where there is one.
    version: Option<Value>,
}

/// How Argo CD and Image Updater log in, and the secrets that this is read from: their ARNs, or patterns for them.
pub(super) struct Login {
    pub(super) read: bootstrap::Login,
    /// How Image Updater writes, where it does not do so as a GitHub App.
    pub(super) write: Option<bootstrap::Login>,
    pub(super) secrets: Vec<Value>,
    /// The deploy keys that it is made of.
    keys: Vec<Address>,
}

/// What credentials for the repository are made with.
pub(super) struct Way<'a> {
    pub(super) key: &'a Handle<Key>,
    /// The branch that is deployed.
    pub(super) branch: &'a str,
    /// Who may read the secrets.
    pub(super) readers: &'a [String],
    /// Whether Image Updater is there to write.
    pub(super) writes: bool,
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
    matches!(repository, Follows::Remote(remote) if remote.host == Host::GitHub && !remote.by_keys)
}

/// Writes the files where the code is. They say where the cluster finds the repository, so the keys to that place come
/// first: whoever cannot make them leaves the cluster as it is.
pub(super) fn files(
    files: Input<BTreeMap<String, Text>>,
    settings: &Settings,
    base: &Base<'_>,
    keys: Option<&Login>,
    declare: &mut Declare<'_>,
) -> Checked<Written> {
    let branch = settings.branch.as_deref().unwrap_or("main");
    let branch_name = branch.to_owned();
    let keep = Some(settings.keep.iter().cloned().collect());
    let remote = match base.repository {
        Follows::CodeCommit(own) => {
            let spec = files::Spec {
                repository_name: own.get(repository::out::REPOSITORY_NAME),
                branch_name,
                files,
                keep,
            };
            let files: Handle<Files> = declare.add("files", &spec)?;
            return Ok(Written {
                address: files.address().clone(),
                version: None,
            });
        }
        Follows::Remote(remote) => remote,
    };
    let spec = github::files::Spec {
        repository: remote.name.clone(),
        branch_name,
        credential: Arn(remote.credential.clone()).into(),
        url: Some(remote.url.clone()),
        files,
        keep,
    };
    let after: Vec<&Address> = keys.into_iter().flat_map(|login| &login.keys).collect();
    let (address, version) = match remote.host {
        Host::GitHub => {
            let files: Handle<github::files::Files> = declare.add_after("files", &spec, &after)?;
            let version = files.json(github::files::out::CREDENTIAL_VERSION);
            (files.address().clone(), version)
        }
        Host::GitLab => {
            let files: Handle<gitlab::files::Files> = declare.add("files", &spec)?;
            let version = files.json(gitlab::files::out::CREDENTIAL_VERSION);
            (files.address().clone(), version)
        }
    };
    Ok(Written {
        address,
        version: Some(version),
    })
}

/// The way in by deploy keys, where the stack file asks for them.
pub(super) fn keys(
    repository: &Follows,
    way: &Way<'_>,
    bootstrap: bool,
    declare: &mut Declare<'_>,
) -> Checked<Option<Login>> {
    match repository {
        Follows::Remote(remote) if bootstrap && remote.by_keys => {
            by_deploy_keys(remote, way, declare).map(Some)
        }
        _ => Ok(None),
    }
}

/// The way in: by these keys, with the user's own credential, or with one for CodeCommit.
pub(super) fn login(
    keys: Option<Login>,
    files: &Written,
    repository: &Follows,
    way: &Way<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Login> {
    if let Some(login) = keys {
        return Ok(login);
    }
    match repository {
        Follows::CodeCommit(own) => by_users(own, way, declare),
        Follows::Remote(remote) => {
            let read = by_credential(remote, files.version.as_ref());
            let write = match &read {
                bootstrap::Login::Password { .. } if way.writes => Some(read.clone()),
                _ => None,
            };
            Ok(Login {
                read,
                write,
                secrets: vec![secret_arn(&remote.credential, declare).into()],
                keys: Vec::new(),
            })
        }
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

/// What a user of the repository may do with it.
enum Access {
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

    const fn who(&self) -> &'static str {
        match self {
            Self::Read => "Argo CD",
            Self::Write => "Image Updater",
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

/// Users for Git alone: neither Argo CD nor Image Updater can take on a role for it.
fn by_users(
    repository: &Handle<Repository>,
    way: &Way<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Login> {
    let read = credential(&Access::Read, repository, way, declare)?;
    let write = way
        .writes
        .then(|| credential(&Access::Write, repository, way, declare))
        .transpose()?;
    let secrets = std::iter::once(&read).chain(&write);
    Ok(Login {
        secrets: secrets
            .map(|one| one.secret.json(secret::out::ARN))
            .collect(),
        read: read.login(),
        write: write.map(|write| write.login()),
        keys: Vec::new(),
    })
}

/// Keys for this repository alone: the key of the App, which may do more, stays outside of the cluster.
fn by_deploy_keys(remote: &Remote, way: &Way<'_>, declare: &mut Declare<'_>) -> Checked<Login> {
    let read = deploy_key(&Access::Read, remote, way, declare)?;
    let mut login = Login {
        read: read.login,
        write: None,
        secrets: vec![read.secret],
        keys: vec![read.address],
    };
    if way.writes {
        let write = deploy_key(&Access::Write, remote, way, declare)?;
        login.write = Some(write.login);
        login.secrets.push(write.secret);
        login.keys.push(write.address);
    }
    Ok(login)
}

/// A deploy key.
struct OneKey {
    address: Address,
    login: bootstrap::Login,
    /// The ARN of the secret that it is in.
    secret: Value,
}

fn deploy_key(
    access: &Access,
    remote: &Remote,
    way: &Way<'_>,
    declare: &mut Declare<'_>,
) -> Checked<OneKey> {
    let below = |name: &str| format!("{}.{name}", access.address());
    let (_, name, purpose) = access.names();
    let secret = secret(&below("secret"), (name, purpose), way, declare)?;
    let spec = deploy_key::Spec::<Declared> {
        repository: remote.name.clone(),
        title: format!("{} {}", declare.stack(), access.who()),
        read_only: matches!(access, Access::Read),
        credential: Arn::from(remote.credential.as_str()).into(),
        secret_id: secret.get(secret::out::ARN),
    };
    let key: Handle<DeployKey> = declare.add(&below("key"), &spec)?;
    let private = from_secret(
        &key.json(deploy_key::out::SECRET_ID),
        "sshPrivateKey",
        &key.json(deploy_key::out::VERSION),
    );
    Ok(OneKey {
        address: key.address().clone(),
        login: bootstrap::Login::SshKey(private),
        secret: secret.json(secret::out::ARN),
    })
}

/// A way into a repository of CodeCommit.
struct Credential {
    secret: Handle<Secret>,
    credential: Handle<ServiceSpecificCredential>,
}

impl Credential {
    fn login(&self) -> bootstrap::Login {
        bootstrap::Login::Password {
            user: self.field("ServiceUserName"),
            password: self.field("ServicePassword"),
        }
    }

    /// What a Secret of the cluster takes from it.
    fn field(&self, field: &str) -> Value {
        let arn = self.credential.json(credential::out::SECRET_ID);
        let version = self.credential.json(credential::out::CREDENTIAL_ID);
        from_secret(&arn, field, &version)
    }
}

/// A secret for a credential: its name, and what it is for.
fn secret(
    address: &str,
    (name, purpose): (&str, &str),
    way: &Way<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Secret>> {
    let readers = readers_only(way.readers);
    let spec = secret::Spec::<Declared> {
        name: declare.name(name),
        description: Some(purpose.to_owned()),
        kms_key_id: Some(way.key.get(key::out::ARN)),
        generate: None,
        resource_policy: readers.map(Policy::declared),
        // A new one is made at any time.
        recovery_window_in_days: 0,
        tags: declare.tags(address),
    };
    declare.add(address, &spec)
}

fn credential(
    access: &Access,
    repository: &Handle<Repository>,
    way: &Way<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Credential> {
    let below = |name: &str| format!("{}.{name}", access.address());
    let (user, secret, purpose) = access.names();
    let address = below("user");
    let spec = user::Spec {
        user_name: role_name(user, declare),
        path: None,
        tags: declare.tags(&address),
    };
    let user: Handle<User> = declare.add(&address, &spec)?;
    let may = access.policy(&repository.json(repository::out::ARN), way.branch);
    let spec = user_policy::Spec {
        user_name: user.get(user::out::USER_NAME),
        policy_name: "platctl".to_owned(),
        policy_document: Policy::declared(may),
    };
    declare.add::<UserPolicy>(&below("policy"), &spec)?;
    let secret = self::secret(&below("secret"), (secret, purpose), way, declare)?;
    let spec = credential::Spec::<Declared> {
        user_name: user.get(user::out::USER_NAME),
        service_name: "codecommit.amazonaws.com".to_owned(),
        secret_id: secret.get(secret::out::ARN),
    };
    let credential: Handle<ServiceSpecificCredential> = declare.add(&below("credential"), &spec)?;
    Ok(Credential { secret, credential })
}
