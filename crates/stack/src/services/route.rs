//! The way from the load balancer to a service's pods.

use platctl_aws::ec2::vpc;
use platctl_aws::elbv2::listener;
use platctl_aws::elbv2::listener_rule::ListenerRule;
use platctl_aws::elbv2::target_group::{self, TargetGroup};
use platctl_engine::Handle;
use platctl_gitops::Nodes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Base, Service};
use crate::common::NetworkParts;
use crate::declare::{Checked, Declare};
use crate::edge;

/// How many places there are for services whose ways are equally particular.
const WIDTH: u32 = 2000;
/// What the name of a preview's target group ends with.
pub(super) const PREVIEW: &str = "-green";

/// A rule, and the group that it leads to.
struct Way {
    address: String,
    name: String,
    priority: u32,
    conditions: Value,
}

/// The place of the preview's rule: right before the one that it is more particular than.
fn preview_priority(own: u32) -> u32 {
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
        let mut conditions = json!({"path_pattern": [self.path_pattern()]});
        if let (Some(host), Some(domain)) = (&self.host, base.domain) {
            conditions["host_header"] = json!([format!("{}.{domain}", host.value)]);
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
            way.conditions["http_header"] = json!({"name": PREVIEW_HEADER, "values": [name]});
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
        let tags = cluster.map(|cluster| json!({"eks:eks-cluster-name": cluster.name}));
        let group: Handle<TargetGroup> = declare.make(
            &format!("{}.target_group", way.address),
            json!({
                "name": way.name,
                "target_type": "ip",
                "protocol": "HTTP",
                "vpc_id": network.vpc.json(vpc::out::VPC_ID),
                "health_check_path": self.health_path(),
                // As often as can be: until its second answer, a pod that comes gets nothing, and at a switch of
                // blue and green all of them come at once.
                "health_check_interval_seconds": 5,
                "health_check_timeout_seconds": 4,
                "healthy_threshold_count": 2,
                "unhealthy_threshold_count": 3,
                "matcher": "200-299",
                "attributes": {"deregistration_delay.timeout_seconds": delay.to_string()},
                "tags": tags,
            }),
        )?;
        let target = json!({"target_group_arn": group.json(target_group::out::ARN)});
        let forward: Value = json!([{"forward": {"target_groups": [target]}}]);
        declare.make::<ListenerRule>(
            &format!("{}.listener_rule", way.address),
            json!({
                "listener_arn": edge.listener.json(listener::out::ARN),
                "priority": way.priority,
                "conditions": way.conditions,
                "actions": forward,
            }),
        )?;
        Ok(group)
    }

    fn path_pattern(&self) -> &str {
        self.path.as_ref().map_or("/*", |path| &path.value)
    }

    /// The places of all its rules.
    pub(super) fn priorities(&self, name: &str) -> Vec<u32> {
        let own = self.priority(name);
        let preview = self.previews().then(|| preview_priority(own));
        std::iter::once(own).chain(preview).collect()
    }

    /// The rule's place, which no other service's coming or going changes: what is more particular stands
    /// before what is less; among equals the name decides.
    fn priority(&self, name: &str) -> u32 {
        let length =
            u32::try_from(self.path_pattern().trim_end_matches('*').len().min(11)).unwrap_or(11);
        let class = if self.host.is_some() { 0 } else { 12 } + (11 - length);
        let digest = Sha256::digest(name.as_bytes());
        let spread = digest
            .iter()
            .take(2)
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        class * WIDTH + spread % WIDTH + 1
    }
}
