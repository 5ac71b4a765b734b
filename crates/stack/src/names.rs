//! Words of a stack file that have a form of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use platctl_aws::regions;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A text that was checked when it was read.
macro_rules! word {
    ($(#[$meta:meta])* $name:ident, $check:path) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(String);

        schema_of!($name, String);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                $check(&text)?;
                Ok(Self(text))
            }
        }
    };
}

word! {
    /// The stack's name: a prefix of AWS names, some of which have 32 characters at most.
    StackName, stack_name
}
word! {
    /// An AWS region.
    Region, region
}
word! {
    /// How long an environment is wanted: `8h`.
    Ttl, ttl
}
word! {
    /// A place in S3.
    StatePlace, state_place
}
word! {
    /// An object in S3.
    ObjectPlace, object_place
}
word! {
    /// What the names of stacks begin with.
    StackPrefix, stack_prefix
}
word! {
    /// A SHA-256 digest, in hexadecimal digits.
    Digest, digest
}
word! {
    /// The key of a tag that a user may set.
    TagKey, tag_key
}
word! {
    /// The value of a tag.
    TagValue, tag_value
}

/// Tags as a user states them.
pub(crate) type TagMap = BTreeMap<TagKey, TagValue>;

/// An AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account(String);

schema_of!(Account, String);

impl Account {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AccountVisitor)
    }
}

struct AccountVisitor;

impl Visitor<'_> for AccountVisitor {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Account, E> {
        account(text).map_err(E::custom)?;
        Ok(Account(text.to_owned()))
    }

    /// YAML reads it as a number where the quotes are missing, and some readers lose its zeros at the beginning.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Account, E> {
        let text = format!("{number:012}");
        account(&text).map_err(E::custom)?;
        // With fewer digits, more than its zeros are missing.
        let whole = number >= 1_000_000_000;
        account(if whole { text.as_str() } else { "" }).map_err(E::custom)?;
        Err(E::custom(format!(
            "an account ID must be in quotes: \"{text}\""
        )))
    }
}

/// The port of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct DatabasePort(pub(crate) u16);

schema_of!(DatabasePort, u16);

impl TryFrom<u64> for DatabasePort {
    type Error = String;
    fn try_from(number: u64) -> Result<Self, String> {
        let port = u16::try_from(number).map_err(|_| ()).and_then(|port| {
            platctl_aws::rds::names::check_port(port.into())
                .map(|()| Self(port))
                .map_err(|_| ())
        });
        port.map_err(|()| {
            let ports = platctl_aws::rds::names::PORTS;
            format!(
                "the port of a database must be between {} and {}",
                ports.start(),
                ports.end()
            )
        })
    }
}

fn stack_name(text: &str) -> Result<(), String> {
    let sound = (1..=20).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    demand(
        sound,
        "a stack name must have 1 to 20 lower-case letters, digits and `-`, begin with a letter, and not end \
         with `-`",
    )
}

/// Checks a stack's name and its region as a stack file's are: for what says them without one, such as a saved plan.
///
/// # Errors
/// What is wrong with them.
pub fn check_names(stack: &str, home: &str) -> Result<(), String> {
    stack_name(stack)?;
    region(home)
}

fn ttl(text: &str) -> Result<(), String> {
    lifetime(text)
        .map(drop)
        .ok_or_else(|| "must be a number followed by `m`, `h` or `d`, such as 8h".to_owned())
}

/// How long `8h` is; `m`, `h` and `d` are the units. None for what is no such text.
#[must_use]
pub fn lifetime(text: &str) -> Option<Duration> {
    let number = text.strip_suffix(['m', 'h', 'd'])?;
    let seconds = match text.as_bytes().last()? {
        b'm' => 60,
        b'h' => 60 * 60,
        _ => 24 * 60 * 60,
    };
    let is_number = number.len() <= 5 && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_number)?;
    (number > 0).then(|| Duration::from_secs(number * seconds))
}

fn region(text: &str) -> Result<(), String> {
    let parts: Vec<_> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let sound = parts.split_last().is_some_and(|(number, words)| {
        words.len() >= 2
            && words.iter().all(letters)
            && (1..=2).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
    });
    demand(
        sound,
        "invalid region: use a name such as eu-west-1, without the letter of a zone",
    )?;
    regions::check(text)
}

