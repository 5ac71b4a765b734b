//! Random lives, over a journal as it is on disk.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::super::journal::{Entry, Header, Moment, Verb, line, parse};
use super::super::store::replayed;
use super::super::{State, StateError};
use super::*;

fn address(name: &str) -> Address {
    Address::new(name).unwrap()
}

fn object(number: u32, generation: u32, outlived: bool) -> NewObject {
    NewObject {
        id: Id::from(format!("toy-{number}")),
        generation,
        made: 5,
        intended: Value::Null,
        outlived,
    }
}

fn creating(generation: u32, token: u32) -> Creating {
    Creating {
        generation,
        token: format!("token-{token}"),
        since: 7,
        spec: json!({"size": token}),
    }
}

fn declared(protect: bool) -> Declaration {
    Declaration {
        dependencies: vec![address("a"), address("b")],
        protect,
        ephemeral: !protect,
    }
}

fn settled(number: u32, protect: bool) -> RecordEvent {
    let id = Id::from(format!("toy-{number}"));
    let (spec, outputs) = (json!({"size": number}), json!({"id": number}));
    RecordEvent::Settled(id, spec, outputs, declared(protect))
}

/// Any event, with small numbers, so that ids, generations and tokens meet again.
fn event() -> impl Strategy<Value = RecordEvent> {
    (0..12_u8, 0..4_u32, 0..6_u32, any::<bool>()).prop_map(|(which, number, generation, flag)| {
        let new = object(number, generation, flag);
        match which {
            0 | 1 => RecordEvent::Creating(creating(generation, number), declared(flag)),
            2 => RecordEvent::NotCreated,
            3 | 4 => RecordEvent::Made(new, vec![address("c")]),
            5 => RecordEvent::Adopted(new),
            6 => RecordEvent::Imported(new, json!({}), Some(address("old")), declared(flag)),
            7 => RecordEvent::Recovered(new, json!({}), Vec::new(), declared(flag)),
            8 => RecordEvent::Updating(flag.then(|| json!({"size": 1})), vec![address("a")]),
            9 => settled(number, flag),
            10 => RecordEvent::Gone {
                id: flag.then_some(new.id),
                was_creation: number == 0,
            },
            _ if flag => RecordEvent::Moved(address("before")),
            _ => RecordEvent::DependencyMoved {
                from: address("a"),
                to: address("z"),
            },
        }
    })
}

/// A journal as it is on disk, after it was read and replayed.
fn read_back(records: &[Record]) -> Result<State, StateError> {
    let state = State::new("toys");
    let mut text = line(&Header::of(&state)).unwrap();
    for record in records {
        let entry = Entry {
            at: 1,
            moment: Moment::Outcome,
            verb: Verb::Settle,
            address: address("toy"),
            error: None,
            ended: None,
            record: Some(record.clone()),
        };
        text += &line(&entry).unwrap();
    }
    let path = Path::new("toys.journal");
    let read = parse(text.as_bytes(), path)?.unwrap();
    replayed(state, false, read.entries, path).map(|loaded| loaded.state)
}

proptest! {
    #[test]
    fn what_a_journal_replays_is_what_happened(events in prop::collection::vec(event(), 1..24)) {
        let mut record = Record::new("toy.Tags", "here");
        let mut written = Vec::new();
        for event in events {
            if let Ok(next) = record.clone().apply(event) {
                prop_assert!(next.follows(&record).is_ok());
                written.push(next.clone());
                record = next;
            }
            let mut generations = record.object.iter().map(|object| object.generation);
            prop_assert!(generations.all(|one| one <= record.generation));
        }
        let replayed = read_back(&written).unwrap();
        let expected = (!written.is_empty()).then_some(&record);
        prop_assert_eq!(replayed.resources.get("toy"), expected);
    }
}

#[test]
fn a_life_from_its_beginning_to_its_end() {
    let mut record = Record::new("toy.Tags", "here");
    let events = [
        RecordEvent::Creating(creating(1, 0), declared(true)),
        RecordEvent::Made(object(1, 1, false), vec![address("a")]),
        settled(1, true),
        // It is replaced, the new object first.
        RecordEvent::Creating(creating(2, 1), declared(true)),
        RecordEvent::Made(object(2, 2, true), vec![address("b")]),
    ];
    for event in events {
        record = record.apply(event).unwrap();
    }
    let ids = |record: &Record| {
        let deposed: Vec<_> = record
            .deposed
            .iter()
            .map(|old| old.id.to_string())
            .collect();
        (
            record.object.as_ref().map(|object| object.id.to_string()),
            deposed,
        )
    };
    assert_eq!(ids(&record), (Some("toy-2".into()), vec!["toy-1".into()]));
    assert_eq!(record.deposed[0].dependencies, [address("a"), address("b")]);
    for id in ["toy-1", "toy-2"] {
        let gone = RecordEvent::Gone {
            id: Some(Id::from(id)),
            was_creation: false,
        };
        record = record.apply(gone).unwrap();
    }
    assert!(record.is_empty());
    assert_eq!(record.generation, 2, "a number is never given out twice");
}

#[test]
fn what_cannot_happen_is_refused() {
    let nothing = || Record::new("toy.Tags", "here");
    let begun = || {
        let begin = RecordEvent::Creating(creating(1, 0), declared(false));
        nothing().apply(begin).unwrap()
    };
    let made = || {
        let made = RecordEvent::Made(object(1, 1, false), Vec::new());
        begun().apply(made).unwrap()
    };
    let updating = RecordEvent::Updating(None, Vec::new());
    let import =
        |number| RecordEvent::Imported(object(number, 1, false), json!({}), None, declared(false));
    let cases = [
        (nothing(), RecordEvent::NotCreated),
        (
            nothing(),
            RecordEvent::Made(object(1, 1, false), Vec::new()),
        ),
        (nothing(), updating.clone()),
        (begun(), updating),
        // Another creation of the same generation.
        (
            begun(),
            RecordEvent::Creating(creating(1, 9), declared(false)),
        ),
        (
            made(),
            RecordEvent::Creating(creating(1, 0), declared(false)),
        ),
        (made(), RecordEvent::NotCreated),
        (made(), RecordEvent::Adopted(object(1, 1, true))),
        (made(), import(2)),
    ];
    for (record, event) in cases {
        let text = format!("{event:?} of {record:?}");
        assert!(record.apply(event).is_err(), "{text}");
    }
    assert!(
        begun().apply(import(2)).is_ok(),
        "an import ends an open creation"
    );
    let again = RecordEvent::Creating(creating(1, 0), declared(false));
    assert!(begun().apply(again).is_ok(), "a creation may be repeated");
}

#[test]
fn a_journal_that_no_run_can_have_written_is_refused() {
    let of = |kind: &str, generation| {
        let adopt = RecordEvent::Adopted(object(1, generation, false));
        Record::new(kind, "here").apply(adopt).unwrap()
    };
    for second in [of("toy.Tags", 1), of("toy.Name", 2)] {
        let error = read_back(&[of("toy.Tags", 2), second]).unwrap_err();
        assert!(
            matches!(error, StateError::Journal { line: 3, .. }),
            "{error}"
        );
    }
    assert!(read_back(&[of("toy.Tags", 1), of("toy.Tags", 2)]).is_ok());
}
