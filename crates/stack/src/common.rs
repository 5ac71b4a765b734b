//! What several blocks declare alike: keys, roles, security groups.

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::security_group_rule::SecurityGroupRule;
use platctl_aws::ec2::subnet::{self, Subnet};
use platctl_aws::ec2::vpc::{self, Vpc};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::iam::policy_attachment::PolicyAttachment;
use platctl_aws::iam::role::{self, Role};
use platctl_aws::iam::role_policy::RolePolicy;
use platctl_aws::kms::alias::Alias;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::LogGroup;
use platctl_aws::regions::dns_suffix;
use platctl_engine::{Address, Handle};
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
pub(crate) fn ids(subnets: &[Handle<Subnet>]) -> Value {
    subnets
        .iter()
        .map(|subnet| subnet.json(subnet::out::SUBNET_ID))
        .collect()
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
    let role_name = role_name(name, declare);
    let spec = json!({"role_name": role_name, "description": description, "assume_role_policy_document": trust});
    declare.make(address, spec)
}

/// What a role may do, in its own policy.
pub(crate) fn permit(
    address: &str,
    role: &Handle<Role>,
    statements: Vec<Value>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<RolePolicy>> {
    let role_name = role.json(role::out::ROLE_NAME);
    let spec = json!({"role_name": role_name, "policy_name": "platctl", "policy_document": policy(statements)});
    declare.make(address, spec)
}

/// Gives a role one of the policies that AWS manages.
pub(crate) fn attach(
    address: &str,
    role: &Handle<Role>,
    managed: &str,
    declare: &mut Declare<'_>,
) -> Checked<Handle<PolicyAttachment>> {
    let spec = json!({
        "role_name": role.json(role::out::ROLE_NAME),
        "policy_arn": declare.managed_policy(managed),
    });
    declare.make(address, spec)
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
    let spec = json!({
        "description": description,
        "policy": policy(std::iter::once(own).chain(statements)),
    });
    let key: Handle<Key> = declare.make(&address, spec)?;
    let name = format!(
        "{}{}{purpose}",
        declare.block(),
        if purpose.is_empty() { "" } else { "-" }
    );
    let spec = json!({
        "alias_name": format!("alias/{}", declare.name(&name)),
        "target_key_id": key.json(key::out::KEY_ID),
    });
    declare.make::<Alias>(&address.replacen("key", "key_alias", 1), spec)?;
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
    let kms = key.json(key::out::ARN);
    let spec = json!({"log_group_name": name, "retention_in_days": days, "kms_key_id": kms});
    declare.make(address, spec)
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
    let spec = json!({
        "vpc_id": network.vpc.json(vpc::out::VPC_ID),
        "group_name": name,
        "description": description,
        "allow_all_egress": egress,
    });
    declare.make(address, spec)
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
    pub(crate) fn id(&self) -> Value {
        match self {
            Self::Own(group) => group.json(security_group::out::GROUP_ID),
            Self::OfCluster(cluster) => cluster.json(cluster::out::CLUSTER_SECURITY_GROUP_ID),
        }
    }
}

/// Where traffic comes from, or goes to.
pub(crate) enum Peer<'a> {
    Group(&'a Handle<SecurityGroup>),
    Nodes(&'a NodesGroup),
    Cidr(&'a str),
    PrefixList(&'a str),
}

/// One rule of a security group. A protocol of `-1` is all traffic.
pub(crate) struct Rule<'a> {
    pub(crate) address: &'a str,
    pub(crate) direction: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) peer: Peer<'a>,
    pub(crate) description: &'a str,
}

pub(crate) fn rule(
    group: &Handle<SecurityGroup>,
    rule: &Rule<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Handle<SecurityGroupRule>> {
    let mut spec = json!({
        "group_id": group.json(security_group::out::GROUP_ID),
        "direction": rule.direction,
        "ip_protocol": rule.protocol,
        "from_port": rule.port,
        "to_port": rule.port,
        "description": rule.description,
    });
    let (field, peer) = match &rule.peer {
        Peer::Group(peer) => (
            "referenced_group_id",
            peer.json(security_group::out::GROUP_ID),
        ),
        Peer::Nodes(nodes) => ("referenced_group_id", nodes.id()),
        Peer::Cidr(cidr) => ("cidr_ipv4", json!(cidr)),
        Peer::PrefixList(id) => ("prefix_list_id", json!(id)),
    };
    spec[field] = peer;
    declare.make(rule.address, spec)
}

/// A text of literals and references.
pub(crate) fn join(parts: impl IntoIterator<Item = Value>) -> Value {
    json!({ platctl_engine::input::JOIN: parts.into_iter().collect::<Vec<_>>() })
}
