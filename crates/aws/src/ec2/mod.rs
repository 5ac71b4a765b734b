//! EC2: the network.

mod blocks;
mod codes;
mod default_group;
pub mod elastic_ip;
pub mod flow_log;
mod holders;
pub mod internet_gateway;
pub mod launch_template;
mod launch_template_kept;
pub mod nat_gateway;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;

pub use blocks::Block;
pub(crate) use blocks::blocks;
pub(crate) use codes::CODES;
pub(crate) use holders::interfaces_with;

use std::collections::HashMap;

use aws_sdk_ec2::types::{Filter, RouteTable, UnsuccessfulItem};
use platctl_engine::{CloudError, CloudResult, Id, Kind, Live, Phase, SpecError};

use crate::Cloud;
use crate::errors::{Ask, Asked, classify};
use crate::tags::filter;

/// How many values EC2 takes in one filter.
const FILTER_VALUES: usize = 200;

/// Filters that select these ids; as many as it takes. Unlike a list of ids, a filter is no error where
/// one of them is gone.
pub(crate) fn id_filters<'a>(name: &str, ids: impl IntoIterator<Item = &'a str>) -> Vec<Filter> {
    let mut ids: Vec<&str> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.chunks(FILTER_VALUES)
        .map(|ids| filter(name, ids.iter().copied()))
        .collect()
}

/// Names and descriptions of security groups and their rules have few characters.
pub(crate) fn check_text(path: &'static str, text: &str) -> Result<(), SpecError> {
    const OTHERS: &str = " ._-:/()#,@[]+=&;{}!$*";
    let wrong = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !OTHERS.contains(*c));
    match wrong {
        Some(wrong) => Err(SpecError::new(
            path,
            format!(
                "must have only ASCII letters, digits, spaces and any of{OTHERS}, not `{wrong}`"
            ),
        )),
        None if text.len() > 255 => Err(SpecError::new(path, "must have at most 255 characters")),
        None => Ok(()),
    }
}

/// Puts what was found in the order in which it was asked for.
pub(crate) fn in_order<K: Kind>(
    ids: &[Id],
    found: impl IntoIterator<Item = Live<K>>,
) -> Vec<Option<Live<K>>> {
    let mut found: HashMap<Id, Live<K>> = found
        .into_iter()
        .map(|live| (live.id.clone(), live))
        .collect();
    ids.iter().map(|id| found.remove(id)).collect()
}

/// The phase of a state that is either `available` or on its way there.
pub(crate) fn phase(state: Option<&str>) -> Phase {
    match state.map(str::to_ascii_lowercase).as_deref() {
        Some("available") | None => Phase::Ready,
        Some(state @ ("failed" | "failed-insufficient-capacity" | "rejected" | "expired")) => {
            Phase::Failed(state.to_owned())
        }
        Some("partial") => {
            Phase::Degraded("partial: it is available in only some of its zones".into())
        }
        // A subnet whose zone is not available: it neither ends by itself nor is there anything to do about it here.
        Some("unavailable") => {
            Phase::Degraded("unavailable: AWS reports that it cannot be used".into())
        }
        Some("deleting") => Phase::Deleting,
        Some(state) => Phase::Settling(state.to_owned()),
    }
}

/// All route tables that the filters select: routes and associations are read from them, too.
pub(crate) async fn route_tables(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<RouteTable>> {
    let mut tables = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_route_tables()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        tables.extend(page.asked()?);
    }
    Ok(tables)
}

/// The names of the availability zones that are open to this account, in order. Local and wavelength zones
/// are left out.
pub(crate) async fn zones(cloud: &Cloud) -> CloudResult<Vec<ZoneInfo>> {
    let answer = cloud.ec2.describe_availability_zones().send().ask().await?;
    let usual = answer.availability_zones().iter().filter(|zone| {
        let kind = zone.zone_type().unwrap_or("availability-zone");
        let opted = zone
            .opt_in_status()
            .is_none_or(|status| status.as_str() != "not-opted-in");
        kind == "availability-zone" && opted
    });
    let mut zones: Vec<ZoneInfo> = usual
        .filter_map(|zone| {
            Some(ZoneInfo {
                name: zone.zone_name()?.to_owned(),
                id: zone.zone_id().unwrap_or_default().to_owned(),
                available: zone
                    .state()
                    .is_none_or(|state| state.as_str() == "available"),
            })
        })
        .collect();
    zones.sort();
    Ok(zones)
}

/// An availability zone of a region, as this account sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneInfo {
    /// The account's own name for it: `eu-west-1a`.
    pub name: String,
    /// Its id, the same in all accounts: `euw1-az1`.
    pub id: String,
    /// Whether new things can be made in it. A zone that is impaired still holds what is there.
    pub available: bool,
}

/// The id of a list of addresses that AWS keeps, by its name.
pub(crate) async fn prefix_list(cloud: &Cloud, name: &str) -> CloudResult<Option<String>> {
    let call = cloud
        .ec2
        .describe_managed_prefix_lists()
        .filters(filter("prefix-list-name", [name]));
    let answer = call.send().ask().await?;
    Ok(answer
        .prefix_lists()
        .iter()
        .find_map(|list| list.prefix_list_id())
        .map(ToOwned::to_owned))
}

/// Success of the call says nothing about its items.
pub(crate) fn each_succeeded(operation: &str, items: &[UnsuccessfulItem]) -> CloudResult<()> {
    let Some(error) = items.iter().find_map(|item| item.error()) else {
        return Ok(());
    };
    let message = error.message().unwrap_or("was not done");
    let mut failure = CloudError::new(
        classify(operation, error.code(), message, 400),
        operation,
        message,
    );
    failure.code = error.code().map(ToOwned::to_owned);
    Err(failure)
}
