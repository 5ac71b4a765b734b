//! Which part of a stack a run is about: `--target`, `--exclude`, `--replace`.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::nearest::nearest;
use crate::plan::{Action, Plan, Refusal};
use crate::state::State;
use crate::{Address, Replace};

/// What the user named. An address stands for itself and for everything below it: `database` for
/// `database.cluster` too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Only these, and what they need: producers when converging, dependants when destroying.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Not these, nor what cannot be done without them.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// Resources to make anew although nothing about them asks for it.
    #[serde(default)]
    pub replace: Vec<String>,
    /// These alone: what they need is taken as it is, whatever else is declared of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Whether a pattern names an address: it stands for itself and for everything below it.
#[must_use]
pub fn matches(pattern: &str, address: &Address) -> bool {
    let rest = address.as_str().strip_prefix(pattern);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

fn any(patterns: &[String], address: &Address) -> bool {
    patterns.iter().any(|pattern| matches(pattern, address))
}

/// Who needs whom, among everything that is declared or recorded.
struct Needs {
    all: Vec<Address>,
    needs: HashMap<Address, HashSet<Address>>,
}

impl Needs {
    fn new(graph: Option<&Graph>, state: &State) -> Self {
        let mut needs: HashMap<Address, HashSet<Address>> = HashMap::new();
        for entry in graph.into_iter().flat_map(Graph::in_order) {
            let address = &entry.node.address;
            let producers = graph
                .into_iter()
                .flat_map(|graph| graph.producers(address.as_str()));
            needs.insert(
                address.clone(),
                producers.map(|(producer, _)| producer.clone()).collect(),
            );
        }
        for (address, record) in &state.resources {
            needs
                .entry(address.clone())
                .or_insert_with(|| record.dependencies.iter().cloned().collect());
        }
        let mut all: Vec<Address> = needs.keys().cloned().collect();
        all.sort();
        Self { all, needs }
    }

    fn reversed(&self) -> Self {
        let mut needs: HashMap<Address, HashSet<Address>> = HashMap::new();
        for (address, producers) in &self.needs {
            for producer in producers {
                needs
                    .entry(producer.clone())
                    .or_default()
                    .insert(address.clone());
            }
        }
        Self {
            all: self.all.clone(),
            needs,
        }
    }

    /// These, and all that they need.
    fn closure(&self, start: HashSet<Address>) -> HashSet<Address> {
        let mut queue: Vec<Address> = start.iter().cloned().collect();
        let mut found = start;
        while let Some(address) = queue.pop() {
            for next in self.needs.get(&address).into_iter().flatten() {
                if found.insert(next.clone()) {
                    queue.push(next.clone());
                }
            }
        }
        found
    }
}

impl Selection {
    /// Whether the run is about everything, as it stands.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty() && self.only.is_empty()
    }

    /// Whether the run takes this resource as it is.
    #[must_use]
    pub fn takes(&self, address: &Address) -> bool {
        !self.only.is_empty() && !any(&self.only, address)
    }

    /// Whether this resource is to be replaced.
    #[must_use]
    pub fn replaces(&self, address: &Address) -> bool {
        self.replace.iter().any(|wanted| wanted == address.as_str())
    }

    /// The addresses that the run is about.
    #[must_use]
    pub fn picked(&self, graph: Option<&Graph>, state: &State) -> HashSet<Address> {
        // Converging needs producers; deleting an object needs its dependants gone. What is no longer
        // declared is deleted, so for it both hold.
        let needs = Needs::new(graph, state);
        let (forward, backward) = match graph {
            Some(_) => (&needs, needs.reversed()),
            None => (&needs.reversed(), Needs::new(None, state)),
        };
        let named = |patterns: &[String]| -> HashSet<Address> {
            needs
                .all
                .iter()
                .filter(|address| any(patterns, address))
                .cloned()
                .collect()
        };
        let mut picked = match (self.targets.is_empty(), self.only.is_empty()) {
            (_, false) => named(&self.only),
            (true, true) => needs.all.iter().cloned().collect(),
            (false, true) => forward.closure(named(&self.targets)),
        };
        let mut left = backward.closure(named(&self.excludes));
        if let Some(graph) = graph {
            // An undeclared resource stays as long as anything that stays was built on it.
            let built_on = needs.closure(left.clone());
            left.extend(
                built_on
                    .into_iter()
                    .filter(|address| graph.get(address.as_str()).is_none()),
            );
        }
        picked.retain(|address| !left.contains(address));
        picked
    }

    /// Names that lead nowhere.
    #[must_use]
    pub fn unknown(&self, graph: Option<&Graph>, state: &State) -> Vec<Refusal> {
        let all = Needs::new(graph, state).all;
        let mut refusals = lost("--target", &self.targets, &all);
        refusals.extend(lost("--exclude", &self.excludes, &all));
        // A replacement is of one resource: nothing below an address is replaced with it.
        let known: Vec<&str> = all.iter().map(Address::as_str).collect();
        let wrong = |name: &&String| !known.contains(&name.as_str());
        let replaced = self.replace.iter().filter(wrong);
        refusals.extend(replaced.map(|name| no_such("--replace", name, &known)));
        refusals
    }
}

