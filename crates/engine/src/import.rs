//! Taking over an object that somebody else made.

use crate::graph::Node;
use crate::state::{Object, Record, Session, StateError, Verb};
use crate::{Address, Catalog, CloudError, Id, Phase};

/// Why an object was not taken over. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum ImportError {
    #[error("there is no {kind} with id {id} in {scope}")]
    Nothing { kind: String, id: Id, scope: String },
    #[error("{id} is being deleted")]
    Leaving { id: Id },
    #[error("{id} belongs to stack `{stack}`, as its tags say: remove it there first (`platctl state rm`)")]
    Foreign { id: Id, stack: String },
    #[error("{id} is `{address}` of this stack already")]
    Known { id: Id, address: Address },
    #[error("`{address}` stands for {id} already: `platctl state rm` makes room")]
    Taken { address: Address, id: Id },
    #[error("this platctl does not know kind `{kind}`")]
    UnknownKind { kind: String },
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Makes the live object `id` stand for a declared resource. Only state is written: the next apply writes the
/// ownership tags and whatever differs.
///
/// # Errors
/// When there is no such object, or it is somebody's already.
pub async fn import(
    node: &Node,
    id: &Id,
    session: &Session,
    catalog: &dyn Catalog,
) -> Result<(), ImportError> {
    let state = session.state();
    check_free(node, id, &state)?;
    let unknown = || ImportError::UnknownKind { kind: node.kind.clone() };
    let kind = catalog.bind(&node.kind, &node.scope).ok_or_else(unknown)?;
    let live = kind.describe(std::slice::from_ref(id)).await?.into_iter().next().flatten();
    let nothing =
        || ImportError::Nothing { kind: node.kind.clone(), id: id.clone(), scope: node.scope.clone() };
    let live = live.ok_or_else(nothing)?;
    if live.phase == Phase::Deleting {
        return Err(ImportError::Leaving { id: id.clone() });
    }
    let generation = match &live.owner {
        Some(owner) if owner.stack != state.stack => {
            return Err(ImportError::Foreign { id: id.clone(), stack: owner.stack.clone() });
        }
        owner => owner.as_ref().map_or(1, |owner| owner.generation),
    };
    let mut record = Record::new(&node.kind, &node.scope);
    record.generation = generation;
    record.protect = node.protect;
    record.ephemeral = node.ephemeral;
    let spec = serde_json::Value::Null;
    let dependencies = Vec::new();
    record.object =
        Some(Object { id: live.id, generation, made: 0, spec, outputs: live.outputs, dependencies });
    Ok(session.outcome(Verb::Adopt, &node.address, Some(record)).await?)
}

fn check_free(node: &Node, id: &Id, state: &crate::state::State) -> Result<(), ImportError> {
    for (address, record) in &state.resources {
        let object = record.object.as_ref();
        if record.kind == node.kind && object.is_some_and(|object| object.id == *id) {
            return Err(ImportError::Known { id: id.clone(), address: address.clone() });
        }
        if let Some(object) = object.filter(|_| *address == node.address) {
            return Err(ImportError::Taken { address: address.clone(), id: object.id.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Lab, graph};

    #[tokio::test(start_paused = true)]
    async fn an_object_is_taken_over_and_the_next_apply_makes_it_ours() {
        let lab = Lab::new();
        lab.apply(graph(&[("one", "toy.Tags", json!({"size": 1}))], &lab.cloud)).await;
        let id = lab.store().read().await.unwrap().state.resources["one"].object.as_ref().unwrap().id.clone();
        let session = lab.session().await;
        session.remove(&Address::new("one").unwrap()).await.unwrap();
        let declared = graph(&[("two", "toy.Tags", json!({"size": 5}))], &lab.cloud);
        let node = declared.nodes().remove(0);
        import(&node, &id, &session, &lab.cloud).await.unwrap();
        let again = import(&node, &id, &session, &lab.cloud).await.unwrap_err();
        assert!(matches!(again, ImportError::Known { .. }), "{again}");
        session.finish().await.unwrap();
        drop(session);
        lab.apply(declared).await;
        assert_eq!(lab.cloud.things().len(), 1, "nothing was made beside it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_not_taken_over() {
        let lab = Lab::new();
        let declared = graph(&[("two", "toy.Tags", json!({"size": 5}))], &lab.cloud);
        let session = lab.session().await;
        let error = import(&declared.nodes()[0], &Id::from("none"), &session, &lab.cloud).await.unwrap_err();
        assert!(matches!(error, ImportError::Nothing { .. }), "{error}");
        assert!(session.state().resources.is_empty());
    }
}
