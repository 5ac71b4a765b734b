//! Whether what `services:` says makes sense, before AWS is asked.

use super::route::PREVIEW;
use super::{Service, Services};
use crate::de::{At, Late};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn check(services: &Services, declare: &Declare<'_>) -> Checked<()> {
    let mut faults = Vec::new();
    // Names of target groups have 32 characters, the stack's name among them.
    let most = 31 - declare.stack().len();
    for (name, service) in services {
        let room = if service.value.previews() {
            most.saturating_sub(PREVIEW.len())
        } else {
            most
        };
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
        let green = format!("{name}{PREVIEW}");
        if let Some(other) = services.get(&green).filter(|_| service.value.previews()) {
            let message = format!(
                "{} is reserved for the preview of {}",
                quoted(&green),
                quoted(name)
            );
            faults.push(
                Fault::new(message)
                    .at(other.span, "this one")
                    .help("use another name, or remove `preview`"),
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
            let resources = &wanted.value.resources;
            let everything = |one: &At<Late>| one.value.literal() == Some("*");
            if wanted.value.actions.iter().any(|action| action == "*")
                || (resources.iter().any(everything)
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
    let clash = |(number, (name, service)): (usize, (&String, &At<Service>))| {
        let (other, place) = services
            .iter()
            .take(number)
            .filter(|(_, of)| of.value.port.is_some() && service.value.port.is_some())
            .find(|(other, of)| {
                meet((other.as_str(), &of.value), (name.as_str(), &service.value))
            })?;
        let message = format!(
            "{} and {} have the same host and path",
            quoted(other),
            quoted(name)
        );
        Some(
            Fault::new(message)
                .at(service.span, "this one")
                .at(place.span, "and this one"),
        )
    };
    faults.extend(services.iter().enumerate().filter_map(clash));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Whether the load balancer could not tell two services apart.
fn meet((one_name, one): (&str, &Service), (other_name, other): (&str, &Service)) -> bool {
    let way = |service: &Service| {
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        (
            text(&service.host),
            text(&service.path).unwrap_or_else(|| "/*".into()),
        )
    };
    let others = other.priorities(other_name);
    let same_place = one
        .priorities(one_name)
        .iter()
        .any(|place| others.contains(place));
    way(one) == way(other) || same_place
}
