//! Kinds, for people, programs and the documentation.

use std::fmt::Write;

use platctl_engine::Identity;
use platctl_engine::fields::Fact;
use platctl_engine::manual::{Field, Manual};
use serde_json::{Value, json};

use super::{Paint, json_line, raw, time};
use crate::cli::Global;

pub(crate) fn list(kinds: &[Manual], global: &Global) {
    if global.json {
        kinds.iter().for_each(|manual| json_line(&object(manual)));
        return;
    }
    let width = kinds
        .iter()
        .map(|manual| manual.facts.name.len())
        .max()
        .unwrap_or_default();
    for manual in kinds {
        raw(&format!(
            "{:width$}  {}\n",
            manual.facts.name,
            first_sentence(&manual.about())
        ));
    }
}

pub(crate) fn kind(manual: &Manual, global: &Global) {
    if global.json {
        json_line(&object(manual));
    } else {
        raw(&text(manual, Paint::stdout(global)));
    }
}

pub(crate) fn field(manual: &Manual, field: &Field, below: &[Field], global: &Global) {
    if global.json {
        let below: Vec<Value> = below.iter().map(of_field).collect();
        json_line(&json!({
            "type": "field", "kind": manual.facts.name, "field": of_field(field), "fields": below,
        }));
        return;
    }
    let paint = Paint::stdout(global);
    let mut text = format!(
        "{}{}\n\n",
        manual.facts.name,
        field.path.replace('/', ".").replace(".*", "[]")
    );
    fields(&mut text, std::slice::from_ref(field), paint);
    if !below.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("Fields"));
        fields(&mut text, below, paint);
    }
    raw(&text);
}

/// One output of a kind, and how to use it.
pub(crate) fn output(manual: &Manual, (name, about): (&str, &str), global: &Global) {
    let kind = manual.facts.name;
    if global.json {
        json_line(&json!({"type": "output", "kind": kind, "output": name, "about": about}));
        return;
    }
    raw(&format!(
        "{kind}.{name}\n\n  An output: {about}\n  To use it in a field of another resource, write \
         ${{ADDRESS.{name}}}, such as ${{example.{name}}}.\n"
    ));
}

fn object(manual: &Manual) -> Value {
    let facts = &manual.facts;
    let seconds = |time: std::time::Duration| time.as_secs();
    json!({
        "type": "kind",
        "kind": facts.name,
        "about": manual.about(),
        "spec": manual.spec,
        "outputs": manual.outputs,
        "example": manual.example,
        "replaces": facts.fields.with(Fact::Immutable),
        "write_only": facts.fields.with(Fact::WriteOnly),
        "create_only": facts.fields.with(Fact::CreateOnly),
        "holds": facts.fields.with(Fact::Holds),
        "identity": format!("{:?}", facts.identity).to_lowercase(),
        "tagged": facts.tagged,
        "holds_data": facts.holds_data,
        "permissions": {
            "read": facts.permissions.read,
            "create": facts.permissions.create,
            "update": facts.permissions.update,
            "delete": facts.permissions.delete,
        },
        "seconds": {
            "create": seconds(facts.timing.create),
            "update": seconds(facts.timing.update),
            "delete": seconds(facts.timing.delete),
            "limit": seconds(facts.timing.limit),
        },
    })
}

fn of_field(field: &Field) -> Value {
    json!({
        "path": field.path, "about": field.about, "takes": field.takes, "required": field.required,
        "default": field.default, "reset": field.reset, "null_removes": field.reset == Some(Value::Null),
        "reference": field.reference, "replaces": field.replaces, "write_only": field.write_only,
        "create_only": field.create_only,
    })
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ")
        .map_or(text, |(first, _)| first)
        .trim_end_matches('.')
}

/// What is to know about a field beside what it is.
fn notes(field: &Field) -> Vec<String> {
    // Where the text says it in words, the value is not repeated.
    let default = field
        .default
        .as_ref()
        .filter(|_| !field.about.contains("Default: "));
    let notes = [
        field.required.then(|| "required".to_owned()),
        default.map(|default| format!("default: {default}")),
        field.reset.as_ref().map(|reset| match reset {
            Value::Null => "null removes it".to_owned(),
            reset => format!("null sets it back to {reset}"),
        }),
        field
            .replaces
            .then(|| "a change replaces the resource".to_owned()),
        field
            .create_only
            .then(|| "used at creation only".to_owned()),
        field.write_only.then(|| "never stored in state".to_owned()),
        field.reference.then(|| "can be a reference".to_owned()),
    ];
    notes.into_iter().flatten().collect()
}

