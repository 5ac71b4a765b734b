//! What every kind has to do, tried on its own example: registering a kind is what gets it tested.

mod placeholders;

use std::fs;

use platctl_aws::registry::{Sample, samples};
use platctl_engine::fields::Fact;
use serde_json::{Map, Value, json};

use crate::hosts;
use crate::world::World;

/// What AWS moves on by itself and never back: a later value is left as it is.
const MOVES_ON: [(&str, &str); 2] = [
    ("elasticache.ReplicationGroup", "/engine_version"),
    ("rds.DbCluster", "/engine_version"),
];

const SUBJECT: &str = "subject";

/// The kinds of a service, each in an AWS of its own.
fn conform(service: &str) {
    let only = std::env::var("PLATCTL_TEST_KIND").unwrap_or_default();
    let world = World::new();
    let of_service = |sample: &Sample| sample.facts.name.split('.').next() == Some(service);
    let kinds: Vec<Sample> = samples().into_iter().filter(of_service).collect();
    assert!(!kinds.is_empty(), "no kind is registered for {service}");
    for sample in kinds
        .iter()
        .filter(|sample| sample.facts.name.contains(&only))
    {
        world.reset();
        people(&world, service);
        Trial {
            world: &world,
            sample,
        }
        .run();
    }
}

/// What people do before platctl can write to a host: a repository, and a credential for it in a secret.
fn people(world: &World, service: &str) {
    let (secret, content) = match service {
        "github" => (
            "example/github-app",
            hosts::app_that_may(
                world,
                "acme/example-gitops",
                &json!({"administration": "write"}),
            ),
        ),
        "gitlab" => (
            "example/gitlab-token",
            hosts::token(world, "acme/example-gitops"),
        ),
        _ => return,
    };
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(hosts::store(world, secret, &content));
}

/// A secret that is deleted keeps its name until its recovery window has passed.
pub(crate) fn gone_after_its_window(world: &World) {
    let client = world.secretsmanager();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let call = client.list_secrets().include_planned_deletion(true);
        for secret in call.send().await.unwrap().secret_list() {
            let arn = secret.arn().unwrap();
            if secret.deleted_date().is_none() {
                continue;
            }
            client.restore_secret().secret_id(arn).send().await.unwrap();
            let call = client.delete_secret().secret_id(arn);
            let call = call.force_delete_without_recovery(true);
            call.send().await.unwrap();
        }
    });
}

macro_rules! services {
    ($($service:ident { $($kind:tt)* })*) => {
        const SERVICES: &[&str] = &["kubernetes", $(stringify!($service)),*];
        $(#[test]
        fn $service() {
            conform(stringify!($service));
        })*
    };
}

platctl_aws::with_kinds!(services);

#[test]
fn kubernetes() {
    conform("kubernetes");
}

#[test]
fn every_service_is_tried() {
    for sample in samples() {
        let service = sample.facts.name.split('.').next().unwrap();
        assert!(
            SERVICES.contains(&service),
            "{service} is not the name of its folder"
        );
    }
}

struct Trial<'a> {
    world: &'a World,
    sample: &'a Sample,
}

