//! `platctl plan`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use platctl_aws::rds::support;
use platctl_engine::flow::{Prepared, Request, prepare};
use platctl_engine::plan::Refusal;
use platctl_engine::planner::DataLoss;
use platctl_engine::predict::predict;
use platctl_engine::select::Selection;
use platctl_stack::support::endings;
use time::OffsetDateTime;

use crate::blocks::Among;
use crate::cli::Global;
use crate::cloud::{Site, load, moved};
use crate::error::CliError;
use crate::exit::Exit;
use crate::log;
use crate::place::{Named, typed};
use crate::render;
use crate::saved::SavedPlan;

/// What `plan` was asked for.
pub(crate) struct Wish {
    pub(crate) out: Option<PathBuf>,
    pub(crate) detailed_exitcode: bool,
    pub(crate) destroy: bool,
    pub(crate) data_loss: DataLoss,
    pub(crate) selection: Selection,
}

/// Plans without a lock and without writing anything but the plan that was asked for.
pub(crate) async fn run(path: &Path, wish: &Wish, global: &Global) -> Result<Exit, CliError> {
    let (site, prepared, mut saved) = if wish.destroy {
        plan_destroy(path, wish, global).await?
    } else {
        plan_stack(path, wish, global).await?
    };
    let prediction = predict(
        prepared
            .schedule(&*site.catalog())
            .map_err(|cycle| CliError::other(cycle.to_string()))?,
    );
    render::plan(&prepared.plan, &prediction, &site, global);
    log::planned(&prepared.plan);
    let refused = |refusal: &Refusal| {
        !matches!(
            refusal,
            Refusal::DataLoss {
                protected: false,
                ..
            }
        )
    };
    if prepared.plan.refusals.iter().any(refused) {
        return Err(CliError::Refused {
            refusals: prepared.plan.refusals,
            stack: typed(path, global),
        });
    }
    let empty = prepared.plan.is_empty();
    if let Some(out) = &wish.out {
        saved.plan = prepared.plan;
        let sha256 = saved.save(out)?;
        render::saved(out, &sha256, global);
    }
    Ok(if wish.detailed_exitcode && !empty {
        Exit::Changes
    } else {
        Exit::Done
    })
}

async fn plan_stack(
    path: &Path,
    wish: &Wish,
    global: &Global,
) -> Result<(Site, Prepared, SavedPlan), CliError> {
    let stack = load(path, global)?;
    let named = Named::of(&stack);
    let loaded = named.store(global).await?.read().await?;
    let mut state = loaded.state;
    let site = Site::connect(stack.region(), global).await?;
    site.guard(stack.account(), &state)?;
    state.settle_in(&site.region);
    let among = Among {
        named: &named,
        site: &site,
        global,
    };
    let block = among.foresee(&stack, &mut state).await?;
    let graph = site.graph(&stack, Some(&state)).await?;
    render::warnings(&endings(&graph, OffsetDateTime::now_utc().date()), global);
    let databases = support::databases(&graph);
    let moved = moved(&stack);
    let request = Request {
        graph: Some(graph),
        moved: moved.clone(),
        data_loss: wish.data_loss.clone(),
        selection: wish.selection.clone(),
        read_options: site.read_options(loaded.doubtful),
    };
    let (prepared, told) = tokio::join!(
        prepare(request, state, &*site.aws),
        support::endings(&site.aws, &databases)
    );
    render::warnings(&told, global);
    let prepared = prepared?;
    let mut saved = SavedPlan::new(
        prepared.plan.clone(),
        stack.digest().to_owned(),
        site.aws.identity().account.clone(),
        site.region.clone(),
    );
    saved.state = stack.state().map(|url| url.to_string());
    saved.moved = moved;
    saved.data_loss = wish.data_loss.clone();
    saved.selection = wish.selection.clone();
    saved.ttl = stack.ttl();
    saved.block = block;
    Ok((site, prepared, saved))
}

async fn plan_destroy(
    path: &Path,
    wish: &Wish,
    global: &Global,
) -> Result<(Site, Prepared, SavedPlan), CliError> {
    let named = Named::find(path, global)?;
    let loaded = named.store(global).await?.read().await?;
    let mut state = loaded.state;
    named.exists(&state)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    state.settle_in(&site.region);
    let request = Request {
        graph: None,
        moved: BTreeMap::new(),
        data_loss: wish.data_loss.clone(),
        selection: wish.selection.clone(),
        read_options: site.read_options(loaded.doubtful),
    };
    let prepared = prepare(request, state, &*site.aws).await?;
    let account = site.aws.identity().account.clone();
    let mut saved = SavedPlan::new(
        prepared.plan.clone(),
        String::new(),
        account,
        site.region.clone(),
    );
    saved.state = named.state.map(|url| url.to_string());
    saved.destroy = true;
    saved.data_loss = wish.data_loss.clone();
    saved.selection = wish.selection.clone();
    Ok((site, prepared, saved))
}
