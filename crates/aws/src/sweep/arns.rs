//! What an ARN names: a kind, and the identifier by which the kind reads its objects.

use platctl_engine::{Id, Kind};

use crate::{
    acm, backup, cloudfront, cloudwatch, codebuild, codecommit, codeconnections, codepipeline, ec2,
    ecr, eks, elasticache, elbv2, events, iam, kms, logs, rds, route53, s3, secretsmanager, sns,
    ssm, wafv2,
};

/// How an identifier follows from an ARN.
#[derive(Clone, Copy, Debug)]
enum By {
    /// It is the ARN.
    Arn,
    /// It is what follows the prefix.
    Rest,
    /// It is the first two parts of what follows the prefix: a cluster, and a name in it.
    InCluster,
    /// It is what follows the prefix, which leaves out the slash that a path begins with.
    Path,
}

/// The service of an ARN, how its last part begins, the kind, and how the identifier follows. The longest beginning
/// counts, so that `cluster-pg:` is not a `cluster:`.
const ROWS: &[(&str, &str, &str, By)] = &[
    (
        "acm",
        "certificate/",
        acm::certificate::Certificate::NAME,
        By::Arn,
    ),
    (
        "backup",
        "backup-vault:",
        backup::vault::Vault::NAME,
        By::Rest,
    ),
    ("backup", "backup-plan:", backup::plan::Plan::NAME, By::Rest),
    (
        "cloudfront",
        "distribution/",
        cloudfront::distribution::Distribution::NAME,
        By::Rest,
    ),
    (
        "cloudwatch",
        "alarm:",
        cloudwatch::metric_alarm::MetricAlarm::NAME,
        By::Rest,
    ),
    (
        "codebuild",
        "project/",
        codebuild::project::Project::NAME,
        By::Rest,
    ),
    (
        "codecommit",
        "",
        codecommit::repository::Repository::NAME,
        By::Rest,
    ),
    (
        "codeconnections",
        "connection/",
        codeconnections::connection::Connection::NAME,
        By::Arn,
    ),
    (
        "codepipeline",
        "",
        codepipeline::pipeline::Pipeline::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "elastic-ip/",
        ec2::elastic_ip::ElasticIp::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "vpc-flow-log/",
        ec2::flow_log::FlowLog::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "internet-gateway/",
        ec2::internet_gateway::InternetGateway::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "launch-template/",
        ec2::launch_template::LaunchTemplate::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "natgateway/",
        ec2::nat_gateway::NatGateway::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "route-table/",
        ec2::route_table::RouteTable::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "security-group/",
        ec2::security_group::SecurityGroup::NAME,
        By::Rest,
    ),
    (
        "ec2",
        "security-group-rule/",
        ec2::security_group_rule::SecurityGroupRule::NAME,
        By::Rest,
    ),
    ("ec2", "subnet/", ec2::subnet::Subnet::NAME, By::Rest),
    ("ec2", "vpc/", ec2::vpc::Vpc::NAME, By::Rest),
    (
        "ec2",
        "vpc-endpoint/",
        ec2::vpc_endpoint::VpcEndpoint::NAME,
        By::Rest,
    ),
    (
        "ecr",
        "repository/",
        ecr::repository::Repository::NAME,
        By::Rest,
    ),
    ("eks", "cluster/", eks::cluster::Cluster::NAME, By::Rest),
    (
        "eks",
        "nodegroup/",
        eks::node_group::NodeGroup::NAME,
        By::InCluster,
    ),
    ("eks", "addon/", eks::addon::Addon::NAME, By::InCluster),
    (
        "eks",
        "fargateprofile/",
        eks::fargate_profile::FargateProfile::NAME,
        By::InCluster,
    ),
    (
        "eks",
        "podidentityassociation/",
        eks::pod_identity_association::PodIdentityAssociation::NAME,
        By::InCluster,
    ),
    (
        "elasticache",
        "replicationgroup:",
        elasticache::replication_group::ReplicationGroup::NAME,
        By::Rest,
    ),
    (
        "elasticache",
        "subnetgroup:",
        elasticache::subnet_group::SubnetGroup::NAME,
        By::Rest,
    ),
    (
        "elasticache",
        "parametergroup:",
        elasticache::parameter_group::ParameterGroup::NAME,
        By::Rest,
    ),
    (
        "elasticloadbalancing",
        "loadbalancer/",
        elbv2::load_balancer::LoadBalancer::NAME,
        By::Arn,
    ),
    (
        "elasticloadbalancing",
        "targetgroup/",
        elbv2::target_group::TargetGroup::NAME,
        By::Arn,
    ),
    (
        "elasticloadbalancing",
        "listener/",
        elbv2::listener::Listener::NAME,
        By::Arn,
    ),
    (
        "elasticloadbalancing",
        "listener-rule/",
        elbv2::listener_rule::ListenerRule::NAME,
        By::Arn,
    ),
    ("events", "rule/", events::rule::Rule::NAME, By::Rest),
    (
        "iam",
        "instance-profile/",
        iam::instance_profile::InstanceProfile::NAME,
        By::Rest,
    ),
    (
        "iam",
        "oidc-provider/",
        iam::oidc_provider::OidcProvider::NAME,
        By::Arn,
    ),
    (
        "iam",
        "policy/",
        iam::managed_policy::ManagedPolicy::NAME,
        By::Arn,
    ),
    ("iam", "role/", iam::role::Role::NAME, By::Rest),
    ("kms", "key/", kms::key::Key::NAME, By::Rest),
    (
        "logs",
        "log-group:",
        logs::log_group::LogGroup::NAME,
        By::Rest,
    ),
    (
        "rds",
        "cluster:",
        rds::db_cluster::DbCluster::NAME,
        By::Rest,
    ),
    (
        "rds",
        "cluster-pg:",
        rds::db_cluster_parameter_group::DbClusterParameterGroup::NAME,
        By::Rest,
    ),
    (
        "rds",
        "cluster-snapshot:",
        rds::db_cluster_snapshot::DbClusterSnapshot::NAME,
        By::Rest,
    ),
    ("rds", "db:", rds::db_instance::DbInstance::NAME, By::Rest),
    (
        "rds",
        "es:",
        rds::event_subscription::EventSubscription::NAME,
        By::Rest,
    ),
    (
        "rds",
        "global-cluster:",
        rds::global_cluster::GlobalCluster::NAME,
        By::Rest,
    ),
    (
        "rds",
        "pg:",
        rds::db_parameter_group::DbParameterGroup::NAME,
        By::Rest,
    ),
    (
        "rds",
        "subgrp:",
        rds::db_subnet_group::DbSubnetGroup::NAME,
        By::Rest,
    ),
    (
        "route53",
        "healthcheck/",
        route53::health_check::HealthCheck::NAME,
        By::Rest,
    ),
    (
        "route53",
        "hostedzone/",
        route53::hosted_zone::HostedZone::NAME,
        By::Rest,
    ),
    ("s3", "", s3::bucket::Bucket::NAME, By::Rest),
    (
        "secretsmanager",
        "secret:",
        secretsmanager::secret::Secret::NAME,
        By::Arn,
    ),
    ("sns", "", sns::topic::Topic::NAME, By::Arn),
    (
        "ssm",
        "parameter/",
        ssm::parameter::Parameter::NAME,
        By::Path,
    ),
    (
        "wafv2",
        "regional/webacl/",
        wafv2::web_acl::WebAcl::NAME,
        By::Arn,
    ),
    (
        "wafv2",
        "global/webacl/",
        wafv2::web_acl::WebAcl::NAME,
        By::Arn,
    ),
];

