//! `eks.Addon`

use std::collections::BTreeMap;

use aws_sdk_eks::types::{self, AddonPodIdentityAssociations, ResolveConflicts};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::updates::{self, Subject, began};
use super::{addon_versions, id_in, parts, phase, sync_tags, tags_of, tags_with};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, if_there};
use crate::tags::Tags;
use crate::types::Arn;

/// An EKS add-on, which EKS installs in a cluster and keeps running. Its ID in platctl is `CLUSTER|NAME`.
/// Every update overwrites changes that were made to the add-on within the cluster.
#[derive(Debug)]
pub struct Addon;

/// The configuration of an add-on, as an object or as a JSON string. Compared by content.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Configuration(Value);

impl Configuration {
    /// The configuration with these settings, a JSON object. The add-on defines them.
    #[must_use]
    pub const fn new(settings: Value) -> Self {
        Self(settings)
    }

    /// Settings as EKS answers them. Other text than JSON (YAML is allowed) is compared as it is.
    fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }

    fn to_text(&self) -> String {
        match &self.0 {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::parse(&text)),
            value @ Value::Object(_) => Ok(Self(value)),
            _ => Err(D::Error::custom("settings must be an object or a string")),
        }
    }
}

/// An EKS add-on, which EKS installs in a cluster and keeps running. Its ID in platctl is `CLUSTER|NAME`.
/// Every update overwrites changes that were made to the add-on within the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster.
    pub cluster_name: S::In<String>,
    /// The name of the add-on: `vpc-cni`, `coredns`, `kube-proxy`, `eks-pod-identity-agent`,
    /// `aws-ebs-csi-driver`, …
    pub addon_name: String,
    /// The version of the add-on, such as `v1.20.4-eksbuild.1`. If omitted, a new add-on gets the default
    /// version of EKS for the cluster's Kubernetes version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon_version: Option<String>,
    /// The Kubernetes version of the cluster. Cannot be used with `addon_version`. When it changes, the
    /// add-on is updated to the default version of EKS for that Kubernetes version, unless the installed
    /// version is newer. Stored in a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<S::In<String>>,
    /// The configuration of the add-on. Each version has its own schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_values: Option<S::In<Configuration>>,
    /// The ARN of the IAM role for the add-on's service account, through the OIDC provider of the cluster.
    /// Cannot be used with `pod_identity_associations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_role_arn: Option<S::In<Arn>>,
    /// The ARNs of the IAM roles for the add-on's service accounts, by service account name, through EKS Pod
    /// Identity. The add-on owns these associations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_identity_associations: Option<S::In<BTreeMap<String, Arn>>>,
    /// Tags to assign to the add-on.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the add-on that other resources can reference.
    Addon {
        /// The Amazon Resource Name (ARN) of the add-on.
        ARN: arn: Arn,
        /// The name of the add-on.
        ADDON_NAME: addon_name: String,
        /// The version of the add-on that is installed.
        ADDON_VERSION: addon_version: String,
    }
}

/// The tag that says for which version of Kubernetes the add-on's version was chosen.
pub(super) const CHOSEN_FOR: &str = "platctl:kubernetes";

fn id_of(spec: &Spec) -> Id {
    id_in(&spec.cluster_name, &spec.addon_name)
}

