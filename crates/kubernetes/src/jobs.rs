//! Jobs that are run at once, from the CronJobs that describe them.

use std::time::Duration;

use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::{Value, json};

use crate::key::Key;
use crate::{Api, JobOrder};

/// How often a job is looked at, and for how long.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// For how many seconds a job that ended can be looked at.
const KEPT: u32 = 86_400;

fn key(kind: &str, namespace: &str, name: &str) -> Key {
    Key {
        api_version: "batch/v1".into(),
        kind: kind.into(),
        namespace: Some(namespace.into()),
        name: name.into(),
    }
}

/// The job that a CronJob describes, with variables of its own.
fn job(cron_job: &Value, order: &JobOrder) -> Value {
    let mut spec = cron_job["spec"]["jobTemplate"]["spec"].clone();
    spec["ttlSecondsAfterFinished"] = KEPT.into();
    let pod = &mut spec["template"]["spec"];
    for group in ["initContainers", "containers"] {
        for container in pod[group].as_array_mut().into_iter().flatten() {
            let mut variables = container["env"].as_array().cloned().unwrap_or_default();
            variables.retain(|one| {
                one["name"]
                    .as_str()
                    .is_none_or(|name| !order.variables.contains_key(name))
            });
            variables.extend(
                order
                    .variables
                    .iter()
                    .map(|(name, value)| json!({"name": name, "value": value})),
            );
            container["env"] = variables.into();
        }
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": order.name, "namespace": order.namespace,
            "labels": {"app.kubernetes.io/managed-by": "platctl"},
        },
        "spec": spec,
    })
}

fn ended(job: &Value) -> Option<Result<(), String>> {
    let conditions = job
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    conditions
        .filter(|one| one["status"] == "True")
        .find_map(|one| match one["type"].as_str()? {
            "Complete" => Some(Ok(())),
            "Failed" => Some(Err(one["message"]
                .as_str()
                .unwrap_or("it failed")
                .to_owned())),
            _ => None,
        })
}

impl Api {
    pub(crate) async fn do_run_job(&self, order: &JobOrder) -> CloudResult<()> {
        let operation = format!("kubernetes:Run Job {}/{}", order.namespace, order.name);
        let failed =
            |class: Class, message: String| Err(CloudError::new(class, operation.clone(), message));
        let description = key("CronJob", &order.namespace, &order.cron_job);
        let Some(cron_job) = self.get(&description).await? else {
            let message = format!(
                "{} not found: Argo CD may not have synced it to the cluster yet",
                description.short()
            );
            return failed(Class::NotFound, message);
        };
        let key = key("Job", &order.namespace, &order.name);
        if self.get(&key).await?.is_none() {
            self.apply_one(&key, &job(&cron_job, order)).await?;
        }
        let begun = tokio::time::Instant::now();
        loop {
            let job = match self.get(&key).await {
                // The job goes on, whether it can be looked at or not.
                Err(error) if error.class.is_transient() && begun.elapsed() <= LONGEST => None,
                found => found?,
            };
            match job.as_ref().and_then(ended) {
                Some(Ok(())) => return Ok(()),
                Some(Err(why)) => {
                    let (name, namespace) = (&order.name, &order.namespace);
                    let message = format!(
                        "{why}. To see its log, run `kubectl logs job/{name} -n {namespace} --all-containers`"
                    );
                    return failed(Class::Unknown, message);
                }
                None if begun.elapsed() > LONGEST => {
                    return failed(
                        Class::Unknown,
                        "it is still running after 20 minutes".into(),
                    );
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Provided;

    fn order() -> JobOrder {
        JobOrder {
            namespace: "argocd".into(),
            cron_job: "restore".into(),
            name: "restore-1".into(),
            variables: BTreeMap::from([("FILE".to_owned(), "a.yaml".to_owned())]),
        }
    }

    fn described(provided: &Provided) {
        let container = json!({"name": "c", "env": [{"name": "FILE", "value": ""}, {"name": "BUCKET", "value": "b"}]});
        let cron_job = json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "restore", "namespace": "argocd"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}},
        });
        let mut world = provided.fake.world();
        world.objects.insert(
            "v1/namespaces/argocd".into(),
            json!({"kind": "Namespace", "metadata": {"name": "argocd"}}),
        );
        world
            .objects
            .insert("batch/v1/cronjobs/argocd/restore".into(), cron_job);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_runs_with_its_variables_and_is_waited_for() {
        let provided = Provided::default();
        described(&provided);
        provided.fake.world().slow = 3;
        provided.api().do_run_job(&order()).await.unwrap();
        let world = provided.fake.world();
        let job = &world.objects["batch/v1/jobs/argocd/restore-1"];
        let variables = &job["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(
            *variables,
            json!([{"name": "BUCKET", "value": "b"}, {"name": "FILE", "value": "a.yaml"}])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_fails_says_where_to_look() {
        let provided = Provided::default();
        described(&provided);
        provided.fake.world().jobs_fail = true;
        let error = provided.api().do_run_job(&order()).await.unwrap_err();
        assert!(
            error
                .message
                .contains("kubectl logs job/restore-1 -n argocd"),
            "{error}"
        );
        let missing = JobOrder {
            cron_job: "other".into(),
            ..order()
        };
        assert_eq!(
            provided.api().do_run_job(&missing).await.unwrap_err().class,
            Class::NotFound
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_may_take_longer_than_a_token_lasts_and_survives_bad_answers() {
        use crate::testing::Fault;
        use crate::tokens::{Tokens, authenticated};
        let provided = Provided::default();
        described(&provided);
        {
            let mut world = provided.fake.world();
            // 18 minutes of looking every two seconds.
            (world.slow, world.guarded) = (540, true);
            world.faults.push(Fault {
                line: "GET /apis/batch/v1/namespaces/argocd/jobs/",
                status: 0,
                times: 0,
            });
        }
        let provider: std::sync::Arc<dyn crate::Provider> = std::sync::Arc::new(provided.clone());
        let tokens = std::sync::Arc::new(Tokens::new(provider.clone(), "open-example-cluster"));
        let api = Api::new(authenticated(provided.fake.client(), tokens), provider);
        let order = order();
        let run = api.do_run_job(&order);
        let meddle = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let mut world = provided.fake.world();
            world.faults[0] = Fault {
                status: 503,
                times: 3,
                ..world.faults[0].clone()
            };
        };
        let (ran, ()) = tokio::join!(run, meddle);
        ran.unwrap();
        let world = provided.fake.world();
        assert_eq!(world.faults[0].times, 0, "the bad answers were given");
        assert_eq!((world.refused, world.issued.len()), (0, 2));
    }
}
