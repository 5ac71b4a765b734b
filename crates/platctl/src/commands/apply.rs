//! `platctl apply`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platctl_aws::eks::eviction::Force;
use platctl_aws::rds::support;
use platctl_engine::execute::{Options, Outcome};
use platctl_engine::flow::{Prepared, Request, prepare};
use platctl_engine::graph::Graph;
use platctl_engine::plan::Refusal;
use platctl_engine::planner::DataLoss;
use platctl_engine::predict::predict;
use platctl_engine::select::Selection;
use platctl_engine::state::{Creation, Lifespan, Session, State};
use platctl_stack::Stack;
use platctl_stack::pool::RESERVED;
use platctl_stack::support::endings;
use time::OffsetDateTime;

use super::blocked;
use crate::blocks::Among;
use crate::cli::{Approved, Consent, Global, Temporary};
use crate::cloud::{Site, load, moved};
use crate::ending;
use crate::error::CliError;
use crate::exit::Exit;
use crate::log;
use crate::place::{Named, locked, typed};
use crate::prompt::{agreed, data_to_lose};
use crate::render;
use crate::render::progress::Progress;
use crate::saved::SavedPlan;
use crate::signals::Signals;

/// How a stack is applied.
pub(crate) struct How<'a> {
    pub(crate) consent: &'a Consent,
    /// Which part of it.
    pub(crate) selection: Selection,
    /// Whose nodes are replaced in spite of PodDisruptionBudgets.
    pub(crate) force: &'a Force,
}

/// Applies a stack file, or a saved plan.
pub(crate) async fn run(
    path: &Path,
    approved: &Approved,
    temporary: &Temporary,
    how: How<'_>,
    global: &Global,
) -> Result<Exit, CliError> {
    let global = &temporary.applied_to(global);
    match SavedPlan::load(path, approved.plan_sha256.as_deref())? {
        Some(_) if how.selection != Selection::default() => Err(CliError::other(
            "--target, --exclude and --replace cannot be used with a saved plan: pass them to `platctl plan` \
             instead",
        )),
        // With the stack file, it has to be what the plan was created with.
        Some(_) if temporary.ttl.is_some() && approved.stack_file.is_none() => {
            Err(CliError::other(
                "--ttl cannot be used with a saved plan: pass it to `platctl plan` instead",
            ))
        }
        Some(saved) => {
            Box::pin(apply_saved(
                saved,
                approved.stack_file.as_deref(),
                &how,
                global,
            ))
            .await
        }
        None if approved.plan_sha256.is_some() || approved.stack_file.is_some() => {
            Err(CliError::other(format!(
                "--stack and --plan-sha256 require a saved plan, but {} is not a saved plan",
                path.display()
            )))
        }
        None => Box::pin(apply_stack(path, how, true, global)).await,
    }
}

/// Applies a part of a stack as a step of another command. The expiry of the stack stays: nobody said anything of it.
pub(crate) async fn part(path: &Path, how: How<'_>, global: &Global) -> Result<Exit, CliError> {
    Box::pin(apply_stack(path, how, false, global)).await
}

/// `renews` is whether the stack is wanted for as long as the file says, from now on.
async fn apply_stack(
    path: &Path,
    how: How<'_>,
    renews: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    // A first reading tells what is wrong before anything is connected or locked.
    let named = Named::of(&stack);
    let store = named.store(global).await?;
    let state = store.read().await?.state;
    let site = Site::connect(stack.region(), global).await?;
    site.guard(stack.account(), &state)?;
    let mut graph = site.graph(&stack, Some(&state)).await?;
    how.force.mark(&mut graph)?;
    render::warnings(&endings(&graph, OffsetDateTime::now_utc().date()), global);
    let databases = support::databases(&graph);
    locked(&store, Some(&site), "apply", global, async |session| {
        site.guard(stack.account(), &session.state())?;
        let among = Among {
            named: &named,
            site: &site,
            global,
        };
        among.take(&stack, &session).await?;
        let graph = if stack.pool().is_some() {
            let mut graph = site.graph(&stack, Some(&session.state())).await?;
            how.force.mark(&mut graph)?;
            graph
        } else {
            graph
        };
        let request = Request {
            graph: Some(graph),
            moved: moved(&stack),
            data_loss: how.consent.data.consent(),
            selection: how.selection,
            read_options: site.read_options(session.is_doubtful()),
        };
        let (prepared, told) = tokio::join!(
            prepare(request, session.state(), &*site.aws),
            support::endings(&site.aws, &databases)
        );
        render::warnings(&told, global);
        let prepared = prepared?;
        let question = "Do you want to apply these changes?";
        converge(
            &site,
            session,
            prepared,
            Ask {
                consent: how.consent,
                question,
                destroys: false,
                stack: &typed(path, global),
                ttl: renews.then(|| stack.ttl()),
            },
            global,
        )
        .await
    })
    .await
}

