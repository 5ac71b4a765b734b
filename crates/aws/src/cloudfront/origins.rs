//! Where a distribution gets its content from.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::{
    CustomHeaders, CustomOriginConfig, OriginCustomHeader, OriginProtocolPolicy,
    OriginSslProtocols, S3OriginConfig, SslProtocol,
};
use platctl_engine::{CloudResult, Resolved, SpecError, Stage};
use serde::{Deserialize, Serialize};

use super::secrets::{HeaderOf, Place, Values};
use super::vpc_origin::{PROTOCOL_POLICIES, http, https, https_only, tls_1_2};
use super::{HeaderName, built, listed, texts};
use crate::types::Arn;

/// An origin of a CloudFront distribution: a web server if `custom_origin_config` is set, a server in private
/// subnets if `vpc_origin_config` is set, otherwise an S3 bucket.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Origin<S: Stage = Resolved> {
    /// The domain name of the origin. For an S3 bucket, its regional domain name:
    /// `NAME.s3.REGION.amazonaws.com`.
    pub domain_name: S::In<String>,
    /// A path that CloudFront prepends to the path of each request, such as `/…`. Must not end with a slash.
    /// Default: none.
    #[serde(default)]
    pub origin_path: String,
    /// The HTTP headers that CloudFront adds to requests to the origin, by name.
    #[serde(default)]
    pub custom_headers: BTreeMap<HeaderName, HeaderValue<S>>,
    /// The settings of a custom origin, which is a web server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_origin_config: Option<CustomOrigin>,
    /// The settings of a VPC origin, which is a server in private subnets. Cannot be used with
    /// `custom_origin_config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_origin_config: Option<VpcOriginConfig<S>>,
    /// The ID of the origin access control, which determines how requests are signed. For an S3 bucket, it
    /// allows CloudFront to read from the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_access_control_id: Option<S::In<String>>,
    /// The number of times that CloudFront attempts to connect to the origin, 1 to 3. Default: 3.
    #[serde(default = "three")]
    pub connection_attempts: i32,
    /// The number of seconds that CloudFront waits for a connection to the origin, 1 to 10. Default: 10.
    #[serde(default = "ten")]
    pub connection_timeout: i32,
}

/// The value of a header: either plain text or a reference to a secret.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct HeaderValue<S: Stage = Resolved> {
    /// The value as plain text. Not for secrets: it is stored in the state and in plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<S::In<String>>,
    /// The ARN of the AWS Secrets Manager secret that contains the value. The secret is read whenever the
    /// distribution is read or changed, and its value is not stored. After the secret is rotated, the header
    /// is shown as changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from_secret_arn: Option<S::In<Arn>>,
    /// The key of the value, if the secret is a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_key: Option<String>,
}

impl Default for HeaderValue {
    fn default() -> Self {
        Self {
            value: None,
            value_from_secret_arn: None,
            json_key: None,
        }
    }
}

/// The settings of a custom origin, which is a web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CustomOrigin {
    /// The protocol that CloudFront uses to connect to the origin: `https-only`, `http-only` or
    /// `match-viewer`. Default: `https-only`.
    pub origin_protocol_policy: String,
    /// The HTTP port of the origin. Default: 80.
    pub http_port: i32,
    /// The HTTPS port of the origin. Default: 443.
    pub https_port: i32,
    /// The SSL/TLS protocols that CloudFront can use with the origin. Default: `TLSv1.2`.
    pub origin_ssl_protocols: BTreeSet<String>,
    /// The number of seconds that CloudFront waits for a response from the origin, 1 to 120. Default: 30.
    pub origin_read_timeout: i32,
    /// The number of seconds that CloudFront keeps an idle connection to the origin, 1 to 120. Default: 5.
    pub origin_keepalive_timeout: i32,
}

impl Default for CustomOrigin {
    fn default() -> Self {
        Self {
            origin_protocol_policy: https_only(),
            http_port: http(),
            https_port: https(),
            origin_ssl_protocols: tls_1_2(),
            origin_read_timeout: READ_TIMEOUT,
            origin_keepalive_timeout: KEEPALIVE_TIMEOUT,
        }
    }
}

/// The settings of a VPC origin, which is a server in private subnets.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct VpcOriginConfig<S: Stage = Resolved> {
    /// The ID of the VPC origin.
    pub vpc_origin_id: S::In<String>,
    /// The number of seconds that CloudFront waits for a response from the origin, 1 to 120. Default: 30.
    #[serde(default = "thirty")]
    pub origin_read_timeout: i32,
    /// The number of seconds that CloudFront keeps an idle connection to the origin, 1 to 120. Default: 5.
    #[serde(default = "five")]
    pub origin_keepalive_timeout: i32,
}

