//! Typed references between resources.
//!
//! While a spec is *declared*, a field that takes another resource's output is an [`Input`]: a value, or
//! an expression over outputs. Once *resolved* it is the plain value. A kind's verbs take resolved specs
//! only, so none can ever see a reference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::Address;

/// What specs and outputs are made of.
pub trait Data:
    Serialize + DeserializeOwned + JsonSchema + Clone + Debug + Send + Sync + 'static
{
}
impl<T: Serialize + DeserializeOwned + JsonSchema + Clone + Debug + Send + Sync + 'static> Data
    for T
{
}

/// The stage of a spec: declared or resolved.
pub trait Stage: Clone + Debug + PartialEq + JsonSchema + Send + Sync + 'static {
    /// A field of type `T` that may come from another resource.
    type In<T: Data>: Data;
}

/// A stage is never a value: its schema only names the types that it parts.
macro_rules! stage_schema {
    ($stage:ident) => {
        impl JsonSchema for $stage {
            fn schema_name() -> Cow<'static, str> {
                stringify!($stage).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                false.into()
            }
        }
    };
}

/// A spec as a stack states it, with references.
#[derive(Clone, Debug, PartialEq)]
pub enum Declared {}
stage_schema!(Declared);
impl Stage for Declared {
    type In<T: Data> = Input<T>;
}

/// A spec as the cloud takes it, every reference replaced by its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {}
stage_schema!(Resolved);
impl Stage for Resolved {
    type In<T: Data> = T;
}

/// A value, or an expression that yields it once the resources that it names exist.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<T> {
    /// Known now.
    Value(T),
    /// JSON in which `{"$ref": "address.output"}` and `{"$join": [parts…]}` stand for values to come.
    Expr(Value),
}

/// What text with a reference in it looks like, in a stack file.
pub const REFERENCE: &str = r"\$\{[^}]+\}";

/// The key of a reference object.
pub const REF: &str = "$ref";
/// The key of a string made of parts.
pub const JOIN: &str = "$join";
/// The key that marks a value which nobody knows before its producer was applied.
pub const UNKNOWN: &str = "$unknown";

impl<T> Input<T> {
    /// A string composed of literal texts and references, such as a log group's ARN followed by `:*`.
    pub fn join(parts: impl IntoIterator<Item = Value>) -> Self {
        Self::Expr(json!({ JOIN: parts.into_iter().collect::<Vec<_>>() }))
    }

    /// The same input where a type is taken that this one can become: a text for a name of the DNS.
    #[must_use]
    pub fn cast<U: From<T>>(self) -> Input<U> {
        match self {
            Self::Value(value) => Input::Value(value.into()),
            Self::Expr(expr) => Input::Expr(expr),
        }
    }

    /// A list, each item a value or a reference.
    ///
    /// # Errors
    /// When an item cannot be expressed as JSON.
    pub fn list<I: Data>(
        items: impl IntoIterator<Item = Input<I>>,
    ) -> Result<Self, serde_json::Error> {
        let items = items
            .into_iter()
            .map(|item| serde_json::to_value(&item))
            .collect::<Result<_, _>>()?;
        Ok(Self::Expr(Value::Array(items)))
    }
}

impl<T: Data> Input<BTreeMap<String, T>> {
    /// A map, each entry a value or a reference. It is known if all of its entries are.
    ///
    /// # Errors
    /// When an entry cannot be expressed as JSON.
    pub fn map(
        entries: impl IntoIterator<Item = (String, Input<T>)>,
    ) -> Result<Self, serde_json::Error> {
        let entries: Vec<_> = entries.into_iter().collect();
        let known = |(key, entry): &(String, Input<T>)| match entry {
            Input::Value(value) => Some((key.clone(), value.clone())),
            Input::Expr(_) => None,
        };
        if let Some(known) = entries.iter().map(known).collect() {
            return Ok(Self::Value(known));
        }
        entries
            .into_iter()
            .map(|(key, entry)| Ok((key, serde_json::to_value(&entry)?)))
            .collect::<Result<_, _>>()
            .map(Self::Expr)
    }
}

impl<T> Input<Option<T>> {
    /// The same input where a value is required: an output that is empty is not a valid one there.
    #[must_use]
    pub fn required(self) -> Input<T> {
        match self {
            Self::Value(Some(value)) => Input::Value(value),
            Self::Value(None) => Input::Expr(Value::Null),
            Self::Expr(expr) => Input::Expr(expr),
        }
    }
}

/// What stands for the input in a JSON document, such as a policy.
impl<T: Into<Self>> From<Input<T>> for Value {
    fn from(input: Input<T>) -> Self {
        match input {
            Input::Value(value) => value.into(),
            Input::Expr(expr) => expr,
        }
    }
}

