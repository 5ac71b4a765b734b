//! The rules of a web ACL.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types::{
    AllowAction, BlockAction, CaptchaAction, ChallengeAction, CountAction, CountryCode,
    GeoMatchStatement, IpSetReferenceStatement, ManagedRuleGroupStatement, NoneAction,
    OverrideAction as AwsOverride, RateBasedStatement, RateBasedStatementAggregateKeyType,
    Rule as AwsRule, RuleAction, RuleActionOverride, Statement as AwsStatement,
    VisibilityConfig as AwsVisibility,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::Arn;

/// The rules of a web ACL, in order of priority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Rules(Vec<Rule>);

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Vec::deserialize(deserializer)?))
    }
}

impl Rules {
    /// The rules, put in order; a rule without a `visibility_config` is measured under its own name.
    #[must_use]
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| rule.priority);
        for rule in &mut rules {
            let name = &rule.name;
            rule.visibility_config
                .get_or_insert_with(|| VisibilityConfig::named(name));
        }
        Self(rules)
    }

    /// The rules in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }
}

/// A rule of a web ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name of the rule. Must be unique within the web ACL.
    pub name: String,
    /// The priority of the rule. Must be unique within the web ACL. Rules are evaluated from the lowest to
    /// the highest value.
    pub priority: i32,
    /// The action for matching requests. Required, except for managed rule groups, where it is not allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The override action for a managed rule group: `none` uses the actions of its rules, `count` only
    /// counts matching requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_action: Option<OverrideAction>,
    /// The statement, which determines the requests that match the rule.
    pub statement: Statement,
    /// The visibility settings. Default: metrics and samples are enabled, under the name of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_config: Option<VisibilityConfig>,
}

/// The action for matching requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Allows the request and evaluates no further rules.
    Allow,
    /// Blocks the request.
    Block,
    /// Counts the request and continues with the next rule.
    Count,
    /// Requires that a person solves a CAPTCHA puzzle.
    Captcha,
    /// Requires that the client passes a silent challenge to prove that it is a browser.
    Challenge,
}

/// The override of the actions of a rule group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverrideAction {
    /// Uses the actions of the rule group.
    None,
    /// Only counts matching requests.
    Count,
}

/// A rule statement, which determines the requests that match. Exactly one of the following.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Statement {
    /// Matches the requests that a managed rule group of AWS or of another vendor matches.
    ManagedRuleGroupStatement(ManagedRuleGroup),
    /// Matches the requests of clients that exceed a rate limit.
    RateBasedStatement(RateBased),
    /// Matches requests from specific countries.
    GeoMatchStatement(GeoMatch),
    /// Matches requests from the addresses of an IP set.
    IpSetReferenceStatement(IpSetReference),
}

/// A managed rule group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedRuleGroup {
    /// The vendor of the rule group. Default: `AWS`.
    #[serde(default = "aws")]
    pub vendor_name: String,
    /// The name of the rule group: `AWSManagedRulesCommonRuleSet`, `AWSManagedRulesKnownBadInputsRuleSet`, …
    pub name: String,
    /// The version of the rule group. If omitted, the default version of the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Actions that override those of individual rules, by rule name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_action_overrides: BTreeMap<String, Action>,
}

fn aws() -> String {
    "AWS".into()
}

/// A rate limit for each client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateBased {
    /// The maximum number of requests in an evaluation window, 10 to 2000000000.
    pub limit: i64,
    /// The evaluation window, in seconds: 60, 120, 300 or 600. Default: 300.
    #[serde(default = "five_minutes")]
    pub evaluation_window_sec: i64,
    /// How requests are aggregated: `IP` by client IP address, or `CONSTANT` for all requests together.
    /// Default: `IP`.
    #[serde(default = "by_ip")]
    pub aggregate_key_type: String,
}

const fn five_minutes() -> i64 {
    300
}

fn by_ip() -> String {
    "IP".into()
}

/// A match on the country of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeoMatch {
    /// The two-letter country codes, such as `DE`.
    pub country_codes: BTreeSet<String>,
}

/// A reference to an IP set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IpSetReference {
    /// The ARN of the IP set.
    pub arn: Arn,
}

/// The visibility settings of a web ACL or rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VisibilityConfig {
    /// The name of the CloudWatch metric.
    pub metric_name: String,
    /// Whether samples of matching requests are kept for three hours. Default: `true`.
    #[serde(default = "on")]
    pub sampled_requests_enabled: bool,
    /// Whether metrics are sent to CloudWatch. Default: `true`.
    #[serde(default = "on")]
    pub cloud_watch_metrics_enabled: bool,
}

