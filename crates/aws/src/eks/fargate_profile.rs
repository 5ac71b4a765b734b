//! `eks.FargateProfile`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{self, FargateProfileSelector};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Read, Replace,
    Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{id_in, parts, phase, sync_tags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, SubnetId, unless_same};

/// An EKS Fargate profile, which determines the pods that run on Fargate instead of on nodes. Its ID in
/// platctl is `CLUSTER|NAME`. Only its tags can be changed.
#[derive(Debug)]
pub struct FargateProfile;

/// A selector for the pods that run on Fargate.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// The Kubernetes namespace of the pods.
    pub namespace: String,
    /// The Kubernetes labels that the pods must have. Up to five.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// An EKS Fargate profile, which determines the pods that run on Fargate instead of on nodes. Its ID in
/// platctl is `CLUSTER|NAME`. Only its tags can be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster.
    pub cluster_name: S::In<String>,
    /// The name of the Fargate profile. Must be unique within the cluster.
    pub fargate_profile_name: String,
    /// The ARN of the IAM role that pulls images and writes logs. It must trust
    /// `eks-fargate-pods.amazonaws.com`.
    pub pod_execution_role_arn: S::In<Arn>,
    /// The IDs of the private subnets for the pods. If omitted, all private subnets of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<S::In<BTreeSet<SubnetId>>>,
    /// The selectors for the pods. 1 to 5.
    pub selectors: BTreeSet<Selector>,
    /// Tags to assign to the Fargate profile.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the Fargate profile that other resources can reference.
    FargateProfile {
        /// The Amazon Resource Name (ARN) of the Fargate profile.
        ARN: arn: Arn,
    }
}

fn id_of(spec: &Spec) -> Id {
    id_in(&spec.cluster_name, &spec.fargate_profile_name)
}

fn live(profile: &types::FargateProfile) -> Option<Live<FargateProfile>> {
    let (tags, owner) = tags_of(profile.tags());
    let selector = |selector: &FargateProfileSelector| {
        let labels = selector
            .labels()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Some(Selector {
            namespace: selector.namespace()?.to_owned(),
            labels,
        })
    };
    let spec = Spec {
        cluster_name: profile.cluster_name()?.to_owned(),
        fargate_profile_name: profile.fargate_profile_name()?.to_owned(),
        pod_execution_role_arn: profile.pod_execution_role_arn().unwrap_or_default().into(),
        subnets: Some(
            profile
                .subnets()
                .iter()
                .map(|id| SubnetId::from(id.as_str()))
                .collect(),
        ),
        selectors: profile.selectors().iter().filter_map(selector).collect(),
        tags,
    };
    let outputs = Outputs {
        arn: profile.fargate_profile_arn().unwrap_or_default().into(),
    };
    let issues = profile
        .health()
        .map(|health| health.issues())
        .unwrap_or_default();
    let issues = issues
        .iter()
        .map(|issue| (issue.code().map(|code| code.as_str()), issue.message()));
    let phase = phase(
        profile.status().map_or("ACTIVE", |status| status.as_str()),
        issues,
    );
    Some(Live {
        id: id_of(&spec),
        spec,
        outputs,
        owner,
        phase,
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<FargateProfile>>> {
    let Some((cluster, name)) = parts(id) else {
        return Ok(None);
    };
    let call = cloud
        .eks
        .describe_fargate_profile()
        .cluster_name(cluster)
        .fargate_profile_name(name);
    Ok(call.send().ask().await?.fargate_profile().and_then(live))
}

impl Kind for FargateProfile {
    const NAME: &'static str = "eks.FargateProfile";
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable, Holds]),
        ("/fargate_profile_name", &[Immutable]),
        ("/pod_execution_role_arn", &[Immutable]),
        ("/subnets", &[Immutable, Holds]),
        ("/selectors", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["eks:DescribeFargateProfile"],
        create: &[
            "eks:CreateFargateProfile",
            "eks:TagResource",
            "iam:CreateServiceLinkedRole",
            "iam:GetRole",
            "iam:PassRole",
        ],
        update: &["eks:TagResource", "eks:UntagResource"],
        delete: &["eks:DeleteFargateProfile"],
    };
    const TIMING: Timing = Timing::seconds(120, 5, 120, 2400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cluster_name: "example-cluster".into(),
            fargate_profile_name: "system".into(),
            pod_execution_role_arn: "arn:aws:iam::123456789012:role/eks-fargate".into(),
            subnets: Some(BTreeSet::from(["subnet-0123456789abcdef0".into()])),
            selectors: BTreeSet::from([Selector {
                namespace: "kube-system".into(),
                labels: BTreeMap::from([("k8s-app".into(), "kube-dns".into())]),
            }]),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/fargate_profile_name", json!("other")),
            ("/subnets", json!(["subnet-0123456789abcdef1"])),
            ("/selectors", json!([{"namespace": "batch"}])),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(1..=5).contains(&spec.selectors.len()) {
            return Err(SpecError::new("/selectors", "must have 1 to 5 entries"));
        }
        match spec
            .selectors
            .iter()
            .find(|selector| selector.labels.len() > 5)
        {
            Some(_) => Err(SpecError::new(
                "/selectors",
                "must have at most 5 labels each",
            )),
            None => Ok(()),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &(&live.cluster_name, &live.fargate_profile_name),
            &(&desired.cluster_name, &desired.fargate_profile_name),
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let selector = |selector: &Selector| {
            let labels = (!selector.labels.is_empty())
                .then(|| selector.labels.clone().into_iter().collect());
            FargateProfileSelector::builder()
                .namespace(&selector.namespace)
                .set_labels(labels)
                .build()
        };
        let subnets = spec
            .subnets
            .as_ref()
            .map(|ids| ids.iter().map(ToString::to_string).collect());
        let call = cloud
            .eks
            .create_fargate_profile()
            .cluster_name(&spec.cluster_name)
            .fargate_profile_name(&spec.fargate_profile_name)
            .pod_execution_role_arn(spec.pod_execution_role_arn.as_str())
            .set_subnets(subnets)
            .set_selectors(Some(spec.selectors.iter().map(selector).collect()))
            .client_request_token(&claim.token)
            .set_tags(tags_with(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (cluster, name) = (&live.spec.cluster_name, &live.spec.fargate_profile_name);
        let call = cloud
            .eks
            .delete_fargate_profile()
            .cluster_name(cluster)
            .fargate_profile_name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::Phase;

    #[test]
    fn selectors_have_no_order_and_a_profile_may_fail() {
        let selector = |namespace: &str| {
            FargateProfileSelector::builder()
                .namespace(namespace)
                .build()
        };
        let builder = types::FargateProfile::builder()
            .cluster_name("prod")
            .fargate_profile_name("system");
        let builder = builder.selectors(selector("b")).selectors(selector("a"));
        let found = live(
            &builder
                .status(types::FargateProfileStatus::CreateFailed)
                .build(),
        )
        .unwrap();
        let names: Vec<&str> = found
            .spec
            .selectors
            .iter()
            .map(|one| one.namespace.as_str())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert!(matches!(found.phase, Phase::Failed(_)));
    }
}
