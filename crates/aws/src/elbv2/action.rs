//! What a listener or a rule does with a request.

use aws_sdk_elasticloadbalancingv2::types::{
    Action as AwsAction, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig,
    RedirectActionConfig, RedirectActionStatusCodeEnum, TargetGroupStickinessConfig,
    TargetGroupTuple,
};
use platctl_engine::{CloudResult, Input, SpecError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid;
use crate::types::Arn;

/// What a load balancer does with a request. Exactly one of `forward`, `fixed_response` and `redirect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Forwards the request to target groups.
    Forward(Forward),
    /// Returns a fixed response.
    FixedResponse(FixedResponse),
    /// Redirects the client to another URL.
    Redirect(Redirect),
}

/// A forward action, which distributes requests among target groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The target groups, 1 to 5.
    pub target_groups: Vec<WeightedTargetGroup>,
    /// The number of seconds for which a client is routed to the same target group, 1 to 604800. If omitted,
    /// target group stickiness is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness_seconds: Option<i32>,
}

/// A target group and its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTargetGroup {
    /// The ARN of the target group.
    pub target_group_arn: Arn,
    /// The weight of the target group, 0 to 999. Default: 1.
    #[serde(default = "one")]
    pub weight: i32,
}

const fn one() -> i32 {
    1
}

/// A fixed-response action, which returns a response without a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    /// The HTTP status code, 2XX, 4XX or 5XX, such as `200`, `404` or `503`.
    pub status_code: String,
    /// The content type: `text/plain`, `text/css`, `text/html`, `application/javascript` or
    /// `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The response body. Up to 1024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_body: Option<String>,
}

/// A redirect action. `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}` stand for the values of
/// the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The HTTP status code: `HTTP_301` (permanent) or `HTTP_302` (temporary).
    pub status_code: String,
    /// The protocol: `HTTP` or `HTTPS`. Default: the protocol of the request.
    #[serde(default = "protocol")]
    pub protocol: String,
    /// The port. Default: the port of the request.
    #[serde(default = "port")]
    pub port: String,
    /// The host name. Default: the host name of the request.
    #[serde(default = "host")]
    pub host: String,
    /// The absolute path, with its leading `/`. Default: the path of the request.
    #[serde(default = "path")]
    pub path: String,
    /// The query parameters, without the leading `?`. Default: the query parameters of the request.
    #[serde(default = "query")]
    pub query: String,
}

fn protocol() -> String {
    "#{protocol}".into()
}

fn port() -> String {
    "#{port}".into()
}

fn host() -> String {
    "#{host}".into()
}

fn path() -> String {
    "/#{path}".into()
}

fn query() -> String {
    "#{query}".into()
}

impl Redirect {
    /// To the same URL with another protocol.
    #[must_use]
    pub fn to(protocol: &str, status_code: &str) -> Self {
        Self {
            status_code: status_code.to_owned(),
            protocol: protocol.to_owned(),
            port: port(),
            host: host(),
            path: path(),
            query: query(),
        }
    }
}

impl Action {
    /// All requests to one target group.
    pub fn to(target_group: impl Into<Arn>) -> Self {
        let group = WeightedTargetGroup {
            target_group_arn: target_group.into(),
            weight: 1,
        };
        Self::Forward(Forward {
            target_groups: vec![group],
            stickiness_seconds: None,
        })
    }

    /// All requests to one target group that the same stack declares. The group's ARN is a reference, so the weight is
    /// left to its default.
    #[must_use]
    pub fn to_declared(target_group: Input<Arn>) -> Input<Vec<Self>> {
        let group = Value::from(target_group);
        Input::Expr(json!([{"forward": {"target_groups": [{"target_group_arn": group}]}}]))
    }

