//! Until when RDS supports the versions of databases, and what it costs to stay behind: asked of RDS.

use std::time::SystemTime;

use aws_sdk_rds::types::{LifecycleSupportName, SupportedEngineLifecycle};
use aws_smithy_types::DateTime;
use futures::future::join_all;
use platctl_engine::graph::Graph;
use platctl_engine::retry::call_with_retries;
use platctl_engine::state::State;
use platctl_engine::{Address, CloudResult, Kind};
use serde_json::Value;

use super::db_cluster::DbCluster;
use crate::Cloud;
use crate::connect::Aws;
use crate::errors::Ask;
use crate::types::day;

/// A database with the version that it has, or is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    address: Address,
    region: String,
    engine: String,
    major: String,
}

const DAY: i64 = 24 * 60 * 60;
/// How long before the end it is told: as of Kubernetes.
const EARLY: i64 = 60 * DAY;
/// What extended support costs for each vCPU and hour in us-east-1, in US dollars: at first, and in its third year.
const PRICES: (f64, f64) = (0.10, 0.20);
/// How many hours a month has, as AWS counts them.
const HOURS: f64 = 730.0;

/// The databases of a graph.
#[must_use]
pub fn databases(graph: &Graph) -> Vec<Database> {
    let nodes = graph.in_order().map(|entry| &entry.node);
    let found = nodes.filter_map(|node| {
        let place = (&node.address, node.scope.as_str());
        database(place, &node.kind, &node.spec)
    });
    found.collect()
}

/// The databases that a state knows, as they were last applied.
#[must_use]
pub fn databases_in(state: &State) -> Vec<Database> {
    let records = state.resources.iter();
    let found = records.filter_map(|(address, record)| {
        let object = record.object.as_ref()?;
        database((address, record.scope.as_str()), &record.kind, &object.spec)
    });
    found.collect()
}

fn database((address, region): (&Address, &str), kind: &str, spec: &Value) -> Option<Database> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str);
    let engine = text("engine").filter(|_| kind == DbCluster::NAME)?;
    Some(Database {
        address: address.clone(),
        region: region.to_owned(),
        engine: engine.to_owned(),
        major: major(engine, text("engine_version")?).to_owned(),
    })
}

/// The major version, as RDS counts: `16` of PostgreSQL 16.8, but `8.0` of MySQL 8.0.39.
fn major<'a>(engine: &str, version: &'a str) -> &'a str {
    let parts = if engine.ends_with("mysql") { 2 } else { 1 };
    let ends = version.match_indices('.').nth(parts - 1);
    ends.map_or(version, |(at, _)| version.get(..at).unwrap_or(version))
}

