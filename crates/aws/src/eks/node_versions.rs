//! The versions of Kubernetes that the nodes of a cluster have.

use aws_sdk_eks::types::Nodegroup;
use platctl_engine::{Address, CloudResult};

use super::tags_of;
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked};
use crate::versions::is_later;

/// A node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes {
    /// Its name in EKS.
    pub name: String,
    /// Where it stands in its stack, as its tags say.
    pub address: Option<Address>,
}

/// The node groups with nodes that are newer than a version.
pub(super) async fn newer(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<Vec<Nodes>> {
    with(cloud, cluster, |own| is_later(own, version)).await
}

/// The node groups with nodes that are older than a version.
///
/// # Errors
/// What EKS answers.
pub async fn older(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<Vec<Nodes>> {
    with(cloud, cluster, |own| is_later(version, own)).await
}

/// The node groups whose version is wanted.
async fn with(
    cloud: &Cloud,
    cluster: &str,
    wanted: impl Fn(&str) -> bool,
) -> CloudResult<Vec<Nodes>> {
    let list = cloud.eks.list_nodegroups().cluster_name(cluster);
    let names: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
    let names = names.asked()?;
    let read = names.iter().map(|name| async move {
        let call = cloud.eks.describe_nodegroup().cluster_name(cluster);
        call.nodegroup_name(name).send().ask().await
    });
    let groups = try_join_all(read).await?;
    let nodes = |group: &Nodegroup| {
        let (_, owner) = tags_of(group.tags());
        Some(Nodes {
            name: group.nodegroup_name()?.to_owned(),
            address: owner.and_then(|owner| owner.address.parse().ok()),
        })
    };
    let groups = groups.iter().filter_map(|answer| answer.nodegroup());
    let groups = groups.filter(|group| group.version().is_some_and(&wanted));
    Ok(groups.filter_map(nodes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupOutput;
    use aws_sdk_eks::operation::list_nodegroups::ListNodegroupsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn nodes_are_compared_with_a_version_and_named_by_their_tags() {
        let list = mock!(aws_sdk_eks::Client::list_nodegroups).then_output(|| {
            ListNodegroupsOutput::builder()
                .nodegroups("general")
                .build()
        });
        let read = mock!(aws_sdk_eks::Client::describe_nodegroup).then_output(|| {
            let group = Nodegroup::builder()
                .nodegroup_name("general")
                .version("1.34")
                .tags("platctl:stack", "prod")
                .tags("platctl:address", "cluster.node_group.general")
                .tags("platctl:generation", "1");
            DescribeNodegroupOutput::builder()
                .nodegroup(group.build())
                .build()
        });
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&list, &read]);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let found = older(&cloud, "prod", "1.35").await.unwrap();
        let address = found[0].address.as_ref().map(Address::as_str);
        assert_eq!(address, Some("cluster.node_group.general"));
        assert_eq!(older(&cloud, "prod", "1.34").await.unwrap(), []);
        assert_eq!(newer(&cloud, "prod", "1.33").await.unwrap().len(), 1);
    }
}