const READ_TIMEOUT: i32 = 30;
const KEEPALIVE_TIMEOUT: i32 = 5;

const fn three() -> i32 {
    3
}

const fn ten() -> i32 {
    10
}

const fn thirty() -> i32 {
    READ_TIMEOUT
}

const fn five() -> i32 {
    KEEPALIVE_TIMEOUT
}

impl Origin {
    pub(super) fn check(&self, path: &str) -> Result<(), SpecError> {
        let wrong =
            |field: &str, message: &str| Err(SpecError::new(format!("{path}/{field}"), message));
        if self.custom_origin_config.is_some() && self.vpc_origin_config.is_some() {
            return wrong(
                "vpc_origin_config",
                "cannot be used with `custom_origin_config`",
            );
        }
        if !(1..=3).contains(&self.connection_attempts) {
            return wrong("connection_attempts", "must be between 1 and 3");
        }
        if !(1..=10).contains(&self.connection_timeout) {
            return wrong("connection_timeout", "must be between 1 and 10 seconds");
        }
        let starts = self.origin_path.is_empty() || self.origin_path.starts_with('/');
        if !starts || self.origin_path.ends_with('/') {
            return wrong(
                "origin_path",
                "must begin with a slash and must not end with one",
            );
        }
        for (name, header) in &self.custom_headers {
            let field = format!("custom_headers/{}", name.as_str());
            if header.value.is_some() == header.value_from_secret_arn.is_some() {
                return wrong(
                    &field,
                    "must have either `value` or `value_from_secret_arn`",
                );
            }
            let plain = |key: &str| {
                key.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c))
            };
            match &header.json_key {
                Some(_) if header.value.is_some() => {
                    return wrong(&field, "allows `json_key` only with a secret");
                }
                Some(key) if key.is_empty() || !plain(key) => {
                    return wrong(
                        &field,
                        "`json_key` can contain only letters, digits and _.:/=+-@",
                    );
                }
                _ => {}
            }
        }
        if let Some(custom) = &self.custom_origin_config {
            if !PROTOCOL_POLICIES.contains(&custom.origin_protocol_policy.as_str()) {
                let message = format!("must be one of {}", PROTOCOL_POLICIES.join(", "));
                return wrong("custom_origin_config/origin_protocol_policy", &message);
            }
            if custom.origin_ssl_protocols.is_empty() {
                return wrong(
                    "custom_origin_config/origin_ssl_protocols",
                    "must have at least one protocol",
                );
            }
        }
        let custom = self.custom_origin_config.as_ref();
        let custom =
            custom.map(|config| (config.origin_read_timeout, config.origin_keepalive_timeout));
        let vpc = self.vpc_origin_config.as_ref();
        let vpc = vpc.map(|config| (config.origin_read_timeout, config.origin_keepalive_timeout));
        for (field, timeouts) in [("custom_origin_config", custom), ("vpc_origin_config", vpc)] {
            let (read, keepalive) = timeouts.unwrap_or((READ_TIMEOUT, KEEPALIVE_TIMEOUT));
            if !(1..=120).contains(&read) || !(1..=120).contains(&keepalive) {
                return wrong(field, "must have timeouts between 1 and 120 seconds");
            }
        }
        Ok(())
    }

    pub(super) fn read(
        origin: &aws_sdk_cloudfront::types::Origin,
        places: &BTreeMap<HeaderOf, Place>,
        values: &Values,
        ours: bool,
    ) -> Self {
        let headers = origin
            .custom_headers()
            .map(CustomHeaders::items)
            .unwrap_or_default();
        let header = |header: &OriginCustomHeader| {
            let name = HeaderName::from(header.header_name());
            let place = places.get(&(origin.id().to_owned(), name.clone()));
            (name, values.show(header.header_value(), place, ours))
        };
        let custom = origin.custom_origin_config().map(|config| CustomOrigin {
            origin_protocol_policy: config.origin_protocol_policy().to_string(),
            http_port: config.http_port(),
            https_port: config.https_port(),
            origin_ssl_protocols: config
                .origin_ssl_protocols()
                .map(|list| texts(list.items()))
                .unwrap_or_default(),
            origin_read_timeout: config.origin_read_timeout().unwrap_or(READ_TIMEOUT),
            origin_keepalive_timeout: config
                .origin_keepalive_timeout()
                .unwrap_or(KEEPALIVE_TIMEOUT),
        });
        let vpc = origin.vpc_origin_config().map(|config| VpcOriginConfig {
            vpc_origin_id: config.vpc_origin_id().to_owned(),
            origin_read_timeout: config.origin_read_timeout().unwrap_or(READ_TIMEOUT),
            origin_keepalive_timeout: config
                .origin_keepalive_timeout()
                .unwrap_or(KEEPALIVE_TIMEOUT),
        });
        let control = origin
            .origin_access_control_id()
            .filter(|id| !id.is_empty());
        Self {
            domain_name: origin.domain_name().to_owned(),
            origin_path: origin.origin_path().unwrap_or_default().to_owned(),
            custom_headers: headers.iter().map(header).collect(),
            custom_origin_config: custom,
            vpc_origin_config: vpc,
            origin_access_control_id: control.map(ToOwned::to_owned),
            connection_attempts: origin.connection_attempts().unwrap_or(3),
            connection_timeout: origin.connection_timeout().unwrap_or(10),
        }
    }

    /// As CloudFront takes it. What of the live one has no field here stays.
    pub(super) fn build(
        &self,
        id: &str,
        live: Option<&aws_sdk_cloudfront::types::Origin>,
        values: &Values,
    ) -> CloudResult<aws_sdk_cloudfront::types::Origin> {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let header = OriginCustomHeader::builder().header_name(name.as_str());
            built(header.header_value(values.resolve(value)?).build())
        };
        let headers = self
            .custom_headers
            .iter()
            .map(header)
            .collect::<CloudResult<_>>()?;
        let old = live.and_then(|live| live.custom_origin_config());
        let custom = self
            .custom_origin_config
            .as_ref()
            .map(|config| config.build(old))
            .transpose()?;
        let old = live.and_then(|live| live.vpc_origin_config());
        let vpc = self.vpc_origin_config.as_ref().map(|config| {
            let builder = aws_sdk_cloudfront::types::VpcOriginConfig::builder()
                .vpc_origin_id(&config.vpc_origin_id)
                .set_owner_account_id(old.and_then(|old| old.owner_account_id.clone()))
                .origin_read_timeout(config.origin_read_timeout)
                .origin_keepalive_timeout(config.origin_keepalive_timeout);
            built(builder.build())
        });
        let bucket = (custom.is_none() && vpc.is_none()).then(|| {
            let old = live.and_then(|live| live.s3_origin_config.clone());
            old.unwrap_or_else(|| S3OriginConfig::builder().origin_access_identity("").build())
        });
        let builder = aws_sdk_cloudfront::types::Origin::builder()
            .id(id)
            .domain_name(&self.domain_name)
            .origin_path(&self.origin_path)
            .custom_headers(listed!(CustomHeaders, headers)?)
            .set_custom_origin_config(custom)
            .set_vpc_origin_config(vpc.transpose()?)
            .set_s3_origin_config(bucket)
            .origin_access_control_id(self.origin_access_control_id.clone().unwrap_or_default())
            .connection_attempts(self.connection_attempts)
            .connection_timeout(self.connection_timeout)
            .set_response_completion_timeout(live.and_then(|live| live.response_completion_timeout))
            .set_origin_shield(live.and_then(|live| live.origin_shield.clone()));
        built(builder.build())
    }
}

impl CustomOrigin {
    fn build(&self, live: Option<&CustomOriginConfig>) -> CloudResult<CustomOriginConfig> {
        let protocols = self
            .origin_ssl_protocols
            .iter()
            .map(|text| SslProtocol::from(text.as_str()))
            .collect();
        let builder = CustomOriginConfig::builder()
            .http_port(self.http_port)
            .https_port(self.https_port)
            .origin_protocol_policy(OriginProtocolPolicy::from(
                self.origin_protocol_policy.as_str(),
            ))
            .origin_ssl_protocols(listed!(OriginSslProtocols, protocols)?)
            .origin_read_timeout(self.origin_read_timeout)
            .origin_keepalive_timeout(self.origin_keepalive_timeout)
            .set_ip_address_type(live.and_then(|live| live.ip_address_type.clone()))
            .set_origin_mtls_config(live.and_then(|live| live.origin_mtls_config.clone()));
        built(builder.build())
    }
}
