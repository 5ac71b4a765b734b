//! What auditors ask for: who may take on which role, whose builds see what, and which logs are kept.

use platctl_engine::graph::Node;
use serde_json::Value;

use super::security::{STACKS, actions, all, names, references, statements};
use super::{load, nodes};

/// The condition of the first statement of a role's trust policy.
fn trusted_when(role: &Node) -> Value {
    statements(&role.spec["assume_role_policy_document"])[0]["Condition"].clone()
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// A service that acts for any account could be made to act for this one by another.
#[test]
fn services_take_on_roles_for_this_account_only() {
    for (stack, node) in all(&[])
        .into_iter()
        .filter(|(_, node)| node.kind == "iam.Role")
    {
        let say = format!("{stack} {}", node.address);
        let trust = text(&node.spec["assume_role_policy_document"]);
        let service = |name: &str| trust.contains(&format!("\"{name}.amazonaws.com\""));
        if service("ec2") || trust.contains("sts.amazonaws.com") {
            // EC2 says nothing of accounts; pods with a token are known by their own issuer.
            continue;
        }
        assert!(
            text(&trusted_when(&node)).contains("aws:SourceAccount"),
            "{say}: {trust}"
        );
        if service("codebuild") {
            assert!(
                text(&trusted_when(&node)).contains(":project/"),
                "{say}: any project could use it"
            );
        }
        if service("pods.eks") {
            let condition = text(&trusted_when(&node));
            for tag in [
                "eks-cluster-name",
                "kubernetes-namespace",
                "kubernetes-service-account",
            ] {
                assert!(
                    condition.contains(&format!("aws:RequestTag/{tag}")),
                    "{say}: {condition}"
                );
            }
        }
    }
}

#[test]
fn each_build_project_has_a_role_of_its_own() {
    for (stack, text) in STACKS {
        let nodes = nodes(&load(text, &[]).unwrap()).unwrap();
        let projects: Vec<&Node> = nodes
            .iter()
            .filter(|node| node.kind == "codebuild.Project")
            .collect();
        let roles: std::collections::BTreeSet<String> = projects
            .iter()
            .flat_map(|node| references(&node.spec["service_role"]))
            .collect();
        assert_eq!(roles.len(), projects.len(), "{stack}");
    }
}

fn prod() -> Vec<Node> {
    nodes(&load(STACKS[0].1, &[]).unwrap()).unwrap()
}

fn of<'a>(nodes: &'a [Node], address: &str) -> &'a Value {
    let found = nodes
        .iter()
        .find(|node| node.address.to_string() == address);
    &found
        .unwrap_or_else(|| panic!("{address} is not declared"))
        .spec
}

/// Layers are written by builds, release tags are set by releases, and what is not reviewed writes neither.
#[test]
fn releases_write_no_layers_and_checks_write_nothing() {
    let prod = prod();
    let may = |project: &str| -> Vec<String> {
        let policy = &of(&prod, &format!("delivery.backend.{project}.policy"))["policy_document"];
        statements(policy).iter().flat_map(actions).collect()
    };
    assert!(names(&may("build"), "ecr:UploadLayerPart"));
    assert!(
        names(&may("release"), "ecr:PutImage") && !names(&may("release"), "ecr:UploadLayerPart")
    );
    assert!(!names(&may("release"), "s3:PutObject"));
    assert!(
        !may("check")
            .iter()
            .any(|action| action.starts_with("ecr:") || action.starts_with("s3:"))
    );
}

/// A pipeline puts the first 20 characters of its name in front of its artefacts.
#[test]
fn builds_see_the_artefacts_of_their_own_pipelines_only() {
    let prod = prod();
    for (service, other) in [("backend", "frontend"), ("frontend", "backend")] {
        let policy =
            text(&of(&prod, &format!("delivery.{service}.build.policy"))["policy_document"]);
        assert!(
            policy.contains(&format!("\"/prod-{service}-prod/*\"")),
            "{policy}"
        );
        assert!(!policy.contains(other), "{policy}");
        assert!(!policy.contains("\"/*\""), "{policy}");
    }
}

