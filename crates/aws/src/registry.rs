//! All kinds, by service. Adding one is its file and one line here.

use std::sync::Arc;

use platctl_engine::manual::Manual;
use platctl_engine::{AnyKind, Bound, Facts, Kind};

use platctl_kubernetes::{Clusters, Objects};

use crate::Cloud;
use crate::errors::Codes;

/// A kind as the conformance tests take it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it states about itself.
    pub facts: Facts,
    /// Its example, as a stack file would state it.
    pub example: serde_json::Value,
    /// See [`Kind::variations`].
    pub variations: Vec<(&'static str, serde_json::Value)>,
    /// See [`Kind::resets`].
    pub resets: Vec<(&'static str, serde_json::Value)>,
}

fn sample<K: Kind>() -> Sample {
    Sample {
        facts: Facts::of::<K>(),
        example: serde_json::to_value(K::example()).unwrap_or_default(),
        variations: K::variations(),
        resets: K::resets(),
    }
}

macro_rules! kinds {
    ($($service:ident { $($file:ident::$kind:ident),* $(,)? })*) => {
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
            $($(if name == <crate::$service::$file::$kind as Kind>::NAME {
                return Some(Arc::new(Bound::<crate::$service::$file::$kind>::new(cloud)));
            })*)*
            None
        }

        /// What the codes of every service mean, by the service's folder.
        pub(crate) const CODES: &[(&str, Codes)] = &[$((stringify!($service), crate::$service::CODES)),*];

        /// What every kind states about itself.
        #[must_use]
        pub fn facts() -> Vec<Facts> {
            vec![$($(Facts::of::<crate::$service::$file::$kind>(),)*)* Facts::of::<Objects>()]
        }

        /// Of every kind what it takes and gives.
        #[must_use]
        pub fn manuals() -> Vec<Manual> {
            vec![$($(Manual::of::<crate::$service::$file::$kind>(),)*)* Manual::of::<Objects>()]
        }

        /// Of every kind a typical spec, and other values that its fields can have.
        #[must_use]
        pub fn samples() -> Vec<Sample> {
            vec![$($(sample::<crate::$service::$file::$kind>(),)*)* sample::<Objects>()]
        }
    };
}

/// All kinds, by the folder of their service, for a macro that does something with each. A new kind is one line here.
#[macro_export]
macro_rules! with_kinds {
    ($do:ident) => {
        $do! {
            acm {
                certificate::Certificate,
            }
            applicationautoscaling {
                scalable_target::ScalableTarget,
                scaling_policy::ScalingPolicy,
            }
            backup {
                plan::Plan,
                selection::Selection,
                vault::Vault,
            }
            cloudfront {
                cache_policy::CachePolicy,
                distribution::Distribution,
                origin_access_control::OriginAccessControl,
                response_headers_policy::ResponseHeadersPolicy,
                vpc_origin::VpcOrigin,
            }
            cloudwatch {
                dashboard::Dashboard,
                metric_alarm::MetricAlarm,
            }
            codebuild {
                project::Project,
                webhook::Webhook,
            }
            codecommit {
                approval_rule_template::ApprovalRuleTemplate,
                files::Files,
                repository::Repository,
            }
            codeconnections {
                connection::Connection,
            }
            codepipeline {
                pipeline::Pipeline,
            }
            ec2 {
                elastic_ip::ElasticIp,
                flow_log::FlowLog,
                internet_gateway::InternetGateway,
                launch_template::LaunchTemplate,
                nat_gateway::NatGateway,
                route::Route,
                route_table::RouteTable,
                route_table_association::RouteTableAssociation,
                security_group::SecurityGroup,
                security_group_rule::SecurityGroupRule,
                subnet::Subnet,
                vpc::Vpc,
                vpc_endpoint::VpcEndpoint,
            }
            ecr {
                lifecycle_policy::LifecyclePolicy,
                repository::Repository,
            }
            eks {
                access_entry::AccessEntry,
                addon::Addon,
                cluster::Cluster,
                fargate_profile::FargateProfile,
                node_group::NodeGroup,
                pod_identity_association::PodIdentityAssociation,
            }
            elasticache {
                parameter_group::ParameterGroup,
                replication_group::ReplicationGroup,
                subnet_group::SubnetGroup,
            }
            elbv2 {
                listener::Listener,
                listener_rule::ListenerRule,
                load_balancer::LoadBalancer,
                target_group::TargetGroup,
            }
            events {
                rule::Rule,
            }
            github {
                deploy_key::DeployKey,
                files::Files,
            }
            gitlab {
                files::Files,
            }
            iam {
                instance_profile::InstanceProfile,
                managed_policy::ManagedPolicy,
                oidc_provider::OidcProvider,
                policy_attachment::PolicyAttachment,
                role::Role,
                role_policy::RolePolicy,
                service_linked_role::ServiceLinkedRole,
                service_specific_credential::ServiceSpecificCredential,
                shared_oidc_provider::SharedOidcProvider,
                user::User,
                user_policy::UserPolicy,
            }
            kms {
                alias::Alias,
                key::Key,
            }
            logs {
                delivery::Delivery,
                delivery_destination::DeliveryDestination,
                delivery_source::DeliverySource,
                log_group::LogGroup,
                resource_policy::ResourcePolicy,
            }
            rds {
                db_cluster::DbCluster,
                db_cluster_parameter_group::DbClusterParameterGroup,
                db_cluster_snapshot::DbClusterSnapshot,
                db_instance::DbInstance,
                db_parameter_group::DbParameterGroup,
                db_subnet_group::DbSubnetGroup,
                event_subscription::EventSubscription,
                global_cluster::GlobalCluster,
            }
            route53 {
                health_check::HealthCheck,
                hosted_zone::HostedZone,
                query_logging_config::QueryLoggingConfig,
                record_set::RecordSet,
            }
            s3 {
                bucket::Bucket,
            }
            secretsmanager {
                secret::Secret,
            }
            sns {
                subscription::Subscription,
                topic::Topic,
            }
            sqs {
                queue::Queue,
            }
            ssm {
                parameter::Parameter,
            }
            wafv2 {
                logging_configuration::LoggingConfiguration,
                web_acl::WebAcl,
                web_acl_association::WebAclAssociation,
            }
        }
    };
}

