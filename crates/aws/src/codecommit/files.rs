//! `codecommit.Files`: files that platctl writes into a repository in which people work as well.

use std::collections::{BTreeMap, BTreeSet};

use platctl_engine::fields::Fact::{CreateOnly, Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::commits::{Branch, Edit, branch_off, commit, content, tip};
use crate::Cloud;
use crate::bounded::try_join_all;

/// Files on a branch of a CodeCommit repository. Changes that people make after platctl has written a file
/// are never overwritten: if both sides changed a file, the update stops and names the file.
#[derive(Debug)]
pub struct Files;

/// The content of a file. In a stack file, it can also be written as YAML documents, whose values can
/// reference other resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Text(#[schemars(with = "Value")] String);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Array(documents) => {
                let written: Result<Vec<String>, _> =
                    documents.iter().map(serde_yaml::to_string).collect();
                let written = written.map_err(D::Error::custom)?;
                Ok(Self(written.join("---\n")))
            }
            _ => Err(D::Error::custom(
                "a file must be a string, or a list of YAML documents",
            )),
        }
    }
}

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

/// Where platctl keeps what it wrote last: the common ancestor of its version and of people's.
const BASE: &str = ".platctl/files.json";

/// Why nothing is written to a file, or what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is as it should be, or people's own change of a file that platctl has nothing new for.
    Leave,
    /// It is written.
    Write,
    /// It is removed: platctl wrote it, and nobody changed it.
    Remove,
    /// Both changed it.
    Conflict,
}

/// Compares what is wanted, what platctl wrote last, and what is there.
fn judge(wanted: Option<&str>, base: Option<&str>, there: Option<&str>) -> Verdict {
    match (wanted, base, there) {
        (wanted, _, there) if wanted == there => Verdict::Leave,
        (wanted, base, _) if wanted == base => Verdict::Leave,
        (Some(_), _, None) => Verdict::Write,
        (Some(_), base, there) if base == there => Verdict::Write,
        (None, base, there) if base == there => Verdict::Remove,
        (None, ..) => Verdict::Leave,
        _ => Verdict::Conflict,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.repository_name, spec.branch_name))
}

fn place(id: &Id) -> Branch<'_> {
    let (repository, branch) = id.as_str().split_once('|').unwrap_or((id.as_str(), "main"));
    Branch {
        repository,
        name: branch,
    }
}

type Texts = BTreeMap<String, String>;

