//! `eks.PodIdentityAssociation`: the role of a service account.

use std::time::SystemTime;

use aws_sdk_eks::types;
use aws_smithy_types::DateTime;
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{id_in, parts, sync_tags, tags_of, tags_with};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, if_there, made};
use crate::tags::Tags;
use crate::types::Arn;

/// An EKS Pod Identity association, which gives the pods of a Kubernetes service account the permissions of
/// an IAM role. Its ID in platctl is `CLUSTER|a-…`. The namespace and service account need not exist.
#[derive(Debug)]
pub struct PodIdentityAssociation;

/// An EKS Pod Identity association, which gives the pods of a Kubernetes service account the permissions of
/// an IAM role. Its ID in platctl is `CLUSTER|a-…`. The namespace and service account need not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster.
    pub cluster_name: S::In<String>,
    /// The Kubernetes namespace of the service account.
    pub namespace: String,
    /// The name of the Kubernetes service account. It can have only one association.
    pub service_account: String,
    /// The ARN of the IAM role. It must trust `pods.eks.amazonaws.com` for `sts:AssumeRole` and
    /// `sts:TagSession`.
    pub role_arn: S::In<Arn>,
    /// The ARN of a second IAM role, often in another account, that the first role assumes for the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<S::In<Arn>>,
    /// Whether to omit the session tags for cluster, namespace and pod. Default: `false`.
    #[serde(default)]
    pub disable_session_tags: bool,
    /// Tags to assign to the association.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the association that other resources can reference.
    PodIdentityAssociation {
        /// The Amazon Resource Name (ARN) of the association.
        ARN: arn: Arn,
        /// The ID of the association, such as `a-…`.
        ASSOCIATION_ID: association_id: String,
    }
}

/// For how many seconds after a change pods may still start without it. A pod learns of its role only when it starts, and
/// nothing starts it again: whoever starts pods for the sake of the role, or takes another role from them, waits for this.
const SETTLES: i64 = 10;

/// EKS has no status of associations: there is only their age. A clock that is not that of AWS only waits too little.
fn phase(changed: Option<&DateTime>, now: DateTime) -> Phase {
    let age = changed.map(|changed| now.secs().saturating_sub(changed.secs()));
    match age {
        Some(age) if (0..SETTLES).contains(&age) => {
            Phase::Settling("pods that start now may not get the role yet".into())
        }
        _ => Phase::Ready,
    }
}

