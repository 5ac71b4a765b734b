//! Argo CD comes into a cluster whose API server can be reached from its VPC only: by builds that run platctl.

use std::collections::BTreeMap;
use std::time::Duration;

use platctl_emulator::{HoldAt, Moment};
use serde_json::{Value, json};

use crate::recovery::alternating;
use crate::world::World;

/// A cluster that is reached by the runner's builds alone, with as little as that takes.
pub(crate) const STACK: &str = "
stack: prod
region: eu-west-1
network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}
cluster: {endpoint: private}
delivery: {environments: {develop: auto}}
services: {backend: {port: 8080}}
gitops: {vault: false, elastic: false, prometheus: false, tracing: false}
";

const OPEN: &str = "--set cluster.endpoint=both --set cluster.public_cidrs=[203.0.113.0/24] --set cluster.admins=[arn:aws:iam::123456789012:role/platform]";
const REPOSITORY: &str = "api/v1/namespaces/argocd/secrets/gitops-repository";
const ROOT: &str = "apis/argoproj.io/v1alpha1/namespaces/argocd/applications/root";
const SERVER: &str = "apis/apps/v1/namespaces/argocd/deployments/argocd-server";

/// How many calls fewer one run may make than another: one that waits for the same thing may ask twice.
const SPARE: usize = 2;

/// As Argo CD brings it into the cluster.
const CRON_JOB: &str = r#"{
    "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "NAME", "namespace": "argocd"},
    "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}}
}"#;

fn world() -> World {
    let world = World::new();
    world.file("prod.yaml", STACK);
    world
}

/// The same with the role that [`OPEN`] lets in.
async fn open_world() -> World {
    let world = world();
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}]}"#;
    world
        .iam()
        .create_role()
        .role_name("platform")
        .assume_role_policy_document(trust)
        .send()
        .await
        .unwrap();
    world
}

/// Asks the cluster's API server; none for what is not there.
async fn ask(world: &World, method: &str, path: &str) -> Option<Value> {
    let body = CRON_JOB.replace("NAME", path.rsplit('/').next().unwrap());
    send(world, method, path, body).await
}

/// One request to the API server; a `PATCH` applies the body as Argo CD.
async fn send(world: &World, method: &str, path: &str, body: String) -> Option<Value> {
    let call = world
        .eks()
        .describe_cluster()
        .name("prod-cluster")
        .send()
        .await
        .unwrap();
    let endpoint = call
        .cluster()
        .and_then(|cluster| cluster.endpoint())
        .unwrap()
        .to_owned();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let token = format!("Bearer {}", world.token());
    let url = format!("{endpoint}/{path}");
    let answer = match method {
        "PATCH" => {
            let url = format!("{url}?fieldManager=argocd&force=true");
            agent.patch(&url).header("Authorization", &token).send(body)
        }
        "DELETE" => agent.delete(&url).header("Authorization", &token).call(),
        _ => agent.get(&url).header("Authorization", &token).call(),
    };
    let mut answer = answer.unwrap();
    (answer.status() == 200)
        .then(|| serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap())
}

/// How many access policies the role of the runner's builds has.
async fn rights_of_the_runner(world: &World) -> usize {
    let role = "arn:aws:iam::123456789012:role/prod-eu-west-1-runner";
    let call = world.eks().list_associated_access_policies();
    let call = call.cluster_name("prod-cluster").principal_arn(role);
    call.send()
        .await
        .unwrap()
        .associated_access_policies()
        .len()
}

/// Everything below a folder, as text.
fn written(folder: &std::path::Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(written(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.insert(
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            );
        }
    }
    found
}

