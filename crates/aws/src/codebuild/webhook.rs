//! `codebuild.Webhook`: the host of a repository starts builds of a project.

use std::collections::BTreeSet;

use aws_sdk_codebuild::types as sdk;
use platctl_engine::fields::Fact::{Home, Immutable, StatedMap};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::bounded::each;
use crate::ec2::in_order;
use crate::errors::{Ask, invalid};

/// BatchGetProjects takes this many names.
const AT_ONCE: usize = 100;

/// The webhook of a CodeBuild build project: events in its repository start builds. CodeBuild creates the webhook
/// in the repository, with the connection of the project.
#[derive(Debug)]
pub struct Webhook;

/// A condition that an event must meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The type of the filter: `EVENT`, `BASE_REF`, `HEAD_REF`, `ACTOR_ACCOUNT_ID`, `FILE_PATH`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// For `EVENT`, the events, separated by commas: `PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED`. Otherwise a
    /// regular expression.
    pub pattern: String,
    /// Whether an event must not match the pattern.
    #[serde(default)]
    pub exclude_matched_pattern: bool,
}

/// Which pull requests are built only after a comment of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequestBuildPolicy {
    /// `DISABLED`, `ALL_PULL_REQUESTS` or `FORK_PULL_REQUESTS`.
    pub requires_comment_approval: String,
    /// The roles whose members can approve: `GITHUB_WRITE`, `GITLAB_MAINTAINER`, … Default: chosen by AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver_roles: Option<BTreeSet<String>>,
}

/// The webhook of a CodeBuild build project: events in its repository start builds. CodeBuild creates the webhook
/// in the repository, with the connection of the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the build project. Its source must be a repository of GitHub, GitLab or Bitbucket.
    pub project_name: S::In<String>,
    /// Groups of filters. An event starts a build if it meets all filters of one of the groups.
    pub filter_groups: Vec<Vec<Filter>>,
    /// Which pull requests are built only after a comment of a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_build_policy: Option<PullRequestBuildPolicy>,
}

platctl_engine::outputs! {
    /// Attributes of the webhook that other resources can reference.
    Webhook {
        /// The name of the build project.
        PROJECT_NAME: project_name: String,
        /// The URL of the webhook at the host of the repository.
        URL: url: String,
    }
}

fn filter(found: &sdk::WebhookFilter) -> Filter {
    Filter {
        kind: found.r#type().as_str().to_owned(),
        pattern: found.pattern().to_owned(),
        exclude_matched_pattern: found.exclude_matched_pattern().unwrap_or_default(),
    }
}

fn policy(found: &sdk::PullRequestBuildPolicy) -> PullRequestBuildPolicy {
    let roles = found.approver_roles().iter();
    PullRequestBuildPolicy {
        requires_comment_approval: found.requires_comment_approval().as_str().to_owned(),
        approver_roles: Some(roles.map(|role| role.as_str().to_owned()).collect()),
    }
}

fn live(project: &sdk::Project) -> Option<Live<Webhook>> {
    let (name, found) = (project.name()?, project.webhook()?);
    let groups = found.filter_groups().iter();
    let spec = Spec {
        project_name: name.to_owned(),
        filter_groups: groups
            .map(|group| group.iter().map(filter).collect())
            .collect(),
        pull_request_build_policy: found.pull_request_build_policy().map(policy),
    };
    let outputs = Outputs {
        project_name: name.to_owned(),
        url: found.url().unwrap_or_default().to_owned(),
    };
    Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner: None,
        phase: phase(found),
    })
}

/// Whether two policies mean the same: AWS chooses the roles where none are stated, and answers with its choice.
fn same_policy(desired: &Value, live: &Value) -> bool {
    let read = |spec: &Value| {
        let policy = spec.get("pull_request_build_policy")?.clone();
        serde_json::from_value::<PullRequestBuildPolicy>(policy).ok()
    };
    match (read(desired), read(live)) {
        (Some(desired), Some(live)) => {
            desired.requires_comment_approval == live.requires_comment_approval
                && (desired.approver_roles.is_none()
                    || desired.approver_roles == live.approver_roles)
        }
        _ => false,
    }
}

/// CodeBuild may make the webhook after it has answered.
fn phase(found: &sdk::Webhook) -> Phase {
    let why = || {
        found
            .status_message()
            .unwrap_or("no reason given")
            .to_owned()
    };
    match found.status() {
        Some(sdk::WebhookStatus::Creating) => Phase::Settling("CREATING".into()),
        Some(sdk::WebhookStatus::Deleting) => Phase::Deleting,
        Some(sdk::WebhookStatus::CreateFailed) => {
            Phase::Failed(format!("CREATE_FAILED: {}", why()))
        }
        Some(sdk::WebhookStatus::Active) | None => Phase::Ready,
        Some(other) => Phase::Degraded(other.as_str().to_owned()),
    }
}

