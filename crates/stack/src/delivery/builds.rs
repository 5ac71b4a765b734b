//! The builds of a service: checks of pull requests, builds of commits, releases to environments.

use platctl_aws::codebuild::project::{self, Project};
use platctl_aws::codebuild::webhook::{self, Webhook};
use platctl_aws::codecommit::repository;
use platctl_aws::ecr::repository as ecr;
use platctl_aws::events::rule::Rule;
use platctl_aws::iam::role;
use platctl_aws::kms::key;
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::elsewhere::{Checks, Elsewhere};
use super::roles::{self, Allowed};
use super::source::{Code, Outside};
use super::{Base, Delivery, Size};
use crate::common::{allow, log_group};
use crate::declare::{Checked, Declare};
use crate::services;

/// What a pipeline starts.
pub(super) struct Builds {
    pub(super) build: Handle<Project>,
    pub(super) release: Handle<Project>,
    /// None where CodeBuild checks no pull requests.
    check: Option<Handle<Project>>,
}

/// What is run for a pull request.
pub(super) const CHECK: &str = include_str!("buildspecs/check.yml");

/// What is particular about a project.
struct Wish<'a> {
    name: &'a str,
    description: &'a str,
    buildspec: &'a str,
    source: Value,
    artifacts: &'a str,
    variables: Value,
    docker: bool,
}

