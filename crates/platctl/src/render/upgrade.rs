//! Whether a cluster can be upgraded, and how.

use platctl_aws::eks::readiness::Finding;
use serde_json::json;

use super::value::clean;
use super::{Paint, json_line, raw};
use crate::cli::Global;

/// What was found out.
pub(crate) struct Report {
    pub(crate) cluster: String,
    pub(crate) live: String,
    pub(crate) wanted: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) steps: Vec<Step>,
}

/// One thing to do.
pub(crate) enum Step {
    /// An edit of the stack file.
    Edit(String),
    /// A command.
    Run(String),
}

impl Report {
    /// Whether the upgrade must not be begun.
    pub(crate) fn blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.blocks)
    }
}

pub(crate) fn show(report: &Report, global: &Global) {
    if global.json {
        json(report);
    } else {
        raw(&text(report, Paint::stdout(global)));
    }
}

fn json(report: &Report) {
    for finding in &report.findings {
        json_line(&json!({
            "type": "finding", "blocks": finding.blocks, "what": finding.what, "why": finding.why,
        }));
    }
    let steps = report.steps.iter().map(|step| match step {
        Step::Edit(text) => json!({"edit": text}),
        Step::Run(command) => json!({"run": command}),
    });
    json_line(&json!({
        "type": "upgrade", "cluster": report.cluster, "from": report.live, "to": report.wanted,
        "blocked": report.blocked(), "steps": steps.collect::<Vec<_>>(),
    }));
}

fn text(report: &Report, paint: Paint) -> String {
    let Report {
        cluster,
        live,
        wanted,
        ..
    } = report;
    if live == wanted {
        return format!("Cluster {cluster} already has Kubernetes {live}.\n");
    }
    let mut text = format!("Upgrade of cluster {cluster} from Kubernetes {live} to {wanted}\n\n");
    for (title, blocks) in [
        ("These issues block the upgrade:", true),
        ("Warnings:", false),
    ] {
        let mut of = report
            .findings
            .iter()
            .filter(|finding| finding.blocks == blocks)
            .peekable();
        if of.peek().is_none() {
            continue;
        }
        let painted = if blocks {
            paint.remove(title)
        } else {
            title.to_owned()
        };
        text.push_str(&format!("{painted}\n"));
        for finding in of {
            text.push_str(&format!(
                "  - {}: {}\n",
                clean(&finding.what),
                clean(&finding.why)
            ));
        }
        text.push('\n');
    }
    if report.blocked() {
        text.push_str("Fix the issues that block the upgrade, then run the same command again.\n");
        return text;
    }
    text.push_str("To upgrade:\n");
    for (number, step) in report.steps.iter().enumerate() {
        let step = match step {
            Step::Edit(edit) => format!("{edit}."),
            Step::Run(command) => format!("Run `{command}`."),
        };
        text.push_str(&format!("  {}. {step}\n", number + 1));
    }
    text.push_str(
        "The control plane is upgraded first, then the add-ons that nodes require, then the nodes. To \
         undo the upgrade within seven days, run `platctl rollback STACK`.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Vec<Finding>) -> Report {
        Report {
            cluster: "prod-cluster".into(),
            live: "1.34".into(),
            wanted: "1.35".into(),
            findings,
            steps: vec![
                Step::Edit(
                    "In prod.yaml:26, change `version: \"1.34\"` to `version: \"1.35\"`".into(),
                ),
                Step::Run("platctl plan prod.yaml".into()),
            ],
        }
    }

    #[test]
    fn what_does_not_block_leads_to_the_steps() {
        let warning = Finding::warning("add-on vpc-cni", "the upgrade includes version v2");
        insta::assert_snapshot!(text(&report(vec![warning]), Paint::plain()), @r#"
        Upgrade of cluster prod-cluster from Kubernetes 1.34 to 1.35

        Warnings:
          - add-on vpc-cni: the upgrade includes version v2

        To upgrade:
          1. In prod.yaml:26, change `version: "1.34"` to `version: "1.35"`.
          2. Run `platctl plan prod.yaml`.
        The control plane is upgraded first, then the add-ons that nodes require, then the nodes. To undo the upgrade within seven days, run `platctl rollback STACK`.
        "#);
    }

    #[test]
    fn what_blocks_leads_to_no_steps() {
        let report = report(vec![Finding::blocking("insight", "an API is gone")]);
        assert!(report.blocked());
        insta::assert_snapshot!(text(&report, Paint::plain()), @r"
        Upgrade of cluster prod-cluster from Kubernetes 1.34 to 1.35

        These issues block the upgrade:
          - insight: an API is gone

        Fix the issues that block the upgrade, then run the same command again.
        ");
    }
}
