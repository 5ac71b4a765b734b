//! `applicationautoscaling.ScalableTarget`

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, edits, split};
use crate::types::Arn;

/// A target that Application Auto Scaling can scale.
#[derive(Debug)]
pub struct ScalableTarget;

/// A target that Application Auto Scaling can scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The namespace of the AWS service that provides the resource: `rds`.
    pub service_namespace: String,
    /// The identifier of the resource to scale, such as `cluster:NAME`.
    pub resource_id: S::In<String>,
    /// The dimension of the resource to scale, such as `rds:cluster:ReadReplicaCount`.
    pub scalable_dimension: String,
    /// The minimum capacity. At least 0.
    pub min_capacity: i32,
    /// The maximum capacity. Must not be less than `min_capacity`.
    pub max_capacity: i32,
    /// Tags to assign to the scalable target.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the scalable target that other resources can reference.
    ScalableTarget {
        /// The identifier of the resource to scale.
        RESOURCE_ID: resource_id: String,
        /// The Amazon Resource Name (ARN) of the scalable target.
        ARN: arn: Arn,
    }
}

/// Namespace, dimension and resource: nothing else tells targets apart.
pub(super) fn id_of(namespace: &str, dimension: &str, resource: &str) -> Id {
    Id::from(format!("{namespace}|{dimension}|{resource}"))
}

/// The parts of such an id.
pub(super) fn parts(id: &Id) -> (&str, &str, &str) {
    let mut parts = id.as_str().splitn(3, '|');
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ScalableTarget>>> {
    let (namespace, dimension, resource) = parts(id);
    let call = cloud
        .autoscaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::from(namespace))
        .scalable_dimension(ScalableDimension::from(dimension))
        .resource_ids(resource);
    let answer = call.send().ask().await?;
    let Some(target) = answer.scalable_targets().first() else {
        return Ok(None);
    };
    let arn = target.scalable_target_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        service_namespace: namespace.to_owned(),
        resource_id: resource.to_owned(),
        scalable_dimension: dimension.to_owned(),
        min_capacity: target.min_capacity(),
        max_capacity: target.max_capacity(),
        tags,
    };
    let outputs = Outputs {
        resource_id: resource.to_owned(),
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

async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let call = cloud.autoscaling.list_tags_for_resource().resource_arn(arn);
    let answer = call.send().ask().await?;
    Ok(split(answer.tags.unwrap_or_default()))
}

async fn register(cloud: &Cloud, spec: &Spec, tags: Option<Tags>) -> CloudResult<()> {
    let call = cloud
        .autoscaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::from(spec.service_namespace.as_str()))
        .resource_id(&spec.resource_id)
        .scalable_dimension(ScalableDimension::from(spec.scalable_dimension.as_str()))
        .min_capacity(spec.min_capacity)
        .max_capacity(spec.max_capacity)
        .set_tags(tags.map(|tags| tags.into_iter().collect()));
    call.send().ask().await.map(drop)
}

impl Kind for ScalableTarget {
    const NAME: &'static str = "applicationautoscaling.ScalableTarget";
    const FIELDS: &'static Table = &[
        ("/service_namespace", &[Immutable]),
        ("/resource_id", &[Immutable]),
        ("/scalable_dimension", &[Immutable]),
    ];
    // All of them together are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:ListTagsForResource",
        ],
        create: &[
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:TagResource",
            "iam:CreateServiceLinkedRole",
            "rds:DescribeDBClusters",
        ],
        update: &[
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:TagResource",
            "application-autoscaling:UntagResource",
        ],
        delete: &["application-autoscaling:DeregisterScalableTarget"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            service_namespace: "rds".into(),
            resource_id: "cluster:example-db-cluster".into(),
            scalable_dimension: "rds:cluster:ReadReplicaCount".into(),
            min_capacity: 1,
            max_capacity: 5,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/min_capacity", json!(2)),
            ("/max_capacity", json!(6)),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.min_capacity < 0 || spec.max_capacity < spec.min_capacity {
            return Err(SpecError::new(
                "/max_capacity",
                "must not be less than min_capacity, which must be at least 0",
            ));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(
            &spec.service_namespace,
            &spec.scalable_dimension,
            &spec.resource_id,
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        register(cloud, spec, Some(claimed(&spec.tags, &claim.owner))).await?;
        Ok(id_of(
            &spec.service_namespace,
            &spec.scalable_dimension,
            &spec.resource_id,
        ))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/min_capacity") || changes.touch("/max_capacity") {
            register(cloud, spec, None).await?;
        }
        let arn = live.outputs.arn.as_str();
        let edits = edits(changes, owner);
        if !edits.set.is_empty() {
            let call = cloud
                .autoscaling
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(edits.set.into_iter().collect()));
            call.send().ask().await?;
        }
        if !edits.remove.is_empty() {
            let call = cloud
                .autoscaling
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(edits.remove));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .autoscaling
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::from(live.spec.service_namespace.as_str()))
            .resource_id(&live.spec.resource_id)
            .scalable_dimension(ScalableDimension::from(
                live.spec.scalable_dimension.as_str(),
            ));
        call.send().ask().await.map(drop)
    }
}
