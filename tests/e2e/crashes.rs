//! Killed before or after every single call that changes something, the next run ends where an undisturbed
//! one does.

use std::time::Duration;

use platctl_emulator::Moment;

use crate::inventory::Inventory;
use crate::recovery::alternating;
use crate::world::World;

/// What is run, what has been run before it, and what has to be there at its end.
struct Scenario {
    before: &'static [&'static str],
    run: &'static str,
}

const FRESH: Scenario = Scenario { before: &[], run: "apply network.yaml --yes" };

/// Every verb at once: the addresses of subnets and one zone less replace, delete and update.
const CHANGE: Scenario = Scenario {
    before: &["apply network.yaml --yes"],
    run: "apply network.yaml --yes --set network.nat=single --set network.endpoints=[s3,sts,kms] \
          --set network.subnets.private.cidrs=[10.10.128.0/20,10.10.144.0/20] --set tags.owner=other",
};

const DESTROY: Scenario = Scenario { before: &["apply network.yaml --yes"], run: "destroy network --yes" };

impl Scenario {
    fn prepare(&self, world: &World) {
        world.reset();
        for line in self.before {
            world.platctl(line).expect(0);
        }
    }

    /// How many calls it takes, and what is there then.
    async fn undisturbed(&self, world: &World) -> (usize, Inventory) {
        self.prepare(world);
        world.control().clear_calls().unwrap();
        world.platctl(self.run).expect(0);
        let mutations = world.mutations();
        (mutations, Inventory::of(world).await)
    }

    /// Kills it at one call, and runs it again.
    async fn killed_at(&self, world: &World, mutation: usize, moment: Moment) -> (String, Inventory) {
        self.prepare(world);
        let control = world.control();
        control.hold(mutation, moment).unwrap();
        let mut child = world.spawn(self.run);
        let held = control.held(Duration::from_secs(20)).unwrap();
        let held = held.unwrap_or_else(|| panic!("there is no call {mutation}"));
        child.kill().unwrap();
        child.wait().unwrap();
        control.release(true).unwrap();
        let ended = world.platctl(self.run);
        assert_eq!(ended.code, Some(0), "killed {moment:?} {held:?}:\n{}{}", ended.stdout, ended.stderr);
        (held.operation, Inventory::of(world).await)
    }

    async fn survives(&self, moment: Moment, at_least: usize) {
        let world = World::new();
        // Two zones have all that three have, in fewer calls.
        world.network(&[("availability_zones: 3", "availability_zones: 2")]);
        let (mutations, wanted) = self.undisturbed(&world).await;
        assert!(mutations >= at_least, "only {mutations} calls change something");
        for mutation in alternating(moment, mutations) {
            let (operation, found) = self.killed_at(&world, mutation, moment).await;
            let differences = found.differences(&wanted);
            assert!(
                differences.is_empty(),
                "killed {moment:?} call {mutation}, {operation}: {differences:#?}"
            );
        }
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