/// What there is to say of databases whose version is at the end of its support, or close to it: each with the date, the
/// price and what to do. What cannot be found out is left out: it is only said for the reader's sake.
pub async fn endings(aws: &Aws, databases: &[Database]) -> Vec<String> {
    let now = DateTime::from(SystemTime::now());
    let asked = databases.iter().map(|database| async move {
        let cloud = aws.cloud(&database.region);
        match ending(&cloud, database, now).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "cannot determine the support of a database version");
                None
            }
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn ending(cloud: &Cloud, database: &Database, now: DateTime) -> CloudResult<Option<String>> {
    let Database {
        address,
        engine,
        major,
        ..
    } = database;
    let ask = || async {
        let call = cloud.rds.describe_db_major_engine_versions();
        let call = call.engine(engine).major_engine_version(major);
        call.send().ask().await
    };
    let what = format!("reading the support of {engine} {major}");
    let found = call_with_retries(&cloud.teller, what, ask).await?;
    let versions = found.db_major_engine_versions().iter();
    let lifecycles: Vec<&SupportedEngineLifecycle> = versions
        .filter(|one| one.major_engine_version() == Some(major.as_str()))
        .flat_map(|one| one.supported_engine_lifecycles())
        .collect();
    let told = tell(&format!("{engine} {major}"), &lifecycles, now);
    Ok(told.map(|told| format!("`{address}`: {told}")))
}

/// What there is to say of a version.
fn tell(version: &str, lifecycles: &[&SupportedEngineLifecycle], now: DateTime) -> Option<String> {
    let end = |name: &LifecycleSupportName| {
        let mut of = lifecycles.iter();
        of.find(|one| one.lifecycle_support_name() == Some(name))?
            .lifecycle_support_end_date()
    };
    let standard = end(&LifecycleSupportName::OpenSourceRdsStandardSupport)?;
    if now.secs() + EARLY < standard.secs() {
        return None;
    }
    let next = "Upgrade to a newer major version: set `database.version` (`engine_version` in `resources:`)";
    let verb = if now.secs() < standard.secs() {
        "ends"
    } else {
        "ended"
    };
    let ended = format!("standard support of {version} {verb} on {}", day(standard)?);
    let Some(extended) = end(&LifecycleSupportName::OpenSourceRdsExtendedSupport) else {
        return Some(format!(
            "{ended}, and AWS then upgrades the database. {next}"
        ));
    };
    let until = day(extended)?;
    if now.secs() >= extended.secs() {
        return Some(format!(
            "Amazon RDS no longer supports {version} (since {until}), and upgrades the database. {next}"
        ));
    }
    let (usual, last) = PRICES;
    let month = 2.0 * usual * HOURS;
    Some(format!(
        "{ended}. Extended support, until {until}, costs ${usual:.2} per vCPU hour, and ${last:.2} in its third year \
         (prices of us-east-1): at first ${month:.0} a month for each instance with 2 vCPUs. {next}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_db_major_engine_versions::DescribeDbMajorEngineVersionsOutput;
    use aws_sdk_rds::types::DbMajorEngineVersion;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::date_time::Format;
    use serde_json::json;

    fn at(day: &str) -> DateTime {
        DateTime::from_str(&format!("{day}T00:00:00Z"), Format::DateTime).unwrap()
    }

    fn lifecycle(name: LifecycleSupportName, end: &str) -> SupportedEngineLifecycle {
        SupportedEngineLifecycle::builder()
            .lifecycle_support_name(name)
            .lifecycle_support_end_date(at(end))
            .build()
    }

    fn of_13() -> [SupportedEngineLifecycle; 2] {
        [
            lifecycle(
                LifecycleSupportName::OpenSourceRdsStandardSupport,
                "2026-02-28",
            ),
            lifecycle(
                LifecycleSupportName::OpenSourceRdsExtendedSupport,
                "2029-02-28",
            ),
        ]
    }

    fn told(day: &str) -> Option<String> {
        let [standard, extended] = of_13();
        tell("aurora-postgresql 13", &[&standard, &extended], at(day))
    }

    #[test]
    fn the_end_of_standard_support_is_told_with_its_price() {
        assert_eq!(told("2025-12-29"), None, "it is told sixty days before");
        let soon = told("2025-12-31").unwrap();
        for part in [
            "standard support of aurora-postgresql 13 ends on 2026-02-28",
            "until 2029-02-28, costs $0.10 per vCPU hour, and $0.20 in its third year",
            "$146 a month",
            "set `database.version`",
        ] {
            assert!(soon.contains(part), "{soon}");
        }
        assert!(told("2026-11-28").unwrap().contains("ended on 2026-02-28"));
        let over = told("2029-03-01").unwrap();
        assert!(over.contains("no longer supports"), "{over}");
        assert!(!over.contains('$'), "{over}");
    }

    #[test]
    fn a_version_without_extended_support_is_upgraded_by_aws() {
        let [standard, _] = of_13();
        let told = tell("mariadb 10.6", &[&standard], at("2026-11-28")).unwrap();
        assert!(told.contains("AWS then upgrades the database"), "{told}");
        assert_eq!(tell("oracle-ee 19", &[], at("2026-11-28")), None);
    }

    #[test]
    fn major_versions_are_counted_as_rds_does() {
        assert_eq!(major("aurora-postgresql", "16.8"), "16");
        assert_eq!(major("aurora-postgresql", "16"), "16");
        assert_eq!(major("aurora-mysql", "8.0.mysql_aurora.3.08.0"), "8.0");
    }

    #[tokio::test]
    async fn rds_is_asked_for_the_major_version_of_each_cluster() {
        let asked = mock!(aws_sdk_rds::Client::describe_db_major_engine_versions)
            .match_requests(|request| {
                request.engine() == Some("aurora-postgresql")
                    && request.major_engine_version() == Some("13")
            })
            .then_output(|| {
                let version = DbMajorEngineVersion::builder()
                    .engine("aurora-postgresql")
                    .major_engine_version("13")
                    .set_supported_engine_lifecycles(Some(of_13().into()));
                DescribeDbMajorEngineVersionsOutput::builder()
                    .db_major_engine_versions(version.build())
                    .build()
            });
        let cloud = Cloud {
            rds: mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&asked]).into(),
            ..cloud()
        };
        let address: Address = "database.cluster".parse().unwrap();
        let spec = json!({"engine": "aurora-postgresql", "engine_version": "13.20"});
        assert_eq!(
            database((&address, "eu-west-1"), "rds.DbInstance", &spec),
            None
        );
        let database = database((&address, "eu-west-1"), DbCluster::NAME, &spec).unwrap();
        let told = ending(&cloud, &database, at("2026-11-28")).await.unwrap();
        assert!(
            told.unwrap()
                .starts_with("`database.cluster`: standard support")
        );
    }
}
