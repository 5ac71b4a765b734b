//! The pipelines of a service, one for each environment's branch.

use platctl_aws::codebuild::project;
use platctl_aws::codecommit::repository;
use platctl_aws::codepipeline::pipeline::{self, Pipeline};
use platctl_aws::events::rule::Rule;
use platctl_aws::iam::role;
use platctl_aws::kms::key;
use platctl_aws::s3::bucket;
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::builds::Builds;
use super::roles::{self, Allowed};
use super::source::Code;
use super::{Base, Delivery, Gate};
use crate::common::allow;
use crate::declare::{Checked, Declare};
use crate::services;

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
        let after: [&Address; 1] = [&trigger.policy];
        for (environment, made) in pipelines {
            declare.make_after::<Rule>(
                &format!("{name}.branch.{environment}"),
                json!({
                    "name": declare.name(&format!("{name}-{environment}")),
                    "description": format!("Commits on {environment} of {name} start their pipeline"),
                    "event_pattern": {
                        "source": ["aws.codecommit"],
                        "detail-type": ["CodeCommit Repository State Change"],
                        "resources": [own.json(repository::out::ARN)],
                        "detail": {
                            "event": ["referenceCreated", "referenceUpdated"],
                            "referenceType": ["branch"],
                            "referenceName": [environment],
                        },
                    },
                    "targets": [{
                        "id": "pipeline",
                        "arn": made.json(pipeline::out::ARN),
                        "role_arn": trigger.role.json(role::out::ARN),
                    }],
                }),
                &after,
            )?;
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
    let mut stages = vec![stage("Source", source(code, environment))];
    let build = json!({"ProjectName": builds.build.json(project::out::NAME)});
    stages.push(stage("Build", json!({
        "name": "Build", "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1",
        "namespace": "Build", "configuration": build, "input_artifacts": ["source"], "output_artifacts": ["image"],
    })));
    if gate == Gate::Approval {
        let text = format!("Release #{{Build.COMMIT}} of {name} to {environment}?");
        stages.push(stage("Approve", json!({
            "name": "Approve", "category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1",
            "configuration": {"CustomData": text},
        })));
    }
    let variables = json!([
        {"name": "COMMIT", "value": "#{Build.COMMIT}", "type": "PLAINTEXT"},
        {"name": "ENVIRONMENT", "value": environment, "type": "PLAINTEXT"},
    ]);
    stages.push(stage(
        "Release",
        json!({
            "name": "Release", "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1",
            "configuration": {
                "ProjectName": builds.release.json(project::out::NAME),
                "EnvironmentVariables": variables.to_string(),
            },
            "input_artifacts": ["image"],
        }),
    ));
    let mut spec = json!({
        "name": pipeline_name(service, environment, declare),
        "pipeline_type": "V2",
        "execution_mode": "QUEUED",
        "role_arn": allowed.role.json(role::out::ARN),
        "artifact_store": {
            "location": base.artifacts.json(bucket::out::BUCKET),
            "encryption_key": base.key.json(key::out::ARN),
        },
        "stages": stages,
    });
    if let Code::Elsewhere(_) = code {
        spec["triggers"] = json!([{
            "source_action_name": "Source",
            "push": [{"branches": {"includes": [environment]}}],
        }]);
    }
    declare.make_after(
        &format!("{name}.pipeline.{environment}"),
        spec,
        &[&allowed.policy],
    )
}

fn stage(name: &str, action: Value) -> Value {
    json!({"name": name, "actions": [action]})
}

fn source(code: &Code, branch: &str) -> Value {
    let (provider, configuration) = match code {
        Code::Own(own) => (
            "CodeCommit",
            json!({
                "RepositoryName": own.json(repository::out::REPOSITORY_NAME),
                "BranchName": branch,
                "PollForSourceChanges": "false",
            }),
        ),
        Code::Elsewhere(outside) => (
            "CodeStarSourceConnection",
            json!({
                "ConnectionArn": outside.connection,
                "FullRepositoryId": outside.repository,
                "BranchName": branch,
                "DetectChanges": "true",
            }),
        ),
    };
    json!({
        "name": "Source", "category": "Source", "owner": "AWS", "provider": provider, "version": "1",
        "namespace": "Source", "configuration": configuration, "output_artifacts": ["source"],
    })
}
