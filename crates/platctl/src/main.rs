//! `platctl`: provision a whole production platform on AWS from one stack file.
//!
//! This crate holds commands and rendering, no logic: stack files are read by `platctl-stack`, planned
//! and carried out by `platctl-engine`, with the kinds of `platctl-aws`.

mod blocks;
mod cli;
mod cloud;
mod cluster;
mod commands;
mod ending;
mod error;
mod examples;
mod exit;
mod log;
mod place;
mod prompt;
#[cfg(test)]
mod recipes;
mod render;
mod saved;
mod signals;

use std::process::ExitCode;

use clap::FromArgMatches;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let (cli, command) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    if let Err(error) = log::start(&cli.global) {
        render::error::report(&error, &cli.global);
        return Exit::Error.into();
    }
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    tracing::info!(version, pid, command, "platctl started");
    let exit = run(cli);
    tracing::info!(exit_code = exit.code(), "platctl ended");
    exit.into()
}

/// The command line, and the names of the commands in it. Its arguments may be secret, so they are in no log.
fn parse() -> Result<(Cli, String), clap::Error> {
    let matches = examples::command().try_get_matches()?;
    let (mut names, mut next) = (Vec::new(), matches.subcommand());
    while let Some((name, inner)) = next {
        names.push(name);
        next = inner.subcommand();
    }
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, names.join(" ")))
}

fn run(cli: Cli) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            render::error_line(&format!("Error: cannot start: {error}"));
            return Exit::Error;
        }
    };
    let global = cli.global.clone();
    let exit = match runtime.block_on(commands::run(cli)) {
        Ok(exit) => exit,
        Err(error) => {
            render::error::report(&error, &global);
            tracing::info!(error = render::error::plain(&error), "the command failed");
            Exit::Error
        }
    };
    // Calls that an abandoned run left behind must not hold the process.
    runtime.shutdown_background();
    exit
}

/// Help and version are results; anything else is bad input: exit code 1, nothing changed.
fn usage(error: &clap::Error) -> ExitCode {
    let result = error.print();
    match (error.use_stderr(), result) {
        (false, Ok(())) => Exit::Done.into(),
        _ => Exit::Error.into(),
    }
}
