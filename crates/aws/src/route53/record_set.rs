//! `route53.RecordSet`

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_route53::types::{
    ChangeAction, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover,
    ResourceRecordSetRegion, RrType,
};
use platctl_engine::fields::Fact::{Accepted, Holds, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted, find_by_id,
};
use serde::{Deserialize, Serialize};

use super::built;
use super::records::{self, Key};
use super::texts::{quoted, unquoted};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::types::DnsName;
use crate::unmanaged::settings;

/// A Route 53 record set: the records of one name and type.
#[derive(Debug)]
pub struct RecordSet;

/// A Route 53 record set: the records of one name and type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the hosted zone.
    pub hosted_zone_id: S::In<String>,
    /// The fully qualified name of the record set, such as `www.example.com` or `*.example.com`.
    pub name: S::In<DnsName>,
    /// The record type: `A`, `AAAA`, `CNAME`, `MX`, `NS`, `TXT`, …
    pub r#type: S::In<String>,
    /// The time to live (TTL), in seconds. Required with `records`, not allowed for an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// The values of the records. For `TXT`, the plain text of any length, without quotes; platctl adds the
    /// quotes. Either this or `alias_target` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<S::In<BTreeSet<String>>>,
    /// The AWS resource whose addresses an alias record returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_target: Option<AliasTarget<S>>,
    /// An identifier that distinguishes record sets with the same name and type. Must be used with `weight`,
    /// `failover`, `region` or `multi_value_answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// The weight, 0 to 255, which determines the share of queries relative to the other record sets with the
    /// same name and type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// The failover role: `PRIMARY` or `SECONDARY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<String>,
    /// The region of the resource, for latency-based routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether Route 53 answers each query with up to eight healthy record sets of the same name and type. Only
    /// `true` is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    /// The ID of the health check. The record set is returned only while the health check is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<S::In<String>>,
}

/// The AWS resource to which an alias record refers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct AliasTarget<S: Stage = Resolved> {
    /// The DNS name of the resource: a load balancer, a distribution or another record set.
    pub dns_name: S::In<DnsName>,
    /// The ID of the hosted zone of the resource's DNS name, not of the hosted zone of the record set.
    pub hosted_zone_id: S::In<String>,
    /// Whether the record set is returned only while the target is healthy. Must be `false` for a
    /// distribution. Default: `false`.
    #[serde(default)]
    pub evaluate_target_health: bool,
}

platctl_engine::outputs! {
    /// Attributes of the record set that other resources can reference.
    RecordSet {
        /// The name of the record set, without a trailing dot.
        NAME: name: DnsName,
    }
    and unmanaged
}

/// The id: zone, name, type and, where there is one, set identifier. Names are lower case, types are not.
fn id_of(zone: &str, key: &Key) -> Id {
    let set = key
        .set
        .as_ref()
        .map(|set| format!("_{set}"))
        .unwrap_or_default();
    format!("{zone}_{}_{}{set}", key.name, key.kind).into()
}

fn natural(spec: &Spec) -> Id {
    id_of(&spec.hosted_zone_id, &key(spec))
}

fn key(spec: &Spec) -> Key {
    Key {
        name: spec.name.clone(),
        kind: spec.r#type.clone(),
        set: spec.set_identifier.clone(),
    }
}

/// The zone of an id.
fn zone_of(id: &Id) -> &str {
    id.as_str()
        .split_once('_')
        .map_or(id.as_str(), |(zone, _)| zone)
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "TXT" | "SPF")
}

