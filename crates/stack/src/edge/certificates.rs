//! Certificates, and the records that prove the domain to be ours.

use platctl_aws::acm::certificate::{self, Certificate};
use platctl_aws::route53::record_set::RecordSet;
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

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
        declare.region(region);
        let certificate: Checked<Handle<Certificate>> = declare.make(
            &format!("certificate.{name}"),
            json!({
                "domain_name": domain,
                "subject_alternative_names": [format!("*.{domain}")],
            }),
        );
        declare.region(None);
        let certificate = certificate?;
        declare.make::<RecordSet>(
            &format!("record.{name}-validation"),
            json!({
                "hosted_zone_id": records.id(),
                "name": certificate.json(certificate::out::VALIDATION_RECORD_NAME),
                "type": "CNAME",
                "ttl": 300,
                "records": [certificate.json(certificate::out::VALIDATION_RECORD_VALUE)],
            }),
        )?;
        Ok(certificate)
    }

    /// Records of both kinds of addresses that lead to something of AWS's.
    pub(super) fn lead(
        &self,
        address: &str,
        name: &str,
        target: &Value,
        kinds: &[&str],
        records: &Records,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        let mut made = Vec::new();
        for kind in kinds {
            let record: Handle<RecordSet> = declare.make(
                &format!("{address}.{}", kind.to_lowercase()),
                json!({
                    "hosted_zone_id": records.id(),
                    "name": name,
                    "type": kind,
                    "alias_target": target,
                }),
            )?;
            made.push(record.address().clone());
        }
        Ok(made)
    }
}
