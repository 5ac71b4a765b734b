//! What somebody who made a slip of the pen probably meant.

/// The known name that was probably meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // More than a third of the letters wrong is no slip any more; two letters may always be.
    let limit = (name.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("natt", ["nat", "cidr"]), Some("nat"));
        assert_eq!(nearest("nta", ["nat", "cidr"]), Some("nat"));
        assert_eq!(
            nearest("flow_log", ["flow_logs", "cidr"]),
            Some("flow_logs")
        );
        assert_eq!(nearest("zookeeper", ["nat", "cidr"]), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
