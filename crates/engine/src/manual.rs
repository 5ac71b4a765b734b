//! What a kind takes and gives, for people and editors: read from the types that read stack files.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::fields::Fact;
use crate::input::REFERENCE;
use crate::{Declared, Facts, Kind};

/// Everything that can be said about a kind without a cloud.
#[derive(Clone, Debug)]
pub struct Manual {
    /// What it states about itself.
    pub facts: Facts,
    /// The JSON Schema of its spec as a stack file states it. It carries no definitions: everything is in place.
    pub spec: Value,
    /// The JSON Schema of its outputs.
    pub outputs: Value,
    /// A typical spec.
    pub example: Value,
}

/// One field of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// JSON pointer to it in a spec; `*` stands for any item of a list or key of a map.
    pub path: String,
    /// Its own name: the last part of the path.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it takes: `string`, `list(object)`, `one of "a", "b"`.
    pub takes: String,
    /// Whether it has to be there.
    pub required: bool,
    /// The value where nothing is stated, as JSON, if the kind has one.
    pub default: Option<Value>,
    /// Whether it takes a reference to another resource's output.
    pub reference: bool,
    /// Whether changing it replaces the object.
    pub replaces: bool,
    /// Whether AWS never returns it, so that state keeps a fingerprint of it only.
    pub write_only: bool,
    /// Whether it matters at the creation only.
    pub create_only: bool,
}

impl Manual {
    /// The manual of a kind.
    #[must_use]
    pub fn of<K: Kind>() -> Self {
        Self {
            facts: Facts::of::<K>(),
            spec: schema::<K::Spec<Declared>>(),
            outputs: schema::<K::Outputs>(),
            example: serde_json::to_value(K::example()).unwrap_or_default(),
        }
    }

    /// What the kind is, in a sentence.
    #[must_use]
    pub fn about(&self) -> String {
        about(&self.spec)
    }

    /// The fields of its spec: those that must be stated first, then by name.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        self.below("", &self.spec)
    }

    /// The field at a path of names, `lifecycle_rules.id`, and the fields below it. None when there is no such field.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<(Field, Vec<Field>)> {
        let (mut pointer, mut schema, mut found) = (String::new(), &self.spec, None);
        for name in path.split('.') {
            let fields = self.below(&pointer, schema);
            let field = fields.into_iter().find(|field| field.name == name)?;
            let (inner, step) = entries(property(schema, name)?);
            schema = inner;
            pointer = format!("{}{step}", field.path);
            found = Some(field);
        }
        found.map(|field| (field, self.below(&pointer, schema)))
    }

    /// Name and meaning of each output.
    #[must_use]
    pub fn outputs(&self) -> Vec<(String, String)> {
        let properties = self.outputs["properties"].as_object();
        properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), about(schema)))
            .collect()
    }

    fn below(&self, pointer: &str, schema: &Value) -> Vec<Field> {
        let (schema, step) = entries(schema);
        let pointer = format!("{pointer}{step}");
        let properties: Vec<_> = objects(schema)
            .into_iter()
            .flat_map(|object| object["properties"].as_object().into_iter().flatten())
            .collect();
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut fields: Vec<Field> = properties
            .into_iter()
            .map(|(name, schema)| {
                self.read(&pointer, name, schema, required.contains(&name.as_str()))
            })
            .collect();
        fields.sort_by_key(|field| (!field.required, field.name.clone()));
        fields
    }

    fn read(&self, pointer: &str, name: &str, schema: &Value, required: bool) -> Field {
        let path = format!("{pointer}/{name}");
        let default = schema
            .get("default")
            .filter(|value| !value.is_null() && !is_empty(value));
        Field {
            name: name.to_owned(),
            about: about(schema),
            takes: takes(schema),
            required,
            default: default.cloned(),
            reference: is_reference(schema),
            replaces: self.facts.fields.holds(&path, Fact::Immutable),
            write_only: self.facts.fields.holds(&path, Fact::WriteOnly),
            create_only: self.facts.fields.holds(&path, Fact::CreateOnly),
            path,
        }
    }
}

/// The schema of a type, with everything in place of references.
fn schema<T: schemars::JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
    }
    schema
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .flat_map(|key| schema[key].as_array().into_iter().flatten())
}

fn is_text_of_references(schema: &Value) -> bool {
    schema["pattern"] == REFERENCE
}

fn is_reference(schema: &Value) -> bool {
    is_text_of_references(schema)
        || alternatives(schema).any(is_reference)
        || schema["items"].is_object() && is_reference(&schema["items"])
}

/// The alternatives of a schema that say what it takes, without `null` and references.
fn plain(schema: &Value) -> Vec<&Value> {
    let mut found: Vec<&Value> = alternatives(schema)
        .filter(|one| one["type"] != "null" && !is_text_of_references(one))
        .flat_map(plain)
        .collect();
    if found.is_empty() {
        found.push(schema);
    }
    found
}

/// The objects that a schema may be.
fn objects(schema: &Value) -> Vec<&Value> {
    plain(schema)
        .into_iter()
        .filter(|one| one["properties"].is_object())
        .collect()
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    objects(entries(schema).0)
        .into_iter()
        .find_map(|object| object["properties"].get(name))
}

