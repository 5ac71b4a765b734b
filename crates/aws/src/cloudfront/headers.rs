//! The parts of a response headers policy.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    ResponseHeadersPolicyAccessControlAllowHeaders, ResponseHeadersPolicyAccessControlAllowMethods,
    ResponseHeadersPolicyAccessControlAllowOrigins,
    ResponseHeadersPolicyAccessControlExposeHeaders, ResponseHeadersPolicyContentSecurityPolicy,
    ResponseHeadersPolicyContentTypeOptions, ResponseHeadersPolicyCorsConfig,
    ResponseHeadersPolicyFrameOptions, ResponseHeadersPolicyReferrerPolicy,
    ResponseHeadersPolicySecurityHeadersConfig, ResponseHeadersPolicyStrictTransportSecurity,
    ResponseHeadersPolicyXssProtection,
};
use platctl_engine::{CloudResult, SpecError};
use serde::{Deserialize, Serialize};

use super::{HeaderName, built, listed, texts};

pub(super) const fn yes() -> bool {
    true
}

/// The security headers that CloudFront adds to responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHeaders {
    /// The `Strict-Transport-Security` header, which tells browsers to use HTTPS only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_transport_security: Option<StrictTransportSecurity>,
    /// The `X-Content-Type-Options` header, with the value `nosniff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type_options: Option<ContentTypeOptions>,
    /// The `X-Frame-Options` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_options: Option<FrameOptions>,
    /// The `Referrer-Policy` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer_policy: Option<ReferrerPolicy>,
    /// The `Content-Security-Policy` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_security_policy: Option<ContentSecurityPolicy>,
    /// The `X-XSS-Protection` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xss_protection: Option<XssProtection>,
}

/// The `Strict-Transport-Security` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrictTransportSecurity {
    /// The value of the `max-age` directive, in seconds.
    pub access_control_max_age_sec: i32,
    /// Whether the header includes the `includeSubDomains` directive. Default: `false`.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Whether the header includes the `preload` directive. Default: `false`.
    #[serde(default)]
    pub preload: bool,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The `X-Content-Type-Options` header, with the value `nosniff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentTypeOptions {
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The `X-Frame-Options` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameOptions {
    /// The value of the header: `DENY` or `SAMEORIGIN`.
    pub frame_option: String,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The `Referrer-Policy` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferrerPolicy {
    /// The value of the header, such as `strict-origin-when-cross-origin`.
    pub referrer_policy: String,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The `Content-Security-Policy` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentSecurityPolicy {
    /// The value of the header.
    pub content_security_policy: String,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The `X-XSS-Protection` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XssProtection {
    /// Whether the XSS protection of browsers is enabled.
    pub protection: bool,
    /// Whether the header includes the `mode=block` directive, which stops the page from loading. Default:
    /// `false`.
    #[serde(default)]
    pub mode_block: bool,
    /// The URI to which violations are reported. Cannot be used with `mode_block`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_uri: Option<String>,
    /// Whether this header overrides the one received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// The CORS headers that CloudFront adds to responses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins that can access responses, such as `https://…`, or `*` for all origins.
    pub access_control_allow_origins: BTreeSet<String>,
    /// The allowed HTTP methods, or `ALL` for all methods.
    pub access_control_allow_methods: BTreeSet<String>,
    /// The allowed request headers, or `*` for all headers.
    pub access_control_allow_headers: BTreeSet<HeaderName>,
    /// The response headers that scripts of the requesting site can read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub access_control_expose_headers: BTreeSet<HeaderName>,
    /// Whether requests can include credentials such as cookies. Default: `false`.
    #[serde(default)]
    pub access_control_allow_credentials: bool,
    /// The number of seconds for which a browser can cache the response to a preflight request. Default: 600.
    #[serde(default = "ten_minutes")]
    pub access_control_max_age_sec: i32,
    /// Whether these headers override those received from the origin. Default: `true`.
    #[serde(default = "yes")]
    pub origin_override: bool,
}

const fn ten_minutes() -> i32 {
    600
}

impl SecurityHeaders {
    pub(super) fn check(&self) -> Result<(), SpecError> {
        let path = |field: &str| format!("/security_headers_config/{field}");
        if self
            .frame_options
            .as_ref()
            .is_some_and(|options| !["DENY", "SAMEORIGIN"].contains(&options.frame_option.as_str()))
        {
            return Err(SpecError::new(
                path("frame_options/frame_option"),
                "must be `DENY` or `SAMEORIGIN`",
            ));
        }
        if self
            .xss_protection
            .as_ref()
            .is_some_and(|xss| xss.mode_block && xss.report_uri.is_some())
        {
            let message = "cannot be used with `mode_block`";
            return Err(SpecError::new(path("xss_protection/report_uri"), message));
        }
        Ok(())
    }

    pub(super) fn read(config: &ResponseHeadersPolicySecurityHeadersConfig) -> Self {
        Self {
            strict_transport_security: config.strict_transport_security().map(|hsts| {
                StrictTransportSecurity {
                    access_control_max_age_sec: hsts.access_control_max_age_sec(),
                    include_subdomains: hsts.include_subdomains().unwrap_or_default(),
                    preload: hsts.preload().unwrap_or_default(),
                    r#override: hsts.r#override(),
                }
            }),
            content_type_options: config
                .content_type_options()
                .map(|options| ContentTypeOptions {
                    r#override: options.r#override(),
                }),
            frame_options: config.frame_options().map(|options| FrameOptions {
                frame_option: options.frame_option().to_string(),
                r#override: options.r#override(),
            }),
            referrer_policy: config.referrer_policy().map(|policy| ReferrerPolicy {
                referrer_policy: policy.referrer_policy().to_string(),
                r#override: policy.r#override(),
            }),
            content_security_policy: config.content_security_policy().map(|policy| {
                ContentSecurityPolicy {
                    content_security_policy: policy.content_security_policy().to_owned(),
                    r#override: policy.r#override(),
                }
            }),
            xss_protection: config.xss_protection().map(|xss| XssProtection {
                protection: xss.protection(),
                mode_block: xss.mode_block().unwrap_or_default(),
                report_uri: xss
                    .report_uri()
                    .filter(|uri| !uri.is_empty())
                    .map(ToOwned::to_owned),
                r#override: xss.r#override(),
            }),
        }
    }

