//! Which versions of Kubernetes EKS offers, and how a cluster gets from one to another.

use platctl_engine::{Class, CloudResult, SpecError};

use crate::Cloud;
use crate::errors::Asked;
use crate::versions::{is_later, kubernetes};

/// The faults of a version that EKS does not offer: asked of EKS, which adds versions and withdraws them.
pub(super) async fn offered(cloud: &Cloud, version: &str) -> CloudResult<Vec<SpecError>> {
    let call = cloud
        .eks
        .describe_cluster_versions()
        .into_paginator()
        .items()
        .send();
    let found: Result<Vec<_>, _> = call.collect().await;
    let found = found.asked()?;
    let versions: Vec<&str> = found
        .iter()
        .filter_map(|one| one.cluster_version())
        .collect();
    if versions.contains(&version) {
        return Ok(Vec::new());
    }
    let message = format!(
        "EKS offers no Kubernetes {version} here; it offers {}",
        versions.join(", ")
    );
    Ok(vec![SpecError::new("/version", message)])
}

/// What keeps a cluster from getting from one version to another in one update: nodes and add-ons have to come along at
/// every step. The way back is a command of its own.
pub(super) fn one_step(live: &str, desired: &str) -> Result<(), String> {
    if is_later(live, desired) {
        return Err(format!(
            "cannot be lowered to {desired}: the cluster has Kubernetes {live}, and a cluster cannot be moved to an \
             earlier version by an apply. Set the version to {live}. To undo an upgrade of the last seven days, run \
             `platctl rollback STACK`"
        ));
    }
    match (kubernetes(live), kubernetes(desired)) {
        (Some((major, from)), Some((to_major, to))) if major == to_major && to > from + 1 => {
            Err(format!(
                "cannot be raised to {desired} at once: the cluster has Kubernetes {live}, which can be upgraded by one \
             minor version at a time. Set the version to {major}.{} and apply, so that add-ons and nodes are upgraded \
             too; repeat up to {desired}. To do all of this step by step, run `platctl upgrade FILE --to {desired}`",
                from + 1
            ))
        }
        _ => Ok(()),
    }
}

/// What EKS would refuse of an upgrade.
pub(super) async fn vet(
    cloud: &Cloud,
    cluster: &str,
    live: &str,
    desired: &str,
) -> CloudResult<Vec<SpecError>> {
    if let Err(why) = one_step(live, desired) {
        return Ok(vec![SpecError::new("/version", why)]);
    }
    let faults = offered(cloud, desired).await?;
    if !faults.is_empty() {
        return Ok(faults);
    }
    match super::insights::allow_upgrade(cloud, cluster, desired).await {
        Err(error) if error.class == Class::Protected => Ok(vec![SpecError::new(
            "/version",
            format!("cannot be raised to {desired}: {}", error.message),
        )]),
        other => other.map(|()| Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_cluster_versions::DescribeClusterVersionsOutput;
    use aws_sdk_eks::operation::list_insights::ListInsightsOutput;
    use aws_sdk_eks::types::ClusterVersionInformation;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[test]
    fn versions_go_up_one_by_one() {
        one_step("1.35", "1.36").unwrap();
        one_step("1.35", "1.35").unwrap();
        assert!(
            one_step("1.33", "1.36")
                .unwrap_err()
                .contains("Set the version to 1.34 and apply")
        );
        assert!(
            one_step("1.36", "1.35")
                .unwrap_err()
                .contains("Set the version to 1.36")
        );
    }

    async fn faults(live: &str, desired: &str) -> Vec<SpecError> {
        let versions = mock!(aws_sdk_eks::Client::describe_cluster_versions).then_output(|| {
            let version = |version| {
                ClusterVersionInformation::builder()
                    .cluster_version(version)
                    .build()
            };
            let builder = DescribeClusterVersionsOutput::builder();
            builder
                .cluster_versions(version("1.40"))
                .cluster_versions(version("1.39"))
                .build()
        });
        let insights = mock!(aws_sdk_eks::Client::list_insights)
            .then_output(|| ListInsightsOutput::builder().build());
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&versions, &insights]);
        vet(
            &Cloud {
                eks: eks.into(),
                ..cloud()
            },
            "prod",
            live,
            desired,
        )
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn eks_says_what_it_offers() {
        assert_eq!(
            faults("1.39", "1.40").await,
            [],
            "no list of our own is asked"
        );
        let found = faults("1.40", "1.41").await;
        assert_eq!(
            found[0].message,
            "EKS offers no Kubernetes 1.41 here; it offers 1.40, 1.39"
        );
        assert!(
            faults("1.40", "1.39").await[0]
                .message
                .contains("earlier version")
        );
    }
}