fn parsed(text: &str) -> Texts {
    serde_json::from_str(text).unwrap_or_default()
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Files>>> {
    let at = place(id);
    let Some(tip) = tip(cloud, at).await? else {
        return Ok(None);
    };
    let Some(base) = content(cloud, at, &tip, BASE).await? else {
        return Ok(None);
    };
    let files = parsed(&base)
        .into_iter()
        .map(|(path, text)| (path, Text(text)))
        .collect();
    let spec = Spec {
        repository_name: at.repository.to_owned(),
        branch_name: at.name.to_owned(),
        files,
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

/// Brings the branch to what is wanted, in as few commits as the API takes; what platctl wrote goes along with
/// each of them, so that one cut short is continued.
async fn write(
    cloud: &Cloud,
    at: Branch<'_>,
    wanted: &Texts,
    keep: &BTreeSet<String>,
) -> CloudResult<()> {
    let parent = match tip(cloud, at).await? {
        Some(tip) => Some(tip),
        None => branch_off(cloud, at).await?,
    };
    let mut base = match &parent {
        Some(tip) => parsed(
            &content(cloud, at, tip, BASE)
                .await?
                .unwrap_or_else(|| "{}".into()),
        ),
        None => Texts::new(),
    };
    let paths: BTreeSet<&String> = wanted.keys().chain(base.keys()).collect();
    // Where there is nothing new, nobody has to look.
    let changed = paths
        .into_iter()
        .filter(|path| wanted.get(*path) != base.get(*path));
    let looked = changed.map(|path| async {
        if keep.contains(path) {
            return Ok((path.clone(), Verdict::Leave));
        }
        let there = match &parent {
            Some(tip) => content(cloud, at, tip, path).await?,
            None => None,
        };
        let verdict = judge(
            wanted.get(path).map(String::as_str),
            base.get(path).map(String::as_str),
            there.as_deref(),
        );
        Ok::<_, CloudError>((path.clone(), verdict))
    });
    let verdicts = try_join_all(looked).await?;
    let conflicts: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Conflict)
        .map(|(path, _)| path.as_str())
        .collect();
    if !conflicts.is_empty() {
        return Err(conflict(at, &conflicts));
    }
    let edits = verdicts.into_iter().map(|(path, verdict)| {
        let text = wanted.get(&path);
        let edit = match (verdict, text) {
            (Verdict::Write, Some(text)) => Some(Edit::Put(path.clone(), text.clone())),
            (Verdict::Remove, _) => Some(Edit::Delete(path.clone())),
            _ => None,
        };
        (path, text.cloned(), edit)
    });
    let edits: Vec<_> = edits.collect();
    let mut parent = parent;
    for chunk in edits.chunks(super::commits::AT_ONCE) {
        for (path, text, _) in chunk {
            match text {
                Some(text) => base.insert(path.clone(), text.clone()),
                None => base.remove(path),
            };
        }
        let mut together: Vec<Edit> = chunk.iter().filter_map(|(.., edit)| edit.clone()).collect();
        together.push(Edit::Put(BASE.into(), json!(base).to_string()));
        parent = commit(
            cloud,
            at,
            parent,
            &together,
            "platctl: what the stack file says",
        )
        .await?;
    }
    Ok(())
}

fn conflict(at: Branch<'_>, paths: &[&str]) -> CloudError {
    let message = format!(
        "conflict in {} (branch {} of {}): changed in the repository since platctl wrote it, and changed by the \
         stack file too; nothing was written. To use platctl's version, delete the file in the repository; to \
         keep the version in the repository, add the file to `keep`",
        paths.join(", "),
        at.name,
        at.repository
    );
    CloudError::new(Class::Protected, "codecommit:CreateCommit", message)
}

fn texts(spec: &Spec) -> Texts {
    spec.files
        .iter()
        .map(|(path, text)| (path.clone(), text.0.clone()))
        .collect()
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
            repository_name: "example-git".into(),
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
        let bad = |path: &&String| {
            path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        match spec.files.keys().find(bad) {
            Some(path) => Err(SpecError::new(
                "/files",
                format!("contains `{path}`, which is not a valid path in a repository"),
            )),
            None => Ok(()),
        }
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let id = id_of(spec);
        write(
            cloud,
            place(&id),
            &texts(spec),
            &spec.keep.clone().unwrap_or_default(),
        )
        .await?;
        Ok(id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        write(
            cloud,
            place(&live.id),
            &texts(spec),
            &spec.keep.clone().unwrap_or_default(),
        )
        .await
    }

    /// Takes out what platctl wrote and nobody changed; the history keeps it.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let at = place(&live.id);
        write(cloud, at, &Texts::new(), &BTreeSet::new()).await?;
        let tip = tip(cloud, at).await?;
        commit(
            cloud,
            at,
            tip,
            &[Edit::Delete(BASE.into())],
            "platctl: nothing of this is its own any more",
        )
        .await
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_win_where_platctl_has_nothing_new() {
        assert_eq!(judge(Some("a"), Some("a"), Some("theirs")), Verdict::Leave);
        assert_eq!(judge(Some("a"), Some("a"), None), Verdict::Leave);
        assert_eq!(judge(Some("b"), Some("a"), Some("b")), Verdict::Leave);
        assert_eq!(judge(None, Some("a"), Some("theirs")), Verdict::Leave);
    }

    #[test]
    fn what_nobody_else_changed_is_written_and_removed() {
        assert_eq!(judge(Some("b"), Some("a"), Some("a")), Verdict::Write);
        assert_eq!(judge(Some("b"), None, None), Verdict::Write);
        assert_eq!(judge(Some("b"), Some("a"), None), Verdict::Write);
        assert_eq!(judge(None, Some("a"), Some("a")), Verdict::Remove);
    }

    #[test]
    fn what_both_changed_and_what_was_there_before_are_conflicts() {
        assert_eq!(
            judge(Some("b"), Some("a"), Some("theirs")),
            Verdict::Conflict
        );
        assert_eq!(judge(Some("b"), None, Some("theirs")), Verdict::Conflict);
    }

    #[test]
    fn documents_become_one_yaml_file() {
        let text: Text =
            serde_json::from_value(json!([{"a": "yes", "b": [1]}, {"c": null}])).unwrap();
        let back: Vec<Value> = text
            .as_str()
            .split("---\n")
            .map(|one| serde_yaml::from_str(one).unwrap())
            .collect();
        assert_eq!(
            back,
            [json!({"a": "yes", "b": [1]}), json!({"c": null})],
            "{}",
            text.as_str()
        );
    }
}
