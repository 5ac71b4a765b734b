//! CloudWatch Logs.

mod codes;
pub mod delivery;
pub mod delivery_destination;
pub mod delivery_source;
pub mod log_group;
pub mod resource_policy;

pub(crate) use codes::CODES;

use platctl_engine::{Changes, CloudResult, Owner, SpecError};

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tags, edits, split};

/// The tags of a resource: the user's, and whose it is.
async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let call = cloud.logs.list_tags_for_resource().resource_arn(arn);
    Ok(split(call.send().ask().await?.tags.unwrap_or_default()))
}

async fn sync_tags(cloud: &Cloud, arn: &str, changes: &Changes, owner: &Owner) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let tags = edits.set.into_iter().collect();
        let call = cloud
            .logs
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud
            .logs
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}

/// What delivery sources and destinations can be called.
fn check_name(name: &str) -> Result<(), SpecError> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=60).contains(&name.len()) && name.bytes().all(sound) {
        return Ok(());
    }
    let message = "must have 1 to 60 letters, digits, `-` and `_`";
    Err(SpecError::new("/name", message))
}
