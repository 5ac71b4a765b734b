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
use crate::common::{allow, join, permit, role, trust};
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
    service: &str,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let trust = trust(service, declare);
    let role = role(&format!("{address}.role"), name, description, trust, declare)?;
    let policy = permit(&format!("{address}.policy"), &role, statements, declare)?;
    Ok(Allowed { role, policy: policy.address().clone() })
}

/// Artefacts are read and written under the one key.
fn artifacts(base: &Base) -> [Value; 2] {
    let arn = base.artifacts.json(bucket::out::ARN);
    [
        allow(&["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], json!([join([arn, json!("/*")])])),
        allow(&["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"], base.key.json(key::out::ARN)),
    ]
}

fn logs(group: &Handle<LogGroup>) -> Value {
    let arn = group.json(log_group::out::ARN);
    allow(&["logs:CreateLogStream", "logs:PutLogEvents"], json!([join([arn, json!(":*")])]))
}

/// For builds of a service: its logs, its code, its images, and the artefacts.
pub(super) fn builder(
    service: &services::Parts,
    code: &Code,
    group: &Handle<LogGroup>,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let mut statements = vec![logs(group), code.permissions(false)];
    statements.extend(artifacts(base));
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
    let description = format!("Builds of {name}");
    made(
        &format!("{name}.build"),
        &format!("build-{name}"),
        &description,
        "codebuild.amazonaws.com",
        statements,
        declare,
    )
}

/// For checks of pull requests: code that nobody has reviewed may read itself and write a log, nothing else.
pub(super) fn checker(
    service: &services::Parts,
    code: &Code,
    group: &Handle<LogGroup>,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let decrypt = allow(&["kms:Decrypt", "kms:DescribeKey"], base.key.json(key::out::ARN));
    let statements = vec![logs(group), code.permissions(false), decrypt];
    let description = format!("Checks of pull requests of {name}");
    made(
        &format!("{name}.check"),
        &format!("check-{name}"),
        &description,
        "codebuild.amazonaws.com",
        statements,
        declare,
    )
}

/// For pipelines of a service: its code, its builds, and the artefacts.
pub(super) fn pipeline(
    service: &services::Parts,
    code: &Code,
    projects: &[Value],
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let bucket = base.artifacts.json(bucket::out::ARN);
    let mut statements = vec![
        code.permissions(true),
        allow(&["codebuild:BatchGetBuilds", "codebuild:StartBuild"], Value::from(projects.to_vec())),
        allow(&["s3:GetBucketLocation", "s3:GetBucketVersioning"], bucket),
    ];
    statements.extend(artifacts(base));
    let description = format!("Pipelines of {name}");
    made(
        &format!("{name}.pipeline"),
        &format!("pipeline-{name}"),
        &description,
        "codepipeline.amazonaws.com",
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
    made(&address, &role, &format!("Starts pipelines of {name}"), "events.amazonaws.com", starts, declare)
}

/// For the rule that starts checks of a service.
pub(super) fn checks_trigger(
    service: &services::Parts,
    starts: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Allowed> {
    let name = &service.name;
    let (address, role) = (format!("{name}.check-trigger"), format!("check-trigger-{name}"));
    made(&address, &role, &format!("Starts checks of {name}"), "events.amazonaws.com", starts, declare)
}
