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
const EARLY: [&str; 3] = ["eks-pod-identity-agent", "kube-proxy", "vpc-cni"];
/// These run on nodes, and are degraded until there are some.
const LATE: [&str; 2] = ["aws-ebs-csi-driver", "coredns"];
const EBS: &str = "aws-ebs-csi-driver";
const CNI: &str = "vpc-cni";
/// The namespace and the service account of its controller.
const EBS_ACCOUNT: (&str, &str) = ("kube-system", "ebs-csi-controller-sa");

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
        let mut made = Vec::new();
        for name in EARLY {
            made.extend(
                self.addon(name, cluster, &[], declare)?
                    .map(|addon| addon.address().clone()),
            );
        }
        Ok(made)
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
            let trust = pod_trust(EBS_ACCOUNT.0, EBS_ACCOUNT.1, declare);
            let role = role(
                "ebs_role",
                "ebs-csi",
                "The driver of EBS volumes",
                trust,
                declare,
            )?;
            let policy = attach(
                "policy.ebs",
                &role,
                "service-role/AmazonEBSCSIDriverPolicy",
                declare,
            )?;
            let identity = pod_identity(
                "pod_identity.ebs",
                cluster,
                EBS_ACCOUNT,
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
        let settings = configuration(name, tuned.configuration, declare);
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

/// What an add-on is told: what the stack file says, over what platctl needs.
fn configuration(
    name: &str,
    wished: Option<BTreeMap<String, Value>>,
    declare: &Declare<'_>,
) -> Option<Value> {
    let wished = wished.map(|settings| settings.into_iter().collect::<Value>());
    let mut settings = match name {
        // Volumes outlive their cluster when nobody deletes their claims: by these they are found.
        EBS => {
            let cluster = declare.name("cluster");
            json!({"controller": {"k8sTagClusterId": cluster, "extraVolumeTags": {"platctl:cluster": cluster}}})
        }
        // Otherwise network policies are objects that nobody looks at.
        CNI => json!({"enableNetworkPolicy": "true"}),
        _ => return wished,
    };
    if let Some(wished) = wished {
        merge(&mut settings, wished);
    }
    Some(settings)
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
