//! A text in which references to resources may stand.

use std::borrow::Cow;
use std::fmt;

use platctl_engine::input::{JOIN, REF};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::ReadError;
use crate::tree::{Node, Part, Tree};

/// The struct name by which the reader knows that references are allowed.
pub(super) const NAME: &str = "platctl Late";

/// A text whose value may be known only when other resources exist. A number or a switch is its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// What stands between `${` and `}`.
    Reference(String),
}

impl Late {
    /// The text; none where something of it is known later.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text as the engine takes it. One that is nothing but a reference is a text as well, whatever it leads to.
    pub(crate) fn value(&self) -> Value {
        if let Some(text) = self.literal() {
            return text.into();
        }
        let part = |piece: &Piece| match piece {
            Piece::Literal(text) => text.as_str().into(),
            Piece::Reference(path) => json!({ REF: path }),
        };
        json!({ JOIN: self.0.iter().map(part).collect::<Vec<Value>>() })
    }

    /// What it refers to.
    pub(crate) fn references(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Reference(path) => Some(path.as_str()),
            Piece::Literal(_) => None,
        })
    }
}

impl<'de> Deserialize<'de> for Late {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, &[], LateVisitor)
    }
}

impl JsonSchema for Late {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Late".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": ["string", "integer", "boolean"]})
    }
}

/// What the reader hands over: literals and references by turns, a literal first.
pub(super) fn pieces(
    node: &Node,
) -> Result<SeqDeserializer<std::vec::IntoIter<String>, ReadError>, ReadError> {
    let texts = match &node.tree {
        Tree::Text(text) => vec![text.text.clone()],
        Tree::Bool(value) => vec![value.to_string()],
        Tree::Int(value) => vec![value.to_string()],
        Tree::Uint(value) => vec![value.to_string()],
        Tree::Float(_) => {
            let error = ReadError::message("a number with a decimal point is ambiguous here");
            return Err(error.help("put it in quotes, as it is meant to be written"));
        }
        Tree::Template(parts) => template(parts),
        other => {
            let found = other.words();
            return Err(ReadError::message(format!(
                "expected a string, found {found}"
            )));
        }
    };
    Ok(SeqDeserializer::new(texts.into_iter()))
}

fn template(parts: &[Part]) -> Vec<String> {
    let mut texts = vec![String::new()];
    for part in parts {
        match part {
            Part::Literal(text) => {
                if let Some(last) = texts.last_mut() {
                    last.push_str(text);
                }
            }
            Part::Reference { path, .. } => texts.extend([path.clone(), String::new()]),
        }
    }
    texts
}

struct LateVisitor;

impl<'de> Visitor<'de> for LateVisitor {
    type Value = Late;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    // Other readers, of documents without references, know texts alone.
    fn visit_str<E: Error>(self, text: &str) -> Result<Late, E> {
        Ok(Late(vec![Piece::Literal(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Late, A::Error> {
        let mut pieces = Vec::new();
        let mut refers = false;
        while let Some(text) = access.next_element::<String>()? {
            if refers {
                pieces.push(Piece::Reference(text));
            } else if !text.is_empty() {
                pieces.push(Piece::Literal(text));
            }
            refers = !refers;
        }
        Ok(Late(pieces))
    }
}
