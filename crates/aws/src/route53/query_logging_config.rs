//! `route53.QueryLoggingConfig`

use platctl_engine::fields::Fact::{Home, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, if_there, made};
use crate::types::Arn;

/// A Route 53 query logging configuration, which writes the DNS queries for a public hosted zone to a log group.
#[derive(Debug)]
pub struct QueryLoggingConfig;

/// A Route 53 query logging configuration, which writes the DNS queries for a public hosted zone to a log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the public hosted zone. It can have one query logging configuration. Cannot be changed.
    pub hosted_zone_id: S::In<String>,
    /// The ARN of the log group, which must be in us-east-1. A resource policy of CloudWatch Logs must allow
    /// `route53.amazonaws.com` to write to it. Cannot be changed.
    pub cloud_watch_logs_log_group_arn: S::In<Arn>,
}

platctl_engine::outputs! {
    /// Attributes of the query logging configuration that other resources can reference.
    QueryLoggingConfig {
        /// The ID of the query logging configuration.
        QUERY_LOGGING_CONFIG_ID: query_logging_config_id: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<QueryLoggingConfig>>> {
    let call = cloud.route53.get_query_logging_config().id(id.as_str());
    let answer = call.send().ask().await?;
    let Some(config) = answer.query_logging_config() else {
        return Ok(None);
    };
    let group = config.cloud_watch_logs_log_group_arn();
    let spec = Spec {
        hosted_zone_id: config.hosted_zone_id().to_owned(),
        cloud_watch_logs_log_group_arn: group.trim_end_matches(":*").into(),
    };
    let outputs = Outputs {
        query_logging_config_id: id.to_string(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }))
}

/// The one of a zone.
async fn of_zone(
    cloud: &Cloud,
    wanted: &Wanted<QueryLoggingConfig>,
) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let call = cloud.route53.list_query_logging_configs();
    let call = call.hosted_zone_id(&spec.hosted_zone_id).into_paginator();
    let all: Result<Vec<_>, _> = call.items().send().collect().await;
    let all = if_there(all.asked())?.unwrap_or_default();
    let ids = all.iter().map(|config| Candidate {
        id: config.id().into(),
        owner: None,
    });
    Ok(ids.collect())
}

impl Kind for QueryLoggingConfig {
    const NAME: &'static str = "route53.QueryLoggingConfig";
    const FIELDS: &'static Table = &[
        ("/hosted_zone_id", &[Immutable, Home]),
        ("/cloud_watch_logs_log_group_arn", &[Immutable, Leads]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    // Route 53 looks whether the log group is there, and whether it may write.
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "route53:GetQueryLoggingConfig",
            "route53:ListQueryLoggingConfigs",
        ],
        create: &[
            "route53:CreateQueryLoggingConfig",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
        ],
        update: &["route53:CreateQueryLoggingConfig"],
        delete: &["route53:DeleteQueryLoggingConfig"],
    };
    const TIMING: Timing = Timing::seconds(1, 1, 1, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            hosted_zone_id: "Z0123456789EXAMPLE".into(),
            cloud_watch_logs_log_group_arn:
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/example".into(),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/cloud_watch_logs_log_group_arn",
                json!("arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/other"),
            ),
            ("/hosted_zone_id", json!("Z0123456789FORCED")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let group = spec.cloud_watch_logs_log_group_arn.as_str();
        if group.split(':').nth(3) == Some("us-east-1") {
            return Ok(());
        }
        let message = "must be a log group in us-east-1";
        Err(SpecError::new("/cloud_watch_logs_log_group_arn", message))
    }

    /// A zone has one.
    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        crate::types::unless_same(&live.hosted_zone_id, &desired.hosted_zone_id)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| of_zone(cloud, wanted))).await
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .route53
            .create_query_logging_config()
            .hosted_zone_id(&spec.hosted_zone_id)
            .cloud_watch_logs_log_group_arn(spec.cloud_watch_logs_log_group_arn.as_str());
        let answer = call.send().ask().await?;
        let config = answer.query_logging_config();
        made(
            "route53:CreateQueryLoggingConfig",
            config.map(|config| config.id().to_owned()),
        )
    }

    /// Nothing of it can be changed.
    async fn update(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.route53.delete_query_logging_config();
        call.id(live.id.as_str()).send().ask().await.map(drop)
    }
}
