//! Which stack, and where its state lives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use platctl_aws::state::{self, Bucket};
use platctl_engine::state::{Holder, Session, State, Store, stacks};
use platctl_stack::{Stack, StateUrl};

use crate::cli::Global;
use crate::cloud::{Site, connection, load, start_emulator};
use crate::error::CliError;
use crate::log;
use crate::render::progress::teller;

/// A stack, as far as its state is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Where the stack file has its state.
    pub(crate) state: Option<StateUrl>,
    region: Option<String>,
    /// Whether the command names the stack only, so that its state is all that says that there is such a stack.
    by_name: bool,
}

impl Named {
    /// A stack by its file, or by its name alone, for commands that work from state.
    pub(crate) fn find(stack: &Path, global: &Global) -> Result<Self, CliError> {
        let text = stack.to_string_lossy();
        let is_name =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if is_name && !stack.is_file() {
            return Ok(Self::only(text.into_owned()));
        }
        Ok(Self::of(&load(stack, global)?))
    }

    /// A stack of which only the name is known.
    fn only(name: String) -> Self {
        Self {
            name,
            state: None,
            region: None,
            by_name: true,
        }
    }

    pub(crate) fn of(stack: &Stack) -> Self {
        let region = stack.region().map(ToOwned::to_owned);
        Self {
            name: stack.name().to_owned(),
            state: stack.state(),
            region,
            by_name: false,
        }
    }

    /// A stack of which a saved plan says all that is known.
    pub(crate) fn saved(name: &str, state: Option<StateUrl>, region: &str) -> Self {
        Self {
            name: name.to_owned(),
            state,
            region: Some(region.to_owned()),
            by_name: false,
        }
    }

    /// Refuses a name that no state was ever written for: it is most likely misspelled, and "nothing to delete" would
    /// be taken for the truth.
    pub(crate) fn exists(&self, state: &State) -> Result<(), CliError> {
        if !self.by_name || state.serial > 0 || !state.resources.is_empty() {
            return Ok(());
        }
        let name = &self.name;
        Err(CliError::other(format!(
            "no state found for a stack named `{name}`; check the name, use the stack file, or specify the location \
             of the state with --state"
        )))
    }

    /// Where its state lives: as the command line says, else as the stack file does, else in a folder.
    pub(crate) async fn store(&self, global: &Global) -> Result<Store, CliError> {
        let said = global
            .state
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned());
        match said.filter(|text| text.contains("://")) {
            Some(text) => {
                self.bucket(&text.parse::<StateUrl>().map_err(CliError::other)?, global)
                    .await
            }
            None => match (&global.state, &self.state) {
                (None, Some(url)) => self.bucket(url, global).await,
                (path, _) => {
                    Ok(folder(&self.name, path.as_deref(), global).telling(teller(global)))
                }
            },
        }
    }

    /// The other stacks whose state lies in the same place. None where `--state` names the file of one stack.
    pub(crate) async fn others(&self, global: &Global) -> Result<Vec<(Self, Store)>, CliError> {
        let mut all = match (&global.state, &self.state) {
            (None, Some(url)) => all_in_bucket(url, self.region.as_deref(), global).await?,
            (Some(path), _) if is_file_of_one(path) => Vec::new(),
            _ => all_stacks(global).await?,
        };
        all.retain(|(other, _)| other.name != self.name);
        Ok(all)
    }

    async fn bucket(&self, url: &StateUrl, global: &Global) -> Result<Store, CliError> {
        let bucket = opened(url, self.region.as_deref(), global).await?;
        Ok(Store::within(Arc::new(bucket), &self.name, global.lease).telling(teller(global)))
    }
}

