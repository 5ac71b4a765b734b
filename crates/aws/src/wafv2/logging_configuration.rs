//! `wafv2.LoggingConfiguration`

use std::collections::BTreeSet;

use aws_sdk_wafv2::types::{self, FieldToMatch, SingleHeader};
use platctl_engine::fields::Fact::{Holds, Home, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::{Ask, if_there, invalid};
use crate::types::Arn;
use crate::unmanaged::settings;

/// The logging configuration of an AWS WAF web ACL: where it writes what it does with each request.
#[derive(Debug)]
pub struct LoggingConfiguration;

/// The logging configuration of an AWS WAF web ACL: where it writes what it does with each request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ARN of the web ACL. It can have one logging configuration. Cannot be changed.
    pub resource_arn: S::In<Arn>,
    /// The ARN of a log group, S3 bucket or Firehose stream, whose name must begin with `aws-waf-logs-`. A log group
    /// must be in the region of the web ACL, which is us-east-1 for CloudFront.
    pub log_destination_arn: S::In<Arn>,
    /// The names of headers whose values are not written, in lower case. If omitted, redacted headers are not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted_headers: Option<BTreeSet<String>>,
}

platctl_engine::outputs! {
    /// Attributes of the logging configuration that other resources can reference.
    LoggingConfiguration {
        /// The ARN of the web ACL.
        RESOURCE_ARN: resource_arn: Arn,
    }
    and unmanaged
}

/// The header that a redacted field is; none for another part of the request.
fn header(field: &FieldToMatch) -> Option<&str> {
    field.single_header().map(SingleHeader::name)
}

fn live(id: &Id, config: &types::LoggingConfiguration) -> Live<LoggingConfiguration> {
    let destination = config.log_destination_configs().first();
    let redacted = config.redacted_fields();
    let headers = redacted.iter().filter_map(header).map(str::to_lowercase);
    let spec = Spec {
        resource_arn: id.as_str().into(),
        log_destination_arn: destination
            .map_or("", |arn| arn.trim_end_matches(":*"))
            .into(),
        redacted_headers: Some(headers.collect()),
    };
    let others = redacted.iter().any(|field| header(field).is_none());
    let outputs = Outputs {
        resource_arn: id.as_str().into(),
        unmanaged: settings([
            ("redacted parts of the request", others),
            ("logging filter", config.logging_filter().is_some()),
        ]),
    };
    Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }
}

