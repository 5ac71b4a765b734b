//! Clusters and their nodes become others while what runs on them goes on.

use std::time::Duration;

use aws_sdk_eks::types::NodegroupStatus;
use platctl_emulator::Moment;
use serde_json::json;

use crate::world::World;

/// A cluster and nothing else.
fn cluster(world: &World) {
    world.file(
        "up.yaml",
        "stack: up\nregion: eu-west-1\n\
         network: {availability_zones: 2, nat: single, endpoints: [], flow_logs: false}\n\
         cluster:\n  version: '1.34'\n  node_groups: {general: {instance_types: [m6i.large], min: 2, max: 4}}\n",
    );
    world.platctl("apply up.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
}

/// Where in the order of calls the operation's are.
fn places(world: &World, operation: &str) -> Vec<usize> {
    let calls = world.control().calls().unwrap();
    calls
        .iter()
        .filter(|call| call.operation == operation)
        .map(|call| call.number)
        .collect()
}

async fn group(world: &World, name: &str) -> aws_sdk_eks::types::Nodegroup {
    let call = world
        .eks()
        .describe_nodegroup()
        .cluster_name("up-cluster")
        .nodegroup_name(name);
    call.send().await.unwrap().nodegroup.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_replaced_by_new_ones_that_are_there_first() {
    let world = World::new();
    cluster(&world);
    // The autoscaler has made it larger than the file says.
    let sizes = aws_sdk_eks::types::NodegroupScalingConfig::builder()
        .min_size(2)
        .max_size(4)
        .desired_size(3);
    let call = world
        .eks()
        .update_nodegroup_config()
        .cluster_name("up-cluster")
        .nodegroup_name("general");
    call.scaling_config(sizes.build()).send().await.unwrap();
    // Nodes take a moment to come, so that whoever does not wait for them is found out.
    world
        .control()
        .profile(&json!({"time_scale": 0.01}))
        .unwrap();

    let set = "--set cluster.node_groups.general.instance_types=[m7i.large]";
    let plan = world.platctl(&format!("plan up.yaml {set}")).expect(0);
    assert!(
        plan.stdout.contains("+/- cluster.node_group.general"),
        "{}",
        plan.stdout
    );
    world
        .control()
        .hold_first("eks:DeleteNodegroup", Moment::Before)
        .unwrap();
    let run = world.spawn(&format!("apply up.yaml --yes {set}"));
    let control = world.control();
    let held = (0..5).find_map(|_| control.held(Duration::from_secs(20)).unwrap());
    assert_eq!(held.unwrap().operation, "eks:DeleteNodegroup");
    let (old, new) = (
        group(&world, "general").await,
        group(&world, "general-gen2").await,
    );
    assert_eq!(
        (old.status(), new.status()),
        (
            Some(&NodegroupStatus::Active),
            Some(&NodegroupStatus::Active)
        )
    );
    assert_eq!(new.instance_types(), ["m7i.large"]);
    assert_eq!(
        new.scaling_config().unwrap().desired_size(),
        Some(3),
        "pods find as much room as before"
    );
    control.release(false).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );

    let left = world
        .eks()
        .list_nodegroups()
        .cluster_name("up-cluster")
        .send()
        .await
        .unwrap();
    assert_eq!(left.nodegroups(), ["general-gen2"]);
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);
    // State that is lost is made anew from what is there, generation included.
    std::fs::remove_dir_all(world.path().join("state")).unwrap();
    world
        .platctl(&format!("state recover up.yaml --yes {set}"))
        .expect(0);
    let ended = world
        .platctl(&format!("apply up.yaml --yes {set}"))
        .expect(0);
    assert!(
        ended.stdout.contains(" updated in "),
        "only its lineage is written: {}",
        ended.stdout
    );
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);
    world
        .platctl("destroy up --yes --allow-data-loss all")
        .expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_two_the_next_run_ends_with_one() {
    let world = World::new();
    cluster(&world);
    let set = "--set cluster.node_groups.general.capacity=spot";
    for (operation, moment) in [
        ("eks:CreateNodegroup", Moment::After),
        ("eks:DeleteNodegroup", Moment::Before),
        ("eks:DeleteNodegroup", Moment::After),
    ] {
        world.reset();
        cluster(&world);
        world.control().hold_first(operation, moment).unwrap();
        let mut run = world.spawn(&format!("apply up.yaml --yes {set}"));
        let held = world.control().held(Duration::from_secs(20)).unwrap();
        assert_eq!(held.unwrap().operation, operation);
        run.kill().unwrap();
        run.wait().unwrap();
        world.control().release(true).unwrap();
        world
            .platctl(&format!("apply up.yaml --yes {set}"))
            .expect(0);
        let left = world
            .eks()
            .list_nodegroups()
            .cluster_name("up-cluster")
            .send()
            .await
            .unwrap();
        assert_eq!(
            left.nodegroups(),
            ["general-gen2"],
            "killed {moment:?} {operation}"
        );
        world
            .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
            .expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_goes_from_the_control_plane_over_add_ons_to_nodes() {
    let world = World::new();
    cluster(&world);
    let addon = async |name: &str| {
        let call = world
            .eks()
            .describe_addon()
            .cluster_name("up-cluster")
            .addon_name(name);
        call.send()
            .await
            .unwrap()
            .addon
            .unwrap()
            .addon_version
            .unwrap()
    };
    assert_eq!(addon("kube-proxy").await, "v1.34.0-eksbuild.2");
    world
        .control()
        .profile(&json!({"time_scale": 0.002}))
        .unwrap();

    let set = "--set cluster.version='1.35'";
    let plan = world.platctl(&format!("plan up.yaml {set}")).expect(0);
    assert!(
        plan.stdout.contains("~ cluster.addon.kube-proxy"),
        "{}",
        plan.stdout
    );
    let ended = world
        .platctl("upgrade up.yaml --to 1.35 --yes --cluster-access direct")
        .expect(0);
    for said in [
        "Kubernetes 1.35, step 1 of 4: control plane",
        "Kubernetes 1.35, step 3 of 4: nodes",
        "Cluster up-cluster has Kubernetes 1.35. In up.yaml:5, change `version: ",
        "run `platctl rollback up`",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }

    let control_plane = places(&world, "UpdateClusterVersion");
    let (add_ons, nodes) = (
        places(&world, "UpdateAddon"),
        places(&world, "UpdateNodegroupVersion"),
    );
    assert_eq!((control_plane.len(), add_ons.len(), nodes.len()), (1, 5, 1));
    assert!(control_plane[0] < add_ons[0] && control_plane[0] < nodes[0]);
    // Those that nodes need before they are ready come before nodes; those that run on nodes may come after.
    let before = add_ons.iter().filter(|place| **place < nodes[0]).count();
    assert!(before >= 3, "{add_ons:?} {nodes:?}");

    assert_eq!(addon("kube-proxy").await, "v1.35.0-eksbuild.2");
    assert_eq!(addon("coredns").await, "v1.12.4-eksbuild.1");
    assert_eq!(group(&world, "general").await.version(), Some("1.35"));
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);

    // The way back, for a few days: nodes first, which must not be newer than the control plane.
    world.platctl("rollback up vpc --yes").expect(1);
    let moved = places(&world, "UpdateNodegroupVersion").len();
    let ended = world.platctl("rollback up --yes").expect(0);
    assert!(
        ended.stdout.contains("up-cluster has Kubernetes 1.34"),
        "{}",
        ended.stdout
    );
    assert_eq!(group(&world, "general").await.version(), Some("1.34"));
    // kube-proxy must not be newer than the control plane either.
    assert_eq!(addon("kube-proxy").await, "v1.34.0-eksbuild.2");
    assert_eq!(addon("coredns").await, "v1.12.4-eksbuild.1");
    let plan = world.platctl("plan up.yaml").expect(0);
    assert!(!plan.stdout.contains("cluster.cluster"), "{}", plan.stdout);
    // Once only, and what EKS would refuse at the end is refused before any node is replaced.
    let again = world.platctl("rollback up --yes").expect(1);
    assert!(
        again.stderr.contains("has been rolled back already"),
        "{}",
        again.stderr
    );
    assert_eq!(places(&world, "UpdateNodegroupVersion").len(), moved + 1);
    // The next upgrade takes kube-proxy along.
    world
        .platctl(&format!("apply up.yaml --yes {set}"))
        .expect(0);
    assert_eq!(addon("kube-proxy").await, "v1.35.0-eksbuild.2");

    // An upgrade that is killed before the nodes is continued there.
    let control = world.control();
    control
        .hold_first("eks:UpdateNodegroupVersion", Moment::Before)
        .unwrap();
    let line = "upgrade up.yaml --to 1.36 --yes --cluster-access direct";
    let mut run = world.spawn(line);
    let held = (0..5).find_map(|_| control.held(Duration::from_secs(20)).unwrap());
    assert_eq!(held.unwrap().operation, "eks:UpdateNodegroupVersion");
    run.kill().unwrap();
    run.wait().unwrap();
    control.release(true).unwrap();
    let ended = world.platctl(&format!("{line} --json")).expect(0);
    for said in [
        "the upgrade is continued",
        r#""text":"Kubernetes 1.36, step 1 of 4: control plane""#,
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    assert_eq!(group(&world, "general").await.version(), Some("1.36"));
    // Calls are counted anew from where one is held on.
    assert_eq!(
        places(&world, "UpdateClusterVersion").len(),
        1,
        "the control plane was done"
    );
    let ended = world.platctl(line).expect(0);
    assert!(
        ended.stdout.contains("already has Kubernetes 1.36"),
        "{}",
        ended.stdout
    );
}

#[test]
fn what_eks_would_refuse_is_refused_by_the_plan() {
    let world = World::new();
    cluster(&world);
    for (version, said) in [
        ("1.36", "Set the version to 1.35 and apply"),
        ("1.33", "a cluster cannot be moved to an earlier version"),
    ] {
        for command in ["plan", "apply --yes"] {
            let ended = world
                .platctl(&format!(
                    "{command} up.yaml --set cluster.version='{version}'"
                ))
                .expect(1);
            assert!(ended.stderr.contains(said), "{version}: {}", ended.stderr);
        }
    }
    assert_eq!(world.mutations(), 0, "nothing was changed before");
    says_what_is_in_the_way(&world);
    lets_people_in(&world);
}

/// `platctl upgrade` against a cluster of 1.34.
fn says_what_is_in_the_way(world: &World) {
    let upgrade = |to: &str, code| {
        let line = format!("upgrade up.yaml --to {to} --dry-run --cluster-access direct");
        world.platctl(&line).expect(code).stdout
    };
    let said = upgrade("1.36", 0);
    for part in [
        "from Kubernetes 1.34 to 1.35",
        "1. control plane: cluster.cluster",
        "3. nodes: cluster.node_group.general",
        "Then, after the same checks, in the same steps to Kubernetes 1.36.",
        "Nothing was changed.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !said.contains("Warnings:"),
        "every add-on supports both: {said}"
    );
    let said = upgrade("1.99", 1);
    assert!(said.contains("EKS offers no Kubernetes 1."), "{said}");
    let back = "upgrade up.yaml --to 1.33 --dry-run --cluster-access direct";
    let said = world.platctl(back).expect(1).stderr;
    assert!(said.contains("platctl rollback STACK"), "{said}");
    assert!(upgrade("1.34", 0).contains("already has Kubernetes 1.34"));
    let removed = "An API is called that is removed";
    world
        .control()
        .set_state("eks.Insight", "up-cluster", removed)
        .unwrap();
    let said = upgrade("1.35", 1);
    assert!(said.contains("These issues block the upgrade"), "{said}");
    assert!(said.contains(removed) && !said.contains("Steps:"), "{said}");
}

/// `platctl kubeconfig`, and the token that kubectl asks for.
fn lets_people_in(world: &World) {
    let printed = world.platctl("kubeconfig up --stdout").expect(0).stdout;
    assert!(printed.contains("https://127.0.0.1:9443"), "{printed}");
    let direct = "kubeconfig up --file config --cluster-access direct";
    let said = world.platctl(direct).expect(0).stdout;
    assert!(said.contains("Wrote the context `up-eu-west-1`"), "{said}");
    let written = std::fs::read_to_string(world.path().join("config")).unwrap();
    for part in [
        "name: platctl-up-eu-west-1-",
        "current-context: up-eu-west-1",
        "token",
        "up-cluster",
    ] {
        assert!(written.contains(part), "{written}");
    }
    let token = world
        .platctl("token up-cluster --region eu-west-1")
        .expect(0)
        .stdout;
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    assert_eq!(token["kind"], "ExecCredential");
    let text = token["status"]["token"].as_str().unwrap();
    assert!(text.starts_with("k8s-aws-v1."), "{text}");
    let refused = world.platctl("connect up jenkins").expect(1).stderr;
    assert!(refused.contains("argocd"), "{refused}");
    let missing = world
        .platctl("connect up argocd --cluster-access direct")
        .expect(1)
        .stderr;
    assert!(
        missing.contains("no Service argocd/argocd-server"),
        "{missing}"
    );
    let tunnel = world.platctl("connect up argocd").expect(1).stderr;
    assert!(tunnel.contains("cannot connect"), "{tunnel}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_eks_gave_up_is_told_and_not_repeated() {
    let world = World::new();
    cluster(&world);
    let fail = || {
        world
            .control()
            .set_state("eks.Update", "general", "PodEvictionFailure")
            .unwrap()
    };
    let set = "--set cluster.node_groups.general.disk_gib=120";
    fail();
    let ended = world
        .platctl(&format!("apply up.yaml --yes {set}"))
        .expect(2);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        said.contains("PodEvictionFailure: Reached max retries"),
        "{said}"
    );
    assert!(
        said.contains("--force-evict cluster.node_group.general"),
        "{said}"
    );
    assert!(said.contains("run `kubectl get pdb -A`"), "{said}");
    assert_eq!(places(&world, "UpdateNodegroupVersion").len(), 1);
    let wrong = world
        .platctl(&format!(
            "apply up.yaml --yes {set} --force-evict cluster.cluster"
        ))
        .expect(1);
    assert!(
        wrong
            .stderr
            .contains("Specify one of cluster.node_group.general"),
        "{}",
        wrong.stderr
    );
    fail();
    world
        .platctl(&format!(
            "apply up.yaml --yes {set} --force-evict cluster.node_group.general"
        ))
        .expect(0);
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);
    // A deletion that fails ends at once, too, and the next one succeeds.
    world
        .control()
        .set_state("eks.Deletion", "general", "Ec2SecurityGroupDeletionFailure")
        .unwrap();
    let ended = world
        .platctl("destroy up --yes --allow-data-loss all")
        .expect(2);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        said.contains("DELETE_FAILED (Ec2SecurityGroupDeletionFailure"),
        "{said}"
    );
    world
        .platctl("destroy up --yes --allow-data-loss all")
        .expect(0);
}

