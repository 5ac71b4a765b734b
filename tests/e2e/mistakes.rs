//! Bad input: a clear error, exit code 1, and nothing changed.

use crate::world::World;

#[test]
fn bad_stack_files_change_nothing() {
    let world = World::new();
    let head = "stack: bad\nregion: eu-west-1\n";
    for (name, text, said) in [
        ("empty", String::new(), "stack"),
        ("no YAML", "stack: [".to_owned(), "bad.yaml"),
        (
            "a key that is unknown",
            format!("{head}netwrok: {{}}\n"),
            "network",
        ),
        ("a key twice", format!("{head}stack: twice\n"), "stack"),
        (
            "a wrong type",
            format!("{head}network: {{availability_zones: many}}\n"),
            "availability_zones",
        ),
        (
            "too many zones",
            format!("{head}network: {{availability_zones: 9}}\n"),
            "zones",
        ),
        (
            "no range",
            format!("{head}network: {{cidr: 10.0.0.0/99}}\n"),
            "10.0.0.0/99",
        ),
        (
            "host bits",
            format!("{head}network: {{cidr: 10.0.0.1/16}}\n"),
            "10.0.0.0/16",
        ),
        (
            "a range that is too small",
            format!("{head}network: {{cidr: 10.0.0.0/28}}\n"),
            "cidr",
        ),
        (
            "a kind that is unknown",
            format!("{head}resources: {{a: {{kind: ec2.Vcp}}}}\n"),
            "ec2.Vpc",
        ),
        (
            "an attribute that is unknown",
            format!("{head}resources: {{a: {{kind: ec2.Vpc, cidr: 1}}}}\n"),
            "cidr_block",
        ),
        (
            "a reference to nothing",
            format!(
                "{head}resources: {{a: {{kind: ec2.Subnet, vpc_id: \"${{b.vpc_id}}\", cidr_block: 10.0.0.0/24, availability_zone: eu-west-1a}}}}\n"
            ),
            "`b`",
        ),
        (
            "an environment variable that is not set",
            format!("{head}tags: {{a: \"${{env:PLATCTL_NOT_SET}}\"}}\n"),
            "PLATCTL_NOT_SET",
        ),
    ] {
        world.file("bad.yaml", &text);
        for command in [
            "validate bad.yaml",
            "plan bad.yaml --emulator",
            "apply bad.yaml --yes --emulator",
        ] {
            let ended = world.run(command);
            assert_eq!(
                ended.code,
                Some(1),
                "{name}: {command}: {}{}",
                ended.stdout,
                ended.stderr
            );
            assert!(
                ended.stderr.contains(said),
                "{name}: {command}: {}",
                ended.stderr
            );
        }
    }
    assert_eq!(world.mutations(), 0);
    assert!(!world.path().join("state").exists(), "no state was made");
}

/// What only AWS knows is asked while planning, before anything is created.
#[test]
fn what_aws_would_refuse_is_refused_by_the_plan() {
    let world = World::new();
    world.file(
        "bad.yaml",
        "stack: bad\nregion: eu-west-1\nresources:\n  \
         group: {kind: rds.DbClusterParameterGroup, db_cluster_parameter_group_name: own, description: own, \
         db_parameter_group_family: aurora-postgresql16, \
         parameters: {log_min_duration_statment: '5', block_size: '8192'}}\n  \
         instance: {kind: rds.DbInstance, db_instance_identifier: one, db_cluster_identifier: none, \
         db_instance_class: db.r9g.large, engine: aurora-postgresql}\n",
    );
    world.run("validate bad.yaml").expect(0);
    let refused = world.platctl("apply bad.yaml --yes").expect(1).stderr;
    for said in [
        "did you mean `log_min_duration_statement`?",
        "`/parameters/block_size` cannot be changed",
        "is `db.r9g.large`, which is not available for aurora-postgresql in eu-west-1",
    ] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
    assert_eq!(world.mutations(), 0);
}

#[test]
fn cycles_are_named_in_full() {
    let world = World::new();
    let group = |name: &str, other: &str| {
        format!(
            "  {name}: {{kind: ec2.SecurityGroup, vpc_id: \"${{{other}.group_id}}\", group_name: {name}, description: d}}\n"
        )
    };
    world.file(
        "bad.yaml",
        &format!(
            "stack: bad\nregion: eu-west-1\nresources:\n{}{}",
            group("a", "b"),
            group("b", "a")
        ),
    );
    let ended = world.run("validate bad.yaml").expect(1);
    assert!(ended.stderr.contains("`a` → `b` → `a`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("bad.yaml:4:41"), "{}", ended.stderr);
}

#[test]
fn bad_command_lines_change_nothing() {
    let world = World::new();
    world.network(&[]);
    for (command, said) in [
        ("plan nowhere.yaml --emulator", "nowhere.yaml"),
        (
            "plan network.yaml --emulator --set network.nat=doubel",
            "per_az",
        ),
        ("plan network.yaml --emulator --set nat", "KEY=VALUE"),
        (
            "apply network.yaml --emulator",
            "cancelled; nothing was changed",
        ),
        (
            "apply network.yaml --yes --endpoint-url http://127.0.0.1:1 --region eu-west-1",
            "127.0.0.1:1",
        ),
        ("state show network network.vcp --emulator", "network.vcp"),
    ] {
        let mut run = world.command(command);
        run.env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let output = run.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        assert!(text.contains(said), "{command}: {text}");
    }
    assert_eq!(world.mutations(), 0);
}

#[test]
fn another_account_is_refused() {
    let world = World::new();
    world.network(&[(
        "region: eu-west-1",
        "region: eu-west-1\naccount: \"210987654321\"",
    )]);
    let ended = world.platctl("apply network.yaml --yes").expect(1);
    assert!(
        ended.stderr.contains("210987654321") && ended.stderr.contains("123456789012"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.mutations(), 0);
}

#[test]
fn damaged_state_is_not_overwritten() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let path = world.path().join("state/emulator/network.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    world.control().clear_calls().unwrap();
    let ended = world.platctl("apply network.yaml --yes").expect(1);
    assert!(ended.stderr.contains("network.json"), "{}", ended.stderr);
    assert_eq!(world.mutations(), 0);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text[..text.len() / 2]
    );
}

#[test]
fn a_name_without_a_state_is_a_mistake() {
    let world = World::new();
    for line in [
        "status nosuch",
        "drift nosuch",
        "output nosuch",
        "plan nosuch --destroy",
        "destroy nosuch --yes",
    ] {
        let ended = world.platctl(line).expect(1);
        assert!(
            ended
                .stderr
                .contains("no state found for a stack named `nosuch`"),
            "{line}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_refused_plan_shows_the_reason_and_nothing_else() {
    let world = World::new();
    world.network(&[]);
    let ended = world
        .platctl("plan network.yaml --target network.natt")
        .expect(1);
    assert!(ended.stderr.contains("network.natt"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let ended = world
        .platctl("plan network.yaml --target network.natt -v")
        .expect(1);
    assert!(ended.stdout.contains("No changes."), "{}", ended.stdout);
}
