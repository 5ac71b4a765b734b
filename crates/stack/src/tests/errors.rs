//! Keys, types and values, as a person reads what is wrong with them.

use insta::assert_snapshot;
use platctl_engine::Address;
use platctl_engine::graph::GraphError;

use super::catalog::Kinds;
use super::{load, nodes, nodes_of, render, wrong, wrong_of};

#[test]
fn unknown_keys_are_all_named_with_what_was_probably_meant() {
    assert_snapshot!(wrong("stack: prod\nnetwrok: {}\nnetwork:\n  natt: single\n"), @"
     × unknown key `netwrok`
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ netwrok: {}
      · ───┬───
      ·    ╰── unknown key
    3 │ network:
      ╰────
     help: did you mean `network`?
     × unknown key `natt`
      ╭─[stack.yaml:4:3]
    3 │ network:
    4 │   natt: single
      ·   ──┬─
      ·     ╰── unknown key
      ╰────
     help: did you mean `nat`?
    ");
}

#[test]
fn blocks_of_later_versions_are_told_from_slips() {
    assert_snapshot!(wrong("stack: prod\nexisting: 8h\n"), @"
     × unknown key `existing`
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ existing: 8h
      · ────┬───
      ·     ╰── unknown key
      ╰────
     help: this version of platctl does not support the block `existing` yet
    ");
}

#[test]
fn unknown_keys_below_a_switch() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {flow_logs: {retention: 3}}"), @"
     × unknown key `retention`
      ╭─[stack.yaml:2:23]
    1 │ stack: prod
    2 │ network: {flow_logs: {retention: 3}}
      ·                       ────┬────
      ·                           ╰── unknown key
      ╰────
     help: available: retention_days, destination, traffic, encrypt
    ");
}

#[test]
fn a_word_that_is_none_of_a_few() {
    assert_snapshot!(wrong("stack: prod\nnetwork: {nat: sinlge}"), @"
     × `sinlge` is not one of per_az, single, none
      ╭─[stack.yaml:2:16]
    1 │ stack: prod
    2 │ network: {nat: sinlge}
      ·                ───┬──
      ·                   ╰── unknown
      ╰────
     help: did you mean `single`?
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: {nat: false}"), @"
     × expected one of per_az, single, none, found `false`
      ╭─[stack.yaml:2:16]
    1 │ stack: prod
    2 │ network: {nat: false}
      ·                ──┬──
      ·                  ╰── this is `false`
      ╰────
    ");
}

#[test]
fn wrong_types() {
    assert_snapshot!(wrong("stack: prod\naccount: 123456789012"), @r#"
     × an account ID must be in quotes: "123456789012"
      ╭─[stack.yaml:2:10]
    1 │ stack: prod
    2 │ account: 123456789012
      ·          ──────┬─────
      ·                ╰── here
      ╰────
    "#);
    assert_snapshot!(wrong("stack: prod\nnetwork: {availability_zones: three}"), @"
     × expected a number of zones, or a list of their names, found the string `three`
      ╭─[stack.yaml:2:31]
    1 │ stack: prod
    2 │ network: {availability_zones: three}
      ·                               ──┬──
      ·                                 ╰── this is the string `three`
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork:\n  availability_zones: {a: 1}"), @"
     × expected a number of zones, or a list of their names, found a map
      ╭─[stack.yaml:3:3]
    2 │ network:
    3 │   availability_zones: {a: 1}
      ·   ─────────┬────────
      ·            ╰── this is a map
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nnetwork: 3"), @"
     × expected a map, found the number 3
      ╭─[stack.yaml:2:10]
    1 │ stack: prod
    2 │ network: 3
      ·          ┬
      ·          ╰── this is the number 3
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nprotect: yes"), @"
     × expected `true` or `false`, found the string `yes`
      ╭─[stack.yaml:2:10]
    1 │ stack: prod
    2 │ protect: yes
      ·          ─┬─
      ·           ╰── this is the string `yes`
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\ntags: {cost: 12}"), @"
     × expected a string, found the number 12
      ╭─[stack.yaml:2:14]
    1 │ stack: prod
    2 │ tags: {cost: 12}
      ·              ─┬
      ·               ╰── this is the number 12
      ╰────
     help: put the value in quotes to make it a string
    ");
}

#[test]
fn names_of_the_wrong_form() {
    assert_snapshot!(wrong("stack: Prod"), @"
     × a stack name must have 1 to 20 lower-case letters, digits and `-`, begin with a letter, and
     │ not end with `-`
      ╭─[stack.yaml:1:8]
    1 │ stack: Prod
      ·        ──┬─
      ·          ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\naccount: \"1234\""), @r#"
     × an account ID must have 12 digits, in quotes: "123456789012"
      ╭─[stack.yaml:2:10]
    1 │ stack: prod
    2 │ account: "1234"
      ·          ───┬──
      ·             ╰── here
      ╰────
    "#);
    assert_snapshot!(wrong("stack: prod\nregion: eu-west-1a"), @"
     × invalid region: use a name such as eu-west-1, without the letter of a zone
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: eu-west-1a
      ·         ─────┬────
      ·              ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nregion: eu-wset-1"), @"
     × AWS has no region `eu-wset-1`: did you mean `eu-west-1`?
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: eu-wset-1
      ·         ────┬────
      ·             ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\ntags: {aws:x: y}"), @"
     × tag keys that begin with `aws:` are reserved for AWS
      ╭─[stack.yaml:2:8]
    1 │ stack: prod
    2 │ tags: {aws:x: y}
      ·        ──┬──
      ·          ╰── here
      ╰────
    ");
}

/// The account of an unquoted number that begins with zeros: whatever the reader of YAML makes of it.
#[test]
fn an_account_without_quotes() {
    let loaded = load("stack: prod\naccount: 012345678901", &[]);
    let account = loaded
        .map(|stack| stack.account().map(str::to_owned))
        .map_err(|errors| errors.to_string());
    let said = "an account ID must be in quotes: \"012345678901\"";
    assert!(
        account == Ok(Some("012345678901".into())) || account == Err(said.into()),
        "{account:?}"
    );
}

#[test]
fn a_stack_without_a_name() {
    assert_snapshot!(wrong("region: eu-west-1"), @"
     × `stack` is missing
      ╭─[stack.yaml:1:1]
    1 │ region: eu-west-1
      · ▲
      · ╰── requires `stack`
      ╰────
    ");
}

#[test]
fn moves_that_lead_nowhere() {
    assert_snapshot!(wrong_of(
        "stack: prod
moved: {old: uplaods, uploads: notes}
resources:
  uploads: {kind: s3.Bucket, bucket: prod-uploads}
  notes: {kind: test.Note, text: x}
",
        &[],
        &Kinds
    ), @"
     × there is no resource `uplaods` in the stack file
      ╭─[stack.yaml:2:14]
    1 │ stack: prod
    2 │ moved: {old: uplaods, uploads: notes}
      ·              ───┬───
      ·                 ╰── unknown address
    3 │ resources:
      ╰────
     help: did you mean `uploads`?
     × `uploads` is in `moved:`, but it is still declared
      ╭─[stack.yaml:2:23]
    1 │ stack: prod
    2 │ moved: {old: uplaods, uploads: notes}
      ·                       ───┬───
      ·                          ╰── the old address
    3 │ resources:
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nmoved: {a b: c}"), @"
     × `a b` is not a valid address: use letters, digits, `_` and `-`, in parts joined by dots, at
     │ most 200 characters
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ moved: {a b: c}
      ·         ─┬─
      ·          ╰── here
      ╰────
    ");
}

#[test]
fn moves_are_read() {
    let stack = load(
        "stack: prod\nmoved: {old: uploads}\nresources: {uploads: {kind: s3.Bucket, bucket: prod-uploads}}",
        &[],
    );
    let stack = stack.unwrap();
    assert_eq!(nodes_of(&stack, &Kinds).unwrap().len(), 1);
    let (from, to) = stack.moved().iter().next().unwrap();
    assert_eq!((from.as_str(), to.as_str()), ("old", "uploads"));
}

#[test]
fn tags_beyond_what_aws_takes() {
    let tags = |count: usize| {
        (0..count)
            .map(|number| format!("  t{number}: x\n"))
            .collect::<String>()
    };
    let with = |count: usize, rest: &str| {
        let text = format!("stack: prod\n{rest}\ntags:\n{}", tags(count));
        load(&text, &[])
            .and_then(|stack| nodes(&stack))
            .map_err(|errors| errors.to_string())
    };
    assert!(with(43, "network:").is_ok());
    // A subnet has a name and what load balancers look for, beside the five tags of ownership.
    let of_subnet =
        "`network.public.a` would have 51 tags, but AWS allows 50, of which 43 are left for yours";
    assert_eq!(with(44, "network:").unwrap_err(), of_subnet);
    // A cluster of RDS has one more of ours than other resources.
    let of_cluster =
        "`database.cluster` would have 51 tags, but AWS allows 50, of which 43 are left for yours";
    assert_eq!(
        with(44, "network:\ndatabase:").unwrap_err(),
        format!("{of_subnet}\n{of_cluster}")
    );
    assert!(with(43, "network:\ndatabase:").is_ok());
    // Those of a single resource count as well.
    let raw = |count: usize| {
        let own: Vec<_> = (0..count).map(|number| format!("r{number}: x")).collect();
        with(
            20,
            &format!(
                "resources: {{uploads: {{kind: s3.Bucket, bucket: prod-x, tags: {{{}}}}}}}",
                own.join(", ")
            ),
        )
    };
    assert!(raw(23).is_ok());
    assert_eq!(
        raw(24).unwrap_err(),
        "`uploads` would have 51 tags, but AWS allows 50, of which 43 are left for yours"
    );
}

#[test]
fn a_file_that_is_not_there_and_one_that_is() {
    let folder = std::path::Path::new("../../stacks");
    let none = crate::Overrides::default();
    assert!(crate::load(folder.join("network.yaml"), &none).is_ok());
    let error = crate::load("stacks/none.yaml", &none)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read stacks/none.yaml: "),
        "{error}"
    );
}

#[test]
fn what_the_graph_refuses_is_shown_in_the_file() {
    let text = "stack: prod\nnetwork:\nresources:\n  note:\n    kind: test.Note\n    text: x";
    let address = |text: &str| Address::new(text).unwrap();
    let errors = load(text, &[]).unwrap().explain(&[
        GraphError::Dangling {
            address: address("note"),
            at: "/text".into(),
            to: "gone".into(),
        },
        GraphError::Duplicate {
            address: address("network.vpc"),
        },
        GraphError::UnknownKind {
            address: address("note"),
            kind: "test.Note".into(),
        },
    ]);
    assert_snapshot!(render(&errors), @"
     × `note` references `gone` in `/text`, but it is not declared
      ╭─[stack.yaml:6:11]
    5 │     kind: test.Note
    6 │     text: x
      ·           ┬
      ·           ╰── referenced here
      ╰────
     × `network.vpc` is declared twice
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ network:
      · ───┬───
      ·    ╰── declared here
    3 │ resources:
      ╰────
     × `note` has the unknown kind `test.Note`
      ╭─[stack.yaml:5:11]
    4 │   note:
    5 │     kind: test.Note
      ·           ────┬────
      ·               ╰── unknown kind
    6 │     text: x
      ╰────
    ");
}

/// AWS would answer with a lack of access, and whoever wrote the file cannot choose the names of these parameters.
#[test]
fn the_name_of_a_stack_with_a_database_is_not_reserved_in_parameter_store() {
    for name in ["awsshop", "ssm"] {
        let said = wrong(&format!("stack: {name}\nnetwork: {{}}\ndatabase: {{}}\n"));
        let flat = said.replace(['│', '\n'], " ");
        let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains("use another name for the stack") && !flat.contains("/name:"),
            "{said}"
        );
    }
    assert!(load("stack: awsshop\nnetwork: {}\n", &[]).is_ok());
}
