//! `${env:NAME}` becomes its value; `${address.output}` becomes a reference.

use crate::error::{Fault, quoted};
use crate::parse::check;
use crate::source::{Sources, Span};
use crate::tree::{Node, Part, Text, Tree};

/// Looks an environment variable up.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Interpolates every string below a node. Values of variables are never scanned again.
pub(crate) fn interpolate(
    node: &mut Node,
    sources: &Sources,
    env: Env<'_>,
    faults: &mut Vec<Fault>,
) {
    match &mut node.tree {
        Tree::Text(text) if text.text.contains("${") => {
            let mut scan = Scan {
                sources,
                env,
                span: node.span,
                parts: Vec::new(),
                from_env: false,
            };
            match scan.run(&text.text) {
                Ok(()) => node.tree = scan.finish(text.plain),
                Err(fault) => faults.push(fault),
            }
        }
        Tree::List(items) => items
            .iter_mut()
            .for_each(|item| interpolate(item, sources, env, faults)),
        Tree::Map(entries) => {
            for (key, value) in entries {
                if key.text.contains("${") {
                    faults.push(
                        Fault::new("`${…}` is not allowed in keys")
                            .at(key.span, "only allowed in values"),
                    );
                }
                interpolate(value, sources, env, faults);
            }
        }
        _ => {}
    }
}

struct Scan<'a> {
    sources: &'a Sources,
    env: Env<'a>,
    span: Span,
    parts: Vec<Part>,
    from_env: bool,
}

impl Scan<'_> {
    fn run(&mut self, text: &str) -> Result<(), Fault> {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            self.literal(before);
            rest = if let Some(after) = from.strip_prefix("$${") {
                self.literal("${");
                after
            } else if let Some(inner) = from.strip_prefix("${") {
                let Some((body, after)) = inner.split_once('}') else {
                    return Err(Fault::new("unclosed `${`").at(self.place(from), "missing `}`"));
                };
                self.expression(body)?;
                after
            } else {
                self.literal("$");
                from.get(1..).unwrap_or_default()
            };
        }
        self.literal(rest);
        Ok(())
    }

    fn literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
    }

    fn expression(&mut self, body: &str) -> Result<(), Fault> {
        let span = self.place(&format!("${{{body}}}"));
        let Some(variable) = body.strip_prefix("env:") else {
            self.parts.push(Part::Reference {
                path: body.to_owned(),
                span,
            });
            return Ok(());
        };
        let value = self.variable(variable, span)?;
        self.from_env = true;
        self.literal(&value);
        Ok(())
    }

    fn variable(&self, expression: &str, span: Span) -> Result<String, Fault> {
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        if !is_variable(name) {
            return Err(Fault::new(format!(
                "{} is not a valid environment variable name",
                quoted(name)
            ))
            .at(
                span,
                "use letters, digits and `_`, and do not begin with a digit",
            ));
        }
        // As in a shell, `:-` stands in for an empty variable as well.
        let value = (self.env)(name).filter(|value| default.is_none() || !value.is_empty());
        let value = value
            .or_else(|| default.map(ToOwned::to_owned))
            .ok_or_else(|| {
                Fault::new(format!("the environment variable `{name}` is not set"))
                    .at(span, "used here")
                    .help(format!(
                        "set the variable, or add a default: ${{env:{name}:-…}}"
                    ))
            })?;
        check(&value, span)?;
        Ok(value)
    }

    /// The place of a part within the string, where it can be found there as it is written.
    fn place(&self, part: &str) -> Span {
        match self.sources.slice(self.span).find(part) {
            Some(at) => Span::new(self.span.source, self.span.start + at, part.len()),
            None => self.span,
        }
    }

    fn finish(self, plain: bool) -> Tree {
        if self
            .parts
            .iter()
            .any(|part| matches!(part, Part::Reference { .. }))
        {
            return Tree::Template(self.parts);
        }
        let text = self.parts.into_iter().map(|part| match part {
            Part::Literal(text) => text,
            Part::Reference { .. } => String::new(),
        });
        Tree::Text(Text {
            text: text.collect(),
            plain,
            untyped: self.from_env,
        })
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
