//! Taking over an object that somebody else made.

use serde_json::Value;

use crate::diff::{Comparison, diff};
use crate::graph::Node;
use crate::observe::{Heritage, describe_owner};
use crate::resolve::{KnownOutputs, is_known, resolve};
use crate::state::{Declaration, NewObject, Record, RecordEvent, Session, State, StateError, Verb};
use crate::{Address, AnyKind, AnyLive, Catalog, CloudError, Id, Owner, Phase};

/// Why an object was not taken over. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum ImportError {
    #[error("no {kind} with ID {id} found in {scope}")]
    Nothing { kind: String, id: Id, scope: String },
    #[error("{id} is being deleted")]
    Leaving { id: Id },
    #[error(
        "{id} {owner} according to its tags: remove it from that state (`platctl state rm`), remove its tags \
         that begin with `platctl:`, then import it"
    )]
    Foreign { id: Id, owner: String },
    #[error(
        "{id} has `{path}` {live}, but `{address}` declares {declared}, which cannot be updated in place: \
         the next apply would replace it. Change the stack file to match the object, or import the correct \
         object"
    )]
    Contradiction {
        address: Address,
        id: Id,
        path: String,
        live: Value,
        declared: Value,
    },
    #[error("{id} is already in this stack as `{address}`")]
    Known { id: Id, address: Address },
    #[error(
        "`{address}` already refers to {id}: remove it from the state first with `platctl state rm`"
    )]
    Taken { address: Address, id: Id },
    #[error(
        "a change of `{address}` has not finished, and the state still has an object of it to delete: run \
         `platctl apply` first, or remove it from the state with `platctl state rm`"
    )]
    Unfinished { address: Address },
    #[error("this version of platctl does not support the kind `{kind}`")]
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
    let unknown = || ImportError::UnknownKind {
        kind: node.kind.clone(),
    };
    let kind = catalog.bind(&node.kind, &node.scope).ok_or_else(unknown)?;
    let live = kind
        .describe(std::slice::from_ref(id))
        .await?
        .into_iter()
        .next()
        .flatten();
    let nothing = || ImportError::Nothing {
        kind: node.kind.clone(),
        id: id.clone(),
        scope: node.scope.clone(),
    };
    let live = live.ok_or_else(nothing)?;
    if live.phase == Phase::Deleting {
        return Err(ImportError::Leaving { id: id.clone() });
    }
    let stranger = |owner: &Owner| {
        let stranger =
            Heritage::new(&state, false).stranger(owner, &state.owner(&node.address, 1))?;
        Some(ImportError::Foreign {
            id: id.clone(),
            owner: describe_owner(Some(owner), &stranger),
        })
    };
    if let Some(error) = live.owner.as_ref().and_then(stranger) {
        return Err(error);
    }
    if let Some(error) = contradiction(node, &live, &*kind, &state) {
        return Err(error);
    }
    let record = imported(node, live, &state)?;
    Ok(session
        .outcome(Verb::Adopt, &node.address, Some(record))
        .await?)
}

/// The record of the address from here on. What an earlier creation of the address has counted, counts on.
fn imported(node: &Node, live: AnyLive, state: &State) -> Result<Record, ImportError> {
    let known = state.resources.get(&node.address).cloned();
    let record = known
        .unwrap_or_else(|| Record::new(&node.kind, &node.scope))
        .of(&node.kind, &node.scope);
    let another = (&record.kind, &record.scope) != (&node.kind, &node.scope);
    if another || !record.deposed.is_empty() {
        let address = node.address.clone();
        return Err(ImportError::Unfinished { address });
    }
    let (generation, formerly) = match &live.owner {
        // Its tags may name the address under which this stack had it before.
        Some(owner) => (owner.generation, Address::new(owner.address.as_str()).ok()),
        None => (1, None),
    };
    let new = NewObject {
        id: live.id,
        generation,
        made: 0,
        intended: Value::Null,
        outlived: false,
    };
    let declared = Declaration {
        dependencies: Vec::new(),
        protect: node.protect,
        ephemeral: node.ephemeral,
    };
    let event = RecordEvent::Imported(new, live.outputs, formerly, declared);
    record
        .apply(event)
        .map_err(|illegal| ImportError::State(illegal.into()))
}