const fn on() -> bool {
    true
}

impl VisibilityConfig {
    /// Everything, under this name.
    pub(super) fn named(name: &str) -> Self {
        Self {
            metric_name: name.into(),
            sampled_requests_enabled: true,
            cloud_watch_metrics_enabled: true,
        }
    }

    pub(super) fn to_aws(&self) -> Result<AwsVisibility, BuildError> {
        AwsVisibility::builder()
            .metric_name(&self.metric_name)
            .sampled_requests_enabled(self.sampled_requests_enabled)
            .cloud_watch_metrics_enabled(self.cloud_watch_metrics_enabled)
            .build()
    }

    pub(super) fn from_aws(config: &AwsVisibility) -> Self {
        Self {
            metric_name: config.metric_name().to_owned(),
            sampled_requests_enabled: config.sampled_requests_enabled(),
            cloud_watch_metrics_enabled: config.cloud_watch_metrics_enabled(),
        }
    }
}

impl Action {
    fn to_aws(self) -> RuleAction {
        let builder = RuleAction::builder();
        match self {
            Self::Allow => builder.allow(AllowAction::builder().build()),
            Self::Block => builder.block(BlockAction::builder().build()),
            Self::Count => builder.count(CountAction::builder().build()),
            Self::Captcha => builder.captcha(CaptchaAction::builder().build()),
            Self::Challenge => builder.challenge(ChallengeAction::builder().build()),
        }
        .build()
    }

    pub(super) fn from_aws(action: &RuleAction) -> Option<Self> {
        let all = [
            (action.allow().is_some(), Self::Allow),
            (action.block().is_some(), Self::Block),
            (action.count().is_some(), Self::Count),
            (action.captcha().is_some(), Self::Captcha),
            (action.challenge().is_some(), Self::Challenge),
        ];
        all.into_iter()
            .find(|(is, _)| *is)
            .map(|(_, action)| action)
    }
}

impl Statement {
    fn to_aws(&self) -> Result<AwsStatement, BuildError> {
        let builder = AwsStatement::builder();
        Ok(match self {
            Self::ManagedRuleGroupStatement(group) => {
                let one = |(name, action): (&String, &Action)| {
                    RuleActionOverride::builder()
                        .name(name)
                        .action_to_use(action.to_aws())
                        .build()
                };
                let others = group
                    .rule_action_overrides
                    .iter()
                    .map(one)
                    .collect::<Result<Vec<_>, _>>()?;
                let group = ManagedRuleGroupStatement::builder()
                    .vendor_name(&group.vendor_name)
                    .name(&group.name)
                    .set_version(group.version.clone())
                    .set_rule_action_overrides((!others.is_empty()).then_some(others));
                builder.managed_rule_group_statement(group.build()?)
            }
            Self::RateBasedStatement(rate) => {
                let rate = RateBasedStatement::builder()
                    .limit(rate.limit)
                    .evaluation_window_sec(rate.evaluation_window_sec)
                    .aggregate_key_type(RateBasedStatementAggregateKeyType::from(
                        rate.aggregate_key_type.as_str(),
                    ));
                builder.rate_based_statement(rate.build()?)
            }
            Self::GeoMatchStatement(geo) => {
                let codes = geo
                    .country_codes
                    .iter()
                    .map(|code| CountryCode::from(code.as_str()))
                    .collect();
                let geo = GeoMatchStatement::builder()
                    .set_country_codes(Some(codes))
                    .build();
                builder.geo_match_statement(geo)
            }
            Self::IpSetReferenceStatement(set) => {
                let set = IpSetReferenceStatement::builder()
                    .arn(set.arn.as_str())
                    .build()?;
                builder.ip_set_reference_statement(set)
            }
        }
        .build())
    }

