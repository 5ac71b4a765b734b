//! AWS Backup.

mod codes;
pub mod plan;
pub mod selection;
pub mod vault;

pub(crate) use codes::CODES;

use platctl_engine::{Changes, CloudResult, Owner};

use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, edits, split};

pub(crate) async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let answer = cloud.backup.list_tags().resource_arn(arn).send().await;
    let answer = answer.asked()?;
    Ok(split(answer.tags.unwrap_or_default()))
}

pub(crate) async fn sync_tags(
    cloud: &Cloud,
    arn: &str,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let call = cloud
            .backup
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(edits.set.into_iter().collect()));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud
            .backup
            .untag_resource()
            .resource_arn(arn)
            .set_tag_key_list(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}
