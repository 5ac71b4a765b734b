//! What a `reaper:` block declares.

use insta::assert_snapshot;
use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::{load, nodes, wrong};

const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn text(more: &str) -> String {
    format!(
        "stack: tools\nregion: eu-west-1\nalerts: {{email: ops@example.com, dashboard: false}}\nreaper:\n  states: \
         s3://acme-state/previews\n  stacks: pr-\n  program: s3://acme-tools/platctl\n  sha256: {SHA256}\n{more}"
    )
}

fn declared(more: &str) -> Vec<Node> {
    nodes(&load(&text(more), &[]).unwrap()).unwrap()
}

fn spec<'a>(nodes: &'a [Node], address: &str) -> &'a Value {
    let found = nodes.iter().find(|node| node.address.as_str() == address);
    &found
        .unwrap_or_else(|| panic!("{address} is not declared"))
        .spec
}

#[test]
fn a_schedule_starts_a_build_that_runs_a_verified_program() {
    let nodes = declared("  every: 1h\n");
    let schedule = spec(&nodes, "reaper.schedule");
    assert_eq!(schedule["schedule_expression"], "rate(60 minutes)");
    let target = &schedule["targets"][0];
    assert_eq!(target["arn"], json!({"$ref": "reaper.project.arn"}));
    assert_eq!(
        target["role_arn"],
        json!({"$ref": "reaper.trigger.role.arn"})
    );
    let project = spec(&nodes, "reaper.project");
    let said = project["source"]["buildspec"].as_str().unwrap();
    assert!(
        said.contains("./platctl reap --yes --state \"$STATES\""),
        "{said}"
    );
    assert!(said.contains("sha256sum --check"), "{said}");
    let variables = project["environment"]["environment_variables"].to_string();
    assert!(variables.contains(SHA256), "{variables}");
    let usual = declared("");
    assert_eq!(
        spec(&usual, "reaper.schedule")["schedule_expression"],
        "rate(30 minutes)"
    );
}

#[test]
fn a_build_that_fails_is_told_to_who_gets_the_alerts() {
    let nodes = declared("");
    let failed = spec(&nodes, "reaper.failed");
    assert_eq!(
        failed["targets"][0]["arn"],
        json!({"$ref": "alerts.topic.arn"})
    );
    let pattern = failed["event_pattern"].to_string();
    for word in ["aws.codebuild", "FAILED", "TIMED_OUT", "tools-reaper"] {
        assert!(pattern.contains(word), "{pattern}");
    }
}

/// AWS allows 10,240 characters for the policies within a role.
#[test]
fn the_rights_fit_into_a_role_and_end_at_the_names_of_the_stacks() {
    let nodes = declared("");
    let policy = spec(&nodes, "reaper.policy")["policy_document"].to_string();
    assert!(policy.len() < 10_000, "{} characters", policy.len());
    for word in [
        "\"ec2:DeleteVpc\"",
        "\"ec2:Describe*\"",
        "\"rds:DeleteDBCluster\"",
        "\"tag:GetResources\"",
    ] {
        assert!(policy.contains(word), "{word}");
    }
    let document = &spec(&nodes, "reaper.policy")["policy_document"];
    let statements = document["Statement"].as_array().unwrap();
    for statement in statements {
        let actions = statement["Action"].to_string();
        let resource = statement["Resource"].to_string();
        if actions.contains("s3:DeleteBucket") || actions.contains("iam:DeleteRole\"") {
            assert!(
                resource.contains("pr-*") && !resource.contains("\"*\""),
                "{statement}"
            );
        }
        if actions.contains("GetSecretValue") || actions.contains("ec2:DeleteVpc") {
            assert!(
                statement["Condition"].to_string().contains("pr-*"),
                "{statement}"
            );
        }
    }
    assert!(
        !policy.contains("\"s3:*\"")
            && !policy.contains("\"iam:*\"")
            && !policy.contains("PassRole")
    );
}

/// The statements of a policy that allow this action.
fn that_allow<'a>(policy: &'a Value, action: &str) -> Vec<&'a Value> {
    let statements = policy["Statement"].as_array().unwrap();
    let word = json!(action).to_string();
    let allows = |one: &&Value| one["Action"].to_string().contains(&word);
    statements.iter().filter(allows).collect()
}

