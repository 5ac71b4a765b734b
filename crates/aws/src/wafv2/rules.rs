//! The rules of a web ACL.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types::{
    AllowAction, BlockAction, CaptchaAction, ChallengeAction, CountAction, CountryCode, GeoMatchStatement,
    IpSetReferenceStatement, ManagedRuleGroupStatement, NoneAction, OverrideAction as AwsOverride,
    RateBasedStatement, RateBasedStatementAggregateKeyType, Rule as AwsRule, RuleAction, RuleActionOverride,
    Statement as AwsStatement, VisibilityConfig as AwsVisibility,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::Arn;

/// Rules in the order of their priorities.
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
            rule.visibility_config.get_or_insert_with(|| VisibilityConfig::named(name));
        }
        Self(rules)
    }

    /// The rules in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }
}

/// What is done with some requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique among the rules.
    pub name: String,
    /// Its place, the smallest first; unique among the rules.
    pub priority: i32,
    /// What is done with the requests: not of a managed rule group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Of a managed rule group: `none` leaves its own actions, `count` only counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_action: Option<OverrideAction>,
    /// Which requests it takes.
    pub statement: Statement,
    /// What is measured; by default everything, under the rule's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_config: Option<VisibilityConfig>,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It passes, and no further rule is asked.
    Allow,
    /// It is refused.
    Block,
    /// It is counted, and the next rule is asked.
    Count,
    /// A human has to solve a puzzle.
    Captcha,
    /// The client has to prove that it is a browser.
    Challenge,
}

/// What becomes of a rule group's own actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverrideAction {
    /// They stay.
    None,
    /// Everything is only counted.
    Count,
}

/// Which requests a rule takes: one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Statement {
    /// Those that a rule group of AWS or of a vendor takes.
    ManagedRuleGroupStatement(ManagedRuleGroup),
    /// Those of a client that sends too many.
    RateBasedStatement(RateBased),
    /// Those from some countries.
    GeoMatchStatement(GeoMatch),
    /// Those from the addresses of an IP set.
    IpSetReferenceStatement(IpSetReference),
}

/// A rule group that somebody else maintains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedRuleGroup {
    /// By default `AWS`.
    #[serde(default = "aws")]
    pub vendor_name: String,
    /// `AWSManagedRulesCommonRuleSet`, `AWSManagedRulesKnownBadInputsRuleSet`, …
    pub name: String,
    /// A version to stay at; left out, the vendor's default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Other actions for some of its rules, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_action_overrides: BTreeMap<String, Action>,
}

fn aws() -> String {
    "AWS".into()
}

/// A limit for each client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateBased {
    /// Requests in one window: 10 to 2000000000.
    pub limit: i64,
    /// The window in seconds: 60, 120, 300 (the default) or 600.
    #[serde(default = "five_minutes")]
    pub evaluation_window_sec: i64,
    /// What tells clients apart: `IP` (the default) or `CONSTANT` (all are one).
    #[serde(default = "by_ip")]
    pub aggregate_key_type: String,
}

const fn five_minutes() -> i64 {
    300
}

fn by_ip() -> String {
    "IP".into()
}

/// Countries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeoMatch {
    /// Two-letter codes: `DE`.
    pub country_codes: BTreeSet<String>,
}

/// An IP set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IpSetReference {
    /// Its ARN.
    pub arn: Arn,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VisibilityConfig {
    /// The metric's name in CloudWatch.
    pub metric_name: String,
    /// Whether some requests are kept to be looked at for three hours. On unless switched off.
    #[serde(default = "on")]
    pub sampled_requests_enabled: bool,
    /// Whether metrics are sent. On unless switched off.
    #[serde(default = "on")]
    pub cloud_watch_metrics_enabled: bool,
}

const fn on() -> bool {
    true
}

impl VisibilityConfig {
    /// Everything, under this name.
    pub(super) fn named(name: &str) -> Self {
        Self { metric_name: name.into(), sampled_requests_enabled: true, cloud_watch_metrics_enabled: true }
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

    fn from_aws(action: &RuleAction) -> Option<Self> {
        let all = [
            (action.allow().is_some(), Self::Allow),
            (action.block().is_some(), Self::Block),
            (action.count().is_some(), Self::Count),
            (action.captcha().is_some(), Self::Captcha),
            (action.challenge().is_some(), Self::Challenge),
        ];
        all.into_iter().find(|(is, _)| *is).map(|(_, action)| action)
    }
}

impl Statement {
    fn to_aws(&self) -> Result<AwsStatement, BuildError> {
        let builder = AwsStatement::builder();
        Ok(match self {
            Self::ManagedRuleGroupStatement(group) => {
                let one = |(name, action): (&String, &Action)| {
                    RuleActionOverride::builder().name(name).action_to_use(action.to_aws()).build()
                };
                let others = group.rule_action_overrides.iter().map(one).collect::<Result<Vec<_>, _>>()?;
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
                let codes = geo.country_codes.iter().map(|code| CountryCode::from(code.as_str())).collect();
                let geo = GeoMatchStatement::builder().set_country_codes(Some(codes)).build();
                builder.geo_match_statement(geo)
            }
            Self::IpSetReferenceStatement(set) => {
                let set = IpSetReferenceStatement::builder().arn(set.arn.as_str()).build()?;
                builder.ip_set_reference_statement(set)
            }
        }
        .build())
    }

    fn from_aws(statement: &AwsStatement) -> Option<Self> {
        if let Some(group) = statement.managed_rule_group_statement() {
            let one = |one: &RuleActionOverride| {
                Some((one.name().to_owned(), one.action_to_use().and_then(Action::from_aws)?))
            };
            return Some(Self::ManagedRuleGroupStatement(ManagedRuleGroup {
                vendor_name: group.vendor_name().to_owned(),
                name: group.name().to_owned(),
                version: group.version().map(ToOwned::to_owned),
                rule_action_overrides: group.rule_action_overrides().iter().filter_map(one).collect(),
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
            let country_codes = geo.country_codes().iter().map(|code| code.as_str().to_owned()).collect();
            return Some(Self::GeoMatchStatement(GeoMatch { country_codes }));
        }
        let set = statement.ip_set_reference_statement()?;
        Some(Self::IpSetReferenceStatement(IpSetReference { arn: set.arn().into() }))
    }
}

impl Rule {
    pub(super) fn to_aws(&self) -> Result<AwsRule, BuildError> {
        let visibility = self.visibility_config.clone();
        let visibility = visibility.unwrap_or_else(|| VisibilityConfig::named(&self.name)).to_aws()?;
        let other = self.override_action.map(|action| match action {
            OverrideAction::None => AwsOverride::builder().none(NoneAction::builder().build()).build(),
            OverrideAction::Count => AwsOverride::builder().count(CountAction::builder().build()).build(),
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

    /// None for a rule that has no form of ours, which then shows as a difference.
    pub(super) fn from_aws(rule: &AwsRule) -> Option<Self> {
        let other = rule.override_action().map(|other| match other.count() {
            Some(_) => OverrideAction::Count,
            None => OverrideAction::None,
        });
        Some(Self {
            name: rule.name().to_owned(),
            priority: rule.priority(),
            action: rule.action().and_then(Action::from_aws),
            override_action: other,
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
        let back = rules.iter().map(|rule| Rule::from_aws(&rule.to_aws().unwrap()).unwrap()).collect();
        assert_eq!(Rules::new(back), rules);
        assert_eq!(rules.iter().map(|rule| rule.priority).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(rules.iter().all(|rule| rule.check().is_ok()));
    }
}
