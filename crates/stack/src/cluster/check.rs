//! Whether what `cluster:` says makes sense, before AWS is asked.

use platctl_aws::eks::UNSERVED_ZONES;

use super::{Cluster, Endpoint, NodeGroup};
use crate::common::NetworkParts;
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

const DEFAULT_VERSION: &str = "1.35";

/// EKS refuses a cluster with a subnet in a zone that its control plane does not serve.
fn unserved(network: &NetworkParts, declare: &Declare<'_>) -> Option<Fault> {
    let context = declare.context();
    let id = |name: &String| {
        context
            .zones
            .iter()
            .find(|zone| zone.name == *name)
            .map(|zone| zone.id.as_str())
    };
    let is_served = |zone: &&crate::Zone| !UNSERVED_ZONES.contains(&zone.id.as_str());
    let zone = network
        .zones
        .iter()
        .find(|name| id(name).is_some_and(|id| UNSERVED_ZONES.contains(&id)))?;
    let served: Vec<&str> = context
        .zones
        .iter()
        .filter(is_served)
        .map(|zone| zone.name.as_str())
        .collect();
    let message = format!(
        "EKS does not support the availability zone {zone} ({})",
        id(zone).unwrap_or_default()
    );
    let help = format!(
        "set network.availability_zones to some of [{}]",
        served.join(", ")
    );
    Some(
        Fault::new(message)
            .at(declare.place(), "the network has a subnet in this zone")
            .help(help),
    )
}

/// The size, the name and the instance types of a node group.
fn check_group(name: &str, group: &At<NodeGroup>, network: &NetworkParts) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (min, max) = group.value.sizes(network);
    if min > max || max == 0 {
        let message = format!(
            "node group {}: `min` ({min}) is greater than `max` ({max})",
            quoted(name)
        );
        faults.push(Fault::new(message).at(group.span, "`min` is greater than `max`"));
    }
    let sound = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !sound {
        let message = format!(
            "{} is not a valid node group name: use letters, digits and `-`, at most 40 characters",
            quoted(name)
        );
        faults.push(Fault::new(message).at(group.span, "invalid name"));
    }
    for wanted in group.value.instance_types.iter().flatten() {
        let known = wanted.value.split_once('.').is_some_and(|(family, size)| {
            family.starts_with(|c: char| c.is_ascii_lowercase()) && !size.is_empty()
        });
        if !known {
            let message = format!("{} is not a valid instance type", quoted(&wanted.value));
            faults.push(Fault::new(message).at(wanted.span, "such as m6i.large"));
        }
    }
    faults
}

impl Cluster {
    pub(super) fn check(&self, network: &NetworkParts, declare: &Declare<'_>) -> Checked<()> {
        let mut faults = Vec::new();
        if network.zones.len() < 2 {
            let fault = Fault::new(format!(
                "EKS requires at least two availability zones, but this network has {}",
                network.zones.len()
            ));
            faults.push(
                fault
                    .at(declare.place(), "too few availability zones")
                    .help("set network.availability_zones to 2 or more"),
            );
        }
        faults.extend(unserved(network, declare));
        faults.extend(self.check_version());
        faults.extend(self.check_endpoint());
        faults.extend(self.check_pools());
        faults.extend(self.check_auto());
        for (name, group) in self.node_groups.iter().flatten() {
            faults.extend(check_group(name, group, network));
            faults.extend(group.value.check_release(self.version()));
        }
        for person in self.admins.iter().chain(&self.viewers) {
            if !person.value.starts_with("arn:") || !person.value.contains(":iam::") {
                let message = format!(
                    "{} is not the ARN of an IAM role or user",
                    quoted(&person.value)
                );
                faults.push(
                    Fault::new(message)
                        .at(person.span, "such as arn:aws:iam::123456789012:role/admin"),
                );
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// Which versions there are, EKS says when it is asked: `plan` does.
    fn check_version(&self) -> Option<Fault> {
        let numbers = |version: &str| {
            version.split_once('.').is_some_and(|(major, minor)| {
                [major, minor]
                    .iter()
                    .all(|number| number.parse::<u16>().is_ok())
            })
        };
        let version = self.version.as_ref();
        let version = version.filter(|version| !numbers(&version.value))?;
        let fault = Fault::new(format!(
            "{} is not a version of Kubernetes",
            quoted(&version.value)
        ));
        let help =
            format!("specify a major and a minor version in quotes, such as \"{DEFAULT_VERSION}\"");
        Some(fault.at(version.span, "not a version").help(help))
    }

    fn check_endpoint(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let public = self.endpoint.value != Endpoint::Private;
        match &self.public_cidrs {
            None if public => {
                let fault = Fault::new("a public endpoint requires `public_cidrs`");
                let help = "public_cidrs: [203.0.113.0/24]";
                faults.push(
                    fault
                        .at(self.endpoint.span, "accessible from the whole internet")
                        .help(help),
                );
            }
            Some(ranges) if !public => {
                faults.push(
                    Fault::new("`public_cidrs` cannot be used with a private endpoint")
                        .at(ranges.span, "not used"),
                );
            }
            Some(ranges) => {
                for range in &ranges.value {
                    match range.value.parse::<ipnet::Ipv4Net>() {
                        Ok(net) if net.prefix_len() > 0 => {}
                        Ok(_) => faults.push(
                            Fault::new(
                                "the API server must not be accessible from the whole internet",
                            )
                            .at(range.span, "allows everyone"),
                        ),
                        Err(_) => {
                            let message = format!("{} is not an IPv4 range", quoted(&range.value));
                            faults
                                .push(Fault::new(message).at(range.span, "such as 203.0.113.0/24"));
                        }
                    }
                }
            }
            None => {}
        }
        faults
    }

    pub(super) fn version(&self) -> &str {
        self.version
            .as_ref()
            .map_or(DEFAULT_VERSION, |version| &version.value)
    }
}
