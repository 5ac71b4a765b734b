//! Files that platctl writes on a branch of a repository in which people work as well, wherever the repository is.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use platctl_engine::{Class, CloudError, CloudResult, Owner, SpecError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::bounded::try_join_all;

/// The content of a file. In a stack file, it can also be written as YAML documents, whose values can
/// reference other resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Text(#[schemars(with = "Value")] pub(crate) String);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
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

/// Files as a spec has them, by path.
pub type Files = BTreeMap<String, Text>;

type Texts = BTreeMap<String, String>;

/// Where platctl keeps what it wrote last: the common ancestor of its version and of people's.
pub(crate) const BASE: &str = ".platctl/files.json";

const MESSAGE: &str = "platctl: what the stack file says";

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Put(String, String),
    Delete(String),
}

/// A branch of a repository, by the API of the host that has it.
pub(crate) trait Branch: Sync {
    /// The operation that makes a commit, for errors.
    const COMMIT: &'static str;
    /// How many files one commit takes, at least two: one of them is ours.
    const AT_ONCE: usize;

    /// What it is, for people: `branch main of prod-gitops`.
    fn place(&self) -> String;

    /// The commit that the branch is at; none without the branch, or the repository.
    fn tip(&self) -> impl Future<Output = CloudResult<Option<String>>> + Send;

    /// Makes the branch where the default one is. None in a repository without commits, in which the first commit
    /// makes the branch; a host where it does not gets `first` as the content of the first file.
    fn start(&self, first: &str) -> impl Future<Output = CloudResult<Option<String>>> + Send;

    /// The text of a file at a commit; none when there is no such file.
    fn content(
        &self,
        commit: &str,
        path: &str,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send;

    /// Makes a commit on the branch, and answers it. Somebody else's commit in between is for the next try.
    fn commit(
        &self,
        parent: Option<String>,
        edits: &[Edit],
        message: &str,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send;
}

/// What platctl wrote last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Base {
    /// Whose the files are, where the repository itself is nobody's.
    pub(crate) owner: Option<Owner>,
    texts: Texts,
}

impl Base {
    /// Files alone, or files with their owner.
    fn parsed(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        if !value["files"].is_object() {
            let texts = serde_json::from_value(value).unwrap_or_default();
            return Self { owner: None, texts };
        }
        Self {
            owner: serde_json::from_value(value["owner"].clone()).unwrap_or_default(),
            texts: serde_json::from_value(value["files"].clone()).unwrap_or_default(),
        }
    }

    fn written(&self) -> String {
        match &self.owner {
            None => json!(self.texts).to_string(),
            Some(owner) => json!({"owner": owner, "files": self.texts}).to_string(),
        }
    }

