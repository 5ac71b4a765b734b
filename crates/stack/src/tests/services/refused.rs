//! Services that are refused, and what people read.

use super::super::{load, nodes, wrong};
use super::example;

/// A reference leads somewhere, or is told of where it stands.
#[test]
fn references_of_services_are_checked() {
    let said = |set: &str| {
        let stack = load(example(), &[set]).unwrap();
        nodes(&stack).unwrap_err().to_string()
    };
    assert!(
        said("services.api.env.UPLOADS=${uplods.bucket}").contains("uplods"),
        "{}",
        said("services.api.env.UPLOADS=${uplods.bucket}")
    );
    let output = said("services.api.env.UPLOADS=${uploads.buket}");
    assert!(output.contains("has no output `buket`"), "{output}");
}

const HEAD: &str = "stack: prod\nnetwork: {}\n";

/// All that is wrong with some services.
fn refused(services: &str) -> String {
    wrong(&format!("{HEAD}services:\n{services}"))
}

#[test]
fn keys_that_do_not_fit_the_kind_are_refused() {
    let all = [
        (
            "  w: {kind: worker, port: 80}",
            "`port` cannot be used with `kind: worker`",
        ),
        (
            "  w: {kind: worker, path: /a}",
            "`path` cannot be used with `kind: worker`",
        ),
        (
            "  c: {kind: cron, schedule: '1 1 * * *', replicas: {min: 1, max: 2}}",
            "`replicas` cannot be used with `kind: cron`",
        ),
        (
            "  w: {port: 80, schedule: '1 1 * * *'}",
            "`schedule` cannot be used with `kind: web`",
        ),
        (
            "  w: {port: 80, before_deploy: true}",
            "`before_deploy` cannot be used with `kind: web`",
        ),
        ("  w: {}", "`port` is missing"),
        ("  c: {kind: cron}", "`schedule` is missing"),
        (
            "  c: {kind: cron, schedule: nightly}",
            "`nightly` is not a schedule",
        ),
        (
            "  w: {kind: worker, rollout: blue_green}",
            "`rollout: blue_green` cannot be used with `kind: worker`",
        ),
        (
            "  j: {kind: job, before_deploy: true}",
            "`before_deploy` requires `image_of`",
        ),
        (
            "  w: {port: 80}\n  j: {kind: job, image_of: v}",
            "there is no service `v`",
        ),
        (
            "  w: {port: 80, image_of: x}\n  x: {port: 81}",
            "`image_of` cannot be used with `kind: web`",
        ),
        (
            "  a: {port: 80}\n  b: {kind: job, image_of: a}\n  c: {kind: job, image_of: b}",
            "`b` has no image of its own",
        ),
        (
            "  a: {port: 80}\n  b: {kind: job, image_of: a, pin: '0123456'}",
            "`pin` cannot be used with `image_of`",
        ),
        (
            "  w: {port: 80, timeout_seconds: 60}",
            "`timeout_seconds` cannot be used with `kind: web`",
        ),
        (
            "  j: {kind: job, timeout_seconds: 5}",
            "5 seconds are out of range",
        ),
        (
            "  w: {port: 80, shutdown_seconds: 0}",
            "0 seconds are out of range",
        ),
        (
            "  w: {port: 80, preview: true}",
            "`preview` requires a load balancer",
        ),
        (
            "  w: {port: 80, rollout: rolling, analysis: true}",
            "`analysis` requires `rollout: blue_green`",
        ),
        (
            "  w: {port: 80, analysis: {errors: 101}}",
            "these limits cannot be checked",
        ),
        ("  w: {port: 80, database: true}", "the stack has none"),
        (
            "  w: {port: 80, env: {A-B: x}}",
            "`A-B` is not a valid name",
        ),
        (
            "  w: {port: 80, env: {A: x}, secrets: {A: {secret: s}}}",
            "`A` is in `env` and in `secrets`",
        ),
        (
            "  w: {port: 80, secrets: {A: {secret: s, parameter: p}}}",
            "requires exactly one of",
        ),
        (
            "  w: {port: 80, secrets: {A: {key: k}}}",
            "requires exactly one of",
        ),
        (
            "  w: {port: 80, secrets: {A: {vault: other/x, key: k}}}",
            "cannot read `other/x` in Vault",
        ),
        (
            "  w: {port: 80, secrets: {A: {vault: w/x}}}",
            "`A` requires `key`",
        ),
        (
            "  w: {port: 80, env: {A: 1.10}}",
            "a number with a decimal point is ambiguous here",
        ),
        ("  w: {port: 0}", "0 is not a port"),
        (
            "  w: {port: 80, replicas: {min: 5, max: 2}}",
            "`max` must not be less than `min`",
        ),
        (
            "  w: {port: 80, replicas: {min: 0, max: 2}}",
            "`min` must be at least 1",
        ),
        (
            "  w: {port: 80, replicas: {min: 1, max: 2, cpu: 0}}",
            "`cpu` must be at least 1 percent",
        ),
        (
            "  w: {port: 80, host: api.example.com}",
            "`api.example.com` is not a valid `host`",
        ),
        (
            "  w: {port: 80, permissions: [{actions: [], resources: ['*']}]}",
            "a permission requires actions and resources",
        ),
        (
            "  w: {port: 80, permissions: [{actions: [GetObject], resources: ['*']}]}",
            "`GetObject` is not an IAM action",
        ),
        (
            "  w: {port: 80, permissions: [{actions: ['s3:GetObject'], resources: [uploads]}]}",
            "`uploads` is not an ARN",
        ),
        (
            "  w: {port: 80, permissions: [{actions: ['s3:*'], resources: ['*']}]}",
            "all actions on all resources",
        ),
        (
            "  w: {port: 80, secrets: {A: {parameter: a b}}}",
            "`a b` is not the name of a parameter",
        ),
        (
            "  w: {port: 80, secrets: {A: {secret: 'arn:aws:secretsmanager:us-east-1:1:secret:x'}}}",
            "is not the ARN of a secret in eu-west-1",
        ),
        ("  w: {port: 80, cpu: lots}", "is not an amount of CPU"),
        ("  w: {port: 80, memory: 512}", "expected"),
        (
            "  w: {port: 80, memory: 512M}",
            "is not an amount of memory",
        ),
        (
            "  w: {port: 80, database: maybe}",
            "expected `true`, `false`, `password` or `iam`",
        ),
    ];
    for (services, words) in all {
        let said = refused(services);
        // Long messages are broken into lines.
        let flat = said
            .replace("│", " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(flat.contains(words), "{services}\n{said}");
    }
}

#[test]
fn the_nearest_name_is_proposed() {
    insta::assert_snapshot!(refused("  api: {port: 80}\n  mailer: {kind: worker, image_of: apo}\n"), @"
     × there is no service `apo`
      ╭─[stack.yaml:5:36]
    4 │   api: {port: 80}
    5 │   mailer: {kind: worker, image_of: apo}
      ·                                    ─┬─
      ·                                     ╰── unknown service
      ╰────
     help: did you mean `api`?
    ");
    insta::assert_snapshot!(refused("  api: {port: 80, memry: 1Gi, kind: wrker}\n"), @"
     × unknown key `memry`
      ╭─[stack.yaml:4:19]
    3 │ services:
    4 │   api: {port: 80, memry: 1Gi, kind: wrker}
      ·                   ──┬──
      ·                     ╰── unknown key
      ╰────
     help: did you mean `memory`?
     × `wrker` is not one of web, worker, cron, job
      ╭─[stack.yaml:4:37]
    3 │ services:
    4 │   api: {port: 80, memry: 1Gi, kind: wrker}
      ·                                     ──┬──
      ·                                       ╰── unknown
      ╰────
     help: did you mean `worker`?
    ");
}