impl<T> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

/// In a stack file a reference is text: `${network.vpc.vpc_id}`.
impl<T: JsonSchema> JsonSchema for Input<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Input_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        let reference = json_schema!({"type": "string", "pattern": REFERENCE});
        json_schema!({"anyOf": [value, reference]})
    }
}

impl<T: Serialize> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Expr(expr) => expr.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if is_expr(&value) {
            return Ok(Self::Expr(value));
        }
        serde_json::from_value(value)
            .map(Self::Value)
            .map_err(D::Error::custom)
    }
}

/// Whether a reference, a join or an unknown stands anywhere in this JSON.
#[must_use]
pub fn is_expr(value: &Value) -> bool {
    match value {
        Value::Object(map) => operator(map).is_some() || map.values().any(is_expr),
        Value::Array(items) => items.iter().any(is_expr),
        _ => false,
    }
}

/// The operator of an expression object: its key and operand.
#[must_use]
pub fn operator(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, operand) = map.iter().next()?;
    (map.len() == 1 && matches!(key.as_str(), REF | JOIN | UNKNOWN))
        .then_some((key.as_str(), operand))
}

/// A reference as JSON: `{"$ref": "network.vpc.vpc_id"}`.
#[must_use]
pub fn reference(address: &Address, output: &str) -> Value {
    json!({ REF: format!("{address}.{output}") })
}

/// One output of a kind, with its type: what a typed reference is made from.
#[derive(Debug)]
pub struct Output<K, T> {
    name: &'static str,
    kind: PhantomData<fn() -> (K, T)>,
}

impl<K, T> Output<K, T> {
    /// The output of this name. [`crate::outputs!`] writes these.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            kind: PhantomData,
        }
    }

    /// The output's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// A declared resource of kind `K`, from which others take outputs.
#[derive(Debug)]
pub struct Handle<K> {
    address: Address,
    kind: PhantomData<fn() -> K>,
}

// Derived, it would ask that kinds can be cloned.
impl<K> Clone for Handle<K> {
    fn clone(&self) -> Self {
        Self::new(self.address.clone())
    }
}

impl<K> Handle<K> {
    /// A handle to the resource at this address; whoever makes it vouches for the kind.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            kind: PhantomData,
        }
    }

    /// The resource's address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// A reference to one of its outputs.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an output is a name, used as one"
    )]
    pub fn get<T>(&self, output: Output<K, T>) -> Input<T> {
        Input::Expr(reference(&self.address, output.name))
    }

    /// The same reference as JSON, to be placed inside a policy document or a joined string.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an output is a name, used as one"
    )]
    pub fn json<T>(&self, output: Output<K, T>) -> Value {
        reference(&self.address, output.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_a_value_or_an_expression() {
        let value: Input<u32> = serde_json::from_value(json!(7)).unwrap();
        assert_eq!(value, Input::Value(7));
        let expr: Input<u32> = serde_json::from_value(json!({"$ref": "a.b"})).unwrap();
        assert_eq!(expr, Input::Expr(json!({"$ref": "a.b"})));
        assert!(serde_json::from_value::<Input<u32>>(json!("x")).is_err());
    }

    #[test]
    fn a_map_has_its_entries_in_order() {
        let reference = Input::Expr(json!({"$ref": "a.b"}));
        let entries = [
            ("z".to_owned(), Input::Value("1".to_owned())),
            ("a".to_owned(), reference),
        ];
        let map = Input::map(entries).unwrap();
        assert_eq!(
            serde_json::to_string(&map).unwrap(),
            r#"{"z":"1","a":{"$ref":"a.b"}}"#
        );
        let known = Input::map([("a".to_owned(), Input::Value(1_u8))]).unwrap();
        assert_eq!(known, Input::Value(BTreeMap::from([("a".to_owned(), 1)])));
    }

    #[test]
    fn an_input_is_cast_with_its_reference() {
        let reference: Input<Option<String>> = Input::Expr(json!({"$ref": "a.b"}));
        assert_eq!(
            reference.required(),
            Input::<String>::Expr(json!({"$ref": "a.b"}))
        );
        let value = Input::Value(Some("x".to_owned())).required();
        assert_eq!(Value::from(value), json!("x"));
    }

    #[test]
    fn a_nested_reference_makes_the_whole_an_expression() {
        let expr: Input<Vec<String>> =
            serde_json::from_value(json!(["x", {"$ref": "a.b"}])).unwrap();
        assert!(matches!(expr, Input::Expr(_)));
    }
}
