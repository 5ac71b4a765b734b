//! The pipelines of a service, one for each environment's branch.

use std::collections::BTreeMap;

use platctl_aws::Document;
use platctl_aws::codebuild::project;
use platctl_aws::codecommit::repository;
use platctl_aws::codepipeline::pipeline::{
    self, Action, ArtifactStore, Filter, Pipeline, Push, StageSpec, Trigger,
};
use platctl_aws::events::rule::{self, Rule, Target};
use platctl_aws::iam::role;
use platctl_aws::kms::key;
use platctl_aws::s3::bucket;
use platctl_engine::{Declared, Handle, Input};
use serde_json::{Value, json};

use super::builds::Builds;
use super::roles::{self, Allowed};
use super::source::Code;
use super::{Base, Delivery, Gate};
use crate::common::allow;
use crate::declare::{Checked, Declare};
use crate::services;

/// The settings of an action.
type Settings = Input<BTreeMap<String, String>>;

impl Delivery {
    pub(super) fn pipelines(
        &self,
        service: &services::Parts,
        code: &Code,
        builds: &Builds,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let projects = [
            builds.build.json(project::out::ARN),
            builds.release.json(project::out::ARN),
        ];
        let names = self.pipeline_names(service, declare);
        let allowed = roles::pipeline(service, code, (&projects, &names), base, declare)?;
        let mut made = Vec::new();
        for (environment, gate) in self.environments() {
            let pipeline = one(
                service,
                &environment,
                gate,
                code,
                builds,
                (base, &allowed),
                declare,
            )?;
            made.push((environment, pipeline));
        }
        self.triggers(service, code, &made, declare)
    }

    /// The names of the pipelines of a service.
    pub(super) fn pipeline_names(
        &self,
        service: &services::Parts,
        declare: &Declare<'_>,
    ) -> Vec<String> {
        let environments = self.environments().into_iter();
        environments
            .map(|(environment, _)| pipeline_name(service, &environment, declare))
            .collect()
    }

    /// A commit on a branch starts its pipeline. Sources outside of AWS start theirs themselves.
    fn triggers(
        &self,
        service: &services::Parts,
        code: &Code,
        pipelines: &[(String, Handle<Pipeline>)],
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Code::Own(own) = code else { return Ok(()) };
        let name = &service.name;
        let arns: Vec<Value> = pipelines
            .iter()
            .map(|(_, made)| made.json(pipeline::out::ARN))
            .collect();
        let starts = vec![allow(&["codepipeline:StartPipelineExecution"], arns)];
        let trigger = roles::trigger(service, starts, declare)?;
        for (environment, made) in pipelines {
            let address = format!("{name}.branch.{environment}");
            let pattern = json!({
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [own.json(repository::out::ARN)],
                "detail": {
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "referenceName": [environment],
                },
            });
            let target = Target {
                id: "pipeline".to_owned(),
                arn: made.get(pipeline::out::ARN),
                role_arn: Some(trigger.role.get(role::out::ARN)),
                input: None,
                input_transformer: None,
            };
            let spec = rule::Spec {
                name: declare.name(&format!("{name}-{environment}")),
                description: format!("Commits on {environment} of {name} start their pipeline"),
                event_pattern: Some(Document::declared(pattern)),
                schedule_expression: None,
                enabled: true,
                targets: vec![target],
                tags: declare.tags(&address),
            };
            declare.add_after::<Rule>(&address, &spec, &[&trigger.policy])?;
        }
        Ok(())
    }
}

fn pipeline_name(service: &services::Parts, environment: &str, declare: &Declare<'_>) -> String {
    declare.name(&format!("{}-{environment}", service.name))
}

