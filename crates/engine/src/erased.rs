//! Kinds without their types: JSON in, JSON out, so that one graph holds every kind.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::changes::is_under;
use crate::fields::{Fact, Fields};
use crate::kind::{
    Attached, Candidate, Claim, Contents, Id, Identity, Kind, Leaves, Live, Outputs, Owner,
    Permissions, Phase, Replace, Timing, Vacated, Wanted,
};
use crate::read::Read;
use crate::state::legible;
use crate::{Change, Changes, Class, CloudError, CloudResult, Declared, Resolved};

/// What is wrong with a spec, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SpecError {
    /// JSON pointer to the field at fault; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl SpecError {
    /// A fault of the field at this JSON pointer.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// What a kind states about itself; see the constants of [`Kind`].
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "each field is the constant or function of the same name in `Kind`"
)]
pub struct Facts {
    pub name: &'static str,
    pub fields: Fields,
    pub volatile: &'static [&'static str],
    pub follows: &'static [(&'static str, &'static [&'static str])],
    pub outputs: &'static [&'static str],
    pub identity: Identity,
    pub one_by_one: bool,
    pub tagged: bool,
    pub own_tags: usize,
    pub alike: fn(&str, &Value, &Value) -> bool,
    pub shared: bool,
    pub holds_data: bool,
    pub inside: Option<&'static str>,
    pub vacated_by: Option<&'static str>,
    pub checksum: Option<&'static str>,
    pub helped_by: &'static [&'static str],
    pub permissions: Permissions,
    pub timing: Timing,
}

impl Facts {
    /// Whether an update in place that changes these paths may change this output.
    #[must_use]
    pub fn may_change(&self, output: &str, changed: &[&str]) -> bool {
        let follows = |(name, fields): &(&str, &[&str])| {
            let touched = |field: &&str| changed.iter().any(|path| is_under(path, field));
            *name == output && fields.iter().any(touched)
        };
        self.volatile.contains(&output) || self.follows.iter().any(follows)
    }

    /// The facts of a kind.
    #[must_use]
    pub fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            fields: Fields::of::<K>(),
            volatile: K::VOLATILE,
            follows: K::FOLLOWS,
            outputs: K::Outputs::NAMES,
            identity: K::IDENTITY,
            one_by_one: matches!(K::READ, Read::Each(_)),
            tagged: K::TAGGED,
            own_tags: K::OWN_TAGS,
            alike: K::alike,
            shared: K::SHARED,
            holds_data: K::HOLDS_DATA,
            inside: K::INSIDE,
            vacated_by: K::VACATED_BY,
            checksum: K::CHECKSUM,
            helped_by: K::HELPED_BY,
            permissions: K::PERMISSIONS,
            timing: K::TIMING,
        }
    }
}

/// A live object without its types; see [`Live`].
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the one of the same name in `Live`"
)]
pub struct AnyLive {
    pub id: Id,
    pub spec: Value,
    pub outputs: Value,
    pub owner: Option<Owner>,
    pub phase: Phase,
    /// See [`Outputs::unmanaged`].
    pub unmanaged: Vec<String>,
}

impl AnyLive {
    /// The outputs that are known. While an object is not ready, the cloud leaves out what it has not decided yet,
    /// and kinds answer that as empty text: it is not known yet.
    #[must_use]
    pub fn known_outputs(&self) -> Value {
        let outputs = self.outputs.as_object().into_iter().flatten();
        let undecided = |value: &Value| value.is_null() || value == "" && !self.phase.is_at_rest();
        Value::Object(
            outputs
                .filter(|(_, value)| !undecided(value))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        )
    }
}

/// An object to look for, without its types; see [`Wanted`].
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "each field is the one of the same name in `Wanted`"
)]
pub struct AnyWanted {
    pub owner: Owner,
    pub spec: Option<Value>,
}

/// A kind bound to the clients of one place, without its types. [`Bound`] is the one implementation for
/// typed kinds; tests bring others.
pub trait AnyKind: Send + Sync {
    /// What the kind states about itself.
    fn facts(&self) -> &Facts;

