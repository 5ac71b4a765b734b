//! Code on GitHub and GitLab: what `delivery.source` declares, and what people read when it makes no sense.

use insta::assert_snapshot;
use platctl_engine::Address;
use platctl_engine::graph::Node;
use serde_json::Value;

use super::security::statements;
use super::{load, nodes, wrong};

const GITHUB: &str = include_str!("../../../../stacks/github.yaml");

fn of(text: &str) -> Vec<Node> {
    nodes(&load(text, &[]).unwrap()).unwrap()
}

fn find<'a>(nodes: &'a [Node], address: &str) -> &'a Value {
    let found = nodes.iter().find(|node| node.address.as_str() == address);
    &found.unwrap_or_else(|| panic!("no {address}")).spec
}

/// GitHub's stack with other lines in `delivery.source`.
fn with(source: &str) -> String {
    let (before, rest) = GITHUB.split_once("  source:\n").unwrap();
    let (_, after) = rest.split_once("  environments:").unwrap();
    format!("{before}  source: {source}\n  environments:{after}")
}

fn delivery(source: &str) -> String {
    wrong(&format!(
        "stack: prod\nservices: {{one: {{port: 80}}}}\ndelivery: {{source: {source}}}\n"
    ))
}

#[test]
fn nothing_of_codecommit_and_no_user_is_left() {
    let nodes = of(GITHUB);
    let kinds: Vec<&str> = nodes.iter().map(|node| node.kind.as_str()).collect();
    for kind in [
        "codecommit.Repository",
        "codecommit.Files",
        "iam.User",
        "iam.UserPolicy",
        "iam.ServiceSpecificCredential",
        "codeconnections.Connection",
    ] {
        assert!(!kinds.contains(&kind), "{kind}");
    }
    let files = find(&nodes, "gitops.files");
    assert_eq!(files["repository"], "acme/shop-gitops");
    assert_eq!(files["credential"], "shop/github-app");
    assert_eq!(files["branch_name"], "main");
}

#[test]
fn argo_cd_logs_in_with_the_app_and_again_when_its_key_changes() {
    let nodes = of(GITHUB);
    let objects = &find(&nodes, "gitops.argo_cd")["objects"];
    let secret = objects
        .as_object()
        .unwrap()
        .values()
        .find(|object| object["metadata"]["name"] == "gitops-repository")
        .unwrap();
    let data = &secret["stringData"];
    assert_eq!(data["url"], "https://github.com/acme/shop-gitops.git");
    let key = &data["githubAppPrivateKey"]["$secret"];
    assert_eq!(key["arn"], "shop/github-app");
    assert_eq!(key["key"], "private_key");
    let version = key["version"].to_string();
    assert!(
        version.contains("gitops.files.credential_version"),
        "{version}"
    );
    assert!(data.get("password").is_none());
}

#[test]
fn the_runner_reads_this_secret_and_no_other() {
    let nodes = of(GITHUB);
    let policy = &find(&nodes, "gitops.runner.policy")["policy_document"];
    let read = statements(policy)
        .into_iter()
        .find(|one| {
            one["Action"]
                .to_string()
                .contains("secretsmanager:GetSecretValue")
        })
        .unwrap();
    let pattern = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:shop/github-app-??????";
    assert!(read["Resource"].to_string().contains(pattern), "{read}");
}

#[test]
fn pull_requests_are_checked_with_the_connection() {
    let nodes = of(GITHUB);
    let project = find(&nodes, "delivery.backend.project.check");
    assert_eq!(project["source"]["type"], "GITHUB");
    assert_eq!(
        project["source"]["location"],
        "https://github.com/acme/backend.git"
    );
    assert_eq!(project["source"]["auth"]["type"], "CODECONNECTIONS");
    assert_eq!(project["source"]["report_build_status"], true);
    let webhook = find(&nodes, "delivery.backend.pull_request");
    assert_eq!(
        webhook["pull_request_build_policy"]["requires_comment_approval"],
        "FORK_PULL_REQUESTS"
    );
    let role = find(&nodes, "delivery.backend.check.policy")["policy_document"].to_string();
    assert!(
        role.contains("codeconnections:GetConnectionToken"),
        "{role}"
    );
    assert!(!role.contains("UseConnection"), "{role}");
}