#[test]
fn logs_that_tell_who_did_what_are_kept_for_a_year_where_data_is_protected() {
    let days = |nodes: &[Node], address: &str| of(nodes, address)["retention_in_days"].clone();
    let kept = [
        "cluster.log_group",
        "gitops.runner.log_group",
        "delivery.backend.log_group",
    ];
    for address in kept {
        assert_eq!(days(&prod(), address), 365, "{address}");
    }
    let set = ["protect=false", "delivery.keep_days=14"];
    let open = nodes(&load(STACKS[0].1, &set).unwrap()).unwrap();
    assert_eq!(kept.map(|address| days(&open, address)), [90, 30, 14]);
    let said = load(
        STACKS[0].1,
        &["delivery.log_days=60", "cluster.log_days=30"],
    )
    .unwrap();
    let said = nodes(&said).unwrap();
    assert_eq!(
        [kept[0], kept[2]].map(|address| days(&said, address)),
        [30, 60]
    );
}

#[test]
fn endpoints_are_for_this_account_unless_they_are_open() {
    let policies = |set: &[&str]| -> Vec<String> {
        let nodes = nodes(&load(STACKS[0].1, set).unwrap()).unwrap();
        let endpoints = nodes.iter().filter(|node| node.kind == "ec2.VpcEndpoint");
        let documents = endpoints.filter_map(|node| node.spec.get("policy_document"));
        documents.map(text).collect()
    };
    // Images are pulled with a token of the registry, not with a signature: that endpoint is left as it is.
    let limited = policies(&[]);
    assert_eq!(limited.len(), 4);
    for policy in &limited {
        assert!(
            policy.contains("aws:PrincipalAccount") || policy.contains("aws:ResourceAccount"),
            "{policy}"
        );
    }
    // Pods that bring a token have no account yet.
    assert!(
        limited
            .iter()
            .any(|policy| policy.contains("sts:AssumeRoleWithWebIdentity")),
        "{limited:?}"
    );
    for policy in policies(&["network.endpoint_access=open"]) {
        assert!(!policy.contains("Condition"), "{policy}");
    }
    // AWS makes no endpoint with a policy for a service that takes none: most are left as they are.
    let other = load("stack: net\nnetwork: {endpoints: [elasticache]}", &[]).unwrap();
    assert!(
        of(&nodes(&other).unwrap(), "network.endpoint.elasticache")
            .get("policy_document")
            .is_none()
    );
}

#[test]
fn access_logs_are_written_where_data_is_protected() {
    let prod = prod();
    let attributes = &of(&prod, "edge.load_balancer")["attributes"];
    assert_eq!(attributes["access_logs.s3.enabled"], "true");
    assert_eq!(
        references(&attributes["access_logs.s3.bucket"]),
        ["logs.bucket"]
    );
    for node in prod.iter().filter(|node| node.kind == "s3.Bucket") {
        let to = references(&node.spec["logging"]);
        let itself = node.address.to_string() == "logs.bucket";
        assert_eq!(
            to,
            if itself {
                Vec::new()
            } else {
                vec!["logs.bucket".to_owned()]
            },
            "{}",
            node.address
        );
    }
    // The services that deliver logs write with no key but S3's own.
    assert_eq!(
        of(&prod, "logs.bucket")["encryption"]["sse_algorithm"],
        "AES256"
    );
}

/// The resources that write the logs of the edge.
fn edge_logs(set: &[&str]) -> Vec<String> {
    let nodes = nodes(&load(STACKS[0].1, set).unwrap()).unwrap();
    let all = nodes.iter().map(|node| node.address.to_string());
    all.filter_map(|address| address.strip_prefix("edge.logs.").map(ToOwned::to_owned))
        .collect()
}

