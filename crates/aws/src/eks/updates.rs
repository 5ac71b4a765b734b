//! What becomes of an update: EKS accepts it with an id, carries it out later, and says only there why it gave it up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_eks::types::{ErrorCode, ErrorDetail, Update, UpdateStatus};
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked};

/// The last update of each thing that this process has begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begun(Arc<Mutex<HashMap<String, String>>>);

/// What an update is of: a cluster, or something in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject<'a> {
    pub(super) cluster: &'a str,
    pub(super) node_group: Option<&'a str>,
    pub(super) addon: Option<&'a str>,
    /// Where it stands in its stack, for what to type.
    pub(super) address: Option<&'a str>,
}

impl Subject<'_> {
    fn key(&self) -> String {
        format!("{}|{:?}|{:?}", self.cluster, self.node_group, self.addon)
    }
}

impl Begun {
    fn note(&self, subject: Subject<'_>, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(subject.key(), id.to_owned());
    }

    fn take(&self, subject: Subject<'_>) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&subject.key())
    }
}

/// Notes an update that EKS has accepted.
pub(super) fn began(cloud: &Cloud, subject: Subject<'_>, update: Option<&Update>) {
    if let Some(id) = update.and_then(Update::id) {
        cloud.updates.note(subject, id);
    }
}

pub(super) async fn read(cloud: &Cloud, of: Subject<'_>, id: &str) -> CloudResult<Option<Update>> {
    let call = cloud.eks.describe_update().name(of.cluster).update_id(id);
    let call = call.set_nodegroup_name(of.node_group.map(ToOwned::to_owned));
    Ok(call
        .set_addon_name(of.addon.map(ToOwned::to_owned))
        .send()
        .ask()
        .await?
        .update)
}

/// The latest of the updates that count, whoever began it.
pub(super) async fn latest(
    cloud: &Cloud,
    of: Subject<'_>,
    counts: fn(&Update) -> bool,
) -> CloudResult<Option<Update>> {
    let call = cloud.eks.list_updates().name(of.cluster);
    let call = call.set_nodegroup_name(of.node_group.map(ToOwned::to_owned));
    let call = call.set_addon_name(of.addon.map(ToOwned::to_owned));
    let ids: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let ids = ids.asked()?;
    let updates = try_join_all(ids.iter().map(|id| read(cloud, of, id))).await?;
    let counted = updates.into_iter().flatten().filter(counts);
    Ok(counted.max_by_key(|update| {
        update
            .created_at()
            .map(|time| (time.secs(), time.subsec_nanos()))
    }))
}

/// Why the last update failed; none where it did not. An update of an earlier run, whose id nobody knows any more, is
/// looked for where `resumed` says that there was one.
pub(super) async fn failure(
    cloud: &Cloud,
    of: Subject<'_>,
    resumed: bool,
) -> CloudResult<Option<String>> {
    let update = match cloud.updates.take(of) {
        Some(id) => read(cloud, of, &id).await?,
        None if resumed => latest(cloud, of, |_| true).await?,
        None => None,
    };
    Ok(update.as_ref().and_then(|update| why(update, of)))
}

/// Why an update failed; none where it did not.
pub(super) fn why(update: &Update, of: Subject<'_>) -> Option<String> {
    let status = update
        .status()
        .filter(|status| matches!(status, UpdateStatus::Failed | UpdateStatus::Cancelled))?;
    let kind = update.r#type().map_or("update", |kind| kind.as_str());
    let errors = update.errors().iter().map(|error| {
        let code = error.error_code().map_or("Unknown", ErrorCode::as_str);
        let of = error.resource_ids();
        let of = if of.is_empty() {
            String::new()
        } else {
            format!(" ({})", of.join(", "))
        };
        format!("{code}: {}{of}", error.error_message().unwrap_or_default())
    });
    let errors: Vec<String> = errors.collect();
    let code = |error: &ErrorDetail| error.error_code() == Some(&ErrorCode::PodEvictionFailure);
    let hint = match update.errors().iter().any(code) {
        true => blocked(of.address),
        false => String::new(),
    };
    let id = update.id().unwrap_or_default();
    Some(format!(
        "{kind} {id} is {}: {}{hint}",
        status.as_str(),
        errors.join("; ")
    ))
}

