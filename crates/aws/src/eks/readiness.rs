//! What stands in the way of an upgrade of a cluster, asked of EKS before anything is changed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eks::types::{
    Category, Insight, InsightStatusValue, InsightsFilter, InsightsRefreshStatus,
};
use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudResult, SpecError};

use super::addon_versions::{self, Installed};
use super::cluster_versions;
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked};

/// Something that speaks against an upgrade, or that whoever upgrades should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the upgrade must not be begun.
    pub blocks: bool,
    /// What it is about.
    pub what: String,
    /// What is wrong, and what to do.
    pub why: String,
}

impl Finding {
    /// Something that has to be mended first.
    pub fn blocking(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            blocks: true,
            what: what.into(),
            why: why.into(),
        }
    }

    /// Something to know.
    pub fn warning(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            blocks: false,
            ..Self::blocking(what, why)
        }
    }
}

/// How long EKS may take to look at a cluster again, and how often it is asked.
const LONGEST: Duration = Duration::from_secs(15 * 60);
const PAUSE: Duration = Duration::from_secs(10);

/// The version of a cluster; none when there is no such cluster.
///
/// # Errors
/// What EKS answers.
pub async fn version(cloud: &Cloud, cluster: &str) -> CloudResult<Option<String>> {
    let what = format!("reading cluster {cluster}");
    let ask = || async {
        cloud
            .eks
            .describe_cluster()
            .name(cluster)
            .send()
            .ask()
            .await
    };
    match call_with_retries(&cloud.teller, what, ask).await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?
            .cluster
            .and_then(|cluster| cluster.version().map(ToOwned::to_owned))),
    }
}

/// What there is to say of a version that EKS does not offer.
///
/// # Errors
/// What EKS answers.
pub async fn offered(cloud: &Cloud, version: &str) -> CloudResult<Option<Finding>> {
    let faults = cluster_versions::offered(cloud, version).await?;
    let finding = |fault: SpecError| Finding::blocking("Kubernetes version", fault.message);
    Ok(faults.into_iter().next().map(finding))
}

/// What speaks against an upgrade to the next version. `pinned` are the versions of add-ons that the stack file states.
///
/// # Errors
/// What EKS answers.
pub async fn readiness(
    cloud: &Cloud,
    cluster: &str,
    wanted: &str,
    pinned: &BTreeMap<String, String>,
) -> CloudResult<Vec<Finding>> {
    let mut findings: Vec<Finding> = refresh(cloud, cluster).await.into_iter().collect();
    findings.extend(insights(cloud, cluster, wanted).await?);
    findings.extend(addons(cloud, cluster, wanted, pinned).await?);
    Ok(findings)
}

/// Lets EKS look at the cluster again: what it knows may be a day old. Where it cannot, what it knows counts.
async fn refresh(cloud: &Cloud, cluster: &str) -> Option<Finding> {
    let stale = |why: &str| {
        let text =
            format!("they may be up to a day old, because EKS could not refresh them: {why}");
        Finding::warning("EKS upgrade insights", text)
    };
    let told = cloud.teller.about(format!(
        "waiting for EKS to refresh the insights of {cluster}"
    ));
    match told.during(refreshed(cloud, cluster)).await {
        Ok(None) => None,
        Ok(Some(why)) => Some(stale(&why)),
        Err(error) => Some(stale(&error.to_string())),
    }
}

