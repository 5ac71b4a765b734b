//! PodDisruptionBudgets that let no pod go: a node under one of their pods cannot be replaced.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::core::Selector;
use kube::{Api as KubeApi, Client};
use platctl_engine::CloudResult;

use crate::errors::cloud_error;

/// A budget that lets no pod go now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Whether it never lets one go, however well its pods are.
    pub always: bool,
    /// How many of its pods are well, and how many there are.
    pub healthy: (i32, i32),
    /// Its pods, each with its node; the first few, and none where they may not be read.
    pub pods: Vec<String>,
}

/// How many pods of a budget are named.
const NAMED: usize = 5;

/// All budgets that let no pod go.
pub(crate) async fn blocking(client: &Client) -> CloudResult<Vec<Blocking>> {
    let budgets: KubeApi<PodDisruptionBudget> = KubeApi::all(client.clone());
    let listed = budgets.list(&ListParams::default()).await;
    let listed =
        listed.map_err(|error| cloud_error("kubernetes:List PodDisruptionBudgets", &error))?;
    let mut found: Vec<Blocking> = Vec::new();
    for budget in &listed.items {
        if let Some(mut blocking) = judge(budget) {
            blocking.pods = pods(client, budget).await;
            found.push(blocking);
        }
    }
    Ok(found)
}

/// The pods that a budget keeps. Whoever may read budgets only still learns which one it is.
async fn pods(client: &Client, budget: &PodDisruptionBudget) -> Vec<String> {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
    let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
    let (Some(namespace), Some(selector)) = (&budget.metadata.namespace, selector) else {
        return Vec::new();
    };
    let pods: KubeApi<Pod> = KubeApi::namespaced(client.clone(), namespace);
    let listed = pods
        .list(&ListParams::default().labels_from(&selector))
        .await;
    let mut names: Vec<String> = match listed {
        Ok(listed) => listed.items.iter().map(pod_name).collect(),
        Err(error) => {
            tracing::debug!(%error, "cannot list the pods of a PodDisruptionBudget");
            Vec::new()
        }
    };
    names.sort();
    if names.len() > NAMED {
        let more = names.len() - NAMED;
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    names
}

fn pod_name(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node.map_or_else(|| name.to_owned(), |node| format!("{name} on {node}"))
}

fn judge(budget: &PodDisruptionBudget) -> Option<Blocking> {
    let status = budget.status.as_ref()?;
    // A budget without pods holds nothing.
    if status.expected_pods == 0 || status.disruptions_allowed > 0 {
        return None;
    }
    let spec = budget.spec.as_ref()?;
    let is = |value: &Option<IntOrString>, number: i32, percent: &str| match value {
        Some(IntOrString::Int(stated)) => *stated == number,
        Some(IntOrString::String(stated)) => stated == percent,
        None => false,
    };
    let never = is(&spec.max_unavailable, 0, "0%")
        || is(&spec.min_available, status.expected_pods, "100%")
        || status.desired_healthy >= status.expected_pods;
    let metadata = &budget.metadata;
    Some(Blocking {
        name: format!(
            "{}/{}",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default()
        ),
        always: never,
        healthy: (status.current_healthy, status.expected_pods),
        pods: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn judged(
        spec: Value,
        allowed: i32,
        healthy: i32,
        desired: i32,
        expected: i32,
    ) -> Option<bool> {
        let budget = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": spec,
            "status": {
                "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired,
                "expectedPods": expected,
            },
        }))
        .unwrap();
        judge(&budget).map(|found| found.always)
    }

    #[test]
    fn a_budget_blocks_when_it_lets_no_pod_go() {
        let one_may_go = json!({"maxUnavailable": 1});
        assert_eq!(judged(one_may_go.clone(), 1, 3, 2, 3), None);
        assert_eq!(judged(one_may_go.clone(), 0, 0, 0, 0), None, "no pods");
        assert_eq!(
            judged(one_may_go, 0, 2, 2, 3),
            Some(false),
            "one is not well"
        );
        assert_eq!(judged(json!({"maxUnavailable": 0}), 0, 3, 3, 3), Some(true));
        assert_eq!(
            judged(json!({"minAvailable": "100%"}), 0, 2, 3, 3),
            Some(true)
        );
        assert_eq!(judged(json!({"minAvailable": 1}), 0, 1, 1, 1), Some(true));
    }

    #[test]
    fn a_pod_is_named_with_its_node() {
        let pod = |spec: Value| {
            serde_json::from_value(json!({"metadata": {"name": "web-1"}, "spec": spec})).unwrap()
        };
        let placed = json!({"nodeName": "ip-10-10-32-7", "containers": []});
        assert_eq!(pod_name(&pod(placed)), "web-1 on ip-10-10-32-7");
        assert_eq!(pod_name(&pod(json!({"containers": []}))), "web-1");
    }
}
