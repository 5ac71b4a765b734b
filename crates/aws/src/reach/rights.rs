//! What the runner's role may do in its cluster: nothing, but while one of its builds runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_codebuild::types::Build;
use aws_sdk_eks::types::{AccessScope, AccessScopeType};
use aws_smithy_types::DateTime;
use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudError, CloudResult};

use super::builds::{is_running, latest};
use super::project_name;
use crate::Cloud;
use crate::errors::{Ask, Asked};

/// Custom resource definitions and cluster roles are part of what builds apply: no smaller policy covers them.
const POLICY: &str = "AmazonEKSClusterAdminPolicy";
/// For how long the rights can be there without a build that runs: it is about to be started, or whoever has started it
/// has not noticed its end yet.
const MARGIN_SECONDS: u64 = 30;

/// The rights that this process has given, by cluster and role. They are no drift.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    counts: Arc<Mutex<HashMap<String, Count>>>,
    /// Held while rights are given or taken away: of two builds that end together, one has to be the last.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// How many builds have the rights, and how many ever had them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    now: usize,
    ever: usize,
}

impl Given {
    /// How it stands for a role in a cluster.
    pub(crate) fn count(&self, cluster: &str, role: &str) -> Count {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&key(cluster, role)).copied().unwrap_or_default()
    }

    /// Whether the role may have had the rights at any time since then.
    pub(crate) fn since(&self, then: Count, cluster: &str, role: &str) -> bool {
        then.now > 0 || then != self.count(cluster, role)
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Count)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(counts.entry(key.to_owned()).or_default());
    }
}

fn key(cluster: &str, role: &str) -> String {
    format!("{cluster}|{role}")
}

/// The ARN of the policy that builds have.
pub(crate) fn policy(cloud: &Cloud) -> String {
    format!(
        "arn:{}:eks::aws:cluster-access-policy/{POLICY}",
        cloud.partition
    )
}

/// Whether a role is that of the runner of a cluster, and it is at work: one of its builds is running, ended just now or
/// is about to start, because the rights were given just now. Another run has started it, on another machine perhaps.
/// Where nobody can tell, it counts as not.
pub(crate) async fn is_at_work(
    cloud: &Cloud,
    cluster: &str,
    role: &str,
    given: Option<&DateTime>,
) -> bool {
    let works = |build: &Build| is_running(build) || build.end_time().is_some_and(is_recent);
    let look = async {
        let of_runner = role_of(cloud, cluster).await?.as_deref() == Some(role);
        let at_work = of_runner
            && (given.is_some_and(is_recent) || latest(cloud, cluster).await?.iter().any(works));
        Ok::<_, CloudError>(at_work)
    };
    match look.await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, cluster, "cannot determine whether the runner is at work");
            false
        }
    }
}

/// Whether this was just now. The clock of AWS may be ahead of this one.
fn is_recent(time: &DateTime) -> bool {
    let now = DateTime::from(SystemTime::now());
    now.secs().abs_diff(time.secs()) <= MARGIN_SECONDS
}

/// The role of the runner's project; none where there is no project.
async fn role_of(cloud: &Cloud, cluster: &str) -> CloudResult<Option<String>> {
    let name = project_name(cluster);
    let look = || async {
        let call = cloud.codebuild.batch_get_projects().names(&name);
        call.send().ask().await
    };
    let found =
        call_with_retries(&cloud.teller, format!("reading the project {name}"), look).await?;
    let project = found.projects().first();
    Ok(project.and_then(|project| project.service_role().map(ToOwned::to_owned)))
}

/// One build's share of the rights. A run that is cut off gives it back as well, as far as this process is concerned.
pub(super) struct Share {
    given: Given,
    key: String,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.given
            .change(&self.key, |count| count.now = count.now.saturating_sub(1));
    }
}

/// The rights of the builds of one cluster.
pub(super) struct Rights<'a> {
    cloud: &'a Cloud,
    cluster: &'a str,
    role: String,
}

/// What is missing is no reason to take a deletion for done.
fn missing(operation: &str, what: &str, cluster: &str) -> CloudError {
    let message = format!(
        "{what} of the runner of the cluster {cluster} does not exist: to create it again, run `platctl apply`"
    );
    CloudError::new(Class::Invalid, operation, message)
}

impl<'a> Rights<'a> {
    /// Those of the role that the runner's project has.
    pub(super) async fn of(cloud: &'a Cloud, cluster: &'a str) -> CloudResult<Self> {
        let role = role_of(cloud, cluster).await?;
        let role =
            role.ok_or_else(|| missing("codebuild:BatchGetProjects", "the project", cluster))?;
        Ok(Self {
            cloud,
            cluster,
            role,
        })
    }

