//! What is wrong with a stack file, as a person reads it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
pub use platctl_engine::nearest;

use crate::source::{Sources, Span, clean};

/// One thing that is wrong: what, where, and what to do about it.
///
/// Neither its texts nor the source that it carries hold characters that could steer a terminal.
#[derive(Clone, Debug)]
pub struct StackError {
    message: String,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<NamedSource<Arc<str>>>,
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StackError {}

impl Diagnostic for StackError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }
}

/// All that is wrong with a stack file. Never empty.
#[derive(Clone, Debug)]
pub struct StackErrors(Vec<StackError>);

impl StackErrors {
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, StackError> {
        self.0.iter()
    }

    /// An error that has no place in any text.
    pub(crate) fn plain(message: &str) -> Self {
        Self(vec![StackError {
            message: clean(message),
            help: None,
            labels: Vec::new(),
            source: None,
        }])
    }
}

impl<'a> IntoIterator for &'a StackErrors {
    type Item = &'a StackError;
    type IntoIter = std::slice::Iter<'a, StackError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for StackErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl Error for StackErrors {}

/// What is wrong, before the texts that it points into are at hand.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    message: String,
    help: Option<String>,
    labels: Vec<(Span, String)>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            labels: Vec::new(),
        }
    }

    /// Points at a place; the first one decides which text is shown.
    pub(crate) fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The error with its text. Places in another text than the first one's are named in the message.
    fn finish(self, sources: &Sources) -> StackError {
        let home = self.labels.first().map(|(span, _)| span.source);
        let mut message = self.message;
        let mut labels = Vec::new();
        for (span, label) in self.labels {
            if Some(span.source) == home {
                let label = (!label.is_empty()).then(|| clean(&label));
                labels.push(LabeledSpan::new(label, span.start, span.len));
            } else {
                message = format!("{message} ({label}: {})", sources.whereabouts(span));
            }
        }
        StackError {
            message: clean(&message),
            help: self.help.as_deref().map(clean),
            labels,
            source: home.and_then(|home| sources.printable(home)),
        }
    }
}

/// Nothing, or all faults as errors.
pub(crate) fn verdict(faults: Vec<Fault>, sources: &Sources) -> Result<(), StackErrors> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(errors(faults, sources))
    }
}

/// Faults as errors.
pub(crate) fn errors(faults: Vec<Fault>, sources: &Sources) -> StackErrors {
    StackErrors(
        faults
            .into_iter()
            .map(|fault| fault.finish(sources))
            .collect(),
    )
}

/// A text from the user in a message: in backticks, shortened.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("`{}…`", text.get(..at).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// `did you mean …?`, or all that would have been right.
pub(crate) fn suggest(name: &str, known: &[&str]) -> Option<String> {
    if let Some(found) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{found}`?"));
    }
    (!known.is_empty()).then(|| format!("available: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_between_characters() {
        let shown = quoted(&"é".repeat(200));
        assert_eq!(shown.chars().count(), 83);
    }
}
