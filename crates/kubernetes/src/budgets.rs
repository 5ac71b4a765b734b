//! PodDisruptionBudgets that let no pod go: a node under one of their pods cannot be replaced.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
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
}

/// All budgets that let no pod go.
pub(crate) async fn blocking(client: &Client) -> CloudResult<Vec<Blocking>> {
    let budgets: KubeApi<PodDisruptionBudget> = KubeApi::all(client.clone());
    let listed = budgets.list(&ListParams::default()).await;
    let listed =
        listed.map_err(|error| cloud_error("kubernetes:List PodDisruptionBudgets", &error))?;
    Ok(listed.items.iter().filter_map(judge).collect())
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
}