    /// The files as a spec has them.
    pub(crate) fn files(&self) -> Files {
        let texts = self.texts.iter();
        texts
            .map(|(path, text)| (path.clone(), Text(text.clone())))
            .collect()
    }
}

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

/// What platctl wrote last on the branch, and the commit that the branch is at; none where it never wrote.
pub(crate) async fn written(branch: &impl Branch) -> CloudResult<Option<(String, Base)>> {
    let Some(tip) = branch.tip().await? else {
        return Ok(None);
    };
    let base = branch.content(&tip, BASE).await?;
    Ok(base.map(|base| (tip, Base::parsed(&base))))
}

/// Brings the branch to what is wanted, in as few commits as the API takes; what platctl wrote goes along with
/// each of them, so that one cut short is continued.
pub(crate) async fn write<B: Branch>(
    branch: &B,
    wanted: &Files,
    keep: &BTreeSet<String>,
    owner: Option<&Owner>,
) -> CloudResult<()> {
    let first = Base {
        owner: owner.cloned(),
        texts: Texts::new(),
    };
    let mut parent = match branch.tip().await? {
        Some(tip) => Some(tip),
        None => branch.start(&first.written()).await?,
    };
    let mut base = match &parent {
        Some(tip) => branch
            .content(tip, BASE)
            .await?
            .map_or_else(Base::default, |text| Base::parsed(&text)),
        None => Base::default(),
    };
    same_stack(branch, base.owner.as_ref(), owner)?;
    let edits = edits(branch, parent.as_deref(), wanted, &base, keep).await?;
    let disowned = base.owner.as_ref() != owner;
    base.owner = owner.cloned();
    // Nothing but the owner may have changed.
    let mut chunks: Vec<&[Planned]> = edits.chunks(B::AT_ONCE - 1).collect();
    if chunks.is_empty() && disowned {
        chunks.push(&[]);
    }
    for chunk in chunks {
        for planned in chunk {
            match &planned.text {
                Some(text) => base.texts.insert(planned.path.clone(), text.clone()),
                None => base.texts.remove(&planned.path),
            };
        }
        let mut together: Vec<Edit> = chunk.iter().filter_map(|one| one.edit.clone()).collect();
        together.push(Edit::Put(BASE.into(), base.written()));
        parent = branch.commit(parent, &together, MESSAGE).await?;
    }
    Ok(())
}

/// A path with what platctl has for it from now on, and what this takes.
struct Planned {
    path: String,
    text: Option<String>,
    edit: Option<Edit>,
}

/// What has to be done to each file that platctl has something new for.
async fn edits(
    branch: &impl Branch,
    parent: Option<&str>,
    wanted: &Files,
    base: &Base,
    keep: &BTreeSet<String>,
) -> CloudResult<Vec<Planned>> {
    let wanted_at = |path: &str| wanted.get(path).map(Text::as_str);
    let base_at = |path: &str| base.texts.get(path).map(String::as_str);
    let paths: BTreeSet<&String> = wanted.keys().chain(base.texts.keys()).collect();
    // Where there is nothing new, nobody has to look.
    let changed = paths
        .into_iter()
        .filter(|path| wanted_at(path) != base_at(path));
    let looked = changed.map(|path| async move {
        if keep.contains(path) {
            return Ok((path, Verdict::Leave));
        }
        let there = match parent {
            Some(tip) => branch.content(tip, path).await?,
            None => None,
        };
        let verdict = judge(wanted_at(path), base_at(path), there.as_deref());
        Ok::<_, CloudError>((path, verdict))
    });
    let verdicts = try_join_all(looked).await?;
    let conflicts: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Conflict)
        .map(|(path, _)| path.as_str())
        .collect();
    if !conflicts.is_empty() {
        return Err(conflict(branch, &conflicts));
    }
    let planned = verdicts.into_iter().map(|(path, verdict)| {
        let text = wanted_at(path).map(ToOwned::to_owned);
        let edit = match (verdict, &text) {
            (Verdict::Write, Some(text)) => Some(Edit::Put(path.clone(), text.clone())),
            (Verdict::Remove, _) => Some(Edit::Delete(path.clone())),
            _ => None,
        };
        Planned {
            path: path.clone(),
            text,
            edit,
        }
    });
    Ok(planned.collect())
}

/// Takes out what platctl wrote and nobody changed; the history keeps it.
pub(crate) async fn remove(branch: &impl Branch) -> CloudResult<()> {
    let Some((_, base)) = written(branch).await? else {
        return Ok(());
    };
    let owner = base.owner.as_ref();
    write(branch, &Files::new(), &BTreeSet::new(), owner).await?;
    let tip = branch.tip().await?;
    let message = "platctl: it no longer manages files here";
    let edits = [Edit::Delete(BASE.into())];
    branch.commit(tip, &edits, message).await.map(drop)
}

/// The files of another stack would be taken for files of this one that are no longer wanted.
fn same_stack<B: Branch>(
    branch: &B,
    found: Option<&Owner>,
    ours: Option<&Owner>,
) -> CloudResult<()> {
    let (Some(found), Some(ours)) = (found, ours) else {
        return Ok(());
    };
    let name = |owner: &Owner| {
        (
            owner.stack.clone(),
            owner.address.clone(),
            owner.region.clone(),
        )
    };
    if name(found) == name(ours) {
        return Ok(());
    }
    let message = format!(
        "{} already has the files of `{}` of the stack {}. Each stack needs a repository of its own, or a branch that \
         was created empty",
        branch.place(),
        found.address,
        found.stack
    );
    Err(CloudError::new(Class::Protected, B::COMMIT, message))
}

fn conflict<B: Branch>(branch: &B, paths: &[&str]) -> CloudError {
    let message = format!(
        "conflict in {} ({}): changed in the repository since platctl wrote it, and changed by the stack file too; \
         nothing was written. To use platctl's version, delete the file in the repository; to keep the version in \
         the repository, add the file to `gitops.keep`",
        paths.join(", "),
        branch.place(),
    );
    CloudError::new(Class::Protected, B::COMMIT, message)
}

/// Rejects paths that no repository has.
pub(crate) fn check_paths<'a>(
    mut paths: impl Iterator<Item = &'a String>,
) -> Result<(), SpecError> {
    let bad = |path: &&String| {
        path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | ".."))
    };
    match paths.find(bad) {
        Some(path) => Err(SpecError::new(
            "/files",
            format!("contains `{path}`, which is not a valid path in a repository"),
        )),
        None => Ok(()),
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