    fn from_aws(statement: &AwsStatement) -> Option<Self> {
        if let Some(group) = statement.managed_rule_group_statement() {
            let one = |one: &RuleActionOverride| {
                Some((
                    one.name().to_owned(),
                    one.action_to_use().and_then(Action::from_aws)?,
                ))
            };
            return Some(Self::ManagedRuleGroupStatement(ManagedRuleGroup {
                vendor_name: group.vendor_name().to_owned(),
                name: group.name().to_owned(),
                version: group.version().map(ToOwned::to_owned),
                rule_action_overrides: group
                    .rule_action_overrides()
                    .iter()
                    .filter_map(one)
                    .collect(),
            }));
        }
        if let Some(rate) = statement.rate_based_statement() {
            // Zero is what the SDK makes of a window that is not stated.
            let window = Some(rate.evaluation_window_sec()).filter(|window| *window > 0);
            return Some(Self::RateBasedStatement(RateBased {
                limit: rate.limit(),
                evaluation_window_sec: window.unwrap_or(five_minutes()),
                aggregate_key_type: rate.aggregate_key_type().as_str().to_owned(),
            }));
        }
        if let Some(geo) = statement.geo_match_statement() {
            let country_codes = geo
                .country_codes()
                .iter()
                .map(|code| code.as_str().to_owned())
                .collect();
            return Some(Self::GeoMatchStatement(GeoMatch { country_codes }));
        }
        let set = statement.ip_set_reference_statement()?;
        Some(Self::IpSetReferenceStatement(IpSetReference {
            arn: set.arn().into(),
        }))
    }
}

pub(super) fn override_of(rule: &AwsRule) -> Option<OverrideAction> {
    rule.override_action().map(|other| match other.count() {
        Some(_) => OverrideAction::Count,
        None => OverrideAction::None,
    })
}

impl Rule {
    pub(super) fn to_aws(&self) -> Result<AwsRule, BuildError> {
        let visibility = self.visibility_config.clone();
        let visibility = visibility
            .unwrap_or_else(|| VisibilityConfig::named(&self.name))
            .to_aws()?;
        let other = self.override_action.map(|action| match action {
            OverrideAction::None => AwsOverride::builder()
                .none(NoneAction::builder().build())
                .build(),
            OverrideAction::Count => AwsOverride::builder()
                .count(CountAction::builder().build())
                .build(),
        });
        AwsRule::builder()
            .name(&self.name)
            .priority(self.priority)
            .set_action(self.action.map(Action::to_aws))
            .set_override_action(other)
            .statement(self.statement.to_aws()?)
            .visibility_config(visibility)
            .build()
    }

    /// None for a rule that has no form of ours: an update keeps it as it is.
    pub(super) fn from_aws(rule: &AwsRule) -> Option<Self> {
        Some(Self {
            name: rule.name().to_owned(),
            priority: rule.priority(),
            action: rule.action().and_then(Action::from_aws),
            override_action: override_of(rule),
            statement: Statement::from_aws(rule.statement()?)?,
            visibility_config: rule.visibility_config().map(VisibilityConfig::from_aws),
        })
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let group = matches!(self.statement, Statement::ManagedRuleGroupStatement(_));
        if group && (self.action.is_some() || self.override_action.is_none()) {
            return Err("is a rule group: use `override_action` instead of `action`");
        }
        if !group && (self.action.is_none() || self.override_action.is_some()) {
            return Err("must have an `action`, and no `override_action`");
        }
        match &self.statement {
            Statement::RateBasedStatement(rate) if !(10..=2_000_000_000).contains(&rate.limit) => {
                Err("must have a limit between 10 and 2000000000")
            }
            Statement::RateBasedStatement(rate)
                if ![60, 120, 300, 600].contains(&rate.evaluation_window_sec) =>
            {
                Err("must have a window of 60, 120, 300 or 600 seconds")
            }
            Statement::GeoMatchStatement(geo) if geo.country_codes.is_empty() => {
                Err("must have at least one country")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sent_is_read_back_alike_and_in_order() {
        let rules: Rules = serde_json::from_value(json!([
            {"name": "rate", "priority": 2, "action": "block", "statement": {"rate_based_statement": {"limit": 2000}}},
            {"name": "geo", "priority": 3, "action": "captcha", "statement": {"geo_match_statement": {"country_codes": ["AQ"]}}},
            {"name": "common", "priority": 1, "override_action": "none", "statement": {"managed_rule_group_statement": {
                "name": "AWSManagedRulesCommonRuleSet", "rule_action_overrides": {"SizeRestrictions_BODY": "count"}}}},
            {"name": "set", "priority": 4, "action": "allow", "statement": {"ip_set_reference_statement": {"arn": "arn:set"}}},
        ]))
        .unwrap();
        let back = rules
            .iter()
            .map(|rule| Rule::from_aws(&rule.to_aws().unwrap()).unwrap())
            .collect();
        assert_eq!(Rules::new(back), rules);
        assert_eq!(
            rules.iter().map(|rule| rule.priority).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
        assert!(rules.iter().all(|rule| rule.check().is_ok()));
    }
}
