//! The data that workloads of a cluster keep in volumes.

use platctl_engine::{CloudResult, Contents};

use super::{Search, Thing, compute};
use crate::Cloud;
use crate::size::counted;

/// The volumes of a cluster's claims; none where there are none.
pub(crate) async fn volumes(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Contents>> {
    let search = Search {
        cluster: Some(cluster.to_owned()),
        only: vec![Thing::Volume],
        ..Search::default()
    };
    let found = compute::volumes(cloud, &search).await?;
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
        what: format!("{volumes} ({gib} GiB); those with the reclaim policy Retain are kept"),
        count: u64::try_from(count).ok(),
        bytes: Some(u64::from(gib) << 30),
        ..Contents::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_counted_with_their_size() {
        let found = contents(3, 455).unwrap();
        assert_eq!(
            found.what,
            "3 EBS volumes of volume claims (455 GiB); those with the reclaim policy Retain are kept"
        );
        assert_eq!(found.bytes, Some(455 << 30));
        assert_eq!(contents(0, 0), None);
    }
}