impl Delivery {
    pub(super) fn builds(
        &self,
        service: &services::Parts,
        code: &Code,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Builds> {
        let name = &service.name;
        let logs = format!("/platctl/{}/builds/{name}", declare.stack());
        let group = log_group(
            &format!("{name}.log_group"),
            &logs,
            base.log_days,
            &base.key,
            declare,
        )?;
        let pipelines = self.pipeline_names(service, declare);
        let builder = roles::builder(service, &pipelines, &group, base, declare)?;
        let releaser = roles::releaser(service, &pipelines, &group, base, declare)?;
        let variables = json!([
            {"name": "IMAGE_REPOSITORY", "value": service.repository.json(ecr::out::REPOSITORY_URI)},
            {"name": "REPOSITORY_NAME", "value": service.repository.json(ecr::out::REPOSITORY_NAME)},
        ]);
        let pipeline = || json!({"type": "CODEPIPELINE"});
        let build = Wish {
            name: "build",
            description: "Tests, builds and pushes an image",
            buildspec: include_str!("buildspecs/build.yml"),
            source: pipeline(),
            artifacts: "CODEPIPELINE",
            variables: variables.clone(),
            docker: true,
        };
        let release = Wish {
            name: "release",
            description: "Releases an image to an environment",
            buildspec: include_str!("buildspecs/release.yml"),
            source: pipeline(),
            artifacts: "CODEPIPELINE",
            variables,
            docker: false,
        };
        let build = self.project(service, &build, &builder, &group, base, declare)?;
        let release = self.project(service, &release, &releaser, &group, base, declare)?;
        Ok(Builds {
            build,
            release,
            check: self.check_project(service, code, &group, base, declare)?,
        })
    }

    fn check_project(
        &self,
        service: &services::Parts,
        code: &Code,
        group: &Handle<LogGroup>,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Handle<Project>>> {
        let by_others = |source: &Elsewhere| source.checks() != Checks::Codebuild;
        if self.elsewhere().is_some_and(by_others) {
            return Ok(None);
        }
        let checker = roles::checker(service, code, group, base, declare)?;
        let check = Wish {
            name: "check",
            description: "Checks a pull request",
            buildspec: CHECK,
            source: checked(code),
            artifacts: "NO_ARTIFACTS",
            variables: json!([]),
            docker: true,
        };
        self.project(service, &check, &checker, group, base, declare)
            .map(Some)
    }

    fn project(
        &self,
        service: &services::Parts,
        wish: &Wish<'_>,
        allowed: &Allowed,
        group: &Handle<LogGroup>,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Project>> {
        let compute = match self.build_size {
            Size::Small => "BUILD_GENERAL1_SMALL",
            Size::Medium => "BUILD_GENERAL1_MEDIUM",
            Size::Large => "BUILD_GENERAL1_LARGE",
        };
        let image = self
            .build_image
            .as_deref()
            .unwrap_or("aws/codebuild/amazonlinux-x86_64-standard:5.0");
        let mut source = wish.source.clone();
        source["buildspec"] = wish.buildspec.into();
        let spec = json!({
            "name": declare.name(&format!("{}-{}", service.name, wish.name)),
            "description": format!("{}: {}", service.name, wish.description),
            "source": source,
            "artifacts": {"type": wish.artifacts},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": image,
                "compute_type": compute,
                // Building images takes Docker, and Docker takes this.
                "privileged_mode": wish.docker,
                "environment_variables": wish.variables,
            },
            "service_role": allowed.role.json(role::out::ARN),
            "encryption_key": base.key.json(key::out::ARN),
            "timeout_in_minutes": 30,
            "logs": {"group_name": group.json(log_group::out::LOG_GROUP_NAME), "stream_name": wish.name},
        });
        declare.make_after(
            &format!("{}.project.{}", service.name, wish.name),
            spec,
            &[&allowed.policy],
        )
    }

    /// A pull request starts a check of what it would bring: by an event of CodeCommit, or by a call of its host.
    pub(super) fn checks(
        &self,
        service: &services::Parts,
        code: &Code,
        builds: &Builds,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(check) = &builds.check else {
            return Ok(());
        };
        let own = match code {
            Code::Own(own) => own,
            Code::Elsewhere(outside) => return webhook(service, outside, check, declare),
        };
        let name = &service.name;
        let project = check.json(project::out::ARN);
        let trigger = roles::checks_trigger(
            service,
            vec![allow(&["codebuild:StartBuild"], project.clone())],
            declare,
        )?;
        let after: [&Address; 1] = [&trigger.policy];
        declare.make_after::<Rule>(
            &format!("{name}.pull_request"),
            json!({
                "name": declare.name(&format!("{name}-pull-request")),
                "description": format!("Pull requests of {name} are checked"),
                "event_pattern": {
                    "source": ["aws.codecommit"],
                    "detail-type": ["CodeCommit Pull Request State Change"],
                    "resources": [own.json(repository::out::ARN)],
                    "detail": {"event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"]},
                },
                "targets": [{
                    "id": "check",
                    "arn": project,
                    "role_arn": trigger.role.json(role::out::ARN),
                    "input_transformer": {
                        "input_paths_map": {"commit": "$.detail.sourceCommit"},
                        "input_template": "{\"sourceVersion\": <commit>}",
                    },
                }],
            }),
            &after,
        )?;
        Ok(())
    }
}

/// Where a check gets its code from: straight from the repository, since no pipeline hands it over.
fn checked(code: &Code) -> Value {
    match code {
        Code::Own(own) => json!({
            "type": "CODECOMMIT",
            "location": own.json(repository::out::CLONE_URL_HTTP),
            "git_clone_depth": 1,
        }),
        Code::Elsewhere(outside) => outside_source(outside),
    }
}

/// With the connection, where its host is known; otherwise as CodeBuild is set up for the account.
fn outside_source(outside: &Outside) -> Value {
    let Some((kind, url)) = &outside.host else {
        let location = format!("https://github.com/{}.git", outside.repository);
        return json!({"type": "GITHUB", "location": location, "git_clone_depth": 1});
    };
    let mut source = json!({
        "type": kind, "location": format!("{url}/{}.git", outside.repository), "git_clone_depth": 1,
    });
    // A project cannot be made with a connection that nobody has authorized yet.
    if outside.authorized {
        source["auth"] = json!({"type": "CODECONNECTIONS", "resource": outside.connection});
        source["report_build_status"] = true.into();
    }
    source
}

/// The host of the repository calls CodeBuild for every pull request.
fn webhook(
    service: &services::Parts,
    outside: &Outside,
    check: &Handle<Project>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    if !outside.authorized || outside.host.is_none() {
        return Ok(());
    }
    let events = "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED";
    let event = webhook::Filter {
        kind: "EVENT".into(),
        pattern: events.into(),
        exclude_matched_pattern: false,
    };
    // What a stranger has written is built only after a member has looked at it.
    let policy = webhook::PullRequestBuildPolicy {
        requires_comment_approval: "FORK_PULL_REQUESTS".into(),
        approver_roles: None,
    };
    let spec = webhook::Spec {
        project_name: check.get(project::out::NAME),
        filter_groups: vec![vec![event]],
        pull_request_build_policy: Some(policy),
    };
    declare
        .add::<Webhook>(&format!("{}.pull_request", service.name), &spec)
        .map(drop)
}
