//! The add-ons that EKS installs and keeps.

use std::collections::BTreeMap;

use platctl_aws::eks::addon::{self, Addon, Configuration};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::eks::node_group::NodeGroup;
use platctl_aws::eks::pod_identity_association::{self, PodIdentityAssociation};
use platctl_aws::iam::role::{self, Role};
use platctl_engine::{Address, Handle};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cluster;
use crate::common::{attach, policy, role};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, suggest};

/// Needed before a node is ready.
const EARLY: [&str; 3] = [AGENT, "kube-proxy", CNI];
/// These run on nodes, and are degraded until there are some.
const LATE: [&str; 2] = ["aws-ebs-csi-driver", "coredns"];
const EBS: &str = "aws-ebs-csi-driver";
const CNI: &str = "vpc-cni";
const AGENT: &str = "eks-pod-identity-agent";
/// What gives pods their addresses may do this. There is no policy of AWS for IPv6 alone, and no cluster with IPv6 here.
pub(super) const CNI_POLICY: (&str, &str) = ("policy.cni", "AmazonEKS_CNI_Policy");
/// The namespace of add-ons.
const NAMESPACE: &str = "kube-system";
/// The service account of the driver's controller.
const EBS_ACCOUNT: &str = "ebs-csi-controller-sa";
/// The service account of the DaemonSet that gives pods their addresses.
const CNI_ACCOUNT: &str = "aws-node";
/// The setting with the tags of network interfaces: a JSON object as text.
const ENI_TAGS: &str = "ADDITIONAL_ENI_TAGS";

/// What is wished of an add-on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Wish {
    /// Whether it is there at all.
    On(bool),
    /// Which version, and how it is configured.
    Tuned(Tuned),
}

/// An add-on that is tuned.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tuned {
    /// The version, such as v1.20.1-eksbuild.1. Default: the default version of EKS.
    version: Option<String>,
    /// The configuration values, according to the schema of the add-on.
    configuration: Option<BTreeMap<String, Value>>,
}

/// Lets the pods of one service account take on a role through EKS Pod Identity. The request has tags that say for
/// which pod it is: without them, whoever can create an association could give the role to any other pod.
pub(crate) fn pod_trust(namespace: &str, service_account: &str, declare: &Declare<'_>) -> Value {
    policy([json!({
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {
            "aws:SourceAccount": declare.context().account,
            "aws:RequestTag/eks-cluster-name": declare.name("cluster"),
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": service_account,
        }},
    })])
}

impl Cluster {
    /// Add-ons that nodes need to become ready.
    pub(super) fn early_addons(
        &self,
        cluster: &Handle<EksCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        self.check_addons()?;
        let role = match self.cni_has_role() {
            true => Self::cni_role(cluster, declare)?,
            false => Vec::new(),
        };
        let mut made = Vec::new();
        for name in EARLY {
            let after = if name == CNI { role.as_slice() } else { &[] };
            made.extend(
                self.addon(name, cluster, after, declare)?
                    .map(|addon| addon.address().clone()),
            );
        }
        Ok(made)
    }

    /// Whether what gives pods their addresses has a role of its own, instead of that of the node: it takes an agent on
    /// each node.
    pub(super) fn cni_has_role(&self) -> bool {
        self.wants(CNI) && self.wants(AGENT)
    }

    /// The role of what gives pods their addresses; answers what the add-on waits for. The policy has the address at which
    /// it was attached to the role of the nodes before: it leaves that role when the add-on has moved on.
    fn cni_role(cluster: &Handle<EksCluster>, declare: &mut Declare<'_>) -> Checked<Vec<Address>> {
        let trust = pod_trust(NAMESPACE, CNI_ACCOUNT, declare);
        let description = "The plugin that gives pods their addresses";
        let role = role("cni_role", "vpc-cni", description, trust, declare)?;
        let policy = attach(CNI_POLICY.0, &role, CNI_POLICY.1, declare)?;
        let identity = pod_identity(
            "pod_identity.cni",
            cluster,
            (NAMESPACE, CNI_ACCOUNT),
            (&role, policy.address()),
            declare,
        )?;
        Ok(vec![policy.address().clone(), identity])
    }

    /// Add-ons that need nodes.
    pub(super) fn late_addons(
        &self,
        cluster: &Handle<EksCluster>,
        groups: &[Handle<NodeGroup>],
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        let mut after: Vec<Address> = groups.iter().map(|group| group.address().clone()).collect();
        if self.wants(EBS) {
            let trust = pod_trust(NAMESPACE, EBS_ACCOUNT, declare);
            let description = "The driver of EBS volumes";
            let role = role("ebs_role", "ebs-csi", description, trust, declare)?;
            let managed = "service-role/AmazonEBSCSIDriverPolicy";
            let policy = attach("policy.ebs", &role, managed, declare)?;
            let identity = pod_identity(
                "pod_identity.ebs",
                cluster,
                (NAMESPACE, EBS_ACCOUNT),
                (&role, policy.address()),
                declare,
            )?;
            after.push(identity);
        }
        let mut made = Vec::new();
        for name in LATE.into_iter().chain(self.others()) {
            made.extend(
                self.addon(name, cluster, &after, declare)?
                    .map(|addon| addon.address().clone()),
            );
        }
        Ok(made)
    }

    /// Add-ons of a cluster whose nodes bring what they need.
    pub(super) fn other_addons(
        &self,
        cluster: &Handle<EksCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        self.check_addons()?;
        let mut made = Vec::new();
        for name in self.others() {
            made.extend(
                self.addon(name, cluster, &[], declare)?
                    .map(|addon| addon.address().clone()),
            );
        }
        Ok(made)
    }