/// Answers why they are not fresh.
async fn refreshed(cloud: &Cloud, cluster: &str) -> CloudResult<Option<String>> {
    let begun = cloud.eks.start_insights_refresh().cluster_name(cluster);
    match begun.send().ask().await {
        // One that is under way already will do.
        Err(error) if matches!(error.class, Class::Invalid | Class::Busy | Class::InUse) => {}
        other => drop(other?),
    }
    let deadline = tokio::time::Instant::now() + LONGEST;
    loop {
        let ask = || async {
            let call = cloud.eks.describe_insights_refresh().cluster_name(cluster);
            call.send().ask().await
        };
        let what = format!("reading the refresh of the insights of {cluster}");
        let found = call_with_retries(&cloud.teller, what, ask).await?;
        match found.status() {
            Some(InsightsRefreshStatus::Completed) => return Ok(None),
            Some(InsightsRefreshStatus::Failed) => {
                return Ok(Some(found.message().unwrap_or("it failed").to_owned()));
            }
            _ if tokio::time::Instant::now() >= deadline => {
                return Ok(Some("it did not end within 15 minutes".into()));
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// What EKS itself finds against the version.
async fn insights(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<Vec<Finding>> {
    let filter = InsightsFilter::builder()
        .categories(Category::UpgradeReadiness)
        .kubernetes_versions(version)
        .build();
    let call = cloud
        .eks
        .list_insights()
        .cluster_name(cluster)
        .filter(filter);
    let listed: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let listed = listed.asked()?;
    let unwell = listed.iter().filter(|one| {
        let status = one.insight_status().and_then(|status| status.status());
        status != Some(&InsightStatusValue::Passing)
    });
    let ids = unwell.filter_map(|one| one.id().map(ToOwned::to_owned));
    let read = |id: String| async move {
        let call = cloud.eks.describe_insight().cluster_name(cluster).id(id);
        call.send().ask().await
    };
    let found = each(cloud, "reading the insights of EKS", ids, read).await?;
    Ok(found
        .iter()
        .filter_map(|answer| answer.insight())
        .map(judge)
        .collect())
}

fn judge(insight: &Insight) -> Finding {
    let status = insight.insight_status();
    let blocks = status.and_then(|status| status.status()) == Some(&InsightStatusValue::Error);
    let mut parts: Vec<String> = Vec::new();
    let sentence = |text: &str| format!("{}.", text.trim().trim_end_matches('.'));
    parts.extend(status.and_then(|status| status.reason()).map(sentence));
    let summary = insight.category_specific_summary();
    for detail in summary
        .into_iter()
        .flat_map(|summary| summary.deprecation_details())
    {
        let replaced = detail
            .replaced_with()
            .filter(|with| !with.is_empty())
            .map_or_else(String::new, |with| format!(", use {with}"));
        let callers: Vec<&str> = detail
            .client_stats()
            .iter()
            .filter_map(|client| client.user_agent())
            .collect();
        let callers = match callers.is_empty() {
            true => String::new(),
            false => format!(" (called by {})", callers.join(", ")),
        };
        parts.push(format!(
            "{}{callers}{replaced}.",
            detail.usage().unwrap_or_default()
        ));
    }
    let resources: Vec<&str> = insight
        .resources()
        .iter()
        .filter_map(|resource| {
            resource
                .kubernetes_resource_uri()
                .or_else(|| resource.arn())
        })
        .collect();
    if !resources.is_empty() {
        parts.push(format!("Resources: {}.", resources.join(", ")));
    }
    parts.extend(insight.recommendation().map(sentence));
    Finding {
        blocks,
        what: format!("EKS insight \"{}\"", insight.name().unwrap_or_default()),
        why: parts.join(" "),
    }
}

/// What becomes of the add-ons.
async fn addons(
    cloud: &Cloud,
    cluster: &str,
    wanted: &str,
    pinned: &BTreeMap<String, String>,
) -> CloudResult<Vec<Finding>> {
    let installed = addon_versions::installed(cloud, cluster, wanted).await?;
    let judge = |addon: &Installed| judge_addon(addon, wanted, pinned.get(&addon.name));
    Ok(installed.iter().filter_map(judge).collect())
}

fn judge_addon(addon: &Installed, wanted: &str, pinned: Option<&String>) -> Option<Finding> {
    let Installed {
        name,
        version: installed,
        offered,
    } = addon;
    let what = format!("add-on {name}");
    let Some(default) = &offered.default else {
        return Some(Finding::blocking(
            what,
            format!("EKS has no version of it for Kubernetes {wanted}"),
        ));
    };
    match pinned {
        Some(version) if !offered.all.contains(version) => Some(Finding::blocking(
            what,
            format!(
                "version {version} does not support Kubernetes {wanted}. In the stack file, set \
                 `cluster.addons.{name}.version` to {default}, or remove it to use the default version"
            ),
        )),
        None if !offered.all.contains(installed) => Some(Finding::warning(
            what,
            format!(
                "version {installed} does not support Kubernetes {wanted}; the upgrade includes version {default}"
            ),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_insights_refresh::DescribeInsightsRefreshOutput;
    use aws_sdk_eks::operation::start_insights_refresh::StartInsightsRefreshOutput;
    use aws_sdk_eks::types::{
        ClientStat, DeprecationDetail, InsightCategorySpecificSummary, InsightResourceDetail,
        InsightStatus,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[test]
    fn an_insight_is_told_with_what_calls_it_and_what_to_do() {
        let status = InsightStatus::builder()
            .status(InsightStatusValue::Error)
            .reason("Deprecated API usage detected within last 30 days");
        let client = ClientStat::builder().user_agent("argocd/v3.5").build();
        let detail = DeprecationDetail::builder()
            .usage("/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas")
            .replaced_with("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas")
            .client_stats(client);
        let summary = InsightCategorySpecificSummary::builder().deprecation_details(detail.build());
        let resource =
            InsightResourceDetail::builder().kubernetes_resource_uri("/api/v1/nodes/one");
        let insight = Insight::builder()
            .name("Deprecated APIs removed in Kubernetes v1.35")
            .insight_status(status.build())
            .category_specific_summary(summary.build())
            .resources(resource.build())
            .recommendation("Update manifests and API clients.");
        let finding = judge(&insight.build());
        assert!(finding.blocks);
        insta::assert_snapshot!(format!("{}: {}", finding.what, finding.why), @r#"EKS insight "Deprecated APIs removed in Kubernetes v1.35": Deprecated API usage detected within last 30 days. /apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas (called by argocd/v3.5), use /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas. Resources: /api/v1/nodes/one. Update manifests and API clients."#);
    }

    #[test]
    fn an_addon_is_no_obstacle_unless_its_version_is_pinned() {
        let offered = addon_versions::Offered {
            default: Some("v2".into()),
            all: vec!["v3".into(), "v2".into()],
        };
        let of = |installed: &str, offered: &addon_versions::Offered| Installed {
            name: "vpc-cni".into(),
            version: installed.into(),
            offered: offered.clone(),
        };
        let judged = |installed, pinned: Option<&str>| {
            let pinned = pinned.map(ToOwned::to_owned);
            judge_addon(&of(installed, &offered), "1.36", pinned.as_ref())
                .map(|finding| finding.blocks)
        };
        assert_eq!(judged("v2", None), None);
        assert_eq!(judged("v1", None), Some(false));
        assert_eq!(judged("v1", Some("v1")), Some(true));
        assert_eq!(judged("v1", Some("v3")), None, "the file moves it along");
        let none = of("v1", &addon_versions::Offered::default());
        assert!(judge_addon(&none, "1.36", None).unwrap().blocks);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_is_waited_for_and_its_failure_is_told() {
        let start = mock!(aws_sdk_eks::Client::start_insights_refresh)
            .then_output(|| StartInsightsRefreshOutput::builder().build());
        let in_state = |status: InsightsRefreshStatus| {
            DescribeInsightsRefreshOutput::builder()
                .status(status)
                .message("no access to the cluster")
                .build()
        };
        let running = mock!(aws_sdk_eks::Client::describe_insights_refresh)
            .then_output(move || in_state(InsightsRefreshStatus::InProgress));
        let ended = mock!(aws_sdk_eks::Client::describe_insights_refresh)
            .then_output(move || in_state(InsightsRefreshStatus::Failed));
        let eks = mock_client!(
            aws_sdk_eks,
            RuleMode::Sequential,
            &[&start, &running, &ended]
        );
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let finding = refresh(&cloud, "prod").await.unwrap();
        assert!(!finding.blocks);
        assert!(
            finding.why.contains("no access to the cluster"),
            "{finding:?}"
        );
        assert_eq!(ended.num_calls(), 1);
    }
}