/// Source, build, approval where it is asked for, release.
fn one(
    service: &services::Parts,
    environment: &str,
    gate: Gate,
    code: &Code,
    builds: &Builds,
    (base, allowed): (&Base, &Allowed),
    declare: &mut Declare<'_>,
) -> Checked<Handle<Pipeline>> {
    let name = &service.name;
    let mut stages = vec![stage("Source", source(code, environment, declare)?)];
    let project = ("ProjectName", builds.build.get(project::out::NAME));
    stages.push(stage(
        "Build",
        Action {
            namespace: Some("Build".to_owned()),
            input_artifacts: vec!["source".to_owned()],
            output_artifacts: vec!["image".to_owned()],
            ..action("Build", "Build", "CodeBuild", declare.map([project])?)
        },
    ));
    if gate == Gate::Approval {
        let text = format!("Release #{{Build.COMMIT}} of {name} to {environment}?");
        let settings = declare.map([("CustomData", Input::Value(text))])?;
        stages.push(stage(
            "Approve",
            action("Approve", "Approval", "Manual", settings),
        ));
    }
    stages.push(stage("Release", release(environment, builds, declare)?));
    let address = format!("{name}.pipeline.{environment}");
    let spec = pipeline::Spec {
        name: pipeline_name(service, environment, declare),
        pipeline_type: "V2".to_owned(),
        execution_mode: "QUEUED".to_owned(),
        role_arn: allowed.role.get(role::out::ARN),
        artifact_store: ArtifactStore {
            location: base.artifacts.get(bucket::out::BUCKET).cast(),
            encryption_key: Some(base.key.get(key::out::ARN)),
        },
        stages,
        triggers: match code {
            Code::Own(_) => Vec::new(),
            Code::Elsewhere(_) => vec![on_push(environment)],
        },
        tags: declare.tags(&address),
    };
    declare.add_after(&address, &spec, &[&allowed.policy])
}

/// A push to the branch starts the pipeline.
fn on_push(branch: &str) -> Trigger {
    let branches = Filter {
        includes: vec![branch.to_owned()],
        excludes: Vec::new(),
    };
    Trigger {
        source_action_name: "Source".to_owned(),
        push: vec![Push {
            branches: Some(branches),
            file_paths: None,
        }],
    }
}

fn stage(name: &str, action: Action<Declared>) -> StageSpec<Declared> {
    StageSpec {
        name: name.to_owned(),
        actions: vec![action],
    }
}

/// An action of AWS's own, without artefacts.
fn action(name: &str, category: &str, provider: &str, configuration: Settings) -> Action<Declared> {
    Action {
        name: name.to_owned(),
        category: category.to_owned(),
        owner: "AWS".to_owned(),
        provider: provider.to_owned(),
        version: "1".to_owned(),
        run_order: 1,
        namespace: None,
        role_arn: None,
        configuration,
        input_artifacts: Vec::new(),
        output_artifacts: Vec::new(),
    }
}

fn release(environment: &str, builds: &Builds, declare: &Declare<'_>) -> Checked<Action<Declared>> {
    // A text of JSON, as CodePipeline takes it.
    let variables = json!([
        {"name": "COMMIT", "value": "#{Build.COMMIT}", "type": "PLAINTEXT"},
        {"name": "ENVIRONMENT", "value": environment, "type": "PLAINTEXT"},
    ]);
    let settings = declare.map([
        ("ProjectName", builds.release.get(project::out::NAME)),
        ("EnvironmentVariables", variables.to_string().into()),
    ])?;
    Ok(Action {
        input_artifacts: vec!["image".to_owned()],
        ..action("Release", "Build", "CodeBuild", settings)
    })
}

fn source(code: &Code, branch: &str, declare: &Declare<'_>) -> Checked<Action<Declared>> {
    let text = |text: &str| Input::Value(text.to_owned());
    let (provider, settings) = match code {
        Code::Own(own) => (
            "CodeCommit",
            declare.map([
                ("RepositoryName", own.get(repository::out::REPOSITORY_NAME)),
                ("BranchName", text(branch)),
                ("PollForSourceChanges", text("false")),
            ])?,
        ),
        Code::Elsewhere(outside) => (
            "CodeStarSourceConnection",
            declare.map([
                ("ConnectionArn", outside.connection.clone().cast()),
                ("FullRepositoryId", text(&outside.repository)),
                ("BranchName", text(branch)),
                ("DetectChanges", text("true")),
            ])?,
        ),
    };
    Ok(Action {
        namespace: Some("Source".to_owned()),
        output_artifacts: vec!["source".to_owned()],
        ..action("Source", "Source", provider, settings)
    })
}
