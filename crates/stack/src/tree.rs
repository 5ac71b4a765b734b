//! A YAML document as a tree whose every node knows its place.

use crate::error::quoted;
use crate::source::Span;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) tree: Tree,
}

/// A key and its place.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) span: Span,
    pub(crate) text: String,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Text),
    /// A string with references to resources in it.
    Template(Vec<Part>),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A string.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether it stands without quotes, so that YAML decides its type.
    pub(crate) plain: bool,
    /// Whether it comes from where there are only strings: an environment variable, a flag. It may stand where a
    /// number or a switch is expected.
    pub(crate) untyped: bool,
}

/// A part of a string with references.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Literal(String),
    /// What stands between `${` and `}`.
    Reference {
        path: String,
        span: Span,
    },
}

impl Node {
    /// The entries of a map; empty for everything else.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a map under this key.
    pub(crate) fn get(&self, key: &str) -> Option<&(Key, Self)> {
        self.entries().iter().find(|(k, _)| k.text == key)
    }
}

impl Tree {
    /// What it is, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Int(value) => format!("the number {value}"),
            Self::Uint(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(text) => format!("the string {}", quoted(&text.text)),
            Self::Template(_) => "a reference".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

/// Reads a string as a plain YAML scalar (YAML 1.2 core schema, decimal numbers only).
pub(crate) fn scalar(text: &str) -> Tree {
    match text {
        "" | "~" | "null" => return Tree::Null,
        "true" => return Tree::Bool(true),
        "false" => return Tree::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    // A leading zero is the mark of an identifier, such as an account, and not of a number.
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && !(digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."));
    if is_number {
        if let Ok(number) = text.parse() {
            return Tree::Uint(number);
        }
        if let Ok(number) = text.parse() {
            return Tree::Int(number);
        }
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Tree::Float(number);
        }
    }
    Tree::Text(Text {
        text: text.to_owned(),
        plain: true,
        untyped: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_get_the_type_that_yaml_gives_them() {
        assert!(matches!(scalar("3"), Tree::Uint(3)));
        assert!(matches!(scalar("-3"), Tree::Int(-3)));
        assert!(matches!(scalar("0.5"), Tree::Float(_)));
        assert!(matches!(scalar("true"), Tree::Bool(true)));
        assert!(matches!(scalar(""), Tree::Null));
        for text in [
            "yes",
            "012345678901",
            "1.2.3",
            "10.0.0.0/16",
            "inf",
            "nan",
            "eu-west-1",
        ] {
            assert!(matches!(scalar(text), Tree::Text(_)), "{text}");
        }
    }
}
