//! Toy kinds: found by tags, by token, by a unique name, untaggable, shared by all stacks; a house in which others live,
//! and one whose deletion takes long.

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Cloud, Fault, Thing, When};
use crate::fields::{Fact, Fields};
use crate::{
    AnyKind, AnyLive, AnyWanted, Attached, Candidate, Change, Changes, Claim, Class, CloudError,
    CloudResult, Contents, Facts, Id, Identity, Leaves, Owner, Permissions, Phase, Replace,
    SpecError, Timing, Vacated,
};

const PERMISSIONS: Permissions = Permissions {
    read: &[],
    create: &[],
    update: &[],
    delete: &[],
};

/// What holds for the fields of a toy kind.
fn fields(name: &str, identity: Identity) -> Fields {
    let mut table: Vec<(&str, &[Fact])> = vec![
        ("/color", &[Fact::Immutable]),
        ("/secret", &[Fact::WriteOnly]),
        ("/hint", &[Fact::Accepted]),
        ("/uses", &[Fact::Holds]),
        ("/uses/early", &[Fact::Accepted]),
        ("/whole", &[Fact::Immutable, Fact::Holds]),
        ("/origin", &[Fact::CreateOnly]),
        ("/attributes", &[Fact::StatedMap]),
    ];
    table.push(match identity {
        Identity::Name => ("/name", &[Fact::Immutable, Fact::Name]),
        _ => ("/name", &[Fact::Immutable]),
    });
    if name == "toy.Plain" {
        table.push(("/parent", &[Fact::Immutable, Fact::Home]));
        table.push(("/target", &[Fact::Leads]));
    } else {
        table.push(("/parent", &[Fact::Immutable]));
    }
    Fields::new(&table, Some("/tags"))
}

/// The facts of a toy kind. `/color` and `/parent` are immutable, `/size` and `/uses` are not. `/beyond` is what a
/// spec cannot say.
pub(crate) fn facts(name: &str) -> Option<Facts> {
    let (name, identity) = match name {
        "toy.Tags" => ("toy.Tags", Identity::Tags),
        "toy.Token" => ("toy.Token", Identity::Token),
        "toy.Name" => ("toy.Name", Identity::Name),
        "toy.Plain" => ("toy.Plain", Identity::Name),
        "toy.Shared" => ("toy.Shared", Identity::Name),
        "toy.House" => ("toy.House", Identity::Tags),
        "toy.Slow" => ("toy.Slow", Identity::Tags),
        _ => return None,
    };
    Some(Facts {
        name,
        fields: fields(name, identity),
        volatile: &[],
        follows: &[("label", &["/label"]), ("url", &["/label"])],
        outputs: &["id", "early", "name", "label", "url"],
        identity,
        one_by_one: name == "toy.Plain",
        tagged: !matches!(name, "toy.Plain" | "toy.Shared"),
        own_tags: 5,
        alike: |path, desired, live| {
            let text = |spec: &Value| {
                spec.pointer(path)
                    .and_then(Value::as_str)
                    .map(str::to_lowercase)
            };
            path == "/spelling" && text(desired) == text(live)
        },
        shared: name == "toy.Shared",
        inside: None,
        vacated_by: (name == "toy.House").then_some("toy.Plain"),
        checksum: (name == "toy.Plain").then_some("checksum"),
        helped_by: if name == "toy.Token" {
            &["toy.Plain"]
        } else {
            &[]
        },
        holds_data: name == "toy.Name",
        permissions: PERMISSIONS,
        timing: Timing {
            create: Duration::from_secs(if name == "toy.Token" { 100 } else { 1 }),
            update: Duration::from_secs(1),
            delete: Duration::from_secs(if name == "toy.Slow" { 600 } else { 1 }),
            limit: Duration::from_secs(if name == "toy.Token" { 3600 } else { 600 }),
        },
    })
}

pub(crate) struct FakeKind {
    pub facts: Facts,
    pub cloud: Cloud,
}

