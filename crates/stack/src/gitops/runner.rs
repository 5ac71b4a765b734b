//! The way into a cluster whose API server can be reached from within the VPC only: builds in its private subnets,
//! which run platctl itself.

use platctl_aws::codebuild::project::Project;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::security_group_rule::SecurityGroupRule;
use platctl_aws::ec2::vpc;
use platctl_aws::eks::access_entry::AccessEntry;
use platctl_aws::eks::cluster;
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group;
use platctl_aws::reach::{bucket_name, project_name};
use platctl_aws::s3::bucket::{self, Bucket};
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::{Base, cluster_name, tls_only};
use crate::common::{allow, ids, join, log_group, permit, role, security_group, trust_of};
use crate::declare::{Checked, Declare};

/// The log group of its builds.
pub(super) fn log_group_name(declare: &Declare<'_>) -> String {
    format!("/platctl/{}/runner", declare.stack())
}

/// Nothing in the clear; builds, and nobody else, write what came of a task, and builds write nothing else.
fn bucket_policy(name: &str, role: &Handle<Role>, declare: &Declare<'_>) -> Value {
    let outcomes = format!("arn:{}:s3:::{name}/outcomes/*", declare.context().partition);
    let role = role.json(role::out::ARN);
    let mut policy = tls_only(name, declare);
    if let Some(statements) = policy.get_mut("Statement").and_then(Value::as_array_mut) {
        statements.push(json!({
            "Sid": "OutcomesByBuildsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": outcomes, "Condition": {"ArnNotEquals": {"aws:PrincipalArn": role}},
        }));
        statements.push(json!({
            "Sid": "BuildsWriteOutcomesOnly", "Effect": "Deny", "Principal": "*",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
            "NotResource": outcomes, "Condition": {"ArnEquals": {"aws:PrincipalArn": role}},
        }));
    }
    policy
}

/// Gone after some days; versions that were written over, too, which tell who wrote what.
fn expire(id: &str, days: u32) -> Value {
    json!({
        "id": id, "prefix": format!("{id}/"), "expiration_days": days,
        "noncurrent_version_expiration_days": days,
    })
}

fn bucket(
    base: &Base<'_>,
    key: &Handle<Key>,
    role: &Handle<Role>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Bucket>> {
    let context = declare.context();
    let name = bucket_name(&base.cluster.name, &context.account, &context.region);
    let policy = bucket_policy(&name, role, declare);
    declare.make(
        "runner.bucket",
        json!({
            "bucket": name,
            "versioning": true,
            "encryption": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.json(key::out::ARN)},
            // What is in use is put back by the next run.
            "lifecycle_rules": [
                expire("platctl", 30), expire("tasks", 7), expire("manifests", 7), expire("outcomes", 7),
                {"id": "sets", "prefix": "sets/", "noncurrent_version_expiration_days": 30},
            ],
            "policy": policy,
            "logging": declare.access_logs("runner"),
            "force_destroy": true,
        }),
    )
}

/// What CodeBuild needs to put a build into a VPC, in AWS's own words.
fn network(base: &Base<'_>, declare: &Declare<'_>) -> Vec<Value> {
    let subnets: Vec<Value> = base
        .network
        .private
        .iter()
        .map(|subnet| {
            let id = subnet.json(platctl_aws::ec2::subnet::out::SUBNET_ID);
            join([declare.arn("ec2", "subnet/").into(), id])
        })
        .collect();
    vec![
        allow(
            &[
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            "*",
        ),
        json!({
            "Effect": "Allow",
            "Action": ["ec2:CreateNetworkInterfacePermission"],
            "Resource": declare.arn("ec2", "network-interface/*"),
            "Condition": {
                "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
                "ArnEquals": {"ec2:Subnet": subnets},
            },
        }),
    ]
}

fn permissions(
    base: &Base<'_>,
    bucket: &Handle<Bucket>,
    key: &Handle<Key>,
    secrets: &[Value],
    group: &Value,
    declare: &Declare<'_>,
) -> Vec<Value> {
    let below = |prefix: &str| join([bucket.json(bucket::out::ARN), format!("/{prefix}/*").into()]);
    let cluster = declare.arn("eks", &format!("cluster/{}", base.cluster.name));
    let mut statements = vec![
        allow(
            &["s3:GetObject"],
            ["platctl", "tasks", "manifests"].map(below),
        ),
        allow(&["s3:PutObject"], below("outcomes")),
        allow(
            &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
            key.json(key::out::ARN),
        ),
        allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            join([group.clone(), ":*".into()]),
        ),
        allow(&["eks:DescribeCluster"], cluster),
        allow(&["secretsmanager:GetSecretValue"], secrets.to_vec()),
    ];
    statements.extend(network(base, declare));
    statements
}

