//! The `network:` block: one VPC with public, private and database subnets over several zones, the ways
//! out of it, endpoints of AWS services within it, and the log of its traffic.

mod check;
mod endpoints;
mod flow_logs;
mod layout;
mod policies;
pub mod pool;
mod routing;
mod vpc;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ipnet::Ipv4Net;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Context;
use crate::common::NetworkParts;
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::file::Switch;
use crate::names::TagMap;

pub(crate) use layout::ANYWHERE;
use layout::Tier;
use pool::{Pool, Pooled};

/// What `network:` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Network {
    /// The CIDR block of the VPC, /16 to /28, or a pool to allocate one from: `{pool: 10.64.0.0/10, prefix: 20}`.
    /// Default: 10.10.0.0/16.
    cidr: Option<At<Range>>,
    /// The number of availability zones, 1 to 6, or a list of their names (eu-west-1a) or IDs (euw1-az1).
    /// Default: 3.
    availability_zones: Option<At<Zones>>,
    /// The NAT gateways that private subnets use for outbound traffic.
    nat: Nat,
    /// The AWS services with an endpoint in the VPC. Default: s3, ecr.api, ecr.dkr, logs and sts.
    endpoints: Option<Vec<At<Service>>>,
    /// What the endpoints can be used for. Default: `account`.
    endpoint_access: EndpointAccess,
    /// VPC Flow Logs. Enabled by default.
    flow_logs: Switch<FlowLogs>,
    /// The sizes or CIDR blocks of the subnets. Default: allocated by platctl.
    subnets: Subnets,
    /// Tags to add to the network's resources.
    tags: Option<At<TagMap>>,
}

/// The NAT gateways that private subnets use for outbound traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Nat {
    /// One NAT gateway in each zone: the loss of a zone does not affect the others.
    #[default]
    PerAz,
    /// One NAT gateway for all zones: cheaper, but a single point of failure.
    Single,
    /// No outbound traffic to the internet.
    None,
}

/// What the endpoints of AWS services can be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndpointAccess {
    /// Only identities of this account can use them. Through the endpoint of S3, only buckets of this account
    /// can be changed; objects in other buckets can be read.
    #[default]
    Account,
    /// No restrictions.
    Open,
}

/// Flow logs, as far as they are tuned.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FlowLogs {
    /// The retention period of flow log records, in days. Default: 30.
    retention_days: Option<At<u32>>,
    /// The destination of the flow logs: `cloudwatch` or `s3`.
    destination: Destination,
    /// The type of traffic to record.
    traffic: Traffic,
    /// Whether the flow logs are encrypted with a separate KMS key. Enabled by default with `protect`.
    encrypt: Option<bool>,
}

/// Where flow logs go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Destination {
    /// A CloudWatch Logs log group.
    #[default]
    Cloudwatch,
    /// An S3 bucket.
    S3,
}

/// Which traffic flow logs record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Traffic {
    /// All traffic.
    #[default]
    All,
    /// Accepted traffic.
    Accept,
    /// Rejected traffic.
    Reject,
}

/// Subnets, as far as they are tuned.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Subnets {
    /// The subnets for load balancers and NAT gateways.
    public: Shape,
    /// The subnets for nodes and pods.
    private: Shape,
    /// The subnets for databases.
    database: Shape,
}

impl Subnets {
    const fn of(&self, tier: Tier) -> &Shape {
        match tier {
            Tier::Public => &self.public,
            Tier::Private => &self.private,
            Tier::Database => &self.database,
        }
    }
}

/// The subnets of one tier: a size, or the ranges themselves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shape {
    /// The prefix length: 24 for 256 addresses.
    prefix: Option<At<u8>>,
    /// One CIDR block for each zone, in the order of the zones.
    cidrs: Option<At<Vec<At<Cidr>>>>,
}

schema_of!(Cidr, String);
schema_of!(Service, String);

/// An IPv4 range without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cidr(Ipv4Net);

impl TryFrom<String> for Cidr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let net = Ipv4Net::from_str(&text).map_err(|_| {
            format!(
                "{} is not an IPv4 range such as 10.10.0.0/16",
                crate::error::quoted(&text)
            )
        })?;
        if net != net.trunc() {
            return Err(format!("{net} has host bits set: use {}", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl Cidr {
    /// The range.
    pub(crate) const fn net(self) -> Ipv4Net {
        self.0
    }
}

/// The addresses of the VPC.
#[derive(Clone, Debug)]
pub(crate) enum Range {
    /// This CIDR block.
    Stated(Cidr),
    /// One from a pool.
    From(Pooled),
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RangeVisitor)
    }
}

impl JsonSchema for Range {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pooled = generator.subschema_for::<Pooled>();
        schemars::json_schema!({"anyOf": [{"type": "string"}, pooled]})
    }
}

