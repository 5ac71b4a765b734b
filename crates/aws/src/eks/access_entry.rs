//! `eks.AccessEntry`: who may do what in a cluster.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{self, AccessScope, AccessScopeType};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{id_in, parts, sync_tags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};
use crate::reach::{is_at_work, runner_policy};
use crate::tags::Tags;
use crate::types::{Arn, unless_same};

/// An EKS access entry, which gives an IAM role or user access to a cluster. Its ID in platctl is
/// `CLUSTER|PRINCIPAL`.
#[derive(Debug)]
pub struct AccessEntry;

/// An EKS access policy and its scope.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicy {
    /// The ARN of the access policy, such as
    /// `arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`.
    pub policy_arn: Arn,
    /// The Kubernetes namespaces to which the access policy applies. If omitted, the whole cluster.
    #[serde(default)]
    pub namespaces: BTreeSet<String>,
}

impl AccessPolicy {
    fn scope(&self) -> AccessScope {
        if self.namespaces.is_empty() {
            return AccessScope::builder()
                .r#type(AccessScopeType::Cluster)
                .build();
        }
        let namespaces = self.namespaces.iter().cloned().collect();
        AccessScope::builder()
            .r#type(AccessScopeType::Namespace)
            .set_namespaces(Some(namespaces))
            .build()
    }
}

/// An EKS access entry, which gives an IAM role or user access to a cluster. Its ID in platctl is
/// `CLUSTER|PRINCIPAL`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster. Its authentication mode must allow access entries.
    pub cluster_name: S::In<String>,
    /// The ARN of the IAM role or user.
    pub principal_arn: S::In<Arn>,
    /// The type of the access entry: `STANDARD` for people and programs, or `EC2_LINUX`, `EC2_WINDOWS`,
    /// `FARGATE_LINUX`, `EC2` or `HYBRID_LINUX` for nodes. AWS default: `STANDARD`. Cannot be changed.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The Kubernetes groups of the principal. Names must not begin with `system:`. `STANDARD` entries only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_groups: Option<BTreeSet<String>>,
    /// The username of the principal in Kubernetes. AWS default: a name generated from the principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The access policies to associate. Other associated access policies are removed. `STANDARD` entries
    /// only.
    #[serde(default)]
    pub access_policies: BTreeSet<AccessPolicy>,
    /// Tags to assign to the access entry.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the access entry that other resources can reference.
    AccessEntry {
        /// The Amazon Resource Name (ARN) of the access entry.
        ARN: arn: Arn,
    }
}

fn id_of(spec: &Spec) -> Id {
    id_in(&spec.cluster_name, spec.principal_arn.as_str())
}

async fn associated(
    cloud: &Cloud,
    cluster: &str,
    principal: &str,
) -> CloudResult<Vec<types::AssociatedAccessPolicy>> {
    let pages = cloud
        .eks
        .list_associated_access_policies()
        .cluster_name(cluster)
        .principal_arn(principal);
    let found: Result<Vec<_>, _> = pages.into_paginator().items().send().collect().await;
    Ok(if_there(found.asked())?.unwrap_or_default())
}

fn policy(policy: &types::AssociatedAccessPolicy) -> Option<AccessPolicy> {
    let namespaces = policy
        .access_scope()
        .map(AccessScope::namespaces)
        .unwrap_or_default();
    Some(AccessPolicy {
        policy_arn: policy.policy_arn()?.into(),
        namespaces: namespaces.iter().cloned().collect(),
    })
}

