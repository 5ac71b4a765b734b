//! `elbv2.ListenerRule`

use aws_sdk_elasticloadbalancingv2::types::{Rule, RulePriorityPair};
use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::action::{self, Action};
use super::condition::{self, Conditions};
use super::{gone, in_batches, sync_tags, tag_list, tags_of, with_tags};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::tags::Tags;
use crate::types::Arn;

/// A listener rule, which determines how a listener of an Application Load Balancer routes some of its
/// requests.
#[derive(Debug)]
pub struct ListenerRule;

/// A listener rule, which determines how a listener of an Application Load Balancer routes some of its
/// requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ARN of the listener.
    pub listener_arn: S::In<Arn>,
    /// The priority of the rule, 1 to 50000. Rules are evaluated from the lowest to the highest value.
    pub priority: i32,
    /// The conditions that a request must meet.
    pub conditions: S::In<Conditions>,
    /// The action for requests that meet the conditions. Exactly one. Actions before it, such as
    /// `authenticate-oidc`, conditions with regular expressions, and transforms are not managed and stay as they
    /// are.
    pub actions: S::In<Vec<Action>>,
    /// Tags to assign to the listener rule.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the listener rule that other resources can reference.
    ListenerRule {
        /// The Amazon Resource Name (ARN) of the listener rule.
        ARN: arn: Arn,
    }
    and unmanaged
}

/// A rule's ARN is its listener's with another word in it and an id behind it.
fn listener_of(rule: &str) -> Option<Arn> {
    let (listener, _) = rule.rsplit_once('/')?;
    Some(listener.replacen(":listener-rule/", ":listener/", 1).into())
}

/// The rule of a priority, with its owner.
async fn at(
    cloud: &Cloud,
    listener: &Arn,
    priority: i32,
) -> CloudResult<Option<(String, Option<Owner>)>> {
    let pages = cloud
        .elbv2
        .describe_rules()
        .listener_arn(listener.as_str())
        .into_paginator();
    let rules: Result<Vec<Rule>, _> = pages.items().send().collect().await;
    let rules = rules.asked()?;
    let wanted = priority.to_string();
    let found = rules
        .into_iter()
        .find(|rule| rule.priority() == Some(wanted.as_str()));
    let Some(arn) = found.and_then(|rule| rule.rule_arn) else {
        return Ok(None);
    };
    let tags = tags_of(cloud, [arn.as_str()]).await?;
    let owner = tags.get(&arn).and_then(|(_, owner)| owner.clone());
    Ok(Some((arn, owner)))
}

