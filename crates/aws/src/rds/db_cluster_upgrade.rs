//! Major upgrades: which are possible, and the snapshot before one.

use std::time::{Duration, SystemTime};

use aws_sdk_rds::types::DbClusterSnapshot;
use platctl_engine::{Changes, Class, CloudError, CloudResult, Live, SpecError};

use super::db_cluster::{DbCluster, Spec, read};
use super::rds_tags;
use crate::Cloud;
use crate::errors::{Ask, Asked};

/// The tag of a snapshot before an upgrade: the version that it is of.
const BEFORE: &str = "platctl:pre-upgrade";

/// A snapshot that is older belongs to an earlier attempt. An attempt gives up before that.
const FRESH: Duration = Duration::from_secs(3 * 3600);

/// Whether the way from one version to the other changes the first number.
pub(super) fn is_major(from: &str, to: &str) -> bool {
    let major = |version: &str| version.split('.').next().map(ToOwned::to_owned);
    major(from) != major(to)
}

/// Whether the first version is a later minor version of the same major one: AWS upgrades to those by itself, and takes
/// none back.
pub(super) fn is_ahead(live: &str, stated: &str) -> bool {
    let minor = |version: &str| {
        version
            .split_once('.')
            .and_then(|(_, minor)| minor.parse::<u32>().ok())
    };
    !is_major(live, stated) && minor(live) > minor(stated)
}

/// Whether RDS makes new clusters of a version: asked of RDS, which adds versions and withdraws them.
pub(super) async fn offered(
    cloud: &Cloud,
    engine: &str,
    version: &str,
) -> CloudResult<Vec<SpecError>> {
    let ask = |version: String| async move {
        let call = cloud
            .rds
            .describe_db_engine_versions()
            .engine(engine)
            .engine_version(version);
        let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        let found = found.asked()?;
        CloudResult::Ok(
            found
                .into_iter()
                .filter_map(|one| one.engine_version)
                .collect::<Vec<_>>(),
        )
    };
    if !ask(version.to_owned()).await?.is_empty() {
        return Ok(Vec::new());
    }
    let major = version.split('.').next().unwrap_or_default();
    let others = ask(major.to_owned()).await?;
    let others = match others.as_slice() {
        [] => format!("no version of {major}"),
        others => others.join(", "),
    };
    let message = format!("RDS offers no version {version} of {engine} here; it offers {others}");
    Ok(vec![SpecError::new("/engine_version", message)])
}

/// What RDS would refuse of a change of version: it names the versions that each version can be upgraded to.
pub(super) async fn vet(
    cloud: &Cloud,
    live: &Live<DbCluster>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<Vec<SpecError>> {
    let (from, to) = (&live.spec.engine_version, &spec.engine_version);
    if !changes.touch("/engine_version") || from == to {
        return Ok(Vec::new());
    }
    let fault = |message: String| Ok(vec![SpecError::new("/engine_version", message)]);
    if let Some(global) = live
        .spec
        .global_cluster_identifier
        .as_ref()
        .filter(|_| is_major(from, to))
    {
        return fault(format!(
            "cannot be upgraded from {from} to {to} while the cluster is a member of the global cluster \
             {global}: AWS upgrades all members of a global cluster together. Remove the replica, upgrade, \
             and add it again"
        ));
    }
    let Some(targets) = targets(cloud, &spec.engine, from).await? else {
        return Ok(Vec::new());
    };
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    if targets.contains(&to.as_str()) {
        return Ok(Vec::new());
    }
    let ways = match targets.as_slice() {
        [] => "AWS offers no upgrade from this version".to_owned(),
        targets => format!("it can be upgraded to {}", targets.join(", ")),
    };
    fault(format!("{from} cannot be upgraded to {to}; {ways}"))
}

/// The versions to which a version can be upgraded; none where RDS does not know the version.
async fn targets(cloud: &Cloud, engine: &str, from: &str) -> CloudResult<Option<Vec<String>>> {
    let call = cloud
        .rds
        .describe_db_engine_versions()
        .engine(engine)
        .engine_version(from)
        // Those that no new cluster can be made of any more, too.
        .include_all(true);
    let answer = call.send().ask().await?;
    let version = answer.db_engine_versions().first();
    Ok(version.map(|version| {
        let targets = version.valid_upgrade_target().iter();
        targets
            .filter_map(|target| target.engine_version().map(ToOwned::to_owned))
            .collect()
    }))
}

/// The newest minor version to which a cluster can be upgraded, where it has an older one.
pub(super) async fn behind(cloud: &Cloud, live: &Live<DbCluster>) -> CloudResult<Option<String>> {
    let (engine, version) = (&live.spec.engine, &live.spec.engine_version);
    let targets = targets(cloud, engine, version).await?.unwrap_or_default();
    let newest = targets.into_iter().fold(version.clone(), |newest, target| {
        if is_ahead(&target, &newest) {
            target
        } else {
            newest
        }
    });
    Ok((newest != *version)
        .then(|| format!("the database has version {version}; {newest} is available")))
}

/// How far the preparation of an upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// The upgrade can begin.
    Ready,
    /// The upgrade has happened meanwhile.
    Done,
}

