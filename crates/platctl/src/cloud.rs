//! Which stack, which account, which state: what every command needs before it can begin.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use platctl_aws::Aws;
use platctl_aws::ec2::Block;
use platctl_engine::execute::Options;
use platctl_engine::graph::Graph;
use platctl_engine::observe::ReadOptions;
use platctl_engine::state::{Object, State};
use platctl_engine::{Address, Catalog};
use platctl_stack::{Context, Overrides, Stack, Zone, pool};

use crate::cli::{ClusterAccess, Global};
use crate::error::CliError;
use crate::render::error_line;
use crate::render::progress::teller;

/// A stack with its state and the AWS that it lives in.
pub(crate) struct Site {
    pub(crate) region: String,
    pub(crate) aws: Arc<Aws>,
    pub(crate) options: Options,
}

/// Reads a stack file.
pub(crate) fn load(path: &Path, global: &Global) -> Result<Stack, CliError> {
    Ok(platctl_stack::load(
        path,
        &Overrides {
            set: global.set.clone(),
        },
    )?)
}

impl Site {
    /// Connects to AWS, or to the emulator.
    pub(crate) async fn connect(region: Option<&str>, global: &Global) -> Result<Self, CliError> {
        let mut options = Options {
            parallelism: global.parallelism,
            keep_going: !global.fail_fast,
            ..Options::default()
        };
        let running = if global.emulator {
            Some(start_emulator()?)
        } else {
            None
        };
        if let Some(running) = &running {
            options.grace = running.lag();
            options.time_scale = running.time_scale();
        }
        let connection = connection(region, running.as_ref(), global);
        let aws = Arc::new(platctl_aws::connect(connection).await?);
        let region = aws.region().to_owned();
        let (account, caller) = (&*aws.identity().account, &*aws.identity().arn);
        tracing::info!(account, region, caller, "connected");
        Ok(Self {
            region,
            aws,
            options,
        })
    }

    /// Refuses any account but the one that the stack file, or the state, names, and any region but the one that the
    /// stack lives in.
    pub(crate) fn guard(&self, wanted: Option<&str>, state: &State) -> Result<(), CliError> {
        let here = &self.aws.identity().account;
        let said = [
            ("the stack file is for", wanted),
            ("the state belongs to", state.account.as_deref()),
        ];
        for (who, account) in said {
            if let Some(account) = account.filter(|account| account != here) {
                return Err(CliError::other(format!(
                    "{who} account {account}, but the credentials are for account {here}; nothing was \
                     changed. Use credentials for {account} (--profile), or correct `account:` in the stack \
                     file"
                )));
            }
        }
        match state.home().filter(|_| !state.lives_in(&self.region)) {
            None => Ok(()),
            Some(home) => Err(CliError::other(format!(
                "this stack is deployed in {home}, but this run uses {here}; nothing was changed. Set \
                 `region: {home}` in the stack file, or use --region {home}. To deploy a separate stack in \
                 {here}, use a separate state (--state)",
                here = self.region
            ))),
        }
    }

    /// The resource graph of a stack file, in this account and region, as it goes on from a state.
    pub(crate) async fn graph(
        &self,
        stack: &Stack,
        state: Option<&State>,
    ) -> Result<Graph, CliError> {
        let identity = self.aws.identity();
        let zones = if stack.needs_zones() {
            self.aws.zones(&self.region).await?
        } else {
            Vec::new()
        };
        let zones = zones.into_iter().map(|zone| {
            let (name, id, available) = (zone.name, zone.id, zone.available);
            Zone {
                name,
                id,
                available,
            }
        });
        let cloudfront_prefix_list = match stack.needs_cloudfront() {
            true => self.aws.cloudfront_prefix_list(&self.region).await?,
            false => None,
        };
        let block = self.block(stack, state).await?;
        let context = Context {
            region: self.region.clone(),
            zones: zones.collect(),
            settled: state
                .map(|state| settled(state, &self.region))
                .unwrap_or_default(),
            block: block.and_then(|block| block.parse().ok()),
            account: identity.account.clone(),
            partition: identity.partition.clone(),
            cloudfront_prefix_list,
        };
        build(stack, &context, &*self.aws)
    }

    /// The block that the network of a stack has from its pool: that of its VPC, or what is reserved for one.
    async fn block(
        &self,
        stack: &Stack,
        state: Option<&State>,
    ) -> Result<Option<String>, CliError> {
        if stack.pool().is_none() {
            return Ok(None);
        }
        let reserved = |state: &State| state.reserved.get(pool::RESERVED).cloned();
        let known = state.and_then(|state| pool::settled(state).or_else(|| reserved(state)));
        match known {
            Some(block) => Ok(Some(block)),
            None => self.own_block(stack.name()).await,
        }
    }

