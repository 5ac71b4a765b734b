//! Which addresses each subnet gets.
//!
//! The VPC's range is cut into eighths. The first six are the private subnets of the zones a to f; the
//! seventh holds sixteen small ranges, eight for public and eight for database subnets; the last stays
//! free for what a stack declares itself. Room for all six letters is set aside whatever the number of
//! zones, because a subnet's range cannot change: more or fewer zones must not renumber the others.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The zones that a layout has room for. No region has more.
pub(super) const MAX_ZONES: usize = 6;
/// The default range of a VPC.
pub(super) const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 10, 0, 0), 16);
/// Every address: the destination of a default route.
pub(crate) const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
/// AWS takes VPCs and subnets from /16 to /28.
pub(super) const LARGEST: u8 = 16;
pub(super) const SMALLEST: u8 = 28;

/// What a subnet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    Public,
    Private,
    Database,
}

impl Tier {
    pub(super) const ALL: [Self; 3] = [Self::Public, Self::Private, Self::Database];

    /// The word in addresses, names and the stack file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Database => "database",
        }
    }
}

/// The range that a zone's subnet of a tier may use; none where it would be smaller than /28.
pub(super) fn slot(vpc: Ipv4Net, tier: Tier, zone: usize) -> Option<Ipv4Net> {
    let zone = u32::try_from(zone)
        .ok()
        .filter(|zone| (*zone as usize) < MAX_ZONES)?;
    match tier {
        Tier::Private => part(vpc, 3, zone),
        // The seventh eighth, in sixteenths.
        Tier::Public => part(vpc, 7, 6 * 16 + zone),
        Tier::Database => part(vpc, 7, 6 * 16 + 8 + zone),
    }
}

/// One of the 2^bits equal parts of a range.
fn part(net: Ipv4Net, bits: u8, number: u32) -> Option<Ipv4Net> {
    let prefix = net
        .prefix_len()
        .checked_add(bits)
        .filter(|prefix| *prefix <= SMALLEST)?;
    let start =
        u32::from(net.network()).checked_add(number.checked_shl(32 - u32::from(prefix))?)?;
    Ipv4Net::new(start.into(), prefix).ok()
}

/// The first range of this size within a slot; none when the slot is smaller.
pub(super) fn resize(slot: Ipv4Net, prefix: u8) -> Option<Ipv4Net> {
    (prefix >= slot.prefix_len())
        .then(|| Ipv4Net::new(slot.network(), prefix).ok())
        .flatten()
}

/// The place of a zone in the layout: its letter, so that a zone that AWS adds later shifts nothing.
pub(super) fn place(zone: &str) -> Option<usize> {
    let letter = zone.bytes().last()?.checked_sub(b'a')?;
    Some(usize::from(letter)).filter(|place| *place < MAX_ZONES)
}

/// Whether two ranges share an address.
pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(vpc: Ipv4Net) -> Vec<Option<Ipv4Net>> {
        Tier::ALL
            .iter()
            .flat_map(|tier| (0..MAX_ZONES).map(move |zone| slot(vpc, *tier, zone)))
            .collect()
    }

    #[test]
    fn the_reference_layout_never_changes() {
        let shown: Vec<_> = all(DEFAULT_CIDR)
            .into_iter()
            .flatten()
            .map(|net| net.to_string())
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        10.10.192.0/23
        10.10.194.0/23
        10.10.196.0/23
        10.10.198.0/23
        10.10.200.0/23
        10.10.202.0/23
        10.10.0.0/19
        10.10.32.0/19
        10.10.64.0/19
        10.10.96.0/19
        10.10.128.0/19
        10.10.160.0/19
        10.10.208.0/23
        10.10.210.0/23
        10.10.212.0/23
        10.10.214.0/23
        10.10.216.0/23
        10.10.218.0/23
        ");
    }

    #[test]
    fn a_vpc_too_small_for_its_layout_has_no_slots() {
        let vpc = "10.0.0.0/22".parse().unwrap();
        assert_eq!(slot(vpc, Tier::Public, 0), None);
        assert!(slot("10.0.0.0/21".parse().unwrap(), Tier::Public, 5).is_some());
    }

    #[test]
    fn zones_are_placed_by_their_letter() {
        assert_eq!(place("eu-west-1a"), Some(0));
        assert_eq!(place("us-east-1f"), Some(5));
        assert_eq!(place("us-west-2-lax-1g"), None);
        assert_eq!(place("eu-west-1"), None);
    }

    proptest! {
        #[test]
        fn slots_stay_inside_and_never_overlap(address: u32, prefix in LARGEST..=21) {
            let vpc = Ipv4Net::new(address.into(), prefix).unwrap().trunc();
            let slots: Vec<_> = all(vpc).into_iter().map(Option::unwrap).collect();
            for (number, one) in slots.iter().enumerate() {
                prop_assert!(vpc.contains(one));
                prop_assert!(one.prefix_len() <= SMALLEST);
                for other in slots.iter().skip(number + 1) {
                    prop_assert!(!overlap(*one, *other), "{one} and {other}");
                }
            }
        }

        #[test]
        fn a_resized_subnet_stays_in_its_slot(address: u32, prefix in LARGEST..=21, size in 0u8..=32) {
            let vpc = Ipv4Net::new(address.into(), prefix).unwrap().trunc();
            for slot in all(vpc).into_iter().flatten() {
                match resize(slot, size) {
                    Some(subnet) => prop_assert!(slot.contains(&subnet) && subnet.prefix_len() == size),
                    None => prop_assert!(size < slot.prefix_len()),
                }
            }
        }
    }
}