impl Trial<'_> {
    fn run(&self) {
        let example = self.sample.example.clone();
        self.say("create");
        self.write(&example, false);
        self.apply();
        self.in_order();
        for (path, value) in &self.sample.variations {
            self.change(&example, path, value);
        }
        self.in_order();
        self.resets(&example);
        self.adoption(&example);
        self.destruction();
    }

    /// What is being tried, for whoever reads a failure.
    #[expect(clippy::print_stderr, reason = "shown only when the test fails")]
    fn say(&self, what: &str) {
        eprintln!("{}: {what}", self.sample.facts.name);
    }

    /// Writes a stack of the subject and of all that its spec refers to.
    fn write(&self, spec: &Value, protect: bool) {
        let mut resources = Map::new();
        let mut subject = placeholders::referring(spec, &self.sample.facts, &mut resources);
        subject["kind"] = self.sample.facts.name.into();
        resources.insert(SUBJECT.into(), subject);
        placeholders::accompany(SUBJECT, self.sample.facts.name, &mut resources);
        let stack = json!({
            "stack": "conformance", "region": crate::world::REGION, "protect": protect, "resources": resources,
        });
        self.world
            .file("stack.yaml", &serde_json::to_string_pretty(&stack).unwrap());
    }

    #[track_caller]
    fn apply(&self) {
        self.world
            .platctl("apply stack.yaml --yes --allow-data-loss all")
            .expect(0);
    }

    /// Nothing is left to be done.
    #[track_caller]
    fn in_order(&self) {
        self.world
            .platctl("plan stack.yaml --detailed-exitcode")
            .expect(0);
    }

    /// What the plan says of the subject: `create`, `update`, `replace`, `delete`.
    #[track_caller]
    fn planned(&self) -> (String, Value) {
        let ended = self
            .world
            .platctl("plan stack.yaml --json --allow-data-loss all")
            .expect(0);
        let lines = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut steps = lines
            .filter(|line| line["type"] == "step")
            .map(|line| line["step"].clone());
        let step = steps.find(|step| step["address"] == SUBJECT);
        let Some(step) = step else {
            return ("no_op".into(), Value::Null);
        };
        let action = match &step["action"] {
            Value::String(action) => action.clone(),
            action => action
                .as_object()
                .and_then(|map| map.keys().next().cloned())
                .unwrap_or_default(),
        };
        (action, step.clone())
    }

    fn change(&self, example: &Value, path: &str, value: &Value) {
        self.say(&format!("{path} to {value}"));
        let facts = &self.sample.facts;
        let state = self.world.path().join("state/emulator/conformance.json");
        let before = fs::read(&state).unwrap();
        let mut changed = example.clone();
        set(&mut changed, path, value.clone());
        assert_ne!(&changed, example, "{path} is no change");
        self.write(&changed, false);
        let (action, step) = self.planned();
        let replaces = facts.fields.holds(path, Fact::Immutable);
        assert_eq!(
            action,
            if replaces { "replace" } else { "update" },
            "{} {path}: {step:#}",
            facts.name
        );
        if replaces && facts.holds_data {
            self.write(&changed, true);
            self.world.platctl("plan stack.yaml").expect(1);
            self.write(&changed, false);
        }
        self.apply();
        self.in_order();
        self.removal(example, path);
        let unseen = facts.fields.holds(path, Fact::WriteOnly);
        if !replaces && !unseen {
            // With its earlier record, the change looks as if somebody else had made it.
            let earlier: Value = serde_json::from_slice(&before).unwrap();
            let mut now: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
            now["resources"][SUBJECT] = earlier["resources"][SUBJECT].clone();
            fs::write(&state, now.to_string()).unwrap();
            // The journal continues the later state; an older one is restored on purpose here.
            let journal = state.with_extension("journal");
            if journal.exists() {
                fs::remove_file(journal).unwrap();
            }
        }
        self.write(example, false);
        if example.pointer(path).is_some() && !unseen && !replaces {
            let (action, step) = self.planned();
            let seen = matches!(action.as_str(), "update" | "replace")
                || MOVES_ON.contains(&(facts.name, path));
            assert!(
                seen,
                "{} does not see the drift of {path}: {action} {step:#}",
                facts.name
            );
        }
        self.apply();
    }

    /// What the example does not have goes again with `null`, if it can.
    fn removal(&self, example: &Value, path: &str) {
        let field = path.trim_start_matches('/');
        let mut resets = self.sample.resets.iter();
        if example.get(field).is_some() || !resets.any(|(name, _)| *name == field) {
            return;
        }
        let mut bare = example.clone();
        bare[field] = Value::Null;
        self.write(&bare, false);
        let (action, step) = self.planned();
        assert_eq!(
            action, "update",
            "{} {path}: {step:#}",
            self.sample.facts.name
        );
        self.apply();
        self.in_order();
    }

    /// `null` in place of everything for which it can stand.
    fn resets(&self, example: &Value) {
        let mut bare = example.clone();
        for (field, value) in &self.sample.resets {
            if example.get(*field).is_some_and(|stated| stated != value) {
                bare[*field] = Value::Null;
            }
        }
        if &bare == example {
            return;
        }
        self.say("resets");
        self.write(&bare, false);
        self.apply();
        self.in_order();
        self.write(example, false);
        self.apply();
    }

    /// Without any state, everything is found again and nothing is made twice.
    fn adoption(&self, example: &Value) {
        self.say("adoption");
        self.write(example, false);
        fs::remove_dir_all(self.world.path().join("state")).unwrap();
        self.world
            .platctl("state recover stack.yaml --yes")
            .expect(0);
        let (action, step) = self.planned();
        assert!(
            matches!(action.as_str(), "no_op" | "update"),
            "{} is not found again: {action} {step:#}",
            self.sample.facts.name
        );
        self.apply();
        self.in_order();
    }

    /// After it, nothing is found any more.
    fn destruction(&self) {
        self.say("delete");
        self.world
            .platctl("destroy stack.yaml --yes --allow-data-loss all")
            .expect(0);
        fs::remove_dir_all(self.world.path().join("state")).unwrap();
        gone_after_its_window(self.world);
        // What the whole account shares stays.
        if self.sample.facts.shared {
            return;
        }
        let (action, step) = self.planned();
        assert_eq!(
            action, "create",
            "{} is still there: {step:#}",
            self.sample.facts.name
        );
    }
}

/// Sets the value at a JSON pointer, making what leads there.
fn set(spec: &mut Value, path: &str, value: Value) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    if !parent.is_empty() && spec.pointer(parent).is_none() {
        set(spec, parent, json!({}));
    }
    let parent = spec.pointer_mut(parent).expect("a path into the spec");
    if value.is_null() {
        parent.as_object_mut().map(|map| map.remove(name));
    } else if let Value::Array(list) = parent {
        list[name.parse::<usize>().expect("an index")] = value;
    } else {
        parent[name.replace("~1", "/").replace("~0", "~")] = value;
    }
}
