//! Many resources: the work grows with their number, not with its square.
//!
//! `cargo test --release -p platctl-engine twenty_thousand -- --ignored --nocapture` prints times and memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::events::{Event, Listener};
use crate::execute::{Options, Outcome};
use crate::flow::{Prepared, Request, prepare};
use crate::graph::{Graph, Node};
use crate::predict::predict;
use crate::state::{Holder, Session, Store};
use crate::testing::facts;
use crate::{
    Address, AnyKind, AnyLive, AnyWanted, Candidate, Catalog, Change, Changes, Claim, CloudResult,
    Facts, Id, Owner, Phase, Replace, SpecError, stop,
};

/// A cloud in which every call takes the same time, however much there is.
#[derive(Clone, Default)]
struct Warehouse {
    things: Arc<Mutex<HashMap<Id, (Value, Owner)>>>,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    finds: AtomicUsize,
    describes: AtomicUsize,
    /// Objects that were described, over all calls.
    described: AtomicUsize,
    creates: AtomicUsize,
    updates: AtomicUsize,
    deletes: AtomicUsize,
}

impl Calls {
    /// Finds, describes, objects described, creates, updates, deletes since the last time.
    fn take(&self) -> [usize; 6] {
        [
            &self.finds,
            &self.describes,
            &self.described,
            &self.creates,
            &self.updates,
            &self.deletes,
        ]
        .map(|count| count.swap(0, Ordering::SeqCst))
    }
}

fn one(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}

struct Shelf {
    facts: Facts,
    house: Warehouse,
}

impl AnyKind for Shelf {
    fn facts(&self) -> &Facts {
        &self.facts
    }
    fn example(&self) -> Value {
        json!({"size": 1})
    }
    fn declare(&self, spec: Value) -> Result<Value, SpecError> {
        Ok(spec)
    }
    fn resolve(&self, spec: Value) -> Result<Value, SpecError> {
        Ok(spec)
    }
    fn replaces(&self, _change: &Change) -> bool {
        false
    }
    fn replacement(&self, _live: &Value, _desired: Option<&Value>) -> Replace {
        Replace::CreateFirst
    }
    fn find<'a>(
        &'a self,
        wanted: &'a [AnyWanted],
    ) -> BoxFuture<'a, CloudResult<Vec<Vec<Candidate>>>> {
        one(&self.house.calls.finds);
        Box::pin(std::future::ready(Ok(wanted
            .iter()
            .map(|_| Vec::new())
            .collect())))
    }
    fn describe<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, CloudResult<Vec<Option<AnyLive>>>> {
        one(&self.house.calls.describes);
        self.house
            .calls
            .described
            .fetch_add(ids.len(), Ordering::SeqCst);
        let things = self.house.things.lock().unwrap();
        let live = |id: &Id| {
            let (spec, owner) = things.get(id)?.clone();
            Some(AnyLive {
                id: id.clone(),
                spec,
                outputs: json!({"id": id}),
                owner: Some(owner),
                phase: Phase::Ready,
                unmanaged: Vec::new(),
            })
        };
        let found = ids.iter().map(live).collect();
        drop(things);
        Box::pin(std::future::ready(Ok(found)))
    }
    fn obstacle<'a>(&'a self, _live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn create<'a>(&'a self, spec: &'a Value, claim: &'a Claim) -> BoxFuture<'a, CloudResult<Id>> {
        one(&self.house.calls.creates);
        let id = Id::from(format!("id-{}", claim.owner.address));
        self.house
            .things
            .lock()
            .unwrap()
            .insert(id.clone(), (spec.clone(), claim.owner.clone()));
        Box::pin(std::future::ready(Ok(id)))
    }
    fn update<'a>(
        &'a self,
        live: &'a AnyLive,
        spec: &'a Value,
        _changes: &'a Changes,
        owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<()>> {
        one(&self.house.calls.updates);
        self.house
            .things
            .lock()
            .unwrap()
            .insert(live.id.clone(), (spec.clone(), owner.clone()));
        Box::pin(std::future::ready(Ok(())))
    }
    fn vet<'a>(
        &'a self,
        _live: &'a AnyLive,
        _spec: &'a Value,
        _changes: &'a Changes,
    ) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    fn delete<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<()>> {
        one(&self.house.calls.deletes);
        self.house.things.lock().unwrap().remove(&live.id);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Catalog for Warehouse {
    fn bind(&self, kind: &str, _scope: &str) -> Option<Arc<dyn AnyKind>> {
        Some(Arc::new(Shelf {
            facts: facts(kind)?,
            house: self.clone(),
        }))
    }
    fn names(&self) -> Vec<&'static str> {
        vec!["toy.Tags"]
    }
}

