//! Keys without an effect are refused or told of: each key is changed where something else is missing or disabled, and
//! that must show in what is declared, in an error or in a warning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{load, nodes, render, wrong, wrong_with};
use flips_table::FLIPS;

#[path = "../../../../tests/e2e/flips_table.rs"]
#[expect(
    dead_code,
    reason = "the end-to-end tests, for which the table is, use all of it"
)]
mod flips_table;

/// What a stack file says, in which some keys could have no effect.
struct Situation {
    name: &'static str,
    text: &'static str,
    /// How the keys begin that are changed in it.
    keys: &'static [&'static str],
    /// Keys that may have no effect, and why.
    allowed: &'static [(&'static str, &'static str)],
}

/// Why a change can be none.
const DEFAULT: &str = "the table changes it to what holds in this situation anyway";

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "an edge without CloudFront",
        text: "network: {}\nedge: {domain: a.example.com, cdn: false}\nlogs: {}\n",
        keys: &["edge.", "logs."],
        allowed: &[],
    },
    Situation {
        name: "an edge without a web ACL",
        text: "network: {}\nedge: {domain: a.example.com, waf: false}\nlogs: {}\n",
        keys: &["edge.", "logs."],
        allowed: &[("edge.waf", DEFAULT)],
    },
    Situation {
        name: "an edge in a zone of somebody else",
        text: "network: {}\nedge: {domain: a.example.com, zone: Z0123456789ABC}\nlogs: {}\n",
        keys: &["edge.", "logs."],
        allowed: &[(
            "edge.zone_domain",
            "it names the zone for `gitops`, and is compared with the domain",
        )],
    },
    Situation {
        name: "no edge and no database",
        text: "network: {}\nlogs: {}\nalerts: {}\n",
        keys: &["logs.", "alerts."],
        allowed: &[],
    },
    Situation {
        name: "a database without readers",
        text: "network: {}\ndatabase: {readers: {count: 0}}\nalerts: {}\n",
        keys: &["database.", "alerts."],
        allowed: &[
            ("database.backup.final_snapshot", DEFAULT),
            ("database.writer.class", DEFAULT),
        ],
    },
    Situation {
        name: "a restored database",
        text: "network: {}\ndatabase: {backup: {restore: {snapshot: one}}}\n",
        keys: &["database."],
        allowed: &[
            ("database.backup.final_snapshot", DEFAULT),
            ("database.readers.count", DEFAULT),
            ("database.writer.class", DEFAULT),
        ],
    },
    Situation {
        name: "a temporary database",
        text: "ttl: 8h\nnetwork: {}\ndatabase: {}\n",
        keys: &["database."],
        allowed: &[
            ("database.readers.count", DEFAULT),
            ("database.writer.class", DEFAULT),
        ],
    },
    Situation {
        name: "services without pods",
        text: "services: {backend: {port: 8080}, frontend: {port: 3000, path: /}}\n",
        keys: &["services."],
        allowed: &[(
            "services.NAME.image_of",
            "a service without an image of its own is only pods, which need a cluster",
        )],
    },
    Situation {
        name: "services that platctl does not deploy",
        text: "network: {}\ncluster: {}\nservices: {backend: {port: 8080}, frontend: {port: 3000, path: /}}\n",
        keys: &["services.", "cluster."],
        allowed: &[("cluster.node_groups.NAME.capacity", DEFAULT)],
    },
    Situation {
        name: "services behind a load balancer that platctl does not deploy",
        text: "network: {}\nedge: {domain: a.example.com}\nservices: {backend: {port: 8080}, frontend: {port: 3000, path: /}}\n",
        keys: &["services."],
        allowed: &[(
            "services.NAME.image_of",
            "a service without an image of its own is only pods, which need a cluster",
        )],
    },
    Situation {
        name: "repositories on GitHub",
        text: "services: {backend: {port: 8080}}\ndelivery: {source: {provider: github, owner: acme}}\n",
        keys: &["delivery."],
        allowed: &[],
    },
    Situation {
        name: "a network without endpoints",
        text: "network: {endpoints: []}\n",
        keys: &["network."],
        allowed: &[("network.availability_zones", DEFAULT)],
    },
    Situation {
        name: "a network without a way out",
        text: "network: {nat: none}\n",
        keys: &["network."],
        allowed: &[("network.availability_zones", DEFAULT)],
    },
    Situation {
        name: "flow logs in a bucket",
        text: "network: {flow_logs: {destination: s3}}\nlogs: {}\n",
        keys: &["network.flow_logs.", "logs."],
        allowed: &[("network.flow_logs.destination", DEFAULT)],
    },
    Situation {
        name: "a cluster in Auto Mode",
        text: "network: {}\ncluster: {nodes: auto}\n",
        keys: &["cluster."],
        allowed: &[],
    },
];

/// The text of a situation, as a whole file.
fn file(text: &str) -> String {
    format!("stack: shop\nregion: eu-west-1\n{text}")
}

