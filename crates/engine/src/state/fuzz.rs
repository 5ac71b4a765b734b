//! State files and journals that somebody, or some disk, has spoilt: always an error or a state, never a panic.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::journal::{Entry, Header, Moment, Verb, line, parse};
use super::{Creating, Object, Record, State};
use crate::{Address, Id};

fn state() -> State {
    let mut state = State {
        lineage: "0123456789abcdef".into(),
        ..State::new("toys")
    };
    for number in 0..4_u32 {
        let mut record = Record::new("toy.Tags", "here");
        let id = Id::from(format!("toy-{number}"));
        record.object = Some(Object {
            id,
            generation: 1,
            made: 5,
            spec: json!({"size": number}),
            intended: json!(null),
            outputs: json!({"a": [1]}),
            dependencies: Vec::new(),
        });
        record.creating = Some(Creating {
            generation: 2,
            token: "token".into(),
            since: 7,
            spec: json!({"name": "n"}),
        });
        record.dependencies = vec![Address::new("a0").unwrap()];
        state
            .resources
            .insert(Address::new(format!("a{number}")).unwrap(), record);
    }
    state
}

fn journal() -> Vec<u8> {
    let state = state();
    let mut text = line(&Header::of(&state)).unwrap();
    for (address, record) in state.resources {
        let entry = Entry {
            at: 1,
            moment: Moment::Intent,
            verb: Verb::Create,
            address,
            error: None,
            ended: None,
            record: Some(record),
        };
        text += &line(&entry).unwrap();
    }
    text.into_bytes()
}

/// A piece of a file is taken away, and another put in its place.
fn spoil(mut bytes: Vec<u8>, at: usize, length: usize, put: &[u8]) -> Vec<u8> {
    let at = at % (bytes.len() + 1);
    let end = (at + length).min(bytes.len());
    bytes.splice(at..end, put.iter().copied());
    bytes
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-1",
        "1e999",
        "18446744073709551616",
        "\u{1b}[2J",
        "\n",
        "\u{0}",
        "\"version\": 99",
        "\"stack\": \"other\"",
        "\"\\ud800\"",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        word.prop_map(|word| word.as_bytes().to_vec()),
        // Deeper than any stack.
        (1_usize..4).prop_map(|size| vec![b'['; size * 40_000]),
    ]
}

proptest! {
    #[test]
    fn a_spoilt_state_file_is_an_error_or_a_state(at: usize, length in 0_usize..200, put in pieces()) {
        let text = spoil(state().text().unwrap(), at, length, &put);
        if let Ok(read) = State::parse(&text, Path::new("toys.json"), "toys") {
            prop_assert_eq!(read.stack, "toys");
        }
    }

    #[test]
    fn a_spoilt_journal_is_an_error_or_a_part_of_it(at: usize, length in 0_usize..400, put in pieces()) {
        let whole = parse(&journal(), Path::new("toys.journal")).unwrap().unwrap();
        if let Ok(Some(read)) = parse(&spoil(journal(), at, length, &put), Path::new("toys.journal")) {
            // Lines have checksums: what is read is what was written, from the beginning on.
            prop_assert_eq!(read.header, whole.header);
            prop_assert!(read.entries.iter().all(|entry| whole.entries.contains(entry)));
        }
    }
}