/// Makes a snapshot before a major upgrade, and asks to be called again until it is available. An upgrade cannot be
/// taken back; only the snapshot leads back.
pub(super) async fn prepare(
    cloud: &Cloud,
    live: &Live<DbCluster>,
    spec: &Spec,
) -> CloudResult<Prepared> {
    // Repeated with what was read before the first try, so it has to look for itself.
    let now = read(cloud, std::slice::from_ref(&live.id)).await?;
    if now.first().and_then(|cluster| cluster.engine_version())
        == Some(spec.engine_version.as_str())
    {
        return Ok(Prepared::Done);
    }
    let made = snapshots(cloud, live, spec).await?;
    let busy = |name: &str| {
        let message = format!("creating the snapshot {name} before the upgrade");
        Err(CloudError::new(Class::Busy, "rds:ModifyDBCluster", message))
    };
    let fresh = made.iter().find(|snapshot| is_fresh(snapshot));
    match fresh.map(|snapshot| (snapshot.status(), snapshot.db_cluster_snapshot_identifier())) {
        Some((Some("available"), _)) => Ok(Prepared::Ready),
        Some((_, name)) => busy(name.unwrap_or_default()),
        None => {
            // A run that was killed finds it again by its name; every attempt has a number of its own.
            let name = format!("{}{}", prefix(live, spec), made.len() + 1);
            let tags = rds_tags([(BEFORE.to_owned(), live.spec.engine_version.clone())]);
            let call = cloud
                .rds
                .create_db_cluster_snapshot()
                .db_cluster_snapshot_identifier(&name)
                .db_cluster_identifier(live.id.as_str())
                .set_tags(Some(tags));
            call.send().ask().await?;
            busy(&name)
        }
    }
}

/// How the names of the snapshots before an upgrade begin: 63 characters are too few for long ids, and then the
/// cluster's is cut.
fn prefix(live: &Live<DbCluster>, spec: &Spec) -> String {
    let end = format!("-pre-upgrade-{}-", spec.engine_version.replace('.', "-"));
    let most = 60_usize.saturating_sub(end.len());
    let id: String = live.id.as_str().chars().take(most).collect();
    format!("{}{end}", id.trim_end_matches('-'))
}

/// The snapshots of all attempts at this upgrade.
async fn snapshots(
    cloud: &Cloud,
    live: &Live<DbCluster>,
    spec: &Spec,
) -> CloudResult<Vec<DbClusterSnapshot>> {
    let call = cloud
        .rds
        .describe_db_cluster_snapshots()
        .db_cluster_identifier(live.id.as_str());
    let all: Result<Vec<_>, _> = call
        .snapshot_type("manual")
        .into_paginator()
        .items()
        .send()
        .collect()
        .await;
    let mut all = all.asked()?;
    let prefix = prefix(live, spec);
    all.retain(|one| {
        one.db_cluster_snapshot_identifier()
            .is_some_and(|name| name.starts_with(&prefix))
    });
    Ok(all)
}

