//! Which subnets there are, and whether their ranges make sense.

use ipnet::Ipv4Net;
use platctl_aws::eks::UNSERVED_ZONES;

use super::layout::{self, LARGEST, SMALLEST, Tier};
use super::{Cidr, Network, Range, Shape, Zones};
use crate::Context;
use crate::de::At;
use crate::declare::Checked;
use crate::error::Fault;
use crate::source::Span;

/// A zone of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    /// `eu-west-1a`.
    pub(super) name: String,
    /// `a`.
    pub(super) letter: String,
    /// Its place in the layout.
    slot: usize,
}

/// A subnet to be.
#[derive(Clone, Debug)]
pub(super) struct Subnet {
    pub(super) tier: Tier,
    pub(super) zone: Zone,
    pub(super) cidr: Ipv4Net,
    /// Where its range is written; none when it was laid out.
    span: Option<Span>,
}

impl Subnet {
    fn title(&self) -> String {
        format!(
            "the {} subnet of {} ({})",
            self.tier.name(),
            self.zone.name,
            self.cidr
        )
    }
}

impl Network {
    /// The zones and subnets, each range within the VPC's and apart from all others.
    pub(super) fn plan(
        &self,
        context: &Context,
        for_cluster: bool,
        place: Span,
    ) -> Checked<(Vec<Zone>, Vec<Subnet>)> {
        self.check_cidr()?;
        let zones = self.pick_zones(context, for_cluster, place)?;
        let (mut subnets, mut faults) = (Vec::new(), Vec::new());
        for tier in Tier::ALL {
            match self.tier(tier, &zones, (self.cidr(context), place)) {
                Ok(tier) => subnets.extend(tier),
                Err(more) => faults.extend(more),
            }
        }
        faults.extend(self.misfits(&subnets, (self.cidr(context), place)));
        if faults.is_empty() {
            Ok((zones, subnets))
        } else {
            Err(faults)
        }
    }

    fn check_cidr(&self) -> Checked<()> {
        let (net, span) = match &self.cidr {
            None => return Ok(()),
            Some(At {
                value: Range::Stated(Cidr(net)),
                span,
            }) => (net, span),
            Some(At {
                value: Range::From(pooled),
                span,
            }) => {
                pooled.check()?;
                return self.check_pooled(*span);
            }
        };
        if !(LARGEST..=SMALLEST).contains(&net.prefix_len()) {
            let message = format!("{net} is not a valid range for a VPC");
            return Err(vec![
                Fault::new(message).at(*span, format!("AWS allows /{LARGEST} to /{SMALLEST}")),
            ]);
        }
        let first = net.network();
        if first.is_loopback()
            || first.is_link_local()
            || first.is_multicast()
            || first.octets()[0] == 0
        {
            return Err(vec![
                Fault::new(format!("{net} is not a valid range for a VPC"))
                    .at(*span, "not usable for a network"),
            ]);
        }
        Ok(())
    }

    /// Nobody knows the block beforehand, so subnets cannot be at addresses that are.
    fn check_pooled(&self, span: Span) -> Checked<()> {
        let stated = |tier: &Tier| self.subnets.of(*tier).cidrs.as_ref();
        let Some(cidrs) = Tier::ALL.iter().find_map(stated) else {
            return Ok(());
        };
        let fault = Fault::new("`cidrs` of subnets cannot be used with a pool")
            .at(cidrs.span, "these ranges")
            .at(span, "the block is allocated from this pool");
        Err(vec![fault.help(
            "remove `cidrs`; to set the size of the subnets, use `prefix`",
        )])
    }

    /// The zones, in the order of their letters.
    fn pick_zones(&self, context: &Context, for_cluster: bool, place: Span) -> Checked<Vec<Zone>> {
        let last: &[&str] = if for_cluster { &UNSERVED_ZONES } else { &[] };
        let mut zones = match self
            .availability_zones
            .as_ref()
            .map(|zones| (zones.span, &zones.value))
        {
            Some((_, Zones::These(names))) => these_zones(names, context)?,
            Some((span, Zones::Count(count))) => some_zones(*count, context, last, span)?,
            None => some_zones(3, context, last, place)?,
        };
        zones.sort_by_key(|zone| zone.slot);
        Ok(zones)
    }

