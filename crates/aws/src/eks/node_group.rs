//! `eks.NodeGroup`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{
    AmiTypes, CapacityTypes, LaunchTemplateSpecification, Nodegroup, NodegroupScalingConfig,
    NodegroupUpdateConfig, TaintEffect, UpdateLabelsPayload, UpdateTaintsPayload,
};
use platctl_engine::fields::Fact::{CreateOnly, Holds, Immutable, SharedMap};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Change, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::updates::{self, Subject, began};
use super::{
    architecture, generations, id_in, parts, phase, releases, sync_tags, tags_of, tags_with,
};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, SubnetId};
use crate::versions::{is_later, was_raised};

/// An EKS managed node group. Its ID in platctl is `CLUSTER|NAME`. If a change requires replacement, the new
/// node group (`NAME-gen2`, …) is created before the old one is deleted, and EKS then drains the nodes of the
/// old one.
#[derive(Debug)]
pub struct NodeGroup;

/// A Kubernetes taint of nodes, which keeps pods off them.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Taint {
    /// The key of the taint.
    pub key: String,
    /// The value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The effect of the taint: `NO_SCHEDULE`, `NO_EXECUTE` or `PREFER_NO_SCHEDULE`.
    pub effect: String,
}

impl Taint {
    fn to_aws(&self) -> aws_sdk_eks::types::Taint {
        let taint = aws_sdk_eks::types::Taint::builder()
            .key(&self.key)
            .set_value(self.value.clone());
        taint
            .effect(TaintEffect::from(self.effect.as_str()))
            .build()
    }
}

/// An EKS managed node group. Its ID in platctl is `CLUSTER|NAME`. If a change requires replacement, the new
/// node group (`NAME-gen2`, …) is created before the old one is deleted, and EKS then drains the nodes of the
/// old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster.
    pub cluster_name: S::In<String>,
    /// The name of the node group. Must be unique within the cluster. Up to 56 characters, because a
    /// replacement adds its generation to the name. Must not end with `-gen2`, `-gen3`, …
    pub nodegroup_name: String,
    /// The ARN of the IAM role of the nodes. It must trust `ec2.amazonaws.com`.
    pub node_role: S::In<Arn>,
    /// The IDs of the subnets for the nodes.
    pub subnets: S::In<BTreeSet<SubnetId>>,
    /// The minimum number of nodes.
    pub min_size: i32,
    /// The maximum number of nodes.
    pub max_size: i32,
    /// The number of nodes. If omitted, a new node group starts with `min_size` nodes, and the number is then
    /// left to whatever scales the node group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_size: Option<i32>,
    /// The instance types, in order of preference. AWS default: `t3.medium`. Cannot be used with a launch
    /// template that specifies an instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_types: Option<Vec<String>>,
    /// The AMI type: `AL2023_x86_64_STANDARD`, `AL2023_ARM_64_STANDARD`, `BOTTLEROCKET_x86_64`, … AWS
    /// default: `AL2023_x86_64_STANDARD`. Cannot be used with a launch template that specifies an AMI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_type: Option<String>,
    /// The AMI type of a new node group, if `ami_type` is omitted. It is used at creation only: an existing node
    /// group keeps its AMI type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_ami_type: Option<String>,
    /// The capacity type: `ON_DEMAND` or `SPOT`. AWS default: `ON_DEMAND`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<String>,
    /// The disk size of each node, in GiB. AWS default: 20. Cannot be used with a launch template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_size: Option<i32>,
    /// The ID of the launch template for the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template_id: Option<S::In<String>>,
    /// The version number of the launch template. A change replaces the nodes one after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template_version: Option<S::In<String>>,
    /// The Kubernetes version of the nodes. If omitted, the version of the cluster. A change replaces the
    /// nodes one after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<S::In<String>>,
    /// The release version of the EKS AMI, such as `1.35.2-20261101`. If omitted, the newest when the node group is
    /// created, and again when the nodes are replaced. A change replaces the nodes one after another. Cannot be an
    /// earlier release than that of the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// Whether the nodes have the newest release of their AMI for their Kubernetes version. `true`: if AWS has
    /// published a newer one, the nodes are replaced one after another. `false`: the nodes keep their release, also
    /// when they are replaced for another reason, except a new Kubernetes version. Cannot be used with
    /// `release_version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_release: Option<bool>,
    /// The Kubernetes labels of the nodes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The Kubernetes taints of the nodes.
    #[serde(default)]
    pub taints: BTreeSet<Taint>,
    /// The maximum number of nodes that are unavailable at once during an update. AWS default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<i32>,
    /// The maximum percentage of nodes that are unavailable at once during an update. Cannot be used with
    /// `max_unavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable_percentage: Option<i32>,
    /// Whether an update that replaces the nodes goes on where a pod disruption budget does not let pods go. Default:
    /// `false`, and such an update fails. Used in updates only. For one run, use `--force-evict ADDRESS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_update_enabled: Option<bool>,
    /// Tags to assign to the node group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the node group that other resources can reference.
    NodeGroup {
        /// The Amazon Resource Name (ARN) of the node group.
        ARN: arn: Arn,
        /// The name of the node group.
        NODEGROUP_NAME: nodegroup_name: String,
        /// The names of the Auto Scaling groups that EKS created for the node group.
        AUTO_SCALING_GROUP_NAMES: auto_scaling_group_names: Vec<String>,
    }
}

