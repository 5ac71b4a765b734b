//! What the builds of a reaper may do: read and delete what platctl can create, as far as it belongs to the stacks that
//! the reaper is for.
//!
//! The actions are those that the kinds state for their own deletion. Where AWS names an object by what the user calls
//! it, the name has to begin as the stacks do (IAM, S3). Everywhere else, what has the tag of another stack is left alone.

use std::collections::BTreeSet;

use platctl_aws::registry;
use serde_json::{Value, json};

use crate::common::allow;
use crate::rights::{Actions, RUN, STACK_TAG, encrypted_in, of_service, service_of, state_in};
use crate::{Context, StateUrl};

/// Actions that answer what somebody has stored, run what somebody else has written, or let into a cluster. Finding out
/// what an object is takes them, but only for objects that have the tag of one of the stacks.
const STRICT: [&str; 9] = [
    "codebuild:StartBuild",
    "codebuild:StopBuild",
    "codecommit:GetFile",
    "eks:AssociateAccessPolicy",
    "eks:DisassociateAccessPolicy",
    "logs:GetLogEvents",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
];

/// What the names of the actions begin with that only look.
const LOOKS: [&str; 4] = ["BatchGet", "Describe", "Get", "List"];

/// What it takes to delete stacks whose names begin with this.
pub(super) fn of(prefix: &str, context: &Context) -> Vec<Value> {
    let kinds = registry::facts();
    let reads = kinds.iter().flat_map(|kind| kind.permissions.read);
    let deletes = kinds.iter().flat_map(|kind| kind.permissions.delete);
    let (reads, deletes): (Actions, Actions) =
        (reads.copied().collect(), deletes.copied().collect());
    let all: Actions = reads.union(&deletes).copied().collect();
    let strict: Actions = STRICT
        .into_iter()
        .filter(|action| all.contains(action))
        .collect();
    let (looks, others): (Actions, Actions) = reads
        .iter()
        .copied()
        // Without the index of tags, each build would fail: nobody would know whether anything is left.
        .chain(RUN.iter().copied())
        .filter(|action| service_of(action) != "s3" && !strict.contains(action))
        .partition(|action| only_looks(action));
    let plain = deletes
        .iter()
        .copied()
        .filter(|action| !matches!(service_of(action), "iam" | "s3") && !strict.contains(action));
    let plain: Actions = plain.chain(others).collect();
    let partition = &context.partition;
    let tag = json!({STACK_TAG: format!("{prefix}*")});
    vec![
        json!({"Effect": "Allow", "Action": shortened(looks.into_iter()), "Resource": "*"}),
        json!({
            "Effect": "Allow", "Action": strict, "Resource": "*", "Condition": {"StringLike": tag},
        }),
        // What has no tags, and what a service does not tell the tags of, is not kept from the builds.
        json!({
            "Effect": "Allow", "Action": plain, "Resource": "*",
            "Condition": {"StringLikeIfExists": tag},
        }),
        json!({
            "Effect": "Allow", "Action": of_service(&deletes, "iam"), "Resource": identities(prefix, context),
            "Condition": {"StringLikeIfExists": tag},
        }),
        allow(
            &of_service(&all, "s3"),
            format!("arn:{partition}:s3:::{prefix}*"),
        ),
    ]
}

/// What of IAM has a name that begins like this, with a path or without. AWS rejects a policy that leaves open which sort
/// of object is meant. A provider is called as its issuer is.
fn identities(prefix: &str, context: &Context) -> Vec<String> {
    let Context {
        partition, account, ..
    } = context;
    let arn = |what: &str| format!("arn:{partition}:iam::{account}:{what}");
    let sorts = ["instance-profile", "policy", "role", "user"];
    let named = sorts
        .iter()
        .flat_map(|sort| [format!("{sort}/{prefix}*"), format!("{sort}/*/{prefix}*")]);
    named
        .map(|what| arn(&what))
        .chain([arn("oidc-provider/*")])
        .collect()
}

/// The states, and the program.
pub(super) fn of_places(states: &StateUrl, program: &StateUrl, context: &Context) -> Vec<Value> {
    let partition = &context.partition;
    let below = match states.prefix.as_str() {
        "" => "*".to_owned(),
        prefix => format!("{prefix}/*"),
    };
    let mut statements = state_in(states, &below, partition);
    statements.push(allow(
        &["s3:GetObject"],
        format!("arn:{partition}:s3:::{}/{}", program.bucket, program.prefix),
    ));
    let buckets = BTreeSet::from([states.bucket.as_str(), program.bucket.as_str()]);
    statements.push(encrypted_in(buckets, partition));
    statements
}

/// Whether an action changes nothing.
fn only_looks(action: &str) -> bool {
    let name = action.split(':').nth(1).unwrap_or_default();
    LOOKS.iter().any(|word| name.starts_with(word))
}

/// A policy has to be short: all that a service describes and lists of itself stands for the single actions.
fn shortened<'a>(actions: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let short = |action: &str| {
        let (service, name) = action.split_once(':').unwrap_or_default();
        let word = ["Describe", "List"]
            .into_iter()
            .find(|word| name.starts_with(word));
        word.map_or_else(|| action.to_owned(), |word| format!("{service}:{word}*"))
    };
    actions.map(short).collect()
}
