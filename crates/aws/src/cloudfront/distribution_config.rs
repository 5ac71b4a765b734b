//! Between a distribution's spec and CloudFront's own configuration.

use aws_sdk_cloudfront::types::{
    Aliases, CacheBehaviors, DistributionConfig, HttpVersion, Origins, PriceClass,
};
use platctl_engine::{CloudResult, Live, Phase};

use super::distribution::{Distribution, Outputs, Spec};
use super::{
    Behavior, CustomErrorResponse, GeoRestriction, Logging, Origin, ViewerCertificate, kept,
    listed, secrets,
};
use crate::tags::{Tags, split};

/// The hosted zone of all distributions' names, for alias records.
const HOSTED_ZONE_ID: &str = "Z2FDTNDATAQYW2";

pub(super) fn live(
    found: &aws_sdk_cloudfront::types::Distribution,
    tags: Tags,
    values: &secrets::Values,
) -> Option<Live<Distribution>> {
    let config = found.distribution_config()?;
    let places = secrets::tagged(&tags);
    let (tags, owner) = split(tags);
    let origins = config.origins().map(Origins::items).unwrap_or_default();
    let origin = |origin: &aws_sdk_cloudfront::types::Origin| {
        (
            origin.id().to_owned(),
            Origin::read(origin, &places, values, owner.is_some()),
        )
    };
    let behaviors = config
        .cache_behaviors()
        .map(CacheBehaviors::items)
        .unwrap_or_default();
    let errors = config
        .custom_error_responses()
        .map(|list| list.items())
        .unwrap_or_default();
    let aliases = config.aliases().map(Aliases::items).unwrap_or_default();
    let spec = Spec {
        comment: Some(config.comment().to_owned()),
        aliases: Some(aliases.iter().cloned().collect()),
        origins: origins.iter().map(origin).collect(),
        default_cache_behavior: Behavior::read_default(config.default_cache_behavior()?),
        cache_behaviors: Some(behaviors.iter().map(Behavior::read).collect()),
        viewer_certificate: config
            .viewer_certificate()
            .and_then(ViewerCertificate::read),
        web_acl_id: Some(config.web_acl_id().unwrap_or_default().into()),
        default_root_object: Some(config.default_root_object().unwrap_or_default().to_owned()),
        custom_error_responses: Some(errors.iter().map(CustomErrorResponse::read).collect()),
        logging: config.logging().and_then(Logging::read),
        geo_restriction: config.restrictions().and_then(GeoRestriction::read),
        price_class: Some(
            config
                .price_class()
                .map_or("PriceClass_All", PriceClass::as_str)
                .to_owned(),
        ),
        http_version: config
            .http_version()
            .map_or("http2", HttpVersion::as_str)
            .to_ascii_lowercase(),
        is_ipv6_enabled: config.is_ipv6_enabled().unwrap_or_default(),
        enabled: config.enabled(),
        tags,
    };
    let outputs = Outputs {
        distribution_id: found.id().to_owned(),
        arn: found.arn().into(),
        domain_name: found.domain_name().to_owned(),
        hosted_zone_id: HOSTED_ZONE_ID.to_owned(),
        unmanaged: kept::unmanaged(config),
    };
    let phase = match found.status() {
        "Deployed" => Phase::Ready,
        status => Phase::Settling(status.to_owned()),
    };
    Some(Live {
        id: found.id().into(),
        spec,
        outputs,
        owner,
        phase,
    })
}

