//! Walking lists and maps, and reading keys.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{ReadError, Reader, at};
use crate::tree::{Key, Node};

/// The items of a list.
pub(super) struct List<'a> {
    items: std::slice::Iter<'a, Node>,
    above: Reader<'a>,
}

impl<'a> List<'a> {
    pub(super) fn new(items: &'a [Node], above: Reader<'a>) -> Self {
        Self {
            items: items.iter(),
            above,
        }
    }
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let place = if node.span.len == 0 {
            self.above.place
        } else {
            node.span
        };
        let reader = Reader {
            node,
            place,
            ..self.above
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|error| error.or_at(reader.blame()))
    }
}

/// The entries of a map.
pub(super) struct Map<'a> {
    entries: std::vec::IntoIter<&'a (Key, Node)>,
    current: Option<&'a (Key, Node)>,
    above: Reader<'a>,
}

impl<'a> Map<'a> {
    pub(super) fn new(entries: &'a [(Key, Node)], above: Reader<'a>) -> Self {
        Self::of(entries.iter().collect(), above)
    }

    pub(super) fn of(entries: Vec<&'a (Key, Node)>, above: Reader<'a>) -> Self {
        Self {
            entries: entries.into_iter(),
            current: None,
            above,
        }
    }
}

impl<'de> MapAccess<'de> for Map<'_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.current = self.entries.next();
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        seed.deserialize(KeyReader(key))
            .map(Some)
            .map_err(|error| error.or_at(key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some((key, node)) = self.current.take() else {
            return Err(ReadError::message("a value was asked for before its key"));
        };
        let reader = Reader {
            node,
            place: key.span,
            ..self.above
        };
        // What a type's own check finds comes up without a place.
        seed.deserialize(reader)
            .map_err(|error| error.or_at(reader.blame()))
    }
}

/// One of several alternatives, as a map with one key: `{snapshot: NAME}`.
pub(super) struct Alternative<'a> {
    key: &'a Key,
    reader: Reader<'a>,
}

impl<'a> Alternative<'a> {
    pub(super) fn new((key, node): &'a (Key, Node), above: Reader<'a>) -> Self {
        Self {
            key,
            reader: Reader {
                node,
                place: key.span,
                ..above
            },
        }
    }
}

impl<'de> EnumAccess<'de> for Alternative<'_> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let name = seed
            .deserialize(KeyReader(self.key))
            .map_err(|error| error.or_at(self.key.span))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Alternative<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(ReadError::message(format!(
            "`{}` does not take a value: write only the word",
            self.key.text
        )))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.reader)
            .map_err(|error| error.or_at(self.reader.blame()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.reader.deserialize_struct("", fields, visitor)
    }
}

/// A key to be read.
#[derive(Clone, Copy)]
struct KeyReader<'a>(&'a Key);

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == at::NAME {
            visitor.visit_seq(at::Access::new(self.0.span, self))
        } else {
            self.deserialize_any(visitor)
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}
