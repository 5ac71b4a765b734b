//! `--set` and the environment.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{load, nodes, wrong, wrong_with};

#[test]
fn the_environment_fills_strings_numbers_and_gaps() {
    let stack = load(
        "stack: ${env:NAME:-prod}\nregion: ${env:REGION}\naccount: \"${env:ID:-123456789012}\"",
        &[],
    )
    .unwrap();
    assert_eq!(
        (stack.name(), stack.region(), stack.account()),
        ("prod", Some("eu-west-1"), Some("123456789012"))
    );
    // Where a number belongs, the text of a variable is read as one, in quotes as well.
    for zones in ["${env:ZONES}", "\"${env:ZONES}\"", "${env:NONE:-2}"] {
        let one = load(
            &format!("stack: prod\nnetwork:\n  availability_zones: {zones}"),
            &[],
        )
        .unwrap();
        let two = load("stack: prod\nnetwork:\n  availability_zones: 2", &[]).unwrap();
        assert_eq!(nodes(&one).unwrap(), nodes(&two).unwrap(), "{zones}");
    }
    assert_eq!(
        load("stack: prod\nregion: eu-west-1${env:EMPTY}", &[])
            .unwrap()
            .region(),
        Some("eu-west-1")
    );
}

#[test]
fn a_flag_needs_no_quotes_within_quotes() {
    let stated = "stack: prod\nnetwork: {}\ndatabase:\n  version: \"17.4\"\n  port: 5433";
    let flags = ["database.version=17.4", "database.port=5433"];
    let set = load("stack: prod\nnetwork: {}\ndatabase: {}", &flags).unwrap();
    assert_eq!(
        nodes(&set).unwrap(),
        nodes(&load(stated, &[]).unwrap()).unwrap()
    );
}

