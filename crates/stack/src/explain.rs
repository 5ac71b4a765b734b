//! The graph's errors, at their places in the stack file.

use platctl_engine::Address;
use platctl_engine::graph::GraphError;

use crate::error::{Fault, StackErrors, errors};
use crate::source::Span;
use crate::stack::Stack;

impl Stack {
    /// Says where in the stack file the errors of its graph come from.
    #[must_use]
    pub fn explain(&self, wrong: &[GraphError]) -> StackErrors {
        errors(
            wrong.iter().map(|error| self.fault(error)).collect(),
            &self.sources,
        )
    }

    fn fault(&self, error: &GraphError) -> Fault {
        let fault = Fault::new(error.to_string());
        match error {
            GraphError::Duplicate { address } => fault.at(self.place(address), "declared here"),
            GraphError::UnknownKind { address, .. } => {
                let kind = self
                    .raw(address.as_str())
                    .map_or_else(|| self.place(address), |raw| raw.kind.span);
                fault.at(kind, "unknown kind")
            }
            GraphError::Dangling { address, at, .. }
            | GraphError::UnknownOutput { address, at, .. } => {
                let place = self
                    .raw(address.as_str())
                    .map_or_else(|| self.place(address), |raw| raw.find(at).0);
                fault.at(place, "referenced here")
            }
            GraphError::Cycle { path } => path
                .iter()
                .fold(fault, |fault, address| self.link(fault, address, path)),
        }
    }

    /// Labels what makes one resource of a cycle wait for another one.
    fn link(&self, fault: Fault, address: &Address, cycle: &[Address]) -> Fault {
        let Some(raw) = self.raw(address.as_str()) else {
            return fault.at(self.place(address), format!("`{address}` comes from here"));
        };
        let in_cycle = |to: &str| cycle.iter().any(|member| member.as_str() == to);
        let references = raw
            .references
            .iter()
            .filter_map(|reference| Some((reference.parts()?.0, reference.span)));
        let dependencies = raw
            .depends_on
            .iter()
            .map(|wanted| (wanted.value.as_str(), wanted.span));
        let links = references
            .chain(dependencies)
            .filter(|(to, _)| in_cycle(to));
        links.fold(fault, |fault, (to, span)| {
            fault.at(span, format!("`{address}` depends on `{to}`"))
        })
    }

    /// The key in the file from which a resource comes: its own, or its block's.
    fn place(&self, address: &Address) -> Span {
        if let Some(raw) = self.raw(address.as_str()) {
            return raw.key;
        }
        let block = address.as_str().split('.').next().unwrap_or_default();
        self.root
            .get(block)
            .map_or(Span::new(0, 0, 0), |(key, _)| key.span)
    }
}
