//! The daily window of backups and the weekly one of maintenance.

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const SHORTEST: u32 = 30;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A span of time that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    /// Minutes since the beginning of the day, or of the week.
    start: u32,
    length: u32,
}

/// Whether RDS takes this as the daily window of backups.
///
/// # Errors
/// What is wrong with it.
pub fn check_backup(text: &str) -> Result<(), String> {
    daily(text).map(drop)
}

/// Whether RDS takes this as the weekly window of maintenance.
///
/// # Errors
/// What is wrong with it.
pub fn check_maintenance(text: &str) -> Result<(), String> {
    weekly(text).map(drop)
}

/// Whether the daily window and the weekly one overlap, which RDS refuses. Windows that are not valid overlap nothing.
#[must_use]
pub fn overlap(backup: &str, maintenance: &str) -> bool {
    let (Ok(backup), Ok(maintenance)) = (daily(backup), weekly(maintenance)) else {
        return false;
    };
    (0..7).any(|day| {
        let backup = Window {
            start: backup.start + day * DAY,
            ..backup
        };
        // Which of the two begins first within the week does not matter.
        let after =
            |one: Window, other: Window| (other.start + WEEK - one.start) % WEEK < one.length;
        after(backup, maintenance) || after(maintenance, backup)
    })
}

fn daily(text: &str) -> Result<Window, String> {
    let ends = text
        .split_once('-')
        .and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
    window(ends, DAY, "02:00-03:00")
}

fn weekly(text: &str) -> Result<Window, String> {
    let moment = |text: &str| {
        let (day, time) = text.split_once(':')?;
        let day = u32::try_from(DAYS.iter().position(|known| *known == day)?).ok()?;
        Some(day * DAY + minute(time)?)
    };
    let ends = text
        .split_once('-')
        .and_then(|(from, to)| Some((moment(from)?, moment(to)?)));
    window(ends, WEEK, "sun:04:00-sun:05:00")
}

fn window(ends: Option<(u32, u32)>, cycle: u32, such: &str) -> Result<Window, String> {
    let Some((start, end)) = ends else {
        return Err(format!(
            "must be a window such as {such}, in UTC and lower case"
        ));
    };
    let length = (end + cycle - start) % cycle;
    if length < SHORTEST {
        return Err(format!(
            "must be at least {SHORTEST} minutes long, such as {such}"
        ));
    }
    Ok(Window { start, length })
}

/// The minute of the day of `02:30`.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, end: u32| {
        let two = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number: &u32| two && *number < end)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_have_days_or_not() {
        assert_eq!(check_backup("02:00-03:30"), Ok(()));
        assert_eq!(check_backup("23:45-00:15"), Ok(()));
        assert_eq!(check_maintenance("sun:04:00-sun:05:00"), Ok(()));
        assert_eq!(check_maintenance("sun:23:45-mon:00:15"), Ok(()));
        for text in [
            "2:00-3:00",
            "24:00-25:00",
            "02:00",
            "02:00-+3:00",
            "sun:04:00-sun:05:00",
        ] {
            assert!(check_backup(text).is_err(), "{text}");
        }
        for text in [
            "Sun:04:00-Sun:05:00",
            "02:00-03:00",
            "sun:04:00-05:00",
            "day:04:00-day:05:00",
        ] {
            assert!(check_maintenance(text).is_err(), "{text}");
        }
    }

    #[test]
    fn windows_last_half_an_hour() {
        assert_eq!(check_backup("02:00-02:30"), Ok(()));
        assert!(check_backup("02:00-02:29").is_err() && check_backup("02:00-02:00").is_err());
        assert!(check_maintenance("sun:04:00-sun:04:15").is_err());
    }

    #[test]
    fn windows_overlap() {
        assert!(overlap("04:30-05:30", "sun:04:00-sun:05:00"));
        assert!(overlap("02:00-08:00", "wed:04:00-wed:05:00"));
        assert!(overlap("04:10-04:40", "wed:04:00-wed:05:00"));
        // Over midnight, and over the end of the week.
        assert!(overlap("23:30-00:30", "mon:00:00-mon:01:00"));
        assert!(overlap("00:00-01:00", "sun:23:30-mon:00:30"));
        // One begins where the other ends.
        assert!(!overlap("05:00-06:00", "sun:04:00-sun:05:00"));
        assert!(!overlap("03:00-04:00", "sun:04:00-sun:05:00"));
        assert!(!overlap("23:00-23:30", "sun:23:30-mon:00:30"));
    }

    proptest! {
        /// The same as looking at every minute.
        #[test]
        fn overlapping_is_sharing_a_minute(
            at in 0..DAY, lasts in SHORTEST..DAY, when in 0..WEEK, takes in SHORTEST..300,
        ) {
            let time = |minute: u32| format!("{:02}:{:02}", minute % DAY / 60, minute % 60);
            let moment = |minute: u32| {
                format!("{}:{}", DAYS[usize::try_from(minute % WEEK / DAY).unwrap()], time(minute))
            };
            let backup = format!("{}-{}", time(at), time(at + lasts));
            let maintenance = format!("{}-{}", moment(when), moment(when + takes));
            let shared = (when..when + takes).any(|minute| (minute + DAY - at) % DAY < lasts);
            prop_assert_eq!(overlap(&backup, &maintenance), shared, "{} {}", backup, maintenance);
        }
    }
}
