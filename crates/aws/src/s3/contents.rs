//! What is in a bucket.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use platctl_engine::{Class, CloudError, CloudResult, Contents, Then};

use crate::Cloud;
use crate::errors::{Ask, Asked, invalid};
use crate::size::{counted, sized};

const OPERATION: &str = "s3:DeleteObjects";

/// What is in a bucket, as far as the first page of its versions tells. `emptied`: whether a deletion empties it.
pub(super) async fn look(
    cloud: &Cloud,
    bucket: &str,
    emptied: bool,
) -> CloudResult<Option<Contents>> {
    let call = cloud.s3.list_object_versions().bucket(bucket);
    let page = call.send().ask().await?;
    let count = page.versions().len() + page.delete_markers().len();
    if count == 0 {
        return Ok(None);
    }
    let sizes = page.versions().iter().filter_map(|one| one.size());
    let bytes: u64 = sizes.map(|size| u64::try_from(size).unwrap_or(0)).sum();
    let more = page.is_truncated().unwrap_or_default();
    let what = counted(count, "object version", "object versions", more);
    let then = if emptied {
        Then::Deleted
    } else {
        Then::Refused(
            "to delete them with the bucket, set `force_destroy: true` and apply; otherwise delete them first".into(),
        )
    };
    Ok(Some(Contents {
        what: format!("{what} ({})", sized(bytes, more)),
        count: u64::try_from(count).ok(),
        bytes: Some(bytes),
        at_least: more,
        then,
        leaves: None,
    }))
}

/// Removes every object, old versions and the markers of deleted ones included.
pub(super) async fn remove(cloud: &Cloud, bucket: &str) -> CloudResult<()> {
    loop {
        let call = cloud.s3.list_object_versions().bucket(bucket);
        let page = call.send().ask().await?;
        let versions = page
            .versions()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let objects: Result<Vec<_>, _> = versions
            .chain(markers)
            .filter_map(|(key, version)| Some((key?, version)))
            .map(|(key, version)| {
                let version = version.map(ToOwned::to_owned);
                ObjectIdentifier::builder()
                    .key(key)
                    .set_version_id(version)
                    .build()
            })
            .collect();
        let objects = objects.map_err(|e| invalid(OPERATION, &e))?;
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build();
        let delete = delete.map_err(|e| invalid(OPERATION, &e))?;
        let answer = cloud
            .s3
            .delete_objects()
            .bucket(bucket)
            .delete(delete)
            .send()
            .await;
        let answer = answer.asked()?;
        // The call succeeds whatever became of its items.
        if let Some(error) = answer.errors().first() {
            let message = error.message().unwrap_or("an object was not deleted");
            return Err(CloudError::new(Class::Protected, OPERATION, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
    use aws_sdk_s3::types::{DeleteMarkerEntry, ObjectVersion};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    async fn looked(page: ListObjectVersionsOutput, emptied: bool) -> Option<Contents> {
        let list =
            mock!(aws_sdk_s3::Client::list_object_versions).then_output(move || page.clone());
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        look(&cloud, "b", emptied).await.unwrap()
    }

    #[tokio::test]
    async fn one_page_tells_how_much_there_is_at_least() {
        let page = || {
            ListObjectVersionsOutput::builder()
                .versions(ObjectVersion::builder().key("a").size(1500).build())
                .versions(ObjectVersion::builder().key("a").size(500).build())
                .delete_markers(DeleteMarkerEntry::builder().key("a").build())
        };
        let found = looked(page().is_truncated(true).build(), true)
            .await
            .unwrap();
        assert_eq!(found.what, "more than 3 object versions (more than 2.0 kB)");
        assert!(found.at_least && found.then == Then::Deleted);
        let found = looked(page().build(), false).await.unwrap();
        assert_eq!((found.count, found.bytes), (Some(3), Some(2000)));
        assert!(matches!(found.then, Then::Refused(_)));
        let empty = ListObjectVersionsOutput::builder().build();
        assert_eq!(looked(empty, false).await, None);
    }
}
