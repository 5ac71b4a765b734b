//! The GitOps repository on GitHub and GitLab.

use serde_json::{Value, json};

use crate::world::World;

const REPOSITORY: &str = "acme/prod-gitops";
const SECRET: &str = "prod/repository";

const STACK: &str = "
stack: prod
region: eu-west-1
network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}
cluster: {}
delivery:
  source:
    provider: github
    owner: acme
    credential: prod/repository
    connection: arn:aws:codeconnections:eu-west-1:123456789012:connection/11111111-2222-3333-4444-555555555555
  environments: {develop: auto}
services:
  backend: {port: 8080}
gitops: {}
";

/// Stores what lets platctl into the repository, as a user does.
pub(crate) async fn store(world: &World, secret: &str, content: &Value) {
    let call = world.secretsmanager().create_secret().name(secret);
    call.secret_string(content.to_string())
        .send()
        .await
        .unwrap();
}

/// A GitHub App that is installed on the repository: what its secret contains.
pub(crate) fn app(world: &World, repository: &str) -> Value {
    app_that_may(world, repository, &json!({}))
}

/// The same for one that may do more than read and write files.
pub(crate) fn app_that_may(world: &World, repository: &str, permissions: &Value) -> Value {
    let app = json!({
        "id": 12, "installation": 34, "repositories": [repository], "permissions": permissions,
    });
    let made = world.control().hosts(&json!({"app": app})).unwrap();
    json!({"app_id": 12, "installation_id": 34, "private_key": made["private_key"]})
}

/// A token of a project of GitLab: what its secret contains.
pub(crate) fn token(world: &World, repository: &str) -> Value {
    let token = json!({"value": "glpat-CANARY", "repositories": [repository]});
    world.control().hosts(&json!({"token": token})).unwrap();
    json!({"token": "glpat-CANARY"})
}

fn files(world: &World) -> Value {
    world.control().repository(REPOSITORY).unwrap()["files"].clone()
}

fn commit(world: &World, path: &str, text: &str) {
    let commit = json!({"repository": REPOSITORY, "files": {path: text}});
    world.control().hosts(&json!({"commit": commit})).unwrap();
}

#[tokio::test]
async fn a_platform_lives_on_github() {
    let world = World::new();
    world.file("prod.yaml", STACK);

    // What is missing is said before anything is made.
    let ended = world.platctl("plan prod.yaml").expect(1);
    assert!(
        ended.stdout.contains("the secret prod/repository")
            || ended.stderr.contains("the secret prod/repository"),
        "{}{}",
        ended.stdout,
        ended.stderr
    );

    let content = app(&world, REPOSITORY);
    store(&world, SECRET, &content).await;
    world.platctl("apply prod.yaml --yes").expect(0);
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    let found = files(&world);
    let root = found["clusters/prod/vault.yaml"].as_str().unwrap();
    assert!(
        root.contains("https://github.com/acme/prod-gitops.git"),
        "{root}"
    );
    let users = world.iam().list_users().send().await.unwrap();
    assert_eq!(users.users().len(), 0, "nobody needs a user");

    // The key is in the secret and in the cluster, and nowhere else.
    let key = content["private_key"]
        .as_str()
        .unwrap()
        .lines()
        .nth(1)
        .unwrap();
    for entry in std::fs::read_dir(world.path().join("state/emulator")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(key));
    }

    // Its key is the host's: platctl says how it is replaced.
    let ended = world.platctl("rotate prod.yaml --yes").expect(1);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("write a new key or token"), "{said}");

    // What people change stays, and is a conflict where platctl has something new.
    let path = "services/backend/scaling.yaml";
    commit(&world, path, "# ours now\n");
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    let ended =
        world.platctl("apply prod.yaml --yes --set services.backend.replicas={min:~4,~max:~9}");
    assert_ne!(ended.code, Some(0));
    assert!(ended.stdout.contains("conflict in "), "{}", ended.stdout);
    assert_eq!(files(&world)[path], "# ours now\n");

    world
        .platctl("destroy prod --yes --allow-data-loss all")
        .expect(0);
    assert_eq!(files(&world), json!({path: "# ours now\n"}));
}

