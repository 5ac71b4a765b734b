//! The VPC, its internet gateway, and its subnets.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use platctl_aws::ec2::internet_gateway::{self, InternetGateway};
use platctl_aws::ec2::subnet;
use platctl_aws::ec2::vpc::{self, Vpc};
use platctl_aws::types::Cidr;
use platctl_engine::Handle;

use super::Network;
use super::check::{Subnet, Zone};
use super::layout::Tier;
use crate::declare::{Checked, Declare};

/// What everything else in the network builds on.
pub(super) struct Base {
    pub(super) vpc: Handle<Vpc>,
    pub(super) gateway: Handle<InternetGateway>,
    pub(super) zones: Vec<Zone>,
    subnets: BTreeMap<(Tier, String), Handle<subnet::Subnet>>,
}

impl Base {
    /// The subnets of a tier, with the letters of their zones.
    pub(super) fn tier(&self, tier: Tier) -> impl Iterator<Item = (&str, &Handle<subnet::Subnet>)> {
        let of_tier = self.subnets.iter().filter(move |((of, _), _)| *of == tier);
        of_tier.map(|((_, letter), subnet)| (letter.as_str(), subnet))
    }
}

impl Network {
    pub(super) fn base(&self, for_cluster: bool, declare: &mut Declare<'_>) -> Checked<Base> {
        let (zones, planned) = self.plan(declare.context(), for_cluster, declare.place())?;
        let vpc = self.vpc(declare)?;
        let spec = internet_gateway::Spec {
            vpc_id: vpc.get(vpc::out::VPC_ID),
            tags: declare.tags("internet_gateway"),
        };
        let gateway = declare.add("internet_gateway", &spec)?;
        let mut subnets = BTreeMap::new();
        for planned in planned {
            let subnet = declare_subnet(&planned, &vpc, declare)?;
            subnets.insert((planned.tier, planned.zone.letter), subnet);
        }
        Ok(Base {
            vpc,
            gateway,
            zones,
            subnets,
        })
    }

    fn vpc(&self, declare: &mut Declare<'_>) -> Checked<Handle<Vpc>> {
        let spec = vpc::Spec {
            cidr_block: Cidr(self.cidr(declare.context())),
            // Interface endpoints answer under their services' own names only with both of them on.
            enable_dns_support: Some(true),
            enable_dns_hostnames: Some(true),
            instance_tenancy: None,
            // What is made without a group of its own can reach nothing, and nothing can reach it.
            default_security_group_rules: Some(false),
            tags: declare.tags("vpc"),
            stage: PhantomData,
        };
        declare.add("vpc", &spec)
    }
}

fn declare_subnet(
    planned: &Subnet,
    vpc: &Handle<Vpc>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<subnet::Subnet>> {
    let address = format!("{}.{}", planned.tier.name(), planned.zone.letter);
    let mut tags = declare.tags(&address);
    tags.extend(role(planned.tier));
    let spec = subnet::Spec {
        vpc_id: vpc.get(vpc::out::VPC_ID),
        cidr_block: Cidr(planned.cidr),
        availability_zone: planned.zone.name.clone(),
        // Load balancers and NAT gateways bring their own addresses; nothing else has to be public.
        map_public_ip_on_launch: Some(false),
        tags,
    };
    declare.add(&address, &spec)
}

/// The tag by which load balancer controllers find the subnets that they may use.
fn role(tier: Tier) -> Option<(String, String)> {
    let key = match tier {
        Tier::Public => "kubernetes.io/role/elb",
        Tier::Private => "kubernetes.io/role/internal-elb",
        Tier::Database => return None,
    };
    Some((key.to_owned(), "1".to_owned()))
}