#[tokio::test]
async fn argo_cd_runs_and_knows_the_repository() {
    let world = world();
    let applied = world.platctl("apply prod.yaml --yes -v").expect(0);
    let plan = world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    assert!(
        plan.stdout.contains("gitops.argo_cd, gitops.root")
            && plan.stdout.contains("takes a build"),
        "{}",
        plan.stdout
    );

    let root = ask(&world, "GET", ROOT).await.unwrap();
    assert_eq!(
        root["spec"]["sources"][0]["path"], "clusters/prod",
        "{root:#}"
    );
    assert!(ask(&world, "GET", SERVER).await.is_some());
    assert!(
        applied.stderr.contains("./platctl runner"),
        "the build's log is passed on:\n{}",
        applied.stderr
    );

    // The role of the builds is an administrator of the cluster while one of them runs, and no longer.
    let calls = world.control().calls().unwrap();
    assert!(
        calls
            .iter()
            .any(|call| call.operation == "AssociateAccessPolicy")
    );
    assert_eq!(rights_of_the_runner(&world).await, 0);

    // The password is in the secret, and in the cluster.
    let repository = ask(&world, "GET", REPOSITORY).await.unwrap();
    let encoded = repository["data"]["password"].as_str().unwrap().to_owned();
    // "canary", which every password of the emulator begins with, in base 64.
    assert!(encoded.starts_with("Y2FuYXJ5"), "{encoded}");
    for (place, text) in written(world.path()) {
        assert!(
            !text.contains(&encoded) && !text.contains("canary"),
            "the password is in {place}"
        );
    }
    // A look at the cluster itself takes builds; what it finds, the next apply puts right.
    world.platctl("drift prod --detailed-exitcode").expect(0);
    ask(&world, "DELETE", SERVER).await.unwrap();
    let drift = world.platctl("drift prod --detailed-exitcode").expect(2);
    assert!(
        drift
            .stdout
            .contains("Deployment argocd/argocd-server is missing"),
        "{}",
        drift.stdout
    );
    world.platctl("apply prod.yaml --yes").expect(0);
    assert!(ask(&world, "GET", SERVER).await.is_some());
    for text in [&applied.stdout, &applied.stderr] {
        assert!(
            !text.contains(&encoded) && !text.contains("canary"),
            "the password was shown"
        );
    }
    world
        .platctl("destroy prod --yes --allow-data-loss all")
        .expect(0);
}

#[tokio::test]
async fn what_somebody_changed_in_the_cluster_is_put_back() {
    let world = open_world().await;
    // Where it can be seen from here, it is looked at itself.
    world
        .platctl(&format!("apply prod.yaml --yes {OPEN}"))
        .expect(0);
    world
        .platctl(&format!("plan prod.yaml --detailed-exitcode {OPEN}"))
        .expect(0);
    ask(&world, "DELETE", SERVER).await.unwrap();
    ask(&world, "DELETE", ROOT).await.unwrap();
    let drift = world.platctl("drift prod --detailed-exitcode").expect(2);
    assert!(
        drift
            .stdout
            .contains("Deployment argocd/argocd-server is missing"),
        "{}",
        drift.stdout
    );
    assert!(drift.stdout.contains("gitops.root"), "{}", drift.stdout);
    world
        .platctl(&format!("apply prod.yaml --yes {OPEN}"))
        .expect(0);
    assert!(ask(&world, "GET", SERVER).await.is_some() && ask(&world, "GET", ROOT).await.is_some());
    world
        .platctl(&format!("plan prod.yaml --detailed-exitcode {OPEN}"))
        .expect(0);

    // A new password goes into the cluster, and only then the previous credential goes. The other one stays.
    let write = format!("{REPOSITORY}-write");
    let before = password(&world, REPOSITORY).await;
    let other = password(&world, &write).await;
    assert_ne!(
        before, other,
        "Argo CD and Image Updater share no credential"
    );
    let rotated = world
        .platctl(&format!(
            // A change of the stack file that waits for an apply goes on waiting.
            "rotate prod.yaml gitops.git.credential --yes --set cluster.log_days=30 {OPEN}"
        ))
        .expect(0);
    assert!(
        rotated.stdout.contains("previous credentials deleted: 1"),
        "{}",
        rotated.stdout
    );
    assert!(!format!("{}{}", rotated.stdout, rotated.stderr).contains("canary"));
    assert_ne!(password(&world, REPOSITORY).await, before);
    assert_eq!(password(&world, &write).await, other);
    let credentials = world.iam().list_service_specific_credentials();
    let credentials = credentials.user_name("prod-eu-west-1-git").send().await;
    assert_eq!(credentials.unwrap().service_specific_credentials().len(), 1);
    let status = world.platctl("status prod").expect(0);
    assert!(
        status.stdout.contains("created 0 days ago"),
        "{}",
        status.stdout
    );
    world
        .platctl(&format!("plan prod.yaml --detailed-exitcode {OPEN}"))
        .expect(0);
}

/// The password in a Secret of the cluster, encoded.
async fn password(world: &World, secret: &str) -> Value {
    ask(world, "GET", secret).await.unwrap()["data"]["password"].clone()
}

