//! Node pools: what nodes Karpenter may launch.

use std::collections::BTreeMap;

use platctl_aws::eks::architecture::{self, Ami, Architecture};
use platctl_gitops::nodes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::nodes::split_taint;
use super::{Capacity, Cluster, NodeSource};
use crate::de::At;
use crate::declare::Checked;
use crate::error::{Fault, quoted};

/// A pool of nodes that Karpenter launches and removes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodePool {
    /// The instance families, such as m7i. All of them have x86, or all have Arm processors. Default: the families
    /// c, m and r with x86 processors, from the fifth generation on.
    instance_families: Vec<At<String>>,
    /// The capacity type: On-Demand or Spot Instances. With `spot`, On-Demand Instances are used if there are no Spot
    /// Instances.
    capacity: Capacity,
    /// The maximum number of vCPUs of all nodes of the pool. Default: 100.
    max_cpu: Option<u32>,
    /// The maximum memory of all nodes of the pool, in GiB. Default: four times `max_cpu`.
    max_memory_gib: Option<u32>,
    /// The number of days after which a node is replaced. 0: never. Default: 30.
    expire_days: Option<u16>,
    /// Which nodes are removed: those whose pods fit on other or cheaper nodes, those without pods, or none.
    consolidate: Consolidate,
    /// The operating system of the nodes.
    ami: Ami,
    /// The disk size of each node, in GiB. Default: 100.
    disk_gib: Option<u16>,
    /// The Kubernetes labels of the nodes.
    labels: BTreeMap<String, String>,
    /// The Kubernetes taints of the nodes, such as `key=value:NoSchedule`.
    taints: Vec<At<String>>,
}

/// Which nodes are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Consolidate {
    /// Nodes whose pods fit on other or cheaper nodes.
    #[default]
    Underutilized,
    /// Nodes without pods.
    Empty,
    /// No nodes.
    Never,
}

const MAX_CPU: u32 = 100;
const EXPIRE_DAYS: u16 = 30;

impl Cluster {
    /// The pools that the file states, or one for all pods.
    pub(super) fn pools(&self) -> Checked<Vec<nodes::Pool>> {
        let Some(pools) = &self.node_pools else {
            return Ok(vec![NodePool::default().pool("general")?]);
        };
        pools
            .value
            .iter()
            .map(|(name, pool)| pool.value.pool(name))
            .collect()
    }

    /// An instance family with Arm processors, of nodes that Karpenter launches for any pod.
    pub(super) fn arm_pool(&self) -> Option<&At<String>> {
        let pools = self
            .node_pools
            .iter()
            .flat_map(|pools| pools.value.values());
        let open = pools.filter(|pool| pool.value.taints.is_empty());
        let mut families = open.flat_map(|pool| &pool.value.instance_families);
        families.find(|family| processors(&family.value) == Some(Architecture::Arm))
    }

    pub(super) fn check_pools(&self) -> Vec<Fault> {
        let Some(pools) = &self.node_pools else {
            return Vec::new();
        };
        if self.nodes.value != NodeSource::Karpenter {
            let fault = Fault::new("`node_pools` requires `nodes: karpenter`");
            return vec![
                fault
                    .at(pools.span, "not used")
                    .help("set cluster.nodes to karpenter"),
            ];
        }
        pools
            .value
            .iter()
            .flat_map(|(name, pool)| pool.value.check(name, pool))
            .collect()
    }
}

/// The processors of the instances of a family, such as `m7g`.
fn processors(family: &str) -> Option<Architecture> {
    architecture::of_type(&format!("{family}.large"))
}

impl NodePool {
    fn check(&self, name: &str, at: &At<Self>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let sound = (1..=63).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !sound {
            let message = format!(
                "{} is not a valid node pool name: use lower-case letters, digits and `-`, at most 63 characters",
                quoted(name)
            );
            faults.push(Fault::new(message).at(at.span, "invalid name"));
        }
        for family in &self.instance_families {
            let hint = match family.value.split_once('.') {
                Some((of, _)) => format!("use the family of the type: {of}"),
                None => "such as m7i".to_owned(),
            };
            if family.value.contains('.') || processors(&family.value).is_none() {
                let message = format!("{} is not an instance family", quoted(&family.value));
                faults.push(
                    Fault::new(message)
                        .at(family.span, "not a family")
                        .help(hint),
                );
            }
        }
        let none = [
            ("max_cpu", self.max_cpu == Some(0)),
            ("max_memory_gib", self.max_memory_gib == Some(0)),
        ];
        for (key, _) in none.iter().filter(|(_, none)| *none) {
            let message = format!("node pool {}: `{key}` must be 1 or more", quoted(name));
            faults.push(Fault::new(message).at(at.span, "no nodes"));
        }
        faults
    }

    /// The processors of its instances; none where the families do not agree.
    fn is_arm(&self, name: &str) -> Checked<bool> {
        let mut first: Option<(&At<String>, Architecture)> = None;
        for family in &self.instance_families {
            let Some(its) = processors(&family.value) else {
                continue;
            };
            match first {
                None => first = Some((family, its)),
                Some((other, known)) if known != its => {
                    let message = format!(
                        "node pool {}: {} and {} have different processors",
                        quoted(name),
                        quoted(&other.value),
                        quoted(&family.value)
                    );
                    let fault = Fault::new(message).at(family.span, "other processors");
                    return Err(vec![fault.help("declare a node pool for each of them")]);
                }
                Some(_) => {}
            }
        }
        Ok(first.is_some_and(|(_, its)| its == Architecture::Arm))
    }

    fn pool(&self, name: &str) -> Checked<nodes::Pool> {
        let cpu = self.max_cpu.unwrap_or(MAX_CPU);
        let taint = |taint: &At<String>| {
            let (key, value, effect) = split_taint(taint)?;
            Ok(nodes::Taint {
                key: key.to_owned(),
                value: value.to_owned(),
                effect: effect.to_owned(),
            })
        };
        Ok(nodes::Pool {
            name: name.to_owned(),
            ami: match self.ami {
                Ami::Al2023 => "al2023",
                Ami::Bottlerocket => "bottlerocket",
            },
            arm: self.is_arm(name)?,
            families: self
                .instance_families
                .iter()
                .map(|family| family.value.clone())
                .collect(),
            spot: self.capacity == Capacity::Spot,
            disk_gib: self.disk_gib.unwrap_or(100),
            labels: self.labels.clone(),
            taints: self.taints.iter().map(taint).collect::<Checked<_>>()?,
            cpu,
            memory_gib: self.max_memory_gib.unwrap_or_else(|| cpu.saturating_mul(4)),
            expire_days: Some(self.expire_days.unwrap_or(EXPIRE_DAYS)).filter(|days| *days > 0),
            consolidation: match self.consolidate {
                Consolidate::Underutilized => nodes::Consolidation::Underutilized,
                Consolidate::Empty => nodes::Consolidation::Empty,
                Consolidate::Never => nodes::Consolidation::Never,
            },
        })
    }
}