/// What a list or a map consists of, and the part of the pointer that leads there.
fn entries(schema: &Value) -> (&Value, &'static str) {
    for one in plain(schema) {
        for key in ["items", "additionalProperties"] {
            if one[key].is_object() && !one["properties"].is_object() {
                return (&one[key], "/*");
            }
        }
    }
    (schema, "")
}

fn about(schema: &Value) -> String {
    let text = schema["description"].as_str().map(ToOwned::to_owned);
    text.or_else(|| {
        alternatives(schema).find_map(|one| one["description"].as_str().map(ToOwned::to_owned))
    })
    .unwrap_or_default()
    .split_whitespace()
    .collect::<Vec<_>>()
    .join(" ")
}

/// What a field takes, in words.
fn takes(schema: &Value) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut values: Vec<String> = Vec::new();
    for one in plain(schema) {
        if let Some(list) = one["enum"].as_array() {
            values.extend(
                list.iter()
                    .filter(|value| !value.is_null())
                    .map(ToString::to_string),
            );
        } else if let Some(value) = one.get("const") {
            values.push(value.to_string());
        } else {
            words.push(in_words(one));
        }
    }
    if !values.is_empty() {
        words.insert(0, format!("one of {}", values.join(", ")));
    }
    words.dedup();
    words.join(" or ")
}

fn in_words(schema: &Value) -> String {
    let is = |name: &str| {
        schema["type"] == name
            || schema["type"]
                .as_array()
                .is_some_and(|types| types.contains(&json!(name)))
    };
    let inner = || takes(entries(schema).0);
    if is("array") {
        return format!("list({})", inner());
    }
    if is("object")
        && schema["additionalProperties"].is_object()
        && !schema["properties"].is_object()
    {
        return format!("map({})", inner());
    }
    let names = ["string", "integer", "number", "boolean", "object"];
    names
        .into_iter()
        .find(|name| is(name))
        .unwrap_or("any")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    use crate::{Input, Resolved, Stage};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        Red,
        DarkBlue,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Part {
        /// How large it is, in GiB.
        size: u32,
        #[serde(default)]
        colour: Option<Colour>,
    }

    /// A thing.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(bound = "")]
    struct Spec<S: Stage = Resolved> {
        /// Its name,
        /// in full.
        name: String,
        parent: S::In<String>,
        #[serde(default)]
        parts: Option<Vec<Part>>,
        #[serde(default)]
        by_name: BTreeMap<String, Part>,
        #[serde(default)]
        colour: Option<S::In<Colour>>,
        #[serde(default)]
        links: Vec<Input<String>>,
    }

    fn manual() -> Manual {
        let facts = Facts {
            fields: Fields::new(
                &[
                    ("/name", &[Fact::Immutable]),
                    ("/parts/*/size", &[Fact::Immutable]),
                ],
                None,
            ),
            ..crate::testing::facts("toy.Tags").unwrap()
        };
        Manual {
            facts,
            spec: schema::<Spec<Declared>>(),
            outputs: json!({}),
            example: json!({}),
        }
    }

    fn of<'a>(fields: &'a [Field], name: &str) -> &'a Field {
        fields.iter().find(|field| field.name == name).unwrap()
    }

    #[test]
    fn fields_say_what_they_take() {
        let manual = manual();
        assert_eq!(manual.about(), "A thing.");
        let fields = manual.fields();
        let takes = |name: &str| of(&fields, name).takes.clone();
        assert_eq!(takes("name"), "string");
        assert_eq!(of(&fields, "name").about, "Its name, in full.");
        assert_eq!(takes("parent"), "string");
        assert_eq!(takes("parts"), "list(object)");
        assert_eq!(takes("by_name"), "map(object)");
        assert_eq!(takes("colour"), r#"one of "red", "dark-blue""#);
        assert_eq!(takes("links"), "list(string)");
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(
            names,
            ["name", "parent", "by_name", "colour", "links", "parts"],
            "required first"
        );
        let references: Vec<&str> = fields
            .iter()
            .filter(|field| field.reference)
            .map(|field| field.name.as_str())
            .collect();
        assert_eq!(references, ["parent", "colour", "links"]);
        assert!(of(&fields, "name").replaces && !of(&fields, "parts").replaces);
    }

    #[test]
    fn a_field_is_found_by_its_path() {
        let manual = manual();
        let (field, below) = manual.field("parts").unwrap();
        assert_eq!(field.path, "/parts");
        assert_eq!(
            below
                .iter()
                .map(|field| field.name.as_str())
                .collect::<Vec<_>>(),
            ["size", "colour"]
        );
        let (field, below) = manual.field("parts.size").unwrap();
        assert_eq!(
            (field.path.as_str(), field.about.as_str()),
            ("/parts/*/size", "How large it is, in GiB.")
        );
        assert!(field.replaces && field.required && below.is_empty());
        assert_eq!(
            manual.field("by_name.colour").unwrap().0.path,
            "/by_name/*/colour"
        );
        assert!(manual.field("parts.weight").is_none());
        assert!(manual.field("size").is_none());
    }
}