/// Whoever may run builds with the role of a project, or open a shell, may do all that these may.
#[test]
fn what_is_more_than_looking_ends_at_the_tags_of_the_stacks() {
    let nodes = declared("");
    let policy = &spec(&nodes, "reaper.policy")["policy_document"];
    let tag = json!({"StringLike": {"aws:ResourceTag/platctl:stack": "pr-*"}});
    for action in [
        "codebuild:StartBuild",
        "eks:AssociateAccessPolicy",
        "logs:GetLogEvents",
        "secretsmanager:GetSecretValue",
    ] {
        let allowed = that_allow(policy, action);
        assert_eq!(allowed.len(), 1, "{action}: {allowed:?}");
        assert_eq!(allowed[0]["Condition"], tag, "{action}");
    }
    for one in that_allow(policy, "ssm:StartSession") {
        assert!(one["Condition"].to_string().contains("pr-*"), "{one}");
    }
}

/// AWS rejects a policy with an ARN of IAM that does not say which sort of object it is about.
#[test]
fn the_arns_of_iam_say_which_sort_of_object_is_meant() {
    let nodes = declared("");
    let policy = spec(&nodes, "reaper.policy")["policy_document"].to_string();
    for sort in ["instance-profile", "policy", "role", "user"] {
        let name = format!(":{sort}/pr-*\"");
        assert!(policy.contains(&name), "{name}");
    }
    assert!(!policy.contains(":*/"), "{policy}");
}

#[test]
fn what_a_reaper_needs_is_said() {
    let sound = text("");
    assert_snapshot!(wrong(&sound.replace("alerts: {email: ops@example.com, dashboard: false}\n", "")), @r"
     × `reaper` requires `alerts`, which tells when it fails
      ╭─[stack.yaml:3:1]
    2 │ region: eu-west-1
    3 │ reaper:
      · ───┬──
      ·    ╰── missing
    4 │   states: s3://acme-state/previews
      ╰────
     help: declare `alerts: {email: ops@example.com}`
    ");
    assert_snapshot!(wrong(&sound.replace("stack: tools", "stack: pr-tools")), @r"
     × the reaper could delete its own stack: `pr-tools` begins with `pr-`
      ╭─[stack.yaml:6:11]
    5 │   states: s3://acme-state/previews
    6 │   stacks: pr-
      ·           ─┬─
      ·            ╰── the stacks that can be deleted
    7 │   program: s3://acme-tools/platctl
      ╰────
     help: use another name for this stack, or another beginning for the others
    ");
    assert_snapshot!(wrong(&sound.replace("stacks: pr-", "stacks: PR")), @r"
     × must be what stack names begin with: lower-case letters, digits and `-`, such as `pr-`
      ╭─[stack.yaml:6:11]
    5 │   states: s3://acme-state/previews
    6 │   stacks: PR
      ·           ─┬
      ·            ╰── here
    7 │   program: s3://acme-tools/platctl
      ╰────
    ");
    assert_snapshot!(wrong(&sound.replace(SHA256, "latest")), @r"
     × must be a SHA-256 digest: 64 digits and letters from a to f, as `sha256sum` prints it
      ╭─[stack.yaml:8:11]
    7 │   program: s3://acme-tools/platctl
    8 │   sha256: latest
      ·           ───┬──
      ·              ╰── here
      ╰────
    ");
    assert_snapshot!(wrong(&text("  every: 2m\n")), @r"
     × a reaper can run every 5m to every 1d
      ╭─[stack.yaml:9:10]
    8 │   sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    9 │   every: 2m
      ·          ─┬
      ·           ╰── outside of this range
      ╰────
    ");
    assert_snapshot!(wrong(&sound.replace("s3://acme-tools/platctl", "https://example.com/platctl")), @r"
     × must be an object in S3: s3://bucket/key
      ╭─[stack.yaml:7:12]
    6 │   stacks: pr-
    7 │   program: https://example.com/platctl
      ·            ─────────────┬─────────────
      ·                         ╰── here
    8 │   sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      ╰────
    ");
}
