//! The ways out: NAT gateways, route tables, and which subnet uses which.

use platctl_aws::ec2::elastic_ip;
use platctl_aws::ec2::internet_gateway::out::INTERNET_GATEWAY_ID;
use platctl_aws::ec2::nat_gateway::{self, NatGateway};
use platctl_aws::ec2::route::{self, Route};
use platctl_aws::ec2::route_table::{self, RouteTable};
use platctl_aws::ec2::route_table_association::{self, RouteTableAssociation};
use platctl_aws::ec2::subnet::{self, Subnet};
use platctl_aws::ec2::vpc;
use platctl_aws::types::Cidr;
use platctl_engine::{Declared, Handle};

use super::layout::{ANYWHERE, Tier};
use super::vpc::Base;
use super::{Nat, Network};
use crate::declare::{Checked, Declare};

impl Network {
    /// Declares all routing; answers the route tables.
    pub(super) fn routing(
        &self,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Handle<RouteTable>>> {
        let public = public_table(base, declare)?;
        let database = shared_table(base, Tier::Database, declare)?;
        let nats = self.nat_gateways(base, declare)?;
        let mut tables = vec![public, database];
        for (number, (letter, subnet)) in base.tier(Tier::Private).enumerate() {
            // With one NAT gateway for all, every zone takes the first.
            let nat = nats.get(number).or(nats.first());
            tables.push(private_table(base, letter, subnet, nat, declare)?);
        }
        Ok(tables)
    }

    fn nat_gateways(
        &self,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Handle<NatGateway>>> {
        let count = match self.nat {
            Nat::PerAz => base.zones.len(),
            Nat::Single => 1,
            Nat::None => 0,
        };
        base.tier(Tier::Public)
            .take(count)
            .map(|(letter, subnet)| nat_gateway(base, letter, subnet, declare))
            .collect()
    }
}

fn nat_gateway(
    base: &Base,
    letter: &str,
    subnet: &Handle<Subnet>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<NatGateway>> {
    let address = format!("eip.{letter}");
    let spec = elastic_ip::Spec {
        tags: declare.tags(&address),
        stage: std::marker::PhantomData,
    };
    // On the way down the gateway can be detached only once no address is mapped in the VPC any more, so
    // every address has to be released before.
    let eip = declare.add_after(&address, &spec, &[base.gateway.address()])?;
    let address = format!("nat.{letter}");
    let spec = nat_gateway::Spec {
        subnet_id: subnet.get(subnet::out::SUBNET_ID),
        allocation_id: Some(eip.get(elastic_ip::out::ALLOCATION_ID)),
        connectivity_type: "public".to_owned(),
        tags: declare.tags(&address),
    };
    // A public NAT gateway fails in a VPC without an attached internet gateway.
    declare.add_after(&address, &spec, &[base.gateway.address()])
}

/// One table for all public subnets: their way out is the same.
fn public_table(base: &Base, declare: &mut Declare<'_>) -> Checked<Handle<RouteTable>> {
    let table = shared_table(base, Tier::Public, declare)?;
    let mut spec = default_route(&table);
    // Ready is a gateway only once it is attached, which the route needs.
    spec.gateway_id = Some(base.gateway.get(INTERNET_GATEWAY_ID));
    declare.add::<Route>("route.public", &spec)?;
    Ok(table)
}

/// A table that all subnets of a tier use.
fn shared_table(base: &Base, tier: Tier, declare: &mut Declare<'_>) -> Checked<Handle<RouteTable>> {
    let table = route_table(base, tier.name(), declare)?;
    for (letter, subnet) in base.tier(tier) {
        associate(
            &format!("{}.{letter}", tier.name()),
            subnet,
            &table,
            declare,
        )?;
    }
    Ok(table)
}

/// A zone's own table, so that each zone leaves by its own NAT gateway.
fn private_table(
    base: &Base,
    letter: &str,
    subnet: &Handle<Subnet>,
    nat: Option<&Handle<NatGateway>>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<RouteTable>> {
    let name = format!("private.{letter}");
    let table = route_table(base, &name, declare)?;
    if let Some(nat) = nat {
        let mut spec = default_route(&table);
        spec.nat_gateway_id = Some(nat.get(nat_gateway::out::NAT_GATEWAY_ID));
        declare.add::<Route>(&format!("route.{name}"), &spec)?;
    }
    associate(&name, subnet, &table, declare)?;
    Ok(table)
}

fn route_table(base: &Base, name: &str, declare: &mut Declare<'_>) -> Checked<Handle<RouteTable>> {
    let address = format!("route_table.{name}");
    let spec = route_table::Spec {
        vpc_id: base.vpc.get(vpc::out::VPC_ID),
        tags: declare.tags(&address),
    };
    declare.add(&address, &spec)
}

/// A route to everywhere else, its target still to be said.
fn default_route(table: &Handle<RouteTable>) -> route::Spec<Declared> {
    route::Spec {
        route_table_id: table.get(route_table::out::ROUTE_TABLE_ID),
        destination_cidr_block: Cidr(ANYWHERE),
        gateway_id: None,
        nat_gateway_id: None,
        transit_gateway_id: None,
        vpc_peering_connection_id: None,
        vpc_endpoint_id: None,
    }
}

fn associate(
    name: &str,
    subnet: &Handle<Subnet>,
    table: &Handle<RouteTable>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<RouteTableAssociation>> {
    let spec = route_table_association::Spec {
        subnet_id: subnet.get(subnet::out::SUBNET_ID),
        route_table_id: table.get(route_table::out::ROUTE_TABLE_ID),
    };
    declare.add(&format!("association.{name}"), &spec)
}