/// What a stack file declares and what it warns of, or why it is refused.
fn outcome(text: &str, set: &[&str]) -> Result<(Value, Vec<String>), String> {
    let set: Vec<String> = set.iter().map(|one| one.replace('~', " ")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    load(text, &set)
        .and_then(|stack| Ok((json!(nodes(&stack)?), stack.warnings())))
        .map_err(|errors| render(&errors))
}

#[test]
fn no_key_is_ignored_in_silence() {
    let mut found = Vec::new();
    for Situation {
        name,
        text,
        keys,
        allowed,
    } in SITUATIONS
    {
        let text = file(text);
        let before = outcome(&text, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        // A value can be the default. A key has no effect if none of its values has one.
        let mut silent: BTreeMap<&str, bool> = BTreeMap::new();
        for flip in FLIPS {
            if keys.iter().any(|start| flip.key.starts_with(start)) {
                let same = outcome(&text, flip.set).as_ref() == Ok(&before);
                *silent.entry(flip.key).or_insert(true) &= same;
            }
        }
        let silent: BTreeSet<&str> = silent
            .into_iter()
            .filter_map(|(key, same)| same.then_some(key))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().map(|(key, _)| *key).collect();
        for key in silent.symmetric_difference(&allowed) {
            let what = if silent.contains(key) {
                "has no effect, and nothing says so"
            } else {
                "has an effect: remove it from the list of those that may have none"
            };
            found.push(format!("{name}: `{key}` {what}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A warning that is wrong is worse than none: who removes the key loses what it does.
#[test]
fn a_key_that_is_said_to_have_no_effect_has_none() {
    let mut found = Vec::new();
    for Situation {
        name, text, keys, ..
    } in SITUATIONS
    {
        let text = file(text);
        let (before, _) = outcome(&text, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let flips = FLIPS.iter();
        for flip in flips.filter(|flip| keys.iter().any(|start| flip.key.starts_with(start))) {
            // Where several keys are set, another one of them can be what changes something.
            let ([set], Ok((after, warnings))) = (flip.set, outcome(&text, flip.set)) else {
                continue;
            };
            let key = set.split('=').next().unwrap_or_default();
            let tells = |warning: &String| {
                let told = warning.split('`').nth(1).unwrap_or_default();
                warning.contains("has no effect") && key.starts_with(told)
            };
            if after != before && warnings.iter().any(tells) {
                found.push(format!("{name}: `{set}` has an effect"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Without a load balancer, services need nothing that tells one from another.
#[test]
fn services_without_an_edge_need_no_paths() {
    let services = "stack: shop\nservices: {a: {port: 8080}, b: {port: 3000}}";
    let stack = load(services, &[]).unwrap();
    assert!(nodes(&stack).is_ok());
    assert!(stack.warnings().is_empty());
}

#[test]
fn a_key_that_contradicts_its_block_is_refused_at_its_place() {
    let texts = [
        (
            "network: {}\nedge: {domain: example.com, cdn: false, price_class: all}",
            "`edge.price_class` has no effect",
        ),
        (
            "network: {}\nedge: {domain: example.com, cdn: false, content_security_policy: default-src}",
            "`edge.content_security_policy` has no effect",
        ),
        (
            "network: {}\nedge: {domain: example.com, waf: false, rate_limit: 500}",
            "`edge.rate_limit` has no effect",
        ),
        (
            "network: {}\ndatabase: {readers: {count: 0, class: db.r6g.large}}",
            "`database.readers.class` has no effect",
        ),
        (
            "services: {a: {port: 1}}\ndelivery: {approvals: 2, source: {provider: github, owner: acme}}",
            "`delivery.approvals` has no effect",
        ),
        (
            "services: {a: {port: 1}}\ndelivery: {source: {provider: github, owner: acme, repository: gitops}}",
            "`delivery.source.repository` has no effect",
        ),
        (
            "network: {endpoints: [], endpoint_access: open}",
            "`network.endpoint_access` has no effect",
        ),
    ];
    for (text, what) in texts {
        let said = wrong(&format!("stack: shop\n{text}"));
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains(what) && said.contains("[stack.yaml:"),
            "{said}"
        );
    }
    let text = "stack: shop\ngitops:\n  bootstrap: false\n  manifest: {url: argo.yaml, sha256: a}";
    assert!(wrong(text).contains("[stack.yaml:4:3]"));
    // What a flag says has no place in the file, and counts as well.
    let flag = ["edge.price_class=all"];
    let text = "stack: shop\nnetwork: {}\nedge: {domain: example.com, cdn: false}";
    assert!(wrong_with(text, &flag).contains("`edge.price_class` has no effect"));
    // No value is no key.
    let nothing = ["edge.waf=false", "edge.rate_limit=null"];
    assert!(load(text, &nothing).and_then(|stack| nodes(&stack)).is_ok());
}

#[test]
fn a_key_whose_block_is_missing_is_told_with_its_place() {
    let text = "stack: shop\nnetwork: {}\nlogs:\n  cdn: false\nservices:\n  backend:\n    port: 8080\n    host: api\n";
    assert_eq!(
        load(text, &[]).unwrap().warnings(),
        [
            "stack.yaml:4: `logs.cdn` has no effect, because the stack does not use CloudFront. Remove it",
            "stack.yaml:8: `services.backend.host` has no effect, because there is no `edge`, so there is no load \
             balancer. Remove it, or declare `edge: {domain: example.com}`",
        ]
    );
}
