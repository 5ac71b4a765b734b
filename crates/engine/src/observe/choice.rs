//! Which of the objects that were found is ours.

use super::ownership::{Heritage, Stranger};
use crate::{Candidate, Facts, Id, Identity, Owner};

/// What a lookup comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing is there.
    None,
    /// This is it.
    One(Candidate),
    /// Something is there under its name, but it is not ours.
    Foreign(Id, Option<Owner>, Stranger),
    /// More than one could be it: a human has to tell.
    Many(Vec<Id>),
}

/// Picks the object that is ours. Never guesses. An object without tags of a kind that carries none may still be
/// anybody's: whoever asks has to know more than its name.
#[must_use]
pub fn choose(
    candidates: Vec<Candidate>,
    owner: &Owner,
    generation: Option<u32>,
    facts: &Facts,
    heritage: &Heritage,
) -> Choice {
    let stranger = |candidate: &Candidate| match &candidate.owner {
        None => (facts.tagged).then_some(Stranger::Unowned),
        Some(found) => heritage.stranger(found, owner).or_else(|| {
            (found.address != owner.address).then(|| Stranger::OtherAddress(found.address.clone()))
        }),
    };
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    for candidate in candidates {
        match stranger(&candidate) {
            Some(stranger) => others.push((candidate, stranger)),
            None => mine.push(candidate),
        }
    }
    // Another generation of the address is neither the one looked for, nor anybody else's.
    let wanted = |candidate: &Candidate| match (&candidate.owner, generation) {
        (Some(found), Some(generation)) => found.generation == generation,
        _ => true,
    };
    mine.retain(wanted);
    mine.sort_by(|a, b| a.id.cmp(&b.id));
    mine.dedup_by(|a, b| a.id == b.id);
    // What is found by its tags is in nobody's way.
    let in_the_way = |stranger: &Stranger| match facts.identity {
        Identity::Name => true,
        Identity::Token | Identity::Tags => *stranger == Stranger::OtherState,
    };
    match (
        mine.len(),
        others
            .into_iter()
            .find(|(_, stranger)| in_the_way(stranger)),
    ) {
        (1, _) => mine.pop().map_or(Choice::None, Choice::One),
        (0, Some((other, stranger))) => Choice::Foreign(other.id, other.owner, stranger),
        (0, None) => Choice::None,
        _ => Choice::Many(mine.into_iter().map(|candidate| candidate.id).collect()),
    }
}
