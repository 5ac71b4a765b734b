//! Every key of the stack file, changed on a stack that is applied, and changed back: each change converges, leaves
//! nothing of itself behind and takes no name away that answered before, or is refused by the plan with the reason.
//!
//! By default those changes that are marked as telling, and a seeded sample of the others; `PLATCTL_TEST_FLIPS=all`
//! takes them all, `PLATCTL_TEST_FLIP=network.` those of keys that begin so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::flips_table::{EXCUSED, FLIPS, Flip, Outcome, Stack};
use crate::recovery::{differences, setting, tell};
use crate::world::World;

/// How many of the changes that are not telling are tried of each stack when nothing is said.
const SAMPLE: usize = 2;

impl Flip {
    fn name(&self) -> String {
        format!("{} {}", self.key, self.set.join(" "))
    }

    fn flags(&self) -> String {
        self.set.iter().map(|set| format!(" --set {set}")).collect()
    }

    /// There and back again.
    fn tried(&self, world: &World, stack: &str) -> Result<(), String> {
        let _branch = world.branch();
        let before = world.control().inventory().unwrap();
        let flags = self.flags();
        match self.outcome {
            Outcome::Refused(reason) => self.refused(world, stack, &flags, reason),
            Outcome::Converges => {
                self.converges(world, stack, &flags)?;
                self.converges(world, stack, "")?;
                let found = differences(&world.control().inventory().unwrap(), &before);
                if found.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{}: left behind: {found:?}", self.name()))
                }
            }
        }
    }

    fn refused(&self, world: &World, stack: &str, flags: &str, reason: &str) -> Result<(), String> {
        let ended = world.platctl(&format!("plan {stack}.yaml{flags}"));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        // Frames and colours of errors break sentences into lines.
        let flat = said
            .replace(['│', '\n'], " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if ended.code == Some(1) && flat.contains(reason) {
            return Ok(());
        }
        Err(format!(
            "{}: not refused because of {reason:?}, but ({:?}):\n{said}",
            self.name(),
            ended.code
        ))
    }

    fn converges(&self, world: &World, stack: &str, flags: &str) -> Result<(), String> {
        let control = world.control();
        let names = Names::of(world);
        control.profile(&json!({"record_params": true})).unwrap();
        control.clear_calls().unwrap();
        let run = |line: &str| {
            let ended = world.platctl(line);
            if ended.code == Some(0) {
                return Ok(ended);
            }
            let (name, code) = (self.name(), ended.code);
            Err(format!(
                "{name}: `{line}` ended with {code:?}:\n{}{}",
                ended.stdout, ended.stderr
            ))
        };
        // Production is protected, and its data is asked about.
        let consent = if self.stack == Stack::Prod {
            ""
        } else {
            " --allow-data-loss all"
        };
        run(&format!("apply {stack}.yaml --yes{consent}{flags}"))?;
        let missing = names.missing(world);
        if !missing.is_empty() {
            return Err(format!(
                "{} {flags}: names that did not answer for a while: {missing:?}",
                self.name()
            ));
        }
        run(&format!("plan {stack}.yaml --detailed-exitcode{flags}")).map(drop)
    }
}

/// The names that answer, of all zones.
struct Names(BTreeMap<String, BTreeSet<String>>);

