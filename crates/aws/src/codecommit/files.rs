//! `codecommit.Files`: files that platctl writes into a repository in which people work as well.

use std::collections::{BTreeMap, BTreeSet};

use platctl_engine::fields::Fact::{CreateOnly, Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::commits::{AT_ONCE, Branch, branch_off, commit, content, tip};
use crate::Cloud;
use crate::branch::{Edit, Text, check_paths, remove, write, written};

/// Files on a branch of a CodeCommit repository. Changes that people make after platctl has written a file
/// are never overwritten: if both sides changed a file, the update stops and names the file.
#[derive(Debug)]
pub struct Files;

/// Files on a branch of a CodeCommit repository. Changes that people make after platctl has written a file
/// are never overwritten: if both sides changed a file, the update stops and names the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the repository.
    pub repository_name: S::In<String>,
    /// The name of the branch. In an empty repository, the first commit creates it.
    pub branch_name: String,
    /// The files, by path.
    pub files: S::In<BTreeMap<String, Text>>,
    /// The paths of files that platctl no longer manages and leaves to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<BTreeSet<String>>,
}

platctl_engine::outputs! {
    /// Attributes of the files that other resources can reference.
    Files {
        /// The ID of the latest commit on the branch.
        COMMIT_ID: commit_id: String,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.repository_name, spec.branch_name))
}

fn place<'a>(cloud: &'a Cloud, id: &'a Id) -> Branch<'a> {
    let (repository, branch) = id.as_str().split_once('|').unwrap_or((id.as_str(), "main"));
    Branch {
        cloud,
        repository,
        name: branch,
    }
}

impl crate::branch::Branch for Branch<'_> {
    const COMMIT: &'static str = "codecommit:CreateCommit";
    const AT_ONCE: usize = AT_ONCE;

    fn place(&self) -> String {
        format!("branch {} of {}", self.name, self.repository)
    }

    async fn tip(&self) -> CloudResult<Option<String>> {
        tip(self.cloud, *self).await
    }

    async fn start(&self, _first: &str) -> CloudResult<Option<String>> {
        branch_off(self.cloud, *self).await
    }

    async fn content(&self, commit: &str, path: &str) -> CloudResult<Option<String>> {
        content(self.cloud, *self, commit, path).await
    }

    async fn commit(
        &self,
        parent: Option<String>,
        edits: &[Edit],
        message: &str,
    ) -> CloudResult<Option<String>> {
        commit(self.cloud, *self, parent, edits, message).await
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Files>>> {
    let at = place(cloud, id);
    let Some((tip, base)) = written(&at).await? else {
        return Ok(None);
    };
    let spec = Spec {
        repository_name: at.repository.to_owned(),
        branch_name: at.name.to_owned(),
        files: base.files(),
        keep: None,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs: Outputs { commit_id: tip },
        owner: None,
        phase: Phase::Ready,
    }))
}

impl Kind for Files {
    const NAME: &'static str = "codecommit.Files";
    const FIELDS: &'static Table = &[
        ("/repository_name", &[Immutable, Holds, Home]),
        ("/branch_name", &[Immutable]),
        ("/keep", &[CreateOnly]),
    ];
    // Both are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const VOLATILE: &'static [&'static str] = &["commit_id"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["codecommit:GetBranch", "codecommit:GetFile"],
        create: &[
            "codecommit:CreateCommit",
            "codecommit:GetRepository",
            "codecommit:CreateBranch",
        ],
        update: &["codecommit:CreateCommit"],
        delete: &["codecommit:CreateCommit"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let files = [
            ("README.md", "# What runs\n"),
            ("clusters/prod/root.yaml", "kind: Application\n"),
        ];
        Spec {
            repository_name: "example-manifests".into(),
            branch_name: "main".into(),
            files: files
                .map(|(path, text)| (path.to_owned(), Text(text.to_owned())))
                .into(),
            keep: None,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/files/README.md", json!("# What runs here\n")),
            (
                "/files/services",
                json!([{"kind": "Rollout"}, {"kind": "Service"}]),
            ),
            ("/branch_name", json!("trunk")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_paths(spec.files.keys())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let id = id_of(spec);
        let keep = spec.keep.clone().unwrap_or_default();
        write(&place(cloud, &id), &spec.files, &keep, None).await?;
        Ok(id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let keep = spec.keep.clone().unwrap_or_default();
        write(&place(cloud, &live.id), &spec.files, &keep, None).await
    }

    /// Takes out what platctl wrote and nobody changed; the history keeps it.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        remove(&place(cloud, &live.id)).await
    }
}
