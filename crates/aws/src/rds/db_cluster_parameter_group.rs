//! `rds.DbClusterParameterGroup`

use std::collections::BTreeSet;

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Declared, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::parameters::{self, AT_ONCE, Parameters, dynamic, named, parameter, set_by_user};
use super::parameters_offered::vet_cluster;
use super::{check_group_name, new_tags, sync_tags, tags_of};
use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::Tags;
use crate::types::{Arn, unless_same};

/// A DB cluster parameter group, which configures all instances of an Aurora DB cluster.
#[derive(Debug)]
pub struct DbClusterParameterGroup;

/// A DB cluster parameter group, which configures all instances of an Aurora DB cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the DB cluster parameter group, in lower case. Must be unique within the account and
    /// region.
    pub db_cluster_parameter_group_name: String,
    /// The DB parameter group family, which is the engine and its major version, such as
    /// `aurora-postgresql16`.
    pub db_parameter_group_family: String,
    /// A description of the DB cluster parameter group. Cannot be changed.
    pub description: String,
    /// The parameters whose values differ from the defaults of the engine. All values are strings.
    #[serde(default)]
    pub parameters: Parameters,
    /// Tags to assign to the DB cluster parameter group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[serde(skip)]
    #[doc(hidden)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the DB cluster parameter group that other resources can reference.
    DbClusterParameterGroup {
        /// The name of the DB cluster parameter group.
        DB_CLUSTER_PARAMETER_GROUP_NAME: db_cluster_parameter_group_name: String,
        /// The Amazon Resource Name (ARN) of the DB cluster parameter group.
        ARN: arn: Arn,
    }
}

async fn values(cloud: &Cloud, name: &str) -> CloudResult<Parameters> {
    let pages = cloud
        .rds
        .describe_db_cluster_parameters()
        .db_cluster_parameter_group_name(name)
        .source("user")
        .into_paginator();
    let parameters: Result<Vec<_>, _> = pages.items().send().collect().await;
    Ok(set_by_user(&parameters.asked()?))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DbClusterParameterGroup>>> {
    let call = cloud
        .rds
        .describe_db_cluster_parameter_groups()
        .db_cluster_parameter_group_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(group) = answer.db_cluster_parameter_groups().first() else {
        return Ok(None);
    };
    let arn = group.db_cluster_parameter_group_arn().unwrap_or_default();
    let ((tags, owner), parameters) =
        futures::try_join!(tags_of(cloud, arn), values(cloud, id.as_str()))?;
    let spec = Spec {
        db_cluster_parameter_group_name: id.to_string(),
        db_parameter_group_family: group
            .db_parameter_group_family()
            .unwrap_or_default()
            .to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
        parameters,
        tags,
        stage: std::marker::PhantomData,
    };
    let outputs = Outputs {
        db_cluster_parameter_group_name: id.to_string(),
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

/// Which of these parameters take effect at once.
async fn dynamic_of(
    cloud: &Cloud,
    group: &str,
    names: &[&String],
) -> CloudResult<BTreeSet<String>> {
    let call = cloud
        .rds
        .describe_db_cluster_parameters()
        .db_cluster_parameter_group_name(group)
        .filters(named(names));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    Ok(dynamic(&found.asked()?))
}

async fn set(cloud: &Cloud, group: &str, values: Parameters) -> CloudResult<()> {
    let names: Vec<&String> = values.keys().collect();
    for names in names.chunks(AT_ONCE) {
        let dynamic = dynamic_of(cloud, group, names).await?;
        let value = |name: &&String| {
            parameter(
                name,
                values.get(*name).map(String::as_str),
                dynamic.contains(*name),
            )
        };
        let call = cloud
            .rds
            .modify_db_cluster_parameter_group()
            .db_cluster_parameter_group_name(group);
        call.set_parameters(Some(names.iter().map(value).collect()))
            .send()
            .ask()
            .await?;
    }
    Ok(())
}

async fn reset(cloud: &Cloud, group: &str, names: Vec<String>) -> CloudResult<()> {
    let names: Vec<&String> = names.iter().collect();
    for names in names.chunks(AT_ONCE) {
        let dynamic = dynamic_of(cloud, group, names).await?;
        let default = |name: &&String| parameter(name, None, dynamic.contains(*name));
        let call = cloud
            .rds
            .reset_db_cluster_parameter_group()
            .db_cluster_parameter_group_name(group);
        call.set_parameters(Some(names.iter().map(default).collect()))
            .send()
            .ask()
            .await?;
    }
    Ok(())
}

impl Kind for DbClusterParameterGroup {
    const NAME: &'static str = "rds.DbClusterParameterGroup";
    const FIELDS: &'static Table = &[
        ("/db_cluster_parameter_group_name", &[Immutable, Name]),
        ("/db_parameter_group_family", &[Immutable]),
        ("/description", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "rds:DescribeDBClusterParameterGroups",
            "rds:DescribeDBClusterParameters",
            "rds:DescribeEngineDefaultClusterParameters",
            "rds:ListTagsForResource",
        ],
        create: &["rds:CreateDBClusterParameterGroup", "rds:AddTagsToResource"],
        update: &[
            "rds:ModifyDBClusterParameterGroup",
            "rds:ResetDBClusterParameterGroup",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteDBClusterParameterGroup"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            db_cluster_parameter_group_name: "example-parameters-cluster".into(),
            db_parameter_group_family: "aurora-postgresql16".into(),
            description: "Parameters".into(),
            parameters: Parameters::from([("log_min_duration_statement".into(), "1000".into())]),
            tags: Tags::from([("team".into(), "platform".into())]),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/db_cluster_parameter_group_name",
                json!("example-parameters-cluster-2"),
            ),
            ("/description", json!("Other parameters")),
            (
                "/parameters",
                json!({"log_min_duration_statement": "500", "log_statement": "ddl"}),
            ),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_group_name(
            "/db_cluster_parameter_group_name",
            &spec.db_cluster_parameter_group_name,
        )?;
        parameters::check(&spec.parameters)
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.db_cluster_parameter_group_name,
            &desired.db_cluster_parameter_group_name,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.db_cluster_parameter_group_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .rds
            .create_db_cluster_parameter_group()
            .db_cluster_parameter_group_name(&spec.db_cluster_parameter_group_name)
            .db_parameter_group_family(&spec.db_parameter_group_family)
            .description(&spec.description)
            .set_tags(new_tags(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.db_cluster_parameter_group_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (changed, dropped) =
            parameters::edits(changes, &spec.parameters, &live.spec.parameters);
        set(cloud, live.id.as_str(), changed).await?;
        reset(cloud, live.id.as_str(), dropped).await?;
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn vet(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        if !changes.touch("/parameters") {
            return Ok(Vec::new());
        }
        vet_cluster(cloud, &spec.db_parameter_group_family, &spec.parameters).await
    }

    async fn vet_new(cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        vet_cluster(cloud, &spec.db_parameter_group_family, &spec.parameters).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .rds
            .delete_db_cluster_parameter_group()
            .db_cluster_parameter_group_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