fn live(
    entry: &types::AccessEntry,
    access_policies: BTreeSet<AccessPolicy>,
) -> Option<Live<AccessEntry>> {
    let (tags, owner) = tags_of(entry.tags());
    let spec = Spec {
        cluster_name: entry.cluster_name()?.to_owned(),
        principal_arn: entry.principal_arn()?.into(),
        kind: Some(entry.r#type().unwrap_or("STANDARD").to_owned()),
        kubernetes_groups: Some(entry.kubernetes_groups().iter().cloned().collect()),
        username: entry.username().map(ToOwned::to_owned),
        access_policies,
        tags,
    };
    let outputs = Outputs {
        arn: entry.access_entry_arn().unwrap_or_default().into(),
    };
    Some(Live {
        id: id_of(&spec),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<AccessEntry>>> {
    let Some((cluster, principal)) = parts(id) else {
        return Ok(None);
    };
    let call = cloud
        .eks
        .describe_access_entry()
        .cluster_name(cluster)
        .principal_arn(principal);
    let answer = call.send().ask().await?;
    let Some(entry) = answer.access_entry else {
        return Ok(None);
    };
    let before = cloud.rights.count(cluster, principal);
    let associated = associated(cloud, cluster, principal).await?;
    let mut found: BTreeSet<_> = associated.iter().filter_map(policy).collect();
    // What a build of the runner has for as long as it runs is no drift, whoever has started it. What is left of a run
    // that was cut off is.
    let lent = runner_policy(cloud);
    let loan = associated
        .iter()
        .find(|policy| policy.policy_arn() == Some(lent.as_str()));
    if let Some(loan) = loan {
        let given = cloud.rights.since(before, cluster, principal);
        if given || is_at_work(cloud, cluster, principal, loan.modified_at()).await {
            found.retain(|policy| policy.policy_arn.as_str() != lent);
        }
    }
    Ok(live(&entry, found))
}

/// What a policy is associated with is known by its ARN: associating it again changes its scope.
async fn associate(cloud: &Cloud, live: &Live<AccessEntry>, spec: &Spec) -> CloudResult<()> {
    let (cluster, principal) = (&live.spec.cluster_name, live.spec.principal_arn.as_str());
    let by_arn = |policies: &BTreeSet<AccessPolicy>| -> BTreeMap<Arn, AccessPolicy> {
        policies
            .iter()
            .map(|policy| (policy.policy_arn.clone(), policy.clone()))
            .collect()
    };
    let (old, new) = (
        by_arn(&live.spec.access_policies),
        by_arn(&spec.access_policies),
    );
    for arn in old.keys().filter(|arn| !new.contains_key(*arn)) {
        let call = cloud
            .eks
            .disassociate_access_policy()
            .cluster_name(cluster)
            .principal_arn(principal);
        let call = call.policy_arn(arn.as_str());
        if_there(call.send().ask().await)?;
    }
    for (arn, policy) in new
        .iter()
        .filter(|(arn, policy)| old.get(*arn) != Some(*policy))
    {
        let call = cloud
            .eks
            .associate_access_policy()
            .cluster_name(cluster)
            .principal_arn(principal);
        let call = call.policy_arn(arn.as_str()).access_scope(policy.scope());
        call.send().ask().await?;
    }
    Ok(())
}

impl Kind for AccessEntry {
    const NAME: &'static str = "eks.AccessEntry";
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable]),
        ("/principal_arn", &[Immutable]),
        ("/type", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "eks:DescribeAccessEntry",
            "eks:ListAssociatedAccessPolicies",
            // Of an administrator: whether it is the runner, at work for another run.
            "codebuild:BatchGetProjects",
            "codebuild:ListBuildsForProject",
            "codebuild:BatchGetBuilds",
        ],
        create: &[
            "eks:CreateAccessEntry",
            "eks:AssociateAccessPolicy",
            "eks:TagResource",
        ],
        update: &[
            "eks:UpdateAccessEntry",
            "eks:AssociateAccessPolicy",
            "eks:DisassociateAccessPolicy",
            "eks:TagResource",
            "eks:UntagResource",
        ],
        delete: &["eks:DeleteAccessEntry"],
    };
    const TIMING: Timing = Timing::seconds(2, 2, 1, 300);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cluster_name: "example-cluster".into(),
            principal_arn: "arn:aws:iam::123456789012:role/example".into(),
            kind: Some("STANDARD".into()),
            kubernetes_groups: Some(BTreeSet::from(["viewers".into()])),
            username: None,
            access_policies: BTreeSet::from([AccessPolicy {
                policy_arn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
                    .into(),
                namespaces: BTreeSet::new(),
            }]),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("kubernetes_groups", json!([]))]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let edit = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy";
        let view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
        let policies = json!([
            {"policy_arn": view, "namespaces": ["a", "b"]}, {"policy_arn": edit, "namespaces": ["team"]},
        ]);
        vec![
            ("/kubernetes_groups", json!(["viewers", "operators"])),
            ("/username", json!("somebody")),
            ("/access_policies", policies),
            ("/access_policies", json!([])),
            (
                "/principal_arn",
                json!("arn:aws:iam::123456789012:role/other-example"),
            ),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let standard = spec.kind.as_deref().unwrap_or("STANDARD") == "STANDARD";
        if !standard && spec.kubernetes_groups.is_some() {
            return Err(SpecError::new(
                "/kubernetes_groups",
                "can be used only with STANDARD entries",
            ));
        }
        if !standard && !spec.access_policies.is_empty() {
            return Err(SpecError::new(
                "/access_policies",
                "can be used only with STANDARD entries",
            ));
        }
        let names: BTreeSet<&Arn> = spec
            .access_policies
            .iter()
            .map(|policy| &policy.policy_arn)
            .collect();
        if names.len() < spec.access_policies.len() {
            return Err(SpecError::new(
                "/access_policies",
                "contains a policy twice",
            ));
        }
        match &spec.kubernetes_groups {
            Some(groups) if groups.iter().any(|group| group.starts_with("system:")) => {
                Err(SpecError::new(
                    "/kubernetes_groups",
                    "must not contain names that begin with `system:`",
                ))
            }
            _ => Ok(()),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &(&live.cluster_name, &live.principal_arn),
            &(&desired.cluster_name, &desired.principal_arn),
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    /// The policies follow by `update`.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let groups = spec
            .kubernetes_groups
            .as_ref()
            .map(|groups| groups.iter().cloned().collect());
        let call = cloud
            .eks
            .create_access_entry()
            .cluster_name(&spec.cluster_name)
            .principal_arn(spec.principal_arn.as_str())
            .set_type(spec.kind.clone())
            .set_kubernetes_groups(groups)
            .set_username(spec.username.clone())
            .client_request_token(&claim.token)
            .set_tags(tags_with(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/kubernetes_groups") || changes.touch("/username") {
            // Both are stated: what is left out may be reset.
            let groups = spec
                .kubernetes_groups
                .as_ref()
                .or(live.spec.kubernetes_groups.as_ref());
            let call = cloud
                .eks
                .update_access_entry()
                .cluster_name(&live.spec.cluster_name)
                .principal_arn(live.spec.principal_arn.as_str())
                .set_kubernetes_groups(groups.map(|groups| groups.iter().cloned().collect()))
                .set_username(spec.username.clone().or_else(|| live.spec.username.clone()));
            call.send().ask().await?;
        }
        if changes.touch("/access_policies") {
            associate(cloud, live, spec).await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .eks
            .delete_access_entry()
            .cluster_name(&live.spec.cluster_name);
        let call = call.principal_arn(live.spec.principal_arn.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_codebuild::Client as CodeBuild;
    use aws_sdk_codebuild::operation::batch_get_builds::BatchGetBuildsOutput;
    use aws_sdk_codebuild::operation::batch_get_projects::BatchGetProjectsOutput;
    use aws_sdk_codebuild::operation::list_builds_for_project::ListBuildsForProjectOutput;
    use aws_sdk_codebuild::types::{Build, Project, StatusType};
    use aws_sdk_eks::operation::associate_access_policy::AssociateAccessPolicyOutput;
    use aws_sdk_eks::operation::describe_access_entry::DescribeAccessEntryOutput;
    use aws_sdk_eks::operation::disassociate_access_policy::DisassociateAccessPolicyOutput;
    use aws_sdk_eks::operation::list_associated_access_policies::ListAssociatedAccessPoliciesOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use std::time::SystemTime;

    /// The policies that an administrator of the cluster is seen to have, where the runner's project has this role and
    /// its latest build this status. `ended` and `given` say when the build ended and when the policy was associated.
    async fn seen(
        role: &'static str,
        status: StatusType,
        ended: DateTime,
        given: DateTime,
    ) -> usize {
        const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
        let entry = mock!(aws_sdk_eks::Client::describe_access_entry).then_output(|| {
            let entry = types::AccessEntry::builder()
                .cluster_name("prod")
                .principal_arn("arn:aws:iam::1:role/runner");
            DescribeAccessEntryOutput::builder()
                .access_entry(entry.build())
                .build()
        });
        let policies =
            mock!(aws_sdk_eks::Client::list_associated_access_policies).then_output(move || {
                let policy = types::AssociatedAccessPolicy::builder()
                    .policy_arn(ADMIN)
                    .modified_at(given);
                ListAssociatedAccessPoliciesOutput::builder()
                    .associated_access_policies(policy.build())
                    .build()
            });
        let projects = mock!(CodeBuild::batch_get_projects).then_output(move || {
            let project = Project::builder().name("prod-runner").service_role(role);
            BatchGetProjectsOutput::builder()
                .projects(project.build())
                .build()
        });
        let list = mock!(CodeBuild::list_builds_for_project)
            .then_output(|| ListBuildsForProjectOutput::builder().ids("one").build());
        let builds = mock!(CodeBuild::batch_get_builds).then_output(move || {
            let build = Build::builder()
                .id("one")
                .build_status(status.clone())
                .end_time(ended);
            BatchGetBuildsOutput::builder()
                .builds(build.build())
                .build()
        });
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&entry, &policies]);
        let codebuild = mock_client!(
            aws_sdk_codebuild,
            RuleMode::MatchAny,
            &[&projects, &list, &builds]
        );
        let cloud = Cloud {
            eks: eks.into(),
            codebuild: codebuild.into(),
            ..cloud()
        };
        let id = Id::from("prod|arn:aws:iam::1:role/runner");
        let live = read(&cloud, &id).await.unwrap().unwrap();
        live.spec.access_policies.len()
    }

    /// Another run has started the build: this process has given nothing.
    #[tokio::test]
    async fn what_the_runner_is_lent_by_another_run_is_no_change() {
        const RUNNER: &str = "arn:aws:iam::1:role/runner";
        let (now, past) = (DateTime::from(SystemTime::now()), DateTime::from_secs(0));
        assert_eq!(seen(RUNNER, StatusType::InProgress, past, past).await, 0);
        // Its build has ended, and the other run has not noticed it yet; or it is about to start one.
        assert_eq!(seen(RUNNER, StatusType::Succeeded, now, past).await, 0);
        assert_eq!(seen(RUNNER, StatusType::Succeeded, past, now).await, 0);
        // The build has ended, and the rights are still there: somebody has to see it.
        assert_eq!(seen(RUNNER, StatusType::Succeeded, past, past).await, 1);
        // An administrator who is not the runner.
        let other = "arn:aws:iam::1:role/other";
        assert_eq!(seen(other, StatusType::InProgress, past, now).await, 1);
    }

    #[tokio::test]
    async fn policies_that_stay_as_they_are_are_not_touched() {
        let policy = |name: &str, namespaces: &[&str]| AccessPolicy {
            policy_arn: name.into(),
            namespaces: namespaces.iter().map(ToString::to_string).collect(),
        };
        let leave = mock!(aws_sdk_eks::Client::disassociate_access_policy)
            .match_requests(|request| request.policy_arn() == Some("goes"))
            .then_output(|| DisassociateAccessPolicyOutput::builder().build());
        let enter = mock!(aws_sdk_eks::Client::associate_access_policy)
            .match_requests(|request| {
                let scope = request.access_scope().unwrap();
                request.policy_arn() == Some("moves") && scope.namespaces() == ["b"]
            })
            .then_output(|| AssociateAccessPolicyOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&leave, &enter]).into(),
            ..cloud()
        };
        let entry = types::AccessEntry::builder()
            .cluster_name("prod")
            .principal_arn("arn:role")
            .build();
        let old = [
            policy("stays", &[]),
            policy("goes", &[]),
            policy("moves", &["a"]),
        ];
        let old = live(&entry, old.into()).unwrap();
        let access_policies = [policy("stays", &[]), policy("moves", &["b"])].into();
        let desired = Spec {
            access_policies,
            ..AccessEntry::example()
        };
        let asked = changes(&[("/access_policies", json!([]), json!([]))]);
        AccessEntry::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!((leave.num_calls(), enter.num_calls()), (1, 1));
    }
}
