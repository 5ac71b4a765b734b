//! What the two kinds of parameter groups have in common.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::{ApplyMethod, Filter, Parameter};
use platctl_engine::{Changes, SpecError};

/// RDS changes this many parameters in one call.
pub(crate) const AT_ONCE: usize = 20;

/// Names and values, all as text.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Those that somebody set.
pub(crate) fn set_by_user(all: &[Parameter]) -> Parameters {
    let ours = all
        .iter()
        .filter(|parameter| parameter.source().is_none_or(|source| source == "user"));
    ours.filter_map(|one| {
        Some((
            one.parameter_name()?.to_owned(),
            one.parameter_value()?.to_owned(),
        ))
    })
    .collect()
}

/// A parameter to be set, or reset where there is no value. Dynamic ones take effect at once, static ones at the next
/// reboot.
pub(crate) fn parameter(name: &str, value: Option<&str>, immediate: bool) -> Parameter {
    let method = if immediate {
        ApplyMethod::Immediate
    } else {
        ApplyMethod::PendingReboot
    };
    Parameter::builder()
        .parameter_name(name)
        .set_parameter_value(value.map(ToOwned::to_owned))
        .apply_method(method)
        .build()
}

/// What to set, and what to reset to the engine's default.
pub(crate) fn edits(
    changes: &Changes,
    desired: &Parameters,
    live: &Parameters,
) -> (Parameters, Vec<String>) {
    if !changes.touch("/parameters") {
        return (Parameters::new(), Vec::new());
    }
    let set = desired
        .iter()
        .filter(|(name, value)| live.get(*name) != Some(*value));
    let set = set
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (
        set,
        live.keys()
            .filter(|name| !desired.contains_key(*name))
            .cloned()
            .collect(),
    )
}

/// The filter for parameters of these names.
pub(crate) fn named(names: &[&String]) -> Filter {
    let values = names.iter().map(|name| (*name).clone()).collect();
    Filter::builder()
        .name("parameter-name")
        .set_values(Some(values))
        .build()
}

/// Of what RDS answers, the names of those that take effect at once. It refuses to apply a static one immediately.
pub(crate) fn dynamic(answered: &[Parameter]) -> BTreeSet<String> {
    let dynamic = answered
        .iter()
        .filter(|one| one.apply_type() == Some("dynamic"));
    dynamic
        .filter_map(|one| one.parameter_name().map(ToOwned::to_owned))
        .collect()
}

/// Names and values that RDS would take.
pub(crate) fn check(parameters: &Parameters) -> Result<(), SpecError> {
    let wrong = parameters.keys().find(|name| {
        name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    });
    match wrong {
        Some(name) => Err(SpecError::new(
            "/parameters",
            format!("{name} is not a valid parameter name"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rds_tells_which_parameters_are_dynamic() {
        let one = |name: &str, kind: &str| {
            Parameter::builder()
                .parameter_name(name)
                .apply_type(kind)
                .build()
        };
        let found = dynamic(&[one("work_mem", "dynamic"), one("max_connections", "static")]);
        assert_eq!(found, BTreeSet::from(["work_mem".to_owned()]));
        let method = |name: &str| {
            parameter(name, Some("1"), found.contains(name))
                .apply_method()
                .cloned()
        };
        assert_eq!(method("work_mem"), Some(ApplyMethod::Immediate));
        assert_eq!(method("max_connections"), Some(ApplyMethod::PendingReboot));
    }
}