async fn apply_saved(
    saved: SavedPlan,
    stack_file: Option<&Path>,
    how: &How<'_>,
    global: &Global,
) -> Result<Exit, CliError> {
    let name = saved.plan.stack.clone();
    let stack = stack_file
        .map(|path| made_from(&saved, path, global))
        .transpose()?;
    let state = saved
        .state
        .as_ref()
        .map(|url| url.parse().map_err(CliError::other))
        .transpose()?;
    let named = Named::saved(&name, state, &saved.region);
    let store = named.store(global).await?;
    let site = Site::connect(Some(&saved.region), global).await?;
    locked(&store, Some(&site), "apply", global, async |session| {
        let mut prepared =
            prepare_saved(&saved, stack.as_ref(), how.force, &site, &session).await?;
        prepared.consent(&how.consent.data.consent());
        let among = Among {
            named: &named,
            site: &site,
            global,
        };
        take_planned(&saved, stack.as_ref(), &among, &session).await?;
        // Nothing in the plan is believed where there is the stack file.
        let ttl = stack.as_ref().map_or(saved.ttl, Stack::ttl);
        let ask = Ask {
            consent: how.consent,
            question: "Do you want to apply this saved plan?",
            destroys: saved.destroy,
            stack: Path::new(&name),
            ttl: (!saved.destroy).then_some(ttl),
        };
        converge(&site, session, prepared, ask, global).await
    })
    .await
}

/// The stack file that a plan was made from, where it still says the same.
fn made_from(saved: &SavedPlan, path: &Path, global: &Global) -> Result<Stack, CliError> {
    let stack = load(path, global)?;
    // What is destroyed is known from state: only the stack has to be the one.
    if stack.name() == saved.plan.stack && (saved.destroy || stack.digest() == saved.digest) {
        return Ok(stack);
    }
    Err(CliError::other(format!(
        "the plan was not created from {}, or the file (or --set) has changed since; nothing was changed. Run `platctl \
         plan` again",
        path.display()
    )))
}

/// Plans again, and sees that it comes to the same. With the stack file, what is wanted comes from there, and consent
/// to the loss of data from the command line: nothing in the plan is believed.
async fn prepare_saved(
    saved: &SavedPlan,
    stack: Option<&Stack>,
    force: &Force,
    site: &Site,
    session: &Session,
) -> Result<Prepared, CliError> {
    let state = session.state();
    site.guard(Some(&saved.account), &state)?;
    if let Some(stack) = stack {
        site.guard(stack.account(), &state)?;
    }
    if (state.serial, &state.lineage) != (saved.plan.serial, &saved.plan.lineage)
        && !is_first(saved, &state)
    {
        return Err(stale(format!(
            "the state has changed since (serial {} then, {} now)",
            saved.plan.serial, state.serial
        )));
    }
    let mut graph = match (saved.destroy, stack) {
        (true, _) => None,
        (false, Some(stack)) => {
            let mut state = state.clone();
            state.reserved.extend(reservation(saved));
            Some(site.graph(stack, Some(&state)).await?)
        }
        (false, None) => {
            Some(Graph::new(saved.plan.nodes.clone(), &*site.aws).map_err(CliError::Graph)?)
        }
    };
    if let Some(graph) = &mut graph {
        force.mark(graph)?;
    }
    let moved = stack.map_or_else(|| saved.moved.clone(), moved);
    let data_loss = if stack.is_some() {
        DataLoss::default()
    } else {
        saved.data_loss.clone()
    };
    let selection = saved.selection.clone();
    let options = site.read_options(session.is_doubtful());
    let request = Request {
        graph,
        moved,
        data_loss,
        selection,
        read_options: options,
    };
    let prepared = prepare(request, state, &*site.aws).await?;
    if !saved.still_holds(&prepared.plan) {
        let why = match stack {
            Some(_) => "the stack file now requires other actions",
            None => "resources in AWS have changed since the plan was created",
        };
        return Err(stale(why.to_owned()));
    }
    Ok(prepared)
}

/// The block that the plan was made with, as it is reserved in a state.
fn reservation(saved: &SavedPlan) -> Option<(String, String)> {
    Some((RESERVED.to_owned(), saved.block.clone()?))
}

/// Takes the block of addresses that the plan was made with. With the stack file, it has to be one of its pool.
async fn take_planned(
    saved: &SavedPlan,
    stack: Option<&Stack>,
    among: &Among<'_>,
    session: &Session,
) -> Result<(), CliError> {
    let Some(block) = &saved.block else {
        return Ok(());
    };
    let pool = stack.and_then(Stack::pool);
    let is_of_pool = pool.is_none_or(|pool| pool.has(block));
    if is_of_pool && among.take_planned(block, session).await? {
        return Ok(());
    }
    Err(stale(format!(
        "another stack or network has addresses of {block} by now"
    )))
}

/// A plan made before there was any state: its lineage is not on disk yet.
fn is_first(saved: &SavedPlan, state: &State) -> bool {
    saved.plan.serial == 0 && state.serial == 0 && state.resources.is_empty()
}

fn stale(why: String) -> CliError {
    CliError::other(format!(
        "the saved plan is stale: {why}; nothing was changed. Run `platctl plan` again"
    ))
}

