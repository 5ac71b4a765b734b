//! `github.DeployKey`: a key for SSH, with which one repository is read or written, and nothing else.

use std::collections::HashMap;

use http::Method;
use platctl_engine::fields::Fact::{Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::OnGitHub;
use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};
use crate::host::{Place, check_place};
use crate::ssh;
use crate::types::Arn;

/// A deploy key of a repository on GitHub. platctl generates the key pair, and writes the private key directly to a
/// secret: it is neither shown nor stored elsewhere.
#[derive(Debug)]
pub struct DeployKey;

/// A deploy key of a repository on GitHub. platctl generates the key pair, and writes the private key directly to a
/// secret: it is neither shown nor stored elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The repository, with its owner: `acme/platform-gitops`. It must exist. Cannot be changed.
    pub repository: String,
    /// The title that GitHub shows. Cannot be changed.
    pub title: String,
    /// Whether the key can only read. Default: `true`. Cannot be changed.
    #[serde(default = "yes")]
    pub read_only: bool,
    /// The name or ARN of the secret in Secrets Manager with the `app_id`, the `installation_id` and the
    /// `private_key` of a GitHub App that can administer the repository. Cannot be changed.
    pub credential: S::In<Arn>,
    /// The ARN of the secret that receives the private key, as a JSON object with `sshPrivateKey`. Cannot be changed.
    pub secret_id: S::In<Arn>,
}

const fn yes() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the deploy key that other resources can reference.
    DeployKey {
        /// The ID of the deploy key.
        KEY_ID: key_id: String,
        /// The ARN of the secret that contains the private key.
        SECRET_ID: secret_id: Arn,
        /// The version of the secret that contains the private key. A new key has a new version.
        VERSION: version: String,
    }
}

const GITHUB: &str = "https://github.com";
/// How many keys GitHub lists at once.
const PAGE: usize = 100;

fn id_of(spec: &Spec) -> Id {
    Id::from(format!(
        "{}|{}|{}|{}",
        spec.repository, spec.title, spec.secret_id, spec.credential
    ))
}

/// The repository, the title, the secret, and the credential.
fn parts(id: &Id) -> (&str, &str, &str, &str) {
    let mut parts = id.as_str().splitn(4, '|');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next(), next())
}

/// The repository, for whoever administers it.
fn at<'a>(cloud: &'a Cloud, repository: &'a str, secret: &'a str) -> OnGitHub<'a> {
    OnGitHub::administer(Place {
        cloud,
        url: GITHUB,
        repository,
        secret,
        branch: "",
    })
}

/// The secret's version that holds the private half of a key: what says, without a look at it, that it does. It is
/// written before GitHub has the public half, so that a key at GitHub whose private half is lost is none of ours.
fn version(public: &str) -> String {
    format!("platctl-deploy-key-{}", ssh::digest(public))
}

/// A key as GitHub lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    key: String,
    title: String,
    read_only: bool,
}

async fn list(on: &OnGitHub<'_>) -> CloudResult<Vec<Listed>> {
    let operation = "github:ListDeployKeys";
    let mut all: Vec<Listed> = Vec::new();
    for page in 1.. {
        let path = format!("/keys?per_page={PAGE}&page={page}");
        let answer = on.read(operation, &path).await?;
        let some: Vec<Listed> = serde_json::from_value(answer.json()).map_err(|error| {
            let message = format!("cannot parse the response: {error}");
            CloudError::new(Class::Interrupted, operation, message)
        })?;
        let last = some.len() < PAGE;
        all.extend(some);
        if last {
            break;
        }
    }
    Ok(all)
}

/// The versions of a secret that have a stage, with their stages.
async fn versions(cloud: &Cloud, secret: &str) -> CloudResult<HashMap<String, Vec<String>>> {
    let call = cloud.secretsmanager.describe_secret().secret_id(secret);
    let answer = if_there(call.send().await.asked())?;
    Ok(answer
        .and_then(|answer| answer.version_ids_to_stages)
        .unwrap_or_default())
}

/// Only a key whose private half is what the secret contains now is of use to anybody.
async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DeployKey>>> {
    let (repository, _, secret, credential) = parts(id);
    let versions = versions(cloud, secret).await?;
    if versions.is_empty() {
        return Ok(None);
    }
    let is_current = |listed: &Listed| {
        let stages = versions.get(&version(&listed.key));
        stages.is_some_and(|stages| stages.iter().any(|stage| stage == "AWSCURRENT"))
    };
    let mut keys = list(&at(cloud, repository, credential)).await?.into_iter();
    Ok(keys.find(is_current).map(|found| Live {
        id: id.clone(),
        outputs: Outputs {
            key_id: found.id.to_string(),
            secret_id: secret.into(),
            version: version(&found.key),
        },
        spec: Spec {
            repository: repository.to_owned(),
            title: found.title,
            read_only: found.read_only,
            credential: credential.into(),
            secret_id: secret.into(),
        },
        owner: None,
        phase: Phase::Ready,
    }))
}

