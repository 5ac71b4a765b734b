//! Whether what `edge:` says makes sense, before AWS is asked.

use super::{Edge, Zone};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 200 && text.contains('.') && text.split('.').all(label)
}

impl Edge {
    pub(super) fn check(&self, _declare: &Declare<'_>) -> Checked<()> {
        let mut faults = Vec::new();
        let domain = &self.domain;
        if !is_domain(&domain.value) {
            let fault = Fault::new(format!(
                "{} is not a valid domain name",
                quoted(&domain.value)
            ));
            faults.push(fault.at(
                domain.span,
                "such as example.com, in lower case, without a trailing dot",
            ));
        }
        if let Some(zone) = &self.zone_domain {
            let below =
                domain.value == zone.value || domain.value.ends_with(&format!(".{}", zone.value));
            if !below {
                let message = format!(
                    "the domain {} is not in the zone {}",
                    quoted(&domain.value),
                    quoted(&zone.value)
                );
                faults.push(
                    Fault::new(message)
                        .at(domain.span, "this domain")
                        .at(zone.span, "this zone"),
                );
            }
        }
        if let Zone::Id(id) = &self.zone.value
            && !(id.starts_with('Z')
                && id.len() <= 32
                && id
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
        {
            let fault = Fault::new(format!("{} is not a Route 53 zone ID", quoted(id)));
            faults.push(fault.at(
                self.zone.span,
                "use `create`, or an ID such as Z0123456789ABC",
            ));
        }
        for name in &self.names {
            let full = format!("{}.{}", name.value, domain.value);
            if !is_domain(&full) || name.value == "origin" {
                let fault = Fault::new(format!(
                    "{} is not a valid name in {}",
                    quoted(&name.value),
                    domain.value
                ));
                faults.push(fault.at(name.span, "such as www"));
            }
        }
        if let Some(limit) = self
            .rate_limit
            .as_ref()
            .filter(|limit| !(10..=2_000_000_000).contains(&limit.value))
        {
            faults.push(
                Fault::new("the rate limit must be at least 10 requests per 5 minutes")
                    .at(limit.span, "too low"),
            );
        }
        faults.extend(self.contents_fault());
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// A header is one line. YAML's `|` and `>` end a text with a line break, and AWS refuses that in the middle of a run.
    fn contents_fault(&self) -> Option<Fault> {
        let policy = self.content_security_policy.as_ref()?;
        let text = policy.value.as_str();
        let is_line = text.bytes().all(|b| (b' '..=b'~').contains(&b));
        (!is_line || text.trim().is_empty()).then(|| {
            Fault::new("a Content-Security-Policy is one line of ASCII characters")
                .at(policy.span, "such as `default-src 'self'`")
        })
    }
}
