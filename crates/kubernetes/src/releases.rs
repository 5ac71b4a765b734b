//! New versions of services that wait beside the old ones: Rollouts of Argo Rollouts.

use std::time::Duration;

use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::{Value, json};

use crate::key::Key;
use crate::{Api, ReleaseOrder, Step};

/// How often a Rollout is looked at, and for how long.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(5 * 60);

fn key(order: &ReleaseOrder) -> Key {
    Key {
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "Rollout".into(),
        namespace: Some(order.namespace.clone()),
        name: order.name.clone(),
    }
}

/// Where a Rollout stands.
#[derive(Debug, PartialEq, Eq)]
enum Stand {
    /// The newest version gets the requests.
    Promoted,
    /// The newest version was given up.
    Aborted,
    /// The newest version waits to be promoted.
    Waiting,
    /// The newest version is not ready to be promoted.
    Busy(String),
}

fn stand(rollout: &Value) -> Stand {
    let status = &rollout["status"];
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str);
    // The controller has not looked at the newest version yet.
    let seen = text("/observedGeneration").and_then(|seen| seen.parse::<i64>().ok());
    let generation = rollout["metadata"]["generation"].as_i64();
    if seen.zip(generation).is_some_and(|(seen, now)| seen < now) {
        return Stand::Busy("the newest version was not started yet".to_owned());
    }
    if status["abort"] == true {
        return Stand::Aborted;
    }
    let newest = text("/currentPodHash");
    if newest.is_some() && newest == text("/blueGreen/activeSelector") {
        return Stand::Promoted;
    }
    let pauses = status["pauseConditions"].as_array();
    if pauses.is_some_and(|pauses| !pauses.is_empty()) {
        return Stand::Waiting;
    }
    let why = text("/message").unwrap_or("its pods or their analysis are not finished");
    Stand::Busy(why.to_owned())
}

/// Why a step cannot be done now; nothing when it can.
fn refusal(step: Step, stand: &Stand) -> Option<String> {
    match (step, stand) {
        (Step::Promote, Stand::Aborted) => Some(
            "the new version was aborted. Deploy another version, or set `pin` to run this one again"
                .to_owned(),
        ),
        (Step::Promote, Stand::Busy(why)) => Some(format!(
            "the new version cannot be promoted yet: {why}. Try again later"
        )),
        (Step::Abort, Stand::Promoted) => Some(
            "no new version is waiting: the newest version already gets all requests. To go back, set `pin` to an \
             older commit"
                .to_owned(),
        ),
        _ => None,
    }
}

