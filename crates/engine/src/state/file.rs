//! The state file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::disk::{keep, read, replace, sibling};
use super::{Creation, Ended, Lifespan, Record, StateError};
use crate::{Address, Owner};

/// The format that this platctl writes. It reads those before it, too: 2 added the stack's region, and what a record
/// needs to tell whose an object is.
const VERSION: u32 = 2;
/// The largest state file or journal that is read: 1 GiB. Twenty thousand resources take some tens of MiB, and the
/// journal of their creation three times as much.
pub(super) const LIMIT: u64 = 1 << 30;

/// Everything that platctl remembers of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The format's version.
    pub version: u32,
    /// The stack's name.
    pub stack: String,
    /// Which state this is: 32 random hexadecimal digits, given at its beginning, kept for good.
    pub lineage: String,
    /// Counts the versions of this file.
    pub serial: u64,
    /// The account that the resources live in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region that the stack lives in. None as long as a platctl that does not note it is all that has written
    /// it; see [`State::home`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The lineages of lost states whose objects this one has taken over (`state recover`): what their tags say is
    /// this state's too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heir_of: Vec<String>,
    /// For how long it is wanted; none for a stack that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifespan: Option<Lifespan>,
    /// What became of the objects of the stack, while and after it is deleted. It is kept until the stack is applied
    /// again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipt: Vec<Ended>,
    /// What the stack has taken of what stacks share, by what it is for: a block of a pool of addresses. See
    /// [`super::reserve`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserved: BTreeMap<String, String>,
    /// Who applied the stack first, and when; none where a platctl that does not note it has created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation: Option<Creation>,
    /// What is remembered of each resource.
    pub resources: BTreeMap<Address, Record>,
}

impl State {
    /// The state of a stack that was never applied.
    #[must_use]
    pub fn new(stack: &str) -> Self {
        let lineage = format!("{:032x}", rand::rng().random::<u128>());
        Self {
            version: VERSION,
            stack: stack.to_owned(),
            lineage,
            serial: 0,
            account: None,
            region: None,
            heir_of: Vec::new(),
            lifespan: None,
            receipt: Vec::new(),
            reserved: BTreeMap::new(),
            creation: None,
            resources: BTreeMap::new(),
        }
    }

    /// Whose the object of an address is, by this state.
    #[must_use]
    pub fn owner(&self, address: &Address, generation: u32) -> Owner {
        Owner {
            stack: self.stack.clone(),
            address: address.to_string(),
            generation,
            region: self.region.clone(),
            lineage: Some(self.lineage.clone()),
        }
    }

    /// The region that the stack lives in: the one noted, else the one that most of its resources are in. None for
    /// a stack that has nothing.
    #[must_use]
    pub fn home(&self) -> Option<&str> {
        if self.resources.is_empty() {
            return None;
        }
        self.region.as_deref().or_else(|| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for record in self.resources.values() {
                *counts.entry(&record.scope).or_default() += 1;
            }
            counts
                .into_iter()
                .max_by_key(|(_, count)| *count)
                .map(|(scope, _)| scope)
        })
    }

    /// Whether the stack may be worked on in this region: it lives there, or it has nothing yet.
    #[must_use]
    pub fn lives_in(&self, region: &str) -> bool {
        match &self.region {
            Some(home) => home == region || self.resources.is_empty(),
            // What most resources are in is a guess where an older platctl wrote the state.
            None => {
                self.resources.is_empty()
                    || self.resources.values().any(|record| record.scope == region)
            }
        }
    }

    /// Reads a state file; none when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, is no state of this stack, or is of a newer format.
    pub fn read(path: &Path, stack: &str) -> Result<Option<Self>, StateError> {
        read(path, LIMIT)?
            .map(|text| Self::parse(&text, path, stack))
            .transpose()
    }

    /// Reads a document that came from somewhere.
    pub(super) fn parse(text: &[u8], path: &Path, stack: &str) -> Result<Self, StateError> {
        let corrupt = |why: serde_json::Error| StateError::Corrupt {
            path: path.to_owned(),
            why: why.to_string(),
        };
        let any: serde_json::Value = serde_json::from_slice(text).map_err(corrupt)?;
        let found = any
            .get("version")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default();
        if found > u64::from(VERSION) {
            return Err(StateError::Newer {
                path: path.to_owned(),
                found,
                known: VERSION,
            });
        }
        let state = Self {
            version: VERSION,
            ..serde_json::from_slice(text).map_err(corrupt)?
        };
        if state.stack != stack {
            let (path, wanted) = (path.to_owned(), stack.to_owned());
            return Err(StateError::OtherStack {
                path,
                found: state.stack,
                wanted,
            });
        }
        Ok(state)
    }

    /// Notes the region that the stack lives in, unless it lives in another one.
    pub fn settle_in(&mut self, region: &str) {
        if self.lives_in(region) {
            self.region = Some(region.to_owned());
        }
    }

    /// The document, for people to read too.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Replaces the state file, durably: at every instant the old or the new one is there in full, and
    /// once this returns the new one survives a power failure. The old one stays as `….backup`.
    ///
    /// # Errors
    /// When a file cannot be written; the old one is then still in place.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let failed = |error: io::Error| StateError::io("write", path, error);
        let text = self.text().map_err(failed)?;
        keep(path, &sibling(path, ".backup")).map_err(failed)?;
        replace(path, &text).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn sample() -> State {
        let mut state = State::new("s");
        state.resources.insert(
            Address::new("a.b").unwrap(),
            Record::new("toy.Tags", "here"),
        );
        state
    }

    #[test]
    fn reads_what_it_wrote_and_keeps_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/s.json");
        assert_eq!(State::read(&path, "s").unwrap(), None);
        let mut state = sample();
        state.write(&path).unwrap();
        state.serial = 1;
        state.write(&path).unwrap();
        assert_eq!(State::read(&path, "s").unwrap(), Some(state));
        let before = State::read(&path.with_file_name("s.json.backup"), "s")
            .unwrap()
            .unwrap();
        assert_eq!(before.serial, 0);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_file_cut_at_any_byte_is_an_error_never_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        sample().write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        // Without its last newline the document is still complete.
        for cut in 0..whole.len() - 1 {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(
                matches!(State::read(&path, "s"), Err(StateError::Corrupt { .. })),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn refuses_newer_formats_and_other_stacks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        fs::write(&path, r#"{"version": 3, "shiny": true}"#).unwrap();
        assert!(matches!(
            State::read(&path, "s"),
            Err(StateError::Newer { found: 3, .. })
        ));
        sample().write(&path).unwrap();
        assert!(matches!(
            State::read(&path, "t"),
            Err(StateError::OtherStack { .. })
        ));
    }
}
