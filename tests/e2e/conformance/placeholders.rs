//! The things that examples refer to by made-up names, and which kinds make the real ones.

use platctl_aws::registry::samples;
use platctl_engine::Facts;
use platctl_engine::fields::Fact;
use serde_json::{Map, Value, json};

use super::set;

/// A text in an example, the kind and output that stand for it, and how that resource differs from its
/// kind's example.
struct Placeholder {
    text: &'static str,
    kind: &'static str,
    output: &'static str,
    /// Resources of one kind that differ have different names.
    name: &'static str,
    /// Paths and JSON values.
    changes: &'static [(&'static str, &'static str)],
}

const fn one(
    text: &'static str,
    kind: &'static str,
    output: &'static str,
    name: &'static str,
    changes: &'static [(&'static str, &'static str)],
) -> Placeholder {
    Placeholder {
        text,
        kind,
        output,
        name,
        changes,
    }
}

/// A text that contains another one stands before it.
const PLACEHOLDERS: &[Placeholder] = &[
    one(
        "arn:aws:iam::123456789012:role/services-example",
        "iam.Role",
        "arn",
        "service_role",
        &[
            ("/role_name", r#""services-example""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["backup.amazonaws.com", "codebuild.amazonaws.com", "codepipeline.amazonaws.com", "monitoring.rds.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "arn:aws:iam::123456789012:role/others-example",
        "iam.Role",
        "arn",
        "service_role_1",
        &[
            ("/role_name", r#""others-example""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["backup.amazonaws.com", "codebuild.amazonaws.com", "codepipeline.amazonaws.com", "monitoring.rds.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "db-cluster-parameters-example",
        "rds.DbClusterParameterGroup",
        "db_cluster_parameter_group_name",
        "cluster_parameters",
        &[],
    ),
    one(
        "db-instance-parameters-example",
        "rds.DbParameterGroup",
        "db_parameter_group_name",
        "instance_parameters",
        &[],
    ),
    one(
        "db-subnets-example",
        "rds.DbSubnetGroup",
        "db_subnet_group_name",
        "db_subnets",
        &[],
    ),
    one(
        "cache-parameters-example",
        "elasticache.ParameterGroup",
        "cache_parameter_group_name",
        "cache_parameters",
        &[],
    ),
    one(
        "cache-subnets-example",
        "elasticache.SubnetGroup",
        "cache_subnet_group_name",
        "cache_subnets",
        &[],
    ),
    one(
        "arn:aws:rds:eu-west-1:123456789012:cluster:example",
        "rds.DbCluster",
        "arn",
        "db_cluster",
        &[],
    ),
    one(
        "example-db-cluster",
        "rds.DbCluster",
        "db_cluster_identifier",
        "db_cluster",
        &[],
    ),
    one(
        "example-scalable-target",
        "applicationautoscaling.ScalableTarget",
        "resource_id",
        "scalable_target",
        &[],
    ),
    one(
        "arn:aws:sns:eu-west-1:123456789012:example",
        "sns.Topic",
        "arn",
        "topic",
        &[(
            "/policy",
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.rds.amazonaws.com"}, "Action": "sns:Publish", "Resource": "arn:aws:sns:eu-west-1:123456789012:example"}]}"#,
        )],
    ),
    one(
        "arn:aws:sqs:eu-west-1:123456789012:example-dead",
        "sqs.Queue",
        "arn",
        "dead_letters",
        &[("/queue_name", r#""example-dead""#)],
    ),
    one(
        "example-vault",
        "backup.Vault",
        "backup_vault_name",
        "vault",
        &[],
    ),
    one(
        "example-plan-id",
        "backup.Plan",
        "backup_plan_id",
        "plan",
        &[],
    ),
    one(
        "example-manifests",
        "codecommit.Repository",
        "repository_name",
        "git",
        &[("/repository_name", r#""example-manifests""#)],
    ),
    one(
        "example-repository",
        "ecr.Repository",
        "repository_name",
        "repository",
        &[],
    ),
    one("vpc-0123456789abcdef0", "ec2.Vpc", "vpc_id", "vpc", &[]),
    one(
        "vpc-0123456789abcdef1",
        "ec2.Vpc",
        "vpc_id",
        "vpc_1",
        &[("/cidr_block", r#""10.11.0.0/16""#)],
    ),
    one(
        "subnet-0123456789abcdef0",
        "ec2.Subnet",
        "subnet_id",
        "subnet",
        &[],
    ),
    one(
        "subnet-0123456789abcdef1",
        "ec2.Subnet",
        "subnet_id",
        "subnet_1",
        &[
            ("/cidr_block", r#""10.10.16.0/20""#),
            ("/availability_zone", r#""eu-west-1b""#),
        ],
    ),
    one(
        "igw-0123456789abcdef0",
        "ec2.InternetGateway",
        "internet_gateway_id",
        "igw",
        &[],
    ),
    one(
        "eipalloc-0123456789abcdef0",
        "ec2.ElasticIp",
        "allocation_id",
        "eip",
        &[],
    ),
    one(
        "nat-0123456789abcdef0",
        "ec2.NatGateway",
        "nat_gateway_id",
        "nat",
        &[],
    ),
    one(
        "rtb-0123456789abcdef0",
        "ec2.RouteTable",
        "route_table_id",
        "table",
        &[],
    ),
    one(
        "rtb-0123456789abcdef1",
        "ec2.RouteTable",
        "route_table_id",
        "table_1",
        &[],
    ),
    one(
        "sg-0123456789abcdef0",
        "ec2.SecurityGroup",
        "group_id",
        "group",
        &[],
    ),
    one(
        "sg-0123456789abcdef1",
        "ec2.SecurityGroup",
        "group_id",
        "group_1",
        &[("/group_name", r#""example-1""#)],
    ),
    one(
        "arn:aws:iam::123456789012:role/example",
        "iam.Role",
        "arn",
        "role",
        &[],
    ),
    one(
        "arn:aws:iam::123456789012:role/other-example",
        "iam.Role",
        "arn",
        "role_1",
        &[("/role_name", r#""other-example""#)],
    ),
    one(
        "arn:aws:iam::123456789012:role/eks-cluster",
        "iam.Role",
        "arn",
        "eks_cluster",
        &[
            ("/role_name", r#""eks-cluster""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "arn:aws:iam::123456789012:role/eks-nodes",
        "iam.Role",
        "arn",
        "eks_nodes",
        &[
            ("/role_name", r#""eks-nodes""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "arn:aws:iam::123456789012:role/eks-fargate",
        "iam.Role",
        "arn",
        "eks_fargate",
        &[
            ("/role_name", r#""eks-fargate""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks-fargate-pods.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "another-role",
        "iam.Role",
        "role_name",
        "role_1",
        &[("/role_name", r#""other-example""#)],
    ),
    one(
        "arn:aws:iam::123456789012:policy/example",
        "iam.ManagedPolicy",
        "arn",
        "policy",
        &[],
    ),
    one(
        "arn:aws:iam::123456789012:instance-profile/example",
        "iam.InstanceProfile",
        "arn",
        "profile",
        &[],
    ),
    one(
        "example-instance-profile",
        "iam.InstanceProfile",
        "instance_profile_name",
        "profile",
        &[],
    ),
    one(
        "arn:aws:iam::123456789012:oidc-provider/example",
        "iam.OidcProvider",
        "arn",
        "oidc_provider",
        &[],
    ),
    one(
        "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE",
        "eks.Cluster",
        "oidc_issuer",
        "k8s",
        &[],
    ),
    one(
        "arn:aws:eks:eu-west-1:123456789012:cluster/example",
        "eks.Cluster",
        "arn",
        "k8s",
        &[],
    ),
    one(
        "open-example-cluster",
        "eks.Cluster",
        "name",
        "k8s_open",
        &[
            ("/endpoint_public_access", "true"),
            ("/name", r#""example-1""#),
        ],
    ),
    one("example-cluster", "eks.Cluster", "name", "k8s", &[]),
    one("example-user", "iam.User", "user_name", "user", &[]),
    one(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example",
        "secretsmanager.Secret",
        "arn",
        "secret",
        &[],
    ),
    one(
        "lt-0123456789abcdef0",
        "ec2.LaunchTemplate",
        "launch_template_id",
        "template",
        &[],
    ),
    one("example-role", "iam.Role", "role_name", "role", &[]),
    one(
        "services-role",
        "iam.Role",
        "role_name",
        "service_role",
        &[
            ("/role_name", r#""services-example""#),
            (
                "/assume_role_policy_document",
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["backup.amazonaws.com", "codebuild.amazonaws.com", "codepipeline.amazonaws.com", "monitoring.rds.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}"#,
            ),
        ],
    ),
    one(
        "arn:aws:codeconnections:eu-west-1:123456789012:connection/11111111-2222-3333-4444-555555555555",
        "codeconnections.Connection",
        "arn",
        "connection",
        &[],
    ),
    one(
        "example-checked",
        "codebuild.Project",
        "name",
        "checked",
        &[
            ("/name", r#""checked""#),
            (
                "/source",
                r#"{"type": "GITHUB", "location": "https://github.com/acme/example.git", "auth": {"type": "CODECONNECTIONS", "resource": "arn:aws:codeconnections:eu-west-1:123456789012:connection/11111111-2222-3333-4444-555555555555"}}"#,
            ),
            ("/artifacts", r#"{"type": "NO_ARTIFACTS"}"#),
        ],
    ),
    one(
        "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
        "kms.Key",
        "arn",
        "key",
        &[],
    ),
    one(
        "01234567-89ab-cdef-0123-456789abcdef",
        "kms.Key",
        "key_id",
        "key",
        &[],
    ),
    one(
        "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-example",
        "logs.LogGroup",
        "arn",
        "waf_log_group",
        &[("/log_group_name", r#""aws-waf-logs-example""#)],
    ),
    one(
        "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-other",
        "logs.LogGroup",
        "arn",
        "waf_log_group_1",
        &[("/log_group_name", r#""aws-waf-logs-other""#)],
    ),
    // Route 53 writes to us-east-1 alone.
    one(
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/example",
        "logs.LogGroup",
        "arn",
        "dns_log_group",
        &[
            ("/log_group_name", r#""/aws/route53/example""#),
            ("/region", r#""us-east-1""#),
        ],
    ),
    one(
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/other",
        "logs.LogGroup",
        "arn",
        "dns_log_group_1",
        &[
            ("/log_group_name", r#""/aws/route53/other""#),
            ("/region", r#""us-east-1""#),
        ],
    ),
    one(
        "example-delivery-source",
        "logs.DeliverySource",
        "name",
        "delivery_source",
        &[],
    ),
    one(
        "example-other-delivery-source",
        "logs.DeliverySource",
        "name",
        "delivery_source_1",
        &[
            ("/name", r#""other""#),
            ("/log_type", r#""AUTHENTICATION_LOGS""#),
        ],
    ),
    one(
        "arn:aws:logs:eu-west-1:123456789012:delivery-destination:example",
        "logs.DeliveryDestination",
        "arn",
        "delivery_destination",
        &[],
    ),
    one(
        "arn:aws:logs:eu-west-1:123456789012:delivery-destination:other",
        "logs.DeliveryDestination",
        "arn",
        "delivery_destination_1",
        &[("/name", r#""other""#)],
    ),
    one(
        "arn:aws:logs:eu-west-1:123456789012:log-group:example",
        "logs.LogGroup",
        "arn",
        "log_group",
        &[],
    ),
    one(
        "arn:aws:s3:::example-bucket",
        "s3.Bucket",
        "arn",
        "bucket",
        &[],
    ),
    one(
        "00000000-0000-4000-8000-00000000example1",
        "cloudfront.CachePolicy",
        "cache_policy_id",
        "cache_policy",
        &[],
    ),
    one(
        "00000000-0000-4000-8000-00000000example2",
        "cloudfront.ResponseHeadersPolicy",
        "response_headers_policy_id",
        "response_headers_policy",
        &[],
    ),
    one(
        "E0EXAMPLEOAC",
        "cloudfront.OriginAccessControl",
        "origin_access_control_id",
        "origin_access_control",
        &[],
    ),
    one(
        "vo_EXAMPLE",
        "cloudfront.VpcOrigin",
        "vpc_origin_id",
        "vpc_origin",
        &[],
    ),
    one(
        "E0EXAMPLEDISTRIBUTION",
        "cloudfront.Distribution",
        "distribution_id",
        "distribution",
        &[],
    ),
    one(
        "d0example.cloudfront.net",
        "cloudfront.Distribution",
        "domain_name",
        "distribution",
        &[],
    ),
    one(
        "Z0123456789EXAMPLE",
        "route53.HostedZone",
        "zone_id",
        "zone",
        &[],
    ),
    // Records of certificates that a variation needed stay behind in it.
    one(
        "Z0123456789FORCED",
        "route53.HostedZone",
        "zone_id",
        "zone_1",
        &[("/force_destroy", "true")],
    ),
    one(
        "01234567-89ab-cdef-0123-4567example1",
        "route53.HealthCheck",
        "health_check_id",
        "health_check",
        &[],
    ),
    one(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/example/0123456789abcdef",
        "elbv2.LoadBalancer",
        "arn",
        "balancer",
        &[("/name", r#""example""#)],
    ),
    one(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/other/0123456789abcdef",
        "elbv2.LoadBalancer",
        "arn",
        "balancer_1",
        &[("/name", r#""other""#)],
    ),
    one(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/example/0123456789abcdef",
        "elbv2.TargetGroup",
        "arn",
        "targets",
        &[("/name", r#""example""#)],
    ),
    one(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/example/0123456789abcdef/0123456789abcdef",
        "elbv2.Listener",
        "arn",
        "listener",
        &[],
    ),
    one(
        "arn:aws:acm:eu-west-1:123456789012:certificate/example",
        "acm.Certificate",
        "arn",
        "certificate",
        &[],
    ),
    one(
        "arn:aws:acm:eu-west-1:123456789012:certificate/other",
        "acm.Certificate",
        "arn",
        "certificate_1",
        &[
            ("/domain_name", r#""other.prod.example.com""#),
            ("/subject_alternative_names", "null"),
        ],
    ),
    one(
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/example/01234567",
        "wafv2.WebAcl",
        "arn",
        "acl",
        &[("/name", r#""example""#)],
    ),
    one(
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/other/01234567",
        "wafv2.WebAcl",
        "arn",
        "acl_1",
        &[("/name", r#""other""#)],
    ),
];

/// What a resource of some kind needs beside it to become ready: its kind, another one, and that one's spec, in which
/// `SELF` is the resource.
const COMPANIONS: &[(&str, &str, &str)] = &[
    (
        "acm.Certificate",
        "route53.RecordSet",
        r#"{
            "hosted_zone_id": "Z0123456789FORCED", "type": "CNAME", "ttl": 60,
            "name": "${SELF.validation_record_name}", "records": ["${SELF.validation_record_value}"]
        }"#,
    ),
    (
        "codebuild.Webhook",
        "iam.RolePolicy",
        r#"{
            "role_name": "services-role", "policy_name": "connection",
            "policy_document": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "codeconnections:GetConnectionToken", "Resource": "*"
            }]}
        }"#,
    ),
    (
        "route53.QueryLoggingConfig",
        "logs.ResourcePolicy",
        r#"{
            "region": "us-east-1", "policy_name": "dns", "policy_document": {
                "Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": "arn:aws:logs:us-east-1:*:log-group:/aws/route53/*"
                }]
            }
        }"#,
    ),
    (
        "cloudfront.VpcOrigin",
        "ec2.InternetGateway",
        r#"{"vpc_id": "vpc-0123456789abcdef0"}"#,
    ),
];

/// Adds what a resource of this kind and name needs beside it.
pub(super) fn accompany(name: &str, kind: &str, resources: &mut Map<String, Value>) {
    for (_, companion, spec) in COMPANIONS.iter().filter(|(of, ..)| *of == kind) {
        let sample = samples()
            .into_iter()
            .find(|sample| sample.facts.name == *companion);
        let sample = sample.unwrap_or_else(|| panic!("{companion} is not registered"));
        let spec: Value = serde_json::from_str(&spec.replace("SELF", name)).expect("JSON");
        let mut spec = referring(&spec, &sample.facts, resources);
        spec["kind"] = (*companion).into();
        let address = format!("{name}_companion");
        // One that takes nothing from the resource has to be there first.
        let refers = spec.to_string().contains(&format!("${{{name}."));
        if let Some(subject) = resources.get_mut(name).filter(|_| !refers) {
            subject["depends_on"] = json!([address]);
        }
        resources.insert(address, spec);
    }
}

/// The spec with references in place of made-up names. What they refer to is added to the resources.
pub(super) fn referring(
    spec: &Value,
    subject: &Facts,
    resources: &mut Map<String, Value>,
) -> Value {
    match spec {
        Value::String(text) => replaced(text, subject, resources).into(),
        Value::Array(list) => list
            .iter()
            .map(|item| referring(item, subject, resources))
            .collect(),
        Value::Object(map) => {
            let referring = |(key, value): (&String, &Value)| {
                (
                    replaced(key, subject, resources),
                    referring(value, subject, resources),
                )
            };
            let mut referring = referring;
            let mut new = Map::new();
            for entry in map {
                let (key, value) = referring(entry);
                new.insert(key, value);
            }
            new.into()
        }
        other => other.clone(),
    }
}

/// Whether a placeholder is the subject of the trial. One with a name of its own is another object of the kind.
fn is_itself(placeholder: &Placeholder, subject: &Facts) -> bool {
    let names = |(path, _): &(&str, &str)| subject.fields.is(path, Fact::Name);
    placeholder.kind == subject.name && !placeholder.changes.iter().any(names)
}

fn replaced(text: &str, subject: &Facts, resources: &mut Map<String, Value>) -> String {
    for placeholder in PLACEHOLDERS {
        // What is being made has its own name, and no reference to it.
        let is_being_made = resources.get(placeholder.name) == Some(&json!({}));
        if is_itself(placeholder, subject) || is_being_made {
            continue;
        }
        // `example-gitops` is not `example-git`.
        if let Some((before, after)) = text
            .split_once(placeholder.text)
            .filter(|(_, after)| !after.starts_with(char::is_alphabetic))
        {
            prerequisite(placeholder, resources);
            let after = replaced(after, subject, resources);
            return format!(
                "{before}${{{}.{}}}{after}",
                placeholder.name, placeholder.output
            );
        }
    }
    text.to_owned()
}

fn prerequisite(placeholder: &Placeholder, resources: &mut Map<String, Value>) {
    if resources.contains_key(placeholder.name) {
        return;
    }
    let sample = samples()
        .into_iter()
        .find(|sample| sample.facts.name == placeholder.kind);
    let sample = sample.unwrap_or_else(|| panic!("{} is not registered", placeholder.kind));
    let mut spec = sample.example;
    for (path, value) in placeholder.changes {
        set(&mut spec, path, serde_json::from_str(value).expect("JSON"));
    }
    // Its place is taken before its own prerequisites are made, so that a circle would end.
    resources.insert(placeholder.name.into(), json!({}));
    let mut spec = referring(&spec, &sample.facts, resources);
    spec["kind"] = placeholder.kind.into();
    resources.insert(placeholder.name.into(), spec);
    accompany(placeholder.name, placeholder.kind, resources);
}