/// Names of `--detach-foreign` that lead nowhere. Such a name would do nothing, which shows only when the deletion that
/// it was meant for is blocked.
pub(crate) fn lost_detach(names: &[String], graph: Option<&Graph>, state: &State) -> Vec<Refusal> {
    lost("--detach-foreign", names, &Needs::new(graph, state).all)
}

/// Those of the names that no address matches. An address and everything above it can be named.
fn lost(flag: &str, names: &[String], all: &[Address]) -> Vec<Refusal> {
    let leads = |name: &&String| all.iter().any(|address| matches(name, address));
    let (_, wrong): (Vec<&String>, Vec<&String>) = names.iter().partition(leads);
    if wrong.is_empty() {
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    for address in all.iter().map(Address::as_str) {
        let above = address.match_indices(['.', '[']);
        let above = above.filter_map(|(at, _)| address.get(..at));
        known.extend(above.chain([address]));
    }
    let known: Vec<&str> = known.into_iter().collect();
    wrong
        .into_iter()
        .map(|name| no_such(flag, name, &known))
        .collect()
}

fn no_such(flag: &str, name: &str, known: &[&str]) -> Refusal {
    Refusal::NoSuchAddress {
        flag: flag.to_owned(),
        name: name.to_owned(),
        nearest: nearest(name, known.iter().copied()).map(ToOwned::to_owned),
    }
}

/// Replacements that would pull the ground from under something that the run is not about.
#[must_use]
pub fn orphaned(plan: &Plan, picked: &HashSet<Address>, state: &State) -> Vec<Refusal> {
    let goes = |action: Action| {
        matches!(
            action,
            Action::Replace(Replace::DeleteFirst) | Action::Delete
        )
    };
    let going: HashSet<&Address> = plan
        .steps
        .iter()
        .filter(|step| goes(step.action))
        .map(|step| &step.address)
        .collect();
    let mut refusals = Vec::new();
    for (address, record) in state
        .resources
        .iter()
        .filter(|(address, _)| !picked.contains(*address))
    {
        for gone in record
            .dependencies
            .iter()
            .filter(|dependency| going.contains(dependency))
        {
            refusals.push(Refusal::LeftBehind {
                address: gone.clone(),
                dependant: address.clone(),
            });
        }
    }
    refusals
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Declared, Lab, graph};

    fn chain() -> Declared {
        vec![
            ("net.vpc", "toy.Tags", json!({"size": 1})),
            (
                "net.subnet",
                "toy.Token",
                json!({"size": 2, "parent": {"$ref": "net.vpc.id"}}),
            ),
            (
                "db",
                "toy.Token",
                json!({"size": 3, "parent": {"$ref": "net.subnet.id"}}),
            ),
            ("other", "toy.Plain", json!({"name": "p"})),
        ]
    }

    fn names(picked: HashSet<Address>) -> Vec<String> {
        let mut names: Vec<String> = picked.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn selection(targets: &[&str], excludes: &[&str]) -> Selection {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Selection {
            targets: texts(targets),
            excludes: texts(excludes),
            ..Selection::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_brings_what_it_needs_and_an_exclusion_takes_what_needs_it() {
        let lab = Lab::new();
        let graph = graph(&chain(), &lab.cloud);
        let state = State::new("toys");
        let picked = |targets: &[&str], excludes: &[&str]| {
            names(selection(targets, excludes).picked(Some(&graph), &state))
        };
        assert_eq!(picked(&["db"], &[]), ["db", "net.subnet", "net.vpc"]);
        assert_eq!(picked(&["net"], &[]), ["net.subnet", "net.vpc"]);
        assert_eq!(picked(&[], &["net.subnet"]), ["net.vpc", "other"]);
        assert_eq!(picked(&["db", "other"], &["net"]), ["other"]);
        assert!(picked(&["ne"], &[]).is_empty(), "half a name is none");
    }

    /// What one resource needs is changed in the file as well, and something is dropped from it: only the one is touched.
    #[tokio::test(start_paused = true)]
    async fn a_run_about_one_resource_alone_takes_all_else_as_it_is() {
        let mut lab = Lab::new();
        let before = chain();
        lab.apply(graph(&before, &lab.cloud)).await;
        let mut after = chain();
        after[0].2["size"] = json!(10);
        after[2].2["size"] = json!(30);
        after.pop();
        lab.only = vec!["db".into()];
        let outcome = lab.run(Some(graph(&after, &lab.cloud))).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        let touched: Vec<&str> = outcome
            .done
            .iter()
            .map(|one| one.address.as_str())
            .collect();
        assert_eq!(touched, ["db"]);
        assert_eq!(lab.cloud.things().len(), 4);
        // What it needs, and is not there yet, is not created on the way.
        after.push(("new", "toy.Tags", json!({"size": 1})));
        after[2].2["parent"] = json!({"$ref": "new.id"});
        let refused = lab.plan(Some(graph(&after, &lab.cloud))).await.refusals;
        assert_eq!(
            refused[0].to_string(),
            "`db` requires `new`, which does not exist yet and is not part of this run"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn destroying_a_target_takes_its_dependants_along() {
        let lab = Lab::new();
        lab.apply(graph(&chain(), &lab.cloud)).await;
        let state = lab.store().read().await.unwrap().state;
        assert_eq!(
            names(selection(&["net.subnet"], &[]).picked(None, &state)),
            ["db", "net.subnet"]
        );
        assert_eq!(
            names(selection(&[], &["net.subnet"]).picked(None, &state)),
            ["db", "other"]
        );
    }

    #[test]
    fn names_that_lead_nowhere_are_refused() {
        let state = State::new("toys");
        let selection = Selection {
            replace: vec!["nothing".into()],
            ..selection(&["none"], &[])
        };
        assert_eq!(selection.unknown(None, &state).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mistyped_name_is_refused_with_the_one_that_was_probably_meant() {
        let lab = Lab::new();
        let graph = graph(&chain(), &lab.cloud);
        let state = State::new("toys");
        let said = |refusals: Vec<Refusal>| -> Vec<String> {
            refusals.iter().map(ToString::to_string).collect()
        };
        let wanted = ["net.subnte".to_owned(), "nte".to_owned(), "net".to_owned()];
        assert_eq!(
            said(lost_detach(&wanted, Some(&graph), &state)),
            [
                "--detach-foreign net.subnte: no resource with this address in the stack file or in the state; did you \
                 mean `net.subnet`?",
                "--detach-foreign nte: no resource with this address in the stack file or in the state; did you mean \
                 `net`?",
            ]
        );
        let replace = Selection {
            replace: vec!["net".into(), "net.vpc".into()],
            ..Selection::default()
        };
        let refused = said(replace.unknown(Some(&graph), &state));
        assert_eq!(
            refused.len(),
            1,
            "nothing below an address is replaced: {refused:?}"
        );
    }
}
