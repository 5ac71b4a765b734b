//! Orders that no edge states: what AWS wants before something else is made or deleted first whatever the others do.
//!
//! Operations are carried out one by one, in orders that take every two that do not wait for each other both ways
//! round (`platctl_engine::orders`). By default the first two of them for each stack, which show most pairs;
//! `PLATCTL_TEST_ORDERS=all` takes them all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use platctl_aws::reach::{Path, Program, Settings};
use platctl_aws::{Aws, connect};
use platctl_emulator::SECRET_KEY;
use platctl_engine::execute::Options;
use platctl_engine::flow::{Request, prepare};
use platctl_engine::graph::Graph;
use platctl_engine::observe::ReadOptions;
use platctl_engine::planner::DataLoss;
use platctl_engine::schedule::OpId;
use platctl_engine::state::{Holder, Store};
use platctl_engine::stop;
use platctl_stack::{Context, Overrides, Zone};

use crate::recovery::{differences, setting, tell};
use crate::world::{REGION, World};

/// The stacks whose orders are tried, with what differs from the repository's file.
const STACKS: &[(&str, &[&str])] = &[
    ("network", &[]),
    ("preview", &[]),
    ("staging", &[]),
    ("prod", &[]),
    ("prod", &["edge.cdn=false"]),
    (
        "staging",
        &[
            "cluster.endpoint=public",
            "network.nat=none",
            "database.readers.count=0",
            "network.endpoints=[s3]",
        ],
    ),
];

/// AWS as a command would connect to it.
async fn aws(world: &World) -> Arc<Aws> {
    let program = env!("CARGO_BIN_EXE_platctl");
    let script = format!("#!/bin/sh\nexec '{program}' \"$@\"\n");
    let options = platctl_aws::Options {
        region: Some(REGION.into()),
        endpoint_url: Some(world.endpoint().into()),
        credentials: Some((world.key().into(), SECRET_KEY.into())),
        emulator: true,
        reach: Settings {
            path: Path::Auto,
            program: Some(Program::Bytes(script.into_bytes())),
            look: false,
        },
        ..platctl_aws::Options::default()
    };
    Arc::new(connect(options).await.unwrap())
}

async fn graph(name: &str, set: &[&str], aws: &Aws) -> Graph {
    let set = set.iter().map(ToString::to_string).collect();
    let stack =
        platctl_stack::load(format!("../../stacks/{name}.yaml"), &Overrides { set }).unwrap();
    let identity = aws.identity();
    let context = Context {
        region: REGION.into(),
        zones: aws
            .zones(REGION)
            .await
            .unwrap()
            .iter()
            .map(|zone| Zone::of(&zone.name))
            .collect(),
        settled: BTreeSet::new(),
        account: identity.account.clone(),
        partition: identity.partition.clone(),
        block: None,
        cloudfront_prefix_list: aws.cloudfront_prefix_list(REGION).await.unwrap(),
    };
    Graph::new(stack.nodes(&context, aws).unwrap(), aws).unwrap()
}

/// Makes or destroys a stack in one of the orders that its schedule allows; answers how many there are.
async fn carry_out(world: &World, name: &str, graph: Option<Graph>, number: usize) -> usize {
    let aws = aws(world).await;
    let store = Store::at(&world.path().join("state"), name);
    let session = Arc::new(
        store
            .open(&Holder::here("test"), Duration::ZERO)
            .await
            .unwrap(),
    );
    let request = Request {
        graph,
        data_loss: DataLoss::all(),
        read_options: ReadOptions::default(),
        ..Request::default()
    };
    let prepared = prepare(request, session.state(), &*aws).await.unwrap();
    assert!(
        prepared.plan.refusals.is_empty(),
        "{:?}",
        prepared.plan.refusals
    );
    let schedule = prepared.schedule(&*aws).unwrap();
    let orders = schedule.orders();
    let order: Vec<OpId> = orders[number].clone();
    let names: Vec<String> = order
        .iter()
        .map(|op| schedule.op(*op).address.to_string())
        .collect();
    let options = Options {
        grace: Duration::ZERO,
        time_scale: 0.0,
        ..Options::default()
    };
    let how = (Arc::new(|_| ()) as _, stop::channel().1, options);
    let outcome = prepared
        .carry_out_by(schedule.in_a_row(order), session.clone(), aws, how)
        .await
        .unwrap();
    session.finish().await.unwrap();
    session.close().await;
    let failed: Vec<String> = outcome
        .failed
        .iter()
        .map(|(address, error)| format!("{address}: {error}"))
        .collect();
    assert!(
        outcome.is_complete(),
        "{name}, order {number}: {failed:#?}\nin the order {names:?}"
    );
    orders.len()
}

async fn in_every_order(name: &str, set: &[&str]) {
    let world = World::new();
    let graph = graph(name, set, &*aws(&world).await).await;
    let left = world.control().inventory().unwrap();
    let most = setting("PLATCTL_TEST_ORDERS", 2);
    let (mut number, mut orders) = (0, usize::MAX);
    while number < orders.min(most) {
        let _branch = world.branch();
        orders = carry_out(&world, name, Some(graph.clone()), number).await;
        number += 1;
    }
    carry_out(&world, name, Some(graph), 0).await;
    let (mut undone, mut ways) = (0, usize::MAX);
    while undone < ways.min(most) {
        let _branch = world.branch();
        ways = carry_out(&world, name, None, undone).await;
        let found = differences(&world.control().inventory().unwrap(), &left);
        assert!(
            found.is_empty(),
            "{name}, destroyed in order {undone}: {found:#?}"
        );
        undone += 1;
    }
    tell(&format!(
        "{name} {set:?}: made in {number} of {orders} orders, destroyed in {undone} of {ways}"
    ));
}

macro_rules! stacks {
    ($($test:ident: $number:literal),* $(,)?) => {
        $(#[ignore = "a long loop: cargo test --workspace --test e2e orders:: -- --ignored"]
        #[tokio::test]
        async fn $test() {
            let (name, set) = STACKS[$number];
            in_every_order(name, set).await;
        })*
    };
}

stacks! {
    the_network_in_every_order: 0,
    a_preview_in_every_order: 1,
    staging_in_every_order: 2,
    production_in_every_order: 3,
    production_without_cloudfront_in_every_order: 4,
    a_small_public_cluster_in_every_order: 5,
}
