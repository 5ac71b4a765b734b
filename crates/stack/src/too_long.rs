//! Names that are made of the stack's name, the region and something else, and become too long together.

use platctl_engine::{Catalog, SpecError};
use serde_json::Value;

use crate::de::At;
use crate::declare::Placed;
use crate::error::{Fault, quoted};
use crate::names::StackName;

/// Why a block's node is not one of its kind.
pub(crate) enum Incomplete {
    /// A shorter name of the stack would do.
    TooLong(TooLong),
    /// Anything else.
    Fault(Fault),
}

/// A name of AWS that is too long because of the stack's name.
pub(crate) struct TooLong {
    /// How many characters the stack's name can have at most.
    pub(crate) most: usize,
    address: String,
    name: String,
}

impl TooLong {
    pub(crate) fn fault(&self, stack: &At<StackName>, region: &str) -> Fault {
        let Self {
            most,
            address,
            name,
        } = self;
        let text = stack.value.as_str();
        let message = format!(
            "the stack name {} is too long for {region}: it can have at most {most} characters, not {}",
            quoted(text),
            text.len()
        );
        let help = format!(
            "`{address}` would be named `{name}`, which is more than AWS allows; use a stack name of up to {most} \
             characters"
        );
        Fault::new(message).at(stack.span, "too long").help(help)
    }
}

/// Checks a block's node against its kind, and completes it.
pub(crate) fn complete(
    placed: &mut Placed,
    stack: &str,
    catalog: &dyn Catalog,
) -> Result<(), Incomplete> {
    let node = &mut placed.node;
    let Some(kind) = catalog.bind(&node.kind, &node.scope) else {
        let fault = Fault::new(format!("unknown kind {}", quoted(&node.kind)));
        return Err(Incomplete::Fault(fault.at(placed.place, "configured here")));
    };
    let stated = std::mem::take(&mut node.spec);
    match kind.declare(stated.clone()) {
        Ok(spec) => {
            node.spec = spec;
            Ok(())
        }
        Err(error) => {
            let shorter = |spec: Value| kind.declare(spec);
            if let Some((most, name)) = most(&stated, &error, stack, shorter) {
                let address = node.address.to_string();
                return Err(Incomplete::TooLong(TooLong {
                    most,
                    address,
                    name,
                }));
            }
            let fault = Fault::new(format!("`{}` is not allowed: {error}", node.address));
            Err(Incomplete::Fault(fault.at(placed.place, "in this block")))
        }
    }
}

/// How long the stack's name can be, so that its kind takes the name at fault: found by trying.
fn most(
    spec: &Value,
    error: &SpecError,
    stack: &str,
    declare: impl Fn(Value) -> Result<Value, SpecError>,
) -> Option<(usize, String)> {
    let name = spec.pointer(&error.path)?.as_str()?;
    let rest = name
        .strip_prefix(stack)
        .filter(|rest| rest.starts_with('-'))?;
    let fits = |length: &usize| {
        let mut spec = spec.clone();
        let Some(field) = spec.pointer_mut(&error.path) else {
            return false;
        };
        *field = format!("{}{rest}", "a".repeat(*length)).into();
        declare(spec).is_ok()
    };
    let most = (1..stack.len()).rev().find(fits)?;
    Some((most, name.to_owned()))
}
