//! Which parameters a family has, and which values they take. Asked while planning: RDS says so only when the group
//! has been created already.

use aws_sdk_rds::types::Parameter;
use platctl_engine::{CloudResult, SpecError, nearest};

use super::parameters::Parameters;
use crate::Cloud;
use crate::errors::Asked;

/// What RDS would refuse of the parameters of a cluster.
pub(super) async fn vet_cluster(
    cloud: &Cloud,
    family: &str,
    stated: &Parameters,
) -> CloudResult<Vec<SpecError>> {
    if stated.is_empty() {
        return Ok(Vec::new());
    }
    let call = cloud
        .rds
        .describe_engine_default_cluster_parameters()
        .db_parameter_group_family(family);
    let known: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    Ok(faults(&known.asked()?, family, stated))
}

/// What RDS would refuse of the parameters of an instance.
pub(super) async fn vet_instance(
    cloud: &Cloud,
    family: &str,
    stated: &Parameters,
) -> CloudResult<Vec<SpecError>> {
    if stated.is_empty() {
        return Ok(Vec::new());
    }
    let call = cloud
        .rds
        .describe_engine_default_parameters()
        .db_parameter_group_family(family);
    let known: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    Ok(faults(&known.asked()?, family, stated))
}

fn faults(known: &[Parameter], family: &str, stated: &Parameters) -> Vec<SpecError> {
    // A family of which nothing is known is RDS's to refuse.
    if known.is_empty() {
        return Vec::new();
    }
    let named = |name: &str| known.iter().find(|one| one.parameter_name() == Some(name));
    let fault = |(name, value): (&String, &String)| {
        let message = match named(name) {
            None => unknown(known, family, name),
            Some(one) if one.is_modifiable() == Some(false) => {
                "cannot be changed: AWS sets it; remove it".to_owned()
            }
            Some(one) => wrong_value(one, value)?,
        };
        Some(SpecError::new(format!("/parameters/{name}"), message))
    };
    stated.iter().filter_map(fault).collect()
}

fn unknown(known: &[Parameter], family: &str, name: &str) -> String {
    let message = format!("is not a parameter of {family}");
    match nearest(name, known.iter().filter_map(Parameter::parameter_name)) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    }
}

/// Only what is certain: formulas and lists are left to RDS.
fn wrong_value(known: &Parameter, value: &str) -> Option<String> {
    let allowed = known.allowed_values()?;
    let sound = match known.data_type()? {
        "boolean" => allowed.split(',').any(|one| one.trim() == value),
        "integer" => {
            let number: i64 = value.parse().ok()?;
            allowed.split(',').any(|one| match range(one.trim()) {
                Some((low, high)) => (low..=high).contains(&number),
                None => one.trim() == value,
            })
        }
        _ => true,
    };
    (!sound).then(|| format!("must be one of {allowed}, not `{value}`"))
}

/// `-1-2147483647`: the first of the two can be negative.
fn range(text: &str) -> Option<(i64, i64)> {
    let middle = text.get(1..)?.find('-')? + 1;
    let (low, high) = text.split_at_checked(middle)?;
    Some((low.parse().ok()?, high.get(1..)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_engine_default_cluster_parameters::DescribeEngineDefaultClusterParametersOutput;
    use aws_sdk_rds::types::EngineDefaults;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn parameter(name: &str, kind: &str, allowed: &str, modifiable: bool) -> Parameter {
        let parameter = Parameter::builder()
            .parameter_name(name)
            .data_type(kind)
            .allowed_values(allowed);
        parameter.is_modifiable(modifiable).build()
    }

    fn said(name: &str, value: &str) -> Vec<String> {
        let known = [
            parameter("rds.force_ssl", "boolean", "0,1", true),
            parameter(
                "log_min_duration_statement",
                "integer",
                "-1-2147483647",
                true,
            ),
            parameter("log_statement", "string", "none,ddl,mod,all", true),
            parameter("block_size", "integer", "8192", false),
        ];
        let stated = Parameters::from([(name.to_owned(), value.to_owned())]);
        faults(&known, "aurora-postgresql16", &stated)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn names_and_values_are_those_of_the_family() {
        for (name, value) in [
            ("rds.force_ssl", "1"),
            ("log_min_duration_statement", "-1"),
            ("log_min_duration_statement", "{DBInstanceClassMemory/1}"),
            ("log_statement", "ddl"),
        ] {
            assert_eq!(said(name, value), Vec::<String>::new(), "{name}");
        }
        let wrong = |name: &str, value: &str| said(name, value).join("; ");
        assert_eq!(
            wrong("log_min_duration_statment", "5"),
            "/parameters/log_min_duration_statment: is not a parameter of aurora-postgresql16; did you mean \
             `log_min_duration_statement`?"
        );
        assert_eq!(
            wrong("block_size", "8192"),
            "/parameters/block_size: cannot be changed: AWS sets it; remove it"
        );
        assert_eq!(
            wrong("log_min_duration_statement", "-2"),
            "/parameters/log_min_duration_statement: must be one of -1-2147483647, not `-2`"
        );
        assert_eq!(
            wrong("rds.force_ssl", "yes"),
            "/parameters/rds.force_ssl: must be one of 0,1, not `yes`"
        );
    }

    #[tokio::test]
    async fn all_pages_are_read() {
        let page = |name: &'static str, marker: Option<&'static str>| {
            mock!(aws_sdk_rds::Client::describe_engine_default_cluster_parameters).then_output(
                move || {
                    let defaults =
                        EngineDefaults::builder().parameters(parameter(name, "string", "", true));
                    let defaults = defaults.set_marker(marker.map(ToOwned::to_owned)).build();
                    DescribeEngineDefaultClusterParametersOutput::builder()
                        .engine_defaults(defaults)
                        .build()
                },
            )
        };
        let (one, two) = (page("a", Some("more")), page("b", None));
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&one, &two]);
        let cloud = Cloud {
            rds: rds.into(),
            ..cloud()
        };
        let stated = Parameters::from([("a".into(), "x".into()), ("b".into(), "y".into())]);
        assert!(
            vet_cluster(&cloud, "aurora-postgresql16", &stated)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!((one.num_calls(), two.num_calls()), (1, 1));
        assert!(
            vet_cluster(&cloud, "aurora-postgresql16", &Parameters::new())
                .await
                .unwrap()
                .is_empty()
        );
    }
}
