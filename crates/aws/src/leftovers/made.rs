//! For which cluster an object was made, and by whom, as its tags say.

use std::fmt;

use crate::tags::Tags;

/// A program that makes objects in AWS for a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Maker {
    LoadBalancerController,
    CloudController,
    AutoMode,
    VpcCni,
    VpcResourceController,
    EbsCsi,
    Karpenter,
    ExternalDns,
    CertManager,
    Eks,
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadBalancerController => "AWS Load Balancer Controller",
            Self::CloudController => "the AWS cloud provider of Kubernetes",
            Self::AutoMode => "EKS Auto Mode",
            Self::VpcCni => "Amazon VPC CNI",
            Self::VpcResourceController => "the VPC resource controller of EKS",
            Self::EbsCsi => "Amazon EBS CSI driver",
            Self::Karpenter => "Karpenter",
            Self::ExternalDns => "ExternalDNS",
            Self::CertManager => "cert-manager",
            Self::Eks => "Amazon EKS",
        })
    }
}

/// For which cluster an object was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// The name of the cluster.
    pub cluster: String,
    /// Who made it.
    pub by: Maker,
    /// How this is known: `tag elbv2.k8s.aws/cluster=prod-cluster`.
    pub known_by: String,
}

const OF_CLUSTER: &str = "kubernetes.io/cluster/";
const CONTROLLER: &str = "elbv2.k8s.aws/cluster";
const AUTO_MODE: &str = "eks:eks-cluster-name";
const CNI: &str = "cluster.k8s.amazonaws.com/name";
const INTERFACE_OWNER: &str = "eks:eni:owner";
const CSI: &str = "ebs.csi.aws.com/cluster-name";
const EKS: &str = "aws:eks:cluster-name";
const NODE_POOL: &str = "karpenter.sh/nodepool";
const KARPENTER: &str = "karpenter.k8s.aws/cluster";
const NODE_CLASS: &str = "karpenter.k8s.aws/ec2nodeclass";
const SERVICE: &str = "kubernetes.io/service-name";
/// Tags of a volume that stands for a claim. Root volumes of nodes have none of them.
const OF_CLAIM: [&str; 3] = [
    "kubernetes.io/created-for/pvc/name",
    "CSIVolumeName",
    "ebs.csi.aws.com/cluster",
];

/// The keys of which at least one is on everything that counts, for a filter: a cluster is compared afterwards.
pub(super) fn keys(cluster: Option<&str>) -> Vec<String> {
    let owned = format!("{OF_CLUSTER}{}", cluster.unwrap_or("*"));
    let others = [CONTROLLER, AUTO_MODE, CNI, CSI, EKS, KARPENTER];
    others
        .map(ToOwned::to_owned)
        .into_iter()
        .chain([owned])
        .collect()
}

fn by_tag(by: Maker, key: &str, value: &str) -> Made {
    Made {
        cluster: value.to_owned(),
        by,
        known_by: format!("tag {key}={value}"),
    }
}

/// The value of this tag is the name of the cluster.
fn named(tags: &Tags, by: Maker, key: &str) -> Option<Made> {
    let value = tags.get(key).filter(|value| !value.is_empty())?;
    Some(by_tag(by, key, value))
}

/// The cluster owns it: `shared` is on what belongs to somebody else.
fn owned(tags: &Tags, by: Maker) -> Option<Made> {
    let (key, value) = tags
        .iter()
        .find(|(key, value)| key.starts_with(OF_CLUSTER) && *value == "owned")?;
    Some(Made {
        cluster: key.trim_start_matches(OF_CLUSTER).to_owned(),
        ..by_tag(by, key, value)
    })
}

fn has(tags: &Tags, key: &str) -> bool {
    tags.contains_key(key)
}

/// A load balancer, or a target group.
pub(super) fn balancer(tags: &Tags) -> Option<Made> {
    named(tags, Maker::LoadBalancerController, CONTROLLER)
        .or_else(|| named(tags, Maker::AutoMode, AUTO_MODE))
        .or_else(|| {
            let made = owned(tags, Maker::CloudController)?;
            has(tags, SERVICE).then_some(made)
        })
}

/// A security group. Groups of nodes carry the cluster's tag, too, whoever made them: by that tag alone, only what
/// has the name that the cloud provider gives counts.
pub(crate) fn group(name: &str, tags: &Tags) -> Option<Made> {
    named(tags, Maker::LoadBalancerController, CONTROLLER)
        .or_else(|| named(tags, Maker::AutoMode, AUTO_MODE))
        .or_else(|| named(tags, Maker::Eks, EKS))
        .or_else(|| {
            let made = owned(tags, Maker::CloudController)?;
            name.starts_with("k8s-elb-").then_some(made)
        })
}

