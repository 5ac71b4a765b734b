//! `cloudfront.ResponseHeadersPolicy`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::{
    ResponseHeadersPolicyConfig, ResponseHeadersPolicyCustomHeader,
    ResponseHeadersPolicyCustomHeadersConfig, ResponseHeadersPolicyRemoveHeader,
    ResponseHeadersPolicyRemoveHeadersConfig, ResponseHeadersPolicyServerTimingHeadersConfig,
    ResponseHeadersPolicyType,
};
use platctl_engine::fields::Fact::Name;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::headers::{
    ContentSecurityPolicy, Cors, FrameOptions, SecurityHeaders, StrictTransportSecurity,
};
use super::{HeaderName, built, headers, listed, present};
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, made};
use crate::tags::by_name;

/// A CloudFront response headers policy: the headers that CloudFront adds to responses or removes from them.
#[derive(Debug)]
pub struct ResponseHeadersPolicy;

/// A CloudFront response headers policy: the headers that CloudFront adds to responses or removes from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the response headers policy. Must be unique within the account.
    pub name: String,
    /// A comment that describes the response headers policy. Up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The security headers. Headers that are omitted are not added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_headers_config: Option<SecurityHeaders>,
    /// The CORS headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors_config: Option<Cors>,
    /// The custom headers, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_headers_config: Option<BTreeMap<HeaderName, CustomHeader>>,
    /// The headers of the origin's response that CloudFront removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_headers_config: Option<BTreeSet<HeaderName>>,
    /// The percentage of responses to which CloudFront adds the `Server-Timing` header, 0 to 100. 0 disables
    /// the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_timing_sampling_rate: Option<f64>,
    #[doc(hidden)]
    #[serde(skip)]
    pub stage: std::marker::PhantomData<S>,
}

/// A custom header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomHeader {
    /// The value of the header. Must not be a secret, because every viewer receives it.
    pub value: String,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "headers::yes")]
    pub r#override: bool,
}

platctl_engine::outputs! {
    /// Attributes of the response headers policy that other resources can reference.
    ResponseHeadersPolicy {
        /// The ID of the response headers policy.
        RESPONSE_HEADERS_POLICY_ID: response_headers_policy_id: String,
    }
}

type Policy = aws_sdk_cloudfront::types::ResponseHeadersPolicy;

/// One listing reads all of the account's own policies, whole.
async fn read(cloud: &Cloud) -> CloudResult<Vec<Policy>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let call = cloud.cloudfront.list_response_headers_policies();
        let call = call
            .r#type(ResponseHeadersPolicyType::Custom)
            .set_marker(marker);
        let answer = call.send().ask().await?;
        let list = present(
            "cloudfront:ListResponseHeadersPolicies",
            answer.response_headers_policy_list,
        )?;
        let summaries = list.items.unwrap_or_default();
        all.extend(
            summaries
                .into_iter()
                .filter_map(|summary| summary.response_headers_policy),
        );
        marker = list.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

