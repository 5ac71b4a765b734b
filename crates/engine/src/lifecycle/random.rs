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

fn toys(draw: &[Draw]) -> Toys {
    let mut toys: Toys = Vec::new();
    for (position, (kind, size, color, from, declared)) in draw.iter().enumerate() {
        let pick =
            |index: &prop::sample::Index| json!({"$ref": format!("{}.id", toys[index.index(toys.len())].0)});
        // What a spec does not state is not managed, so every field is stated.
        let name = format!("n{position}");
        let mut spec = json!({"name": name, "size": size, "color": color, "parent": null, "uses": []});
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

/// The same toys with other sizes, colours, references, some dropped and some added.
fn check(first: &[Draw], second: &[Draw], cut: Option<(usize, When)>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (first, second, lab) = (toys(first), toys(second), Lab::new());
        lab.apply(graph(&first, &lab.cloud)).await;
        assert!(lab.plan(Some(graph(&first, &lab.cloud))).await.is_empty());
        if let Some((at, when)) = cut {
            lab.fault(at, when, Fault::Hang);
            lab.run(Some(graph(&second, &lab.cloud))).await;
            lab.calm();
        }
        lab.apply(graph(&second, &lab.cloud)).await;
        assert!(lab.plan(Some(graph(&second, &lab.cloud))).await.is_empty());
        let fresh = Lab::new();
        fresh.apply(graph(&second, &fresh.cloud)).await;
        assert_eq!(lab.cloud.shape(), fresh.cloud.shape());
        lab.destroy().await;
        assert_eq!(lab.cloud.shape(), Vec::<String>::new());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn plan_apply_plan_is_empty_and_destroy_leaves_nothing(first in draw(), second in draw()) {
        check(&first, &second, None);
    }

    #[test]
    fn any_cut_is_recovered(first in draw(), second in draw(), at in 1..20_usize, after in any::<bool>()) {
        check(&first, &second, Some((at, if after { When::After } else { When::Before })));
    }
}
