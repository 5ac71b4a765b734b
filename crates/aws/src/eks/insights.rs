//! What EKS itself finds against an upgrade: calls of deprecated APIs, add-ons and nodes that are too old.

use aws_sdk_eks::types::{Category, InsightStatusValue, InsightsFilter};
use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::Asked;

/// Refuses an upgrade against which something speaks.
///
/// # Errors
/// What speaks against it, in EKS's own words.
pub(super) async fn allow_upgrade(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<()> {
    let filter = InsightsFilter::builder()
        .categories(Category::UpgradeReadiness)
        .kubernetes_versions(version)
        .statuses(InsightStatusValue::Error)
        .build();
    let call = cloud
        .eks
        .list_insights()
        .cluster_name(cluster)
        .filter(filter)
        .send()
        .await;
    let found = call.asked()?;
    let against: Vec<String> = found
        .insights()
        .iter()
        .map(|insight| {
            let reason = insight
                .insight_status()
                .and_then(|status| status.reason())
                .unwrap_or_default();
            format!("{}: {reason}", insight.name().unwrap_or_default())
        })
        .collect();
    if against.is_empty() {
        return Ok(());
    }
    let message = format!(
        "EKS upgrade insights report that {cluster} is not ready for Kubernetes {version}; nothing was upgraded. {}. \
         For details, and to refresh the insights after you have fixed it, run `platctl upgrade FILE --to {version} \
         --dry-run`",
        against.join("; ")
    );
    Err(CloudError::new(
        Class::Protected,
        "eks:UpdateClusterVersion",
        message,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::list_insights::ListInsightsOutput;
    use aws_sdk_eks::types::{InsightStatus, InsightSummary};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn deprecated_apis_stop_an_upgrade() {
        let found = mock!(aws_sdk_eks::Client::list_insights)
            .match_requests(|request| {
                request
                    .filter()
                    .is_some_and(|filter| filter.kubernetes_versions() == ["1.35"])
            })
            .then_output(|| {
                let status = InsightStatus::builder()
                    .reason("flowcontrol v1beta3 is called")
                    .build();
                let insight = InsightSummary::builder()
                    .name("Deprecated APIs")
                    .insight_status(status)
                    .build();
                ListInsightsOutput::builder().insights(insight).build()
            });
        let none = mock!(aws_sdk_eks::Client::list_insights)
            .then_output(|| ListInsightsOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&found, &none]).into(),
            ..cloud()
        };
        let error = allow_upgrade(&cloud, "prod", "1.35").await.unwrap_err();
        assert_eq!(error.class, Class::Protected);
        assert!(
            error
                .message
                .contains("Deprecated APIs: flowcontrol v1beta3 is called"),
            "{error}"
        );
        allow_upgrade(&cloud, "prod", "1.35").await.unwrap();
    }
}
