//! The web ACL.

use std::collections::BTreeMap;

use platctl_aws::wafv2::rules::{
    Action, ManagedRuleGroup, OverrideAction, RateBased, Rule, Rules, Statement,
};
use platctl_aws::wafv2::web_acl::{self, DefaultAction, WebAcl};
use platctl_engine::Handle;

use super::Edge;
use crate::declare::{Checked, Declare};

/// Rules that AWS keeps up to date: common attacks, inputs known to be bad, SQL injection, addresses of
/// ill repute.
const MANAGED: [&str; 4] = [
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
];

impl Edge {
    pub(super) fn web_acl(
        &self,
        scope: &str,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<WebAcl>> {
        let limit = self.rate_limit.as_ref().map_or(2000, |limit| limit.value);
        let limit = Statement::RateBasedStatement(RateBased {
            limit: limit.into(),
            evaluation_window_sec: 300,
            aggregate_key_type: "IP".to_owned(),
        });
        let mut rules = vec![rule("rate-limit", 0, limit)];
        for (name, priority) in MANAGED.into_iter().zip(1..) {
            let managed = Statement::ManagedRuleGroupStatement(ManagedRuleGroup {
                vendor_name: "AWS".to_owned(),
                name: name.to_owned(),
                version: None,
                rule_action_overrides: BTreeMap::new(),
            });
            rules.push(rule(name, priority, managed));
        }
        // Another scope is another place, so it is another resource: both are there while the edge moves over.
        let (address, name) = if scope == "CLOUDFRONT" {
            ("web_acl", declare.global_name("edge"))
        } else {
            ("regional_web_acl", declare.name("edge"))
        };
        let spec = web_acl::Spec {
            name,
            scope: scope.to_owned(),
            default_action: DefaultAction::Allow,
            description: Some("What reaches the services".to_owned()),
            rules: Some(Rules::new(rules).into()),
            visibility_config: None,
            tags: declare.tags(address),
        };
        declare.add(address, &spec)
    }
}

/// A rule that blocks what its statement matches. A group of rules has actions of its own.
fn rule(name: &str, priority: i32, statement: Statement) -> Rule {
    let is_group = matches!(statement, Statement::ManagedRuleGroupStatement(_));
    Rule {
        name: name.to_owned(),
        priority,
        action: (!is_group).then_some(Action::Block),
        override_action: is_group.then_some(OverrideAction::None),
        statement,
        visibility_config: None,
    }
}