/// A connection that platctl makes is of no use until a person has authorized it: a webhook would fail the first apply.
#[test]
fn a_connection_that_nobody_has_authorized_checks_nothing() {
    let nodes = of(&with(
        "{provider: github, owner: acme, credential: shop/github-app}",
    ));
    assert_eq!(
        find(&nodes, "delivery.connection")["provider_type"],
        "GitHub"
    );
    assert!(nodes.iter().all(|node| node.kind != "codebuild.Webhook"));
    let project = find(&nodes, "delivery.backend.project.check");
    assert!(project["source"].get("auth").is_none());
}

const ACTIONS: &str =
    "{provider: github, owner: acme, credential: shop/github-app, checks: actions}";

/// A role for a repository's pull requests: not for its branches, nor for another repository. Newer repositories have
/// numbers in what they say of themselves.
#[test]
fn github_actions_check_pull_requests_with_a_role_of_their_own() {
    let nodes = of(&with(ACTIONS));
    let issuer = find(&nodes, "delivery.actions_issuer");
    assert_eq!(issuer["url"], "https://token.actions.githubusercontent.com");
    let role = find(&nodes, "delivery.backend.workflow-role.role");
    let trust = &role["assume_role_policy_document"]["Statement"][0];
    assert_eq!(trust["Action"], "sts:AssumeRoleWithWebIdentity");
    assert!(
        trust["Principal"]
            .to_string()
            .contains("delivery.actions_issuer.arn")
    );
    assert_eq!(
        trust["Condition"],
        serde_json::json!({
            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            "StringLike": {"token.actions.githubusercontent.com:sub": [
                "repo:acme/backend:pull_request", "repo:acme@*/backend@*:pull_request",
            ]},
        })
    );
    let policy = &find(&nodes, "delivery.backend.workflow-role.policy")["policy_document"];
    for statement in statements(policy) {
        let actions = statement["Action"].to_string();
        assert!(
            !actions.contains("Put") && !actions.contains("Upload"),
            "{actions}"
        );
    }
    // Nothing of CodeBuild's checks is left.
    let left = |node: &&Node| {
        let address = node.address.as_str();
        address.contains(".check") || node.kind == "codebuild.Webhook"
    };
    assert_eq!(nodes.iter().filter(left).count(), 0);
}

#[test]
fn the_workflow_of_pull_requests() {
    let nodes = of(&with(ACTIONS));
    let files = find(&nodes, "delivery.backend.workflow");
    assert_eq!(files["repository"], "acme/backend");
    assert_eq!(files["credential"], "shop/github-app");
    // Production is deployed with an approval: most pull requests are for the other branch.
    assert_eq!(files["branch_name"], "develop");
    let parts = &files["files"][".github/workflows/platctl-pull-request.yml"]["$join"];
    let text: String = parts
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part.as_str().unwrap_or("arn:aws:iam::1:role/r").to_owned())
        .collect();
    assert!(
        text.contains("on:\n  pull_request:\n    branches: [prod, develop]\n"),
        "{text}"
    );
    let workflow: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(
        workflow["permissions"],
        serde_json::json!({"contents": "read", "id-token": "write"})
    );
    let steps = workflow["jobs"]["check"]["steps"].as_array().unwrap();
    assert_eq!(steps[1]["with"]["role-to-assume"], "arn:aws:iam::1:role/r");
    assert_eq!(steps[1]["with"]["aws-region"], "eu-west-1");
    // What others wrote is used at a commit, and as CodeBuild does it.
    for step in &steps[..3] {
        let (_, commit) = step["uses"].as_str().unwrap().split_once('@').unwrap();
        assert!(commit.len() == 40, "{commit}");
    }
    assert!(
        steps[3]["run"]
            .as_str()
            .unwrap()
            .contains("docker build --target test .")
    );
}