/// What to do about pods that a budget does not let go.
fn blocked(address: Option<&str>) -> String {
    let address = address.unwrap_or("ADDRESS");
    format!(
        ". A PodDisruptionBudget does not allow pods on these nodes to be evicted: change the budget or add replicas, \
         then run again. To replace the nodes in spite of it, which can interrupt what runs on them, add \
         `--force-evict {address}` to the command"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_update::DescribeUpdateOutput;
    use aws_sdk_eks::operation::list_updates::ListUpdatesOutput;
    use aws_sdk_eks::types::UpdateType;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;

    const GROUP: Subject<'static> = Subject {
        cluster: "prod",
        node_group: Some("general"),
        addon: None,
        address: Some("cluster.node_group.general"),
    };

    fn update(id: &str, status: UpdateStatus, made: i64) -> Update {
        let error = ErrorDetail::builder()
            .error_code(ErrorCode::PodEvictionFailure)
            .error_message("Reached max retries while trying to evict pods")
            .resource_ids("ip-10-10-32-7");
        let update = Update::builder()
            .id(id)
            .status(status.clone())
            .r#type(UpdateType::VersionUpdate);
        let update = update.created_at(DateTime::from_secs(made));
        if status == UpdateStatus::Failed {
            update.errors(error.build()).build()
        } else {
            update.build()
        }
    }

    /// An EKS that knows two updates: an older one that succeeded, and a later one that failed.
    fn eks() -> Cloud {
        let list = mock!(aws_sdk_eks::Client::list_updates)
            .match_requests(|request| request.nodegroup_name() == Some("general"))
            .then_output(|| {
                ListUpdatesOutput::builder()
                    .update_ids("late")
                    .update_ids("early")
                    .build()
            });
        let early = mock!(aws_sdk_eks::Client::describe_update)
            .match_requests(|request| request.update_id() == Some("early"))
            .then_output(|| {
                let update = update("early", UpdateStatus::Successful, 1);
                DescribeUpdateOutput::builder().update(update).build()
            });
        let late = mock!(aws_sdk_eks::Client::describe_update)
            .match_requests(|request| request.update_id() == Some("late"))
            .then_output(|| {
                DescribeUpdateOutput::builder()
                    .update(update("late", UpdateStatus::Failed, 2))
                    .build()
            });
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&list, &early, &late]);
        Cloud {
            eks: eks.into(),
            ..cloud()
        }
    }

    #[tokio::test]
    async fn a_failed_update_says_why_and_what_to_do() {
        let cloud = eks();
        began(
            &cloud,
            GROUP,
            Some(&update("late", UpdateStatus::InProgress, 2)),
        );
        let why = failure(&cloud, GROUP, false).await.unwrap().unwrap();
        assert!(
            why.starts_with(
                "VersionUpdate late is Failed: PodEvictionFailure: Reached max retries while trying to evict pods \
                 (ip-10-10-32-7)"
            ),
            "{why}"
        );
        assert!(
            why.contains("add `--force-evict cluster.node_group.general`"),
            "{why}"
        );
        assert_eq!(
            failure(&cloud, GROUP, false).await.unwrap(),
            None,
            "it is asked for once"
        );
    }

    #[tokio::test]
    async fn an_update_that_succeeded_or_that_nobody_made_is_no_failure() {
        let cloud = eks();
        assert_eq!(failure(&cloud, GROUP, false).await.unwrap(), None);
        began(
            &cloud,
            GROUP,
            Some(&update("early", UpdateStatus::InProgress, 1)),
        );
        assert_eq!(failure(&cloud, GROUP, false).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_update_of_a_run_that_was_killed_is_found() {
        let why = failure(&eks(), GROUP, true).await.unwrap().unwrap();
        assert!(why.contains("late is Failed"), "{why}");
    }
}
