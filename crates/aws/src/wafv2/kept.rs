//! What an update of a web ACL keeps: AWS takes all rules at once, and a rule can say more than a spec.

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types::{
    DefaultAction, ManagedRuleGroupStatement, RateBasedStatement, Rule as AwsRule,
    RuleActionOverride, Statement as AwsStatement, WebAcl,
};

use super::rules::{Action, Rule, Rules, override_of};
use crate::unmanaged::{part, settings, some};

/// The rules to send: each stated one over the live one of its name, and of the others those that the plan did not
/// see, be it that they have no form of ours, or that somebody added them since. `seen` is what the plan saw.
pub(super) fn rules(
    now: Vec<AwsRule>,
    stated: &Rules,
    seen: Option<&Rules>,
) -> Result<Vec<AwsRule>, String> {
    let (mut sent, mut others) = (Vec::new(), now);
    for rule in stated.iter() {
        let live = others
            .iter()
            .position(|live| live.name == rule.name)
            .map(|at| others.remove(at));
        sent.push(over(rule, live).map_err(|error| error.to_string())?);
    }
    others.retain(|live| {
        !seen
            .into_iter()
            .flat_map(Rules::iter)
            .any(|rule| rule.name == live.name)
    });
    for other in &others {
        if let Some(rule) = sent.iter().find(|rule| rule.priority == other.priority) {
            return Err(format!(
                "the rule `{}` needs priority {}, which the rule `{}` has; platctl does not manage that rule and \
                 leaves it as it is: choose another priority, or change or delete that rule in AWS WAF",
                rule.name, rule.priority, other.name
            ));
        }
    }
    sent.extend(others);
    sent.sort_by_key(|rule| rule.priority);
    Ok(sent)
}

/// A rule as it is, with what is stated of it.
fn over(rule: &Rule, live: Option<AwsRule>) -> Result<AwsRule, BuildError> {
    let new = rule.to_aws()?;
    let Some(mut sent) = live else { return Ok(new) };
    sent.priority = new.priority;
    sent.visibility_config = new.visibility_config;
    // An action of the same name may have more to it: a custom response, headers that it inserts.
    if sent.action.as_ref().and_then(Action::from_aws) != rule.action {
        sent.action = new.action;
    }
    if override_of(&sent) != rule.override_action {
        sent.override_action = new.override_action;
    }
    sent.statement = match (sent.statement, new.statement) {
        (Some(live), Some(new)) => Some(statement(live, new)),
        (_, new) => new,
    };
    Ok(sent)
}

/// A statement of the same type keeps what cannot be said of it.
fn statement(mut live: AwsStatement, new: AwsStatement) -> AwsStatement {
    if let (Some(group), Some(new)) = (
        &mut live.managed_rule_group_statement,
        &new.managed_rule_group_statement,
    ) {
        managed(group, new);
    } else if let (Some(rate), Some(new)) =
        (&mut live.rate_based_statement, &new.rate_based_statement)
    {
        rate_based(rate, new);
    } else if let (Some(geo), Some(new)) = (&mut live.geo_match_statement, &new.geo_match_statement)
    {
        geo.country_codes.clone_from(&new.country_codes);
    } else if let (Some(set), Some(new)) = (
        &mut live.ip_set_reference_statement,
        &new.ip_set_reference_statement,
    ) {
        set.arn.clone_from(&new.arn);
    } else {
        return new;
    }
    live
}

fn managed(group: &mut ManagedRuleGroupStatement, new: &ManagedRuleGroupStatement) {
    if (&group.vendor_name, &group.name) != (&new.vendor_name, &new.name) {
        // The configuration of another group means nothing to this one.
        let scope = group.scope_down_statement.take();
        group.clone_from(new);
        group.scope_down_statement = scope;
        return;
    }
    group.version.clone_from(&new.version);
    let now = group.rule_action_overrides.take().unwrap_or_default();
    let action = |one: &RuleActionOverride| one.action_to_use.as_ref().and_then(Action::from_aws);
    let keep = |new: &RuleActionOverride| {
        let same = now
            .iter()
            .find(|live| live.name == new.name && action(live) == action(new));
        same.unwrap_or(new).clone()
    };
    group.rule_action_overrides = new
        .rule_action_overrides
        .as_ref()
        .map(|all| all.iter().map(keep).collect());
}

fn rate_based(rate: &mut RateBasedStatement, new: &RateBasedStatement) {
    rate.limit = new.limit;
    rate.evaluation_window_sec = new.evaluation_window_sec;
    if rate.aggregate_key_type != new.aggregate_key_type {
        // Keys and forwarded addresses belong to the way of aggregating that they were set for.
        rate.aggregate_key_type = new.aggregate_key_type.clone();
        rate.custom_keys = None;
        rate.forwarded_ip_config = None;
    }
}