async fn get(cloud: &Cloud, arn: &str) -> CloudResult<Option<types::LoggingConfiguration>> {
    let call = cloud.wafv2.get_logging_configuration().resource_arn(arn);
    Ok(if_there(call.send().ask().await)?.and_then(|answer| answer.logging_configuration))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<LoggingConfiguration>>> {
    let found = get(cloud, id.as_str()).await?;
    Ok(found.map(|config| live(id, &config)))
}

/// What is stated over what is there: AWS takes all of it at once.
fn over(
    now: Option<types::LoggingConfiguration>,
    spec: &Spec,
) -> Result<types::LoggingConfiguration, aws_sdk_wafv2::error::BuildError> {
    let new = || {
        types::LoggingConfiguration::builder()
            .resource_arn(spec.resource_arn.as_str())
            .log_destination_configs(spec.log_destination_arn.as_str())
            .build()
    };
    let mut config = now.map_or_else(new, Ok)?;
    config.log_destination_configs = vec![spec.log_destination_arn.to_string()];
    if let Some(headers) = &spec.redacted_headers {
        let mut redacted = config.redacted_fields.take().unwrap_or_default();
        redacted.retain(|field| header(field).is_none());
        for name in headers {
            let header = SingleHeader::builder().name(name).build()?;
            redacted.push(FieldToMatch::builder().single_header(header).build());
        }
        config.redacted_fields = Some(redacted).filter(|fields| !fields.is_empty());
    }
    Ok(config)
}

const PUT: &str = "wafv2:PutLoggingConfiguration";

async fn put(
    cloud: &Cloud,
    now: Option<types::LoggingConfiguration>,
    spec: &Spec,
) -> CloudResult<()> {
    let config = over(now, spec).map_err(|error| invalid(PUT, &error))?;
    let call = cloud
        .wafv2
        .put_logging_configuration()
        .logging_configuration(config);
    call.send().ask().await.map(drop)
}

/// AWS WAF sets the delivery up on behalf of the caller: the policy of the log groups or of the bucket, or its own role
/// for a Firehose stream.
const WRITE: &[&str] = &[
    "wafv2:GetLoggingConfiguration",
    "wafv2:PutLoggingConfiguration",
    "logs:CreateLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:PutResourcePolicy",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "firehose:ListDeliveryStreams",
    "iam:CreateServiceLinkedRole",
];

impl Kind for LoggingConfiguration {
    const NAME: &'static str = "wafv2.LoggingConfiguration";
    const FIELDS: &'static Table = &[
        ("/resource_arn", &[Immutable, Home]),
        ("/log_destination_arn", &[Holds, Leads]),
    ];
    // Each web ACL has its own.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["wafv2:GetLoggingConfiguration"],
        create: WRITE,
        update: WRITE,
        delete: &["wafv2:DeleteLoggingConfiguration", "logs:DeleteLogDelivery"],
    };
    const TIMING: Timing = Timing::seconds(2, 2, 2, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            resource_arn: "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/example/01234567"
                .into(),
            log_destination_arn:
                "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-example".into(),
            redacted_headers: Some(BTreeSet::from(["authorization".into()])),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/resource_arn",
                json!("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/other/01234567"),
            ),
            (
                "/log_destination_arn",
                json!("arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-other"),
            ),
            ("/redacted_headers", json!(["authorization", "cookie"])),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let arn = spec.log_destination_arn.as_str();
        let name = arn.rsplit([':', '/']).next().unwrap_or(arn);
        if !name.starts_with("aws-waf-logs-") {
            let message = "its name must begin with `aws-waf-logs-`";
            return Err(SpecError::new("/log_destination_arn", message));
        }
        let headers = spec.redacted_headers.as_ref();
        if headers.is_some_and(|all| all.iter().any(|name| name.to_lowercase() != *name)) {
            let message = "must be in lower case";
            return Err(SpecError::new("/redacted_headers", message));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.resource_arn.as_str()))
    }

    /// Writing a configuration replaces the one that the web ACL has, so whether there is one is asked first.
    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let id = Id::from(spec.resource_arn.as_str());
        if get(cloud, id.as_str()).await?.is_some() {
            let message = format!("the web ACL {id} already has a logging configuration");
            return Err(CloudError::new(Class::AlreadyExists, PUT, message));
        }
        put(cloud, None, spec).await?;
        Ok(id)
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let now = get(cloud, live.id.as_str()).await?;
        put(cloud, now, spec).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.wafv2.delete_logging_configuration();
        let call = call.resource_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_wafv2::types::QueryString;

    #[test]
    fn an_update_keeps_what_a_spec_cannot_say() {
        let query = FieldToMatch::builder()
            .query_string(QueryString::builder().build())
            .build();
        let cookie = SingleHeader::builder().name("Cookie").build().unwrap();
        let now = types::LoggingConfiguration::builder()
            .resource_arn("arn")
            .log_destination_configs("arn:aws:logs:us-east-1:1:log-group:aws-waf-logs-old:*")
            .redacted_fields(query.clone())
            .redacted_fields(FieldToMatch::builder().single_header(cookie).build())
            .log_scope(types::LogScope::SecurityLake)
            .build()
            .unwrap();
        let seen = live(&Id::from("arn"), &now);
        let headers = BTreeSet::from(["cookie".to_owned()]);
        assert_eq!(seen.spec.redacted_headers, Some(headers));
        assert!(seen.spec.log_destination_arn.as_str().ends_with("-old"));
        assert_eq!(seen.outputs.unmanaged, ["redacted parts of the request"]);
        let sent = over(Some(now), &LoggingConfiguration::example()).unwrap();
        let names: Vec<_> = sent.redacted_fields().iter().map(header).collect();
        assert_eq!(names, [None, Some("authorization")]);
        assert_eq!(sent.redacted_fields()[0], query);
        assert_eq!(sent.log_scope(), Some(&types::LogScope::SecurityLake));
        let target = LoggingConfiguration::example().log_destination_arn;
        assert_eq!(sent.log_destination_configs(), [target.to_string()]);
    }
}
