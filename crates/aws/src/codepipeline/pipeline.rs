//! `codepipeline.Pipeline`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_codepipeline::types::Tag;
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{kept, structure};
use crate::Cloud;
use crate::errors::{Ask, Asked, invalid};
use crate::tags::{Tags, claimed, edits, split};
use crate::types::{Arn, unless_same};

/// A CodePipeline pipeline.
#[derive(Debug)]
pub struct Pipeline;

/// The S3 bucket in which the artifacts of a pipeline are stored.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct ArtifactStore<S: Stage = Resolved> {
    /// The name of the S3 bucket.
    pub location: S::In<String>,
    /// The ARN of the KMS key that encrypts the artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<S::In<Arn>>,
}

/// An action of a pipeline stage.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Action<S: Stage = Resolved> {
    /// The name of the action. Must be unique within the stage.
    pub name: String,
    /// The category of the action: `Source`, `Build`, `Test`, `Deploy`, `Approval` or `Invoke`.
    pub category: String,
    /// The creator of the action type: `AWS`, `ThirdParty` or `Custom`.
    pub owner: String,
    /// The provider of the action type: `CodeCommit`, `CodeBuild`, `Manual`, …
    pub provider: String,
    /// The version of the action type, such as `1`.
    pub version: String,
    /// The order in which actions run. Actions with the same number run in parallel. Default: 1.
    #[serde(default = "one")]
    pub run_order: i32,
    /// The namespace of the action's output variables, which are referenced as `#{NAMESPACE.NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The ARN of the IAM role that the action uses instead of the pipeline's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<S::In<Arn>>,
    /// The configuration of the action, as the documentation of its action type defines it. Must not contain
    /// secrets, because AWS shows it in plain text.
    pub configuration: S::In<BTreeMap<String, String>>,
    /// The names of the input artifacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_artifacts: Vec<String>,
    /// The names of the output artifacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_artifacts: Vec<String>,
}

const fn one() -> i32 {
    1
}

/// A stage of a pipeline.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct StageSpec<S: Stage = Resolved> {
    /// The name of the stage. Must be unique within the pipeline.
    pub name: String,
    /// The actions of the stage.
    pub actions: Vec<Action<S>>,
}

/// Patterns that include and exclude names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The patterns to include.
    #[serde(default)]
    pub includes: Vec<String>,
    /// The patterns to exclude.
    #[serde(default)]
    pub excludes: Vec<String>,
}

/// A filter for the Git pushes that start the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The branches of the pushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Filter>,
    /// The file paths that the pushes change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_paths: Option<Filter>,
}

/// A trigger, which starts the pipeline on changes in a source outside AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The name of the source action to which the trigger applies.
    pub source_action_name: String,
    /// The filters for Git pushes.
    pub push: Vec<Push>,
}

/// A CodePipeline pipeline.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the pipeline. Must be unique within the account and region.
    pub name: String,
    /// The pipeline type. Default: `V2`.
    #[serde(default = "v2")]
    pub pipeline_type: String,
    /// How new executions are handled while another one is in progress: `SUPERSEDED`, `QUEUED` or `PARALLEL`.
    /// Default: `SUPERSEDED`.
    #[serde(default = "superseded")]
    pub execution_mode: String,
    /// The ARN of the IAM role that CodePipeline uses.
    pub role_arn: S::In<Arn>,
    /// The S3 bucket in which artifacts are stored.
    pub artifact_store: ArtifactStore<S>,
    /// The stages of the pipeline, in order. At least two; the first one contains the source actions, and
    /// only source actions.
    pub stages: Vec<StageSpec<S>>,
    /// The triggers for sources outside AWS. If omitted, they are not managed. Triggers for tags and pull requests
    /// are not managed and stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// Tags to assign to the pipeline.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn v2() -> String {
    "V2".to_owned()
}

fn superseded() -> String {
    "SUPERSEDED".to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the pipeline that other resources can reference.
    Pipeline {
        /// The name of the pipeline.
        NAME: name: String,
        /// The Amazon Resource Name (ARN) of the pipeline.
        ARN: arn: Arn,
    }
    and unmanaged
}

fn new_tags(tags: Tags, operation: &str) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(|e| invalid(operation, &e))
    };
    tags.into_iter().map(tag).collect()
}

