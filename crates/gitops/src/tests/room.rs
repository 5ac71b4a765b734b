//! What the platform asks for, against nodes.

use super::{inputs, settings};
use crate::{Need, Needs, Node, Settings, needs};

fn node(cpu: u32, memory: u32, pods: u32, max: u32) -> Node {
    Node {
        room: Need { cpu, memory, pods },
        min: 1,
        max,
    }
}

fn of(text: &str) -> Needs {
    needs(&inputs(), &settings(text)).unwrap()
}

#[test]
fn every_component_with_pods_is_counted() {
    let all = of("{}");
    let names: Vec<&str> = all.rows.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "EKS add-ons",
        "argo-cd",
        "vault",
        "prometheus",
        "elasticsearch",
        "service backend",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let without = of("elastic: false");
    assert!(without.total().memory + 3 * 4096 < all.total().memory);
    assert!(without.per_node.cpu < all.per_node.cpu);
    // Another Argo CD is one that nobody knows.
    let elsewhere = of("manifest: {url: 'https://example.com/a.yaml', sha256: x}");
    assert!(elsewhere.rows.iter().all(|(name, _)| name != "argo-cd"));
    assert_eq!(all, needs(&inputs(), &Settings::default()).unwrap());
}

#[test]
fn nodes_have_room_for_the_sum_and_for_the_largest_pod() {
    let needs = Needs {
        rows: vec![(
            "a".into(),
            Need {
                cpu: 3000,
                memory: 6000,
                pods: 10,
            },
        )],
        per_node: Need {
            cpu: 100,
            memory: 100,
            pods: 5,
        },
        largest: Need {
            cpu: 1000,
            memory: 2000,
            pods: 1,
        },
    };
    let most = |nodes: &[Node]| needs.fit(nodes, |node| node.max);
    assert!(most(&[node(1600, 3100, 20, 2)]));
    // The sum does not fit, or the pods are too many.
    assert!(
        !most(&[node(1500, 3100, 20, 2)])
            && !most(&[node(1600, 3000, 20, 2)])
            && !most(&[node(1600, 3100, 9, 2)])
    );
    // The sum fits, but no node has room for the largest pod.
    assert!(!most(&[node(1000, 1500, 20, 9)]));
    assert!(!needs.fit(&[node(1600, 3100, 20, 2)], |node| node.min));
    assert_eq!(needs.total().to_string(), "3.0 vCPU, 5.9 GiB and 10 pods");
}
