//! `ec2.FlowLog`, of a VPC.

use aws_sdk_ec2::types::{
    Filter, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType,
};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{each_succeeded, id_filters, in_order};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{Arn, FlowLogId, VpcId};

/// A flow log, which records the IP traffic of a VPC.
#[derive(Debug)]
pub struct FlowLog;

/// A flow log, which records the IP traffic of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// The type of traffic to record: `ALL`, `ACCEPT` or `REJECT`.
    pub traffic_type: String,
    /// The type of destination: `cloud-watch-logs` or `s3`.
    pub log_destination_type: String,
    /// The ARN of the log group or S3 bucket.
    pub log_destination: S::In<Arn>,
    /// The ARN of the IAM role that publishes flow logs to a log group. Required for `cloud-watch-logs`, not
    /// allowed for `s3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_logs_permission_arn: Option<S::In<Arn>>,
    /// The maximum aggregation interval, in seconds: 60 or 600. AWS default: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_aggregation_interval: Option<i32>,
    /// Tags to assign to the flow log.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the flow log that other resources can reference.
    FlowLog {
        /// The ID of the flow log, such as `fl-…`.
        FLOW_LOG_ID: flow_log_id: FlowLogId,
    }
}

async fn read(
    cloud: &Cloud,
    filters: Vec<Filter>,
) -> CloudResult<Vec<aws_sdk_ec2::types::FlowLog>> {
    let mut logs = Vec::new();
    for filter in filters {
        let pages = cloud
            .ec2
            .describe_flow_logs()
            .filter(filter)
            .into_paginator()
            .items()
            .send();
        let page: Result<Vec<_>, _> = pages.collect().await;
        logs.extend(page.asked()?);
    }
    Ok(logs)
}

/// The ARN of a log group, whichever way EC2 answers it.
fn destination(cloud: &Cloud, log: &aws_sdk_ec2::types::FlowLog) -> Arn {
    let of_group = |name: &str| {
        let Cloud {
            partition,
            region,
            account,
            ..
        } = cloud;
        format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
    };
    let arn = log
        .log_destination()
        .map(|arn| arn.trim_end_matches(":*").to_owned());
    Arn(arn
        .or_else(|| log.log_group_name().map(of_group))
        .unwrap_or_default())
}

/// Whether what is logged arrives. AWS goes on trying after a delivery that failed.
fn delivery(log: &aws_sdk_ec2::types::FlowLog) -> Phase {
    if log.deliver_logs_status() != Some("FAILED") {
        return Phase::Ready;
    }
    let why = log
        .deliver_logs_error_message()
        .unwrap_or("AWS gives no reason");
    Phase::Degraded(format!("logs are not delivered: {why}"))
}

