//! GitHub's API, as far as files on a branch need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::{Value, json};

use super::app::{LIFE, May, asks_for_token};
use crate::branch::{BASE, Branch, Edit};
use crate::host::{Place, credential, encoded};
use crate::web::{Answer, Request, accepted, said};

const JSON: &str = "application/vnd.github+json";
const RAW: &str = "application/vnd.github.raw+json";
const GITHUB: &str = "https://github.com";

/// What goes with every request.
pub(super) fn headers(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {token}")),
        ("accept", JSON.to_owned()),
        ("x-github-api-version", "2022-11-28".to_owned()),
        ("user-agent", "platctl".to_owned()),
    ]
}

/// Where the API of a host is: GitHub's own, or the one of a server of GitHub Enterprise.
fn api(url: &str) -> String {
    if url == GITHUB {
        "https://api.github.com".to_owned()
    } else {
        format!("{url}/api/v3")
    }
}

/// What GitHub says of a token for more than the App may do.
const NOT_GRANTED: &str = "permissions requested are not granted";
/// Where workflows of GitHub Actions are.
const WORKFLOWS: &str = ".github/workflows/";

/// A branch on GitHub.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnGitHub<'a> {
    place: Place<'a>,
    /// What its tokens may do.
    may: May,
}

impl<'a> OnGitHub<'a> {
    pub(super) const fn new(place: Place<'a>) -> Self {
        Self {
            place,
            may: May::Write,
        }
    }

    /// For whoever administers the repository.
    pub(super) const fn administer(place: Place<'a>) -> Self {
        Self {
            place,
            may: May::Administer,
        }
    }

    /// With tokens that may do what these edits need.
    fn for_edits(self, edits: &[Edit]) -> Self {
        let is_workflow = |edit: &Edit| match edit {
            Edit::Put(path, _) | Edit::Delete(path) => path.starts_with(WORKFLOWS),
        };
        let may = if edits.iter().any(is_workflow) {
            May::WriteWorkflows
        } else {
            self.may
        };
        Self { may, ..self }
    }

    /// A token of the App's installation. It is asked for once in a while.
    async fn token(&self) -> CloudResult<String> {
        let operation = "github:CreateInstallationAccessToken";
        let Place {
            cloud,
            url,
            repository,
            secret,
            ..
        } = self.place;
        let key = format!("{url} {repository} {secret} {:?}", self.may);
        if let Some(token) = cloud.hosts.token(&key) {
            return Ok(token);
        }
        let credential = credential(cloud, secret).await?;
        let request = asks_for_token(&api(url), repository, &credential, self.may)?;
        let answer = cloud.hosts.ask(operation, request).await?;
        // The installation does not include the repository, or the App may not do what is asked for.
        if matches!(answer.status, 404 | 422) {
            let words = said(&answer);
            let mut error = if words.contains(NOT_GRANTED) {
                self.not_granted(operation)
            } else {
                self.no_repository(operation)
            };
            error.message = format!("{} (GitHub says: {words})", error.message);
            return Err(error);
        }
        let token = accepted(url, operation, answer)?.text(operation, "/token")?;
        cloud.hosts.keep_token(key, token.clone(), LIFE);
        Ok(token)
    }

    fn no_repository(&self, operation: &str) -> CloudError {
        let needed = self.may.words();
        let how = format!("install the GitHub App on it with the permission {needed}");
        self.place.no_repository(operation, &how)
    }

    /// The App is installed on the repository, and lacks a permission.
    fn not_granted(&self, operation: &str) -> CloudError {
        let Place {
            repository, secret, ..
        } = self.place;
        let needed = self.may.words();
        let message = format!(
            "the GitHub App in the secret {secret} does not have the permission that {repository} needs: {needed}. Add \
             it in the settings of the App, and accept it for the installation"
        );
        CloudError::new(Class::Denied, operation, message)
    }

    async fn ask(
        &self,
        operation: &str,
        (method, path): (Method, &str),
        accept: &str,
        body: Option<Value>,
    ) -> CloudResult<Answer> {
        let Place {
            cloud,
            url,
            repository,
            ..
        } = self.place;
        let mut headers = headers(&self.token().await?);
        if let Some(header) = headers.iter_mut().find(|(name, _)| *name == "accept") {
            header.1 = accept.to_owned();
        }
        let request = Request {
            method,
            url: format!("{}/repos/{}{path}", api(url), encoded(repository, false)),
            headers,
            body,
        };
        cloud.hosts.ask(operation, request).await
    }

    async fn get(&self, operation: &str, path: &str) -> CloudResult<Answer> {
        self.ask(operation, (Method::GET, path), JSON, None).await
    }

    /// What is there.
    pub(super) async fn read(&self, operation: &str, path: &str) -> CloudResult<Answer> {
        accepted(self.place.url, operation, self.get(operation, path).await?)
    }

