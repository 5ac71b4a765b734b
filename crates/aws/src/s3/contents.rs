//! What is in a bucket.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::{Ask, Asked, invalid};

const OPERATION: &str = "s3:DeleteObjects";

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
