//! `platctl failover`

use std::path::Path;

use platctl_aws::rds::failover::{
    fail_over, members, region_of as region_of_arn, switch_over, until_writer,
};

use crate::cli::{Consent, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::confirm;
use crate::render;

/// Lets the copy of the database in the other region write: handed over where both regions work, taken where data
/// may be lost. A second time gives the role back.
pub(crate) async fn run(path: &Path, consent: &Consent, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let state = named.store(global).await?.read().await?.state;
    let name = named.name;
    let found = state
        .resources
        .iter()
        .find(|(_, record)| record.kind == "rds.GlobalCluster");
    let found =
        found.and_then(|(address, record)| Some((address, record.object.as_ref()?.id.to_string())));
    let (address, id) = found.ok_or_else(|| {
        CliError::other(format!(
            "stack `{name}` has no database replica in another region (`database.replica`). Nothing was changed"
        ))
    })?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let replica = state
        .resources
        .values()
        .filter(|record| record.kind == "rds.DbCluster")
        .map(|record| &record.scope);
    // The stack's own region may be the one that is down: any other one can tell.
    let elsewhere = replica
        .into_iter()
        .find(|scope| **scope != site.region)
        .unwrap_or(&site.region);
    let gone = || {
        CliError::other(format!(
            "the global database {id} no longer exists. Nothing was changed"
        ))
    };
    let before = members(&site.aws.cloud(elsewhere), &id)
        .await?
        .ok_or_else(gone)?;
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
    if !consent.yes
        && !confirm(&format!(
            "Do you want {target} to {how} from {}?",
            before.writer
        ))
    {
        return Err(CliError::other("cancelled; nothing was changed"));
    }
    if loses {
        fail_over(&site.aws.cloud(region_of_arn(target)), &id, target).await?;
    } else {
        switch_over(&site.aws.cloud(region_of_arn(&before.writer)), &id, target).await?;
    }
    until_writer(&site.aws.cloud(region_of_arn(target)), &id, target).await?;
    render::line(
        &format!(
            "{target} is now the writer. It has a different endpoint: connect the services there to it. Run \
             the same command again to switch back; until then, keep `database.replica` in the stack file."
        ),
        global,
    );
    Ok(Exit::Done)
}
