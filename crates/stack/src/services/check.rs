//! Whether what `services:` says makes sense, before AWS is asked.

use super::route::PREVIEW;
use super::spec::Permission;
use super::{Service, Services};
use crate::de::{At, Late};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn check(services: &Services, declare: &Declare<'_>) -> Checked<()> {
    // Names of target groups have 32 characters, the stack's name among them.
    let most = 31 - declare.stack().len();
    let mut faults = Vec::new();
    for (name, service) in services {
        let room = if service.value.previews() {
            most.saturating_sub(PREVIEW.len())
        } else {
            most
        };
        faults.extend(wrong_name(name, service, room));
        faults.extend(taken(name, service, services));
        faults.extend(wrong_texts(&service.value));
        faults.extend(
            service
                .value
                .permissions
                .iter()
                .filter(|wanted| allows_everything(&wanted.value))
                .map(|wanted| {
                    Fault::new(
                        "a service must not have permission for all actions on all resources",
                    )
                    .at(wanted.span, "specify actions and resources")
                }),
        );
    }
    faults.extend(clashes(services));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn wrong_name(name: &str, service: &At<Service>, room: usize) -> Option<Fault> {
    let sound = name.len() <= room
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let fault = Fault::new(format!("{} is not a valid service name", quoted(name)))
        .at(service.span, "invalid name")
        .help(format!(
            "use lower-case letters, digits and `-`, beginning with a letter, at most {room} characters"
        ));
    (!sound).then_some(fault)
}

/// A service with the name that the target group of another one's preview has.
fn taken(name: &str, service: &At<Service>, services: &Services) -> Option<Fault> {
    let green = format!("{name}{PREVIEW}");
    let other = services.get(&green).filter(|_| service.value.previews())?;
    let message = format!(
        "{} is reserved for the preview of {}",
        quoted(&green),
        quoted(name)
    );
    let fault = Fault::new(message).at(other.span, "this one");
    Some(fault.help("use another name, or remove `preview`"))
}

fn wrong_texts(service: &Service) -> Vec<Fault> {
    let paths = [&service.path, &service.health_path].into_iter().flatten();
    let paths = paths.filter(|path| !path.value.starts_with('/'));
    let pin = service.pin.iter().filter(|pin| !is_commit(&pin.value));
    paths
        .map(|path| {
            Fault::new(format!("{} is not a valid path", quoted(&path.value)))
                .at(path.span, "such as /api/*")
        })
        .chain(pin.map(|pin| {
            Fault::new(format!("{} is not a commit ID", quoted(&pin.value)))
                .at(pin.span, "use 7 to 40 hexadecimal digits, in quotes")
        }))
        .collect()
}

fn allows_everything(wanted: &Permission) -> bool {
    let Permission { actions, resources } = wanted;
    let everything = |one: &At<Late>| one.value.literal() == Some("*");
    actions.iter().any(|action| action == "*")
        || (resources.iter().any(everything) && actions.iter().any(|action| action.ends_with(":*")))
}

/// Services of which the load balancer could not tell one from another.
fn clashes(services: &Services) -> Vec<Fault> {
    let web: Vec<(&String, &At<Service>)> = services
        .iter()
        .filter(|(_, service)| service.value.port.is_some())
        .collect();
    let clash = |(number, (name, service)): (usize, &(&String, &At<Service>))| {
        let (other, place) = web.iter().take(number).find(|(other, of)| {
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
    web.iter().enumerate().filter_map(clash).collect()
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
