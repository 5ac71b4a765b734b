//! How a kind reads its objects, and what follows from it.

use std::collections::HashMap;
use std::fmt;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::kind::{Candidate, Id, Kind, Live, Owner, Wanted};
use crate::observe::AT_ONCE;
use crate::{Class, CloudResult};

/// Reads one object; none when it is gone, or is a tombstone.
pub type ReadOne<K> =
    for<'a> fn(&'a <K as Kind>::Cloud, &'a Id) -> BoxFuture<'a, CloudResult<Option<Live<K>>>>;

/// Reads many objects, in the order asked; none for each that is gone, or is a tombstone.
pub type ReadMany<K> = for<'a> fn(
    &'a <K as Kind>::Cloud,
    &'a [Id],
) -> BoxFuture<'a, CloudResult<Vec<Option<Live<K>>>>>;

/// How the objects of a kind are read.
pub enum Read<K: Kind> {
    /// With calls of its own for each object. The engine makes a few of them at a time, takes `NotFound` for gone, and
    /// asks again alone for what failed: where one in twenty calls fails, thirty hardly ever succeed at once.
    Each(ReadOne<K>),
    /// With one call for many.
    Many(ReadMany<K>),
}

impl<K: Kind> fmt::Debug for Read<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Each(_) => "Each",
            Self::Many(_) => "Many",
        })
    }
}

/// Reads objects as their kind says, in the order asked.
///
/// # Errors
/// What the cloud answers; the first error ends it.
pub async fn read_all<K: Kind>(cloud: &K::Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<K>>>> {
    match K::READ {
        Read::Many(read) => read(cloud, ids).await,
        Read::Each(read) => {
            let reads: Vec<_> = ids.iter().map(|id| gone(read(cloud, id))).collect();
            stream::iter(reads).buffered(AT_ONCE).try_collect().await
        }
    }
}

async fn gone<K: Kind>(
    read: BoxFuture<'_, CloudResult<Option<Live<K>>>>,
) -> CloudResult<Option<Live<K>>> {
    match read.await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other,
    }
}

/// What has the natural identifier of each wanted object, with whom its tags name.
///
/// # Errors
/// What the cloud answers.
pub async fn find_by_id<K: Kind>(
    cloud: &K::Cloud,
    wanted: &[Wanted<K>],
) -> CloudResult<Vec<Vec<Candidate>>> {
    let id = |wanted: &Wanted<K>| {
        wanted
            .spec
            .as_ref()
            .and_then(|spec| K::natural_id(cloud, spec))
    };
    let ids: Vec<Option<Id>> = wanted.iter().map(id).collect();
    let known: Vec<Id> = ids.iter().flatten().cloned().collect();
    let found = if known.is_empty() {
        Vec::new()
    } else {
        K::describe(cloud, &known).await?
    };
    let found: HashMap<Id, Option<Owner>> = found
        .into_iter()
        .flatten()
        .map(|live| (live.id, live.owner))
        .collect();
    let candidate = |id: Option<Id>| {
        let found = id.and_then(|id| found.get_key_value(&id));
        found
            .map(|(id, owner)| Candidate {
                id: id.clone(),
                owner: owner.clone(),
            })
            .into_iter()
            .collect()
    };
    Ok(ids.into_iter().map(candidate).collect())
}
