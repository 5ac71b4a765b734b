//! The roles of builds, pipelines and triggers: each may do what it needs for its own service, and no more.

use platctl_aws::ecr::repository as ecr;
use platctl_aws::iam::role::Role;
use platctl_aws::kms::key;
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::s3::bucket;
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::Base;
use super::source::Code;
use crate::common::{allow, join, permit, role, trust, trust_of};
use crate::declare::{Checked, Declare};
use crate::services;

/// A role with the policy without which it is of no use.
pub(super) struct Allowed {
    pub(super) role: Handle<Role>,
    pub(super) policy: Address,
}

fn made(
    address: &str,
    name: &str,
    description: &str,
    trust: Value,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let role = role(
        &format!("{address}.role"),
        name,
        description,
        trust,
        declare,
    )?;
    let policy = permit(&format!("{address}.policy"), &role, statements, declare)?;
    Ok(Allowed {
        role,
        policy: policy.address().clone(),
    })
}

/// For builds of one project, and of no other that somebody hands its role to.
fn build_role(
    service: &services::Parts,
    project: &str,
    description: &str,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let source = declare.arn(
        "codebuild",
        &format!("project/{}", declare.name(&format!("{name}-{project}"))),
    );
    let trust = trust_of("codebuild.amazonaws.com", &source, declare);
    let (address, role) = (format!("{name}.{project}"), format!("{project}-{name}"));
    made(
        &address,
        &role,
        &format!("{description} of {name}"),
        trust,
        statements,
        declare,
    )
}

/// How much of its name a pipeline puts in front of its artefacts.
const PREFIX: usize = 20;

/// Where the artefacts of a pipeline are in their bucket.
fn prefix(pipeline: &str) -> String {
    match pipeline.get(..PREFIX).filter(|_| pipeline.len() > PREFIX) {
        Some(start) => format!("/{}*", start.trim_end_matches('-')),
        None => format!("/{pipeline}/*"),
    }
}

/// Artefacts of these pipelines are read, and written where that is said, under the one key.
fn artifacts(base: &Base, pipelines: &[String], write: bool) -> [Value; 2] {
    let mut prefixes: Vec<String> = pipelines.iter().map(|pipeline| prefix(pipeline)).collect();
    prefixes.dedup();
    let arn = base.artifacts.json(bucket::out::ARN);
    let objects: Vec<Value> = prefixes
        .into_iter()
        .map(|prefix| join([arn.clone(), prefix.into()]))
        .collect();
    let (objects_do, key_does): (&[&str], &[&str]) = if write {
        (
            &["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
            &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
        )
    } else {
        (
            &["s3:GetObject", "s3:GetObjectVersion"],
            &["kms:Decrypt", "kms:DescribeKey"],
        )
    };
    [
        allow(objects_do, objects),
        allow(key_does, base.key.json(key::out::ARN)),
    ]
}

fn logs(group: &Handle<LogGroup>) -> Value {
    let arn = group.json(log_group::out::ARN);
    allow(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        json!([join([arn, json!(":*")])]),
    )
}

/// For builds of a service: its logs, its images, and the artefacts of its pipelines. Its code comes as an artefact.
pub(super) fn builder(
    service: &services::Parts,
    pipelines: &[String],
    group: &Handle<LogGroup>,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let mut statements = vec![logs(group)];
    statements.extend(artifacts(base, pipelines, true));
    // A token for the registry is not of any one repository.
    statements.push(allow(&["ecr:GetAuthorizationToken"], "*"));
    statements.push(allow(
        &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:DescribeImages",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        service.repository.json(ecr::out::ARN),
    ));
    build_role(service, "build", "Builds", statements, declare)
}

/// For releases of a service: an image that is there gets one more tag. No layer can be written.
pub(super) fn releaser(
    service: &services::Parts,
    pipelines: &[String],
    group: &Handle<LogGroup>,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let mut statements = vec![logs(group)];
    statements.extend(artifacts(base, pipelines, false));
    statements.push(allow(
        &["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"],
        service.repository.json(ecr::out::ARN),
    ));
    build_role(service, "release", "Releases", statements, declare)
}

/// For checks of pull requests: code that nobody has reviewed may read itself and write a log, nothing else.
pub(super) fn checker(
    service: &services::Parts,
    code: &Code,
    group: &Handle<LogGroup>,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let decrypt = allow(
        &["kms:Decrypt", "kms:DescribeKey"],
        base.key.json(key::out::ARN),
    );
    let statements = vec![logs(group), code.permissions(false), decrypt];
    build_role(
        service,
        "check",
        "Checks of pull requests",
        statements,
        declare,
    )
}

/// For the workflow of pull requests: code that nobody has reviewed may read the images that its service has.
pub(super) fn workflow(
    service: &services::Parts,
    trust: Value,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let statements = vec![
        // A token for the registry is not of any one repository.
        allow(&["ecr:GetAuthorizationToken"], "*"),
        allow(
            &[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            service.repository.json(ecr::out::ARN),
        ),
    ];
    made(
        &format!("{name}.workflow-role"),
        &format!("workflow-{name}"),
        &format!("Checks of pull requests of {name} by GitHub Actions"),
        trust,
        statements,
        declare,
    )
}

/// For pipelines of a service: its code, its builds, and the artefacts.
pub(super) fn pipeline(
    service: &services::Parts,
    code: &Code,
    (projects, pipelines): (&[Value], &[String]),
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let bucket = base.artifacts.json(bucket::out::ARN);
    let mut statements = vec![
        code.permissions(true),
        allow(
            &["codebuild:BatchGetBuilds", "codebuild:StartBuild"],
            Value::from(projects.to_vec()),
        ),
        allow(&["s3:GetBucketLocation", "s3:GetBucketVersioning"], bucket),
    ];
    statements.extend(artifacts(base, pipelines, true));
    let description = format!("Pipelines of {name}");
    let trust = trust("codepipeline.amazonaws.com", declare);
    made(
        &format!("{name}.pipeline"),
        &format!("pipeline-{name}"),
        &description,
        trust,
        statements,
        declare,
    )
}

/// For the rules that start pipelines of a service.
pub(super) fn trigger(
    service: &services::Parts,
    starts: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let (address, role) = (format!("{name}.trigger"), format!("trigger-{name}"));
    let trust = trust("events.amazonaws.com", declare);
    made(
        &address,
        &role,
        &format!("Starts pipelines of {name}"),
        trust,
        starts,
        declare,
    )
}

/// For the rule that starts checks of a service.
pub(super) fn checks_trigger(
    service: &services::Parts,
    starts: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let (address, role) = (
        format!("{name}.check-trigger"),
        format!("check-trigger-{name}"),
    );
    let trust = trust("events.amazonaws.com", declare);
    made(
        &address,
        &role,
        &format!("Starts checks of {name}"),
        trust,
        starts,
        declare,
    )
}
