//! `platctl upgrade`

use std::collections::BTreeMap;
use std::path::Path;

use platctl_aws::eks::eviction::Force;
use platctl_aws::eks::node_versions::{Nodes, older};
use platctl_aws::eks::readiness::{Finding, offered, readiness, version};
use platctl_aws::eks::stages::{Stage, cluster_of, is_unfinished, stages, way};
use platctl_engine::Address;
use platctl_engine::graph::{Entry, Graph};
use platctl_engine::select::Selection;
use platctl_engine::state::State;
use platctl_stack::Stack;

use super::apply::{self, How};
use super::blocked;
use crate::cli::{Consent, Global};
use crate::cloud::{Site, load};
use crate::cluster::cluster;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::render;
use crate::render::upgrade::{Report, show};

/// The key that is to be changed.
const KEY: [&str; 2] = ["cluster", "version"];

/// What is wished.
pub(crate) struct Wish<'a> {
    pub(crate) to: &'a str,
    pub(crate) dry_run: bool,
    pub(crate) consent: &'a Consent,
    /// Whose nodes are replaced in spite of PodDisruptionBudgets.
    pub(crate) force: Force,
}

/// A cluster that is to be upgraded.
struct Upgrade<'a> {
    path: &'a Path,
    wish: &'a Wish<'a>,
    global: &'a Global,
    stack: Stack,
    state: State,
    site: Site,
    cluster: String,
    region: String,
    /// Its address in the stack.
    address: Address,
}

/// Upgrades a cluster, one minor version at a time, each in stages: the control plane, add-ons, nodes. Each stage is an
/// apply of a part of the stack, so that a run that is cut off is continued by the next one.
pub(crate) async fn run(path: &Path, wish: &Wish<'_>, global: &Global) -> Result<Exit, CliError> {
    let upgrade = Upgrade::find(path, wish, global).await?;
    let cloud = upgrade.site.aws.cloud(&upgrade.region);
    let live = version(&cloud, &upgrade.cluster).await?.ok_or_else(|| {
        CliError::other(format!(
            "cluster {} no longer exists. To see what is missing, run `platctl plan {}`",
            upgrade.cluster,
            path.display()
        ))
    })?;
    let versions = way(&live, wish.to).map_err(CliError::other)?;
    let left = upgrade.left(&live).await?;
    if versions.is_empty() && left.is_empty() {
        show(&upgrade.report((&live, &live), &[]), global);
        return Ok(Exit::Done);
    }
    if !left.is_empty() {
        let exit = upgrade.finish(&live, &left).await?;
        if exit != Exit::Done || wish.dry_run {
            return Ok(exit);
        }
    }
    let mut from = live;
    for (done, to) in versions.iter().enumerate() {
        let after = versions.get(done + 1..).unwrap_or_default();
        let exit = upgrade.step((&from, to), after).await?;
        if exit != Exit::Done || wish.dry_run {
            return Ok(exit);
        }
        from.clone_from(to);
    }
    render::line(&upgrade.done(&from), global);
    Ok(Exit::Done)
}

/// What the stack file would be with a version.
#[derive(Default)]
struct Planned {
    stages: Vec<Stage>,
    /// The versions of add-ons that are stated.
    pinned: BTreeMap<String, String>,
    /// Whether nodes are replaced in spite of every budget.
    forced: bool,
    /// Whether something of the stack was last applied with an older version.
    unfinished: bool,
}

impl<'a> Upgrade<'a> {
    async fn find(
        path: &'a Path,
        wish: &'a Wish<'a>,
        global: &'a Global,
    ) -> Result<Self, CliError> {
        let stack = load(path, global)?;
        if !stack.has("cluster") {
            return Err(CliError::other(format!(
                "{} has no `cluster:` to upgrade",
                path.display()
            )));
        }
        let state = Named::of(&stack).store(global).await?.read().await?.state;
        let (cluster, region) = cluster(&state, stack.name())?;
        let address = cluster_of(&state, &cluster)
            .ok_or_else(|| CliError::other(format!("the state has no cluster {cluster}")))?;
        wish.force.check_in(&state)?;
        // The budgets are asked for at the API server, and no build is made for that.
        let site = Site::connect(stack.region(), &global.for_people()).await?;
        site.guard(stack.account(), &state)?;
        Ok(Self {
            path,
            wish,
            global,
            stack,
            state,
            site,
            cluster,
            region,
            address,
        })
    }

    /// The flags as if the stack file said this version.
    fn with(&self, version: &str) -> Global {
        let mut global = self.global.clone();
        global.set.push(format!("{}=\"{version}\"", KEY.join(".")));
        global
    }

    /// What the stack file would be with a version, and what does not fit.
    async fn planned(&self, version: &str) -> (Option<Planned>, Option<Finding>) {
        let graph = async {
            let stack = load(self.path, &self.with(version))?;
            self.site.graph(&stack, Some(&self.state)).await
        };
        match graph.await {
            Ok(graph) => {
                let stages = stages(&graph, &self.address);
                let planned = Planned {
                    pinned: pinned(&graph),
                    forced: self.wish.force.covers_all(&graph),
                    unfinished: is_unfinished(&graph, &self.state, &stages),
                    stages,
                };
                (Some(planned), None)
            }
            Err(error) => {
                let text = render::error::plain(&error);
                (None, Some(Finding::blocking("stack file", text)))
            }
        }
    }

    fn report(&self, (live, wanted): (&str, &str), after: &[String]) -> Report {
        Report {
            cluster: self.cluster.clone(),
            live: live.to_owned(),
            wanted: wanted.to_owned(),
            after: after.to_vec(),
            findings: Vec::new(),
            stages: Vec::new(),
            dry_run: self.wish.dry_run,
        }
    }

