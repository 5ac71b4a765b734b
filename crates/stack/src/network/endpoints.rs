//! Endpoints of AWS services within the VPC, so that traffic to them needs no way out.

use platctl_aws::Policy;
use platctl_aws::ec2::route_table::{self, RouteTable};
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::security_group_rule::{self, Direction, SecurityGroupRule};
use platctl_aws::ec2::vpc_endpoint::{self, Type, VpcEndpoint};
use platctl_aws::ec2::{subnet, vpc};
use platctl_aws::regions::endpoint_service;
use platctl_aws::types::Cidr;
use platctl_engine::{Declared, Handle};

use super::layout::Tier;
use super::policies::{self, Place};
use super::vpc::Base;
use super::{EndpointAccess, Network, Service};
use crate::declare::{Checked, Declare};
use crate::error::Fault;

/// What pods and nodes need to pull images, write logs and take on roles without a way out.
const DEFAULT: [&str; 5] = ["s3", "ecr.api", "ecr.dkr", "logs", "sts"];
/// The services that are reached by routes instead of network interfaces, free of charge.
const GATEWAYS: [&str; 2] = ["s3", "dynamodb"];
/// The services whose endpoints are limited. Not every service takes a policy, and AWS refuses to make an endpoint with
/// one for those that do not.
const LIMITED: [&str; 9] = [
    "s3",
    "dynamodb",
    "ecr.api",
    "logs",
    "sts",
    "kms",
    "secretsmanager",
    "sns",
    "sqs",
];

impl Network {
    pub(super) fn endpoints(
        &self,
        base: &Base,
        tables: &[Handle<RouteTable>],
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let (gateways, interfaces): (Vec<_>, Vec<_>) = self
            .services()?
            .into_iter()
            .partition(|service| GATEWAYS.contains(&service.as_str()));
        for service in gateways {
            let mut spec = endpoint(&service, Type::Gateway, base, declare);
            spec.policy_document = self
                .endpoint_access
                .policy(&service, declare)
                .map(Into::into);
            let tables = tables.iter();
            let tables = tables.map(|table| table.get(route_table::out::ROUTE_TABLE_ID));
            spec.route_table_ids = Some(declare.set(tables)?);
            declare_endpoint(&service, &spec, declare)?;
        }
        if interfaces.is_empty() {
            return Ok(());
        }
        let group = self.https_group(base, declare)?;
        for service in interfaces {
            let mut spec = endpoint(&service, Type::Interface, base, declare);
            spec.policy_document = self
                .endpoint_access
                .policy(&service, declare)
                .map(Into::into);
            let subnets = base
                .tier(Tier::Private)
                .map(|(_, subnet)| subnet.get(subnet::out::SUBNET_ID));
            spec.subnet_ids = Some(declare.set(subnets)?);
            spec.security_group_ids =
                Some(declare.set([group.get(security_group::out::GROUP_ID)])?);
            // Under the services' own names, so that no client has to be told of the endpoints.
            spec.private_dns_enabled = Some(true);
            declare_endpoint(&service, &spec, declare)?;
        }
        Ok(())
    }

    /// Whether the use of any endpoint can be limited.
    pub(crate) fn limits_endpoints(&self) -> bool {
        let Some(wanted) = &self.endpoints else {
            return true;
        };
        let mut names = wanted.iter().map(|service| service.value.0.as_str());
        names.any(|name| LIMITED.contains(&name))
    }

    /// The wanted services, each once.
    pub(super) fn services(&self) -> Checked<Vec<String>> {
        let Some(wanted) = &self.endpoints else {
            return Ok(DEFAULT.map(str::to_owned).to_vec());
        };
        let mut faults = Vec::new();
        for (number, service) in wanted.iter().enumerate() {
            if let Some(first) = wanted
                .iter()
                .take(number)
                .find(|other| other.value == service.value)
            {
                let Service(name) = &service.value;
                let fault = Fault::new(format!("duplicate endpoint `{name}`"));
                faults.push(
                    fault
                        .at(service.span, "second entry")
                        .at(first.span, "first entry"),
                );
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(wanted
            .iter()
            .map(|service| service.value.0.clone())
            .collect())
    }

    /// Who may reach the interface endpoints: everything within the VPC, by HTTPS.
    fn https_group(
        &self,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<SecurityGroup>> {
        let spec = security_group::Spec {
            vpc_id: base.vpc.get(vpc::out::VPC_ID),
            group_name: declare.name("endpoints"),
            description: "HTTPS to the endpoints of AWS services".to_owned(),
            allow_all_egress: false,
            tags: declare.tags("endpoint_security_group"),
        };
        let group = declare.add("endpoint_security_group", &spec)?;
        let spec = security_group_rule::Spec {
            group_id: group.get(security_group::out::GROUP_ID),
            direction: Direction::Ingress,
            ip_protocol: "tcp".to_owned().into(),
            from_port: Some(443),
            to_port: Some(443),
            cidr_ipv4: Some(Cidr(self.cidr(declare.context()))),
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group_id: None,
            description: Some("HTTPS from the VPC".to_owned()),
            tags: declare.tags("endpoint_rule.https"),
        };
        declare.add::<SecurityGroupRule>("endpoint_rule.https", &spec)?;
        Ok(group)
    }
}

impl EndpointAccess {
    /// The policy of an endpoint, where the service takes one.
    fn policy(self, service: &str, declare: &Declare<'_>) -> Option<Policy> {
        if !LIMITED.contains(&service) {
            return None;
        }
        let document = match self {
            Self::Account => policies::endpoint(service, &Place::new(declare)),
            Self::Open => policies::open_endpoint(),
        };
        Some(Policy::new(&document))
    }
}

fn endpoint(
    service: &str,
    kind: Type,
    base: &Base,
    declare: &Declare<'_>,
) -> vpc_endpoint::Spec<Declared> {
    vpc_endpoint::Spec {
        vpc_id: base.vpc.get(vpc::out::VPC_ID),
        service_name: endpoint_service(service, &declare.context().region),
        vpc_endpoint_type: kind,
        route_table_ids: None,
        subnet_ids: None,
        security_group_ids: None,
        private_dns_enabled: None,
        policy_document: None,
        tags: declare.tags(&address(service)),
    }
}

fn declare_endpoint(
    service: &str,
    spec: &vpc_endpoint::Spec<Declared>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    declare
        .add::<VpcEndpoint>(&address(service), spec)
        .map(drop)
}

fn address(service: &str) -> String {
    format!("endpoint.{}", service.replace('.', "-"))
}
