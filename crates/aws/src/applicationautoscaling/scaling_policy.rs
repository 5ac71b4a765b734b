//! `applicationautoscaling.ScalingPolicy`: target tracking.

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension,
    ScalingPolicy as SdkPolicy, ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};
use platctl_engine::fields::Fact::{Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::scalable_target::parts;
use crate::Cloud;
use crate::errors::Ask;
use crate::types::Arn;
use crate::unmanaged::settings;

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

/// The cooldown period, unless a policy states it.
pub const COOLDOWN_SECONDS: i32 = 300;

const fn cooldown() -> i32 {
    COOLDOWN_SECONDS
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
    and unmanaged
}

fn id_of(spec: &Spec) -> Id {
    let Spec {
        service_namespace,
        scalable_dimension,
        resource_id,
        policy_name,
        ..
    } = spec;
    Id::from(format!(
        "{service_namespace}|{scalable_dimension}|{resource_id}|{policy_name}"
    ))
}

/// The policy as AWS answers it.
async fn get(cloud: &Cloud, id: &Id) -> CloudResult<Option<SdkPolicy>> {
    let (namespace, dimension, rest) = parts(id);
    let (resource, name) = rest.rsplit_once('|').unwrap_or((rest, ""));
    let call = cloud
        .autoscaling
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::from(namespace))
        .scalable_dimension(ScalableDimension::from(dimension))
        .resource_id(resource)
        .policy_names(name);
    let found = call
        .send()
        .ask()
        .await?
        .scaling_policies
        .unwrap_or_default();
    Ok(found
        .into_iter()
        .find(|policy| policy.policy_name() == name))
}

fn live(id: &Id, policy: &SdkPolicy) -> Option<Live<ScalingPolicy>> {
    let tracking = policy.target_tracking_scaling_policy_configuration()?;
    let metric = tracking
        .predefined_metric_specification()
        .map(|metric| metric.predefined_metric_type().as_str());
    let spec = Spec {
        policy_name: policy.policy_name().to_owned(),
        service_namespace: policy.service_namespace().as_str().to_owned(),
        resource_id: policy.resource_id().to_owned(),
        scalable_dimension: policy.scalable_dimension().as_str().to_owned(),
        target_tracking: TargetTracking {
            predefined_metric_type: metric.unwrap_or_default().to_owned(),
            target_value: tracking.target_value(),
            scale_out_cooldown: tracking.scale_out_cooldown().unwrap_or(cooldown()),
            scale_in_cooldown: tracking.scale_in_cooldown().unwrap_or(cooldown()),
        },
    };
    let outputs = Outputs {
        arn: policy.policy_arn().into(),
        unmanaged: unmanaged(tracking),
    };
    Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    })
}

/// What is set on a policy and cannot be said in a spec.
fn unmanaged(tracking: &TargetTrackingScalingPolicyConfiguration) -> Vec<String> {
    let label = tracking
        .predefined_metric_specification()
        .and_then(|metric| metric.resource_label());
    settings([
        (
            "scale-in disabled",
            tracking.disable_scale_in() == Some(true),
        ),
        (
            "customized metric",
            tracking.customized_metric_specification().is_some(),
        ),
        ("resource label of the metric", label.is_some()),
    ])
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ScalingPolicy>>> {
    Ok(get(cloud, id).await?.and_then(|policy| live(id, &policy)))
}

const PUT: &str = "application-autoscaling:PutScalingPolicy";

fn configuration(stated: &TargetTracking) -> CloudResult<TargetTrackingScalingPolicyConfiguration> {
    let invalid = |error: aws_smithy_types::error::operation::BuildError| {
        CloudError::new(Class::Invalid, PUT, error.to_string())
    };
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::from(stated.predefined_metric_type.as_str()))
        .build()
        .map_err(invalid)?;
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(stated.target_value)
        .predefined_metric_specification(metric)
        .scale_out_cooldown(stated.scale_out_cooldown)
        .scale_in_cooldown(stated.scale_in_cooldown)
        .build()
        .map_err(invalid)
}

