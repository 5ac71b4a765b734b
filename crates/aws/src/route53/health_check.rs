//! `route53.HealthCheck`

use std::collections::{BTreeSet, HashSet};

use aws_sdk_route53::types::{
    HealthCheckConfig, HealthCheckRegion, HealthCheckType, ResettableElementName,
};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::built;
use super::tags::{HealthCheckTags, read_tags};
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, of_stack, split, sync};
use crate::types::{Arn, DnsName};

/// A Route 53 health check, which monitors an endpoint from locations around the world.
#[derive(Debug)]
pub struct HealthCheck;

/// A Route 53 health check, which monitors an endpoint from locations around the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The type of health check: `HTTPS`, `HTTP`, `HTTPS_STR_MATCH`, `HTTP_STR_MATCH`, `TCP` or `CALCULATED`.
    /// Default: `HTTPS`.
    #[serde(default = "https")]
    pub r#type: String,
    /// The domain name of the endpoint. If `ip_address` is set, the host name that is sent with requests.
    /// This or `ip_address` is required, except for `CALCULATED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fully_qualified_domain_name: Option<S::In<DnsName>>,
    /// The IP address of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<S::In<String>>,
    /// The port of the endpoint. Default: 443 or 80, depending on the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The path to request, such as `/healthz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_path: Option<String>,
    /// The string that the response must contain. Required for the `STR_MATCH` types, not allowed for other
    /// types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_string: Option<String>,
    /// The interval between health checks from each location, in seconds: 30, or 10, which costs extra.
    /// Default: 30. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_interval: Option<i32>,
    /// The number of consecutive failed checks before the endpoint is considered unhealthy, 1 to 10. Default:
    /// 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i32>,
    /// Whether latency is measured. Default: `false`. Cannot be changed.
    #[serde(default)]
    pub measure_latency: bool,
    /// Whether the status is inverted, so that a healthy endpoint is considered unhealthy. Default: `false`.
    #[serde(default)]
    pub inverted: bool,
    /// Whether the health check is disabled. A disabled health check performs no checks and is considered
    /// healthy. Default: `false`.
    #[serde(default)]
    pub disabled: bool,
    /// Whether the domain name is sent in the TLS handshake (SNI). Default: `true` for `HTTPS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_sni: Option<bool>,
    /// The regions from which the endpoint is checked. At least three. Default: all regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<BTreeSet<String>>,
    /// The IDs of the child health checks. For `CALCULATED` only, where it is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_health_checks: Option<S::In<BTreeSet<String>>>,
    /// The number of child health checks that must be healthy. For `CALCULATED` only, where it is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_threshold: Option<i32>,
    /// Tags to assign to the health check.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn https() -> String {
    "HTTPS".into()
}

platctl_engine::outputs! {
    /// Attributes of the health check that other resources can reference.
    HealthCheck {
        /// The ID of the health check, which is a UUID.
        HEALTH_CHECK_ID: health_check_id: String,
        /// The Amazon Resource Name (ARN) of the health check.
        ARN: arn: Arn,
    }
}

type Check = aws_sdk_route53::types::HealthCheck;

async fn all(cloud: &Cloud) -> CloudResult<Vec<Check>> {
    let pages = cloud
        .route53
        .list_health_checks()
        .into_paginator()
        .items()
        .send();
    let checks: Result<Vec<_>, _> = pages.collect().await;
    checks.asked()
}

