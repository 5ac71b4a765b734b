//! The `resources:` block: any kind, declared raw.

use platctl_engine::input::{JOIN, REF, UNKNOWN};
use platctl_engine::{Address, Catalog, SpecError};
use serde_json::{Map, Value, json};

use crate::de::{At, read};
use crate::declare::Checked;
use crate::error::{Fault, quoted, suggest};
use crate::names::Region;
use crate::source::Span;
use crate::tree::{Key, Node, Part, Tree};

/// Keys of a raw resource that are not its kind's.
const OWN: [&str; 4] = ["kind", "region", "depends_on", "protect"];
/// The first words of blocks' addresses, now and later.
const BLOCKS: [&str; 9] = [
    "network", "database", "cluster", "delivery", "gitops", "services", "edge", "alerts", "reaper",
];

/// A raw resource as it is written.
#[derive(Clone, Debug)]
pub(crate) struct RawResource {
    pub(crate) address: Address,
    pub(crate) key: Span,
    pub(crate) kind: At<String>,
    pub(crate) region: Option<Region>,
    pub(crate) depends_on: Vec<At<String>>,
    pub(crate) protect: Option<bool>,
    pub(crate) spec: Value,
    pub(crate) references: Vec<Reference>,
    node: Node,
}

/// `${address.output}` where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) path: String,
    pub(crate) span: Span,
}

impl Reference {
    /// The address and the output that it names, if it has both.
    pub(crate) fn parts(&self) -> Option<(&str, &str)> {
        self.path.rsplit_once('.')
    }
}

/// Reads all raw resources of a stack file.
pub(crate) fn resources(root: &Node) -> Checked<Vec<RawResource>> {
    let Some((key, block)) = root.get("resources") else {
        return Ok(Vec::new());
    };
    if !matches!(block.tree, Tree::Map(_) | Tree::Null) {
        return Err(vec![
            Fault::new("`resources` must be a map of names to resources").at(key.span, "not a map"),
        ]);
    }
    let (mut resources, mut faults) = (Vec::new(), Vec::new());
    for (key, node) in block.entries() {
        match resource(key, node) {
            Ok(resource) => resources.push(resource),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() {
        Ok(resources)
    } else {
        Err(faults)
    }
}

fn resource(key: &Key, node: &Node) -> Checked<RawResource> {
    let address = name(key)?;
    let Some((kind_key, kind)) = node.get("kind") else {
        let fault = Fault::new(format!("resource {} has no kind", quoted(&key.text)))
            .at(key.span, "missing `kind`")
            .help("add a kind, such as {kind: s3.Bucket}");
        return Err(vec![fault]);
    };
    let kind = read(kind, kind_key.span)?;
    let region = option(node, "region")?;
    let depends_on = option(node, "depends_on")?.unwrap_or_default();
    let protect = option(node, "protect")?;
    let mut json = Json::default();
    let fields = node
        .entries()
        .iter()
        .filter(|(key, _)| !OWN.contains(&key.text.as_str()));
    let spec = json.map(fields);
    if !json.faults.is_empty() {
        return Err(json.faults);
    }
    let references = json.references;
    Ok(RawResource {
        address,
        key: key.span,
        kind,
        region,
        depends_on,
        protect,
        spec,
        references,
        node: node.clone(),
    })
}

fn name(key: &Key) -> Checked<Address> {
    let fault = |message: String| vec![Fault::new(message).at(key.span, "invalid resource name")];
    if BLOCKS.contains(&key.text.as_str()) {
        return Err(fault(format!(
            "{} is the name of a block, and cannot be used for a resource",
            quoted(&key.text)
        )));
    }
    if key.text.contains('.')
        || key.text.len() > 60
        || !key.text.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return Err(fault(format!(
            "{} is not a valid resource name: use up to 60 letters, digits, `_` and `-`, beginning with a letter",
            quoted(&key.text)
        )));
    }
    Address::new(key.text.as_str()).map_err(|error| fault(error.to_string()))
}

fn option<T: for<'de> serde::Deserialize<'de>>(node: &Node, key: &str) -> Checked<Option<T>> {
    match node.get(key) {
        Some((key, value)) => read(value, key.span),
        None => Ok(None),
    }
}

/// Turns nodes into JSON, and gathers the references on the way.
#[derive(Default)]
pub(crate) struct Json {
    references: Vec<Reference>,
    faults: Vec<Fault>,
}

impl Json {
    pub(crate) fn value(&mut self, node: &Node) -> Value {
        match &node.tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => json!(value),
            Tree::Int(value) => json!(value),
            Tree::Uint(value) => json!(value),
            Tree::Float(value) => json!(value),
            Tree::Text(text) if text.untyped && text.plain => {
                match crate::tree::scalar(&text.text) {
                    Tree::Text(text) => Value::String(text.text),
                    tree => self.value(&Node {
                        span: node.span,
                        tree,
                    }),
                }
            }
            Tree::Text(text) => json!(text.text),
            Tree::Template(parts) => self.template(parts),
            Tree::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Tree::Map(entries) => self.map(entries.iter()),
        }
    }

    fn map<'a>(&mut self, entries: impl Iterator<Item = &'a (Key, Node)>) -> Value {
        let mut map = Map::new();
        for (key, value) in entries {
            if [REF, JOIN, UNKNOWN].contains(&key.text.as_str()) {
                let fault = Fault::new(format!("{} is not allowed as a key", quoted(&key.text)));
                self.faults.push(
                    fault
                        .at(key.span, "here")
                        .help("write a reference as a string: ${address.output}"),
                );
            }
            map.insert(key.text.clone(), self.value(value));
        }
        Value::Object(map)
    }

    fn template(&mut self, parts: &[Part]) -> Value {
        let mut values: Vec<_> = parts.iter().map(|part| self.part(part)).collect();
        if values.len() == 1 {
            values.remove(0)
        } else {
            json!({ JOIN: values })
        }
    }

    fn part(&mut self, part: &Part) -> Value {
        match part {
            Part::Literal(text) => json!(text),
            Part::Reference { path, span } => {
                self.references.push(Reference {
                    path: path.clone(),
                    span: *span,
                });
                json!({ REF: path })
            }
        }
    }
}

