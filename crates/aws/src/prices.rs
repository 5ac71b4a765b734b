//! What the few things cost that are kept when a stack is deleted. A small table, for an idea of the size: prices differ
//! between regions, and change.

/// What the table holds for: the region, and when it was written.
pub const AS_OF: &str = "list price in us-east-1, November 2026";

/// The price of a customer managed KMS key, in US cents a month. Rotation adds to it.
const KEY: u32 = 100;
/// The price of one GiB of a General Purpose SSD (gp3) volume, in US cents a month.
const VOLUME_GIB: u32 = 8;

/// What an object of this kind costs a month, in US cents, where that does not depend on what is in it.
#[must_use]
pub fn monthly(kind: &str) -> Option<u32> {
    (kind == "kms.Key").then_some(KEY)
}

/// What a volume of this size costs a month, in US cents.
#[must_use]
pub fn volume(gib: u32) -> u32 {
    gib.saturating_mul(VOLUME_GIB)
}

/// `$1.00 a month`
#[must_use]
pub fn words(cents: u32) -> String {
    format!("${}.{:02} a month", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_readable() {
        assert_eq!(
            monthly("kms.Key").map(words).as_deref(),
            Some("$1.00 a month")
        );
        assert_eq!(words(volume(455)), "$36.40 a month");
        assert_eq!(monthly("rds.DbCluster"), None);
    }
}