fn fields(text: &mut String, fields: &[Field], paint: Paint) {
    for field in fields {
        let _ = write!(text, "  {}  {}", paint.bold(&field.name), field.takes);
        let notes = notes(field);
        if !notes.is_empty() {
            let _ = write!(text, "  ({})", notes.join("; "));
        }
        text.push('\n');
        if !field.about.is_empty() {
            let _ = writeln!(text, "      {}", field.about);
        }
    }
}

/// How a lost creation is found again, for people.
fn identity(manual: &Manual) -> &'static str {
    match (manual.facts.identity, manual.facts.tagged) {
        (Identity::Name, true) => "its name and its ownership tags",
        (Identity::Name, false) => "its name; it has no ownership tags",
        (Identity::Token, _) => "an idempotency token and its ownership tags",
        (Identity::Tags, _) => "its ownership tags",
    }
}

fn example(manual: &Manual) -> String {
    let mut spec = json!({"kind": manual.facts.name});
    if let (Some(spec), Some(example)) = (spec.as_object_mut(), manual.example.as_object()) {
        spec.extend(example.clone());
    }
    serde_yaml::to_string(&json!({"resources": {"example": spec}})).unwrap_or_default()
}

fn text(manual: &Manual, paint: Paint) -> String {
    let facts = &manual.facts;
    let mut text = format!("{}\n{}\n", paint.bold(facts.name), manual.about());
    let _ = writeln!(text, "\n{}", paint.bold("Fields"));
    let all = manual.fields();
    fields(&mut text, &all, paint);
    if let Some(object) = all.iter().find(|field| field.takes.contains("object")) {
        let (kind, name) = (facts.name, &object.name);
        let hint = "To show the fields of an object, add its name";
        let _ = writeln!(text, "\n  {hint}: platctl explain {kind}.{name}");
    }
    let outputs = manual.outputs();
    let _ = writeln!(text, "\n{}", paint.bold("Outputs"));
    for (name, about) in &outputs {
        let _ = writeln!(text, "  {}  {about}", paint.bold(name));
    }
    if let Some((name, _)) = outputs.first() {
        let hint = "To use an output in a field of another resource, write ${ADDRESS.OUTPUT}";
        let _ = writeln!(text, "\n  {hint}, such as ${{example.{name}}}.");
    }
    let _ = writeln!(text, "\n{}", paint.bold("Example"));
    example(manual).lines().for_each(|line| {
        let _ = writeln!(text, "  {line}");
    });
    let _ = writeln!(text, "\n{}", paint.bold("Permissions"));
    for (verb, actions) in verbs(manual) {
        let _ = writeln!(text, "  {verb}: {}", actions.join(", "));
    }
    let _ = writeln!(text, "\n{}", paint.bold("Behavior"));
    for line in behavior(manual) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn verbs(manual: &Manual) -> [(&'static str, &'static [&'static str]); 4] {
    let permissions = manual.facts.permissions;
    [
        ("read", permissions.read),
        ("create", permissions.create),
        ("update", permissions.update),
        ("delete", permissions.delete),
    ]
}

fn behavior(manual: &Manual) -> Vec<String> {
    let (facts, timing) = (&manual.facts, &manual.facts.timing);
    let mut lines = vec![
        format!("Found again by {}.", identity(manual)),
        format!(
            "Usually takes {} to create, {} to update, {} to delete; platctl waits up to {}.",
            time(timing.create),
            time(timing.update),
            time(timing.delete),
            time(timing.limit)
        ),
    ];
    if facts.holds_data {
        lines.push("Holds data: deleted or replaced only with --allow-data-loss ADDRESS.".into());
    }
    if facts.shared {
        lines.push("Shared by the whole account: created if it is missing, never deleted.".into());
    }
    lines
}

/// A field as a row of the table.
#[cfg(test)]
fn row(field: &Field) -> String {
    let path = field
        .path
        .trim_start_matches('/')
        .replace("/*", "[]")
        .replace('/', ".");
    let mut notes = notes(field);
    notes.retain(|note| note != "can be a reference");
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" *({})*", notes.join("; "))
    };
    let about = format!("{}{notes}", field.about).replace('|', "\\|");
    let takes = field.takes.replace('|', "\\|");
    format!("| `{path}` | {takes} | {} |\n", about.trim())
}

/// The page of one service in `docs/kinds/`.
#[cfg(test)]
fn page(service: &str, kinds: &[&Manual]) -> String {
    let mut text =
        format!("# {service}\n\nGenerated from the code: the same as `platctl explain KIND`.\n");
    for manual in kinds {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| field | type | description |\n| --- | --- | --- |\n",
            manual.facts.name,
            manual.about()
        );
        let mut rows: Vec<Field> = Vec::new();
        for field in manual.fields() {
            below(manual, field, &mut rows);
        }
        rows.iter().for_each(|field| text.push_str(&row(field)));
        text.push_str("\nOutputs: ");
        let outputs = manual.outputs().into_iter().map(|(name, about)| {
            let about = about.trim().trim_end_matches('.');
            if about.is_empty() {
                format!("`{name}`")
            } else {
                format!("`{name}` ({about})")
            }
        });
        let _ = write!(
            text,
            "{}.\n\n```yaml\n{}```\n\n",
            outputs.collect::<Vec<_>>().join(", "),
            example(manual)
        );
        for line in behavior(manual) {
            let _ = writeln!(text, "{line}");
        }
        text.push_str("\nPermissions: ");
        let actions: std::collections::BTreeSet<&str> = verbs(manual)
            .into_iter()
            .flat_map(|(_, actions)| actions.iter().copied())
            .collect();
        let actions: Vec<String> = actions
            .into_iter()
            .map(|action| format!("`{action}`"))
            .collect();
        let _ = writeln!(text, "{}.", actions.join(", "));
    }
    text
}

