//! `platctl failover`

use std::path::Path;

use platctl_aws::rds::failover::{
    Members, fail_over, members, region_of as region_of_arn, switch_over, until_writer,
};
use platctl_engine::Address;
use platctl_engine::state::State;

use crate::cli::{Consent, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

/// Lets the copy of the database in the other region write: handed over where both regions work, taken where data
/// may be lost. A second time gives the role back.
pub(crate) async fn run(path: &Path, consent: &Consent, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let state = named.store(global).await?.read().await?.state;
    let name = named.name;
    let (address, id) = global_cluster(&state, &name)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let before = roles(&site, &state, &id).await?;
    let target = before.others.first().ok_or_else(|| {
        CliError::other(format!(
            "{} is the only member of {id}: there is no replica to fail over to",
            before.writer
        ))
    })?;
    let loses = consent.data.consent().covers(address);
    let how = if loses {
        "take over, with possible loss of the latest changes"
    } else {
        "take over"
    };
    let question = format!("Do you want {target} to {how} from {}?", before.writer);
    agreed(consent.yes, &question)?;
    if loses {
        fail_over(&site.aws.cloud(region_of_arn(target)), &id, target).await?;
    } else {
        switch_over(&site.aws.cloud(region_of_arn(&before.writer)), &id, target).await?;
    }
    until_writer(&site.aws.cloud(region_of_arn(target)), &id, target).await?;
    render::line(
        &format!(
            "{target} is now the writer. Its endpoint is different: configure the services in that region to use it. Run \
             the same command again to switch back; until then, keep `database.replica` in the stack file."
        ),
        global,
    );
    Ok(Exit::Done)
}

/// The global database of the stack: its address and its ID.
fn global_cluster<'a>(state: &'a State, name: &str) -> Result<(&'a Address, String), CliError> {
    let mut all = state.resources.iter();
    let found = all.find(|(_, record)| record.kind == "rds.GlobalCluster");
    let found =
        found.and_then(|(address, record)| Some((address, record.object.as_ref()?.id.to_string())));
    found.ok_or_else(|| {
        CliError::other(format!(
            "stack `{name}` has no database replica in another region (`database.replica`). Nothing was changed"
        ))
    })
}

/// Who writes now. The stack's own region may be the one that is down, so another region is asked if there is one.
async fn roles(site: &Site, state: &State, id: &str) -> Result<Members, CliError> {
    let clusters = state.resources.values();
    let elsewhere = clusters
        .filter(|record| record.kind == "rds.DbCluster")
        .map(|record| &record.scope)
        .find(|scope| **scope != site.region)
        .unwrap_or(&site.region);
    let found = members(&site.aws.cloud(elsewhere), id).await?;
    found.ok_or_else(|| {
        CliError::other(format!(
            "the global database {id} no longer exists. Nothing was changed"
        ))
    })
}
