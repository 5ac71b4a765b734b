//! `platctl`: provision a whole production platform on AWS from one stack file.
//!
//! This crate holds commands and rendering, no logic: stack files are read by `platctl-stack`, planned
//! and carried out by `platctl-engine`, with the kinds of `platctl-aws`.

mod cli;
mod cloud;
mod cluster;
mod commands;
mod error;
mod exit;
mod place;
mod prompt;
mod render;
mod saved;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    start_log(cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            render::error_line(&format!("cannot start: {error}"));
            return Exit::Error.into();
        }
    };
    let global = cli.global.clone();
    let exit = match runtime.block_on(commands::run(cli)) {
        Ok(exit) => exit,
        Err(error) => {
            render::error::report(&error, &global);
            Exit::Error
        }
    };
    // Calls that an abandoned run left behind must not hold the process.
    runtime.shutdown_background();
    exit.into()
}

/// Help and version are results; anything else is bad input: exit code 1, nothing changed.
fn usage(error: &clap::Error) -> ExitCode {
    let result = error.print();
    match (error.use_stderr(), result) {
        (false, Ok(())) => Exit::Done.into(),
        _ => Exit::Error.into(),
    }
}

fn start_log(verbose: u8) {
    let level = match verbose {
        // What the engine warns of explains why a command takes its time.
        0 => "platctl_engine=warn,error",
        1 => "platctl=debug,warn",
        _ => "platctl=trace,debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("PLATCTL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines.with_filter(filter_fn(is_harmless)))
        .init();
}

/// Whether a line holds no secret whatever happens: the SDK's own log has whole requests and answers at its last
/// level, with the passwords that are in them.
fn is_harmless(about: &Metadata<'_>) -> bool {
    about.target().starts_with("platctl") || *about.level() < Level::TRACE
}
