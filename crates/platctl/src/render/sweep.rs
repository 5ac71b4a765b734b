//! What a search of AWS found that no state knows.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::receipt::{found_json, found_text, leftover_text};
use super::value::clean;
use super::{json_line, raw};
use crate::cli::Global;
use crate::commands::Orphans;

/// Shows what was found, and what to do about it.
pub(crate) fn orphans(orphans: &Orphans, global: &Global) {
    if global.json {
        json_line(&json!({
            "type": "sweep",
            "regions": orphans.regions,
            "owned": orphans.owned.iter().map(found_json).collect::<Vec<_>>(),
            "leftovers": orphans.leftovers.iter().map(|one| json!({
                "what": one.to_string(), "id": one.id, "cluster": one.made.cluster, "delete": one.command(),
            })).collect::<Vec<_>>(),
            "foreign": orphans.foreign.iter().map(found_json).collect::<Vec<_>>(),
            "unread": orphans.unread,
        }));
    } else {
        raw(&text(orphans));
    }
}

fn text(orphans: &Orphans) -> String {
    let regions: Vec<&str> = orphans.regions.iter().map(String::as_str).collect();
    let mut text = format!("Searched the index of tags of {}.\n", regions.join(", "));
    text.push_str(&owned(orphans));
    if !orphans.leftovers.is_empty() {
        text.push_str("\nMade by programs in clusters that do not exist any more:\n");
        for one in &orphans.leftovers {
            let _ = writeln!(text, "  {}", leftover_text(one));
        }
    }
    text.push_str(&foreign(orphans));
    if orphans.owned.is_empty() && orphans.leftovers.is_empty() && orphans.foreign.is_empty() {
        text.push_str("Nothing was found that no state here knows.\n");
    }
    if !orphans.unread.is_empty() {
        let names = orphans.unread.join(", ");
        let _ = writeln!(
            text,
            "\nThe states of these stacks could not be read, so that their resources are listed: {names}"
        );
    }
    text
}

fn owned(orphans: &Orphans) -> String {
    if orphans.owned.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nWith the ownership tags of a stack, and in no state here:\n");
    for one in &orphans.owned {
        let _ = writeln!(text, "  {}", found_text(one));
    }
    text.push_str(
        "If the state of such a stack is somewhere else, search again with --state. To delete a resource, with its \
         data, run `platctl sweep --delete ID`.\n",
    );
    text
}

/// What other tools made: as a whole, because only the tool knows the order in which it can be deleted.
fn foreign(orphans: &Orphans) -> String {
    let mut wholes: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut rest = String::new();
    for one in &orphans.foreign {
        match &one.tool {
            Some(tool) => {
                let command = || (0, tool.command(&one.region));
                wholes.entry(tool.to_string()).or_insert_with(command).0 += 1;
            }
            None => {
                let _ = writeln!(rest, "  {}", found_text(one));
            }
        }
    }
    let mut text = String::new();
    if !wholes.is_empty() {
        text.push_str("\nMade by other tools. platctl does not delete this:\n");
        for (whole, (count, command)) in wholes {
            let _ = writeln!(
                text,
                "  {}: {}  # to delete: {}",
                clean(&whole),
                super::count(count),
                clean(&command)
            );
        }
    }
    if !rest.is_empty() {
        let _ = writeln!(
            text,
            "\nWith the given tags, and of no stack. platctl does not delete this:\n{rest}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_aws::sweep::{Found, Seen, Tool};

    fn found(arn: &str, tool: Option<Tool>) -> Found {
        Found {
            arn: arn.into(),
            region: "eu-west-1".into(),
            named: None,
            owner: None,
            tool,
            outputs: serde_json::Value::Null,
            seen: Seen::Unread,
        }
    }

    #[test]
    fn what_a_tool_made_is_one_line_with_the_command_of_the_tool() {
        let eksctl = || Some(Tool::Eksctl("a".into()));
        let orphans = Orphans {
            foreign: vec![
                found("arn:1", eksctl()),
                found("arn:2", eksctl()),
                found("arn:3", None),
            ],
            ..Orphans::default()
        };
        let text = text(&orphans);
        assert!(
            text.contains(
                "  eksctl cluster `a`: 2 resources  # to delete: eksctl delete cluster --name a --region eu-west-1\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("of no stack. platctl does not delete this:\n  arn:3"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let text = text(&Orphans::default());
        assert!(text.contains("Nothing was found"), "{text}");
    }
}
