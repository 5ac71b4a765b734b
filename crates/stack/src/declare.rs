//! How blocks declare resources: typed specs in, nodes of the graph out.

use std::collections::BTreeMap;

use platctl_engine::graph::Node;
use platctl_engine::{Address, Declared, Handle, Kind};

use crate::Context;
use crate::error::Fault;
use crate::names::{MAX_TAGS, TagMap};
use crate::source::Span;

/// A result whose error is all that is wrong.
pub(crate) type Checked<T> = Result<T, Vec<Fault>>;

/// A declared resource, and the place in the stack file that asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) node: Node,
    pub(crate) place: Span,
}

/// Collects the resources of one block.
pub(crate) struct Declare<'a> {
    context: &'a Context,
    stack: &'a str,
    block: &'static str,
    place: Span,
    protect: bool,
    tags: BTreeMap<String, String>,
    nodes: Vec<Placed>,
}

impl<'a> Declare<'a> {
    /// A collector for the block of this name, which stands at `place`.
    pub(crate) fn new(context: &'a Context, stack: &'a str, block: &'static str, place: Span) -> Self {
        Self { context, stack, block, place, protect: false, tags: BTreeMap::new(), nodes: Vec::new() }
    }

    pub(crate) const fn protect(mut self, protect: bool) -> Self {
        self.protect = protect;
        self
    }

    /// Adds tags for all resources to come; later ones win.
    pub(crate) fn tag(&mut self, tags: Option<&TagMap>) -> Checked<()> {
        self.tags.extend(plain(tags));
        if self.tags.len() > MAX_TAGS {
            let message = format!("{} tags are too many: at most {MAX_TAGS} can be set", self.tags.len());
            return Err(vec![
                Fault::new(message).at(self.place, "tagged here").help("AWS takes 50, of which 4 are taken"),
            ]);
        }
        Ok(())
    }

    pub(crate) const fn context(&self) -> &'a Context {
        self.context
    }

    pub(crate) const fn place(&self) -> Span {
        self.place
    }

    pub(crate) const fn stack(&self) -> &'a str {
        self.stack
    }

    /// A name within AWS: the stack's name and this.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}-{rest}", self.stack)
    }

    /// The tags of the resource at `address`, below the block's own name.
    pub(crate) fn tags(&self, address: &str) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert("Name".into(), self.name(&address.replace('.', "-")));
        tags
    }

    /// Declares a resource below the block's name.
    pub(crate) fn declare<K: Kind>(&mut self, address: &str, spec: &K::Spec<Declared>) -> Checked<Handle<K>> {
        self.declare_after(address, spec, &[])
    }

    /// Declares a resource that has to wait for others from which it takes nothing.
    pub(crate) fn declare_after<K: Kind>(
        &mut self,
        address: &str,
        spec: &K::Spec<Declared>,
        after: &[&Address],
    ) -> Checked<Handle<K>> {
        let fault = |message: String| vec![Fault::new(message).at(self.place, "in this block")];
        let address =
            Address::new(format!("{}.{address}", self.block)).map_err(|error| fault(error.to_string()))?;
        let spec = serde_json::to_value(spec).map_err(|error| fault(error.to_string()))?;
        let node = Node {
            address: address.clone(),
            kind: K::NAME.to_owned(),
            scope: self.context.region.clone(),
            spec,
            after: after.iter().map(|address| (*address).clone()).collect(),
            protect: self.protect,
        };
        self.nodes.push(Placed { node, place: self.place });
        Ok(Handle::new(address))
    }

    /// All that was declared.
    pub(crate) fn finish(self) -> Vec<Placed> {
        self.nodes
    }
}

/// Tags as plain strings.
pub(crate) fn plain(tags: Option<&TagMap>) -> BTreeMap<String, String> {
    let entries = tags.into_iter().flatten();
    entries.map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned())).collect()
}