async fn read(cloud: &Cloud, projects: &[Id]) -> CloudResult<Vec<Live<Webhook>>> {
    let call = cloud.codebuild.batch_get_projects();
    let call = call.set_names(Some(projects.iter().map(ToString::to_string).collect()));
    let answer = call.send().ask().await?;
    Ok(answer.projects().iter().filter_map(live).collect())
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Webhook>>>> {
    let chunks = ids.chunks(AT_ONCE);
    let found = each(cloud, "reading CodeBuild webhooks", chunks, |ids| {
        read(cloud, ids)
    })
    .await?;
    Ok(in_order(ids, found.into_iter().flatten()))
}

/// The type of the builds that a webhook starts, which a spec cannot say.
async fn build_type(cloud: &Cloud, project: &Id) -> CloudResult<Option<sdk::WebhookBuildType>> {
    let call = cloud.codebuild.batch_get_projects().names(project.as_str());
    let answer = call.send().ask().await?;
    let webhook = answer.projects().first().and_then(sdk::Project::webhook);
    Ok(webhook.and_then(|webhook| webhook.build_type().cloned()))
}

fn sdk_groups(spec: &Spec, operation: &str) -> CloudResult<Vec<Vec<sdk::WebhookFilter>>> {
    let filter = |filter: &Filter| {
        sdk::WebhookFilter::builder()
            .r#type(sdk::WebhookFilterType::from(filter.kind.as_str()))
            .pattern(&filter.pattern)
            .exclude_matched_pattern(filter.exclude_matched_pattern)
            .build()
            .map_err(|error| invalid(operation, &error))
    };
    let groups = spec.filter_groups.iter();
    groups
        .map(|group| group.iter().map(filter).collect())
        .collect()
}

fn sdk_policy(spec: &Spec, operation: &str) -> CloudResult<Option<sdk::PullRequestBuildPolicy>> {
    let Some(policy) = &spec.pull_request_build_policy else {
        return Ok(None);
    };
    let approval = policy.requires_comment_approval.as_str();
    let roles = policy.approver_roles.as_ref().map(|roles| {
        let roles = roles.iter();
        roles
            .map(|role| sdk::PullRequestBuildApproverRole::from(role.as_str()))
            .collect()
    });
    sdk::PullRequestBuildPolicy::builder()
        .requires_comment_approval(sdk::PullRequestBuildCommentApproval::from(approval))
        .set_approver_roles(roles)
        .build()
        .map(Some)
        .map_err(|error| invalid(operation, &error))
}

/// The spec with the roles that are there, where it states none: AWS takes the policy whole.
fn with_roles(spec: &Spec, live: &Spec) -> Spec {
    let mut spec = spec.clone();
    let now = live.pull_request_build_policy.as_ref();
    let now = now.and_then(|policy| policy.approver_roles.clone());
    if let Some(policy) = spec.pull_request_build_policy.as_mut() {
        let stated = policy.approver_roles.take();
        policy.approver_roles = stated.or(now.filter(|roles| !roles.is_empty()));
    }
    spec
}

impl Kind for Webhook {
    const NAME: &'static str = "codebuild.Webhook";
    const FIELDS: &'static Table = &[
        ("/project_name", &[Immutable, Home]),
        // Roles that are not stated are chosen by AWS.
        ("/pull_request_build_policy", &[StatedMap]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["codebuild:BatchGetProjects"],
        create: &["codebuild:CreateWebhook"],
        update: &["codebuild:BatchGetProjects", "codebuild:UpdateWebhook"],
        delete: &["codebuild:DeleteWebhook"],
    };
    const TIMING: Timing = Timing::seconds(3, 1, 1, 300);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        path == "/pull_request_build_policy" && same_policy(desired, live)
    }

    fn example() -> Spec {
        Spec {
            project_name: "example-checked".into(),
            filter_groups: vec![vec![Filter {
                kind: "EVENT".into(),
                pattern: "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED".into(),
                exclude_matched_pattern: false,
            }]],
            pull_request_build_policy: Some(PullRequestBuildPolicy {
                requires_comment_approval: "FORK_PULL_REQUESTS".into(),
                approver_roles: None,
            }),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/filter_groups/0/0/pattern", json!("PULL_REQUEST_CREATED")),
            (
                "/pull_request_build_policy/requires_comment_approval",
                json!("ALL_PULL_REQUESTS"),
            ),
            (
                "/pull_request_build_policy/approver_roles",
                json!(["GITHUB_ADMIN"]),
            ),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let group = |group: &Vec<Filter>| group.iter().any(|filter| filter.kind == "EVENT");
        if spec.filter_groups.iter().all(group) && !spec.filter_groups.is_empty() {
            return Ok(());
        }
        let message = "must have at least one group, and each group a filter of the type `EVENT`";
        Err(SpecError::new("/filter_groups", message))
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.project_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let operation = "codebuild:CreateWebhook";
        let call = cloud
            .codebuild
            .create_webhook()
            .project_name(&spec.project_name)
            .set_filter_groups(Some(sdk_groups(spec, operation)?))
            .set_pull_request_build_policy(sdk_policy(spec, operation)?);
        call.send().ask().await?;
        Ok(Id::from(spec.project_name.as_str()))
    }

    /// Everything is sent: AWS keeps what is not sent of some fields, and not of others.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let (operation, spec) = ("codebuild:UpdateWebhook", with_roles(spec, &live.spec));
        let call = cloud
            .codebuild
            .update_webhook()
            .project_name(live.id.as_str())
            .set_build_type(build_type(cloud, &live.id).await?)
            .set_filter_groups(Some(sdk_groups(&spec, operation)?))
            .set_pull_request_build_policy(sdk_policy(&spec, operation)?);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .codebuild
            .delete_webhook()
            .project_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_codebuild::operation::batch_get_projects::BatchGetProjectsOutput;
    use aws_sdk_codebuild::operation::update_webhook::UpdateWebhookOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn by_hand() -> sdk::Project {
        let policy = sdk::PullRequestBuildPolicy::builder()
            .requires_comment_approval(sdk::PullRequestBuildCommentApproval::AllPullRequests)
            .approver_roles(sdk::PullRequestBuildApproverRole::GithubAdmin)
            .build()
            .unwrap();
        let webhook = sdk::Webhook::builder()
            .build_type(sdk::WebhookBuildType::BuildBatch)
            .pull_request_build_policy(policy)
            .build();
        sdk::Project::builder()
            .name("example")
            .webhook(webhook)
            .build()
    }

    #[tokio::test]
    async fn an_update_keeps_what_a_spec_does_not_say() {
        let get = mock!(aws_sdk_codebuild::Client::batch_get_projects).then_output(|| {
            BatchGetProjectsOutput::builder()
                .projects(by_hand())
                .build()
        });
        let update = mock!(aws_sdk_codebuild::Client::update_webhook)
            .match_requests(|request| {
                let policy = request.pull_request_build_policy();
                let roles = policy.map(sdk::PullRequestBuildPolicy::approver_roles);
                let kept = [sdk::PullRequestBuildApproverRole::GithubAdmin];
                roles == Some(kept.as_slice())
                    && request.build_type() == Some(&sdk::WebhookBuildType::BuildBatch)
            })
            .then_output(|| UpdateWebhookOutput::builder().build());
        let codebuild = mock_client!(aws_sdk_codebuild, RuleMode::Sequential, &[&get, &update]);
        let cloud = Cloud {
            codebuild: codebuild.into(),
            ..cloud()
        };
        let (live, spec) = (live(&by_hand()).unwrap(), Webhook::example());
        let asked = changes(&[("/filter_groups", json!([]), json!([]))]);
        Webhook::update(&cloud, &live, &spec, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[test]
    fn a_project_without_a_webhook_has_none() {
        let project = sdk::Project::builder().name("example");
        assert!(live(&project.clone().build()).is_none());
        let webhook = sdk::Webhook::builder()
            .url("https://api.github.com/repos/acme/example/hooks/1")
            .status(sdk::WebhookStatus::CreateFailed)
            .status_message("no access")
            .build();
        let found = live(&project.webhook(webhook).build()).unwrap();
        assert_eq!(
            found.phase,
            Phase::Failed("CREATE_FAILED: no access".into())
        );
        assert_eq!(found.spec.filter_groups, Vec::<Vec<Filter>>::new());
    }

    #[test]
    fn roles_that_nobody_stated_are_chosen_by_aws() {
        let spec = |approval: &str, roles: Option<Value>| {
            let mut policy = json!({"requires_comment_approval": approval});
            if let Some(roles) = roles {
                policy["approver_roles"] = roles;
            }
            json!({"project_name": "example", "filter_groups": [], "pull_request_build_policy": policy})
        };
        let forks = "FORK_PULL_REQUESTS";
        let same = |desired: &Value, live: &Value| {
            Webhook::alike("/pull_request_build_policy", desired, live)
        };
        let live = spec(forks, Some(json!(["GITHUB_ADMIN", "GITHUB_WRITE"])));
        assert!(same(&spec(forks, None), &live));
        assert!(!same(&spec("ALL_PULL_REQUESTS", None), &live));
        assert!(!same(&spec(forks, Some(json!(["GITHUB_ADMIN"]))), &live));
        assert!(!Webhook::alike("/filter_groups", &live, &live));
    }

    #[test]
    fn a_group_without_an_event_is_refused() {
        let mut spec = Webhook::example();
        assert!(Webhook::check(&spec).is_ok());
        spec.filter_groups[0][0].kind = "BASE_REF".into();
        assert!(Webhook::check(&spec).is_err());
        spec.filter_groups.clear();
        assert!(Webhook::check(&spec).is_err());
    }
}
