//! The way into a cluster whose API server can be reached from within the VPC only: builds in its private subnets,
//! which run platctl itself.

use std::collections::BTreeSet;

use platctl_aws::codebuild::project::{self, Project};
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::vpc;
use platctl_aws::eks::access_entry::{self, AccessEntry};
use platctl_aws::eks::cluster;
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::reach::{bucket_name, project_name};
use platctl_aws::s3::bucket::{self, Bucket};
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_engine::{Address, Declared, Handle};
use serde_json::{Value, json};

use super::{Base, cluster_name};
use crate::common::{
    Peer, Rule, allow, encrypted, join, log_group, permit, role, rule, security_group, subnet_ids,
    tls_only, trust_of, versioned_bucket,
};
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
fn expire(id: &str, days: i32) -> LifecycleRule {
    LifecycleRule {
        prefix: format!("{id}/"),
        noncurrent_version_expiration_days: Some(days),
        abort_incomplete_multipart_upload_days: None,
        ..LifecycleRule::expire(id, Some(days))
    }
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
    // What is in use is put back by the next run.
    let rules = vec![
        expire("platctl", 30),
        expire("tasks", 7),
        expire("manifests", 7),
        expire("outcomes", 7),
        LifecycleRule {
            expiration_days: None,
            ..expire("sets", 30)
        },
    ];
    let mut spec = versioned_bucket("runner.bucket", name, policy, rules, declare);
    spec.encryption = Some(encrypted(key));
    spec.logging = Some(declare.access_logs("runner"));
    spec.force_destroy = true;
    declare.add("runner.bucket", &spec)
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
    let from_builds = Rule {
        address: "runner.ingress",
        protocol: "tcp",
        ports: Some((443, 443)),
        peer: Peer::Group(group.get(security_group::out::GROUP_ID)),
        description: "The API server, from the builds of platctl",
    };
    let of_cluster = cluster::out::CLUSTER_SECURITY_GROUP_ID;
    let rule = rule(base.cluster.cluster.get(of_cluster), from_builds, declare)?;
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
    let source = declare.arn(
        "codebuild",
        &format!("project/{}", project_name(&base.cluster.name)),
    );
    let trust = trust_of("codebuild.amazonaws.com", &source, declare);
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
    let spec = access_entry::Spec {
        cluster_name: cluster_name(base.cluster),
        principal_arn: role.get(role::out::ARN),
        kind: None,
        kubernetes_groups: None,
        username: None,
        // platctl gives it one while a build of its own runs. What is left by a run that was cut off is drift.
        access_policies: BTreeSet::new(),
        tags: declare.tags("runner.access"),
    };
    let access: Handle<AccessEntry> = declare.add("runner.access", &spec)?;
    let spec = build(base, &bucket, &role, key, (&group, &logs), declare)?;
    let project: Handle<Project> =
        declare.add_after("runner.project", &spec, &[policy.address()])?;
    Ok(vec![
        project.address().clone(),
        access.address().clone(),
        rule,
    ])
}

/// The builds themselves, in the private subnets.
fn build(
    base: &Base<'_>,
    bucket: &Handle<Bucket>,
    role: &Handle<Role>,
    key: &Handle<Key>,
    (group, logs): (&Handle<SecurityGroup>, &Handle<LogGroup>),
    declare: &Declare<'_>,
) -> Checked<project::Spec<Declared>> {
    Ok(project::Spec {
        name: project_name(&base.cluster.name),
        description: "Does platctl's work within the cluster".to_owned(),
        source: project::Source {
            buildspec: Some(include_str!("runner.yml").to_owned()),
            ..project::Source::of("NO_SOURCE")
        },
        artifacts: project::Artifacts {
            kind: "NO_ARTIFACTS".to_owned(),
        },
        environment: project::Environment {
            kind: "LINUX_CONTAINER".to_owned(),
            image: "aws/codebuild/amazonlinux-x86_64-standard:5.0".to_owned(),
            compute_type: "BUILD_GENERAL1_SMALL".to_owned(),
            privileged_mode: false,
            environment_variables: vec![project::Variable::plain(
                "BUCKET",
                bucket.get(bucket::out::BUCKET).cast(),
            )],
        },
        service_role: role.get(role::out::ARN),
        encryption_key: Some(key.get(key::out::ARN)),
        timeout_in_minutes: 30,
        vpc: Some(project::Vpc {
            vpc_id: base.network.vpc.get(vpc::out::VPC_ID),
            subnets: subnet_ids(&base.network.private, declare)?,
            security_group_ids: declare.set([group.get(security_group::out::GROUP_ID)])?,
        }),
        logs: Some(project::Logs {
            group_name: logs.get(log_group::out::LOG_GROUP_NAME).cast(),
            stream_name: Some("runner".to_owned()),
        }),
        tags: declare.tags("runner.project"),
    })
}