/// The builds' security group, and the API server's rule that lets it in.
fn security(
    base: &Base<'_>,
    declare: &mut Declare<'_>,
) -> Checked<(Handle<SecurityGroup>, Address)> {
    let group = security_group(
        "runner.group",
        base.network,
        "Builds that speak to the cluster",
        true,
        declare,
    )?;
    let rule: Handle<SecurityGroupRule> = declare.make(
        "runner.ingress",
        json!({
            "group_id": base.cluster.cluster.json(cluster::out::CLUSTER_SECURITY_GROUP_ID),
            "direction": "ingress",
            "ip_protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "referenced_group_id": group.json(security_group::out::GROUP_ID),
            "description": "The API server, from the builds of platctl",
        }),
    )?;
    Ok((group, rule.address().clone()))
}

/// Declares all of it; answers what has to be there before a build is started.
pub(super) fn declare(
    base: &Base<'_>,
    key: &Handle<Key>,
    secrets: &[Value],
    declare: &mut Declare<'_>,
) -> Checked<Vec<Address>> {
    let days = declare.log_days(30);
    let logs = log_group(
        "runner.log_group",
        &log_group_name(declare),
        days,
        key,
        declare,
    )?;
    let project = declare.arn(
        "codebuild",
        &format!("project/{}", project_name(&base.cluster.name)),
    );
    let trust = trust_of("codebuild.amazonaws.com", &project, declare);
    let role = role(
        "runner.role",
        "runner",
        "Builds that speak to the cluster",
        trust,
        declare,
    )?;
    let bucket = bucket(base, key, &role, declare)?;
    let group_arn = logs.json(log_group::out::ARN);
    let statements = permissions(base, &bucket, key, secrets, &group_arn, declare);
    let policy = permit("runner.policy", &role, statements, declare)?;
    let (group, rule) = security(base, declare)?;
    let access: Handle<AccessEntry> = declare.make(
        "runner.access",
        json!({
            "cluster_name": cluster_name(base.cluster),
            "principal_arn": role.json(role::out::ARN),
            // platctl gives it one while a build of its own runs. What is left by a run that was cut off is drift.
            "access_policies": [],
        }),
    )?;
    let project: Handle<Project> = declare.make_after(
        "runner.project",
        json!({
            "name": project_name(&base.cluster.name),
            "description": "Does platctl's work within the cluster",
            "source": {"type": "NO_SOURCE", "buildspec": include_str!("runner.yml")},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "compute_type": "BUILD_GENERAL1_SMALL",
                "environment_variables": [{"name": "BUCKET", "value": bucket.json(bucket::out::BUCKET)}],
            },
            "service_role": role.json(role::out::ARN),
            "encryption_key": key.json(key::out::ARN),
            "timeout_in_minutes": 30,
            "vpc": {
                "vpc_id": base.network.vpc.json(vpc::out::VPC_ID),
                "subnets": ids(&base.network.private),
                "security_group_ids": [group.json(security_group::out::GROUP_ID)],
            },
            "logs": {"group_name": logs.json(log_group::out::LOG_GROUP_NAME), "stream_name": "runner"},
        }),
        &[policy.address()],
    )?;
    Ok(vec![
        project.address().clone(),
        access.address().clone(),
        rule,
    ])
}
