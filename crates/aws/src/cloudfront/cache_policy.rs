//! `cloudfront.CachePolicy`

use aws_sdk_cloudfront::types::{CachePolicyConfig, CachePolicyType};
use platctl_engine::fields::Fact::Name;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::cache_key::Parameters;
use super::{built, present};
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, made};
use crate::tags::by_name;

/// A CloudFront cache policy: the values in the cache key, and how long responses are cached.
#[derive(Debug)]
pub struct CachePolicy;

/// A CloudFront cache policy: the values in the cache key, and how long responses are cached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cache policy. Must be unique within the account.
    pub name: String,
    /// A comment that describes the cache policy. Up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The minimum time that a response stays in the cache, in seconds. Default: 0.
    #[serde(default)]
    pub min_ttl: i64,
    /// The time that a response stays in the cache if the origin does not specify one, in seconds. Default:
    /// 86400, or `min_ttl` if that is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ttl: Option<i64>,
    /// The maximum time that a response stays in the cache, in seconds. 0 disables caching. Default:
    /// 31536000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<i64>,
    /// The values that are included in the cache key and sent to the origin. Default: none besides the path.
    #[serde(default)]
    pub parameters_in_cache_key_and_forwarded_to_origin: Parameters,
    #[doc(hidden)]
    #[serde(skip)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the cache policy that other resources can reference.
    CachePolicy {
        /// The ID of the cache policy.
        CACHE_POLICY_ID: cache_policy_id: String,
    }
}

/// One listing reads all of the account's own policies, whole.
async fn read(cloud: &Cloud) -> CloudResult<Vec<aws_sdk_cloudfront::types::CachePolicy>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let call = cloud
            .cloudfront
            .list_cache_policies()
            .r#type(CachePolicyType::Custom)
            .set_marker(marker);
        let answer = call.send().ask().await?;
        let list = present("cloudfront:ListCachePolicies", answer.cache_policy_list)?;
        all.extend(
            list.items
                .unwrap_or_default()
                .into_iter()
                .filter_map(|summary| summary.cache_policy),
        );
        marker = list.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

