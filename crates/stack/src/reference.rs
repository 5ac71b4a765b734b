//! What a stack file can say, from the very types that read it: as a JSON Schema for editors, and as a page for
//! people.

use std::fmt::Write;

use schemars::schema_for;
use serde_json::{Map, Value};

use crate::file::File;

/// The JSON Schema of stack files.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schema_for!(File);
    schema.insert("title".into(), "A stack file of platctl".into());
    schema.to_value()
}

/// The reference of stack files, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let schema = schema();
    let empty = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&empty);
    let reader = Reader { definitions };
    let mut text = String::from(
        "# The stack file\n\nWritten by `platctl schema --markdown` from the types that read stack files. Every block \
         is optional; a block with nothing below its name (`network: {}`) takes every default. `NAME` stands for a name \
         of your choice, `[]` for the items of a list.\n\n## At the top\n\n",
    );
    let fields = schema["properties"].as_object().unwrap_or(&empty);
    let (blocks, scalars): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, schema)| {
        reader.object(schema).is_some_and(|of| of.contains_key("properties"))
            || reader.items(schema).is_some()
    });
    let mut rows = Vec::new();
    for (name, field) in scalars {
        reader.rows(name, field, &mut rows, 0);
    }
    table(&mut text, &rows);
    for (name, field) in blocks {
        let _ = write!(text, "\n## `{name}`\n\n{}\n\n", reader.description(field));
        let mut rows = Vec::new();
        reader.below(name, field, &mut rows, 0);
        table(&mut text, &rows);
    }
    text
}

fn table(text: &mut String, rows: &[[String; 3]]) {
    text.push_str("| key | takes | |\n| --- | --- | --- |\n");
    for [key, takes, meaning] in rows {
        let _ = writeln!(text, "| `{key}` | {takes} | {meaning} |");
    }
}

struct Reader<'a> {
    definitions: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// What a schema really is, behind references and `null`.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            return self.definitions.get(name).map_or(schema, |found| self.resolve(found));
        }
        let of_null = |one: &&Value| one["type"] == "null";
        match schema["anyOf"].as_array() {
            Some(any) if any.iter().any(|one| of_null(&one)) => {
                any.iter().find(|one| !of_null(one)).map_or(schema, |one| self.resolve(one))
            }
            // A switch: what it is when it is tuned says more than that it can be switched.
            Some(any) if any.first().is_some_and(|one| one["type"] == "boolean") => {
                any.get(1).map_or(schema, |one| self.resolve(one))
            }
            _ => schema,
        }
    }

    fn object(&self, schema: &'a Value) -> Option<&'a Map<String, Value>> {
        let schema = self.resolve(schema).as_object()?;
        schema.contains_key("properties").then_some(schema)
    }

    /// What the values of a map, or the items of a list, are.
    fn items(&self, schema: &'a Value) -> Option<(&'static str, &'a Value)> {
        let schema = self.resolve(schema);
        let of = |key: &str| schema.get(key).filter(|of| self.object(of).is_some());
        of("additionalProperties").map(|of| (".NAME", of)).or_else(|| of("items").map(|of| ("[]", of)))
    }

    fn description(&self, schema: &'a Value) -> String {
        let own = schema["description"].as_str();
        let text = own.or_else(|| self.resolve(schema)["description"].as_str()).unwrap_or_default();
        text.replace('\n', " ").replace('|', "\\|")
    }

    fn takes(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        if let Some(one) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let words: Vec<String> = one
                .iter()
                .map(|one| one["const"].as_str().map_or_else(|| self.takes(one), |word| format!("`{word}`")))
                .collect();
            return words.join(", ");
        }
        if let Some(words) = schema["enum"].as_array() {
            return words
                .iter()
                .filter_map(Value::as_str)
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`{word}`");
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            kind => kind.as_str(),
        };
        match kind {
            Some("boolean") => "true or false".into(),
            Some("integer") => "a whole number".into(),
            Some("number") => "a number".into(),
            Some("string") => "text".into(),
            Some("array") => format!("a list: {}", self.takes(&schema["items"])),
            Some("object") => "a map".into(),
            _ => "anything".into(),
        }
    }

    fn rows(&self, key: &str, schema: &'a Value, rows: &mut Vec<[String; 3]>, depth: usize) {
        rows.push([key.to_owned(), self.takes(schema), self.description(schema)]);
        self.below(key, schema, rows, depth);
    }

    fn below(&self, key: &str, schema: &'a Value, rows: &mut Vec<[String; 3]>, depth: usize) {
        // No stack file is nested as deep as that; a type that contains itself would be.
        if depth > 6 {
            return;
        }
        if let Some(object) = self.object(schema) {
            for (name, field) in object["properties"].as_object().into_iter().flatten() {
                self.rows(&format!("{key}.{name}"), field, rows, depth + 1);
            }
        } else if let Some((mark, of)) = self.items(schema) {
            self.below(&format!("{key}{mark}"), of, rows, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PLATCTL_WRITE_DOCS=1 cargo test` writes the page anew.
    #[test]
    fn the_page_is_what_the_types_say() {
        let path = "../../docs/stack.md";
        if std::env::var_os("PLATCTL_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap();
        assert!(
            page == markdown(),
            "docs/stack.md is out of date: PLATCTL_WRITE_DOCS=1 cargo test writes it anew"
        );
    }

    #[test]
    fn every_key_says_what_it_is() {
        for line in markdown().lines().filter(|line| line.starts_with("| `")) {
            assert!(!line.ends_with("|  |"), "{line}");
        }
    }
}
