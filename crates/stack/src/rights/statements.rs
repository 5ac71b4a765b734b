//! The statements of the policies.

use std::collections::BTreeSet;

use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::names::{arns, stated};
use super::scopes::{
    CLUSTER_TAGS, FOR_SERVICES, LEFTOVERS, LISTING, NEW, NEW_EC2, TAGGED, UNLIMITED, UNTAGGED,
};
use super::state::of_state;
use super::{Actions, REQUEST_TAG, Run, STACK_TAG, Subject, Wide, of_service, service_of};
use crate::common::allow;

/// Why the actions are not limited to the stack, in this order.
const NO_RESOURCE: &str = "AWS does not limit these actions to resources";
const SEARCHES: &str =
    "These reads find the resources of the stack, by their tags, among all others";
const NO_TAGS: &str = "The objects have IDs of AWS, and policies cannot ask for their tags";
const SERVICES: &str =
    "EKS and ElastiCache require these of their caller, for objects that they create themselves";
const NO_NAMES: &str = "The stack file does not state the names of these objects";

/// All statements, and the actions that none of them limits to the stack.
pub(super) fn all(subject: &Subject<'_>, run: Run, actions: &Actions) -> (Vec<Value>, Vec<Wide>) {
    let mut wide = wide(actions);
    let beyond: Actions = wide
        .iter()
        .flat_map(|group| group.actions.iter().copied())
        .collect();
    let limited: Actions = actions.difference(&beyond).copied().collect();
    let (named, nameless) = named(subject, &limited);
    if !nameless.is_empty() {
        wide.push(Wide {
            actions: nameless,
            why: NO_NAMES,
        });
    }
    let mut statements = vec![everywhere(subject, &wide)];
    statements.extend(new(subject, &limited));
    statements.extend(new_in_ec2(subject, &limited));
    statements.extend(with_tag(subject, &limited));
    statements.extend(named);
    statements.extend(of_others(subject, &limited));
    if run != Run::Plan {
        statements.extend(leftovers(subject));
    }
    statements.extend(
        subject
            .state
            .into_iter()
            .flat_map(|state| of_state(state, subject)),
    );
    (statements, wide)
}

/// What AWS cannot limit, by the reason.
fn wide(actions: &Actions) -> Vec<Wide> {
    let is_read = |action: &str| {
        let name = action.split_once(':').map_or("", |(_, name)| name);
        ["Describe", "Get", "List"]
            .iter()
            .any(|word| name.starts_with(word))
    };
    let reason = |action: &str| {
        let service = service_of(action);
        let searches = TAGGED.contains(&service) && is_read(action);
        let lists = LISTING.contains(&service) && action.contains(":Describe");
        if UNLIMITED.contains(&action) {
            Some(NO_RESOURCE)
        } else if FOR_SERVICES.contains(&action) {
            Some(SERVICES)
        } else if service == "route53" || UNTAGGED.contains(&action) {
            Some(NO_TAGS)
        } else if searches || lists {
            Some(SEARCHES)
        } else {
            None
        }
    };
    let of = |why: &'static str| Wide {
        actions: actions
            .iter()
            .copied()
            .filter(|action| reason(action) == Some(why))
            .collect(),
        why,
    };
    [NO_RESOURCE, SEARCHES, NO_TAGS, SERVICES]
        .into_iter()
        .map(of)
        .filter(|group| !group.actions.is_empty())
        .collect()
}

/// What is not limited to the stack is limited to its regions.
fn everywhere(subject: &Subject<'_>, wide: &[Wide]) -> Value {
    let actions: Actions = wide
        .iter()
        .flat_map(|group| group.actions.iter().copied())
        .collect();
    json!({
        "Effect": "Allow", "Action": actions, "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": regions(subject)}},
    })
}

/// The regions of the stack, and the one that answers for IAM, CloudFront and Route 53.
fn regions(subject: &Subject<'_>) -> BTreeSet<String> {
    let global = match subject.context.partition.as_str() {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    };
    let scopes = subject.nodes.iter().map(|node| node.scope.clone());
    scopes
        .chain([subject.context.region.clone(), global.to_owned()])
        .collect()
}

/// What has no ARN yet: the request has the tag. What has the tag of another stack is not taken over.
fn new(subject: &Subject<'_>, actions: &Actions) -> Option<Value> {
    let created: Actions = NEW
        .iter()
        .copied()
        .filter(|action| actions.contains(action))
        .collect();
    (!created.is_empty()).then(|| {
        json!({
            "Effect": "Allow", "Action": created, "Resource": "*",
            "Condition": {
                "StringEquals": {REQUEST_TAG: subject.stack},
                "StringEqualsIfExists": {STACK_TAG: subject.stack},
            },
        })
    })
}

/// The same for Amazon EC2, which asks for each object that a request names. Tags can only be set by the request that
/// creates an object.
fn new_in_ec2(subject: &Subject<'_>, actions: &Actions) -> Vec<Value> {
    let tagged = json!({REQUEST_TAG: subject.stack});
    let mut statements = Vec::new();
    for (creations, types) in NEW_EC2 {
        let created: Vec<&str> = creations
            .iter()
            .copied()
            .filter(|action| actions.contains(action))
            .collect();
        if created.is_empty() {
            continue;
        }
        let objects: Vec<String> = types.iter().map(|of| ec2_arn(of, "*", subject)).collect();
        statements.push(json!({
            "Effect": "Allow", "Action": created, "Resource": objects,
            "Condition": {"StringEquals": tagged},
        }));
    }
    if actions.contains("ec2:CreateTags") {
        statements.push(json!({
            "Effect": "Allow", "Action": ["ec2:CreateTags"], "Resource": ec2_arn("*", "*", subject),
            "Condition": {"StringEquals": tagged, "Null": {"ec2:CreateAction": "false"}},
        }));
    }
    statements
}

