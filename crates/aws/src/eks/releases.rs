//! Releases of the images of nodes: the newest one is published as a public parameter of Systems Manager.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use platctl_engine::{Class, CloudResult};

use crate::Cloud;
use crate::errors::Ask;

/// What this process has asked for: it does not change while a run lasts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published(Arc<Mutex<HashMap<String, Option<String>>>>);

/// The parameter with the newest release for a version of Kubernetes; none for images of which AWS publishes none.
fn parameter(kubernetes: &str, ami_type: &str) -> Option<String> {
    let of = match ami_type {
        "AL2023_x86_64_STANDARD" => "amazon-linux-2023/x86_64/standard",
        "AL2023_ARM_64_STANDARD" => "amazon-linux-2023/arm64/standard",
        "AL2023_x86_64_NEURON" => "amazon-linux-2023/x86_64/neuron",
        "AL2023_x86_64_NVIDIA" => "amazon-linux-2023/x86_64/nvidia",
        "AL2023_ARM_64_NVIDIA" => "amazon-linux-2023/arm64/nvidia",
        "AL2_x86_64" => "amazon-linux-2",
        "AL2_x86_64_GPU" => "amazon-linux-2-gpu",
        "AL2_ARM_64" => "amazon-linux-2-arm64",
        _ => return None,
    };
    Some(format!(
        "/aws/service/eks/optimized-ami/{kubernetes}/{of}/recommended/release_version"
    ))
}

/// The newest release of an image; none where AWS publishes none.
pub(super) async fn newest(
    cloud: &Cloud,
    kubernetes: &str,
    ami_type: &str,
) -> CloudResult<Option<String>> {
    let Some(name) = parameter(kubernetes, ami_type) else {
        return Ok(None);
    };
    let cache = || {
        cloud
            .releases
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    let known = cache().get(&name).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let found = match cloud.ssm.get_parameter().name(&name).send().ask().await {
        Err(error) if error.class == Class::NotFound => None,
        other => other?.parameter.and_then(|parameter| parameter.value),
    };
    cache().insert(name, found.clone());
    Ok(found)
}

/// `1.35.2-20261101`: the numbers of the version, and the day.
fn parts(release: &str) -> Option<(Vec<u64>, &str)> {
    let (version, day) = release.split_once('-')?;
    let numbers: Result<Vec<u64>, _> = version.split('.').map(str::parse).collect();
    let is_day = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
    Some((numbers.ok()?, day)).filter(|_| is_day)
}

/// Whether the first release is newer than the second, of images of which both are.
pub(super) fn is_newer(one: &str, other: &str) -> bool {
    parts(one)
        .zip(parts(other))
        .is_some_and(|(one, other)| one > other)
}

/// How many days lie between two releases.
pub(super) fn days_between(old: &str, new: &str) -> Option<i64> {
    let day = |release: &str| {
        let (_, day) = parts(release)?;
        let (year, rest) = day.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        let text = format!("{year}-{month}-{day}T00:00:00Z");
        let time = DateTime::from_str(&text, Format::DateTime).ok()?;
        Some(time.secs() / (24 * 60 * 60))
    };
    Some(day(new)? - day(old)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ssm::operation::get_parameter::GetParameterOutput;
    use aws_sdk_ssm::types::Parameter;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[test]
    fn releases_are_compared_by_version_and_day() {
        assert!(is_newer("1.35.2-20261101", "1.35.2-20261001"));
        assert!(is_newer("1.35.10-20261101", "1.35.9-20261101"));
        assert!(!is_newer("1.35.2-20261101", "1.35.2-20261101"));
        assert!(!is_newer("1.35.2-20261001", "1.35.2-20261101"));
        assert!(
            !is_newer("1.26.1-943d9a41", "1.25.0-388e1050"),
            "Bottlerocket"
        );
    }

    #[test]
    fn days_are_counted_over_months() {
        assert_eq!(days_between("1.35.0-20261001", "1.35.2-20261101"), Some(31));
        assert_eq!(days_between("1.35.0-20261001", "unknown"), None);
        assert_eq!(days_between("1.35.0-20261399", "1.35.2-20261101"), None);
    }

    #[tokio::test]
    async fn aws_is_asked_once_for_each_image() {
        let get = mock!(aws_sdk_ssm::Client::get_parameter)
            .match_requests(|request| {
                request.name()
                    == Some(
                        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/standard/recommended/release_version",
                    )
            })
            .then_output(|| {
                let parameter = Parameter::builder().value("1.35.2-20261101").build();
                GetParameterOutput::builder().parameter(parameter).build()
            });
        let cloud = Cloud {
            ssm: mock_client!(aws_sdk_ssm, RuleMode::MatchAny, &[&get]).into(),
            ..cloud()
        };
        for _ in 0..2 {
            let found = newest(&cloud, "1.35", "AL2023_ARM_64_STANDARD")
                .await
                .unwrap();
            assert_eq!(found.as_deref(), Some("1.35.2-20261101"));
        }
        assert_eq!(newest(&cloud, "1.35", "CUSTOM").await.unwrap(), None);
        assert_eq!(get.num_calls(), 1);
    }
}
