//! `elbv2.Listener`

use aws_sdk_elasticloadbalancingv2::types::{
    Action as AwsAction, Certificate, Listener as AwsListener, ListenerAttribute, ProtocolEnum,
};
use platctl_engine::fields::Fact::{Holds, Immutable, StatedMap};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::action::{self, Action};
use super::{
    Attributes, attribute_edits, gone, in_batches, sync_tags, tag_list, tags_of, with_tags,
};
use crate::Cloud;
use crate::bounded::{each, try_join_all};
use crate::errors::{Ask, Asked, made};
use crate::tags::Tags;
use crate::types::Arn;

/// A listener of an Elastic Load Balancing load balancer.
#[derive(Debug)]
pub struct Listener;

/// A listener of an Elastic Load Balancing load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ARN of the load balancer.
    pub load_balancer_arn: S::In<Arn>,
    /// The port on which the load balancer listens, 1 to 65535.
    pub port: i32,
    /// The protocol: `HTTP` or `HTTPS` for an Application Load Balancer; `TCP`, `TLS`, `UDP` or `TCP_UDP` for
    /// a Network Load Balancer.
    pub protocol: String,
    /// The security policy, which defines the TLS versions and ciphers. Required for `HTTPS` and `TLS`,
    /// because the default of AWS is an old policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_policy: Option<String>,
    /// The ARN of the certificate, which must be in the region of the load balancer. Required for `HTTPS` and
    /// `TLS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<S::In<Arn>>,
    /// The action for requests that match no rule. Exactly one. Actions before it, such as `authenticate-oidc`, are
    /// not managed and stay as they are.
    pub default_actions: S::In<Vec<Action>>,
    /// The listener attributes, by their AWS keys, such as `routing.http.response.server.enabled`. Attributes
    /// that are omitted are not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<S::In<Attributes>>,
    /// Tags to assign to the listener.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the listener that other resources can reference.
    Listener {
        /// The Amazon Resource Name (ARN) of the listener.
        ARN: arn: Arn,
    }
    and unmanaged
}

/// The listener of a load balancer's port.
async fn at(cloud: &Cloud, balancer: &Arn, port: i32) -> CloudResult<Option<String>> {
    let pages = cloud
        .elbv2
        .describe_listeners()
        .load_balancer_arn(balancer.as_str())
        .into_paginator();
    let listeners: Result<Vec<AwsListener>, _> = pages.items().send().collect().await;
    let listeners = listeners.asked()?;
    let found = listeners
        .into_iter()
        .find(|listener| listener.port() == Some(port));
    Ok(found.and_then(|found| found.listener_arn))
}

async fn attributes_of(cloud: &Cloud, arn: &str) -> CloudResult<Option<Attributes>> {
    let call = cloud
        .elbv2
        .describe_listener_attributes()
        .listener_arn(arn)
        .send()
        .await;
    let answer = call.asked();
    let pair = |one: &ListenerAttribute| {
        Some((
            one.key()?.to_owned(),
            one.value().unwrap_or_default().to_owned(),
        ))
    };
    gone(answer.map(|answer| {
        Some(Attributes(
            answer.attributes().iter().filter_map(pair).collect(),
        ))
    }))
}

fn live(
    found: &AwsListener,
    attributes: Option<Attributes>,
    tags: Tags,
    owner: Option<Owner>,
) -> Option<Live<Listener>> {
    let arn = found.listener_arn()?;
    let protocol = found.protocol()?.as_str().to_owned();
    let secure = is_secure(&protocol);
    let spec = Spec {
        load_balancer_arn: found.load_balancer_arn()?.into(),
        port: found.port()?,
        ssl_policy: found.ssl_policy().filter(|_| secure).map(ToOwned::to_owned),
        certificate_arn: found
            .certificates()
            .first()
            .and_then(|one| one.certificate_arn())
            .map(Arn::from),
        protocol,
        default_actions: action::from_aws(found.default_actions()),
        attributes,
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

fn unmanaged(found: &AwsListener) -> Vec<String> {
    let mutual = found
        .mutual_authentication()
        .and_then(|one| one.mode())
        .filter(|mode| *mode != "off");
    let mutual = mutual.map(|mode| format!("mutual authentication {mode}"));
    let alpn = found
        .alpn_policy()
        .iter()
        .filter(|policy| *policy != "None");
    let alpn = alpn.map(|policy| format!("ALPN policy {policy}"));
    action::unmanaged(found.default_actions())
        .chain(mutual)
        .chain(alpn)
        .collect()
}

/// The default actions to send: what of them has no form of ours goes back as it is now.
async fn default_actions(
    cloud: &Cloud,
    arn: &str,
    stated: &[Action],
) -> CloudResult<Vec<AwsAction>> {
    let answer = cloud
        .elbv2
        .describe_listeners()
        .listener_arns(arn)
        .send()
        .ask()
        .await?;
    let now = answer
        .listeners()
        .first()
        .map(|listener| listener.default_actions())
        .unwrap_or_default();
    action::over("elasticloadbalancing:ModifyListener", now, stated)
}

/// Changes the fields that differ. What is not sent, AWS keeps; but with another protocol the certificate and the
/// security policy are sent again.
async fn modify(cloud: &Cloud, arn: &str, spec: &Spec, changes: &Changes) -> CloudResult<()> {
    let other = changes.touch("/protocol");
    let policy = spec
        .ssl_policy
        .clone()
        .filter(|_| other || changes.touch("/ssl_policy"));
    let certificates = certificates(spec).filter(|_| other || changes.touch("/certificate_arn"));
    let actions = match changes.touch("/default_actions") {
        true => Some(default_actions(cloud, arn, &spec.default_actions).await?),
        false => None,
    };
    let call = cloud
        .elbv2
        .modify_listener()
        .listener_arn(arn)
        .set_port(changes.touch("/port").then_some(spec.port))
        .set_protocol(other.then(|| ProtocolEnum::from(spec.protocol.as_str())))
        .set_ssl_policy(policy)
        .set_certificates(certificates)
        .set_default_actions(actions);
    call.send().ask().await.map(drop)
}

fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "TLS")
}