with_kinds!(kinds);

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
            let follows = facts.follows.iter().flat_map(|(_, fields)| fields.iter());
            for path in facts.fields.paths().chain(follows.copied()) {
                let mut spec = example.clone();
                if spec.pointer(path).is_none() {
                    let mut field = &mut spec;
                    for name in path.trim_start_matches('/').split('/') {
                        field = &mut field[name];
                    }
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

    /// `field: null` stands for a value that AWS takes: of the kind's own fields, and of none that would be replaced.
    #[test]
    fn what_can_be_reset_is_a_valid_value_of_a_field_that_can_be_changed() {
        for (manual, Sample { facts, example, .. }) in manuals().iter().zip(samples()) {
            for (field, value) in &manual.resets {
                let path = format!("/{field}");
                assert!(
                    !facts.fields.holds(&path, Fact::Immutable),
                    "{} {path}",
                    facts.name
                );
                let mut spec = example.clone();
                spec[*field] = value.clone();
                let resolved = bound(facts.name).resolve(spec.clone());
                assert_eq!(resolved.as_ref(), Ok(&spec), "{} {path}", facts.name);
                spec[*field] = serde_json::Value::Null;
                let declared = bound(facts.name).declare(spec).unwrap();
                assert_eq!(declared[*field], *value, "{} {path}", facts.name);
            }
        }
    }

    #[test]
    fn what_aws_cannot_reset_is_refused_with_what_can_be_reset() {
        let mut role = bound("iam.Role").example();
        role["path"] = serde_json::Value::Null;
        let error = bound("iam.Role").declare(role).unwrap_err();
        assert_eq!(error.path, "/path");
        assert!(
            error
                .message
                .contains("Fields that can be reset: `description`, `max_session_duration`"),
            "{error}"
        );
        let mut repository = bound("ecr.Repository").example();
        repository["scan_on_push"] = serde_json::Value::Null;
        let declared = bound("ecr.Repository").declare(repository).unwrap();
        assert_eq!(declared["scan_on_push"], true, "the default of the kind");
        let mut other = bound("iam.Role").example();
        other["no_such_field"] = serde_json::Value::Null;
        let error = bound("iam.Role").declare(other).unwrap_err();
        assert!(error.message.contains("unknown field"), "{error}");
    }

    #[test]
    fn every_output_that_follows_a_field_is_one() {
        for facts in facts() {
            let follow = facts.follows.iter().map(|(output, _)| output);
            for output in follow.chain(facts.volatile) {
                assert!(facts.outputs.contains(output), "{} {output}", facts.name);
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
            // A kind of which every field replaces it is never updated.
            for list in [permissions.read, permissions.create, permissions.delete] {
                assert!(!list.is_empty() || facts.shared, "{}", facts.name);
            }
            for list in [
                permissions.read,
                permissions.create,
                permissions.update,
                permissions.delete,
            ] {
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
