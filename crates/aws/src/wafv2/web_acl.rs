//! `wafv2.WebAcl`

use std::collections::{BTreeSet, HashMap};

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::operation::get_web_acl::GetWebAclOutput;
use aws_sdk_wafv2::types::{
    AllowAction, BlockAction, DefaultAction as AwsDefault, Rule as AwsRule, Scope,
    VisibilityConfig as AwsVisibility, WebAcl as AwsWebAcl,
};
use platctl_engine::fields::Fact::{Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::kept;
use super::rules::{Rule, Rules, VisibilityConfig};
use super::tags::{WafTags, tags_from};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, made};
use crate::tags::{Tags, claimed, owned, sync};
use crate::text::Text;
use crate::types::{Arn, unless_same};

/// An AWS WAF web ACL, which controls the requests to a load balancer or a CloudFront distribution.
#[derive(Debug)]
pub struct WebAcl;

/// An AWS WAF web ACL, which controls the requests to a load balancer or a CloudFront distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the web ACL. Must be unique within its scope. Up to 128 letters, digits, `-` and `_`.
    pub name: String,
    /// The scope: `REGIONAL` for load balancers in the region, or `CLOUDFRONT` for distributions.
    /// `CLOUDFRONT` is available in us-east-1 only.
    pub scope: String,
    /// The action for requests that match no rule: `allow` or `block`.
    pub default_action: DefaultAction,
    /// A description of the web ACL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The rules of the web ACL. If omitted, the rules are not managed. Settings of a rule that cannot be specified
    /// here, and rules with other types of statements, are not managed and stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<S::In<Rules>>,
    /// The visibility settings. Default for a new web ACL: metrics and samples are enabled, under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_config: Option<VisibilityConfig>,
    /// Tags to assign to the web ACL.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// The action for requests that match no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultAction {
    /// Allows the requests.
    Allow,
    /// Blocks the requests.
    Block,
}

platctl_engine::outputs! {
    /// Attributes of the web ACL that other resources can reference.
    WebAcl {
        /// The Amazon Resource Name (ARN) of the web ACL.
        ARN: arn: Arn,
        /// The ID of the web ACL.
        ID: id: String,
    }
    and unmanaged
}

impl DefaultAction {
    fn to_aws(self) -> AwsDefault {
        match self {
            Self::Allow => AwsDefault::builder()
                .allow(AllowAction::builder().build())
                .build(),
            Self::Block => AwsDefault::builder()
                .block(BlockAction::builder().build())
                .build(),
        }
    }
}

fn invalid(operation: &str, error: impl ToString) -> CloudError {
    CloudError::new(Class::Invalid, operation, error.to_string())
}

/// What is for CloudFront is spoken to in us-east-1.
fn in_region(cloud: &Cloud, operation: &str, scope: &str) -> CloudResult<()> {
    if scope == "CLOUDFRONT" && cloud.partition == "aws" && cloud.region != "us-east-1" {
        return Err(invalid(
            operation,
            "a web ACL with scope CLOUDFRONT must be in us-east-1",
        ));
    }
    Ok(())
}

fn scope_of(arn: &str) -> &'static str {
    if arn.contains(":global/") {
        "CLOUDFRONT"
    } else {
        "REGIONAL"
    }
}

async fn get(cloud: &Cloud, arn: &str) -> CloudResult<GetWebAclOutput> {
    let call = cloud.wafv2.get_web_acl().arn(arn);
    call.send().ask().await
}

/// The ARNs of a scope's web ACLs, by name.
async fn names(cloud: &Cloud, scope: &str) -> CloudResult<HashMap<String, String>> {
    let (mut all, mut marker) = (HashMap::new(), None);
    loop {
        let call = cloud
            .wafv2
            .list_web_acls()
            .scope(Scope::from(scope))
            .set_next_marker(marker);
        let answer = call.send().ask().await?;
        let page = answer.web_acls();
        all.extend(
            page.iter()
                .filter_map(|one| Some((one.name()?.to_owned(), one.arn()?.to_owned()))),
        );
        // A last page may carry a marker all the same.
        match answer.next_marker().filter(|_| !page.is_empty()) {
            Some(next) => marker = Some(next.to_owned()),
            None => return Ok(all),
        }
    }
}

