//! What a run says: what it waits for when it is asked to stop, and nothing of what stays as it is.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::events::{Doing, Event, Listener, Pending};
use crate::execute::{Options, Outcome};
use crate::flow::{Request, prepare};
use crate::graph::Graph;
use crate::stop::{Stopper, channel};
use crate::testing::{Lab, graph};
use crate::{Address, Catalog};

/// Plans and carries out; `hear` may stop the run at an event.
async fn run(
    lab: &Lab,
    graph: Graph,
    hear: impl Fn(&Event, &Stopper) + Send + Sync + 'static,
) -> (Outcome, Vec<Event>) {
    let session = lab.session().await;
    let request = Request {
        graph: Some(graph),
        ..Request::default()
    };
    let prepared = prepare(request, session.state(), &lab.cloud).await.unwrap();
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let (ear, (stopper, stop)) = (heard.clone(), channel());
    let listener: Listener = Arc::new(move |event| {
        hear(&event, &stopper);
        ear.lock().unwrap().push(event);
    });
    let catalog: Arc<dyn Catalog> = Arc::new(lab.cloud.clone());
    let outcome = prepared
        .carry_out(
            session.clone(),
            catalog,
            (listener, stop, Options::default()),
        )
        .await;
    session.finish().await.unwrap();
    session.close().await;
    let events = heard.lock().unwrap().clone();
    (outcome.unwrap(), events)
}

fn address(event: &Event) -> Option<&Address> {
    match event {
        Event::Started { address, .. }
        | Event::Accepted { address, .. }
        | Event::Waiting { address, .. }
        | Event::Finished { address, .. } => Some(address),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_says_what_it_leaves_and_the_next_one_only_what_still_settles() {
    let lab = Lab::new();
    let first = [("b", "toy.Plain", json!({"name": "b"}))];
    run(&lab, graph(&first, &lab.cloud), |_, _| ()).await;
    let both = [
        ("b", "toy.Plain", json!({"name": "b"})),
        ("a", "toy.Token", json!({"size": 1})),
    ];
    lab.cloud.world.lock().unwrap().settle = 10;

    let stops = |event: &Event, stopper: &Stopper| {
        if matches!(event, Event::Waiting { .. }) {
            stopper.stop();
        }
    };
    let (outcome, events) = run(&lab, graph(&both, &lab.cloud), stops).await;
    assert!(outcome.interrupted);
    let a = Address::new("a").unwrap();
    let left = vec![Pending {
        address: a.clone(),
        what: "pending".into(),
    }];
    assert_eq!(
        events.last(),
        Some(&Event::Stopping {
            calls: Vec::new(),
            states: left
        })
    );

    let (outcome, events) = run(&lab, graph(&both, &lab.cloud), |_, _| ()).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(
        matches!(
            &events[0],
            Event::Started {
                doing: Doing::Wait,
                ..
            }
        ),
        "{events:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Waiting { .. })),
        "{events:?}"
    );
    assert!(
        events.iter().all(|event| address(event) == Some(&a)),
        "{events:?}"
    );

    let (_, events) = run(&lab, graph(&both, &lab.cloud), |_, _| ()).await;
    assert_eq!(events, []);
}
