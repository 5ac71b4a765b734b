//! `platctl emulator start|stop|status`

use platctl_emulator::{Home, status, stop};

use crate::cli::{EmulatorCommand, Global};
use crate::cloud::start_emulator;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// Starts, stops or shows the local AWS.
pub(crate) fn run(command: EmulatorCommand, global: &Global) -> Result<Exit, CliError> {
    let home = Home::default_for_user()?;
    match command {
        EmulatorCommand::Start => render::emulator(Some(&start_emulator()?), global),
        EmulatorCommand::Status => render::emulator(status(&home)?.as_ref(), global),
        EmulatorCommand::Stop => {
            let text =
                if stop(&home)? { "The emulator is stopped." } else { "The emulator was not running." };
            render::line(text, global);
        }
    }
    Ok(Exit::Done)
}
