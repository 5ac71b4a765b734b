//! Karpenter: what its controller and its nodes need in AWS, and the node pools that the file states.

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::eks::access_entry::{self, AccessEntry};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::events::rule::{self, Rule};
use platctl_aws::iam::instance_profile::{self, InstanceProfile};
use platctl_aws::iam::role;
use platctl_aws::sqs::queue::{self, Queue};
use platctl_aws::{Document, Policy};
use platctl_engine::{Address, Handle};
use platctl_gitops::nodes;
use serde_json::{Value, json};

use super::Cluster;
use super::addons::CNI_POLICY;
use crate::common::{NetworkParts, attach, instance_trust, policy, role};
use crate::declare::{Checked, Declare};

/// For how long a message is worth reading: an instance that was to end has ended by then.
const RETENTION_SECONDS: i32 = 300;

/// What announces the end of an instance, by the source of the events.
const EVENTS: [(&str, &str, &[&str]); 2] = [
    ("health", "aws.health", &["AWS Health Event"]),
    (
        "instances",
        "aws.ec2",
        &[
            "EC2 Capacity Reservation Instance Interruption Warning",
            "EC2 Instance Rebalance Recommendation",
            "EC2 Instance State-change Notification",
            "EC2 Spot Instance Interruption Warning",
        ],
    ),
];

/// What Karpenter works with.
pub(super) struct Made {
    pub(super) nodes: nodes::Nodes,
    /// What has to be there before it launches the first node.
    pub(super) ready: Vec<Address>,
}

impl Cluster {
    pub(super) fn karpenter(
        &self,
        network: &NetworkParts,
        cluster: &Handle<EksCluster>,
        group: &Handle<SecurityGroup>,
        bootstraps: bool,
        declare: &mut Declare<'_>,
    ) -> Checked<Made> {
        let mut ready = network.ways_out.clone();
        // A role of their own: EKS makes the access entry of the role of its node groups itself.
        let role = role(
            "karpenter.node_role",
            "karpenter-nodes",
            "The nodes that Karpenter launches",
            instance_trust(),
            declare,
        )?;
        let mut policies = self.node_policies();
        // Only what platctl brings to the cluster waits for both the policy and the add-on, so that the policy leaves
        // this role when the add-on has moved on. Without that, it stays.
        if self.cni_has_role() && !bootstraps {
            policies.push(CNI_POLICY);
        }
        for (address, managed) in policies {
            let address = format!("karpenter.{address}");
            ready.push(attach(&address, &role, managed, declare)?.address().clone());
        }
        let spec = instance_profile::Spec {
            instance_profile_name: declare.global_name("karpenter-nodes"),
            role_name: role.get(role::out::ROLE_NAME),
            path: None,
            tags: declare.tags("karpenter.instance_profile"),
        };
        let profile = declare.add::<InstanceProfile>("karpenter.instance_profile", &spec)?;
        let spec = access_entry::Spec {
            cluster_name: cluster.get(cluster::out::NAME),
            principal_arn: role.get(role::out::ARN),
            kind: Some("EC2_LINUX".to_owned()),
            kubernetes_groups: None,
            username: None,
            access_policies: std::collections::BTreeSet::new(),
            tags: declare.tags("karpenter.access"),
        };
        let access = declare.add::<AccessEntry>("karpenter.access", &spec)?;
        ready.push(access.address().clone());
        let queue = interruptions(&mut ready, declare)?;
        let mut tags = declare.tags("karpenter.node");
        tags.insert("platctl:cluster".to_owned(), declare.name("cluster"));
        let subnets = network.private.iter();
        Ok(Made {
            nodes: nodes::Nodes::Karpenter(Box::new(nodes::Karpenter {
                queue,
                node_role: role.json(role::out::ARN),
                instance_profile: profile.json(instance_profile::out::INSTANCE_PROFILE_NAME),
                subnets: subnets
                    .map(|subnet| subnet.json(platctl_aws::ec2::subnet::out::SUBNET_ID))
                    .collect(),
                security_groups: vec![
                    group.json(security_group::out::GROUP_ID),
                    cluster.json(cluster::out::CLUSTER_SECURITY_GROUP_ID),
                ],
                tags,
                pools: self.pools()?,
            })),
            ready,
        })
    }
}

/// The queue in which EventBridge announces that instances end.
fn interruptions(ready: &mut Vec<Address>, declare: &mut Declare<'_>) -> Checked<nodes::Queue> {
    let name = declare.name("karpenter");
    let spec = queue::Spec {
        queue_name: name.clone(),
        message_retention_period: Some(RETENTION_SECONDS),
        sqs_managed_sse_enabled: Some(true),
        policy: Some(Policy::new(&queue_policy(&name, declare)).into()),
        // A message that nobody reads any more is worth nothing.
        force_delete: true,
        tags: declare.tags("karpenter.queue"),
        fifo_queue: false,
        content_based_deduplication: None,
        deduplication_scope: None,
        fifo_throughput_limit: None,
        delay_seconds: None,
        maximum_message_size: None,
        receive_message_wait_time_seconds: None,
        visibility_timeout: None,
        redrive_policy: None,
        redrive_allow_policy: None,
        kms_master_key_id: None,
        kms_data_key_reuse_period_seconds: None,
    };
    let queue = declare.add::<Queue>("karpenter.queue", &spec)?;
    for (which, source, kinds) in EVENTS {
        let address = format!("karpenter.events.{which}");
        let pattern = json!({"source": [source], "detail-type": kinds});
        let spec = rule::Spec {
            name: rule_name(which, declare),
            description: "Announces the end of instances to Karpenter".to_owned(),
            event_pattern: Some(Document::new(&pattern).into()),
            schedule_expression: None,
            enabled: true,
            targets: vec![rule::Target {
                id: "karpenter".to_owned(),
                arn: queue.get(queue::out::ARN),
                role_arn: None,
                input: None,
                input_transformer: None,
            }],
            tags: declare.tags(&address),
        };
        let made: Handle<Rule> = declare.add(&address, &spec)?;
        ready.push(made.address().clone());
    }
    Ok(nodes::Queue {
        name: queue.json(queue::out::QUEUE_NAME),
        arn: queue.json(queue::out::ARN),
    })
}

fn rule_name(which: &str, declare: &Declare<'_>) -> String {
    declare.name(&format!("karpenter-{which}"))
}

/// The rules, and nobody else, send messages, and nothing comes in the clear.
fn queue_policy(name: &str, declare: &Declare<'_>) -> Value {
    let arn = declare.arn("sqs", name);
    let rules: Vec<String> = EVENTS
        .iter()
        .map(|(which, ..)| declare.arn("events", &format!("rule/{}", rule_name(which, declare))))
        .collect();
    policy([
        json!({
            "Sid": "Rules", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
        }),
        json!({
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }),
    ])
}
