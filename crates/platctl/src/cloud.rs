//! Which stack, which account, which state: what every command needs before it can begin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platctl_aws::Aws;
use platctl_engine::execute::Options;
use platctl_engine::graph::Graph;
use platctl_engine::state::{State, Store};
use platctl_engine::{Address, Catalog};
use platctl_stack::{Context, Overrides, Stack};

use crate::cli::{ClusterAccess, Global};
use crate::error::CliError;
use crate::render::error_line;

/// A stack with its state and the AWS that it lives in.
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) aws: Arc<Aws>,
    pub(crate) options: Options,
}

/// Reads a stack file.
pub(crate) fn load(path: &Path, global: &Global) -> Result<Stack, CliError> {
    Ok(platctl_stack::load(path, &Overrides { set: global.set.clone() })?)
}

/// The stack's name, from its file or as it was given, for commands that work from state alone.
pub(crate) fn stack_name(stack: &Path, global: &Global) -> Result<String, CliError> {
    let text = stack.to_string_lossy();
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_name && !stack.is_file() {
        return Ok(text.into_owned());
    }
    Ok(load(stack, global)?.name().to_owned())
}

/// Where the state of a stack lives. The emulator's resources are no part of any real stack, so they
/// have a folder of their own.
pub(crate) fn store(name: &str, global: &Global) -> Store {
    let default = if global.emulator { PathBuf::from("state/emulator") } else { PathBuf::from("state") };
    match &global.state {
        Some(path) if path.extension().is_some_and(|extension| extension == "json") => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let file =
                path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
            Store::named(folder.unwrap_or_else(|| Path::new(".")), name, &file)
        }
        Some(folder) => Store::at(folder, name),
        None => Store::at(&default, name),
    }
}

impl Site {
    /// Connects to AWS, or to the emulator.
    pub(crate) async fn connect(name: &str, region: Option<&str>, global: &Global) -> Result<Self, CliError> {
        let mut options = Options { parallelism: global.parallelism, ..Options::default() };
        let mut connection = platctl_aws::Options {
            region: region.map(ToOwned::to_owned).or_else(|| global.region.clone()),
            profile: global.profile.clone(),
            endpoint_url: global.endpoint_url.clone(),
            credentials: None,
            budgets: true,
            reach: reach(global),
            emulator: false,
        };
        if global.emulator {
            let running = start_emulator()?;
            options.grace = Duration::ZERO;
            options.time_scale = running.time_scale();
            connection.endpoint_url = Some(running.endpoint.clone());
            connection.credentials = Some(("emulator".into(), "emulator".into()));
            connection.budgets = false;
            connection.profile = None;
            connection.emulator = true;
            connection.reach.program = connection.reach.program.or_else(this_program);
        }
        let aws = Arc::new(platctl_aws::connect(connection).await?);
        let region = aws.region().to_owned();
        Ok(Self { name: name.to_owned(), region, aws, options })
    }

    /// Refuses any account but the one that the stack file, or the state, names.
    pub(crate) fn guard(&self, wanted: Option<&str>, state: &State) -> Result<(), CliError> {
        let here = &self.aws.identity().account;
        let said = [("the stack file is for", wanted), ("state was made in", state.account.as_deref())];
        for (who, account) in said {
            if let Some(account) = account.filter(|account| account != here) {
                return Err(CliError::other(format!(
                    "{who} account {account}, but these credentials are of account {here}; nothing was changed. \
                     Use credentials of {account} (--profile), or correct `account:`"
                )));
            }
        }
        Ok(())
    }

    /// The resource graph of a stack file, in this account and region.
    pub(crate) async fn graph(&self, stack: &Stack) -> Result<Graph, CliError> {
        let identity = self.aws.identity();
        let zones = if stack.needs_zones() { self.aws.zones(&self.region).await? } else { Vec::new() };
        let cloudfront_prefix_list = match stack.needs_cloudfront() {
            true => self.aws.cloudfront_prefix_list(&self.region).await?,
            false => None,
        };
        let context = Context {
            region: self.region.clone(),
            zones,
            account: identity.account.clone(),
            partition: identity.partition.clone(),
            cloudfront_prefix_list,
        };
        build(stack, &context, &*self.aws)
    }

    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        self.aws.clone()
    }
}

fn reach(global: &Global) -> platctl_aws::reach::Settings {
    use platctl_aws::reach::{Path, Program, Settings};
    let path = match global.cluster_access {
        ClusterAccess::Auto => Path::Auto,
        ClusterAccess::Direct => Path::Direct,
        ClusterAccess::Tunnel => Path::Tunnel,
        ClusterAccess::Runner => Path::Runner,
    };
    Settings { path, program: global.runner_program.clone().map(Program::File), look: global.look }
}

/// What the emulator's builds run: this program where it lies, for it need not come from elsewhere.
fn this_program() -> Option<platctl_aws::reach::Program> {
    let here = std::env::current_exe().ok()?;
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", here.to_str()?.replace('\'', "'\\''"));
    Some(platctl_aws::reach::Program::Bytes(script.into_bytes()))
}

/// Starts the emulator unless it runs.
pub(crate) fn start_emulator() -> Result<platctl_emulator::Running, CliError> {
    let home = platctl_emulator::Home::default_for_user()?;
    let running = platctl_emulator::ensure(&home, &mut |text| error_line(text))?;
    if running.outdated {
        error_line(
            "The running emulator is of another platctl; `platctl emulator stop` ends it, and all that is in it.",
        );
    }
    Ok(running)
}

/// Turns a stack into a graph; errors point into the stack file.
pub(crate) fn build(stack: &Stack, context: &Context, catalog: &dyn Catalog) -> Result<Graph, CliError> {
    let nodes = stack.nodes(context, catalog)?;
    Graph::new(nodes, catalog).map_err(|errors| CliError::Stack(stack.explain(&errors)))
}

/// The renames that the stack file states.
pub(crate) fn moved(stack: &Stack) -> BTreeMap<Address, Address> {
    stack.moved().clone()
}
