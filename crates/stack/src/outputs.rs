//! What references can lead to.

use std::collections::BTreeMap;

use platctl_engine::{Address, Catalog};

use crate::Context;
use crate::declare::Placed;
use crate::error::{Fault, nearest, quoted};
use crate::resources::{RawResource, Reference};
use crate::source::Span;

/// What can be referred to: every address with the outputs of its kind.
pub(crate) struct Outputs(BTreeMap<Address, Option<&'static [&'static str]>>);

impl Outputs {
    pub(crate) fn new(
        nodes: &[Placed],
        raw: &[RawResource],
        context: &Context,
        catalog: &dyn Catalog,
    ) -> Self {
        let outputs = |kind: &str| {
            catalog
                .bind(kind, &context.region)
                .map(|kind| kind.facts().outputs)
        };
        let blocks = nodes
            .iter()
            .map(|placed| (placed.node.address.clone(), outputs(&placed.node.kind)));
        let raw = raw
            .iter()
            .map(|raw| (raw.address.clone(), outputs(&raw.kind.value)));
        Self(blocks.chain(raw).collect())
    }

    pub(crate) fn address(&self, text: &str) -> Option<&Address> {
        self.0.get_key_value(text).map(|(address, _)| address)
    }

    /// What is wrong with a reference, if anything is.
    pub(crate) fn check(&self, reference: &Reference) -> Option<Fault> {
        let fault = |message: String| Fault::new(message);
        if let Some(outputs) = self.0.get(reference.path.as_str()) {
            let known = outputs.unwrap_or_default().join(", ");
            return Some(
                fault(format!("which output of `{}`?", reference.path))
                    .at(reference.span, "missing output name")
                    .help(format!("available outputs: {known}")),
            );
        }
        let Some((address, output)) = reference.parts() else {
            return Some(
                fault(format!(
                    "{} is not a valid reference",
                    quoted(&reference.path)
                ))
                .at(reference.span, "use `address.output` or `env:NAME`")
                .maybe_help(self.hint(&reference.path)),
            );
        };
        match self.0.get(address) {
            None => Some(self.nowhere(address, reference.span)),
            Some(Some(known)) if !known.contains(&output) => Some(
                fault(format!("`{address}` has no output {}", quoted(output)))
                    .at(reference.span, "unknown output")
                    .maybe_help(crate::error::suggest(output, known)),
            ),
            // What its unknown kind would have is anybody's guess; that kind is an error of its own.
            Some(_) => None,
        }
    }

    /// The fault of an address that is not declared.
    pub(crate) fn nowhere(&self, address: &str, span: Span) -> Fault {
        Fault::new(format!(
            "there is no resource {} in the stack file",
            quoted(address)
        ))
        .at(span, "unknown address")
        .maybe_help(self.hint(address))
    }

    fn hint(&self, address: &str) -> Option<String> {
        nearest(address, self.0.keys().map(Address::as_str))
            .map(|found| format!("did you mean `{found}`?"))
    }
}
