//! `--set a.b.c=value`: overrides of single values.

use crate::error::{Fault, quoted};
use crate::parse::parse;
use crate::source::{Sources, Span};
use crate::tree::{Key, Node, Text, Tree};

/// Puts one override into the tree. The value is read as YAML. Its spans, and those of keys that the file
/// does not have, point into the flag, so that every later error names the flag.
pub(crate) fn apply(root: &mut Node, flag: &str, sources: &mut Sources) -> Result<(), Fault> {
    let source = sources.add("--set", flag);
    let Some((end, keys)) = path(flag, source)? else {
        return Err(Fault::new("`--set` must have the form KEY=VALUE")
            .at(Span::new(source, 0, flag.len()), "`=` is missing"));
    };
    // Blanks in place of the path keep the value's spans where they are in the flag.
    let value = format!("{}{}", " ".repeat(end), flag.get(end..).unwrap_or_default());
    put(root, &keys, either(parse(&value, source)?, value.trim()))
}

/// A shell takes the quotes of `version="17.4"` away: a number or a switch is a string where the field is one.
fn either(value: Node, text: &str) -> Node {
    let tree = match value.tree {
        Tree::Bool(_) | Tree::Int(_) | Tree::Uint(_) | Tree::Float(_) => Tree::Text(Text {
            text: text.to_owned(),
            plain: true,
            untyped: true,
        }),
        other => other,
    };
    Node { tree, ..value }
}

/// The keys of the path, and where the value begins; none without `=`.
fn path(flag: &str, source: usize) -> Result<Option<(usize, Vec<Key>)>, Fault> {
    let (mut keys, mut at) = (Vec::new(), 0);
    loop {
        let rest = flag.get(at..).unwrap_or_default();
        // A key with dots in it, such as a tag's, can stand in quotes.
        let (start, len, after) = match rest.strip_prefix('"').and_then(|inner| inner.find('"')) {
            Some(len) => (at + 1, len, at + len + 2),
            None => {
                let len = rest.find(['.', '=']).unwrap_or(rest.len());
                (at, len, at + len)
            }
        };
        let span = Span::new(source, start, len);
        let text = flag.get(start..start + len).unwrap_or_default();
        if text.is_empty() {
            return Err(
                Fault::new("`--set` must have the form KEY=VALUE").at(span, "the key is missing")
            );
        }
        crate::parse::check(text, span)?;
        keys.push(Key {
            span,
            text: text.to_owned(),
        });
        match flag.as_bytes().get(after) {
            Some(b'.') => at = after + 1,
            Some(b'=') => return Ok(Some((after + 1, keys))),
            _ => return Ok(None),
        }
    }
}

fn put(node: &mut Node, keys: &[Key], value: Node) -> Result<(), Fault> {
    let Some((key, rest)) = keys.split_first() else {
        *node = value;
        return Ok(());
    };
    if matches!(node.tree, Tree::Null) {
        *node = Node {
            span: key.span,
            tree: Tree::Map(Vec::new()),
        };
    }
    let Tree::Map(entries) = &mut node.tree else {
        return Err(Fault::new(format!(
            "{} cannot be set: the key above it is not a map",
            quoted(&key.text)
        ))
        .at(key.span, "no such key")
        .at(node.span, "not a map")
        .help("to replace a whole list, use --set network.endpoints='[s3, sts]'"));
    };
    if let Some((_, child)) = entries.iter_mut().find(|(k, _)| k.text == key.text) {
        return put(child, rest, value);
    }
    let mut child = Node {
        span: key.span,
        tree: Tree::Null,
    };
    put(&mut child, rest, value)?;
    entries.push((key.clone(), child));
    Ok(())
}
