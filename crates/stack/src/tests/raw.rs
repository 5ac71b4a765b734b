//! Raw resources: references, specs, names, tags.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::catalog::Kinds;
use super::{load, nodes_of, wrong_of};

fn declared(text: &str) -> Value {
    json!(nodes_of(&load(text, &[]).unwrap(), &Kinds).unwrap())
}

fn wrong(text: &str) -> String {
    wrong_of(text, &[], &Kinds)
}

#[test]
fn a_flag_sets_a_string_that_looks_like_a_number() {
    let text = "stack: prod\nresources:\n  note: {kind: test.Note, text: here, size: 3}";
    let flags = ["resources.note.text=7.20", "resources.note.size=4"];
    let declared = json!(nodes_of(&load(text, &flags).unwrap(), &Kinds).unwrap());
    assert_eq!(declared[0]["spec"], json!({"text": "7.20", "size": 4}));
}

/// AWS deletes neither as long as there is something in it, and nobody is there to see it.
#[test]
fn a_temporary_stack_says_what_would_outlive_it() {
    let warnings = |ttl: &str, more: &str| {
        let text = format!(
            "stack: pr-1\n{ttl}resources:\n  files: {{kind: s3.Bucket, bucket: pr-1-files{more}}}"
        );
        load(&text, &[]).unwrap().warnings()
    };
    assert_eq!(
        warnings("ttl: 8h\n", ""),
        ["`files` is deleted with the stack only if it is empty. Add `force_destroy: true`"]
    );
    assert!(warnings("ttl: 8h\n", ", force_destroy: true").is_empty());
    assert!(warnings("", "").is_empty());
}

