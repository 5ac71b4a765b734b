//! All kinds. Adding one is its file and one line here.

use std::sync::Arc;

use platctl_engine::manual::Manual;
use platctl_engine::{AnyKind, Bound, Facts, Kind};

use platctl_kubernetes::{Clusters, Objects};

use crate::Cloud;

/// A kind as the conformance tests take it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it states about itself.
    pub facts: Facts,
    /// Its example, as a stack file would state it.
    pub example: serde_json::Value,
    /// See [`Kind::variations`].
    pub variations: Vec<(&'static str, serde_json::Value)>,
}

fn sample<K: Kind>() -> Sample {
    Sample {
        facts: Facts::of::<K>(),
        example: serde_json::to_value(K::example()).unwrap_or_default(),
        variations: K::variations(),
    }
}

macro_rules! kinds {
    ($($kind:path),* $(,)?) => {
        /// The kind of this name, bound to the clients of a region, or to its clusters; none when there is no such
        /// kind.
        #[must_use]
        pub fn bind(
            name: &str,
            cloud: Arc<Cloud>,
            clusters: impl FnOnce() -> Arc<Clusters>,
        ) -> Option<Arc<dyn AnyKind>> {
            if name == Objects::NAME {
                return Some(Arc::new(Bound::<Objects>::new(clusters())));
            }
            $(if name == <$kind as Kind>::NAME {
                return Some(Arc::new(Bound::<$kind>::new(cloud)));
            })*
            None
        }

        /// What every kind states about itself.
        #[must_use]
        pub fn facts() -> Vec<Facts> {
            vec![$(Facts::of::<$kind>(),)* Facts::of::<Objects>()]
        }

        /// Of every kind what it takes and gives.
        #[must_use]
        pub fn manuals() -> Vec<Manual> {
            vec![$(Manual::of::<$kind>(),)* Manual::of::<Objects>()]
        }

        /// Of every kind a typical spec, and other values that its fields can have.
        #[must_use]
        pub fn samples() -> Vec<Sample> {
            vec![$(sample::<$kind>(),)* sample::<Objects>()]
        }
    };
}

