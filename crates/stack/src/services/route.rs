//! The way from the load balancer to a service's pods.

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::ec2::vpc;
use platctl_aws::elbv2::action::Action;
use platctl_aws::elbv2::condition::{Conditions, HttpHeader};
use platctl_aws::elbv2::listener_rule::{self, ListenerRule};
use platctl_aws::elbv2::target_group::{self, TargetGroup};
use platctl_aws::elbv2::{Attributes, listener};
use platctl_engine::Handle;
use platctl_gitops::Nodes;
use sha2::{Digest, Sha256};

use super::{Base, Service};
use crate::common::NetworkParts;
use crate::declare::{Checked, Declare};
use crate::edge;

/// How many places there are for services whose ways are equally particular.
const WIDTH: i32 = 2000;
/// What the name of a preview's target group ends with.
pub(super) const PREVIEW: &str = "-green";

/// A rule, and the group that it leads to.
struct Way {
    address: String,
    name: String,
    priority: i32,
    conditions: Conditions,
}

/// The place of the preview's rule: right before the one that it is more particular than.
fn preview_priority(own: i32) -> i32 {
    own.saturating_sub(1).max(1)
}

/// The header of requests that go to a version that is not promoted yet, and whose value is the service's name.
const PREVIEW_HEADER: &str = "X-Preview";

/// The target groups of a service: of the version that answers, and of the one that is not promoted yet.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) active: Option<Handle<TargetGroup>>,
    pub(super) preview: Option<Handle<TargetGroup>>,
}

impl Service {
    pub(super) fn route(
        &self,
        name: &str,
        network: &NetworkParts,
        edge: &edge::Parts,
        base: &Base<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<Groups> {
        let mut conditions = Conditions {
            path_pattern: BTreeSet::from([self.path_pattern().to_owned()]),
            ..Conditions::default()
        };
        if let (Some(host), Some(domain)) = (&self.host, base.domain) {
            conditions.host_header = BTreeSet::from([format!("{}.{domain}", host.value)]);
        }
        let mut way = Way {
            address: name.to_owned(),
            name: declare.name(name),
            priority: self.priority(name),
            conditions,
        };
        let active = self.forward(&way, network, edge, base, declare)?;
        let mut preview = None;
        if self.previews() {
            way.address.push_str(".preview");
            way.name.push_str(PREVIEW);
            way.priority = preview_priority(way.priority);
            way.conditions.http_header = Some(HttpHeader {
                name: PREVIEW_HEADER.to_owned(),
                values: BTreeSet::from([name.to_owned()]),
            });
            preview = Some(self.forward(&way, network, edge, base, declare)?);
        }
        Ok(Groups {
            active: Some(active),
            preview,
        })
    }

    /// Pods register themselves in the group, which is empty until they do. Each comes with its own port, so that the
    /// group needs none, and stays what it is when the port changes.
    fn forward(
        &self,
        way: &Way,
        network: &NetworkParts,
        edge: &edge::Parts,
        base: &Base<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<TargetGroup>> {
        let delay = platctl_gitops::deregistration_seconds(self.shutdown_seconds());
        // EKS Auto Mode registers pods in groups with this tag only.
        let cluster = base
            .cluster
            .filter(|cluster| matches!(cluster.source, Nodes::Auto));
        let address = format!("{}.target_group", way.address);
        let mut tags = declare.tags(&address);
        tags.extend(cluster.map(|cluster| ("eks:eks-cluster-name".into(), cluster.name.clone())));
        let delay = (
            "deregistration_delay.timeout_seconds".into(),
            delay.to_string(),
        );
        let spec = target_group::Spec {
            name: way.name.clone(),
            protocol: "HTTP".to_owned(),
            port: None,
            vpc_id: network.vpc.get(vpc::out::VPC_ID),
            target_type: "ip".to_owned(),
            protocol_version: None,
            ip_address_type: None,
            health_check_protocol: None,
            health_check_port: None,
            health_check_path: Some(self.health_path().to_owned()),
            // As often as can be: until its second answer, a pod that comes gets nothing, and at a switch of
            // blue and green all of them come at once.
            health_check_interval_seconds: Some(5),
            health_check_timeout_seconds: Some(4),
            healthy_threshold_count: Some(2),
            unhealthy_threshold_count: Some(3),
            matcher: Some("200-299".to_owned()),
            attributes: Some(Attributes(BTreeMap::from([delay])).into()),
            tags,
        };
        let group: Handle<TargetGroup> = declare.add(&address, &spec)?;
        let address = format!("{}.listener_rule", way.address);
        let spec = listener_rule::Spec {
            listener_arn: edge.listener.get(listener::out::ARN),
            priority: way.priority,
            conditions: way.conditions.clone().into(),
            actions: Action::to_declared(group.get(target_group::out::ARN)),
            tags: declare.tags(&address),
        };
        declare.add::<ListenerRule>(&address, &spec)?;
        Ok(group)
    }

    fn path_pattern(&self) -> &str {
        self.path.as_ref().map_or("/*", |path| &path.value)
    }

    /// The places of all its rules.
    pub(super) fn priorities(&self, name: &str) -> Vec<i32> {
        let own = self.priority(name);
        let preview = self.previews().then(|| preview_priority(own));
        std::iter::once(own).chain(preview).collect()
    }

    /// The rule's place, which no other service's coming or going changes: what is more particular stands
    /// before what is less; among equals the name decides.
    fn priority(&self, name: &str) -> i32 {
        let length =
            i32::try_from(self.path_pattern().trim_end_matches('*').len().min(11)).unwrap_or(11);
        let class = if self.host.is_some() { 0 } else { 12 } + (11 - length);
        let digest = Sha256::digest(name.as_bytes());
        let spread = digest
            .iter()
            .take(2)
            .fold(0, |sum, byte| sum << 8 | i32::from(*byte));
        class * WIDTH + spread % WIDTH + 1
    }
}
