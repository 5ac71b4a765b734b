//! Whether what `services:` says makes sense, before AWS is asked.

use super::route::PREVIEW;
use super::spec::{Permission, SecretSource};
use super::{Has, Service, Services};
use crate::de::{At, Late};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn check(services: &Services, has: Has, declare: &Declare<'_>) -> Checked<()> {
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
        let permissions = service.value.permissions.iter();
        faults.extend(permissions.filter_map(wrong_permission));
        let region = declare.context().region.as_str();
        let secrets = service.value.secrets.values();
        faults.extend(secrets.filter_map(|source| wrong_place(&source.value, region)));
    }
    // Without a load balancer, nothing has to tell them apart.
    if has.edge {
        faults.extend(clashes(services));
    }
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
    let paths = [
        (&service.path, "such as /api/*"),
        (&service.health_path, "such as /healthz"),
    ];
    let paths = paths.into_iter().filter_map(|(path, label)| {
        let path = path.as_ref().filter(|path| !path.value.starts_with('/'))?;
        let message = format!("{} is not a valid path", quoted(&path.value));
        Some(Fault::new(message).at(path.span, label))
    });
    let host = service.host.iter().filter(|host| !is_label(&host.value));
    let pin = service.pin.iter().filter(|pin| !is_commit(&pin.value));
    paths
        .chain(host.map(|host| {
            Fault::new(format!("{} is not a valid `host`", quoted(&host.value)))
                .at(host.span, "the name without the domain")
                .help("for api.example.com, use host: api. Use lower-case letters, digits and `-`")
        }))
        .chain(pin.map(|pin| {
            Fault::new(format!("{} is not a commit ID", quoted(&pin.value)))
                .at(pin.span, "use 7 to 40 hexadecimal digits, in quotes")
        }))
        .collect()
}

/// One part of a host name: the certificate of the domain is for one more part.
fn is_label(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(known)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// What IAM would refuse only when everything else is there, or should not be given.
fn wrong_permission(wanted: &At<Permission>) -> Option<Fault> {
    let Permission { actions, resources } = &wanted.value;
    if actions.is_empty() || resources.is_empty() {
        let fault = Fault::new("a permission requires actions and resources");
        return Some(fault.at(wanted.span, "one of the lists is empty"));
    }
    if allows_everything(&wanted.value) {
        let message = "a service must not have permission for all actions on all resources";
        return Some(Fault::new(message).at(wanted.span, "specify actions and resources"));
    }
    if let Some(action) = actions.iter().find(|action| !is_action(action)) {
        let fault = Fault::new(format!("{} is not an IAM action", quoted(action)));
        let fault = fault.at(wanted.span, "in this permission");
        return Some(fault.help("such as s3:GetObject"));
    }
    resources.iter().find_map(|resource| {
        let text = resource.value.literal()?;
        let fault = Fault::new(format!("{} is not an ARN", quoted(text)))
            .at(resource.span, "in `resources`")
            .help("such as arn:aws:s3:::acme-uploads/*, or a reference such as ${uploads.arn}");
        (text != "*" && !text.starts_with("arn:")).then_some(fault)
    })
}

/// An action is one of a service: `s3:GetObject`, or some of them: `s3:Get*`.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, action)| {
        let in_service = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let in_action = |b: u8| b.is_ascii_alphanumeric() || b == b'*' || b == b'?';
        !service.is_empty()
            && service.bytes().all(in_service)
            && !action.is_empty()
            && action.bytes().all(in_action)
    })
}

/// A secret that the operator would not find: it reads those of the stack's region.
fn wrong_place(source: &SecretSource, region: &str) -> Option<Fault> {
    if let Some(parameter) = &source.parameter {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
        let message = format!(
            "{} is not the name of a parameter",
            quoted(&parameter.value)
        );
        let fault =
            Fault::new(message).at(parameter.span, "use letters, digits, `.`, `-`, `_` and `/`");
        return (!parameter.value.bytes().all(known)).then_some(fault);
    }
    let secret = source.secret.as_ref()?;
    let text = secret
        .value
        .literal()
        .filter(|text| text.starts_with("arn:"))?;
    let parts: Vec<&str> = text.split(':').collect();
    let here = matches!(parts[..], [_, _, "secretsmanager", at, _, "secret", _] if at == region);
    (!here).then(|| {
        let message = format!("{} is not the ARN of a secret in {region}", quoted(text));
        let fault =
            Fault::new(message).at(secret.span, "services read secrets of their own region");
        fault.help("replicate the secret to this region, or use the name of a secret")
    })
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
