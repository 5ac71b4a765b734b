//! CloudFront, and the records that lead to it.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use platctl_aws::acm::certificate;
use platctl_aws::cloudfront::distribution::{self, Distribution};
use platctl_aws::cloudfront::headers::{
    ContentSecurityPolicy, ContentTypeOptions, FrameOptions, ReferrerPolicy, SecurityHeaders,
    StrictTransportSecurity,
};
use platctl_aws::cloudfront::response_headers_policy::{self, ResponseHeadersPolicy};
use platctl_aws::cloudfront::vpc_origin::{self, VpcOrigin};
use platctl_aws::cloudfront::{Behavior, Origin, ViewerCertificate, VpcOriginConfig};
use platctl_aws::elbv2::load_balancer;
use platctl_aws::route53::record_set::AliasTarget;
use platctl_aws::types::Arn;
use platctl_aws::wafv2::web_acl::{self, WebAcl};
use platctl_aws::wafv2::web_acl_association::{self, WebAclAssociation};
use platctl_engine::{Address, Declared, Handle};

use super::balancer::Balancer;
use super::{Edge, Records};
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
/// What the distribution calls its origin.
const ORIGIN: &str = "services";

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
        let acl = self.global_web_acl(logs, declare)?;
        let headers = self.headers(declare)?;
        let origin = self.origin(balancer, records, declare)?;
        let spec = distribution::Spec {
            comment: Some(declare.name("edge")),
            aliases: Some(BTreeSet::from_iter(self.all_names()).into()),
            origins: BTreeMap::from([(ORIGIN.to_owned(), services(balancer, &origin))]),
            default_cache_behavior: uncached(&headers),
            cache_behaviors: None,
            viewer_certificate: Some(ViewerCertificate {
                acm_certificate_arn: certificate.get(certificate::out::ARN),
                minimum_protocol_version: TLS.to_owned(),
                ssl_support_method: "sni-only".to_owned(),
            }),
            // Said also when there is none, so that one that was there is let go.
            web_acl_id: Some(
                acl.map_or_else(|| Arn::default().into(), |acl| acl.get(web_acl::out::ARN)),
            ),
            default_root_object: None,
            custom_error_responses: None,
            logging: None,
            geo_restriction: None,
            price_class: Some(self.price_class.name().to_owned()),
            http_version: "http2and3".to_owned(),
            is_ipv6_enabled: true,
            enabled: true,
            tags: declare.tags("distribution"),
        };
        let distribution: Handle<Distribution> = declare.add("distribution", &spec)?;
        self.cdn_logs(&distribution, logs, declare)?;
        let target = AliasTarget {
            dns_name: distribution.get(distribution::out::DOMAIN_NAME).cast(),
            hosted_zone_id: distribution.get(distribution::out::HOSTED_ZONE_ID),
            evaluate_target_health: false,
        };
        self.lead_all(&target, &["A", "AAAA"], records, declare)
    }

    /// The web ACL that stands before CloudFront.
    fn global_web_acl(
        &self,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Handle<WebAcl>>> {
        if !self.waf {
            return Ok(None);
        }
        declare.region(Some(GLOBAL));
        let acl = self.web_acl("CLOUDFRONT", declare)?;
        self.waf_logs("CLOUDFRONT", &acl, logs, declare)?;
        declare.region(None);
        Ok(Some(acl))
    }

    /// The records of all names of the services.
    fn lead_all(
        &self,
        target: &AliasTarget<Declared>,
        kinds: &[&str],
        records: &Records,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        for (number, name) in self.all_names().iter().enumerate() {
            let address = if number == 0 {
                "record.apex".to_owned()
            } else {
                format!("record.name-{number}")
            };
            self.lead(&address, name, target, kinds, records, declare)?;
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
        let target = balancer.target(false);
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
        let spec = vpc_origin::Spec {
            name: declare.global_name("services"),
            arn: balancer.balancer.get(load_balancer::out::ARN),
            http_port: 80,
            https_port: 443,
            origin_protocol_policy: "https-only".to_owned(),
            origin_ssl_protocols: BTreeSet::from(["TLSv1.2".to_owned()]),
            tags: declare.tags("vpc_origin"),
        };
        let after = [balancer.listener.address(), &gateway];
        declare.add_after("vpc_origin", &spec, &after)
    }

    /// What browsers are told to enforce.
    fn headers(&self, declare: &mut Declare<'_>) -> Checked<Handle<ResponseHeadersPolicy>> {
        let contents = self.content_security_policy.as_ref();
        let security = SecurityHeaders {
            strict_transport_security: Some(StrictTransportSecurity {
                access_control_max_age_sec: 31_536_000,
                include_subdomains: true,
                preload: false,
                r#override: true,
            }),
            content_type_options: Some(ContentTypeOptions { r#override: true }),
            frame_options: Some(FrameOptions {
                frame_option: "SAMEORIGIN".to_owned(),
                r#override: false,
            }),
            referrer_policy: Some(ReferrerPolicy {
                referrer_policy: "strict-origin-when-cross-origin".to_owned(),
                r#override: false,
            }),
            content_security_policy: contents.map(|policy| ContentSecurityPolicy {
                content_security_policy: policy.value.clone(),
                // What a service says itself counts.
                r#override: false,
            }),
            xss_protection: None,
        };
        let spec = response_headers_policy::Spec {
            name: declare.global_name("edge"),
            comment: Some("Security headers of every answer".to_owned()),
            security_headers_config: Some(security),
            cors_config: None,
            custom_headers_config: None,
            remove_headers_config: None,
            server_timing_sampling_rate: None,
            stage: PhantomData,
        };
        declare.add("headers", &spec)
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
            let spec = web_acl_association::Spec {
                web_acl_arn: acl.get(web_acl::out::ARN),
                resource_arn: balancer.balancer.get(load_balancer::out::ARN),
            };
            declare.add::<WebAclAssociation>("web_acl_association", &spec)?;
        }
        let target = balancer.target(true);
        self.lead_all(&target, &["A"], records, declare)
    }
}

/// The load balancer, as the origin of the distribution.
fn services(balancer: &Balancer, origin: &Handle<VpcOrigin>) -> Origin<Declared> {
    Origin {
        domain_name: balancer.name.clone().into(),
        origin_path: String::new(),
        custom_headers: BTreeMap::new(),
        custom_origin_config: None,
        vpc_origin_config: Some(VpcOriginConfig {
            vpc_origin_id: origin.get(vpc_origin::out::VPC_ORIGIN_ID),
            origin_read_timeout: 30,
            origin_keepalive_timeout: 5,
        }),
        origin_access_control_id: None,
        connection_attempts: 3,
        connection_timeout: 10,
    }
}

/// All requests go to the services, and all that they say goes to the viewer, with the headers of the policy.
fn uncached(headers: &Handle<ResponseHeadersPolicy>) -> Behavior<Declared> {
    let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let headers = headers.get(response_headers_policy::out::RESPONSE_HEADERS_POLICY_ID);
    Behavior {
        path_pattern: None,
        target_origin_id: ORIGIN.to_owned(),
        viewer_protocol_policy: "redirect-to-https".to_owned(),
        allowed_methods: methods.map(ToOwned::to_owned).into(),
        cached_methods: ["GET", "HEAD"].map(ToOwned::to_owned).into(),
        compress: true,
        cache_policy_id: CACHING_DISABLED.to_owned().into(),
        origin_request_policy_id: Some(ALL_VIEWER.to_owned().into()),
        response_headers_policy_id: Some(headers),
    }
}
