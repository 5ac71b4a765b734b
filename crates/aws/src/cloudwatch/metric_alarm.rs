//! `cloudwatch.MetricAlarm`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, MetricAlarm as Described, StandardUnit, Statistic,
};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{CloudWatchTags, tags_from};
use crate::Cloud;
use crate::bounded::each;
use crate::ec2::in_order;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, owned, sync};
use crate::text::any;
use crate::types::{Arn, unless_same};
use crate::unmanaged::{settings, some};

/// DescribeAlarms takes this many names.
const AT_ONCE: usize = 100;

/// A CloudWatch alarm on a single metric.
#[derive(Debug)]
pub struct MetricAlarm;

/// A CloudWatch alarm on a single metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the alarm. Must be unique within the account and region.
    pub alarm_name: String,
    /// A description of the alarm, for the people whom it alerts.
    #[serde(default)]
    pub alarm_description: String,
    /// The namespace of the metric, such as `AWS/RDS`.
    pub namespace: String,
    /// The name of the metric.
    pub metric_name: String,
    /// The dimensions of the metric, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<S::In<BTreeMap<String, String>>>,
    /// The statistic of the metric: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile
    /// such as `p99`.
    pub statistic: String,
    /// The length of the period over which the statistic is applied, in seconds: 10, 20, 30, or a multiple of
    /// 60.
    pub period: i32,
    /// The number of periods over which data is compared with the threshold.
    pub evaluation_periods: i32,
    /// The number of data points that must be breaching to trigger the alarm. Default: all of
    /// `evaluation_periods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<i32>,
    /// How the statistic is compared with the threshold: `GreaterThanThreshold`,
    /// `GreaterThanOrEqualToThreshold`, `LessThanThreshold` or `LessThanOrEqualToThreshold`.
    pub comparison_operator: String,
    /// The value with which the statistic is compared.
    pub threshold: f64,
    /// How the alarm treats missing data points: `missing`, `breaching`, `notBreaching` or `ignore`. Default:
    /// `missing`.
    #[serde(default = "missing")]
    pub treat_missing_data: String,
    /// The ARNs of the actions to run when the alarm changes to the state `ALARM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_actions: Option<S::In<BTreeSet<Arn>>>,
    /// The ARNs of the actions to run when the alarm changes to the state `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok_actions: Option<S::In<BTreeSet<Arn>>>,
    /// The ARNs of the actions to run when the alarm changes to the state `INSUFFICIENT_DATA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insufficient_data_actions: Option<S::In<BTreeSet<Arn>>>,
    /// Whether actions are run when the state of the alarm changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_enabled: Option<bool>,
    /// The unit of the metric. Only data points in this unit are used. Default: data points in all units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Tags to assign to the alarm.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn missing() -> String {
    "missing".to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the alarm that other resources can reference.
    MetricAlarm {
        /// The Amazon Resource Name (ARN) of the alarm.
        ARN: arn: Arn,
        /// The name of the alarm.
        ALARM_NAME: alarm_name: String,
    }
    and unmanaged
}

async fn read(cloud: &Cloud, names: &[Id]) -> CloudResult<Vec<Described>> {
    let call = cloud.cloudwatch.describe_alarms();
    let call = call.set_alarm_names(Some(names.iter().map(ToString::to_string).collect()));
    let answer = call.send().ask().await?;
    Ok(answer.metric_alarms.unwrap_or_default())
}

