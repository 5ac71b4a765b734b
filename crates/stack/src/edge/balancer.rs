//! The one load balancer that all services share.

use platctl_aws::acm::certificate;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::elbv2::action::{Action, FixedResponse, Redirect};
use platctl_aws::elbv2::listener::{self, Listener};
use platctl_aws::elbv2::load_balancer::{self, LoadBalancer};
use platctl_aws::route53::record_set::AliasTarget;
use platctl_aws::types::Cidr;
use platctl_engine::{Declared, Handle};

use super::{Edge, Records};
use crate::common::{NetworkParts, Peer, Rule, rule, security_group, subnet_ids};
use crate::declare::{Checked, Declare};
use crate::logs;
use crate::network::ANYWHERE;

/// TLS 1.2 and 1.3 only, ciphers with forward secrecy and authentication only, and a key exchange that is safe from
/// quantum computers with clients that know it.
const TLS: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";

/// The load balancer with what belongs to it.
pub(super) struct Balancer {
    pub(super) balancer: Handle<LoadBalancer>,
    pub(super) group: Handle<SecurityGroup>,
    pub(super) listener: Handle<Listener>,
    /// The name under which CloudFront, or everybody, reaches it.
    pub(super) name: String,
}

impl Edge {
    /// Behind CloudFront the load balancer has no public address at all; without it, it has to have one.
    pub(super) fn balancer(
        &self,
        network: &NetworkParts,
        records: &Records,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<Balancer> {
        let domain = &self.domain.value;
        let name = if self.cdn {
            format!("origin.{domain}")
        } else {
            domain.clone()
        };
        let certificate = self.certificate("origin", &name, None, records, declare)?;
        let group = security_group("balancer", network, "The load balancer", true, declare)?;
        self.openings(&group, declare)?;
        // AWS takes an internet-facing load balancer only once the VPC has an internet gateway attached.
        let after = if self.cdn {
            Vec::new()
        } else {
            vec![&network.gateway]
        };
        let spec = self.spec(network, &group, logs, declare)?;
        let balancer: Handle<LoadBalancer> = declare.add_after("load_balancer", &spec, &after)?;
        let https = (443, "HTTPS");
        let mut spec = listener(&balancer, "listener.https", https, nothing(), declare);
        spec.ssl_policy = Some(TLS.to_owned());
        spec.certificate_arn = Some(certificate.get(certificate::out::ARN));
        let listener = declare.add("listener.https", &spec)?;
        if !self.cdn {
            let http = (80, "HTTP");
            let spec = self::listener(&balancer, "listener.http", http, to_https(), declare);
            declare.add::<Listener>("listener.http", &spec)?;
        }
        Ok(Balancer {
            balancer,
            group,
            listener,
            name,
        })
    }

    fn spec(
        &self,
        network: &NetworkParts,
        group: &Handle<SecurityGroup>,
        logs: &logs::Parts,
        declare: &Declare<'_>,
    ) -> Checked<load_balancer::Spec<Declared>> {
        // A load balancer cannot change its scheme: the other one has a name of its own, so that it is there before the
        // records move over to it.
        let (name, scheme, subnets) = if self.cdn {
            ("services", "internal", &network.private)
        } else {
            ("public", "internet-facing", &network.public)
        };
        let mut attributes = logs.attributes();
        let protects = declare.protects().to_string();
        attributes.extend([
            ("deletion_protection.enabled", protects.into()),
            (
                "routing.http.drop_invalid_header_fields.enabled",
                "true".to_owned().into(),
            ),
            ("idle_timeout.timeout_seconds", "60".to_owned().into()),
        ]);
        Ok(load_balancer::Spec {
            name: declare.name(name),
            r#type: "application".to_owned(),
            scheme: scheme.to_owned(),
            subnet_ids: subnet_ids(subnets, declare)?,
            security_group_ids: Some(declare.set([group.get(security_group::out::GROUP_ID)])?),
            ip_address_type: None,
            attributes: Some(declare.map(attributes)?.cast()),
            tags: declare.tags("load_balancer"),
        })
    }

    /// Who may reach the load balancer: CloudFront alone, or everybody where there is no CloudFront.
    fn openings(&self, group: &Handle<SecurityGroup>, declare: &mut Declare<'_>) -> Checked<()> {
        let id = || group.get(security_group::out::GROUP_ID);
        let opening = |address, port, peer, description| Rule {
            address,
            protocol: "tcp",
            ports: Some((port, port)),
            peer,
            description,
        };
        if self.cdn {
            let list = declare.context().cloudfront_prefix_list.clone();
            let list =
                list.ok_or_else(|| declare.fault("this region has no prefix list for CloudFront"))?;
            let peer = Peer::PrefixList(list);
            rule(
                id(),
                opening("ingress.cloudfront", 443, peer, "HTTPS from CloudFront"),
                declare,
            )?;
        } else {
            let everyone = || Peer::Cidr(Cidr(ANYWHERE));
            rule(
                id(),
                opening("ingress.https", 443, everyone(), "HTTPS from everywhere"),
                declare,
            )?;
            let text = "HTTP from everywhere, to be sent to HTTPS";
            rule(id(), opening("ingress.http", 80, everyone(), text), declare)?;
        }
        Ok(())
    }
}

impl Balancer {
    /// What records that lead to it say.
    pub(super) fn target(&self, evaluate_target_health: bool) -> AliasTarget<Declared> {
        let balancer = &self.balancer;
        AliasTarget {
            dns_name: balancer.get(load_balancer::out::DNS_NAME).cast(),
            hosted_zone_id: balancer.get(load_balancer::out::CANONICAL_HOSTED_ZONE_ID),
            evaluate_target_health,
        }
    }
}

/// A listener, without a certificate.
fn listener(
    balancer: &Handle<LoadBalancer>,
    address: &str,
    (port, protocol): (i32, &str),
    action: Action,
    declare: &Declare<'_>,
) -> listener::Spec<Declared> {
    listener::Spec {
        load_balancer_arn: balancer.get(load_balancer::out::ARN),
        port,
        protocol: protocol.to_owned(),
        ssl_policy: None,
        certificate_arn: None,
        default_actions: vec![action].into(),
        attributes: None,
        tags: declare.tags(address),
    }
}

/// What is answered where no rule of a service fits.
fn nothing() -> Action {
    Action::FixedResponse(FixedResponse {
        status_code: "404".to_owned(),
        content_type: Some("text/plain".to_owned()),
        message_body: Some("no such service".to_owned()),
    })
}

/// What is answered to those who come without TLS.
fn to_https() -> Action {
    Action::Redirect(Redirect {
        port: "443".to_owned(),
        ..Redirect::to("HTTPS", "HTTP_301")
    })
}
