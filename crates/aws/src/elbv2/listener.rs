//! `elbv2.Listener`

use aws_sdk_elasticloadbalancingv2::types::{
    Certificate, Listener as AwsListener, ListenerAttribute, ProtocolEnum,
};
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::action::{self, Action};
use super::{Attributes, attribute_edits, gone, in_batches, sync_tags, tag_list, tags_of, with_tags};
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
    /// The action for requests that match no rule. Exactly one.
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
}

/// The listener of a load balancer's port.
async fn at(cloud: &Cloud, balancer: &Arn, port: i32) -> CloudResult<Option<String>> {
    let pages = cloud.elbv2.describe_listeners().load_balancer_arn(balancer.as_str()).into_paginator();
    let listeners: Result<Vec<AwsListener>, _> = pages.items().send().collect().await;
    let listeners = listeners.asked()?;
    let found = listeners.into_iter().find(|listener| listener.port() == Some(port));
    Ok(found.and_then(|found| found.listener_arn))
}

async fn attributes_of(cloud: &Cloud, arn: &str) -> CloudResult<Option<Attributes>> {
    let call = cloud.elbv2.describe_listener_attributes().listener_arn(arn).send().await;
    let answer = call.asked();
    let pair =
        |one: &ListenerAttribute| Some((one.key()?.to_owned(), one.value().unwrap_or_default().to_owned()));
    gone(answer.map(|answer| Some(Attributes(answer.attributes().iter().filter_map(pair).collect()))))
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
        certificate_arn: found.certificates().first().and_then(|one| one.certificate_arn()).map(Arn::from),
        protocol,
        default_actions: action::from_aws(found.default_actions()),
        attributes,
        tags,
    };
    Some(Live { id: arn.into(), spec, outputs: Outputs { arn: arn.into() }, owner, phase: Phase::Ready })
}

fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "TLS")
}

fn certificates(spec: &Spec) -> Option<Vec<Certificate>> {
    let arn = spec.certificate_arn.as_ref()?;
    Some(vec![Certificate::builder().certificate_arn(arn.as_str()).build()])
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Listener>>>> {
    let read = async |arns: Vec<String>| {
        let call = cloud.elbv2.describe_listeners().set_listener_arns(Some(arns));
        Ok(call.send().ask().await?.listeners.unwrap_or_default())
    };
    let found = in_batches(ids.iter().map(Id::as_str), read).await?;
    let arns = || found.iter().filter_map(|one| one.listener_arn());
    let known: Vec<&str> = arns().collect();
    let all = each(cloud, "reading attributes", known, |arn| attributes_of(cloud, arn));
    let (tags, all) = futures::try_join!(tags_of(cloud, arns()), all)?;
    let found = found.into_iter().zip(all).collect();
    let make = |(one, attributes): &(AwsListener, Option<Attributes>), tags, owner| {
        live(one, attributes.clone(), tags, owner)
    };
    Ok(with_tags(ids, found, &tags, |(one, _)| one.listener_arn(), make))
}

impl Kind for Listener {
    const NAME: &'static str = "elbv2.Listener";
    const REPLACE_ON: &'static [&'static str] = &["/load_balancer_arn"];
    const HOLDS: &'static [&'static str] = &["/certificate_arn", "/default_actions"];
    const STATED_MAPS: &'static [&'static str] = &["/attributes"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
        update: &[
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
        let attributes = [("routing.http.response.server.enabled".to_owned(), "false".to_owned())];
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
            ("/certificate_arn", json!("arn:aws:acm:eu-west-1:123456789012:certificate/other")),
            (
                "/default_actions",
                json!([{"fixed_response": {"status_code": "404", "content_type": "text/plain", "message_body": "nothing here"}}]),
            ),
            (
                "/default_actions",
                json!([{"redirect": {"status_code": "HTTP_301", "host": "www.example.com"}}]),
            ),
            ("/attributes/routing.http.response.server.enabled", json!("true")),
            ("/tags/team", json!("web")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !(1..=65535).contains(&spec.port) {
            return Err(SpecError::new("/port", "must be between 1 and 65535"));
        }
        if !matches!(spec.protocol.as_str(), "HTTP" | "HTTPS" | "TCP" | "TLS" | "UDP" | "TCP_UDP") {
            return Err(SpecError::new("/protocol", "must be HTTP, HTTPS, TCP, TLS, UDP or TCP_UDP"));
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
            let Some(spec) = &wanted.spec else { return Ok(Vec::new()) };
            let found = gone(at(cloud, &spec.load_balancer_arn, spec.port).await)?;
            let Some(arn) = found else { return Ok(Vec::new()) };
            let tags = tags_of(cloud, [arn.as_str()]).await?;
            let owner = tags.get(&arn).and_then(|(_, owner)| owner.clone());
            Ok(vec![Candidate { id: arn.into(), owner }])
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
        made(operation, answer.listeners().first().and_then(|made| made.listener_arn()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (arn, operation) = (live.id.as_str(), "elasticloadbalancing:ModifyListener");
        let paths = ["/port", "/protocol", "/ssl_policy", "/certificate_arn", "/default_actions"];
        if paths.iter().any(|path| changes.touch(path)) {
            let call = cloud
                .elbv2
                .modify_listener()
                .listener_arn(arn)
                .port(spec.port)
                .protocol(ProtocolEnum::from(spec.protocol.as_str()))
                .set_ssl_policy(spec.ssl_policy.clone())
                .set_certificates(certificates(spec))
                .set_default_actions(Some(action::to_aws(operation, &spec.default_actions)?));
            call.send().ask().await?;
        }
        if let Some(attributes) = attribute_edits(changes) {
            let one = |(key, value)| ListenerAttribute::builder().key(key).value(value).build();
            let call = cloud.elbv2.modify_listener_attributes().listener_arn(arn);
            let call = call.set_attributes(Some(attributes.into_iter().map(one).collect())).send().await;
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
        let without = Spec { certificate_arn: None, ..example.clone() };
        assert_eq!(Listener::check(&without).unwrap_err().path, "/certificate_arn");
        let plain = Spec { protocol: "HTTP".into(), ..example };
        assert_eq!(Listener::check(&plain).unwrap_err().path, "/certificate_arn");
    }
}
