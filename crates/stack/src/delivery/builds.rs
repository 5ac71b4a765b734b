//! The builds of a service: checks of pull requests, builds of commits, releases to environments.

use platctl_aws::codebuild::project::{self, Project};
use platctl_aws::codecommit::repository;
use platctl_aws::ecr::repository as ecr;
use platctl_aws::events::rule::Rule;
use platctl_aws::iam::role;
use platctl_aws::kms::key;
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::roles::{self, Allowed};
use super::source::Code;
use super::{Base, Delivery, Size};
use crate::common::{allow, log_group};
use crate::declare::{Checked, Declare};
use crate::services;

/// What a pipeline starts.
pub(super) struct Builds {
    pub(super) build: Handle<Project>,
    pub(super) release: Handle<Project>,
    check: Handle<Project>,
}

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
        let checker = roles::checker(service, code, &group, base, declare)?;
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
        let check = Wish {
            name: "check",
            description: "Checks a pull request",
            buildspec: include_str!("buildspecs/check.yml"),
            source: checked(code),
            artifacts: "NO_ARTIFACTS",
            variables: json!([]),
            docker: true,
        };
        Ok(Builds {
            build: self.project(service, &build, &builder, &group, base, declare)?,
            release: self.project(service, &release, &releaser, &group, base, declare)?,
            check: self.project(service, &check, &checker, &group, base, declare)?,
        })
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

    /// A pull request in CodeCommit starts a check of what it would bring.
    pub(super) fn checks(
        &self,
        service: &services::Parts,
        code: &Code,
        builds: &Builds,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Code::Own(own) = code else { return Ok(()) };
        let name = &service.name;
        let project = builds.check.json(project::out::ARN);
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
        Code::Elsewhere { repository, .. } => {
            json!({"type": "GITHUB", "location": format!("https://github.com/{repository}.git"), "git_clone_depth": 1})
        }
    }
}