fn live(association: &types::PodIdentityAssociation) -> Option<Live<PodIdentityAssociation>> {
    let (tags, owner) = tags_of(association.tags());
    let id = association.association_id()?;
    let spec: Spec = Spec {
        cluster_name: association.cluster_name()?.to_owned(),
        namespace: association.namespace()?.to_owned(),
        service_account: association.service_account()?.to_owned(),
        role_arn: association.role_arn().unwrap_or_default().into(),
        target_role_arn: association.target_role_arn().map(Arn::from),
        disable_session_tags: association.disable_session_tags().unwrap_or_default(),
        tags,
    };
    let outputs = Outputs {
        arn: association.association_arn().unwrap_or_default().into(),
        association_id: id.to_owned(),
    };
    let changed = association.modified_at().or(association.created_at());
    Some(Live {
        id: id_in(&spec.cluster_name, id),
        spec,
        outputs,
        owner,
        phase: phase(changed, SystemTime::now().into()),
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<PodIdentityAssociation>>> {
    let Some((cluster, name)) = parts(id) else {
        return Ok(None);
    };
    let call = cloud
        .eks
        .describe_pod_identity_association()
        .cluster_name(cluster)
        .association_id(name);
    let answer = call.send().ask().await;
    Ok(if_there(answer)?.and_then(|answer| answer.association().and_then(live)))
}

/// The associations of a service account: none or one.
async fn of_account(cloud: &Cloud, spec: &Spec) -> CloudResult<Vec<Candidate>> {
    let call = cloud
        .eks
        .list_pod_identity_associations()
        .cluster_name(&spec.cluster_name);
    let call = call
        .namespace(&spec.namespace)
        .service_account(&spec.service_account);
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = if_there(found.asked())?;
    let ids = found.unwrap_or_default();
    let ids = ids
        .iter()
        .filter_map(|one| one.association_id())
        .map(|id| id_in(&spec.cluster_name, id));
    let reads = try_join_all(ids.map(|id| async move { read(cloud, &id).await })).await?;
    Ok(reads
        .into_iter()
        .flatten()
        .map(|live| Candidate {
            id: live.id,
            owner: live.owner,
        })
        .collect())
}

impl Kind for PodIdentityAssociation {
    const NAME: &'static str = "eks.PodIdentityAssociation";
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable]),
        ("/namespace", &[Immutable]),
        ("/service_account", &[Immutable]),
    ];
    // All of them together are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "eks:DescribePodIdentityAssociation",
            "eks:ListPodIdentityAssociations",
        ],
        create: &[
            "eks:CreatePodIdentityAssociation",
            "eks:TagResource",
            "iam:GetRole",
            "iam:PassRole",
        ],
        update: &[
            "eks:UpdatePodIdentityAssociation",
            "eks:TagResource",
            "eks:UntagResource",
            "iam:GetRole",
            "iam:PassRole",
        ],
        delete: &["eks:DeletePodIdentityAssociation"],
    };
    const TIMING: Timing = Timing::seconds(10, 10, 1, 300);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cluster_name: "example-cluster".into(),
            namespace: "kube-system".into(),
            service_account: "external-dns".into(),
            role_arn: "arn:aws:iam::123456789012:role/example".into(),
            target_role_arn: None,
            disable_session_tags: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/namespace", json!("dns")),
            ("/service_account", json!("dns")),
            (
                "/role_arn",
                json!("arn:aws:iam::123456789012:role/other-example"),
            ),
            (
                "/target_role_arn",
                json!("arn:aws:iam::123456789012:role/other-example"),
            ),
            ("/disable_session_tags", json!(true)),
            ("/tags/team", json!("network")),
        ]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            match &wanted.spec {
                Some(spec) => of_account(cloud, spec).await,
                None => Ok(Vec::new()),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .eks
            .create_pod_identity_association()
            .cluster_name(&spec.cluster_name)
            .namespace(&spec.namespace)
            .service_account(&spec.service_account)
            .role_arn(spec.role_arn.as_str())
            .set_target_role_arn(spec.target_role_arn.as_ref().map(ToString::to_string))
            .disable_session_tags(spec.disable_session_tags)
            .client_request_token(&claim.token)
            .set_tags(tags_with(&spec.tags, &claim.owner));
        let answer = call.send().ask().await?;
        let id = answer
            .association()
            .and_then(|association| association.association_id());
        made(
            "eks:CreatePodIdentityAssociation",
            id.map(|id| id_in(&spec.cluster_name, id)),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let paths = ["/role_arn", "/target_role_arn", "/disable_session_tags"];
        if paths.iter().any(|path| changes.touch(path)) {
            let target = spec
                .target_role_arn
                .as_ref()
                .or(live.spec.target_role_arn.as_ref());
            // A session policy that somebody set goes back as it is.
            let read = cloud.eks.describe_pod_identity_association();
            let read = read.cluster_name(&live.spec.cluster_name);
            let now = read.association_id(&live.outputs.association_id);
            let now = now.send().ask().await?.association;
            let call = cloud
                .eks
                .update_pod_identity_association()
                .cluster_name(&live.spec.cluster_name)
                .association_id(&live.outputs.association_id)
                .set_policy(now.and_then(|now| now.policy))
                .role_arn(spec.role_arn.as_str())
                .set_target_role_arn(target.map(ToString::to_string))
                .disable_session_tags(spec.disable_session_tags);
            call.send().ask().await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .eks
            .delete_pod_identity_association()
            .cluster_name(&live.spec.cluster_name);
        let call = call.association_id(&live.outputs.association_id);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eks::operation::describe_pod_identity_association::DescribePodIdentityAssociationOutput;
    use aws_sdk_eks::operation::list_pod_identity_associations::ListPodIdentityAssociationsError;
    use aws_sdk_eks::operation::update_pod_identity_association::UpdatePodIdentityAssociationOutput;
    use aws_sdk_eks::types::error::ResourceNotFoundException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    #[test]
    fn pods_learn_of_a_change_after_a_while() {
        let is_ready = |changed: i64, now: i64| {
            let changed = DateTime::from_secs(changed);
            phase(Some(&changed), DateTime::from_secs(now)) == Phase::Ready
        };
        assert!(!is_ready(1000, 1000));
        assert!(!is_ready(1000, 1009));
        assert!(is_ready(1000, 1010));
        assert!(
            is_ready(1000, 900),
            "a clock that is behind holds nothing up"
        );
        assert_eq!(phase(None, DateTime::from_secs(0)), Phase::Ready);
    }

    #[tokio::test]
    async fn a_session_policy_that_somebody_set_goes_back_as_it_is() {
        let read =
            mock!(aws_sdk_eks::Client::describe_pod_identity_association).then_output(|| {
                let now = types::PodIdentityAssociation::builder().policy("{}");
                DescribePodIdentityAssociationOutput::builder()
                    .association(now.build())
                    .build()
            });
        let update = mock!(aws_sdk_eks::Client::update_pod_identity_association)
            .match_requests(|request| request.policy() == Some("{}"))
            .then_output(|| UpdatePodIdentityAssociationOutput::builder().build());
        let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&read, &update]);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let desired = PodIdentityAssociation::example();
        let live = Live {
            id: "example-cluster|a-1".into(),
            spec: desired.clone(),
            outputs: Outputs {
                association_id: "a-1".into(),
                arn: "arn:aws:eks:eu-west-1:123456789012:podidentityassociation/a-1".into(),
            },
            owner: None,
            phase: Phase::Ready,
        };
        let asked = changes(&[("/role_arn", json!("one"), json!("other"))]);
        PodIdentityAssociation::update(&cloud, &live, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_cluster_that_is_gone_has_no_associations() {
        let gone = mock!(aws_sdk_eks::Client::list_pod_identity_associations).then_error(|| {
            let meta = ErrorMetadata::builder()
                .code("ResourceNotFoundException")
                .build();
            let error = ResourceNotFoundException::builder().meta(meta).build();
            ListPodIdentityAssociationsError::ResourceNotFoundException(error)
        });
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&gone]).into(),
            ..cloud()
        };
        let wanted = Wanted {
            owner: owner(),
            spec: Some(PodIdentityAssociation::example()),
        };
        let found = PodIdentityAssociation::find(&cloud, &[wanted])
            .await
            .unwrap();
        assert_eq!(found, [vec![]]);
    }
}
