//! Which version of an add-on EKS takes by default.

use aws_sdk_eks::types::AddonVersionInfo;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked};

/// The versions of an add-on for a version of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offered {
    /// What EKS takes by default.
    pub(super) default: Option<String>,
    /// All of them.
    pub(super) all: Vec<String>,
}

/// The newest version for a version of Kubernetes; none where EKS has none of that name.
pub(super) async fn newest_for(
    cloud: &Cloud,
    addon: &str,
    kubernetes: &str,
) -> CloudResult<Option<String>> {
    let mut versions = offered_for(cloud, addon, kubernetes).await?.all.into_iter();
    let newer = |one: String, other: String| if is_newer(&other, &one) { other } else { one };
    Ok(versions.next().map(|first| versions.fold(first, newer)))
}

/// What EKS takes by default for a version of Kubernetes; none where it has none of that name.
pub(super) async fn default_for(
    cloud: &Cloud,
    addon: &str,
    kubernetes: &str,
) -> CloudResult<Option<String>> {
    Ok(offered_for(cloud, addon, kubernetes).await?.default)
}

/// What EKS offers of an add-on for a version of Kubernetes.
pub(super) async fn offered_for(
    cloud: &Cloud,
    addon: &str,
    kubernetes: &str,
) -> CloudResult<Offered> {
    let call = cloud
        .eks
        .describe_addon_versions()
        .addon_name(addon)
        .kubernetes_version(kubernetes);
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    let mut offered = Offered::default();
    for version in found.iter().flat_map(|addon| addon.addon_versions()) {
        let fits = fitting(version, kubernetes);
        let (Some(default), Some(name)) = (fits, version.addon_version()) else {
            continue;
        };
        if default {
            offered.default.get_or_insert_with(|| name.to_owned());
        }
        offered.all.push(name.to_owned());
    }
    Ok(offered)
}

/// An add-on of a cluster.
pub(super) struct Installed {
    pub(super) name: String,
    /// Its version now.
    pub(super) version: String,
    /// What EKS offers of it for the version of Kubernetes that was asked about.
    pub(super) offered: Offered,
}

/// The add-ons of a cluster, with what EKS offers of each for a version of Kubernetes.
pub(super) async fn installed(
    cloud: &Cloud,
    cluster: &str,
    kubernetes: &str,
) -> CloudResult<Vec<Installed>> {
    let list = cloud.eks.list_addons().cluster_name(cluster);
    let names: Result<Vec<String>, _> = list.into_paginator().items().send().collect().await;
    let read = |name: String| async move {
        let call = cloud.eks.describe_addon().cluster_name(cluster);
        let found = call.addon_name(&name).send().ask().await?;
        let version = found.addon().and_then(|addon| addon.addon_version());
        Ok(Installed {
            version: version.unwrap_or_default().to_owned(),
            offered: offered_for(cloud, &name, kubernetes).await?,
            name,
        })
    };
    let what = "reading the versions of add-ons";
    each(cloud, what, names.asked()?, read).await
}

/// Whether a version is the default one for a version of Kubernetes; none where it does not fit.
fn fitting(version: &AddonVersionInfo, kubernetes: &str) -> Option<bool> {
    let mut fits = version
        .compatibilities()
        .iter()
        .filter(|fits| fits.cluster_version() == Some(kubernetes))
        .peekable();
    fits.peek()?;
    Some(fits.any(|fits| fits.default_version()))
}

/// Whether one version is newer than another: `v1.20.10-eksbuild.2` than `v1.20.9-eksbuild.3`.
pub(super) fn is_newer(one: &str, other: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect()
    };
    numbers(one) > numbers(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_addon_versions::DescribeAddonVersionsOutput;
    use aws_sdk_eks::types::{AddonInfo, Compatibility};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn the_newest_is_not_always_the_default() {
        let found = mock!(aws_sdk_eks::Client::describe_addon_versions).then_output(|| {
            let version = |version: &str, default| {
                let fits = Compatibility::builder()
                    .cluster_version("1.35")
                    .default_version(default);
                let info = AddonVersionInfo::builder().addon_version(version);
                info.compatibilities(fits.build()).build()
            };
            let addon = AddonInfo::builder()
                .addon_name("vpc-cni")
                .addon_versions(version("v1.20.4-eksbuild.1", true))
                .addon_versions(version("v1.21.1-eksbuild.1", false))
                .addon_versions(version("v1.20.5-eksbuild.1", false));
            DescribeAddonVersionsOutput::builder()
                .addons(addon.build())
                .build()
        });
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&found]).into(),
            ..cloud()
        };
        let newest = newest_for(&cloud, "vpc-cni", "1.35").await.unwrap();
        assert_eq!(newest.as_deref(), Some("v1.21.1-eksbuild.1"));
        let default = default_for(&cloud, "vpc-cni", "1.35").await.unwrap();
        assert_eq!(default.as_deref(), Some("v1.20.4-eksbuild.1"));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_newer("v1.20.10-eksbuild.2", "v1.20.9-eksbuild.3"));
        assert!(is_newer("v1.20.10-eksbuild.10", "v1.20.10-eksbuild.9"));
        assert!(!is_newer("v1.20.10-eksbuild.2", "v1.20.10-eksbuild.2"));
        assert!(!is_newer("v1.9.0-eksbuild.1", "v1.10.0-eksbuild.1"));
    }
}
