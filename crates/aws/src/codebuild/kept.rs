//! What an update of a project keeps: AWS takes each part whole, and a part can say more than a spec.

use aws_sdk_codebuild::operation::update_project::builders::UpdateProjectFluentBuilder;
use aws_sdk_codebuild::types::{
    ArtifactsType, CacheType, ImagePullCredentialsType, LogsConfigStatusType, Project as Described,
    ProjectArtifacts, ProjectEnvironment, ProjectSource, ProjectVisibilityType,
};
use platctl_engine::{Changes, CloudResult};

use super::project::Spec;
use super::project_parts::{sdk_artifacts, sdk_environment, sdk_logs, sdk_source};
use crate::unmanaged::{settings, some};

/// How long a build is queued, in minutes, where nobody says anything else.
const QUEUED: i32 = 480;

/// Sets the parts that change: each as it is now, with what is stated of it.
pub(super) fn parts(
    mut call: UpdateProjectFluentBuilder,
    now: Described,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<UpdateProjectFluentBuilder> {
    if changes.touch("/source") {
        call = call.source(source(now.source, sdk_source(&spec.source)?));
    }
    if changes.touch("/artifacts") {
        call = call.artifacts(artifacts(now.artifacts, sdk_artifacts(&spec.artifacts)?));
    }
    if changes.touch("/environment") {
        call = call.environment(environment(
            now.environment,
            sdk_environment(&spec.environment)?,
        ));
    }
    if changes.touch("/logs") {
        let mut logs = now.logs_config;
        if let (Some(logs), Some(new)) = (&mut logs, sdk_logs(spec)?) {
            logs.cloud_watch_logs = new.cloud_watch_logs;
        } else {
            logs = sdk_logs(spec)?;
        }
        call = call.set_logs_config(logs);
    }
    Ok(call)
}

/// Logins and reports belong to the type of source that they were set for.
fn source(now: Option<ProjectSource>, new: ProjectSource) -> ProjectSource {
    let Some(mut sent) = now.filter(|now| now.r#type == new.r#type) else {
        return new;
    };
    sent.location = new.location;
    sent.git_clone_depth = new.git_clone_depth;
    sent.buildspec = new.buildspec;
    sent.auth = new.auth.or(sent.auth);
    sent.report_build_status = new.report_build_status.or(sent.report_build_status);
    sent
}

fn artifacts(now: Option<ProjectArtifacts>, new: ProjectArtifacts) -> ProjectArtifacts {
    now.filter(|now| now.r#type == new.r#type).unwrap_or(new)
}

fn environment(now: Option<ProjectEnvironment>, new: ProjectEnvironment) -> ProjectEnvironment {
    let Some(mut sent) = now else { return new };
    sent.r#type = new.r#type;
    sent.image = new.image;
    sent.compute_type = new.compute_type;
    sent.privileged_mode = new.privileged_mode;
    sent.environment_variables = new.environment_variables;
    sent
}

/// What is set on a project and cannot be said in a spec.
pub(super) fn unmanaged(project: &Described) -> Vec<String> {
    let cached = project
        .cache()
        .is_some_and(|cache| *cache.r#type() != CacheType::NoCache);
    let queued = project
        .queued_timeout_in_minutes()
        .is_some_and(|minutes| minutes != QUEUED);
    let public = project.project_visibility() == Some(&ProjectVisibilityType::PublicRead);
    let mut all = project.source().map(of_source).unwrap_or_default();
    all.extend(
        project
            .environment()
            .map(of_environment)
            .unwrap_or_default(),
    );
    let s3 = project.logs_config().and_then(|logs| logs.s3_logs());
    all.extend(settings([
        (
            "S3 artifacts",
            project
                .artifacts()
                .is_some_and(|one| *one.r#type() == ArtifactsType::S3),
        ),
        (
            "S3 logs",
            s3.is_some_and(|logs| *logs.status() == LogsConfigStatusType::Enabled),
        ),
        ("secondary sources", some(project.secondary_sources())),
        (
            "source version",
            project
                .source_version()
                .is_some_and(|version| !version.is_empty()),
        ),
        ("secondary artifacts", some(project.secondary_artifacts())),
        ("cache", cached),
        ("file systems", some(project.file_system_locations())),
        ("batch builds", project.build_batch_config().is_some()),
        (
            "concurrent build limit",
            project.concurrent_build_limit().is_some(),
        ),
        ("queued timeout", queued),
        (
            "automatic retries",
            project.auto_retry_limit().is_some_and(|limit| limit > 0),
        ),
        (
            "badge",
            project.badge().is_some_and(|badge| badge.badge_enabled()),
        ),
        ("public builds", public),
    ]));
    all
}

fn of_source(source: &ProjectSource) -> Vec<String> {
    let submodules = source
        .git_submodules_config()
        .is_some_and(|config| config.fetch_submodules());
    // Those of the whole account, which have no resource: a spec can name one only.
    let of_account = source.auth().is_some_and(|auth| auth.resource().is_none());
    settings([
        ("source credentials", of_account),
        ("Git submodules", submodules),
        (
            "build status settings",
            source.build_status_config().is_some(),
        ),
        ("insecure SSL", source.insecure_ssl() == Some(true)),
    ])
}

fn of_environment(environment: &ProjectEnvironment) -> Vec<String> {
    let pulls = environment.image_pull_credentials_type();
    settings([
        (
            "image pulled by the service role",
            pulls == Some(&ImagePullCredentialsType::ServiceRole),
        ),
        (
            "image credentials",
            environment.registry_credential().is_some(),
        ),
        (
            "certificate",
            environment
                .certificate()
                .is_some_and(|text| !text.is_empty()),
        ),
        ("fleet", environment.fleet().is_some()),
        (
            "compute settings",
            environment.compute_configuration().is_some(),
        ),
        ("Docker server", environment.docker_server().is_some()),
        ("host kernel", environment.host_kernel().is_some()),
    ])
}
