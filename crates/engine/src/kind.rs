//! What a resource kind is: five verbs and the facts that the engine plans with.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::erased::SpecError;
use crate::fields::{Fact, Fields, Table};
use crate::read::{Read, find_by_id, read_all};
use crate::{Change, Changes, CloudResult, Data, Resolved, Stage};

/// A cloud's own identifier of an object: `vpc-0a1b…`, or a natural key such as `rtb-1_0.0.0.0/0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Id {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<T: Into<String>> From<T> for Id {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Who a live object belongs to. Written as tags at creation wherever a kind can be tagged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The stack's name: tag `platctl:stack`.
    pub stack: String,
    /// The resource's address in it: tag `platctl:address`.
    pub address: String,
    /// Which creation of that address it is, counted from 1: tag `platctl:generation`. Two generations
    /// of one address live side by side while a create-first replacement is under way.
    pub generation: u32,
    /// The region that the stack lives in, be the object in another one or in none: tag `platctl:region`. Two
    /// stacks of one name in two regions are two stacks. None on what was made before this tag was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The lineage of the state that knows it: tag `platctl:lineage`. None on what was made before this tag was
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
}

/// What a creation carries beside its spec. Durable before the call is made.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The owner to write as tags in the very call that creates.
    pub owner: Owner,
    /// The idempotency token (at most 64 characters of `[a-z0-9-]`): the same for every repetition of
    /// the same creation, another one for every new generation.
    pub token: String,
}

/// Where a live object stands in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Accepted by the cloud, on its way; the text is the cloud's own status.
    Settling(String),
    /// Usable.
    Ready,
    /// Usable, and the cloud reports a problem with it; the text is the cloud's own words. Nothing is done about
    /// it, and `plan`, `status` and `drift` show it.
    Degraded(String),
    /// In a failed state; the text is the cloud's reason and what the cloud says to do. What was never ready is
    /// deleted and created again. What was ready once is left as it is, and the run stops there.
    Failed(String),
    /// Not usable until it is started again, as a stopped database is; the text says why. `update` with a change at
    /// [`Changes::RESTORE`] starts it. It is there: a deletion has to delete it.
    Stopped(String),
    /// Scheduled for deletion, and can be had back until then; the text says when it goes. `update` with a change
    /// at [`Changes::RESTORE`] takes the deletion back. A deletion has nothing to do any more.
    Scheduled(String),
    /// On its way out.
    Deleting,
}

impl Phase {
    /// Whether others can use it as it is.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Ready | Self::Degraded(_))
    }

    /// Whether it stays as it is until somebody changes it, so that there is nothing to wait for.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        matches!(
            self,
            Self::Ready | Self::Degraded(_) | Self::Stopped(_) | Self::Scheduled(_)
        )
    }

    /// Why it has to be restored before it is usable; none where it need not be.
    #[must_use]
    pub fn dormant(&self) -> Option<&str> {
        match self {
            Self::Stopped(why) | Self::Scheduled(why) => Some(why),
            _ => None,
        }
    }
}

/// One object as the cloud reports it now, in the same spec type as the desired one.
#[derive(Clone, Debug)]
pub struct Live<K: Kind> {
    /// Its identifier.
    pub id: Id,
    /// What it is, normalised as the cloud normalises.
    pub spec: K::Spec<Resolved>,
    /// What other resources may refer to.
    pub outputs: K::Outputs,
    /// Whose it is, by its tags; none for foreign and for untaggable objects.
    pub owner: Option<Owner>,
    /// Where it stands in its life.
    pub phase: Phase,
}

/// What stays of an object's data when the object is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// What it is, for people: `snapshot prod-database-final-1a2b3c4d`.
    pub what: String,
    /// Ids and ARNs of what it is worth nothing without, such as the key that it is encrypted with.
    pub needs: Vec<String>,
}

/// What is in an object that holds data, as far as a few cheap reads tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// What it is, for people: `12 images (1.2 GB)`.
    pub what: String,
    /// How many things are in it, where they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Their size in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether there are more than were counted.
    pub at_least: bool,
    /// What a deletion of the object does to them.
    pub then: Then,
    /// What of them stays: `snapshot prod-database-final-1a2b3c4d`. The engine fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
}

