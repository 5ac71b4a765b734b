//! The parts of a project, as AWS takes and answers them.

use aws_sdk_codebuild::types::{
    ArtifactsType, CloudWatchLogsConfig, ComputeType, EnvironmentType, EnvironmentVariable,
    EnvironmentVariableType, LogsConfig, LogsConfigStatusType, Project as Described,
    ProjectArtifacts, ProjectEnvironment, ProjectSource, SourceAuth, SourceAuthType, SourceType,
    VpcConfig,
};
use platctl_engine::CloudResult;

use super::project::{Artifacts, Auth, Environment, Logs, Source, Spec, Variable, Vpc};
use crate::errors::invalid;

const OPERATION: &str = "codebuild:CreateProject";

fn sdk_auth(auth: &Auth) -> CloudResult<SourceAuth> {
    SourceAuth::builder()
        .r#type(SourceAuthType::from(auth.kind.as_str()))
        .resource(auth.resource.as_str())
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

pub(super) fn sdk_source(source: &Source) -> CloudResult<ProjectSource> {
    ProjectSource::builder()
        .r#type(SourceType::from(source.kind.as_str()))
        .set_location(source.location.clone())
        .set_git_clone_depth((source.git_clone_depth > 0).then_some(source.git_clone_depth))
        .set_buildspec(source.buildspec.clone())
        .set_auth(source.auth.as_ref().map(sdk_auth).transpose()?)
        .set_report_build_status(source.report_build_status)
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

pub(super) fn sdk_artifacts(artifacts: &Artifacts) -> CloudResult<ProjectArtifacts> {
    let builder = ProjectArtifacts::builder().r#type(ArtifactsType::from(artifacts.kind.as_str()));
    builder.build().map_err(|e| invalid(OPERATION, &e))
}

pub(super) fn sdk_environment(environment: &Environment) -> CloudResult<ProjectEnvironment> {
    let variable = |variable: &Variable| {
        EnvironmentVariable::builder()
            .name(&variable.name)
            .value(&variable.value)
            .r#type(EnvironmentVariableType::from(variable.kind.as_str()))
            .build()
            .map_err(|e| invalid(OPERATION, &e))
    };
    let variables = environment
        .environment_variables
        .iter()
        .map(variable)
        .collect::<CloudResult<Vec<_>>>()?;
    ProjectEnvironment::builder()
        .r#type(EnvironmentType::from(environment.kind.as_str()))
        .image(&environment.image)
        .compute_type(ComputeType::from(environment.compute_type.as_str()))
        .privileged_mode(environment.privileged_mode)
        .set_environment_variables(Some(variables))
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

pub(super) fn sdk_logs(spec: &Spec) -> CloudResult<Option<LogsConfig>> {
    let Some(logs) = &spec.logs else {
        return Ok(None);
    };
    let config = CloudWatchLogsConfig::builder()
        .status(LogsConfigStatusType::Enabled)
        .group_name(&logs.group_name)
        .set_stream_name(logs.stream_name.clone())
        .build()
        .map_err(|e| invalid(OPERATION, &e))?;
    Ok(Some(LogsConfig::builder().cloud_watch_logs(config).build()))
}

pub(super) fn sdk_vpc(spec: &Spec) -> Option<VpcConfig> {
    let vpc = spec.vpc.as_ref()?;
    Some(
        VpcConfig::builder()
            .vpc_id(vpc.vpc_id.as_str())
            .set_subnets(Some(vpc.subnets.iter().map(ToString::to_string).collect()))
            .set_security_group_ids(Some(
                vpc.security_group_ids
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ))
            .build(),
    )
}

/// What an update sends: an empty configuration takes the project out of its VPC.
pub(super) fn new_vpc(spec: &Spec) -> VpcConfig {
    sdk_vpc(spec).unwrap_or_else(|| VpcConfig::builder().build())
}

pub(super) fn vpc(project: &Described) -> Option<Vpc> {
    let found = project.vpc_config()?;
    Some(Vpc {
        vpc_id: found.vpc_id().filter(|id| !id.is_empty())?.into(),
        subnets: found
            .subnets()
            .iter()
            .map(|id| id.as_str().into())
            .collect(),
        security_group_ids: found
            .security_group_ids()
            .iter()
            .map(|id| id.as_str().into())
            .collect(),
    })
}

pub(super) fn source(project: &Described) -> Source {
    let found = project.source();
    Source {
        kind: found
            .map(|source| source.r#type().as_str())
            .unwrap_or_default()
            .to_owned(),
        location: found
            .and_then(|source| source.location())
            .map(ToOwned::to_owned)
            .filter(|text| !text.is_empty()),
        git_clone_depth: found
            .and_then(|source| source.git_clone_depth())
            .unwrap_or_default(),
        buildspec: found
            .and_then(|source| source.buildspec())
            .map(ToOwned::to_owned),
        auth: found.and_then(|source| source.auth()).and_then(auth),
        report_build_status: found.and_then(|source| source.report_build_status()),
    }
}

/// An account's own credentials have no resource.
fn auth(found: &SourceAuth) -> Option<Auth> {
    Some(Auth {
        kind: found.r#type().as_str().to_owned(),
        resource: found.resource()?.into(),
    })
}

pub(super) fn artifacts(project: &Described) -> Artifacts {
    Artifacts {
        kind: project
            .artifacts()
            .map(|found| found.r#type().as_str())
            .unwrap_or_default()
            .to_owned(),
    }
}

pub(super) fn environment(project: &Described) -> Environment {
    let found = project.environment();
    let variable = |one: &EnvironmentVariable| Variable {
        name: one.name().to_owned(),
        value: one.value().to_owned(),
        kind: one
            .r#type()
            .map_or_else(super::project::plaintext, |kind| kind.as_str().to_owned()),
    };
    let variables = found
        .map(ProjectEnvironment::environment_variables)
        .unwrap_or_default();
    Environment {
        kind: found
            .map(|of| of.r#type().as_str())
            .unwrap_or_default()
            .to_owned(),
        image: found.map(|of| of.image()).unwrap_or_default().to_owned(),
        compute_type: found
            .map(|of| of.compute_type().as_str())
            .unwrap_or_default()
            .to_owned(),
        privileged_mode: found
            .and_then(ProjectEnvironment::privileged_mode)
            .unwrap_or_default(),
        environment_variables: variables.iter().map(variable).collect(),
    }
}

pub(super) fn logs(project: &Described) -> Option<Logs> {
    let found = project.logs_config()?.cloud_watch_logs()?;
    let found = Some(found).filter(|logs| *logs.status() == LogsConfigStatusType::Enabled)?;
    let group_name = found.group_name()?.to_owned();
    Some(Logs {
        group_name,
        stream_name: found.stream_name().map(ToOwned::to_owned),
    })
}