    /// Makes the role an administrator of the cluster, and waits until EKS shows it.
    pub(super) async fn give(&self) -> CloudResult<Share> {
        let given = &self.cloud.rights;
        let _turn = given.turn.lock().await;
        let key = key(self.cluster, &self.role);
        given.change(&key, |count| {
            count.now += 1;
            count.ever += 1;
        });
        let share = Share {
            given: given.clone(),
            key,
        };
        self.associate().await?;
        Ok(share)
    }

    /// Makes sure that the role still has the rights: another run may have taken them before it could see the build.
    pub(super) async fn keep(&self) -> CloudResult<()> {
        if self.are_there().await? {
            return Ok(());
        }
        self.associate().await
    }

    /// Leaves the role with nothing, unless `in_use` says that another build runs.
    pub(super) async fn take<F: Future<Output = CloudResult<bool>>>(
        &self,
        share: Share,
        in_use: impl Fn() -> F,
    ) -> CloudResult<()> {
        let _turn = self.cloud.rights.turn.lock().await;
        let taken = self.take_if_last(in_use).await;
        // Before the next one's turn, which would otherwise not know that it is the last.
        drop(share);
        taken
    }

    async fn take_if_last<F: Future<Output = CloudResult<bool>>>(
        &self,
        in_use: impl Fn() -> F,
    ) -> CloudResult<()> {
        let count = self.cloud.rights.count(self.cluster, &self.role);
        if count.now > 1 || in_use().await? {
            return Ok(());
        }
        self.disassociate().await?;
        // A build that another run has started in between has just lost them.
        if in_use().await? {
            self.associate().await?;
        }
        Ok(())
    }

    async fn associate(&self) -> CloudResult<()> {
        let scope = AccessScope::builder().r#type(AccessScopeType::Cluster);
        let scope = scope.build();
        let give = || async {
            let call = self.cloud.eks.associate_access_policy();
            let call = call.cluster_name(self.cluster).principal_arn(&self.role);
            let call = call
                .policy_arn(policy(self.cloud))
                .access_scope(scope.clone());
            call.send().ask().await.map(drop)
        };
        let what = "giving the runner access to the cluster";
        match call_with_retries(&self.cloud.teller, what, give).await {
            Err(error) if error.class == Class::NotFound => {
                Err(missing(&error.operation, "the access entry", self.cluster))
            }
            other => other,
        }?;
        let look = || async {
            if self.are_there().await? {
                return Ok(());
            }
            let operation = "eks:ListAssociatedAccessPolicies";
            let message = "the access policy is not visible yet";
            Err(CloudError::new(Class::Busy, operation, message))
        };
        call_with_retries(&self.cloud.teller, what, look).await
    }

    async fn are_there(&self) -> CloudResult<bool> {
        let call = self.cloud.eks.list_associated_access_policies();
        let call = call.cluster_name(self.cluster).principal_arn(&self.role);
        let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        let (found, wanted) = (found.asked()?, policy(self.cloud));
        Ok(found
            .iter()
            .any(|one| one.policy_arn() == Some(wanted.as_str())))
    }

    async fn disassociate(&self) -> CloudResult<()> {
        let take = || async {
            let call = self.cloud.eks.disassociate_access_policy();
            let call = call.cluster_name(self.cluster).principal_arn(&self.role);
            call.policy_arn(policy(self.cloud))
                .send()
                .ask()
                .await
                .map(drop)
        };
        let what = "taking the runner's access to the cluster away";
        match call_with_retries(&self.cloud.teller, what, take).await {
            // Somebody else has been faster.
            Err(error) if error.class == Class::NotFound => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_while_somebody_looked_is_known() {
        let given = Given::default();
        let key = key("prod", "runner");
        let before = given.count("prod", "runner");
        assert!(!given.since(before, "prod", "runner"));
        given.change(&key, |count| {
            count.now += 1;
            count.ever += 1;
        });
        let share = Share {
            given: given.clone(),
            key,
        };
        let during = given.count("prod", "runner");
        assert!(given.since(before, "prod", "runner"));
        assert!(!given.since(given.count("prod", "other"), "prod", "other"));
        drop(share);
        // It was given and taken while the look went on.
        assert!(given.since(before, "prod", "runner"));
        assert!(given.since(during, "prod", "runner"));
        let after = given.count("prod", "runner");
        assert!(!given.since(after, "prod", "runner"));
    }
}