    fn tier(&self, tier: Tier, zones: &[Zone], vpc: (Ipv4Net, Span)) -> Checked<Vec<Subnet>> {
        let shape = self.subnets.of(tier);
        match shape {
            Shape {
                cidrs: Some(cidrs),
                prefix: Some(prefix),
            } => Err(vec![
                Fault::new(format!(
                    "`cidrs` and `prefix` cannot be used together (the {} subnets)",
                    tier.name()
                ))
                .at(cidrs.span, "these ranges")
                .at(prefix.span, "already set the size"),
            ]),
            Shape {
                cidrs: Some(cidrs), ..
            } => explicit(tier, zones, cidrs),
            Shape { prefix, .. } => zones
                .iter()
                .map(|zone| self.laid_out(tier, zone, prefix.as_ref(), vpc))
                .collect::<Result<_, _>>(),
        }
    }

    fn laid_out(
        &self,
        tier: Tier,
        zone: &Zone,
        prefix: Option<&At<u8>>,
        (vpc, place): (Ipv4Net, Span),
    ) -> Checked<Subnet> {
        let name = tier.name();
        let Some(slot) = layout::slot(vpc, tier, zone.slot) else {
            let place = self.cidr.as_ref().map_or(place, |cidr| cidr.span);
            return Err(vec![
                Fault::new(format!(
                    "{vpc} is too small: {name} subnets would be smaller than /{SMALLEST}"
                ))
                .at(place, "the smallest possible range is /21")
                .help(format!(
                    "use a larger range, or specify the ranges: subnets: {{{name}: {{cidrs: […]}}}}"
                )),
            ]);
        };
        let cidr = match prefix {
            None => slot,
            Some(At { value, span }) => {
                layout::resize(slot, *value).filter(|net| net.prefix_len() <= SMALLEST).ok_or_else(|| {
                    vec![
                        Fault::new(format!("{name} subnets cannot be /{value}"))
                            .at(*span, format!("use /{} to /{SMALLEST}", slot.prefix_len()))
                            .help(format!(
                                "the layout of {vpc} reserves space for six zones; to use other ranges, set `cidrs`"
                            )),
                    ]
                })?
            }
        };
        Ok(Subnet {
            tier,
            zone: zone.clone(),
            cidr,
            span: None,
        })
    }

    /// What is outside the VPC, too large, too small, or in another's place.
    fn misfits(&self, subnets: &[Subnet], (vpc, place): (Ipv4Net, Span)) -> Vec<Fault> {
        let vpc_place = self.cidr.as_ref().map_or(place, |cidr| cidr.span);
        let mut faults = Vec::new();
        for (number, subnet) in subnets.iter().enumerate() {
            if let Some(span) = subnet.span {
                faults.extend(misfit(subnet, span, vpc, vpc_place));
            }
            let rivals = subnets
                .iter()
                .take(number)
                .filter(|other| layout::overlap(other.cidr, subnet.cidr));
            faults.extend(rivals.map(|other| clash(other, subnet, vpc_place)));
        }
        faults
    }
}