fn live(group: &Nodegroup) -> Option<Live<NodeGroup>> {
    let (tags, owner) = tags_of(group.tags());
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    let scaling = group.scaling_config();
    let template = group.launch_template();
    let taint = |taint: &aws_sdk_eks::types::Taint| {
        Some(Taint {
            key: taint.key()?.to_owned(),
            value: owned(taint.value().filter(|value| !value.is_empty())),
            effect: taint.effect()?.as_str().to_owned(),
        })
    };
    let spec: Spec = Spec {
        cluster_name: group.cluster_name()?.to_owned(),
        nodegroup_name: generations::declared(group.nodegroup_name()?).to_owned(),
        node_role: group.node_role().unwrap_or_default().into(),
        subnets: group
            .subnets()
            .iter()
            .map(|id| SubnetId::from(id.as_str()))
            .collect(),
        min_size: scaling
            .and_then(|scaling| scaling.min_size())
            .unwrap_or_default(),
        max_size: scaling
            .and_then(|scaling| scaling.max_size())
            .unwrap_or_default(),
        desired_size: scaling.and_then(|scaling| scaling.desired_size()),
        instance_types: Some(group.instance_types().to_vec()),
        ami_type: owned(group.ami_type().map(AmiTypes::as_str)),
        initial_ami_type: None,
        capacity_type: owned(group.capacity_type().map(CapacityTypes::as_str)),
        disk_size: group.disk_size(),
        launch_template_id: owned(template.and_then(LaunchTemplateSpecification::id)),
        launch_template_version: owned(template.and_then(LaunchTemplateSpecification::version)),
        version: owned(group.version()),
        release_version: owned(group.release_version()),
        latest_release: None,
        labels: group
            .labels()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        taints: group.taints().iter().filter_map(taint).collect(),
        max_unavailable: group
            .update_config()
            .and_then(NodegroupUpdateConfig::max_unavailable),
        max_unavailable_percentage: group
            .update_config()
            .and_then(NodegroupUpdateConfig::max_unavailable_percentage),
        force_update_enabled: None,
        tags,
    };
    let groups = group
        .resources()
        .map(|made| made.auto_scaling_groups())
        .unwrap_or_default();
    let outputs = Outputs {
        arn: group.nodegroup_arn().unwrap_or_default().into(),
        nodegroup_name: group.nodegroup_name()?.to_owned(),
        auto_scaling_group_names: groups
            .iter()
            .filter_map(|group| owned(group.name()))
            .collect(),
    };
    let issues = group
        .health()
        .map(|health| health.issues())
        .unwrap_or_default();
    let issues = issues
        .iter()
        .map(|issue| (issue.code().map(|code| code.as_str()), issue.message()));
    let phase = phase(
        group.status().map_or("ACTIVE", |status| status.as_str()),
        issues,
    );
    Some(Live {
        id: id_in(&spec.cluster_name, &outputs.nodegroup_name),
        spec,
        outputs,
        owner,
        phase,
    })
}