/// What becomes of the data in an object when the object is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is deleted with the object.
    #[default]
    Deleted,
    /// It is gone for everybody, and can be had back for this many days.
    Recoverable(u32),
    /// The cloud refuses to delete the object as long as this is in it; the text is what to do.
    Refused(String),
}

/// Something of its own kind that is attached to an object: a policy to a role, a route to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The kind of which it would be a resource.
    pub kind: &'static str,
    /// Its id there.
    pub id: Id,
    /// What it is, in a few words: `policy arn:aws:iam::aws:policy/AdministratorAccess`.
    pub what: String,
}

/// What became of the programs in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacated {
    /// They were told to delete what they had made, and are at it.
    Told,
    /// Nobody could tell them, or there are none: nothing is to be waited for.
    Left,
}

/// An object to look for: by its owner's tags, or by its natural name.
#[derive(Clone, Debug)]
pub struct Wanted<K: Kind> {
    /// Stack and address to look for. The engine tells generations apart itself.
    pub owner: Owner,
    /// Its spec; none while the spec depends on resources that do not exist yet. A kind that is found
    /// by a natural name finds nothing then.
    pub spec: Option<K::Spec<Resolved>>,
}

/// A live object that may be the one looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identifier.
    pub id: Id,
    /// Whose it is, by its tags; none when it has no ownership tags or its kind cannot carry any.
    pub owner: Option<Owner>,
}

/// What makes a creation findable after its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A name unique in its scope, or a configuration that cannot exist twice: repeating the creation
    /// answers "already exists".
    Name,
    /// An idempotency token: repeating the creation with it answers the same object.
    Token,
    /// Neither: only the ownership tags tell. The engine looks for them until reads have caught up with
    /// writes, before it creates again.
    Tags,
}

/// In which order a replacement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// Delete the old one, then create the new one: for names and addresses that cannot exist twice.
    DeleteFirst,
    /// Create the new one, move the dependants over, then delete the old one.
    CreateFirst,
}

/// The permissions that each verb needs: `ec2:CreateVpc`.
#[derive(Clone, Copy, Debug)]
pub struct Permissions {
    /// For `find` and `describe`.
    pub read: &'static [&'static str],
    /// For `create`.
    pub create: &'static [&'static str],
    /// For `update`.
    pub update: &'static [&'static str],
    /// For `delete`.
    pub delete: &'static [&'static str],
}

/// How long the cloud usually takes, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From the creation's call to *ready*.
    pub create: Duration,
    /// From an update's call to *ready*.
    pub update: Duration,
    /// From the deletion's call to *gone*.
    pub delete: Duration,
    /// The limit of any one of them, waiting for others to let go included.
    pub limit: Duration,
}

impl Timing {
    /// For what the cloud does while it answers: about a second, limit 5 minutes (reads may lag, and
    /// others may hold the object for a while).
    pub const SYNCHRONOUS: Self = Self::seconds(1, 1, 1, 300);

    /// Usual seconds of create, update and delete, and the limit.
    #[must_use]
    pub const fn seconds(create: u64, update: u64, delete: u64, limit: u64) -> Self {
        Self {
            create: Duration::from_secs(create),
            update: Duration::from_secs(update),
            delete: Duration::from_secs(delete),
            limit: Duration::from_secs(limit),
        }
    }
}

/// The outputs of a kind. [`crate::outputs!`] implements it.
pub trait Outputs: Data {
    /// The names of all outputs.
    const NAMES: &'static [&'static str];

    /// What is set on the live object and cannot be said in a spec of its kind, each in a few words:
    /// `rule emergency-block`. No change of ours touches it; `plan`, `drift` and `status` show it. A kind that can
    /// have such settings declares its outputs with `and unmanaged`.
    fn unmanaged(&self) -> &[String] {
        &[]
    }
}