pub(crate) fn map_strings(value: &Value, to: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(to(text)),
        Value::Array(items) => items.iter().map(|item| map_strings(item, to)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), map_strings(value, to)))
            .collect(),
        _ => value.clone(),
    }
}

fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(map) => map.values().any(|item| mentions(item, id)),
        _ => false,
    }
}

/// `/members` is a set: it has no order.
fn in_order(mut spec: Value) -> Value {
    if let Some(members) = spec.get_mut("members").and_then(Value::as_array_mut) {
        members.sort_by_key(ToString::to_string);
    }
    spec
}

impl FakeKind {
    /// Counts a mutating call; when it is its turn to be cut off, does so.
    async fn mutation<T>(&self, act: impl FnOnce() -> CloudResult<T> + Send) -> CloudResult<T> {
        tracing::debug!(
            kind = self.facts.name,
            attempt = crate::retry::attempt(),
            "toy call"
        );
        let fault = {
            let mut world = self.cloud.world.lock().unwrap();
            world.mutations += 1;
            let turn = world.mutations;
            world.fault.filter(|(at, ..)| *at == turn)
        };
        let Some((_, when, fault)) = fault else {
            return act();
        };
        let result = if when == When::After {
            Some(act())
        } else {
            None
        };
        if fault == Fault::Hang {
            self.cloud.hung.notify_one();
            std::future::pending::<()>().await;
        }
        drop(result);
        Err(CloudError::new(
            Class::Interrupted,
            self.facts.name,
            "connection reset",
        ))
    }

    async fn be_slow(&self) {
        let slow = {
            let mut world = self.cloud.world.lock().unwrap();
            world.reading += 1;
            world.most_reading = world.most_reading.max(world.reading);
            world.slow
        };
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        self.cloud.world.lock().unwrap().reading -= 1;
    }

    fn error(&self, class: Class, message: &str) -> CloudError {
        CloudError::new(class, self.facts.name, message)
    }