async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let pages = cloud
        .codepipeline
        .list_tags_for_resource()
        .resource_arn(arn)
        .into_paginator()
        .items()
        .send();
    let tags: Result<Vec<_>, _> = pages.collect().await;
    let tags = tags.asked()?;
    Ok(split(
        tags.iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    ))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Pipeline>>> {
    let call = cloud.codepipeline.get_pipeline().name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(found) = answer.pipeline() else {
        return Ok(None);
    };
    let arn = answer
        .metadata()
        .and_then(|metadata| metadata.pipeline_arn())
        .unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        name: id.to_string(),
        pipeline_type: found
            .pipeline_type()
            .map_or_else(|| "V1".to_owned(), |kind| kind.as_str().to_owned()),
        execution_mode: found
            .execution_mode()
            .map_or_else(superseded, |mode| mode.as_str().to_owned()),
        role_arn: found.role_arn().into(),
        artifact_store: structure::store_of(found, &cloud.region),
        stages: found.stages().iter().map(structure::stage_of).collect(),
        triggers: found
            .triggers()
            .iter()
            .filter_map(structure::trigger_of)
            .collect(),
        tags,
    };
    let unmanaged = kept::unmanaged(found, &cloud.region);
    let outputs = Outputs {
        name: id.to_string(),
        arn: arn.into(),
        unmanaged,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// AWS takes the structure as a whole: it is sent as it is now, but for what changes.
async fn restructure(
    cloud: &Cloud,
    live: &Live<Pipeline>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let operation = "codepipeline:UpdatePipeline";
    let now = cloud
        .codepipeline
        .get_pipeline()
        .name(live.id.as_str())
        .send()
        .ask()
        .await?
        .pipeline;
    let now = now.ok_or_else(|| {
        CloudError::new(Class::NotFound, operation, format!("{} is gone", live.id))
    })?;
    let call = cloud.codepipeline.update_pipeline();
    let call = call.pipeline(kept::over(now, spec, changes, &cloud.region)?);
    call.send().ask().await.map(drop)
}

impl Kind for Pipeline {
    const NAME: &'static str = "codepipeline.Pipeline";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "codepipeline:GetPipeline",
            "codepipeline:ListTagsForResource",
        ],
        // A connection created before 2024 has the earlier prefix in its ARN, and needs the permission of that name.
        create: &[
            "codepipeline:CreatePipeline",
            "codepipeline:TagResource",
            "codeconnections:PassConnection",
            "codestar-connections:PassConnection",
            "iam:PassRole",
        ],
        update: &[
            "codepipeline:GetPipeline",
            "codepipeline:UpdatePipeline",
            "codepipeline:TagResource",
            "codepipeline:UntagResource",
            "codeconnections:PassConnection",
            "codestar-connections:PassConnection",
            "iam:PassRole",
        ],
        delete: &["codepipeline:DeletePipeline"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        let pairs = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            list.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let action = |name: &str, category: &str, provider: &str| Action {
            name: name.into(),
            category: category.into(),
            owner: "AWS".into(),
            provider: provider.into(),
            version: "1".into(),
            run_order: 1,
            namespace: None,
            role_arn: None,
            configuration: BTreeMap::new(),
            input_artifacts: Vec::new(),
            output_artifacts: Vec::new(),
        };
        let source = Action {
            configuration: pairs(&[
                ("RepositoryName", "backend"),
                ("BranchName", "develop"),
                ("PollForSourceChanges", "false"),
            ]),
            output_artifacts: vec!["source".into()],
            ..action("Source", "Source", "CodeCommit")
        };
        let approve = Action {
            configuration: pairs(&[("CustomData", "Release?")]),
            ..action("Approve", "Approval", "Manual")
        };
        Spec {
            name: "example".into(),
            pipeline_type: v2(),
            execution_mode: "QUEUED".into(),
            role_arn: "arn:aws:iam::123456789012:role/services-example".into(),
            artifact_store: ArtifactStore {
                location: "example-artifacts".into(),
                encryption_key: Some(
                    "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                        .into(),
                ),
            },
            stages: vec![
                StageSpec {
                    name: "Source".into(),
                    actions: vec![source],
                },
                StageSpec {
                    name: "Approve".into(),
                    actions: vec![approve],
                },
            ],
            triggers: Vec::new(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/execution_mode", json!("SUPERSEDED")),
            (
                "/role_arn",
                json!("arn:aws:iam::123456789012:role/others-example"),
            ),
            (
                "/stages/0/actions/0/configuration/BranchName",
                json!("staging"),
            ),
            ("/stages/1/name", json!("Decide")),
            ("/tags/team", json!("data")),
            ("/name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b".@_-".contains(&b);
        if !(1..=100).contains(&spec.name.len()) || !spec.name.bytes().all(sound) {
            return Err(SpecError::new(
                "/name",
                "must have 1 to 100 letters, digits and any of .@_-",
            ));
        }
        if spec.stages.len() < 2 {
            return Err(SpecError::new("/stages", "must have at least two entries"));
        }
        let mut made = BTreeSet::new();
        for (number, stage) in spec.stages.iter().enumerate() {
            let source = stage
                .actions
                .iter()
                .all(|action| action.category == "Source");
            if (number == 0) != source {
                return Err(SpecError::new(
                    format!("/stages/{number}"),
                    "must contain sources if and only if it is the first stage",
                ));
            }
            for (at, action) in stage.actions.iter().enumerate() {
                if let Some(missing) = action
                    .input_artifacts
                    .iter()
                    .find(|name| !made.contains(*name))
                {
                    let path = format!("/stages/{number}/actions/{at}/input_artifacts");
                    return Err(SpecError::new(
                        path,
                        format!("uses the artifact `{missing}`, which no earlier action produces"),
                    ));
                }
            }
            made.extend(
                stage
                    .actions
                    .iter()
                    .flat_map(|action| action.output_artifacts.clone()),
            );
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "codepipeline:CreatePipeline";
        let call = cloud
            .codepipeline
            .create_pipeline()
            .pipeline(structure::declaration(spec)?)
            .set_tags(Some(new_tags(
                claimed(&spec.tags, &claim.owner),
                operation,
            )?));
        call.send().ask().await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        // Every update is a new version, so only a different structure is sent.
        if changes
            .iter()
            .any(|change| !change.path.starts_with("/tags") && change.path != Changes::OWNER)
        {
            restructure(cloud, live, spec, changes).await?;
        }
        let (arn, edits) = (live.outputs.arn.as_str(), edits(changes, owner));
        if !edits.set.is_empty() {
            let tags = new_tags(edits.set, "codepipeline:TagResource")?;
            let call = cloud
                .codepipeline
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            call.send().ask().await?;
        }
        if !edits.remove.is_empty() {
            let call = cloud
                .codepipeline
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(edits.remove));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.codepipeline.delete_pipeline().name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