fn live(policy: &Policy) -> Option<Live<ResponseHeadersPolicy>> {
    let config = policy.response_headers_policy_config()?;
    let custom = config
        .custom_headers_config()
        .map(|config| config.items())
        .unwrap_or_default();
    let custom = custom.iter().map(|header| {
        let value = CustomHeader {
            value: header.value().to_owned(),
            r#override: header.r#override(),
        };
        (header.header().into(), value)
    });
    let removed = config
        .remove_headers_config()
        .map(|config| config.items())
        .unwrap_or_default();
    let timing = config
        .server_timing_headers_config()
        .filter(|config| config.enabled());
    let spec = Spec {
        name: config.name().to_owned(),
        comment: Some(config.comment().unwrap_or_default().to_owned()),
        security_headers_config: Some(
            config
                .security_headers_config()
                .map(SecurityHeaders::read)
                .unwrap_or_default(),
        ),
        cors_config: config.cors_config().map(Cors::read),
        custom_headers_config: Some(custom.collect()),
        remove_headers_config: Some(
            removed
                .iter()
                .map(|header| header.header().into())
                .collect(),
        ),
        server_timing_sampling_rate: Some(
            timing
                .and_then(|config| config.sampling_rate())
                .unwrap_or_default(),
        ),
        stage: std::marker::PhantomData,
    };
    let outputs = Outputs {
        response_headers_policy_id: policy.id().to_owned(),
    };
    Some(Live {
        id: policy.id().into(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    })
}

fn custom(
    headers: &BTreeMap<HeaderName, CustomHeader>,
) -> CloudResult<ResponseHeadersPolicyCustomHeadersConfig> {
    let header = |(name, header): (&HeaderName, &CustomHeader)| {
        let builder = ResponseHeadersPolicyCustomHeader::builder()
            .header(name.as_str())
            .value(&header.value);
        built(builder.r#override(header.r#override).build())
    };
    listed!(
        ResponseHeadersPolicyCustomHeadersConfig,
        headers.iter().map(header).collect::<CloudResult<_>>()?
    )
}

fn removed(names: &BTreeSet<HeaderName>) -> CloudResult<ResponseHeadersPolicyRemoveHeadersConfig> {
    let header = |name: &HeaderName| {
        built(
            ResponseHeadersPolicyRemoveHeader::builder()
                .header(name.as_str())
                .build(),
        )
    };
    listed!(
        ResponseHeadersPolicyRemoveHeadersConfig,
        names.iter().map(header).collect::<CloudResult<_>>()?
    )
}

/// An update replaces the whole policy, so what is not stated is sent as it is.
fn config(spec: &Spec, live: Option<&Spec>) -> CloudResult<ResponseHeadersPolicyConfig> {
    macro_rules! stated {
        ($field:ident) => {
            spec.$field
                .as_ref()
                .or_else(|| live.and_then(|live| live.$field.as_ref()))
        };
    }
    let rate = stated!(server_timing_sampling_rate)
        .copied()
        .unwrap_or_default();
    let timing = ResponseHeadersPolicyServerTimingHeadersConfig::builder();
    let timing = built(timing.enabled(rate > 0.0).sampling_rate(rate).build())?;
    let custom = stated!(custom_headers_config).map(custom).transpose()?;
    let removed = stated!(remove_headers_config).map(removed).transpose()?;
    let builder = ResponseHeadersPolicyConfig::builder()
        .name(&spec.name)
        .set_comment(stated!(comment).cloned())
        .set_security_headers_config(
            stated!(security_headers_config)
                .map(SecurityHeaders::build)
                .transpose()?,
        )
        .set_cors_config(stated!(cors_config).map(Cors::build).transpose()?)
        .set_custom_headers_config(custom.filter(|config| config.quantity() > 0))
        .set_remove_headers_config(removed.filter(|config| config.quantity() > 0))
        .set_server_timing_headers_config(Some(timing).filter(|timing| timing.enabled()));
    built(builder.build())
}

async fn etag(cloud: &Cloud, id: &Id) -> CloudResult<Option<String>> {
    let call = cloud
        .cloudfront
        .get_response_headers_policy()
        .id(id.as_str());
    Ok(call.send().ask().await?.e_tag)
}

async fn describe(
    cloud: &Cloud,
    ids: &[Id],
) -> CloudResult<Vec<Option<Live<ResponseHeadersPolicy>>>> {
    Ok(in_order(ids, read(cloud).await?.iter().filter_map(live)))
}

impl Kind for ResponseHeadersPolicy {
    const NAME: &'static str = "cloudfront.ResponseHeadersPolicy";
    const FIELDS: &'static Table = &[("/name", &[Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["cloudfront:ListResponseHeadersPolicies"],
        create: &["cloudfront:CreateResponseHeadersPolicy"],
        update: &[
            "cloudfront:GetResponseHeadersPolicy",
            "cloudfront:UpdateResponseHeadersPolicy",
        ],
        delete: &[
            "cloudfront:GetResponseHeadersPolicy",
            "cloudfront:DeleteResponseHeadersPolicy",
        ],
    };
    // A distribution that gave it up keeps it until it is deployed everywhere.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 1800);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let permissions = CustomHeader {
            value: "camera=(), microphone=()".into(),
            r#override: true,
        };
        Spec {
            name: "prod-security".into(),
            comment: Some("Security headers".into()),
            security_headers_config: Some(SecurityHeaders {
                strict_transport_security: Some(StrictTransportSecurity {
                    access_control_max_age_sec: 31_536_000,
                    include_subdomains: true,
                    preload: false,
                    r#override: true,
                }),
                content_type_options: Some(headers::ContentTypeOptions { r#override: true }),
                frame_options: Some(FrameOptions {
                    frame_option: "DENY".into(),
                    r#override: true,
                }),
                referrer_policy: Some(headers::ReferrerPolicy {
                    referrer_policy: "strict-origin-when-cross-origin".into(),
                    r#override: true,
                }),
                content_security_policy: Some(ContentSecurityPolicy {
                    content_security_policy: "default-src 'self'".into(),
                    r#override: true,
                }),
                xss_protection: None,
            }),
            cors_config: None,
            custom_headers_config: Some(BTreeMap::from([(
                "permissions-policy".into(),
                permissions,
            )])),
            remove_headers_config: Some(BTreeSet::from(["server".into(), "x-powered-by".into()])),
            server_timing_sampling_rate: Some(0.0),
            stage: std::marker::PhantomData,
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("comment", json!(""))]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        let cors = json!({
            "access_control_allow_origins": ["https://www.example.com"],
            "access_control_allow_methods": ["GET", "HEAD"],
            "access_control_allow_headers": ["authorization"],
            "access_control_expose_headers": ["etag"],
            "access_control_allow_credentials": true,
            "access_control_max_age_sec": 600,
            "origin_override": true,
        });
        let xss = json!({"protection": true, "mode_block": true, "override": true});
        vec![
            ("/name", json!("prod-headers")),
            ("/comment", json!("All headers")),
            (
                "/security_headers_config/strict_transport_security/access_control_max_age_sec",
                json!(63_072_000),
            ),
            (
                "/security_headers_config/strict_transport_security/include_subdomains",
                json!(false),
            ),
            (
                "/security_headers_config/strict_transport_security/preload",
                json!(true),
            ),
            (
                "/security_headers_config/content_type_options/override",
                json!(false),
            ),
            (
                "/security_headers_config/frame_options/frame_option",
                json!("SAMEORIGIN"),
            ),
            (
                "/security_headers_config/referrer_policy/referrer_policy",
                json!("no-referrer"),
            ),
            (
                "/security_headers_config/content_security_policy/content_security_policy",
                json!("default-src 'none'"),
            ),
            ("/security_headers_config/xss_protection", xss),
            (
                "/security_headers_config/frame_options",
                serde_json::Value::Null,
            ),
            ("/cors_config", cors),
            (
                "/custom_headers_config",
                json!({"x-robots-tag": {"value": "noindex", "override": false}}),
            ),
            ("/remove_headers_config", json!(["server"])),
            ("/server_timing_sampling_rate", json!(12.5)),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(0.0..=100.0).contains(&spec.server_timing_sampling_rate.unwrap_or_default()) {
            return Err(SpecError::new(
                "/server_timing_sampling_rate",
                "must be between 0 and 100 percent",
            ));
        }
        spec.security_headers_config
            .as_ref()
            .map_or(Ok(()), SecurityHeaders::check)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let all = read(cloud).await?;
        let pair = |policy: &Policy| {
            Some((
                policy.id().to_owned(),
                policy.response_headers_policy_config()?.name().to_owned(),
            ))
        };
        let pairs: Vec<(String, String)> = all.iter().filter_map(pair).collect();
        Ok(by_name(
            wanted,
            |spec| &spec.name,
            pairs.iter().map(|(id, name)| (id.as_str(), name.as_str())),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let operation = "cloudfront:CreateResponseHeadersPolicy";
        let call = cloud.cloudfront.create_response_headers_policy();
        let call = call.response_headers_policy_config(config(spec, None)?);
        let answer = call.send().ask().await?;
        made(
            operation,
            answer.response_headers_policy().map(|policy| policy.id()),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let call = cloud
            .cloudfront
            .update_response_headers_policy()
            .id(live.id.as_str())
            .set_if_match(etag(cloud, &live.id).await?)
            .response_headers_policy_config(config(spec, Some(&live.spec))?);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .cloudfront
            .delete_response_headers_policy()
            .id(live.id.as_str());
        let call = call.set_if_match(etag(cloud, &live.id).await?);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(config: ResponseHeadersPolicyConfig) -> Policy {
        let builder = Policy::builder()
            .id("p-1")
            .response_headers_policy_config(config);
        builder
            .last_modified_time(aws_smithy_types::DateTime::from_secs(0))
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let mut spec = ResponseHeadersPolicy::example();
        spec.server_timing_sampling_rate = Some(5.0);
        spec.cors_config = Some(headers::example_cors());
        assert_eq!(
            live(&policy(config(&spec, None).unwrap())).unwrap().spec,
            spec
        );
    }

    #[test]
    fn what_is_not_stated_stays() {
        let old = ResponseHeadersPolicy::example();
        let desired = Spec {
            security_headers_config: None,
            comment: Some("new".into()),
            ..old.clone()
        };
        let new = live(&policy(config(&desired, Some(&old)).unwrap()))
            .unwrap()
            .spec;
        assert_eq!(
            new,
            Spec {
                comment: Some("new".into()),
                ..old
            }
        );
    }
}