async fn describe(cloud: &Cloud, cluster: &str, name: &str) -> CloudResult<Option<Nodegroup>> {
    let call = cloud.eks.describe_nodegroup().cluster_name(cluster);
    Ok(call.nodegroup_name(name).send().ask().await?.nodegroup)
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<NodeGroup>>> {
    let Some((cluster, name)) = parts(id) else {
        return Ok(None);
    };
    let group = describe(cloud, cluster, name).await?;
    let Some(mut live) = group.as_ref().and_then(live) else {
        return Ok(None);
    };
    // Whoever may not read the parameters of AWS can still have nodes.
    let newer = newer_release(cloud, &live.spec).await;
    live.spec.latest_release = Some(!matches!(newer, Ok(Some(_))));
    Ok(Some(live))
}

/// The newest release of the image, where the nodes have an older one.
async fn newer_release(cloud: &Cloud, live: &Spec) -> CloudResult<Option<String>> {
    let (Some(version), Some(image), Some(release)) =
        (&live.version, &live.ami_type, &live.release_version)
    else {
        return Ok(None);
    };
    let newest = releases::newest(cloud, version, image).await?;
    Ok(newest.filter(|newest| releases::is_newer(newest, release)))
}

fn scaling(spec: &Spec, otherwise: Option<i32>) -> NodegroupScalingConfig {
    NodegroupScalingConfig::builder()
        .min_size(spec.min_size)
        .max_size(spec.max_size)
        .set_desired_size(spec.desired_size.or(otherwise))
        .build()
}

/// A desired size of others that lies outside of new bounds is moved to the nearer one: EKS would refuse it.
fn moved(spec: &Spec, present: Option<i32>) -> Option<i32> {
    let inside = spec.min_size..=spec.max_size;
    present
        .filter(|size| !inside.contains(size))
        .map(|size| size.max(spec.min_size).min(spec.max_size))
}

fn rollout(spec: &Spec) -> Option<NodegroupUpdateConfig> {
    (spec.max_unavailable.is_some() || spec.max_unavailable_percentage.is_some()).then(|| {
        NodegroupUpdateConfig::builder()
            .set_max_unavailable(spec.max_unavailable)
            .set_max_unavailable_percentage(spec.max_unavailable_percentage)
            .build()
    })
}

fn template(spec: &Spec) -> Option<LaunchTemplateSpecification> {
    let id = spec.launch_template_id.as_ref()?;
    let version = spec.launch_template_version.clone();
    Some(
        LaunchTemplateSpecification::builder()
            .id(id)
            .set_version(version)
            .build(),
    )
}

/// Everything that does not replace nodes: one call.
async fn configure(
    cloud: &Cloud,
    live: &Live<NodeGroup>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<bool> {
    let touch = |paths: &[&str]| paths.iter().any(|path| changes.touch(path));
    let sizes = touch(&["/min_size", "/max_size", "/desired_size"]);
    let mut pace =
        rollout(spec).filter(|_| touch(&["/max_unavailable", "/max_unavailable_percentage"]));
    if let Some(pace) = &mut pace {
        // A strategy that somebody set goes back as it is.
        let now = describe(cloud, &live.spec.cluster_name, &live.outputs.nodegroup_name).await?;
        let now = now.and_then(|group| group.update_config);
        pace.update_strategy = now.and_then(|config| config.update_strategy);
    }
    let (set, remove) = changes.map_edits("/labels");
    let labels = UpdateLabelsPayload::builder()
        .set_add_or_update_labels((!set.is_empty()).then(|| set.iter().cloned().collect()))
        .set_remove_labels((!remove.is_empty()).then(|| remove.clone()));
    let labelled = !set.is_empty() || !remove.is_empty();
    let taints = |from: &BTreeSet<Taint>, to: &BTreeSet<Taint>| {
        let new: Vec<_> = to.difference(from).map(Taint::to_aws).collect();
        (!new.is_empty()).then_some(new)
    };
    // A taint is known by key and effect; one with a new value is set, not removed.
    let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
    let stays = |taint: &&Taint| spec.taints.iter().any(|other| same(taint, other));
    let gone: Vec<_> = live
        .spec
        .taints
        .iter()
        .filter(|taint| !stays(taint))
        .map(Taint::to_aws)
        .collect();
    let payload = UpdateTaintsPayload::builder()
        .set_add_or_update_taints(taints(&live.spec.taints, &spec.taints))
        .set_remove_taints((!gone.is_empty()).then_some(gone));
    let tainted = touch(&["/taints"]);
    if !sizes && pace.is_none() && !labelled && !tainted {
        return Ok(false);
    }
    let call = cloud
        .eks
        .update_nodegroup_config()
        .cluster_name(&live.spec.cluster_name)
        .nodegroup_name(&live.outputs.nodegroup_name)
        .set_scaling_config(sizes.then(|| scaling(spec, moved(spec, live.spec.desired_size))))
        .set_update_config(pace)
        .set_labels(labelled.then(|| labels.build()))
        .set_taints(tainted.then(|| payload.build()));
    began(cloud, subject(live), call.send().ask().await?.update());
    Ok(true)
}

fn subject(live: &Live<NodeGroup>) -> Subject<'_> {
    Subject {
        cluster: &live.spec.cluster_name,
        node_group: Some(live.outputs.nodegroup_name.as_str()),
        address: live.owner.as_ref().map(|owner| owner.address.as_str()),
        ..Subject::default()
    }
}

/// Everything that replaces the nodes in turn: one call.
async fn roll(
    cloud: &Cloud,
    live: &Live<NodeGroup>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let version = spec.version.clone().filter(|_| changes.touch("/version"));
    let template = template(spec).filter(|_| changes.touch("/launch_template_version"));
    let mut release = spec.release_version.clone().filter(|_| {
        // Without a word, EKS takes the newest release whatever nodes are replaced for.
        changes.touch("/release_version") || template.is_some()
    });
    if changes.touch("/latest_release") && version.is_none() {
        release = newer_release(cloud, &live.spec).await?;
    }
    if template.is_some() && version.is_none() && spec.latest_release == Some(false) {
        release.clone_from(&live.spec.release_version);
    }
    if version.is_none() && release.is_none() && template.is_none() {
        return Ok(());
    }
    let call = cloud
        .eks
        .update_nodegroup_version()
        .cluster_name(&live.spec.cluster_name)
        .nodegroup_name(&live.outputs.nodegroup_name)
        .set_version(version)
        .set_release_version(release)
        .set_launch_template(template)
        .set_force(spec.force_update_enabled);
    began(cloud, subject(live), call.send().ask().await?.update());
    Ok(())
}

/// Whether the images fit the instance types, and whether EKS knows the effects of the taints.
fn check_images(spec: &Spec) -> Result<(), SpecError> {
    let types = spec.instance_types.clone().unwrap_or_default();
    // Without a word, EKS takes this image; a launch template may name another one.
    let usual = spec
        .launch_template_id
        .is_none()
        .then_some("AL2023_x86_64_STANDARD");
    let stated = spec
        .ami_type
        .as_deref()
        .or(spec.initial_ami_type.as_deref());
    architecture::check(&types, stated.or(usual))
        .map_err(|message| SpecError::new("/instance_types", message))?;
    let effects = TaintEffect::values();
    match spec
        .taints
        .iter()
        .find(|taint| !effects.contains(&taint.effect.as_str()))
    {
        Some(_) => Err(SpecError::new(
            "/taints",
            format!("allows only the effects {}", effects.join(", ")),
        )),
        None => Ok(()),
    }
}

impl Kind for NodeGroup {
    const NAME: &'static str = "eks.NodeGroup";
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable, Holds]),
        ("/nodegroup_name", &[Immutable]),
        ("/node_role", &[Immutable]),
        ("/subnets", &[Immutable, Holds]),
        ("/instance_types", &[Immutable]),
        ("/ami_type", &[Immutable]),
        ("/capacity_type", &[Immutable]),
        ("/disk_size", &[Immutable]),
        ("/launch_template_id", &[Immutable, Holds]),
        // How updates are made, and how it began: no group has these.
        ("/force_update_enabled", &[CreateOnly]),
        ("/initial_ami_type", &[CreateOnly]),
        ("/labels", &[SharedMap]),
    ];
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "eks:DescribeNodegroup",
            "eks:ListNodegroups",
            "eks:DescribeUpdate",
            "eks:ListUpdates",
            "ssm:GetParameter",
            "autoscaling:DescribeScalingActivities",
            "ec2:DescribeRouteTables",
        ],
        create: &[
            "eks:CreateNodegroup",
            "eks:TagResource",
            "iam:PassRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:CreateServiceLinkedRole",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeSubnets",
            "ec2:RunInstances",
            "ec2:CreateTags",
        ],
        update: &[
            "eks:UpdateNodegroupConfig",
            "eks:UpdateNodegroupVersion",
            "eks:TagResource",
            "eks:UntagResource",
        ],
        delete: &["eks:DeleteNodegroup"],
    };
    const TIMING: Timing = Timing::seconds(180, 600, 360, 5400);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cluster_name: "example-cluster".into(),
            nodegroup_name: "general".into(),
            node_role: "arn:aws:iam::123456789012:role/eks-nodes".into(),
            subnets: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
                .map(SubnetId::from)
                .into(),
            min_size: 2,
            max_size: 6,
            desired_size: None,
            instance_types: Some(vec!["m7g.large".into()]),
            ami_type: Some("AL2023_ARM_64_STANDARD".into()),
            initial_ami_type: None,
            capacity_type: Some("ON_DEMAND".into()),
            disk_size: None,
            launch_template_id: Some("lt-0123456789abcdef0".into()),
            launch_template_version: Some("1".into()),
            version: None,
            release_version: None,
            latest_release: None,
            labels: BTreeMap::from([("workload".into(), "general".into())]),
            taints: BTreeSet::new(),
            max_unavailable: Some(1),
            max_unavailable_percentage: None,
            force_update_enabled: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("max_unavailable", json!(1))]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/min_size", json!(3)),
            ("/max_size", json!(4)),
            ("/desired_size", json!(4)),
            ("/instance_types", json!(["m7g.xlarge", "m6g.xlarge"])),
            ("/ami_type", json!("BOTTLEROCKET_ARM_64")),
            ("/capacity_type", json!("SPOT")),
            ("/subnets", json!(["subnet-0123456789abcdef0"])),
            ("/nodegroup_name", json!("other")),
            ("/labels/workload", json!("batch")),
            ("/labels/zone", json!("a")),
            (
                "/taints",
                json!([{"key": "dedicated", "value": "batch", "effect": "NO_SCHEDULE"}]),
            ),
            ("/max_unavailable", json!(2)),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.nodegroup_name.is_empty() || spec.nodegroup_name.len() > generations::LONGEST {
            let message = format!("must have 1 to {} characters", generations::LONGEST);
            return Err(SpecError::new("/nodegroup_name", message));
        }
        if generations::declared(&spec.nodegroup_name) != spec.nodegroup_name {
            let message = "must not end with a suffix reserved for replacements (-gen2, -gen3, …)";
            return Err(SpecError::new("/nodegroup_name", message));
        }
        let sizes = spec.min_size..=spec.max_size;
        let template = spec.launch_template_id.is_some();
        let version = spec.launch_template_version.as_deref();
        let rules = [
            (
                spec.min_size < 0 || spec.max_size < 1 || spec.min_size > spec.max_size,
                "/min_size",
                "must be between 0 and max_size",
            ),
            (
                spec.desired_size.is_some_and(|size| !sizes.contains(&size)),
                "/desired_size",
                "must be between min_size and max_size",
            ),
            (
                spec.latest_release.is_some() && spec.release_version.is_some(),
                "/latest_release",
                "cannot be used with release_version",
            ),
            (
                spec.disk_size.is_some() && template,
                "/disk_size",
                "must be set in the launch template",
            ),
            (
                version.is_some() && !template,
                "/launch_template_version",
                "requires a launch template",
            ),
            (
                version.is_some_and(|version| version.starts_with('$')),
                "/launch_template_version",
                "must be a version number",
            ),
            (
                spec.max_unavailable.is_some() && spec.max_unavailable_percentage.is_some(),
                "/max_unavailable",
                "must be either a number or a percentage",
            ),
            (
                spec.ami_type.is_some() && spec.initial_ami_type.is_some(),
                "/initial_ami_type",
                "cannot be used with ami_type",
            ),
        ];
        if let Some((_, path, why)) = rules.into_iter().find(|(is_wrong, ..)| *is_wrong) {
            return Err(SpecError::new(path, why));
        }
        check_images(spec)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        generations::find(cloud, wanted).await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let taints: Vec<_> = spec.taints.iter().map(Taint::to_aws).collect();
        let (cluster, declared) = (&spec.cluster_name, &spec.nodegroup_name);
        let name = generations::name(declared, claim.owner.generation);
        let before = generations::nodes_before(cloud, cluster, declared, claim).await?;
        let size = before
            .unwrap_or(spec.min_size)
            .max(spec.min_size)
            .min(spec.max_size);
        let ami = spec
            .ami_type
            .as_deref()
            .or(spec.initial_ami_type.as_deref());
        let call = cloud
            .eks
            .create_nodegroup()
            .cluster_name(cluster)
            .nodegroup_name(&name)
            .node_role(spec.node_role.as_str())
            .set_subnets(Some(spec.subnets.iter().map(ToString::to_string).collect()))
            .scaling_config(scaling(spec, Some(size)))
            .set_instance_types(spec.instance_types.clone())
            .set_ami_type(ami.map(AmiTypes::from))
            .set_capacity_type(spec.capacity_type.as_deref().map(CapacityTypes::from))
            .set_disk_size(spec.disk_size)
            .set_launch_template(template(spec))
            .set_version(spec.version.clone())
            .set_release_version(spec.release_version.clone())
            .set_labels(
                (!spec.labels.is_empty()).then(|| spec.labels.clone().into_iter().collect()),
            )
            .set_taints((!taints.is_empty()).then_some(taints))
            .set_update_config(rollout(spec))
            .client_request_token(&claim.token)
            .set_tags(tags_with(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(id_in(cluster, &name))
    }

    /// The number of nodes is an autoscaler's once the group is there, and a version that was raised is not taken back.
    /// Nobody has raised a release that was not stated before: it is the file that asks for an older one.
    fn tolerates(change: &Change, last: Option<&Value>) -> bool {
        match change.path.as_str() {
            "/desired_size" => change.after.is_some() && last == change.after.as_ref(),
            "/version" => was_raised(change, last, is_later),
            "/release_version" => last.is_some() && was_raised(change, last, releases::is_newer),
            _ => false,
        }
    }

    /// Whoever wants to keep a release is content with any.
    fn alike(path: &str, desired: &Value, _live: &Value) -> bool {
        path == "/latest_release" && desired.get("latest_release") == Some(&Value::Bool(false))
    }

    async fn behind(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<String>> {
        let newer = newer_release(cloud, &live.spec).await?;
        let (Some(newer), Some(release)) = (newer, &live.spec.release_version) else {
            return Ok(None);
        };
        let days = match releases::days_between(release, &newer) {
            Some(1) => "1 day newer, ".to_owned(),
            Some(days) => format!("{days} days newer, "),
            None => String::new(),
        };
        Ok(Some(format!(
            "the nodes have AMI release {release}; {newer}, {days}is available"
        )))
    }

    async fn vet(
        _cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        let versions = live.spec.version.as_deref().zip(spec.version.as_deref());
        let lowered = versions.filter(|(from, to)| changes.touch("/version") && is_later(from, to));
        let fault = |(from, to): (&str, &str)| {
            let message = format!(
                "cannot be lowered to {to}: the nodes have {from}. Set the version to {from}"
            );
            SpecError::new("/version", message)
        };
        let releases = live.spec.release_version.as_deref();
        let releases = releases.zip(spec.release_version.as_deref());
        let older = releases.filter(|(from, to)| {
            let stays = !changes.touch("/version");
            stays && changes.touch("/release_version") && releases::is_newer(from, to)
        });
        let older = older.map(|(from, to)| {
            let message = format!(
                "cannot be lowered to {to}: the nodes have {from}, and EKS has no way back. Set the release to {from}"
            );
            SpecError::new("/release_version", message)
        });
        Ok(lowered.map(fault).into_iter().chain(older).collect())
    }

    async fn failed_update(
        cloud: &Cloud,
        live: &Live<Self>,
        resumed: bool,
    ) -> CloudResult<Option<String>> {
        updates::failure(cloud, subject(live), resumed).await
    }

    async fn obstacle(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<String>> {
        let groups: Vec<&str> = live
            .outputs
            .auto_scaling_group_names
            .iter()
            .map(AsRef::as_ref)
            .collect();
        let subnets: Vec<&str> = live
            .spec
            .subnets
            .iter()
            .map(|subnet| subnet.as_str())
            .collect();
        super::nodes_missing::why(cloud, &groups, &subnets).await
    }

    /// EKS takes one update at a time: what replaces nodes waits until the rest is done.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        if !configure(cloud, live, spec, changes).await? {
            roll(cloud, live, spec, changes).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (cluster, name) = (&live.spec.cluster_name, &live.outputs.nodegroup_name);
        let call = cloud
            .eks
            .delete_nodegroup()
            .cluster_name(cluster)
            .nodegroup_name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eks::operation::update_nodegroup_config::UpdateNodegroupConfigOutput;
    use aws_sdk_eks::types::{Issue, NodegroupHealth, NodegroupIssueCode, NodegroupStatus};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::Phase;

    fn group(status: NodegroupStatus) -> Live<NodeGroup> {
        let issue = Issue::builder()
            .code(NodegroupIssueCode::NodeCreationFailure)
            .message("did not join");
        let health = NodegroupHealth::builder().issues(issue.build()).build();
        let sizes = NodegroupScalingConfig::builder()
            .min_size(2)
            .max_size(6)
            .desired_size(6)
            .build();
        let builder = Nodegroup::builder()
            .cluster_name("prod")
            .nodegroup_name("general")
            .status(status);
        live(&builder.health(health).scaling_config(sizes).build()).unwrap()
    }

    #[test]
    fn a_failed_group_says_why_and_a_degraded_one_works() {
        let failed = Phase::Failed("CREATE_FAILED (NodeCreationFailure: did not join)".into());
        assert_eq!(group(NodegroupStatus::CreateFailed).phase, failed);
        assert!(matches!(
            group(NodegroupStatus::Degraded).phase,
            Phase::Degraded(_)
        ));
    }

    #[tokio::test]
    async fn a_replacement_has_a_name_of_its_own_and_as_many_nodes_as_the_one_before() {
        use aws_sdk_eks::operation::create_nodegroup::CreateNodegroupOutput;
        use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupOutput;
        use aws_sdk_eks::operation::list_nodegroups::ListNodegroupsOutput;
        use platctl_engine::Claim;
        let list = mock!(aws_sdk_eks::Client::list_nodegroups).then_output(|| {
            ListNodegroupsOutput::builder()
                .nodegroups("general")
                .nodegroups("other")
                .build()
        });
        let describe = mock!(aws_sdk_eks::Client::describe_nodegroup)
            .match_requests(|request| request.nodegroup_name() == Some("general"))
            .then_output(|| {
                let sizes = NodegroupScalingConfig::builder()
                    .min_size(2)
                    .max_size(9)
                    .desired_size(5)
                    .build();
                let group = Nodegroup::builder()
                    .cluster_name("example-cluster")
                    .nodegroup_name("general");
                let tags = crate::tags::claimed(&Tags::new(), &owner())
                    .into_iter()
                    .collect();
                let group = group.scaling_config(sizes).set_tags(Some(tags)).build();
                DescribeNodegroupOutput::builder().nodegroup(group).build()
            });
        let create = mock!(aws_sdk_eks::Client::create_nodegroup)
            .match_requests(|request| {
                let sizes = request.scaling_config().unwrap();
                request.nodegroup_name() == Some("general-gen2") && sizes.desired_size() == Some(5)
            })
            .then_output(|| CreateNodegroupOutput::builder().build());
        let eks = mock_client!(
            aws_sdk_eks,
            RuleMode::Sequential,
            &[&list, &describe, &create]
        );
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let claim = Claim {
            owner: Owner {
                generation: 2,
                ..owner()
            },
            token: "token".into(),
        };
        let id = NodeGroup::create(&cloud, &NodeGroup::example(), &claim)
            .await
            .unwrap();
        assert_eq!(id, Id::from("example-cluster|general-gen2"));
    }

    #[test]
    fn a_number_of_nodes_that_was_moved_stays_and_one_that_is_stated_anew_is_set() {
        let moved = |stated: i32, last: i32| {
            let change = Change {
                path: "/desired_size".into(),
                before: Some(json!(5)),
                after: Some(json!(stated)),
            };
            NodeGroup::tolerates(&change, Some(&json!(last)))
        };
        assert!(moved(3, 3));
        assert!(!moved(4, 3));
    }

    #[tokio::test]
    async fn nodes_are_replaced_in_spite_of_a_budget_only_where_that_is_stated() {
        use aws_sdk_eks::operation::update_nodegroup_version::UpdateNodegroupVersionOutput;
        for stated in [None, Some(true)] {
            let roll = mock!(aws_sdk_eks::Client::update_nodegroup_version)
                .match_requests(move |request| request.force() == stated)
                .then_output(|| UpdateNodegroupVersionOutput::builder().build());
            let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&roll]);
            let cloud = Cloud {
                eks: eks.into(),
                ..cloud()
            };
            let desired = Spec {
                launch_template_version: Some("2".into()),
                force_update_enabled: stated,
                ..NodeGroup::example()
            };
            let asked = changes(&[("/launch_template_version", json!("1"), json!("2"))]);
            NodeGroup::update(
                &cloud,
                &group(NodegroupStatus::Active),
                &desired,
                &asked,
                &owner(),
            )
            .await
            .unwrap();
            assert_eq!(roll.num_calls(), 1);
        }
    }

    /// The call with which nodes are replaced by those of a release.
    async fn rolled(desired: Spec, asked: Changes) -> Option<String> {
        use aws_sdk_eks::operation::update_nodegroup_version::UpdateNodegroupVersionOutput;
        use aws_sdk_ssm::operation::get_parameter::GetParameterOutput;
        use aws_sdk_ssm::types::Parameter;
        let asked_for = std::sync::Arc::new(std::sync::Mutex::new(None));
        let seen = asked_for.clone();
        let roll = mock!(aws_sdk_eks::Client::update_nodegroup_version)
            .match_requests(move |request| {
                *seen.lock().unwrap() = request.release_version().map(ToOwned::to_owned);
                true
            })
            .then_output(|| UpdateNodegroupVersionOutput::builder().build());
        let get = mock!(aws_sdk_ssm::Client::get_parameter).then_output(|| {
            let parameter = Parameter::builder().value("1.35.2-20261101").build();
            GetParameterOutput::builder().parameter(parameter).build()
        });
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&roll]).into(),
            ssm: mock_client!(aws_sdk_ssm, RuleMode::MatchAny, &[&get]).into(),
            ..cloud()
        };
        let mut live = group(NodegroupStatus::Active);
        live.spec.version = Some("1.35".into());
        live.spec.ami_type = Some("AL2023_ARM_64_STANDARD".into());
        live.spec.release_version = Some("1.35.0-20261001".into());
        NodeGroup::update(&cloud, &live, &desired, &asked, &owner())
            .await
            .unwrap();
        let behind = NodeGroup::behind(&cloud, &live).await.unwrap();
        assert_eq!(
            behind.as_deref(),
            Some(
                "the nodes have AMI release 1.35.0-20261001; 1.35.2-20261101, 31 days newer, is available"
            )
        );
        asked_for.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn nodes_that_follow_releases_get_the_newest_and_pinned_ones_keep_theirs() {
        let follows = Spec {
            latest_release: Some(true),
            ..NodeGroup::example()
        };
        let newer = changes(&[("/latest_release", json!(false), json!(true))]);
        assert_eq!(
            rolled(follows, newer).await.as_deref(),
            Some("1.35.2-20261101")
        );
        let pinned = Spec {
            latest_release: Some(false),
            launch_template_version: Some("2".into()),
            ..NodeGroup::example()
        };
        let template = changes(&[("/launch_template_version", json!("1"), json!("2"))]);
        assert_eq!(
            rolled(pinned, template).await.as_deref(),
            Some("1.35.0-20261001")
        );
    }

    #[tokio::test]
    async fn an_older_release_is_refused_by_the_plan_and_pinned_nodes_are_no_change() {
        let mut live = group(NodegroupStatus::Active);
        live.spec.release_version = Some("1.35.2-20261101".into());
        let desired = Spec {
            release_version: Some("1.35.0-20261001".into()),
            ..NodeGroup::example()
        };
        let asked = changes(&[(
            "/release_version",
            json!("1.35.2-20261101"),
            json!("1.35.0-20261001"),
        )]);
        let faults = NodeGroup::vet(&cloud(), &live, &desired, &asked)
            .await
            .unwrap();
        assert_eq!(faults[0].path, "/release_version");
        let older = Change {
            path: "/release_version".into(),
            before: Some(json!("1.35.2-20261101")),
            after: Some(json!("1.35.0-20261001")),
        };
        assert!(!NodeGroup::tolerates(&older, None), "nobody raised it");
        let stated = json!("1.35.0-20261001");
        assert!(NodeGroup::tolerates(&older, Some(&stated)));
        let pinned = json!({"latest_release": false});
        assert!(NodeGroup::alike("/latest_release", &pinned, &json!({})));
        let follows = json!({"latest_release": true});
        assert!(!NodeGroup::alike("/latest_release", &follows, &json!({})));
    }

    /// A group of an older version of platctl stays as it is, whatever a new one would begin with.
    #[tokio::test]
    async fn the_ami_that_a_group_begins_with_is_sent_once_and_compared_with_nothing() {
        use aws_sdk_eks::operation::create_nodegroup::CreateNodegroupOutput;
        let create = mock!(aws_sdk_eks::Client::create_nodegroup)
            .match_requests(|request| request.ami_type() == Some(&AmiTypes::Al2023X8664Nvidia))
            .then_output(|| CreateNodegroupOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&create]).into(),
            ..cloud()
        };
        let spec = Spec {
            instance_types: Some(vec!["g5.xlarge".into()]),
            ami_type: None,
            initial_ami_type: Some("AL2023_x86_64_NVIDIA".into()),
            ..NodeGroup::example()
        };
        NodeGroup::check(&spec).unwrap();
        let claim = Claim {
            owner: owner(),
            token: "token".into(),
        };
        NodeGroup::create(&cloud, &spec, &claim).await.unwrap();
        assert_eq!(create.num_calls(), 1);
        let both = Spec {
            ami_type: Some("AL2023_x86_64_NVIDIA".into()),
            ..spec
        };
        assert_eq!(
            NodeGroup::check(&both).unwrap_err().path,
            "/initial_ami_type"
        );
    }

    #[test]
    fn a_name_leaves_room_for_generations() {
        let named = |name: String| {
            NodeGroup::check(&Spec {
                nodegroup_name: name,
                ..NodeGroup::example()
            })
        };
        named("a".repeat(56)).unwrap();
        named("a".repeat(57)).unwrap_err();
        named("general-gen2".into()).unwrap_err();
    }

    #[tokio::test]
    async fn a_size_of_the_autoscaler_is_moved_only_when_it_is_out_of_bounds() {
        let config = mock!(aws_sdk_eks::Client::update_nodegroup_config)
            .match_requests(|request| {
                let sizes = request.scaling_config().unwrap();
                sizes.max_size() == Some(4) && sizes.desired_size() == Some(4)
            })
            .then_output(|| UpdateNodegroupConfigOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&config]).into(),
            ..cloud()
        };
        let desired = Spec {
            max_size: 4,
            launch_template_version: Some("2".into()),
            ..NodeGroup::example()
        };
        let asked = changes(&[
            ("/max_size", json!(6), json!(4)),
            ("/launch_template_version", json!("1"), json!("2")),
        ]);
        NodeGroup::update(
            &cloud,
            &group(NodegroupStatus::Active),
            &desired,
            &asked,
            &owner(),
        )
        .await
        .unwrap();
        assert_eq!(
            config.num_calls(),
            1,
            "the new version of the template is for the next update"
        );
        assert_eq!(moved(&desired, Some(3)), None);
    }
}