    pub(super) async fn remove(&self, operation: &str, path: &str) -> CloudResult<Answer> {
        let answer = self
            .ask(operation, (Method::DELETE, path), JSON, None)
            .await?;
        accepted(self.place.url, operation, answer)
    }

    pub(super) async fn send(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> CloudResult<Answer> {
        let answer = self
            .ask(operation, (method, path), JSON, Some(body))
            .await?;
        accepted(self.place.url, operation, answer)
    }

    /// Where a branch is; none in a repository without it, or without commits.
    async fn at(&self, branch: &str) -> CloudResult<Option<String>> {
        let operation = "github:GetReference";
        let path = format!("/git/ref/heads/{}", encoded(branch, false));
        let answer = self.get(operation, &path).await?;
        // An empty repository is in conflict with every question about what is in it.
        if matches!(answer.status, 404 | 409) {
            return Ok(None);
        }
        accepted(self.place.url, operation, answer)?
            .text(operation, "/object/sha")
            .map(Some)
    }

    /// The first commit of a repository: there are no trees before it, so that one file makes it.
    async fn first(&self, text: &str) -> CloudResult<String> {
        let operation = "github:CreateFile";
        let body = json!({"message": "platctl: the beginning", "content": STANDARD.encode(text)});
        let path = format!("/contents/{BASE}");
        let answer = self.send(operation, Method::PUT, &path, body).await?;
        answer.text(operation, "/commit/sha")
    }

    /// The tree of a commit.
    async fn tree_of(&self, commit: &str) -> CloudResult<String> {
        let operation = "github:GetCommit";
        let answer = self
            .get(operation, &format!("/git/commits/{commit}"))
            .await?;
        accepted(self.place.url, operation, answer)?.text(operation, "/tree/sha")
    }
}

/// A change of a file, as an entry of a tree.
fn entry(edit: &Edit) -> Value {
    match edit {
        Edit::Put(path, text) => {
            json!({"path": path, "mode": "100644", "type": "blob", "content": text})
        }
        Edit::Delete(path) => {
            json!({"path": path, "mode": "100644", "type": "blob", "sha": null})
        }
    }
}

impl Branch for OnGitHub<'_> {
    const COMMIT: &'static str = "github:CreateCommit";
    const AT_ONCE: usize = 1000;

    fn place(&self) -> String {
        self.place.words()
    }

    async fn tip(&self) -> CloudResult<Option<String>> {
        self.at(self.place.branch).await
    }

    async fn start(&self, first: &str) -> CloudResult<Option<String>> {
        let (operation, branch) = ("github:GetRepository", self.place.branch);
        let answer = self.get(operation, "").await?;
        if answer.status == 404 {
            return Err(self.no_repository(operation));
        }
        let answer = accepted(self.place.url, operation, answer)?;
        let default = answer.text(operation, "/default_branch")?;
        let commit = match self.at(&default).await? {
            Some(commit) => commit,
            None => self.first(first).await?,
        };
        if branch != default {
            let body = json!({"ref": format!("refs/heads/{branch}"), "sha": commit});
            let operation = "github:CreateReference";
            self.send(operation, Method::POST, "/git/refs", body)
                .await?;
        }
        Ok(Some(commit))
    }

    async fn content(&self, commit: &str, path: &str) -> CloudResult<Option<String>> {
        let operation = "github:GetContent";
        let path = format!("/contents/{}?ref={commit}", encoded(path, false));
        let answer = self.ask(operation, (Method::GET, &path), RAW, None).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = accepted(self.place.url, operation, answer)?;
        Ok(Some(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    async fn commit(
        &self,
        parent: Option<String>,
        edits: &[Edit],
        message: &str,
    ) -> CloudResult<Option<String>> {
        let Some(parent) = parent else {
            let message = "the branch was deleted meanwhile: run again";
            return Err(CloudError::new(Class::Busy, Self::COMMIT, message));
        };
        let on = self.for_edits(edits);
        let base = on.tree_of(&parent).await?;
        let entries: Vec<Value> = edits.iter().map(entry).collect();
        let body = json!({"base_tree": base, "tree": entries});
        let operation = "github:CreateTree";
        let answer = on.send(operation, Method::POST, "/git/trees", body).await?;
        let tree = answer.text(operation, "/sha")?;
        // It is there already: an earlier try, whose answer was lost.
        if tree == base {
            return Ok(Some(parent));
        }
        let body = json!({"message": message, "tree": tree, "parents": [parent]});
        let answer = on
            .send(Self::COMMIT, Method::POST, "/git/commits", body)
            .await?;
        let commit = answer.text(Self::COMMIT, "/sha")?;
        let path = format!("/git/refs/heads/{}", encoded(self.place.branch, false));
        let body = json!({"sha": commit, "force": false});
        let operation = "github:UpdateReference";
        on.send(operation, Method::PATCH, &path, body).await?;
        Ok(Some(commit))
    }
}
