//! `rds.GlobalCluster`: a cluster with copies in other regions.

use aws_sdk_rds::types::GlobalCluster as Described;
use platctl_engine::fields::Fact::{CreateOnly, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Read, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{check_identifier, new_tags, phase, split_tags, sync_tags};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::Arn;

/// An Aurora global cluster, which connects a primary DB cluster and its secondary DB clusters.
#[derive(Debug)]
pub struct GlobalCluster;

/// An Aurora global cluster, which connects a primary DB cluster and its secondary DB clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The identifier of the global cluster, in lower case. Must be unique within the account.
    pub global_cluster_identifier: String,
    /// The ARN of the DB cluster that becomes the primary cluster. Used at creation only, because another
    /// cluster can become the primary cluster later.
    pub source_db_cluster_identifier: S::In<Arn>,
    /// Whether AWS refuses to delete the global cluster.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Tags to assign to the global cluster.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the global cluster that other resources can reference.
    GlobalCluster {
        /// The identifier of the global cluster.
        GLOBAL_CLUSTER_IDENTIFIER: global_cluster_identifier: String,
        /// The Amazon Resource Name (ARN) of the global cluster.
        ARN: arn: Arn,
    }
}

async fn described(cloud: &Cloud, id: &Id) -> CloudResult<Option<Described>> {
    let call = cloud
        .rds
        .describe_global_clusters()
        .global_cluster_identifier(id.as_str());
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?
            .global_clusters
            .unwrap_or_default()
            .into_iter()
            .next()),
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<GlobalCluster>>> {
    let Some(cluster) = described(cloud, id).await? else {
        return Ok(None);
    };
    let (tags, owner) = split_tags(cluster.tag_list());
    let writer = cluster
        .global_cluster_members()
        .iter()
        .find(|member| member.is_writer() == Some(true));
    let spec = Spec {
        global_cluster_identifier: id.to_string(),
        source_db_cluster_identifier: writer
            .and_then(|member| member.db_cluster_arn())
            .unwrap_or_default()
            .into(),
        deletion_protection: cluster.deletion_protection().unwrap_or_default(),
        tags,
    };
    let arn = cluster.global_cluster_arn().unwrap_or_default().into();
    let outputs = Outputs {
        global_cluster_identifier: id.to_string(),
        arn,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: phase(cluster.status()),
    }))
}

impl Kind for GlobalCluster {
    const NAME: &'static str = "rds.GlobalCluster";
    const FIELDS: &'static Table = &[
        ("/global_cluster_identifier", &[Immutable, Name]),
        ("/source_db_cluster_identifier", &[CreateOnly]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["rds:DescribeGlobalClusters"],
        create: &["rds:CreateGlobalCluster", "rds:AddTagsToResource"],
        update: &[
            "rds:ModifyGlobalCluster",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &[
            "rds:DeleteGlobalCluster",
            "rds:ModifyGlobalCluster",
            "rds:RemoveFromGlobalCluster",
        ],
    };
    const TIMING: Timing = Timing::seconds(30, 10, 60, 3600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            global_cluster_identifier: "example-global".into(),
            source_db_cluster_identifier: "arn:aws:rds:eu-west-1:123456789012:cluster:example"
                .into(),
            deletion_protection: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/deletion_protection", json!(true)),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_identifier(
            "/global_cluster_identifier",
            &spec.global_cluster_identifier,
            63,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.global_cluster_identifier.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .rds
            .create_global_cluster()
            .global_cluster_identifier(&spec.global_cluster_identifier)
            .source_db_cluster_identifier(spec.source_db_cluster_identifier.as_str())
            .deletion_protection(spec.deletion_protection)
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.global_cluster_identifier.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/deletion_protection") {
            protect(cloud, live.id.as_str(), spec.deletion_protection).await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    /// The primary leaves last, and the empty shell can go then.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let id = live.id.as_str();
        if live.spec.deletion_protection {
            protect(cloud, id, false).await?;
        }
        let members = described(cloud, &live.id)
            .await?
            .and_then(|cluster| cluster.global_cluster_members);
        if let Some(member) = members
            .unwrap_or_default()
            .iter()
            .find_map(|member| member.db_cluster_arn())
        {
            let call = cloud
                .rds
                .remove_from_global_cluster()
                .global_cluster_identifier(id)
                .db_cluster_identifier(member);
            call.send().ask().await?;
            return Err(CloudError::new(
                Class::Busy,
                "rds:DeleteGlobalCluster",
                format!("{member} is leaving it"),
            ));
        }
        let call = cloud
            .rds
            .delete_global_cluster()
            .global_cluster_identifier(id);
        call.send().ask().await.map(drop)
    }
}

async fn protect(cloud: &Cloud, id: &str, on: bool) -> CloudResult<()> {
    let call = cloud
        .rds
        .modify_global_cluster()
        .global_cluster_identifier(id)
        .deletion_protection(on);
    call.send().ask().await.map(drop)
}
