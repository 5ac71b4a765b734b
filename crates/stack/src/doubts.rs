//! What looks wrong and may be right: AWS adds versions and withdraws them, and this program does not hear of it.

use platctl_engine::graph::Graph;

use crate::support::{KUBERNETES, support};

/// The major versions of Aurora PostgreSQL that RDS offered then.
const AURORA: std::ops::RangeInclusive<u16> = 13..=18;

/// What a stack file says that was not known when this program was built. `plan` asks AWS; without AWS, it can only be
/// told.
#[must_use]
pub fn doubts(graph: &Graph) -> Vec<String> {
    let doubt = |entry: &platctl_engine::graph::Entry| {
        let node = &entry.node;
        let said = |field: &str| node.spec.get(field).and_then(serde_json::Value::as_str);
        let unknown = match node.kind.as_str() {
            "eks.Cluster" => said("version")
                .filter(|version| support(version).is_none())
                .map(|version| {
                    let known = KUBERNETES.map(|known| known.version).join(", ");
                    format!("Kubernetes {version} (known are {known})")
                }),
            "rds.DbCluster" => {
                let major = |version: &str| {
                    version
                        .split('.')
                        .next()
                        .and_then(|major| major.parse().ok())
                };
                said("engine_version")
                    .filter(|version| {
                        !major(version).is_some_and(|major: u16| AURORA.contains(&major))
                    })
                    .map(|version| {
                        let (first, last) = (AURORA.start(), AURORA.end());
                        format!("Aurora PostgreSQL {version} (known are {first} to {last})")
                    })
            }
            _ => None,
        };
        let text = |what| {
            format!(
                "`{}`: this version of platctl does not know {what}. `platctl plan` asks AWS for its versions",
                node.address
            )
        };
        unknown.map(text)
    };
    graph.in_order().filter_map(doubt).collect()
}
