//! Which region of a global database writes, and how that changes.

use std::time::Duration;

use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::Asked;
use crate::poll::until;

/// The members of a global database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The ARN of the cluster that writes.
    pub writer: String,
    /// The ARNs of the others.
    pub others: Vec<String>,
    /// Whether nothing is under way.
    pub settled: bool,
}

/// The region of an ARN.
#[must_use]
pub fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// Who writes, and who does not; none when there is no such global database. Any member's region can tell.
///
/// # Errors
/// What RDS answers.
pub async fn members(cloud: &Cloud, global: &str) -> CloudResult<Option<Members>> {
    let look = || async {
        let call = cloud
            .rds
            .describe_global_clusters()
            .global_cluster_identifier(global)
            .send()
            .await;
        call.asked()
    };
    let found = match call_with_retries(
        &cloud.teller,
        format!("reading the global database {global}"),
        look,
    )
    .await
    {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let Some(cluster) = found.global_clusters().first() else {
        return Ok(None);
    };
    let mut members = Members {
        writer: String::new(),
        others: Vec::new(),
        settled: cluster.status() == Some("available") && cluster.failover_state().is_none(),
    };
    for member in cluster.global_cluster_members() {
        let arn = member.db_cluster_arn().unwrap_or_default().to_owned();
        if member.is_writer() == Some(true) {
            members.writer = arn
        } else {
            members.others.push(arn)
        }
    }
    Ok(Some(members))
}

/// Hands the writer's role over without losing anything. Both regions have to work; asked of the writer's.
///
/// # Errors
/// What RDS answers.
pub async fn switch_over(cloud: &Cloud, global: &str, target: &str) -> CloudResult<()> {
    let call = cloud
        .rds
        .switchover_global_cluster()
        .global_cluster_identifier(global);
    let call = call.target_db_cluster_identifier(target).send().await;
    call.map(drop).asked()
}

/// Takes the writer's role for another region, whose last seconds of changes may be missing. Asked of that region:
/// the writer's may be gone.
///
/// # Errors
/// What RDS answers.
pub async fn fail_over(cloud: &Cloud, global: &str, target: &str) -> CloudResult<()> {
    let call = cloud
        .rds
        .failover_global_cluster()
        .global_cluster_identifier(global);
    let call = call
        .target_db_cluster_identifier(target)
        .allow_data_loss(true)
        .send()
        .await;
    call.map(drop).asked()
}

/// How often the change is looked at, and for how long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Waits until this member writes.
///
/// # Errors
/// What RDS answers, and when it takes longer than an hour.
pub async fn until_writer(cloud: &Cloud, global: &str, target: &str) -> CloudResult<()> {
    let told = cloud
        .teller
        .about(format!("waiting for {target} to become the writer"));
    told.for_reason("RDS is switching the writer");
    told.during(writes(cloud, global, target)).await
}

async fn writes(cloud: &Cloud, global: &str, target: &str) -> CloudResult<()> {
    let state = until(PAUSE, LONGEST, || async {
        let now = members(cloud, global).await?;
        let writes = now.is_some_and(|members| members.writer == target && members.settled);
        Ok(writes.then_some(()).ok_or(()))
    });
    state.await?.map_err(|()| {
        let message = format!(
            "{target} has not become the writer after an hour; RDS continues with the failover"
        );
        CloudError::new(Class::Unknown, "rds:DescribeGlobalClusters", message)
    })
}

/// Refuses to take the writer out of a global database in which others are left.
pub(super) async fn spare_the_writer(cloud: &Cloud, global: &str, arn: &str) -> CloudResult<()> {
    match members(cloud, global).await? {
        Some(members) if members.writer == arn && !members.others.is_empty() => {
            let message = format!(
                "it has been the writer of the global database {global} since a failover: only {} would be \
                 left. Switch back first: run platctl failover",
                members.others.join(", ")
            );
            Err(CloudError::new(
                Class::Protected,
                "rds:DeleteDBCluster",
                message,
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_global_clusters::DescribeGlobalClustersOutput;
    use aws_sdk_rds::types::{GlobalCluster, GlobalClusterMember};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn described() -> DescribeGlobalClustersOutput {
        let member = |arn: &str, writes: bool| {
            GlobalClusterMember::builder()
                .db_cluster_arn(arn)
                .is_writer(writes)
                .build()
        };
        let cluster = GlobalCluster::builder()
            .status("available")
            .global_cluster_members(member("arn:aws:rds:eu-west-1:1:cluster:a", false))
            .global_cluster_members(member("arn:aws:rds:eu-central-1:1:cluster:b", true));
        DescribeGlobalClustersOutput::builder()
            .global_clusters(cluster.build())
            .build()
    }

    #[tokio::test]
    async fn the_writer_is_not_taken_away_from_under_its_copies() {
        let read = mock!(aws_sdk_rds::Client::describe_global_clusters).then_output(described);
        let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, &[&read]);
        let cloud = Cloud {
            rds: rds.into(),
            ..cloud()
        };
        let found = members(&cloud, "dr").await.unwrap().unwrap();
        assert_eq!(
            (region_of(&found.writer), found.others.len(), found.settled),
            ("eu-central-1", 1, true)
        );
        let error = spare_the_writer(&cloud, "dr", &found.writer)
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Protected);
        spare_the_writer(&cloud, "dr", &found.others[0])
            .await
            .unwrap();
    }
}