#[test]
fn references_tags_and_order_reach_the_graph() {
    let declared = declared(
        "stack: prod
tags: {team: web}
protect: true
resources:
  uploads: {kind: s3.Bucket, bucket: prod-uploads, tags: {team: media}}
  scratch: {kind: s3.Bucket, bucket: prod-scratch, protect: false, depends_on: [uploads]}
  note:
    kind: test.Note
    text: ${uploads.arn}
    lines: ['${uploads.arn}/*', '$${kept}', \"cost $5\"]
",
    );
    assert_eq!(
        declared,
        json!([
            {
                "address": "uploads", "kind": "s3.Bucket", "scope": "eu-west-1", "protect": true,
                "spec": {"bucket": "prod-uploads", "versioning": false, "tags": {"Name": "prod-uploads", "team": "media"}},
            },
            {
                "address": "scratch", "kind": "s3.Bucket", "scope": "eu-west-1", "after": ["uploads"],
                "spec": {"bucket": "prod-scratch", "versioning": false, "tags": {"Name": "prod-scratch", "team": "web"}},
            },
            {
                "address": "note", "kind": "test.Note", "scope": "eu-west-1", "protect": true,
                "spec": {
                    "text": {"$ref": "uploads.arn"},
                    "lines": [{"$join": [{"$ref": "uploads.arn"}, "/*"]}, "${kept}", "cost $5"],
                },
            },
        ])
    );
}

#[test]
fn references_to_nowhere() {
    assert_snapshot!(wrong(
        "stack: prod
resources:
  uploads: {kind: s3.Bucket, bucket: prod-uploads}
  note:
    kind: test.Note
    text: ${upload.arn} and ${uploads.bucket}
    lines: [\"${uploads}\", \"${nonsense}\"]
    depends_on: [uploadz]
"
    ), @r#"
     × there is no resource `upload` in the stack file
      ╭─[stack.yaml:6:11]
    5 │     kind: test.Note
    6 │     text: ${upload.arn} and ${uploads.bucket}
      ·           ──────┬──────
      ·                 ╰── unknown address
    7 │     lines: ["${uploads}", "${nonsense}"]
      ╰────
     help: did you mean `uploads`?
     × `uploads` has no output `bucket`
      ╭─[stack.yaml:6:29]
    5 │     kind: test.Note
    6 │     text: ${upload.arn} and ${uploads.bucket}
      ·                             ────────┬────────
      ·                                     ╰── unknown output
    7 │     lines: ["${uploads}", "${nonsense}"]
      ╰────
     help: available: arn, bucket_name
     × which output of `uploads`?
      ╭─[stack.yaml:7:14]
    6 │     text: ${upload.arn} and ${uploads.bucket}
    7 │     lines: ["${uploads}", "${nonsense}"]
      ·              ─────┬────
      ·                   ╰── missing output name
    8 │     depends_on: [uploadz]
      ╰────
     help: available outputs: arn, bucket_name
     × `nonsense` is not a valid reference
      ╭─[stack.yaml:7:28]
    6 │     text: ${upload.arn} and ${uploads.bucket}
    7 │     lines: ["${uploads}", "${nonsense}"]
      ·                            ─────┬─────
      ·                                 ╰── use `address.output` or `env:NAME`
    8 │     depends_on: [uploadz]
      ╰────
     × there is no resource `uploadz` in the stack file
      ╭─[stack.yaml:8:18]
    7 │     lines: ["${uploads}", "${nonsense}"]
    8 │     depends_on: [uploadz]
      ·                  ───┬───
      ·                     ╰── unknown address
      ╰────
     help: did you mean `uploads`?
    "#);
}

#[test]
fn cycles_are_shown_where_they_are_made() {
    assert_snapshot!(wrong(
        "stack: prod
resources:
  one: {kind: test.Note, text: \"${two.id}\"}
  two: {kind: test.Note, text: x, depends_on: [three]}
  three: {kind: test.Note, text: \"see ${one.id}\"}
"
    ), @r#"
     × dependency cycle between resources: `one` → `two` → `three` → `one`
      ╭─[stack.yaml:3:33]
    2 │ resources:
    3 │   one: {kind: test.Note, text: "${two.id}"}
      ·                                 ────┬────
      ·                                     ╰── `one` depends on `two`
    4 │   two: {kind: test.Note, text: x, depends_on: [three]}
      ·                                                ──┬──
      ·                                                  ╰── `two` depends on `three`
    5 │   three: {kind: test.Note, text: "see ${one.id}"}
      ·                                       ────┬────
      ·                                           ╰── `three` depends on `one`
      ╰────
    "#);
    assert_snapshot!(wrong("stack: prod\nresources: {me: {kind: test.Note, text: \"${me.id}\"}}"), @r#"
     × dependency cycle between resources: `me` → `me`
      ╭─[stack.yaml:2:42]
    1 │ stack: prod
    2 │ resources: {me: {kind: test.Note, text: "${me.id}"}}
      ·                                          ────┬───
      ·                                              ╰── `me` depends on `me`
      ╰────
    "#);
}

#[test]
fn kinds_that_do_not_exist() {
    assert_snapshot!(wrong("stack: prod\nresources: {uploads: {kind: s3.Bukcet}}"), @"
     × unknown kind `s3.Bukcet`
      ╭─[stack.yaml:2:29]
    1 │ stack: prod
    2 │ resources: {uploads: {kind: s3.Bukcet}}
      ·                             ────┬────
      ·                                 ╰── unknown kind
      ╰────
     help: did you mean `s3.Bucket`?
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {uploads: {bucket: b}}"), @"
     × resource `uploads` has no kind
      ╭─[stack.yaml:2:13]
    1 │ stack: prod
    2 │ resources: {uploads: {bucket: b}}
      ·             ───┬───
      ·                ╰── missing `kind`
      ╰────
     help: add a kind, such as {kind: s3.Bucket}
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {uploads: }"), @"
     × resource `uploads` has no kind
      ╭─[stack.yaml:2:13]
    1 │ stack: prod
    2 │ resources: {uploads: }
      ·             ───┬───
      ·                ╰── missing `kind`
      ╰────
     help: add a kind, such as {kind: s3.Bucket}
    ");
}

#[test]
fn fields_that_the_kind_does_not_have() {
    assert_snapshot!(wrong("stack: prod\nresources:\n  uploads:\n    kind: s3.Bucket\n    bukcet: prod-uploads"), @"
     × s3.Bucket has no field `bukcet`
      ╭─[stack.yaml:5:5]
    4 │     kind: s3.Bucket
    5 │     bukcet: prod-uploads
      ·     ───┬──
      ·        ╰── unknown key
      ╰────
     help: did you mean `bucket`?
    ");
}

#[test]
fn fields_of_the_wrong_type_or_value() {
    assert_snapshot!(wrong("stack: prod\nresources: {uploads: {kind: s3.Bucket, bucket: b}}"), @"
     × a bucket's name has at least 3 characters
      ╭─[stack.yaml:2:48]
    1 │ stack: prod
    2 │ resources: {uploads: {kind: s3.Bucket, bucket: b}}
      ·                                                ┬
      ·                                                ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {n: {kind: test.Note, text: x, size: [large]}}"), @"
     × expected a whole number, found a list
      ╭─[stack.yaml:2:43]
    1 │ stack: prod
    2 │ resources: {n: {kind: test.Note, text: x, size: [large]}}
      ·                                           ──┬─
      ·                                             ╰── this is a list
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {n: {kind: test.Note, text: x, lines: [a, 2]}}"), @"
     × expected a string, found the number 2
      ╭─[stack.yaml:2:54]
    1 │ stack: prod
    2 │ resources: {n: {kind: test.Note, text: x, lines: [a, 2]}}
      ·                                                      ┬
      ·                                                      ╰── this is the number 2
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {n: {kind: test.Note}}"), @"
     × `text` is missing
      ╭─[stack.yaml:2:13]
    1 │ stack: prod
    2 │ resources: {n: {kind: test.Note}}
      ·             ┬
      ·             ╰── test.Note requires `text`
      ╰────
    ");
}

#[test]
fn names_that_blocks_need() {
    assert_snapshot!(wrong("stack: prod\nresources: {network: {kind: test.Note, text: x}}"), @"
     × `network` is the name of a block, and cannot be used for a resource
      ╭─[stack.yaml:2:13]
    1 │ stack: prod
    2 │ resources: {network: {kind: test.Note, text: x}}
      ·             ───┬───
      ·                ╰── invalid resource name
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\nresources: {a.b: {kind: test.Note, text: x}}"), @"
     × `a.b` is not a valid resource name: use up to 60 letters, digits, `_` and `-`, beginning with
     │ a letter
      ╭─[stack.yaml:2:13]
    1 │ stack: prod
    2 │ resources: {a.b: {kind: test.Note, text: x}}
      ·             ─┬─
      ·              ╰── invalid resource name
      ╰────
    ");
}

#[test]
fn references_have_one_spelling() {
    assert_snapshot!(wrong("stack: prod\nresources: {n: {kind: test.Note, text: {$ref: a.b}}}"), @"
     × `$ref` is not allowed as a key
      ╭─[stack.yaml:2:41]
    1 │ stack: prod
    2 │ resources: {n: {kind: test.Note, text: {$ref: a.b}}}
      ·                                         ──┬─
      ·                                           ╰── here
      ╰────
     help: write a reference as a string: ${address.output}
    ");
}

#[test]
fn references_are_for_resources() {
    assert_snapshot!(wrong("stack: prod\nregion: ${uploads.region}"), @"
     × a reference is not allowed here
      ╭─[stack.yaml:2:9]
    1 │ stack: prod
    2 │ region: ${uploads.region}
      ·         ────────┬────────
      ·                 ╰── here
      ╰────
     help: references to resources are only allowed in `resources:`, and in `env`, `permissions` and
           `secrets` of services; write `$${` for a literal `${`
    ");
}

#[test]
fn null_sets_a_field_back_where_aws_has_a_value_for_it() {
    let role = |field: &str| {
        format!(
            "stack: prod\nregion: eu-west-1\nresources:\n  role:\n    kind: iam.Role\n    role_name: prod-role\n    \
             assume_role_policy_document: {{Version: '2012-10-17', Statement: []}}\n    {field}: null\n"
        )
    };
    let stack = load(&role("max_session_duration"), &[]).unwrap();
    let nodes = super::nodes(&stack).unwrap();
    assert_eq!(nodes[0].spec["max_session_duration"], 3600);
    let stack = load(&role("permissions_boundary"), &[]).unwrap();
    let nodes = super::nodes(&stack).unwrap();
    let removed = nodes[0].spec.get("permissions_boundary");
    assert!(removed.is_some_and(Value::is_null));
    let said = super::wrong(&role("path"));
    assert!(
        said.contains("`path: null` cannot reset the field"),
        "{said}"
    );
}
