//! `platctl rotate`

use std::path::Path;

use platctl_aws::eks::eviction::Force;
use platctl_aws::iam::rotation::{self, Progress, begin, finish};
use platctl_engine::flow::{Request, prepare};
use platctl_engine::select::Selection;
use platctl_engine::state::State;
use platctl_engine::{Address, Id};
use platctl_stack::Stack;

use super::apply::{self, How};
use crate::cli::{Consent, Global};
use crate::cloud::{Site, load, moved};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::prompt::{agreed, confirm};
use crate::render;

const CREDENTIAL: &str = "iam.ServiceSpecificCredential";

/// A credential that is to be rotated.
struct Target {
    address: Address,
    scope: String,
    id: Id,
}

/// Replaces credentials by new ones: a second one comes into the secret, then to all that uses it, and only then the
/// first one goes. Nothing else of the stack is changed. A run that is cut off is continued by the next one.
pub(crate) async fn run(
    path: &Path,
    address: Option<&str>,
    consent: &Consent,
    global: &Global,
) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    let store = Named::of(&stack).store(global).await?;
    let state = store.read().await?.state;
    let targets = targets(&state, stack.name(), address)?;
    let site = Site::connect(stack.region(), global).await?;
    site.guard(stack.account(), &state)?;
    let only = Selection {
        only: users(&state, &targets),
        ..Selection::default()
    };
    if !only.only.is_empty() && !is_begun(&targets, &site).await? {
        Box::pin(refuse_pending(&stack, &state, only.clone(), &site, path)).await?;
    }
    let names: Vec<&str> = targets.iter().map(|one| one.address.as_str()).collect();
    let names = names.join(", ");
    let question = format!(
        "Do you want to rotate {names}? The current credential works until the new one is in use."
    );
    agreed(consent.yes, &question)?;
    let begun = locked(&store, Some(&site), "rotate", global, async |_| {
        begin_all(&targets, &site, global).await
    })
    .await?;
    if !only.only.is_empty() {
        let how = How {
            consent,
            selection: only,
            force: &Force::default(),
        };
        let exit = apply::part(path, how, global).await?;
        if exit != Exit::Done {
            let next =
                "The previous credential still works. To continue, run the same command again.";
            render::line(next, global);
            return Ok(exit);
        }
    }
    let question =
        "Everything in this stack uses the new credential. Do you want to delete the previous one?";
    if !consent.yes && !confirm(question) {
        return Err(CliError::other(
            "cancelled. Both credentials work: to delete the previous one, run the same command again",
        ));
    }
    locked(&store, Some(&site), "rotate", global, async |_| {
        finish_all(&targets, &begun, &site, global).await
    })
    .await?;
    Ok(Exit::Done)
}