    /// See [`Kind::example`].
    fn example(&self) -> Value;

    /// Reads a declared spec: every field known, every type right, defaults filled in.
    ///
    /// # Errors
    /// The first field at fault.
    fn declare(&self, spec: Value) -> Result<Value, SpecError>;

    /// Reads a resolved spec, normalises it as the cloud does, and checks it.
    ///
    /// # Errors
    /// The first field at fault.
    fn resolve(&self, spec: Value) -> Result<Value, SpecError>;

    /// Whether this change forces a replacement.
    fn replaces(&self, change: &Change) -> bool;

    /// See [`Kind::tolerates`].
    fn tolerates(&self, _change: &Change, _last: Option<&Value>) -> bool {
        false
    }

    /// The order of a replacement of `live` by `desired` (none while it is not fully known).
    fn replacement(&self, live: &Value, desired: Option<&Value>) -> Replace;

    /// See [`Kind::remark`].
    fn remark(&self) -> Option<String> {
        None
    }

    /// See [`Kind::find`].
    fn find<'a>(
        &'a self,
        wanted: &'a [AnyWanted],
    ) -> BoxFuture<'a, CloudResult<Vec<Vec<Candidate>>>>;
    /// See [`Kind::describe`].
    fn describe<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, CloudResult<Vec<Option<AnyLive>>>>;
    /// See [`Kind::obstacle`].
    fn obstacle<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>>;
    /// See [`Kind::behind`].
    fn behind<'a>(&'a self, _live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// See [`Kind::attached`].
    fn attached<'a>(&'a self, _live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Vec<Attached>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// See [`Kind::is_detachable`].
    fn is_detachable(&self) -> bool {
        false
    }
    /// See [`Kind::holders`].
    fn holders<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Vec<Attached>>> {
        self.attached(live)
    }
    /// See [`Kind::vacate`].
    fn vacate<'a>(&'a self, _home: &'a Id) -> BoxFuture<'a, CloudResult<Vacated>> {
        Box::pin(std::future::ready(Ok(Vacated::Left)))
    }
    /// See [`Kind::lingers`].
    fn lingers<'a>(
        &'a self,
        _id: &'a Id,
        _last: &'a Value,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// See [`Kind::clear_up`].
    fn clear_up<'a>(
        &'a self,
        _id: &'a Id,
        _last: &'a Value,
        _owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// See [`Kind::create`].
    fn create<'a>(&'a self, spec: &'a Value, claim: &'a Claim) -> BoxFuture<'a, CloudResult<Id>>;
    /// See [`Kind::update`].
    fn update<'a>(
        &'a self,
        live: &'a AnyLive,
        spec: &'a Value,
        changes: &'a Changes,
        owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<()>>;
    /// See [`Kind::vet`].
    fn vet<'a>(
        &'a self,
        live: &'a AnyLive,
        spec: &'a Value,
        changes: &'a Changes,
    ) -> BoxFuture<'a, CloudResult<Vec<SpecError>>>;
    /// See [`Kind::vet_new`]. The spec is as it was declared.
    fn vet_new<'a>(&'a self, _spec: &'a Value) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// See [`Kind::failed_update`].
    fn failed_update<'a>(
        &'a self,
        _live: &'a AnyLive,
        _resumed: bool,
    ) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// See [`Kind::last_copies`].
    fn last_copies(&self, _live: &AnyLive) -> Option<Leaves> {
        None
    }
    /// See [`Kind::leaves`].
    fn leaves(&self, _live: &AnyLive) -> Option<Leaves> {
        None
    }
    /// See [`Kind::contents`].
    fn contents<'a>(&'a self, _live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<Contents>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// See [`Kind::left`].
    fn left<'a>(&'a self, _what: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// See [`Kind::recall`].
    fn recall(&self, _live: &AnyLive) -> Option<String> {
        None
    }
    /// See [`Kind::delete`].
    fn delete<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<()>>;
}

