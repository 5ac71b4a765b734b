//! Where a text came from, and a place in it.

use std::sync::Arc;

use miette::NamedSource;

/// A place: which source, from which byte, how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) source: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Span {
    pub(crate) const fn new(source: usize, start: usize, len: usize) -> Self {
        Self { source, start, len }
    }
}

/// All texts that a stack was read from: the file (number 0) and the `--set` flags after it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<(String, Arc<str>)>);

impl Sources {
    /// Adds a text; answers its number.
    pub(crate) fn add(&mut self, name: impl Into<String>, text: &str) -> usize {
        self.0.push((name.into(), text.into()));
        self.0.len() - 1
    }

    /// The text at a place.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.0
            .get(span.source)
            .and_then(|(_, text)| text.get(span.start..span.start.saturating_add(span.len)))
            .unwrap_or_default()
    }

    /// A place in words: `stack.yaml:3`.
    pub(crate) fn whereabouts(&self, span: Span) -> String {
        let Some((name, text)) = self.0.get(span.source) else {
            return String::new();
        };
        let before = text.get(..span.start).unwrap_or_default();
        format!("{name}:{}", before.matches('\n').count() + 1)
    }

    /// A source in the form that diagnostics print: nothing in it can steer a terminal.
    pub(crate) fn printable(&self, source: usize) -> Option<NamedSource<Arc<str>>> {
        let (name, text) = self.0.get(source)?;
        Some(NamedSource::new(clean(name), tame(text).into()))
    }
}

/// The text with what could steer a terminal written out as `\u{…}`. Line breaks stay.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            clean.extend(c.escape_unicode())
        } else {
            clean.push(c)
        }
    }
    clean
}

/// The text with what could steer a terminal replaced by as many harmless bytes, so that every span still
/// fits.
fn tame(text: &str) -> String {
    let stand_in = |c: char| match c.len_utf8() {
        _ if !is_harmful(c) => c,
        1 => '?',
        2 => '\u{bf}',
        3 => '\u{fffd}',
        _ => c,
    };
    text.chars().map(stand_in).collect()
}

/// Whether a character could steer a terminal or reorder what it shows.
pub(crate) fn is_harmful(c: char) -> bool {
    let is_bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_bidi || c == '\u{feff}' || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_written_out() {
        assert_eq!(clean("a\u{1b}[31m\u{202e}é\n"), "a\\u{1b}[31m\\u{202e}é\n");
    }

    #[test]
    fn tamed_text_keeps_every_offset() {
        let text = "a\u{1b}b\u{85}c\u{202e}d\r\n\u{feff}é";
        let tamed = tame(text);
        assert_eq!(tamed.len(), text.len());
        assert!(!tamed.chars().any(is_harmful));
        assert_eq!(tamed.find('d'), text.find('d'));
    }
}
