//! `acm.Certificate`

use std::collections::BTreeSet;

use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus, DomainStatus, DomainValidation, Filters, KeyAlgorithm,
    RenewalStatus, ValidationMethod,
};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::tags::{AcmTags, tags_from};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::dns::not_delegated;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, claimed, owned, sync};
use crate::types::Arn;

/// A public certificate in AWS Certificate Manager (ACM). ACM issues the certificate once its validation
/// records are in DNS, and renews it as long as they remain there. A certificate for CloudFront must be in
/// us-east-1. A certificate for a load balancer must be in the load balancer's region.
#[derive(Debug)]
pub struct Certificate;

/// A domain name in lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Domain(String);

impl From<&str> for Domain {
    fn from(name: &str) -> Self {
        Self(name.trim_end_matches('.').to_lowercase())
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// A public certificate in AWS Certificate Manager (ACM). ACM issues the certificate once its validation
/// records are in DNS, and renews it as long as they remain there. A certificate for CloudFront must be in
/// us-east-1. A certificate for a load balancer must be in the load balancer's region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The fully qualified domain name to secure, such as `example.com` or `*.example.com`. Up to 64
    /// characters.
    pub domain_name: S::In<Domain>,
    /// Additional domain names to include in the certificate, without `domain_name`. Up to 9, unless the
    /// account has a higher quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<S::In<BTreeSet<Domain>>>,
    /// The algorithm of the key pair: `RSA_2048`, `EC_prime256v1` or `EC_secp384r1`. AWS default: `RSA_2048`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<String>,
    /// Whether the certificate can be used. Must be `true`. Default: `true`. A certificate that has expired,
    /// was revoked or could not be issued is replaced: the new certificate is issued first and then takes its
    /// place.
    #[serde(default = "on")]
    pub usable: bool,
    /// Tags to assign to the certificate.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

/// A DNS record that validates a domain name of the certificate.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct ValidationRecord {
    /// The name of the record.
    pub name: String,
    /// The type of the record: `CNAME`.
    pub r#type: String,
    /// The value of the record.
    pub value: String,
}

platctl_engine::outputs! {
    /// Attributes of the certificate that other resources can reference. The validation records are available
    /// while the certificate is still pending.
    Certificate {
        /// The Amazon Resource Name (ARN) of the certificate.
        ARN: arn: Arn,
        /// The name of the DNS record that validates `domain_name`.
        VALIDATION_RECORD_NAME: validation_record_name: Option<String>,
        /// The type of the DNS record that validates `domain_name`: `CNAME`.
        VALIDATION_RECORD_TYPE: validation_record_type: Option<String>,
        /// The value of the DNS record that validates `domain_name`.
        VALIDATION_RECORD_VALUE: validation_record_value: Option<String>,
        /// The validation records of all domain names. A domain and its wildcard share one record.
        VALIDATION_RECORDS: validation_records: Option<Vec<ValidationRecord>>,
    }
}

fn record(option: &DomainValidation) -> Option<ValidationRecord> {
    let record = option.resource_record()?;
    let kind = record.r#type().as_str().to_owned();
    Some(ValidationRecord {
        name: record.name().to_owned(),
        r#type: kind,
        value: record.value().to_owned(),
    })
}

fn phase(found: &CertificateDetail) -> Phase {
    let options = found.domain_validation_options();
    match found.status() {
        Some(CertificateStatus::Issued) => renewal(found).map_or(Phase::Ready, Phase::Degraded),
        Some(CertificateStatus::PendingValidation) | None => {
            let open =
                |one: &&DomainValidation| one.validation_status() != Some(&DomainStatus::Success);
            let missing: BTreeSet<ValidationRecord> =
                options.iter().filter(open).filter_map(record).collect();
            if missing.is_empty() {
                return Phase::Settling("its validation records are being created".into());
            }
            let text = |one: ValidationRecord| format!("{} {} {}", one.name, one.r#type, one.value);
            let texts: Vec<String> = missing.into_iter().map(text).collect();
            Phase::Settling(format!(
                "waiting for validation records in DNS: {}",
                texts.join(", ")
            ))
        }
        Some(CertificateStatus::ValidationTimedOut) => Phase::Failed(
            "VALIDATION_TIMED_OUT: its validation records were not found in DNS within 72 hours"
                .into(),
        ),
        // Not issued, for a reason that another request may not meet.
        Some(CertificateStatus::Failed) => {
            let reason = found
                .failure_reason()
                .map(|reason| format!(": {}", reason.as_str()));
            Phase::Failed(format!("FAILED{}", reason.unwrap_or_default()))
        }
        // Expired, revoked: whatever has it goes on handing it out until it gets another one.
        Some(status) => Phase::Degraded(status.as_str().to_owned()),
    }
}

/// Whether it is issued, or may be yet.
fn is_usable(found: &CertificateDetail) -> bool {
    matches!(
        found.status(),
        Some(CertificateStatus::Issued | CertificateStatus::PendingValidation) | None
    )
}

/// What stands in the way of the renewal of a certificate that is still valid.
fn renewal(found: &CertificateDetail) -> Option<String> {
    let renewal = found.renewal_summary()?;
    match renewal.renewal_status() {
        RenewalStatus::Failed => {
            let reason = renewal
                .renewal_status_reason()
                .map(|reason| format!(": {}", reason.as_str()));
            Some(format!(
                "its renewal has failed{}",
                reason.unwrap_or_default()
            ))
        }
        RenewalStatus::PendingValidation => {
            Some("its renewal is pending: its validation records were not found in DNS".into())
        }
        _ => None,
    }
}

fn live(found: &CertificateDetail, tags: Tags, owner: Option<Owner>) -> Option<Live<Certificate>> {
    let arn = found.certificate_arn()?;
    let domain = Domain::from(found.domain_name()?);
    let mut names: BTreeSet<Domain> = found
        .subject_alternative_names()
        .iter()
        .map(|name| Domain::from(name.as_str()))
        .collect();
    names.remove(&domain);
    let options = found.domain_validation_options();
    // Where one is not made yet, none is known.
    let records: Option<BTreeSet<ValidationRecord>> = options.iter().map(record).collect();
    let records = records.filter(|records| !records.is_empty());
    let first = records.as_ref().and_then(|_| {
        options
            .iter()
            .find(|option| Domain::from(option.domain_name()) == domain)
            .and_then(record)
    });
    let spec = Spec {
        domain_name: domain,
        subject_alternative_names: Some(names),
        // Requests and answers spell it differently.
        key_algorithm: found
            .key_algorithm()
            .map(|key| key.as_str().replace('-', "_")),
        usable: is_usable(found),
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        validation_record_name: first.as_ref().map(|first| first.name.clone()),
        validation_record_type: first.as_ref().map(|first| first.r#type.clone()),
        validation_record_value: first.map(|first| first.value),
        validation_records: records.map(|records| records.into_iter().collect()),
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs,
        owner,
        phase: phase(found),
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Certificate>>> {
    let detail = async {
        let call = cloud
            .acm
            .describe_certificate()
            .certificate_arn(id.as_str());
        call.send().ask().await
    };
    match futures::try_join!(detail, owned::<AcmTags>(cloud, id.as_str())) {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => {
            let (answer, (tags, owner)) = other?;
            let Some(mut live) = answer
                .certificate()
                .and_then(|found| live(found, tags, owner))
            else {
                return Ok(None);
            };
            // A zone that nobody is led to makes ACM wait for three days, and say nothing.
            if let (Phase::Settling(_), Some(record)) =
                (&live.phase, &live.outputs.validation_record_name)
                && let Some(why) = not_delegated(cloud, record).await
            {
                live.phase = Phase::Settling(why);
            }
            Ok(Some(live))
        }
    }
}

/// A token has at most 32 letters and digits.
fn token(claim: &Claim) -> String {
    let sound: Vec<char> = claim
        .token
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    sound.iter().skip(sound.len().saturating_sub(32)).collect()
}

impl Kind for Certificate {
    const NAME: &'static str = "acm.Certificate";
    const FIELDS: &'static Table = &[
        ("/domain_name", &[Immutable]),
        ("/subject_alternative_names", &[Immutable]),
        ("/key_algorithm", &[Immutable]),
        ("/usable", &[Immutable]),
    ];
    /// The records that validate it.
    const HELPED_BY: &'static [&'static str] = &["route53.RecordSet"];
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "acm:ListCertificates",
            "acm:DescribeCertificate",
            "acm:ListTagsForCertificate",
            "route53:ListHostedZones",
            "route53:GetHostedZone",
        ],
        create: &["acm:RequestCertificate", "acm:AddTagsToCertificate"],
        update: &["acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"],
        delete: &["acm:DeleteCertificate"],
    };
    const TIMING: Timing = Timing::seconds(120, 2, 2, 4500);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            domain_name: "prod.example.com".into(),
            subject_alternative_names: Some(BTreeSet::from(["*.prod.example.com".into()])),
            key_algorithm: Some("RSA_2048".into()),
            usable: true,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            // What needs another record as well would wait for it forever.
            ("/subject_alternative_names", json!([])),
            ("/key_algorithm", json!("EC_prime256v1")),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.domain_name;
        if name.0.len() > 64 || !name.0.contains('.') {
            return Err(SpecError::new(
                "/domain_name",
                "must be a domain name of at most 64 characters",
            ));
        }
        if !spec.usable {
            return Err(SpecError::new("/usable", "must be true"));
        }
        let others = spec.subject_alternative_names.iter().flatten();
        if others.clone().any(|other| other == name) {
            let message = "must not contain the certificate's `domain_name`";
            return Err(SpecError::new("/subject_alternative_names", message));
        }
        if others
            .into_iter()
            .any(|name| name.0.len() > 253 || !name.0.contains('.'))
        {
            return Err(SpecError::new(
                "/subject_alternative_names",
                "contains an invalid domain name",
            ));
        }
        Ok(())
    }