kinds! {
    crate::acm::certificate::Certificate,
    crate::applicationautoscaling::scalable_target::ScalableTarget,
    crate::applicationautoscaling::scaling_policy::ScalingPolicy,
    crate::backup::plan::Plan,
    crate::backup::selection::Selection,
    crate::backup::vault::Vault,
    crate::cloudfront::cache_policy::CachePolicy,
    crate::cloudfront::distribution::Distribution,
    crate::cloudfront::origin_access_control::OriginAccessControl,
    crate::cloudfront::response_headers_policy::ResponseHeadersPolicy,
    crate::cloudfront::vpc_origin::VpcOrigin,
    crate::cloudwatch::dashboard::Dashboard,
    crate::cloudwatch::metric_alarm::MetricAlarm,
    crate::codebuild::project::Project,
    crate::codecommit::files::Files,
    crate::codecommit::repository::Repository,
    crate::codeconnections::connection::Connection,
    crate::codepipeline::pipeline::Pipeline,
    crate::ec2::elastic_ip::ElasticIp,
    crate::ec2::flow_log::FlowLog,
    crate::ec2::internet_gateway::InternetGateway,
    crate::ec2::launch_template::LaunchTemplate,
    crate::ec2::nat_gateway::NatGateway,
    crate::ec2::route::Route,
    crate::ec2::route_table::RouteTable,
    crate::ec2::route_table_association::RouteTableAssociation,
    crate::ec2::security_group::SecurityGroup,
    crate::ec2::security_group_rule::SecurityGroupRule,
    crate::ec2::subnet::Subnet,
    crate::ec2::vpc::Vpc,
    crate::ec2::vpc_endpoint::VpcEndpoint,
    crate::ecr::lifecycle_policy::LifecyclePolicy,
    crate::ecr::repository::Repository,
    crate::elbv2::listener::Listener,
    crate::elbv2::listener_rule::ListenerRule,
    crate::elbv2::load_balancer::LoadBalancer,
    crate::elbv2::target_group::TargetGroup,
    crate::events::rule::Rule,
    crate::eks::access_entry::AccessEntry,
    crate::eks::addon::Addon,
    crate::eks::cluster::Cluster,
    crate::eks::fargate_profile::FargateProfile,
    crate::eks::node_group::NodeGroup,
    crate::eks::pod_identity_association::PodIdentityAssociation,
    crate::iam::instance_profile::InstanceProfile,
    crate::iam::managed_policy::ManagedPolicy,
    crate::iam::oidc_provider::OidcProvider,
    crate::iam::policy_attachment::PolicyAttachment,
    crate::iam::role::Role,
    crate::iam::role_policy::RolePolicy,
    crate::iam::service_linked_role::ServiceLinkedRole,
    crate::iam::service_specific_credential::ServiceSpecificCredential,
    crate::iam::user::User,
    crate::iam::user_policy::UserPolicy,
    crate::kms::alias::Alias,
    crate::kms::key::Key,
    crate::logs::log_group::LogGroup,
    crate::rds::db_cluster::DbCluster,
    crate::rds::db_cluster_parameter_group::DbClusterParameterGroup,
    crate::rds::db_cluster_snapshot::DbClusterSnapshot,
    crate::rds::db_instance::DbInstance,
    crate::rds::db_parameter_group::DbParameterGroup,
    crate::rds::db_subnet_group::DbSubnetGroup,
    crate::rds::global_cluster::GlobalCluster,
    crate::route53::health_check::HealthCheck,
    crate::route53::hosted_zone::HostedZone,
    crate::route53::record_set::RecordSet,
    crate::s3::bucket::Bucket,
    crate::secretsmanager::secret::Secret,
    crate::sns::subscription::Subscription,
    crate::sns::topic::Topic,
    crate::ssm::parameter::Parameter,
    crate::wafv2::web_acl::WebAcl,
    crate::wafv2::web_acl_association::WebAclAssociation,
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::fields::Fact;
    use platctl_engine::state::{conceal, legible};
    use std::collections::BTreeSet;

    fn bound(name: &str) -> Arc<dyn AnyKind> {
        let clusters = || crate::connect::Aws::offline("eu-west-1").clusters("eu-west-1");
        bind(name, Arc::new(crate::cloud::tests::cloud()), clusters).unwrap()
    }

    #[test]
    fn examples_are_valid_and_normal() {
        for Sample { facts, example, .. } in samples() {
            let once = bound(facts.name).resolve(example.clone()).unwrap();
            assert_eq!(once, example, "{} is not normal", facts.name);
        }
    }

    /// A path is a field of the spec, or of one that the example leaves out: naming it must then be no error
    /// of an unknown field.
    #[test]
    fn every_stated_path_is_a_field_of_the_spec() {
        for Sample { facts, example, .. } in samples() {
            for path in facts.fields.paths() {
                let mut spec = example.clone();
                if spec.pointer(path).is_none() {
                    spec[path.trim_start_matches('/')] = serde_json::Value::Null;
                }
                let error = bound(facts.name)
                    .resolve(spec)
                    .err()
                    .map(|error| error.message)
                    .unwrap_or_default();
                assert!(
                    !error.contains("unknown field"),
                    "{} has no {path}: {error}",
                    facts.name
                );
            }
        }
    }

    /// What the journal has of a spec after a crash in its creation, without what is concealed in it.
    #[test]
    fn an_interrupted_creation_can_be_looked_for() {
        for Sample { facts, example, .. } in samples() {
            let write_only = facts.fields.with(Fact::WriteOnly);
            let journaled = conceal(&example, &write_only, "salt");
            let error = bound(facts.name)
                .resolve(legible(&journaled, &write_only))
                .err();
            assert!(error.is_none(), "{}: {error:?}", facts.name);
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        for Sample {
            facts, mut example, ..
        } in samples()
        {
            example["no_such_field"] = true.into();
            assert!(
                bound(facts.name).resolve(example).is_err(),
                "{}",
                facts.name
            );
        }
    }

    #[test]
    fn kinds_state_their_permissions_and_have_unique_names() {
        let mut names = BTreeSet::new();
        for facts in facts() {
            assert!(
                names.insert(facts.name),
                "{} is registered twice",
                facts.name
            );
            let permissions = facts.permissions;
            for list in [
                permissions.read,
                permissions.create,
                permissions.update,
                permissions.delete,
            ] {
                assert!(!list.is_empty() || facts.shared, "{}", facts.name);
                for action in list {
                    let (service, verb) = action.split_once(':').unwrap();
                    assert!(
                        service
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                        "{action}"
                    );
                    assert!(
                        verb.starts_with(|c: char| c.is_ascii_uppercase()),
                        "{action}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_file_of_a_service_is_registered() {
        let registered: BTreeSet<String> = facts()
            .iter()
            .map(|facts| facts.name.to_lowercase())
            .collect();
        let folders = std::fs::read_dir("src").unwrap();
        for folder in folders
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
        {
            let service = folder.file_name().unwrap().to_str().unwrap().to_owned();
            for file in std::fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap().replace('_', "");
                let source = std::fs::read_to_string(&path).unwrap();
                if source.contains("impl Kind for") {
                    let name = format!("{service}.{stem}");
                    assert!(registered.contains(&name), "{name} is not registered");
                }
            }
        }
    }
}
