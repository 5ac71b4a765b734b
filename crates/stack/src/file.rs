//! The stack file as types.

use std::fmt;
use std::marker::PhantomData;

use platctl_engine::Address;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::alerts::Alerts;
use crate::cluster::Cluster;
use crate::database::Database;
use crate::de::At;
use crate::delivery::Delivery;
use crate::edge::Edge;
use crate::names::{Account, Region, StackName, TagMap};
use crate::network::Network;
use crate::services::Services;

/// The whole file. `resources:` is read from the tree, because its shape depends on each one's kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) stack: At<StackName>,
    #[serde(default)]
    pub(crate) region: Option<At<Region>>,
    #[serde(default)]
    pub(crate) account: Option<At<Account>>,
    #[serde(default)]
    pub(crate) tags: Option<At<TagMap>>,
    #[serde(default)]
    pub(crate) protect: bool,
    #[serde(default, deserialize_with = "block")]
    pub(crate) network: Option<Network>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) database: Option<Database>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) cluster: Option<Cluster>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) delivery: Option<Delivery>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) services: Option<Services>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) edge: Option<Edge>,
    #[serde(default, deserialize_with = "block")]
    pub(crate) alerts: Option<Alerts>,
    #[serde(default, rename = "resources")]
    _resources: IgnoredAny,
    #[serde(default)]
    pub(crate) moved: Option<Entries<Address>>,
}

/// A block that is there is wanted, even with nothing below its name.
fn block<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The entries of a map, in the file's order, with their places.
#[derive(Clone, Debug)]
pub(crate) struct Entries<T>(pub(crate) Vec<(At<T>, At<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// Something that is on by default: `false` switches it off, a map tunes it.
#[derive(Clone, Debug)]
pub(crate) enum Switch<T> {
    Off,
    On(T),
}

impl<T: Default> Default for Switch<T> {
    fn default() -> Self {
        Self::On(T::default())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

struct SwitchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SwitchVisitor<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or a map")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Switch<T>, E> {
        Ok(if on { Switch::default() } else { Switch::Off })
    }

    fn visit_unit<E>(self) -> Result<Switch<T>, E> {
        Ok(Switch::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Switch<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(Switch::On)
    }
}
