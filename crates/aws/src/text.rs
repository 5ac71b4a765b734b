//! What AWS takes as a name or a description.

use platctl_engine::SpecError;

/// A text of so many characters, all of them of a kind. `characters` says in words which.
pub(crate) struct Text {
    pub(crate) most: usize,
    pub(crate) sound: fn(char) -> bool,
    pub(crate) characters: &'static str,
}

/// A description of which AWS limits nothing but the length.
pub(crate) const fn any(most: usize) -> Text {
    Text {
        most,
        sound: |_| true,
        characters: "characters",
    }
}

impl Text {
    /// Whether a field that may be left out has a text that AWS takes.
    pub(crate) fn check(&self, path: &'static str, text: Option<&str>) -> Result<(), SpecError> {
        let text = text.unwrap_or_default();
        match text.chars().find(|c| !(self.sound)(*c)) {
            Some(wrong) => Err(SpecError::new(
                path,
                format!("must have only {}, not `{wrong}`", self.characters),
            )),
            None if text.chars().count() > self.most => Err(SpecError::new(
                path,
                format!("must have at most {} characters", self.most),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_not_too_long_and_has_only_certain_characters() {
        let letters = Text {
            most: 3,
            sound: |c| c.is_ascii_alphabetic(),
            characters: "letters",
        };
        let said = |text| letters.check("/d", text).map_err(|error| error.to_string());
        assert_eq!((said(None), said(Some("abc"))), (Ok(()), Ok(())));
        assert_eq!(
            said(Some("abcd")),
            Err("/d: must have at most 3 characters".into())
        );
        assert_eq!(
            said(Some("a-")),
            Err("/d: must have only letters, not `-`".into())
        );
        // Characters count, not bytes.
        assert!(any(2).check("/d", Some("\u{fc}\u{fc}")).is_ok());
    }
}
