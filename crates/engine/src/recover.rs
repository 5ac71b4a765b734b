//! State that was lost, rebuilt from what the cloud says: every object that is tagged as this stack's, or that has
//! the name of a declared resource, stands for its address again. Nothing in the cloud is changed.

use serde_json::Value;

use crate::graph::{Entry, Graph};
use crate::observe::{Claims, Observed, ReadOptions, observe};
use crate::plan::Refusal;
use crate::state::{
    Declaration, Illegal, NewObject, Object, Record, RecordEvent, Session, StateError, Verb, now,
};
use crate::{Address, Candidate, Catalog, CloudError, Id};

/// What became of it.
#[derive(Debug, Default)]
pub struct Recovered {
    /// What stands for its address again.
    pub found: Vec<(Address, Id)>,
    /// What state knew already, from a copy of it.
    pub known: usize,
    /// Declared, and not there: the next apply makes it.
    pub missing: Vec<Address>,
    /// What nothing but its name says to be this stack's: it is taken only when that is asked for
    /// ([`Claims::ByName`]).
    pub by_name: Vec<(Address, Id)>,
    /// Objects that could be meant, and cannot be taken.
    pub refusals: Vec<Refusal>,
}

/// Why it did not come about.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum RecoverError {
    #[error("cannot read existing resources: {0}")]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Looks for everything that is declared, and notes in state what is found: of several generations the last one, with
/// those before it as what is still to be deleted. What a stack file no longer declares is not looked for.
///
/// # Errors
/// When the cloud does not answer, or state cannot be written.
pub async fn recover(
    graph: &Graph,
    session: &Session,
    catalog: &dyn Catalog,
    options: ReadOptions,
) -> Result<Recovered, RecoverError> {
    let state = session.state();
    let claims = if options.claims == Claims::ByName {
        Claims::ByName
    } else {
        Claims::Lost
    };
    let options = ReadOptions {
        thorough: true,
        claims,
        ..options
    };
    let mut observed = observe(&state, Some(graph), catalog, options).await?;
    // Before anything is noted: what the tags of a lost state name is this one's from here on.
    session
        .inherit(std::mem::take(&mut observed.lineages))
        .await?;
    let mut recovered = Recovered::default();
    for entry in graph.in_order() {
        let address = &entry.node.address;
        let generations = last_first(observed.many.remove(address).unwrap_or_default());
        if let [last, ..] = &generations[..] {
            observed.found.insert(address.clone(), last.clone());
            observed
                .refusals
                .retain(|refusal| !is_about(refusal, address));
        }
        let Some(record) = found(
            entry,
            graph,
            &observed,
            session.record(address),
            &generations,
        ) else {
            match state
                .resources
                .get(address)
                .is_some_and(|record| record.object.is_some())
            {
                true => recovered.known += 1,
                false => recovered.missing.push(address.clone()),
            }
            continue;
        };
        let record = record.map_err(StateError::from)?;
        let id = record.object.as_ref().map(|object| object.id.clone());
        session.outcome(Verb::Adopt, address, Some(record)).await?;
        recovered.found.extend(id.map(|id| (address.clone(), id)));
    }
    recovered.tell_refusals(graph, observed.refusals);
    Ok(recovered)
}

impl Recovered {
    /// What has only its name to show for it is a question to the user, not a refusal.
    fn tell_refusals(&mut self, graph: &Graph, refusals: Vec<Refusal>) {
        for refusal in refusals {
            match refusal {
                Refusal::Foreign {
                    address, kind, id, ..
                } if !is_tagged(graph, &address, &kind) => {
                    self.missing.retain(|missing| *missing != address);
                    self.by_name.push((address, id));
                }
                other => self.refusals.push(other),
            }
        }
    }
}

fn is_tagged(graph: &Graph, address: &Address, kind: &str) -> bool {
    let entry = graph
        .get(address.as_str())
        .filter(|entry| entry.node.kind == kind);
    entry.is_none_or(|entry| entry.kind.facts().tagged)
}

/// Objects of one address, the last generation first; none where two are of the last one, which nobody can tell apart.
fn last_first(mut objects: Vec<Candidate>) -> Vec<Candidate> {
    objects.sort_by_key(|object| std::cmp::Reverse(generation(object)));
    match &objects[..] {
        [last, next, ..] if generation(last) == generation(next) => Vec::new(),
        _ => objects,
    }
}

fn generation(object: &Candidate) -> u32 {
    object.owner.as_ref().map_or(0, |owner| owner.generation)
}

fn is_about(refusal: &Refusal, about: &Address) -> bool {
    matches!(refusal, Refusal::Ambiguous { address, .. } if address == about)
}

fn found(
    entry: &Entry,
    graph: &Graph,
    observed: &Observed,
    known: Option<Record>,
    generations: &[Candidate],
) -> Option<Result<Record, Illegal>> {
    let node = &entry.node;
    let candidate = observed.found.get(&node.address)?;
    let live = observed.get(&node.kind, &node.scope, &candidate.id);
    let record = known
        .unwrap_or_else(|| Record::new(&node.kind, &node.scope))
        .of(&node.kind, &node.scope);
    let begun = record.creating.as_ref().map(|creating| creating.generation);
    let tagged = candidate.owner.as_ref().map(|owner| owner.generation);
    let new = NewObject {
        id: candidate.id.clone(),
        generation: tagged.or(begun).unwrap_or(record.generation.max(1)),
        made: now(),
        intended: Value::Null,
        // What state knew of before is for the next apply to look at, and to delete.
        outlived: true,
    };
    let outputs = live.map_or(Value::Null, |live| live.outputs.clone());
    let older = generations
        .iter()
        .skip(1)
        .map(|object| Object::new(object.id.clone(), generation(object)))
        .collect();
    let producers = graph.producers(node.address.as_str());
    let declared = Declaration {
        dependencies: producers.map(|(address, _)| address.clone()).collect(),
        protect: node.protect,
        ephemeral: node.ephemeral,
    };
    Some(record.apply(RecordEvent::Recovered(new, outputs, older, declared)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Lab, graph};

    #[tokio::test(start_paused = true)]
    async fn a_lost_state_is_made_anew_and_the_next_apply_has_nothing_to_make() {
        let lab = Lab::new();
        let declared = || {
            let nodes = [
                ("one", "toy.Tags", json!({"size": 1})),
                ("two", "toy.Tags", json!({"size": 2})),
            ];
            graph(&nodes, &lab.cloud)
        };
        lab.apply(declared()).await;
        let session = lab.session().await;
        for address in ["one", "two"] {
            session
                .remove(&Address::new(address).unwrap())
                .await
                .unwrap();
        }
        let recovered = recover(&declared(), &session, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (
                recovered.found.len(),
                recovered.missing.len(),
                recovered.known
            ),
            (2, 0, 0)
        );
        let again = recover(&declared(), &session, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
        assert_eq!((again.found.len(), again.known), (0, 2));
        session.finish().await.unwrap();
        drop(session);
        lab.apply(declared()).await;
        assert_eq!(lab.cloud.things().len(), 2, "nothing was made beside them");
    }
}
