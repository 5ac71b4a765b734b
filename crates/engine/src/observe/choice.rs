//! Which of the objects that were found is ours.

use crate::{Candidate, Id, Owner};

/// What a lookup comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing is there.
    None,
    /// This is it.
    One(Candidate),
    /// Something is there under its name, but it is not ours.
    Foreign(Id, Option<Owner>),
    /// More than one could be it: a human has to tell.
    Many(Vec<Id>),
}

/// Picks the object that is ours. Never guesses.
#[must_use]
pub fn choose(candidates: Vec<Candidate>, owner: &Owner, generation: Option<u32>, tagged: bool) -> Choice {
    let ours = |candidate: &Candidate| match &candidate.owner {
        Some(found) => {
            found.stack == owner.stack
                && found.address == owner.address
                && generation.is_none_or(|generation| found.generation == generation)
        }
        None => !tagged,
    };
    let (mut mine, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(ours);
    mine.sort_by(|a, b| a.id.cmp(&b.id));
    mine.dedup_by(|a, b| a.id == b.id);
    let same_stack = |c: &Candidate| {
        c.owner.as_ref().is_some_and(|o| o.stack == owner.stack && o.address == owner.address)
    };
    match (mine.len(), others.into_iter().find(|other| !same_stack(other))) {
        (1, _) => mine.pop().map_or(Choice::None, Choice::One),
        (0, Some(other)) => Choice::Foreign(other.id, other.owner),
        (0, None) => Choice::None,
        _ => Choice::Many(mine.into_iter().map(|candidate| candidate.id).collect()),
    }
}

/// Whose an object is, in words.
#[must_use]
pub fn describe_owner(owner: Option<&Owner>) -> String {
    owner.map_or_else(
        || "carries no ownership tags of platctl".to_owned(),
        |owner| format!("belongs to `{}` of stack `{}`", owner.address, owner.stack),
    )
}
