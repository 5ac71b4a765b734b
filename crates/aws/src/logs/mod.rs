//! CloudWatch Logs.

mod codes;
pub mod delivery;
pub mod delivery_destination;
pub mod delivery_source;
pub mod log_group;
pub mod resource_policy;
mod tags;

pub(crate) use codes::CODES;
pub(crate) use tags::LogsTags;

use platctl_engine::SpecError;

/// What delivery sources and destinations can be called.
fn check_name(name: &str) -> Result<(), SpecError> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=60).contains(&name.len()) && name.bytes().all(sound) {
        return Ok(());
    }
    let message = "must have 1 to 60 letters, digits, `-` and `_`";
    Err(SpecError::new("/name", message))
}
