//! Whether the environment of a service can be: its variables, its secrets and the database.

use super::fits::Subject;
use super::spec::{Method, SecretSource};
use crate::de::At;
use crate::error::{Fault, quoted};

impl Subject<'_> {
    /// The names of environment variables, and the database.
    pub(super) fn variables(&self) -> Vec<Fault> {
        let service = self.service;
        let mut faults = Vec::new();
        let plain = service.env.iter().map(|(name, value)| (name, value.span));
        let secret = service
            .secrets
            .iter()
            .map(|(name, value)| (name, value.span));
        for (name, span) in plain.chain(secret) {
            let fault = |message: String| Fault::new(message).at(span, "this variable");
            if !is_variable(name) {
                let message = format!(
                    "{} is not a valid name for an environment variable",
                    quoted(name)
                );
                faults.push(
                    fault(message).help("use letters, digits and `_`, not beginning with a digit"),
                );
            }
            if service.login().is_some() && name.starts_with("DATABASE_") {
                let message = format!("{} is reserved for `database`", quoted(name));
                faults.push(fault(message).help("use another name, or remove `database`"));
            }
        }
        for (name, value) in &service.env {
            if let Some(secret) = service.secrets.get(name) {
                let fault = Fault::new(format!("{} is in `env` and in `secrets`", quoted(name)));
                faults.push(fault.at(value.span, "here").at(secret.span, "and here"));
            }
        }
        if let (Some(database), Some(_)) = (&service.database, service.login())
            && !self.has.database
        {
            let fault = Fault::new("this service uses the database, but the stack has none")
                .at(database.span, "no `database`");
            faults.push(fault.help("declare `database: {}` at the top level of the file"));
        }
        if let (Some(database), Some(Method::Iam)) = (&service.database, service.login())
            && self.name.len() > 63
        {
            let message = "the name of the service is too long for a user of the database";
            faults.push(Fault::new(message).at(database.span, "63 characters at most"));
        }
        faults
    }

    /// Where the value of a secret is.
    pub(super) fn secret(&self, variable: &str, at: &At<SecretSource>) -> Option<Fault> {
        let source = &at.value;
        let stated = [
            source.secret.is_some(),
            source.parameter.is_some(),
            source.vault.is_some(),
        ];
        let fault = |message: String, help: String| {
            Some(Fault::new(message).at(at.span, "this secret").help(help))
        };
        if stated.into_iter().filter(|one| *one).count() != 1 {
            let message = format!(
                "{} requires exactly one of `secret`, `parameter` and `vault`",
                quoted(variable)
            );
            return fault(
                message,
                format!("such as {variable}: {{secret: NAME, key: KEY}}"),
            );
        }
        if let Some(empty) = [&source.parameter, &source.vault]
            .into_iter()
            .flatten()
            .find(|name| name.value.is_empty())
        {
            return Some(Fault::new("the name of a secret is empty").at(empty.span, "here"));
        }
        if let Some(fault) = wrong_name(source) {
            return Some(fault);
        }
        let path = source.vault.as_ref()?;
        let below = path.value.strip_prefix(self.name);
        if !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && rest.len() > 1) {
            let message = format!(
                "{} cannot read {} in Vault",
                quoted(self.name),
                quoted(&path.value)
            );
            let fault = Fault::new(message).at(path.span, "another path");
            return Some(fault.help(format!(
                "use {0} or a path below it, such as {0}/smtp",
                self.name
            )));
        }
        if source.key.is_none() {
            let message = format!("{} requires `key`", quoted(variable));
            return fault(message, "add the key of the secret in Vault".to_owned());
        }
        None
    }
}

/// Names of secrets and parameters become ARNs in the policy of the service.
fn wrong_name(source: &SecretSource) -> Option<Fault> {
    let secret = source.secret.as_ref();
    let secret = secret.and_then(|at| Some((at.value.literal()?, at.span)));
    let parameter = source.parameter.as_ref();
    let parameter = parameter.map(|at| (at.value.as_str(), at.span));
    let (name, span) = secret.or(parameter).filter(|(name, _)| !is_name(name))?;
    let message = format!("{} is not the name of a secret or parameter", quoted(name));
    let fault = Fault::new(message).at(span, "not a valid name");
    Some(fault.help("use letters, digits and the characters `/_+=.@!:-`"))
}

/// Whether it can be the name of a secret or a parameter, or its ARN. With `*`, the service could read what others keep.
fn is_name(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@!:-".contains(&b);
    !text.is_empty() && text.bytes().all(known)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_secret_leads_to_one_secret() {
        for right in [
            "shop/stripe",
            "/shop/smtp-password",
            "/shop/key:3",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-1-AbCdEf",
        ] {
            assert!(is_name(right), "{right}");
        }
        for wrong in ["", "*", "shop/*", "shop/stripe-??????", "a b", "${x}"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