/// The kind and the identifier of an object; none where no kind has such ARNs.
pub(super) fn named(arn: &str) -> Option<(&'static str, Id)> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, rest) = (parts.next()?, parts.nth(2)?);
    let row = ROWS
        .iter()
        .filter(|(of, begins, ..)| *of == service && rest.starts_with(begins))
        .max_by_key(|(_, begins, ..)| begins.len())?;
    let (_, begins, kind, by) = *row;
    let rest = rest.strip_prefix(begins)?;
    let id = match by {
        By::Arn => arn.to_owned(),
        By::Rest => rest.trim_end_matches(":*").to_owned(),
        By::Path if rest.contains('/') => format!("/{rest}"),
        By::Path => rest.to_owned(),
        By::InCluster => {
            let mut parts = rest.split('/');
            eks::id_in(parts.next()?, parts.next()?).0
        }
    };
    Some((kind, Id::from(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_kind_and_an_identifier() {
        let told = |arn: &str| named(arn).map(|(kind, id)| format!("{kind} {id}"));
        for (arn, wanted) in [
            (
                "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1",
                "ec2.Vpc vpc-1",
            ),
            (
                "arn:aws:ec2:eu-west-1:123456789012:vpc-endpoint/vpce-1",
                "ec2.VpcEndpoint vpce-1",
            ),
            ("arn:aws:s3:::a-bucket", "s3.Bucket a-bucket"),
            (
                "arn:aws:rds:eu-west-1:123456789012:cluster:a",
                "rds.DbCluster a",
            ),
            (
                "arn:aws:rds:eu-west-1:123456789012:cluster-pg:a",
                "rds.DbClusterParameterGroup a",
            ),
            (
                "arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:*",
                "logs.LogGroup /a/b",
            ),
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b",
                "ssm.Parameter /a/b",
            ),
            (
                "arn:aws:sns:eu-west-1:123456789012:a",
                "sns.Topic arn:aws:sns:eu-west-1:123456789012:a",
            ),
            ("arn:aws:iam::123456789012:role/a", "iam.Role a"),
        ] {
            assert_eq!(told(arn).as_deref(), Some(wanted), "{arn}");
        }
        assert_eq!(
            told("arn:aws:lambda:eu-west-1:123456789012:function:a"),
            None
        );
        assert_eq!(told("no ARN"), None);
    }

    /// A kind that is renamed or removed does not stay here.
    #[test]
    fn every_kind_of_the_table_is_there_and_carries_tags() {
        let facts = crate::registry::facts();
        for (service, begins, kind, _) in ROWS {
            let found = facts.iter().find(|facts| facts.name == *kind);
            assert!(
                found.is_some_and(|facts| facts.tagged),
                "{service} {begins} {kind}"
            );
        }
    }
}
