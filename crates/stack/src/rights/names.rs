//! ARNs of what a stack file names. A name that contains the name of the stack counts with everything that begins in
//! the same way, because a policy has to be short, and because the next version of the stack file can have more.

use std::collections::BTreeSet;

use platctl_engine::graph::Node;
use serde_json::Value;

use super::Subject;

/// The service of the actions, the kind, the field with the name, and the ends of the ARNs: `{}` is the name, `R` the
/// region and `A` the account.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        "cloudwatch",
        "cloudwatch.Dashboard",
        "dashboard_name",
        &["cloudwatch::A:dashboard/{}"],
    ),
    (
        "cloudwatch",
        "cloudwatch.MetricAlarm",
        "alarm_name",
        &["cloudwatch:R:A:alarm:{}"],
    ),
    (
        "codebuild",
        "codebuild.Project",
        "name",
        &["codebuild:R:A:project/{}"],
    ),
    (
        "codecommit",
        "codecommit.Repository",
        "repository_name",
        &["codecommit:R:A:{}"],
    ),
    (
        "codecommit",
        "codecommit.Files",
        "repository_name",
        &["codecommit:R:A:{}"],
    ),
    (
        "codepipeline",
        "codepipeline.Pipeline",
        "name",
        &["codepipeline:R:A:{}"],
    ),
    (
        "ecr",
        "ecr.LifecyclePolicy",
        "repository_name",
        &["ecr:R:A:repository/{}"],
    ),
    (
        "ecr",
        "ecr.Repository",
        "repository_name",
        &["ecr:R:A:repository/{}"],
    ),
    // Node groups, add-ons, access entries and all else that is in a cluster have its name after their type.
    (
        "eks",
        "eks.AccessEntry",
        "cluster_name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "eks",
        "eks.Addon",
        "cluster_name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "eks",
        "eks.Cluster",
        "name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "eks",
        "eks.FargateProfile",
        "cluster_name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "eks",
        "eks.NodeGroup",
        "cluster_name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "eks",
        "eks.PodIdentityAssociation",
        "cluster_name",
        &["eks:R:A:cluster/{}", "eks:R:A:*/{}/*"],
    ),
    (
        "elasticache",
        "elasticache.ParameterGroup",
        "cache_parameter_group_name",
        &["elasticache:R:A:parametergroup:{}"],
    ),
    (
        "elasticache",
        "elasticache.ReplicationGroup",
        "replication_group_id",
        &[
            "elasticache:R:A:replicationgroup:{}",
            "elasticache:R:A:cluster:{}*",
            "elasticache:R:A:snapshot:{}*",
            "elasticache:R:A:parametergroup:default.*",
        ],
    ),
    (
        "elasticache",
        "elasticache.SubnetGroup",
        "cache_subnet_group_name",
        &["elasticache:R:A:subnetgroup:{}"],
    ),
    (
        "elasticloadbalancing",
        "elbv2.LoadBalancer",
        "name",
        &[
            "elasticloadbalancing:R:A:loadbalancer/*/{}/*",
            "elasticloadbalancing:R:A:listener*/*/{}/*",
        ],
    ),
    (
        "elasticloadbalancing",
        "elbv2.TargetGroup",
        "name",
        &["elasticloadbalancing:R:A:targetgroup/{}/*"],
    ),
    ("events", "events.Rule", "name", &["events:R:A:rule/{}"]),
    (
        "iam",
        "iam.InstanceProfile",
        "instance_profile_name",
        &["iam::A:instance-profile/{}"],
    ),
    (
        "iam",
        "iam.ManagedPolicy",
        "policy_name",
        &["iam::A:policy/{}"],
    ),
    ("iam", "iam.OidcProvider", "", &["iam::A:oidc-provider/*"]),
    (
        "iam",
        "iam.PolicyAttachment",
        "role_name",
        &["iam::A:role/{}"],
    ),
    ("iam", "iam.Role", "role_name", &["iam::A:role/{}"]),
    ("iam", "iam.RolePolicy", "role_name", &["iam::A:role/{}"]),
    (
        "iam",
        "iam.ServiceLinkedRole",
        "",
        &["iam::A:role/aws-service-role/*"],
    ),
    (
        "iam",
        "iam.ServiceSpecificCredential",
        "user_name",
        &["iam::A:user/{}"],
    ),
    (
        "iam",
        "iam.SharedOidcProvider",
        "",
        &["iam::A:oidc-provider/*"],
    ),
    ("iam", "iam.User", "user_name", &["iam::A:user/{}"]),
    ("iam", "iam.UserPolicy", "user_name", &["iam::A:user/{}"]),
    ("kms", "kms.Alias", "alias_name", &["kms:R:A:{}"]),
    ("logs", "logs.Delivery", "", &["logs:R:A:delivery:*"]),
    (
        "logs",
        "logs.DeliveryDestination",
        "name",
        &["logs:R:A:delivery-destination:{}"],
    ),
    (
        "logs",
        "logs.DeliverySource",
        "name",
        &["logs:R:A:delivery-source:{}"],
    ),
    (
        "logs",
        "logs.LogGroup",
        "log_group_name",
        &["logs:R:A:log-group:{}", "logs:R:A:log-group:{}:*"],
    ),
    (
        "rds",
        "rds.DbCluster",
        "db_cluster_identifier",
        &[
            "rds:R:A:cluster:{}",
            "rds:R:A:cluster-snapshot:{}*",
            "rds:R:A:og:default:*",
            "rds:R:A:*pg:default.*",
        ],
    ),
    (
        "rds",
        "rds.DbCluster",
        "final_snapshot_identifier",
        &["rds:R:A:cluster-snapshot:{}*"],
    ),
    (
        "rds",
        "rds.DbCluster",
        "snapshot_identifier",
        &["rds:R:A:cluster-snapshot:{}"],
    ),
    (
        "rds",
        "rds.DbClusterParameterGroup",
        "db_cluster_parameter_group_name",
        &["rds:R:A:cluster-pg:{}"],
    ),
    (
        "rds",
        "rds.DbClusterSnapshot",
        "db_cluster_snapshot_identifier",
        &["rds:R:A:cluster-snapshot:{}"],
    ),
    (
        "rds",
        "rds.DbInstance",
        "db_instance_identifier",
        &["rds:R:A:db:{}"],
    ),
    (
        "rds",
        "rds.DbParameterGroup",
        "db_parameter_group_name",
        &["rds:R:A:pg:{}"],
    ),
    (
        "rds",
        "rds.DbSubnetGroup",
        "db_subnet_group_name",
        &["rds:R:A:subgrp:{}"],
    ),
    (
        "rds",
        "rds.EventSubscription",
        "subscription_name",
        &["rds:R:A:es:{}"],
    ),
    (
        "rds",
        "rds.GlobalCluster",
        "global_cluster_identifier",
        &["rds::A:global-cluster:{}"],
    ),
    ("s3", "s3.Bucket", "bucket", &["s3:::{}", "s3:::{}/*"]),
    (
        "secretsmanager",
        "secretsmanager.Secret",
        "name",
        &["secretsmanager:R:A:secret:{}-*"],
    ),
    ("sns", "sns.Topic", "name", &["sns:R:A:{}"]),
    ("sqs", "sqs.Queue", "queue_name", &["sqs:R:A:{}"]),
    ("ssm", "ssm.Parameter", "name", &["ssm:R:A:parameter/{}"]),
    // A web ACL is associated with a load balancer: AWS WAF asks for both.
    (
        "wafv2",
        "elbv2.LoadBalancer",
        "name",
        &["elasticloadbalancing:R:A:loadbalancer/*/{}/*"],
    ),
    (
        "wafv2",
        "wafv2.WebAcl",
        "name",
        &["wafv2:R:A:*/webacl/{}/*", "wafv2:R:A:*/managedruleset/*/*"],
    ),
];

