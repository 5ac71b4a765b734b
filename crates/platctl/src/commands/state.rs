//! `platctl state list|show|mv|rm`

use platctl_engine::Address;
use platctl_engine::state::{Holder, Session};

use crate::cli::{Global, StateCommand};
use crate::cloud::{stack_name, store};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// Looks at state, or mends it. Calls nothing.
pub(crate) async fn run(command: StateCommand, global: &Global) -> Result<Exit, CliError> {
    match command {
        StateCommand::List { stack } => {
            let name = stack_name(&stack, global)?;
            render::status::list(&store(&name, global).read()?.state, global);
        }
        StateCommand::Show { stack, address } => {
            let name = stack_name(&stack, global)?;
            let state = store(&name, global).read()?.state;
            let record = state.resources.get(address.as_str()).ok_or_else(|| unknown(&name, &address))?;
            render::record(&address, record, global);
        }
        StateCommand::Mv { stack, from, to } => {
            let name = stack_name(&stack, global)?;
            let (from, to) = (parse(&from)?, parse(&to)?);
            let session = open(&name, "state mv", global).await?;
            let state = session.state();
            if !state.resources.contains_key(&from) {
                return Err(unknown(&name, from.as_str()));
            }
            if state.resources.contains_key(&to) {
                return Err(CliError::other(format!("`{to}` is taken; nothing was changed")));
            }
            session.rename(&from, &to).await?;
            session.finish().await?;
            render::line(&format!("{from} is {to} now; the next apply writes that into its tags."), global);
        }
        StateCommand::Rm { stack, address } => {
            let name = stack_name(&stack, global)?;
            let address = parse(&address)?;
            let session = open(&name, "state rm", global).await?;
            if !session.state().resources.contains_key(&address) {
                return Err(unknown(&name, address.as_str()));
            }
            session.remove(&address).await?;
            session.finish().await?;
            render::line(&format!("{address} is forgotten; what exists of it in AWS stays."), global);
        }
    }
    Ok(Exit::Done)
}

async fn open(name: &str, command: &str, global: &Global) -> Result<Session, CliError> {
    Ok(store(name, global).open(&Holder::here(command), global.lock_timeout).await?)
}

fn parse(address: &str) -> Result<Address, CliError> {
    Address::new(address).map_err(|error| CliError::other(error.to_string()))
}

fn unknown(stack: &str, address: &str) -> CliError {
    CliError::other(format!(
        "state of `{stack}` has no `{address}`; `platctl state list {stack}` lists what it has"
    ))
}
