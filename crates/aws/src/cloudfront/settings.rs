//! The smaller parts of a distribution.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    CustomErrorResponses, GeoRestrictionType, LoggingConfig, MinimumProtocolVersion, Restrictions,
    SslSupportMethod,
};
use platctl_engine::{CloudResult, Resolved, Stage};
use serde::{Deserialize, Serialize};

use super::{built, listed, quantity, texts};
use crate::types::Arn;

/// The SSL/TLS certificate for viewers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct ViewerCertificate<S: Stage = Resolved> {
    /// The ARN of an ACM certificate in us-east-1 that covers all aliases.
    pub acm_certificate_arn: S::In<Arn>,
    /// The security policy, which determines the minimum TLS version for viewers. Default: `TLSv1.2_2021`.
    #[serde(default = "tls")]
    pub minimum_protocol_version: String,
    /// How CloudFront serves HTTPS requests: `sni-only`, or `vip`, which costs extra. Default: `sni-only`.
    #[serde(default = "sni")]
    pub ssl_support_method: String,
}

pub(super) fn tls() -> String {
    "TLSv1.2_2021".into()
}

pub(super) fn sni() -> String {
    "sni-only".into()
}

/// A custom response to an HTTP error of the origin, and how long the error is cached.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct CustomErrorResponse {
    /// The HTTP status code of the origin's response.
    pub error_code: i32,
    /// The path of the custom error page, such as `/errors/404.html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_page_path: Option<String>,
    /// The HTTP status code that CloudFront returns with the error page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<i32>,
    /// The minimum number of seconds that CloudFront caches the error. Default: 10.
    #[serde(default = "ten")]
    pub error_caching_min_ttl: i64,
}

const fn ten() -> i64 {
    10
}

/// The access log settings of a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Logging<S: Stage = Resolved> {
    /// The domain name of the S3 bucket for the logs: `NAME.s3.amazonaws.com`. ACLs must be enabled on the
    /// bucket.
    pub bucket: S::In<String>,
    /// The prefix of the log file names. Default: none.
    #[serde(default)]
    pub prefix: String,
    /// Whether cookies are included in the logs. Default: `false`.
    #[serde(default)]
    pub include_cookies: bool,
}

/// A restriction of the countries from which content can be requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeoRestriction {
    /// The type of restriction: `none`, `whitelist` or `blacklist`.
    pub restriction_type: String,
    /// The countries, as two-letter codes in upper case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locations: BTreeSet<String>,
}

impl ViewerCertificate {
    pub(super) fn read(certificate: &aws_sdk_cloudfront::types::ViewerCertificate) -> Option<Self> {
        let version = certificate.minimum_protocol_version();
        Some(Self {
            acm_certificate_arn: certificate.acm_certificate_arn()?.into(),
            minimum_protocol_version: version.map_or_else(tls, ToString::to_string),
            ssl_support_method: certificate
                .ssl_support_method()
                .map_or_else(sni, ToString::to_string),
        })
    }

    pub(super) fn build(&self) -> aws_sdk_cloudfront::types::ViewerCertificate {
        aws_sdk_cloudfront::types::ViewerCertificate::builder()
            .cloud_front_default_certificate(false)
            .acm_certificate_arn(self.acm_certificate_arn.as_str())
            .minimum_protocol_version(MinimumProtocolVersion::from(
                self.minimum_protocol_version.as_str(),
            ))
            .ssl_support_method(SslSupportMethod::from(self.ssl_support_method.as_str()))
            .build()
    }
}

impl CustomErrorResponse {
    pub(super) fn read(response: &aws_sdk_cloudfront::types::CustomErrorResponse) -> Self {
        let path = response
            .response_page_path()
            .filter(|path| !path.is_empty());
        Self {
            error_code: response.error_code(),
            response_page_path: path.map(ToOwned::to_owned),
            response_code: response.response_code().and_then(|code| code.parse().ok()),
            error_caching_min_ttl: response.error_caching_min_ttl().unwrap_or(10),
        }
    }

    pub(super) fn build(responses: &BTreeSet<Self>) -> CloudResult<CustomErrorResponses> {
        let build = |response: &Self| {
            let builder = aws_sdk_cloudfront::types::CustomErrorResponse::builder()
                .error_code(response.error_code)
                .response_page_path(response.response_page_path.clone().unwrap_or_default())
                .response_code(
                    response
                        .response_code
                        .map(|code| code.to_string())
                        .unwrap_or_default(),
                )
                .error_caching_min_ttl(response.error_caching_min_ttl);
            built(builder.build())
        };
        listed!(
            CustomErrorResponses,
            responses.iter().map(build).collect::<CloudResult<_>>()?
        )
    }
}

impl Logging {
    pub(super) fn read(logging: &LoggingConfig) -> Option<Self> {
        // What bears the name only: the other way of logging leaves it disabled.
        logging.enabled().then(|| Self {
            bucket: logging.bucket().to_owned(),
            prefix: logging.prefix().to_owned(),
            include_cookies: logging.include_cookies(),
        })
    }

    pub(super) fn build(&self) -> LoggingConfig {
        let builder = LoggingConfig::builder()
            .enabled(true)
            .include_cookies(self.include_cookies);
        builder.bucket(&self.bucket).prefix(&self.prefix).build()
    }
}

impl GeoRestriction {
    pub(super) fn read(restrictions: &Restrictions) -> Option<Self> {
        let restriction = restrictions.geo_restriction()?;
        Some(Self {
            restriction_type: restriction.restriction_type().to_string(),
            locations: texts(restriction.items()),
        })
    }

    pub(super) fn build(&self) -> CloudResult<Restrictions> {
        let items: Vec<String> = self.locations.iter().cloned().collect();
        let builder = aws_sdk_cloudfront::types::GeoRestriction::builder()
            .restriction_type(GeoRestrictionType::from(self.restriction_type.as_str()))
            .quantity(quantity(items.len()))
            .set_items(Some(items).filter(|items| !items.is_empty()));
        Ok(Restrictions::builder()
            .geo_restriction(built(builder.build())?)
            .build())
    }
}
