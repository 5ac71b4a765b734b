//! Log groups that services make, and make again when they write after somebody deleted them.

use aws_sdk_cloudwatchlogs::types::LogGroup;
use platctl_engine::CloudResult;

use super::{Leftover, Made, Maker, Search, Thing};
use crate::Cloud;
use crate::bounded::each;
use crate::errors::Asked;
use crate::logs::LogsTags;
use crate::tags::owned;

/// The folders of log groups; the name of the cluster is the next part.
const FOLDERS: [&str; 2] = ["/aws/eks/", "/aws/containerinsights/"];

/// The cluster whose log group this is: `/aws/eks/prod-cluster/cluster`.
fn cluster_of(name: &str) -> Option<&str> {
    let rest = FOLDERS
        .iter()
        .find_map(|folder| name.strip_prefix(folder))?;
    rest.split_once('/').map(|(cluster, _)| cluster)
}

/// The log groups of clusters that no stack owns: one that a stack has made carries its tags.
pub(super) async fn groups(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::LogGroup) {
        return Ok(Vec::new());
    }
    let cluster = search.cluster.as_deref();
    let list = |folder: &str| {
        let prefix = cluster.map_or(folder.to_owned(), |name| format!("{folder}{name}/"));
        let call = cloud
            .logs
            .describe_log_groups()
            .log_group_name_prefix(prefix);
        call.into_paginator().items().send().collect()
    };
    let (control, insights): (Result<Vec<_>, _>, Result<Vec<_>, _>) =
        futures::join!(list(FOLDERS[0]), list(FOLDERS[1]));
    let found = control.asked()?.into_iter().chain(insights.asked()?);
    let read = |one: LogGroup| async move {
        let arn = one.arn().unwrap_or_default();
        let arn = arn.trim_end_matches(":*").to_owned();
        let (_, owner) = owned::<LogsTags>(cloud, &arn).await?;
        Ok(leftover(search, &one).filter(|_| owner.is_none()))
    };
    let found = each(cloud, "reading log groups", found, read).await?;
    Ok(found.into_iter().flatten().collect())
}

fn leftover(search: &Search, one: &LogGroup) -> Option<Leftover> {
    let name = one.log_group_name()?;
    let cluster = cluster_of(name).filter(|cluster| search.is_about(cluster))?;
    Some(Leftover {
        thing: Thing::LogGroup,
        id: name.to_owned(),
        name: String::new(),
        made: Made {
            cluster: cluster.to_owned(),
            by: Maker::Eks,
            known_by: "its name".to_owned(),
        },
        vpc: None,
        status: None,
        size_gib: None,
        zone: None,
    })
}

#[cfg(test)]
mod tests {
    use super::cluster_of;

    #[test]
    fn the_cluster_is_a_whole_part_of_the_name() {
        assert_eq!(cluster_of("/aws/eks/prod/cluster"), Some("prod"));
        assert_eq!(cluster_of("/aws/eks/prod-2/cluster"), Some("prod-2"));
        assert_eq!(cluster_of("/aws/eks/prod"), None);
        assert_eq!(cluster_of("/company/aws/eks/prod/cluster"), None);
    }
}
