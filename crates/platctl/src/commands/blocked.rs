//! The PodDisruptionBudgets that keep nodes from being replaced.

use platctl_aws::eks::eviction::is_blocked;
use platctl_aws::eks::readiness::Finding;
use platctl_engine::execute::{Outcome, StepError};
use platctl_engine::state::State;
use platctl_kubernetes::Blocking;

use crate::cli::Global;
use crate::cloud::Site;
use crate::cluster::cluster;
use crate::error::CliError;
use crate::render;

/// What the budgets of a cluster mean for an upgrade, where its API server can be asked. With `forced`, nodes are
/// replaced in spite of them.
pub(super) async fn findings(
    site: &Site,
    region: &str,
    cluster: &str,
    forced: bool,
) -> Vec<Finding> {
    let asked = site.aws.clusters(region).blocking_budgets(cluster).await;
    match asked.map_err(CliError::Connection) {
        Ok(found) => found.iter().map(|budget| judge(budget, forced)).collect(),
        Err(error) => vec![Finding::warning(
            "PodDisruptionBudgets",
            format!("not checked: {error}"),
        )],
    }
}

fn judge(budget: &Blocking, forced: bool) -> Finding {
    let (healthy, expected) = budget.healthy;
    let name = format!("PodDisruptionBudget {}", budget.name);
    let pods = pods(budget);
    match (budget.always, forced) {
        (_, true) => Finding::warning(
            name,
            format!(
                "it allows no pod to be evicted now ({healthy} of {expected} pods are healthy). With --force-evict, its \
                 pods are deleted in spite of it{pods}"
            ),
        ),
        (true, false) => Finding::blocking(
            name,
            format!(
                "it never allows a pod to be evicted ({healthy} of {expected} pods are healthy), so its nodes cannot be \
                 drained{pods}. Allow one pod to be unavailable, or add replicas; or add `--force-evict ADDRESS` for the \
                 node groups, which deletes the pods in spite of it"
            ),
        ),
        (false, false) => Finding::warning(
            name,
            format!(
                "it allows no pod to be evicted now: {healthy} of {expected} pods are healthy. Nodes with these pods \
                 cannot be drained until they are{pods}"
            ),
        ),
    }
}

fn pods(budget: &Blocking) -> String {
    match budget.pods.as_slice() {
        [] => String::new(),
        pods => format!(" (pods: {})", pods.join(", ")),
    }
}

/// After a run in which EKS gave up replacing nodes because of a budget, names the budgets and their pods.
pub(super) async fn explain(outcome: &Outcome, site: &Site, state: &State, global: &Global) {
    let given_up = outcome.failed.iter().any(|(_, error)| match error {
        StepError::NotUpdated { why, .. } => is_blocked(why),
        _ => false,
    });
    let Ok((cluster, region)) = cluster(state, &state.stack) else {
        return;
    };
    if !given_up {
        return;
    }
    let found = site.aws.clusters(&region).blocking_budgets(&cluster).await;
    let text = match found {
        Ok(found) if !found.is_empty() => {
            let name = |budget: &Blocking| format!("{}{}", budget.name, pods(budget));
            let names: Vec<String> = found.iter().map(name).collect();
            format!(
                "PodDisruptionBudgets of {cluster} that allow no pod to be evicted: {}",
                names.join("; ")
            )
        }
        // There are none any more, or nobody here may ask.
        Ok(_) | Err(_) => format!(
            "To see which PodDisruptionBudgets of {cluster} allow no pod to be evicted, run `kubectl get pdb -A`"
        ),
    };
    render::line(&text, global);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(always: bool) -> Blocking {
        Blocking {
            name: "shop/web".into(),
            always,
            healthy: (1, 1),
            pods: vec!["web-1 on ip-10-10-32-7".into()],
        }
    }

    #[test]
    fn a_budget_blocks_unless_nodes_are_replaced_in_spite_of_it() {
        let found = judge(&budget(true), false);
        assert!(found.blocks);
        assert_eq!(found.what, "PodDisruptionBudget shop/web");
        assert!(
            found.why.contains("(pods: web-1 on ip-10-10-32-7)"),
            "{found:?}"
        );
        assert!(found.why.contains("--force-evict ADDRESS"), "{found:?}");
        assert!(!judge(&budget(true), true).blocks);
        assert!(!judge(&budget(false), false).blocks);
    }
}
