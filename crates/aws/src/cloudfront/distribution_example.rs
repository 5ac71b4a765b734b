//! A typical distribution.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::distribution::Spec;
use super::{Behavior, CustomErrorResponse, CustomOrigin, GeoRestriction, HeaderValue, Origin};
use crate::tags::Tags;

/// The managed policy `CachingDisabled`.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
/// The managed policy `AllViewerExceptHostHeader`.
const ALL_VIEWER: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

fn behavior(path: Option<&str>, origin: &str, policy: &str) -> Behavior {
    Behavior {
        path_pattern: path.map(ToOwned::to_owned),
        target_origin_id: origin.to_owned(),
        viewer_protocol_policy: "redirect-to-https".into(),
        allowed_methods: super::behaviors::reads(),
        cached_methods: super::behaviors::reads(),
        compress: true,
        cache_policy_id: policy.to_owned(),
        origin_request_policy_id: None,
        response_headers_policy_id: None,
    }
}

fn origin(domain: &str) -> Origin {
    Origin {
        domain_name: domain.to_owned(),
        origin_path: String::new(),
        custom_headers: BTreeMap::new(),
        custom_origin_config: None,
        vpc_origin_config: None,
        origin_access_control_id: None,
        connection_attempts: 3,
        connection_timeout: 10,
    }
}

pub(super) fn example() -> Spec {
    let header = HeaderValue {
        value: Some("prod".into()),
        ..HeaderValue::default()
    };
    let app = Origin {
        custom_origin_config: Some(CustomOrigin::default()),
        custom_headers: BTreeMap::from([("x-environment".into(), header)]),
        ..origin("app.example.com")
    };
    let assets = Origin {
        origin_access_control_id: Some("E0EXAMPLEOAC".into()),
        ..origin("prod-assets.s3.eu-west-1.amazonaws.com")
    };
    let mut pages = behavior(None, "app", CACHING_DISABLED);
    pages.allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        .map(ToOwned::to_owned)
        .into();
    pages.origin_request_policy_id = Some(ALL_VIEWER.into());
    pages.response_headers_policy_id = Some("00000000-0000-4000-8000-00000000example2".into());
    let missing = CustomErrorResponse {
        error_code: 404,
        response_page_path: Some("/assets/404.html".into()),
        response_code: Some(404),
        error_caching_min_ttl: 10,
    };
    Spec {
        comment: Some("prod".into()),
        aliases: None,
        origins: BTreeMap::from([("app".into(), app), ("assets".into(), assets)]),
        default_cache_behavior: pages,
        cache_behaviors: Some(vec![behavior(
            Some("/assets/*"),
            "assets",
            "00000000-0000-4000-8000-00000000example1",
        )]),
        viewer_certificate: None,
        web_acl_id: Some("".into()),
        default_root_object: Some("index.html".into()),
        custom_error_responses: Some(BTreeSet::from([missing])),
        logging: None,
        geo_restriction: Some(GeoRestriction {
            restriction_type: "none".into(),
            locations: BTreeSet::new(),
        }),
        price_class: Some("PriceClass_100".into()),
        http_version: "http2and3".into(),
        is_ipv6_enabled: true,
        enabled: true,
        tags: Tags::from([("team".into(), "web".into())]),
    }
}

pub(super) fn variations() -> Vec<(&'static str, Value)> {
    let second = json!({
        "target_origin_id": "app", "path_pattern": "/api/*", "viewer_protocol_policy": "https-only",
        "allowed_methods": ["GET", "HEAD", "OPTIONS"], "cached_methods": ["GET", "HEAD", "OPTIONS"],
        "compress": false, "cache_policy_id": CACHING_DISABLED,
    });
    let third = json!({
        "domain_name": "api.example.com", "origin_path": "/v1", "custom_headers": {},
        "custom_origin_config": {
            "origin_protocol_policy": "https-only", "http_port": 80, "https_port": 443,
            "origin_ssl_protocols": ["TLSv1.2"], "origin_read_timeout": 30, "origin_keepalive_timeout": 5,
        },
        "connection_attempts": 2, "connection_timeout": 5,
    });
    vec![
        ("/comment", json!("production")),
        ("/origins/app/domain_name", json!("www.example.net")),
        ("/origins/app/origin_path", json!("/site")),
        (
            "/origins/app/custom_headers/x-environment/value",
            json!("test"),
        ),
        (
            "/origins/app/custom_origin_config/origin_protocol_policy",
            json!("match-viewer"),
        ),
        ("/origins/app/custom_origin_config/http_port", json!(8080)),
        ("/origins/app/custom_origin_config/https_port", json!(8443)),
        (
            "/origins/app/custom_origin_config/origin_ssl_protocols",
            json!(["TLSv1.1", "TLSv1.2"]),
        ),
        (
            "/origins/app/custom_origin_config/origin_read_timeout",
            json!(60),
        ),
        (
            "/origins/app/custom_origin_config/origin_keepalive_timeout",
            json!(30),
        ),
        ("/origins/app/connection_attempts", json!(2)),
        ("/origins/app/connection_timeout", json!(5)),
        ("/origins/api", third),
        ("/origins/assets/origin_access_control_id", Value::Null),
        ("/default_cache_behavior/target_origin_id", json!("assets")),
        (
            "/default_cache_behavior/viewer_protocol_policy",
            json!("https-only"),
        ),
        (
            "/default_cache_behavior/allowed_methods",
            json!(["GET", "HEAD", "OPTIONS"]),
        ),
        (
            "/default_cache_behavior/cached_methods",
            json!(["GET", "HEAD", "OPTIONS"]),
        ),
        ("/default_cache_behavior/compress", json!(false)),
        (
            "/default_cache_behavior/cache_policy_id",
            json!("658327ea-f89d-4fab-a63d-7e88639e58f6"),
        ),
        (
            "/default_cache_behavior/origin_request_policy_id",
            Value::Null,
        ),
        (
            "/default_cache_behavior/response_headers_policy_id",
            Value::Null,
        ),
        ("/cache_behaviors", json!([second])),
        ("/default_root_object", json!("home.html")),
        (
            "/custom_error_responses",
            json!([{"error_code": 503, "error_caching_min_ttl": 0}]),
        ),
        (
            "/geo_restriction",
            json!({"restriction_type": "whitelist", "locations": ["DE", "FR"]}),
        ),
        ("/price_class", json!("PriceClass_All")),
        ("/http_version", json!("http2")),
        ("/is_ipv6_enabled", json!(false)),
        ("/enabled", json!(false)),
        (
            "/logging",
            json!({"bucket": "prod-logs.s3.amazonaws.com", "prefix": "cdn/", "include_cookies": false}),
        ),
        ("/tags/team", json!("platform")),
    ]
}
