//! Temporary stacks: what there is, and until when.

use std::time::Duration;

use platctl_engine::state::{Creation, Lifespan, State};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::error::plain;
use super::{count, error_line, json_line, line, raw};
use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::place::Named;

/// One line for each stack.
pub(crate) fn list(stacks: &[(Named, State)], now: OffsetDateTime, global: &Global) {
    if global.json {
        for (named, state) in stacks {
            json_line(&object("stack", &named.name, state, now));
        }
    } else if stacks.is_empty() {
        raw(
            "No stacks with resources were found. Use --state to specify another folder or bucket.\n",
        );
    } else {
        raw(&table(stacks, now));
    }
}

fn object(what: &str, name: &str, state: &State, now: OffsetDateTime) -> Value {
    json!({
        "type": what,
        "stack": name,
        "account": state.account,
        "region": state.home(),
        "resources": state.resources.len(),
        "created": state.creation.as_ref().and_then(|one| one.at.format(&Rfc3339).ok()),
        "created_by": state.creation.as_ref().map(|one| one.by.as_str()),
        "expires": state.lifespan.and_then(|life| life.expires.format(&Rfc3339).ok()),
        "pinned": state.lifespan.is_some_and(|life| life.pinned),
        "expired": state.lifespan.is_some_and(|life| life.has_ended(now)),
    })
}

fn table(stacks: &[(Named, State)], now: OffsetDateTime) -> String {
    let width = stacks
        .iter()
        .map(|(named, _)| named.name.len())
        .max()
        .unwrap_or(0);
    let row = |(named, state): &(Named, State)| {
        let expiry = state
            .lifespan
            .map_or_else(|| "does not expire".to_owned(), |life| expiry(life, now));
        format!(
            "{:width$}  {:12}  {:14}  {:13}  {expiry}{}\n",
            named.name,
            state.account.as_deref().unwrap_or("-"),
            state.home().unwrap_or("-"),
            count(state.resources.len()),
            creation(state, now),
        )
    };
    stacks.iter().map(row).collect()
}

/// The stacks that have a network in AWS, but no state in this place.
pub(crate) fn stateless(stacks: &[(String, String)], site: &Site, global: &Global) {
    let account = &site.aws.identity().account;
    for (stack, block) in stacks {
        if global.json {
            json_line(&json!({
                "type": "stateless", "stack": stack, "account": account, "region": site.region, "block": block,
            }));
            continue;
        }
        raw(&format!(
            "{stack}  {account}  {}  has a network ({block}), but no state here. To look elsewhere: platctl list --state \
             PLACE. To restore a lost state: platctl state recover FILE\n",
            site.region
        ));
    }
}

/// `; created 2 h ago by previews/pr-42`; nothing where nobody noted it.
fn creation(state: &State, now: OffsetDateTime) -> String {
    let Some(Creation { at, by }) = &state.creation else {
        return String::new();
    };
    let age = Duration::try_from(now - *at).unwrap_or_default();
    format!("; created {} ago by {}", rough(age), name_of(by))
}

/// What a caller is called, without what all callers of an account have in common: `user/jo`, `assumed-role/ci/pr-42`.
fn name_of(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// `expires on 2026-11-28 18:00 UTC, in 7 h 59 min`
fn expiry(life: Lifespan, now: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let at = life.expires.format(form).unwrap_or_default();
    let away = Duration::try_from((life.expires - now).abs()).unwrap_or_default();
    let away = rough(away);
    match (life.pinned, life.expires > now) {
        (true, _) => format!("pinned; would expire on {at}"),
        (false, true) => format!("expires on {at}, in {away}"),
        (false, false) => format!("expired on {at}, {away} ago"),
    }
}

/// Nobody plans by the second.
fn rough(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 1..48, 0) => format!("{hours} h"),
        (hours @ 1..48, minutes) => format!("{hours} h {minutes} min"),
        (hours, _) => format!("{} days", hours / 24),
    }
}

