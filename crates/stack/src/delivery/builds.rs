//! The builds of a service: checks of pull requests, builds of commits, releases to environments.

use std::collections::BTreeMap;

use platctl_aws::Document;
use platctl_aws::codebuild::project::{self, Auth, Project, Source, Variable};
use platctl_aws::codebuild::webhook::{self, Webhook};
use platctl_aws::codecommit::repository;
use platctl_aws::ecr::repository as ecr;
use platctl_aws::events::rule::{self, InputTransformer, Rule, Target};
use platctl_aws::iam::role;
use platctl_aws::kms::key;
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_engine::{Declared, Handle, Input};
use serde_json::json;

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
    source: Source<Declared>,
    artifacts: &'a str,
    variables: Vec<Variable<Declared>>,
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
        let images = &service.repository;
        let variables = vec![
            Variable::plain("IMAGE_REPOSITORY", images.get(ecr::out::REPOSITORY_URI)),
            Variable::plain("REPOSITORY_NAME", images.get(ecr::out::REPOSITORY_NAME)),
        ];
        let pipeline = || Source::of("CODEPIPELINE");
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
        let build = self.project(service, build, &builder, &group, base, declare)?;
        let release = self.project(service, release, &releaser, &group, base, declare)?;
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
            variables: Vec::new(),
            docker: true,
        };
        self.project(service, check, &checker, group, base, declare)
            .map(Some)
    }

    fn project(
        &self,
        service: &services::Parts,
        wish: Wish<'_>,
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
        let address = format!("{}.project.{}", service.name, wish.name);
        let spec = project::Spec {
            name: declare.name(&format!("{}-{}", service.name, wish.name)),
            description: format!("{}: {}", service.name, wish.description),
            source: Source {
                buildspec: Some(wish.buildspec.to_owned()),
                ..wish.source
            },
            artifacts: project::Artifacts {
                kind: wish.artifacts.to_owned(),
            },
            environment: project::Environment {
                kind: "LINUX_CONTAINER".to_owned(),
                image: image.to_owned(),
                compute_type: compute.to_owned(),
                // Building images takes Docker, and Docker takes this.
                privileged_mode: wish.docker,
                environment_variables: wish.variables,
            },
            service_role: allowed.role.get(role::out::ARN),
            encryption_key: Some(base.key.get(key::out::ARN)),
            timeout_in_minutes: 30,
            vpc: None,
            logs: Some(project::Logs {
                group_name: group.get(log_group::out::LOG_GROUP_NAME).cast(),
                stream_name: Some(wish.name.to_owned()),
            }),
            tags: declare.tags(&address),
        };
        declare.add_after(&address, &spec, &[&allowed.policy])
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
        let project = check.get(project::out::ARN);
        let trigger = roles::checks_trigger(
            service,
            vec![allow(&["codebuild:StartBuild"], project.clone())],
            declare,
        )?;
        let address = format!("{name}.pull_request");
        let pattern = json!({
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Pull Request State Change"],
            "resources": [own.json(repository::out::ARN)],
            "detail": {"event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"]},
        });
        let commit = ("commit".to_owned(), "$.detail.sourceCommit".to_owned());
        let target = Target {
            id: "check".to_owned(),
            arn: project,
            role_arn: Some(trigger.role.get(role::out::ARN)),
            input: None,
            input_transformer: Some(InputTransformer {
                input_paths_map: BTreeMap::from([commit]),
                input_template: "{\"sourceVersion\": <commit>}".to_owned(),
            }),
        };
        let spec = rule::Spec {
            name: declare.name(&format!("{name}-pull-request")),
            description: format!("Pull requests of {name} are checked"),
            event_pattern: Some(Document::declared(pattern)),
            schedule_expression: None,
            enabled: true,
            targets: vec![target],
            tags: declare.tags(&address),
        };
        declare
            .add_after::<Rule>(&address, &spec, &[&trigger.policy])
            .map(drop)
    }
}

/// Where a check gets its code from: straight from the repository, since no pipeline hands it over.
fn checked(code: &Code) -> Source<Declared> {
    match code {
        Code::Own(own) => latest("CODECOMMIT", own.get(repository::out::CLONE_URL_HTTP)),
        Code::Elsewhere(outside) => outside_source(outside),
    }
}

/// The commit that is checked, without those before it.
fn latest(kind: &str, location: Input<String>) -> Source<Declared> {
    Source {
        location: Some(location),
        git_clone_depth: 1,
        ..Source::of(kind)
    }
}

/// With the connection, where its host is known; otherwise as CodeBuild is set up for the account.
fn outside_source(outside: &Outside) -> Source<Declared> {
    let Some((kind, url)) = &outside.host else {
        let location = format!("https://github.com/{}.git", outside.repository);
        return latest("GITHUB", location.into());
    };
    let mut source = latest(kind, format!("{url}/{}.git", outside.repository).into());
    // A project cannot be made with a connection that nobody has authorized yet.
    if outside.authorized {
        source.auth = Some(Auth {
            kind: "CODECONNECTIONS".to_owned(),
            resource: outside.connection.clone(),
        });
        source.report_build_status = Some(true);
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