fn live(policy: &aws_sdk_cloudfront::types::CachePolicy) -> Option<Live<CachePolicy>> {
    let config = policy.cache_policy_config()?;
    let parameters = config.parameters_in_cache_key_and_forwarded_to_origin();
    let spec = Spec {
        name: config.name().to_owned(),
        comment: Some(config.comment().unwrap_or_default().to_owned()),
        min_ttl: config.min_ttl(),
        default_ttl: config.default_ttl(),
        max_ttl: config.max_ttl(),
        parameters_in_cache_key_and_forwarded_to_origin: parameters
            .map(Parameters::read)
            .unwrap_or_default(),
        stage: std::marker::PhantomData,
    };
    let outputs = Outputs {
        cache_policy_id: policy.id().to_owned(),
    };
    Some(Live {
        id: policy.id().into(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    })
}

/// An update replaces the whole policy, so what is not stated is sent as it is.
fn config(spec: &Spec, live: Option<&Spec>) -> CloudResult<CachePolicyConfig> {
    let builder = CachePolicyConfig::builder()
        .name(&spec.name)
        .set_comment(spec.comment.clone().or_else(|| live?.comment.clone()))
        .min_ttl(spec.min_ttl)
        .set_default_ttl(spec.default_ttl.or_else(|| live?.default_ttl))
        .set_max_ttl(spec.max_ttl.or_else(|| live?.max_ttl))
        .parameters_in_cache_key_and_forwarded_to_origin(
            spec.parameters_in_cache_key_and_forwarded_to_origin
                .build()?,
        );
    built(builder.build())
}

async fn etag(cloud: &Cloud, id: &Id) -> CloudResult<Option<String>> {
    let call = cloud.cloudfront.get_cache_policy().id(id.as_str());
    Ok(call.send().ask().await?.e_tag)
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<CachePolicy>>>> {
    Ok(in_order(ids, read(cloud).await?.iter().filter_map(live)))
}

impl Kind for CachePolicy {
    const NAME: &'static str = "cloudfront.CachePolicy";
    const FIELDS: &'static Table = &[("/name", &[Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["cloudfront:ListCachePolicies"],
        create: &["cloudfront:CreateCachePolicy"],
        update: &["cloudfront:GetCachePolicy", "cloudfront:UpdateCachePolicy"],
        delete: &["cloudfront:GetCachePolicy", "cloudfront:DeleteCachePolicy"],
    };
    // A distribution that gave it up keeps it until it is deployed everywhere.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 1800);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        use super::cache_key::{Cookies, Headers, QueryStrings};
        use std::collections::BTreeSet;
        Spec {
            name: "prod-pages".into(),
            comment: Some("Pages, by language".into()),
            min_ttl: 0,
            default_ttl: Some(300),
            max_ttl: Some(3600),
            parameters_in_cache_key_and_forwarded_to_origin: Parameters {
                enable_accept_encoding_gzip: true,
                enable_accept_encoding_brotli: true,
                headers_config: Headers {
                    header_behavior: "whitelist".into(),
                    headers: BTreeSet::from(["accept-language".into()]),
                },
                cookies_config: Cookies::default(),
                query_strings_config: QueryStrings {
                    query_string_behavior: "all".into(),
                    query_strings: BTreeSet::new(),
                },
            },
            stage: std::marker::PhantomData,
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("comment", json!(""))]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        let parameters = "/parameters_in_cache_key_and_forwarded_to_origin";
        vec![
            ("/name", json!("prod-all-pages")),
            ("/comment", json!("All pages")),
            ("/min_ttl", json!(60)),
            ("/default_ttl", json!(600)),
            ("/max_ttl", json!(7200)),
            (
                "/parameters_in_cache_key_and_forwarded_to_origin/enable_accept_encoding_gzip",
                json!(false),
            ),
            (
                "/parameters_in_cache_key_and_forwarded_to_origin/enable_accept_encoding_brotli",
                json!(false),
            ),
            (
                "/parameters_in_cache_key_and_forwarded_to_origin/headers_config",
                json!({"header_behavior": "none"}),
            ),
            (
                "/parameters_in_cache_key_and_forwarded_to_origin/cookies_config",
                json!({"cookie_behavior": "whitelist", "cookies": ["session"]}),
            ),
            (
                "/parameters_in_cache_key_and_forwarded_to_origin/query_strings_config",
                json!({"query_string_behavior": "allExcept", "query_strings": ["utm"]}),
            ),
            (
                parameters,
                json!({
                    "enable_accept_encoding_gzip": false,
                    "enable_accept_encoding_brotli": false,
                    "headers_config": {"header_behavior": "none"},
                    "cookies_config": {"cookie_behavior": "none"},
                    "query_strings_config": {"query_string_behavior": "none"},
                }),
            ),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let default = spec.default_ttl.unwrap_or(spec.min_ttl);
        let maximum = spec.max_ttl.unwrap_or(i64::MAX);
        if spec.min_ttl < 0 || default < spec.min_ttl {
            return Err(SpecError::new(
                "/min_ttl",
                "must be between 0 and `default_ttl`",
            ));
        }
        if maximum < default {
            return Err(SpecError::new(
                "/max_ttl",
                "must not be less than `default_ttl` or `min_ttl`",
            ));
        }
        let parameters = &spec.parameters_in_cache_key_and_forwarded_to_origin;
        if maximum == 0 && *parameters != Parameters::default() {
            let message = "must be empty if `max_ttl` is 0: without caching there is no cache key";
            return Err(SpecError::new(
                "/parameters_in_cache_key_and_forwarded_to_origin",
                message,
            ));
        }
        parameters.check("/parameters_in_cache_key_and_forwarded_to_origin")
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let all = read(cloud).await?;
        let pair = |policy: &aws_sdk_cloudfront::types::CachePolicy| {
            Some((
                policy.id().to_owned(),
                policy.cache_policy_config()?.name().to_owned(),
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
        let operation = "cloudfront:CreateCachePolicy";
        let call = cloud
            .cloudfront
            .create_cache_policy()
            .cache_policy_config(config(spec, None)?);
        let answer = call.send().ask().await?;
        made(operation, answer.cache_policy().map(|policy| policy.id()))
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
            .update_cache_policy()
            .id(live.id.as_str())
            .set_if_match(etag(cloud, &live.id).await?)
            .cache_policy_config(config(spec, Some(&live.spec))?);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.cloudfront.delete_cache_policy().id(live.id.as_str());
        let call = call.set_if_match(etag(cloud, &live.id).await?);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_read() {
        let spec = CachePolicy::example();
        let policy = aws_sdk_cloudfront::types::CachePolicy::builder()
            .id("p-1")
            .last_modified_time(aws_smithy_types::DateTime::from_secs(0))
            .cache_policy_config(config(&spec, None).unwrap());
        assert_eq!(live(&policy.build().unwrap()).unwrap().spec, spec);
    }

    #[test]
    fn a_policy_without_caching_has_no_key() {
        let off = Spec {
            default_ttl: Some(0),
            max_ttl: Some(0),
            ..CachePolicy::example()
        };
        assert!(
            CachePolicy::check(&off)
                .unwrap_err()
                .message
                .contains("without caching")
        );
        let none = Parameters::default();
        let off = Spec {
            parameters_in_cache_key_and_forwarded_to_origin: none,
            ..off
        };
        assert!(CachePolicy::check(&off).is_ok());
    }
}
