//! Restarts of database instances.

use std::time::Duration;

use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::Asked;
use crate::poll::until;

/// How often the state of an instance is looked at, and for how long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// An instance of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identifier.
    pub instance: String,
    /// Whether it is the one that takes writes.
    pub writes: bool,
}

/// The instances of a cluster in the order in which they are restarted: readers first, so that each of them is there
/// to take over when the writer restarts. None when there is no such cluster.
///
/// # Errors
/// What RDS answers.
pub async fn members(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Vec<Member>>> {
    let look = || async {
        cloud
            .rds
            .describe_db_clusters()
            .db_cluster_identifier(cluster)
            .send()
            .await
            .asked()
    };
    let found = match call_with_retries(
        &cloud.teller,
        format!("reading the cluster {cluster}"),
        look,
    )
    .await
    {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let Some(cluster) = found.db_clusters().first() else {
        return Ok(None);
    };
    let members = cluster.db_cluster_members().iter().filter_map(|member| {
        let instance = member.db_instance_identifier()?.to_owned();
        Some(Member {
            instance,
            writes: member.is_cluster_writer() == Some(true),
        })
    });
    let mut members: Vec<Member> = members.collect();
    members.sort_by(|one, other| (one.writes, &one.instance).cmp(&(other.writes, &other.instance)));
    Ok(Some(members))
}

/// Restarts an instance, and waits until it is available again.
///
/// # Errors
/// What RDS answers, and when it takes longer than an hour.
pub async fn restart(cloud: &Cloud, instance: &str) -> CloudResult<()> {
    cloud
        .rds
        .reboot_db_instance()
        .db_instance_identifier(instance)
        .send()
        .await
        .asked()?;
    let told = cloud.teller.about(format!("restarting {instance}"));
    told.for_reason("RDS is rebooting it");
    told.during(until_available(cloud, instance)).await
}

async fn until_available(cloud: &Cloud, instance: &str) -> CloudResult<()> {
    let state = until(PAUSE, LONGEST, || async {
        let look = || async {
            cloud
                .rds
                .describe_db_instances()
                .db_instance_identifier(instance)
                .send()
                .await
                .asked()
        };
        let found = call_with_retries(&cloud.teller, format!("reading {instance}"), look).await?;
        let status = found
            .db_instances()
            .first()
            .and_then(|one| one.db_instance_status());
        Ok(match status {
            Some("available") => Ok(()),
            other => Err(other.unwrap_or("unknown").to_owned()),
        })
    });
    state.await?.map_err(|status| {
        let message = format!("{instance} is still {status} after an hour");
        CloudError::new(Class::Busy, "rds:RebootDBInstance", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_db_clusters::DescribeDbClustersOutput;
    use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
    use aws_sdk_rds::operation::reboot_db_instance::RebootDbInstanceOutput;
    use aws_sdk_rds::types::{DbCluster, DbClusterMember, DbInstance};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn readers_are_restarted_before_the_writer() {
        let read = mock!(aws_sdk_rds::Client::describe_db_clusters).then_output(|| {
            let member = |name: &str, writes| {
                DbClusterMember::builder()
                    .db_instance_identifier(name)
                    .is_cluster_writer(writes)
                    .build()
            };
            let cluster = DbCluster::builder().db_cluster_members(member("a-writer", true));
            let cluster = cluster.db_cluster_members(member("reader-2", false));
            let cluster = cluster
                .db_cluster_members(member("reader-1", false))
                .build();
            DescribeDbClustersOutput::builder()
                .db_clusters(cluster)
                .build()
        });
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&read]);
        let found = members(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            "prod",
        )
        .await
        .unwrap()
        .unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|member| member.instance.as_str())
            .collect();
        assert_eq!(names, ["reader-1", "reader-2", "a-writer"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_ends_when_the_instance_is_available_again() {
        let reboot = mock!(aws_sdk_rds::Client::reboot_db_instance)
            .match_requests(|request| request.db_instance_identifier() == Some("writer"))
            .then_output(|| RebootDbInstanceOutput::builder().build());
        let look = |status: &'static str| {
            mock!(aws_sdk_rds::Client::describe_db_instances).then_output(move || {
                let instance = DbInstance::builder().db_instance_status(status).build();
                DescribeDbInstancesOutput::builder()
                    .db_instances(instance)
                    .build()
            })
        };
        let (rebooting, available) = (look("rebooting"), look("available"));
        let rds = mock_client!(
            aws_sdk_rds,
            RuleMode::Sequential,
            &[&reboot, &rebooting, &available]
        );
        restart(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            "writer",
        )
        .await
        .unwrap();
        assert_eq!((reboot.num_calls(), available.num_calls()), (1, 1));
    }
}
