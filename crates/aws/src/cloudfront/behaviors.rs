//! What a distribution does with the requests for some of its paths.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    AllowedMethods, CacheBehavior, CachedMethods, DefaultCacheBehavior, Method,
    ViewerProtocolPolicy,
};
use platctl_engine::{CloudResult, Resolved, SpecError, Stage};
use serde::{Deserialize, Serialize};

use super::{built, listed, texts};

/// A cache behavior of a CloudFront distribution.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Behavior<S: Stage = Resolved> {
    /// The path pattern of the requests to which the cache behavior applies, such as `/images/*`. Must be
    /// omitted for the default cache behavior.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_pattern: Option<String>,
    /// The ID of the origin to which CloudFront routes requests.
    pub target_origin_id: String,
    /// The protocols that viewers can use: `redirect-to-https`, `https-only` or `allow-all`. Default:
    /// `redirect-to-https`.
    #[serde(default = "redirect")]
    pub viewer_protocol_policy: String,
    /// The HTTP methods that CloudFront forwards to the origin: `GET` and `HEAD`; `GET`, `HEAD` and
    /// `OPTIONS`; or all seven methods. Default: `GET` and `HEAD`.
    #[serde(default = "reads")]
    pub allowed_methods: BTreeSet<String>,
    /// The HTTP methods for which CloudFront caches responses: `GET` and `HEAD`, or `GET`, `HEAD` and
    /// `OPTIONS`. Default: `GET` and `HEAD`.
    #[serde(default = "reads")]
    pub cached_methods: BTreeSet<String>,
    /// Whether CloudFront compresses responses for viewers that accept it. Default: `true`.
    #[serde(default = "yes")]
    pub compress: bool,
    /// The ID of the cache policy.
    pub cache_policy_id: S::In<String>,
    /// The ID of the origin request policy, which determines the values that CloudFront sends to the origin
    /// in addition to those in the cache key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_request_policy_id: Option<S::In<String>>,
    /// The ID of the response headers policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_headers_policy_id: Option<S::In<String>>,
}

fn redirect() -> String {
    "redirect-to-https".into()
}

pub(super) fn reads() -> BTreeSet<String> {
    BTreeSet::from(["GET".into(), "HEAD".into()])
}

const fn yes() -> bool {
    true
}

/// The SDK has two types for what differs by the path pattern only.
macro_rules! read {
    ($behavior:expr, $pattern:expr) => {{
        let behavior = $behavior;
        let id = |id: Option<&str>| id.filter(|id| !id.is_empty()).map(ToOwned::to_owned);
        let methods = behavior.allowed_methods();
        let cached = methods.and_then(|methods| methods.cached_methods());
        Behavior {
            path_pattern: $pattern,
            target_origin_id: behavior.target_origin_id().to_owned(),
            viewer_protocol_policy: behavior.viewer_protocol_policy().to_string(),
            allowed_methods: methods.map_or_else(reads, |methods| texts(methods.items())),
            cached_methods: cached.map_or_else(reads, |methods| texts(methods.items())),
            compress: behavior.compress().unwrap_or_default(),
            // One that still has the settings of old times instead.
            cache_policy_id: behavior.cache_policy_id().unwrap_or_default().to_owned(),
            origin_request_policy_id: id(behavior.origin_request_policy_id()),
            response_headers_policy_id: id(behavior.response_headers_policy_id()),
        }
    }};
}

/// Everything that has no field here stays as it is.
macro_rules! build {
    ($self:expr, $builder:expr, $live:expr) => {{
        let behavior = $self;
        let new = $builder
            .target_origin_id(&behavior.target_origin_id)
            .viewer_protocol_policy(ViewerProtocolPolicy::from(behavior.viewer_protocol_policy.as_str()))
            .allowed_methods(behavior.methods()?)
            .compress(behavior.compress)
            .cache_policy_id(&behavior.cache_policy_id)
            .set_origin_request_policy_id(behavior.origin_request_policy_id.clone())
            .set_response_headers_policy_id(behavior.response_headers_policy_id.clone())
            .smooth_streaming(false)
            .field_level_encryption_id("");
        let new = built(new.build())?;
        let Some(mut sent) = $live.cloned() else { return Ok(new) };
        sent.target_origin_id = new.target_origin_id;
        sent.viewer_protocol_policy = new.viewer_protocol_policy;
        sent.allowed_methods = new.allowed_methods;
        sent.compress = new.compress;
        sent.origin_request_policy_id = new.origin_request_policy_id;
        sent.response_headers_policy_id = new.response_headers_policy_id;
        // One that still has the settings of old times keeps them until it gets a policy in their place.
        if !behavior.cache_policy_id.is_empty() {
            sent.cache_policy_id = new.cache_policy_id;
            sent.forwarded_values = None;
            (sent.min_ttl, sent.default_ttl, sent.max_ttl) = (None, None, None);
        }
        Ok(sent)
    }};
}

impl Behavior {
    pub(super) fn read_default(behavior: &DefaultCacheBehavior) -> Self {
        read!(behavior, None)
    }

    pub(super) fn read(behavior: &CacheBehavior) -> Self {
        read!(behavior, Some(behavior.path_pattern().to_owned()))
    }

    #[expect(deprecated, reason = "a behavior may have the settings of old times")]
    pub(super) fn build_default(
        &self,
        live: Option<&DefaultCacheBehavior>,
    ) -> CloudResult<DefaultCacheBehavior> {
        build!(self, DefaultCacheBehavior::builder(), live)
    }

    #[expect(deprecated, reason = "a behavior may have the settings of old times")]
    pub(super) fn build(&self, live: &[CacheBehavior]) -> CloudResult<CacheBehavior> {
        let pattern = self.path_pattern.as_deref().unwrap_or_default();
        let live = live
            .iter()
            .find(|behavior| behavior.path_pattern() == pattern);
        build!(self, CacheBehavior::builder().path_pattern(pattern), live)
    }

    fn methods(&self) -> CloudResult<AllowedMethods> {
        let sdk = |methods: &BTreeSet<String>| -> Vec<Method> {
            methods
                .iter()
                .map(|method| method.as_str().into())
                .collect()
        };
        let mut allowed = listed!(AllowedMethods, sdk(&self.allowed_methods))?;
        allowed.cached_methods = Some(listed!(CachedMethods, sdk(&self.cached_methods))?);
        Ok(allowed)
    }

    pub(super) fn check(&self, path: &str) -> Result<(), SpecError> {
        let wrong =
            |field: &str, message: &str| Err(SpecError::new(format!("{path}/{field}"), message));
        let set = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<String>>()
        };
        let reading = set(&["GET", "HEAD", "OPTIONS"]);
        let all = set(&["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]);
        if ![&reads(), &reading, &all].contains(&&self.allowed_methods) {
            return wrong(
                "allowed_methods",
                "must be GET and HEAD; GET, HEAD and OPTIONS; or all seven methods",
            );
        }
        if ![&reads(), &reading].contains(&&self.cached_methods) {
            return wrong(
                "cached_methods",
                "must be GET and HEAD, or GET, HEAD and OPTIONS",
            );
        }
        if !["redirect-to-https", "https-only", "allow-all"]
            .contains(&self.viewer_protocol_policy.as_str())
        {
            return wrong(
                "viewer_protocol_policy",
                "must be `redirect-to-https`, `https-only` or `allow-all`",
            );
        }
        Ok(())
    }
}