struct RangeVisitor;

impl<'de> Visitor<'de> for RangeVisitor {
    type Value = Range;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CIDR block, or a map such as `{pool: 10.64.0.0/10, prefix: 20}`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Range, E> {
        Cidr::try_from(text.to_owned())
            .map(Range::Stated)
            .map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Range, A::Error> {
        Pooled::deserialize(MapAccessDeserializer::new(access)).map(Range::From)
    }
}

/// Which zones.
#[derive(Clone, Debug)]
pub(crate) enum Zones {
    /// The number of zones: the zones that the stack already uses, then the first zones of the region.
    Count(usize),
    /// The zones, by name or ID.
    These(Vec<At<String>>),
}

impl Zones {
    fn counted<E: Error>(count: usize) -> Result<usize, E> {
        if (1..=layout::MAX_ZONES).contains(&count) {
            return Ok(count);
        }
        Err(E::custom(format!(
            "a network must have 1 to {} availability zones",
            layout::MAX_ZONES
        )))
    }
}

impl<'de> Deserialize<'de> for Zones {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `any`: where a number belongs, the text of an environment variable is read as one.
        deserializer.deserialize_u64(ZonesVisitor)
    }
}

impl JsonSchema for Zones {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Zones".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": layout::MAX_ZONES},
            {"type": "array", "items": {"type": "string"}},
        ]})
    }
}

struct ZonesVisitor;

impl<'de> Visitor<'de> for ZonesVisitor {
    type Value = Zones;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of zones, or a list of their names")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Zones, E> {
        Zones::counted(usize::try_from(count).unwrap_or(usize::MAX)).map(Zones::Count)
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Zones, E> {
        self.visit_u64(u64::try_from(count).unwrap_or(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Zones, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = access.next_element::<At<String>>()? {
            names.push(name);
        }
        Zones::counted::<A::Error>(names.len())?;
        Ok(Zones::These(names))
    }
}

/// A service with an endpoint in the VPC: a short name such as `ecr.api`, or a full service name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Service(String);

impl TryFrom<String> for Service {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let sound = !text.is_empty()
            && text.len() <= 120
            && text.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            });
        if sound {
            Ok(Self(text))
        } else {
            Err(format!(
                "{} is not a valid service name, such as ecr.api",
                crate::error::quoted(&text)
            ))
        }
    }
}

/// What has to be there before anything in a private subnet can reach AWS.
const WAYS_OUT: [&str; 4] = [
    "route.public",
    "route.private",
    "association.private",
    "endpoint",
];

impl Network {
    /// The range of the VPC. Default: 10.10.0.0/16. From a pool, it is the block that the stack has got.
    fn cidr(&self, context: &Context) -> Ipv4Net {
        match self.cidr.as_ref().map(|cidr| &cidr.value) {
            None => layout::DEFAULT_CIDR,
            Some(Range::Stated(cidr)) => cidr.0,
            Some(Range::From(pooled)) => context.block.unwrap_or_else(|| pooled.pool().any()),
        }
    }

    /// The pool that its block comes from; none where the block is stated.
    pub(crate) fn pool(&self) -> Option<Pool> {
        match &self.cidr.as_ref()?.value {
            Range::Stated(_) => None,
            Range::From(pooled) => Some(pooled.pool()),
        }
    }

    /// Declares all of the network's resources. Where a cluster is to be in it, zones that EKS does not serve come last.
    pub(crate) fn declare(
        &self,
        for_cluster: bool,
        declare: &mut Declare<'_>,
    ) -> Checked<NetworkParts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        let base = self.base(for_cluster, declare)?;
        let tables = self.routing(&base, declare)?;
        self.endpoints(&base, &tables, declare)?;
        self.flow_logs(&base, declare)?;
        let tier = |tier| base.tier(tier).map(|(_, subnet)| subnet.clone()).collect();
        Ok(NetworkParts {
            vpc: base.vpc.clone(),
            zones: base.zones.iter().map(|zone| zone.name.clone()).collect(),
            public: tier(Tier::Public),
            private: tier(Tier::Private),
            database: tier(Tier::Database),
            gateway: base.gateway.address().clone(),
            ways_out: WAYS_OUT
                .iter()
                .flat_map(|below| declare.addresses(below))
                .collect(),
        })
    }
}