impl fmt::Debug for dyn AnyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind {}", self.facts().name)
    }
}

/// Binds kinds to places. The one thing that the engine needs to know of a provider.
pub trait Catalog: Send + Sync {
    /// The kind of this name, bound to the clients of `scope` (an AWS region, a cluster); none when
    /// there is no such kind. The same kind and scope give the same object's clients.
    fn bind(&self, kind: &str, scope: &str) -> Option<Arc<dyn AnyKind>>;

    /// The names of all kinds, for suggestions.
    fn names(&self) -> Vec<&'static str>;
}

/// A kind with the clients of one place.
#[derive(Debug)]
pub struct Bound<K: Kind> {
    cloud: Arc<K::Cloud>,
    facts: Facts,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Bound<K> {
    /// Binds the kind to its clients.
    #[must_use]
    pub fn new(cloud: Arc<K::Cloud>) -> Self {
        Self {
            cloud,
            facts: Facts::of::<K>(),
            kind: PhantomData,
        }
    }

    /// Fields that are stated as nothing stand for what the cloud, or the kind, takes where nothing is stated.
    fn reset(&self, mut spec: Value) -> Result<Value, SpecError> {
        let fields = spec.as_object().into_iter().flatten();
        let blank: Vec<String> = fields
            .filter(|(_, value)| value.is_null())
            .map(|(field, _)| field.clone())
            .collect();
        if blank.is_empty() {
            return Ok(spec);
        }
        let stated = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        // A field with a value of its own where nothing is stated has it then.
        let declared = read::<K::Spec<Declared>>(spec.clone()).map(|(_, declared)| declared);
        let declared = declared.unwrap_or_default();
        let resets = K::resets();
        for field in blank {
            let path = format!("/{}", crate::changes::escape(&field));
            if let Some((_, value)) = resets.iter().find(|(name, _)| *name == field) {
                spec[field] = value.clone();
            } else if declared.get(&field).is_none()
                && !self.facts.fields.is(&path, Fact::SharedMap)
            {
                // A field that there is not, or one that has to be stated.
                read::<K::Spec<Declared>>(stated)?;
                return Err(SpecError::new(path, cannot_reset(&field, &resets)));
            }
        }
        Ok(spec)
    }

    /// Checks what is known of a spec with references, so that a slip beside one is not found only after others were
    /// created. What is taken from others stands as in the example, and nothing is said about it.
    fn check_known(&self, spec: &Value) -> Result<(), SpecError> {
        let Some((sketch, holes)) = crate::partial::sketch(spec, &self.example()) else {
            return Ok(());
        };
        let Ok(typed) = decode::<K, K::Spec<Resolved>>(&sketch) else {
            return Ok(());
        };
        let Err(error) = K::check(&typed) else {
            return Ok(());
        };
        let about = |hole: &String| is_under(&error.path, hole) || is_under(hole, &error.path);
        if holes.iter().any(about) {
            Ok(())
        } else {
            Err(error)
        }
    }

    fn lift(live: Live<K>) -> CloudResult<AnyLive> {
        Ok(AnyLive {
            id: live.id,
            spec: encode::<K>(&live.spec)?,
            unmanaged: live.outputs.unmanaged().to_vec(),
            outputs: encode::<K>(&live.outputs)?,
            owner: live.owner,
            phase: live.phase,
        })
    }

    fn lower(live: &AnyLive) -> CloudResult<Live<K>> {
        Ok(Live {
            id: live.id.clone(),
            spec: decode::<K, _>(&live.spec)?,
            outputs: decode::<K, _>(&live.outputs)?,
            owner: live.owner.clone(),
            phase: live.phase.clone(),
        })
    }
}

fn encode<K: Kind>(data: &impl Serialize) -> CloudResult<Value> {
    serde_json::to_value(data).map_err(|e| CloudError::new(Class::Unknown, K::NAME, e.to_string()))
}

fn decode<K: Kind, T: DeserializeOwned>(value: &Value) -> CloudResult<T> {
    T::deserialize(value).map_err(|e| CloudError::new(Class::Invalid, K::NAME, e.to_string()))
}

fn read<T: DeserializeOwned + Serialize>(spec: Value) -> Result<(T, Value), SpecError> {
    let typed: T = serde_path_to_error::deserialize(spec)
        .map_err(|e| SpecError::new(pointer(e.path()), e.inner().to_string()))?;
    let value = serde_json::to_value(&typed).map_err(|e| SpecError::new("", e.to_string()))?;
    Ok((typed, value))
}

/// The same, with the fields that are stated as nothing and that the cloud can remove: a spec has no value for them.
fn read_with_removed<K: Kind, T: DeserializeOwned + Serialize>(
    spec: Value,
) -> Result<(T, Value), SpecError> {
    let removed: Vec<&str> = K::resets()
        .into_iter()
        .filter(|(field, value)| value.is_null() && spec.get(field).is_some_and(Value::is_null))
        .map(|(field, _)| field)
        .collect();
    let (typed, mut value) = read::<T>(spec)?;
    if let Some(fields) = value.as_object_mut() {
        fields.extend(
            removed
                .into_iter()
                .map(|field| (field.to_owned(), Value::Null)),
        );
    }
    Ok((typed, value))
}

/// The JSON pointer of a path that a deserialiser reports.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", crate::changes::escape(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
        pointer
    })
}