/// The ARNs of all that the stack names in a service.
pub(super) fn arns(subject: &Subject<'_>, service: &str) -> BTreeSet<String> {
    let mut arns = BTreeSet::new();
    for row in ROWS.iter().filter(|row| row.0 == service) {
        for node in subject.nodes.iter().filter(|node| node.kind == row.1) {
            if let Some(name) = name(subject.stack, node, row.2) {
                let ends = row.3.iter();
                arns.extend(ends.map(|end| filled(end, &name, &node.scope, subject)));
            }
        }
    }
    arns.extend(beyond(subject, service));
    arns.extend(stated(subject.nodes, service));
    without_covered(arns)
}

/// What the name is, or how all names of the stack begin. None where it is a reference: it is the name of another
/// resource then.
fn name(stack: &str, node: &Node, field: &str) -> Option<String> {
    if field.is_empty() {
        return Some("*".to_owned());
    }
    let text = node.spec.get(field)?.as_str()?;
    if text.starts_with("arn:") {
        return None;
    }
    let path = match node.spec.get("path").and_then(Value::as_str) {
        Some(path) if node.kind.starts_with("iam.") => path.trim_start_matches('/'),
        _ => "",
    };
    let named = beginning(stack, text);
    // The ARN of a parameter has one slash before its name, which may begin with it.
    let named = match node.kind.as_str() {
        "ssm.Parameter" => named.trim_start_matches('/'),
        _ => named.as_str(),
    };
    Some(format!("{path}{named}"))
}