    fn make(&self, spec: &Value, claim: &Claim) -> CloudResult<Id> {
        let mut world = self.cloud.world.lock().unwrap();
        let same = |thing: &&Thing| thing.kind == self.facts.name;
        match self.facts.identity {
            Identity::Token => {
                let mut mine = world.things.iter().filter(|(_, thing)| same(thing));
                if let Some((id, thing)) = mine.find(|(_, thing)| thing.token == claim.token) {
                    let unchanged = thing.spec == *spec;
                    return if unchanged {
                        Ok(id.clone())
                    } else {
                        Err(self.error(Class::Invalid, "token reused"))
                    };
                }
            }
            Identity::Name
                if world
                    .things
                    .values()
                    .filter(same)
                    .any(|t| t.spec.get("name") == spec.get("name")) =>
            {
                return Err(self.error(Class::AlreadyExists, "that name is taken"));
            }
            _ => {}
        }
        let used = spec
            .get("uses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for parent in spec
            .get("parent")
            .into_iter()
            .chain(used)
            .filter_map(Value::as_str)
        {
            if !world.things.contains_key(&Id::from(parent)) {
                return Err(self.error(Class::NotFound, "no such parent"));
            }
        }
        world.next += 1;
        let id = Id::from(format!("{}-{}", self.facts.name, world.next));
        let settling = world.settle;
        let owner = self.facts.tagged.then(|| claim.owner.clone());
        let thing = Thing {
            kind: self.facts.name,
            spec: spec.clone(),
            owner,
            token: claim.token.clone(),
            settling,
            phase: None,
        };
        world.things.insert(id.clone(), thing);
        Ok(id)
    }

    fn change(&self, id: &Id, changes: &Changes, owner: &Owner) -> CloudResult<()> {
        let mut world = self.cloud.world.lock().unwrap();
        if world.gives_up.is_some() {
            return Ok(());
        }
        let thing = world
            .things
            .get_mut(id)
            .ok_or_else(|| self.error(Class::NotFound, "gone"))?;
        for change in changes {
            if change.path == Changes::OWNER {
                thing.owner = change.after.as_ref().map(|_| owner.clone());
                continue;
            }
            if change.path == Changes::RESTORE {
                thing.phase = None;
                continue;
            }
            let (parent, key) = change.path.rsplit_once('/').unwrap_or_default();
            if parent == "/tags" && thing.spec.get("tags").is_none() {
                thing.spec["tags"] = json!({});
            }
            let map = thing
                .spec
                .pointer_mut(parent)
                .and_then(Value::as_object_mut)
                .unwrap();
            match &change.after {
                Some(value) => drop(map.insert(key.to_owned(), value.clone())),
                None => drop(map.remove(key)),
            }
        }
        Ok(())
    }

    fn remove(&self, id: &Id) -> CloudResult<()> {
        let mut world = self.cloud.world.lock().unwrap();
        let address = world.things.get(id).and_then(|thing| thing.owner.as_ref());
        let what = address.map_or(id.to_string(), |owner| owner.address.clone());
        if world
            .things
            .values()
            .any(|thing| mentions(&thing.spec, id.as_str()))
        {
            world.in_use += 1;
            return Err(self.error(Class::InUse, "something still uses it"));
        }
        if let Some(why) = world.clings.clone() {
            let thing = world
                .things
                .get_mut(id)
                .ok_or_else(|| self.error(Class::NotFound, "gone"))?;
            thing.phase = Some(Phase::Failed(why));
            return Ok(());
        }
        world.diary.push(format!("deleted {what}"));
        let gone = world
            .things
            .remove(id)
            .ok_or_else(|| self.error(Class::NotFound, "gone"))?;
        if world.comes_back {
            let again = Thing {
                owner: None,
                ..gone
            };
            world.things.insert(id.clone(), again);
        }
        Ok(())
    }
}

impl AnyKind for FakeKind {
    fn facts(&self) -> &Facts {
        &self.facts
    }
    fn example(&self) -> Value {
        json!({"name": "example", "size": 1})
    }
    fn declare(&self, spec: Value) -> Result<Value, SpecError> {
        Ok(spec)
    }
    fn resolve(&self, spec: Value) -> Result<Value, SpecError> {
        match spec.get("size") {
            Some(size) if size == 0 => Err(SpecError::new("/size", "must be above zero")),
            _ => Ok(in_order(spec)),
        }
    }
    fn replaces(&self, change: &Change) -> bool {
        self.facts.fields.is(&change.path, Fact::Immutable)
    }
    fn replacement(&self, _live: &Value, _desired: Option<&Value>) -> Replace {
        if self.facts.identity == Identity::Token {
            Replace::CreateFirst
        } else {
            Replace::DeleteFirst
        }
    }

    fn obstacle<'a>(&'a self, _live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(std::future::ready(Ok(Some("it is a toy".to_owned()))))
    }

