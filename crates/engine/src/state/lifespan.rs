//! For how long a temporary stack is wanted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// When a temporary stack may be deleted. The engine only keeps it: deleting what has expired is up to whoever asks
/// for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifespan {
    /// When it expires, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
    /// Whether it is kept beyond that, until it is unpinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// Who created a stack, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Creation {
    /// When it was applied for the first time, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who applied it, as the cloud names callers.
    pub by: String,
}

impl Creation {
    /// The creation of a stack, now.
    #[must_use]
    pub fn new(by: &str, now: OffsetDateTime) -> Self {
        Self {
            at: to_the_second(now),
            by: by.to_owned(),
        }
    }
}

impl Lifespan {
    /// A life of this length from now on. Of an earlier one, the pin stays, and whatever it was extended to.
    #[must_use]
    pub fn renewed(earlier: Option<Self>, ttl: Duration, now: OffsetDateTime) -> Self {
        let expires = to_the_second(now.saturating_add(whole(ttl)));
        match earlier {
            Some(life) => Self {
                expires: life.expires.max(expires),
                ..life
            },
            None => Self {
                expires,
                pinned: false,
            },
        }
    }

    /// The same life, longer: from now on, where it has expired already.
    #[must_use]
    pub fn extended(self, by: Duration, now: OffsetDateTime) -> Self {
        let from = self.expires.max(now);
        Self {
            expires: to_the_second(from.saturating_add(whole(by))),
            ..self
        }
    }

    /// Whether the stack may be deleted at that time.
    #[must_use]
    pub fn has_ended(&self, at: OffsetDateTime) -> bool {
        !self.pinned && self.expires <= at
    }
}

fn to_the_second(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).unwrap_or(time)
}

fn whole(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-28 10:00:00.5 UTC);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_apply_never_shortens_a_life() {
        let life = Lifespan::renewed(None, 8 * HOUR, NOW);
        assert_eq!(life.expires, datetime!(2026-11-28 18:00:00 UTC));
        let longer = life.extended(HOUR, NOW);
        assert_eq!(longer.expires, datetime!(2026-11-28 19:00:00 UTC));
        assert_eq!(Lifespan::renewed(Some(longer), HOUR, NOW), longer);
        let later = NOW + 20 * HOUR;
        let renewed = Lifespan::renewed(Some(longer), HOUR, later);
        assert_eq!(renewed.expires, datetime!(2026-11-29 07:00:00 UTC));
    }

    #[test]
    fn what_has_expired_is_extended_from_now_on() {
        let life = Lifespan::renewed(None, HOUR, NOW - 24 * HOUR);
        assert!(life.has_ended(NOW));
        let extended = life.extended(HOUR, NOW);
        assert_eq!(extended.expires, datetime!(2026-11-28 11:00:00 UTC));
        assert!(!extended.has_ended(NOW));
    }

    #[test]
    fn what_is_pinned_does_not_end() {
        let pinned = Lifespan {
            pinned: true,
            ..Lifespan::renewed(None, HOUR, NOW)
        };
        assert!(!pinned.has_ended(NOW + 1000 * HOUR));
        assert!(Lifespan::renewed(Some(pinned), HOUR, NOW).pinned);
    }

    #[test]
    fn it_is_readable_in_the_state_file() {
        let life = Lifespan::renewed(None, HOUR, NOW);
        let text = serde_json::to_string(&life).unwrap();
        assert_eq!(text, r#"{"expires":"2026-11-28T11:00:00Z"}"#);
        assert_eq!(serde_json::from_str::<Lifespan>(&text).unwrap(), life);
    }

    #[test]
    fn no_length_overflows() {
        let life = Lifespan::renewed(None, Duration::MAX, NOW);
        assert!(!life.extended(Duration::MAX, NOW).has_ended(NOW));
    }
}