/// `/platctl/prod/flow-logs` of the stack `prod` is `/platctl/prod/*`; `shared` is itself.
fn beginning(stack: &str, text: &str) -> String {
    for (at, found) in text.match_indices(stack) {
        let (before, rest) = text.split_at(at);
        let begins = !before.ends_with(|c: char| c.is_ascii_alphanumeric());
        let after = rest
            .strip_prefix(found)
            .and_then(|rest| rest.chars().next());
        if let Some(mark) = after.filter(|c| begins && "-/_.".contains(*c)) {
            return format!("{before}{found}{mark}*");
        }
    }
    text.to_owned()
}

fn filled(end: &str, name: &str, region: &str, subject: &Subject<'_>) -> String {
    let context = subject.context;
    let end = end
        .replace(":R:", &format!(":{region}:"))
        .replace(":A:", &format!(":{}:", context.account))
        .replace("{}", name)
        .replace("**", "*");
    format!("arn:{}:{end}", context.partition)
}

/// What a run reads or uses and the stack file does not name: secrets that AWS makes for databases, and sessions
/// through nodes.
fn beyond(subject: &Subject<'_>, service: &str) -> Vec<String> {
    let has = |kind: &str| subject.nodes.iter().any(|node| node.kind == kind);
    let region = &subject.context.region;
    let mut ends = Vec::new();
    if service == "ssm" && has("eks.Cluster") {
        ends.push(format!(
            "ssm:{region}::document/AWS-StartPortForwardingSession*"
        ));
        ends.push("ec2:R:A:instance/*".to_owned());
    }
    if service == "secretsmanager" && has("rds.DbCluster") {
        ends.push("secretsmanager:R:A:secret:rds!cluster-*".to_owned());
    }
    ends.iter()
        .map(|end| filled(end, "", region, subject))
        .collect()
}

/// ARNs of this service that fields of resources state, such as the secret with the credential of a host.
fn stated(nodes: &[Node], service: &str) -> BTreeSet<String> {
    let of_service = |text: &&str| {
        text.starts_with("arn:") && text.split(':').nth(2) == Some(service) && !text.contains('*')
    };
    let fields = nodes.iter().filter_map(|node| node.spec.as_object());
    let texts = fields.flat_map(|fields| fields.values().filter_map(Value::as_str));
    texts.filter(of_service).map(ToOwned::to_owned).collect()
}

/// Without those that another one covers, as far as that one ends with its only asterisk.
fn without_covered(arns: BTreeSet<String>) -> BTreeSet<String> {
    let beginnings: Vec<String> = arns
        .iter()
        .filter_map(|arn| arn.strip_suffix('*'))
        .filter(|beginning| !beginning.contains('*'))
        .map(ToOwned::to_owned)
        .collect();
    let covered = |arn: &String| {
        beginnings
            .iter()
            .any(|beginning| arn.starts_with(beginning.as_str()) && *arn != format!("{beginning}*"))
    };
    arns.iter().filter(|arn| !covered(arn)).cloned().collect()
}
