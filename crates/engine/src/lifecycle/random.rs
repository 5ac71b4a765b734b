//! Random stacks, random changes, random cuts.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{Fault, Lab, When, graph};

const KINDS: [&str; 4] = ["toy.Tags", "toy.Token", "toy.Name", "toy.Plain"];

type Toys = Vec<(String, &'static str, Value)>;

/// One toy: kind, size, colour, which earlier toys it takes from, and whether it is declared at all.
type Draw = (usize, u8, u8, Vec<prop::sample::Index>, bool);

fn draw() -> impl Strategy<Value = Vec<Draw>> {
    let toy = (
        0..KINDS.len(),
        1..4_u8,
        0..2_u8,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::bool::weighted(0.8),
    );
    prop::collection::vec(toy, 1..9)
}

/// The toys of a draw, in an order of their own: what comes later may refer to what comes before.
fn toys(draw: &[Draw], order: &[prop::sample::Index]) -> Toys {
    let mut toys: Toys = Vec::new();
    for position in permutation(draw.len(), order) {
        let (kind, size, color, from, declared) = &draw[position];
        let pick = |index: &prop::sample::Index| json!({"$ref": format!("{}.id", toys[index.index(toys.len())].0)});
        // What a spec does not state is not managed, so every field is stated.
        let name = format!("n{position}");
        let mut spec =
            json!({"name": name, "size": size, "color": color, "parent": null, "uses": []});
        if let Some(parent) = from.first().filter(|_| !toys.is_empty()) {
            spec["parent"] = pick(parent);
        }
        if let Some(used) = from.get(1).filter(|_| !toys.is_empty()) {
            spec["uses"] = json!([pick(used)]);
        }
        if *declared {
            toys.push((format!("toy{position}-{kind}"), KINDS[*kind], spec));
        }
    }
    toys
}

fn permutation(length: usize, order: &[prop::sample::Index]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..length).collect();
    let picks = order
        .iter()
        .map_while(|index| (!left.is_empty()).then(|| left.remove(index.index(left.len()))));
    let mut picked: Vec<usize> = picks.collect();
    picked.extend(left);
    picked
}

/// A version of a stack. An order for each, so that references between the same toys turn round.
type Version = (Vec<Draw>, Vec<prop::sample::Index>);

fn version() -> impl Strategy<Value = Version> {
    (
        draw(),
        prop::collection::vec(any::<prop::sample::Index>(), 9),
    )
}

/// The same toys with other sizes, colours, references, some dropped and some added.
fn check(versions: &[Version], cut: Option<(usize, When)>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let lab = Lab::new();
        for (number, (draw, order)) in versions.iter().enumerate() {
            let toys = toys(draw, order);
            if let Some((at, when)) = cut.filter(|_| number > 0) {
                lab.fault(at, when, Fault::Hang);
                lab.run(Some(graph(&toys, &lab.cloud))).await;
                lab.calm();
            }
            lab.apply(graph(&toys, &lab.cloud)).await;
            assert!(lab.plan(Some(graph(&toys, &lab.cloud))).await.is_empty());
            // The order is right by itself: nothing is tried before its time.
            assert!(cut.is_some() || lab.cloud.world.lock().unwrap().in_use == 0);
            let fresh = Lab::new();
            fresh.apply(graph(&toys, &fresh.cloud)).await;
            assert_eq!(lab.cloud.shape(), fresh.cloud.shape());
        }
        lab.destroy().await;
        assert_eq!(lab.cloud.shape(), Vec::<String>::new());
    });
}

/// More of them, for the long loop: `PLATCTL_TEST_CASES=5000 cargo test -p platctl-engine random`.
fn cases() -> u32 {
    std::env::var("PLATCTL_TEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn plan_apply_plan_is_empty_and_destroy_leaves_nothing(versions in prop::collection::vec(version(), 2..4)) {
        check(&versions, None);
    }

    #[test]
    fn any_cut_is_recovered(
        versions in prop::collection::vec(version(), 2..4),
        at in 1..20_usize,
        after in any::<bool>(),
    ) {
        check(&versions, Some((at, if after { When::After } else { When::Before })));
    }

    /// Killed in the middle of a change, and then not wanted any more.
    #[test]
    fn what_was_cut_off_can_be_destroyed(
        versions in prop::collection::vec(version(), 3),
        at in 1..20_usize,
        after in any::<bool>(),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let lab = Lab::new();
            for (number, (draw, order)) in versions.iter().enumerate() {
                if number > 0 {
                    lab.fault(at, if after { When::After } else { When::Before }, Fault::Hang);
                }
                lab.run(Some(graph(&toys(draw, order), &lab.cloud))).await;
                lab.calm();
            }
            lab.destroy().await;
            assert_eq!(lab.cloud.shape(), Vec::<String>::new());
        });
    }
}
