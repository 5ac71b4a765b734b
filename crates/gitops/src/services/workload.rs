//! What makes the pods of a service, and how many.

use serde_json::{Value, json};

use super::pod::{CONTAINER, deregistration_seconds, template};
use super::{Made, WAVE, analysis, annotate, metadata, secrets, selector};
use crate::component::anew;
use crate::components::reloader;
use crate::{Service, Work};

/// For how many seconds a load balancer may go on sending to the old version before it starts to deregister it.
const SWITCH: u16 = 300;
/// How often a job that fails is tried again.
const RETRIES: u8 = 3;
/// How many seconds a job has that the rest of its service waits for, unless the stack file says it. While a sync waits,
/// Argo CD takes no newer commit: the one that would mend a job that never ends would never come, nor would the first
/// image of a new service.
const WAITED_FOR: u32 = 900;
/// The wave of jobs that run before the rest of their service.
const BEFORE: &str = "-1";

/// The file, and what is in it.
pub(super) fn file(made: Made<'_>) -> (&'static str, Vec<Value>) {
    match &made.service.work {
        Work::Web(web) if web.blue_green => {
            let mut objects = vec![rollout(made)];
            if made.around.prometheus {
                objects.extend(
                    web.analysis
                        .map(|limits| analysis::template(made.service, limits)),
                );
            }
            ("rollout.yaml", objects)
        }
        Work::Web(_) | Work::Worker => ("deployment.yaml", vec![deployment(made)]),
        Work::Cron { schedule } => ("cron_job.yaml", vec![cron_job(made, schedule)]),
        Work::Job { before_deploy } => ("job.yaml", vec![job(made, *before_deploy)]),
    }
}

fn workload(api: &str, kind: &str, made: Made<'_>) -> Value {
    let service = made.service;
    let mut metadata = metadata(service, &service.name);
    metadata["annotations"] = json!({"platctl.dev/stack": made.inputs.stack});
    if made.around.reloader {
        let secrets = secrets::read_as_variables(service);
        for (key, value) in reloader::annotations(&secrets, service.blue_green()) {
            metadata["annotations"][key] = value.into();
        }
    }
    // The number of pods is the autoscaler's, so it is not said here.
    json!({
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata,
        "spec": {
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector(service)},
            "template": template(made),
        },
    })
}

/// A new version stands beside the old one until somebody promotes it. The old one stays until nobody is sent there
/// any more.
fn rollout(made: Made<'_>) -> Value {
    let service = made.service;
    let mut rollout = workload("argoproj.io/v1alpha1", "Rollout", made);
    let stays = SWITCH + deregistration_seconds(service.shutdown_seconds);
    let mut strategy = json!({
        "activeService": service.name,
        "previewService": format!("{}-preview", service.name),
        "autoPromotionEnabled": false,
        "previewReplicaCount": 1,
        "scaleDownDelaySeconds": stays,
    });
    if made.around.prometheus && service.is_analysed() {
        strategy["prePromotionAnalysis"] = analysis::reference(service);
    }
    rollout["spec"]["strategy"] = json!({"blueGreen": strategy});
    rollout
}

/// Pod by pod: none goes before another one is ready.
fn deployment(made: Made<'_>) -> Value {
    let mut deployment = workload("apps/v1", "Deployment", made);
    deployment["spec"]["strategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}});
    deployment
}

/// How pods run until one of them succeeds.
fn runs(made: Made<'_>, seconds: Option<u32>) -> Value {
    let mut spec = json!({"backoffLimit": RETRIES, "template": template(made)});
    if let Some(seconds) = seconds {
        spec["activeDeadlineSeconds"] = seconds.into();
    }
    spec
}

/// One that still runs is not overtaken by the next.
fn cron_job(made: Made<'_>, schedule: &str) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(made.service, &made.service.name),
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": runs(made, made.service.timeout_seconds)},
        },
    })
}

/// What runs before the rest is a hook in a wave of the sync, and not one before the sync: the first sync would wait
/// for it for ever, because it needs a service account and secrets, which only a sync makes.
fn job(made: Made<'_>, before_deploy: bool) -> Value {
    let mut metadata = metadata(made.service, &made.service.name);
    let stated = made.service.timeout_seconds;
    let timeout = if before_deploy {
        stated.or(Some(WAITED_FOR))
    } else {
        metadata["annotations"] = anew();
        stated
    };
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": runs(made, timeout),
    });
    if before_deploy {
        annotate(&mut job, "argocd.argoproj.io/hook", "Sync");
        annotate(
            &mut job,
            "argocd.argoproj.io/hook-delete-policy",
            "BeforeHookCreation",
        );
        annotate(&mut job, WAVE, BEFORE);
    }
    job
}

/// How many pods there are, and how many of them may leave at a time.
pub(super) fn scaling(service: &Service) -> Vec<Value> {
    vec![autoscaler(service), disruptions(service)]
}

/// By the load of the service itself: what is put into its pods would dilute it.
fn autoscaler(service: &Service) -> Value {
    let (api, kind) = if service.blue_green() {
        ("argoproj.io/v1alpha1", "Rollout")
    } else {
        ("apps/v1", "Deployment")
    };
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(service, &service.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": api, "kind": kind, "name": service.name},
            "minReplicas": service.replicas.min,
            "maxReplicas": service.replicas.max,
            "metrics": [{
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": CONTAINER, "target": {
                    "type": "Utilization", "averageUtilization": service.replicas.cpu,
                }},
            }],
        },
    })
}

/// One pod may leave at a time, so that nodes can be replaced under a service.
fn disruptions(service: &Service) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(service, &service.name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(service)}},
    })
}