    fn aws(&self) -> CloudResult<AwsAction> {
        let builder = AwsAction::builder();
        let builder = match self {
            Self::Forward(forward) => {
                let group = |group: &WeightedTargetGroup| {
                    let arn = group.target_group_arn.as_str();
                    TargetGroupTuple::builder()
                        .target_group_arn(arn)
                        .weight(group.weight)
                        .build()
                };
                let sticky = TargetGroupStickinessConfig::builder()
                    .enabled(forward.stickiness_seconds.is_some())
                    .set_duration_seconds(forward.stickiness_seconds);
                let config = ForwardActionConfig::builder()
                    .set_target_groups(Some(forward.target_groups.iter().map(group).collect()))
                    .target_group_stickiness_config(sticky.build());
                builder
                    .r#type(ActionTypeEnum::Forward)
                    .forward_config(config.build())
            }
            Self::FixedResponse(response) => {
                let config = FixedResponseActionConfig::builder()
                    .status_code(&response.status_code)
                    .set_content_type(response.content_type.clone())
                    .set_message_body(response.message_body.clone());
                builder
                    .r#type(ActionTypeEnum::FixedResponse)
                    .fixed_response_config(config.build())
            }
            Self::Redirect(redirect) => {
                let config = RedirectActionConfig::builder()
                    .status_code(RedirectActionStatusCodeEnum::from(
                        redirect.status_code.as_str(),
                    ))
                    .protocol(&redirect.protocol)
                    .port(&redirect.port)
                    .host(&redirect.host)
                    .path(&redirect.path)
                    .query(&redirect.query);
                builder
                    .r#type(ActionTypeEnum::Redirect)
                    .redirect_config(config.build())
            }
        };
        Ok(builder.build())
    }

    fn live(action: &AwsAction) -> Option<Self> {
        if let Some(response) = action.fixed_response_config() {
            let stated =
                |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
            return Some(Self::FixedResponse(FixedResponse {
                status_code: response.status_code()?.to_owned(),
                content_type: stated(response.content_type()),
                message_body: stated(response.message_body()),
            }));
        }
        if let Some(redirect) = action.redirect_config() {
            let or = |text: Option<&str>, default: fn() -> String| {
                text.map_or_else(default, ToOwned::to_owned)
            };
            return Some(Self::Redirect(Redirect {
                status_code: redirect.status_code()?.as_str().to_owned(),
                protocol: or(redirect.protocol(), protocol),
                port: or(redirect.port(), port),
                host: or(redirect.host(), host),
                path: or(redirect.path(), path),
                query: or(redirect.query(), query),
            }));
        }
        // A single target group may be named in two places.
        let Some(forward) = action.forward_config() else {
            return action.target_group_arn().map(Self::to);
        };
        let group = |group: &TargetGroupTuple| {
            let weight = group.weight().unwrap_or(1);
            Some(WeightedTargetGroup {
                target_group_arn: group.target_group_arn()?.into(),
                weight,
            })
        };
        let sticky = forward
            .target_group_stickiness_config()
            .filter(|sticky| sticky.enabled() == Some(true));
        Some(Self::Forward(Forward {
            target_groups: forward.target_groups().iter().filter_map(group).collect(),
            stickiness_seconds: sticky.and_then(TargetGroupStickinessConfig::duration_seconds),
        }))
    }

    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Forward(forward) if forward.target_groups.is_empty() => {
                Err("must have a target group")
            }
            Self::Forward(forward) if forward.target_groups.len() > 5 => {
                Err("can have at most five target groups")
            }
            Self::Forward(forward)
                if forward
                    .target_groups
                    .iter()
                    .any(|group| !(0..=999).contains(&group.weight)) =>
            {
                Err("must have weights between 0 and 999")
            }
            Self::FixedResponse(response)
                if response.status_code.len() != 3
                    || !response.status_code.starts_with(['2', '4', '5']) =>
            {
                Err("must have a status code of 2XX, 4XX or 5XX")
            }
            Self::Redirect(redirect)
                if !matches!(redirect.status_code.as_str(), "HTTP_301" | "HTTP_302") =>
            {
                Err("must have the status code HTTP_301 or HTTP_302")
            }
            _ => Ok(()),
        }
    }
}

/// The actions as AWS takes them.
pub(super) fn to_aws(operation: &str, actions: &[Action]) -> CloudResult<Vec<AwsAction>> {
    if actions.is_empty() {
        return Err(invalid(operation, "no action is specified"));
    }
    actions.iter().map(Action::aws).collect()
}

/// The actions as AWS answers them, in order. What has no form of ours is left out: it is not managed.
pub(super) fn from_aws(actions: &[AwsAction]) -> Vec<Action> {
    let mut actions: Vec<&AwsAction> = actions.iter().collect();
    actions.sort_by_key(|action| action.order());
    actions.into_iter().filter_map(Action::live).collect()
}

