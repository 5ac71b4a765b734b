//! The life of a record: what can happen to an address, and what state knows of it from then on.
//!
//! ```text
//!                 Creating              Made                Settled
//!     nothing ───────────────▶ begun ──────────▶ object ────────────────▶ in order
//!        │ ▲                     │                 ▲ │ ▲                     │
//!        │ └────── NotCreated ───┘                 │ │ └───── Updating ──────┤
//!        └── Adopted, Imported, Recovered ─────────┘ │                       │
//!                                                    └──────── Gone ◀────────┘
//! ```
//!
//! A replacement is the same way again, beside the old object: [`Made`](RecordEvent::Made) puts the new object in its
//! place and keeps the old one as deposed, until it is [`Gone`](RecordEvent::Gone) too.
//!
//! Every change of a record that an operation makes is an event, and [`Record::apply`] is the one place that says what
//! an event does. Nobody else assigns to a record's fields. The journal holds the record after each event; whoever
//! writes or replays it asks [`Record::follows`], which no sequence of events can break.

use serde_json::Value;

use super::{Creating, Object, Record};
use crate::{Address, Id};

/// What the stack file says about an address beside its spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declaration {
    /// See [`Record::dependencies`].
    pub dependencies: Vec<Address>,
    /// See [`Record::protect`].
    pub protect: bool,
    /// See [`Record::ephemeral`].
    pub ephemeral: bool,
}

/// An object that becomes an address's own.
#[derive(Clone, Debug, PartialEq)]
pub struct NewObject {
    /// The cloud's identifier.
    pub id: Id,
    /// The generation in its tags.
    pub generation: u32,
    /// See [`Object::made`]; 0 for what has been there for long.
    pub made: u64,
    /// See [`Object::intended`].
    pub intended: Value,
    /// Whether the object that stood for the address is still there: then it is to be deleted.
    pub outlived: bool,
}

/// Something that happens to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordEvent {
    /// A creation is about to be called, for the first time or again.
    Creating(Creating, Declaration),
    /// The creation had no effect.
    NotCreated,
    /// The creation's object is known. The addresses are what it depends on.
    Made(NewObject, Vec<Address>),
    /// An apply found an object by its tags or its name.
    Adopted(NewObject),
    /// A user says which object it is. The outputs are those of now, the address the one in its tags.
    Imported(NewObject, Value, Option<Address>, Declaration),
    /// A state that was lost has found its objects: the last generation with its outputs, and those before it.
    Recovered(NewObject, Value, Vec<Object>, Declaration),
    /// An update is about to be called. Until its outcome is known the object may be what it was, or what is intended.
    /// What is intended ([`Object::intended`]) is none where the kind does not need it; the addresses are what it
    /// depended on, and what it will.
    Updating(Option<Value>, Vec<Address>),
    /// Everything about the object is as declared: its id, spec and outputs as they were last read.
    Settled(Id, Value, Value, Declaration),
    /// One of its objects is gone; none: it has none any more, and none is coming.
    Gone {
        /// Which one.
        id: Option<Id>,
        /// Whether it was the one that the open creation made.
        was_creation: bool,
    },
    /// It gets another address; this is the one that it had.
    Moved(Address),
    /// An address that it depends on gets another one.
    DependencyMoved {
        /// The address that it had.
        from: Address,
        /// The address that it gets.
        to: Address,
    },
    /// Its object is to stay when the address is forgotten, for this reason; none: it goes with it.
    Kept(Option<String>),
}

/// An event that cannot happen to a record: platctl has lost track of what it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal error: {0}")]
pub struct Illegal(&'static str);

impl Illegal {
    /// What is wrong.
    pub(super) const fn reason(&self) -> &'static str {
        self.0
    }
}

