//! All kinds. Adding one is its file and one line here.

use std::sync::Arc;

use platctl_engine::{AnyKind, Bound, Facts, Kind};

use crate::Cloud;

macro_rules! kinds {
    ($($kind:path),* $(,)?) => {
        /// The kind of this name, bound to the clients of a region; none when there is no such kind.
        #[must_use]
        pub fn bind(name: &str, cloud: Arc<Cloud>) -> Option<Arc<dyn AnyKind>> {
            $(if name == <$kind as Kind>::NAME {
                return Some(Arc::new(Bound::<$kind>::new(cloud)));
            })*
            None
        }

        /// What every kind states about itself.
        #[must_use]
        pub fn facts() -> Vec<Facts> {
            vec![$(Facts::of::<$kind>()),*]
        }

        #[cfg(test)]
        fn examples() -> Vec<(Facts, serde_json::Value)> {
            vec![$((
                Facts::of::<$kind>(),
                serde_json::to_value(<$kind as Kind>::example()).unwrap(),
            )),*]
        }
    };
}

kinds! {
    crate::ec2::elastic_ip::ElasticIp,
    crate::ec2::flow_log::FlowLog,
    crate::ec2::internet_gateway::InternetGateway,
    crate::ec2::nat_gateway::NatGateway,
    crate::ec2::route::Route,
    crate::ec2::route_table::RouteTable,
    crate::ec2::route_table_association::RouteTableAssociation,
    crate::ec2::security_group::SecurityGroup,
    crate::ec2::security_group_rule::SecurityGroupRule,
    crate::ec2::subnet::Subnet,
    crate::ec2::vpc::Vpc,
    crate::ec2::vpc_endpoint::VpcEndpoint,
    crate::iam::policy_attachment::PolicyAttachment,
    crate::iam::role::Role,
    crate::iam::role_policy::RolePolicy,
    crate::kms::alias::Alias,
    crate::kms::key::Key,
    crate::logs::log_group::LogGroup,
    crate::s3::bucket::Bucket,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn bound(name: &str) -> Arc<dyn AnyKind> {
        bind(name, Arc::new(crate::cloud::tests::cloud())).unwrap()
    }

    #[test]
    fn examples_are_valid_and_normal() {
        for (facts, example) in examples() {
            let once = bound(facts.name).resolve(example.clone()).unwrap();
            assert_eq!(once, example, "{} is not normal", facts.name);
        }
    }

    /// A path is a field of the spec, or of one that the example leaves out: naming it must then be no error
    /// of an unknown field.
    #[test]
    fn every_stated_path_is_a_field_of_the_spec() {
        for (facts, example) in examples() {
            let lists = [
                facts.replace_on,
                facts.write_only,
                facts.content_with_accepted,
                facts.holds,
                facts.shared_maps,
            ];
            for path in lists.into_iter().flatten() {
                let mut spec = example.clone();
                if spec.pointer(path).is_none() {
                    spec[path.trim_start_matches('/')] = serde_json::Value::Null;
                }
                let error =
                    bound(facts.name).resolve(spec).err().map(|error| error.message).unwrap_or_default();
                assert!(!error.contains("unknown field"), "{} has no {path}: {error}", facts.name);
            }
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        for (facts, mut example) in examples() {
            example["no_such_field"] = true.into();
            assert!(bound(facts.name).resolve(example).is_err(), "{}", facts.name);
        }
    }

    #[test]
    fn kinds_state_their_permissions_and_have_unique_names() {
        let mut names = BTreeSet::new();
        for facts in facts() {
            assert!(names.insert(facts.name), "{} is registered twice", facts.name);
            let permissions = facts.permissions;
            for list in [permissions.read, permissions.create, permissions.update, permissions.delete] {
                assert!(!list.is_empty(), "{}", facts.name);
                for action in list {
                    let (service, verb) = action.split_once(':').unwrap();
                    assert!(
                        service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                        "{action}"
                    );
                    assert!(verb.starts_with(|c: char| c.is_ascii_uppercase()), "{action}");
                }
            }
        }
    }

    #[test]
    fn every_file_of_a_service_is_registered() {
        let registered: BTreeSet<String> = facts().iter().map(|facts| facts.name.to_lowercase()).collect();
        for service in ["ec2", "iam", "kms", "logs", "s3"] {
            for file in std::fs::read_dir(format!("{}/src/{service}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
                let path = file.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap().replace('_', "");
                let source = std::fs::read_to_string(&path).unwrap();
                if source.contains("impl Kind for") {
                    assert!(
                        registered.contains(&format!("{service}.{stem}")),
                        "{service}/{stem} is not registered"
                    );
                }
            }
        }
    }
}