    /// The stages to go through again, where an upgrade was cut off after the control plane: what was last applied, or
    /// the nodes, are older than that.
    async fn left(&self, live: &str) -> Result<Vec<Stage>, CliError> {
        // With a version that the file no longer allows, nothing can be continued: the next version may be allowed.
        let (Some(planned), _) = self.planned(live).await else {
            return Ok(Vec::new());
        };
        let cloud = self.site.aws.cloud(&self.region);
        let old = older(&cloud, &self.cluster, live).await?;
        let targets: Vec<&Address> = planned.stages.iter().flat_map(|one| &one.targets).collect();
        let ours = |nodes: &Nodes| {
            nodes
                .address
                .as_ref()
                .is_some_and(|at| targets.contains(&at))
        };
        Ok(match planned.unfinished || old.iter().any(ours) {
            true => planned.stages,
            false => Vec::new(),
        })
    }

    /// What the last run did not come to.
    async fn finish(&self, live: &str, stages: &[Stage]) -> Result<Exit, CliError> {
        let text = format!(
            "Cluster {} has Kubernetes {live}, but not all of its add-ons and nodes do: the upgrade is continued.",
            self.cluster
        );
        render::line(&text, self.global);
        if self.wish.dry_run {
            let text = "Nothing was changed. To continue, run the same command without --dry-run.";
            render::line(text, self.global);
            return Ok(Exit::Done);
        }
        self.carry_out(live, stages, None).await
    }

    /// Asks what stands in the way of one step; answers its stages.
    async fn check(&self, report: &mut Report) -> Result<Vec<Stage>, CliError> {
        let cloud = self.site.aws.cloud(&self.region);
        // The last one decides whether it is worth setting out.
        let last = report.after.last().cloned();
        for version in std::iter::once(report.wanted.clone()).chain(last) {
            report.findings.extend(offered(&cloud, &version).await?);
        }
        if report.blocked() {
            return Ok(Vec::new());
        }
        let (planned, unfit) = self.planned(&report.wanted).await;
        let planned = planned.unwrap_or_default();
        let findings = readiness(&cloud, &self.cluster, &report.wanted, &planned.pinned);
        report.findings.extend(findings.await?);
        report.findings.extend(unfit);
        let budgets = blocked::findings(&self.site, &self.region, &self.cluster, planned.forced);
        report.findings.extend(budgets.await);
        Ok(planned.stages)
    }

    /// One minor version: first what stands in the way, then stage after stage.
    async fn step(&self, (from, to): (&str, &str), after: &[String]) -> Result<Exit, CliError> {
        let mut report = self.report((from, to), after);
        let stages = self.check(&mut report).await?;
        report.stages.clone_from(&stages);
        show(&report, self.global);
        if report.blocked() {
            return Ok(Exit::Error);
        }
        if self.wish.dry_run {
            return Ok(Exit::Done);
        }
        self.carry_out(to, &stages, Some(from)).await
    }

    /// Applies the stages with this version. `from` is the version before, if the control plane is one of them.
    async fn carry_out(
        &self,
        to: &str,
        stages: &[Stage],
        from: Option<&str>,
    ) -> Result<Exit, CliError> {
        let global = self.with(to);
        for (number, stage) in stages.iter().enumerate() {
            let heading = format!(
                "\nKubernetes {to}, step {} of {}: {}",
                number + 1,
                stages.len(),
                stage.what
            );
            render::line(&heading, self.global);
            let how = How {
                consent: self.wish.consent,
                selection: Selection {
                    targets: stage.targets.iter().map(ToString::to_string).collect(),
                    ..Selection::default()
                },
                force: &self.wish.force,
            };
            let ended = apply::part(self.path, how, &global).await;
            if !matches!(ended, Ok(Exit::Done)) {
                render::line(&self.stopped(to, from), self.global);
                return ended;
            }
        }
        Ok(Exit::Done)
    }

    /// What can be done when a stage was not carried out.
    fn stopped(&self, to: &str, from: Option<&str>) -> String {
        let back = from.map_or_else(String::new, |from| {
            format!(
                " If the control plane has Kubernetes {to} already, you can go back to {from} for seven days: run \
                 `platctl rollback {}`.",
                self.stack.name()
            )
        });
        format!(
            "The upgrade of {} to Kubernetes {to} is not complete. To continue, run the same command again.{back}",
            self.cluster
        )
    }

    /// What is left to do.
    fn done(&self, to: &str) -> String {
        let (file, name) = (self.path.display(), self.stack.name());
        let quoted = format!("\"{to}\"");
        let edit = match self.stack.stated(&KEY) {
            Some((_, now)) if now == quoted => format!("Run `platctl apply {file}`"),
            Some((place, now)) => format!(
                "In {place}, change `version: {now}` to `version: {quoted}`, then run `platctl apply {file}`"
            ),
            None => format!(
                "In {file}, add `version: {quoted}` below `cluster:`, then run `platctl apply {file}`"
            ),
        };
        format!(
            "\nCluster {} has Kubernetes {to}. {edit}: it updates what else depends on the version, such as Cluster \
             Autoscaler. To undo the last upgrade within seven days, run `platctl rollback {name}`.",
            self.cluster
        )
    }
}

/// The versions of add-ons that are stated.
fn pinned(graph: &Graph) -> BTreeMap<String, String> {
    let of = |entry: &Entry| {
        let node = &entry.node;
        let text = |field: &str| node.spec.get(field).and_then(serde_json::Value::as_str);
        let (addon, version) = (text("addon_name")?, text("addon_version")?);
        (node.kind == "eks.Addon").then(|| (addon.to_owned(), version.to_owned()))
    };
    graph.in_order().filter_map(of).collect()
}
