//! The `edge:` block: how the internet reaches the services. Route 53 leads to CloudFront, CloudFront to the
//! one load balancer, by a way that is closed to everybody else.

mod balancer;
mod cdn;
mod certificates;
mod check;
mod firewall;
mod logs;

use platctl_aws::ec2::security_group::SecurityGroup;
use platctl_aws::elbv2::listener::Listener;
use platctl_aws::elbv2::load_balancer::LoadBalancer;
use platctl_aws::route53::hosted_zone::{self, HostedZone};
use platctl_aws::types::DnsName;
use platctl_engine::{Handle, Input};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::common::NetworkParts;
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::logs as access_logs;
use crate::names::TagMap;

/// What `edge:` says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edge {
    /// The domain name of the services.
    domain: At<String>,
    /// The Route 53 zone of the domain: `create` to create a zone, or the ID of an existing zone (`Z…`).
    #[serde(default)]
    #[schemars(with = "String")]
    zone: At<Zone>,
    /// The domain name of the zone, if the services' domain is a subdomain. Default: the services' domain.
    #[serde(default)]
    zone_domain: Option<At<String>>,
    /// Additional names in the domain: `www` for www.example.com.
    #[serde(default)]
    names: Vec<At<String>>,
    /// Whether to use CloudFront. Enabled by default. If disabled, the load balancer is public.
    #[serde(default = "on")]
    cdn: bool,
    /// Whether to use an AWS WAF web ACL. Enabled by default.
    #[serde(default = "on")]
    waf: bool,
    /// The rate limit of the web ACL: the maximum number of requests from one IP address in 5 minutes.
    /// Default: 2000.
    #[serde(default)]
    rate_limit: Option<At<u32>>,
    /// The CloudFront price class: `100` (Europe and North America, the cheapest), `200` or `all`.
    #[serde(default)]
    price_class: PriceClass,
    /// The `Content-Security-Policy` header that CloudFront adds to answers which have none, such as
    /// `default-src 'self'`. Default: none, because only the services know what their pages need.
    #[serde(default)]
    content_security_policy: Option<At<String>>,
    /// Tags to add to the resources of this block.
    #[serde(default)]
    tags: Option<At<TagMap>>,
}

const fn on() -> bool {
    true
}

/// The zone that the domain is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
pub(crate) enum Zone {
    /// One of the stack's own.
    #[default]
    Create,
    /// One that exists.
    Id(String),
}

impl From<String> for Zone {
    fn from(text: String) -> Self {
        if text == "create" {
            Self::Create
        } else {
            Self::Id(text)
        }
    }
}

impl Default for At<Zone> {
    fn default() -> Self {
        Self::made(Zone::default())
    }
}

/// Where CloudFront answers from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum PriceClass {
    /// Europe and North America.
    #[default]
    #[serde(rename = "100")]
    Cheapest,
    /// And most of the rest of the world.
    #[serde(rename = "200")]
    Most,
    /// Everywhere.
    #[serde(rename = "all")]
    All,
}

impl PriceClass {
    /// As CloudFront calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Cheapest => "PriceClass_100",
            Self::Most => "PriceClass_200",
            Self::All => "PriceClass_All",
        }
    }
}

/// What other blocks take from the edge.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) balancer: Handle<LoadBalancer>,
    /// The security group of the load balancer.
    pub(crate) group: Handle<SecurityGroup>,
    /// Where listener rules of services go.
    pub(crate) listener: Handle<Listener>,
    /// The id of the DNS zone.
    pub(crate) zone: Value,
}

/// The zone in which records are made.
pub(super) enum Records {
    Own(Handle<HostedZone>),
    Given(String),
}

impl Records {
    /// The zone's id.
    pub(super) fn id(&self) -> Input<String> {
        match self {
            Self::Own(zone) => zone.get(hosted_zone::out::ZONE_ID),
            Self::Given(id) => id.clone().into(),
        }
    }
}

impl Edge {
    /// Declares all of the edge's resources.
    pub(crate) fn declare(
        &self,
        network: &NetworkParts,
        logs: &access_logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        self.check()?;
        let records = self.records(declare)?;
        let balancer = self.balancer(network, &records, logs, declare)?;
        self.dns_logs(&records, logs, declare)?;
        if self.cdn {
            self.distribution(&balancer, &records, logs, declare)?;
        } else {
            self.direct(&balancer, &records, logs, declare)?;
        }
        Ok(Parts {
            balancer: balancer.balancer,
            group: balancer.group,
            listener: balancer.listener,
            zone: records.id().into(),
        })
    }

    fn records(&self, declare: &mut Declare<'_>) -> Checked<Records> {
        match &self.zone.value {
            Zone::Id(id) => Ok(Records::Given(id.clone())),
            Zone::Create => {
                let spec = hosted_zone::Spec {
                    name: DnsName::from(self.zone_domain()).into(),
                    comment: Some(format!("The zone of stack {}", declare.stack())),
                    vpc_ids: None,
                    // external-dns writes records into it that no state knows.
                    force_destroy: !declare.protects(),
                    tags: declare.tags("zone"),
                };
                Ok(Records::Own(declare.add("zone", &spec)?))
            }
        }
    }

    pub(crate) const fn uses_cdn(&self) -> bool {
        self.cdn
    }

    pub(crate) const fn uses_waf(&self) -> bool {
        self.waf
    }

    /// Whether the zone is one of the stack's own.
    pub(crate) fn creates_zone(&self) -> bool {
        self.zone.value == Zone::Create
    }

    /// The domain name of the services.
    pub(crate) fn domain(&self) -> &str {
        &self.domain.value
    }

    pub(crate) fn zone_domain(&self) -> &str {
        self.zone_domain
            .as_ref()
            .map_or(&self.domain.value, |domain| &domain.value)
    }

    /// Every name that the services answer under.
    pub(super) fn all_names(&self) -> Vec<String> {
        let below = self
            .names
            .iter()
            .map(|name| format!("{}.{}", name.value, self.domain.value));
        std::iter::once(self.domain.value.clone())
            .chain(below)
            .collect()
    }
}