fn ec2_arn(of: &str, id: &str, subject: &Subject<'_>) -> String {
    let context = subject.context;
    format!(
        "arn:{}:ec2:*:{}:{of}/{id}",
        context.partition, context.account
    )
}

/// What has the tag of the stack.
fn with_tag(subject: &Subject<'_>, actions: &Actions) -> Option<Value> {
    let of_tagged: Actions = actions
        .iter()
        .copied()
        .filter(|action| TAGGED.contains(&service_of(action)))
        .collect();
    (!of_tagged.is_empty()).then(|| {
        json!({
            "Effect": "Allow", "Action": of_tagged, "Resource": "*",
            "Condition": {"StringEquals": {STACK_TAG: subject.stack}},
        })
    })
}

/// What the stack file names, by service; and the actions of services in which it names nothing.
fn named(subject: &Subject<'_>, actions: &Actions) -> (Vec<Value>, Vec<&'static str>) {
    let services: BTreeSet<&str> = actions.iter().map(|action| service_of(action)).collect();
    let (mut statements, mut nameless) = (Vec::new(), Vec::new());
    for service in services {
        let mut of = of_service(actions, service);
        // Aliases have no tags. Other actions on keys ask for the tags of the key.
        if service == "kms" {
            of.retain(|action| action.ends_with("Alias"));
        } else if TAGGED.contains(&service) {
            continue;
        }
        // Creations of clusters are limited by the tag in the request.
        of.retain(|action| !NEW.contains(action));
        let objects = arns(subject, service);
        if of.is_empty() {
            continue;
        }
        if objects.is_empty() {
            nameless.extend(of);
        } else {
            let objects: Vec<String> = objects.into_iter().collect();
            statements.push(allow(&of, objects));
        }
    }
    (statements, nameless)
}

/// Objects that belong to others and that the stack file names by their IDs, such as the VPC of a raw subnet: what
/// refers to them may be created.
fn of_others(subject: &Subject<'_>, actions: &Actions) -> Vec<Value> {
    let refers = |action: &&str| {
        ["Associate", "Attach", "Authorize", "Create"]
            .iter()
            .any(|word| action.starts_with(&format!("ec2:{word}")))
    };
    let in_ec2: Vec<&str> = actions
        .iter()
        .copied()
        .filter(|action| refers(action) && *action != "ec2:CreateTags")
        .collect();
    let objects: Vec<String> = ids(subject.nodes)
        .into_iter()
        .map(|(of, id)| ec2_arn(of, &id, subject))
        .collect();
    let uses: Vec<&str> = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
    ]
    .into_iter()
    .filter(|action| actions.contains(action))
    .collect();
    let keys: Vec<String> = stated(subject.nodes, "kms").into_iter().collect();
    [(in_ec2, objects), (uses, keys)]
        .into_iter()
        .filter(|(actions, objects)| !actions.is_empty() && !objects.is_empty())
        .map(|(actions, objects)| allow(&actions, objects))
        .collect()
}

/// How IDs of Amazon EC2 begin, and their types in ARNs.
const IDS: [(&str, &str); 7] = [
    ("eipalloc-", "elastic-ip"),
    ("igw-", "internet-gateway"),
    ("nat-", "natgateway"),
    ("rtb-", "route-table"),
    ("sg-", "security-group"),
    ("subnet-", "subnet"),
    ("vpc-", "vpc"),
];

/// The IDs in fields, and in lists in fields. What is deeper, such as a policy, is not for platctl to use.
fn ids(nodes: &[Node]) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    let fields = nodes.iter().filter_map(|node| node.spec.as_object());
    for value in fields.flat_map(serde_json::Map::values) {
        let listed = value.as_array().into_iter().flatten();
        for text in std::iter::once(value)
            .chain(listed)
            .filter_map(Value::as_str)
        {
            for (begins, of) in IDS {
                let rest = text.strip_prefix(begins).unwrap_or_default();
                if rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    found.insert((of, text.to_owned()));
                }
            }
        }
    }
    found
}

/// What controllers of the stack's clusters created, and nothing else deletes.
fn leftovers(subject: &Subject<'_>) -> Vec<Value> {
    let clusters = subject
        .nodes
        .iter()
        .filter(|node| node.kind == "eks.Cluster");
    let names = clusters.filter_map(|node| node.spec.get("name")?.as_str());
    let one = |name: &str, (key, ends): &(&str, bool)| {
        let (key, value) = match ends {
            true => (format!("aws:ResourceTag/{key}{name}"), "owned"),
            false => (format!("aws:ResourceTag/{key}"), name),
        };
        json!({
            "Effect": "Allow", "Action": LEFTOVERS, "Resource": "*",
            "Condition": {"StringEquals": {key: value}},
        })
    };
    names
        .flat_map(|name| CLUSTER_TAGS.iter().map(move |tag| one(name, tag)))
        .collect()
}