#[test]
fn the_edge_writes_logs_where_data_is_protected() {
    let prod = prod();
    let node = |address: &str| {
        let mut nodes = prod.iter();
        nodes
            .find(|node| node.address.as_str() == address)
            .unwrap()
            .clone()
    };
    // CloudFront's deliveries, its web ACL and Route 53's log groups are in one region, wherever the stack is.
    for address in [
        "source",
        "destination",
        "delivery",
        "waf_group",
        "waf",
        "dns_group",
        "dns_policy",
    ] {
        let node = node(&format!("edge.logs.{address}"));
        assert_eq!(node.scope, "us-east-1", "{address}");
    }
    let name = |address: &str| of(&prod, address)["log_group_name"].clone();
    assert_eq!(
        name("edge.logs.waf_group"),
        "aws-waf-logs-prod-eu-west-1-edge"
    );
    let redacted = text(&of(&prod, "edge.logs.waf")["redacted_headers"]);
    assert!(redacted.contains("authorization") && redacted.contains("cookie"));
    let target = of(&prod, "edge.logs.destination")["destination_resource_arn"].clone();
    let bucket = statements(&of(&prod, "logs.bucket")["policy"]);
    let delivery = bucket
        .iter()
        .find(|one| one["Principal"]["Service"] == "delivery.logs.amazonaws.com");
    let delivery = delivery.unwrap();
    assert_eq!(
        delivery["Resource"],
        format!("{}/*", target.as_str().unwrap())
    );
    assert!(text(&delivery["Condition"]).contains("arn:aws:logs:us-east-1:"));
    let query = node("edge.logs.dns");
    assert_eq!(query.after[0].as_str(), "edge.logs.dns_policy");
    for group in ["edge.logs.waf_group", "edge.logs.dns_group"] {
        assert_eq!(of(&prod, group)["retention_in_days"], 365);
    }
}

#[test]
fn logs_of_the_edge_can_be_switched_off_one_by_one() {
    assert_eq!(edge_logs(&[]).len(), 8);
    assert_eq!(edge_logs(&["logs=false"]), Vec::<String>::new());
    assert_eq!(edge_logs(&["protect=false"]), Vec::<String>::new());
    let cdn = ["source", "destination", "delivery"];
    let (waf, dns) = (["waf_group", "waf"], ["dns_group", "dns_policy", "dns"]);
    assert_eq!(edge_logs(&["logs.cdn=false", "logs.waf=false"]), dns);
    assert_eq!(edge_logs(&["logs.cdn=false", "logs.dns=false"]), waf);
    assert_eq!(edge_logs(&["logs.waf=false", "logs.dns=false"]), cdn);
    // The zone of somebody else is for its owner.
    assert!(!edge_logs(&["edge.zone=Z0123456789ABC"]).contains(&"dns".to_owned()));
    // A web ACL of the load balancer is where that is.
    let regional = ["regional_waf_group", "regional_waf"];
    assert_eq!(edge_logs(&["edge.cdn=false", "logs.dns=false"]), regional);
}

#[test]
fn access_logs_can_be_switched_off_one_by_one() {
    let with = |set: &[&str]| nodes(&load(STACKS[0].1, set).unwrap()).unwrap();
    let off = with(&["logs=false"]);
    assert!(
        !off.iter()
            .any(|node| node.address.to_string() == "logs.bucket")
    );
    assert_eq!(
        of(&off, "edge.load_balancer")["attributes"]["access_logs.s3.enabled"],
        "false"
    );
    // A bucket that goes on writing logs would write them to a bucket that no longer exists.
    for bucket in ["delivery.artifacts", "gitops.backups"] {
        let logging = &of(&off, bucket)["logging"];
        assert_eq!(logging["target_bucket"], "", "{bucket}");
    }
    let buckets = with(&["logs.load_balancer=false", "logs.retention_days=30"]);
    assert_eq!(
        of(&buckets, "edge.load_balancer")["attributes"]["access_logs.s3.enabled"],
        "false"
    );
    assert!(!references(&of(&buckets, "delivery.artifacts")["logging"]).is_empty());
    assert_eq!(
        of(&buckets, "logs.bucket")["lifecycle_rules"][0]["expiration_days"],
        30
    );
    let unprotected = with(&["protect=false"]);
    assert!(
        !unprotected
            .iter()
            .any(|node| node.address.to_string() == "logs.bucket")
    );
    let wanted = with(&["protect=false", "logs=true"]);
    assert!(
        wanted
            .iter()
            .any(|node| node.address.to_string() == "logs.bucket")
    );
}

#[test]
fn the_default_group_of_a_vpc_lets_nothing_through() {
    for (stack, node) in all(&[])
        .into_iter()
        .filter(|(_, node)| node.kind == "ec2.Vpc")
    {
        assert_eq!(
            node.spec["default_security_group_rules"], false,
            "{stack} {}",
            node.address
        );
    }
}

