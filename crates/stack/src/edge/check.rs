//! Whether what `edge:` says makes sense, before AWS is asked.

use super::{Edge, Zone};
use crate::declare::Checked;
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
    pub(super) fn check(&self) -> Checked<()> {
        let mut faults = Vec::new();
        faults.extend(self.domain_fault());
        faults.extend(self.zone_domain_fault());
        faults.extend(self.zone_fault());
        faults.extend(self.names_faults());
        faults.extend(self.limit_fault());
        faults.extend(self.contents_fault());
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn domain_fault(&self) -> Option<Fault> {
        let domain = &self.domain;
        (!is_domain(&domain.value)).then(|| {
            let message = format!("{} is not a valid domain name", quoted(&domain.value));
            let label = "such as example.com, in lower case, without a trailing dot";
            Fault::new(message).at(domain.span, label)
        })
    }

    fn zone_domain_fault(&self) -> Option<Fault> {
        let (domain, zone) = (&self.domain, self.zone_domain.as_ref()?);
        let is_below =
            domain.value == zone.value || domain.value.ends_with(&format!(".{}", zone.value));
        (!is_below).then(|| {
            let message = format!(
                "the domain {} is not in the zone {}",
                quoted(&domain.value),
                quoted(&zone.value)
            );
            Fault::new(message)
                .at(domain.span, "this domain")
                .at(zone.span, "this zone")
        })
    }

    fn zone_fault(&self) -> Option<Fault> {
        let Zone::Id(id) = &self.zone.value else {
            return None;
        };
        let is_id = id.starts_with('Z')
            && id.len() <= 32
            && id
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        (!is_id).then(|| {
            let message = format!("{} is not a Route 53 zone ID", quoted(id));
            let label = "use `create`, or an ID such as Z0123456789ABC";
            Fault::new(message).at(self.zone.span, label)
        })
    }

    fn names_faults(&self) -> impl Iterator<Item = Fault> {
        let domain = &self.domain.value;
        self.names.iter().filter_map(move |name| {
            let full = format!("{}.{domain}", name.value);
            (!is_domain(&full) || name.value == "origin").then(|| {
                let message = format!("{} is not a valid name in {domain}", quoted(&name.value));
                Fault::new(message).at(name.span, "such as www")
            })
        })
    }

    fn limit_fault(&self) -> Option<Fault> {
        let limit = self.rate_limit.as_ref()?;
        (!(10..=2_000_000_000).contains(&limit.value)).then(|| {
            Fault::new("the rate limit must be at least 10 requests per 5 minutes")
                .at(limit.span, "too low")
        })
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
