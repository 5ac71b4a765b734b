//! Whether what `delivery:` says makes sense, before AWS is asked.

use super::{Delivery, Elsewhere, Source};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};
use crate::services;

const PROVIDERS: [&str; 5] = [
    "Bitbucket",
    "GitHub",
    "GitHubEnterpriseServer",
    "GitLab",
    "GitLabSelfManaged",
];

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
        if let Source::Elsewhere(source) = &self.source
            && let Some(message) = wrong(source)
        {
            faults.push(Fault::new(message).at(declare.place(), "in `source`"));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

fn wrong(source: &Elsewhere) -> Option<String> {
    match (&source.connection, &source.provider) {
        (Some(arn), None) if arn.starts_with("arn:") => None,
        (Some(arn), None) => Some(format!("{} is not the ARN of a connection", quoted(arn))),
        (Some(_), Some(_)) => Some(
            "`provider` cannot be used with `connection`: an existing connection already has a provider"
                .into(),
        ),
        (None, Some(provider)) if PROVIDERS.contains(&provider.as_str()) => None,
        (None, Some(provider)) => Some(format!(
            "CodeConnections does not support the provider {}; use one of {}",
            quoted(provider),
            PROVIDERS.join(", ")
        )),
        (None, None) => Some("a source outside AWS requires `connection` or `provider`".into()),
    }
}