fn live(zone: &str, record: &ResourceRecordSet) -> Live<RecordSet> {
    let key = Key::of(record);
    let value = |record: &ResourceRecord| {
        if is_text(&key.kind) {
            unquoted(record.value())
        } else {
            record.value().to_owned()
        }
    };
    let alias = record.alias_target().map(|alias| AliasTarget {
        dns_name: alias.dns_name().into(),
        hosted_zone_id: alias.hosted_zone_id().to_owned(),
        evaluate_target_health: alias.evaluate_target_health(),
    });
    let values = record.resource_records();
    let spec = Spec {
        hosted_zone_id: zone.to_owned(),
        name: key.name.clone(),
        r#type: key.kind.clone(),
        ttl: record.ttl(),
        records: (!values.is_empty()).then(|| values.iter().map(value).collect()),
        alias_target: alias,
        set_identifier: key.set.clone(),
        weight: record.weight(),
        failover: record.failover().map(ToString::to_string),
        region: record.region().map(ToString::to_string),
        multi_value_answer: record.multi_value_answer().filter(|answer| *answer),
        health_check_id: record.health_check_id().map(ToOwned::to_owned),
    };
    let outputs = Outputs {
        name: key.name.clone(),
        unmanaged: unmanaged(record),
    };
    Live {
        id: id_of(zone, &key),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }
}

/// What is set on a record set and cannot be said in a spec.
fn unmanaged(record: &ResourceRecordSet) -> Vec<String> {
    settings([
        ("geolocation", record.geo_location().is_some()),
        ("geoproximity", record.geo_proximity_location().is_some()),
        ("CIDR routing", record.cidr_routing_config().is_some()),
        (
            "traffic policy",
            record.traffic_policy_instance_id().is_some(),
        ),
    ])
}

/// What a spec says, as a record set.
fn build(spec: &Spec) -> CloudResult<ResourceRecordSet> {
    let value = |text: &String| {
        let value = if is_text(&spec.r#type) {
            quoted(text)
        } else {
            text.clone()
        };
        built(ResourceRecord::builder().value(value).build())
    };
    let alias = |alias: &AliasTarget| {
        let target = aws_sdk_route53::types::AliasTarget::builder()
            .dns_name(alias.dns_name.as_str())
            .hosted_zone_id(&alias.hosted_zone_id)
            .evaluate_target_health(alias.evaluate_target_health);
        built(target.build())
    };
    let values = spec
        .records
        .as_ref()
        .map(|all| all.iter().map(value).collect::<CloudResult<_>>());
    let builder = ResourceRecordSet::builder()
        .name(spec.name.as_str())
        .r#type(RrType::from(spec.r#type.as_str()))
        .set_set_identifier(spec.set_identifier.clone())
        .set_weight(spec.weight)
        .set_failover(
            spec.failover
                .as_deref()
                .map(ResourceRecordSetFailover::from),
        )
        .set_region(spec.region.as_deref().map(ResourceRecordSetRegion::from))
        .set_multi_value_answer(spec.multi_value_answer)
        .set_health_check_id(spec.health_check_id.clone())
        .set_ttl(spec.ttl)
        .set_resource_records(values.transpose()?)
        .set_alias_target(spec.alias_target.as_ref().map(alias).transpose()?);
    built(builder.build())
}

/// One listing of each zone serves all of its records.
async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<RecordSet>>>> {
    let zones: BTreeSet<&str> = ids.iter().map(zone_of).collect();
    let found = try_join_all(zones.into_iter().map(|zone| async move {
        let records = records::read(cloud, zone, None).await?.unwrap_or_default();
        Ok::<_, CloudError>(
            records
                .iter()
                .map(|record| live(zone, record))
                .collect::<Vec<_>>(),
        )
    }));
    let mut found: HashMap<Id, Live<RecordSet>> = found
        .await?
        .into_iter()
        .flatten()
        .map(|live| (live.id.clone(), live))
        .collect();
    Ok(ids.iter().map(|id| found.remove(id)).collect())
}

/// A record set as it is, with what is stated of it: a change replaces it whole.
fn over(mut now: ResourceRecordSet, new: ResourceRecordSet) -> ResourceRecordSet {
    let routing = new.weight.is_some() || new.failover.is_some() || new.region.is_some();
    if routing || new.multi_value_answer.is_some() {
        // A record set is chosen in one way.
        now.weight = new.weight;
        now.failover = new.failover;
        now.region = new.region;
        now.multi_value_answer = new.multi_value_answer;
        now.geo_location = None;
        now.geo_proximity_location = None;
        now.cidr_routing_config = None;
    }
    now.set_identifier = new.set_identifier.or(now.set_identifier);
    now.health_check_id = new.health_check_id.or(now.health_check_id);
    // An alias has neither values nor a TTL.
    now.ttl = new.ttl.or(now.ttl).filter(|_| new.alias_target.is_none());
    now.resource_records = new.resource_records;
    now.alias_target = new.alias_target;
    now
}

