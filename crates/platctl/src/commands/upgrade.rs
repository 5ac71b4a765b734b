//! `platctl upgrade`

use std::collections::BTreeMap;
use std::path::Path;

use platctl_aws::eks::readiness::{Finding, readiness, version};
use platctl_engine::graph::Graph;
use platctl_engine::state::State;
use platctl_stack::Stack;

use crate::cli::Global;
use crate::cloud::{Site, load};
use crate::cluster::cluster;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::render::upgrade::{Report, Step, show};

/// The key that is to be changed.
const KEY: [&str; 2] = ["cluster", "version"];

/// Shows what stands in the way of another version of Kubernetes, and how to get there. Changes nothing.
pub(crate) async fn run(path: &Path, to: &str, global: &Global) -> Result<Exit, CliError> {
    // The budgets are asked for at the API server, and no build is made for that.
    let global = &global.for_people();
    let stack = load(path, global)?;
    if !stack.has("cluster") {
        return Err(CliError::other(format!(
            "{} has no `cluster:` to upgrade",
            path.display()
        )));
    }
    let state = Named::of(&stack).store(global).await?.read().await?.state;
    let (name, region) = cluster(&state, stack.name())?;
    let site = Site::connect(stack.region(), global).await?;
    site.guard(stack.account(), &state)?;
    let cloud = site.aws.cloud(&region);
    let live = version(&cloud, &name).await?.ok_or_else(|| {
        CliError::other(format!(
            "cluster {name} no longer exists. To see what is missing, run `platctl plan {}`",
            path.display()
        ))
    })?;
    let mut report = Report {
        cluster: name.clone(),
        live: live.clone(),
        wanted: to.to_owned(),
        findings: Vec::new(),
        steps: Vec::new(),
    };
    if live != to {
        let (pinned, unfit) = planned(path, to, &site, &state, global).await;
        report.findings = readiness(&cloud, &name, (&live, to), &pinned).await?;
        report.findings.extend(unfit);
        report.findings.extend(budgets(&site, &region, &name).await);
        report.steps = steps(&stack, path, to);
    }
    show(&report, global);
    Ok(if report.blocked() {
        Exit::Error
    } else {
        Exit::Done
    })
}

/// What the stack file would be with the version: the versions of add-ons that it states, and what does not fit.
async fn planned(
    path: &Path,
    to: &str,
    site: &Site,
    state: &State,
    global: &Global,
) -> (BTreeMap<String, String>, Option<Finding>) {
    let mut global = global.clone();
    global.set.push(format!("{}=\"{to}\"", KEY.join(".")));
    let graph = async {
        let stack = load(path, &global)?;
        site.graph(&stack, Some(state)).await
    };
    match graph.await {
        Ok(graph) => (pinned(&graph), None),
        Err(error) => {
            let text = crate::render::error::plain(&error);
            (BTreeMap::new(), Some(Finding::blocking("stack file", text)))
        }
    }
}

/// The versions of add-ons that are stated.
fn pinned(graph: &Graph) -> BTreeMap<String, String> {
    let of = |entry: &platctl_engine::graph::Entry| {
        let node = &entry.node;
        let text = |field: &str| node.spec.get(field).and_then(serde_json::Value::as_str);
        let (addon, version) = (text("addon_name")?, text("addon_version")?);
        (node.kind == "eks.Addon").then(|| (addon.to_owned(), version.to_owned()))
    };
    graph.in_order().filter_map(of).collect()
}

/// The budgets that keep nodes from being replaced, where the API server can be asked.
async fn budgets(site: &Site, region: &str, cluster: &str) -> Vec<Finding> {
    let what = "PodDisruptionBudgets";
    let asked = site.aws.clusters(region).blocking_budgets(cluster).await;
    let found = match asked.map_err(CliError::Connection) {
        Ok(found) => found,
        Err(error) => {
            return vec![Finding::warning(what, format!("not checked: {error}"))];
        }
    };
    let of = |budget: platctl_kubernetes::Blocking| {
        let (healthy, expected) = budget.healthy;
        let name = format!("PodDisruptionBudget {}", budget.name);
        match budget.always {
            true => Finding::blocking(
                name,
                format!(
                    "it never allows a pod to be evicted ({healthy} of {expected} pods are healthy), so its nodes \
                     cannot be drained. Allow one pod to be unavailable, or add replicas; or set `force_update: true` \
                     for the node groups"
                ),
            ),
            false => Finding::warning(
                name,
                format!(
                    "it allows no pod to be evicted now: {healthy} of {expected} pods are healthy. Nodes with these \
                     pods cannot be drained until they are"
                ),
            ),
        }
    };
    found.into_iter().map(of).collect()
}

/// What to do, in this order.
fn steps(stack: &Stack, path: &Path, to: &str) -> Vec<Step> {
    let file = path.display();
    let edit = match stack.stated(&KEY) {
        Some((place, now)) => format!("In {place}, change `version: {now}` to `version: \"{to}\"`"),
        None => format!("In {file}, add `version: \"{to}\"` below `cluster:`"),
    };
    vec![
        Step::Edit(edit),
        Step::Run(format!("platctl plan {file}")),
        Step::Run(format!("platctl apply {file}")),
        Step::Run(format!("platctl status {file}")),
    ]
}