#[tokio::test]
async fn out_of_reach_it_counts_as_it_was_applied() {
    let world = open_world().await;
    world
        .platctl(&format!("apply prod.yaml --yes {OPEN}"))
        .expect(0);
    // A tunnel without the program that makes it: no way from here.
    let ended = world.platctl(&format!(
        "plan prod.yaml --detailed-exitcode {OPEN} --cluster-access tunnel"
    ));
    let ended = ended.expect(0);
    assert!(
        ended.stdout.contains("gitops.argo_cd") && ended.stdout.contains("last applied"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("no running node"), "{}", ended.stdout);
    // What is in a cluster goes with it, reachable or not.
    world
        .platctl("destroy prod --yes --allow-data-loss all --cluster-access tunnel")
        .expect(0);
}

#[tokio::test]
async fn a_build_that_fails_says_why_and_the_next_run_goes_on() {
    let world = world();
    world.file(
        "broken",
        "#!/bin/sh\necho the network is down >&2\nexit 3\n",
    );
    let ended = world
        .platctl("apply prod.yaml --yes --runner-program broken")
        .expect(2);
    assert!(
        ended.stdout.contains("the network is down"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("FAILED"), "{}", ended.stdout);
    assert_eq!(ask(&world, "GET", SERVER).await, None);
    world.platctl("apply prod.yaml --yes").expect(0);
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    assert!(ask(&world, "GET", SERVER).await.is_some());
    // Two builds at once fail: the first failure does not end the run before the second build has given its access back.
    let ended = world
        .platctl("drift prod --runner-program broken")
        .expect(1);
    assert!(
        ended.stderr.contains("the network is down"),
        "{}",
        ended.stderr
    );
    assert_eq!(rights_of_the_runner(&world).await, 0);
}

#[tokio::test]
async fn whoever_looks_stops_no_build_of_somebody_else_who_looks() {
    let world = world();
    world.platctl("apply prod.yaml --yes").expect(0);
    let control = world.control();
    control
        .hold_first("codebuild:StartBuild", Moment::After)
        .unwrap();
    let first = world.spawn("drift prod");
    assert!(control.held(Duration::from_secs(20)).unwrap().is_some());
    world.platctl("drift prod").expect(0);
    control.release(false).unwrap();
    let ended = first.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert_eq!(rights_of_the_runner(&world).await, 0);
}

#[tokio::test]
async fn killed_at_any_call_the_next_run_goes_on() {
    let world = world();
    let bootstrap = "apply prod.yaml --yes";
    let away =
        "destroy prod --yes --allow-data-loss all --target gitops.root --target gitops.argo_cd";
    world.platctl(bootstrap).expect(0);
    world.platctl(away).expect(0);
    assert_eq!(
        ask(&world, "GET", SERVER).await,
        None,
        "its builds took it away"
    );
    let calls = {
        let _branch = world.branch();
        world.control().clear_calls().unwrap();
        world.platctl(bootstrap).expect(0);
        world.mutations()
    };
    assert!(calls >= 8, "only {calls} calls change something");
    let at = |moment| alternating(moment, calls).map(move |call| HoldAt::Call(call, moment));
    let instants: Vec<_> = at(Moment::Before).chain(at(Moment::After)).collect();
    let mut run = world.run_held(bootstrap, &instants);
    let mut killed = 0;
    // The run itself is only stopped, and goes on: what comes of a kill is tried on a copy.
    while let Some(held) = run.next() {
        let say = format!(
            "killed {} call {}, {}",
            held.moment, held.mutation, held.operation
        );
        {
            let _branch = world.branch();
            let ended = world.platctl(bootstrap);
            assert_eq!(
                ended.code,
                Some(0),
                "{say}:\n{}{}",
                ended.stdout,
                ended.stderr
            );
            world
                .platctl("plan prod.yaml --detailed-exitcode")
                .expect(0);
            for path in [ROOT, SERVER, REPOSITORY] {
                assert!(ask(&world, "GET", path).await.is_some(), "{say}: {path}");
            }
        }
        run.go_on();
        killed += 1;
    }
    assert!(
        killed + SPARE >= instants.len(),
        "killed at {killed} of {} instants",
        instants.len()
    );
}

#[tokio::test]
async fn argo_cds_configuration_is_backed_up_and_brought_back() {
    let world = world();
    world.platctl("apply prod.yaml --yes").expect(0);
    let ended = world.platctl("backup prod").expect(1);
    assert!(
        ended
            .stderr
            .contains("Argo CD may not have synced it to the cluster yet"),
        "{}",
        ended.stderr
    );

    let jobs = "apis/batch/v1/namespaces/argocd";
    for name in ["argo-cd-backup", "argo-cd-restore"] {
        ask(&world, "PATCH", &format!("{jobs}/cronjobs/{name}"))
            .await
            .unwrap();
    }
    world.platctl("backup prod").expect(0);
    let ended = world.platctl("restore prod").expect(0);
    assert!(
        ended.stdout.contains("No backups found"),
        "{}",
        ended.stdout
    );
    let bucket = "prod-backups-123456789012-eu-west-1";
    let put = world
        .s3()
        .put_object()
        .bucket(bucket)
        .key("argo-cd/2026-01-31T02-17-00Z.yaml");
    put.send().await.unwrap();
    let ended = world.platctl("restore prod").expect(0);
    assert_eq!(ended.stdout.trim(), "2026-01-31T02-17-00Z.yaml");
    let ended = world
        .platctl("restore prod --yes --from other.yaml")
        .expect(1);
    assert!(
        ended.stderr.contains("backup `other.yaml` not found"),
        "{}",
        ended.stderr
    );
    world
        .platctl("restore prod --from 2026-01-31T02-17-00Z.yaml")
        .expect(1);
    world
        .platctl("restore prod --yes --from 2026-01-31T02-17-00Z.yaml")
        .expect(0);

    let jobs = ask(&world, "GET", &format!("{jobs}/jobs")).await.unwrap();
    let files: Vec<&Value> = jobs["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|job| {
            job["spec"]["template"]["spec"]["containers"][0]["env"]
                .as_array()
                .unwrap()
        })
        .map(|variable| &variable["value"])
        .collect();
    assert_eq!(files, ["2026-01-31T02-17-00Z.yaml"], "{jobs:#}");
}

#[tokio::test]
async fn a_manifest_of_ones_own_is_handed_to_the_build_and_another_one_is_refused() {
    let world = world();
    world.file(
        "install.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
    );
    let with = |digest: &str| {
        let manifest = format!("tracing: false, manifest: {{url: install.yaml, sha256: {digest}}}");
        world.file("prod.yaml", &STACK.replace("tracing: false", &manifest));
    };
    with(&"0".repeat(64));
    let ended = world.platctl("apply prod.yaml --yes").expect(2);
    let (_, rest) = ended
        .stdout
        .split_once("install.yaml has the SHA-256 checksum ")
        .unwrap();
    with(rest.split(',').next().unwrap());
    // The root Application's kind is not in this manifest.
    world
        .platctl("apply prod.yaml --yes --exclude gitops.root")
        .expect(0);
    assert!(
        ask(&world, "GET", "api/v1/namespaces/argocd/configmaps/own")
            .await
            .is_some()
    );
    world
        .platctl("plan prod.yaml --detailed-exitcode --exclude gitops.root")
        .expect(0);
}

/// The Rollout of a service whose new version waits, as Argo CD and Argo Rollouts leave it.
async fn waiting_rollout(world: &World) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced", "versions": [{"name": "v1alpha1"}],
            "names": {"kind": "Rollout", "plural": "rollouts"},
        },
    });
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "backend"}});
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "backend", "namespace": "backend"},
        "status": {
            "currentPodHash": "new", "blueGreen": {"activeSelector": "old"},
            "pauseConditions": [{"reason": "BlueGreenPause"}],
        },
    });
    let definitions = "apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let all = [
        (format!("{definitions}/rollouts.argoproj.io"), definition),
        ("api/v1/namespaces/backend".to_owned(), namespace),
        (ROLLOUT.to_owned(), rollout),
    ];
    for (path, object) in all {
        send(world, "PATCH", &path, object.to_string())
            .await
            .unwrap();
    }
}

const ROLLOUT: &str = "apis/argoproj.io/v1alpha1/namespaces/backend/rollouts/backend";

#[tokio::test]
async fn a_new_version_is_promoted_in_a_private_cluster() {
    let world = world();
    world.platctl("apply prod.yaml --yes").expect(0);
    let ended = world.platctl("promote prod other --yes").expect(1);
    assert!(
        ended
            .stderr
            .contains("`other` is not a service of stack `prod`. Specify one of backend"),
        "{}",
        ended.stderr
    );
    waiting_rollout(&world).await;
    let ended = world.platctl("promote prod backend --yes").expect(0);
    assert!(
        ended.stdout.contains("backend was promoted"),
        "{}",
        ended.stdout
    );
    let rollout = ask(&world, "GET", ROLLOUT).await.unwrap();
    assert_eq!(rollout["status"]["blueGreen"]["activeSelector"], "new");
    let ended = world.platctl("abort prod backend --yes").expect(1);
    assert!(
        ended.stderr.contains("no new version is waiting"),
        "{}",
        ended.stderr
    );
}