#[test]
fn pull_requests_need_not_be_checked() {
    let nodes = of(&with(
        "{provider: github, owner: acme, credential: shop/github-app, checks: none}",
    ));
    let checks = |node: &&Node| node.address.as_str().contains("check");
    assert_eq!(nodes.iter().filter(checks).count(), 0);
}

#[test]
fn actions_are_of_githubs_own_server_and_need_a_credential() {
    assert_snapshot!(delivery("{provider: gitlab, owner: acme, checks: actions}"), @r"
     × `checks: actions` requires repositories on github.com
      ╭─[stack.yaml:3:60]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: gitlab, owner: acme, checks: actions}}
      ·                                                            ───┬───
      ·                                                               ╰── in `source`
      ╰────
     help: use `codebuild` or `none`
    ");
    assert_snapshot!(delivery("{provider: github, owner: acme, checks: actions}"), @r"
     × `checks: actions` requires `credential`, with which platctl writes the workflow
      ╭─[stack.yaml:3:60]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: github, owner: acme, checks: actions}}
      ·                                                            ───┬───
      ·                                                               ╰── in `source`
      ╰────
     help: store the key of a GitHub App in Secrets Manager, and add `credential: NAME`
    ");
}

/// The key of the App may do more than the cluster needs. Who gets at a Secret of the cluster has a key for one
/// repository, and Argo CD's can only read.
#[test]
fn deploy_keys_keep_the_app_out_of_the_cluster() {
    let nodes = of(&with(
        "{provider: github, owner: acme, credential: shop/github-app, access: deploy_key}",
    ));
    let objects = &find(&nodes, "gitops.argo_cd")["objects"];
    let text = objects.to_string();
    assert!(!text.contains("githubApp") && !text.contains("shop/github-app"));
    assert!(text.contains("git@github.com:acme/shop-gitops.git"));
    for (address, title, read_only) in [
        ("gitops.git.key", "shop Argo CD", true),
        ("gitops.git_write.key", "shop Image Updater", false),
    ] {
        let key = find(&nodes, address);
        assert_eq!(key["repository"], "acme/shop-gitops");
        assert_eq!(
            (&key["title"], &key["read_only"]),
            (&title.into(), &read_only.into())
        );
        assert!(text.contains(&format!("{address}.version")), "{text}");
    }
    // What applies them reads their secrets, and not the App's.
    let policy = find(&nodes, "gitops.runner.policy")["policy_document"].to_string();
    assert!(policy.contains("gitops.git_write.secret.arn") && !policy.contains("shop/github-app"));
    // Files send the cluster there, so the keys are made before. They are written with the App all the same.
    let files = nodes
        .iter()
        .find(|node| node.address.as_str() == "gitops.files")
        .unwrap();
    let before: Vec<&str> = files.after.iter().map(Address::as_str).collect();
    assert_eq!(before, ["gitops.git.key", "gitops.git_write.key"]);
    assert_eq!(files.spec["credential"], "shop/github-app");
    let root = find(&nodes, "gitops.root").to_string();
    assert!(
        root.contains("git@github.com:acme/shop-gitops.git"),
        "{root}"
    );
}

#[test]
fn deploy_keys_are_of_githubs_own_server() {
    assert_snapshot!(delivery("{provider: gitlab, owner: acme, access: deploy_key}"), @r"
     × `access: deploy_key` requires repositories on github.com
      ╭─[stack.yaml:3:60]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: gitlab, owner: acme, access: deploy_key}}
      ·                                                            ─────┬────
      ·                                                                 ╰── in `source`
      ╰────
     help: remove `access`
    ");
    assert_snapshot!(delivery("{provider: github, owner: acme, access: deploy_key}"), @r"
     × `access: deploy_key` requires `credential`, with which platctl creates the keys
      ╭─[stack.yaml:3:60]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: github, owner: acme, access: deploy_key}}
      ·                                                            ─────┬────
      ·                                                                 ╰── in `source`
      ╰────
     help: store the key of a GitHub App in Secrets Manager, and add `credential: NAME`
    ");
}