/// Checks the name of a region that does not come from a stack file.
///
/// # Errors
/// What is wrong with it.
pub fn check_region(text: &str) -> Result<(), String> {
    region(text)
}

fn account(text: &str) -> Result<(), String> {
    let sound = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    demand(
        sound,
        "an account ID must have 12 digits, in quotes: \"123456789012\"",
    )
}

fn state_place(text: &str) -> Result<(), String> {
    text.parse::<crate::StateUrl>().map(drop)
}

fn object_place(text: &str) -> Result<(), String> {
    let place = text.parse::<crate::StateUrl>().ok();
    let sound = place.is_some_and(|place| !place.prefix.is_empty()) && !text.contains('?');
    demand(sound, "must be an object in S3: s3://bucket/key")
}

fn stack_prefix(text: &str) -> Result<(), String> {
    stack_name(text.strip_suffix('-').unwrap_or(text)).map_err(|_| {
        "must be what stack names begin with: lower-case letters, digits and `-`, such as `pr-`"
            .to_owned()
    })
}

fn digest(text: &str) -> Result<(), String> {
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    demand(
        text.len() == 64 && text.bytes().all(is_digit),
        "must be a SHA-256 digest: 64 digits and letters from a to f, as `sha256sum` prints it",
    )
}

fn tag_key(text: &str) -> Result<(), String> {
    demand(
        (1..=128).contains(&text.chars().count()),
        "a tag key must have 1 to 128 characters",
    )?;
    let lower = text.to_ascii_lowercase();
    demand(
        !lower.starts_with("aws:"),
        "tag keys that begin with `aws:` are reserved for AWS",
    )?;
    demand(
        !lower.starts_with("platctl:"),
        "tag keys that begin with `platctl:` are reserved for ownership tags",
    )?;
    demand(
        text != "Name",
        "the tag `Name` is set by platctl (stack name and address)",
    )?;
    demand(has_tag_characters(text), TAG_CHARACTERS)
}

fn tag_value(text: &str) -> Result<(), String> {
    demand(
        text.chars().count() <= 256,
        "a tag value can have at most 256 characters",
    )?;
    demand(has_tag_characters(text), TAG_CHARACTERS)
}

const TAG_CHARACTERS: &str = "a tag can contain only letters, digits, spaces and _ . : / = + - @";

/// What every service takes; some take more.
fn has_tag_characters(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

fn demand(sound: bool, otherwise: &str) -> Result<(), String> {
    if sound {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_names() {
        for good in ["p", "prod", "prod-2", "a2345678901234567890"] {
            assert_eq!(stack_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "2prod",
            "-prod",
            "prod-",
            "Prod",
            "pro_d",
            "a23456789012345678901",
            "pröd",
        ] {
            assert!(stack_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lifetimes() {
        assert_eq!(lifetime("90m"), Some(Duration::from_secs(5400)));
        assert_eq!(lifetime("2d"), Some(Duration::from_secs(172_800)));
        for bad in [
            "", "h", "8", "0h", "+8h", "-8h", "8 h", "8H", "100000d", "1.5h",
        ] {
            assert_eq!(lifetime(bad), None, "{bad}");
        }
    }

    #[test]
    fn regions() {
        for good in [
            "eu-west-1",
            "us-gov-east-1",
            "ap-southeast-7",
            "eusc-de-east-1",
            "cn-north-1",
        ] {
            assert_eq!(region(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "eu-west-1a",
            "euwest1",
            "eu-west",
            "eu--1",
            "EU-west-1",
            "eu-west-",
        ] {
            assert!(region(bad).is_err(), "{bad}");
        }
        assert_eq!(
            region("eu-wset-1"),
            Err("AWS has no region `eu-wset-1`: did you mean `eu-west-1`?".into())
        );
        assert!(region("xx-nowhere-1").is_err());
    }

    #[test]
    fn tags_that_belong_to_others_are_refused() {
        for bad in ["", "aws:x", "AWS:x", "platctl:stack", "Name", "a#b"] {
            assert!(tag_key(bad).is_err(), "{bad}");
        }
        assert_eq!(tag_key("kubernetes.io/cluster/prod"), Ok(()));
        assert!(tag_value(&"x".repeat(257)).is_err());
    }
}
