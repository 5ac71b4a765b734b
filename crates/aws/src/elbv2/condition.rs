//! Which requests a rule takes.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RuleCondition,
    SourceIpConditionConfig,
};
use serde::{Deserialize, Serialize};

/// The conditions of a listener rule. A request must meet all conditions. A condition with several values is
/// met if one of them matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The path patterns. `*` and `?` are wildcards.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub path_pattern: BTreeSet<String>,
    /// The host names, in lower case. `*` and `?` are wildcards.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub host_header: BTreeSet<String>,
    /// An HTTP header and its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_header: Option<HttpHeader>,
    /// The HTTP request methods, such as `GET` and `POST`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub http_request_method: BTreeSet<String>,
    /// The query string parameters.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub query_string: BTreeSet<QueryString>,
    /// The source IP addresses, as CIDR blocks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub source_ip: BTreeSet<String>,
}

/// A condition on an HTTP header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpHeader {
    /// The name of the header.
    pub name: String,
    /// The values of the header. `*` and `?` are wildcards.
    pub values: BTreeSet<String>,
}

/// A condition on a query string parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryString {
    /// The key of the parameter. If omitted, any key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The value of the parameter. `*` and `?` are wildcards.
    pub value: String,
}

fn list(set: &BTreeSet<String>) -> Option<Vec<String>> {
    (!set.is_empty()).then(|| set.iter().cloned().collect())
}

fn condition(field: &str) -> aws_sdk_elasticloadbalancingv2::types::builders::RuleConditionBuilder {
    RuleCondition::builder().field(field)
}

impl Conditions {
    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn to_aws(&self) -> Vec<RuleCondition> {
        let mut all = Vec::new();
        if let Some(values) = list(&self.path_pattern) {
            let config = PathPatternConditionConfig::builder().set_values(Some(values)).build();
            all.push(condition("path-pattern").path_pattern_config(config).build());
        }
        if let Some(values) = list(&self.host_header) {
            let config = HostHeaderConditionConfig::builder().set_values(Some(values)).build();
            all.push(condition("host-header").host_header_config(config).build());
        }
        if let Some(header) = &self.http_header {
            let config = HttpHeaderConditionConfig::builder().http_header_name(&header.name);
            let config = config.set_values(list(&header.values)).build();
            all.push(condition("http-header").http_header_config(config).build());
        }
        if let Some(values) = list(&self.http_request_method) {
            let config = HttpRequestMethodConditionConfig::builder().set_values(Some(values)).build();
            all.push(condition("http-request-method").http_request_method_config(config).build());
        }
        if !self.query_string.is_empty() {
            let pair = |one: &QueryString| {
                QueryStringKeyValuePair::builder().set_key(one.key.clone()).value(&one.value).build()
            };
            let values = self.query_string.iter().map(pair).collect();
            let config = QueryStringConditionConfig::builder().set_values(Some(values)).build();
            all.push(condition("query-string").query_string_config(config).build());
        }
        if let Some(values) = list(&self.source_ip) {
            let config = SourceIpConditionConfig::builder().set_values(Some(values)).build();
            all.push(condition("source-ip").source_ip_config(config).build());
        }
        all
    }

    /// A single value of a path or host may stand in the old place.
    pub(super) fn from_aws(conditions: &[RuleCondition]) -> Self {
        let mut all = Self::default();
        let set = |values: &[String]| -> BTreeSet<String> { values.iter().cloned().collect() };
        for one in conditions {
            match one.field().unwrap_or_default() {
                "path-pattern" => {
                    let config = one.path_pattern_config().map(|config| config.values());
                    all.path_pattern = set(config.filter(|all| !all.is_empty()).unwrap_or(one.values()));
                }
                "host-header" => {
                    let config = one.host_header_config().map(|config| config.values());
                    all.host_header = set(config.filter(|all| !all.is_empty()).unwrap_or(one.values()));
                }
                "http-header" => {
                    all.http_header = one.http_header_config().map(|config| HttpHeader {
                        name: config.http_header_name().unwrap_or_default().to_owned(),
                        values: set(config.values()),
                    });
                }
                "http-request-method" => {
                    all.http_request_method = one
                        .http_request_method_config()
                        .map(|config| set(config.values()))
                        .unwrap_or_default();
                }
                "query-string" => {
                    let values = one.query_string_config().map(|config| config.values()).unwrap_or_default();
                    let pair = |pair: &QueryStringKeyValuePair| QueryString {
                        key: pair.key().map(ToOwned::to_owned),
                        value: pair.value().unwrap_or_default().to_owned(),
                    };
                    all.query_string = values.iter().map(pair).collect();
                }
                "source-ip" => {
                    all.source_ip =
                        one.source_ip_config().map(|config| set(config.values())).unwrap_or_default();
                }
                _ => {}
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sent_is_read_back_alike() {
        let all: Conditions = serde_json::from_value(json!({
            "path_pattern": ["/b", "/a"], "host_header": ["www.example.com"],
            "http_header": {"name": "X-Canary", "values": ["1"]}, "http_request_method": ["GET"],
            "query_string": [{"value": "x"}, {"key": "k", "value": "v"}], "source_ip": ["10.0.0.0/8"],
        }))
        .unwrap();
        assert_eq!(Conditions::from_aws(&all.to_aws()), all);
    }

    #[test]
    fn values_may_stand_in_the_old_place() {
        let old = condition("path-pattern").values("/a").build();
        assert_eq!(Conditions::from_aws(&[old]).path_pattern, BTreeSet::from(["/a".to_owned()]));
    }
}
