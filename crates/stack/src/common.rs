//! What several blocks declare alike: keys, roles, buckets, security groups.
//!
//! Blocks declare typed specs, so that a mistyped field is a compile error. Policies, event patterns and objects of
//! Kubernetes are no specs, but documents of others: they stay JSON (`Policy::declared`, `Document::declared`).

use std::collections::BTreeSet;

use platctl_aws::Policy;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::security_group_rule::{self, Direction, SecurityGroupRule};
use platctl_aws::ec2::subnet::{self, Subnet};
use platctl_aws::ec2::vpc::{self, Vpc};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::iam::policy_attachment::{self, PolicyAttachment};
use platctl_aws::iam::role::{self, Role};
use platctl_aws::iam::role_policy::{self, RolePolicy};
use platctl_aws::kms::alias::{self, Alias};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::regions::dns_suffix;
use platctl_aws::s3::bucket;
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_aws::types::{Arn, Cidr, SecurityGroupId, SubnetId};
use platctl_engine::{Address, Declared, Handle, Input};
use serde_json::{Value, json};

use crate::declare::{Checked, Declare};

/// The network that other blocks build in.
#[derive(Clone, Debug)]
pub(crate) struct NetworkParts {
    pub(crate) vpc: Handle<Vpc>,
    /// The zones' names, in order.
    pub(crate) zones: Vec<String>,
    pub(crate) public: Vec<Handle<Subnet>>,
    pub(crate) private: Vec<Handle<Subnet>>,
    pub(crate) database: Vec<Handle<Subnet>>,
    /// The internet gateway, attached.
    pub(crate) gateway: Address,
    /// What the private subnets reach AWS and the internet by: routes, their tables' associations, endpoints.
    pub(crate) ways_out: Vec<Address>,
}

/// References to the ids of subnets.
pub(crate) fn subnet_ids(
    subnets: &[Handle<Subnet>],
    declare: &Declare<'_>,
) -> Checked<Input<BTreeSet<SubnetId>>> {
    declare.set(
        subnets
            .iter()
            .map(|subnet| subnet.get(subnet::out::SUBNET_ID)),
    )
}

/// A policy document.
pub(crate) fn policy(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()})
}

/// One permission.
pub(crate) fn allow(actions: &[&str], resources: impl Into<Value>) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources.into()})
}

/// The ARN of a secret that somebody else made, or a pattern for it: AWS adds six random characters to a name.
pub(crate) fn secret_arn(name_or_arn: &str, declare: &Declare<'_>) -> String {
    if name_or_arn.starts_with("arn:") {
        return name_or_arn.to_owned();
    }
    declare.arn("secretsmanager", &format!("secret:{name_or_arn}-??????"))
}

/// Lets a service of AWS take on a role, for this account only.
pub(crate) fn trust(service: &str, declare: &Declare<'_>) -> Value {
    policy([json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": declare.context().account}},
    })])
}

/// The same for what has this ARN only: who may hand the role to the service, but may not change that, cannot use it.
pub(crate) fn trust_of(service: &str, source: &str, declare: &Declare<'_>) -> Value {
    let mut trust = trust(service, declare);
    trust["Statement"][0]["Condition"]["StringEquals"]["aws:SourceArn"] = source.into();
    trust
}

/// Lets instances take on a role. EC2 does not say for whom it acts: an instance profile belongs to its account.
pub(crate) fn instance_trust() -> Value {
    policy([json!({
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
    })])
}

/// A name of a role: roles belong to the account, so the region keeps stacks of one name apart.
pub(crate) fn role_name(rest: &str, declare: &Declare<'_>) -> String {
    declare.global_name(rest)
}

pub(crate) fn role(
    address: &str,
    name: &str,
    description: &str,
    trust: Value,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Role>> {
    let spec = role::Spec {
        role_name: role_name(name, declare),
        assume_role_policy_document: Policy::declared(trust),
        path: None,
        description: Some(description.to_owned()),
        max_session_duration: None,
        permissions_boundary: None,
        tags: declare.tags(address),
    };
    declare.add(address, &spec)
}

/// What a role may do, in its own policy.
pub(crate) fn permit(
    address: &str,
    role: &Handle<Role>,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<RolePolicy>> {
    let spec = role_policy::Spec {
        role_name: role.get(role::out::ROLE_NAME),
        policy_name: "platctl".to_owned(),
        policy_document: Policy::declared(policy(statements)),
    };
    declare.add(address, &spec)
}

/// Gives a role one of the policies that AWS manages.
pub(crate) fn attach(
    address: &str,
    role: &Handle<Role>,
    managed: &str,
    declare: &mut Declare<'_>,
) -> Checked<Handle<PolicyAttachment>> {
    let spec = policy_attachment::Spec {
        role_name: role.get(role::out::ROLE_NAME),
        policy_arn: Arn(declare.managed_policy(managed)).into(),
    };
    declare.add(address, &spec)
}

/// A key with an alias. The account's own policies say who may use it, and the statements who besides.
pub(crate) fn key(
    purpose: &str,
    description: &str,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Key>> {
    let root = declare.global_arn("iam", "root");
    let own =
        json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"});
    let address = if purpose.is_empty() {
        "key".to_owned()
    } else {
        format!("key.{purpose}")
    };
    let spec = key::Spec {
        description: Some(description.to_owned()),
        policy: Some(Policy::declared(policy(
            std::iter::once(own).chain(statements),
        ))),
        enable_key_rotation: true,
        enabled: true,
        tags: declare.tags(&address),
    };
    let key: Handle<Key> = declare.add(&address, &spec)?;
    let name = format!(
        "{}{}{purpose}",
        declare.block(),
        if purpose.is_empty() { "" } else { "-" }
    );
    let spec = alias::Spec {
        alias_name: format!("alias/{}", declare.name(&name)),
        target_key_id: key.get(key::out::KEY_ID),
    };
    declare.add::<Alias>(&address.replacen("key", "key_alias", 1), &spec)?;
    Ok(key)
}

const USE_OF_KEY: [&str; 5] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
];

/// Lets a service use a key, under a condition.
pub(crate) fn service_uses_key(service: &str, condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": {"Service": service}, "Action": USE_OF_KEY, "Resource": "*",
        "Condition": condition,
    })
}

