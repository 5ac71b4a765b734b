//! `platctl validate`

use std::path::Path;

use platctl_aws::Aws;
use platctl_stack::support::endings;
use platctl_stack::{Context, check_region, doubts};
use time::OffsetDateTime;

use crate::cli::Global;
use crate::cloud::{build, load};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// Checks the stack file and everything that can be known without calling AWS.
pub(crate) fn run(stack: &Path, global: &Global) -> Result<Exit, CliError> {
    let stack = load(stack, global)?;
    let region = stack
        .region()
        .or(global.region.as_deref())
        .unwrap_or("us-east-1");
    check_region(region).map_err(CliError::other)?;
    let context = Context::offline(region);
    let graph = build(&stack, &context, &Aws::offline(region))?;
    let warnings = stack.warnings().into_iter().chain(doubts(&graph));
    let today = OffsetDateTime::now_utc().date();
    let warnings: Vec<String> = warnings.chain(endings(&graph, today)).collect();
    render::validated(stack.name(), graph.len(), &warnings, global);
    Ok(Exit::Done)
}
