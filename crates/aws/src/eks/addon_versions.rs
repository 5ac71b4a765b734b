//! Which version of an add-on EKS takes by default.

use aws_sdk_eks::types::AddonVersionInfo;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Asked;

/// What EKS takes by default for a version of Kubernetes; none where it has none of that name.
pub(super) async fn default_for(
    cloud: &Cloud,
    addon: &str,
    kubernetes: &str,
) -> CloudResult<Option<String>> {
    let call = cloud
        .eks
        .describe_addon_versions()
        .addon_name(addon)
        .kubernetes_version(kubernetes);
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    let is_default = |version: &&AddonVersionInfo| {
        version
            .compatibilities()
            .iter()
            .any(|fits| fits.default_version() && fits.cluster_version() == Some(kubernetes))
    };
    let mut versions = found.iter().flat_map(|addon| addon.addon_versions());
    Ok(versions
        .find(is_default)
        .and_then(|version| version.addon_version().map(ToOwned::to_owned)))
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

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_newer("v1.20.10-eksbuild.2", "v1.20.9-eksbuild.3"));
        assert!(is_newer("v1.20.10-eksbuild.10", "v1.20.10-eksbuild.9"));
        assert!(!is_newer("v1.20.10-eksbuild.2", "v1.20.10-eksbuild.2"));
        assert!(!is_newer("v1.9.0-eksbuild.1", "v1.10.0-eksbuild.1"));
    }
}