/// Lets CloudWatch Logs use a key for the log groups of this name (`*` at its end for several).
pub(crate) fn logs_use_key(group: &str, declare: &Declare<'_>) -> Value {
    let context = declare.context();
    let suffix = dns_suffix(&context.partition);
    let group = declare.arn("logs", &format!("log-group:{group}"));
    let condition = json!({"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}});
    service_uses_key(&format!("logs.{}.{suffix}", context.region), condition)
}

pub(crate) fn log_group(
    address: &str,
    name: &str,
    days: i32,
    key: &Handle<Key>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<LogGroup>> {
    let spec = log_group::Spec {
        log_group_name: name.to_owned(),
        retention_in_days: Some(days),
        kms_key_id: Some(key.get(key::out::ARN)),
        log_group_class: None,
        tags: declare.tags(address),
    };
    declare.add(address, &spec)
}

/// A bucket that keeps versions. How it is encrypted, where it logs to, and whether it goes with its data is for the block
/// to say.
pub(crate) fn versioned_bucket(
    address: &str,
    name: String,
    policy: Value,
    rules: Vec<LifecycleRule>,
    declare: &Declare<'_>,
) -> bucket::Spec<Declared> {
    bucket::Spec {
        bucket: name,
        versioning: Some(true),
        encryption: None,
        block_public_access: true,
        lifecycle_rules: Some(rules),
        policy: Some(Policy::declared(policy)),
        object_ownership: None,
        logging: None,
        cors_rules: None,
        event_bridge: None,
        object_lock: None,
        force_destroy: false,
        tags: declare.tags(address),
    }
}

/// The policy of a bucket that takes nothing in the clear.
pub(crate) fn tls_only(bucket: &str, declare: &Declare<'_>) -> Value {
    let arn = format!("arn:{}:s3:::{bucket}", declare.context().partition);
    policy([json!({
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [arn, format!("{arn}/*")], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })])
}

/// The encryption of a bucket with a key of the stack.
pub(crate) fn encrypted(key: &Handle<Key>) -> bucket::Encryption<Declared> {
    bucket::Encryption {
        sse_algorithm: "aws:kms".to_owned(),
        kms_master_key_id: Some(key.get(key::out::ARN)),
    }
}

/// A security group; nothing may come in yet.
pub(crate) fn security_group(
    address: &str,
    network: &NetworkParts,
    description: &str,
    egress: bool,
    declare: &mut Declare<'_>,
) -> Checked<Handle<SecurityGroup>> {
    let name = declare.name(&format!(
        "{}-{}",
        declare.block(),
        address.replace(['.', '_'], "-")
    ));
    let spec = security_group::Spec {
        vpc_id: network.vpc.get(vpc::out::VPC_ID),
        group_name: name,
        description: description.to_owned(),
        allow_all_egress: egress,
        tags: declare.tags(address),
    };
    declare.add(address, &spec)
}

/// The security group of the nodes.
#[derive(Clone, Debug)]
pub(crate) enum NodesGroup {
    /// The nodes have one of their own.
    Own(Handle<SecurityGroup>),
    /// Nodes of EKS Auto Mode have the group that EKS makes for the cluster.
    OfCluster(Handle<EksCluster>),
}

impl NodesGroup {
    /// A reference to its ID.
    pub(crate) fn id(&self) -> Input<SecurityGroupId> {
        match self {
            Self::Own(group) => group.get(security_group::out::GROUP_ID),
            Self::OfCluster(cluster) => cluster.get(cluster::out::CLUSTER_SECURITY_GROUP_ID),
        }
    }
}

/// Where traffic comes from, or goes to.
pub(crate) enum Peer {
    Group(Input<SecurityGroupId>),
    Cidr(Cidr),
    PrefixList(String),
}

/// One rule of a security group for what comes in. A protocol of `-1` is all traffic.
pub(crate) struct Rule<'a> {
    pub(crate) address: &'a str,
    pub(crate) protocol: &'a str,
    /// The first and the last port.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) peer: Peer,
    pub(crate) description: &'a str,
}

pub(crate) fn rule(
    group: Input<SecurityGroupId>,
    rule: Rule<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<SecurityGroupRule>> {
    let mut spec = security_group_rule::Spec {
        group_id: group,
        direction: Direction::Ingress,
        ip_protocol: rule.protocol.to_owned().into(),
        from_port: rule.ports.map(|(first, _)| first.into()),
        to_port: rule.ports.map(|(_, last)| last.into()),
        cidr_ipv4: None,
        cidr_ipv6: None,
        prefix_list_id: None,
        referenced_group_id: None,
        description: Some(rule.description.to_owned()),
        tags: declare.tags(rule.address),
    };
    match rule.peer {
        Peer::Group(group) => spec.referenced_group_id = Some(group),
        Peer::Cidr(cidr) => spec.cidr_ipv4 = Some(cidr),
        Peer::PrefixList(id) => spec.prefix_list_id = Some(id),
    }
    declare.add(rule.address, &spec)
}

/// A text of literals and references.
pub(crate) fn join(parts: impl IntoIterator<Item = Value>) -> Value {
    json!({ platctl_engine::input::JOIN: parts.into_iter().collect::<Vec<_>>() })
}
