//! Stack file → typed stack → declared resources.
//!
//! [`load`] reads a file: text → tree with places → overrides and interpolation → types. Then
//! [`Stack::nodes`] turns the blocks and the raw resources into nodes for the engine's graph. Whatever is
//! wrong becomes [`StackErrors`], each pointing at the key or value at fault.
//!
//! Nothing here calls AWS: what only AWS knows comes in as [`Context`].

/// The schema of a type that is read from another one.
macro_rules! schema_of {
    ($type:ty, $read_from:ty) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$read_from as schemars::JsonSchema>::json_schema(generator)
            }
        }
    };
}

mod alerts;
mod cluster;
mod common;
mod database;
mod de;
mod declare;
mod delivery;
mod doubts;
mod edge;
mod error;
mod explain;
mod file;
mod gitops;
mod idle;
mod interpolate;
mod logs;
mod names;
mod network;
mod outputs;
pub mod pages;
mod parse;
mod platform;
mod reaper;
pub mod reference;
mod resources;
pub mod rights;
mod services;
mod set;
mod source;
mod stack;
mod state_url;
pub mod support;
mod tags;
#[cfg(test)]
mod tests;
mod too_long;
mod tree;
mod warnings;

use std::io::Read;
use std::path::Path;

pub use doubts::doubts;
pub use error::{StackError, StackErrors, nearest};
pub use names::{check_names, check_region, lifetime};
pub use network::pool;
pub use stack::{Context, Stack, Zone};
pub use state_url::StateUrl;

/// What overrides the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `KEY=VALUE` of every `--set`, in their order: `network.nat=single`. Values are read as YAML.
    pub set: Vec<String>,
}

/// Reads a stack file, with `${env:NAME}` from this process's environment.
///
/// # Errors
/// A file that cannot be read, that is no YAML, or that does not say what a stack file can say; and
/// overrides that lead nowhere. As many at once as can be told apart.
pub fn load(path: impl AsRef<Path>, overrides: &Overrides) -> Result<Stack, StackErrors> {
    let path = path.as_ref();
    let text = text(path)
        .map_err(|error| StackErrors::plain(&format!("cannot read {}: {error}", path.display())))?;
    load_text(&path.display().to_string(), &text, overrides, &|name| {
        std::env::var(name).ok()
    })
}

/// Reads a stack from text; `name` stands for it in errors, `env` answers for `${env:NAME}`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    name: &str,
    text: &str,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Stack, StackErrors> {
    stack::read(name, text, &overrides.set, env)
}

/// The text of a file, but not much more of it than a stack file may have.
fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(parse::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    // A cut may go through a character; what is too long is refused in any case.
    if bytes.len() > parse::MAX_BYTES {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not valid UTF-8 text"))
}