    fn find<'a>(
        &'a self,
        wanted: &'a [AnyWanted],
    ) -> BoxFuture<'a, CloudResult<Vec<Vec<Candidate>>>> {
        Box::pin(async move {
            let mut world = self.cloud.world.lock().unwrap();
            world.reads += 1;
            let matches = |thing: &Thing, wanted: &AnyWanted| match self.facts.identity {
                Identity::Name => wanted
                    .spec
                    .as_ref()
                    .is_some_and(|s| s.get("name") == thing.spec.get("name")),
                _ => thing
                    .owner
                    .as_ref()
                    .is_some_and(|o| o.address == wanted.owner.address),
            };
            let find = |wanted: &AnyWanted| {
                let mine = world
                    .things
                    .iter()
                    .filter(|(_, thing)| thing.kind == self.facts.name);
                let found = mine.filter(|(_, thing)| matches(thing, wanted));
                found
                    .map(|(id, thing)| Candidate {
                        id: id.clone(),
                        owner: thing.owner.clone(),
                    })
                    .collect()
            };
            Ok(wanted.iter().map(find).collect())
        })
    }

    fn describe<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, CloudResult<Vec<Option<AnyLive>>>> {
        Box::pin(async move {
            self.be_slow().await;
            let mut world = self.cloud.world.lock().unwrap();
            world.reads += 1;
            if world.away > 0 {
                world.away -= 1;
                return Err(self.error(Class::Unreachable, "no route to the cloud"));
            }
            if world.flaky > 0 {
                world.flaky -= 1;
                return Err(self.error(Class::Throttled, "slow down"));
            }
            if world.blind > 0 {
                world.blind -= 1;
                return Ok(ids.iter().map(|_| None).collect());
            }
            let late = world.late;
            let mut see = |id: &Id| {
                let thing = world.things.get_mut(id)?;
                let phase = match &thing.phase {
                    Some(phase) => phase.clone(),
                    None if thing.settling > 0 => Phase::Settling("pending".into()),
                    None => Phase::Ready,
                };
                thing.settling = thing.settling.saturating_sub(1);
                let mut spec = thing.spec.clone();
                let fields = spec.as_object_mut().unwrap();
                fields.remove("secret");
                let beyond = fields.remove("beyond").unwrap_or_default();
                let unmanaged = serde_json::from_value(beyond).unwrap_or_default();
                let known = !late || thing.settling < 2;
                let early = known.then(|| format!("early-{id}"));
                let label = thing.spec.get("label");
                let url = label
                    .and_then(Value::as_str)
                    .map(|label| format!("toy://{label}"));
                let outputs = json!({
                    "id": id, "early": early, "name": thing.spec.get("name"), "label": label, "url": url,
                });
                Some(AnyLive {
                    id: id.clone(),
                    spec,
                    outputs,
                    owner: thing.owner.clone(),
                    phase,
                    unmanaged,
                })
            };
            Ok(ids.iter().map(&mut see).collect())
        })
    }

    fn is_detachable(&self) -> bool {
        self.facts.name == "toy.Plain"
    }

    /// What `/behind` says.
    fn behind<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        let said = live.spec.get("behind").and_then(Value::as_str);
        Box::pin(std::future::ready(Ok(said.map(ToOwned::to_owned))))
    }

    /// Untaggable things are attached to their parent.
    fn attached<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Vec<Attached>>> {
        let things = self.cloud.things();
        let here = |thing: &Thing| {
            thing
                .spec
                .get("parent")
                .is_some_and(|parent| *parent == live.id.as_str())
        };
        let attached = things
            .into_iter()
            .filter(|(_, thing)| thing.kind == "toy.Plain" && here(thing));
        let attached = attached.map(|(id, thing)| {
            let what = format!("toy {}", thing.spec["name"].as_str().unwrap_or_default());
            Attached {
                kind: thing.kind,
                id,
                what,
            }
        });
        Box::pin(std::future::ready(Ok(attached.collect())))
    }

    fn create<'a>(&'a self, spec: &'a Value, claim: &'a Claim) -> BoxFuture<'a, CloudResult<Id>> {
        Box::pin(self.mutation(|| self.make(spec, claim)))
    }

    fn update<'a>(
        &'a self,
        live: &'a AnyLive,
        _spec: &'a Value,
        changes: &'a Changes,
        owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.mutation(|| self.change(&live.id, changes, owner)))
    }

    fn vet<'a>(
        &'a self,
        _live: &'a AnyLive,
        spec: &'a Value,
        _changes: &'a Changes,
    ) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        let unlucky = spec.get("size").is_some_and(|size| size == 13);
        let faults = unlucky
            .then(|| SpecError::new("/size", "cannot be 13"))
            .into_iter()
            .collect();
        Box::pin(std::future::ready(Ok(faults)))
    }

    fn vet_new<'a>(&'a self, spec: &'a Value) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        let unlucky = spec.get("size").is_some_and(|size| size == 13);
        let faults = unlucky
            .then(|| SpecError::new("/size", "is not offered"))
            .into_iter()
            .collect();
        Box::pin(std::future::ready(Ok(faults)))
    }

    fn failed_update<'a>(
        &'a self,
        _live: &'a AnyLive,
        _resumed: bool,
    ) -> BoxFuture<'a, CloudResult<Option<String>>> {
        let why = self.cloud.world.lock().unwrap().gives_up.clone();
        Box::pin(std::future::ready(Ok(why)))
    }

    /// `/level` rises by itself.
    fn tolerates(&self, change: &Change, last: Option<&Value>) -> bool {
        let number = |value: Option<&Value>| value.and_then(Value::as_u64);
        let (live, stated) = (
            number(change.before.as_ref()),
            number(change.after.as_ref()),
        );
        change.path == "/level"
            && live > stated
            && number(last).is_none_or(|last| Some(last) <= stated)
    }

    /// Only plain things can speak to who lives in a house.
    fn vacate<'a>(&'a self, home: &'a Id) -> BoxFuture<'a, CloudResult<Vacated>> {
        let mut world = self.cloud.world.lock().unwrap();
        world.diary.push(format!("told those in {home}"));
        let answer = match world.tenants {
            Some(_) => Ok(Vacated::Told),
            None => Err(self.error(Class::Denied, "the door is locked")),
        };
        Box::pin(std::future::ready(answer))
    }

    fn lingers<'a>(
        &'a self,
        _id: &'a Id,
        _last: &'a Value,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        let mut world = self.cloud.world.lock().unwrap();
        let left = world.tenants.unwrap_or_default();
        world.tenants = Some(left.saturating_sub(1));
        if left == 0 {
            world.diary.push("they have cleared up".to_owned());
        }
        let words = (0..left.min(2))
            .map(|number| format!("tenant {number}"))
            .collect();
        Box::pin(std::future::ready(Ok(words)))
    }

    fn clear_up<'a>(
        &'a self,
        id: &'a Id,
        last: &'a Value,
        _owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        let mut world = self.cloud.world.lock().unwrap();
        let left = world.rubbish;
        world.rubbish = left.saturating_sub(1);
        world.diary.push(format!("cleared up after {id}, {last}"));
        let words = (0..left)
            .map(|number| format!("rubbish {number}"))
            .collect();
        Box::pin(std::future::ready(Ok(words)))
    }

    /// What `/copies` says is nowhere else.
    fn last_copies(&self, live: &AnyLive) -> Option<Leaves> {
        let what = live.spec.get("copies")?.as_str()?.to_owned();
        let used = live
            .spec
            .get("uses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Some(Leaves {
            what,
            needs: used
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
        })
    }

    /// What `/leaves` says stays, with all that the object uses.
    fn leaves(&self, live: &AnyLive) -> Option<Leaves> {
        let what = live.spec.get("leaves")?.as_str()?.to_owned();
        let used = live
            .spec
            .get("uses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Some(Leaves {
            what,
            needs: used
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
        })
    }

    /// What `/contents` says.
    fn contents<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<Contents>>> {
        let said = live.spec.get("contents").and_then(Value::as_str);
        let said = said.map(|what| Contents {
            what: what.to_owned(),
            ..Contents::default()
        });
        Box::pin(std::future::ready(Ok(said)))
    }

    /// What is said to be lost is nowhere to be seen.
    fn left<'a>(&'a self, what: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        let seen = if what.contains("lost") {
            let message = format!("{what} is not there");
            Err(CloudError::new(Class::NotFound, "toy:Left", message))
        } else {
            Ok(())
        };
        Box::pin(std::future::ready(seen))
    }

    fn recall(&self, live: &AnyLive) -> Option<String> {
        Some(format!("toy restore {}", live.id))
    }

    fn delete<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(self.mutation(|| self.remove(&live.id)))
    }
}
