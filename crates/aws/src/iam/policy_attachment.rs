//! `iam.PolicyAttachment`: a managed policy attached to a role.

use std::collections::{BTreeMap, BTreeSet};

use platctl_engine::fields::Fact::{Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked};
use crate::types::{Arn, RoleName};

/// An attachment of a managed policy to an IAM role. Its ID in platctl is `ROLE|ARN`. Attachments created
/// outside platctl are left unchanged.
#[derive(Debug)]
pub struct PolicyAttachment;

/// An attachment of a managed policy to an IAM role. Its ID in platctl is `ROLE|ARN`. Attachments created
/// outside platctl are left unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the role.
    pub role_name: S::In<RoleName>,
    /// The ARN of the managed policy, either an AWS managed or a customer managed policy.
    pub policy_arn: S::In<Arn>,
}

platctl_engine::outputs! {
    /// Attributes of the attachment that other resources can reference.
    PolicyAttachment {
        /// The ARN of the managed policy.
        POLICY_ARN: policy_arn: Arn,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.role_name, spec.policy_arn))
}

/// The policies attached to each of these roles; roles that are gone have none.
async fn attached(
    cloud: &Cloud,
    roles: BTreeSet<&str>,
) -> CloudResult<BTreeMap<String, BTreeSet<String>>> {
    let reads = roles.into_iter().map(|role| async move {
        let pages = cloud
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send();
        let all: Result<Vec<_>, _> = pages.collect().await;
        let arns = match all.asked() {
            Err(error) if error.class == Class::NotFound => BTreeSet::new(),
            other => other?
                .iter()
                .filter_map(|policy| policy.policy_arn().map(ToOwned::to_owned))
                .collect(),
        };
        Ok((role.to_owned(), arns))
    });
    Ok(try_join_all(reads).await?.into_iter().collect())
}

async fn read(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<PolicyAttachment>>>> {
    let pairs: Vec<Option<(&str, &str)>> =
        ids.iter().map(|id| id.as_str().split_once('|')).collect();
    let attached = attached(
        cloud,
        pairs.iter().flatten().map(|(role, _)| *role).collect(),
    )
    .await?;
    let live = |(id, pair): (&Id, &Option<(&str, &str)>)| {
        let (role, arn) = (*pair)?;
        attached.get(role).filter(|arns| arns.contains(arn))?;
        let spec = Spec {
            role_name: role.into(),
            policy_arn: arn.into(),
        };
        let outputs = Outputs {
            policy_arn: arn.into(),
        };
        Some(Live {
            id: id.clone(),
            spec,
            outputs,
            owner: None,
            phase: Phase::Ready,
        })
    };
    Ok(ids.iter().zip(&pairs).map(live).collect())
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<PolicyAttachment>>>> {
    read(cloud, ids).await
}

impl Kind for PolicyAttachment {
    const NAME: &'static str = "iam.PolicyAttachment";
    const FIELDS: &'static Table = &[
        // A role with attached policies cannot be deleted, nor can an attached policy.
        ("/role_name", &[Immutable, Holds, Home]),
        ("/policy_arn", &[Immutable, Holds]),
    ];
    // Both are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:ListAttachedRolePolicies"],
        create: &["iam:AttachRolePolicy"],
        update: &["iam:AttachRolePolicy"],
        delete: &["iam:DetachRolePolicy"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            role_name: "example-role".into(),
            policy_arn: "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy".into(),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![(
            "/policy_arn",
            json!("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
        )]
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .attach_role_policy()
            .role_name(spec.role_name.as_str());
        let call = call.policy_arn(spec.policy_arn.as_str());
        call.send().ask().await?;
        Ok(id_of(spec))
    }

    /// Nothing of an attachment can differ.
    async fn update(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .iam
            .detach_role_policy()
            .role_name(live.spec.role_name.as_str());
        let call = call.policy_arn(live.spec.policy_arn.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_iam::operation::list_attached_role_policies::{
        ListAttachedRolePoliciesError, ListAttachedRolePoliciesOutput,
    };
    use aws_sdk_iam::types::AttachedPolicy;
    use aws_sdk_iam::types::error::NoSuchEntityException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    #[tokio::test]
    async fn a_role_is_asked_once_for_all_of_its_policies() {
        let list = mock!(aws_sdk_iam::Client::list_attached_role_policies).then_output(|| {
            let policy = AttachedPolicy::builder()
                .policy_arn("arn:aws:iam::aws:policy/A")
                .build();
            ListAttachedRolePoliciesOutput::builder()
                .attached_policies(policy)
                .build()
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let ids = [
            "nodes|arn:aws:iam::aws:policy/A",
            "nodes|arn:aws:iam::aws:policy/B",
        ]
        .map(Id::from);
        let found = PolicyAttachment::describe(&cloud, &ids).await.unwrap();
        assert_eq!(
            (found[0].is_some(), found[1].is_some(), list.num_calls()),
            (true, false, 1)
        );
    }

    #[tokio::test]
    async fn a_role_that_is_gone_has_no_attachments() {
        let gone = mock!(aws_sdk_iam::Client::list_attached_role_policies).then_error(|| {
            let meta = ErrorMetadata::builder().code("NoSuchEntity").build();
            let error = NoSuchEntityException::builder().meta(meta).build();
            ListAttachedRolePoliciesError::NoSuchEntityException(error)
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&gone]).into(),
            ..cloud()
        };
        let id = Id::from("nodes|arn:aws:iam::aws:policy/A");
        assert!(PolicyAttachment::describe(&cloud, &[id]).await.unwrap()[0].is_none());
    }
}
