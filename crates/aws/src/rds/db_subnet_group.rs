//! `rds.DbSubnetGroup`

use std::collections::BTreeSet;

use platctl_engine::fields::Fact::{Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{new_tags, sync_tags, tags_of};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, SubnetId, unless_same};

/// A DB subnet group, which contains the subnets that a database can use.
#[derive(Debug)]
pub struct DbSubnetGroup;

/// A DB subnet group, which contains the subnets that a database can use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the DB subnet group, in lower case. Must be unique within the account and region. Up to
    /// 255 characters; must not be `default`.
    pub db_subnet_group_name: String,
    /// A description of the DB subnet group.
    pub db_subnet_group_description: String,
    /// The IDs of the subnets. They must belong to one VPC and be in at least two availability zones.
    pub subnet_ids: S::In<BTreeSet<SubnetId>>,
    /// Tags to assign to the DB subnet group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the DB subnet group that other resources can reference.
    DbSubnetGroup {
        /// The name of the DB subnet group.
        DB_SUBNET_GROUP_NAME: db_subnet_group_name: String,
        /// The Amazon Resource Name (ARN) of the DB subnet group.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DbSubnetGroup>>> {
    let call = cloud
        .rds
        .describe_db_subnet_groups()
        .db_subnet_group_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(group) = answer.db_subnet_groups().first() else {
        return Ok(None);
    };
    let arn = group.db_subnet_group_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let subnets = group
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_identifier());
    let spec = Spec {
        db_subnet_group_name: id.to_string(),
        db_subnet_group_description: group
            .db_subnet_group_description()
            .unwrap_or_default()
            .to_owned(),
        subnet_ids: subnets.map(SubnetId::from).collect(),
        tags,
    };
    let outputs = Outputs {
        db_subnet_group_name: id.to_string(),
        arn: arn.into(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

impl Kind for DbSubnetGroup {
    const NAME: &'static str = "rds.DbSubnetGroup";
    const FIELDS: &'static Table = &[
        ("/db_subnet_group_name", &[Immutable, Name]),
        ("/subnet_ids", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
        create: &[
            "rds:CreateDBSubnetGroup",
            "rds:AddTagsToResource",
            "iam:CreateServiceLinkedRole",
        ],
        update: &[
            "rds:ModifyDBSubnetGroup",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteDBSubnetGroup"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            db_subnet_group_name: "example".into(),
            db_subnet_group_description: "The database subnets".into(),
            subnet_ids: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
                .map(SubnetId::from)
                .into(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/db_subnet_group_name", json!("example-2")),
            ("/db_subnet_group_description", json!("Other subnets")),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.db_subnet_group_name;
        if name.is_empty()
            || name.len() > 255
            || name == "default"
            || !name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b" ._-".contains(&b))
        {
            return Err(SpecError::new(
                "/db_subnet_group_name",
                "must have 1 to 255 lower-case letters, digits, spaces and any of ._-, and must not be `default`",
            ));
        }
        if spec.subnet_ids.len() < 2 {
            return Err(SpecError::new(
                "/subnet_ids",
                "requires subnets in at least two availability zones",
            ));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.db_subnet_group_name, &desired.db_subnet_group_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.db_subnet_group_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(&spec.db_subnet_group_name)
            .db_subnet_group_description(&spec.db_subnet_group_description)
            .set_subnet_ids(Some(
                spec.subnet_ids.iter().map(ToString::to_string).collect(),
            ))
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.db_subnet_group_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/subnet_ids") || changes.touch("/db_subnet_group_description") {
            let call = cloud
                .rds
                .modify_db_subnet_group()
                .db_subnet_group_name(live.id.as_str())
                .db_subnet_group_description(&spec.db_subnet_group_description)
                .set_subnet_ids(Some(
                    spec.subnet_ids.iter().map(ToString::to_string).collect(),
                ));
            call.send().ask().await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .rds
            .delete_db_subnet_group()
            .db_subnet_group_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
