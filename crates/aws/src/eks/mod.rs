//! EKS: clusters, their nodes, and who may do what with them.

pub mod access_entry;
pub mod addon;
mod addon_versions;
pub mod architecture;
pub mod auto_mode;
pub mod cluster;
mod cluster_versions;
mod codes;
mod departure;
pub mod eviction;
pub mod fargate_profile;
mod generations;
mod insights;
pub mod node_group;
pub mod node_versions;
mod nodes_missing;
pub mod pod_identity_association;
pub mod readiness;
pub(crate) mod releases;
pub mod rollback;
pub mod stages;
pub(crate) mod updates;

pub(crate) use codes::CODES;

use std::collections::HashMap;

use platctl_engine::{Changes, CloudResult, Id, Owner, Phase};

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, edits, split};

/// The zones, by their IDs, in which EKS has no control plane: it refuses clusters with a subnet there.
pub const UNSERVED_ZONES: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// What belongs to a cluster has an id of our own: `CLUSTER|NAME`.
pub(crate) fn id_in(cluster: &str, name: &str) -> Id {
    Id::from(format!("{cluster}|{name}"))
}

/// The cluster and the name of such an id.
pub(crate) fn parts(id: &Id) -> Option<(&str, &str)> {
    id.as_str().split_once('|')
}

/// Takes the tags of an answer apart.
pub(crate) fn tags_of(tags: Option<&HashMap<String, String>>) -> (Tags, Option<Owner>) {
    split(
        tags.into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone())),
    )
}

/// The tags of a creation.
pub(crate) fn tags_with(tags: &Tags, owner: &Owner) -> Option<HashMap<String, String>> {
    Some(claimed(tags, owner).into_iter().collect())
}

/// The phase of a status, with what EKS says is wrong. A degraded thing works in part and may recover by itself. After
/// a failed update the old settings are in force, and the difference asks for another update.
pub(crate) fn phase<'a>(
    status: &str,
    issues: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Phase {
    let issue = |(code, message): (Option<&str>, Option<&str>)| {
        format!(
            "{}: {}",
            code.unwrap_or("unknown"),
            message.unwrap_or_default()
        )
    };
    let issues: Vec<String> = issues.into_iter().map(issue).collect();
    let text = if issues.is_empty() {
        status.to_owned()
    } else {
        format!("{status} ({})", issues.join("; "))
    };
    match status {
        "ACTIVE" if issues.is_empty() => Phase::Ready,
        "ACTIVE" => Phase::Degraded(issues.join("; ")),
        "DEGRADED" | "UPDATE_FAILED" => Phase::Degraded(text),
        "FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => Phase::Failed(text),
        "DELETING" => Phase::Deleting,
        _ => Phase::Settling(text),
    }
}

/// Writes and removes tags as the changes ask.
pub(crate) async fn sync_tags(
    cloud: &Cloud,
    arn: &str,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let call = cloud.eks.tag_resource().resource_arn(arn);
        let call = call.set_tags(Some(edits.set.into_iter().collect()));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud
            .eks
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_degraded_is_usable_and_says_why() {
        let issue = [(Some("InsufficientNumberOfReplicas"), Some("no nodes"))];
        let text = "DEGRADED (InsufficientNumberOfReplicas: no nodes)";
        assert_eq!(phase("DEGRADED", issue), Phase::Degraded(text.into()));
        let warning = Phase::Degraded("InsufficientNumberOfReplicas: no nodes".into());
        assert_eq!(phase("ACTIVE", issue), warning);
        assert_eq!(phase("ACTIVE", []), Phase::Ready);
        assert_eq!(
            phase("UPDATE_FAILED", []),
            Phase::Degraded("UPDATE_FAILED".into())
        );
    }

    #[test]
    fn what_failed_says_why() {
        let issue = [(
            Some("NodeCreationFailure"),
            Some("instances failed to join"),
        )];
        let text = "CREATE_FAILED (NodeCreationFailure: instances failed to join)";
        assert_eq!(phase("CREATE_FAILED", issue), Phase::Failed(text.into()));
    }
}
