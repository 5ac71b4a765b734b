//! The data that workloads of a cluster keep in volumes.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Tag;
use platctl_engine::retry::call_with_retries;
use platctl_engine::{CloudResult, Contents};

use super::{Search, Thing, compute};
use crate::Cloud;
use crate::errors::Ask;
use crate::size::counted;

/// On a volume whose claim retains it. Only the cluster knows that, and a later run may not reach it any more.
const RETAINED: &str = "platctl:retained";

fn search(cluster: &str) -> Search {
    Search {
        cluster: Some(cluster.to_owned()),
        only: vec![Thing::Volume],
        ..Search::default()
    }
}

/// Whether an earlier run has seen that the volume is retained.
pub(super) fn is_retained(tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.key() == Some(RETAINED))
}

/// Keeps those of a cluster's volumes that its claims retain, in this run and in later ones. Volumes that the cluster
/// did not make are nobody's to mark.
pub(crate) async fn retain(cloud: &Cloud, cluster: &str, ids: &BTreeSet<String>) {
    if ids.is_empty() {
        return;
    }
    cloud.departure.keep(ids.iter().cloned());
    let what = format!("marking retained volumes of the cluster {cluster}");
    let done = call_with_retries(&cloud.teller, what, || mark(cloud, cluster, ids)).await;
    if let Err(error) = done {
        cloud.departure.note(format!(
            "Volumes of the cluster {cluster} with the reclaim policy Retain are kept, but could not be marked: {error}. \
             If this run is interrupted, the next one deletes them unless it reaches the cluster"
        ));
    }
}

async fn mark(cloud: &Cloud, cluster: &str, ids: &BTreeSet<String>) -> CloudResult<()> {
    let found = compute::volumes(cloud, &search(cluster)).await?;
    let made = found.into_iter().filter(|one| ids.contains(&one.id));
    let made: Vec<String> = made.map(|one| one.id).collect();
    if made.is_empty() {
        return Ok(());
    }
    let tag = Tag::builder().key(RETAINED).value("true").build();
    let call = cloud.ec2.create_tags().set_resources(Some(made)).tags(tag);
    call.send().ask().await.map(drop)
}

/// The volumes of a cluster's claims; none where there are none.
pub(crate) async fn volumes(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Contents>> {
    let found = compute::volumes(cloud, &search(cluster)).await?;
    let sizes = found.iter().filter_map(|one| one.size_gib);
    Ok(contents(found.len(), sizes.map(i32::unsigned_abs).sum()))
}

fn contents(count: usize, gib: u32) -> Option<Contents> {
    let volumes = counted(
        count,
        "EBS volume of volume claims",
        "EBS volumes of volume claims",
        false,
    );
    (count > 0).then(|| Contents {
        what: format!(
            "{volumes} ({gib} GiB; those that the cluster says have the reclaim policy Retain are kept)"
        ),
        count: u64::try_from(count).ok(),
        bytes: Some(u64::from(gib) << 30),
        ..Contents::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use crate::leftovers::Volumes;
    use aws_sdk_ec2::operation::create_tags::CreateTagsOutput;
    use aws_sdk_ec2::operation::describe_volumes::DescribeVolumesOutput;
    use aws_sdk_ec2::types::Volume;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn volume(id: &str, more: &str) -> Volume {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        Volume::builder()
            .volume_id(id)
            .tags(tag("kubernetes.io/cluster/prod-cluster", "owned"))
            .tags(tag("CSIVolumeName", "pvc-1"))
            .tags(tag(more, "true"))
            .build()
    }

    #[tokio::test]
    async fn a_retained_volume_is_marked_and_so_kept_by_a_later_run() {
        let volumes = mock!(aws_sdk_ec2::Client::describe_volumes).then_output(|| {
            DescribeVolumesOutput::builder()
                .volumes(volume("vol-1", "team"))
                .volumes(volume("vol-2", "team"))
                .build()
        });
        let mark = mock!(aws_sdk_ec2::Client::create_tags)
            .match_requests(|request| request.resources() == ["vol-1"])
            .then_output(|| CreateTagsOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&volumes, &mark]);
        let first = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let ids = BTreeSet::from(["vol-1".to_owned(), "vol-of-somebody".to_owned()]);
        retain(&first, "prod-cluster", &ids).await;
        assert_eq!(mark.num_calls(), 1);
        assert!(first.departure.notes().is_empty());

        let marked = mock!(aws_sdk_ec2::Client::describe_volumes).then_output(|| {
            DescribeVolumesOutput::builder()
                .volumes(volume("vol-1", RETAINED))
                .volumes(volume("vol-2", "team"))
                .build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&marked]);
        let later = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        later.departure.set_volumes(Volumes::Delete);
        let found = compute::volumes(&later, &search("prod-cluster")).await;
        assert_eq!(found.map(|found| found.len()), Ok(2));
        assert!(later.departure.keeps("vol-1"));
        assert!(!later.departure.keeps("vol-2"));
    }

    #[test]
    fn volumes_are_counted_with_their_size() {
        let found = contents(3, 455).unwrap();
        assert_eq!(
            found.what,
            "3 EBS volumes of volume claims (455 GiB; those that the cluster says have the reclaim policy Retain are kept)"
        );
        assert_eq!(found.bytes, Some(455 << 30));
        assert_eq!(contents(0, 0), None);
    }
}
