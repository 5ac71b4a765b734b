//! Files on a branch of a repository outside of AWS: what they are, whatever host has the repository.

use std::collections::{BTreeMap, BTreeSet};

use platctl_engine::fields::Fact::{CreateOnly, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Owner, Permissions, Resolved, SpecError, Stage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::branch::{Branch, Text, check_paths, remove, write, written};
use crate::host::{Place, check_place, credential};
use crate::types::Arn;

/// Files on a branch of a repository on GitHub or GitLab. Changes that people make after platctl has written a file
/// are never overwritten: if both sides changed a file, the update stops and names the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The repository, with its owner or group: `acme/platform-gitops`. It must exist, and can be empty.
    pub repository: String,
    /// The name of the branch. If it does not exist, it is created from the default branch.
    pub branch_name: String,
    /// The name or ARN of the secret in Secrets Manager with the credential, as a JSON object: for GitHub with the
    /// `app_id`, the `installation_id` and the `private_key` of a GitHub App, for GitLab with an access token as
    /// `token`. To change the credential, write another value to the secret.
    pub credential: S::In<Arn>,
    /// The URL of a server of your own. Default: the host of the kind, such as `https://github.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The files, by path.
    pub files: S::In<BTreeMap<String, Text>>,
    /// The paths of files that platctl no longer manages and leaves to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<BTreeSet<String>>,
}

pub(crate) const FIELDS: &Table = &[
    ("/repository", &[Immutable, Name]),
    ("/branch_name", &[Immutable, Name]),
    ("/url", &[Immutable]),
    ("/credential", &[Name]),
    ("/keep", &[CreateOnly]),
];

/// Outputs that an update may change.
pub(crate) const VOLATILE: &[&str] = &["commit_id", "credential_version"];

/// The one call to AWS; all others are calls of the host's API.
const SECRET: &[&str] = &["secretsmanager:GetSecretValue"];

pub(crate) const PERMISSIONS: Permissions = Permissions {
    read: SECRET,
    create: SECRET,
    update: SECRET,
    delete: SECRET,
};

/// A kind of files, and the host that has their repository.
pub(crate) trait Hosted {
    /// Where the host is, unless the spec says otherwise.
    const URL: &'static str;
    /// How many parts the name of a repository has, where that is fixed.
    const PARTS: Option<usize>;

    /// A branch, by the host's API.
    type On<'a>: Branch;

    /// The branch at this place.
    fn on(place: Place<'_>) -> Self::On<'_>;
}

/// What there is on a branch.
pub(crate) struct Found {
    pub(crate) spec: Spec,
    pub(crate) commit_id: String,
    pub(crate) credential_version: String,
    pub(crate) owner: Option<Owner>,
}

pub(crate) async fn read<H: Hosted>(cloud: &Cloud, id: &Id) -> CloudResult<Option<Found>> {
    let place = Place::of(cloud, id);
    let Some((commit_id, base)) = written(&H::on(place)).await? else {
        return Ok(None);
    };
    let spec = Spec {
        repository: place.repository.to_owned(),
        branch_name: place.branch.to_owned(),
        credential: place.secret.into(),
        url: Some(place.url.to_owned()),
        files: base.files(),
        keep: None,
    };
    Ok(Some(Found {
        spec,
        commit_id,
        credential_version: credential(cloud, place.secret).await?.version,
        owner: base.owner,
    }))
}

pub(crate) fn example(credential: &str) -> Spec {
    let files = [
        ("README.md", "# What runs\n"),
        ("clusters/prod/root.yaml", "kind: Application\n"),
    ];
    Spec {
        repository: "acme/example-gitops".into(),
        branch_name: "main".into(),
        credential: credential.into(),
        url: None,
        files: files
            .map(|(path, text)| (path.to_owned(), Text(text.to_owned())))
            .into(),
        keep: None,
    }
}

pub(crate) fn variations() -> Vec<(&'static str, Value)> {
    vec![
        ("/files/README.md", json!("# What runs here\n")),
        ("/branch_name", json!("trunk")),
    ]
}

pub(crate) fn check<H: Hosted>(spec: &Spec) -> Result<(), SpecError> {
    let url = spec.url.as_deref();
    check_place(&spec.repository, &spec.branch_name, url, H::PARTS)?;
    check_paths(spec.files.keys())
}

pub(crate) fn id_of<H: Hosted>(spec: &Spec) -> Id {
    let url = spec.url.as_deref().unwrap_or(H::URL);
    Place::id(url, &spec.repository, &spec.credential, &spec.branch_name)
}

pub(crate) async fn create<H: Hosted>(
    cloud: &Cloud,
    spec: &Spec,
    claim: &Claim,
) -> CloudResult<Id> {
    let (id, keep) = (id_of::<H>(spec), spec.keep.clone().unwrap_or_default());
    let owner = Some(&claim.owner);
    write(&H::on(Place::of(cloud, &id)), &spec.files, &keep, owner).await?;
    Ok(id)
}

pub(crate) async fn update<H: Hosted>(
    cloud: &Cloud,
    id: &Id,
    spec: &Spec,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let keep = spec.keep.clone().unwrap_or_default();
    let disowned = changes
        .under(Changes::OWNER)
        .any(|change| change.after.is_none());
    let owner = (!disowned).then_some(owner);
    write(&H::on(Place::of(cloud, id)), &spec.files, &keep, owner).await
}

/// Takes out what platctl wrote and nobody changed; the history keeps it.
pub(crate) async fn delete<H: Hosted>(cloud: &Cloud, id: &Id) -> CloudResult<()> {
    remove(&H::on(Place::of(cloud, id))).await
}
