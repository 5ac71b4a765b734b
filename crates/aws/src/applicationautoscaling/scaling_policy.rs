//! `applicationautoscaling.ScalingPolicy`: target tracking.

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::scalable_target::parts;
use crate::Cloud;
use crate::errors::Ask;
use crate::types::Arn;

/// A target tracking scaling policy of Application Auto Scaling.
#[derive(Debug)]
pub struct ScalingPolicy;

/// A target tracking scaling policy, which keeps a metric at a target value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetTracking {
    /// The predefined metric to track: `RDSReaderAverageCPUUtilization` or
    /// `RDSReaderAverageDatabaseConnections`.
    pub predefined_metric_type: String,
    /// The target value of the metric.
    pub target_value: f64,
    /// The cooldown after a scale-out activity, in seconds. Default: 300.
    #[serde(default = "cooldown")]
    pub scale_out_cooldown: i32,
    /// The cooldown after a scale-in activity, in seconds. Default: 300.
    #[serde(default = "cooldown")]
    pub scale_in_cooldown: i32,
}

const fn cooldown() -> i32 {
    300
}

/// A target tracking scaling policy of Application Auto Scaling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the scaling policy. Must be unique for the scalable target.
    pub policy_name: String,
    /// The namespace of the AWS service of the scalable target: `rds`.
    pub service_namespace: String,
    /// The identifier of the resource to scale, such as `cluster:NAME`.
    pub resource_id: S::In<String>,
    /// The dimension of the resource to scale, such as `rds:cluster:ReadReplicaCount`.
    pub scalable_dimension: String,
    /// The metric to track and its target value.
    pub target_tracking: TargetTracking,
}

platctl_engine::outputs! {
    /// Attributes of the scaling policy that other resources can reference.
    ScalingPolicy {
        /// The Amazon Resource Name (ARN) of the scaling policy.
        ARN: arn: Arn,
    }
}

fn id_of(spec: &Spec) -> Id {
    let Spec { service_namespace, scalable_dimension, resource_id, policy_name, .. } = spec;
    Id::from(format!("{service_namespace}|{scalable_dimension}|{resource_id}|{policy_name}"))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ScalingPolicy>>> {
    let (namespace, dimension, rest) = parts(id);
    let (resource, name) = rest.rsplit_once('|').unwrap_or((rest, ""));
    let call = cloud
        .autoscaling
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::from(namespace))
        .scalable_dimension(ScalableDimension::from(dimension))
        .resource_id(resource)
        .policy_names(name);
    let answer = call.send().ask().await?;
    let policy = answer.scaling_policies().iter().find(|policy| policy.policy_name() == name);
    let Some(policy) = policy else { return Ok(None) };
    let Some(tracking) = policy.target_tracking_scaling_policy_configuration() else { return Ok(None) };
    let metric =
        tracking.predefined_metric_specification().map(|metric| metric.predefined_metric_type().as_str());
    let spec = Spec {
        policy_name: name.to_owned(),
        service_namespace: namespace.to_owned(),
        resource_id: resource.to_owned(),
        scalable_dimension: dimension.to_owned(),
        target_tracking: TargetTracking {
            predefined_metric_type: metric.unwrap_or_default().to_owned(),
            target_value: tracking.target_value(),
            scale_out_cooldown: tracking.scale_out_cooldown().unwrap_or(cooldown()),
            scale_in_cooldown: tracking.scale_in_cooldown().unwrap_or(cooldown()),
        },
    };
    let outputs = Outputs { arn: policy.policy_arn().into() };
    Ok(Some(Live { id: id.clone(), spec, outputs, owner: None, phase: Phase::Ready }))
}

async fn put(cloud: &Cloud, spec: &Spec) -> CloudResult<()> {
    let operation = "application-autoscaling:PutScalingPolicy";
    let invalid = |error: aws_smithy_types::error::operation::BuildError| {
        CloudError::new(Class::Invalid, operation, error.to_string())
    };
    let tracking = &spec.target_tracking;
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::from(tracking.predefined_metric_type.as_str()))
        .build()
        .map_err(invalid)?;
    let tracking = TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(tracking.target_value)
        .predefined_metric_specification(metric)
        .scale_out_cooldown(tracking.scale_out_cooldown)
        .scale_in_cooldown(tracking.scale_in_cooldown)
        .build()
        .map_err(invalid)?;
    let call = cloud
        .autoscaling
        .put_scaling_policy()
        .policy_name(&spec.policy_name)
        .service_namespace(ServiceNamespace::from(spec.service_namespace.as_str()))
        .resource_id(&spec.resource_id)
        .scalable_dimension(ScalableDimension::from(spec.scalable_dimension.as_str()))
        .policy_type(PolicyType::TargetTrackingScaling)
        .target_tracking_scaling_policy_configuration(tracking);
    call.send().ask().await.map(drop)
}

impl Kind for ScalingPolicy {
    const NAME: &'static str = "applicationautoscaling.ScalingPolicy";
    const REPLACE_ON: &'static [&'static str] =
        &["/policy_name", "/service_namespace", "/resource_id", "/scalable_dimension"];
    // All of them together are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const SHARED_MAPS: &'static [&'static str] = &[];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const HOME: &'static [&'static str] = &["/resource_id"];
    const PERMISSIONS: Permissions = Permissions {
        read: &["application-autoscaling:DescribeScalingPolicies"],
        create: &[
            "application-autoscaling:PutScalingPolicy",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
        ],
        update: &[
            "application-autoscaling:PutScalingPolicy",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
        ],
        delete: &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            policy_name: "example".into(),
            service_namespace: "rds".into(),
            resource_id: "example-scalable-target".into(),
            scalable_dimension: "rds:cluster:ReadReplicaCount".into(),
            target_tracking: TargetTracking {
                predefined_metric_type: "RDSReaderAverageCPUUtilization".into(),
                target_value: 60.0,
                scale_out_cooldown: 300,
                scale_in_cooldown: 300,
            },
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/target_tracking/target_value", json!(70.0)),
            ("/target_tracking/scale_in_cooldown", json!(600)),
            ("/target_tracking/predefined_metric_type", json!("RDSReaderAverageDatabaseConnections")),
            ("/policy_name", json!("example-2")),
        ]
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        put(cloud, spec).await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        put(cloud, spec).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .autoscaling
            .delete_scaling_policy()
            .policy_name(&live.spec.policy_name)
            .service_namespace(ServiceNamespace::from(live.spec.service_namespace.as_str()))
            .resource_id(&live.spec.resource_id)
            .scalable_dimension(ScalableDimension::from(live.spec.scalable_dimension.as_str()));
        call.send().ask().await.map(drop)
    }
}