impl Record {
    /// The record after an event.
    ///
    /// # Errors
    /// When the event cannot happen to this record.
    pub fn apply(mut self, event: RecordEvent) -> Result<Self, Illegal> {
        match event {
            RecordEvent::Creating(creating, declared) => {
                self.may_begin(&creating)?;
                self.generation = self.generation.max(creating.generation);
                self.creating = Some(creating);
                self.declare(declared);
            }
            RecordEvent::NotCreated => {
                self.creating.take().ok_or(NO_CREATION)?;
            }
            RecordEvent::Made(new, dependencies) => {
                self.creating.as_ref().ok_or(NO_CREATION)?;
                self.take(new, Value::Null);
                self.dependencies = dependencies;
            }
            RecordEvent::Adopted(new) => {
                self.must_not_know(&new.id)?;
                self.take(new, Value::Null);
            }
            RecordEvent::Imported(new, outputs, formerly, declared) => {
                self.must_have_no_object()?;
                self.formerly = formerly;
                self.take(new, outputs);
                self.declare(declared);
            }
            RecordEvent::Recovered(new, outputs, older, declared) => {
                self.must_not_know(&new.id)?;
                self.deposed.extend(older);
                self.take(new, outputs);
                self.declare(declared);
            }
            RecordEvent::Updating(intended, dependencies) => {
                let object = self.object.as_mut().ok_or(NO_OBJECT)?;
                object.intended = intended.unwrap_or_else(|| std::mem::take(&mut object.intended));
                self.dependencies = dependencies;
            }
            RecordEvent::Settled(id, spec, outputs, declared) => {
                let object = self.object.as_mut().ok_or(NO_OBJECT)?;
                (object.id, object.spec, object.outputs) = (id, spec, outputs);
                (object.intended, object.dependencies) = (Value::Null, Vec::new());
                self.kept_for = None;
                // The tags of a deposed object may name the old address for as long as it is there.
                self.formerly = self.formerly.filter(|_| !self.deposed.is_empty());
                self.declare(declared);
            }
            RecordEvent::Gone { id, was_creation } => self.lose(id.as_ref(), was_creation),
            // What its tags name is what it was called first.
            RecordEvent::Moved(from) => drop(self.formerly.get_or_insert(from)),
            RecordEvent::DependencyMoved { from, to } => {
                let all = self.dependencies.iter_mut().filter(|one| **one == from);
                all.for_each(|one| one.clone_from(&to));
            }
            RecordEvent::Kept(why) => self.kept_for = why,
        }
        Ok(self)
    }

    /// The record for this kind and place. What nothing is left of takes any: a creation that was refused, and is now
    /// declared as another kind, must not leave the old kind's name on the new object.
    #[must_use]
    pub fn of(self, kind: &str, scope: &str) -> Self {
        if !self.is_empty() {
            return self;
        }
        Self {
            kind: kind.to_owned(),
            scope: scope.to_owned(),
            ..self
        }
    }

    /// Puts a new object in the place of the old one, which is deposed if it is still there. It keeps what it depended
    /// on: its address may depend on other resources by now.
    fn take(&mut self, new: NewObject, outputs: Value) {
        let object = Object {
            made: new.made,
            intended: new.intended,
            outputs,
            ..Object::new(new.id, new.generation)
        };
        let old = self.object.replace(object);
        if let Some(mut old) = old.filter(|_| new.outlived) {
            old.dependencies.clone_from(&self.dependencies);
            self.deposed.push(old);
        }
        self.creating = None;
        self.generation = self.generation.max(new.generation);
    }

    /// Takes out an object that is gone. Without an id the address has none any more, and none is coming.
    fn lose(&mut self, id: Option<&Id>, was_creation: bool) {
        self.deposed.retain(|old| Some(&old.id) != id);
        self.object
            .take_if(|object| id.is_none_or(|id| object.id == *id));
        self.creating.take_if(|_| id.is_none() || was_creation);
    }

    fn declare(&mut self, declared: Declaration) {
        self.dependencies = declared.dependencies;
        self.protect = declared.protect;
        self.ephemeral = declared.ephemeral;
    }

    /// A creation is the one that was begun, or has a generation of its own: two objects of one generation could not
    /// be told apart. Tags come from outside, so the last number there is may have been given out; nothing is behind it.
    fn may_begin(&self, creating: &Creating) -> Result<(), Illegal> {
        let again = self.creating.as_ref().is_some_and(|open| {
            (open.generation, &open.token) == (creating.generation, &creating.token)
        });
        let new = creating.generation > self.generation || self.generation == u32::MAX;
        if again || new {
            return Ok(());
        }
        Err(Illegal("a creation has the generation of an earlier one"))
    }

    /// An import must not push an object out that is still to be deleted, or that stands.
    fn must_have_no_object(&self) -> Result<(), Illegal> {
        match self.object.is_none() && self.deposed.is_empty() {
            true => Ok(()),
            false => Err(Illegal("an address with an object gets no imported one")),
        }
    }

    fn must_not_know(&self, id: &Id) -> Result<(), Illegal> {
        let known = self.object.as_ref().is_some_and(|object| object.id == *id);
        match known {
            true => Err(Illegal("an object cannot be taken twice")),
            false => Ok(()),
        }
    }

    /// Whether this can be the record of an address that had `before`: it is of the same kind and place, and no
    /// generation is given out twice.
    ///
    /// # Errors
    /// When no event makes the one of the other.
    pub(super) fn follows(&self, before: &Self) -> Result<(), Illegal> {
        if !before.is_empty() && (&self.kind, &self.scope) != (&before.kind, &before.scope) {
            return Err(Illegal("a record has changed its kind or its region"));
        }
        if self.generation < before.generation {
            return Err(Illegal("a record has gone back to an earlier generation"));
        }
        Ok(())
    }
}

const NO_CREATION: Illegal = Illegal("a creation has ended that was not begun");
const NO_OBJECT: Illegal = Illegal("there is no object to change");

#[cfg(test)]
mod tests;