fn live(found: &AwsWebAcl, tags: Tags, owner: Option<Owner>) -> Live<WebAcl> {
    let blocks = found
        .default_action()
        .is_some_and(|action| action.block().is_some());
    let spec = Spec {
        name: found.name().to_owned(),
        scope: scope_of(found.arn()).to_owned(),
        default_action: if blocks {
            DefaultAction::Block
        } else {
            DefaultAction::Allow
        },
        description: Some(found.description().unwrap_or_default().to_owned()),
        rules: Some(Rules::new(
            found.rules().iter().filter_map(Rule::from_aws).collect(),
        )),
        visibility_config: found.visibility_config().map(VisibilityConfig::from_aws),
        tags,
    };
    let outputs = Outputs {
        arn: found.arn().into(),
        id: found.id().to_owned(),
        unmanaged: kept::unmanaged(found),
    };
    Live {
        id: found.arn().into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<WebAcl>>> {
    match futures::try_join!(
        get(cloud, id.as_str()),
        owned::<WafTags>(cloud, id.as_str())
    ) {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => {
            let (answer, (tags, owner)) = other?;
            Ok(answer.web_acl().map(|found| live(found, tags, owner)))
        }
    }
}

fn rules(operation: &str, rules: &Rules) -> CloudResult<Vec<AwsRule>> {
    rules
        .iter()
        .map(Rule::to_aws)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(operation, error))
}

/// The description and the visibility settings to send: as they are, but for what changes.
fn texts(
    now: &AwsWebAcl,
    spec: &Spec,
    changes: &Changes,
) -> Result<(Option<String>, Option<AwsVisibility>), BuildError> {
    let description = spec
        .description
        .clone()
        .filter(|_| changes.touch("/description"));
    let description = description
        .or_else(|| now.description.clone())
        .filter(|text| !text.is_empty());
    let stated = spec
        .visibility_config
        .as_ref()
        .filter(|_| changes.touch("/visibility_config"));
    let visibility = stated.map(VisibilityConfig::to_aws).transpose()?;
    Ok((
        description,
        visibility.or_else(|| now.visibility_config.clone()),
    ))
}

/// An update replaces everything: what does not change is sent back as it is now.
async fn replace(
    cloud: &Cloud,
    live: &Live<WebAcl>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<()> {
    let (operation, arn) = ("wafv2:UpdateWebACL", live.id.as_str());
    let answer = get(cloud, arn).await?;
    let token = answer.lock_token;
    let Some(now) = answer.web_acl else {
        return Err(invalid(operation, "no web ACL in the response"));
    };
    let (description, visibility) =
        texts(&now, spec, changes).map_err(|error| invalid(operation, error))?;
    let rules = match spec.rules.as_ref().filter(|_| changes.touch("/rules")) {
        Some(stated) => kept::rules(
            now.rules.unwrap_or_default(),
            stated,
            live.spec.rules.as_ref(),
        )
        .map(Some)
        .map_err(|message| invalid(operation, message))?,
        None => now.rules,
    };
    let action = match now.default_action {
        Some(action) if !changes.touch("/default_action") => action,
        action => kept::default_action(action, spec.default_action.to_aws()),
    };
    let call = cloud
        .wafv2
        .update_web_acl()
        .name(now.name)
        .scope(Scope::from(scope_of(arn)))
        .id(now.id)
        .set_lock_token(token)
        .default_action(action)
        .set_description(description)
        .set_rules(rules)
        .set_visibility_config(visibility)
        .set_data_protection_config(now.data_protection_config)
        .set_custom_response_bodies(now.custom_response_bodies)
        .set_captcha_config(now.captcha_config)
        .set_challenge_config(now.challenge_config)
        .set_token_domains(now.token_domains.filter(|domains| !domains.is_empty()))
        .set_association_config(now.association_config)
        .set_on_source_d_do_s_protection_config(now.on_source_d_do_s_protection_config)
        .set_application_config(now.application_config)
        .set_monetization_config(now.monetization_config);
    call.send().ask().await.map(drop)
}

const DESCRIPTION: Text = Text {
    most: 256,
    sound: |c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_+=:#@/-,.".contains(c),
    characters: "ASCII letters, digits, spaces and any of _+=:#@/-,.",
};

impl Kind for WebAcl {
    const NAME: &'static str = "wafv2.WebAcl";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/scope", &[Immutable, Name]),
        ("/rules", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "wafv2:ListWebACLs",
            "wafv2:GetWebACL",
            "wafv2:ListTagsForResource",
        ],
        create: &["wafv2:CreateWebACL", "wafv2:TagResource"],
        update: &[
            "wafv2:UpdateWebACL",
            "wafv2:GetWebACL",
            "wafv2:TagResource",
            "wafv2:UntagResource",
        ],
        delete: &["wafv2:DeleteWebACL", "wafv2:GetWebACL"],
    };
    const TIMING: Timing = Timing::seconds(2, 2, 2, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        use super::rules::{Action, ManagedRuleGroup, OverrideAction, RateBased, Statement};
        let group = ManagedRuleGroup {
            vendor_name: "AWS".into(),
            name: "AWSManagedRulesCommonRuleSet".into(),
            version: None,
            rule_action_overrides: [("SizeRestrictions_BODY".to_owned(), Action::Count)].into(),
        };
        let rate = RateBased {
            limit: 2000,
            evaluation_window_sec: 300,
            aggregate_key_type: "IP".into(),
        };
        let rule = |name: &str, priority, statement| Rule {
            name: name.into(),
            priority,
            action: None,
            override_action: None,
            statement,
            visibility_config: None,
        };
        let none = Some(OverrideAction::None);
        let common = rule("common", 10, Statement::ManagedRuleGroupStatement(group));
        let flood = rule("flood", 20, Statement::RateBasedStatement(rate));
        Spec {
            name: "prod-web".into(),
            scope: "REGIONAL".into(),
            default_action: DefaultAction::Allow,
            description: Some("Requests to prod".into()),
            rules: Some(Rules::new(vec![
                Rule {
                    override_action: none,
                    ..common
                },
                Rule {
                    action: Some(Action::Block),
                    ..flood
                },
            ])),
            visibility_config: Some(VisibilityConfig::named("prod-web")),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        let geo = json!({"geo_match_statement": {"country_codes": ["AQ", "BV"]}});
        vec![
            ("/name", json!("prod-api")),
            ("/default_action", json!("block")),
            ("/description", json!("What reaches prod")),
            (
                "/rules",
                json!([{"name": "far", "priority": 1, "action": "challenge", "statement": geo}]),
            ),
            ("/rules", json!([])),
            ("/visibility_config/metric_name", json!("prod")),
            ("/visibility_config/sampled_requests_enabled", json!(false)),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if spec.name.is_empty() || spec.name.len() > 128 || !spec.name.chars().all(sound) {
            return Err(SpecError::new(
                "/name",
                "must have 1 to 128 letters, digits, `-` and `_`",
            ));
        }
        if !matches!(spec.scope.as_str(), "REGIONAL" | "CLOUDFRONT") {
            return Err(SpecError::new(
                "/scope",
                "must be `REGIONAL` or `CLOUDFRONT`",
            ));
        }
        if let Some(text) = &spec.description {
            if text.len() < 3 || text.trim() != text {
                let message =
                    "must have at least 3 characters, without a space at either end: or omit it";
                return Err(SpecError::new("/description", message));
            }
            DESCRIPTION.check("/description", Some(text))?;
        }
        let (mut names, mut priorities) = (BTreeSet::new(), BTreeSet::new());
        for (position, rule) in spec.rules.iter().flat_map(Rules::iter).enumerate() {
            let path = format!("/rules/{position}");
            if !names.insert(&rule.name) || !priorities.insert(rule.priority) {
                return Err(SpecError::new(
                    path,
                    "must not have the name or the priority of another rule",
                ));
            }
            rule.check()
                .map_err(|message| SpecError::new(path, message))?;
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&(&live.name, &live.scope), &(&desired.name, &desired.scope))
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let scopes: BTreeSet<&str> = wanted
            .iter()
            .filter_map(|one| one.spec.as_ref())
            .map(|spec| spec.scope.as_str())
            .collect();
        let lists = try_join_all(scopes.into_iter().map(|scope| async move {
            in_region(cloud, "wafv2:ListWebACLs", scope)?;
            Ok::<_, CloudError>((scope, names(cloud, scope).await?))
        }));
        let lists: HashMap<&str, HashMap<String, String>> = lists.await?.into_iter().collect();
        try_join_all(wanted.iter().map(|wanted| async {
            let arn = wanted
                .spec
                .as_ref()
                .and_then(|spec| lists.get(spec.scope.as_str())?.get(&spec.name));
            let Some(arn) = arn else {
                return Ok(Vec::new());
            };
            match owned::<WafTags>(cloud, arn).await {
                Err(error) if error.class == Class::NotFound => Ok(Vec::new()),
                other => Ok(vec![Candidate {
                    id: arn.as_str().into(),
                    owner: other?.1,
                }]),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "wafv2:CreateWebACL";
        in_region(cloud, operation, &spec.scope)?;
        let tags = tags_from(claimed(&spec.tags, &claim.owner), operation)?;
        let visibility = spec
            .visibility_config
            .clone()
            .unwrap_or_else(|| VisibilityConfig::named(&spec.name));
        let call = cloud
            .wafv2
            .create_web_acl()
            .name(&spec.name)
            .scope(Scope::from(spec.scope.as_str()))
            .default_action(spec.default_action.to_aws())
            .set_description(spec.description.clone())
            .set_rules(
                spec.rules
                    .as_ref()
                    .map(|stated| rules(operation, stated))
                    .transpose()?,
            )
            .visibility_config(
                visibility
                    .to_aws()
                    .map_err(|error| invalid(operation, error))?,
            )
            .set_tags(Some(tags));
        let answer = call.send().ask().await?;
        made(operation, answer.summary().and_then(|made| made.arn()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let paths = [
            "/default_action",
            "/description",
            "/rules",
            "/visibility_config",
        ];
        if paths.iter().any(|path| changes.touch(path)) {
            replace(cloud, live, spec, changes).await?;
        }
        sync::<WafTags>(cloud, live.id.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let arn = live.id.as_str();
        let token = get(cloud, arn).await?.lock_token;
        let call = cloud
            .wafv2
            .delete_web_acl()
            .name(&live.spec.name)
            .scope(Scope::from(scope_of(arn)))
            .id(&live.outputs.id)
            .set_lock_token(token);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_wafv2::operation::update_web_acl::UpdateWebAclOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    const ARN: &str = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/prod-web/1";

    fn acl() -> AwsWebAcl {
        let builder = AwsWebAcl::builder()
            .name("prod-web")
            .id("1")
            .arn(ARN)
            .token_domains("example.com");
        let visibility = VisibilityConfig::named("prod-web").to_aws().unwrap();
        builder
            .default_action(DefaultAction::Allow.to_aws())
            .visibility_config(visibility)
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn an_update_takes_a_fresh_token_and_keeps_what_is_not_ours() {
        let get = mock!(aws_sdk_wafv2::Client::get_web_acl).then_output(|| {
            GetWebAclOutput::builder()
                .web_acl(acl())
                .lock_token("fresh")
                .build()
        });
        let update = mock!(aws_sdk_wafv2::Client::update_web_acl)
            .match_requests(|request| {
                request.lock_token() == Some("fresh") && request.token_domains() == ["example.com"]
            })
            .then_output(|| UpdateWebAclOutput::builder().build());
        let wafv2 = mock_client!(aws_sdk_wafv2, RuleMode::Sequential, &[&get, &update]);
        let asked = changes(&[("/default_action", json!("allow"), json!("block"))]);
        let live = live(&acl(), Tags::new(), None);
        let cloud = Cloud {
            wafv2: wafv2.into(),
            ..cloud()
        };
        WebAcl::update(&cloud, &live, &WebAcl::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_rule_that_somebody_added_survives_every_change_and_is_said() {
        use crate::wafv2::kept::tests::{emergency, stated};
        let rule = |limit: u32| {
            stated(json!([{"name": "flood", "priority": 20, "action": "block",
                "statement": {"rate_based_statement": {"limit": limit}}}]))
        };
        let mut now = acl();
        let before = kept::rules(Vec::new(), &rule(2000), None).unwrap();
        now.rules = Some([vec![emergency()], before].concat());
        let live = live(&now, Tags::new(), None);
        assert_eq!(
            live.outputs.unmanaged,
            ["rule emergency-block", "token domains"]
        );
        assert_eq!(live.spec.rules, Some(rule(2000)), "it is no drift");
        for (spec, asked) in [
            (
                Spec {
                    rules: Some(rule(2000)),
                    description: Some("new".into()),
                    ..WebAcl::example()
                },
                changes(&[("/description", json!(""), json!("new"))]),
            ),
            (
                Spec {
                    rules: Some(rule(500)),
                    ..WebAcl::example()
                },
                changes(&[("/rules", json!([]), json!([]))]),
            ),
        ] {
            let found = now.clone();
            let get = mock!(aws_sdk_wafv2::Client::get_web_acl).then_output(move || {
                GetWebAclOutput::builder()
                    .web_acl(found.clone())
                    .lock_token("t")
                    .build()
            });
            let update = mock!(aws_sdk_wafv2::Client::update_web_acl)
                .match_requests(|request| {
                    request.rules()[0] == emergency() && request.rules().len() == 2
                })
                .then_output(|| UpdateWebAclOutput::builder().build());
            let wafv2 = mock_client!(aws_sdk_wafv2, RuleMode::Sequential, &[&get, &update]);
            let cloud = Cloud {
                wafv2: wafv2.into(),
                ..cloud()
            };
            WebAcl::update(&cloud, &live, &spec, &asked, &owner())
                .await
                .unwrap();
            assert_eq!(update.num_calls(), 1);
        }
    }

    #[test]
    fn what_is_for_cloudfront_is_in_one_region() {
        assert!(in_region(&cloud(), "wafv2:CreateWebACL", "CLOUDFRONT").is_err());
        assert!(in_region(&cloud(), "wafv2:CreateWebACL", "REGIONAL").is_ok());
    }
}
