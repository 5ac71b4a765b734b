//! Calls that are made until their outcome is known.

use std::time::Duration;

use tokio::time::sleep;

use super::Bucket;
use crate::state::{Blob, Condition, Put};
use crate::tell::Told;
use crate::{Class, CloudResult};

/// The waits between tries: half a minute in all.
const WAITS: [u64; 8] = [100, 200, 400, 1_000, 2_000, 5_000, 10_000, 10_000];

/// Reads an object.
pub(super) async fn get(bucket: &Bucket, key: &str) -> CloudResult<Option<Blob>> {
    let told = bucket
        .teller
        .about(format!("reading {}", bucket.blobs.place(key)));
    told.during(got(bucket, key, &told)).await
}

async fn got(bucket: &Bucket, key: &str, told: &Told<'_>) -> CloudResult<Option<Blob>> {
    let mut waits = WAITS.iter();
    loop {
        let error = match bucket.blobs.get(key).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        told.because(&error);
        match waits.next() {
            Some(wait) if passes(error.class) => sleep(Duration::from_millis(*wait)).await,
            _ => return Err(error),
        }
    }
}

/// Writes an object. When an answer was lost, a refusal may be of one's own earlier try: then what is there tells.
/// What is written has to be unlike anything that others write.
pub(super) async fn put(
    bucket: &Bucket,
    key: &str,
    bytes: &[u8],
    condition: &Condition,
) -> CloudResult<Put> {
    let told = bucket
        .teller
        .about(format!("writing {}", bucket.blobs.place(key)));
    told.during(done(bucket, key, (bytes, condition), &told))
        .await
}

async fn done(
    bucket: &Bucket,
    key: &str,
    (bytes, condition): (&[u8], &Condition),
    told: &Told<'_>,
) -> CloudResult<Put> {
    let mut waits = WAITS.iter();
    let mut lost = false;
    loop {
        let error = match bucket
            .blobs
            .put(key, bytes.to_vec(), condition.clone())
            .await
        {
            Ok(Put::Refused) if lost => {
                let found = get(bucket, key).await?.filter(|blob| blob.bytes == bytes);
                return Ok(found.map_or(Put::Refused, |blob| Put::Done(blob.tag)));
            }
            Ok(put) => return Ok(put),
            Err(error) => error,
        };
        told.because(&error);
        lost |= error.class != Class::Throttled && error.class != Class::Unreachable;
        match waits.next() {
            Some(wait) if passes(error.class) => sleep(Duration::from_millis(*wait)).await,
            _ => return Err(error),
        }
    }
}

const fn passes(class: Class) -> bool {
    matches!(
        class,
        Class::Throttled | Class::Busy | Class::Interrupted | Class::Unreachable
    )
}
