//! Text → tree.
//!
//! The YAML library's spans survive its generic deserialisation, so a tree is read through serde:
//! `docs/decisions/0001-serde-yaml.md`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Location, Options, Spanned};

use crate::error::{Fault, quoted};
use crate::source::{Span, is_harmful};
use crate::tree::{Key, Node, Text, Tree};

/// The largest stack file: 1 MiB. A hundred times what a large platform takes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deeper than any policy document; low enough for the library's recursion on a thread's small stack.
const MAX_DEPTH: usize = 24;
/// What anchors and aliases may add to a document, in parser events. Nobody writes that much by hand.
const MAX_ALIAS_EVENTS: usize = 10_000;

/// Reads one YAML document; `source` is the number that its spans get.
pub(crate) fn parse(text: &str, source: usize) -> Result<Node, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::new(format!(
            "the stack file is larger than {MAX_BYTES} bytes"
        )));
    }
    let raw: Spanned<Raw> = serde_yaml::from_str_with_options(text, options())
        .map_err(|error| fault(&error, text, source))?;
    Place { text, source }.node(raw)
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_nodes: 100_000,
            max_events: 400_000,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_ALIAS_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
    }
}

/// A value as the library hands it out.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Uint(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Turns raw values into nodes of one source.
struct Place<'a> {
    text: &'a str,
    source: usize,
}

impl Place<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Result<Node, Fault> {
        let span = self.span(&raw.referenced);
        let tree = match raw.value {
            Raw::Null => Tree::Null,
            Raw::Bool(value) => Tree::Bool(value),
            Raw::Int(value) => Tree::Int(value),
            Raw::Uint(value) => Tree::Uint(value),
            Raw::Float(value) => Tree::Float(value),
            Raw::Text(text) => {
                check(&text, span)?;
                // An alias is written plainly even when what it stands for is quoted.
                let plain = !self.is_quoted(&raw.defined);
                Tree::Text(Text {
                    text,
                    plain,
                    untyped: false,
                })
            }
            Raw::List(items) => Tree::List(
                items
                    .into_iter()
                    .map(|item| self.node(item))
                    .collect::<Result<_, _>>()?,
            ),
            Raw::Map(entries) => Tree::Map(
                entries
                    .into_iter()
                    .map(|entry| self.entry(entry))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Node { span, tree })
    }

    fn entry(&self, (key, value): (Spanned<String>, Spanned<Raw>)) -> Result<(Key, Node), Fault> {
        let span = self.span(&key.referenced);
        check(&key.value, span)?;
        Ok((
            Key {
                span,
                text: key.value,
            },
            self.node(value)?,
        ))
    }

    fn span(&self, location: &Location) -> Span {
        span(location, self.text, self.source)
    }

    fn is_quoted(&self, location: &Location) -> bool {
        let rest = self
            .text
            .get(self.span(location).start..)
            .unwrap_or_default();
        rest.starts_with(['"', '\'', '|', '>'])
    }
}

/// Refuses what AWS would refuse and a terminal would obey.
pub(crate) fn check(text: &str, span: Span) -> Result<(), Fault> {
    match text.chars().find(|c| is_harmful(*c)) {
        Some(c) => Err(Fault::new(format!(
            "the control character {} is not allowed in a stack file",
            c.escape_unicode()
        ))
        .at(span, "found here")
        .help("remove it: AWS does not allow control characters in names, tags or text")),
        None => Ok(()),
    }
}

/// The place of a location. Only some locations know their bytes; all know their characters.
fn span(location: &Location, text: &str, source: usize) -> Span {
    let place = location.span();
    if let (Some(start), Some(len)) = (place.byte_offset(), place.byte_len()) {
        return Span::new(source, index(start), index(len));
    }
    let mut ends = text
        .char_indices()
        .map(|(at, _)| at)
        .skip(index(place.offset()));
    let start = ends.next().unwrap_or(text.len());
    let len = if place.is_empty() {
        0
    } else {
        ends.next().unwrap_or(text.len()) - start
    };
    Span::new(source, start, len)
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The library's error in the words of a stack file.
fn fault(error: &serde_yaml::Error, text: &str, source: usize) -> Fault {
    use serde_yaml::Error as E;
    use serde_yaml::budget::BudgetBreach;
    let error = error.without_snippet();
    let place = error
        .location()
        .map(|location| span(&location, text, source));
    let (message, label, help) = match error {
        E::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a key".to_owned(), quoted);
            (
                format!("duplicate key {key}"),
                "second entry",
                Some("remove one of them"),
            )
        }
        E::MultipleDocuments { .. }
        | E::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => (
            "a stack file must contain only one YAML document".to_owned(),
            "a second document begins here",
            Some("move the other stack to a separate file"),
        ),
        E::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => (
            format!("more than {MAX_DEPTH} levels of nesting"),
            "here",
            None,
        ),
        E::NullIntoString { .. } => (
            "a key must be a string".to_owned(),
            "empty key",
            Some("quote it"),
        ),
        _ if is_bomb(error) => (
            "too many YAML aliases: the expanded document would be too large".to_owned(),
            "limit exceeded here",
            Some("use fewer aliases"),
        ),
        other => (
            format!("invalid YAML: {}", words(other)),
            "here",
            hint(text, place),
        ),
    };
    let fault = Fault::new(message).maybe_help(help.map(Into::into));
    match place {
        Some(place) => fault.at(place, label),
        None => fault,
    }
}

fn is_bomb(error: &serde_yaml::Error) -> bool {
    use serde_yaml::Error as E;
    match error {
        E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::Budget { .. } => true,
        E::AliasError { error, .. } => is_bomb(error),
        _ => false,
    }
}

/// The library's message without its place, which the label shows.
fn words(error: &serde_yaml::Error) -> String {
    let words = error.to_string();
    words
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What trips people up most: an interpolation within `{…}`, where YAML takes its braces for a map's.
fn hint(text: &str, place: Option<Span>) -> Option<&'static str> {
    let start = place?.start;
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(line..start)?;
    let braces =
        before.ends_with("${") || text.get(start..)?.starts_with('{') && before.ends_with('$');
    if braces || before.contains("${") {
        return Some("inside `{…}` or `[…]`, put `${…}` in quotes: \"${env:NAME}\"");
    }
    let by_tab = |line: &str| {
        line.chars()
            .take_while(|c| c.is_whitespace())
            .any(|c| c == '\t')
    };
    text.lines()
        .any(by_tab)
        .then_some("use spaces for indentation: YAML does not allow tabs")
}
