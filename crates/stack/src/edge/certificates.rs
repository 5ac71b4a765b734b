//! Certificates, and the records that prove the domain to be ours.

use std::collections::BTreeSet;

use platctl_aws::acm::certificate::{self, Certificate, Domain};
use platctl_aws::route53::record_set::{self, AliasTarget, RecordSet};
use platctl_aws::types::DnsName;
use platctl_engine::{Address, Declared, Handle, Input};

use super::{Edge, Records};
use crate::declare::{Checked, Declare};

impl Edge {
    /// A certificate for one name, and for all names below it. Both are proven by one record; the
    /// certificate is issued once that record can be seen.
    pub(super) fn certificate(
        &self,
        name: &str,
        domain: &str,
        region: Option<&str>,
        records: &Records,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Certificate>> {
        let address = format!("certificate.{name}");
        let below = Domain::from(format!("*.{domain}").as_str());
        let spec = certificate::Spec {
            domain_name: Domain::from(domain).into(),
            subject_alternative_names: Some(BTreeSet::from([below]).into()),
            key_algorithm: None,
            usable: true,
            tags: declare.tags(&address),
        };
        declare.region(region);
        let certificate: Checked<Handle<Certificate>> = declare.add(&address, &spec);
        declare.region(None);
        let certificate = certificate?;
        let name_of_record = certificate.get(certificate::out::VALIDATION_RECORD_NAME);
        let value = certificate.get(certificate::out::VALIDATION_RECORD_VALUE);
        let mut spec = record(records, name_of_record.required().cast(), "CNAME");
        spec.ttl = Some(300);
        spec.records = Some(declare.set([value.required()])?);
        declare.add::<RecordSet>(&format!("record.{name}-validation"), &spec)?;
        Ok(certificate)
    }

    /// Records of both kinds of addresses that lead to something of AWS's.
    pub(super) fn lead(
        &self,
        address: &str,
        name: &str,
        target: &AliasTarget<Declared>,
        kinds: &[&str],
        records: &Records,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        let mut made = Vec::new();
        for kind in kinds {
            let mut spec = record(records, DnsName::from(name).into(), kind);
            spec.alias_target = Some(target.clone());
            let address = format!("{address}.{}", kind.to_lowercase());
            let record: Handle<RecordSet> = declare.add(&address, &spec)?;
            made.push(record.address().clone());
        }
        Ok(made)
    }
}

/// A record of this type, what it leads to still to be said.
fn record(records: &Records, name: Input<DnsName>, kind: &str) -> record_set::Spec<Declared> {
    record_set::Spec {
        hosted_zone_id: records.id(),
        name,
        r#type: kind.to_owned().into(),
        ttl: None,
        records: None,
        alias_target: None,
        set_identifier: None,
        weight: None,
        failover: None,
        region: None,
        multi_value_answer: None,
        health_check_id: None,
    }
}
