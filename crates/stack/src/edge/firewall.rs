//! The web ACL.

use platctl_aws::wafv2::web_acl::WebAcl;
use platctl_engine::Handle;
use serde_json::{Value, json};

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
        let mut rules: Vec<Value> = vec![json!({
            "name": "rate-limit",
            "priority": 0,
            "action": "block",
            "statement": {"rate_based_statement": {"limit": limit, "aggregate_key_type": "IP"}},
        })];
        for (name, priority) in MANAGED.iter().zip(1..) {
            rules.push(json!({
                "name": name,
                "priority": priority,
                "override_action": "none",
                "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": name}},
            }));
        }
        let name = if scope == "CLOUDFRONT" {
            declare.global_name("edge")
        } else {
            declare.name("edge")
        };
        declare.make(
            // Another scope is another place, so it is another resource: both are there while the edge moves over.
            if scope == "CLOUDFRONT" {
                "web_acl"
            } else {
                "regional_web_acl"
            },
            json!({
                "name": name,
                "scope": scope,
                "default_action": "allow",
                "description": "What reaches the services",
                "rules": rules,
            }),
        )
    }
}