/// The stack as it was typed, with what `--set` says. One file stands for many stacks, and a command that a user is told
/// to type next has to be about this one.
pub(crate) fn typed(stack: &Path, global: &Global) -> PathBuf {
    let mut text = stack.as_os_str().to_owned();
    for set in &global.set {
        text.push(format!(" --set {}", word(set)));
    }
    text.into()
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "=._-/:,+@%".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// All stacks whose state lies where the command line says, else in the usual folder.
pub(crate) async fn all_stacks(global: &Global) -> Result<Vec<(Named, Store)>, CliError> {
    let place = global.state.as_deref();
    match place.map(Path::to_string_lossy).as_deref() {
        Some(text) if text.contains("://") => {
            let url = text.parse::<StateUrl>().map_err(CliError::other)?;
            all_in_bucket(&url, None, global).await
        }
        Some(text) if text.ends_with(".json") => Err(CliError::other(format!(
            "{text} is the state of one stack: use --state with the folder or the bucket that contains the states"
        ))),
        _ => {
            let names = stacks::in_folder(place.unwrap_or_else(|| usual(global)))?;
            let found = |name: String| {
                let store = folder(&name, place, global).telling(teller(global));
                (Named::only(name), store)
            };
            Ok(names.into_iter().map(found).collect())
        }
    }
}

/// The bucket is opened once for all of them: that takes several calls.
async fn all_in_bucket(
    url: &StateUrl,
    region: Option<&str>,
    global: &Global,
) -> Result<Vec<(Named, Store)>, CliError> {
    let bucket: Arc<Bucket> = Arc::new(opened(url, region, global).await?);
    let names = stacks::in_bucket(&*bucket).await?;
    let found = |name: String| {
        let store = Store::within(bucket.clone(), &name, global.lease).telling(teller(global));
        (Named::only(name), store)
    };
    Ok(names.into_iter().map(found).collect())
}

/// The bucket that a state lies in.
async fn opened(url: &StateUrl, region: Option<&str>, global: &Global) -> Result<Bucket, CliError> {
    let running = if global.emulator {
        Some(start_emulator()?)
    } else {
        None
    };
    let options = connection(region, running.as_ref(), global);
    let place = state::Place {
        bucket: url.bucket.clone(),
        prefix: url.prefix.clone(),
        region: url.region.clone(),
        kms_key: url.kms_key.clone(),
    };
    let bucket = state::open(place, &options).await;
    bucket.map_err(|error| CliError::StateBucket {
        url: url.to_string(),
        error,
    })
}

/// The emulator's resources are no part of any real stack, so they have a folder of their own.
fn usual(global: &Global) -> &'static Path {
    Path::new(if global.emulator {
        "state/emulator"
    } else {
        "state"
    })
}

/// Whether this is the state file of one stack, and no folder of states.
fn is_file_of_one(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
}

fn folder(name: &str, path: Option<&Path>, global: &Global) -> Store {
    match path {
        Some(path) if is_file_of_one(path) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let file = path.file_stem().map_or_else(
                || name.to_owned(),
                |stem| stem.to_string_lossy().into_owned(),
            );
            Store::named(folder.unwrap_or_else(|| Path::new(".")), name, &file)
        }
        Some(folder) => Store::at(folder, name),
        None => Store::at(usual(global), name),
    }
}

/// Works on the locked state, and lets go of it however the work ends.
pub(crate) async fn locked<T>(
    store: &Store,
    site: Option<&Site>,
    command: &str,
    global: &Global,
    work: impl AsyncFnOnce(Arc<Session>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let session = Arc::new(
        store
            .open(&Holder::here(command), global.lock_timeout)
            .await?,
    );
    if let Some(site) = site {
        session.set_account(&site.aws.identity().account);
        session.set_region(&site.region);
    }
    log::locked(&session);
    let result = work(session.clone()).await;
    let released = session.release_if_empty().await;
    session.close().await;
    let value = result?;
    released?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(word("stack=pr-42"), "stack=pr-42");
        assert_eq!(word("a=[b, c]"), "'a=[b, c]'");
        assert_eq!(word("a=it's"), r"'a=it'\''s'");
    }
}
