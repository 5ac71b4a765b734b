//! One file per command.

mod apply;
mod completions;
mod destroy;
mod emulator;
mod output;
mod plan;
mod state;
mod status;
mod validate;

use crate::cli::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;

/// Runs the command that was typed.
pub(crate) async fn run(cli: Cli) -> Result<Exit, CliError> {
    let global = &cli.global;
    match cli.command {
        Command::Validate { stack } => validate::run(&stack, global),
        Command::Plan { stack, out, detailed_exitcode, destroy, allow_data_loss } => {
            let wish = plan::Wish { out, detailed_exitcode, destroy, allow_data_loss };
            plan::run(&stack, &wish, global).await
        }
        Command::Apply { stack, consent } => apply::run(&stack, &consent, global).await,
        Command::Destroy { stack, consent } => destroy::run(&stack, &consent, global).await,
        Command::Status { stack } => status::run(&stack, global).await,
        Command::Output { stack, name } => output::run(&stack, name.as_deref(), global),
        Command::State(command) => state::run(command, global).await,
        Command::Emulator(command) => emulator::run(command, global),
        Command::Completions { shell } => completions::run(shell),
    }
}