fn is_fresh(snapshot: &DbClusterSnapshot) -> bool {
    if snapshot
        .status()
        .is_some_and(|status| status.contains("fail"))
    {
        return false;
    }
    let made = snapshot
        .snapshot_create_time()
        .and_then(|time| SystemTime::try_from(*time).ok());
    // One that has only begun has no time yet.
    made.is_none_or(|made| made.elapsed().is_ok_and(|age| age < FRESH) || made > SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::create_db_cluster_snapshot::CreateDbClusterSnapshotOutput;
    use aws_sdk_rds::operation::describe_db_cluster_snapshots::DescribeDbClusterSnapshotsOutput;
    use aws_sdk_rds::operation::describe_db_clusters::DescribeDbClustersOutput;
    use aws_sdk_rds::operation::describe_db_engine_versions::DescribeDbEngineVersionsOutput;
    use aws_sdk_rds::types::{DbCluster as Described, DbEngineVersion, UpgradeTarget};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use platctl_engine::{Change, Kind, Phase};

    fn live() -> Live<DbCluster> {
        let spec = DbCluster::example();
        let text = || "x".to_owned();
        let outputs = super::super::db_cluster::Outputs {
            db_cluster_identifier: text(),
            arn: "arn:c".into(),
            endpoint: text(),
            reader_endpoint: text(),
            port: 5432,
            master_user_secret_arn: text(),
            cluster_resource_id: text(),
        };
        Live {
            id: "example".into(),
            spec,
            outputs,
            owner: None,
            phase: Phase::Ready,
        }
    }

    #[tokio::test]
    async fn the_newest_minor_version_is_told_and_no_major_one() {
        let versions = mock!(aws_sdk_rds::Client::describe_db_engine_versions).then_output(|| {
            let target = |version: &str| UpgradeTarget::builder().engine_version(version).build();
            let version = DbEngineVersion::builder().set_valid_upgrade_target(Some(vec![
                target("16.9"),
                target("16.10"),
                target("17.4"),
            ]));
            DescribeDbEngineVersionsOutput::builder()
                .db_engine_versions(version.build())
                .build()
        });
        let cloud = Cloud {
            rds: mock_client!(aws_sdk_rds, RuleMode::MatchAny, &[&versions]).into(),
            ..cloud()
        };
        let mut old = live();
        old.spec.engine_version = "16.8".into();
        assert_eq!(
            behind(&cloud, &old).await.unwrap().as_deref(),
            Some("the database has version 16.8; 16.10 is available")
        );
        old.spec.engine_version = "16.10".into();
        assert_eq!(behind(&cloud, &old).await.unwrap(), None);
    }

    fn to(version: &str) -> Spec {
        Spec {
            engine_version: version.into(),
            ..DbCluster::example()
        }
    }

    fn snapshot(number: u32, status: &str, age: i64) -> DbClusterSnapshot {
        let now = DateTime::from(SystemTime::now()).secs();
        DbClusterSnapshot::builder()
            .db_cluster_snapshot_identifier(format!("example-pre-upgrade-17-4-{number}"))
            .status(status)
            .snapshot_create_time(DateTime::from_secs(now - age))
            .build()
    }

    /// What becomes of a preparation with these snapshots, and the name of the snapshot that it makes.
    async fn prepared(
        version: &'static str,
        snapshots: Vec<DbClusterSnapshot>,
    ) -> (CloudResult<Prepared>, usize) {
        let clusters = mock!(aws_sdk_rds::Client::describe_db_clusters).then_output(move || {
            let cluster = Described::builder()
                .db_cluster_identifier("example")
                .engine_version(version);
            DescribeDbClustersOutput::builder()
                .db_clusters(cluster.build())
                .build()
        });
        let list =
            mock!(aws_sdk_rds::Client::describe_db_cluster_snapshots).then_output(move || {
                let builder = DescribeDbClusterSnapshotsOutput::builder();
                builder
                    .set_db_cluster_snapshots(Some(snapshots.clone()))
                    .build()
            });
        let create = mock!(aws_sdk_rds::Client::create_db_cluster_snapshot)
            .match_requests(|request| {
                request.db_cluster_snapshot_identifier() == Some("example-pre-upgrade-17-4-2")
            })
            .then_output(|| CreateDbClusterSnapshotOutput::builder().build());
        let rds = mock_client!(
            aws_sdk_rds,
            RuleMode::MatchAny,
            &[&clusters, &list, &create]
        );
        let done = prepare(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            &live(),
            &to("17.4"),
        )
        .await;
        (done, create.num_calls())
    }

    #[tokio::test]
    async fn an_upgrade_waits_for_its_snapshot() {
        let (done, made) = prepared("16.8", vec![snapshot(1, "available", 60)]).await;
        assert_eq!((done.unwrap(), made), (Prepared::Ready, 0));
        let (done, made) = prepared("16.8", vec![snapshot(1, "creating", 60)]).await;
        assert_eq!((done.unwrap_err().class, made), (Class::Busy, 0));
    }

    #[tokio::test]
    async fn a_snapshot_of_an_earlier_attempt_does_not_count() {
        for old in [
            snapshot(1, "available", 4 * 3600),
            snapshot(1, "failed", 60),
        ] {
            let (done, made) = prepared("16.8", vec![old]).await;
            assert_eq!((done.unwrap_err().class, made), (Class::Busy, 1));
        }
    }

    #[tokio::test]
    async fn what_was_upgraded_meanwhile_needs_nothing() {
        let (done, made) = prepared("17.4", vec![]).await;
        assert_eq!((done.unwrap(), made), (Prepared::Done, 0));
    }

    #[test]
    fn names_of_snapshots_are_never_too_long() {
        let mut live = live();
        live.id = "a".repeat(63).into();
        assert!(prefix(&live, &to("17.14")).len() <= 60);
        live.id = "prod-database".into();
        assert_eq!(
            prefix(&live, &to("17.4")),
            "prod-database-pre-upgrade-17-4-"
        );
    }

    async fn faults(live: Live<DbCluster>, version: &str) -> Vec<SpecError> {
        let versions = mock!(aws_sdk_rds::Client::describe_db_engine_versions).then_output(|| {
            let target = |version| UpgradeTarget::builder().engine_version(version).build();
            let version = DbEngineVersion::builder()
                .valid_upgrade_target(target("16.9"))
                .valid_upgrade_target(target("17.4"));
            DescribeDbEngineVersionsOutput::builder()
                .db_engine_versions(version.build())
                .build()
        });
        let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, &[&versions]);
        let change = Change {
            path: "/engine_version".into(),
            before: None,
            after: Some(version.to_owned().into()),
        };
        let changes = Changes::new(vec![change]).unwrap();
        vet(
            &Cloud {
                rds: rds.into(),
                ..cloud()
            },
            &live,
            &to(version),
            &changes,
        )
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn only_versions_that_aws_names_can_be_reached() {
        assert_eq!(faults(live(), "17.4").await, []);
        let found = faults(live(), "15.12").await;
        assert_eq!(
            found[0].message,
            "16.8 cannot be upgraded to 15.12; it can be upgraded to 16.9, 17.4"
        );
    }

    #[tokio::test]
    async fn a_version_that_is_not_offered_is_named_with_those_that_are() {
        let versions = |list: &'static [&'static str]| {
            mock!(aws_sdk_rds::Client::describe_db_engine_versions).then_output(move || {
                let version =
                    |version: &&str| DbEngineVersion::builder().engine_version(*version).build();
                let list = list.iter().map(version).collect();
                DescribeDbEngineVersionsOutput::builder()
                    .set_db_engine_versions(Some(list))
                    .build()
            })
        };
        let (none, some, same) = (
            versions(&[]),
            versions(&["16.8", "16.9"]),
            versions(&["16.8"]),
        );
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, &[&none, &some, &same]);
        let cloud = Cloud {
            rds: rds.into(),
            ..cloud()
        };
        let found = offered(&cloud, "aurora-postgresql", "16.99").await.unwrap();
        assert!(
            found[0].message.ends_with("it offers 16.8, 16.9"),
            "{}",
            found[0].message
        );
        assert_eq!(
            offered(&cloud, "aurora-postgresql", "16.8").await.unwrap(),
            []
        );
    }

    #[tokio::test]
    async fn a_member_of_a_global_cluster_is_not_upgraded_alone() {
        let member = || {
            let mut member = live();
            member.spec.global_cluster_identifier = Some("dr".into());
            member
        };
        assert_eq!(faults(member(), "16.9").await, []);
        assert!(
            faults(member(), "17.4").await[0]
                .message
                .contains("Remove the replica")
        );
    }
}