/// The default action: as it is where it is the same action, with its response or headers.
pub(super) fn default_action(now: Option<DefaultAction>, new: DefaultAction) -> DefaultAction {
    let blocks = |action: &DefaultAction| action.block.is_some();
    now.filter(|now| blocks(now) == blocks(&new)).unwrap_or(new)
}

/// What is set on a web ACL and cannot be said in a spec.
pub(super) fn unmanaged(acl: &WebAcl) -> Vec<String> {
    let default = acl.default_action.as_ref();
    let allow = default
        .and_then(|action| action.allow())
        .and_then(|allow| allow.custom_request_handling());
    let block = default
        .and_then(|action| action.block())
        .and_then(|block| block.custom_response());
    let mut all: Vec<String> = acl.rules().iter().filter_map(of_rule).collect();
    all.extend(settings([
        ("custom headers of the default action", allow.is_some()),
        ("custom response of the default action", block.is_some()),
        (
            "custom response bodies",
            acl.custom_response_bodies()
                .is_some_and(|bodies| !bodies.is_empty()),
        ),
        ("data protection", acl.data_protection_config().is_some()),
        ("captcha settings", acl.captcha_config().is_some()),
        ("challenge settings", acl.challenge_config().is_some()),
        ("token domains", some(acl.token_domains())),
        ("request body limits", acl.association_config().is_some()),
        (
            "DDoS protection",
            acl.on_source_d_do_s_protection_config().is_some(),
        ),
        ("application settings", acl.application_config().is_some()),
        ("monetization", acl.monetization_config().is_some()),
    ]));
    all
}

/// A rule that has no form of ours, or what of it has none.
fn of_rule(rule: &AwsRule) -> Option<String> {
    let name = format!("rule {}", rule.name());
    if Rule::from_aws(rule).is_none() {
        return Some(name);
    }
    let action = rule.action();
    let response = action
        .and_then(|action| action.block())
        .and_then(|block| block.custom_response());
    let headers = [
        action
            .and_then(|action| action.allow())
            .and_then(|allow| allow.custom_request_handling()),
        action
            .and_then(|action| action.count())
            .and_then(|count| count.custom_request_handling()),
        action
            .and_then(|action| action.captcha())
            .and_then(|captcha| captcha.custom_request_handling()),
        action
            .and_then(|action| action.challenge())
            .and_then(|one| one.custom_request_handling()),
    ];
    let mut parts = settings([
        ("labels", some(rule.rule_labels())),
        ("captcha settings", rule.captcha_config().is_some()),
        ("challenge settings", rule.challenge_config().is_some()),
        ("custom response", response.is_some()),
        ("custom headers", headers.iter().any(Option::is_some)),
    ]);
    parts.extend(rule.statement().map(of_statement).unwrap_or_default());
    part(&name, &parts)
}

