//! Where state lives, when it is no folder: `s3://bucket/prefix?region=eu-west-1&kms_key=alias/state`.

use std::fmt;
use std::str::FromStr;

/// A place in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUrl {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The bucket's region. Default: detected automatically.
    pub region: Option<String>,
    /// The KMS key, by ID, ARN or alias. Default: the encryption of the bucket.
    pub kms_key: Option<String>,
}

impl FromStr for StateUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}` is not a valid location for the state: use s3://bucket/prefix, optionally with \
                 ?region= and &kms_key="
            )
        };
        let rest = text.strip_prefix("s3://").ok_or_else(form)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/').to_owned();
        if !is_bucket(bucket) || !prefix.bytes().all(is_key) {
            return Err(form());
        }
        let mut url = Self {
            bucket: bucket.to_owned(),
            prefix,
            region: None,
            kms_key: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("region", region)) if is_word(region) => url.region = Some(region.to_owned()),
                Some(("kms_key", key)) if is_word(key) => url.kms_key = Some(key.to_owned()),
                _ => return Err(form()),
            }
        }
        Ok(url)
    }
}

impl fmt::Display for StateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let mut mark = '?';
        for (name, value) in [("region", &self.region), ("kms_key", &self.kms_key)] {
            if let Some(value) = value {
                write!(f, "{mark}{name}={value}")?;
                mark = '&';
            }
        }
        Ok(())
    }
}

fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && edge(bytes.first())
        && edge(bytes.last())
}

/// What keys may be made of without being written otherwise anywhere.
const fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'=')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is_key(byte) || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written_alike() {
        for text in [
            "s3://acme-state",
            "s3://acme-state/a/b",
            "s3://acme-state/a?region=eu-west-1&kms_key=alias/state",
        ] {
            assert_eq!(text.parse::<StateUrl>().unwrap().to_string(), text);
        }
        assert_eq!(
            "s3://acme-state/a/".parse::<StateUrl>().unwrap().prefix,
            "a"
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "state",
            "s3:/x",
            "s3://",
            "s3://Ab",
            "s3://ab",
            "s3://abc/ä",
            "s3://abc?x=1",
            "s3://abc?region=",
        ] {
            assert!(text.parse::<StateUrl>().is_err(), "{text}");
        }
    }
}
