//! Reading and deleting the records of a zone.

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use platctl_engine::{Class, CloudResult};

use super::built;
use crate::Cloud;
use crate::errors::Ask;
use crate::types::DnsName;

/// How many record sets one deletion takes: far below 1000 values.
const AT_ONCE: usize = 100;

/// Where a record set stands in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: DnsName,
    pub(crate) kind: String,
    pub(crate) set: Option<String>,
}

impl Key {
    pub(crate) fn of(record: &ResourceRecordSet) -> Self {
        Self {
            name: record.name().into(),
            kind: record.r#type().as_str().to_owned(),
            set: record.set_identifier().map(ToOwned::to_owned),
        }
    }
}

/// All records of a zone, or from the given one on as many as fit one page; none when the zone is gone.
pub(crate) async fn read(
    cloud: &Cloud,
    zone: &str,
    only: Option<&Key>,
) -> CloudResult<Option<Vec<ResourceRecordSet>>> {
    let mut all = Vec::new();
    let mut call = cloud
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone);
    if let Some(key) = only {
        call = call
            .start_record_name(key.name.as_str())
            .start_record_type(RrType::from(key.kind.as_str()));
        call = call
            .set_start_record_identifier(key.set.clone())
            .max_items(1);
    }
    loop {
        let page = match call.send().ask().await {
            Err(error) if error.class == Class::NotFound => return Ok(None),
            other => other?,
        };
        all.extend(page.resource_record_sets);
        if !page.is_truncated || only.is_some() {
            return Ok(Some(all));
        }
        call = cloud
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

/// Makes one change of each record set, all or none of a call.
pub(crate) async fn change(
    cloud: &Cloud,
    zone: &str,
    action: ChangeAction,
    records: Vec<ResourceRecordSet>,
) -> CloudResult<()> {
    for records in records.chunks(AT_ONCE) {
        let change = |record: &ResourceRecordSet| {
            built(
                Change::builder()
                    .action(action.clone())
                    .resource_record_set(record.clone())
                    .build(),
            )
        };
        let changes = records.iter().map(change).collect::<CloudResult<_>>()?;
        let batch = built(ChangeBatch::builder().set_changes(Some(changes)).build())?;
        let call = cloud
            .route53
            .change_resource_record_sets()
            .hosted_zone_id(zone)
            .change_batch(batch);
        call.send().ask().await?;
    }
    Ok(())
}
