//! What is in a bucket.

use platctl_engine::CloudResult;
use platctl_engine::retry::call_with_retries;

use crate::Cloud;
use crate::errors::Ask;

/// The keys below a prefix, in order.
///
/// # Errors
/// What S3 answers.
pub async fn keys(cloud: &Cloud, bucket: &str, prefix: &str) -> CloudResult<Vec<String>> {
    let mut keys = Vec::new();
    let mut next = None;
    loop {
        let call = cloud
            .s3
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_continuation_token(next);
        let page = || async { call.clone().send().ask().await };
        let answer =
            call_with_retries(&cloud.teller, format!("listing s3://{bucket}"), page).await?;
        keys.extend(
            answer
                .contents()
                .iter()
                .filter_map(|object| object.key().map(ToOwned::to_owned)),
        );
        next = answer.next_continuation_token().map(ToOwned::to_owned);
        if next.is_none() {
            return Ok(keys);
        }
    }
}
