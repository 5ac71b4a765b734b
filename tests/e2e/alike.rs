//! Whether two states are the same up to ids: whatever AWS and chance give out in one of them stands for one thing of
//! the other, everywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What a stack's state knows of its resources.
pub(crate) fn known(text: &str) -> Value {
    let state: Value = serde_json::from_str(text).unwrap();
    state["resources"].clone()
}

/// Where one state's resources differ from another's by more than ids; nothing when they are alike.
pub(crate) fn differences(found: &Value, wanted: &Value) -> Vec<String> {
    let mut renaming = Renaming::default();
    // Ids first, by address: lists that are sorted by ids have another order in each state.
    for (address, record) in wanted.as_object().unwrap() {
        renaming.pair(
            address,
            &found[address]["object"]["id"],
            &record["object"]["id"],
        );
    }
    renaming.walk("", found, wanted);
    renaming.differences
}

#[derive(Default)]
struct Renaming {
    /// What stands for what, both ways.
    forth: BTreeMap<String, String>,
    back: BTreeMap<String, String>,
    differences: Vec<String>,
}

impl Renaming {
    fn pair(&mut self, path: &str, found: &Value, wanted: &Value) {
        if let (Value::String(found), Value::String(wanted)) = (found, wanted) {
            self.text(path, found, wanted);
        }
    }

    fn walk(&mut self, path: &str, found: &Value, wanted: &Value) {
        match (found, wanted) {
            (Value::Object(found), Value::Object(wanted)) => self.object(path, found, wanted),
            (Value::Array(found), Value::Array(wanted)) => self.array(path, found, wanted),
            (Value::String(found), Value::String(wanted)) => self.text(path, found, wanted),
            _ if found != wanted => self.differ(path, found, wanted),
            _ => {}
        }
    }

    fn object(&mut self, path: &str, found: &Map<String, Value>, wanted: &Map<String, Value>) {
        // There may be ids in keys, too: what they stand for is known by then.
        let found: BTreeMap<String, &Value> = found
            .iter()
            .map(|(key, value)| (self.renamed(key), value))
            .collect();
        for key in found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            // How many tries it took to make it, and when.
            if key == "generation" || key == "made" {
                continue;
            }
            let pair = (
                found.get(key).copied().unwrap_or(&Value::Null),
                wanted.get(key).unwrap_or(&Value::Null),
            );
            self.walk(&format!("{path}/{key}"), pair.0, pair.1);
        }
    }

    /// A text of the one state as the other one has it, as far as that is known.
    fn renamed(&self, text: &str) -> String {
        words(text)
            .into_iter()
            .map(|word| self.forth.get(word).map_or(word, |it| it))
            .collect()
    }

    fn array(&mut self, path: &str, found: &[Value], wanted: &[Value]) {
        if self.same_set(found, wanted) {
            return;
        }
        if found.len() != wanted.len() {
            return self.differ(path, found, wanted);
        }
        for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            self.walk(&format!("{path}/{at}"), found, wanted);
        }
    }

    /// Whether texts are the same in another order, as far as is known what stands for what.
    fn same_set(&self, found: &[Value], wanted: &[Value]) -> bool {
        let renamed = |value: &Value| value.as_str().map(|text| self.renamed(text));
        let found: Option<BTreeSet<String>> = found.iter().map(renamed).collect();
        let wanted: Option<BTreeSet<String>> = wanted
            .iter()
            .map(|it| it.as_str().map(ToOwned::to_owned))
            .collect();
        found.is_some() && found == wanted
    }

    fn text(&mut self, path: &str, found: &str, wanted: &str) {
        // Of the name servers of a zone even the top-level domains are drawn, and addresses are altogether.
        let drawn =
            |text: &str| text.contains(".awsdns-") || text.parse::<std::net::IpAddr>().is_ok();
        if found == wanted || (drawn(found) && drawn(wanted)) {
            return;
        }
        // The names of distributions have letters only.
        if found.ends_with(".cloudfront.net") && wanted.ends_with(".cloudfront.net") {
            if !self.stands_for(found, wanted) {
                self.differ(path, found, wanted);
            }
            return;
        }
        let (ours, theirs) = (words(found), words(wanted));
        if ours.len() != theirs.len() {
            return self.differ(path, found, wanted);
        }
        for (one, other) in ours.into_iter().zip(theirs) {
            if one != other && !(given_out(one, other) && self.stands_for(one, other)) {
                return self.differ(path, found, wanted);
            }
        }
    }

    fn stands_for(&mut self, one: &str, other: &str) -> bool {
        let forth = self
            .forth
            .entry(one.to_owned())
            .or_insert_with(|| other.to_owned());
        let back = self
            .back
            .entry(other.to_owned())
            .or_insert_with(|| one.to_owned());
        (forth.as_str(), back.as_str()) == (other, one)
    }

    fn differ(&mut self, path: &str, found: impl std::fmt::Debug, wanted: impl std::fmt::Debug) {
        let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
        let short = |text: String| text.chars().take(300).collect::<String>();
        self.differences.push(format!(
            "{path}: {} instead of {}",
            short(found),
            short(wanted)
        ));
    }
}