#[test]
fn an_unset_variable() {
    assert_snapshot!(wrong("stack: prod\ntags:\n  owner: team-${env:TEAM}-x"), @"
     × the environment variable `TEAM` is not set
      ╭─[stack.yaml:3:15]
    2 │ tags:
    3 │   owner: team-${env:TEAM}-x
      ·               ─────┬─────
      ·                    ╰── used here
      ╰────
     help: set the variable, or add a default: ${env:TEAM:-…}
    ");
}

#[test]
fn interpolations_that_are_none() {
    assert_snapshot!(wrong("stack: prod\nregion: ${env:REGION"), @"
     × unclosed `${`
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: ${env:REGION
      ·         ──────┬─────
      ·               ╰── missing `}`
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nregion: ${env:2X}"), @"
     × `2X` is not a valid environment variable name
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: ${env:2X}
      ·         ────┬────
      ·             ╰── use letters, digits and `_`, and do not begin with a digit
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\ntags: {\"${env:REGION}\": x}"), @r#"
     × `${…}` is not allowed in keys
      ╭─[stack.yaml:2:8]
    1 │ stack: prod
    2 │ tags: {"${env:REGION}": x}
      ·        ───────┬───────
      ·               ╰── only allowed in values
      ╰────
    "#);
    assert_snapshot!(wrong("stack: prod\nnetwork: {cidr: ${env:REGION}}"), @r#"
     × invalid YAML: while parsing a flow mapping, did not find expected ',' or '}'
      ╭─[stack.yaml:2:18]
    1 │ stack: prod
    2 │ network: {cidr: ${env:REGION}}
      ·                  ┬
      ·                  ╰── here
      ╰────
     help: inside `{…}` or `[…]`, put `${…}` in quotes: "${env:NAME}"
    "#);
}

#[test]
fn a_variable_cannot_bring_in_what_a_file_cannot() {
    assert_snapshot!(wrong("stack: prod\nregion: ${env:EVIL}"), @r"
     × the control character \u{1b} is not allowed in a stack file
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: ${env:EVIL}
      ·         ─────┬─────
      ·              ╰── found here
      ╰────
     help: remove it: AWS does not allow control characters in names, tags or text
    ");
}

#[test]
fn flags_override_and_add() {
    let flags = [
        "region=eu-west-1",
        "tags.\"a.b\"=x",
        "network.nat=single",
        "network.endpoints=[s3]",
        "protect=true",
    ];
    let stack = load("stack: prod\nregion: us-east-1\nnetwork:\n", &flags).unwrap();
    assert_eq!(stack.region(), Some("eu-west-1"));
    assert!(stack.needs_zones());
    let written = "stack: prod\nregion: eu-west-1\nnetwork: {nat: single, endpoints: [s3]}\ntags: {a.b: x}\nprotect: true";
    assert_eq!(stack.digest(), load(written, &[]).unwrap().digest());
}

#[test]
fn the_digest_changes_with_what_is_said_and_with_nothing_else() {
    let digest = |text: &str, set: &[&str]| load(text, set).unwrap().digest().to_owned();
    let one = digest("stack: prod # comment\nregion: \"eu-west-1\"", &[]);
    assert_eq!(one.len(), 64);
    assert_eq!(one, digest("stack: prod\n\nregion: eu-west-1", &[]));
    assert_eq!(one, digest("stack: prod\nregion: ${env:REGION}", &[]));
    assert_ne!(one, digest("stack: prod\nregion: eu-west-2", &[]));
    assert_ne!(
        one,
        digest("stack: prod\nregion: eu-west-1", &["protect=true"])
    );
}

#[test]
fn flags_that_lead_nowhere_are_shown_themselves() {
    assert_snapshot!(wrong_with("stack: prod\nnetwork: {}", &["network.natt=single"]), @"
     × unknown key `natt`
      ╭─[--set:1:9]
    1 │ network.natt=single
      ·         ──┬─
      ·           ╰── unknown key
      ╰────
     help: did you mean `nat`?
    ");
    assert_snapshot!(wrong_with("stack: prod\nnetwork: {}", &["network.nat=sinlge"]), @"
     × `sinlge` is not one of per_az, single, none
      ╭─[--set:1:13]
    1 │ network.nat=sinlge
      ·             ───┬──
      ·                ╰── unknown
      ╰────
     help: did you mean `single`?
    ");
    assert_snapshot!(wrong_with("stack: prod\nnetwork: {}", &["stack.name=x"]), @"
     × `name` cannot be set: the key above it is not a map (not a map: stack.yaml:1)
      ╭─[--set:1:7]
    1 │ stack.name=x
      ·       ──┬─
      ·         ╰── no such key
      ╰────
     help: to replace a whole list, use --set network.endpoints='[s3, sts]'
    ");
    assert_snapshot!(wrong_with("stack: prod", &["region"]), @"
     × `--set` must have the form KEY=VALUE
      ╭─[--set:1:1]
    1 │ region
      · ───┬──
      ·    ╰── `=` is missing
      ╰────
    ");
    assert_snapshot!(wrong_with("stack: prod", &["=x"]), @"
     × `--set` must have the form KEY=VALUE
      ╭─[--set:1:1]
    1 │ =x
      · ▲
      · ╰── the key is missing
      ╰────
    ");
    assert_snapshot!(wrong_with("stack: prod", &["tags={a: "]), @"
     × invalid YAML: unclosed bracket '{'
      ╭─[--set:1:6]
    1 │ tags={a:
      ·      ┬
      ·      ╰── here
      ╰────
    ");
    assert_snapshot!(wrong_with("stack: prod", &["tags.a=\u{1b}[31m"]), @r"
     × invalid YAML: unexpected character: `\u{1b}'
      ╭─[--set:1:8]
    1 │ tags.a=?[31m
      ·        ┬
      ·        ╰── here
      ╰────
    ");
}

#[test]
fn two_places_in_two_texts() {
    assert_snapshot!(wrong_with(
        "stack: prod\nnetwork:\n  cidr: 10.0.0.0/16\n  availability_zones: 1",
        &["network.subnets.public.cidrs=[10.1.0.0/24]"]
    ), @"
     × the public subnet of eu-west-1a (10.1.0.0/24) is outside the VPC's range 10.0.0.0/16 (the
     │ VPC's range: stack.yaml:3)
      ╭─[--set:1:31]
    1 │ network.subnets.public.cidrs=[10.1.0.0/24]
      ·                               ─────┬─────
      ·                                    ╰── outside
      ╰────
    ");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
        let _ = load(&text, &[]);
    }

    #[test]
    fn no_spoilt_stack_file_makes_the_reader_panic(
        at: usize,
        length in 0_usize..60,
        put in prop_oneof![
            "(?s).{0,20}",
            prop::sample::select(vec![
                "\n", "  ", ": ", "- ", "{", "[", "]", "&a", "*a", "<<: *a", "~", "-1", "99999999999999999999", "1e999", ".nan",
                "\u{1b}[31m", "\u{202e}", "\u{0}", "${env:NONE}", "${network.vpc.id}", "!!binary x", "10.0.0.0/8", "null",
            ]).prop_map(ToOwned::to_owned),
        ],
    ) {
        let mut bytes = include_str!("../../../../stacks/prod.yaml").as_bytes().to_vec();
        let at = at % bytes.len();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, put.bytes());
        let text = String::from_utf8_lossy(&bytes);
        if let Err(errors) = load(&text, &[]).and_then(|stack| nodes(&stack)) {
            super::render(&errors);
        }
    }

    #[test]
    fn no_words_of_yaml_make_the_reader_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "stack: ", "prod", "network", ":", " ", "\n", "  ", "- ", "{", "}", "[", "]", ",", "\"", "'", "&a ", "*a",
                "<<: ", "|", ">", "? ", "!!str ", "!x ", "#", "${", "}", "${env:X:-", "\\", "\u{1b}", "é", "\t", "~", "---", "0x1",
                "resources:\n  a:\n    kind: ", "s3.Bucket", "cidr: ", "10.0.0.0/16", "subnets: ", "tags: ",
            ]),
            0..40,
        ),
        flag in "[a-z.\"=\\[{$ ]{0,12}",
    ) {
        let text: String = words.concat();
        if let Err(errors) = load(&text, &[&flag]).and_then(|stack| nodes(&stack)) {
            super::render(&errors);
        }
    }
}
