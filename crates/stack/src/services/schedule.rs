//! Schedules as cron writes them.

/// Five fields, each a list of values, ranges or `*`, with steps. Names of months and days are not known here.
pub(super) fn is_schedule(text: &str) -> bool {
    let ranges = [0..=59, 0..=23, 1..=31, 1..=12, 0..=6];
    let fields: Vec<&str> = text.split(' ').collect();
    let sound = |(field, range): (&&str, &std::ops::RangeInclusive<u8>)| {
        let number = |text: &str| text.parse::<u8>().ok().filter(|one| range.contains(one));
        field.split(',').all(|item| {
            let (what, step) = item
                .split_once('/')
                .map_or((item, None), |(what, step)| (what, Some(step)));
            let stepped = step.is_none_or(|step| step.parse::<u8>().is_ok_and(|step| step > 0));
            let whole = match what.split_once('-') {
                _ if what == "*" => true,
                Some((from, to)) => number(from)
                    .zip(number(to))
                    .is_some_and(|(from, to)| from <= to),
                None => number(what).is_some(),
            };
            stepped && whole
        })
    };
    fields.len() == ranges.len() && fields.iter().zip(&ranges).all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_those_that_kubernetes_takes() {
        for right in [
            "15 3 * * *",
            "*/5 * * * *",
            "0 0,12 1-7 */2 1-5",
            "59 23 31 12 6",
        ] {
            assert!(is_schedule(right), "{right}");
        }
        for wrong in [
            "",
            "nightly",
            "60 3 * * *",
            "15 3 * *",
            "15 3 * * * *",
            "15  3 * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "* * 0 * *",
        ] {
            assert!(!is_schedule(wrong), "{wrong}");
        }
    }
}