/// Until when a stack is there now; none where it stays.
pub(crate) fn life(name: &str, life: Option<Lifespan>, now: OffsetDateTime, global: &Global) {
    if global.json {
        let expires = life.and_then(|life| life.expires.format(&Rfc3339).ok());
        let pinned = life.is_some_and(|life| life.pinned);
        json_line(&json!({"type": "expiry", "stack": name, "expires": expires, "pinned": pinned}));
        return;
    }
    let Some(life) = life else {
        raw(&format!("Stack `{name}` does not expire any more.\n"));
        return;
    };
    let place = place(global);
    let hint = if life.pinned {
        format!("To let it expire: platctl pin {name} --off{place}")
    } else {
        format!("To keep it longer: platctl extend {name} 4h{place}")
    };
    raw(&format!("Stack `{name}` {}. {hint}\n", expiry(life, now)));
}

/// What to add to a command so that it finds the same states.
fn place(global: &Global) -> String {
    let place = global.state.as_deref();
    place.map_or_else(String::new, |place| format!(" --state {}", place.display()))
}

/// What a reaper is about to delete.
pub(crate) fn expired(stacks: &[(Named, State)], now: OffsetDateTime, global: &Global) {
    if global.json {
        for (named, state) in stacks {
            json_line(&object("expired", &named.name, state, now));
        }
    } else if stacks.is_empty() {
        raw("No stack has expired.\n");
    } else {
        raw(&table(stacks, now));
    }
}

/// Why one of them could not be deleted.
pub(crate) fn not_deleted(name: &str, error: &CliError, global: &Global) {
    failed(name, "was not deleted", error, global);
}

/// Whose state could not be read, and why.
pub(crate) fn unread(stacks: &[(String, CliError)], global: &Global) {
    for (name, error) in stacks {
        failed(name, "was not read", error, global);
    }
}

fn failed(name: &str, what: &str, error: &CliError, global: &Global) {
    let error = plain(error);
    if global.json {
        json_line(&json!({"type": "error", "stack": name, "error": error}));
    }
    tracing::info!(stack = name, error, "{what}");
    error_line(&format!("Stack `{name}` {what}: {error}"));
}

/// What became of them.
pub(crate) fn reaped(total: usize, left: &[String], global: &Global) {
    if global.json {
        json_line(&json!({"type": "reaped", "deleted": total - left.len(), "left": left}));
        return;
    }
    let deleted = match total - left.len() {
        1 => "1 stack was deleted".to_owned(),
        deleted => format!("{deleted} stacks were deleted"),
    };
    let rest = left.first().map_or_else(String::new, |first| {
        let (all, place) = (left.join(", "), place(global));
        format!(
            "; not deleted: {all}. Run `platctl reap{place}` again, or `platctl destroy {first}{place}`"
        )
    });
    line(&format!("{deleted}{rest}."), global);
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_expiry_is_said_as_people_plan() {
        let now = datetime!(2026-11-28 10:00:30 UTC);
        let life = |expires| Lifespan {
            expires,
            pinned: false,
        };
        let said = |expires| expiry(life(expires), now);
        assert_eq!(
            said(datetime!(2026-11-28 18:00 UTC)),
            "expires on 2026-11-28 18:00 UTC, in 7 h 59 min"
        );
        assert_eq!(
            said(datetime!(2026-11-28 09:45 UTC)),
            "expired on 2026-11-28 09:45 UTC, 15 min ago"
        );
        assert_eq!(
            said(datetime!(2026-12-08 10:00:30 UTC)),
            "expires on 2026-12-08 10:00 UTC, in 10 days"
        );
        let pinned = Lifespan {
            pinned: true,
            ..life(now)
        };
        let mut state = State::new("pr-42");
        assert_eq!(creation(&state, now), "");
        let by = "arn:aws:sts::123456789012:assumed-role/previews/pr-42";
        state.creation = Some(Creation::new(by, now - time::Duration::minutes(135)));
        assert_eq!(
            creation(&state, now),
            "; created 2 h 15 min ago by assumed-role/previews/pr-42"
        );
        assert_eq!(
            expiry(pinned, now),
            "pinned; would expire on 2026-11-28 10:00 UTC"
        );
    }
}