#[test]
fn a_version_of_an_add_on_that_is_stated_stays() {
    let world = World::new();
    cluster(&world);
    let set =
        "--set cluster.addons.vpc-cni.version=v1.20.4-eksbuild.1 --set cluster.version='1.35'";
    world
        .platctl(&format!("apply up.yaml --yes {set}"))
        .expect(0);
    assert_eq!(places(&world, "UpdateAddon").len(), 4);
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);
    // Without one it moves along again.
    world
        .platctl("apply up.yaml --yes --set cluster.version='1.35'")
        .expect(0);
    assert_eq!(places(&world, "UpdateAddon").len(), 5);
}

/// A cluster whose nodes have the policy of the plugin that gives pods their addresses, as older versions of platctl made
/// it: at no moment is there neither that nor the plugin's own role.
#[test]
fn the_policy_leaves_the_nodes_after_the_add_on_has_a_role() {
    let world = World::new();
    world.file(
        "up.yaml",
        "stack: up\nregion: eu-west-1\n\
         network: {availability_zones: 2, nat: single, endpoints: [], flow_logs: false}\n\
         cluster:\n  addons: {eks-pod-identity-agent: false, aws-ebs-csi-driver: false}\n",
    );
    world.platctl("apply up.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
    let set = "--set cluster.addons.eks-pod-identity-agent=true";
    let plan = world.platctl(&format!("plan up.yaml {set}")).expect(0);
    assert!(
        plan.stdout.contains("+/- cluster.policy.cni"),
        "{}",
        plan.stdout
    );
    world
        .platctl(&format!("apply up.yaml --yes {set}"))
        .expect(0);
    let attached = places(&world, "AttachRolePolicy");
    let associated = places(&world, "CreatePodIdentityAssociation");
    let moved = places(&world, "UpdateAddon");
    let detached = places(&world, "DetachRolePolicy");
    assert_eq!((attached.len(), associated.len()), (1, 1));
    assert_eq!((moved.len(), detached.len()), (1, 1));
    assert!(attached[0] < associated[0], "the role may do it first");
    assert!(
        associated[0] < moved[0],
        "its pods start anew with the role"
    );
    assert!(moved[0] < detached[0], "and only then the nodes lose it");
    world
        .platctl(&format!("plan up.yaml --detailed-exitcode {set}"))
        .expect(0);
}
