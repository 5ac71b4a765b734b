//! `platctl status`

use std::path::Path;

use platctl_aws::rds::support;
use platctl_engine::behind::behind;
use platctl_engine::drift::moved_on;
use platctl_engine::observe::{ReadOptions, observe};
use platctl_stack::support::endings_in;
use time::OffsetDateTime;

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::render;
use crate::render::status::Remarks;

/// Shows what state knows, and how it is doing in AWS now.
pub(crate) async fn run(path: &Path, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let mut state = named.store(global).await?.read().await?.state;
    named.exists(&state)?;
    let name = named.name;
    if state.resources.is_empty() {
        render::nothing_there(&name, global);
        return Ok(Exit::Done);
    }
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    state.settle_in(&site.region);
    let options = ReadOptions {
        teller: site.aws.teller().clone(),
        ..ReadOptions::default()
    };
    let databases = support::databases_in(&state);
    let (observed, told) = tokio::join!(
        observe(&state, None, &*site.aws, options),
        support::endings(&site.aws, &databases)
    );
    let observed = observed?;
    let mut warnings = endings_in(&state, OffsetDateTime::now_utc().date());
    warnings.extend(told);
    render::warnings(&warnings, global);
    let remarks = Remarks {
        moved_on: moved_on(&state, &observed, &*site.aws),
        behind: behind(&state, &observed, &*site.aws, site.aws.teller()).await,
    };
    render::status::show(&state, &observed, &remarks, global);
    Ok(Exit::Done)
}
