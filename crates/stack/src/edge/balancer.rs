//! The one load balancer that all services share.

use platctl_aws::acm::certificate;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::elbv2::listener::Listener;
use platctl_aws::elbv2::load_balancer::{self, LoadBalancer};
use platctl_engine::Handle;
use serde_json::json;

use super::{Edge, Records};
use crate::common::{NetworkParts, Peer, Rule, ids, rule, security_group};
use crate::declare::{Checked, Declare};
use crate::logs;

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
        let mut attributes = logs.attributes();
        attributes["deletion_protection.enabled"] = declare.protects().to_string().into();
        attributes["routing.http.drop_invalid_header_fields.enabled"] = "true".into();
        attributes["idle_timeout.timeout_seconds"] = "60".into();
        // AWS takes an internet-facing load balancer only once the VPC has an internet gateway attached.
        let after = if self.cdn {
            Vec::new()
        } else {
            vec![&network.gateway]
        };
        let balancer: Handle<LoadBalancer> = declare.make_after(
            "load_balancer",
            json!({
                // A load balancer cannot change its scheme: the other one has a name of its own, so that it is there
                // before the records move over to it.
                "name": declare.name(if self.cdn { "services" } else { "public" }),
                "type": "application",
                "scheme": if self.cdn { "internal" } else { "internet-facing" },
                "subnet_ids": ids(if self.cdn { &network.private } else { &network.public }),
                "security_group_ids": [group.json(security_group::out::GROUP_ID)],
                "attributes": attributes,
            }),
            &after,
        )?;
        let arn = balancer.json(load_balancer::out::ARN);
        let nothing = json!([{"fixed_response": {
            "status_code": "404", "content_type": "text/plain", "message_body": "no such service",
        }}]);
        let listener = declare.make(
            "listener.https",
            json!({
                "load_balancer_arn": arn,
                "port": 443,
                "protocol": "HTTPS",
                "ssl_policy": TLS,
                "certificate_arn": certificate.json(certificate::out::ARN),
                "default_actions": nothing,
            }),
        )?;
        if !self.cdn {
            declare.make::<Listener>(
                "listener.http",
                json!({
                    "load_balancer_arn": arn,
                    "port": 80,
                    "protocol": "HTTP",
                    "default_actions": [{"redirect": {
                        "protocol": "HTTPS", "port": "443", "status_code": "HTTP_301",
                    }}],
                }),
            )?;
        }
        Ok(Balancer {
            balancer,
            group,
            listener,
            name,
        })
    }

    /// Who may reach the load balancer: CloudFront alone, or everybody where there is no CloudFront.
    fn openings(&self, group: &Handle<SecurityGroup>, declare: &mut Declare<'_>) -> Checked<()> {
        let opening = |address, port, peer, description| Rule {
            address,
            direction: "ingress",
            protocol: "tcp",
            port: Some(port),
            peer,
            description,
        };
        if self.cdn {
            let list = declare.context().cloudfront_prefix_list.clone();
            let list =
                list.ok_or_else(|| declare.fault("this region has no prefix list for CloudFront"))?;
            let peer = Peer::PrefixList(&list);
            rule(
                group,
                &opening("ingress.cloudfront", 443, peer, "HTTPS from CloudFront"),
                declare,
            )?;
        } else {
            let everyone = || Peer::Cidr("0.0.0.0/0");
            rule(
                group,
                &opening("ingress.https", 443, everyone(), "HTTPS from everywhere"),
                declare,
            )?;
            let text = "HTTP from everywhere, to be sent to HTTPS";
            rule(
                group,
                &opening("ingress.http", 80, everyone(), text),
                declare,
            )?;
        }
        Ok(())
    }
}
