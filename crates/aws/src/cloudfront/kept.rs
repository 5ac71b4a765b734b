//! What is set on a distribution and cannot be said in a spec. An update sends it back as it is.

use aws_sdk_cloudfront::types::{
    CacheBehavior, CacheBehaviors, CustomOriginConfig, DefaultCacheBehavior, DistributionConfig,
    Origin, Origins,
};

use crate::unmanaged::{part, settings};

/// All of it, in words.
pub(super) fn unmanaged(config: &DistributionConfig) -> Vec<String> {
    let text = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let mut all: Vec<String> = config
        .origins()
        .map(Origins::items)
        .unwrap_or_default()
        .iter()
        .filter_map(of_origin)
        .collect();
    all.extend(config.default_cache_behavior().and_then(of_default));
    let behaviors = config
        .cache_behaviors()
        .map(CacheBehaviors::items)
        .unwrap_or_default();
    all.extend(behaviors.iter().filter_map(of_behavior));
    let certificate = config
        .viewer_certificate()
        .and_then(|certificate| certificate.iam_certificate_id());
    all.extend(settings([
        (
            "origin groups",
            config
                .origin_groups()
                .is_some_and(|groups| groups.quantity() > 0),
        ),
        ("IAM server certificate", text(certificate)),
        (
            "continuous deployment",
            text(config.continuous_deployment_policy_id()),
        ),
        ("staging", config.staging() == Some(true)),
        ("anycast IP list", text(config.anycast_ip_list_id())),
        ("tenant settings", config.tenant_config().is_some()),
        ("viewer mTLS", config.viewer_mtls_config().is_some()),
        (
            "connection function",
            config.connection_function_association().is_some(),
        ),
        ("cache tags", config.cache_tag_config().is_some()),
    ]));
    all
}

fn of_origin(origin: &Origin) -> Option<String> {
    let custom = origin.custom_origin_config();
    let identity = origin
        .s3_origin_config()
        .map(|s3| s3.origin_access_identity());
    let own = settings([
        (
            "origin shield",
            origin
                .origin_shield()
                .is_some_and(|shield| shield.enabled()),
        ),
        (
            "response completion timeout",
            origin
                .response_completion_timeout()
                .is_some_and(|time| time > 0),
        ),
        (
            "origin access identity",
            identity.is_some_and(|identity| !identity.is_empty()),
        ),
        (
            "IP address type",
            custom.is_some_and(|custom| custom.ip_address_type().is_some()),
        ),
        (
            "origin mTLS",
            custom
                .and_then(CustomOriginConfig::origin_mtls_config)
                .is_some(),
        ),
    ]);
    part(&format!("origin {}", origin.id()), &own)
}

/// Both types of behavior have these.
macro_rules! of_behavior {
    ($name:expr, $behavior:expr) => {{
        let behavior = $behavior;
        let text = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        let own = settings([
            (
                "trusted signers",
                behavior.trusted_signers().is_some_and(|all| all.enabled()),
            ),
            (
                "trusted key groups",
                behavior
                    .trusted_key_groups()
                    .is_some_and(|all| all.enabled()),
            ),
            (
                "functions",
                behavior
                    .function_associations()
                    .is_some_and(|all| all.quantity() > 0),
            ),
            (
                "Lambda functions",
                behavior
                    .lambda_function_associations()
                    .is_some_and(|all| all.quantity() > 0),
            ),
            (
                "field-level encryption",
                text(behavior.field_level_encryption_id()),
            ),
            ("real-time logs", text(behavior.realtime_log_config_arn())),
            (
                "gRPC",
                behavior.grpc_config().is_some_and(|grpc| grpc.enabled()),
            ),
            (
                "smooth streaming",
                behavior.smooth_streaming() == Some(true),
            ),
        ]);
        part(&$name, &own)
    }};
}

fn of_default(behavior: &DefaultCacheBehavior) -> Option<String> {
    of_behavior!("default behavior", behavior)
}

fn of_behavior(behavior: &CacheBehavior) -> Option<String> {
    of_behavior!(format!("behavior {}", behavior.path_pattern()), behavior)
}
