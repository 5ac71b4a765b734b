//! `elasticache.SubnetGroup`

use std::collections::BTreeSet;

use platctl_engine::fields::Fact::{Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CacheTags, check_name, tags_from};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::{Arn, SubnetId, unless_same};

/// A cache subnet group, which contains the subnets that a cache can use.
#[derive(Debug)]
pub struct SubnetGroup;

/// A cache subnet group, which contains the subnets that a cache can use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cache subnet group, in lower case. Must be unique within the account and region. Must not
    /// be `default`.
    pub cache_subnet_group_name: String,
    /// A description of the cache subnet group.
    pub cache_subnet_group_description: String,
    /// The IDs of the subnets. They must belong to one VPC.
    pub subnet_ids: S::In<BTreeSet<SubnetId>>,
    /// Tags to assign to the cache subnet group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the cache subnet group that other resources can reference.
    SubnetGroup {
        /// The name of the cache subnet group.
        CACHE_SUBNET_GROUP_NAME: cache_subnet_group_name: String,
        /// The Amazon Resource Name (ARN) of the cache subnet group.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<SubnetGroup>>> {
    let call = cloud
        .elasticache
        .describe_cache_subnet_groups()
        .cache_subnet_group_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(group) = answer.cache_subnet_groups().first() else {
        return Ok(None);
    };
    let arn = group.arn().unwrap_or_default();
    let (tags, owner) = owned::<CacheTags>(cloud, arn).await?;
    let subnets = group.subnets().iter();
    let description = group.cache_subnet_group_description();
    let spec = Spec {
        cache_subnet_group_name: id.to_string(),
        cache_subnet_group_description: description.unwrap_or_default().to_owned(),
        subnet_ids: subnets
            .filter_map(|subnet| subnet.subnet_identifier())
            .map(SubnetId::from)
            .collect(),
        tags,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs: Outputs {
            cache_subnet_group_name: id.to_string(),
            arn: arn.into(),
        },
        owner,
        phase: Phase::Ready,
    }))
}

fn ids(spec: &Spec) -> Option<Vec<String>> {
    Some(spec.subnet_ids.iter().map(ToString::to_string).collect())
}

impl Kind for SubnetGroup {
    const NAME: &'static str = "elasticache.SubnetGroup";
    const FIELDS: &'static Table = &[
        ("/cache_subnet_group_name", &[Immutable, Name]),
        ("/subnet_ids", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticache:DescribeCacheSubnetGroups",
            "elasticache:ListTagsForResource",
        ],
        create: &[
            "elasticache:CreateCacheSubnetGroup",
            "elasticache:AddTagsToResource",
        ],
        update: &[
            "elasticache:ModifyCacheSubnetGroup",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        delete: &[
            "elasticache:DeleteCacheSubnetGroup",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cache_subnet_group_name: "example".into(),
            cache_subnet_group_description: "The subnets of the cache".into(),
            subnet_ids: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
                .map(SubnetId::from)
                .into(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/cache_subnet_group_name", json!("example-2")),
            ("/cache_subnet_group_description", json!("Other subnets")),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.cache_subnet_group_name;
        check_name("/cache_subnet_group_name", name, 255)?;
        if name == "default" {
            return Err(SpecError::new(
                "/cache_subnet_group_name",
                "must not be `default`: AWS uses this name",
            ));
        }
        if spec.subnet_ids.is_empty() {
            return Err(SpecError::new("/subnet_ids", "requires a subnet"));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.cache_subnet_group_name,
            &desired.cache_subnet_group_name,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.cache_subnet_group_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .elasticache
            .create_cache_subnet_group()
            .cache_subnet_group_name(&spec.cache_subnet_group_name)
            .cache_subnet_group_description(&spec.cache_subnet_group_description)
            .set_subnet_ids(ids(spec))
            .set_tags(Some(tags_from(claimed(&spec.tags, &claim.owner))));
        call.send().ask().await?;
        Ok(Id::from(spec.cache_subnet_group_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/subnet_ids") || changes.touch("/cache_subnet_group_description") {
            let call = cloud
                .elasticache
                .modify_cache_subnet_group()
                .cache_subnet_group_name(live.id.as_str())
                .cache_subnet_group_description(&spec.cache_subnet_group_description)
                .set_subnet_ids(ids(spec));
            call.send().ask().await?;
        }
        let arn = live.outputs.arn.as_str();
        sync::<CacheTags>(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .elasticache
            .delete_cache_subnet_group()
            .cache_subnet_group_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