/// How to ask before anything is changed.
pub(crate) struct Ask<'a> {
    pub(crate) consent: &'a Consent,
    pub(crate) question: &'a str,
    pub(crate) destroys: bool,
    /// The stack file, for what the user may have to type next.
    pub(crate) stack: &'a Path,
    /// How long the stack is wanted from now on: `Some(None)` where it stays, none where that is not the question.
    pub(crate) ttl: Option<Option<Duration>>,
}

/// Shows the plan, asks, carries it out, and tells what became of it.
pub(crate) async fn converge(
    site: &Site,
    session: Arc<Session>,
    mut prepared: Prepared,
    ask: Ask<'_>,
    global: &Global,
) -> Result<Exit, CliError> {
    prepared.check_detach(&ask.consent.detach());
    let schedule = prepared
        .schedule(&*site.aws)
        .map_err(|cycle| CliError::other(cycle.to_string()))?;
    render::plan(&prepared.plan, &predict(schedule), site, global);
    log::planned(&prepared.plan);
    if !prepared.plan.refusals.is_empty() && (ask.consent.yes || !consents(&mut prepared)) {
        let stack = ask.stack.to_owned();
        return Err(CliError::Refused {
            refusals: prepared.plan.refusals,
            stack,
        });
    }
    let idle = prepared.plan.is_empty() && !prepared.plan.steps.iter().any(|step| step.settling);
    agreed(idle || ask.consent.yes, ask.question)?;
    let signals = Signals::listen()
        .map_err(|error| CliError::other(format!("cannot listen for signals: {error}")))?;
    if !ask.destroys {
        session.clear_receipt();
        let caller = &site.aws.identity().arn;
        session.set_creation(Creation::new(caller, OffsetDateTime::now_utc()));
    }
    // Before anything is created, so that a run that is killed leaves nothing that never expires.
    let life = match ask.ttl {
        Some(ttl) => note_life(&session, ttl).await?,
        None => None,
    };
    let progress = Progress::new(&prepared.plan, global);
    let begun = std::time::Instant::now();
    let options = Options {
        detach: ask.consent.detach(),
        ..site.options.clone()
    };
    let departure = site.aws.departure();
    departure.agree(&session.state(), &ask.consent.data.consent());
    let how = (progress.listener(), signals.stop.clone(), options);
    let outcome = prepared
        .carry_out(session.clone(), site.catalog(), how)
        .await?;
    site.aws.clear_late().await;
    progress.end();
    log::carried_out(&outcome);
    let result = session.finish().await;
    if !idle {
        render::outcome(
            &outcome,
            begun.elapsed(),
            site,
            (ask.destroys, ask.stack),
            global,
        );
        blocked::explain(&outcome, site, &session.state(), global).await;
        render::departure(departure, global);
    }
    if outcome.is_complete() {
        render::nothing_detached(&outcome.nothing_detached, global);
    }
    let clean =
        !ask.destroys || !outcome.is_complete() || account_for(site, &session, global).await;
    result?;
    if let Some(life) = life {
        render::environments::life(&session.stack(), life, OffsetDateTime::now_utc(), global);
    }
    Ok(match exit(&outcome, &signals) {
        // Something of the stack is still there, or something that its workloads made.
        Exit::Done if !clean || departure.is_incomplete() => Exit::Changes,
        exit => exit,
    })
}

/// Gives the receipt of a destroy. Where the whole stack is gone, AWS is asked once more whether that is so: answers
/// whether nothing is left.
async fn account_for(site: &Site, session: &Session, global: &Global) -> bool {
    let state = session.state();
    let sweep = match state.resources.is_empty() {
        true => Some(Box::pin(ending::sweep(site, &state)).await),
        false => None,
    };
    render::receipt(&state.receipt, sweep.as_ref(), global);
    sweep.is_none_or(|sweep| sweep.is_empty())
}

/// Notes for how long the stack is wanted. None where it was permanent and still is.
async fn note_life(
    session: &Session,
    ttl: Option<Duration>,
) -> Result<Option<Option<Lifespan>>, CliError> {
    let state = session.state();
    // A stack that was deleted has left its name and its life: a new one of that name is neither pinned nor extended.
    let earlier = state.lifespan.filter(|_| !state.resources.is_empty());
    let life = ttl.map(|ttl| Lifespan::renewed(earlier, ttl, OffsetDateTime::now_utc()));
    session.set_lifespan(life).await?;
    Ok((life.is_some() || earlier.is_some()).then_some(life))
}

/// Whether all that is missing is consent to the loss of data, and whoever sits at the terminal types it in.
fn consents(prepared: &mut Prepared) -> bool {
    let missing = &prepared.plan.refusals;
    if !missing.iter().all(Refusal::is_about_data) {
        return false;
    }
    let named = data_to_lose(missing.iter().filter_map(|refusal| match refusal {
        Refusal::DataLoss { address, .. } => Some(address),
        _ => None,
    }));
    named.is_some_and(|named| prepared.consent(&named))
}

fn exit(outcome: &Outcome, signals: &Signals) -> Exit {
    match (outcome.is_complete(), signals.exit()) {
        (true, _) => Exit::Done,
        (false, Some(exit)) => exit,
        (false, None) if outcome.done.is_empty() => Exit::Error,
        (false, None) => Exit::Changes,
    }
}
