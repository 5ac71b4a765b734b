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
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
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
            let config = PathPatternConditionConfig::builder()
                .set_values(Some(values))
                .build();
            all.push(
                condition("path-pattern")
                    .path_pattern_config(config)
                    .build(),
            );
        }
        if let Some(values) = list(&self.host_header) {
            let config = HostHeaderConditionConfig::builder()
                .set_values(Some(values))
                .build();
            all.push(condition("host-header").host_header_config(config).build());
        }
        if let Some(header) = &self.http_header {
            let config = HttpHeaderConditionConfig::builder().http_header_name(&header.name);
            let config = config.set_values(list(&header.values)).build();
            all.push(condition("http-header").http_header_config(config).build());
        }
        if let Some(values) = list(&self.http_request_method) {
            let config = HttpRequestMethodConditionConfig::builder()
                .set_values(Some(values))
                .build();
            all.push(
                condition("http-request-method")
                    .http_request_method_config(config)
                    .build(),
            );
        }
        if !self.query_string.is_empty() {
            let pair = |one: &QueryString| {
                QueryStringKeyValuePair::builder()
                    .set_key(one.key.clone())
                    .value(&one.value)
                    .build()
            };
            let values = self.query_string.iter().map(pair).collect();
            let config = QueryStringConditionConfig::builder()
                .set_values(Some(values))
                .build();
            all.push(
                condition("query-string")
                    .query_string_config(config)
                    .build(),
            );
        }
        if let Some(values) = list(&self.source_ip) {
            let config = SourceIpConditionConfig::builder()
                .set_values(Some(values))
                .build();
            all.push(condition("source-ip").source_ip_config(config).build());
        }
        all
    }

    /// The first condition of each field that has a form of ours; the others are not managed.
    pub(super) fn from_aws(conditions: &[RuleCondition]) -> Self {
        split(conditions).0
    }

    /// The stated conditions, and those live ones that have no form of ours. A field that a rule can have only one
    /// condition of is taken over where it is stated.
    pub(super) fn over(&self, now: &[RuleCondition]) -> Vec<RuleCondition> {
        let mut sent = self.to_aws();
        let (_, mut others) = split(now);
        others.retain(|other| {
            let field = other.field();
            let several = matches!(field, Some("http-header" | "query-string"));
            several || sent.iter().all(|stated| stated.field() != field)
        });
        sent.extend(others);
        sent
    }
}

/// The live conditions that have no form of ours, in words.
pub(super) fn unmanaged(conditions: &[RuleCondition]) -> impl Iterator<Item = String> {
    let regular = |one: &RuleCondition| {
        let parts = [
            one.regex_values(),
            one.path_pattern_config()
                .map(|config| config.regex_values())
                .unwrap_or_default(),
            one.host_header_config()
                .map(|config| config.regex_values())
                .unwrap_or_default(),
            one.http_header_config()
                .map(|config| config.regex_values())
                .unwrap_or_default(),
        ];
        parts.concat()
    };
    split(conditions).1.into_iter().map(move |one| {
        let patterns = regular(&one);
        let field = one.field().unwrap_or("of an unknown field");
        if patterns.is_empty() {
            format!("another condition {field}")
        } else {
            format!(
                "condition {field} with regular expressions: {}",
                patterns.join(", ")
            )
        }
    })
}

/// What has a form of ours, and the rest.
fn split(conditions: &[RuleCondition]) -> (Conditions, Vec<RuleCondition>) {
    let (mut all, mut others) = (Conditions::default(), Vec::new());
    for one in conditions {
        if !all.take(one) {
            others.push(one.clone());
        }
    }
    (all, others)
}

impl Conditions {
    /// Reads a condition in; false where there is no place for it. A single value of a path or host may stand in
    /// the old place.
    fn take(&mut self, one: &RuleCondition) -> bool {
        match one.field().unwrap_or_default() {
            "path-pattern" => {
                let config = one.path_pattern_config().map(|config| config.values());
                fill(
                    &mut self.path_pattern,
                    config.filter(|all| !all.is_empty()).unwrap_or(one.values()),
                )
            }
            "host-header" => {
                let config = one.host_header_config().map(|config| config.values());
                fill(
                    &mut self.host_header,
                    config.filter(|all| !all.is_empty()).unwrap_or(one.values()),
                )
            }
            "http-request-method" => {
                let values = one
                    .http_request_method_config()
                    .map(|config| config.values());
                fill(&mut self.http_request_method, values.unwrap_or_default())
            }
            "source-ip" => {
                let values = one.source_ip_config().map(|config| config.values());
                fill(&mut self.source_ip, values.unwrap_or_default())
            }
            "http-header" => {
                let config = one
                    .http_header_config()
                    .filter(|config| !config.values().is_empty());
                let Some(config) = config.filter(|_| self.http_header.is_none()) else {
                    return false;
                };
                self.http_header = Some(HttpHeader {
                    name: config.http_header_name().unwrap_or_default().to_owned(),
                    values: config.values().iter().cloned().collect(),
                });
                true
            }
            "query-string" => {
                let values = one
                    .query_string_config()
                    .map(|config| config.values())
                    .unwrap_or_default();
                let pair = |pair: &QueryStringKeyValuePair| QueryString {
                    key: pair.key().map(ToOwned::to_owned),
                    value: pair.value().unwrap_or_default().to_owned(),
                };
                fill(
                    &mut self.query_string,
                    &values.iter().map(pair).collect::<Vec<_>>(),
                )
            }
            _ => false,
        }
    }
}

/// Fills what is still empty; false where there is nothing to fill it with, or something in it.
fn fill<T: Ord + Clone>(place: &mut BTreeSet<T>, values: &[T]) -> bool {
    if values.is_empty() || !place.is_empty() {
        return false;
    }
    place.extend(values.iter().cloned());
    true
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
        assert_eq!(
            Conditions::from_aws(&[old]).path_pattern,
            BTreeSet::from(["/a".to_owned()])
        );
    }

    #[test]
    fn regular_expressions_and_further_conditions_stay() {
        let regex = PathPatternConditionConfig::builder()
            .regex_values("^/v[0-9]+/")
            .build();
        let regex = condition("path-pattern").path_pattern_config(regex).build();
        let query = |value: &str| {
            let pair = QueryStringKeyValuePair::builder().value(value).build();
            let config = QueryStringConditionConfig::builder().values(pair).build();
            condition("query-string")
                .query_string_config(config)
                .build()
        };
        let now = [regex.clone(), query("a"), query("b")];
        let live = Conditions::from_aws(&now);
        assert_eq!(
            live.query_string.first().map(|one| one.value.as_str()),
            Some("a")
        );
        assert!(live.path_pattern.is_empty());
        let said: Vec<String> = unmanaged(&now).collect();
        assert_eq!(
            said,
            [
                "condition path-pattern with regular expressions: ^/v[0-9]+/",
                "another condition query-string"
            ]
        );
        let methods: Conditions =
            serde_json::from_value(json!({"http_request_method": ["GET"]})).unwrap();
        let sent = methods.over(&now);
        assert_eq!(sent[1..], [regex, query("b")]);
        let paths: Conditions =
            serde_json::from_value(json!({"path_pattern": ["/api/*"]})).unwrap();
        assert_eq!(paths.over(&now)[1..], [query("b")]);
    }
}