/// A network interface of a node or of a pod. Those of load balancers and of the control plane go with them.
pub(crate) fn interface(tags: &Tags) -> Option<Made> {
    named(tags, Maker::VpcCni, CNI).or_else(|| {
        let owner = tags.get(INTERFACE_OWNER).map(String::as_str);
        let by = match owner? {
            "amazon-vpc-cni" => Maker::VpcCni,
            "eks-vpc-resource-controller" => Maker::VpcResourceController,
            _ => return None,
        };
        owned(tags, by).or_else(|| named(tags, by, AUTO_MODE))
    })
}

/// A volume of a claim.
pub(super) fn volume(tags: &Tags) -> Option<Made> {
    if !OF_CLAIM.iter().any(|key| has(tags, key)) {
        return None;
    }
    named(tags, Maker::EbsCsi, CSI)
        .or_else(|| named(tags, Maker::AutoMode, AUTO_MODE))
        .or_else(|| owned(tags, Maker::EbsCsi))
}

/// An instance or a launch template of Karpenter: the cluster's tag alone is on the nodes of node groups, too.
pub(super) fn node(tags: &Tags) -> Option<Made> {
    let pooled = has(tags, NODE_POOL) || has(tags, NODE_CLASS);
    named(tags, Maker::Karpenter, KARPENTER).or_else(|| {
        if !pooled {
            return None;
        }
        owned(tags, Maker::Karpenter).or_else(|| named(tags, Maker::Karpenter, AUTO_MODE))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[(&str, &str)]) -> Tags {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        list.iter().map(text).collect()
    }

    fn cluster(made: Option<Made>) -> Option<String> {
        made.map(|made| made.cluster)
    }

    #[test]
    fn a_tag_names_the_cluster_and_who_made_it() {
        let made = balancer(&tags(&[("elbv2.k8s.aws/cluster", "prod-cluster")])).unwrap();
        assert_eq!(made.by, Maker::LoadBalancerController);
        assert_eq!(made.cluster, "prod-cluster");
        assert_eq!(made.known_by, "tag elbv2.k8s.aws/cluster=prod-cluster");
    }

    #[test]
    fn what_is_shared_with_a_cluster_is_not_its_own() {
        let shared = tags(&[
            ("kubernetes.io/cluster/prod", "shared"),
            ("kubernetes.io/service-name", "web/web"),
        ]);
        assert_eq!(balancer(&shared), None);
    }

    #[test]
    fn a_group_of_nodes_with_the_tag_of_the_cluster_is_not_a_leftover() {
        let owned = tags(&[("kubernetes.io/cluster/prod", "owned")]);
        assert_eq!(group("prod-nodes", &owned), None);
        assert_eq!(cluster(group("k8s-elb-a1b2", &owned)), Some("prod".into()));
    }

    #[test]
    fn a_volume_is_one_only_if_it_stands_for_a_claim() {
        let root = tags(&[("kubernetes.io/cluster/prod", "owned")]);
        assert_eq!(volume(&root), None);
        let claim = tags(&[
            ("kubernetes.io/cluster/prod", "owned"),
            ("kubernetes.io/created-for/pvc/name", "data"),
        ]);
        assert_eq!(cluster(volume(&claim)), Some("prod".into()));
    }

    #[test]
    fn a_node_of_a_node_group_is_not_karpenters() {
        let managed = tags(&[
            ("kubernetes.io/cluster/prod", "owned"),
            ("eks:nodegroup-name", "general"),
        ]);
        assert_eq!(node(&managed), None);
        let pooled = tags(&[
            ("kubernetes.io/cluster/prod", "owned"),
            ("karpenter.sh/nodepool", "general"),
        ]);
        assert_eq!(cluster(node(&pooled)), Some("prod".into()));
    }

    #[test]
    fn an_interface_without_an_owner_is_somebody_elses() {
        assert_eq!(
            interface(&tags(&[("kubernetes.io/cluster/prod", "owned")])),
            None
        );
        let cni = tags(&[("cluster.k8s.amazonaws.com/name", "prod")]);
        assert_eq!(cluster(interface(&cni)), Some("prod".into()));
        let pod = tags(&[
            ("eks:eni:owner", "eks-vpc-resource-controller"),
            ("kubernetes.io/cluster/prod", "owned"),
        ]);
        assert_eq!(
            interface(&pod).map(|made| made.by),
            Some(Maker::VpcResourceController)
        );
    }
}
