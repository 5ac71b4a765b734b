//! The stack: what a file says, checked, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipnet::Ipv4Net;
use platctl_aws::regions;
use platctl_engine::fields::Fact;
use platctl_engine::graph::Node as GraphNode;
use platctl_engine::{Address, Catalog};
use sha2::{Digest, Sha256};

use crate::StateUrl;
use crate::declare::{Checked, Placed, plain};
use crate::error::{Fault, StackErrors, errors, quoted, verdict};
use crate::file::{Entries, File};
use crate::interpolate::{Env, interpolate};
use crate::names::lifetime;
use crate::network::pool::Pool;
use crate::outputs::Outputs;
use crate::platform::Platform;
use crate::resources::{Json, RawResource};
use crate::source::{Sources, Span, clean};
use crate::too_long::{Incomplete, TooLong, complete};
use crate::tree::{Node, Tree};
use crate::{de, idle, parse, resources, services, set, tags};

/// What only AWS knows of the place where a stack will live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The region: `eu-west-1`.
    pub region: String,
    /// Its availability zones that are open to the account.
    pub zones: Vec<Zone>,
    /// The names of the zones that the stack's network is in already. They stay, whatever AWS says of them today.
    pub settled: BTreeSet<String>,
    /// The block that the stack's network has from its pool. None where it has none: the first of the pool stands
    /// for it then.
    pub block: Option<Ipv4Net>,
    /// The account, 12 digits.
    pub account: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The region's list of the addresses that CloudFront comes from: `pl-…`.
    pub cloudfront_prefix_list: Option<String>,
}

/// An availability zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// The account's own name for it: `eu-west-1a`.
    pub name: String,
    /// Its id, the same in all accounts: `euw1-az1`.
    pub id: String,
    /// Whether new things can be made in it.
    pub available: bool,
}

impl Zone {
    /// One that is available, of which the name is known alone.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: String::new(),
            available: true,
        }
    }
}

impl Context {
    /// A context for checks without AWS: six zones with the usual names and IDs, and an account of zeros. Which name
    /// has which ID differs between accounts.
    #[must_use]
    pub fn offline(region: &str) -> Self {
        let ids = regions::zone_prefix(region);
        let zone = |(number, letter): (usize, char)| {
            let id = ids
                .as_ref()
                .map(|prefix| format!("{prefix}-az{}", number + 1));
            Zone {
                id: id.unwrap_or_default(),
                ..Zone::of(&format!("{region}{letter}"))
            }
        };
        Self {
            region: region.to_owned(),
            zones: ('a'..='f').enumerate().map(zone).collect(),
            settled: BTreeSet::new(),
            block: None,
            account: "000000000000".into(),
            partition: regions::partition(region).into(),
            cloudfront_prefix_list: Some("pl-00000000".into()),
        }
    }
}

/// A stack file that was read and whose every word is known.
#[derive(Clone, Debug)]
pub struct Stack {
    file: File,
    raw: Vec<RawResource>,
    moved: BTreeMap<Address, Address>,
    digest: String,
    pub(crate) sources: Sources,
    pub(crate) root: Node,
}

impl Stack {
    /// Whether the file has this block.
    #[must_use]
    pub fn has(&self, block: &str) -> bool {
        self.root.get(block).is_some()
    }

    /// Where a text is stated, such as `stack.yaml:3`, and the text in quotes; none when it is not.
    #[must_use]
    pub fn stated(&self, keys: &[&str]) -> Option<(String, String)> {
        let mut node = &self.root;
        for key in keys {
            node = &node.get(key)?.1;
        }
        let Tree::Text(text) = &node.tree else {
            return None;
        };
        let place = self.sources.whereabouts(node.span);
        Some((clean(&place), format!("\"{}\"", clean(&text.text))))
    }

    /// What is allowed, but is likely to be a mistake.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.file.warnings();
        warnings.extend(idle::warnings(&self.file, &self.root, &self.sources));
        if self.file.ttl.is_some() {
            warnings.extend(self.raw.iter().filter_map(RawResource::outlives));
        }
        warnings
    }
}

/// Reads a stack: the steps of [`crate::load`].
pub(crate) fn read(
    name: &str,
    text: &str,
    flags: &[String],
    env: Env<'_>,
) -> Result<Stack, StackErrors> {
    let mut sources = Sources::default();
    // Editors of one operating system put a mark in front that means nothing.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = sources.add(name, text);
    let root =
        tree(text, source, flags, &mut sources).map_err(|fault| errors(vec![fault], &sources))?;
    let mut root = root;
    let mut faults = Vec::new();
    interpolate(&mut root, &sources, env, &mut faults);
    verdict(faults, &sources)?;
    typed(root, sources)
}

