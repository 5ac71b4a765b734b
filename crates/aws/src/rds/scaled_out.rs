//! Readers that Application Auto Scaling added to a cluster. No stack declares them, they have no ownership tags, and
//! RDS deletes no cluster that still has one.

use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::Ask;

/// How Application Auto Scaling names the instances that it adds.
const PREFIX: &str = "application-autoscaling-";

/// Begins to delete the scaled-out readers of a cluster whose deletion RDS has just refused: they are gone with the
/// cluster's scalable target, which nothing would scale in any more. One of them may be the writer by now, after the
/// other instances were deleted.
///
/// # Errors
/// What RDS answers; with readers on their way out, an error of [`Class::Busy`] that names them; without any, what the
/// deletion of the cluster was `refused` with.
pub(super) async fn make_way(cloud: &Cloud, cluster: &str, refused: CloudError) -> CloudResult<()> {
    let call = cloud
        .rds
        .describe_db_clusters()
        .db_cluster_identifier(cluster);
    let found = call.send().ask().await?.db_clusters.unwrap_or_default();
    let members = found
        .iter()
        .flat_map(|cluster| cluster.db_cluster_members());
    let members = members.filter_map(|member| member.db_instance_identifier());
    let readers: Vec<&str> = members.filter(|name| name.starts_with(PREFIX)).collect();
    if readers.is_empty() {
        return Err(refused);
    }
    for reader in &readers {
        let call = cloud
            .rds
            .delete_db_instance()
            .db_instance_identifier(*reader)
            .skip_final_snapshot(true);
        match call.send().ask().await {
            // It is on its way out already, or gone.
            Err(error) if matches!(error.class, Class::Busy | Class::NotFound) => {}
            other => other.map(drop)?,
        }
    }
    let message = format!(
        "readers that Application Auto Scaling added are deleted first: {}",
        readers.join(", ")
    );
    Err(CloudError { message, ..refused })
}
