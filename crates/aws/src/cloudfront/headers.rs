//! The parts of a response headers policy.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    ResponseHeadersPolicyAccessControlAllowHeaders, ResponseHeadersPolicyAccessControlAllowMethods,
    ResponseHeadersPolicyAccessControlAllowOrigins, ResponseHeadersPolicyAccessControlExposeHeaders,
    ResponseHeadersPolicyContentSecurityPolicy, ResponseHeadersPolicyContentTypeOptions,
    ResponseHeadersPolicyCorsConfig, ResponseHeadersPolicyFrameOptions, ResponseHeadersPolicyReferrerPolicy,
    ResponseHeadersPolicySecurityHeadersConfig, ResponseHeadersPolicyStrictTransportSecurity,
    ResponseHeadersPolicyXssProtection,
};
use platctl_engine::{CloudResult, SpecError};
use serde::{Deserialize, Serialize};

use super::{HeaderName, built, listed, texts};

pub(super) const fn yes() -> bool {
    true
}

/// Headers that tell browsers to be careful.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHeaders {
    /// `Strict-Transport-Security`: only over TLS from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_transport_security: Option<StrictTransportSecurity>,
    /// `X-Content-Type-Options: nosniff`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type_options: Option<ContentTypeOptions>,
    /// `X-Frame-Options`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_options: Option<FrameOptions>,
    /// `Referrer-Policy`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer_policy: Option<ReferrerPolicy>,
    /// `Content-Security-Policy`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_security_policy: Option<ContentSecurityPolicy>,
    /// `X-XSS-Protection`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xss_protection: Option<XssProtection>,
}

/// `Strict-Transport-Security`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrictTransportSecurity {
    /// For how many seconds.
    pub access_control_max_age_sec: i32,
    /// Whether for all names below it, too. By default not.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Whether browsers may know it before the first visit. By default not.
    #[serde(default)]
    pub preload: bool,
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// `X-Content-Type-Options`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentTypeOptions {
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// `X-Frame-Options`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameOptions {
    /// `DENY` or `SAMEORIGIN`.
    pub frame_option: String,
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// `Referrer-Policy`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferrerPolicy {
    /// Its value, such as `strict-origin-when-cross-origin`.
    pub referrer_policy: String,
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// `Content-Security-Policy`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentSecurityPolicy {
    /// Its value.
    pub content_security_policy: String,
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// `X-XSS-Protection`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XssProtection {
    /// On or off.
    pub protection: bool,
    /// Whether a page is not shown at all. By default not.
    #[serde(default)]
    pub mode_block: bool,
    /// Where it is reported to. Not together with `mode_block`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_uri: Option<String>,
    /// Whether it stands in for the origin's own. By default it does.
    #[serde(default = "yes")]
    pub r#override: bool,
}

/// Which other sites may read answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// `https://…`, or `*` for all.
    pub access_control_allow_origins: BTreeSet<String>,
    /// Methods, or `ALL`.
    pub access_control_allow_methods: BTreeSet<String>,
    /// Headers of requests, or `*` for all.
    pub access_control_allow_headers: BTreeSet<HeaderName>,
    /// Headers of answers that a site's scripts may see.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub access_control_expose_headers: BTreeSet<HeaderName>,
    /// Whether with cookies. By default not.
    #[serde(default)]
    pub access_control_allow_credentials: bool,
    /// For how many seconds a browser remembers it. By default 600.
    #[serde(default = "ten_minutes")]
    pub access_control_max_age_sec: i32,
    /// Whether it stands in for the origin's own. By default it does.
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
            return Err(SpecError::new(path("frame_options/frame_option"), "must be `DENY` or `SAMEORIGIN`"));
        }
        if self.xss_protection.as_ref().is_some_and(|xss| xss.mode_block && xss.report_uri.is_some()) {
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
                .map(|options| ContentTypeOptions { r#override: options.r#override() }),
            frame_options: config.frame_options().map(|options| FrameOptions {
                frame_option: options.frame_option().to_string(),
                r#override: options.r#override(),
            }),
            referrer_policy: config.referrer_policy().map(|policy| ReferrerPolicy {
                referrer_policy: policy.referrer_policy().to_string(),
                r#override: policy.r#override(),
            }),
            content_security_policy: config.content_security_policy().map(|policy| ContentSecurityPolicy {
                content_security_policy: policy.content_security_policy().to_owned(),
                r#override: policy.r#override(),
            }),
            xss_protection: config.xss_protection().map(|xss| XssProtection {
                protection: xss.protection(),
                mode_block: xss.mode_block().unwrap_or_default(),
                report_uri: xss.report_uri().filter(|uri| !uri.is_empty()).map(ToOwned::to_owned),
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
            built(ResponseHeadersPolicyContentTypeOptions::builder().r#override(options.r#override).build())
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
            access_control_allow_origins: origins.map(|list| texts(list.items())).unwrap_or_default(),
            access_control_allow_methods: methods.map(|list| texts(list.items())).unwrap_or_default(),
            access_control_allow_headers: allowed.map(|list| headers(list.items())).unwrap_or_default(),
            access_control_expose_headers: exposed.map(|list| headers(list.items())).unwrap_or_default(),
            access_control_allow_credentials: config.access_control_allow_credentials(),
            access_control_max_age_sec: config.access_control_max_age_sec().unwrap_or(600),
            origin_override: config.origin_override(),
        }
    }

    pub(super) fn build(&self) -> CloudResult<ResponseHeadersPolicyCorsConfig> {
        let names =
            |names: &BTreeSet<HeaderName>| names.iter().map(|name| name.as_str().to_owned()).collect();
        let origins = self.access_control_allow_origins.iter().cloned().collect();
        let methods = self.access_control_allow_methods.iter().map(|method| method.as_str().into()).collect();
        let exposed = &self.access_control_expose_headers;
        let exposed = (!exposed.is_empty())
            .then(|| listed!(ResponseHeadersPolicyAccessControlExposeHeaders, names(exposed)));
        let builder = ResponseHeadersPolicyCorsConfig::builder()
            .access_control_allow_origins(listed!(ResponseHeadersPolicyAccessControlAllowOrigins, origins)?)
            .access_control_allow_methods(listed!(ResponseHeadersPolicyAccessControlAllowMethods, methods)?)
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