/// The configuration as it is, with what changes of it.
fn over(
    mut now: TargetTrackingScalingPolicyConfiguration,
    stated: &TargetTracking,
    changes: &Changes,
) -> CloudResult<TargetTrackingScalingPolicyConfiguration> {
    let new = configuration(stated)?;
    let touched = |field: &str| changes.touch(&format!("/target_tracking/{field}"));
    if touched("predefined_metric_type") {
        // A policy tracks one metric.
        now.predefined_metric_specification = new.predefined_metric_specification;
        now.customized_metric_specification = None;
    }
    if touched("target_value") {
        now.target_value = new.target_value;
    }
    if touched("scale_out_cooldown") {
        now.scale_out_cooldown = new.scale_out_cooldown;
    }
    if touched("scale_in_cooldown") {
        now.scale_in_cooldown = new.scale_in_cooldown;
    }
    Ok(now)
}

/// Writes the policy whole.
async fn put(
    cloud: &Cloud,
    spec: &Spec,
    tracking: TargetTrackingScalingPolicyConfiguration,
) -> CloudResult<()> {
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
    const FIELDS: &'static Table = &[
        ("/policy_name", &[Immutable]),
        ("/service_namespace", &[Immutable]),
        ("/resource_id", &[Immutable, Home]),
        ("/scalable_dimension", &[Immutable]),
    ];
    // All of them together are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["application-autoscaling:DescribeScalingPolicies"],
        create: &[
            "application-autoscaling:PutScalingPolicy",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
        ],
        update: &[
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:PutScalingPolicy",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
        ],
        delete: &[
            "application-autoscaling:DeleteScalingPolicy",
            "cloudwatch:DeleteAlarms",
        ],
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
            (
                "/target_tracking/predefined_metric_type",
                json!("RDSReaderAverageDatabaseConnections"),
            ),
            ("/policy_name", json!("example-2")),
        ]
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        put(cloud, spec, configuration(&spec.target_tracking)?).await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let now = get(cloud, &live.id).await?;
        let now = now.and_then(|policy| policy.target_tracking_scaling_policy_configuration);
        let now = now
            .ok_or_else(|| CloudError::new(Class::NotFound, PUT, format!("{} is gone", live.id)))?;
        put(cloud, spec, over(now, &spec.target_tracking, changes)?).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .autoscaling
            .delete_scaling_policy()
            .policy_name(&live.spec.policy_name)
            .service_namespace(ServiceNamespace::from(live.spec.service_namespace.as_str()))
            .resource_id(&live.spec.resource_id)
            .scalable_dimension(ScalableDimension::from(
                live.spec.scalable_dimension.as_str(),
            ));
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::changes;
    use aws_sdk_applicationautoscaling::types::CustomizedMetricSpecification;

    fn by_hand() -> TargetTrackingScalingPolicyConfiguration {
        let mut now = configuration(&ScalingPolicy::example().target_tracking).unwrap();
        let metric = CustomizedMetricSpecification::builder()
            .namespace("AWS/RDS")
            .metric_name("Load");
        now.predefined_metric_specification = None;
        now.customized_metric_specification = Some(metric.build());
        now.disable_scale_in = Some(true);
        now
    }

    #[test]
    fn a_policy_keeps_its_metric_and_that_it_never_scales_in() {
        let asked = changes(&[("/target_tracking/target_value", json!(60.0), json!(70.0))]);
        let stated = TargetTracking {
            target_value: 70.0,
            ..ScalingPolicy::example().target_tracking
        };
        let mut wanted = by_hand();
        wanted.target_value = 70.0;
        assert_eq!(over(by_hand(), &stated, &asked).unwrap(), wanted);
        assert_eq!(
            unmanaged(&wanted),
            ["scale-in disabled", "customized metric"]
        );
    }

    #[test]
    fn another_metric_takes_the_place_of_the_customized_one() {
        let path = "/target_tracking/predefined_metric_type";
        let asked = changes(&[(path, json!(""), json!("RDSReaderAverageCPUUtilization"))]);
        let sent = over(by_hand(), &ScalingPolicy::example().target_tracking, &asked).unwrap();
        assert_eq!(unmanaged(&sent), ["scale-in disabled"]);
        assert!(sent.predefined_metric_specification().is_some());
    }
}
