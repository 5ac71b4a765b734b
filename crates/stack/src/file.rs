//! The stack file as types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use platctl_engine::Address;
use platctl_gitops::Settings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::alerts::Alerts;
use crate::cluster::Cluster;
use crate::database::Database;
use crate::de::At;
use crate::delivery::Delivery;
use crate::edge::Edge;
use crate::logs::Logs;
use crate::names::{Account, Region, StackName, StatePlace, TagMap, Ttl};
use crate::network::Network;
use crate::reaper::Reaper;
use crate::services::Services;

/// The whole file. `resources:` is read from the tree, because its shape depends on each one's kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The name of the stack, used as the prefix of AWS names and as the value of the ownership tag.
    pub(crate) stack: At<StackName>,
    /// The AWS region, such as eu-west-1. Default: the region of your AWS configuration.
    #[serde(default)]
    pub(crate) region: Option<At<Region>>,
    /// The only AWS account that the stack may be applied to, in quotes.
    #[serde(default)]
    pub(crate) account: Option<At<Account>>,
    /// The location of the state: `s3://bucket/prefix`, optionally with `?region=` and `&kms_key=`.
    /// Default: the folder `state`.
    #[serde(default)]
    pub(crate) state: Option<At<StatePlace>>,
    /// Tags to add to all resources.
    #[serde(default)]
    pub(crate) tags: Option<At<TagMap>>,
    /// Whether resources that contain data are protected from replacement and deletion unless explicitly
    /// allowed.
    #[serde(default)]
    pub(crate) protect: bool,
    /// The lifetime of a temporary environment, such as `8h`. Its data can be deleted without confirmation,
    /// and no final snapshot of databases is created.
    #[serde(default)]
    pub(crate) ttl: Option<At<Ttl>>,
    /// A VPC with public, private and database subnets, NAT gateways and endpoints.
    #[serde(default, deserialize_with = "block")]
    pub(crate) network: Option<Network>,
    /// Aurora PostgreSQL.
    #[serde(default, deserialize_with = "block")]
    pub(crate) database: Option<Database>,
    /// EKS.
    #[serde(default, deserialize_with = "block")]
    pub(crate) cluster: Option<Cluster>,
    /// Repositories, builds and pipelines for the services.
    #[serde(default, deserialize_with = "block")]
    pub(crate) delivery: Option<Delivery>,
    /// The components in the cluster, and the repository that Argo CD deploys from.
    #[serde(default, deserialize_with = "block")]
    pub(crate) gitops: Option<Settings>,
    /// The AWS resources for each service, by the name of the service.
    #[serde(default, deserialize_with = "block")]
    pub(crate) services: Option<Services>,
    /// Access to the services from the internet.
    #[serde(default, deserialize_with = "block")]
    pub(crate) edge: Option<Edge>,
    /// Alarms and notifications.
    #[serde(default, deserialize_with = "block")]
    pub(crate) alerts: Option<Alerts>,
    /// A schedule in AWS that deletes temporary stacks when they have expired.
    #[serde(default, deserialize_with = "block")]
    pub(crate) reaper: Option<Reaper>,
    /// The bucket for the access logs of the load balancer and of the stack's S3 buckets. Enabled by default
    /// with `protect`.
    #[serde(default)]
    pub(crate) logs: Option<Switch<Logs>>,
    /// Additional resources of any kind: `NAME: {kind: s3.Bucket, …}`. Use `${address.output}` to reference
    /// the outputs of other resources.
    #[serde(default, rename = "resources")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    _resources: IgnoredAny,
    /// Renamed resources: a map of old to new addresses, so that the resources are not replaced.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) moved: Option<Entries<Address>>,
}

/// A block that is there is wanted, even with nothing below its name.
fn block<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
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

impl<T: JsonSchema> JsonSchema for Switch<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("SwitchOf{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tuned = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [{"type": "boolean"}, tuned]})
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