fn tree(text: &str, source: usize, flags: &[String], sources: &mut Sources) -> Result<Node, Fault> {
    let mut root = parse::parse(text, source)?;
    for flag in flags {
        set::apply(&mut root, flag, sources)?;
    }
    match root.tree {
        Tree::Map(_) => Ok(root),
        Tree::Null => Err(Fault::new("the stack file is empty")
            .at(Span::new(source, 0, 0), "empty")
            .help("add at least `stack: NAME` and a block such as `network: {}`")),
        _ => {
            Err(Fault::new("a stack file must be a map of keys and values")
                .at(root.span, "not a map"))
        }
    }
}

fn typed(root: Node, sources: Sources) -> Result<Stack, StackErrors> {
    let start = Span::new(0, 0, 0);
    let file: Checked<File> = de::read(&root, start);
    let raw = resources::resources(&root);
    match (file, raw) {
        (Ok(file), Ok(raw)) => {
            verdict(contradiction(&file).into_iter().collect(), &sources)?;
            let moved = moves(file.moved.as_ref());
            Ok(Stack {
                digest: digest(&root),
                file,
                raw,
                moved,
                sources,
                root,
            })
        }
        (file, raw) => {
            let faults = file.err().into_iter().chain(raw.err()).flatten().collect();
            Err(errors(faults, &sources))
        }
    }
}

/// What is made to be thrown away cannot be protected.
fn contradiction(file: &File) -> Option<Fault> {
    let ttl = file.ttl.as_ref().filter(|_| file.protect)?;
    let fault = Fault::new(
        "`ttl` and `protect: true` cannot be used together: a stack with `ttl` is deleted \
        with its data",
    );
    Some(
        fault
            .at(ttl.span, "conflicts with `protect: true`")
            .help("remove `ttl`, or set `protect: false`"),
    )
}

fn moves(entries: Option<&Entries<Address>>) -> BTreeMap<Address, Address> {
    let entries = entries.into_iter().flat_map(|entries| &entries.0);
    entries
        .map(|(from, to)| (from.value.clone(), to.value.clone()))
        .collect()
}

