//! `rds.DbClusterSnapshot`: a snapshot that stays until it is deleted.

use aws_sdk_rds::types::DbClusterSnapshot as Described;
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{check_identifier, new_tags, phase, split_tags, sync_tags};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, unless_same};

/// A manual snapshot of an Aurora DB cluster.
#[derive(Debug)]
pub struct DbClusterSnapshot;

/// A manual snapshot of an Aurora DB cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The identifier of the snapshot, in lower case. Must be unique within the account and region.
    pub db_cluster_snapshot_identifier: String,
    /// The identifier of the DB cluster.
    pub db_cluster_identifier: S::In<String>,
    /// Tags to assign to the snapshot.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the snapshot that other resources can reference.
    DbClusterSnapshot {
        /// The identifier of the snapshot.
        DB_CLUSTER_SNAPSHOT_IDENTIFIER: db_cluster_snapshot_identifier: String,
        /// The Amazon Resource Name (ARN) of the snapshot.
        ARN: arn: Arn,
    }
}

fn live(snapshot: &Described) -> Option<Live<DbClusterSnapshot>> {
    let id = snapshot.db_cluster_snapshot_identifier()?;
    let (tags, owner) = split_tags(snapshot.tag_list());
    let spec = Spec {
        db_cluster_snapshot_identifier: id.to_owned(),
        db_cluster_identifier: snapshot
            .db_cluster_identifier()
            .unwrap_or_default()
            .to_owned(),
        tags,
    };
    let arn = snapshot
        .db_cluster_snapshot_arn()
        .unwrap_or_default()
        .into();
    let outputs = Outputs {
        db_cluster_snapshot_identifier: id.to_owned(),
        arn,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: phase(snapshot.status()),
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DbClusterSnapshot>>> {
    let call = cloud
        .rds
        .describe_db_cluster_snapshots()
        .db_cluster_snapshot_identifier(id.as_str());
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?.db_cluster_snapshots().first().and_then(live)),
    }
}

/// Whether the snapshot of a deleted cluster, `snapshot NAME`, is available.
pub(super) async fn is_complete(cloud: &Cloud, what: &str) -> CloudResult<()> {
    let name = what.trim_start_matches("snapshot ");
    let refuse = |class, status: &str| {
        let operation = "rds:DescribeDBClusterSnapshots";
        Err(CloudError::new(
            class,
            operation,
            format!("{what} is {status}"),
        ))
    };
    match read(cloud, &Id::from(name)).await?.map(|live| live.phase) {
        Some(Phase::Ready | Phase::Degraded(_)) => Ok(()),
        Some(Phase::Settling(status)) => refuse(Class::Busy, &status),
        Some(Phase::Failed(why)) => refuse(Class::Invalid, &why),
        Some(_) | None => refuse(Class::NotFound, "not there"),
    }
}

impl Kind for DbClusterSnapshot {
    const NAME: &'static str = "rds.DbClusterSnapshot";
    const FIELDS: &'static Table = &[
        ("/db_cluster_snapshot_identifier", &[Immutable, Name]),
        ("/db_cluster_identifier", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &["rds:DescribeDBClusterSnapshots"],
        create: &["rds:CreateDBClusterSnapshot", "rds:AddTagsToResource"],
        update: &["rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBClusterSnapshot"],
    };
    const TIMING: Timing = Timing::seconds(180, 1, 10, 7200);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            db_cluster_snapshot_identifier: "example-snapshot".into(),
            db_cluster_identifier: "example-db-cluster".into(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/tags/team", json!("data")),
            (
                "/db_cluster_snapshot_identifier",
                json!("example-snapshot-2"),
            ),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_identifier(
            "/db_cluster_snapshot_identifier",
            &spec.db_cluster_snapshot_identifier,
            63,
        )
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.db_cluster_snapshot_identifier,
            &desired.db_cluster_snapshot_identifier,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.db_cluster_snapshot_identifier.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .rds
            .create_db_cluster_snapshot()
            .db_cluster_snapshot_identifier(&spec.db_cluster_snapshot_identifier)
            .db_cluster_identifier(&spec.db_cluster_identifier)
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.db_cluster_snapshot_identifier.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .rds
            .delete_db_cluster_snapshot()
            .db_cluster_snapshot_identifier(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_db_cluster_snapshots::DescribeDbClusterSnapshotsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_snapshot_counts_once_it_is_available() {
        let with = |status: Option<&'static str>| {
            mock!(aws_sdk_rds::Client::describe_db_cluster_snapshots)
                .match_requests(|request| {
                    request.db_cluster_snapshot_identifier() == Some("a-final")
                })
                .then_output(move || {
                    let snapshots = status.map(|status| {
                        vec![
                            Described::builder()
                                .db_cluster_snapshot_identifier("a-final")
                                .status(status)
                                .build(),
                        ]
                    });
                    DescribeDbClusterSnapshotsOutput::builder()
                        .set_db_cluster_snapshots(snapshots)
                        .build()
                })
        };
        let (making, failed, made, none) = (
            with(Some("creating")),
            with(Some("failed")),
            with(Some("available")),
            with(None),
        );
        let rules = [&making, &failed, &made, &none];
        let cloud = Cloud {
            rds: mock_client!(aws_sdk_rds, RuleMode::Sequential, &rules).into(),
            ..cloud()
        };
        let mut seen = Vec::new();
        for _ in rules {
            let found = is_complete(&cloud, "snapshot a-final").await;
            seen.push(found.map_err(|error| error.class));
        }
        assert_eq!(
            seen,
            [
                Err(Class::Busy),
                Err(Class::Invalid),
                Ok(()),
                Err(Class::NotFound)
            ]
        );
    }
}
