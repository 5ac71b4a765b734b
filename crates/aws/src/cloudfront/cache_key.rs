//! What belongs to the key of an answer in CloudFront's caches.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::{
    CachePolicyCookiesConfig, CachePolicyHeadersConfig, CachePolicyQueryStringsConfig, CookieNames,
    Headers as SdkHeaders, ParametersInCacheKeyAndForwardedToOrigin, QueryStringNames,
};
use platctl_engine::{CloudResult, SpecError};
use serde::{Deserialize, Serialize};

use super::{HeaderName, built, listed, texts};

/// The values in the cache key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Whether CloudFront caches responses compressed with Gzip. Default: `false`.
    pub enable_accept_encoding_gzip: bool,
    /// Whether CloudFront caches responses compressed with Brotli. Default: `false`.
    pub enable_accept_encoding_brotli: bool,
    /// The HTTP headers in the cache key.
    pub headers_config: Headers,
    /// The cookies in the cache key.
    pub cookies_config: Cookies,
    /// The URL query strings in the cache key.
    pub query_strings_config: QueryStrings,
}

/// The HTTP headers in the cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// Whether headers are included in the cache key: `none` or `whitelist`. Default: `none`.
    pub header_behavior: String,
    /// The names of the headers. Required for `whitelist`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub headers: BTreeSet<HeaderName>,
}

/// The cookies in the cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cookies {
    /// Which cookies are included in the cache key: `none`, `whitelist`, `allExcept` or `all`. Default:
    /// `none`.
    pub cookie_behavior: String,
    /// The names of the cookies. Required for `whitelist` and `allExcept`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cookies: BTreeSet<String>,
}

/// The URL query strings in the cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryStrings {
    /// Which query strings are included in the cache key: `none`, `whitelist`, `allExcept` or `all`. Default:
    /// `none`.
    pub query_string_behavior: String,
    /// The names of the query strings. Required for `whitelist` and `allExcept`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub query_strings: BTreeSet<String>,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            header_behavior: "none".into(),
            headers: BTreeSet::new(),
        }
    }
}

impl Default for Cookies {
    fn default() -> Self {
        Self {
            cookie_behavior: "none".into(),
            cookies: BTreeSet::new(),
        }
    }
}

impl Default for QueryStrings {
    fn default() -> Self {
        Self {
            query_string_behavior: "none".into(),
            query_strings: BTreeSet::new(),
        }
    }
}

impl Parameters {
    pub(super) fn read(parameters: &ParametersInCacheKeyAndForwardedToOrigin) -> Self {
        let headers = parameters.headers_config().map(|config| Headers {
            header_behavior: config.header_behavior().to_string(),
            headers: config
                .headers()
                .iter()
                .flat_map(|list| list.items())
                .map(|name| name.as_str().into())
                .collect(),
        });
        let cookies = parameters.cookies_config().map(|config| Cookies {
            cookie_behavior: config.cookie_behavior().to_string(),
            cookies: config
                .cookies()
                .map(|list| texts(list.items()))
                .unwrap_or_default(),
        });
        let strings = parameters
            .query_strings_config()
            .map(|config| QueryStrings {
                query_string_behavior: config.query_string_behavior().to_string(),
                query_strings: config
                    .query_strings()
                    .map(|list| texts(list.items()))
                    .unwrap_or_default(),
            });
        Self {
            enable_accept_encoding_gzip: parameters.enable_accept_encoding_gzip(),
            enable_accept_encoding_brotli: parameters
                .enable_accept_encoding_brotli()
                .unwrap_or_default(),
            headers_config: headers.unwrap_or_default(),
            cookies_config: cookies.unwrap_or_default(),
            query_strings_config: strings.unwrap_or_default(),
        }
    }

    pub(super) fn build(&self) -> CloudResult<ParametersInCacheKeyAndForwardedToOrigin> {
        let (headers, cookies, strings) = (
            &self.headers_config,
            &self.cookies_config,
            &self.query_strings_config,
        );
        let mut config = CachePolicyHeadersConfig::builder()
            .header_behavior(headers.header_behavior.as_str().into());
        if !headers.headers.is_empty() {
            let names = headers
                .headers
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect();
            config = config.headers(listed!(SdkHeaders, names)?);
        }
        let headers = built(config.build())?;
        let mut config = CachePolicyCookiesConfig::builder()
            .cookie_behavior(cookies.cookie_behavior.as_str().into());
        if !cookies.cookies.is_empty() {
            config = config.cookies(listed!(
                CookieNames,
                cookies.cookies.iter().cloned().collect()
            )?);
        }
        let cookies = built(config.build())?;
        let behavior = strings.query_string_behavior.as_str().into();
        let mut config = CachePolicyQueryStringsConfig::builder().query_string_behavior(behavior);
        if !strings.query_strings.is_empty() {
            config = config.query_strings(listed!(
                QueryStringNames,
                strings.query_strings.iter().cloned().collect()
            )?);
        }
        let builder = ParametersInCacheKeyAndForwardedToOrigin::builder()
            .enable_accept_encoding_gzip(self.enable_accept_encoding_gzip)
            .enable_accept_encoding_brotli(self.enable_accept_encoding_brotli)
            .headers_config(headers)
            .cookies_config(cookies)
            .query_strings_config(built(config.build())?);
        built(builder.build())
    }

    pub(super) fn check(&self, path: &str) -> Result<(), SpecError> {
        let (headers, cookies, strings) = (
            &self.headers_config,
            &self.cookies_config,
            &self.query_strings_config,
        );
        let lists = [
            (
                "headers_config",
                &headers.header_behavior,
                headers.headers.is_empty(),
                &["none"][..],
            ),
            (
                "cookies_config",
                &cookies.cookie_behavior,
                cookies.cookies.is_empty(),
                &["none", "all"],
            ),
            (
                "query_strings_config",
                &strings.query_string_behavior,
                strings.query_strings.is_empty(),
                &["none", "all"],
            ),
        ];
        for (field, behavior, empty, without) in lists {
            let at = format!("{path}/{field}");
            let with: &[&str] = if field == "headers_config" {
                &["whitelist"]
            } else {
                &["whitelist", "allExcept"]
            };
            if !without.contains(&behavior.as_str()) && !with.contains(&behavior.as_str()) {
                let known = [without, with].concat().join(", ");
                return Err(SpecError::new(
                    at,
                    format!("`{behavior}` must be one of {known}"),
                ));
            }
            if with.contains(&behavior.as_str()) == empty {
                return Err(SpecError::new(
                    at,
                    format!("`{behavior}` cannot be combined with this list"),
                ));
            }
        }
        Ok(())
    }
}
