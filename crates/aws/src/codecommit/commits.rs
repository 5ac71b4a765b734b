//! Reading and writing a branch without a Git of our own.

use aws_sdk_codecommit::types::{DeleteFileEntry, PutFileEntry};
use aws_smithy_types::Blob;
use platctl_engine::{Class, CloudResult};

use crate::Cloud;
use crate::branch::Edit;
use crate::errors::{Ask, invalid};

/// One commit takes 100 files.
pub(super) const AT_ONCE: usize = 100;

/// A branch of a repository.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) repository: &'a str,
    pub(super) name: &'a str,
}

/// The commit that the branch is at; none without the branch, or the repository.
pub(super) async fn tip(cloud: &Cloud, at: Branch<'_>) -> CloudResult<Option<String>> {
    let call = cloud
        .codecommit
        .get_branch()
        .repository_name(at.repository)
        .branch_name(at.name);
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?.branch.and_then(|branch| branch.commit_id)),
    }
}

/// Makes the branch where the default one is, for only the first commit of a repository makes its own. None in a
/// repository without commits.
pub(super) async fn branch_off(cloud: &Cloud, at: Branch<'_>) -> CloudResult<Option<String>> {
    let call = cloud
        .codecommit
        .get_repository()
        .repository_name(at.repository);
    let answer = call.send().ask().await?;
    let Some(default) = answer
        .repository_metadata
        .and_then(|repository| repository.default_branch)
    else {
        return Ok(None);
    };
    let Some(commit) = tip(
        cloud,
        Branch {
            name: &default,
            ..at
        },
    )
    .await?
    else {
        return Ok(None);
    };
    let call = cloud
        .codecommit
        .create_branch()
        .repository_name(at.repository)
        .branch_name(at.name);
    call.commit_id(&commit).send().ask().await?;
    Ok(Some(commit))
}

/// The text of a file at a commit; none when there is no such file.
pub(super) async fn content(
    cloud: &Cloud,
    at: Branch<'_>,
    commit: &str,
    path: &str,
) -> CloudResult<Option<String>> {
    let call = cloud
        .codecommit
        .get_file()
        .repository_name(at.repository)
        .commit_specifier(commit)
        .file_path(path);
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(Some(
            String::from_utf8_lossy(other?.file_content().as_ref()).into_owned(),
        )),
    }
}

/// Makes a commit on the branch, and answers it. Somebody else's commit in between is for the next try.
pub(super) async fn commit(
    cloud: &Cloud,
    at: Branch<'_>,
    parent: Option<String>,
    edits: &[Edit],
    message: &str,
) -> CloudResult<Option<String>> {
    let operation = "codecommit:CreateCommit";
    let mut call = cloud
        .codecommit
        .create_commit()
        .repository_name(at.repository)
        .branch_name(at.name)
        .author_name("platctl")
        .commit_message(message)
        .set_parent_commit_id(parent.clone());
    for edit in edits {
        call = match edit {
            Edit::Put(path, text) => {
                let entry = PutFileEntry::builder()
                    .file_path(path)
                    .file_content(Blob::new(text.as_bytes()));
                call.put_files(entry.build().map_err(|e| invalid(operation, &e))?)
            }
            Edit::Delete(path) => {
                let entry = DeleteFileEntry::builder().file_path(path).build();
                call.delete_files(entry.map_err(|e| invalid(operation, &e))?)
            }
        };
    }
    match call.send().ask().await {
        // It is there already: an earlier try, whose answer was lost.
        Err(error) if error.code.as_deref() == Some("NoChangeException") => Ok(parent),
        other => Ok(other?.commit_id),
    }
}
