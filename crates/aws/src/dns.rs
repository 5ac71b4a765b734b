//! What the public DNS says, and why a record that is in Route 53 is not to be seen in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RecordType;

use crate::Cloud;
use crate::errors::Asked;

/// The answers of a name server: none when it could not be asked, an empty set when there is no such record.
pub(crate) trait Lookup: Send + Sync + std::fmt::Debug {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        kind: RecordType,
    ) -> BoxFuture<'a, Option<BTreeSet<String>>>;
}

/// The public DNS, or nobody: a local AWS has no DNS, and asking the real one about it would mislead.
#[derive(Clone, Debug)]
pub struct Dns(Option<Arc<dyn Lookup>>);

impl Dns {
    /// As this machine resolves names.
    #[must_use]
    pub fn public() -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        Self(
            resolver
                .ok()
                .map(|resolver| Arc::new(Public(resolver)) as Arc<dyn Lookup>),
        )
    }

    /// Nobody to ask.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

struct Public(TokioResolver);

impl std::fmt::Debug for Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Public")
    }
}

impl Lookup for Public {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        kind: RecordType,
    ) -> BoxFuture<'a, Option<BTreeSet<String>>> {
        Box::pin(async move {
            match self.0.lookup(absolute(name), kind).await {
                Ok(found) => {
                    let same = found
                        .answers()
                        .iter()
                        .filter(|record| record.record_type() == kind);
                    Some(same.map(|record| plain(&record.data.to_string())).collect())
                }
                Err(error) if error.is_no_records_found() || error.is_nx_domain() => {
                    Some(BTreeSet::new())
                }
                Err(_) => None,
            }
        })
    }
}

fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Why the public DNS does not have a record: its zone is not delegated to Route 53. None when it is there, when
/// the zone is delegated and the record just takes its time, and when nobody could be asked.
pub(crate) async fn not_delegated(cloud: &Cloud, record: &str) -> Option<String> {
    let dns = cloud.dns.0.as_ref()?;
    if !dns.lookup(record, RecordType::CNAME).await?.is_empty() {
        return None;
    }
    let (zone, ours) = zone_of(cloud, record).await?;
    let theirs = dns.lookup(&zone, RecordType::NS).await?;
    if ours.is_empty() || !ours.is_disjoint(&theirs) {
        return None;
    }
    let list = |names: &BTreeSet<String>| {
        names
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let now = if theirs.is_empty() {
        "none".to_owned()
    } else {
        list(&theirs)
    };
    Some(format!(
        "the zone {zone} is not delegated to Route 53: set its name servers to {} at its registrar or in its \
         parent zone (currently: {now})",
        list(&ours)
    ))
}

/// The public zone of this account that a name is in, and its name servers. Errors are no reason to stop waiting.
async fn zone_of(cloud: &Cloud, record: &str) -> Option<(String, BTreeSet<String>)> {
    let record = plain(record);
    let pages = cloud
        .route53
        .list_hosted_zones()
        .into_paginator()
        .items()
        .send();
    let zones: Result<Vec<_>, _> = pages.collect().await;
    let zones = zones.asked().ok()?;
    let public = zones.iter().filter(|zone| {
        !zone.config().is_some_and(|config| config.private_zone())
            && record.ends_with(&format!(".{}", plain(zone.name())))
    });
    let zone = public.max_by_key(|zone| zone.name().len())?;
    let call = cloud.route53.get_hosted_zone().id(zone.id()).send().await;
    let answer = call.asked().ok()?;
    let servers = answer
        .delegation_set()?
        .name_servers()
        .iter()
        .map(|name| plain(name))
        .collect();
    Some((plain(zone.name()), servers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
    use aws_sdk_route53::operation::list_hosted_zones::ListHostedZonesOutput;
    use aws_sdk_route53::types::{DelegationSet, HostedZone};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[derive(Debug)]
    struct Fixed(&'static [(&'static str, &'static [&'static str])]);

    impl Lookup for Fixed {
        fn lookup<'a>(
            &'a self,
            name: &'a str,
            _: RecordType,
        ) -> BoxFuture<'a, Option<BTreeSet<String>>> {
            let found = self.0.iter().find(|(of, _)| *of == name);
            Box::pin(async move {
                found.map(|(_, texts)| texts.iter().map(|text| (*text).to_owned()).collect())
            })
        }
    }

    const RECORD: &str = "_abc.www.example.com.";

    async fn said(answers: &'static [(&'static str, &'static [&'static str])]) -> Option<String> {
        let zone = |name: &str| {
            HostedZone::builder()
                .id(name)
                .name(name)
                .caller_reference("x")
                .build()
                .unwrap()
        };
        let list = mock!(aws_sdk_route53::Client::list_hosted_zones).then_output(move || {
            let zones = ["com.", "example.com.", "ample.com."].map(zone);
            let build = ListHostedZonesOutput::builder().set_hosted_zones(Some(zones.to_vec()));
            build
                .marker("")
                .is_truncated(false)
                .max_items(100)
                .build()
                .unwrap()
        });
        let get = mock!(aws_sdk_route53::Client::get_hosted_zone)
            .match_requests(|request| request.id() == Some("example.com."))
            .then_output(move || {
                let set = DelegationSet::builder()
                    .name_servers("ns-1.awsdns-01.org")
                    .build()
                    .unwrap();
                GetHostedZoneOutput::builder()
                    .hosted_zone(zone("example.com."))
                    .delegation_set(set)
                    .build()
            });
        let cloud = Cloud {
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, &[&list, &get]).into(),
            dns: Dns(Some(Arc::new(Fixed(answers)))),
            ..cloud()
        };
        not_delegated(&cloud, RECORD).await
    }

    #[tokio::test]
    async fn a_zone_of_another_registrar_is_named_with_what_it_needs() {
        let text = said(&[(RECORD, &[]), ("example.com", &["ns1.registrar.net"])])
            .await
            .unwrap();
        assert_eq!(
            text,
            "the zone example.com is not delegated to Route 53: set its name servers to ns-1.awsdns-01.org \
             at its registrar or in its parent zone (currently: ns1.registrar.net)"
        );
    }

    #[tokio::test]
    async fn a_record_that_is_seen_and_a_zone_that_is_delegated_are_no_reason_to_worry() {
        assert_eq!(said(&[(RECORD, &["x.acm-validations.aws"])]).await, None);
        assert_eq!(
            said(&[
                (RECORD, &[]),
                ("example.com", &["ns-1.awsdns-01.org", "ns-2"])
            ])
            .await,
            None
        );
        assert_eq!(said(&[]).await, None);
    }
}