/// What is declared and cannot change in place, and differs from what is there: such as another name.
fn contradiction(
    node: &Node,
    live: &AnyLive,
    kind: &dyn AnyKind,
    state: &State,
) -> Option<ImportError> {
    let mut known = KnownOutputs::default();
    for (address, record) in &state.resources {
        if let Some(Value::Object(outputs)) = record.object.as_ref().map(|object| &object.outputs) {
            let stated = outputs.iter().filter(|(_, value)| !value.is_null());
            known.foresee(
                address.clone(),
                stated
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            );
        }
    }
    let spec = resolve(&node.spec, &known);
    let desired = if is_known(&spec) {
        kind.resolve(spec.clone()).unwrap_or(spec)
    } else {
        spec
    };
    let owner = state.owner(&node.address, 1);
    let (facts, salt) = (kind.facts(), state.lineage.as_str());
    let changes = diff(&Comparison {
        facts,
        desired: &desired,
        live,
        last: &Value::Null,
        owner: &owner,
        salt,
    });
    let other = changes.into_iter().find(|change| {
        kind.replaces(change)
            && change.before.is_some()
            && change.after.as_ref().is_some_and(is_known)
    })?;
    Some(ImportError::Contradiction {
        address: node.address.clone(),
        id: live.id.clone(),
        path: other.path,
        live: other.before.unwrap_or_default(),
        declared: other.after.unwrap_or_default(),
    })
}

fn check_free(node: &Node, id: &Id, state: &State) -> Result<(), ImportError> {
    for (address, record) in &state.resources {
        let object = record.object.as_ref();
        if record.kind == node.kind && object.is_some_and(|object| object.id == *id) {
            return Err(ImportError::Known {
                id: id.clone(),
                address: address.clone(),
            });
        }
        if let Some(object) = object.filter(|_| *address == node.address) {
            return Err(ImportError::Taken {
                address: address.clone(),
                id: object.id.clone(),
            });
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
        lab.apply(graph(
            &[("one", "toy.Tags", json!({"size": 1}))],
            &lab.cloud,
        ))
        .await;
        let id = lab.store().read().await.unwrap().state.resources["one"]
            .object
            .as_ref()
            .unwrap()
            .id
            .clone();
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
    async fn what_is_declared_under_another_name_is_not_taken_over() {
        let lab = Lab::new();
        lab.apply(graph(
            &[("one", "toy.Name", json!({"name": "a"}))],
            &lab.cloud,
        ))
        .await;
        let id = lab.cloud.things().keys().next().unwrap().clone();
        let session = lab.session().await;
        session.remove(&Address::new("one").unwrap()).await.unwrap();
        let declared = graph(&[("two", "toy.Name", json!({"name": "b"}))], &lab.cloud);
        let error = import(&declared.nodes()[0], &id, &session, &lab.cloud)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("has `/name` \"a\", but `two` declares \"b\""),
            "{error}"
        );
        assert!(session.state().resources.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_not_taken_over() {
        let lab = Lab::new();
        let declared = graph(&[("two", "toy.Tags", json!({"size": 5}))], &lab.cloud);
        let session = lab.session().await;
        let error = import(
            &declared.nodes()[0],
            &Id::from("none"),
            &session,
            &lab.cloud,
        )
        .await
        .unwrap_err();
        assert!(matches!(error, ImportError::Nothing { .. }), "{error}");
        assert!(session.state().resources.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_replaced_object_that_is_still_there_is_not_forgotten_by_an_import() {
        let lab = Lab::new();
        lab.apply(graph(
            &[("one", "toy.Tags", json!({"size": 1}))],
            &lab.cloud,
        ))
        .await;
        let session = lab.session().await;
        let address = Address::new("one").unwrap();
        let mut record = session.record(&address).unwrap();
        record.deposed.extend(record.object.take());
        let id = record.deposed[0].id.clone();
        session
            .outcome(Verb::Settle, &address, Some(record.clone()))
            .await
            .unwrap();
        let declared = graph(&[("one", "toy.Tags", json!({"size": 1}))], &lab.cloud);
        let error = import(&declared.nodes()[0], &id, &session, &lab.cloud)
            .await
            .unwrap_err();
        assert!(matches!(error, ImportError::Unfinished { .. }), "{error}");
        assert_eq!(session.record(&address), Some(record));
    }
}