fn live(cloud: &Cloud, check: &Check, tags: Tags) -> Option<Live<HealthCheck>> {
    let config = check.health_check_config()?;
    let (tags, owner) = split(tags);
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let regions = config.regions();
    let children = config.child_health_checks();
    let spec = Spec {
        r#type: config.r#type().to_string(),
        fully_qualified_domain_name: config.fully_qualified_domain_name().map(DnsName::from),
        ip_address: text(config.ip_address()),
        port: config.port(),
        resource_path: text(config.resource_path()),
        search_string: text(config.search_string()),
        request_interval: config.request_interval(),
        failure_threshold: config.failure_threshold(),
        measure_latency: config.measure_latency().unwrap_or_default(),
        inverted: config.inverted().unwrap_or_default(),
        disabled: config.disabled().unwrap_or_default(),
        enable_sni: config.enable_sni(),
        regions: (!regions.is_empty()).then(|| regions.iter().map(ToString::to_string).collect()),
        child_health_checks: (!children.is_empty()).then(|| children.iter().cloned().collect()),
        health_threshold: config.health_threshold(),
        tags,
    };
    let id = check.id();
    let arn = format!("arn:{}:route53:::healthcheck/{id}", cloud.partition).into();
    let outputs = Outputs {
        health_check_id: id.to_owned(),
        arn,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

fn regions(spec: &Spec) -> Option<Vec<HealthCheckRegion>> {
    let regions = spec.regions.as_ref()?;
    Some(
        regions
            .iter()
            .map(|region| HealthCheckRegion::from(region.as_str()))
            .collect(),
    )
}

/// What is set back by name: the call has no value that removes it.
fn removed(spec: &Spec, changes: &Changes) -> Option<Vec<ResettableElementName>> {
    let path = spec.resource_path.is_none() && changes.touch("/resource_path");
    path.then(|| vec![ResettableElementName::ResourcePath])
}

fn config(spec: &Spec) -> CloudResult<HealthCheckConfig> {
    let calculated = spec.r#type == "CALCULATED";
    let builder = HealthCheckConfig::builder()
        .r#type(HealthCheckType::from(spec.r#type.as_str()))
        .set_fully_qualified_domain_name(
            spec.fully_qualified_domain_name
                .as_ref()
                .map(ToString::to_string),
        )
        .set_ip_address(spec.ip_address.clone())
        .set_port(spec.port)
        .set_resource_path(spec.resource_path.clone())
        .set_search_string(spec.search_string.clone())
        .set_request_interval(spec.request_interval)
        .set_failure_threshold(spec.failure_threshold)
        .set_measure_latency((!calculated).then_some(spec.measure_latency))
        .inverted(spec.inverted)
        .disabled(spec.disabled)
        .set_enable_sni(spec.enable_sni)
        .set_regions(regions(spec))
        .set_child_health_checks(
            spec.child_health_checks
                .as_ref()
                .map(|ids| ids.iter().cloned().collect()),
        )
        .set_health_threshold(spec.health_threshold);
    built(builder.build())
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<HealthCheck>>>> {
    let mut found = all(cloud).await?;
    let wanted: HashSet<&str> = ids.iter().map(Id::as_str).collect();
    found.retain(|check| wanted.contains(check.id()));
    let known: Vec<Id> = found.iter().map(|check| check.id().into()).collect();
    let mut tags = read_tags::<HealthCheckTags>(cloud, &known).await?;
    let lives = found
        .iter()
        .filter_map(|check| live(cloud, check, tags.remove(check.id()).unwrap_or_default()));
    Ok(in_order(ids, lives))
}

impl Kind for HealthCheck {
    const NAME: &'static str = "route53.HealthCheck";
    const FIELDS: &'static Table = &[
        ("/type", &[Immutable]),
        ("/request_interval", &[Immutable]),
        ("/measure_latency", &[Immutable]),
        ("/child_health_checks", &[Holds]),
    ];
    // Records that name it go over to the new one first.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["route53:ListHealthChecks", "route53:ListTagsForResources"],
        create: &["route53:CreateHealthCheck"],
        update: &[
            "route53:GetHealthCheck",
            "route53:UpdateHealthCheck",
            "route53:ChangeTagsForResource",
        ],
        delete: &["route53:DeleteHealthCheck"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            r#type: https(),
            fully_qualified_domain_name: Some("www.example.com".into()),
            ip_address: None,
            port: Some(443),
            resource_path: Some("/healthz".into()),
            search_string: None,
            request_interval: Some(30),
            failure_threshold: Some(3),
            measure_latency: false,
            inverted: false,
            disabled: false,
            enable_sni: Some(true),
            regions: None,
            child_health_checks: None,
            health_threshold: None,
            tags: Tags::from([("Name".into(), "prod-www".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        // All regions that have health checkers.
        let regions = json!([
            "ap-northeast-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "eu-west-1",
            "sa-east-1",
            "us-east-1",
            "us-west-1",
            "us-west-2",
        ]);
        vec![
            ("resource_path", json!(null)),
            ("failure_threshold", json!(3)),
            ("regions", regions),
        ]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/type", json!("HTTP")),
            ("/fully_qualified_domain_name", json!("app.example.com")),
            ("/port", json!(8443)),
            ("/resource_path", json!("/ready")),
            ("/request_interval", json!(10)),
            ("/failure_threshold", json!(5)),
            ("/measure_latency", json!(true)),
            ("/inverted", json!(true)),
            ("/disabled", json!(true)),
            ("/enable_sni", json!(false)),
            ("/regions", json!(["eu-west-1", "us-east-1", "us-west-2"])),
            ("/tags/Name", json!("prod-app")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let wrong = |path: &str, message: &str| Err(SpecError::new(path, message));
        let known = [
            "HTTPS",
            "HTTP",
            "HTTPS_STR_MATCH",
            "HTTP_STR_MATCH",
            "TCP",
            "CALCULATED",
        ];
        if !known.contains(&spec.r#type.as_str()) {
            return Err(SpecError::new(
                "/type",
                format!("must be one of {}", known.join(", ")),
            ));
        }
        let calculated = spec.r#type == "CALCULATED";
        let target = spec.fully_qualified_domain_name.is_some() || spec.ip_address.is_some();
        if calculated == target {
            let path = "/fully_qualified_domain_name";
            return wrong(
                path,
                "or `ip_address` is required, except for a calculated check",
            );
        }
        if calculated != (spec.child_health_checks.is_some() && spec.health_threshold.is_some()) {
            return wrong(
                "/child_health_checks",
                "and `health_threshold` are both required for a calculated check, and cannot be used with other types",
            );
        }
        if spec.r#type.ends_with("STR_MATCH") != spec.search_string.is_some() {
            return wrong(
                "/search_string",
                "is required for the STR_MATCH types, and cannot be used with other types",
            );
        }
        if spec
            .request_interval
            .is_some_and(|seconds| seconds != 10 && seconds != 30)
        {
            return wrong("/request_interval", "must be 10 or 30 seconds");
        }
        if spec
            .failure_threshold
            .is_some_and(|failures| !(1..=10).contains(&failures))
        {
            return wrong("/failure_threshold", "must be between 1 and 10");
        }
        if spec
            .resource_path
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            return wrong("/resource_path", "must begin with a slash");
        }
        if spec
            .regions
            .as_ref()
            .is_some_and(|regions| regions.len() < 3)
        {
            return wrong("/regions", "must have at least three regions");
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let ids: Vec<Id> = all(cloud)
            .await?
            .into_iter()
            .map(|check| check.id.into())
            .collect();
        let mut tags = read_tags::<HealthCheckTags>(cloud, &ids).await?;
        let owner = |id: Id| {
            let owner = split(tags.remove(id.as_str()).unwrap_or_default()).1;
            (id, owner)
        };
        let found: Vec<_> = ids.into_iter().map(owner).collect();
        Ok(by_address(wanted, of_stack(wanted, found)))
    }

    /// Tags cannot be a part of it: the engine sees that they are missing, and has `update` write them.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "route53:CreateHealthCheck";
        let call = cloud
            .route53
            .create_health_check()
            .caller_reference(&claim.token);
        let call = call.health_check_config(config(spec)?);
        match call.send().ask().await {
            // Ours, from a call whose answer was lost, with another configuration.
            Err(error) if error.class == Class::AlreadyExists => {
                let mine = all(cloud)
                    .await?
                    .into_iter()
                    .find(|check| check.caller_reference == claim.token);
                mine.map(|check| check.id.into()).ok_or(error)
            }
            answer => made(operation, answer?.health_check().map(|check| check.id())),
        }
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync::<HealthCheckTags>(cloud, live.id.as_str(), changes, owner).await?;
        let others = changes
            .iter()
            .any(|change| change.path != Changes::OWNER && !change.path.starts_with("/tags"));
        if !others {
            return Ok(());
        }
        let get = cloud
            .route53
            .get_health_check()
            .health_check_id(live.id.as_str());
        let found = get.send().ask().await?;
        let calculated = spec.r#type == "CALCULATED";
        let call = cloud
            .route53
            .update_health_check()
            .health_check_id(live.id.as_str())
            .set_health_check_version(
                found
                    .health_check()
                    .map(|check| check.health_check_version()),
            )
            .set_fully_qualified_domain_name(
                spec.fully_qualified_domain_name
                    .as_ref()
                    .map(ToString::to_string),
            )
            .set_ip_address(spec.ip_address.clone())
            .set_port(spec.port)
            .set_resource_path(spec.resource_path.clone())
            .set_reset_elements(removed(spec, changes))
            .set_search_string(spec.search_string.clone())
            .set_failure_threshold(spec.failure_threshold)
            .inverted(spec.inverted)
            .disabled(spec.disabled)
            .set_enable_sni(spec.enable_sni.filter(|_| !calculated))
            .set_regions(regions(spec))
            .set_child_health_checks(
                spec.child_health_checks
                    .as_ref()
                    .map(|ids| ids.iter().cloned().collect()),
            )
            .set_health_threshold(spec.health_threshold);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .route53
            .delete_health_check()
            .health_check_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud};
    use serde_json::json;

    #[test]
    fn a_path_that_is_stated_as_nothing_is_set_back_by_name() {
        let spec = Spec {
            resource_path: None,
            ..HealthCheck::example()
        };
        let path = changes(&[("/resource_path", json!("/healthz"), json!(null))]);
        let names = removed(&spec, &path);
        assert_eq!(names, Some(vec![ResettableElementName::ResourcePath]));
        let port = changes(&[("/port", json!(443), json!(80))]);
        assert_eq!(removed(&spec, &port), None);
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let spec = HealthCheck::example();
        let builder = Check::builder()
            .id("c-1")
            .caller_reference("t")
            .health_check_version(1);
        let check = builder
            .health_check_config(config(&spec).unwrap())
            .build()
            .unwrap();
        assert_eq!(
            live(&cloud(), &check, spec.tags.clone()).unwrap().spec,
            spec
        );
    }

    #[test]
    fn a_calculated_check_has_children_and_no_target() {
        let children = Some(BTreeSet::from(["c-1".to_owned(), "c-2".to_owned()]));
        let spec = Spec {
            r#type: "CALCULATED".into(),
            child_health_checks: children,
            health_threshold: Some(1),
            ..HealthCheck::example()
        };
        assert!(HealthCheck::check(&spec).is_err());
        assert!(
            HealthCheck::check(&Spec {
                fully_qualified_domain_name: None,
                ..spec
            })
            .is_ok()
        );
    }
}