#[cfg(test)]
fn below(manual: &Manual, field: Field, rows: &mut Vec<Field>) {
    let name = field
        .path
        .trim_start_matches('/')
        .replace("/*", "")
        .replace('/', ".");
    rows.push(field);
    // No spec is nested as deep as that; a type that contains itself would be.
    if name.matches('.').count() > 4 {
        return;
    }
    for inner in manual.field(&name).into_iter().flat_map(|(_, inner)| inner) {
        below(manual, inner, rows);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use platctl_aws::registry::manuals;

    /// `PLATCTL_WRITE_DOCS=1 cargo test` writes the pages again.
    #[test]
    fn the_pages_are_what_the_kinds_say() {
        let manuals = manuals();
        let mut services: BTreeMap<&str, Vec<&Manual>> = BTreeMap::new();
        for manual in &manuals {
            services
                .entry(manual.facts.name.split_once('.').unwrap().0)
                .or_default()
                .push(manual);
        }
        let mut index = String::from(
            "# Kinds\n\nEvery kind that `resources:` takes, by service. Generated from the code; \
             `platctl kinds` and `platctl explain KIND` print the same.\n",
        );
        let mut pages: Vec<(String, String)> = Vec::new();
        for (service, kinds) in &services {
            let _ = write!(index, "\n## [{service}]({service}.md)\n\n");
            for manual in kinds {
                let _ = writeln!(
                    index,
                    "- `{}`: {}",
                    manual.facts.name,
                    first_sentence(&manual.about())
                );
            }
            pages.push((format!("{service}.md"), page(service, kinds)));
        }
        pages.push(("README.md".into(), index));
        for (name, text) in pages {
            let path = format!("../../docs/kinds/{name}");
            if std::env::var_os("PLATCTL_WRITE_DOCS").is_some() {
                std::fs::create_dir_all("../../docs/kinds").unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let page = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                page == text,
                "docs/kinds/{name} is out of date: run PLATCTL_WRITE_DOCS=1 cargo test to update it"
            );
        }
    }

    #[test]
    fn every_kind_and_every_field_says_what_it_is() {
        let mut silent: Vec<String> = Vec::new();
        for manual in manuals() {
            assert!(!manual.about().is_empty(), "{}", manual.facts.name);
            assert!(
                manual.spec.get("$defs").is_none(),
                "{} has definitions",
                manual.facts.name
            );
            let mut rows = Vec::new();
            manual
                .fields()
                .into_iter()
                .for_each(|field| below(&manual, field, &mut rows));
            let missing = rows.into_iter().filter(|field| field.about.is_empty());
            silent.extend(missing.map(|field| format!("{}{}", manual.facts.name, field.path)));
        }
        assert_eq!(silent, Vec::<String>::new());
    }

    /// What a kind's own facts name can be explained.
    #[test]
    fn every_stated_path_can_be_explained() {
        for manual in manuals() {
            let facts = &manual.facts;
            for path in facts.fields.paths() {
                let name = path.trim_start_matches('/').replace('/', ".");
                assert!(manual.field(&name).is_some(), "{} {path}", facts.name);
            }
        }
    }

    #[test]
    fn a_kind_is_explained() {
        let manual = manuals()
            .into_iter()
            .find(|manual| manual.facts.name == "ssm.Parameter")
            .unwrap();
        insta::assert_snapshot!(text(&manual, Paint::plain()));
    }
}