const ACTIONS: &str = "
stack: code
region: eu-west-1
delivery:
  source:
    provider: github
    owner: acme
    credential: prod/repository
    connection: arn:aws:codeconnections:eu-west-1:123456789012:connection/11111111-2222-3333-4444-555555555555
    checks: actions
  environments: {main: auto}
services:
  backend: {port: 8080}
";

/// Who signs the tokens of workflows is known to an account once: what others have of it stays, whatever comes and goes.
#[tokio::test]
async fn github_actions_check_pull_requests() {
    let world = World::new();
    world.file("code.yaml", ACTIONS);
    let made = world
        .iam()
        .create_open_id_connect_provider()
        .url("https://token.actions.githubusercontent.com")
        .client_id_list("others")
        .send()
        .await
        .unwrap();
    let provider = made.open_id_connect_provider_arn().unwrap();
    let may = json!({"workflows": "write"});
    store(&world, SECRET, &app_that_may(&world, "acme/backend", &may)).await;
    world.platctl("apply code.yaml --yes").expect(0);
    world
        .platctl("plan code.yaml --detailed-exitcode")
        .expect(0);

    let there = || world.control().repository("acme/backend").unwrap()["files"].clone();
    let path = ".github/workflows/platctl-pull-request.yml";
    let files = there();
    let workflow = files[path].as_str().unwrap();
    assert!(
        workflow.contains("role-to-assume: arn:aws:iam::"),
        "{workflow}"
    );

    world
        .platctl("destroy code --yes --allow-data-loss all")
        .expect(0);
    assert!(there().get(path).is_none());
    let found = world
        .iam()
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(provider)
        .send()
        .await
        .unwrap();
    assert_eq!(found.client_id_list(), ["others", "sts.amazonaws.com"]);
}

/// The App that writes the files need not be able to make keys: then the cluster goes on with what it has. With keys, it
/// has nothing of the App.
#[tokio::test]
async fn a_cluster_has_keys_of_its_own() {
    let world = World::new();
    world.file("prod.yaml", STACK);
    store(&world, SECRET, &app(&world, REPOSITORY)).await;
    world.platctl("apply prod.yaml --yes").expect(0);
    let before = files(&world);

    let with_keys = "--set delivery.source.access=deploy_key";
    let ended = world.platctl(&format!("apply prod.yaml --yes {with_keys}"));
    assert_ne!(ended.code, Some(0));
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        said.contains("needs: `Administration: read and write`"),
        "{said}"
    );
    assert_eq!(files(&world), before, "the cluster is sent nowhere");

    let content = app_that_may(&world, REPOSITORY, &json!({"administration": "write"}));
    let call = world.secretsmanager().put_secret_value().secret_id(SECRET);
    call.secret_string(content.to_string())
        .send()
        .await
        .unwrap();
    let ended = world
        .platctl(&format!("apply prod.yaml --yes {with_keys}"))
        .expect(0);
    world
        .platctl(&format!("plan prod.yaml --detailed-exitcode {with_keys}"))
        .expect(0);
    let found = files(&world);
    let root = found["clusters/prod/vault.yaml"].as_str().unwrap();
    assert!(
        root.contains("git@github.com:acme/prod-gitops.git"),
        "{root}"
    );

    // The private halves are in the secrets and in the cluster, and nowhere else.
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("PRIVATE KEY"));
    for entry in std::fs::read_dir(world.path().join("state/emulator")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("PRIVATE KEY"));
    }
    let ended = world
        .platctl(&format!("rotate prod.yaml --yes {with_keys}"))
        .expect(1);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("--replace gitops.git.key"), "{said}");

    world
        .platctl("destroy prod --yes --allow-data-loss all")
        .expect(0);
    assert_eq!(files(&world), json!({}));
}
