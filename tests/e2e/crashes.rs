//! Killed before or after every single call that changes something, the next run ends where an undisturbed
//! one does.

use platctl_emulator::{HoldAt, Moment};

use crate::inventory::Inventory;
use crate::recovery::alternating;
use crate::world::World;

/// What is run, what has been run before it, and what has to be there at its end.
struct Scenario {
    before: &'static [&'static str],
    run: &'static str,
}

const FRESH: Scenario = Scenario {
    before: &[],
    run: "apply network.yaml --yes",
};

/// Every verb at once: the addresses of subnets and one zone less replace, delete and update.
const CHANGE: Scenario = Scenario {
    before: &["apply network.yaml --yes"],
    run: "apply network.yaml --yes --set network.nat=single --set network.endpoints=[s3,sts,kms] \
          --set network.subnets.private.cidrs=[10.10.128.0/20,10.10.144.0/20] --set tags.owner=other",
};

const DESTROY: Scenario = Scenario {
    before: &["apply network.yaml --yes"],
    run: "destroy network --yes",
};

impl Scenario {
    fn prepare(&self, world: &World) {
        for line in self.before {
            world.platctl(line).expect(0);
        }
    }

    /// How many calls it takes, and what is there then.
    async fn undisturbed(&self, world: &World) -> (usize, Inventory) {
        world.control().clear_calls().unwrap();
        world.platctl(self.run).expect(0);
        let mutations = world.mutations();
        (mutations, Inventory::of(world).await)
    }

    /// Run again where it was killed, it ends as undisturbed. The run itself is only stopped, and goes on: what comes of
    /// a kill is tried on a copy of all that is there then.
    async fn survives(&self, moment: Moment, at_least: usize) {
        let world = World::new();
        // Two zones have all that three have, in fewer calls.
        world.network(&[("availability_zones: 3", "availability_zones: 2")]);
        self.prepare(&world);
        let (mutations, wanted) = {
            let _branch = world.branch();
            self.undisturbed(&world).await
        };
        assert!(
            mutations >= at_least,
            "only {mutations} calls change something"
        );
        let instants: Vec<_> = alternating(moment, mutations)
            .map(|call| HoldAt::Call(call, moment))
            .collect();
        let mut run = world.run_held(self.run, &instants);
        let mut killed = 0;
        while let Some(held) = run.next() {
            let whence = format!(
                "killed {moment:?} call {}, {}",
                held.mutation, held.operation
            );
            let found = {
                let _branch = world.branch();
                let ended = world.platctl(self.run);
                assert_eq!(
                    ended.code,
                    Some(0),
                    "{whence}:\n{}{}",
                    ended.stdout,
                    ended.stderr
                );
                Inventory::of(&world).await
            };
            let differences = found.differences(&wanted);
            assert!(differences.is_empty(), "{whence}: {differences:#?}");
            run.go_on();
            killed += 1;
        }
        assert_eq!(killed, instants.len(), "calls were never made");
    }
}

#[tokio::test]
async fn an_apply_killed_before_any_call_goes_on() {
    FRESH.survives(Moment::Before, 40).await;
}

#[tokio::test]
async fn an_apply_killed_after_any_call_goes_on() {
    FRESH.survives(Moment::After, 40).await;
}

#[tokio::test]
async fn a_change_killed_before_any_call_goes_on() {
    CHANGE.survives(Moment::Before, 30).await;
}

#[tokio::test]
async fn a_change_killed_after_any_call_goes_on() {
    CHANGE.survives(Moment::After, 30).await;
}

#[tokio::test]
async fn a_destroy_killed_before_any_call_goes_on() {
    DESTROY.survives(Moment::Before, 30).await;
}

#[tokio::test]
async fn a_destroy_killed_after_any_call_goes_on() {
    DESTROY.survives(Moment::After, 30).await;
}
