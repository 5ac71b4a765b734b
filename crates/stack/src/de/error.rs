//! What went wrong while reading, kept by parts until its place is known.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::error::{Fault, quoted, suggest};
use crate::source::Span;
use crate::tree::Tree;

/// Blocks of the design that this version cannot build yet.
const LATER: [&str; 4] = ["extends", "environments", "variables", "existing"];

/// An error of reading. The first place that it passes on its way up is its place.
#[derive(Debug)]
pub(crate) struct ReadError(Box<Problem>);

#[derive(Debug)]
struct Problem {
    span: Option<Span>,
    message: String,
    label: String,
    help: Option<String>,
}

impl ReadError {
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self::new(message.into(), "here")
    }

    fn new(message: String, label: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            span: None,
            message,
            label: label.into(),
            help: None,
        }))
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    fn maybe_help(mut self, help: Option<String>) -> Self {
        self.0.help = help;
        self
    }

    /// The place, unless it is known more exactly already.
    pub(super) fn or_at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    pub(super) fn into_fault(self) -> Fault {
        let Problem {
            span,
            message,
            label,
            help,
        } = *self.0;
        let fault = Fault::new(message).maybe_help(help);
        match span {
            Some(span) => fault.at(span, label),
            None => fault,
        }
    }

    /// A key that nothing knows.
    pub(super) fn field(field: &str, known: &[&str]) -> Self {
        let later = known.contains(&"stack") && LATER.contains(&field);
        let help = if later {
            Some(format!(
                "this version of platctl does not support the block `{field}` yet"
            ))
        } else {
            suggest(field, known)
        };
        Self::new(format!("unknown key {}", quoted(field)), "unknown key").maybe_help(help)
    }

    /// Something other than a word where one of a few words belongs.
    pub(super) fn one_of(found: &Tree, variants: &[&str]) -> Self {
        Self::type_error(&found.words(), &format!("one of {}", variants.join(", ")))
    }

    fn type_error(found: &str, expected: &str) -> Self {
        Self::new(
            format!("expected {expected}, found {found}"),
            format!("this is {found}"),
        )
    }
}

/// What serde found, in words.
fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the string {}", quoted(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// What serde expected, in words.
fn expected(expected: &dyn Expected) -> String {
    in_words(&expected.to_string())
}

/// What serde calls a type, in the words of a stack file.
pub(crate) fn in_words(text: &str) -> String {
    match text {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if text.starts_with("struct ") => "a map".to_owned(),
        _ => text.to_owned(),
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ReadError {}

impl Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::message(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let wanted = expected(wanted);
        let quote = match unexpected {
            Unexpected::Unsigned(_)
            | Unexpected::Signed(_)
            | Unexpected::Float(_)
            | Unexpected::Bool(_) => wanted
                .contains("string")
                .then(|| "put the value in quotes to make it a string".to_owned()),
            _ => None,
        };
        Self::type_error(&found(unexpected), &wanted).maybe_help(quote)
    }

    fn invalid_value(unexpected: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::type_error(&found(unexpected), &expected(wanted))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::field(field, known)
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let message = format!("{} is not one of {}", quoted(variant), known.join(", "));
        let help = crate::error::nearest(variant, known.iter().copied())
            .map(|name| format!("did you mean `{name}`?"));
        Self::new(message, "unknown").maybe_help(help)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(
            format!("`{field}` is missing"),
            format!("requires `{field}`"),
        )
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::message(format!("duplicate key `{field}`"))
    }
}