/// An add-on names its associations by ARN; what they associate has to be asked one by one.
async fn associations(cloud: &Cloud, addon: &types::Addon) -> CloudResult<BTreeMap<String, Arn>> {
    let reads = addon
        .pod_identity_associations()
        .iter()
        .map(|arn| async move {
            let id = arn.rsplit('/').next().unwrap_or_default();
            let cluster = addon.cluster_name().unwrap_or_default();
            let call = cloud
                .eks
                .describe_pod_identity_association()
                .cluster_name(cluster)
                .association_id(id);
            let answer = call.send().ask().await;
            let found = if_there(answer)?.and_then(|answer| answer.association);
            Ok(found.and_then(|found| {
                Some((
                    found.service_account()?.to_owned(),
                    Arn::from(found.role_arn()?),
                ))
            }))
        });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

fn live(addon: &types::Addon, associations: BTreeMap<String, Arn>) -> Option<Live<Addon>> {
    let (tags, owner) = tags_of(addon.tags());
    let spec = Spec {
        cluster_name: addon.cluster_name()?.to_owned(),
        addon_name: addon.addon_name()?.to_owned(),
        addon_version: addon.addon_version().map(ToOwned::to_owned),
        kubernetes_version: addon.tags().and_then(|tags| tags.get(CHOSEN_FOR)).cloned(),
        configuration_values: addon
            .configuration_values()
            .filter(|text| !text.trim().is_empty())
            .map(Configuration::parse),
        service_account_role_arn: addon.service_account_role_arn().map(Arn::from),
        pod_identity_associations: Some(associations),
        tags,
    };
    let outputs = Outputs {
        arn: addon.addon_arn().unwrap_or_default().into(),
        addon_name: spec.addon_name.clone(),
        addon_version: addon.addon_version().unwrap_or_default().to_owned(),
    };
    let issues = addon
        .health()
        .map(|health| health.issues())
        .unwrap_or_default();
    let issues = issues
        .iter()
        .map(|issue| (issue.code().map(|code| code.as_str()), issue.message()));
    let phase = phase(
        addon.status().map_or("ACTIVE", |status| status.as_str()),
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

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Addon>>> {
    let Some((cluster, name)) = parts(id) else {
        return Ok(None);
    };
    let call = cloud
        .eks
        .describe_addon()
        .cluster_name(cluster)
        .addon_name(name);
    let answer = call.send().ask().await?;
    let Some(addon) = answer.addon else {
        return Ok(None);
    };
    Ok(live(&addon, associations(cloud, &addon).await?))
}

fn owned(
    associations: Option<&BTreeMap<String, Arn>>,
) -> CloudResult<Option<Vec<AddonPodIdentityAssociations>>> {
    let build = |(account, role): (&String, &Arn)| {
        let built = AddonPodIdentityAssociations::builder()
            .service_account(account)
            .role_arn(role.as_str());
        built
            .build()
            .map_err(|error| CloudError::new(Class::Invalid, "eks:CreateAddon", error.to_string()))
    };
    associations
        .map(|map| map.iter().map(build).collect())
        .transpose()
}

/// The version to move to when the cluster's has changed: EKS's default there, unless what is installed is newer, for
/// whoever has seen to that.
async fn newer_default(
    cloud: &Cloud,
    live: &Live<Addon>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<Option<String>> {
    let Some(kubernetes) = spec
        .kubernetes_version
        .as_ref()
        .filter(|_| changes.touch("/kubernetes_version"))
    else {
        return Ok(None);
    };
    let found = addon_versions::default_for(cloud, &spec.addon_name, kubernetes).await?;
    Ok(found.filter(|version| addon_versions::is_newer(version, &live.outputs.addon_version)))
}

/// Everything is stated again: what is left out of an update may be reset.
async fn state_again(
    cloud: &Cloud,
    old: &Spec,
    new: &Spec,
    moves: Option<String>,
) -> CloudResult<()> {
    let values = new
        .configuration_values
        .as_ref()
        .or(old.configuration_values.as_ref());
    let role = new
        .service_account_role_arn
        .as_ref()
        .or(old.service_account_role_arn.as_ref());
    let call = cloud
        .eks
        .update_addon()
        .cluster_name(&old.cluster_name)
        .addon_name(&old.addon_name)
        .set_addon_version(moves.or_else(|| new.addon_version.clone()))
        .set_configuration_values(values.map(Configuration::to_text))
        .set_service_account_role_arn(role.map(ToString::to_string))
        .set_pod_identity_associations(owned(new.pod_identity_associations.as_ref())?)
        .resolve_conflicts(ResolveConflicts::Overwrite);
    began(cloud, subject(old), call.send().ask().await?.update());
    Ok(())
}

fn subject(spec: &Spec) -> Subject<'_> {
    Subject {
        cluster: &spec.cluster_name,
        addon: Some(&spec.addon_name),
        ..Subject::default()
    }
}

/// Notes for which version of Kubernetes it was chosen: after the move itself, so that one that was cut off is made up.
async fn remember(
    cloud: &Cloud,
    live: &Live<Addon>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let Some(version) = spec
        .kubernetes_version
        .as_ref()
        .filter(|_| changes.touch("/kubernetes_version"))
    else {
        return Ok(());
    };
    let call = cloud
        .eks
        .tag_resource()
        .resource_arn(live.outputs.arn.as_str())
        .tags(CHOSEN_FOR, version);
    call.send().ask().await.map(drop)
}

impl Kind for Addon {
    const NAME: &'static str = "eks.Addon";
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable]),
        ("/addon_name", &[Immutable]),
    ];
    // Both are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const FOLLOWS: &'static [(&'static str, &'static [&'static str])] =
        &[("addon_version", &["/addon_version", "/kubernetes_version"])];
    /// Those of ownership, and the version of Kubernetes that it was chosen for.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "eks:DescribeAddon",
            "eks:DescribeAddonVersions",
            "eks:DescribeCluster",
            "eks:DescribePodIdentityAssociation",
            "eks:DescribeUpdate",
            "eks:ListUpdates",
        ],
        create: &[
            "eks:CreateAddon",
            "eks:CreatePodIdentityAssociation",
            "eks:TagResource",
            "iam:GetRole",
            "iam:PassRole",
        ],
        update: &[
            "eks:UpdateAddon",
            "eks:CreatePodIdentityAssociation",
            "eks:UpdatePodIdentityAssociation",
            "eks:DeletePodIdentityAssociation",
            "eks:TagResource",
            "eks:UntagResource",
        ],
        delete: &["eks:DeleteAddon", "eks:DeletePodIdentityAssociation"],
    };
    const TIMING: Timing = Timing::seconds(60, 60, 30, 2400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cluster_name: "example-cluster".into(),
            addon_name: "vpc-cni".into(),
            addon_version: Some("v1.20.4-eksbuild.1".into()),
            kubernetes_version: None,
            configuration_values: Some(Configuration(
                json!({"env": {"ENABLE_PREFIX_DELEGATION": "true"}}),
            )),
            service_account_role_arn: None,
            pod_identity_associations: Some(BTreeMap::from([(
                "aws-node".into(),
                "arn:aws:iam::123456789012:role/example".into(),
            )])),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("pod_identity_associations", json!({}))]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let other = "arn:aws:iam::123456789012:role/other-example";
        vec![
            ("/addon_version", json!("v1.21.1-eksbuild.1")),
            (
                "/configuration_values",
                json!({"env": {"WARM_PREFIX_TARGET": "1"}, "resources": {}}),
            ),
            ("/pod_identity_associations", json!({"aws-node": other})),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let both = spec.service_account_role_arn.is_some()
            && spec
                .pod_identity_associations
                .as_ref()
                .is_some_and(|map| !map.is_empty());
        if spec.addon_version.is_some() && spec.kubernetes_version.is_some() {
            return Err(SpecError::new(
                "/kubernetes_version",
                "cannot be used with a version",
            ));
        }
        if both {
            let message = "cannot be used with pod identity associations";
            return Err(SpecError::new("/service_account_role_arn", message));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn behind(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<String>> {
        let kubernetes = match &live.spec.kubernetes_version {
            Some(version) => Some(version.clone()),
            None => {
                let call = cloud.eks.describe_cluster();
                let found = call.name(&live.spec.cluster_name).send().ask().await?;
                found.cluster.and_then(|cluster| cluster.version)
            }
        };
        let Some(kubernetes) = kubernetes else {
            return Ok(None);
        };
        let (name, version) = (&live.spec.addon_name, &live.outputs.addon_version);
        let newest = addon_versions::newest_for(cloud, name, &kubernetes).await?;
        let newest = newest.filter(|newest| addon_versions::is_newer(newest, version));
        Ok(newest.map(|newest| {
            format!("the add-on has version {version}; {newest} is available for Kubernetes {kubernetes}")
        }))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let mut tags = tags_with(&spec.tags, &claim.owner);
        if let (Some(tags), Some(version)) = (&mut tags, &spec.kubernetes_version) {
            tags.insert(CHOSEN_FOR.to_owned(), version.clone());
        }
        let call = cloud
            .eks
            .create_addon()
            .cluster_name(&spec.cluster_name)
            .addon_name(&spec.addon_name)
            .set_addon_version(spec.addon_version.clone())
            .set_configuration_values(
                spec.configuration_values
                    .as_ref()
                    .map(Configuration::to_text),
            )
            .set_service_account_role_arn(
                spec.service_account_role_arn
                    .as_ref()
                    .map(ToString::to_string),
            )
            .set_pod_identity_associations(owned(spec.pod_identity_associations.as_ref())?)
            .resolve_conflicts(ResolveConflicts::Overwrite)
            .client_request_token(&claim.token)
            .set_tags(tags);
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
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        let paths = [
            "/addon_version",
            "/configuration_values",
            "/service_account_role_arn",
            "/pod_identity_associations",
        ];
        let moves = newer_default(cloud, live, spec, changes).await?;
        if moves.is_some() || paths.iter().any(|path| changes.touch(path)) {
            state_again(cloud, &live.spec, spec, moves).await?;
        }
        remember(cloud, live, spec, changes).await
    }

    async fn failed_update(
        cloud: &Cloud,
        live: &Live<Self>,
        resumed: bool,
    ) -> CloudResult<Option<String>> {
        updates::failure(cloud, subject(&live.spec), resumed).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (cluster, name) = (&live.spec.cluster_name, &live.spec.addon_name);
        let call = cloud
            .eks
            .delete_addon()
            .cluster_name(cluster)
            .addon_name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eks::operation::update_addon::UpdateAddonOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[test]
    fn settings_are_compared_by_what_they_say() {
        let text = Configuration::parse("{\"b\": 1,\n \"a\": {\"c\": [2]}}");
        let object: Configuration =
            serde_json::from_value(json!({"a": {"c": [2]}, "b": 1})).unwrap();
        assert_eq!(text, object);
        assert_eq!(Configuration::parse("a: 1").to_text(), "a: 1");
    }

    #[tokio::test]
    async fn a_new_version_keeps_settings_that_the_spec_leaves_out() {
        let update = mock!(aws_sdk_eks::Client::update_addon)
            .match_requests(|request| {
                request.configuration_values() == Some(r#"{"a":1}"#)
                    && request.resolve_conflicts() == Some(&ResolveConflicts::Overwrite)
            })
            .then_output(|| UpdateAddonOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&update]).into(),
            ..cloud()
        };
        let builder = types::Addon::builder()
            .cluster_name("prod")
            .addon_name("coredns");
        let old = live(
            &builder.configuration_values(r#"{ "a": 1 }"#).build(),
            BTreeMap::new(),
        )
        .unwrap();
        let desired = Spec {
            configuration_values: None,
            pod_identity_associations: None,
            ..Addon::example()
        };
        let asked = changes(&[("/addon_version", json!("v1"), json!("v2"))]);
        Addon::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    /// An add-on of this version moves with the cluster to 1.35, where EKS's default is v1.21.1.
    async fn moves_from(version: &str, to: Option<&'static str>) {
        use aws_sdk_eks::operation::describe_addon_versions::DescribeAddonVersionsOutput;
        use aws_sdk_eks::operation::tag_resource::TagResourceOutput;
        use aws_sdk_eks::types::{AddonInfo, AddonVersionInfo, Compatibility};
        let versions = mock!(aws_sdk_eks::Client::describe_addon_versions)
            .match_requests(|request| request.kubernetes_version() == Some("1.35"))
            .then_output(|| {
                let version = |name: &str, default| {
                    let fits = Compatibility::builder()
                        .cluster_version("1.35")
                        .default_version(default);
                    AddonVersionInfo::builder()
                        .addon_version(name)
                        .compatibilities(fits.build())
                        .build()
                };
                let all = AddonInfo::builder()
                    .addon_versions(version("v1.22.0-eksbuild.1", false))
                    .addon_versions(version("v1.21.1-eksbuild.1", true));
                DescribeAddonVersionsOutput::builder()
                    .addons(all.build())
                    .build()
            });
        let update = mock!(aws_sdk_eks::Client::update_addon)
            .match_requests(move |request| request.addon_version() == to)
            .then_output(|| UpdateAddonOutput::builder().build());
        let tag = mock!(aws_sdk_eks::Client::tag_resource)
            .match_requests(|request| {
                request.tags().is_some_and(|tags| {
                    tags.get(CHOSEN_FOR)
                        .is_some_and(|version| version == "1.35")
                })
            })
            .then_output(|| TagResourceOutput::builder().build());
        let rules = [Some(&versions), to.and(Some(&update)), Some(&tag)];
        let rules: Vec<_> = rules.into_iter().flatten().collect();
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &rules).into(),
            ..cloud()
        };
        let builder = types::Addon::builder()
            .cluster_name("prod")
            .addon_name("vpc-cni")
            .addon_version(version);
        let builder = builder.addon_arn("arn:aws:eks:eu-west-1:123456789012:addon/prod/vpc-cni/1");
        let old = live(&builder.build(), BTreeMap::new()).unwrap();
        let kubernetes_version = Some("1.35".to_owned());
        let desired = Spec {
            addon_version: None,
            kubernetes_version,
            pod_identity_associations: None,
            ..Addon::example()
        };
        let asked = changes(&[("/kubernetes_version", json!("1.34"), json!("1.35"))]);
        Addon::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(
            (update.num_calls(), tag.num_calls()),
            (usize::from(to.is_some()), 1)
        );
    }

    #[tokio::test]
    async fn an_add_on_moves_with_its_cluster_and_never_back() {
        moves_from("v1.20.4-eksbuild.1", Some("v1.21.1-eksbuild.1")).await;
        moves_from("v1.22.0-eksbuild.1", None).await;
    }
}