    /// The block of the VPC with the tags of a stack.
    pub(crate) async fn own_block(&self, stack: &str) -> Result<Option<String>, CliError> {
        let blocks = self.aws.blocks(&self.region).await?;
        let own = blocks.into_iter().find(|block| self.is_own(stack, block));
        Ok(own.map(|block| block.cidr))
    }

    /// Whether it is a block of the network of this stack, by the tags of its VPC.
    pub(crate) fn is_own(&self, stack: &str, block: &Block) -> bool {
        block.owner.as_ref().is_some_and(|owner| {
            let here = owner
                .region
                .as_ref()
                .is_none_or(|region| *region == self.region);
            here && owner.stack == stack && owner.address == pool::NETWORK
        })
    }

    /// How closely to look at what there is. AWS's own guarantees of when a new object can be seen are weaker than
    /// those of its searches, so that what is known to have been made is looked for longer.
    pub(crate) fn read_options(&self, doubtful: bool) -> ReadOptions {
        let teller = self.aws.teller().clone();
        ReadOptions {
            grace: 10 * self.options.grace,
            thorough: doubtful,
            teller,
            ..ReadOptions::default()
        }
    }

    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        self.aws.clone()
    }
}

/// How to connect, be it for resources or for state.
pub(crate) fn connection(
    region: Option<&str>,
    emulator: Option<&platctl_emulator::Running>,
    global: &Global,
) -> platctl_aws::Options {
    let mut options = platctl_aws::Options {
        region: region
            .map(ToOwned::to_owned)
            .or_else(|| global.region.clone()),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
        credentials: None,
        budgets: true,
        reach: reach(global),
        emulator: false,
        teller: teller(global),
    };
    if let Some(running) = emulator {
        options.endpoint_url = Some(running.endpoint.clone());
        options.credentials = Some((running.key.clone(), platctl_emulator::SECRET_KEY.into()));
        options.budgets = false;
        options.profile = None;
        options.emulator = true;
        options.reach.program = options.reach.program.or_else(this_program);
    }
    options
}

fn reach(global: &Global) -> platctl_aws::reach::Settings {
    use platctl_aws::reach::{Path, Program, Settings};
    let path = match global.cluster_access {
        ClusterAccess::Auto => Path::Auto,
        ClusterAccess::Direct => Path::Direct,
        ClusterAccess::Tunnel => Path::Tunnel,
        ClusterAccess::Runner => Path::Runner,
        ClusterAccess::Here => Path::Here,
    };
    Settings {
        path,
        program: global.runner_program.clone().map(Program::File),
        look: global.look,
    }
}

/// What the emulator's builds run: this program where it lies, for it need not come from elsewhere.
fn this_program() -> Option<platctl_aws::reach::Program> {
    let here = std::env::current_exe().ok()?;
    let script = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        here.to_str()?.replace('\'', "'\\''")
    );
    Some(platctl_aws::reach::Program::Bytes(script.into_bytes()))
}

/// Starts the emulator unless it runs.
pub(crate) fn start_emulator() -> Result<platctl_emulator::Running, CliError> {
    let home = platctl_emulator::Home::default_for_user()?;
    let running = platctl_emulator::ensure(&home, &mut |text| error_line(text))?;
    if running.outdated {
        error_line(
            "The running emulator was started by another version of platctl. To stop it and delete \
             everything in it, run `platctl emulator stop`.",
        );
    }
    Ok(running)
}

/// The zones that the network of a state has subnets in.
fn settled(state: &State, region: &str) -> BTreeSet<String> {
    let subnets = state.resources.iter().filter(|(address, record)| {
        address.as_str().starts_with("network.")
            && record.kind == "ec2.Subnet"
            && record.scope == region
    });
    let zone = |object: &Object| Some(object.spec.get("availability_zone")?.as_str()?.to_owned());
    subnets
        .filter_map(|(_, record)| zone(record.object.as_ref()?))
        .collect()
}

/// Turns a stack into a graph; errors point into the stack file.
pub(crate) fn build(
    stack: &Stack,
    context: &Context,
    catalog: &dyn Catalog,
) -> Result<Graph, CliError> {
    let nodes = stack.nodes(context, catalog)?;
    Graph::new(nodes, catalog).map_err(|errors| CliError::Stack(stack.explain(&errors)))
}

/// The renames that the stack file states.
pub(crate) fn moved(stack: &Stack) -> BTreeMap<Address, Address> {
    stack.moved().clone()
}
