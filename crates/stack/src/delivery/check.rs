//! Whether what `delivery:` says makes sense, before AWS is asked.

use super::Delivery;
use super::elsewhere::{Checks, Elsewhere, Host, Source, providers};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted, suggest};
use crate::services;

impl Delivery {
    pub(super) fn check(&self, services: &[services::Parts], declare: &Declare<'_>) -> Checked<()> {
        let mut faults = Vec::new();
        if services.is_empty() {
            let fault =
                Fault::new("`delivery` requires services").at(declare.place(), "no services");
            faults.push(fault.help("add the services to build to `services:`"));
        }
        for (name, gate) in self.environments.iter().flatten() {
            let sound = (1..=20).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !sound {
                let message = format!(
                    "{} is not a valid environment name (it is used as a branch name and in AWS names)",
                    quoted(name)
                );
                faults.push(Fault::new(message).at(
                    gate.span,
                    "use lower-case letters, digits and `-`, at most 20 characters",
                ));
            }
        }
        if let Source::Elsewhere(source) = &self.source {
            faults.extend(wrong(source, declare));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

/// What is wrong with a source outside of AWS.
fn wrong(source: &Elsewhere, declare: &Declare<'_>) -> Vec<Fault> {
    let faults = [
        wrong_provider(source),
        wrong_connection(source, declare),
        wrong_credential(source, declare),
        wrong_checks(source),
        wrong_access(source),
        wrong_name(&source.owner, "owner", true),
        source
            .repository
            .as_ref()
            .and_then(|name| wrong_name(name, "repository", false)),
        source.url.as_ref().and_then(wrong_url),
    ];
    faults.into_iter().flatten().collect()
}

fn wrong_provider(source: &Elsewhere) -> Option<Fault> {
    let Some(provider) = &source.provider else {
        let message = "a source outside AWS requires `connection` or `provider`";
        let fault = Fault::new(message).at(source.owner.span, "neither is set");
        return source
            .connection
            .is_none()
            .then(|| fault.help("declare `source: {provider: github, owner: acme}`"));
    };
    let names: Vec<&str> = providers().collect();
    (!names.contains(&provider.value.as_str())).then(|| {
        let message = format!("unknown provider {}", quoted(&provider.value));
        let fault = Fault::new(message).at(provider.span, "unknown provider");
        fault.maybe_help(suggest(&provider.value, &names))
    })
}

/// Whether this is the ARN of a connection, by its present or its former name.
fn is_connection(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(
        parts[..],
        ["arn", _, "codeconnections" | "codestar-connections", _, _, name] if name.starts_with("connection/")
    )
}

fn wrong_connection(source: &Elsewhere, declare: &Declare<'_>) -> Option<Fault> {
    if let Some(connection) = &source.connection {
        return (!is_connection(&connection.value)).then(|| {
            let message = format!(
                "{} is not the ARN of a connection",
                quoted(&connection.value)
            );
            let help = "in the console, copy the ARN of the connection: arn:aws:codeconnections:…:connection/…";
            Fault::new(message)
                .at(connection.span, "not the ARN of a connection")
                .help(help)
        });
    }
    // A connection to a server of one's own needs a host, which is set up in the console with the server.
    source.own_server().then(|| {
        let message = "a server of your own requires `connection`";
        let place = source.url.as_ref().or(source.provider.as_ref());
        let place = place.map_or(declare.place(), |place| place.span);
        let fault = Fault::new(message).at(place, "platctl cannot create this connection");
        fault.help(
            "create the connection and its host in the console, and set `connection` to its ARN",
        )
    })
}

fn wrong_credential(source: &Elsewhere, declare: &Declare<'_>) -> Option<Fault> {
    let credential = source.credential.as_ref()?;
    let fault = |message: String| Fault::new(message).at(credential.span, "in `source`");
    if source.host().is_none() {
        let message = "`credential` requires the host of the repository".to_owned();
        return Some(fault(message).help("add `provider: github` or `provider: gitlab`"));
    }
    if source.own_server() && source.url.is_none() {
        let message = "`credential` requires the URL of your server".to_owned();
        return Some(fault(message).help("add `url: https://git.example.com`"));
    }
    let text = credential.value.as_str();
    let region = declare.context().region.as_str();
    let known = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
    let sound = if text.starts_with("arn:") {
        let parts: Vec<&str> = text.split(':').collect();
        matches!(parts[..], [_, _, "secretsmanager", at, _, "secret", _] if at == region)
    } else {
        (1..=512).contains(&text.len()) && text.bytes().all(known)
    };
    (!sound).then(|| {
        let message = format!(
            "{} is not the name or ARN of a secret in this region",
            quoted(text)
        );
        let help = "store the credential in Secrets Manager, and set `credential` to the name of the secret";
        fault(message).help(help)
    })
}

/// The issuer of a server of one's own is another one, which AWS may not reach.
fn wrong_checks(source: &Elsewhere) -> Option<Fault> {
    let checks = source.checks.as_ref()?;
    if checks.value != Checks::Actions {
        return None;
    }
    let fault = |message: &str| Fault::new(message).at(checks.span, "in `source`");
    if source.host() != Some(Host::GitHub) || source.own_server() {
        let message = "`checks: actions` requires repositories on github.com";
        return Some(fault(message).help("use `codebuild` or `none`"));
    }
    source.credential.is_none().then(|| {
        let message =
            "`checks: actions` requires `credential`, with which platctl writes the workflow";
        fault(message)
            .help("store the key of a GitHub App in Secrets Manager, and add `credential: NAME`")
    })
}

/// Argo CD knows the host keys of github.com, and not those of a server of one's own.
fn wrong_access(source: &Elsewhere) -> Option<Fault> {
    let access = source.access.as_ref().filter(|_| source.by_keys())?;
    let fault = |message: &str| Fault::new(message).at(access.span, "in `source`");
    if source.host() != Some(Host::GitHub) || source.own_server() {
        let message = "`access: deploy_key` requires repositories on github.com";
        return Some(fault(message).help("remove `access`"));
    }
    source.credential.is_none().then(|| {
        let message =
            "`access: deploy_key` requires `credential`, with which platctl creates the keys";
        fault(message)
            .help("store the key of a GitHub App in Secrets Manager, and add `credential: NAME`")
    })
}

/// Groups of GitLab can be in other groups.
fn wrong_name(name: &At<String>, key: &str, nested: bool) -> Option<Fault> {
    let part = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(known)
    };
    let sound = name.value.split('/').all(part) && (nested || !name.value.contains('/'));
    (!sound).then(|| {
        let message = format!("{} is not a valid `{key}`", quoted(&name.value));
        Fault::new(message).at(name.span, "use letters, digits, `-`, `_` and `.`")
    })
}

fn wrong_url(url: &At<String>) -> Option<Fault> {
    let host = url.value.trim_end_matches('/').strip_prefix("https://");
    let sound = host.is_some_and(|host| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
        !host.is_empty() && host.bytes().all(known)
    });
    (!sound).then(|| {
        let message = format!("{} is not the URL of a server", quoted(&url.value));
        Fault::new(message).at(url.span, "use a URL such as `https://git.example.com`")
    })
}
