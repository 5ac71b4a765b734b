//! A value that keeps its place, for checks that come after reading.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};

use super::ReadError;
use crate::source::Span;

/// A value and where it stands. Only this crate's reader can fill it in.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> At<T> {
    /// A value that nobody wrote: a default.
    pub(crate) const fn made(value: T) -> Self {
        Self {
            value,
            span: Span {
                source: 0,
                start: 0,
                len: 0,
            },
        }
    }
}

/// The struct name by which the reader knows that the place is asked for as well.
pub(super) const NAME: &str = "platctl At";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, &[], AtVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

struct AtVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
    type Value = At<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<At<T>, A::Error> {
        let place: Option<[usize; 3]> = access.next_element()?;
        let value: Option<T> = access.next_element()?;
        match (place, value) {
            (Some([source, start, len]), Some(value)) => Ok(At {
                value,
                span: Span { source, start, len },
            }),
            _ => Err(A::Error::custom("a value without a place")),
        }
    }
}

/// Hands out the place, then the value.
pub(super) struct Access<D> {
    place: Option<Span>,
    value: Option<D>,
}

impl<D> Access<D> {
    pub(super) const fn new(place: Span, value: D) -> Self {
        Self {
            place: Some(place),
            value: Some(value),
        }
    }
}

impl<'de, D: Deserializer<'de, Error = ReadError>> SeqAccess<'de> for Access<D> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        if let Some(Span { source, start, len }) = self.place.take() {
            let place: SeqDeserializer<_, ReadError> = vec![source, start, len].into_deserializer();
            return seed.deserialize(place).map(Some);
        }
        self.value
            .take()
            .map(|value| seed.deserialize(value))
            .transpose()
    }
}