    pub(super) fn build(&self) -> CloudResult<ResponseHeadersPolicySecurityHeadersConfig> {
        let hsts = self.strict_transport_security.as_ref().map(|hsts| {
            let builder = ResponseHeadersPolicyStrictTransportSecurity::builder()
                .access_control_max_age_sec(hsts.access_control_max_age_sec)
                .include_subdomains(hsts.include_subdomains)
                .preload(hsts.preload);
            built(builder.r#override(hsts.r#override).build())
        });
        let types = self.content_type_options.as_ref().map(|options| {
            built(
                ResponseHeadersPolicyContentTypeOptions::builder()
                    .r#override(options.r#override)
                    .build(),
            )
        });
        let frames = self.frame_options.as_ref().map(|options| {
            let builder = ResponseHeadersPolicyFrameOptions::builder()
                .frame_option(options.frame_option.as_str().into());
            built(builder.r#override(options.r#override).build())
        });
        let referrers = self.referrer_policy.as_ref().map(|policy| {
            let builder = ResponseHeadersPolicyReferrerPolicy::builder();
            let builder = builder.referrer_policy(policy.referrer_policy.as_str().into());
            built(builder.r#override(policy.r#override).build())
        });
        let contents = self.content_security_policy.as_ref().map(|policy| {
            let builder = ResponseHeadersPolicyContentSecurityPolicy::builder();
            let builder = builder.content_security_policy(&policy.content_security_policy);
            built(builder.r#override(policy.r#override).build())
        });
        let xss = self.xss_protection.as_ref().map(|xss| {
            let builder = ResponseHeadersPolicyXssProtection::builder()
                .protection(xss.protection)
                .set_mode_block(xss.protection.then_some(xss.mode_block))
                .set_report_uri(xss.report_uri.clone());
            built(builder.r#override(xss.r#override).build())
        });
        Ok(ResponseHeadersPolicySecurityHeadersConfig::builder()
            .set_strict_transport_security(hsts.transpose()?)
            .set_content_type_options(types.transpose()?)
            .set_frame_options(frames.transpose()?)
            .set_referrer_policy(referrers.transpose()?)
            .set_content_security_policy(contents.transpose()?)
            .set_xss_protection(xss.transpose()?)
            .build())
    }
}

impl Cors {
    pub(super) fn read(config: &ResponseHeadersPolicyCorsConfig) -> Self {
        let headers = |items: &[String]| items.iter().map(|name| name.as_str().into()).collect();
        let origins = config.access_control_allow_origins();
        let methods = config.access_control_allow_methods();
        let allowed = config.access_control_allow_headers();
        let exposed = config.access_control_expose_headers();
        Self {
            access_control_allow_origins: origins
                .map(|list| texts(list.items()))
                .unwrap_or_default(),
            access_control_allow_methods: methods
                .map(|list| texts(list.items()))
                .unwrap_or_default(),
            access_control_allow_headers: allowed
                .map(|list| headers(list.items()))
                .unwrap_or_default(),
            access_control_expose_headers: exposed
                .map(|list| headers(list.items()))
                .unwrap_or_default(),
            access_control_allow_credentials: config.access_control_allow_credentials(),
            access_control_max_age_sec: config.access_control_max_age_sec().unwrap_or(600),
            origin_override: config.origin_override(),
        }
    }

    pub(super) fn build(&self) -> CloudResult<ResponseHeadersPolicyCorsConfig> {
        let names = |names: &BTreeSet<HeaderName>| {
            names.iter().map(|name| name.as_str().to_owned()).collect()
        };
        let origins = self.access_control_allow_origins.iter().cloned().collect();
        let methods = self
            .access_control_allow_methods
            .iter()
            .map(|method| method.as_str().into())
            .collect();
        let exposed = &self.access_control_expose_headers;
        let exposed = (!exposed.is_empty()).then(|| {
            listed!(
                ResponseHeadersPolicyAccessControlExposeHeaders,
                names(exposed)
            )
        });
        let builder = ResponseHeadersPolicyCorsConfig::builder()
            .access_control_allow_origins(listed!(
                ResponseHeadersPolicyAccessControlAllowOrigins,
                origins
            )?)
            .access_control_allow_methods(listed!(
                ResponseHeadersPolicyAccessControlAllowMethods,
                methods
            )?)
            .access_control_allow_headers(listed!(
                ResponseHeadersPolicyAccessControlAllowHeaders,
                names(&self.access_control_allow_headers)
            )?)
            .set_access_control_expose_headers(exposed.transpose()?)
            .access_control_allow_credentials(self.access_control_allow_credentials)
            .access_control_max_age_sec(self.access_control_max_age_sec)
            .origin_override(self.origin_override);
        built(builder.build())
    }
}

#[cfg(test)]
pub(super) fn example_cors() -> Cors {
    Cors {
        access_control_allow_origins: BTreeSet::from(["https://www.example.com".into()]),
        access_control_allow_methods: BTreeSet::from(["GET".into()]),
        access_control_allow_headers: BTreeSet::from(["*".into()]),
        access_control_expose_headers: BTreeSet::new(),
        access_control_allow_credentials: false,
        access_control_max_age_sec: 600,
        origin_override: true,
    }
}