#[test]
fn gitlab_takes_a_token() {
    let nodes = of(&with(
        "{provider: gitlab, owner: acme/platform, credential: shop/gitlab, repository: gitops}",
    ));
    let files = nodes
        .iter()
        .find(|node| node.address.as_str() == "gitops.files")
        .unwrap();
    assert_eq!(files.kind, "gitlab.Files");
    assert_eq!(files.spec["repository"], "acme/platform/gitops");
    let objects = &find(&nodes, "gitops.argo_cd")["objects"];
    let text = objects.to_string();
    assert!(text.contains("https://gitlab.com/acme/platform/gitops.git"));
    assert!(text.contains(r#""key":"token""#), "{text}");
    let project = find(&nodes, "delivery.backend.project.check");
    assert_eq!(project["source"]["type"], "GITLAB");
}

#[test]
fn a_server_of_ones_own() {
    let nodes = of(&with(
        "{provider: github, owner: acme, credential: shop/github-app, url: https://git.example.com, connection: \
         'arn:aws:codeconnections:eu-west-1:123456789012:connection/1'}",
    ));
    assert_eq!(
        find(&nodes, "gitops.files")["url"],
        "https://git.example.com"
    );
    let text = find(&nodes, "gitops.argo_cd")["objects"].to_string();
    assert!(text.contains(r#""githubAppEnterpriseBaseUrl":"https://git.example.com/api/v3""#));
    let project = find(&nodes, "delivery.backend.project.check");
    assert_eq!(project["source"]["type"], "GITHUB_ENTERPRISE");
}

/// Nothing but the way to the repository depends on where it is. Here and there, Image Updater writes with a credential
/// that may write.
#[test]
fn the_repository_of_prod_is_the_same_on_github() {
    let prod = include_str!("../../../../stacks/prod.yaml");
    let files = |set: &[&str]| {
        let nodes = nodes(&load(prod, set).unwrap()).unwrap();
        find(&nodes, "gitops.files")["files"].clone()
    };
    let here = files(&[]).to_string();
    let there =
        files(&["delivery.source={provider: github, owner: acme, credential: prod/github-app}"])
            .to_string();
    let moved = here
        .replace(
            r#"{"$ref":"delivery.gitops.clone_url_http"}"#,
            r#""https://github.com/acme/prod-gitops.git""#,
        )
        .replace("git:secret:argocd/gitops-repository-write", "git:repocreds");
    assert!(here != moved, "nothing refers to the repository");
    assert!(moved == there, "{there}");
}

#[test]
fn a_word_is_not_enough() {
    assert_snapshot!(delivery("github"), @"
     × `github` is not enough: say who owns the repositories, such as `{provider: github, owner:
     │ acme}`
      ╭─[stack.yaml:3:20]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: github}
      ·                    ───┬──
      ·                       ╰── here
      ╰────
    ");
    assert_snapshot!(delivery("subversion"), @"
     × unknown source `subversion`: use `codecommit`, or a map such as `{provider: github, owner:
     │ acme}`
      ╭─[stack.yaml:3:20]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: subversion}
      ·                    ─────┬────
      ·                         ╰── here
      ╰────
    ");
    assert_snapshot!(delivery("[github]"), @"
     × expected `codecommit` or a map, found a list
      ╭─[stack.yaml:3:12]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: [github]}
      ·            ───┬──
      ·               ╰── this is a list
      ╰────
    ");
}

#[test]
fn sources_that_make_no_sense() {
    assert_snapshot!(delivery("{provider: githb, owner: acme}"), @"
     × unknown provider `githb`
      ╭─[stack.yaml:3:31]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: githb, owner: acme}}
      ·                               ──┬──
      ·                                 ╰── unknown provider
      ╰────
     help: did you mean `github`?
    ");
    assert_snapshot!(delivery("{owner: acme}"), @"
     × a source outside AWS requires `connection` or `provider`
      ╭─[stack.yaml:3:28]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {owner: acme}}
      ·                            ──┬─
      ·                              ╰── neither is set
      ╰────
     help: declare `source: {provider: github, owner: acme}`
    ");
    assert_snapshot!(delivery("{provider: github, owner: acme, conection: x}"), @"
     × unknown key `conection`
      ╭─[stack.yaml:3:52]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: github, owner: acme, conection: x}}
      ·                                                    ────┬────
      ·                                                        ╰── unknown key
      ╰────
     help: did you mean `connection`?
    ");
    assert_snapshot!(delivery("{connection: x, owner: a b}"), @"
     × `x` is not the ARN of a connection
      ╭─[stack.yaml:3:33]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {connection: x, owner: a b}}
      ·                                 ┬
      ·                                 ╰── not the ARN of a connection
      ╰────
     help: in the console, copy the ARN of the connection: arn:aws:codeconnections:…:connection/…
     × `a b` is not a valid `owner`
      ╭─[stack.yaml:3:43]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {connection: x, owner: a b}}
      ·                                           ─┬─
      ·                                            ╰── use letters, digits, `-`, `_` and `.`
      ╰────
    ");
    assert_snapshot!(delivery("{connection: 'arn:a', owner: acme, credential: x}"), @"
     × `arn:a` is not the ARN of a connection
      ╭─[stack.yaml:3:33]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {connection: 'arn:a', owner: acme, credential: x}}
      ·                                 ───┬───
      ·                                    ╰── not the ARN of a connection
      ╰────
     help: in the console, copy the ARN of the connection: arn:aws:codeconnections:…:connection/…
     × `credential` requires the host of the repository
      ╭─[stack.yaml:3:67]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {connection: 'arn:a', owner: acme, credential: x}}
      ·                                                                   ┬
      ·                                                                   ╰── in `source`
      ╰────
     help: add `provider: github` or `provider: gitlab`
    ");
    assert_snapshot!(delivery("{provider: github, owner: acme, credential: 'my secret', repository: a/b}"), @"
     × `my secret` is not the name or ARN of a secret in this region
      ╭─[stack.yaml:3:64]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: github, owner: acme, credential: 'my secret', repository: a/b}}
      ·                                                                ─────┬─────
      ·                                                                     ╰── in `source`
      ╰────
     help: store the credential in Secrets Manager, and set `credential` to the name of the secret
     × `a/b` is not a valid `repository`
      ╭─[stack.yaml:3:89]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: github, owner: acme, credential: 'my secret', repository: a/b}}
      ·                                                                                         ─┬─
      ·                                                                                          ╰── use letters, digits, `-`, `_` and `.`
      ╰────
    ");
    assert_snapshot!(delivery("{provider: gitlab, owner: acme, url: 'http://git'}"), @"
     × a server of your own requires `connection`
      ╭─[stack.yaml:3:57]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: gitlab, owner: acme, url: 'http://git'}}
      ·                                                         ──────┬─────
      ·                                                               ╰── platctl cannot create this connection
      ╰────
     help: create the connection and its host in the console, and set `connection` to its ARN
     × `http://git` is not the URL of a server
      ╭─[stack.yaml:3:57]
    2 │ services: {one: {port: 80}}
    3 │ delivery: {source: {provider: gitlab, owner: acme, url: 'http://git'}}
      ·                                                         ──────┬─────
      ·                                                               ╰── use a URL such as `https://git.example.com`
      ╰────
    ");
}

#[test]
fn a_cluster_follows_no_repository_that_nobody_can_write_to() {
    assert_snapshot!(wrong(&with("{provider: github, owner: acme}")), @"
     × `gitops` requires a credential for the GitOps repository, on GitHub or GitLab
       ╭─[stack.yaml:21:1]
    20 │
    21 │ gitops:
       · ───┬──
       ·    ╰── missing
    22 │   vault: {replicas: 1}
       ╰────
     help: declare `delivery: {source: {credential: NAME-OF-A-SECRET}}`
    ");
}