/// A fingerprint of what the stack says, overrides and environment included.
fn digest(root: &Node) -> String {
    let said = Json::default().value(root).to_string();
    Sha256::digest(said)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Stack {
    /// How long the environment is wanted; none for one that stays.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.file
            .ttl
            .as_ref()
            .and_then(|ttl| lifetime(ttl.value.as_str()))
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.file.stack.value.as_str()
    }

    /// The region, where the file says one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.file
            .region
            .as_ref()
            .map(|region| region.value.as_str())
    }

    /// The one account that the stack may be applied to, where the file says one.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.file
            .account
            .as_ref()
            .map(|account| account.value.as_str())
    }

    /// Where state lives, where the file says it.
    #[must_use]
    pub fn state(&self) -> Option<StateUrl> {
        self.file.state.as_ref()?.value.as_str().parse().ok()
    }

    /// A fingerprint (SHA-256, in hexadecimal) of all that the file says after overrides and
    /// interpolation: a plan made from another one is stale.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Renames of resources: old address → new address.
    #[must_use]
    pub const fn moved(&self) -> &BTreeMap<Address, Address> {
        &self.moved
    }

    /// Whether [`Stack::nodes`] looks at the context's zones.
    #[must_use]
    pub const fn needs_zones(&self) -> bool {
        self.file.network.is_some()
    }

    /// The pool that the block of the network comes from.
    #[must_use]
    pub fn pool(&self) -> Option<Pool> {
        self.file.network.as_ref()?.pool()
    }

    /// Whether [`Stack::nodes`] looks at the context's list of CloudFront's addresses.
    #[must_use]
    pub const fn needs_cloudfront(&self) -> bool {
        self.file.edge.is_some()
    }

    /// All resources that the stack declares, in this account and region: blocks first, then raw ones as
    /// they stand in the file. Every spec is complete and known to its kind, and every reference leads to
    /// an output that exists; cycles are left to the graph.
    ///
    /// # Errors
    /// All that is wrong with ranges, zones, kinds, fields, references and renames.
    pub fn nodes(
        &self,
        context: &Context,
        catalog: &dyn Catalog,
    ) -> Result<Vec<GraphNode>, StackErrors> {
        let placed = self
            .placed(context, catalog)
            .map_err(|faults| errors(faults, &self.sources))?;
        Ok(placed.into_iter().map(|placed| placed.node).collect())
    }

    /// The raw resource at an address.
    pub(crate) fn raw(&self, address: &str) -> Option<&RawResource> {
        self.raw.iter().find(|raw| raw.address.as_str() == address)
    }

    fn placed(&self, context: &Context, catalog: &dyn Catalog) -> Checked<Vec<Placed>> {
        let mut nodes = self.blocks(context)?;
        let mut faults = Vec::new();
        let mut longest: Option<TooLong> = None;
        for placed in &mut nodes {
            match complete(placed, self.name(), catalog) {
                Ok(()) => {}
                Err(Incomplete::TooLong(found)) => {
                    longest = longest
                        .filter(|other| other.most <= found.most)
                        .or(Some(found));
                }
                Err(Incomplete::Fault(fault)) => faults.push(fault),
            }
        }
        faults.extend(longest.map(|found| found.fault(&self.file.stack, &context.region)));
        let outputs = Outputs::new(&nodes, &self.raw, context, catalog);
        let of_services = self.file.services.as_ref().map(services::references);
        let of_services = of_services.unwrap_or_default();
        faults.extend(of_services.iter().filter_map(|one| outputs.check(one)));
        for raw in &self.raw {
            match self.raw_node(raw, &outputs, context, catalog) {
                Ok(node) => nodes.push(node),
                Err(more) => faults.extend(more),
            }
        }
        faults.extend(self.wrong_moves(&outputs));
        faults.extend(tags::too_many(&nodes, &self.file, catalog));
        if faults.is_empty() {
            Ok(nodes)
        } else {
            Err(faults)
        }
    }

    /// The resources of all blocks.
    fn blocks(&self, context: &Context) -> Checked<Vec<Placed>> {
        Platform {
            file: &self.file,
            root: &self.root,
            context,
        }
        .declare()
    }

    fn raw_node(
        &self,
        raw: &RawResource,
        outputs: &Outputs,
        context: &Context,
        catalog: &dyn Catalog,
    ) -> Checked<Placed> {
        let mut faults: Vec<_> = raw
            .references
            .iter()
            .filter_map(|reference| outputs.check(reference))
            .collect();
        let mut after = Vec::new();
        for wanted in &raw.depends_on {
            match outputs.address(&wanted.value) {
                Some(address) => after.push(address.clone()),
                None => faults.push(outputs.nowhere(&wanted.value, wanted.span)),
            }
        }
        let spec = raw.declare(
            self.tagged(raw, context, catalog),
            raw.region(&context.region),
            catalog,
        );
        match spec {
            Ok(spec) if faults.is_empty() => {
                let node = GraphNode {
                    address: raw.address.clone(),
                    kind: raw.kind.value.clone(),
                    scope: raw.region(&context.region).to_owned(),
                    spec,
                    after,
                    protect: raw.protect.unwrap_or(self.file.protect),
                    ephemeral: self.file.ttl.is_some(),
                };
                Ok(Placed {
                    node,
                    place: raw.key,
                })
            }
            spec => {
                faults.extend(spec.err().unwrap_or_default());
                Err(faults)
            }
        }
    }

    /// The spec with the stack's tags and a name below its own tags, where its kind takes any.
    fn tagged(
        &self,
        raw: &RawResource,
        context: &Context,
        catalog: &dyn Catalog,
    ) -> serde_json::Value {
        let mut spec = raw.spec.clone();
        let is_tagged = catalog
            .bind(&raw.kind.value, raw.region(&context.region))
            .is_some_and(|kind| {
                let facts = kind.facts();
                facts.tagged && facts.fields.is("/tags", Fact::SharedMap)
            });
        let Some(fields) = spec.as_object_mut().filter(|_| is_tagged) else {
            return spec;
        };
        let own = fields
            .entry("tags")
            .or_insert_with(|| serde_json::json!({}));
        let Some(own) = own.as_object_mut() else {
            return spec;
        };
        let mut common = plain(self.file.tags.as_ref().map(|tags| &tags.value));
        common.insert("Name".into(), format!("{}-{}", self.name(), raw.address));
        for (key, value) in common {
            own.entry(key).or_insert(value.into());
        }
        spec
    }

    fn wrong_moves(&self, outputs: &Outputs) -> Vec<Fault> {
        let entries = self.file.moved.iter().flat_map(|entries| &entries.0);
        let wrong = entries.filter_map(|(from, to)| {
            if outputs.address(from.value.as_str()).is_some() {
                let message = format!(
                    "{} is in `moved:`, but it is still declared",
                    quoted(from.value.as_str())
                );
                return Some(Fault::new(message).at(from.span, "the old address"));
            }
            outputs
                .address(to.value.as_str())
                .is_none()
                .then(|| outputs.nowhere(to.value.as_str(), to.span))
        });
        wrong.collect()
    }
}