/// A tree in which each refers to and holds its parent, so that ten wait for one.
fn tree(count: usize, size: usize, house: &Warehouse) -> Graph {
    let node = |number: usize| {
        let parent = (number > 0).then(|| json!([{"$ref": format!("thing.n{}.id", number / 10)}]));
        let size = if number + 1 == count { size } else { 1 };
        Node {
            address: Address::new(format!("thing.n{number}")).unwrap(),
            kind: "toy.Tags".into(),
            scope: "here".into(),
            spec: json!({"size": size, "uses": parent.unwrap_or_else(|| json!([]))}),
            after: Vec::new(),
            protect: false,
            ephemeral: false,
        }
    };
    Graph::new((0..count).map(node).collect(), house).unwrap()
}

struct Site {
    house: Warehouse,
    folder: tempfile::TempDir,
    /// Prints how long each step took.
    loud: bool,
}

impl Site {
    fn store(&self) -> Store {
        Store::at(self.folder.path(), "many")
    }

    async fn plan(&self, graph: Option<Graph>, session: &Session) -> Prepared {
        let begun = Instant::now();
        let request = Request {
            graph,
            ..Request::default()
        };
        let prepared = prepare(request, session.state(), &self.house)
            .await
            .unwrap();
        let _ = predict(prepared.schedule(&self.house).unwrap());
        self.say("plan", begun);
        prepared
    }

    /// Plans and carries out; answers the events, too.
    async fn run(&self, graph: Option<Graph>) -> (Outcome, Vec<Event>) {
        let session = Arc::new(
            self.store()
                .open(&Holder::here("test"), Duration::ZERO)
                .await
                .unwrap(),
        );
        let prepared = self.plan(graph, &session).await;
        let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
        let ear = heard.clone();
        let listener: Listener = Arc::new(move |event| ear.lock().unwrap().push(event));
        let (_stopper, stop) = stop::channel();
        let begun = Instant::now();
        let how = (
            listener,
            stop,
            Options {
                grace: Duration::ZERO,
                ..Options::default()
            },
        );
        let outcome = prepared
            .carry_out(session.clone(), Arc::new(self.house.clone()), how)
            .await
            .unwrap();
        session.finish().await.unwrap();
        self.say("carry out", begun);
        let heard = heard.lock().unwrap().clone();
        (outcome, heard)
    }

    fn say(&self, what: &str, begun: Instant) {
        if self.loud {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let memory = status
                .lines()
                .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
            let memory: Vec<String> = memory
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            eprintln!(
                "{what}: {:.2} s, {}",
                begun.elapsed().as_secs_f64(),
                memory.join(", ")
            );
        }
    }
}

/// Plans, applies, changes one, plans, destroys; every call is counted.
async fn live_through(count: usize, loud: bool) {
    let site = Site {
        house: Warehouse::default(),
        folder: tempfile::tempdir().unwrap(),
        loud,
    };
    let calls = site.house.calls.clone();
    let (outcome, _) = site.run(Some(tree(count, 1, &site.house))).await;
    assert!(outcome.is_complete());
    let [finds, describes, described, creates, updates, deletes] = calls.take();
    assert_eq!((finds, creates, updates, deletes), (1, count, 0, 0));
    assert_eq!(described, count, "each new one is looked at once");
    assert!(describes <= count);

    let (outcome, events) = site.run(Some(tree(count, 1, &site.house))).await;
    assert!(outcome.is_complete() && outcome.done.is_empty());
    assert_eq!(
        calls.take(),
        [0, 1, count, 0, 0, 0],
        "one read sees that nothing has changed"
    );
    assert_eq!(events, [], "what is unchanged is silent");

    let (outcome, events) = site.run(Some(tree(count, 2, &site.house))).await;
    assert_eq!(outcome.done.len(), 1);
    assert_eq!(
        calls.take(),
        [0, 2, count + 1, 0, 1, 0],
        "what is unchanged is not read again"
    );
    let last = Address::new(format!("thing.n{}", count - 1)).unwrap();
    let about = |event: &Event| match event {
        Event::Started { address, .. }
        | Event::Accepted { address, .. }
        | Event::Finished { address, .. } => *address == last,
        _ => false,
    };
    assert!(events.iter().all(about), "{events:?}");

    let (outcome, _) = site.run(None).await;
    assert!(outcome.is_complete());
    let [finds, _, described, creates, updates, deletes] = calls.take();
    assert_eq!(
        (finds, described, creates, updates, deletes),
        (0, 2 * count, 0, 0, count)
    );
    assert!(
        site.store()
            .read()
            .await
            .unwrap()
            .state
            .resources
            .is_empty()
    );
}

#[tokio::test]
async fn calls_grow_with_the_number_of_resources_and_what_is_unchanged_is_silent() {
    live_through(500, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while; prints times and memory"]
async fn twenty_thousand() {
    for count in [5_000, 10_000, 20_000] {
        eprintln!("{count} resources");
        live_through(count, true).await;
    }
}
