//! `platctl completions`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::CliError;
use crate::exit::Exit;

/// Prints a completion script.
pub(crate) fn run(shell: clap_complete::Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "platctl", &mut script);
    crate::render::raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
