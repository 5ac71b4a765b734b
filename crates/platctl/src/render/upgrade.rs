//! Whether a cluster can be upgraded, and how.

use platctl_aws::eks::readiness::Finding;
use platctl_aws::eks::stages::Stage;
use platctl_engine::Address;
use serde_json::json;

use super::value::clean;
use super::{Paint, json_line, raw};
use crate::cli::Global;

/// What was found out of one step, from a version to the next one.
pub(crate) struct Report {
    pub(crate) cluster: String,
    pub(crate) live: String,
    pub(crate) wanted: String,
    /// The versions that come after that one.
    pub(crate) after: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) stages: Vec<Stage>,
    /// Whether nothing is to be changed.
    pub(crate) dry_run: bool,
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
    let steps = report.stages.iter();
    let steps = steps.map(|stage| json!({"what": stage.what, "addresses": stage.targets}));
    json_line(&json!({
        "type": "upgrade", "cluster": report.cluster, "from": report.live, "to": report.wanted,
        "then": report.after, "blocked": report.blocked(), "steps": steps.collect::<Vec<_>>(),
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
    text.push_str("Steps:\n");
    for (number, stage) in report.stages.iter().enumerate() {
        let targets: Vec<&str> = stage.targets.iter().map(Address::as_str).collect();
        text.push_str(&format!(
            "  {}. {}: {}\n",
            number + 1,
            stage.what,
            targets.join(", ")
        ));
    }
    if !report.after.is_empty() {
        text.push_str(&format!(
            "Then, after the same checks, in the same steps to Kubernetes {}.\n",
            report.after.join(", then to ")
        ));
    }
    if report.dry_run {
        text.push_str("Nothing was changed. To upgrade, run the same command without --dry-run.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Vec<Finding>) -> Report {
        let stage = |what, address: &str| Stage {
            what,
            targets: vec![address.parse().unwrap()],
        };
        Report {
            cluster: "prod-cluster".into(),
            live: "1.34".into(),
            wanted: "1.35".into(),
            after: vec!["1.36".into()],
            findings,
            stages: vec![
                stage("control plane", "cluster.cluster"),
                stage("nodes", "cluster.node_group.general"),
            ],
            dry_run: true,
        }
    }

    #[test]
    fn what_does_not_block_leads_to_the_steps() {
        let warning = Finding::warning("add-on vpc-cni", "the upgrade includes version v2");
        insta::assert_snapshot!(text(&report(vec![warning]), Paint::plain()), @r#"
        Upgrade of cluster prod-cluster from Kubernetes 1.34 to 1.35

        Warnings:
          - add-on vpc-cni: the upgrade includes version v2

        Steps:
          1. control plane: cluster.cluster
          2. nodes: cluster.node_group.general
        Then, after the same checks, in the same steps to Kubernetes 1.36.
        Nothing was changed. To upgrade, run the same command without --dry-run.
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
