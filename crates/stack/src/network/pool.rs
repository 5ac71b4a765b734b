//! Blocks of addresses from a pool that several stacks share.

use std::collections::BTreeSet;
use std::fmt;

use ipnet::Ipv4Net;
use platctl_engine::state::State;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Cidr;
use super::layout::{LARGEST, overlap};
use crate::de::At;
use crate::declare::Checked;
use crate::error::Fault;

/// What the block is reserved as in the state.
pub const RESERVED: &str = "network.cidr";
/// The address of the VPC.
pub const NETWORK: &str = "network.vpc";
/// The smallest block that the layout has room in.
const SMALLEST: u8 = 21;
/// The largest pool: 10.0.0.0/8.
const LARGEST_POOL: u8 = 8;

/// A pool of addresses: each stack gets a block of its own from it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pooled {
    /// The CIDR block that the blocks of all stacks are allocated from, such as 10.64.0.0/10.
    pool: At<Cidr>,
    /// The size of the block of each stack, /16 to /21.
    prefix: At<u8>,
}

impl Pooled {
    pub(super) fn pool(&self) -> Pool {
        Pool {
            range: self.pool.value.0,
            prefix: self.prefix.value,
        }
    }

    pub(super) fn check(&self) -> Checked<()> {
        let Pool { range, prefix } = self.pool();
        if !(LARGEST..=SMALLEST).contains(&prefix) {
            let fault = Fault::new(format!(
                "a network cannot have a block of /{prefix} from a pool"
            ));
            return Err(vec![
                fault.at(self.prefix.span, format!("use /{LARGEST} to /{SMALLEST}")),
            ]);
        }
        if !(LARGEST_POOL..=prefix).contains(&range.prefix_len()) {
            let fault = Fault::new(format!("{range} is not a pool of blocks of /{prefix}"));
            return Err(vec![
                fault.at(self.pool.span, format!("use /{LARGEST_POOL} to /{prefix}")),
            ]);
        }
        Ok(())
    }
}

/// A pool of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    range: Ipv4Net,
    prefix: u8,
}

impl Pool {
    /// The block that a stack gets: the one that it has, where no other overlaps with it, otherwise the first free one.
    /// Each stack looks in an order that follows from its name. So a plan and the apply after it come to the same block,
    /// and stacks that are applied at the same time seldom want the same one.
    #[must_use]
    pub fn pick(self, stack: &str, held: Option<&str>, taken: &[String]) -> Option<String> {
        let own = held.filter(|text| self.has(text));
        let own = own.map(ToOwned::to_owned).into_iter();
        own.chain(self.blocks(stack).map(|block| block.to_string()))
            .find(|block| is_free(block, taken))
    }

    /// Whether this text is a block of the pool.
    #[must_use]
    pub fn has(self, block: &str) -> bool {
        block.parse().is_ok_and(|block| self.contains(block))
    }

    /// Whether this is a block of the pool.
    fn contains(self, block: Ipv4Net) -> bool {
        block.prefix_len() == self.prefix && self.range.contains(&block)
    }

    /// All blocks. Their number is a power of two, so that steps of an odd length come to each of them once.
    fn blocks(self, stack: &str) -> impl Iterator<Item = Ipv4Net> + use<> {
        let Self { range, prefix } = self;
        let count = 1_u64 << prefix.saturating_sub(range.prefix_len());
        let size = 1_u64 << (32 - u32::from(prefix));
        let digest = Sha256::digest(stack);
        let number = |from: usize| {
            let bytes = digest.iter().skip(from).take(4);
            bytes.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
        };
        let (start, step) = (number(0), number(4) | 1);
        (0..count).filter_map(move |turn| {
            let place = (start + turn * step) % count;
            let first = u64::from(u32::from(range.network())) + place * size;
            Ipv4Net::new(u32::try_from(first).ok()?.into(), prefix).ok()
        })
    }

