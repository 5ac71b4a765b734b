//! When an object is ready, as far as its kind can be.

use serde_json::Value;

use crate::key::Key;

/// What the object is still waiting for; none when it is ready.
pub(crate) fn waiting(key: &Key, object: &Value) -> Option<String> {
    let what = match key.kind.as_str() {
        "CustomResourceDefinition" => condition(object, "Established"),
        "Deployment" => rolled_out(object, "/status/availableReplicas"),
        "StatefulSet" => rolled_out(object, "/status/readyReplicas"),
        "DaemonSet" => daemons(object),
        "Job" => job(object),
        "Application" => application(object),
        _ => None,
    }?;
    Some(format!("{}: {what}", key.short()))
}

fn number(object: &Value, pointer: &str) -> Option<u64> {
    object.pointer(pointer).and_then(Value::as_u64)
}

/// Whether the controller has seen the newest version of the object.
fn unseen(object: &Value) -> bool {
    number(object, "/status/observedGeneration") < number(object, "/metadata/generation")
}

fn rolled_out(object: &Value, ready: &str) -> Option<String> {
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let (ready, updated) = (
        number(object, ready).unwrap_or(0),
        number(object, "/status/updatedReplicas").unwrap_or(0),
    );
    if unseen(object) {
        return Some("not processed by its controller yet".into());
    }
    (ready < wanted || updated < wanted)
        .then(|| format!("{} of {wanted} ready", ready.min(updated)))
}

fn daemons(object: &Value) -> Option<String> {
    let wanted = number(object, "/status/desiredNumberScheduled").unwrap_or(0);
    let ready = number(object, "/status/numberReady").unwrap_or(0);
    (unseen(object) || ready < wanted).then(|| format!("{ready} of {wanted} ready"))
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn condition(object: &Value, name: &str) -> Option<String> {
    let is = conditions(object).any(|one| one["type"] == name && one["status"] == "True");
    (!is).then(|| format!("not {name} yet"))
}

fn job(object: &Value) -> Option<String> {
    condition(object, "Complete").map(|_| {
        let failed = number(object, "/status/failed").unwrap_or(0);
        if failed == 0 {
            "running".into()
        } else {
            format!("running, {failed} pods failed")
        }
    })
}

/// Argo CD has looked at it. What comes of it is Argo CD's business, and that of whoever changes the repository.
fn application(object: &Value) -> Option<String> {
    let wrong = conditions(object).find(|one| {
        one["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("Error"))
    });
    match wrong.and_then(|one| one["message"].as_str()) {
        Some(message) => Some(message.to_owned()),
        None => match object
            .pointer("/status/sync/status")
            .and_then(Value::as_str)
        {
            None | Some("Unknown" | "") => Some("not processed by Argo CD yet".into()),
            Some(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(kind: &str, object: &Value) -> Option<String> {
        waiting(&Key::parse(&format!("v1 {kind} n/a")).unwrap(), object)
    }

    #[test]
    fn a_rollout_is_over_when_every_pod_is_new_and_ready() {
        let mut deployment = json!({
            "metadata": {"generation": 2}, "spec": {"replicas": 3},
            "status": {"observedGeneration": 1, "availableReplicas": 3, "updatedReplicas": 3},
        });
        assert_eq!(
            of("Deployment", &deployment).unwrap(),
            "Deployment n/a: not processed by its controller yet"
        );
        deployment["status"]["observedGeneration"] = 2.into();
        deployment["status"]["updatedReplicas"] = 1.into();
        assert_eq!(
            of("Deployment", &deployment).unwrap(),
            "Deployment n/a: 1 of 3 ready"
        );
        deployment["status"]["updatedReplicas"] = 3.into();
        assert_eq!(of("Deployment", &deployment), None);
    }

    #[test]
    fn an_application_says_why_it_is_stuck() {
        let stuck = json!({"status": {"conditions": [{"type": "ComparisonError", "message": "no access"}]}});
        assert_eq!(
            of("Application", &stuck).unwrap(),
            "Application n/a: no access"
        );
        assert!(of("Application", &json!({})).is_some());
        assert_eq!(
            of(
                "Application",
                &json!({"status": {"sync": {"status": "OutOfSync"}}})
            ),
            None
        );
    }

    #[test]
    fn what_has_no_readiness_is_ready() {
        assert_eq!(of("ConfigMap", &json!({})), None);
        assert!(of("CustomResourceDefinition", &json!({})).is_some());
        assert!(
            of("Job", &json!({"status": {"failed": 2}}))
                .unwrap()
                .contains("2 pods failed")
        );
    }
}