impl Kind for DeployKey {
    const NAME: &'static str = "github.DeployKey";
    const FIELDS: &'static Table = &[
        ("/repository", &[Immutable]),
        ("/title", &[Immutable]),
        ("/read_only", &[Immutable]),
        ("/credential", &[Immutable]),
        // Without the secret, nobody knows any more which key is ours.
        ("/secret_id", &[Immutable, Holds, Home]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
        ],
        create: &[
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
        ],
        update: &[],
        delete: &["secretsmanager:GetSecretValue"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            repository: "acme/example-gitops".into(),
            title: "Argo CD".into(),
            read_only: true,
            credential: "example/github-app".into(),
            secret_id: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example".into(),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/read_only", json!(false)),
            ("/title", json!("Image Updater")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_place(&spec.repository, "main", None, Some(2))?;
        if spec.title.trim().is_empty() || spec.title.contains(['|', '\n']) {
            let why = "must not be empty, and must not contain `|` or a line break";
            return Err(SpecError::new("/title", why));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let operation = "github:CreateDeployKey";
        let Some(pair) = ssh::ed25519(&spec.title) else {
            let message = "this machine has no source of random numbers for a key";
            return Err(CloudError::new(Class::Invalid, operation, message));
        };
        let call = cloud
            .secretsmanager
            .put_secret_value()
            .secret_id(spec.secret_id.as_str())
            .client_request_token(version(&pair.public))
            .secret_string(json!({"sshPrivateKey": pair.private}).to_string());
        call.send().ask().await?;
        let body = json!({"title": spec.title, "key": pair.public, "read_only": spec.read_only});
        let on = at(cloud, &spec.repository, spec.credential.as_str());
        on.send(operation, Method::POST, "/keys", body).await?;
        Ok(id_of(spec))
    }

    /// Never called: no field of it can change.
    async fn update(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (repository, _, _, credential) = parts(&live.id);
        let on = at(cloud, repository, credential);
        let path = format!("/keys/{}", live.outputs.key_id);
        if_there(on.remove("github:DeleteDeployKey", &path).await).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;
    use crate::cloud::tests::{claim, cloud};
    use crate::github::app::tests::app;
    use crate::web::tests::{Line, script};

    const TOKEN: &str = "POST https://api.github.com/app/installations/34/access_tokens";
    const CREATE: &str = "POST https://api.github.com/repos/acme/example-gitops/keys";
    const LIST: &str =
        "GET https://api.github.com/repos/acme/example-gitops/keys?per_page=100&page=1";

    fn token() -> Line {
        (TOKEN, 201, json!({"token": "ghs_1"}))
    }

    /// The private half goes into the secret first, and nowhere else.
    #[tokio::test]
    async fn the_private_key_goes_into_the_secret_and_nowhere_else() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&kept);
        let put = mock!(aws_sdk_secretsmanager::Client::put_secret_value)
            .match_requests(move |request| {
                let of = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let token = of(request.client_request_token());
                let sound = (32..=64).contains(&token.len());
                let mut seen = seen.lock().unwrap();
                seen.push((token, of(request.secret_string())));
                sound
            })
            .then_output(|| PutSecretValueOutput::builder().build());
        let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_output(|| {
            GetSecretValueOutput::builder()
                .secret_string(app().to_string())
                .version_id("v1")
                .build()
        });
        let (hosts, asked) = script(vec![token(), (CREATE, 201, json!({"id": 7}))]);
        let cloud = Cloud {
            secretsmanager: mock_client!(
                aws_sdk_secretsmanager,
                RuleMode::Sequential,
                &[&put, &get]
            )
            .into(),
            hosts,
            ..cloud()
        };
        DeployKey::create(&cloud, &DeployKey::example(), &claim())
            .await
            .unwrap();
        let (token, text) = kept.lock().unwrap()[0].clone();
        let secret: Value = serde_json::from_str(&text).unwrap();
        let private = secret["sshPrivateKey"].as_str().unwrap();
        assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let asked = asked.lock().unwrap();
        assert_eq!(
            asked[0].body["permissions"],
            json!({"administration": "write"})
        );
        let sent = &asked[1].body;
        assert_eq!(sent["read_only"], true);
        assert_eq!(token, version(sent["key"].as_str().unwrap()));
        assert!(!sent.to_string().contains("PRIVATE"));
    }

    /// Of two keys with one title, ours is the one whose private half the secret contains.
    #[tokio::test]
    async fn a_key_of_somebody_else_is_not_ours_because_of_its_title() {
        let (theirs, ours) = ("ssh-ed25519 AAAA", "ssh-ed25519 BBBB");
        let listed = |id: u64, key: &str| json!({"id": id, "key": key, "title": "Argo CD", "read_only": true});
        for (stage, found) in [("AWSCURRENT", Some("8")), ("AWSPREVIOUS", None)] {
            let describe =
                mock!(aws_sdk_secretsmanager::Client::describe_secret).then_output(move || {
                    DescribeSecretOutput::builder()
                        .version_ids_to_stages(version(ours), vec![stage.into()])
                        .build()
                });
            let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_output(|| {
                GetSecretValueOutput::builder()
                    .secret_string(app().to_string())
                    .build()
            });
            let keys = json!([listed(7, theirs), listed(8, ours)]);
            let (hosts, _) = script(vec![token(), (LIST, 200, keys)]);
            let cloud = Cloud {
                secretsmanager: mock_client!(
                    aws_sdk_secretsmanager,
                    RuleMode::Sequential,
                    &[&describe, &get]
                )
                .into(),
                hosts,
                ..cloud()
            };
            let live = read(&cloud, &id_of(&DeployKey::example())).await.unwrap();
            let id = live.map(|live| live.outputs.key_id);
            assert_eq!(id.as_deref(), found);
        }
    }
}