fn certificates(spec: &Spec) -> Option<Vec<Certificate>> {
    let arn = spec.certificate_arn.as_ref()?;
    Some(vec![
        Certificate::builder().certificate_arn(arn.as_str()).build(),
    ])
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Listener>>>> {
    let read = async |arns: Vec<String>| {
        let call = cloud
            .elbv2
            .describe_listeners()
            .set_listener_arns(Some(arns));
        Ok(call.send().ask().await?.listeners.unwrap_or_default())
    };
    let found = in_batches(ids.iter().map(Id::as_str), read).await?;
    let arns = || found.iter().filter_map(|one| one.listener_arn());
    let known: Vec<&str> = arns().collect();
    let all = each(cloud, "reading attributes", known, |arn| {
        attributes_of(cloud, arn)
    });
    let (tags, all) = futures::try_join!(tags_of(cloud, arns()), all)?;
    let found = found.into_iter().zip(all).collect();
    let make = |(one, attributes): &(AwsListener, Option<Attributes>), tags, owner| {
        live(one, attributes.clone(), tags, owner)
    };
    Ok(with_tags(
        ids,
        found,
        &tags,
        |(one, _)| one.listener_arn(),
        make,
    ))
}

impl Kind for Listener {
    const NAME: &'static str = "elbv2.Listener";
    const FIELDS: &'static Table = &[
        ("/load_balancer_arn", &[Immutable]),
        ("/certificate_arn", &[Holds]),
        ("/default_actions", &[Holds]),
        ("/attributes", &[StatedMap]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &[
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:AddTags",
        ],
        update: &[
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:ModifyListenerAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteListener"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let attributes = [(
            "routing.http.response.server.enabled".to_owned(),
            "false".to_owned(),
        )];
        Spec {
            load_balancer_arn:
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/example/0123456789abcdef"
                    .into(),
            port: 443,
            protocol: "HTTPS".into(),
            ssl_policy: Some("ELBSecurityPolicy-TLS13-1-2-2021-06".into()),
            certificate_arn: Some("arn:aws:acm:eu-west-1:123456789012:certificate/example".into()),
            default_actions: vec![Action::to(
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/example/0123456789abcdef",
            )],
            attributes: Some(Attributes(attributes.into())),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            (
                "/load_balancer_arn",
                json!(
                    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/other/0123456789abcdef"
                ),
            ),
            ("/port", json!(8443)),
            ("/ssl_policy", json!("ELBSecurityPolicy-TLS13-1-3-2021-06")),
            (
                "/certificate_arn",
                json!("arn:aws:acm:eu-west-1:123456789012:certificate/other"),
            ),
            (
                "/default_actions",
                json!([{"fixed_response": {"status_code": "404", "content_type": "text/plain", "message_body": "nothing here"}}]),
            ),
            (
                "/default_actions",
                json!([{"redirect": {"status_code": "HTTP_301", "host": "www.example.com"}}]),
            ),
            (
                "/attributes/routing.http.response.server.enabled",
                json!("true"),
            ),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(1..=65535).contains(&spec.port) {
            return Err(SpecError::new("/port", "must be between 1 and 65535"));
        }
        if !matches!(
            spec.protocol.as_str(),
            "HTTP" | "HTTPS" | "TCP" | "TLS" | "UDP" | "TCP_UDP"
        ) {
            return Err(SpecError::new(
                "/protocol",
                "must be HTTP, HTTPS, TCP, TLS, UDP or TCP_UDP",
            ));
        }
        let secure = is_secure(&spec.protocol);
        let needed = [
            ("/certificate_arn", spec.certificate_arn.is_some()),
            ("/ssl_policy", spec.ssl_policy.is_some()),
        ];
        for (path, stated) in needed {
            if stated != secure {
                let message = if secure {
                    "is required for HTTPS and TLS"
                } else {
                    "can be used only with HTTPS and TLS"
                };
                return Err(SpecError::new(path, message));
            }
        }
        action::check("/default_actions", &spec.default_actions)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            let Some(spec) = &wanted.spec else {
                return Ok(Vec::new());
            };
            let found = gone(at(cloud, &spec.load_balancer_arn, spec.port).await)?;
            let Some(arn) = found else {
                return Ok(Vec::new());
            };
            let tags = tags_of(cloud, [arn.as_str()]).await?;
            let owner = tags.get(&arn).and_then(|(_, owner)| owner.clone());
            Ok(vec![Candidate {
                id: arn.into(),
                owner,
            }])
        }))
        .await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "elasticloadbalancing:CreateListener";
        let call = cloud
            .elbv2
            .create_listener()
            .load_balancer_arn(spec.load_balancer_arn.as_str())
            .port(spec.port)
            .protocol(ProtocolEnum::from(spec.protocol.as_str()))
            .set_ssl_policy(spec.ssl_policy.clone())
            .set_certificates(certificates(spec))
            .set_default_actions(Some(action::to_aws(operation, &spec.default_actions)?))
            .set_tags(Some(tag_list(&spec.tags, &claim.owner)?));
        let answer = call.send().ask().await?;
        made(
            operation,
            answer
                .listeners()
                .first()
                .and_then(|made| made.listener_arn()),
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
        let paths = [
            "/port",
            "/protocol",
            "/ssl_policy",
            "/certificate_arn",
            "/default_actions",
        ];
        if paths.iter().any(|path| changes.touch(path)) {
            modify(cloud, arn, spec, changes).await?;
        }
        if let Some(attributes) = attribute_edits(changes) {
            let one = |(key, value)| ListenerAttribute::builder().key(key).value(value).build();
            let call = cloud.elbv2.modify_listener_attributes().listener_arn(arn);
            let call = call
                .set_attributes(Some(attributes.into_iter().map(one).collect()))
                .send()
                .await;
            call.asked()?;
        }
        sync_tags(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.elbv2.delete_listener().listener_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secure_listener_states_its_certificate_and_policy() {
        let example = Listener::example();
        assert!(Listener::check(&example).is_ok());
        let without = Spec {
            certificate_arn: None,
            ..example.clone()
        };
        assert_eq!(
            Listener::check(&without).unwrap_err().path,
            "/certificate_arn"
        );
        let plain = Spec {
            protocol: "HTTP".into(),
            ..example
        };
        assert_eq!(
            Listener::check(&plain).unwrap_err().path,
            "/certificate_arn"
        );
    }

    #[tokio::test]
    async fn only_what_differs_is_sent_and_a_login_stays() {
        use crate::cloud::tests::{changes, cloud, owner};
        use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
        use aws_sdk_elasticloadbalancingv2::operation::modify_listener::ModifyListenerOutput;
        use aws_sdk_elasticloadbalancingv2::types::{
            ActionTypeEnum, MutualAuthenticationAttributes,
        };
        use aws_smithy_mocks::{RuleMode, mock, mock_client};
        use serde_json::json;
        let login = AwsAction::builder()
            .r#type(ActionTypeEnum::AuthenticateCognito)
            .order(1)
            .build();
        let mut forward = action::to_aws("", &[Action::to("arn:old")]).unwrap();
        forward[0].order = Some(2);
        let now = AwsListener::builder()
            .listener_arn("arn:l")
            .load_balancer_arn("arn:b")
            .port(443)
            .protocol(ProtocolEnum::Https)
            .set_default_actions(Some([vec![login], forward].concat()))
            .mutual_authentication(
                MutualAuthenticationAttributes::builder()
                    .mode("verify")
                    .build(),
            )
            .alpn_policy("None")
            .build();
        let live = live(&now, None, Tags::new(), None).unwrap();
        assert_eq!(
            live.outputs.unmanaged,
            [
                "action authenticate-cognito",
                "mutual authentication verify"
            ]
        );
        let found = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners).then_output(
            move || {
                DescribeListenersOutput::builder()
                    .listeners(now.clone())
                    .build()
            },
        );
        let modify = mock!(aws_sdk_elasticloadbalancingv2::Client::modify_listener)
            .match_requests(|request| {
                let kinds: Vec<_> = request
                    .default_actions()
                    .iter()
                    .map(|action| action.r#type())
                    .collect();
                kinds
                    == [
                        Some(&ActionTypeEnum::AuthenticateCognito),
                        Some(&ActionTypeEnum::Forward),
                    ]
                    && (request.port, request.ssl_policy.as_ref()) == (None, None)
                    && request.certificates.is_none()
                    && request.mutual_authentication.is_none()
            })
            .then_output(|| ModifyListenerOutput::builder().build());
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&found, &modify]
        );
        let asked = changes(&[("/default_actions", json!([]), json!([]))]);
        let cloud = Cloud {
            elbv2: elbv2.into(),
            ..cloud()
        };
        Listener::update(&cloud, &live, &Listener::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(modify.num_calls(), 1);
    }
}