/// A text in pieces: what ids and names consist of, and what stands between.
fn words(text: &str) -> Vec<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut pieces = Vec::new();
    let mut begin = 0;
    for (at, c) in text.char_indices().skip(1) {
        if part(c) != text[..at].chars().next_back().is_some_and(part) {
            pieces.push(&text[begin..at]);
            begin = at;
        }
    }
    pieces.push(&text[begin..]);
    pieces
}

/// Whether both look like something that AWS gives out: long, with digits, in capitals, or in small and capital letters
/// by turns; or a name with six letters of AWS's.
fn given_out(one: &str, other: &str) -> bool {
    let capitals = |word: &str| {
        word.len() >= 10
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    // By chance, an ID of letters and digits has no digit.
    let mixed = |word: &str| {
        let has = |case: fn(&u8) -> bool| word.as_bytes().iter().any(case);
        word.len() >= 16 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
    };
    let digits = |word: &str| word.bytes().any(|b| b.is_ascii_digit());
    let drawn = |word: &str| {
        word.len() >= 6 && (word.len() >= 20 || capitals(word) || mixed(word) || digits(word))
    };
    let suffixed = |word: &str| {
        word.rsplit_once('-')
            .filter(|(_, end)| end.len() == 6)
            .map(|(name, _)| name.to_owned())
    };
    (drawn(one) && drawn(other)) || (suffixed(one).is_some() && suffixed(one) == suffixed(other))
}

#[test]
fn ids_may_differ_and_nothing_else() {
    let state = |vpc: &str, in_vpc: &str, size: &str| {
        serde_json::json!({
            "vpc": {"kind": "ec2.Vpc", "object": {"id": vpc, "generation": 1, "spec": {"size": size}}},
            "subnet": {"kind": "ec2.Subnet", "object": {"id": "subnet-1", "spec": {"vpc": in_vpc}}},
        })
    };
    let wanted = state("vpc-0123456789", "vpc-0123456789", "db.r6g.large");
    assert_eq!(
        differences(
            &state("vpc-abcdef0123", "vpc-abcdef0123", "db.r6g.large"),
            &wanted
        ),
        [""; 0]
    );
    assert_eq!(
        differences(
            &state("vpc-abcdef0123", "vpc-bbcdef0123", "db.r6g.large"),
            &wanted
        )
        .len(),
        1
    );
    assert_eq!(
        differences(
            &state("vpc-abcdef0123", "vpc-abcdef0123", "db.r6g.xlarge"),
            &wanted
        )
        .len(),
        1
    );
    let mut deposed = state("vpc-abcdef0123", "vpc-abcdef0123", "db.r6g.large");
    deposed["vpc"]["deposed"] = serde_json::json!([{"id": "vpc-00000000001"}]);
    assert_eq!(differences(&deposed, &wanted).len(), 1);
}
