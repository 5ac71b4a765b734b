//! ARNs of what a stack file names. A name that contains the name of the stack counts with everything that begins in
//! the same way, because a policy has to be short, and because the next version of the stack file can have more.

use std::collections::BTreeSet;

use platctl_engine::graph::Node;
use serde_json::Value;

use super::Subject;
use super::rows::ROWS;

/// The ARNs of all that the stack names in a service.
pub(super) fn arns(subject: &Subject<'_>, service: &str) -> BTreeSet<String> {
    let mut arns = BTreeSet::new();
    for row in ROWS.iter().filter(|row| row.0 == service) {
        for node in subject.nodes.iter().filter(|node| node.kind == row.1) {
            if let Some(name) = name(subject.stack, node, row.2) {
                let ends = row.3.iter();
                arns.extend(ends.map(|end| filled(end, &name, &node.scope, subject)));
            }
        }
    }
    arns.extend(beyond(subject, service));
    arns.extend(stated(subject.nodes, service));
    without_covered(arns)
}

/// What the name is, or how all names of the stack begin. None where it is a reference: it is the name of another
/// resource then.
fn name(stack: &str, node: &Node, field: &str) -> Option<String> {
    if field.is_empty() {
        return Some("*".to_owned());
    }
    let text = node.spec.get(field)?.as_str()?;
    if text.starts_with("arn:") {
        return None;
    }
    let path = match node.spec.get("path").and_then(Value::as_str) {
        Some(path) if node.kind.starts_with("iam.") => path.trim_start_matches('/'),
        _ => "",
    };
    let named = beginning(stack, text);
    // The ARN of a parameter has one slash before its name, which may begin with it.
    let named = match node.kind.as_str() {
        "ssm.Parameter" => named.trim_start_matches('/'),
        _ => named.as_str(),
    };
    Some(format!("{path}{named}"))
}

/// `/platctl/prod/flow-logs` of the stack `prod` is `/platctl/prod/*`; `shared` is itself.
fn beginning(stack: &str, text: &str) -> String {
    for (at, found) in text.match_indices(stack) {
        let (before, rest) = text.split_at(at);
        let begins = !before.ends_with(|c: char| c.is_ascii_alphanumeric());
        let after = rest
            .strip_prefix(found)
            .and_then(|rest| rest.chars().next());
        if let Some(mark) = after.filter(|c| begins && "-/_.".contains(*c)) {
            return format!("{before}{found}{mark}*");
        }
    }
    text.to_owned()
}

fn filled(end: &str, name: &str, region: &str, subject: &Subject<'_>) -> String {
    let context = subject.context;
    let end = end
        .replace(":R:", &format!(":{region}:"))
        .replace(":A:", &format!(":{}:", context.account))
        .replace("{}", name)
        .replace("**", "*");
    format!("arn:{}:{end}", context.partition)
}

/// What a run reads or uses and the stack file does not name: roles of AWS, parameters of AWS with the images of nodes,
/// sessions through nodes, and secrets that AWS makes for databases.
fn beyond(subject: &Subject<'_>, service: &str) -> Vec<String> {
    let has = |kind: &str| subject.nodes.iter().any(|node| node.kind == kind);
    let region = &subject.context.region;
    let mut ends = Vec::new();
    if service == "iam" {
        // Some kinds hand over roles although the stack has none: without a role, there is nothing else to limit this.
        ends.push("iam::A:role/aws-service-role/*".to_owned());
        ends.push(format!("iam::A:role/{}-*", subject.stack));
    }
    if service == "ssm" && has("eks.Cluster") {
        ends.push("ssm:R::parameter/aws/service/*".to_owned());
        ends.push("ssm:R::document/AWS-StartPortForwardingSession*".to_owned());
        ends.push("ec2:R:A:instance/*".to_owned());
    }
    if service == "secretsmanager" && has("rds.DbCluster") {
        ends.push("secretsmanager:R:A:secret:rds!cluster-*".to_owned());
    }
    ends.iter()
        .map(|end| filled(end, "", region, subject))
        .collect()
}

/// ARNs of this service that fields of resources state, such as the secret with the credential of a host.
fn stated(nodes: &[Node], service: &str) -> BTreeSet<String> {
    let of_service = |text: &&str| {
        text.starts_with("arn:") && text.split(':').nth(2) == Some(service) && !text.contains('*')
    };
    let fields = nodes.iter().filter_map(|node| node.spec.as_object());
    let texts = fields.flat_map(|fields| fields.values().filter_map(Value::as_str));
    texts.filter(of_service).map(ToOwned::to_owned).collect()
}

/// Without those that another one covers, as far as that one ends with its only asterisk.
fn without_covered(arns: BTreeSet<String>) -> BTreeSet<String> {
    let beginnings: Vec<String> = arns
        .iter()
        .filter_map(|arn| arn.strip_suffix('*'))
        .filter(|beginning| !beginning.contains('*'))
        .map(ToOwned::to_owned)
        .collect();
    let covered = |arn: &String| {
        beginnings
            .iter()
            .any(|beginning| arn.starts_with(beginning.as_str()) && *arn != format!("{beginning}*"))
    };
    arns.iter().filter(|arn| !covered(arn)).cloned().collect()
}