/// Whether an earlier run has begun to rotate one of the credentials.
async fn is_begun(targets: &[Target], site: &Site) -> Result<bool, CliError> {
    for target in targets {
        if rotation::is_begun(&site.aws.cloud(&target.scope), &target.id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses to begin where what uses the credentials has other changes to come: they would be made by the way.
async fn refuse_pending(
    stack: &Stack,
    state: &State,
    selection: Selection,
    site: &Site,
    path: &Path,
) -> Result<(), CliError> {
    let graph = site.graph(stack, Some(state)).await?;
    let is_gone = |name: &&String| graph.get(name).is_none();
    let mut pending: Vec<String> = selection.only.iter().filter(is_gone).cloned().collect();
    let request = Request {
        graph: Some(graph),
        moved: moved(stack),
        selection,
        read_options: site.read_options(false),
        ..Request::default()
    };
    let plan = prepare(request, state.clone(), &*site.aws).await?.plan;
    if !plan.refusals.is_empty() {
        return Err(CliError::Refused {
            refusals: plan.refusals,
            stack: path.to_owned(),
        });
    }
    let acting = plan.steps.iter().filter(|step| step.acts());
    pending.extend(acting.map(|step| step.address.to_string()));
    if pending.is_empty() {
        return Ok(());
    }
    let (names, at) = (pending.join(", "), path.display());
    Err(CliError::other(format!(
        "{names}: uses the credential and has other changes, which would be applied too. Run `platctl apply {at}` \
         first. Nothing was changed"
    )))
}

/// Answers the credentials that are to stay.
async fn begin_all(
    targets: &[Target],
    site: &Site,
    global: &Global,
) -> Result<Vec<String>, CliError> {
    let mut credentials = Vec::new();
    for target in targets {
        let begun = begin(&site.aws.cloud(&target.scope), &target.id).await?;
        let said = match begun.progress {
            Progress::New => "a new credential is in the secret",
            Progress::Resumed => "the rotation that was interrupted is continued",
        };
        render::line(&format!("{}: {said}", target.address), global);
        credentials.push(begun.credential);
    }
    Ok(credentials)
}

async fn finish_all(
    targets: &[Target],
    credentials: &[String],
    site: &Site,
    global: &Global,
) -> Result<(), CliError> {
    for (target, credential) in targets.iter().zip(credentials) {
        let count = finish(&site.aws.cloud(&target.scope), &target.id, credential).await?;
        let said = format!(
            "{}: rotated; previous credentials deleted: {count}",
            target.address
        );
        render::line(&said, global);
    }
    Ok(())
}

/// The credentials at an address or below it; all of them without one.
fn targets(state: &State, stack: &str, address: Option<&str>) -> Result<Vec<Target>, CliError> {
    let all = state
        .resources
        .iter()
        .filter(|(_, record)| record.kind == CREDENTIAL);
    let all: Vec<Target> = all
        .filter_map(|(at, record)| {
            Some(Target {
                address: at.clone(),
                scope: record.scope.clone(),
                id: record.object.as_ref()?.id.clone(),
            })
        })
        .collect();
    let known: Vec<String> = all.iter().map(|one| one.address.to_string()).collect();
    if known.is_empty() {
        return Err(none(state, stack));
    }
    let Some(wanted) = address else {
        return Ok(all);
    };
    let below = format!("{wanted}.");
    let is_wanted = |one: &Target| {
        let at = one.address.as_str();
        at == wanted || at.starts_with(&below)
    };
    let found: Vec<Target> = all.into_iter().filter(is_wanted).collect();
    if found.is_empty() {
        return Err(CliError::other(format!(
            "`{wanted}` is not a credential of stack `{stack}`. Specify one of {}, or no address to rotate all of them. \
             Nothing was changed",
            known.join(", ")
        )));
    }
    Ok(found)
}

/// Nothing can be rotated. A key or token that the host of a repository has made is replaced by hand.
fn none(state: &State, stack: &str) -> CliError {
    let of = |wanted: &[&str]| -> Vec<String> {
        let all = state.resources.iter();
        all.filter(|(_, record)| wanted.contains(&record.kind.as_str()))
            .map(|(address, _)| format!("--replace {address}"))
            .collect()
    };
    let keys = of(&["github.DeployKey"]);
    let by_hand = if !keys.is_empty() {
        format!(
            ". To replace its deploy keys, run `platctl apply FILE {}`; to replace the key of the GitHub App, write the \
             new one to the secret in `delivery.source.credential`",
            keys.join(" ")
        )
    } else if of(&["github.Files", "gitlab.Files"]).is_empty() {
        String::new()
    } else {
        ". For its GitOps repository, write a new key or token to the secret in `delivery.source.credential`, and run \
         `platctl apply`"
            .to_owned()
    };
    CliError::other(format!(
        "stack `{stack}` has no credential that can be rotated{by_hand}. Nothing was changed"
    ))
}

/// What uses the credentials, as it was last applied.
fn users(state: &State, targets: &[Target]) -> Vec<String> {
    let uses = |needs: &[Address]| targets.iter().any(|one| needs.contains(&one.address));
    let all = state.resources.iter();
    all.filter(|(_, record)| uses(&record.dependencies))
        .map(|(address, _)| address.to_string())
        .collect()
}
