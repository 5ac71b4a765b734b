//! Tree → types, by serde, with every error at its place.

mod access;
mod at;
mod error;

use std::cell::RefCell;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

pub(crate) use at::At;
pub(crate) use error::{ReadError, in_words};

use crate::error::Fault;
use crate::source::Span;
use crate::tree::{Node, Tree, scalar};

/// Reads a type from a node.
///
/// Unknown keys are gathered, all of them; the first fault of another sort ends the reading.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(
    node: &Node,
    place: Span,
) -> Result<T, Vec<Fault>> {
    let faults = RefCell::new(Vec::new());
    let read = T::deserialize(Reader {
        node,
        place,
        faults: &faults,
    });
    let mut faults = faults.into_inner();
    match read {
        Ok(value) if faults.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(error) => faults.push(error.into_fault()),
    }
    Err(faults)
}

/// A node to be read, and the place to blame for what is not there: the key above it.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    place: Span,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    /// Where an error about the node as a whole belongs. Maps and lists begin on a line of their own, so
    /// their key says more.
    const fn blame(&self) -> Span {
        match self.node.tree {
            Tree::Map(_) | Tree::List(_) | Tree::Null => self.place,
            _ => self.node.span,
        }
    }

    fn any<'de, V: Visitor<'de>>(self, tree: &Tree, visitor: V) -> Result<V::Value, ReadError> {
        match tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Int(value) => visitor.visit_i64(*value),
            Tree::Uint(value) => visitor.visit_u64(*value),
            Tree::Float(value) => visitor.visit_f64(*value),
            Tree::Text(text) => visitor.visit_str(&text.text),
            Tree::Template(_) => Err(ReadError::message("a reference is not allowed here").help(
                "references to resources are only allowed in `resources:`; write `$${` for a literal `${`",
            )),
            Tree::List(items) => visitor.visit_seq(access::List::new(items, self)),
            Tree::Map(entries) => visitor.visit_map(access::Map::new(entries, self)),
        }
    }

    /// Reads what is no string. The value of an environment variable is what YAML would make of it.
    fn typed<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.tree {
            Tree::Text(text) if text.untyped => self.any(&scalar(&text.text), visitor),
            tree => self.any(tree, visitor),
        };
        result.map_err(|error| error.or_at(self.blame()))
    }

    /// The keys that a struct knows; each other one is a fault of its own.
    fn without_unknown(self, known: &[&str]) -> access::Map<'a> {
        let (good, bad): (Vec<_>, Vec<_>) = self
            .node
            .entries()
            .iter()
            .partition(|(key, _)| known.contains(&key.text.as_str()));
        let unknown = bad.iter().map(|(key, _)| {
            ReadError::field(&key.text, known)
                .or_at(key.span)
                .into_fault()
        });
        self.faults.borrow_mut().extend(unknown);
        access::Map::of(good, self)
    }
}

macro_rules! typed {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.typed(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    typed! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.tree {
            Tree::Text(text) if text.untyped && text.plain => {
                self.any(&scalar(&text.text), visitor)
            }
            tree => self.any(tree, visitor),
        };
        result.map_err(|error| error.or_at(self.blame()))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.any(&self.node.tree, visitor)
            .map_err(|error| error.or_at(self.blame()))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.tree {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.or_at(self.blame()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == at::NAME {
            return visitor
                .visit_seq(at::Access::new(self.blame(), self))
                .map_err(|error| error.or_at(self.blame()));
        }
        // A block without anything below it asks for its defaults.
        let result = match self.node.tree {
            Tree::Map(_) | Tree::Null => visitor.visit_map(self.without_unknown(fields)),
            _ => self.any(&self.node.tree, visitor),
        };
        result.map_err(|error| error.or_at(self.blame()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match &self.node.tree {
            Tree::Text(text) => {
                let name: StrDeserializer<'_, ReadError> = text.text.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Tree::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(access::Alternative::new(&entries[0], self))
            }
            other => Err(ReadError::one_of(other, variants)),
        };
        result.map_err(|error| error.or_at(self.blame()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}
