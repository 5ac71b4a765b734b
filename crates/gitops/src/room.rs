//! What the pods of the platform ask for, and whether nodes have room for it.

use crate::component::{Count, Pods};
use crate::services::{self, Around};
use crate::{Inputs, Settings, Unfit, chosen};

/// An amount of CPU, memory and pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// In thousandths of a CPU.
    pub cpu: u32,
    /// In MiB.
    pub memory: u32,
    /// How many pods.
    pub pods: u32,
}

impl Need {
    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
            pods: self.pods.saturating_add(other.pods),
        }
    }

    fn times(self, count: u32) -> Self {
        Self {
            cpu: self.cpu.saturating_mul(count),
            memory: self.memory.saturating_mul(count),
            pods: self.pods.saturating_mul(count),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
            pods: self.pods.saturating_sub(other.pods),
        }
    }

    const fn holds(self, other: Self) -> bool {
        self.cpu >= other.cpu && self.memory >= other.memory && self.pods >= other.pods
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (cpu, memory) = (
            f64::from(self.cpu) / 1000.0,
            f64::from(self.memory) / 1024.0,
        );
        write!(f, "{cpu:.1} vCPU, {memory:.1} GiB and {} pods", self.pods)
    }
}

/// Nodes of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// What pods can have of one.
    pub room: Need,
    /// The fewest.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// What a platform asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Each component and service, with all of its pods but those that are on every node.
    pub rows: Vec<(String, Need)>,
    /// What is on every node.
    pub per_node: Need,
    /// The largest pod.
    pub largest: Need,
}

/// What EKS itself runs on every node: the network, the proxy, identities, and the driver of volumes.
const ADDONS_PER_NODE: Need = Need {
    cpu: 180,
    memory: 120,
    pods: 4,
};
/// What EKS itself runs besides: DNS, and the controller of volumes, with two pods each.
const ADDONS: Need = Need {
    cpu: 320,
    memory: 620,
    pods: 4,
};

impl Needs {
    fn add(&mut self, name: &str, pods: &[Pods]) {
        let mut sum = Need::default();
        for one in pods {
            let pod = Need {
                cpu: one.cpu,
                memory: one.memory,
                pods: 1,
            };
            match one.count {
                Count::Of(count) => {
                    sum = sum.plus(pod.times(count));
                    self.largest = Need {
                        cpu: self.largest.cpu.max(pod.cpu),
                        memory: self.largest.memory.max(pod.memory),
                        pods: 1,
                    };
                }
                Count::PerNode => self.per_node = self.per_node.plus(pod),
            }
        }
        if sum != Need::default() {
            self.rows.push((name.to_owned(), sum));
        }
    }

    /// All together, but for what is on every node.
    #[must_use]
    pub fn total(&self) -> Need {
        self.rows
            .iter()
            .fold(Need::default(), |sum, (_, need)| sum.plus(*need))
    }

    /// What is left of a node for this.
    fn left(&self, node: &Node) -> Need {
        node.room.minus(self.per_node)
    }

    /// Whether so many nodes have room for all, and for the largest pod.
    #[must_use]
    pub fn fit(&self, nodes: &[Node], count: fn(&Node) -> u32) -> bool {
        let room = self.room(nodes, count);
        room.holds(self.total()) && nodes.iter().any(|node| self.left(node).holds(self.largest))
    }

    /// What so many nodes have room for.
    #[must_use]
    pub fn room(&self, nodes: &[Node], count: fn(&Node) -> u32) -> Need {
        nodes.iter().fold(Need::default(), |sum, node| {
            sum.plus(self.left(node).times(count(node)))
        })
    }
}

/// What the platform asks for when its services have the fewest pods. Jobs are left out: they end.
///
/// # Errors
/// A component that is asked for and cannot be.
pub fn needs(inputs: &Inputs, settings: &Settings) -> Result<Needs, Unfit> {
    let components = chosen(inputs, settings)?;
    let around = Around::new(&components);
    let mut needs = Needs::default();
    // EKS Auto Mode runs them as part of the node.
    if !inputs.nodes.is_auto() {
        needs.per_node = ADDONS_PER_NODE;
        needs.rows.push(("EKS add-ons".to_owned(), ADDONS));
    }
    for component in &components {
        needs.add(component.name, &(component.pods)(inputs, settings));
    }
    for service in &inputs.services {
        needs.add(
            &format!("service {}", service.name),
            &[services::pods(service, around)],
        );
    }
    Ok(needs)
}
