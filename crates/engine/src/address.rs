//! Where a resource stands in a stack: `network.nat.eu-west-1a`.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a resource within its stack: segments of letters, digits, `_` and `-`, joined by dots.
///
/// It is the value of the ownership tag `platctl:address`, so it must survive as a tag value and as a
/// part of an AWS name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid address: use letters, digits, `_` and `-`, in parts joined by dots, at most \
     200 characters"
)]
pub struct BadAddress {
    text: String,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When a segment is empty or has a character other than letters, digits, `_` and `-`, or the whole
    /// is longer than 200 characters (a tag value holds 256).
    pub fn new(text: impl Into<String>) -> Result<Self, BadAddress> {
        let text = text.into();
        let sound = text.len() <= 200
            && text.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            });
        if sound {
            Ok(Self(text))
        } else {
            Err(BadAddress { text })
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Address {
    type Err = BadAddress;
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        Self::new(text)
    }
}

impl TryFrom<String> for Address {
    type Error = BadAddress;
    fn try_from(text: String) -> Result<Self, BadAddress> {
        Self::new(text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl AsRef<str> for Address {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Address {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_dotted_words() {
        for text in ["vpc", "network.nat.eu-west-1a", "a_b.C-9"] {
            assert_eq!(Address::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_what_would_not_survive_as_a_tag() {
        for text in [
            "",
            ".",
            "a..b",
            "a.",
            "a b",
            "a\u{1b}[31m",
            "ä",
            &"x".repeat(201),
        ] {
            assert!(Address::new(text).is_err(), "{text:?}");
        }
    }
}