    /// The block for a check without AWS: which one it is makes no difference to what is allowed.
    #[must_use]
    pub(super) const fn any(self) -> Ipv4Net {
        match Ipv4Net::new(self.range.addr(), self.prefix) {
            Ok(block) => block,
            Err(_) => self.range,
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool {} (blocks of /{})", self.range, self.prefix)
    }
}

/// Whether a block overlaps with none of these.
#[must_use]
pub fn is_free(block: &str, taken: &[String]) -> bool {
    let Ok(block) = block.parse::<Ipv4Net>() else {
        return false;
    };
    let mut others = taken.iter().filter_map(|text| text.parse().ok());
    !others.any(|other| overlap(block, other))
}

/// The blocks of a state: of its networks, and what it has reserved.
#[must_use]
pub fn blocks(state: &State) -> BTreeSet<String> {
    let networks = state
        .resources
        .values()
        .filter(|record| record.kind == "ec2.Vpc")
        .flat_map(|record| {
            let created = record.object.as_ref().map(|object| &object.spec);
            let creating = record.creating.as_ref().map(|creating| &creating.spec);
            created.into_iter().chain(creating)
        });
    let networks = networks.filter_map(|spec| Some(spec.get("cidr_block")?.as_str()?.to_owned()));
    networks
        .chain(state.reserved.get(RESERVED).cloned())
        .collect()
}

/// The block that the network of a stack is in already. It stays, whatever the pool says today.
#[must_use]
pub fn settled(state: &State) -> Option<String> {
    let (_, record) = state
        .resources
        .iter()
        .find(|(address, _)| address.as_str() == NETWORK)?;
    let spec = match (&record.object, &record.creating) {
        (Some(object), _) => &object.spec,
        (None, Some(creating)) => &creating.spec,
        (None, None) => return None,
    };
    Some(spec.get("cidr_block")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool(range: &str, prefix: u8) -> Pool {
        Pool {
            range: range.parse().unwrap(),
            prefix,
        }
    }

    #[test]
    fn every_block_is_given_out_once_and_then_none() {
        let pool = pool("10.64.0.0/16", 20);
        let mut taken = Vec::new();
        for number in 0..16 {
            let block = pool.pick(&format!("pr-{number}"), None, &taken).unwrap();
            let block: Ipv4Net = block.parse().unwrap();
            assert!(pool.contains(block), "{block}");
            let is_free = |other: &String| !overlap(block, other.parse().unwrap());
            assert!(taken.iter().all(is_free), "{block} in {taken:?}");
            taken.push(block.to_string());
        }
        assert_eq!(pool.pick("pr-16", None, &taken), None);
    }

    #[test]
    fn a_block_that_one_has_stays_unless_another_overlaps_with_it() {
        let pool = pool("10.64.0.0/10", 20);
        let pick = |held, taken: &[&str]| {
            let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
            pool.pick("pr-42", held, &taken).unwrap()
        };
        let own = "10.100.16.0/20";
        assert_eq!(pick(Some(own), &["10.100.0.0/20", "no block"]), own);
        // A block of a network that is larger, or smaller, is none that is free.
        assert_ne!(pick(Some(own), &["10.100.0.0/16"]), own);
        assert_ne!(pick(Some(own), &["10.100.20.0/24"]), own);
        // The pool is another one now.
        assert_ne!(pick(Some("10.10.0.0/20"), &[]), "10.10.0.0/20");
        // Nothing else than the name decides.
        assert_eq!(pick(None, &[]), pick(None, &[]));
    }

    #[test]
    fn stacks_seldom_want_the_same() {
        let pool = pool("10.64.0.0/10", 20);
        let wanted: BTreeSet<String> = (0..20)
            .filter_map(|number| pool.pick(&format!("pr-{number}"), None, &[]))
            .collect();
        assert!(wanted.len() >= 19, "{wanted:?}");
    }

    proptest! {
        #[test]
        fn all_blocks_are_in_the_pool_and_each_comes_once(
            address: u32, length in LARGEST_POOL..=SMALLEST, size in LARGEST..=SMALLEST, stack in "[a-z]{1,8}"
        ) {
            prop_assume!(length <= size);
            let range = Ipv4Net::new(address.into(), length).unwrap().trunc();
            let pool = Pool { range, prefix: size };
            let blocks: BTreeSet<Ipv4Net> = pool.blocks(&stack).collect();
            prop_assert_eq!(blocks.len(), 1 << (size - length));
            prop_assert!(blocks.iter().all(|block| pool.contains(*block)));
        }
    }
}