/// Sets what the spec states. An update replaces everything, so all else is sent as it was read.
pub(super) fn configure(
    config: &mut DistributionConfig,
    spec: &Spec,
    values: &secrets::Values,
) -> CloudResult<()> {
    let old = config
        .origins
        .take()
        .map(|list| list.items)
        .unwrap_or_default();
    let origin = |(id, origin): (&String, &Origin)| {
        origin.build(id, old.iter().find(|old| old.id() == id), values)
    };
    config.origins = Some(listed!(
        Origins,
        spec.origins
            .iter()
            .map(origin)
            .collect::<CloudResult<_>>()?
    )?);
    let old = config.default_cache_behavior.take();
    config.default_cache_behavior = Some(spec.default_cache_behavior.build_default(old.as_ref())?);
    if let Some(behaviors) = &spec.cache_behaviors {
        let old = config
            .cache_behaviors
            .take()
            .and_then(|list| list.items)
            .unwrap_or_default();
        let behavior = |behavior: &Behavior| behavior.build(&old);
        let items = behaviors.iter().map(behavior).collect::<CloudResult<_>>()?;
        config.cache_behaviors = Some(listed!(CacheBehaviors, items)?);
    }
    if let Some(aliases) = &spec.aliases {
        config.aliases = Some(listed!(Aliases, aliases.iter().cloned().collect())?);
    }
    if let Some(comment) = &spec.comment {
        config.comment.clone_from(comment);
    }
    if let Some(certificate) = &spec.viewer_certificate {
        config.viewer_certificate = Some(certificate.build());
    }
    if let Some(acl) = &spec.web_acl_id {
        config.web_acl_id = Some(acl.to_string());
    }
    if spec.default_root_object.is_some() {
        config
            .default_root_object
            .clone_from(&spec.default_root_object);
    }
    if let Some(responses) = &spec.custom_error_responses {
        config.custom_error_responses = Some(CustomErrorResponse::build(responses)?);
    }
    if let Some(logging) = &spec.logging {
        config.logging = Some(logging.build());
    }
    if let Some(restriction) = &spec.geo_restriction {
        config.restrictions = Some(restriction.build()?);
    }
    if let Some(class) = &spec.price_class {
        config.price_class = Some(PriceClass::from(class.as_str()));
    }
    config.http_version = Some(HttpVersion::from(spec.http_version.as_str()));
    config.is_ipv6_enabled = Some(spec.is_ipv6_enabled);
    config.enabled = spec.enabled;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cloud::tests::owner;
    use crate::tags::claimed;
    use aws_smithy_types::DateTime;
    use platctl_engine::Kind;

    /// The example, as CloudFront has it.
    pub(crate) fn distribution(
        status: &str,
        enabled: bool,
    ) -> aws_sdk_cloudfront::types::Distribution {
        let builder = DistributionConfig::builder()
            .caller_reference("platctl-token")
            .comment("")
            .enabled(true);
        let mut config = builder.build().unwrap();
        let spec = Spec {
            enabled,
            ..Distribution::example()
        };
        configure(&mut config, &spec, &secrets::Values::default()).unwrap();
        let builder = aws_sdk_cloudfront::types::Distribution::builder()
            .id("E1")
            .arn("arn:aws:cloudfront::123456789012:distribution/E1")
            .status(status)
            .last_modified_time(DateTime::from_secs(0))
            .in_progress_invalidation_batches(0)
            .domain_name("d1.cloudfront.net")
            .distribution_config(config);
        builder.build().unwrap()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let tags = claimed(&Distribution::example().tags, &owner());
        let found = live(
            &distribution("Deployed", true),
            tags,
            &secrets::Values::default(),
        )
        .unwrap();
        let json = |spec: &Spec| serde_json::to_value(spec).unwrap();
        let expected = Spec {
            aliases: Some([].into()),
            ..Distribution::example()
        };
        assert_eq!(json(&found.spec), json(&expected));
        assert_eq!((found.phase, found.owner), (Phase::Ready, Some(owner())));
    }

    #[test]
    fn values_of_headers_are_not_shown_without_our_tags() {
        let found = live(
            &distribution("InProgress", true),
            Tags::new(),
            &secrets::Values::default(),
        )
        .unwrap();
        let shown = serde_json::to_string(&found.spec.origins["app"].custom_headers).unwrap();
        assert!(!shown.contains("prod"), "{shown}");
        assert!(matches!(found.phase, Phase::Settling(_)));
    }
}
