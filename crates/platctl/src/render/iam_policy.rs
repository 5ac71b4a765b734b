//! IAM policies: the documents on stdout, and what has to be known about them on stderr.

use std::fmt::Write;

use platctl_stack::rights::{MOST_CHARACTERS, MOST_POLICIES, Rights, characters};
use serde_json::{Value, json};

use super::{error_line, json_line, raw};
use crate::cli::Global;

/// The documents, and what they allow beyond the stack.
pub(crate) fn rights(rights: &Rights, global: &Global) {
    let of = rights.policies.len();
    for (at, document) in rights.policies.iter().enumerate() {
        if global.json {
            json_line(&json!({
                "type": "policy", "number": at + 1, "of": of,
                "characters": characters(document), "document": document,
            }));
        } else {
            raw(&format!("{document:#}\n"));
        }
    }
    if global.json {
        for group in &rights.wide {
            json_line(&json!({"type": "not_limited", "why": group.why, "actions": group.actions}));
        }
        return;
    }
    error_line(&summary(rights));
}

/// The document of a permissions boundary.
pub(crate) fn boundary(document: &Value, name: &str, global: &Global) {
    if global.json {
        json_line(&json!({
            "type": "boundary", "name": name, "characters": characters(document), "document": document,
        }));
        return;
    }
    raw(&format!("{document:#}\n"));
    error_line(&format!(
        "Create the managed policy {name} from this document, and set it as the permissions boundary of the role that \
         runs platctl."
    ));
}

/// How many documents there are, and what is not limited to the stack.
fn summary(rights: &Rights) -> String {
    let of = rights.policies.len();
    let mut text = match of {
        1 => "1 managed policy.".to_owned(),
        of => format!(
            "{of} managed policies, because one can have {MOST_CHARACTERS} characters. Attach all of them to the role."
        ),
    };
    if of > MOST_POLICIES {
        let _ = write!(
            text,
            " A role can have {MOST_POLICIES} managed policies: request a higher quota, or use several roles."
        );
    }
    if rights.wide.is_empty() {
        return text;
    }
    text.push_str("\n\nNot limited to the resources of the stack:\n");
    for group in &rights.wide {
        let _ = write!(text, "\n{}:\n", group.why);
        for action in &group.actions {
            let _ = writeln!(text, "  {action}");
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use platctl_stack::rights::Wide;

    use super::*;

    #[test]
    fn what_is_not_limited_is_listed_by_the_reason() {
        let rights = Rights {
            policies: vec![json!({}), json!({})],
            wide: vec![Wide {
                actions: vec!["ec2:DescribeVpcs"],
                why: "AWS does not limit these actions to resources",
            }],
        };
        assert_eq!(
            summary(&rights),
            "2 managed policies, because one can have 6144 characters. Attach all of them to the role.\n\n\
             Not limited to the resources of the stack:\n\n\
             AWS does not limit these actions to resources:\n  ec2:DescribeVpcs"
        );
    }
}
