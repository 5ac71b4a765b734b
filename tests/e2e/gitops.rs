//! The GitOps repository: what platctl writes into it, and what it leaves to people.

use aws_sdk_codecommit::types::PutFileEntry;
use aws_smithy_types::Blob;

use crate::world::World;

const STACK: &str = "
stack: prod
region: eu-west-1
network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}
cluster: {}
delivery: {environments: {develop: auto}}
services:
  backend: {port: 8080}
gitops: {}
";

const REPOSITORY: &str = "prod-gitops";
const FILE: &str = "services/backend/scaling.yaml";

async fn text(world: &World, path: &str) -> String {
    let call = world
        .codecommit()
        .get_file()
        .repository_name(REPOSITORY)
        .file_path(path);
    let file = call
        .send()
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"));
    String::from_utf8(file.file_content().as_ref().to_vec()).unwrap()
}

async fn tip(world: &World) -> String {
    let call = world
        .codecommit()
        .get_branch()
        .repository_name(REPOSITORY)
        .branch_name("main");
    call.send()
        .await
        .unwrap()
        .branch
        .and_then(|branch| branch.commit_id)
        .unwrap()
}

/// As somebody does who works in the repository.
async fn commit(world: &World, path: &str, content: &str) {
    let file = PutFileEntry::builder()
        .file_path(path)
        .file_content(Blob::new(content))
        .build()
        .unwrap();
    let call = world
        .codecommit()
        .create_commit()
        .repository_name(REPOSITORY)
        .branch_name("main");
    call.parent_commit_id(tip(world).await)
        .put_files(file)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_repository_says_what_runs_and_people_are_not_overwritten() {
    let world = World::new();
    world.file("prod.yaml", STACK);
    world.platctl("apply prod.yaml --yes").expect(0);

    // Values that only AWS knows are in the files.
    let controller = text(&world, "clusters/prod/load-balancer-controller.yaml").await;
    let vpcs = world.ec2().describe_vpcs().send().await.unwrap();
    assert!(
        vpcs.vpcs()
            .iter()
            .any(|vpc| controller.contains(vpc.vpc_id().unwrap())),
        "{controller}"
    );
    assert!(!controller.contains("$ref"), "{controller}");
    let rollout = text(&world, "services/backend/rollout.yaml").await;
    assert!(
        rollout.contains(".dkr.ecr.eu-west-1.amazonaws.com/prod/backend"),
        "{rollout}"
    );
    assert!(
        text(&world, "README.md")
            .await
            .contains("| vault | vault |")
    );

    // Every workload that speaks to AWS has a role of its own.
    let call = world
        .eks()
        .list_pod_identity_associations()
        .cluster_name("prod-cluster");
    let identities = call.send().await.unwrap();
    let mut accounts: Vec<&str> = identities
        .associations()
        .iter()
        .filter_map(|one| one.service_account())
        .collect();
    accounts.sort_unstable();
    let expected = [
        "argo-cd-backup",
        "argocd-image-updater",
        "aws-load-balancer-controller",
        "cluster-autoscaler",
        "vault",
        "vault-init",
    ];
    assert!(
        expected.iter().all(|one| accounts.contains(one)),
        "{accounts:?}"
    );

    // What people change stays, as long as platctl has nothing new for it.
    commit(&world, FILE, "# ours now\n").await;
    commit(&world, "services/backend/extra.yaml", "# more\n").await;
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    world
        .platctl("apply prod.yaml --yes --set gitops.vault=false")
        .expect(0);
    assert_eq!(text(&world, FILE).await, "# ours now\n");
    assert!(
        !text(&world, "README.md")
            .await
            .contains("| vault | vault |")
    );

    // Where both changed a file, nothing is written.
    let before = tip(&world).await;
    let more = "--set services.backend.replicas.min=3 --set services.backend.replicas.max=20";
    let ended = world.platctl(&format!(
        "apply prod.yaml --yes --set gitops.vault=false {more}"
    ));
    assert_ne!(ended.code, Some(0));
    assert!(
        ended.stdout.contains(FILE) && ended.stdout.contains("conflict in "),
        "{}",
        ended.stdout
    );
    assert_eq!(tip(&world).await, before);

    // A file can be left to people for good.
    let keep = format!("--set gitops.keep=[{FILE}]");
    world
        .platctl(&format!(
            "apply prod.yaml --yes --set gitops.vault=false {more} {keep}"
        ))
        .expect(0);
    assert_eq!(text(&world, FILE).await, "# ours now\n");
    world
        .platctl(&format!(
            "plan prod.yaml --detailed-exitcode --set gitops.vault=false {more} {keep}"
        ))
        .expect(0);
    world
        .platctl("destroy prod --yes --allow-data-loss all")
        .expect(0);
}