/// The record set of this name as Route 53 has it.
async fn get(cloud: &Cloud, zone: &str, key: &Key) -> CloudResult<Option<ResourceRecordSet>> {
    let found = records::read(cloud, zone, Some(key))
        .await?
        .unwrap_or_default();
    Ok(found.into_iter().find(|record| Key::of(record) == *key))
}

impl Kind for RecordSet {
    const NAME: &'static str = "route53.RecordSet";
    const FIELDS: &'static Table = &[
        ("/hosted_zone_id", &[Immutable, Holds]),
        ("/name", &[Immutable, Accepted]),
        ("/type", &[Immutable, Accepted]),
        ("/set_identifier", &[Immutable]),
        // A name can lead to what is not in service yet: a distribution, a load balancer.
        ("/alias_target", &[Accepted, Holds]),
        // A zone is shared: that it is ours does not make every record in it so.
        ("/records", &[Accepted, Holds, Leads]),
        ("/health_check_id", &[Holds]),
        ("/alias_target/dns_name", &[Leads]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["route53:ListResourceRecordSets"],
        create: &["route53:ChangeResourceRecordSets"],
        update: &[
            "route53:ListResourceRecordSets",
            "route53:ChangeResourceRecordSets",
        ],
        delete: &[
            "route53:ListResourceRecordSets",
            "route53:ChangeResourceRecordSets",
        ],
    };
    // Five calls a second are what an account has, for all of its zones.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            hosted_zone_id: "Z0123456789EXAMPLE".into(),
            name: "www.prod.example.com".into(),
            r#type: "A".into(),
            ttl: Some(300),
            records: Some(BTreeSet::from(["192.0.2.1".into()])),
            alias_target: None,
            set_identifier: Some("blue".into()),
            weight: Some(10),
            failover: None,
            region: None,
            multi_value_answer: None,
            health_check_id: None,
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/name", json!("*.prod.example.com")),
            ("/type", json!("TXT")),
            ("/ttl", json!(60)),
            ("/records", json!(["192.0.2.1", "192.0.2.2"])),
            ("/weight", json!(20)),
            ("/set_identifier", json!("green")),
            (
                "/health_check_id",
                json!("01234567-89ab-cdef-0123-4567example1"),
            ),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let wrong = |path: &str, message: &str| Err(SpecError::new(path, message));
        match (&spec.records, &spec.alias_target, spec.ttl) {
            (Some(_), Some(_), _) | (None, None, _) => {
                return wrong(
                    "/records",
                    "requires either values here or an `alias_target`",
                );
            }
            (Some(records), None, _) if records.is_empty() => {
                return wrong("/records", "must have at least one value");
            }
            (Some(_), None, None) => return wrong("/ttl", "is required with `records`"),
            (None, Some(_), Some(_)) => return wrong("/ttl", "cannot be used with an alias"),
            _ => {}
        }
        let in_quotes =
            |text: &&String| text.len() > 1 && text.starts_with('"') && text.ends_with('"');
        if is_text(&spec.r#type) && spec.records.iter().flatten().any(|text| in_quotes(&text)) {
            return wrong("/records", "must be the plain text, without quotes");
        }
        if spec.multi_value_answer == Some(false) {
            return wrong("/multi_value_answer", "must be `true`, or omitted");
        }
        if spec.multi_value_answer.is_some() && spec.alias_target.is_some() {
            return wrong("/multi_value_answer", "cannot be used with an alias");
        }
        let multi = spec.multi_value_answer.is_some();
        let routings = [
            spec.weight.is_some(),
            spec.failover.is_some(),
            spec.region.is_some(),
            multi,
        ];
        let routings = routings.iter().filter(|stated| **stated).count();
        if routings > 1 {
            return wrong(
                "/weight",
                "cannot be used with `failover`, `region` or `multi_value_answer`",
            );
        }
        if (routings == 1) != spec.set_identifier.is_some() {
            let message =
                "must be used with `weight`, `failover`, `region` or `multi_value_answer`";
            return wrong("/set_identifier", message);
        }
        if spec
            .weight
            .is_some_and(|weight| !(0..=255).contains(&weight))
        {
            return wrong("/weight", "must be between 0 and 255");
        }
        if spec
            .failover
            .as_ref()
            .is_some_and(|role| !["PRIMARY", "SECONDARY"].contains(&role.as_str()))
        {
            return wrong("/failover", "must be `PRIMARY` or `SECONDARY`");
        }
        if spec.r#type != spec.r#type.to_ascii_uppercase() {
            return wrong("/type", "must be in upper case");
        }
        Ok(())
    }

    /// Another name or zone is no obstacle to the new one; another type or set identifier may be.
    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        if live.name != desired.name || live.hosted_zone_id != desired.hosted_zone_id {
            return Replace::CreateFirst;
        }
        Replace::DeleteFirst
    }

    /// A zone whose id is known and that is not there is the stack file's mistake; that of a creation which was begun
    /// may have gone since.
    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(natural(spec))
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = find_by_id::<Self>(cloud, wanted).await?;
        let nothing = wanted
            .iter()
            .zip(&found)
            .filter(|(wanted, found)| wanted.owner.generation == 0 && found.is_empty());
        let zones: BTreeMap<&str, &Spec> = nothing
            .filter_map(|(wanted, _)| wanted.spec.as_ref())
            .map(|spec| (spec.hosted_zone_id.as_str(), spec))
            .collect();
        for (zone, spec) in zones {
            if records::read(cloud, zone, Some(&key(spec)))
                .await?
                .is_none()
            {
                let operation = "route53:ListResourceRecordSets";
                let message = format!(
                    "hosted zone {zone} not found in this account: correct `edge.zone`, or the record's `hosted_zone_id`"
                );
                return Err(CloudError::new(Class::Invalid, operation, message));
            }
        }
        Ok(found)
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let record = build(spec)?;
        records::change(
            cloud,
            &spec.hosted_zone_id,
            ChangeAction::Create,
            vec![record],
        )
        .await?;
        Ok(natural(spec))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let now = get(cloud, &live.spec.hosted_zone_id, &key(&live.spec)).await?;
        let operation = "route53:ChangeResourceRecordSets";
        let now = now.ok_or_else(|| {
            CloudError::new(Class::NotFound, operation, format!("{} is gone", live.id))
        })?;
        let record = over(now, build(spec)?);
        records::change(
            cloud,
            &spec.hosted_zone_id,
            ChangeAction::Upsert,
            vec![record],
        )
        .await
    }

    /// A deletion has to name everything exactly as it is, so it is read just before.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let zone = live.spec.hosted_zone_id.as_str();
        let key = key(&live.spec);
        let Some(mine) = get(cloud, zone, &key).await? else {
            return Ok(());
        };
        let result = records::change(cloud, zone, ChangeAction::Delete, vec![mine]).await;
        // The zone may have gone with its records.
        let gone = |error: &CloudError| error.code.as_deref() == Some("NoSuchHostedZone");
        result.or_else(|error| if gone(&error) { Ok(()) } else { Err(error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
    use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn page(records: Vec<ResourceRecordSet>) -> ListResourceRecordSetsOutput {
        let builder =
            ListResourceRecordSetsOutput::builder().set_resource_record_sets(Some(records));
        builder.is_truncated(false).max_items(300).build().unwrap()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let alias = AliasTarget {
            dns_name: "d1.cloudfront.net".into(),
            hosted_zone_id: "Z2FDTNDATAQYW2".into(),
            evaluate_target_health: false,
        };
        let simple = Spec {
            set_identifier: None,
            weight: None,
            ..RecordSet::example()
        };
        let alias = Spec {
            ttl: None,
            records: None,
            alias_target: Some(alias),
            ..simple.clone()
        };
        let multi = Spec {
            weight: None,
            multi_value_answer: Some(true),
            ..RecordSet::example()
        };
        let text = Spec {
            r#type: "TXT".into(),
            records: Some(BTreeSet::from(["v=spf1 -all".into()])),
            ..simple.clone()
        };
        for spec in [RecordSet::example(), simple, alias, text, multi] {
            assert!(RecordSet::check(&spec).is_ok());
            let read = live(&spec.hosted_zone_id, &build(&spec).unwrap());
            assert_eq!((read.id, read.spec.clone()), (natural(&spec), spec));
        }
    }

    #[test]
    fn becoming_an_alias_leaves_the_values_behind() {
        let old = RecordSet::example();
        let target = AliasTarget {
            dns_name: "x.example.com".into(),
            hosted_zone_id: "Z1".into(),
            evaluate_target_health: true,
        };
        let desired = Spec {
            ttl: None,
            records: None,
            alias_target: Some(target),
            ..old.clone()
        };
        let record = over(build(&old).unwrap(), build(&desired).unwrap());
        assert!(record.ttl().is_none() && record.resource_records().is_empty());
    }

    #[test]
    fn what_is_not_stated_of_a_record_goes_back_as_it_is() {
        use aws_sdk_route53::types::GeoLocation;
        let mut now = build(&RecordSet::example()).unwrap();
        now.weight = None;
        now.geo_location = Some(GeoLocation::builder().country_code("DE").build());
        now.health_check_id = Some("check".into());
        assert_eq!(unmanaged(&now), ["geolocation"]);
        let simple = Spec {
            weight: None,
            set_identifier: None,
            ttl: Some(60),
            ..RecordSet::example()
        };
        let mut wanted = now.clone();
        wanted.ttl = Some(60);
        assert_eq!(over(now.clone(), build(&simple).unwrap()), wanted);
        let weighted = over(now, build(&RecordSet::example()).unwrap());
        assert_eq!(
            (weighted.weight(), weighted.geo_location()),
            (Some(10), None)
        );
        assert_eq!(weighted.health_check_id(), Some("check"));
    }

    #[test]
    fn a_multi_value_answer_is_one_way_to_be_chosen() {
        let multi = Spec {
            weight: None,
            multi_value_answer: Some(true),
            ..RecordSet::example()
        };
        assert!(RecordSet::check(&multi).is_ok());
        let now = build(&multi).unwrap();
        let longer = Spec {
            ttl: Some(600),
            ..multi.clone()
        };
        assert_eq!(
            over(now, build(&longer).unwrap()).multi_value_answer(),
            Some(true)
        );
        let both = Spec {
            weight: Some(1),
            ..multi.clone()
        };
        assert_eq!(RecordSet::check(&both).unwrap_err().path, "/weight");
        let off = Spec {
            multi_value_answer: Some(false),
            ..multi
        };
        assert_eq!(
            RecordSet::check(&off).unwrap_err().path,
            "/multi_value_answer"
        );
    }

    #[tokio::test]
    async fn a_deletion_names_the_record_as_it_is() {
        let record = build(&RecordSet::example()).unwrap();
        let listed = record.clone();
        let list = mock!(aws_sdk_route53::Client::list_resource_record_sets)
            .then_output(move || page(vec![listed.clone()]));
        let change = mock!(aws_sdk_route53::Client::change_resource_record_sets)
            .match_requests(move |request| {
                let changes = request
                    .change_batch()
                    .map(|batch| batch.changes())
                    .unwrap_or_default();
                changes.iter().all(|change| {
                    *change.action() == ChangeAction::Delete
                        && change.resource_record_set() == Some(&record)
                })
            })
            .then_output(|| ChangeResourceRecordSetsOutput::builder().build());
        let client = mock_client!(aws_sdk_route53, RuleMode::Sequential, &[&list, &change]);
        let cloud = Cloud {
            route53: client.into(),
            ..cloud()
        };
        let object = live("Z1", &build(&RecordSet::example()).unwrap());
        RecordSet::delete(&cloud, &object).await.unwrap();
        assert_eq!(change.num_calls(), 1);
    }
}