    /// Certificates have no names of their own, so the tags of all of a domain are read.
    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        // Without a filter only RSA certificates are listed.
        let keys = [
            "RSA_1024",
            "RSA_2048",
            "RSA_3072",
            "RSA_4096",
            "EC_prime256v1",
            "EC_secp384r1",
            "EC_secp521r1",
        ];
        let keys = keys.map(KeyAlgorithm::from).to_vec();
        let filters = Filters::builder().set_key_types(Some(keys)).build();
        let pages = cloud
            .acm
            .list_certificates()
            .includes(filters)
            .into_paginator()
            .items()
            .send();
        let all: Result<Vec<_>, _> = pages.collect().await;
        let all = all.asked()?;
        let stack = wanted.first().map(|wanted| wanted.owner.stack.as_str());
        let reads = all
            .iter()
            .filter_map(|one| one.certificate_arn())
            .map(|arn| async move {
                match owned::<AcmTags>(cloud, arn).await {
                    Ok((_, owner)) => Ok((
                        Id::from(arn),
                        owner.filter(|owner| Some(owner.stack.as_str()) == stack),
                    )),
                    Err(error) if error.class == Class::NotFound => Ok((Id::from(arn), None)),
                    Err(error) => Err(error),
                }
            });
        Ok(by_address(wanted, try_join_all(reads).await?))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let names: Vec<String> = spec
            .subject_alternative_names
            .iter()
            .flatten()
            .map(|name| name.0.clone())
            .collect();
        let tags = claimed(&spec.tags, &claim.owner);
        let tags = tags_from(tags, "acm:RequestCertificate")?;
        let call = cloud
            .acm
            .request_certificate()
            .domain_name(&spec.domain_name.0)
            .validation_method(ValidationMethod::Dns)
            .set_subject_alternative_names((!names.is_empty()).then_some(names))
            .set_key_algorithm(spec.key_algorithm.as_deref().map(KeyAlgorithm::from))
            .idempotency_token(token(claim))
            .set_tags(Some(tags));
        let answer = call.send().ask().await?;
        made("acm:RequestCertificate", answer.certificate_arn())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync::<AcmTags>(cloud, live.id.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .acm
            .delete_certificate()
            .certificate_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_acm::types::{RecordType, ResourceRecord};

    fn option(domain: &str, record: Option<&str>) -> DomainValidation {
        let record = record.map(|name| {
            ResourceRecord::builder()
                .name(name)
                .r#type(RecordType::Cname)
                .value("to")
                .build()
                .unwrap()
        });
        let builder = DomainValidation::builder()
            .domain_name(domain)
            .set_resource_record(record);
        builder
            .validation_status(DomainStatus::PendingValidation)
            .build()
            .unwrap()
    }

    fn found(records: [Option<&str>; 2]) -> Live<Certificate> {
        let detail = CertificateDetail::builder()
            .certificate_arn("arn:c")
            .domain_name("Example.com")
            .subject_alternative_names("example.com")
            .subject_alternative_names("*.example.com")
            .key_algorithm(KeyAlgorithm::from("RSA-2048"))
            .status(CertificateStatus::PendingValidation)
            .domain_validation_options(option("example.com", records[0]))
            .domain_validation_options(option("*.example.com", records[1]));
        live(&detail.build(), Tags::new(), None).unwrap()
    }

    #[test]
    fn what_cannot_be_used_differs_from_what_is_wanted() {
        let found = |status| {
            let detail = CertificateDetail::builder()
                .certificate_arn("arn:c")
                .domain_name("example.com");
            live(&detail.status(status).build(), Tags::new(), None).unwrap()
        };
        let expired = found(CertificateStatus::Expired);
        assert_eq!(
            (expired.spec.usable, expired.phase),
            (false, Phase::Degraded("EXPIRED".into()))
        );
        let failed = found(CertificateStatus::Failed);
        assert_eq!(
            (failed.spec.usable, failed.phase),
            (false, Phase::Failed("FAILED".into()))
        );
        assert!(found(CertificateStatus::Issued).spec.usable);
        assert!(found(CertificateStatus::PendingValidation).spec.usable);
    }

    #[test]
    fn names_and_keys_are_read_in_one_spelling() {
        let spec = found([None, None]).spec;
        assert_eq!(spec.domain_name, Domain::from("example.com"));
        assert_eq!(
            spec.subject_alternative_names,
            Some(BTreeSet::from(["*.example.com".into()]))
        );
        assert_eq!(spec.key_algorithm.as_deref(), Some("RSA_2048"));
    }

    #[test]
    fn records_are_known_together_and_once_each() {
        assert_eq!(
            found([Some("_x.example.com."), None])
                .outputs
                .validation_record_name,
            None
        );
        let both = found([Some("_x.example.com."), Some("_x.example.com.")]);
        assert_eq!(
            both.outputs.validation_record_name.as_deref(),
            Some("_x.example.com.")
        );
        assert_eq!(
            both.outputs.validation_records.map(|records| records.len()),
            Some(1)
        );
        assert_eq!(
            both.phase,
            Phase::Settling(
                "waiting for validation records in DNS: _x.example.com. CNAME to".into()
            )
        );
    }
}