impl RawResource {
    /// The region that it lives in: its own, or the stack's.
    pub(crate) fn region<'a>(&'a self, stack: &'a str) -> &'a str {
        self.region.as_ref().map_or(stack, Region::as_str)
    }

    /// What is worth a warning in a temporary stack: AWS deletes it only when it is empty.
    pub(crate) fn outlives(&self) -> Option<String> {
        let field = match self.kind.value.as_str() {
            "s3.Bucket" => "force_destroy",
            "ecr.Repository" => "force_delete",
            _ => return None,
        };
        let kept = self.spec.get(field) != Some(&Value::Bool(true));
        kept.then(|| {
            format!(
                "`{}` is deleted with the stack only if it is empty. Add `{field}: true`",
                self.address
            )
        })
    }

    /// Checks the spec against its kind, and completes it.
    pub(crate) fn declare(
        &self,
        mut spec: Value,
        region: &str,
        catalog: &dyn Catalog,
    ) -> Checked<Value> {
        let Some(kind) = catalog.bind(&self.kind.value, region) else {
            let names = catalog.names();
            let help = crate::error::nearest(&self.kind.value, names.iter().copied()).map_or_else(
                || format!("known kinds: {}", names.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            return Err(vec![
                Fault::new(format!("unknown kind {}", quoted(&self.kind.value)))
                    .at(self.kind.span, "unknown kind")
                    .help(help),
            ]);
        };
        loop {
            match kind.declare(spec.clone()) {
                Ok(spec) => return Ok(spec),
                Err(error) if self.is_text(&error, &mut spec) => {}
                Err(error) => return Err(vec![self.fault(&error.path, &error.message)]),
            }
        }
    }

    /// Whether the field at fault is a string, and its value, of `--set` or the environment, was read as a number or
    /// a switch: then it is put into the spec as it was typed.
    fn is_text(&self, error: &SpecError, spec: &mut Value) -> bool {
        let expects_text = error.message.starts_with("invalid type: ")
            && error.message.ends_with("expected a string");
        match (
            &self.find(&error.path).1.tree,
            spec.pointer_mut(&error.path),
        ) {
            (Tree::Text(text), Some(value))
                if expects_text && text.untyped && !value.is_string() =>
            {
                *value = Value::String(text.text.clone());
                true
            }
            _ => false,
        }
    }

    /// A fault of the field at a JSON pointer.
    pub(crate) fn fault(&self, pointer: &str, message: &str) -> Fault {
        let (span, node) = self.find(pointer);
        let mut words = message.split('`').skip(1).step_by(2);
        let kind = &self.kind.value;
        if message.starts_with("unknown field")
            && let Some(field) = words.next()
        {
            return Fault::new(format!("{kind} has no field {}", quoted(field)))
                .at(self.key_of(pointer, field).unwrap_or(span), "unknown key")
                .maybe_help(suggest(field, &words.collect::<Vec<_>>()));
        }
        if message.starts_with("missing field")
            && let Some(field) = words.next()
        {
            return Fault::new(format!("`{field}` is missing"))
                .at(span, format!("{kind} requires `{field}`"));
        }
        if let Some((_, wanted)) = message
            .strip_prefix("invalid type: ")
            .and_then(|rest| rest.split_once(", expected "))
        {
            let (found, wanted) = (node.tree.words(), crate::de::in_words(wanted));
            return Fault::new(format!("expected {wanted}, found {found}"))
                .at(span, format!("this is {found}"));
        }
        Fault::new(message.to_owned()).at(span, "here")
    }

    /// The place of a key that stands at the pointer or is its last part.
    fn key_of(&self, pointer: &str, key: &str) -> Option<Span> {
        let above = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        [pointer, above]
            .iter()
            .find_map(|at| self.find(at).1.get(key))
            .map(|(key, _)| key.span)
    }

    /// The place of a JSON pointer, or of the last part of it that is written down.
    pub(crate) fn find(&self, pointer: &str) -> (Span, &Node) {
        let (mut place, mut node) = (self.key, &self.node);
        for part in pointer
            .split('/')
            .skip(1)
            .map(platctl_engine::changes::unescape)
        {
            let below = match &node.tree {
                Tree::List(items) => part
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .map(|item| (item.span, item)),
                _ => node.get(&part).map(|(key, value)| (key.span, value)),
            };
            let Some((span, child)) = below else { break };
            (place, node) = (span, child);
        }
        let is_scalar = !matches!(node.tree, Tree::Map(_) | Tree::List(_) | Tree::Null);
        (if is_scalar { node.span } else { place }, node)
    }
}
