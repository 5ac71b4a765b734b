//! What the two kinds of parameter groups have in common.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, Parameter};
use platctl_engine::{Changes, SpecError};

/// RDS changes this many parameters in one call.
pub(crate) const AT_ONCE: usize = 20;

/// Names and values, all as text.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Those that somebody set.
pub(crate) fn set_by_user(all: &[Parameter]) -> Parameters {
    let ours = all.iter().filter(|parameter| parameter.source().is_none_or(|source| source == "user"));
    ours.filter_map(|one| Some((one.parameter_name()?.to_owned(), one.parameter_value()?.to_owned())))
        .collect()
}

/// A parameter to be set, or reset where there is no value. Static ones take effect at the next reboot; RDS takes
/// `pending-reboot` for dynamic ones too, and then says itself what is in effect.
pub(crate) fn parameter(name: &str, value: Option<&str>, immediate: bool) -> Parameter {
    let method = if immediate { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
    Parameter::builder()
        .parameter_name(name)
        .set_parameter_value(value.map(ToOwned::to_owned))
        .apply_method(method)
        .build()
}

/// What to set, and what to reset to the engine's default.
pub(crate) fn edits(changes: &Changes, desired: &Parameters, live: &Parameters) -> (Parameters, Vec<String>) {
    if !changes.touch("/parameters") {
        return (Parameters::new(), Vec::new());
    }
    let set = desired.iter().filter(|(name, value)| live.get(*name) != Some(*value));
    let set = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    (set, live.keys().filter(|name| !desired.contains_key(*name)).cloned().collect())
}

/// Parameters that take effect at once; all others of PostgreSQL's wait for a reboot, or are both.
pub(crate) fn is_dynamic(name: &str) -> bool {
    const DYNAMIC: &[&str] = &[
        "log_min_duration_statement",
        "log_statement",
        "log_connections",
        "log_disconnections",
        "log_lock_waits",
        "log_temp_files",
        "rds.force_ssl",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "work_mem",
        "random_page_cost",
    ];
    DYNAMIC.contains(&name)
}

/// Names and values that RDS would take.
pub(crate) fn check(parameters: &Parameters) -> Result<(), SpecError> {
    let wrong = parameters.keys().find(|name| {
        name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    });
    match wrong {
        Some(name) => Err(SpecError::new("/parameters", format!("{name} is not a valid parameter name"))),
        None => Ok(()),
    }
}