#[test]
fn rds_tells_of_the_stacks_own_database_only() {
    let prod = prod();
    let cluster = of(&prod, "alerts.events.cluster");
    assert_eq!(references(&cluster["source_ids"]), ["database.cluster"]);
    let instances = references(&of(&prod, "alerts.events.instance")["source_ids"]);
    assert!(instances.contains(&"database.writer".to_owned()));
    assert_eq!(instances.len(), 3, "{instances:?}");
    let publishers = text(&of(&prod, "alerts.topic")["policy"]);
    assert!(publishers.contains("events.rds.amazonaws.com"));
    assert!(publishers.contains("aws:SourceAccount"));
    let without = nodes(&load("stack: a\nregion: eu-west-1\nalerts: {}\n", &[]).unwrap()).unwrap();
    assert!(
        !without
            .iter()
            .any(|node| node.kind == "rds.EventSubscription")
    );
}

#[test]
fn argo_cd_reads_and_image_updater_writes() {
    let prod = prod();
    let may = |address: &str| text(&of(&prod, address)["policy_document"]);
    assert!(!may("gitops.git.policy").contains("GitPush"));
    let write = may("gitops.git_write.policy");
    assert!(write.contains("GitPush") && write.contains("refs/heads/main"));
    // The role of builds reads both secrets, and nobody else's.
    let secrets: Vec<String> = statements(&of(&prod, "gitops.runner.policy")["policy_document"])
        .iter()
        .filter(|one| actions(one).contains(&"secretsmanager:getsecretvalue".to_owned()))
        .flat_map(|one| references(&one["Resource"]))
        .collect();
    assert_eq!(secrets, ["gitops.git.secret", "gitops.git_write.secret"]);
    let off = nodes(&load(STACKS[0].1, &["gitops.image_updater=false"]).unwrap()).unwrap();
    assert!(
        !off.iter()
            .any(|node| node.address.as_str().starts_with("gitops.git_write"))
    );
}

#[test]
fn the_runner_has_no_rights_but_those_that_platctl_lends_it() {
    assert_eq!(
        of(&prod(), "gitops.runner.access")["access_policies"],
        serde_json::json!([])
    );
}

#[test]
fn pull_requests_need_another_person_where_data_is_protected() {
    let prod = prod();
    let rule = of(&prod, "delivery.approvals");
    let mut repositories = references(&rule["repository_names"]);
    repositories.sort();
    let expected = [
        "delivery.backend.source",
        "delivery.frontend.source",
        "delivery.gitops",
    ];
    assert_eq!(repositories, expected);
    let content = &rule["approval_rule_template_content"];
    assert_eq!(content["Statements"][0]["NumberOfApprovalsNeeded"], 1);
    for (set, rules) in [
        ("protect=false", 0),
        ("delivery.approvals=0", 0),
        ("delivery.approvals=2", 1),
    ] {
        let nodes = nodes(&load(STACKS[0].1, &[set]).unwrap()).unwrap();
        let found = nodes
            .iter()
            .filter(|node| node.kind == "codecommit.ApprovalRuleTemplate");
        assert_eq!(found.count(), rules, "{set}");
    }
    assert!(
        load(STACKS[0].1, &["delivery.approvals=11"])
            .and_then(|stack| nodes(&stack))
            .is_err()
    );
}

#[test]
fn nobody_reads_the_git_credentials_but_who_applies_them() {
    let with = |set: &[&str]| nodes(&load(STACKS[0].1, set).unwrap()).unwrap();
    let deny = |nodes: &[Node], secret: &str| text(&of(nodes, secret)["resource_policy"]);
    for secret in ["gitops.git.secret", "gitops.git_write.secret"] {
        let policy = deny(&prod(), secret);
        assert!(policy.contains("role/prod-eu-west-1-runner"), "{policy}");
        assert!(policy.contains("\"Deny\"") && policy.contains("GetSecretValue"));
    }
    let admin = "arn:aws:iam::123456789012:role/platform";
    let both = with(&[&format!("cluster.admins=[{admin}]")]);
    assert!(deny(&both, "gitops.git.secret").contains(admin));
}

#[test]
fn a_content_security_policy_is_one_line() {
    let with = |policy: &str| {
        let set = format!("edge.content_security_policy={policy}");
        let stack = load(STACKS[0].1, &[&set]).unwrap();
        nodes(&stack).map(drop)
    };
    assert!(with("default-src 'self'; img-src *").is_ok());
    for wrong in ["' '", "\"default-src 'self'\\n\"", "default-src é"] {
        let said = format!("{:?}", with(wrong).unwrap_err());
        assert!(said.contains("one line of ASCII"), "{wrong}: {said}");
    }
}