impl Names {
    fn of(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self(runtime.block_on(async {
            let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            let client = world.route53();
            for zone in client
                .list_hosted_zones()
                .send()
                .await
                .unwrap()
                .hosted_zones()
            {
                let sets = client
                    .list_resource_record_sets()
                    .hosted_zone_id(zone.id())
                    .send()
                    .await
                    .unwrap();
                for set in sets.resource_record_sets() {
                    names
                        .entry(set.name().to_owned())
                        .or_default()
                        .insert(set.r#type().as_str().to_owned());
                }
            }
            names
        }))
    }

    /// Those that answered before and do after, and did not all the time between.
    fn missing(self, world: &World) -> Vec<String> {
        let after = Self::of(world);
        let (mut names, mut missing) = (self.0.clone(), BTreeSet::new());
        for call in world.control().calls().unwrap() {
            if call.operation != "ChangeResourceRecordSets" || call.status != Some(200) {
                continue;
            }
            for change in call.params["ChangeBatch"]["Changes"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (set, delete) = (&change["ResourceRecordSet"], change["Action"] == "DELETE");
                let name = format!("{}.", text(&set["Name"]).trim_end_matches('.'));
                let types = names.entry(name).or_default();
                let kind = text(&set["Type"]);
                if delete {
                    types.remove(&kind)
                } else {
                    types.insert(kind)
                };
            }
            missing.extend(
                names
                    .iter()
                    .filter(|(_, types)| types.is_empty())
                    .map(|(name, _)| name.clone()),
            );
        }
        let both = |name: &String| self.0.contains_key(name) && after.0.contains_key(name);
        missing.into_iter().filter(both).collect()
    }
}

/// Of a list, those that are always tried and some of the others; or all.
fn chosen(stack: Stack) -> Vec<&'static Flip> {
    let all: Vec<&Flip> = FLIPS.iter().filter(|flip| flip.stack == stack).collect();
    if let Ok(only) = std::env::var("PLATCTL_TEST_FLIP") {
        return all
            .into_iter()
            .filter(|flip| flip.key.starts_with(&only))
            .collect();
    }
    let (telling, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(|flip| flip.telling);
    let mut dice = setting("PLATCTL_TEST_SEED", 1) as u64;
    for at in (1..others.len()).rev() {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        others.swap(at, usize::try_from(dice >> 33).unwrap() % (at + 1));
    }
    others.truncate(setting("PLATCTL_TEST_FLIPS", SAMPLE));
    telling.into_iter().chain(others).collect()
}

fn walk(stack: Stack) {
    let world = World::new();
    let name = stack.file();
    let text = std::fs::read_to_string(format!("../../stacks/{name}.yaml")).unwrap();
    world.file(&format!("{name}.yaml"), &text);
    world.platctl(&format!("apply {name}.yaml --yes")).expect(0);
    let flips = chosen(stack);
    let mut failed = Vec::new();
    for flip in &flips {
        if let Err(why) = flip.tried(&world, name) {
            tell(&format!("✗ {why}"));
            failed.push(why);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} changes:\n{}",
        failed.len(),
        flips.len(),
        failed.join("\n\n")
    );
    tell(&format!("{name}: {} changes, there and back", flips.len()));
}

#[ignore = "a long loop: cargo test --workspace --test e2e flips:: -- --ignored"]
#[test]
fn every_change_of_production_converges_or_is_refused() {
    walk(Stack::Prod);
}

#[ignore = "a long loop: cargo test --workspace --test e2e flips:: -- --ignored"]
#[test]
fn every_change_of_staging_converges_or_is_refused() {
    walk(Stack::Staging);
}

#[test]
fn every_change_of_a_preview_converges_or_is_refused() {
    walk(Stack::Preview);
}

/// A key that nobody has thought of is one that nobody has tried.
#[test]
fn every_key_and_every_word_is_in_the_table() {
    let schema = platctl_stack::reference::schema();
    let mut wanted = BTreeMap::new();
    leaves(&schema, &schema, String::new(), 0, &mut wanted);
    let mut missing = Vec::new();
    for (key, words) in &wanted {
        let excused = EXCUSED.iter().any(|(excused, reason)| {
            assert!(!reason.is_empty());
            excused == key
        });
        let flips: Vec<&Flip> = FLIPS.iter().filter(|flip| flip.key == key).collect();
        if !excused && flips.is_empty() {
            missing.push(key.clone());
        }
        let said = |word: &String| {
            let end = format!("={word}");
            flips.iter().any(|flip| {
                flip.set
                    .iter()
                    .any(|set| set.replace('"', "").ends_with(&end))
            }) || in_a_file(key, word)
        };
        missing.extend(
            words
                .iter()
                .filter(|word| !excused && !said(word))
                .map(|word| format!("{key}={word}")),
        );
    }
    assert!(missing.is_empty(), "no change in the table: {missing:#?}");
    let known = |key: &str| wanted.contains_key(key);
    let stale: Vec<&str> = FLIPS
        .iter()
        .map(|flip| flip.key)
        .filter(|key| !known(key))
        .collect();
    let needless: Vec<&str> = EXCUSED
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !known(key))
        .collect();
    assert!(
        stale.is_empty() && needless.is_empty(),
        "no such key: {stale:?} {needless:?}"
    );
}

/// A default, or what the stacks say: that is tried by every change that leads away from it.
fn in_a_file(key: &str, word: &str) -> bool {
    crate::flips_table::BEGINNINGS.contains(&(key, word))
}

/// The keys that take a value, and the words that they take where those are few.
fn leaves(
    schema: &Value,
    root: &Value,
    at: String,
    depth: usize,
    out: &mut BTreeMap<String, BTreeSet<String>>,
) {
    let mut words = BTreeSet::new();
    let mut below = Vec::new();
    spread(schema, root, &mut words, &mut below);
    if !at.is_empty() {
        out.entry(at.clone()).or_default().extend(words);
    }
    if depth > 8 {
        return;
    }
    for (name, inner) in below {
        let key = if at.is_empty() {
            name
        } else {
            format!("{at}.{name}")
        };
        leaves(inner, root, key, depth + 1, out);
    }
    // What only holds others is changed with them.
    if out.keys().any(|key| key.starts_with(&format!("{at}.")))
        && !takes_text(schema, root)
        && out.get(&at).is_some_and(BTreeSet::is_empty)
    {
        out.remove(&at);
    }
}

/// Whether a text can stand for all that a key holds: `network.cidr` is a block, or a pool.
fn takes_text(schema: &Value, root: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return takes_text(&root["$defs"][name], root);
    }
    let mut alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten();
    schema["type"] == "string" || alternatives.any(|one| takes_text(one, root))
}

/// A schema's words and its members, behind references and alternatives.
fn spread<'a>(
    schema: &'a Value,
    root: &'a Value,
    words: &mut BTreeSet<String>,
    below: &mut Vec<(String, &'a Value)>,
) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return spread(&root["$defs"][name], root, words, below);
    }
    for key in ["anyOf", "oneOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            spread(one, root, words, below);
        }
    }
    words.extend(schema["const"].as_str().map(ToOwned::to_owned));
    words.extend(
        schema["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned),
    );
    if schema["type"] == "boolean"
        || schema["type"]
            .as_array()
            .is_some_and(|types| types.contains(&json!("boolean")))
    {
        words.extend(["true".to_owned(), "false".to_owned()]);
    }
    below.extend(
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, of)| (name.clone(), of)),
    );
    let named = &schema["additionalProperties"];
    if named.is_object() && (named.get("$ref").is_some() || named.get("properties").is_some()) {
        below.push(("NAME".into(), named));
    }
}
