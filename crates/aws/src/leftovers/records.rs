//! DNS records of ExternalDNS, by the TXT records with which it says what is its own, and the answers to challenges of
//! certificates for the same names.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use platctl_engine::CloudResult;

use super::{Leftover, Made, Maker, Search, Thing};
use crate::Cloud;
use crate::bounded::each;
use crate::route53::{read_records, unquoted};

/// What the TXT records of the platform's ExternalDNS begin with (`txtPrefix` of its chart).
const PREFIX: &str = "_external-dns.";
const CHALLENGE: &str = "_acme-challenge.";

/// The records of clusters in the zones of the search.
pub(super) async fn records(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::Record) {
        return Ok(Vec::new());
    }
    let read = |zone: String| async move {
        let all = read_records(cloud, &zone, None).await?.unwrap_or_default();
        Ok(of_zone(search, &zone, &all))
    };
    let found = each(cloud, "reading DNS records", search.zones.clone(), read).await?;
    Ok(found.into_iter().flatten().collect())
}

fn of_zone(search: &Search, zone: &str, all: &[ResourceRecordSet]) -> Vec<Leftover> {
    owned(search, all)
        .into_iter()
        .map(|(record, made)| Leftover {
            thing: Thing::Record,
            id: id_of(record),
            name: format!("{} {}", record.r#type().as_str(), bare(record.name())),
            made,
            vpc: None,
            status: None,
            size_gib: None,
            zone: Some(zone.to_owned()),
        })
        .collect()
}

/// The type, the name and the set of a record: what is deleted is read again, and found by these.
pub(super) fn id_of(record: &ResourceRecordSet) -> String {
    let set = record.set_identifier().unwrap_or_default();
    let id = format!("{} {} {set}", record.r#type().as_str(), record.name());
    id.trim_end().to_owned()
}

fn bare(name: &str) -> &str {
    name.trim_end_matches('.')
}

/// The cluster that a TXT record names as the owner: `heritage=external-dns,external-dns/owner=CLUSTER,…`.
fn owner(record: &ResourceRecordSet) -> Option<String> {
    if record.r#type() != &RrType::Txt {
        return None;
    }
    record.resource_records().iter().find_map(|value| {
        let text = unquoted(value.value());
        let mut parts = text.split(',');
        (parts.next() == Some("heritage=external-dns")).then_some(())?;
        let owner = parts.find_map(|part| part.strip_prefix("external-dns/owner="));
        owner.map(ToOwned::to_owned)
    })
}

/// The type and the name of the record that a TXT record stands for: `a-web.example.com`.
fn stands_for(txt: &ResourceRecordSet) -> Option<(&str, &str)> {
    let name = bare(txt.name());
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    name.split_once('-')
}

/// Whether the TXT record stands for this one. An alias has been called a CNAME.
fn is_of(txt: &ResourceRecordSet, record: &ResourceRecordSet) -> bool {
    let Some((kind, name)) = stands_for(txt) else {
        return false;
    };
    let actual = record.r#type().as_str().to_ascii_lowercase();
    let alias = record.alias_target().is_some() && kind == "cname";
    bare(record.name()) == name
        && (actual == kind || alias)
        && record.set_identifier() == txt.set_identifier()
}

/// The TXT records of clusters that are looked for, what they stand for, and challenges for the same names.
fn owned<'a>(search: &Search, all: &'a [ResourceRecordSet]) -> Vec<(&'a ResourceRecordSet, Made)> {
    let mut found: HashMap<usize, Made> = HashMap::new();
    let mut names: BTreeSet<(&str, String)> = BTreeSet::new();
    for (index, txt) in all.iter().enumerate() {
        let Some(cluster) = owner(txt).filter(|cluster| search.is_about(cluster)) else {
            continue;
        };
        let made = Made {
            by: Maker::ExternalDns,
            known_by: format!("TXT record {}", bare(txt.name())),
            cluster: cluster.clone(),
        };
        for (other, record) in all.iter().enumerate() {
            if other != index && is_of(txt, record) {
                names.insert((bare(record.name()), cluster.clone()));
                found.insert(other, made.clone());
            }
        }
        found.insert(index, made);
    }
    for (index, record) in all.iter().enumerate() {
        let challenged = bare(record.name()).strip_prefix(CHALLENGE);
        let of = challenged.filter(|_| record.r#type() == &RrType::Txt);
        let named = of.and_then(|name| names.iter().find(|(known, _)| *known == name));
        if let Some((name, cluster)) = named {
            found.insert(index, challenge(name, cluster));
        }
    }
    let mut found: Vec<(usize, Made)> = found.into_iter().collect();
    found.sort_by_key(|(index, _)| *index);
    let record = |(index, made)| Some((all.get(index)?, made));
    found.into_iter().filter_map(record).collect()
}

fn challenge(name: &str, cluster: &str) -> Made {
    Made {
        cluster: cluster.to_owned(),
        by: Maker::CertManager,
        known_by: format!("challenge for {name}, a record of the same cluster"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_route53::types::{AliasTarget, ResourceRecord};

    fn record(name: &str, kind: RrType, value: &str) -> ResourceRecordSet {
        let value = ResourceRecord::builder().value(value).build().unwrap();
        ResourceRecordSet::builder()
            .name(name)
            .r#type(kind)
            .resource_records(value)
            .build()
            .unwrap()
    }

    fn txt(name: &str, owner: &str) -> ResourceRecordSet {
        let value = format!(
            "\"heritage=external-dns,external-dns/owner={owner},external-dns/resource=ingress/web/web\""
        );
        record(name, RrType::Txt, &value)
    }

    fn alias(name: &str) -> ResourceRecordSet {
        let target = AliasTarget::builder()
            .hosted_zone_id("Z2")
            .dns_name("k8s-web.eu-west-1.elb.amazonaws.com")
            .evaluate_target_health(false)
            .build()
            .unwrap();
        ResourceRecordSet::builder()
            .name(name)
            .r#type(RrType::A)
            .alias_target(target)
            .build()
            .unwrap()
    }

    fn names(all: &[ResourceRecordSet]) -> Vec<String> {
        let search = Search {
            cluster: Some("prod-cluster".into()),
            ..Search::default()
        };
        let found = of_zone(&search, "Z1", all);
        found.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn a_record_goes_with_the_txt_record_that_claims_it() {
        let all = [
            txt("_external-dns.a-web.example.com.", "prod-cluster"),
            record("web.example.com.", RrType::A, "192.0.2.1"),
            record("web.example.com.", RrType::Mx, "10 mail.example.com"),
            txt("_external-dns.cname-shop.example.com.", "prod-cluster"),
            alias("shop.example.com."),
        ];
        assert_eq!(
            names(&all),
            [
                "TXT _external-dns.a-web.example.com",
                "A web.example.com",
                "TXT _external-dns.cname-shop.example.com",
                "A shop.example.com",
            ],
            "the mail record is nobody's"
        );
    }

    #[test]
    fn what_a_cluster_of_a_similar_name_owns_stays() {
        let all = [
            txt("_external-dns.a-web.example.com.", "prod-cluster-2"),
            record("web.example.com.", RrType::A, "192.0.2.1"),
            txt("_external-dns.a-api.example.com.", "prod"),
            record("_acme-challenge.web.example.com.", RrType::Txt, "\"x\""),
        ];
        assert!(names(&all).is_empty());
    }

    #[test]
    fn a_challenge_goes_if_its_name_is_the_clusters() {
        let all = [
            txt("_external-dns.a-web.example.com.", "prod-cluster"),
            record("web.example.com.", RrType::A, "192.0.2.1"),
            record("_acme-challenge.web.example.com.", RrType::Txt, "\"x\""),
            record("_acme-challenge.other.example.com.", RrType::Txt, "\"x\""),
        ];
        assert_eq!(names(&all).len(), 3);
    }
}
