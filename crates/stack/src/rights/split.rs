//! Statements in documents of the size that AWS allows.

use serde_json::{Value, json};

use crate::common::policy;

/// The most characters of a managed policy, without white space.
pub const MOST_CHARACTERS: usize = 6144;
/// How many managed policies a role can have, unless AWS raises this quota.
pub const MOST_POLICIES: usize = 10;

/// The characters of a document as AWS counts them.
#[must_use]
pub fn characters(document: &Value) -> usize {
    let text = document.to_string();
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// The statements in their order, in as few documents as that takes.
pub(super) fn split(statements: Vec<Value>) -> Vec<Value> {
    let mut documents: Vec<Vec<Value>> = Vec::new();
    for statement in statements.into_iter().flat_map(fitting) {
        let room = documents.iter_mut().find(|document| {
            let with = document.iter().chain([&statement]).cloned();
            characters(&policy(with)) <= MOST_CHARACTERS
        });
        match room {
            Some(document) => document.push(statement),
            None => documents.push(vec![statement]),
        }
    }
    documents.into_iter().map(policy).collect()
}

/// A statement that is too long for a document becomes several, with a part of its actions or resources each.
fn fitting(statement: Value) -> Vec<Value> {
    if characters(&policy([statement.clone()])) <= MOST_CHARACTERS {
        return vec![statement];
    }
    let length = |field: &str| characters(&statement[field]);
    let longer = if length("Action") >= length("Resource") {
        "Action"
    } else {
        "Resource"
    };
    let items = statement[longer].as_array().cloned().unwrap_or_default();
    if items.len() < 2 {
        return vec![statement];
    }
    let (first, second) = items.split_at(items.len() / 2);
    let part = |items: &[Value]| {
        let mut part = statement.clone();
        part[longer] = json!(items);
        part
    };
    let (first, second) = (part(first), part(second));
    [first, second].into_iter().flat_map(fitting).collect()
}
