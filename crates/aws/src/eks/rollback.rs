//! The rollback of a recent upgrade of a cluster: EKS offers it for seven days after an upgrade, to the version before.

use std::time::Duration;

use aws_sdk_eks::types::{Update, UpdateStatus};
use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudError, CloudResult};

use super::readiness::version;
use super::updates::{self, Subject};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked};
use crate::versions::{is_later, kubernetes};

/// How often an update is looked at, and for how long: nodes go one after another.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// What a rollback of a cluster comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The cluster's version now.
    pub from: String,
    /// The version before, the only one to which EKS takes a cluster back.
    pub to: String,
    /// The node groups whose nodes are newer than that: nodes must not be newer than the cluster, so they go first.
    pub node_groups: Vec<String>,
}

/// What a rollback of the cluster would do. None when there is no such cluster.
///
/// # Errors
/// What EKS answers.
pub async fn look(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Rollback>> {
    let Some(from) = version(cloud, cluster).await? else {
        return Ok(None);
    };
    let Some((major, minor)) = kubernetes(&from).filter(|(_, minor)| *minor > 0) else {
        let message =
            format!("the version of {cluster} is `{from}`, which has no version before it");
        return Err(CloudError::new(Class::Invalid, OPERATION, message));
    };
    let to = format!("{major}.{}", minor - 1);
    let node_groups = newer(cloud, cluster, &to).await?;
    Ok(Some(Rollback {
        from,
        to,
        node_groups,
    }))
}

const OPERATION: &str = "eks:UpdateClusterVersion";

/// The node groups with nodes that are newer than a version.
async fn newer(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<Vec<String>> {
    let list = cloud.eks.list_nodegroups().cluster_name(cluster);
    let names: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
    let names = names.asked()?;
    let read = names.iter().map(|name| async move {
        let call = cloud.eks.describe_nodegroup().cluster_name(cluster);
        call.nodegroup_name(name).send().ask().await
    });
    let groups = try_join_all(read).await?;
    let is_newer = |group: &aws_sdk_eks::types::Nodegroup| {
        group.version().is_some_and(|own| is_later(own, version))
    };
    let groups = groups.iter().filter_map(|answer| answer.nodegroup());
    let groups = groups.filter(|group| is_newer(group));
    Ok(groups
        .filter_map(|group| Some(group.nodegroup_name()?.to_owned()))
        .collect())
}

/// Replaces the nodes of a group by ones of the version, and waits for it.
///
/// # Errors
/// What EKS answers, and why it gave the update up.
pub async fn node_group(
    cloud: &Cloud,
    cluster: &str,
    name: &str,
    version: &str,
) -> CloudResult<()> {
    let call = cloud.eks.update_nodegroup_version().cluster_name(cluster);
    let call = call.nodegroup_name(name).version(version);
    let begun = call.send().ask().await?;
    let of = Subject {
        cluster,
        node_group: Some(name),
        ..Subject::default()
    };
    ended(cloud, of, begun.update()).await
}

/// Takes the control plane back to the version, and waits for it. EKS checks first whether anything speaks against it.
///
/// # Errors
/// What EKS answers, and why it gave the update up.
pub async fn control_plane(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<()> {
    let call = cloud.eks.update_cluster_version().name(cluster);
    let begun = call.version(version).send().ask().await?;
    let of = Subject {
        cluster,
        ..Subject::default()
    };
    ended(cloud, of, begun.update()).await
}

/// Waits until an update has ended.
async fn ended(cloud: &Cloud, of: Subject<'_>, update: Option<&Update>) -> CloudResult<()> {
    let Some(id) = update.and_then(Update::id) else {
        return Ok(());
    };
    let what = of.node_group.unwrap_or(of.cluster);
    let told = cloud.teller.about(format!("rolling back {what}"));
    told.for_reason("EKS is working on it");
    told.during(until_ended(cloud, of, id)).await
}

async fn until_ended(cloud: &Cloud, of: Subject<'_>, id: &str) -> CloudResult<()> {
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let what = format!("reading the update {id}");
        let update =
            call_with_retries(&cloud.teller, what, || updates::read(cloud, of, id)).await?;
        let status = update.as_ref().and_then(Update::status);
        if status == Some(&UpdateStatus::Successful) {
            return Ok(());
        }
        if let Some(why) = update.as_ref().and_then(updates::why) {
            return Err(CloudError::new(Class::Invalid, "eks:DescribeUpdate", why));
        }
        if begun.elapsed() > LONGEST {
            let message =
                format!("the update {id} has not ended after 6 hours; EKS continues with it");
            return Err(CloudError::new(Class::Busy, "eks:DescribeUpdate", message));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_cluster::DescribeClusterOutput;
    use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupOutput;
    use aws_sdk_eks::operation::describe_update::DescribeUpdateOutput;
    use aws_sdk_eks::operation::list_nodegroups::ListNodegroupsOutput;
    use aws_sdk_eks::operation::update_cluster_version::UpdateClusterVersionOutput;
    use aws_sdk_eks::types::{Cluster, ErrorCode, ErrorDetail, Nodegroup, UpdateType};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_cluster_goes_back_one_minor_version_and_its_newer_nodes_go_first() {
        let cluster = mock!(aws_sdk_eks::Client::describe_cluster).then_output(|| {
            let cluster = Cluster::builder().name("prod").version("1.35").build();
            DescribeClusterOutput::builder().cluster(cluster).build()
        });
        let list = mock!(aws_sdk_eks::Client::list_nodegroups).then_output(|| {
            let names = ListNodegroupsOutput::builder().nodegroups("new");
            names.nodegroups("old").build()
        });
        let group = |name: &'static str, version: &'static str| {
            mock!(aws_sdk_eks::Client::describe_nodegroup)
                .match_requests(move |request| request.nodegroup_name() == Some(name))
                .then_output(move || {
                    let group = Nodegroup::builder().nodegroup_name(name).version(version);
                    DescribeNodegroupOutput::builder()
                        .nodegroup(group.build())
                        .build()
                })
        };
        let (new, old) = (group("new", "1.35"), group("old", "1.34"));
        let rules = [&cluster, &list, &new, &old];
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &rules);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let found = look(&cloud, "prod").await.unwrap().unwrap();
        let wanted = Rollback {
            from: "1.35".into(),
            to: "1.34".into(),
            node_groups: vec!["new".into()],
        };
        assert_eq!(found, wanted);
    }

    fn ending(status: UpdateStatus) -> aws_smithy_mocks::Rule {
        mock!(aws_sdk_eks::Client::describe_update).then_output(move || {
            let update = Update::builder()
                .id("u")
                .r#type(UpdateType::from("VersionRollback"))
                .status(status.clone());
            let error = ErrorDetail::builder()
                .error_code(ErrorCode::OperationNotPermitted)
                .error_message("not in the window");
            let update = match status {
                UpdateStatus::Failed => update.errors(error.build()),
                _ => update,
            };
            DescribeUpdateOutput::builder()
                .update(update.build())
                .build()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_update_and_says_why_eks_gave_it_up() {
        for (status, why) in [
            (UpdateStatus::Successful, None),
            (UpdateStatus::Failed, Some("not in the window")),
        ] {
            let begin = mock!(aws_sdk_eks::Client::update_cluster_version)
                .match_requests(|request| request.version() == Some("1.34"))
                .then_output(|| {
                    let update = Update::builder().id("u").build();
                    UpdateClusterVersionOutput::builder().update(update).build()
                });
            let (going, end) = (ending(UpdateStatus::InProgress), ending(status));
            let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&begin, &going, &end]);
            let cloud = Cloud {
                eks: eks.into(),
                ..cloud()
            };
            let found = control_plane(&cloud, "prod", "1.34").await;
            let said = found.err().map(|error| error.message);
            assert_eq!(
                said.is_some_and(|said| said.contains(why.unwrap_or("never"))),
                why.is_some()
            );
        }
    }
}