    /// The names of those that are there on request only.
    fn others(&self) -> impl Iterator<Item = &str> {
        let names = self.addons.keys().map(String::as_str);
        names.filter(|name| !EARLY.contains(name) && !LATE.contains(name))
    }

    fn wants(&self, name: &str) -> bool {
        !matches!(
            self.addons.get(name).map(|wish| &wish.value),
            Some(Wish::On(false))
        )
    }

    fn addon(
        &self,
        name: &str,
        cluster: &Handle<EksCluster>,
        after: &[Address],
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Handle<Addon>>> {
        if !self.wants(name) {
            return Ok(None);
        }
        let tuned = match self.addons.get(name).map(|wish| &wish.value) {
            Some(Wish::Tuned(tuned)) => tuned.clone(),
            _ => Tuned::default(),
        };
        // One without a version of its own moves along with the cluster.
        let moves = tuned.version.is_none().then(|| self.version().to_owned());
        let settings = self.configuration(name, tuned.configuration, declare);
        let address = format!("addon.{name}");
        let spec = addon::Spec {
            cluster_name: cluster.get(cluster::out::NAME),
            addon_name: name.to_owned(),
            addon_version: tuned.version,
            kubernetes_version: moves.map(Into::into),
            configuration_values: settings.map(|settings| Configuration::new(settings).into()),
            service_account_role_arn: None,
            pod_identity_associations: None,
            tags: declare.tags(&address),
        };
        let after: Vec<&Address> = after.iter().collect();
        declare.add_after(&address, &spec, &after).map(Some)
    }

    fn check_addons(&self) -> Checked<()> {
        let mut faults = Vec::new();
        let known: Vec<&str> = KNOWN.iter().chain(&EARLY).chain(&LATE).copied().collect();
        for (name, wish) in &self.addons {
            if !known.contains(&name.as_str()) {
                let fault = Fault::new(format!("EKS has no add-on named `{name}`"))
                    .at(wish.span, "unknown add-on");
                faults.push(fault.maybe_help(suggest(name, &known)));
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

impl Cluster {
    /// What an add-on is told: what the stack file says, over what platctl needs.
    fn configuration(
        &self,
        name: &str,
        wished: Option<BTreeMap<String, Value>>,
        declare: &Declare<'_>,
    ) -> Option<Value> {
        let wished = wished.map(|settings| settings.into_iter().collect::<Value>());
        let cluster = declare.name("cluster");
        let mut settings = match name {
            // Volumes outlive their cluster when nobody deletes their claims: by these they are found.
            EBS => {
                json!({"controller": {"k8sTagClusterId": cluster, "extraVolumeTags": {"platctl:cluster": cluster}}})
            }
            // Otherwise network policies are objects that nobody looks at.
            CNI => json!({"enableNetworkPolicy": "true"}),
            _ => return wished,
        };
        if let Some(wished) = wished {
            merge(&mut settings, wished);
        }
        if name == CNI && self.cni_has_role() {
            tag_interfaces(&mut settings, &cluster);
        }
        Some(settings)
    }
}

/// Lets the network interfaces of pods carry the cluster's name. This comes with the role: a pod learns of a role when it
/// starts, and EKS starts the pods of an add-on anew only if a setting of theirs has changed. Without that, pods of an
/// existing cluster would keep to the role of their node, which loses its permissions.
fn tag_interfaces(settings: &mut Value, cluster: &str) {
    let Some(env) = settings
        .as_object_mut()
        .map(|settings| settings.entry("env").or_insert_with(|| json!({})))
    else {
        return;
    };
    let stated = env.get(ENI_TAGS).and_then(Value::as_str).unwrap_or("{}");
    // What is no JSON object is refused by EKS, in its own words.
    if let (Ok(Value::Object(mut tags)), Some(env)) =
        (serde_json::from_str(stated), env.as_object_mut())
    {
        tags.insert("platctl:cluster".to_owned(), cluster.into());
        env.insert(ENI_TAGS.to_owned(), Value::Object(tags).to_string().into());
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// Gives a role to the pods of a service account; answers what has to be there before its pods are made.
pub(crate) fn pod_identity(
    address: &str,
    cluster: &Handle<EksCluster>,
    (namespace, service_account): (&str, &str),
    (role, policy): (&Handle<Role>, &Address),
    declare: &mut Declare<'_>,
) -> Checked<Address> {
    let spec = pod_identity_association::Spec {
        cluster_name: cluster.get(cluster::out::NAME),
        namespace: namespace.to_owned(),
        service_account: service_account.to_owned(),
        role_arn: role.get(role::out::ARN),
        target_role_arn: None,
        disable_session_tags: false,
        tags: declare.tags(address),
    };
    let identity: Handle<PodIdentityAssociation> = declare.add_after(address, &spec, &[policy])?;
    Ok(identity.address().clone())
}

/// Others that AWS offers.
const KNOWN: [&str; 13] = [
    "adot",
    "amazon-cloudwatch-observability",
    "aws-efs-csi-driver",
    "aws-guardduty-agent",
    "aws-mountpoint-s3-csi-driver",
    "cert-manager",
    "eks-node-monitoring-agent",
    "external-dns",
    "fluent-bit",
    "kube-state-metrics",
    "metrics-server",
    "prometheus-node-exporter",
    "snapshot-controller",
];
