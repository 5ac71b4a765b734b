//! Checks of pull requests by GitHub Actions: a workflow in the repository of each service, and the role that it assumes.

use std::marker::PhantomData;

use platctl_aws::github::files::{self, Files};
use platctl_aws::iam::role;
use platctl_aws::iam::shared_oidc_provider::{self as shared, SharedOidcProvider};
use platctl_aws::types::Arn;
use platctl_engine::{Declared, Handle, Input};
use serde_json::{Value, json};

use super::elsewhere::{Checks, Elsewhere};
use super::source::Outside;
use super::{Delivery, roles};
use crate::common::{join, policy};
use crate::declare::{Checked, Declare};
use crate::services;

/// Who signs the tokens of workflows.
const ISSUER: &str = "token.actions.githubusercontent.com";
/// Where the workflow is in a repository.
const PATH: &str = ".github/workflows/platctl-pull-request.yml";
const WORKFLOW: &str = include_str!("buildspecs/pull_request.yml");

/// What the checks of all services share.
pub(super) struct Actions {
    issuer: Handle<SharedOidcProvider>,
    /// The credential for the repositories.
    credential: String,
}

/// Lets the workflow of pull requests in one repository assume a role: not that of branches or tags, nor that of forks,
/// which get no token. Newer repositories have the numbers of the owner and of themselves in it.
fn trust(issuer: &Handle<SharedOidcProvider>, repository: &str) -> Value {
    let numbered = repository.replacen('/', "@*/", 1);
    let subjects = [
        format!("repo:{repository}:pull_request"),
        format!("repo:{numbered}@*:pull_request"),
    ];
    policy([json!({
        "Effect": "Allow",
        "Principal": {"Federated": issuer.json(shared::out::ARN)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"},
            "StringLike": {format!("{ISSUER}:sub"): subjects},
        },
    })])
}

/// What CodeBuild runs for a pull request, too.
fn commands() -> String {
    let check: Value = serde_yaml::from_str(super::builds::CHECK).unwrap_or_default();
    let script = check["phases"]["build"]["commands"][0].as_str();
    let lines = script.unwrap_or_default().lines();
    let lines: Vec<String> = lines.map(|line| format!("          {line}")).collect();
    lines.join("\n")
}

/// The workflow, for pull requests into these branches.
fn workflow(branches: &[String], role: Value, declare: &Declare<'_>) -> Value {
    let text = WORKFLOW
        .replace("BRANCHES", &branches.join(", "))
        .replace("REGION", &declare.context().region)
        .replace("SCRIPT", &commands());
    match text.split_once("ROLE") {
        Some((before, after)) => join([before.into(), role, after.into()]),
        None => text.into(),
    }
}

impl Delivery {
    /// What the checks by GitHub Actions share; nothing where others check pull requests.
    pub(super) fn actions(&self, declare: &mut Declare<'_>) -> Checked<Option<Actions>> {
        let by_actions = |source: &&Elsewhere| source.checks() == Checks::Actions;
        let source = self.elsewhere().filter(by_actions);
        let Some(credential) = source.and_then(|source| source.credential.as_ref()) else {
            return Ok(None);
        };
        let spec = shared::Spec::<Declared> {
            url: format!("https://{ISSUER}"),
            audience: shared::STS.to_owned(),
            stage: PhantomData,
        };
        Ok(Some(Actions {
            issuer: declare.add("actions_issuer", &spec)?,
            credential: credential.value.clone(),
        }))
    }

    /// The workflow of a service. It is in the branch that most pull requests are for, and comes into the others with
    /// what is merged.
    pub(super) fn workflow(
        &self,
        service: &services::Parts,
        outside: &Outside,
        actions: &Actions,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let branches = self.rarest_first();
        let Some(branch) = branches.last().cloned() else {
            return Ok(());
        };
        let trust = trust(&actions.issuer, &outside.repository);
        let allowed = roles::workflow(service, trust, declare)?;
        let text = workflow(&branches, allowed.role.json(role::out::ARN), declare);
        let spec = files::Spec::<Declared> {
            repository: outside.repository.clone(),
            branch_name: branch,
            credential: Arn::from(actions.credential.as_str()).into(),
            url: None,
            files: Input::Expr(json!({PATH: text})),
            keep: None,
        };
        let address = format!("{}.workflow", service.name);
        declare.add_after::<Files>(&address, &spec, &[&allowed.policy])?;
        Ok(())
    }
}
