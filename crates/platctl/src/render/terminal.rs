//! The one way to a terminal. What comes from files, from AWS or from builds may hold sequences that move the cursor,
//! turn text around or hide it; of all of these only our own colours get through.

use std::borrow::Cow;

/// Whether a character can change how the text around it looks.
pub(crate) fn forges(c: char) -> bool {
    let turns_around = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\t') || turns_around
}

/// Text with nothing in it but characters, line ends and colours.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| forges(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\n' => 1,
            '\u{1b}' => colour(rest).unwrap_or(0),
            c if forges(c) => 0,
            c => c.len_utf8(),
        };
        if length == 0 {
            out.push('\u{fffd}');
        }
        let (kept, after) = rest.split_at(length.max(c.len_utf8()));
        if length > 0 {
            out.push_str(kept);
        }
        rest = after;
    }
    Cow::Owned(out)
}

/// The length of the sequence at the beginning that sets a colour; none if it is another one, or hides what follows.
fn colour(text: &str) -> Option<usize> {
    let (numbers, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let known = numbers
        .split(';')
        .all(|n| n.bytes().all(|b| b.is_ascii_digit()) && n.len() <= 3 && n != "8");
    known.then_some(numbers.len() + 3)
}

/// JSON in which such characters are escaped, so that a program still reads what there was.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(|c: char| forges(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if forges(c) && c != '\n' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_everything_else_that_moves_does_not() {
        let coloured = "\u{1b}[32m+\u{1b}[0m a\n\u{1b}[38;2;1;2;3mb";
        assert_eq!(safe(coloured), coloured);
        for forged in [
            "\u{1b}[2J",
            "\u{1b}[1A",
            "\u{1b}]0;t\u{7}",
            "\r",
            "\u{9b}31m",
            "\u{202e}",
            "\u{1b}[8m",
            "\u{1b}",
        ] {
            let out = safe(forged).into_owned();
            assert!(
                out.starts_with('\u{fffd}') && !out.contains(forges),
                "{forged:?} is {out:?}"
            );
        }
    }

    #[test]
    fn json_says_what_there_was() {
        let value = serde_json::json!({"a": "\u{9b}\u{202e}\u{1b}"});
        let text = escaped(&value.to_string()).into_owned();
        assert!(!text.contains(forges), "{text:?}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