/// Why a field that is stated as nothing cannot be set back.
fn cannot_reset(field: &str, resets: &[(&'static str, Value)]) -> String {
    let names: Vec<String> = resets.iter().map(|(name, _)| format!("`{name}`")).collect();
    let others = match names.as_slice() {
        [] => String::new(),
        names => format!(" Fields that can be reset: {}.", names.join(", ")),
    };
    format!(
        "`{field}: null` cannot reset the field: AWS has no value to which it can be set back.{others} To stop \
         managing the field, remove the line"
    )
}

impl<K: Kind> AnyKind for Bound<K> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn example(&self) -> Value {
        serde_json::to_value(K::example()).unwrap_or_default()
    }

    fn declare(&self, spec: Value) -> Result<Value, SpecError> {
        let value = read_with_removed::<K, K::Spec<Declared>>(self.reset(spec)?)?.1;
        if !crate::input::is_expr(&value) {
            return self.resolve(value);
        }
        self.check_known(&value)?;
        Ok(value)
    }

    fn resolve(&self, spec: Value) -> Result<Value, SpecError> {
        let (typed, value) = read_with_removed::<K, K::Spec<Resolved>>(spec)?;
        K::check(&typed)?;
        Ok(value)
    }

    fn replaces(&self, change: &Change) -> bool {
        K::replaces(change)
    }

    fn tolerates(&self, change: &Change, last: Option<&Value>) -> bool {
        K::tolerates(change, last)
    }

    fn replacement(&self, live: &Value, desired: Option<&Value>) -> Replace {
        match (
            decode::<K, K::Spec<Resolved>>(live),
            desired.map(decode::<K, K::Spec<Resolved>>),
        ) {
            (Ok(live), Some(Ok(desired))) => K::replacement(&live, &desired),
            _ => K::REPLACE,
        }
    }

    fn remark(&self) -> Option<String> {
        K::remark(&self.cloud)
    }

    fn find<'a>(
        &'a self,
        wanted: &'a [AnyWanted],
    ) -> BoxFuture<'a, CloudResult<Vec<Vec<Candidate>>>> {
        Box::pin(async move {
            let typed = wanted
                .iter()
                .map(|w| {
                    // After a crash all that is known of a spec is what the journal has of it.
                    let known = w
                        .spec
                        .as_ref()
                        .map(|spec| legible(spec, &self.facts.fields.with(Fact::WriteOnly)));
                    let spec = known.as_ref().map(decode::<K, _>).transpose()?;
                    Ok(Wanted {
                        owner: w.owner.clone(),
                        spec,
                    })
                })
                .collect::<CloudResult<Vec<_>>>()?;
            K::find(&self.cloud, &typed).await
        })
    }

    fn describe<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, CloudResult<Vec<Option<AnyLive>>>> {
        Box::pin(async move {
            let found = K::describe(&self.cloud, ids).await?;
            found
                .into_iter()
                .map(|live| live.map(Self::lift).transpose())
                .collect()
        })
    }

    fn obstacle<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(async move { K::obstacle(&self.cloud, &Self::lower(live)?).await })
    }

    fn behind<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(async move { K::behind(&self.cloud, &Self::lower(live)?).await })
    }

    fn attached<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Vec<Attached>>> {
        Box::pin(async move { K::attached(&self.cloud, &Self::lower(live)?).await })
    }

    fn is_detachable(&self) -> bool {
        K::is_detachable()
    }

    fn holders<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Vec<Attached>>> {
        Box::pin(async move { K::holders(&self.cloud, &Self::lower(live)?).await })
    }

    fn vacate<'a>(&'a self, home: &'a Id) -> BoxFuture<'a, CloudResult<Vacated>> {
        Box::pin(K::vacate(&self.cloud, home))
    }

    fn lingers<'a>(
        &'a self,
        id: &'a Id,
        last: &'a Value,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(K::lingers(&self.cloud, id, last))
    }

    fn clear_up<'a>(
        &'a self,
        id: &'a Id,
        last: &'a Value,
        owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(K::clear_up(&self.cloud, id, last, owner))
    }

    fn create<'a>(&'a self, spec: &'a Value, claim: &'a Claim) -> BoxFuture<'a, CloudResult<Id>> {
        Box::pin(async move { K::create(&self.cloud, &decode::<K, _>(spec)?, claim).await })
    }

    fn update<'a>(
        &'a self,
        live: &'a AnyLive,
        spec: &'a Value,
        changes: &'a Changes,
        owner: &'a Owner,
    ) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            let (live, spec) = (Self::lower(live)?, decode::<K, _>(spec)?);
            K::update(&self.cloud, &live, &spec, changes, owner).await
        })
    }

    fn vet<'a>(
        &'a self,
        live: &'a AnyLive,
        spec: &'a Value,
        changes: &'a Changes,
    ) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        Box::pin(async move {
            let (live, spec) = (Self::lower(live)?, decode::<K, _>(spec)?);
            K::vet(&self.cloud, &live, &spec, changes).await
        })
    }

    fn vet_new<'a>(&'a self, spec: &'a Value) -> BoxFuture<'a, CloudResult<Vec<SpecError>>> {
        Box::pin(async move { K::vet_new(&self.cloud, &decode::<K, _>(spec)?).await })
    }

    fn failed_update<'a>(
        &'a self,
        live: &'a AnyLive,
        resumed: bool,
    ) -> BoxFuture<'a, CloudResult<Option<String>>> {
        Box::pin(async move { K::failed_update(&self.cloud, &Self::lower(live)?, resumed).await })
    }

    fn contents<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<Option<Contents>>> {
        Box::pin(async move { K::contents(&self.cloud, &Self::lower(live)?).await })
    }

    fn left<'a>(&'a self, what: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(K::left(&self.cloud, what))
    }

    fn recall(&self, live: &AnyLive) -> Option<String> {
        let live = Self::lower(live).ok()?;
        K::recall(&self.cloud, &live)
    }

    fn last_copies(&self, live: &AnyLive) -> Option<Leaves> {
        Self::lower(live)
            .ok()
            .and_then(|live| K::last_copies(&live))
    }

    fn leaves(&self, live: &AnyLive) -> Option<Leaves> {
        Self::lower(live).ok().and_then(|live| K::leaves(&live))
    }

    fn delete<'a>(&'a self, live: &'a AnyLive) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { K::delete(&self.cloud, &Self::lower(live)?).await })
    }
}