impl Api {
    pub(crate) async fn do_release(&self, order: &ReleaseOrder) -> CloudResult<()> {
        let key = key(order);
        let operation = format!("kubernetes:{:?} {}", order.step, key.short());
        let failed =
            |class: Class, message: String| CloudError::new(class, operation.clone(), message);
        let Some(rollout) = self.get(&key).await? else {
            let message = format!(
                "{} not found: the service does not use `rollout: blue_green`, or Argo CD has not synced it to the \
                 cluster yet",
                key.short()
            );
            return Err(failed(Class::NotFound, message));
        };
        let now = stand(&rollout);
        if let Some(why) = refusal(order.step, &now) {
            return Err(failed(Class::Invalid, why));
        }
        let (patch, end) = match order.step {
            Step::Promote => (json!({"pauseConditions": null}), Stand::Promoted),
            Step::Abort => (json!({"abort": true}), Stand::Aborted),
        };
        if now != end {
            self.patch_status(&key, &patch).await?;
        }
        let begun = tokio::time::Instant::now();
        loop {
            match self.get(&key).await {
                Ok(Some(rollout)) if stand(&rollout) == end => return Ok(()),
                Err(error) if !error.class.is_transient() => return Err(error),
                _ => {}
            }
            if begun.elapsed() > LONGEST {
                let message = format!(
                    "Argo Rollouts did not carry it out within 5 minutes. To see why, run `kubectl describe rollout {} -n {}`",
                    order.name, order.namespace
                );
                return Err(failed(Class::Unknown, message));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Provided;

    fn order(step: Step) -> ReleaseOrder {
        ReleaseOrder {
            namespace: "backend".into(),
            name: "backend".into(),
            step,
        }
    }

    const AT: &str = "argoproj.io/v1alpha1/rollouts/backend/backend";

    fn rolled_out(status: &Value) -> Provided {
        let provided = Provided::default();
        let definition = json!({
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": "argoproj.io", "scope": "Namespaced", "versions": [{"name": "v1alpha1"}],
                "names": {"kind": "Rollout", "plural": "rollouts"},
            },
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        });
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "backend", "namespace": "backend", "generation": 3},
            "status": status,
        });
        let mut world = provided.fake.world();
        let known = "apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.argoproj.io";
        world.objects.insert(known.into(), definition);
        world.objects.insert(
            "v1/namespaces/backend".into(),
            json!({"kind": "Namespace", "metadata": {"name": "backend"}}),
        );
        world.objects.insert(AT.into(), rollout);
        drop(world);
        provided
    }

    fn waiting() -> Value {
        json!({
            "observedGeneration": "3", "currentPodHash": "new", "blueGreen": {"activeSelector": "old"},
            "pauseConditions": [{"reason": "BlueGreenPause"}],
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_waits_is_promoted_and_the_switch_is_waited_for() {
        let provided = rolled_out(&waiting());
        let api = provided.api();
        let promote = order(Step::Promote);
        let controller = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            let mut world = provided.fake.world();
            let status = &mut world.objects.get_mut(AT).unwrap()["status"];
            assert!(status.get("pauseConditions").is_none(), "{status}");
            status["blueGreen"]["activeSelector"] = "new".into();
        };
        let (done, ()) = tokio::join!(api.do_release(&promote), controller);
        done.unwrap();
        // Once more is nothing more.
        let before = provided.fake.world().requests.len();
        api.do_release(&promote).await.unwrap();
        let world = provided.fake.world();
        assert!(
            world.requests[before..]
                .iter()
                .all(|line| line.starts_with("GET"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_waits_or_starts_can_be_aborted() {
        let mut starting = waiting();
        starting["pauseConditions"] = json!([]);
        for status in [waiting(), starting] {
            let provided = rolled_out(&status);
            provided
                .api()
                .do_release(&order(Step::Abort))
                .await
                .unwrap();
            assert_eq!(provided.fake.world().objects[AT]["status"]["abort"], true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_is_refused_without_a_change() {
        let with = |field: &str, value: Value| {
            let mut status = waiting();
            status[field] = value;
            status
        };
        let refused = [
            (Step::Promote, with("abort", json!(true)), "was aborted"),
            (
                Step::Promote,
                with("pauseConditions", json!([])),
                "cannot be promoted yet",
            ),
            (
                Step::Promote,
                with("observedGeneration", json!("2")),
                "was not started yet",
            ),
            (
                Step::Abort,
                with("blueGreen", json!({"activeSelector": "new"})),
                "no new version is waiting",
            ),
        ];
        for (step, status, words) in refused {
            let provided = rolled_out(&status);
            let error = provided.api().do_release(&order(step)).await.unwrap_err();
            assert!(error.message.contains(words), "{error}");
            let world = provided.fake.world();
            assert!(
                world.requests.iter().all(|line| line.starts_with("GET")),
                "{words}"
            );
        }
        let provided = Provided::default();
        let error = provided
            .api()
            .do_release(&order(Step::Promote))
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_does_nothing_is_told_of() {
        let provided = rolled_out(&waiting());
        let error = provided
            .api()
            .do_release(&order(Step::Promote))
            .await
            .unwrap_err();
        assert!(
            error.message.contains("kubectl describe rollout backend"),
            "{error}"
        );
    }
}