async fn live(cloud: &Cloud, alarm: &Described) -> CloudResult<Option<Live<MetricAlarm>>> {
    let (Some(name), Some(arn)) = (alarm.alarm_name(), alarm.alarm_arn()) else {
        return Ok(None);
    };
    let (tags, owner) = owned::<CloudWatchTags>(cloud, arn).await?;
    let dimension = |one: &Dimension| Some((one.name()?.to_owned(), one.value()?.to_owned()));
    let arns = |list: &[String]| Some(list.iter().map(|arn| Arn::from(arn.as_str())).collect());
    let spec = Spec {
        alarm_name: name.to_owned(),
        alarm_description: alarm.alarm_description().unwrap_or_default().to_owned(),
        namespace: alarm.namespace().unwrap_or_default().to_owned(),
        metric_name: alarm.metric_name().unwrap_or_default().to_owned(),
        dimensions: Some(alarm.dimensions().iter().filter_map(dimension).collect()),
        statistic: alarm
            .statistic()
            .map(Statistic::as_str)
            .or(alarm.extended_statistic())
            .unwrap_or_default()
            .to_owned(),
        period: alarm.period().unwrap_or_default(),
        evaluation_periods: alarm.evaluation_periods().unwrap_or_default(),
        datapoints_to_alarm: alarm.datapoints_to_alarm(),
        comparison_operator: alarm
            .comparison_operator()
            .map(ComparisonOperator::as_str)
            .unwrap_or_default()
            .to_owned(),
        threshold: alarm.threshold().unwrap_or_default(),
        treat_missing_data: alarm
            .treat_missing_data()
            .map_or_else(missing, ToOwned::to_owned),
        alarm_actions: arns(alarm.alarm_actions()),
        ok_actions: arns(alarm.ok_actions()),
        insufficient_data_actions: arns(alarm.insufficient_data_actions()),
        actions_enabled: alarm.actions_enabled(),
        unit: alarm.unit().map(|unit| unit.as_str().to_owned()),
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        alarm_name: name.to_owned(),
        unmanaged: unmanaged(alarm),
    };
    Ok(Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// What is set on an alarm and cannot be said in a spec.
fn unmanaged(alarm: &Described) -> Vec<String> {
    settings([
        ("metric math", some(alarm.metrics())),
        ("anomaly detection", alarm.threshold_metric_id().is_some()),
        (
            "low sample counts",
            alarm.evaluate_low_sample_count_percentile().is_some(),
        ),
        ("evaluation window", alarm.evaluation_window().is_some()),
        ("evaluation criteria", alarm.evaluation_criteria().is_some()),
        ("evaluation interval", alarm.evaluation_interval().is_some()),
    ])
}

/// Replaces the whole alarm: what does not change has to be what it is. An alarm on an expression keeps the expression
/// for as long as nothing is said of a metric of its own.
async fn change(
    cloud: &Cloud,
    live: &Live<MetricAlarm>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let (operation, name) = ("cloudwatch:PutMetricAlarm", live.id.as_str());
    let now = read(cloud, std::slice::from_ref(&live.id))
        .await?
        .into_iter()
        .next();
    let now =
        now.ok_or_else(|| CloudError::new(Class::NotFound, operation, format!("{name} is gone")))?;
    let mut call = put(cloud, &crate::merge::over(&live.spec, spec)?)
        .set_evaluate_low_sample_count_percentile(now.evaluate_low_sample_count_percentile)
        .set_evaluation_window(now.evaluation_window)
        .set_evaluation_criteria(now.evaluation_criteria)
        .set_evaluation_interval(now.evaluation_interval);
    let own = [
        "/namespace",
        "/metric_name",
        "/dimensions",
        "/statistic",
        "/period",
    ];
    let queries = now.metrics.filter(|queries| !queries.is_empty());
    if queries.is_some() && !own.iter().any(|path| changes.touch(path)) {
        call = call
            .set_namespace(None)
            .set_metric_name(None)
            .set_dimensions(None)
            .set_statistic(None)
            .set_extended_statistic(None)
            .set_period(None)
            .set_unit(None)
            .set_metrics(queries);
        if now.threshold_metric_id.is_some() {
            call = call
                .set_threshold(None)
                .set_threshold_metric_id(now.threshold_metric_id);
        }
    }
    call.send().ask().await.map(drop)
}

/// The alarm that a spec describes.
fn put(cloud: &Cloud, spec: &Spec) -> PutMetricAlarmFluentBuilder {
    let dimensions = spec.dimensions.iter().flatten();
    let dimensions =
        dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let arns =
        |arns: &Option<BTreeSet<Arn>>| arns.iter().flatten().map(ToString::to_string).collect();
    let percentile = spec
        .statistic
        .starts_with(|first: char| first.is_ascii_lowercase());
    cloud
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(&spec.alarm_name)
        .alarm_description(&spec.alarm_description)
        .namespace(&spec.namespace)
        .metric_name(&spec.metric_name)
        .set_dimensions(Some(dimensions.collect()))
        .set_statistic((!percentile).then(|| Statistic::from(spec.statistic.as_str())))
        .set_extended_statistic(percentile.then(|| spec.statistic.clone()))
        .period(spec.period)
        .evaluation_periods(spec.evaluation_periods)
        .set_datapoints_to_alarm(spec.datapoints_to_alarm)
        .comparison_operator(ComparisonOperator::from(spec.comparison_operator.as_str()))
        .threshold(spec.threshold)
        .treat_missing_data(&spec.treat_missing_data)
        .set_alarm_actions(Some(arns(&spec.alarm_actions)))
        .set_ok_actions(Some(arns(&spec.ok_actions)))
        .set_insufficient_data_actions(Some(arns(&spec.insufficient_data_actions)))
        .set_actions_enabled(spec.actions_enabled)
        .set_unit(spec.unit.as_deref().map(StandardUnit::from))
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<MetricAlarm>>>> {
    let chunks = ids.chunks(AT_ONCE);
    let alarms = each(cloud, "reading CloudWatch alarms", chunks, |ids| {
        read(cloud, ids)
    })
    .await?
    .concat();
    let what = "reading the tags of CloudWatch alarms";
    let found = each(cloud, what, &alarms, |alarm| live(cloud, alarm)).await?;
    Ok(in_order(ids, found.into_iter().flatten()))
}

impl Kind for MetricAlarm {
    const NAME: &'static str = "cloudwatch.MetricAlarm";
    const FIELDS: &'static Table = &[("/alarm_name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
        ],
        create: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        update: &[
            "cloudwatch:DescribeAlarms",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
        delete: &["cloudwatch:DeleteAlarms"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            alarm_name: "example".into(),
            alarm_description: "The database works hard".into(),
            namespace: "AWS/RDS".into(),
            metric_name: "CPUUtilization".into(),
            dimensions: Some(BTreeMap::from([(
                "DBClusterIdentifier".into(),
                "prod-database".into(),
            )])),
            statistic: "Average".into(),
            period: 60,
            evaluation_periods: 5,
            datapoints_to_alarm: Some(3),
            comparison_operator: "GreaterThanThreshold".into(),
            threshold: 80.0,
            treat_missing_data: missing(),
            alarm_actions: Some(BTreeSet::from([
                "arn:aws:sns:eu-west-1:123456789012:example".into(),
            ])),
            ok_actions: Some(BTreeSet::new()),
            insufficient_data_actions: Some(BTreeSet::new()),
            actions_enabled: Some(true),
            unit: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("alarm_actions", json!([])),
            ("ok_actions", json!([])),
            ("insufficient_data_actions", json!([])),
            ("actions_enabled", json!(true)),
        ]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/alarm_description", json!("The database works very hard")),
            ("/namespace", json!("AWS/ApplicationELB")),
            ("/metric_name", json!("DatabaseConnections")),
            ("/dimensions", json!({"DBClusterIdentifier": "other"})),
            ("/statistic", json!("Maximum")),
            ("/statistic", json!("p99")),
            ("/actions_enabled", json!(false)),
            ("/unit", json!("Percent")),
            (
                "/insufficient_data_actions",
                json!(["arn:aws:sns:eu-west-1:123456789012:example"]),
            ),
            ("/period", json!(300)),
            ("/evaluation_periods", json!(6)),
            ("/datapoints_to_alarm", json!(4)),
            ("/comparison_operator", json!("LessThanThreshold")),
            ("/threshold", json!(90.0)),
            ("/treat_missing_data", json!("breaching")),
            ("/alarm_actions", json!([])),
            (
                "/ok_actions",
                json!(["arn:aws:sns:eu-west-1:123456789012:example"]),
            ),
            ("/tags/team", json!("data")),
            ("/alarm_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !matches!(spec.period, 10 | 20 | 30) && (spec.period < 60 || spec.period % 60 != 0) {
            return Err(SpecError::new(
                "/period",
                "must be 10, 20 or 30 seconds, or a multiple of 60 seconds",
            ));
        }
        if spec.evaluation_periods < 1
            || spec
                .datapoints_to_alarm
                .is_some_and(|n| n < 1 || n > spec.evaluation_periods)
        {
            return Err(SpecError::new(
                "/datapoints_to_alarm",
                "must be between 1 and evaluation_periods",
            ));
        }
        any(1024).check("/alarm_description", Some(&spec.alarm_description))?;
        if !["missing", "breaching", "notBreaching", "ignore"]
            .contains(&spec.treat_missing_data.as_str())
        {
            return Err(SpecError::new(
                "/treat_missing_data",
                "must be missing, breaching, notBreaching or ignore",
            ));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.alarm_name, &desired.alarm_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.alarm_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = tags_from(claimed(&spec.tags, &claim.owner));
        put(cloud, spec).set_tags(Some(tags)).send().ask().await?;
        Ok(Id::from(spec.alarm_name.as_str()))
    }

    /// Tags that come with a later Put are ignored by AWS, so they go their own way.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes
            .iter()
            .any(|change| !change.path.starts_with("/tags") && change.path != Changes::OWNER)
        {
            change(cloud, live, spec, changes).await?;
        }
        sync::<CloudWatchTags>(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .cloudwatch
            .delete_alarms()
            .alarm_names(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
    use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmOutput;
    use aws_sdk_cloudwatch::types::MetricDataQuery;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn an_alarm_on_an_expression_keeps_it() {
        let queries = || {
            vec![
                MetricDataQuery::builder()
                    .id("e1")
                    .expression("m1/m2")
                    .build(),
            ]
        };
        let alarm = Described::builder()
            .alarm_name("example")
            .set_metrics(Some(queries()))
            .evaluate_low_sample_count_percentile("ignore")
            .build();
        assert_eq!(unmanaged(&alarm), ["metric math", "low sample counts"]);
        let read = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(move || {
            DescribeAlarmsOutput::builder()
                .metric_alarms(alarm.clone())
                .build()
        });
        let put = mock!(aws_sdk_cloudwatch::Client::put_metric_alarm)
            .match_requests(move |request| {
                request.metrics() == queries()
                    && request.evaluate_low_sample_count_percentile() == Some("ignore")
                    && (request.namespace(), request.metric_name()) == (None, None)
                    && request.alarm_description() == Some("new")
            })
            .then_output(|| PutMetricAlarmOutput::builder().build());
        let client = mock_client!(aws_sdk_cloudwatch, RuleMode::Sequential, &[&read, &put]);
        let spec = Spec {
            alarm_description: "new".into(),
            ..MetricAlarm::example()
        };
        let outputs = Outputs {
            arn: "arn:alarm".into(),
            alarm_name: "example".into(),
            unmanaged: Vec::new(),
        };
        let live = Live {
            id: "example".into(),
            spec: spec.clone(),
            outputs,
            owner: None,
            phase: Phase::Ready,
        };
        let asked = changes(&[("/alarm_description", json!("old"), json!("new"))]);
        let cloud = Cloud {
            cloudwatch: client.into(),
            ..cloud()
        };
        MetricAlarm::update(&cloud, &live, &spec, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(put.num_calls(), 1);
    }
}