/// So many zones: those that the network is in stay, impaired or not, for everything in a zone that is left would be
/// replaced; then come the first of the region's that are available, those with an ID in `last` behind all others.
fn some_zones(wanted: usize, context: &Context, last: &[&str], place: Span) -> Checked<Vec<Zone>> {
    let mut zones: Vec<_> = context
        .zones
        .iter()
        .filter_map(|one| Some((zone(&one.name)?, one)))
        .collect();
    zones.sort_by_key(|(zone, one)| {
        (
            !context.settled.contains(&one.name),
            last.contains(&one.id.as_str()),
            zone.slot,
        )
    });
    zones.dedup_by_key(|(zone, _)| zone.slot);
    let (usable, impaired): (Vec<_>, Vec<_>) = zones
        .into_iter()
        .partition(|(_, one)| one.available || context.settled.contains(&one.name));
    if usable.len() < wanted {
        let names = |zones: &[(Zone, &crate::Zone)]| {
            zones
                .iter()
                .map(|(zone, _)| zone.name.clone())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut help = format!("available: {}", names(&usable));
        if !impaired.is_empty() {
            help.push_str(&format!("; impaired: {}", names(&impaired)));
        }
        let (region, count) = (&context.region, usable.len());
        let message = format!("{wanted} availability zones requested, but {region} has {count}");
        return Err(vec![Fault::new(message).at(place, "too many").help(help)]);
    }
    Ok(usable
        .into_iter()
        .take(wanted)
        .map(|(zone, _)| zone)
        .collect())
}

/// The zones of these names or ids, each once.
fn these_zones(names: &[At<String>], context: &Context) -> Checked<Vec<Zone>> {
    let (mut zones, mut faults): (Vec<Zone>, Vec<Fault>) = (Vec::new(), Vec::new());
    for At { value, span } in names {
        let known = context
            .zones
            .iter()
            .find(|one| one.name == *value || one.id == *value);
        let found = known.and_then(|known| Some((zone(&known.name)?, known)));
        let Some((zone, known)) = found else {
            let all: Vec<_> = context.zones.iter().map(|one| one.name.as_str()).collect();
            let message = format!(
                "{} has no availability zone {}",
                context.region,
                crate::error::quoted(value)
            );
            let help = format!("available: {}", all.join(", "));
            faults.push(
                Fault::new(message)
                    .at(*span, "not a zone in this region")
                    .help(help),
            );
            continue;
        };
        if zones.contains(&zone) {
            let message = format!("the zone {} is listed twice", zone.name);
            faults.push(Fault::new(message).at(*span, "duplicate"));
        } else if !known.available && !context.settled.contains(&known.name) {
            let message = format!(
                "the zone {} is impaired, so no resources can be created in it",
                zone.name
            );
            faults.push(Fault::new(message).at(*span, "reported by AWS"));
        } else {
            zones.push(zone);
        }
    }
    if faults.is_empty() {
        Ok(zones)
    } else {
        Err(faults)
    }
}

fn zone(name: &str) -> Option<Zone> {
    let slot = layout::place(name)?;
    Some(Zone {
        name: name.to_owned(),
        letter: name.get(name.len() - 1..)?.to_owned(),
        slot,
    })
}

fn explicit(tier: Tier, zones: &[Zone], cidrs: &At<Vec<At<Cidr>>>) -> Checked<Vec<Subnet>> {
    if cidrs.value.len() != zones.len() {
        let message = format!(
            "{} ranges for {} subnets in {} zones",
            cidrs.value.len(),
            tier.name(),
            zones.len()
        );
        return Err(vec![
            Fault::new(message).at(cidrs.span, "specify one range for each zone"),
        ]);
    }
    let pairs = zones.iter().zip(&cidrs.value);
    Ok(pairs
        .map(|(zone, At { value, span })| Subnet {
            tier,
            zone: zone.clone(),
            cidr: value.0,
            span: Some(*span),
        })
        .collect())
}

fn misfit(subnet: &Subnet, span: Span, vpc: Ipv4Net, vpc_place: Span) -> Option<Fault> {
    let cidr = subnet.cidr;
    if !(LARGEST..=SMALLEST).contains(&cidr.prefix_len()) {
        let message = format!("{cidr} is not a valid range for a subnet");
        return Some(Fault::new(message).at(span, format!("AWS allows /{LARGEST} to /{SMALLEST}")));
    }
    (!vpc.contains(&cidr)).then(|| {
        Fault::new(format!(
            "{} is outside the VPC's range {vpc}",
            subnet.title()
        ))
        .at(span, "outside")
        .at(vpc_place, "the VPC's range")
    })
}

/// Two subnets that overlap, both places named.
fn clash(one: &Subnet, other: &Subnet, vpc_place: Span) -> Fault {
    let fault = Fault::new(format!("{} overlaps with {}", other.title(), one.title()));
    match (one.span, other.span) {
        (Some(first), Some(second)) => fault.at(second, "this one").at(first, "and this one"),
        (Some(span), None) | (None, Some(span)) => fault
            .at(span, "this one")
            .at(vpc_place, "the other one is allocated from this range")
            .help("if you specify the ranges of one tier, specify those of all three"),
        (None, None) => fault.at(vpc_place, "both are allocated from this range"),
    }
}
