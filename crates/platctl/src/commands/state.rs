//! `platctl state …`

use platctl_engine::Address;

use super::recover;
use crate::cli::{Global, StateCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// Looks at state, or mends it.
pub(crate) async fn run(command: StateCommand, global: &Global) -> Result<Exit, CliError> {
    match command {
        StateCommand::List { stack } => {
            let named = Named::find(&stack, global)?;
            render::status::list(&named.store(global).await?.read().await?.state, global);
        }
        StateCommand::Show { stack, address } => {
            let named = Named::find(&stack, global)?;
            let state = named.store(global).await?.read().await?.state;
            let record = state
                .resources
                .get(address.as_str())
                .ok_or_else(|| unknown(&named.name, &address))?;
            render::record(&address, record, global);
        }
        StateCommand::Mv { stack, from, to } => {
            rename(
                &Named::find(&stack, global)?,
                &parse(&from)?,
                &parse(&to)?,
                global,
            )
            .await?;
        }
        StateCommand::Rm { stack, address } => {
            forget(&Named::find(&stack, global)?, &parse(&address)?, global).await?;
        }
        StateCommand::Recover { stack, yes } => return recover::run(&stack, yes, global).await,
        StateCommand::History { stack } => return recover::history(&stack, global).await,
        StateCommand::Rollback { stack, to } => return recover::rollback(&stack, to, global).await,
    }
    Ok(Exit::Done)
}

async fn rename(
    named: &Named,
    from: &Address,
    to: &Address,
    global: &Global,
) -> Result<(), CliError> {
    let store = named.store(global).await?;
    locked(&store, None, "state mv", global, async |session| {
        let state = session.state();
        if !state.resources.contains_key(from) {
            return Err(unknown(&named.name, from.as_str()));
        }
        if state.resources.contains_key(to) {
            return Err(CliError::other(format!(
                "`{to}` already exists in the state; nothing was changed"
            )));
        }
        session.rename(from, to).await?;
        session.finish().await?;
        Ok(())
    })
    .await?;
    render::line(
        &format!("Moved {from} to {to}. The next apply updates its tags."),
        global,
    );
    Ok(())
}

async fn forget(named: &Named, address: &Address, global: &Global) -> Result<(), CliError> {
    let store = named.store(global).await?;
    locked(&store, None, "state rm", global, async |session| {
        if !session.state().resources.contains_key(address) {
            return Err(unknown(&named.name, address.as_str()));
        }
        session.remove(address).await?;
        session.finish().await?;
        Ok(())
    })
    .await?;
    render::line(
        &format!("Removed {address} from the state. The object in AWS was not deleted."),
        global,
    );
    Ok(())
}

fn parse(address: &str) -> Result<Address, CliError> {
    Address::new(address).map_err(|error| CliError::other(error.to_string()))
}

fn unknown(stack: &str, address: &str) -> CliError {
    CliError::other(format!(
        "the state of stack `{stack}` has no resource `{address}`; to list all resources, run `platctl state \
         list {stack}`"
    ))
}
