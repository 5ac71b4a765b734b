//! The builds of a cluster's runner.

use aws_sdk_codebuild::types::{Build, StatusType};
use platctl_engine::CloudResult;
use platctl_engine::retry::call_with_retries;

use super::project_name;
use crate::Cloud;
use crate::errors::Ask;

/// How many builds CodeBuild tells about in one call.
const LOOKED_AT: usize = 100;

/// Those that are running, whoever has started them.
pub(super) async fn running(cloud: &Cloud, cluster: &str) -> CloudResult<Vec<Build>> {
    let mut builds = latest(cloud, cluster).await?;
    builds.retain(is_running);
    Ok(builds)
}

pub(super) fn is_running(build: &Build) -> bool {
    build.build_status() == Some(&StatusType::InProgress)
}

/// The latest ones, with all that are running.
pub(super) async fn latest(cloud: &Cloud, cluster: &str) -> CloudResult<Vec<Build>> {
    let list = || async {
        let call = cloud.codebuild.list_builds_for_project();
        call.project_name(project_name(cluster)).send().ask().await
    };
    // The latest come first, and none runs for longer than half an hour: one page is enough.
    let mut ids = call_with_retries(&cloud.teller, "listing the runner's builds", list)
        .await?
        .ids
        .unwrap_or_default();
    ids.truncate(LOOKED_AT);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let look = || async {
        let call = cloud.codebuild.batch_get_builds();
        call.set_ids(Some(ids.clone())).send().ask().await
    };
    let found = call_with_retries(&cloud.teller, "reading the runner's builds", look).await?;
    Ok(found.builds.unwrap_or_default())
}
