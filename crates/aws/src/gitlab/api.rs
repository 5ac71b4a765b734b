//! GitLab's API, as far as files on a branch need it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::{Value, json};

use crate::bounded::try_join_all;
use crate::branch::{Branch, Edit};
use crate::host::{Place, credential, encoded};
use crate::web::{Answer, Request, accepted};

/// For how long the token is used before the secret is read again.
const LIFE: Duration = Duration::from_secs(300);

/// The key of the secret.
const TOKEN: &str = "token";

/// A branch on GitLab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnGitLab<'a>(pub(super) Place<'a>);

impl OnGitLab<'_> {
    /// The token in the secret, which is not read again for every file.
    async fn token(&self) -> CloudResult<String> {
        let Place {
            cloud, url, secret, ..
        } = self.0;
        let key = format!("{url} {secret}");
        if let Some(token) = cloud.hosts.token(&key) {
            return Ok(token);
        }
        let token = credential(cloud, secret).await?.field(TOKEN)?;
        cloud.hosts.keep_token(key, token.clone(), LIFE);
        Ok(token)
    }

    async fn ask(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> CloudResult<Answer> {
        let Place {
            cloud,
            url,
            repository,
            ..
        } = self.0;
        let project = encoded(repository, true);
        let request = Request {
            method,
            url: format!("{url}/api/v4/projects/{project}{path}"),
            headers: vec![
                ("private-token", self.token().await?),
                ("user-agent", "platctl".to_owned()),
            ],
            body,
        };
        cloud.hosts.ask(operation, request).await
    }

    /// What is asked for; none where it is not there.
    async fn get(&self, operation: &str, path: &str) -> CloudResult<Option<Answer>> {
        let answer = self.ask(operation, Method::GET, path, None).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        accepted(self.0.url, operation, answer).map(Some)
    }

    async fn send(&self, operation: &str, path: &str, body: Value) -> CloudResult<Answer> {
        let answer = self.ask(operation, Method::POST, path, Some(body)).await?;
        accepted(self.0.url, operation, answer)
    }

    async fn file(&self, commit: &str, path: &str) -> CloudResult<Option<Answer>> {
        let path = format!("/repository/files/{}?ref={commit}", encoded(path, true));
        self.get("gitlab:GetFile", &path).await
    }

    /// A change of a file as GitLab takes it. It says what it is a change of: somebody else's commit in between is
    /// not written over.
    async fn action(&self, parent: Option<&str>, edit: &Edit) -> CloudResult<Option<Value>> {
        let (Edit::Put(path, _) | Edit::Delete(path)) = edit;
        let there = match parent {
            Some(parent) => self.file(parent, path).await?,
            None => None,
        };
        let last = match &there {
            Some(answer) => Some(answer.text("gitlab:GetFile", "/last_commit_id")?),
            None => None,
        };
        Ok(match (edit, last) {
            (Edit::Put(path, text), None) => {
                Some(json!({"action": "create", "file_path": path, "content": text}))
            }
            (Edit::Put(path, text), Some(last)) => Some(json!({
                "action": "update", "file_path": path, "content": text, "last_commit_id": last,
            })),
            (Edit::Delete(path), Some(last)) => {
                Some(json!({"action": "delete", "file_path": path, "last_commit_id": last}))
            }
            (Edit::Delete(_), None) => None,
        })
    }
}

impl Branch for OnGitLab<'_> {
    const COMMIT: &'static str = "gitlab:CreateCommit";
    const AT_ONCE: usize = 1000;

    fn place(&self) -> String {
        self.0.words()
    }

    async fn tip(&self) -> CloudResult<Option<String>> {
        let operation = "gitlab:GetBranch";
        let path = format!("/repository/branches/{}", encoded(self.0.branch, true));
        match self.get(operation, &path).await? {
            Some(answer) => answer.text(operation, "/commit/id").map(Some),
            None => Ok(None),
        }
    }

    /// In an empty repository, the first commit makes the branch.
    async fn start(&self, _first: &str) -> CloudResult<Option<String>> {
        let (operation, branch) = ("gitlab:GetProject", self.0.branch);
        let Some(project) = self.get(operation, "").await? else {
            let how = "use a token with the role Maintainer and the scope `api`";
            return Err(self.0.no_repository(operation, how));
        };
        let project = project.json();
        if project["empty_repo"] == true {
            return Ok(None);
        }
        let default = project["default_branch"].as_str().unwrap_or("main");
        let operation = "gitlab:CreateBranch";
        let body = json!({"branch": branch, "ref": default});
        let answer = self.send(operation, "/repository/branches", body).await?;
        answer.text(operation, "/commit/id").map(Some)
    }

    async fn content(&self, commit: &str, path: &str) -> CloudResult<Option<String>> {
        let operation = "gitlab:GetFile";
        let Some(answer) = self.file(commit, path).await? else {
            return Ok(None);
        };
        let content = answer.text(operation, "/content")?;
        let bytes = STANDARD.decode(content).map_err(|error| {
            let message = format!("cannot parse the response: {error}");
            CloudError::new(Class::Interrupted, operation, message)
        })?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn commit(
        &self,
        parent: Option<String>,
        edits: &[Edit],
        message: &str,
    ) -> CloudResult<Option<String>> {
        let actions = edits
            .iter()
            .map(|edit| self.action(parent.as_deref(), edit));
        let actions: Vec<Value> = try_join_all(actions).await?.into_iter().flatten().collect();
        if actions.is_empty() {
            return Ok(parent);
        }
        let body = json!({
            "branch": self.0.branch, "commit_message": message, "author_name": "platctl", "actions": actions,
        });
        let answer = self.send(Self::COMMIT, "/repository/commits", body).await?;
        answer.text(Self::COMMIT, "/id").map(Some)
    }
}