fn of_statement(statement: &AwsStatement) -> Vec<String> {
    let (group, rate) = (
        statement.managed_rule_group_statement(),
        statement.rate_based_statement(),
    );
    let geo = statement
        .geo_match_statement()
        .and_then(|geo| geo.forwarded_ip_config());
    let set = statement.ip_set_reference_statement();
    let forwarded = rate
        .and_then(|rate| rate.forwarded_ip_config())
        .or(geo)
        .is_some()
        || set.is_some_and(|set| set.ip_set_forwarded_ip_config().is_some());
    let scope = group.and_then(|group| group.scope_down_statement());
    settings([
        (
            "scope-down statement",
            scope
                .or(rate.and_then(|rate| rate.scope_down_statement()))
                .is_some(),
        ),
        (
            "managed rule group settings",
            group.is_some_and(|group| some(group.managed_rule_group_configs())),
        ),
        (
            "excluded rules",
            group.is_some_and(|group| some(group.excluded_rules())),
        ),
        (
            "aggregation keys",
            rate.is_some_and(|rate| some(rate.custom_keys())),
        ),
        ("forwarded IP settings", forwarded),
    ])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_sdk_wafv2::types::{
        BlockAction, CustomResponse, Label, LabelMatchScope, LabelMatchStatement,
        ManagedRuleGroupConfig, RuleAction, VisibilityConfig,
    };
    use serde_json::{Value, json};

    pub(in crate::wafv2) fn stated(rules: Value) -> Rules {
        serde_json::from_value(rules).unwrap()
    }

    fn common(version: &str) -> Value {
        json!({"name": "common", "priority": 10, "override_action": "none", "statement": {
            "managed_rule_group_statement": {"name": "AWSManagedRulesCommonRuleSet", "version": version}}})
    }

    fn flood(action: &str, limit: u32) -> Value {
        json!({"name": "flood", "priority": 20, "action": action,
            "statement": {"rate_based_statement": {"limit": limit}}})
    }

    fn labelled() -> AwsStatement {
        let label = LabelMatchStatement::builder()
            .scope(LabelMatchScope::Label)
            .key("bad")
            .build()
            .unwrap();
        AwsStatement::builder().label_match_statement(label).build()
    }

    fn refused() -> BlockAction {
        BlockAction::builder()
            .custom_response(
                CustomResponse::builder()
                    .response_code(429)
                    .build()
                    .unwrap(),
            )
            .build()
    }

    /// What somebody added by hand, of a type that no spec can say.
    pub(in crate::wafv2) fn emergency() -> AwsRule {
        let visibility = VisibilityConfig::builder().metric_name("emergency-block");
        let visibility = visibility
            .sampled_requests_enabled(true)
            .cloud_watch_metrics_enabled(true);
        AwsRule::builder()
            .name("emergency-block")
            .priority(0)
            .statement(labelled())
            .action(RuleAction::builder().block(refused()).build())
            .visibility_config(visibility.build().unwrap())
            .build()
            .unwrap()
    }

    /// Two stated rules with all that can be set on them by hand, and the one that somebody added.
    fn by_hand() -> Vec<AwsRule> {
        let mut rules = rules(
            Vec::new(),
            &stated(json!([common("Version_1.0"), flood("block", 2000)])),
            None,
        )
        .unwrap();
        let group = rules[0]
            .statement
            .as_mut()
            .unwrap()
            .managed_rule_group_statement
            .as_mut()
            .unwrap();
        group.scope_down_statement = Some(Box::new(labelled()));
        group.managed_rule_group_configs = Some(vec![ManagedRuleGroupConfig::builder().build()]);
        rules[1].rule_labels = Some(vec![Label::builder().name("flood").build().unwrap()]);
        rules[1].action = Some(RuleAction::builder().block(refused()).build());
        let rate = rules[1]
            .statement
            .as_mut()
            .unwrap()
            .rate_based_statement
            .as_mut()
            .unwrap();
        rate.scope_down_statement = Some(Box::new(labelled()));
        rules.insert(0, emergency());
        rules
    }

    fn seen(rules: &[AwsRule]) -> Rules {
        Rules::new(rules.iter().filter_map(Rule::from_aws).collect())
    }

    #[test]
    fn a_rule_keeps_all_that_a_spec_cannot_say() {
        let now = by_hand();
        let mut wanted = now.clone();
        let group = wanted[1]
            .statement
            .as_mut()
            .unwrap()
            .managed_rule_group_statement
            .as_mut()
            .unwrap();
        group.version = Some("Version_2.0".into());
        wanted[2]
            .statement
            .as_mut()
            .unwrap()
            .rate_based_statement
            .as_mut()
            .unwrap()
            .limit = 500;
        let stated = stated(json!([common("Version_2.0"), flood("block", 500)]));
        assert_eq!(
            rules(now.clone(), &stated, Some(&seen(&now))).unwrap(),
            wanted
        );
    }

    #[test]
    fn another_action_or_another_statement_takes_the_place_of_the_old_one() {
        let now = by_hand();
        let geo = json!({"name": "common", "priority": 10, "action": "block",
            "statement": {"geo_match_statement": {"country_codes": ["AQ"]}}});
        let sent = rules(
            now.clone(),
            &stated(json!([geo, flood("count", 2000)])),
            Some(&seen(&now)),
        )
        .unwrap();
        let forms: Vec<Option<Rule>> = sent.iter().map(Rule::from_aws).collect();
        assert_eq!(forms[0], None);
        assert_eq!(
            forms[1..],
            stated(json!([geo, flood("count", 2000)]))
                .iter()
                .cloned()
                .map(Some)
                .collect::<Vec<_>>()
        );
        assert_eq!(sent[2].rule_labels, now[2].rule_labels);
    }

    #[test]
    fn what_the_plan_saw_and_nobody_states_goes_and_nothing_else() {
        let now = by_hand();
        let only = stated(json!([common("Version_1.0")]));
        let names =
            |rules: Vec<AwsRule>| rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>();
        assert_eq!(
            names(rules(now.clone(), &only, Some(&seen(&now))).unwrap()),
            ["emergency-block", "common"]
        );
        // Somebody added a rule since the plan was made.
        let earlier = seen(&now[..2]);
        let kept = rules(now, &only, Some(&earlier)).unwrap();
        assert_eq!(names(kept), ["emergency-block", "common", "flood"]);
    }

    #[test]
    fn the_priority_of_a_rule_that_stays_is_not_taken() {
        let now = by_hand();
        let mut first = flood("block", 2000);
        first["priority"] = json!(0);
        let refused = rules(now.clone(), &stated(json!([first])), Some(&seen(&now))).unwrap_err();
        assert!(
            refused.contains("the rule `emergency-block` has"),
            "{refused}"
        );
    }

    #[test]
    fn what_stays_is_said() {
        let said: Vec<String> = by_hand().iter().filter_map(of_rule).collect();
        assert_eq!(
            said,
            [
                "rule emergency-block",
                "rule common: scope-down statement, managed rule group settings",
                "rule flood: labels, custom response, scope-down statement",
            ]
        );
    }
}
