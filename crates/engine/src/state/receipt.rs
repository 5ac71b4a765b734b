//! What became of each object of a stack that is deleted. A line is durable with the outcome that it tells of, in the
//! same entry of the journal, so that a destroy that is interrupted, however often, ends with one receipt of all.

use serde::{Deserialize, Serialize};

use crate::{Address, Id};

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The resource that it was.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Where it lived.
    pub scope: String,
    /// Its identifier; none of what never came to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Milliseconds since 1970.
    pub at: u64,
    /// What became of it.
    pub fate: Fate,
    /// What of its data stays. Once the fate is known, this was seen, complete, after the object was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
}

/// What became of an object. Each variant says what was seen, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Fate {
    /// Its deletion was begun.
    Begun,
    /// It was deleted: a read after the deletion did not find it.
    Deleted,
    /// It was gone before: a read at the beginning of the run did not find it.
    Missing,
    /// It lived inside of an object that is deleted, and goes with that.
    Inside {
        /// The resource that it lived inside of.
        home: Address,
    },
    /// The cloud deletes it later; until then it can be had back.
    Scheduled {
        /// When, in the words of its kind.
        status: String,
        /// The command that takes the deletion back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cancel: Option<String>,
    },
    /// It cannot be deleted, costs nothing, and goes by itself.
    Lapses,
    /// It stays on purpose.
    Kept {
        /// What it is kept for, or what is in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_what: Option<String>,
    },
    /// It is not this stack's to delete.
    LeftAlone {
        /// Why.
        why: String,
    },
}

/// Adds a line. What an earlier run said of the same object is over, but for what it left: that is known from the time
/// when the object was still there.
pub(super) fn note(receipt: &mut Vec<Ended>, mut ended: Ended) {
    let same = |one: &Ended| one.address == ended.address && one.id == ended.id;
    if let Some(at) = receipt.iter().position(same) {
        let before = receipt.remove(at);
        let over = matches!(before.fate, Fate::Deleted | Fate::Scheduled { .. });
        if over && ended.fate == Fate::Missing {
            ended.fate = before.fate;
        }
    }
    receipt.push(ended);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fate: Fate, leaves: Option<&str>) -> Ended {
        Ended {
            address: Address::new("a").unwrap(),
            kind: "toy.Tags".into(),
            scope: "here".into(),
            id: Some("a-1".into()),
            at: 0,
            fate,
            leaves: leaves.map(Into::into),
        }
    }

    #[test]
    fn the_last_word_on_an_object_counts_and_gone_stays_gone() {
        let mut receipt = Vec::new();
        note(&mut receipt, line(Fate::Begun, Some("snapshot a-final")));
        note(&mut receipt, line(Fate::Deleted, Some("snapshot a-final")));
        note(&mut receipt, line(Fate::Missing, Some("snapshot a-final")));
        assert_eq!(receipt, [line(Fate::Deleted, Some("snapshot a-final"))]);
        let other = Ended {
            id: Some("a-2".into()),
            ..line(Fate::Lapses, None)
        };
        note(&mut receipt, other.clone());
        assert_eq!(receipt.len(), 2);
        assert_eq!(receipt[1], other);
    }
}
