//! `platctl emulator start|stop|status|profile`

use platctl_emulator::{Home, Running, SECRET_KEY, status, stop};
use serde_json::json;

use crate::cli::{Cut, EmulatorCommand, Global, ProfileName};
use crate::cloud::start_emulator;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// The region of clients for which none is set: that of the stack files in `stacks/`.
const REGION: &str = "eu-west-1";

/// What makes the AWS CLI and the AWS SDKs use the emulator.
fn environment(running: &Running, global: &Global) -> [(&'static str, String); 5] {
    let region = global.region.clone().unwrap_or_else(|| REGION.to_owned());
    [
        ("AWS_ENDPOINT_URL", running.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", running.key.clone()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
    ]
}

/// Starts, stops or shows the local AWS, or changes how it behaves.
pub(crate) fn run(command: EmulatorCommand, global: &Global) -> Result<Exit, CliError> {
    let home = Home::default_for_user()?;
    match command {
        EmulatorCommand::Start => render::emulator(Some(&start_emulator()?), global),
        EmulatorCommand::Status { env: false } => render::emulator(status(&home)?.as_ref(), global),
        EmulatorCommand::Status { env: true } => {
            let running = status(&home)?.ok_or_else(|| {
                CliError::other("the emulator is not running; run `platctl emulator start` first")
            })?;
            render::emulator_environment(&environment(&running, global), global);
        }
        EmulatorCommand::Stop => {
            let text = if stop(&home)? {
                "The emulator has stopped."
            } else {
                "The emulator was not running."
            };
            render::line(text, global);
        }
        EmulatorCommand::Profile {
            name,
            seed,
            scale,
            call,
            moment,
        } => {
            if name == ProfileName::Cut && call.is_none() {
                return Err(CliError::other(
                    "`cut` requires --call, the number of the changing call to interrupt",
                ));
            }
            let moment = if moment == Cut::Before {
                "before"
            } else {
                "after"
            };
            let mut said =
                json!({"name": name.text(), "seed": seed, "call": call, "moment": moment});
            if let Some(scale) = scale {
                said["scale"] = json!(scale);
            }
            start_emulator()?.control().profile(&said)?;
            render::line(
                &format!("The emulator now uses the profile `{}`.", name.text()),
                global,
            );
        }
    }
    Ok(Exit::Done)
}
