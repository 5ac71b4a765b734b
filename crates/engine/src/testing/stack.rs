//! A stack of toys on disk, and the runs over it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cloud, Fault, When};
use crate::execute::{Detach, Options, Outcome};
use crate::flow::{Prepared, Request, prepare};
use crate::graph::{Graph, Node};
use crate::observe::ReadOptions;
use crate::plan::{Plan, Refusal};
use crate::planner::DataLoss;
use crate::state::{Holder, Session, Store};
use crate::{Address, stop};

/// What a stack declares: address, kind, spec.
pub(crate) type Declared = Vec<(&'static str, &'static str, Value)>;

pub(crate) fn graph(declared: &[(impl AsRef<str>, &str, Value)], cloud: &Cloud) -> Graph {
    let node = |(address, kind, spec): &(_, &str, Value)| Node {
        address: Address::new(AsRef::<str>::as_ref(address)).unwrap(),
        kind: (*kind).to_owned(),
        scope: "here".into(),
        spec: spec.clone(),
        after: Vec::new(),
        protect: spec.get("protect") == Some(&json!(true)),
        ephemeral: spec.get("ephemeral") == Some(&json!(true)),
    };
    Graph::new(declared.iter().map(node).collect(), cloud).unwrap()
}

/// What a plan names as in the way of a replacement: a user has that replaced as well.
pub(crate) fn holders(plan: &Plan) -> impl Iterator<Item = String> {
    plan.refusals.iter().filter_map(|refusal| match refusal {
        Refusal::Held { holder, .. } => Some(holder.to_string()),
        _ => None,
    })
}

/// A cloud and a state folder.
pub(crate) struct Lab {
    pub cloud: Cloud,
    pub folder: tempfile::TempDir,
    /// For how long what was made may be invisible.
    pub grace: Duration,
    pub keep_going: bool,
    /// What is asked to be replaced.
    pub replace: Vec<String>,
    /// What runs are about alone.
    pub only: Vec<String>,
    /// The region that the stack lives in.
    pub region: Option<&'static str>,
    /// From what foreign objects may be removed.
    pub detach: Detach,
}

/// An empty folder, in memory where the system has a place there: a state waits for the disk after each entry of its
/// journal, and these tests write thousands.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            cloud: Cloud::default(),
            folder: folder(),
            grace: Duration::ZERO,
            keep_going: true,
            replace: Vec::new(),
            only: Vec::new(),
            region: None,
            detach: Detach::default(),
        }
    }

    /// Another state of a stack of the same name, over the same cloud.
    pub(crate) fn another(&self) -> Self {
        Self {
            cloud: self.cloud.clone(),
            region: self.region,
            ..Self::new()
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::at(self.folder.path(), "toys")
    }

    pub(crate) async fn session(&self) -> Arc<Session> {
        Arc::new(
            self.store()
                .open(&Holder::here("apply"), Duration::ZERO)
                .await
                .unwrap(),
        )
    }

    pub(crate) async fn prepare(&self, graph: Option<Graph>, session: &Session) -> Prepared {
        self.region
            .iter()
            .for_each(|region| session.set_region(region));
        let options = ReadOptions {
            grace: self.grace,
            thorough: session.is_doubtful(),
            ..ReadOptions::default()
        };
        let data_loss = DataLoss::all();
        let mut request = Request {
            graph,
            read_options: options,
            data_loss,
            ..Request::default()
        };
        request.selection.replace.clone_from(&self.replace);
        request.selection.only.clone_from(&self.only);
        loop {
            let prepared = prepare(request.clone(), session.state(), &self.cloud)
                .await
                .unwrap();
            let before = request.selection.replace.len();
            request.selection.replace.extend(holders(&prepared.plan));
            if request.selection.replace.len() == before {
                return prepared;
            }
        }
    }

    pub(crate) async fn plan(&self, graph: Option<Graph>) -> Plan {
        let mut state = self.store().read().await.unwrap().state;
        self.region
            .iter()
            .for_each(|region| state.settle_in(region));
        let mut request = Request {
            graph,
            ..Request::default()
        };
        request.selection.only.clone_from(&self.only);
        prepare(request, state, &self.cloud).await.unwrap().plan
    }

    /// Plans and carries out; with a fault, may end in the middle, as killed.
    pub(crate) async fn run(&self, graph: Option<Graph>) -> Option<Outcome> {
        let session = self.session().await;
        let prepared = self.prepare(graph, &session).await;
        assert_eq!(prepared.plan.refusals, []);
        let (_stopper, stop) = stop::channel();
        let options = Options {
            grace: Duration::ZERO,
            keep_going: self.keep_going,
            detach: self.detach.clone(),
            ..Options::default()
        };
        let work = prepared.carry_out(
            session.clone(),
            Arc::new(self.cloud.clone()),
            (Arc::new(|_| ()), stop, options),
        );
        let outcome = tokio::select! {
            outcome = work => outcome.unwrap(),
            () = self.cloud.hung.notified() => {
                // A killed process lets go of its lock; the tasks of this one have to end first.
                while Arc::strong_count(&session) > 1 {
                    tokio::task::yield_now().await;
                }
                return None;
            }
        };
        session.finish().await.unwrap();
        Some(outcome)
    }

    pub(crate) async fn apply(&self, graph: Graph) {
        let outcome = self.run(Some(graph)).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
    }

    pub(crate) async fn destroy(&self) {
        let outcome = self.run(None).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
    }

    pub(crate) fn fault(&self, at: usize, when: When, fault: Fault) {
        let mut world = self.cloud.world.lock().unwrap();
        world.mutations = 0;
        world.fault = Some((at, when, fault));
    }

    pub(crate) fn calm(&self) -> usize {
        let mut world = self.cloud.world.lock().unwrap();
        world.fault = None;
        std::mem::take(&mut world.mutations)
    }
}