/// The stated actions in the place of the live ones. Those that have no form of ours, which check requests before
/// they are forwarded (`authenticate-oidc`, `jwt-validation`), stay in their order.
pub(super) fn over(
    operation: &str,
    now: &[AwsAction],
    stated: &[Action],
) -> CloudResult<Vec<AwsAction>> {
    let (ours, mut sent): (Vec<AwsAction>, Vec<AwsAction>) = now
        .iter()
        .cloned()
        .partition(|action| Action::live(action).is_some());
    for oidc in sent
        .iter_mut()
        .filter_map(|action| action.authenticate_oidc_config.as_mut())
    {
        // AWS never answers the secret, and keeps it only if it is told to.
        oidc.use_existing_client_secret = Some(true);
        oidc.client_secret = None;
    }
    let last = sent.iter().filter_map(AwsAction::order).max();
    let order = ours
        .first()
        .and_then(AwsAction::order)
        .or(last.map(|last| last + 1));
    let mut actions = to_aws(operation, stated)?;
    for action in &mut actions {
        action.order = order;
    }
    sent.extend(actions);
    sent.sort_by_key(AwsAction::order);
    Ok(sent)
}

/// The actions that have no form of ours, in words.
pub(super) fn unmanaged(actions: &[AwsAction]) -> impl Iterator<Item = String> {
    let others = actions
        .iter()
        .filter(|action| Action::live(action).is_none());
    others.map(|action| {
        format!(
            "action {}",
            action
                .r#type()
                .map_or("of an unknown type", ActionTypeEnum::as_str)
        )
    })
}

/// What AWS would refuse.
pub(super) fn check(path: &str, actions: &[Action]) -> Result<(), SpecError> {
    if actions.len() != 1 {
        return Err(SpecError::new(path, "must have exactly one action"));
    }
    actions
        .iter()
        .enumerate()
        .try_for_each(|(position, action)| {
            action
                .check()
                .map_err(|message| SpecError::new(format!("{path}/{position}"), message))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_back_alike() {
        let list: Vec<Action> = serde_json::from_value(json!([
            {"forward": {"target_groups": [{"target_group_arn": "arn:a", "weight": 2}], "stickiness_seconds": 60}},
            {"fixed_response": {"status_code": "404"}},
            {"redirect": {"status_code": "HTTP_301", "protocol": "HTTPS", "port": "443"}},
        ]))
        .unwrap();
        assert_eq!(from_aws(&to_aws("", &list).unwrap()), list);
    }

    #[test]
    fn a_declared_action_is_read_once_its_reference_is_known() {
        let declared =
            |group: Input<Arn>| serde_json::to_value(Action::to_declared(group)).unwrap();
        let reference = Input::Expr(json!({"$ref": "api.target_group.arn"}));
        assert_eq!(
            declared(reference)[0]["forward"]["target_groups"],
            json!([{"target_group_arn": {"$ref": "api.target_group.arn"}}])
        );
        let known: Vec<Action> =
            serde_json::from_value(declared(Arn::from("arn:a").into())).unwrap();
        assert_eq!(known, [Action::to("arn:a")]);
    }

    #[test]
    fn a_single_target_group_may_come_in_the_old_place() {
        let action = AwsAction::builder()
            .r#type(ActionTypeEnum::Forward)
            .target_group_arn("arn:a")
            .build();
        assert_eq!(from_aws(&[action]), [Action::to("arn:a")]);
    }

    #[test]
    fn what_checks_a_request_first_stays_with_its_secret() {
        use aws_sdk_elasticloadbalancingv2::types::AuthenticateOidcActionConfig;
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .client_id("x");
        let oidc = AwsAction::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1)
            .authenticate_oidc_config(oidc.build())
            .build();
        let mut ours = Action::to("arn:a").aws().unwrap();
        ours.order = Some(2);
        let now = [oidc, ours];
        assert_eq!(from_aws(&now), [Action::to("arn:a")]);
        assert_eq!(
            unmanaged(&now).collect::<Vec<_>>(),
            ["action authenticate-oidc"]
        );
        let sent = over("", &now, &[Action::to("arn:b")]).unwrap();
        let kept = sent[0].authenticate_oidc_config().unwrap();
        assert_eq!(kept.issuer(), Some("https://id.example.com"));
        assert_eq!(
            (kept.client_secret(), kept.use_existing_client_secret()),
            (None, Some(true))
        );
        assert_eq!(
            (sent[1].order(), from_aws(&sent)),
            (Some(2), vec![Action::to("arn:b")])
        );
    }
}
