//! CloudFront, and the records that lead to it.

use platctl_aws::acm::certificate;
use platctl_aws::cloudfront::distribution::{self, Distribution};
use platctl_aws::cloudfront::response_headers_policy::{self, ResponseHeadersPolicy};
use platctl_aws::cloudfront::vpc_origin::{self, VpcOrigin};
use platctl_aws::elbv2::load_balancer;
use platctl_aws::wafv2::web_acl;
use platctl_aws::wafv2::web_acl_association::WebAclAssociation;
use platctl_engine::{Address, Handle};
use serde_json::json;

use super::balancer::Balancer;
use super::{Edge, PriceClass, Records};
use crate::declare::{Checked, Declare};
use crate::logs;

/// CloudFront takes certificates and web ACLs from here only.
pub(super) const GLOBAL: &str = "us-east-1";
/// AWS's own policies: nothing is cached, and the origin gets all that the viewer sent. Services say
/// themselves what may be cached, once they are ready for it.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const ALL_VIEWER: &str = "216adef6-5c7f-47e4-b989-5492eafa07d3";

/// TLS 1.2 and 1.3 only, with the newest set of ciphers.
const TLS: &str = "TLSv1.2_2025";

impl Edge {
    pub(super) fn distribution(
        &self,
        balancer: &Balancer,
        records: &Records,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let certificate = self.certificate(
            "viewers",
            &self.domain.value,
            Some(GLOBAL),
            records,
            declare,
        )?;
        let acl = if self.waf {
            declare.region(Some(GLOBAL));
            let acl = self.web_acl("CLOUDFRONT", declare)?;
            self.waf_logs("CLOUDFRONT", &acl, logs, declare)?;
            declare.region(None);
            Some(acl)
        } else {
            None
        };
        let headers = self.headers(declare)?;
        let origin = self.origin(balancer, records, declare)?;
        let class = match self.price_class {
            PriceClass::Cheapest => "PriceClass_100",
            PriceClass::Most => "PriceClass_200",
            PriceClass::All => "PriceClass_All",
        };
        let distribution: Handle<Distribution> = declare.make("distribution", json!({
            "aliases": self.all_names(),
            "comment": declare.name("edge"),
            "price_class": class,
            "http_version": "http2and3",
            // Said also when there is none, so that one that was there is let go.
            "web_acl_id": acl.map_or_else(|| json!(""), |acl| acl.json(web_acl::out::ARN)),
            "origins": {"services": {
                "domain_name": balancer.name,
                "vpc_origin_config": {"vpc_origin_id": origin.json(vpc_origin::out::VPC_ORIGIN_ID)},
            }},
            "default_cache_behavior": {
                "target_origin_id": "services",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
                "cached_methods": ["GET", "HEAD"],
                "compress": true,
                "cache_policy_id": CACHING_DISABLED,
                "origin_request_policy_id": ALL_VIEWER,
                "response_headers_policy_id": headers.json(response_headers_policy::out::RESPONSE_HEADERS_POLICY_ID),
            },
            "viewer_certificate": {
                "acm_certificate_arn": certificate.json(certificate::out::ARN),
                "minimum_protocol_version": TLS,
            },
        }))?;
        self.cdn_logs(&distribution, logs, declare)?;
        let target = json!({
            "dns_name": distribution.json(distribution::out::DOMAIN_NAME),
            "hosted_zone_id": distribution.json(distribution::out::HOSTED_ZONE_ID),
            "evaluate_target_health": false,
        });
        for (number, name) in self.all_names().iter().enumerate() {
            let address = if number == 0 {
                "record.apex".to_owned()
            } else {
                format!("record.name-{number}")
            };
            self.lead(&address, name, &target, &["A", "AAAA"], records, declare)?;
        }
        Ok(())
    }

    /// CloudFront's way into the VPC: the load balancer needs no public address.
    fn origin(
        &self,
        balancer: &Balancer,
        records: &Records,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<VpcOrigin>> {
        let target = json!({
            "dns_name": balancer.balancer.json(load_balancer::out::DNS_NAME),
            "hosted_zone_id": balancer.balancer.json(load_balancer::out::CANONICAL_HOSTED_ZONE_ID),
            "evaluate_target_health": false,
        });
        self.lead(
            "record.origin",
            &balancer.name,
            &target,
            &["A"],
            records,
            declare,
        )?;
        // CloudFront reaches a VPC only if that has an internet gateway, though nothing passes through it.
        let gateway = Address::new("network.internet_gateway")
            .map_err(|error| declare.fault(error.to_string()))?;
        declare.make_after(
            "vpc_origin",
            json!({
                "name": declare.global_name("services"),
                "arn": balancer.balancer.json(load_balancer::out::ARN),
                "http_port": 80,
                "https_port": 443,
                "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": ["TLSv1.2"],
            }),
            &[balancer.listener.address(), &gateway],
        )
    }

    /// What browsers are told to enforce.
    fn headers(&self, declare: &mut Declare<'_>) -> Checked<Handle<ResponseHeadersPolicy>> {
        let contents = self.content_security_policy.as_ref().map(|policy| {
            // What a service says itself counts.
            json!({"content_security_policy": policy.value, "override": false})
        });
        let mut spec = json!({
            "name": declare.global_name("edge"),
            "comment": "Security headers of every answer",
            "security_headers_config": {
                "strict_transport_security": {"access_control_max_age_sec": 31_536_000, "include_subdomains": true},
                "content_type_options": {},
                "frame_options": {"frame_option": "SAMEORIGIN", "override": false},
                "referrer_policy": {"referrer_policy": "strict-origin-when-cross-origin", "override": false},
            },
        });
        if let Some(contents) = contents {
            spec["security_headers_config"]["content_security_policy"] = contents;
        }
        declare.make("headers", spec)
    }

    /// Without CloudFront the domain leads to the load balancer, and the web ACL stands before that.
    pub(super) fn direct(
        &self,
        balancer: &Balancer,
        records: &Records,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        if self.waf {
            let acl = self.web_acl("REGIONAL", declare)?;
            self.waf_logs("REGIONAL", &acl, logs, declare)?;
            declare.make::<WebAclAssociation>(
                "web_acl_association",
                json!({
                    "web_acl_arn": acl.json(web_acl::out::ARN),
                    "resource_arn": balancer.balancer.json(load_balancer::out::ARN),
                }),
            )?;
        }
        let target = json!({
            "dns_name": balancer.balancer.json(load_balancer::out::DNS_NAME),
            "hosted_zone_id": balancer.balancer.json(load_balancer::out::CANONICAL_HOSTED_ZONE_ID),
            "evaluate_target_health": true,
        });
        for (number, name) in self.all_names().iter().enumerate() {
            let address = if number == 0 {
                "record.apex".to_owned()
            } else {
                format!("record.name-{number}")
            };
            self.lead(&address, name, &target, &["A"], records, declare)?;
        }
        Ok(())
    }
}