fn live(found: &Rule, tags: Tags, owner: Option<Owner>) -> Option<Live<ListenerRule>> {
    let arn = found.rule_arn()?;
    let spec = Spec {
        listener_arn: listener_of(arn)?,
        priority: found.priority()?.parse().ok()?,
        conditions: Conditions::from_aws(found.conditions()),
        actions: action::from_aws(found.actions()),
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        unmanaged: unmanaged(found),
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

fn unmanaged(found: &Rule) -> Vec<String> {
    let transforms = found.transforms().iter().filter_map(|one| one.r#type());
    let transforms = transforms.map(|kind| format!("transform {}", kind.as_str()));
    let others = action::unmanaged(found.actions()).chain(condition::unmanaged(found.conditions()));
    others.chain(transforms).collect()
}

/// Gives the rule its conditions and actions. What of them has no form of ours goes back as it is now, and what is
/// not sent, AWS keeps.
async fn modify(cloud: &Cloud, arn: &str, spec: &Spec, changes: &Changes) -> CloudResult<()> {
    let answer = cloud
        .elbv2
        .describe_rules()
        .rule_arns(arn)
        .send()
        .ask()
        .await?;
    let operation = "elasticloadbalancing:ModifyRule";
    let now = answer.rules().first();
    let now =
        now.ok_or_else(|| CloudError::new(Class::NotFound, operation, format!("{arn} is gone")))?;
    let mut call = cloud.elbv2.modify_rule().rule_arn(arn);
    if changes.touch("/conditions") {
        call = call.set_conditions(Some(spec.conditions.over(now.conditions())));
    }
    if changes.touch("/actions") {
        call = call.set_actions(Some(action::over(operation, now.actions(), &spec.actions)?));
    }
    call.send().ask().await.map(drop)
}

async fn set_priorities(cloud: &Cloud, list: &[(&str, i32)]) -> CloudResult<()> {
    let pair = |(arn, priority): &(&str, i32)| {
        RulePriorityPair::builder()
            .rule_arn(*arn)
            .priority(*priority)
            .build()
    };
    let call = cloud
        .elbv2
        .set_rule_priorities()
        .set_rule_priorities(Some(list.iter().map(pair).collect()));
    call.send().ask().await.map(drop)
}

/// Gives the rule its priority. Where another rule of the same stack has it, the two change places: rules that are
/// reordered are updated one by one, and each finds its own place in turn.
async fn move_to(
    cloud: &Cloud,
    live: &Live<ListenerRule>,
    priority: i32,
    owner: &Owner,
) -> CloudResult<()> {
    let arn = live.id.as_str();
    let Some((other, its)) = at(cloud, &live.spec.listener_arn, priority).await? else {
        return set_priorities(cloud, &[(arn, priority)]).await;
    };
    if other == arn {
        return Ok(());
    }
    if its.is_none_or(|its| its.stack != owner.stack) {
        let message = format!("priority {priority} is already used by {other}");
        return Err(CloudError::new(
            Class::AlreadyExists,
            "elasticloadbalancing:SetRulePriorities",
            message,
        ));
    }
    set_priorities(cloud, &[(arn, priority), (&other, live.spec.priority)]).await
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<ListenerRule>>>> {
    let read = async |arns: Vec<String>| {
        let call = cloud.elbv2.describe_rules().set_rule_arns(Some(arns));
        Ok(call.send().ask().await?.rules.unwrap_or_default())
    };
    let found = in_batches(ids.iter().map(Id::as_str), read).await?;
    let tags = tags_of(cloud, found.iter().filter_map(|rule| rule.rule_arn())).await?;
    Ok(with_tags(ids, found, &tags, Rule::rule_arn, live))
}

impl Kind for ListenerRule {
    const NAME: &'static str = "elbv2.ListenerRule";
    const FIELDS: &'static Table = &[("/listener_arn", &[Immutable]), ("/actions", &[Holds])];
    // A target group takes requests from one load balancer: the old rule has to let go of it first.
    const REPLACE: Replace = Replace::DeleteFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &[
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:AddTags",
        ],
        update: &[
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteRule"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            listener_arn:
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/example/0123456789abcdef/0123456789abcdef"
                    .into(),
            priority: 10,
            conditions: Conditions { path_pattern: ["/api/*".to_owned()].into(), ..Conditions::default() },
            actions: vec![Action::to(
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/example/0123456789abcdef",
            )],
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/priority", json!(20)),
            (
                "/conditions",
                json!({"host_header": ["api.example.com"], "http_request_method": ["GET", "HEAD"]}),
            ),
            (
                "/conditions",
                json!({
                    "http_header": {"name": "X-Canary", "values": ["1"]}, "source_ip": ["10.0.0.0/8"],
                    "query_string": [{"key": "canary", "value": "1"}, {"value": "test*"}],
                }),
            ),
            (
                "/actions",
                json!([{"fixed_response": {"status_code": "403"}}]),
            ),
            (
                "/actions",
                json!([{"redirect": {"status_code": "HTTP_302", "path": "/v2/#{path}"}}]),
            ),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(1..=50000).contains(&spec.priority) {
            return Err(SpecError::new("/priority", "must be between 1 and 50000"));
        }
        if spec.conditions.is_empty() {
            return Err(SpecError::new("/conditions", "must not be empty"));
        }
        action::check("/actions", &spec.actions)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            let Some(spec) = &wanted.spec else {
                return Ok(Vec::new());
            };
            let found = gone(at(cloud, &spec.listener_arn, spec.priority).await)?;
            Ok(found
                .map(|(arn, owner)| Candidate {
                    id: arn.into(),
                    owner,
                })
                .into_iter()
                .collect())
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "elasticloadbalancing:CreateRule";
        let call = cloud
            .elbv2
            .create_rule()
            .listener_arn(spec.listener_arn.as_str())
            .priority(spec.priority)
            .set_conditions(Some(spec.conditions.to_aws()))
            .set_actions(Some(action::to_aws(operation, &spec.actions)?))
            .set_tags(Some(tag_list(&spec.tags, &claim.owner)?));
        let answer = call.send().ask().await?;
        made(
            operation,
            answer.rules().first().and_then(|made| made.rule_arn()),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let arn = live.id.as_str();
        if changes.touch("/priority") {
            move_to(cloud, live, spec.priority, owner).await?;
        }
        if changes.touch("/conditions") || changes.touch("/actions") {
            modify(cloud, arn, spec, changes).await?;
        }
        sync_tags(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.elbv2.delete_rule().rule_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_elasticloadbalancingv2::operation::describe_rules::DescribeRulesOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::set_rule_priorities::SetRulePrioritiesOutput;
    use aws_sdk_elasticloadbalancingv2::types::TagDescription;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/a/1/2/3";

    fn rule(arn: &str, priority: &str) -> Rule {
        Rule::builder().rule_arn(arn).priority(priority).build()
    }

    #[test]
    fn a_rule_knows_its_listener_and_the_default_one_is_nobodys() {
        let live = live(&rule(ARN, "10"), Tags::new(), None).unwrap();
        assert_eq!(
            live.spec.listener_arn.as_str(),
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/1/2"
        );
        assert!(super::live(&rule(ARN, "default"), Tags::new(), None).is_none());
    }

    #[tokio::test]
    async fn two_rules_of_a_stack_change_places_in_one_call() {
        let rules =
            mock!(aws_sdk_elasticloadbalancingv2::Client::describe_rules).then_output(|| {
                DescribeRulesOutput::builder()
                    .rules(rule("other", "20"))
                    .build()
            });
        let tags = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_tags).then_output(|| {
            let tags = tag_list(&Tags::new(), &owner()).unwrap();
            let one = TagDescription::builder()
                .resource_arn("other")
                .set_tags(Some(tags))
                .build();
            DescribeTagsOutput::builder().tag_descriptions(one).build()
        });
        let set = mock!(aws_sdk_elasticloadbalancingv2::Client::set_rule_priorities)
            .match_requests(|request| {
                let pairs: Vec<_> = request
                    .rule_priorities()
                    .iter()
                    .map(|pair| pair.priority())
                    .collect();
                pairs == [Some(20), Some(10)]
            })
            .then_output(|| SetRulePrioritiesOutput::builder().build());
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&rules, &tags, &set]
        );
        let live = live(&rule(ARN, "10"), Tags::new(), Some(owner())).unwrap();
        let desired = Spec {
            priority: 20,
            ..ListenerRule::example()
        };
        let asked = changes(&[("/priority", json!(10), json!(20))]);
        ListenerRule::update(
            &Cloud {
                elbv2: elbv2.into(),
                ..cloud()
            },
            &live,
            &desired,
            &asked,
            &owner(),
        )
        .await
        .unwrap();
        assert_eq!(set.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_change_of_the_target_keeps_logins_and_conditions() {
        use aws_sdk_elasticloadbalancingv2::operation::modify_rule::ModifyRuleOutput;
        use aws_sdk_elasticloadbalancingv2::types::{
            Action as AwsAction, ActionTypeEnum, AuthenticateOidcActionConfig, RuleTransform,
            TransformTypeEnum,
        };
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .build();
        let login = AwsAction::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1);
        let login = login.authenticate_oidc_config(oidc).build();
        let mut forward = action::to_aws("", &[Action::to("arn:old")]).unwrap();
        forward[0].order = Some(2);
        let transform = RuleTransform::builder()
            .r#type(TransformTypeEnum::UrlRewrite)
            .build();
        let mut now = rule(ARN, "10");
        now.actions = Some([vec![login], forward].concat());
        now.transforms = Some(vec![transform]);
        let live = live(&now, Tags::new(), Some(owner())).unwrap();
        assert_eq!(
            live.outputs.unmanaged,
            ["action authenticate-oidc", "transform url-rewrite"]
        );
        let rules = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_rules)
            .then_output(move || DescribeRulesOutput::builder().rules(now.clone()).build());
        let modify = mock!(aws_sdk_elasticloadbalancingv2::Client::modify_rule)
            .match_requests(|request| {
                let kinds: Vec<_> = request
                    .actions()
                    .iter()
                    .map(|action| action.r#type())
                    .collect();
                let whole = kinds
                    == [
                        Some(&ActionTypeEnum::AuthenticateOidc),
                        Some(&ActionTypeEnum::Forward),
                    ];
                whole && request.conditions.is_none() && request.reset_transforms.is_none()
            })
            .then_output(|| ModifyRuleOutput::builder().build());
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&rules, &modify]
        );
        let desired = Spec {
            actions: vec![Action::to("arn:new")],
            ..ListenerRule::example()
        };
        let asked = changes(&[("/actions", json!([]), json!([]))]);
        ListenerRule::update(
            &Cloud {
                elbv2: elbv2.into(),
                ..cloud()
            },
            &live,
            &desired,
            &asked,
            &owner(),
        )
        .await
        .unwrap();
        assert_eq!(modify.num_calls(), 1);
    }
}