fn live(cloud: &Cloud, log: &aws_sdk_ec2::types::FlowLog) -> Option<Live<FlowLog>> {
    let (tags, owner) = split_ec2(log.tags());
    let kind = log
        .log_destination_type()
        .map_or("cloud-watch-logs", LogDestinationType::as_str);
    let spec = Spec {
        vpc_id: log.resource_id()?.into(),
        traffic_type: log.traffic_type()?.as_str().to_owned(),
        log_destination_type: kind.to_owned(),
        log_destination: destination(cloud, log),
        deliver_logs_permission_arn: log.deliver_logs_permission_arn().map(Arn::from),
        max_aggregation_interval: log.max_aggregation_interval(),
        tags,
    };
    let id = log.flow_log_id()?;
    Some(Live {
        id: id.into(),
        spec,
        outputs: Outputs {
            flow_log_id: id.into(),
        },
        owner,
        phase: delivery(log),
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<FlowLog>>>> {
    let found = read(cloud, id_filters("flow-log-id", ids.iter().map(Id::as_str))).await?;
    Ok(in_order(
        ids,
        found.iter().filter_map(|log| live(cloud, log)),
    ))
}

impl Kind for FlowLog {
    const NAME: &'static str = "ec2.FlowLog";
    const FIELDS: &'static Table = &[
        ("/vpc_id", &[Immutable]),
        ("/traffic_type", &[Immutable]),
        ("/log_destination_type", &[Immutable]),
        ("/log_destination", &[Immutable]),
        ("/deliver_logs_permission_arn", &[Immutable]),
        ("/max_aggregation_interval", &[Immutable]),
    ];
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeFlowLogs"],
        // EC2 writes a statement for the delivery into the policy of a bucket.
        create: &[
            "ec2:CreateFlowLogs",
            "ec2:CreateTags",
            "iam:CreateServiceLinkedRole",
            "iam:PassRole",
            "logs:CreateLogDelivery",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
        ],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            vpc_id: "vpc-0123456789abcdef0".into(),
            traffic_type: "ALL".into(),
            log_destination_type: "cloud-watch-logs".into(),
            log_destination: "arn:aws:logs:eu-west-1:123456789012:log-group:example".into(),
            deliver_logs_permission_arn: Some("arn:aws:iam::123456789012:role/example".into()),
            max_aggregation_interval: Some(600),
            tags: Tags::from([("Name".into(), "prod".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/tags/Name", json!("other"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !["ALL", "ACCEPT", "REJECT"].contains(&spec.traffic_type.as_str()) {
            return Err(SpecError::new(
                "/traffic_type",
                "must be ALL, ACCEPT or REJECT",
            ));
        }
        match (
            spec.log_destination_type.as_str(),
            &spec.deliver_logs_permission_arn,
        ) {
            ("cloud-watch-logs", Some(_)) | ("s3", None) => Ok(()),
            ("cloud-watch-logs", None) => Err(SpecError::new(
                "/deliver_logs_permission_arn",
                "is required for a log group destination",
            )),
            ("s3", Some(_)) => Err(SpecError::new(
                "/deliver_logs_permission_arn",
                "must not be set for a bucket destination",
            )),
            _ => Err(SpecError::new(
                "/log_destination_type",
                "must be `cloud-watch-logs` or `s3`",
            )),
        }
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let found = found
            .iter()
            .filter_map(|log| Some((log.flow_log_id()?.into(), split_ec2(log.tags()).1)));
        Ok(by_address(wanted, found))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "ec2:CreateFlowLogs";
        let call = cloud
            .ec2
            .create_flow_logs()
            .resource_ids(spec.vpc_id.as_str())
            .resource_type(FlowLogsResourceType::Vpc)
            .traffic_type(TrafficType::from(spec.traffic_type.as_str()))
            .log_destination_type(LogDestinationType::from(spec.log_destination_type.as_str()))
            .log_destination(spec.log_destination.as_str())
            .set_deliver_logs_permission_arn(
                spec.deliver_logs_permission_arn
                    .as_ref()
                    .map(ToString::to_string),
            )
            .set_max_aggregation_interval(spec.max_aggregation_interval)
            .client_token(&claim.token)
            .tag_specifications(ec2_specification(
                ResourceType::VpcFlowLog,
                &spec.tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        each_succeeded(operation, answer.unsuccessful())?;
        made(operation, answer.flow_log_ids().first())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let operation = "ec2:DeleteFlowLogs";
        let call = cloud.ec2.delete_flow_logs().flow_log_ids(live.id.as_str());
        let answer = call.send().ask().await?;
        each_succeeded(operation, answer.unsuccessful())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{claim, cloud};
    use aws_sdk_ec2::operation::create_flow_logs::CreateFlowLogsOutput;
    use aws_sdk_ec2::types::{UnsuccessfulItem, UnsuccessfulItemError};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::Class;

    fn log() -> aws_sdk_ec2::types::builders::FlowLogBuilder {
        let builder = aws_sdk_ec2::types::FlowLog::builder()
            .flow_log_id("fl-1")
            .resource_id("vpc-1");
        builder.traffic_type(TrafficType::All)
    }

    #[test]
    fn the_destination_is_one_arn_however_it_is_answered() {
        let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/flow";
        let answers = [
            log().log_destination(arn).build(),
            log().log_destination(format!("{arn}:*")).build(),
            log().log_group_name("/flow").build(),
        ];
        for answer in answers {
            assert_eq!(
                live(&cloud(), &answer)
                    .unwrap()
                    .spec
                    .log_destination
                    .as_str(),
                arn
            );
        }
    }

    #[test]
    fn a_delivery_that_fails_is_shown_with_its_reason() {
        assert_eq!(
            live(&cloud(), &log().deliver_logs_status("SUCCESS").build())
                .unwrap()
                .phase,
            Phase::Ready
        );
        let failed = log()
            .deliver_logs_status("FAILED")
            .deliver_logs_error_message("Access error")
            .build();
        let why = "logs are not delivered: Access error".to_owned();
        assert_eq!(live(&cloud(), &failed).unwrap().phase, Phase::Degraded(why));
    }

    #[tokio::test]
    async fn a_role_that_is_not_known_yet_is_no_mistake() {
        let make = mock!(aws_sdk_ec2::Client::create_flow_logs).then_output(|| {
            let error = UnsuccessfulItemError::builder().code("InvalidParameter");
            let error = error.message("Unable to assume given IAM role").build();
            let item = UnsuccessfulItem::builder()
                .resource_id("vpc-1")
                .error(error)
                .build();
            CreateFlowLogsOutput::builder().unsuccessful(item).build()
        });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&make]).into(),
            ..cloud()
        };
        let error = FlowLog::create(&cloud, &FlowLog::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::NotYetConsistent);
    }
}
