//! What the workloads of a deleted cluster had made in AWS, and what of it is still there.

use std::fmt::Write;

use platctl_aws::leftovers::{Departure, Remaining};
use serde_json::json;

use super::value::clean;
use super::{Paint, json_line, raw};
use crate::cli::Global;

/// Tells what became of it. Nothing where no cluster went.
pub(crate) fn departure(departure: &Departure, global: &Global) {
    let (deleted, remaining) = (departure.deleted(), departure.remaining());
    if global.json {
        for note in departure.notes() {
            json_line(&json!({"type": "note", "text": note}));
        }
        for one in &deleted {
            json_line(&json!({"type": "leftover", "fate": "deleted", "what": one}));
        }
        for one in &remaining {
            let fate = if one.kept { "kept" } else { "remains" };
            json_line(&json!({
                "type": "leftover", "fate": fate, "what": one.what, "because": one.why, "next": one.next,
            }));
        }
        return;
    }
    raw(&text(
        &departure.notes(),
        &deleted,
        &remaining,
        Paint::stdout(global),
    ));
}

fn text(notes: &[String], deleted: &[String], remaining: &[Remaining], paint: Paint) -> String {
    let mut text = String::new();
    for note in notes {
        let _ = writeln!(text, "\n{}", clean(note));
    }
    if !deleted.is_empty() {
        text.push_str("\nMade by workloads of the cluster, and deleted:\n");
        for one in deleted {
            let _ = writeln!(text, "  {}", clean(one));
        }
    }
    let (kept, stuck): (Vec<&Remaining>, Vec<&Remaining>) =
        remaining.iter().partition(|one| one.kept);
    if !kept.is_empty() {
        text.push_str("\nMade by workloads of the cluster, and kept on purpose:\n");
        lines(&mut text, &kept, paint);
    }
    if !stuck.is_empty() {
        text.push_str("\nMade by workloads of the cluster, and not deleted:\n");
        lines(&mut text, &stuck, paint);
    }
    text
}

fn lines(text: &mut String, remaining: &[&Remaining], paint: Paint) {
    for one in remaining {
        let _ = writeln!(text, "  {}: {}", clean(&one.what), clean(&one.why));
        let next = format!("To delete it: {}", clean(&one.next));
        let _ = writeln!(text, "    {}", paint.dim(&next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stands_apart_from_what_could_not_be_deleted() {
        let one = |what: &str, why: &str, kept: bool| Remaining {
            what: what.into(),
            why: why.into(),
            next: format!("delete {what}"),
            kept,
        };
        let remaining = [
            one("EBS volume vol-1 of 20 GiB", "its data is kept", true),
            one(
                "load balancer k8s-web",
                "deletion protection is enabled",
                false,
            ),
        ];
        let deleted = ["target group k8s-web-80".to_owned()];
        insta::assert_snapshot!(text(&[], &deleted, &remaining, Paint::plain()), @r"
        Made by workloads of the cluster, and deleted:
          target group k8s-web-80

        Made by workloads of the cluster, and kept on purpose:
          EBS volume vol-1 of 20 GiB: its data is kept
            To delete it: delete EBS volume vol-1 of 20 GiB

        Made by workloads of the cluster, and not deleted:
          load balancer k8s-web: deletion protection is enabled
            To delete it: delete load balancer k8s-web
        ");
    }
}