/// A resource kind. One implementation states everything about it.
///
/// Every path is a JSON pointer into the spec. `update` may be repeated at any point of its work, and so
/// may `delete`: after a crash the engine compares and calls again.
pub trait Kind: Sized + Send + Sync + 'static {
    /// Service and resource in the cloud's own words: `ec2.Vpc`.
    const NAME: &'static str;
    /// What holds for its fields, by path.
    const FIELDS: &'static Table = &[];
    /// The field that carries the user's tags, if its objects carry tags and the user may state some.
    const TAGS: Option<&'static str> = Some("/tags");
    /// The usual order of a replacement; see [`Kind::replacement`].
    const REPLACE: Replace = Replace::DeleteFirst;
    /// Outputs that any update in place may change.
    const VOLATILE: &'static [&'static str] = &[];
    /// Outputs that an update in place changes with these fields, and with no others: a name, and the address that is
    /// made of it. An output that is named here and like one of its fields becomes what the field becomes. All
    /// outputs that are neither here nor in `VOLATILE` stay as they are.
    const FOLLOWS: &'static [(&'static str, &'static [&'static str])] = &[];
    /// What makes a creation findable after its answer was lost.
    const IDENTITY: Identity;
    /// How its objects are read: one at a time or many at once.
    const READ: Read<Self>;
    /// Whether objects of this kind carry ownership tags.
    const TAGGED: bool = true;
    /// How many tags platctl puts on an object of its own: those of ownership, and what a deletion has to know. The
    /// rest of what the cloud takes is left for the user.
    const OWN_TAGS: usize = 5;
    /// Whether the whole account shares it (a service-linked role): it is made where it is missing, and never deleted.
    const SHARED: bool = false;
    /// Whether it holds data that is gone for good with it: never replaced or destroyed under `protect`.
    const HOLDS_DATA: bool = false;
    /// The kind inside which objects of this kind live: they go with it, without a call of their own, and may be
    /// out of reach where it cannot be entered from. They then count as they were last applied.
    const INSIDE: Option<&'static str> = None;
    /// Of a kind in whose objects programs run that make objects of their own in the cloud: the kind whose
    /// [`Kind::vacate`] ends those programs' work, as long as they are alive.
    const VACATED_BY: Option<&'static str> = None;
    /// Of a kind whose objects can be known from a record that others could write to, instead of from a look at them:
    /// the output that is the record's checksum. A record that is not the one that the state knows is not believed:
    /// the object is restored. Empty where the object itself was looked at.
    const CHECKSUM: Option<&'static str> = None;
    /// Kinds of resources that an object of this kind needs to get ready, although they come after it: the records
    /// that validate a certificate. Where one of them fails, the object is not waited for any more.
    const HELPED_BY: &'static [&'static str] = &[];
    /// The permissions of each verb.
    const PERMISSIONS: Permissions;
    /// Usual durations and the limit.
    const TIMING: Timing;

    /// The clients through which the verbs speak.
    type Cloud: Send + Sync + 'static;
    /// What a resource of this kind is.
    type Spec<S: Stage>: Data;
    /// What other resources may refer to.
    type Outputs: Outputs;

    /// A typical spec: documentation, and the subject of the conformance tests.
    fn example() -> Self::Spec<Resolved>;

    /// Other values that fields of the example can have, by path: what a user may change it to, in place or
    /// by a replacement. The conformance tests make each change on its own.
    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        Vec::new()
    }

    /// What the cloud sets where nothing is stated, by field: `field: null` in a stack file stands for it. Only fields
    /// that can be changed in place, and whose value there does not depend on other fields. `null` is for what the
    /// cloud can be without: `update` gets a change of the field whose value in the spec is nothing, and removes it.
    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        Vec::new()
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// The path at fault, and what is wrong with it.
    fn check(_spec: &Self::Spec<Resolved>) -> Result<(), SpecError> {
        Ok(())
    }

    /// Whether this change forces a replacement. By default, when its path is one of [`Fact::Immutable`].
    fn replaces(change: &Change) -> bool {
        Fields::of::<Self>().holds(&change.path, Fact::Immutable)
    }

    /// Whether this difference is left as it is, because the cloud, or something in it, moves the field by itself: a
    /// minor version that it upgraded to, a number of nodes that an autoscaler set. `last` is the value last applied.
    /// `plan`, `drift` and `status` show what was moved.
    fn tolerates(_change: &Change, _last: Option<&serde_json::Value>) -> bool {
        false
    }

    /// Whether the values at this path, a field of the spec, mean the same to the cloud although they are written
    /// differently: a policy in another order, a key by its ID or by its ARN. They are sent as they are stated, and
    /// not compared further.
    fn alike(_path: &str, _desired: &serde_json::Value, _live: &serde_json::Value) -> bool {
        false
    }

    /// The order of this very replacement. By default `REPLACE`.
    fn replacement(_live: &Self::Spec<Resolved>, _desired: &Self::Spec<Resolved>) -> Replace {
        Self::REPLACE
    }

    /// Why what is described is not looked at itself, where it cannot be: it is as somebody last left it.
    fn remark(_cloud: &Self::Cloud) -> Option<String> {
        None
    }

    /// The identifier that an object of this spec has, where it follows from the spec: a name, an ARN. None where the
    /// cloud gives out identifiers; such a kind states [`Kind::find`].
    fn natural_id(_cloud: &Self::Cloud, _spec: &Self::Spec<Resolved>) -> Option<Id> {
        None
    }

    /// Looks for objects that a lost state or a lost answer left nameless. Answers one list for each wanted object. By
    /// default, what has the natural identifier; a kind without one looks by ownership tag (one call for all of a
    /// stack) or by name.
    fn find(
        cloud: &Self::Cloud,
        wanted: &[Wanted<Self>],
    ) -> impl Future<Output = CloudResult<Vec<Vec<Candidate>>>> + Send {
        find_by_id::<Self>(cloud, wanted)
    }

    /// Reads objects as [`Kind::READ`] says, in the order asked; none for what is gone (or is a tombstone). Refresh,
    /// waiting and verification all call this.
    fn describe(
        cloud: &Self::Cloud,
        ids: &[Id],
    ) -> impl Future<Output = CloudResult<Vec<Option<Live<Self>>>>> + Send {
        read_all::<Self>(cloud, ids)
    }

    /// What newer version of an object the cloud offers, in a few words; none where it is up to date. `plan` and
    /// `status` ask, and show it. Nothing is changed because of it.
    fn behind(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// What may keep an object from getting ready, asked once it takes longer than usual, or has failed. None when
    /// nothing is to be seen.
    fn obstacle(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// What is attached to an object of this kind, be it ours or not. It takes calls of its own, so only `drift` asks,
    /// and shows what state does not know: an apply leaves that as it is.
    fn attached(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<Vec<Attached>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Whether an object of this kind can be removed from what it is attached to, where it belongs to no stack and the
    /// user allows that: it holds nothing of its own, as a policy attachment or an endpoint does.
    fn is_detachable() -> bool {
        false
    }

    /// What keeps an object of this kind from being deleted, be it ours or not: asked when the cloud refuses the
    /// deletion because the object is in use. By default, what is attached to it.
    fn holders(
        cloud: &Self::Cloud,
        live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<Vec<Attached>>> + Send {
        Self::attached(cloud, live)
    }

    /// Makes the one call that gives the object its identity, ownership tags within it, and returns at
    /// once. What that call cannot set, the engine sees as a difference and has `update` set.
    fn create(
        cloud: &Self::Cloud,
        spec: &Self::Spec<Resolved>,
        claim: &Claim,
    ) -> impl Future<Output = CloudResult<Id>> + Send;

    /// Makes the live object equal to `spec` at the changed paths, and returns at once. A change at
    /// [`Changes::OWNER`] asks for the ownership tags (for their removal where it has no value), one at [`Changes::RESTORE`] to make a stopped object, or one
    /// that is scheduled for deletion, usable again: that comes first, alone if need be.
    fn update(
        cloud: &Self::Cloud,
        live: &Live<Self>,
        spec: &Self::Spec<Resolved>,
        changes: &Changes,
        owner: &Owner,
    ) -> impl Future<Output = CloudResult<()>> + Send;

    /// What the cloud is known to refuse of this update, asked while planning, so that a plan that passes does not
    /// fail later: a version that cannot be reached from the present one, a class that a zone does not offer.
    /// Answers the faults, each with the field that it is about.
    fn vet(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
        _spec: &Self::Spec<Resolved>,
        _changes: &Changes,
    ) -> impl Future<Output = CloudResult<Vec<SpecError>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What the cloud is known to refuse of this creation, asked while planning, as [`Kind::vet`] is: a version that
    /// it does not offer. Inputs may still be references.
    fn vet_new(
        _cloud: &Self::Cloud,
        _spec: &Self::Spec<crate::Declared>,
    ) -> impl Future<Output = CloudResult<Vec<SpecError>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Why the update that was made last did not take effect, in the cloud's own words. The engine asks when the
    /// object is at rest and still differs, and does not repeat an update that failed. `resumed`: the update was
    /// begun by an earlier run, which did not see its end.
    fn failed_update(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
        _resumed: bool,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// What is in this object that nothing else has any more once the stack is gone: the backups in a vault. Without
    /// consent that names it, the engine keeps the object and what that needs.
    fn last_copies(_live: &Live<Self>) -> Option<Leaves> {
        None
    }

    /// What the deletion of this object leaves on purpose, because it holds data. The engine keeps what that needs.
    fn leaves(_live: &Live<Self>) -> Option<Leaves> {
        None
    }

    /// Ends what programs in `home` keep in the cloud, before anything that they need is deleted: whoever made it
    /// deletes it best. What cannot be done is told by the kind itself, and is no failure: [`Kind::clear_up`] does the
    /// rest. `home` is the ID of an object of a kind that names this one as its [`Kind::VACATED_BY`].
    fn vacate(
        _cloud: &Self::Cloud,
        _home: &Id,
    ) -> impl Future<Output = CloudResult<Vacated>> + Send {
        std::future::ready(Ok(Vacated::Left))
    }

    /// What programs in an object of this kind made in the cloud and are deleting now, in words. `last` is the spec
    /// last applied.
    fn lingers(
        _cloud: &Self::Cloud,
        _id: &Id,
        _last: &serde_json::Value,
    ) -> impl Future<Output = CloudResult<Vec<String>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Deletes what programs in an object of this kind have left in the cloud, after the object is gone, however it
    /// went. Answers what is still on its way out, in words: it is called again until there is nothing.
    fn clear_up(
        _cloud: &Self::Cloud,
        _id: &Id,
        _last: &serde_json::Value,
        _owner: &Owner,
    ) -> impl Future<Output = CloudResult<Vec<String>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What is in this object, asked before it is deleted: a few cheap reads, no listing of everything. None where
    /// nothing is in it.
    fn contents(
        _cloud: &Self::Cloud,
        _live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<Option<Contents>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether what [`Kind::leaves`] says (`what`) is there, complete, asked once the object is gone. `Busy` while it
    /// is being made, `NotFound` where it is not there.
    fn left(_cloud: &Self::Cloud, _what: &str) -> impl Future<Output = CloudResult<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// The command that takes back a deletion that is only scheduled.
    fn recall(_cloud: &Self::Cloud, _live: &Live<Self>) -> Option<String> {
        None
    }

    /// Starts the deletion and returns at once. The engine takes `NotFound` for success.
    fn delete(
        cloud: &Self::Cloud,
        live: &Live<Self>,
    ) -> impl Future<Output = CloudResult<()>> + Send;
}

/// Declares the outputs of a kind: the struct, its list of names, and one typed reference each in `out`.
///
/// ```
/// mod vpc {
///     pub struct Vpc;
///     platctl_engine::outputs! {
///         /// What others take from a VPC.
///         Vpc {
///             /// `vpc-…`.
///             VPC_ID: vpc_id: String,
///         }
///     }
/// }
/// assert_eq!(vpc::out::VPC_ID.name(), "vpc_id");
/// ```
///
/// With `and unmanaged` behind the braces the struct has a field of that name, too: what [`Outputs::unmanaged`]
/// answers. It is read with the object, and is part of no output and no state.
#[macro_export]
macro_rules! outputs {
    (
        $(#[$meta:meta])*
        $kind:ident { $($(#[$field_meta:meta])* $constant:ident: $field:ident: $type:ty),* $(,)? }
        $(and $unmanaged:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        pub struct Outputs {
            $($(#[$field_meta])* pub $field: $type,)*
            $(
                /// What is set on the live object and cannot be said in a spec.
                #[serde(skip)]
                pub $unmanaged: Vec<String>,
            )?
        }

        impl $crate::Outputs for Outputs {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            $(
                fn unmanaged(&self) -> &[String] {
                    &self.$unmanaged
                }
            )?
        }

        /// Typed references to the outputs.
        pub mod out {
            #[allow(unused_imports, reason = "types of outputs come from wherever the kind has them")]
            use super::*;
            $($(#[$field_meta])* pub const $constant: $crate::Output<super::$kind, $type> = $crate::Output::new(stringify!($field));)*
        }
    };
}
