//! Whether what `services:` says makes sense, before AWS is asked.

use super::Services;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn check(services: &Services, declare: &Declare<'_>) -> Checked<()> {
    let mut faults = Vec::new();
    // Names of target groups have 32 characters, the stack's name among them.
    let room = 31 - declare.stack().len();
    for (name, service) in services {
        let sound = name.len() <= room
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !sound {
            let message = format!("{} is not a valid service name", quoted(name));
            let help = format!(
                "use lower-case letters, digits and `-`, beginning with a letter, at most {room} characters"
            );
            faults.push(
                Fault::new(message)
                    .at(service.span, "invalid name")
                    .help(help),
            );
        }
        let paths = [&service.value.path, &service.value.health_path];
        for path in paths
            .into_iter()
            .flatten()
            .filter(|path| !path.value.starts_with('/'))
        {
            faults.push(
                Fault::new(format!("{} is not a valid path", quoted(&path.value)))
                    .at(path.span, "such as /api/*"),
            );
        }
        if let Some(pin) = service
            .value
            .pin
            .as_ref()
            .filter(|pin| !is_commit(&pin.value))
        {
            let fault = Fault::new(format!("{} is not a commit ID", quoted(&pin.value)));
            faults.push(fault.at(pin.span, "use 7 to 40 hexadecimal digits, in quotes"));
        }
        for wanted in &service.value.permissions {
            let all = |list: &[String]| list.iter().any(|item| item == "*");
            if all(&wanted.value.actions)
                || (all(&wanted.value.resources)
                    && wanted
                        .value
                        .actions
                        .iter()
                        .any(|action| action.ends_with(":*")))
            {
                faults.push(
                    Fault::new(
                        "a service must not have permission for all actions on all resources",
                    )
                    .at(wanted.span, "specify actions and resources"),
                );
            }
        }
    }
    let clash = |(number, (name, service)): (usize, (&String, &crate::de::At<super::Service>))| {
        let way = |service: &super::Service| {
            let text = |at: &Option<crate::de::At<String>>| at.as_ref().map(|at| at.value.clone());
            (
                text(&service.host),
                text(&service.path).unwrap_or_else(|| "/*".into()),
            )
        };
        let mut others = services.iter().take(number);
        let same_place =
            |other: &str, of: &super::Service| of.priority(other) == service.value.priority(name);
        let other = others.find(|(other, of)| {
            way(&of.value) == way(&service.value) || same_place(other, &of.value)
        })?;
        let message = format!(
            "{} and {} have the same host and path",
            quoted(other.0),
            quoted(name)
        );
        Some(
            Fault::new(message)
                .at(service.span, "this one")
                .at(other.1.span, "and this one"),
        )
    };
    faults.extend(services.iter().enumerate().filter_map(clash));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
