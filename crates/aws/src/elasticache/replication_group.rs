//! `elasticache.ReplicationGroup`: Valkey and Redis.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, CacheCluster, ClusterMode, Endpoint, MultiAzStatus,
    ReplicationGroup as Described, TransitEncryptionMode,
};
use aws_smithy_types::date_time::Format;
use platctl_engine::{
    Candidate, Change, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Leaves, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{replication_group_changes, replication_group_checks, tags_from, tags_of};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, if_there};
use crate::tags::{Tags, claimed, split};
use crate::types::{Arn, SecurityGroupId, unless_same};
use crate::versions::{is_later, kubernetes, was_raised};

/// An Amazon ElastiCache replication group: a Valkey or Redis cache with replicas.
#[derive(Debug)]
pub struct ReplicationGroup;

/// An Amazon ElastiCache replication group: a Valkey or Redis cache with replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The identifier of the replication group, in lower case. Must be unique within the account and region.
    pub replication_group_id: String,
    /// A description of the replication group.
    pub replication_group_description: String,
    /// The engine: `valkey` or `redis`. `redis` can be changed to `valkey` in place.
    pub engine: String,
    /// The engine version, with major and minor version, such as `8.0`. A newer version is applied in place; an
    /// earlier one is not possible.
    pub engine_version: String,
    /// The node type, such as `cache.t4g.small`.
    pub cache_node_type: String,
    /// Whether the data is partitioned across several shards: `enabled` or `disabled`. Default: `disabled`.
    /// `enabled` requires a parameter group with `cluster-enabled: "yes"`, and automatic failover.
    #[serde(default = "disabled")]
    pub cluster_mode: String,
    /// The number of shards. Default: 1. More require `cluster_mode: enabled`.
    #[serde(default = "one")]
    pub num_node_groups: i32,
    /// The number of replicas in each shard, 0 to 5. Default: 0.
    #[serde(default)]
    pub replicas_per_node_group: i32,
    /// Whether a replica takes over if the primary node fails. Requires a replica, or `cluster_mode: enabled`.
    /// Default: `false`.
    #[serde(default)]
    pub automatic_failover_enabled: bool,
    /// Whether the nodes are in several availability zones. Requires automatic failover and a replica.
    /// Default: `false`.
    #[serde(default)]
    pub multi_az_enabled: bool,
    /// The name of the cache subnet group.
    pub cache_subnet_group_name: S::In<String>,
    /// The IDs of the VPC security groups.
    pub security_group_ids: S::In<BTreeSet<SecurityGroupId>>,
    /// The name of the cache parameter group. Default: the one of AWS for the engine and its major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_parameter_group_name: Option<S::In<String>>,
    /// The port on which the nodes accept connections. Default: 6379.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Whether the data is encrypted on disk. Default: `true`.
    #[serde(default = "on")]
    pub at_rest_encryption_enabled: bool,
    /// The ARN of the KMS key that encrypts the data on disk. Requires `at_rest_encryption_enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<S::In<Arn>>,
    /// Whether connections are encrypted. Default: `true`.
    #[serde(default = "on")]
    pub transit_encryption_enabled: bool,
    /// Whether unencrypted connections are accepted, too: `preferred`, or `required` if they are not. To encrypt
    /// the connections of an existing replication group, apply `preferred` first, then `required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_encryption_mode: Option<String>,
    /// The ID of the user group whose users can connect, as a list with one item. Requires
    /// `transit_encryption_enabled`. platctl never handles passwords: create the users and the user group with
    /// IAM authentication, or with another tool. Without a user group, everybody can connect whom the security
    /// groups allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_group_ids: Option<BTreeSet<String>>,
    /// The number of days for which automatic snapshots are kept, 0 to 35. 0 disables them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_retention_limit: Option<i32>,
    /// The daily time range for automatic snapshots, in UTC, such as `02:00-03:00`. At least 60 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_window: Option<String>,
    /// The weekly time range for maintenance, in UTC, such as `sun:04:00-sun:05:00`. At least 60 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_maintenance_window: Option<String>,
    /// Whether AWS applies new patch versions of the engine during maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_minor_version_upgrade: Option<bool>,
    /// The name of the snapshot from which the replication group is restored. Used at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_name: Option<S::In<String>>,
    /// Whether to skip the final snapshot when the replication group is deleted. Stored in a tag, so that the
    /// replication group can be deleted without a stack file.
    #[serde(default)]
    pub skip_final_snapshot: bool,
    /// The prefix of the final snapshot's name, to which the time of the creation is appended. Cannot be used
    /// with `skip_final_snapshot`. Default: the ID of the replication group, followed by `-final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_snapshot_identifier: Option<String>,
    /// Tags to assign to the replication group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

const fn one() -> i32 {
    1
}

fn disabled() -> String {
    "disabled".to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the replication group that other resources can reference.
    ReplicationGroup {
        /// The identifier of the replication group.
        REPLICATION_GROUP_ID: replication_group_id: String,
        /// The Amazon Resource Name (ARN) of the replication group.
        ARN: arn: Arn,
        /// The endpoint for writes. Empty with `cluster_mode: enabled`.
        PRIMARY_ENDPOINT: primary_endpoint: String,
        /// The endpoint for reads. Empty with `cluster_mode: enabled`.
        READER_ENDPOINT: reader_endpoint: String,
        /// The endpoint for clients that support cluster mode. Empty with `cluster_mode: disabled`.
        CONFIGURATION_ENDPOINT: configuration_endpoint: String,
        /// The port of the endpoints.
        PORT: port: i32,
        /// When the replication group was created, such as `2026-11-23T08:00:00Z`.
        REPLICATION_GROUP_CREATE_TIME: replication_group_create_time: String,
    }
}

/// The tag that says what is to become of the data: `none`, or the beginning of the final snapshot's name.
pub(super) const FINAL_SNAPSHOT: &str = "platctl:final-snapshot";

/// The tag's value for a spec.
pub(super) fn final_snapshot(spec: &Spec) -> String {
    match (&spec.final_snapshot_identifier, spec.skip_final_snapshot) {
        (_, true) => "none".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) => format!("{}-final", spec.replication_group_id),
    }
}

/// Names of snapshots are unique, and a replication group of this name may have been deleted before: the time of its
/// creation makes the difference.
fn snapshot_name(live: &Live<ReplicationGroup>) -> String {
    let digits: String = live
        .outputs
        .replication_group_create_time
        .chars()
        .filter(char::is_ascii_digit)
        .take(14)
        .collect();
    let name = final_snapshot(&live.spec);
    if digits.is_empty() {
        name
    } else {
        format!("{name}-{digits}")
    }
}

async fn group(cloud: &Cloud, id: &str) -> CloudResult<Option<Described>> {
    let call = cloud.elasticache.describe_replication_groups();
    let answer = call.replication_group_id(id).send().ask().await?;
    Ok(answer
        .replication_groups
        .unwrap_or_default()
        .into_iter()
        .next())
}

/// What a replication group does not tell of itself, its nodes do: all of them have the same.
async fn node(cloud: &Cloud, group: &Described) -> CloudResult<Option<CacheCluster>> {
    let Some(name) = group.member_clusters().first() else {
        return Ok(None);
    };
    let call = cloud.elasticache.describe_cache_clusters();
    let answer = if_there(call.cache_cluster_id(name).send().ask().await)?;
    let nodes = answer.and_then(|answer| answer.cache_clusters);
    Ok(nodes.into_iter().flatten().next())
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ReplicationGroup>>> {
    let Some(group) = group(cloud, id.as_str()).await? else {
        return Ok(None);
    };
    let node = node(cloud, &group).await?;
    let tags = match tags_of(cloud, group.arn().unwrap_or_default()).await {
        // ElastiCache does not tell the tags of a group that is not available. It is waited for, and nothing is
        // compared before.
        Err(error) if error.class == Class::Busy && group.status() != Some("available") => {
            Tags::new()
        }
        other => other?,
    };
    Ok(Some(live(id, &group, node.as_ref(), tags)))
}

/// The version without its patch, which AWS raises by itself.
fn minor(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

fn spec_of(
    id: &Id,
    group: &Described,
    node: Option<&CacheCluster>,
    all: Tags,
) -> (Spec, Option<Owner>) {
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let of_node = |read: fn(&CacheCluster) -> Option<&str>| node.and_then(read).unwrap_or_default();
    let marked = all.get(FINAL_SNAPSHOT).cloned();
    let (tags, owner) = split(all);
    let security = node.map(CacheCluster::security_groups).unwrap_or_default();
    let parameters = node.and_then(CacheCluster::cache_parameter_group);
    let shard = group.node_groups().first();
    let nodes = shard.map_or(1, |shard| shard.node_group_members().len());
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let failover = group.automatic_failover();
    let spec = Spec {
        replication_group_id: id.to_string(),
        replication_group_description: group.description().unwrap_or_default().to_owned(),
        engine: group
            .engine()
            .unwrap_or_else(|| of_node(CacheCluster::engine))
            .to_owned(),
        engine_version: minor(of_node(CacheCluster::engine_version)),
        cache_node_type: group.cache_node_type().unwrap_or_default().to_owned(),
        cluster_mode: group
            .cluster_mode()
            .map_or_else(disabled, |mode| mode.as_str().to_owned()),
        num_node_groups: number(group.node_groups().len()),
        replicas_per_node_group: number(nodes.saturating_sub(1)),
        automatic_failover_enabled: matches!(
            failover,
            Some(AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)
        ),
        multi_az_enabled: group.multi_az() == Some(&MultiAzStatus::Enabled),
        cache_subnet_group_name: of_node(CacheCluster::cache_subnet_group_name).to_owned(),
        security_group_ids: security
            .iter()
            .filter_map(|group| group.security_group_id())
            .map(SecurityGroupId::from)
            .collect(),
        cache_parameter_group_name: parameters
            .and_then(|group| text(group.cache_parameter_group_name())),
        port: endpoints(group).find_map(|endpoint| endpoint.port()),
        at_rest_encryption_enabled: group.at_rest_encryption_enabled().unwrap_or_default(),
        kms_key_id: group.kms_key_id().map(Arn::from),
        transit_encryption_enabled: group.transit_encryption_enabled().unwrap_or_default(),
        transit_encryption_mode: group
            .transit_encryption_mode()
            .map(|mode| mode.as_str().to_owned()),
        user_group_ids: Some(group.user_group_ids().iter().cloned().collect()),
        snapshot_retention_limit: group.snapshot_retention_limit(),
        snapshot_window: text(group.snapshot_window()),
        preferred_maintenance_window: node
            .and_then(|node| text(node.preferred_maintenance_window())),
        auto_minor_version_upgrade: group.auto_minor_version_upgrade(),
        snapshot_name: None,
        skip_final_snapshot: marked.as_deref() == Some("none"),
        final_snapshot_identifier: marked.filter(|name| name != "none"),
        tags,
    };
    (spec, owner)
}

/// The endpoints that clients use, whichever the mode.
fn endpoints(group: &Described) -> impl Iterator<Item = &Endpoint> {
    let shard = group.node_groups().first();
    let primary = shard.and_then(|shard| shard.primary_endpoint());
    group.configuration_endpoint().into_iter().chain(primary)
}

fn live(
    id: &Id,
    group: &Described,
    node: Option<&CacheCluster>,
    all: Tags,
) -> Live<ReplicationGroup> {
    let (spec, owner) = spec_of(id, group, node, all);
    let address = |endpoint: Option<&Endpoint>| {
        let address = endpoint.and_then(Endpoint::address);
        address.unwrap_or_default().to_owned()
    };
    let shard = group.node_groups().first();
    let created = group.replication_group_create_time();
    let outputs = Outputs {
        replication_group_id: id.to_string(),
        arn: group.arn().unwrap_or_default().into(),
        primary_endpoint: address(shard.and_then(|shard| shard.primary_endpoint())),
        reader_endpoint: address(shard.and_then(|shard| shard.reader_endpoint())),
        configuration_endpoint: address(group.configuration_endpoint()),
        port: spec.port.unwrap_or(6379),
        replication_group_create_time: created
            .and_then(|time| time.fmt(Format::DateTime).ok())
            .unwrap_or_default(),
    };
    Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: phase(group, node),
    }
}

const REBOOT: &str = "pending-reboot: changed parameters take effect when the nodes are rebooted (aws elasticache \
                      reboot-cache-cluster)";

/// Statuses of a group or of its nodes that do not end by themselves, and what to do about them.
const STUCK: [(&str, &str); 3] = [
    (
        "create-failed",
        "to see its events, run aws elasticache describe-events",
    ),
    (
        "incompatible-network",
        "the subnets of its subnet group have no free IP addresses, or the VPC has changed. Correct that",
    ),
    (
        "restore-failed",
        "the snapshot could not be restored. Restore another one",
    ),
];

fn phase(group: &Described, node: Option<&CacheCluster>) -> Phase {
    let parameters = node.and_then(CacheCluster::cache_parameter_group);
    let reboot =
        parameters.is_some_and(|group| group.parameter_apply_status() == Some("pending-reboot"));
    let pending = group.pending_modified_values();
    let moves = pending.is_some_and(|pending| {
        pending.resharding().is_some()
            || pending.user_groups().is_some()
            || pending.automatic_failover_status().is_some()
            || pending.transit_encryption_mode().is_some()
    });
    let of_node = node.and_then(CacheCluster::cache_cluster_status);
    let advice = |status: &str| {
        let what = STUCK.iter().find(|(known, _)| *known == status)?.1;
        Some(Phase::Failed(format!("{status}: {what}")))
    };
    if let Some(failed) = of_node.and_then(advice) {
        return failed;
    }
    match group.status().unwrap_or("available") {
        "available" if moves => Phase::Settling("changes are pending".into()),
        "available" if reboot => Phase::Degraded(REBOOT.into()),
        "available" => Phase::Ready,
        "deleting" => Phase::Deleting,
        other => advice(other).unwrap_or_else(|| Phase::Settling(other.to_owned())),
    }
}

/// One of the wanted name, whoever owns it. While it is not available, nobody can tell whose it is.
async fn named(cloud: &Cloud, wanted: &Wanted<ReplicationGroup>) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let id = spec.replication_group_id.as_str();
    let Some(found) = if_there(group(cloud, id).await)?.flatten() else {
        return Ok(Vec::new());
    };
    let tags = if_there(tags_of(cloud, found.arn().unwrap_or_default()).await)?;
    let candidate = |tags: Tags| Candidate {
        id: Id::from(id),
        owner: split(tags).1,
    };
    Ok(tags.map(candidate).into_iter().collect())
}

impl Kind for ReplicationGroup {
    const NAME: &'static str = "elasticache.ReplicationGroup";
    const REPLACE_ON: &'static [&'static str] = &[
        "/replication_group_id",
        "/engine",
        "/cluster_mode",
        "/cache_subnet_group_name",
        "/port",
        "/at_rest_encryption_enabled",
        "/kms_key_id",
    ];
    const CREATE_ONLY: &'static [&'static str] = &["/snapshot_name"];
    const VOLATILE: &'static [&'static str] = &[
        "primary_endpoint",
        "reader_endpoint",
        "configuration_endpoint",
    ];
    const HOLDS: &'static [&'static str] = &[
        "/cache_subnet_group_name",
        "/security_group_ids",
        "/cache_parameter_group_name",
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const NAMED_BY: &'static [&'static str] = &["/replication_group_id"];
    const HOLDS_DATA: bool = true;
    /// And the final snapshot's.
    const OWN_TAGS: usize = 6;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticache:DescribeReplicationGroups",
            "elasticache:DescribeCacheClusters",
            "elasticache:ListTagsForResource",
        ],
        create: &[
            "elasticache:CreateReplicationGroup",
            "elasticache:AddTagsToResource",
            "iam:CreateServiceLinkedRole",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        update: &[
            "elasticache:ModifyReplicationGroup",
            "elasticache:ModifyReplicationGroupShardConfiguration",
            "elasticache:IncreaseReplicaCount",
            "elasticache:DecreaseReplicaCount",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        delete: &["elasticache:DeleteReplicationGroup"],
    };
    const TIMING: Timing = Timing::seconds(600, 600, 300, 7200);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            replication_group_id: "example".into(),
            replication_group_description: "The cache".into(),
            engine: "valkey".into(),
            engine_version: "8.0".into(),
            cache_node_type: "cache.t4g.small".into(),
            cluster_mode: disabled(),
            num_node_groups: 1,
            replicas_per_node_group: 1,
            automatic_failover_enabled: true,
            multi_az_enabled: true,
            cache_subnet_group_name: "cache-subnets-example".into(),
            security_group_ids: BTreeSet::from(["sg-0123456789abcdef0".into()]),
            cache_parameter_group_name: Some("cache-parameters-example".into()),
            port: Some(6379),
            at_rest_encryption_enabled: true,
            kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            transit_encryption_enabled: true,
            transit_encryption_mode: Some("required".into()),
            user_group_ids: None,
            snapshot_retention_limit: Some(7),
            snapshot_window: Some("02:00-03:00".into()),
            preferred_maintenance_window: Some("sun:04:00-sun:05:00".into()),
            auto_minor_version_upgrade: Some(true),
            snapshot_name: None,
            skip_final_snapshot: true,
            final_snapshot_identifier: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/replication_group_description", json!("Another cache")),
            ("/engine_version", json!("8.1")),
            ("/cache_node_type", json!("cache.t4g.medium")),
            ("/replicas_per_node_group", json!(2)),
            ("/multi_az_enabled", json!(false)),
            ("/security_group_ids", json!(["sg-0123456789abcdef1"])),
            ("/snapshot_retention_limit", json!(14)),
            ("/snapshot_window", json!("03:00-04:00")),
            (
                "/preferred_maintenance_window",
                json!("mon:05:00-mon:06:00"),
            ),
            ("/auto_minor_version_upgrade", json!(false)),
            ("/skip_final_snapshot", json!(false)),
            ("/tags/team", json!("data")),
            ("/port", json!(6380)),
            ("/replication_group_id", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        replication_group_checks::check(spec)
    }

    /// Redis becomes Valkey in place, and nothing else does.
    fn replaces(change: &Change) -> bool {
        let is = |value: &Option<Value>, engine: &str| {
            value.as_ref().and_then(Value::as_str) == Some(engine)
        };
        if change.path == "/engine" {
            return !(is(&change.before, "redis") && is(&change.after, "valkey"));
        }
        Self::REPLACE_ON.contains(&change.path.as_str())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.replication_group_id, &desired.replication_group_id)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| named(cloud, wanted))).await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let mut tags = claimed(&spec.tags, &claim.owner);
        tags.insert(FINAL_SNAPSHOT.to_owned(), final_snapshot(spec));
        let groups = spec.security_group_ids.iter().map(ToString::to_string);
        let users = spec.user_group_ids.clone().unwrap_or_default();
        let mode = spec.transit_encryption_mode.as_deref();
        let call = cloud
            .elasticache
            .create_replication_group()
            .replication_group_id(&spec.replication_group_id)
            .replication_group_description(&spec.replication_group_description)
            .engine(&spec.engine)
            .engine_version(&spec.engine_version)
            .cache_node_type(&spec.cache_node_type)
            .cluster_mode(ClusterMode::from(spec.cluster_mode.as_str()))
            .num_node_groups(spec.num_node_groups)
            .replicas_per_node_group(spec.replicas_per_node_group)
            .automatic_failover_enabled(spec.automatic_failover_enabled)
            .multi_az_enabled(spec.multi_az_enabled)
            .cache_subnet_group_name(&spec.cache_subnet_group_name)
            .set_security_group_ids(Some(groups.collect()))
            .set_cache_parameter_group_name(spec.cache_parameter_group_name.clone())
            .set_port(spec.port)
            .at_rest_encryption_enabled(spec.at_rest_encryption_enabled)
            .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
            .transit_encryption_enabled(spec.transit_encryption_enabled)
            .set_transit_encryption_mode(mode.map(TransitEncryptionMode::from))
            .set_user_group_ids(
                Some(users.into_iter().collect()).filter(|users: &Vec<_>| !users.is_empty()),
            )
            .set_snapshot_retention_limit(spec.snapshot_retention_limit)
            .set_snapshot_window(spec.snapshot_window.clone())
            .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone())
            .set_auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
            .set_snapshot_name(spec.snapshot_name.clone())
            .set_tags(Some(tags_from(tags)));
        call.send().ask().await?;
        Ok(Id::from(spec.replication_group_id.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        replication_group_changes::apply(cloud, live, spec, changes, owner).await
    }

    /// AWS upgrades versions that it no longer supports by itself.
    fn tolerates(change: &Change, last: Option<&Value>) -> bool {
        change.path == "/engine_version" && was_raised(change, last, is_later)
    }

    async fn vet(
        _cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        let (now, wanted) = (&live.spec.engine_version, &spec.engine_version);
        let lowered = changes.touch("/engine_version")
            && live.spec.engine == spec.engine
            && kubernetes(wanted) < kubernetes(now);
        let message = format!("cannot be lowered: the version is {now}");
        Ok(lowered
            .then(|| SpecError::new("/engine_version", message))
            .into_iter()
            .collect())
    }

    fn leaves(live: &Live<Self>) -> Option<Leaves> {
        let key = live.spec.kms_key_id.iter();
        (!live.spec.skip_final_snapshot).then(|| Leaves {
            what: format!("snapshot {}", snapshot_name(live)),
            needs: key.map(ToString::to_string).collect(),
        })
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let snapshot = (!live.spec.skip_final_snapshot).then(|| snapshot_name(live));
        let call = cloud
            .elasticache
            .delete_replication_group()
            .replication_group_id(live.id.as_str())
            .set_final_snapshot_identifier(snapshot);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_elasticache::operation::describe_cache_clusters::DescribeCacheClustersOutput;
    use aws_sdk_elasticache::operation::describe_replication_groups::DescribeReplicationGroupsOutput;
    use aws_sdk_elasticache::operation::list_tags_for_resource::ListTagsForResourceError;
    use aws_sdk_elasticache::types::builders::ReplicationGroupBuilder;
    use aws_sdk_elasticache::types::{CacheParameterGroupStatus, NodeGroup, NodeGroupMember};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;

    fn described() -> ReplicationGroupBuilder {
        let member = || NodeGroupMember::builder().build();
        let shard = NodeGroup::builder()
            .node_group_members(member())
            .node_group_members(member());
        Described::builder()
            .replication_group_id("example")
            .arn("arn:example")
            .status("available")
            .member_clusters("example-001")
            .node_groups(shard.build())
            .replication_group_create_time(DateTime::from_secs(1_795_850_000))
    }

    fn known() -> CacheCluster {
        CacheCluster::builder()
            .cache_cluster_id("example-001")
            .engine_version("8.0.1")
            .cache_subnet_group_name("main")
            .build()
    }

    fn tagged(value: &str) -> Live<ReplicationGroup> {
        let tags = Tags::from([(FINAL_SNAPSHOT.to_owned(), value.to_owned())]);
        live(
            &"example".into(),
            &described().build(),
            Some(&known()),
            tags,
        )
    }

    #[test]
    fn a_group_is_what_its_nodes_tell() {
        let live = tagged("none");
        assert_eq!(live.spec.engine_version, "8.0");
        assert_eq!(live.spec.cache_subnet_group_name, "main");
        assert_eq!(live.spec.replicas_per_node_group, 1);
        assert!(live.spec.skip_final_snapshot && live.spec.tags.is_empty());
        assert_eq!(live.phase, Phase::Ready);
    }

    #[test]
    fn the_data_is_kept_unless_a_tag_says_otherwise() {
        assert_eq!(ReplicationGroup::leaves(&tagged("none")), None);
        let left = ReplicationGroup::leaves(&tagged("last")).unwrap();
        assert_eq!(left.what, "snapshot last-20261128071320");
        let unknown = live(&"example".into(), &described().build(), None, Tags::new());
        assert!(ReplicationGroup::leaves(&unknown).is_some());
    }

    #[test]
    fn statuses_are_waited_for_or_explained() {
        let of = |status: &str| phase(&described().status(status).build(), None);
        assert_eq!(of("available"), Phase::Ready);
        assert!(matches!(of("snapshotting"), Phase::Settling(_)));
        assert_eq!(of("deleting"), Phase::Deleting);
        assert!(
            matches!(of("create-failed"), Phase::Failed(why) if why.contains("describe-events"))
        );
        let stuck = CacheCluster::builder().cache_cluster_status("restore-failed");
        let stuck = phase(
            &described().status("creating").build(),
            Some(&stuck.build()),
        );
        assert!(matches!(stuck, Phase::Failed(why) if why.contains("Restore another one")));
        let waits = CacheParameterGroupStatus::builder().parameter_apply_status("pending-reboot");
        let node = CacheCluster::builder()
            .cache_parameter_group(waits.build())
            .build();
        assert!(matches!(
            phase(&described().build(), Some(&node)),
            Phase::Degraded(_)
        ));
    }

    #[tokio::test]
    async fn tags_that_cannot_be_read_while_a_group_changes_are_waited_for() {
        for (status, seen) in [("modifying", true), ("available", false)] {
            let groups = mock!(aws_sdk_elasticache::Client::describe_replication_groups)
                .then_output(move || {
                    DescribeReplicationGroupsOutput::builder()
                        .replication_groups(described().status(status).build())
                        .build()
                });
            let nodes =
                mock!(aws_sdk_elasticache::Client::describe_cache_clusters).then_output(|| {
                    DescribeCacheClustersOutput::builder()
                        .cache_clusters(known())
                        .build()
                });
            let tags =
                mock!(aws_sdk_elasticache::Client::list_tags_for_resource).then_error(|| {
                    let code = ErrorMetadata::builder().code("InvalidReplicationGroupState");
                    ListTagsForResourceError::generic(code.build())
                });
            let client = mock_client!(
                aws_sdk_elasticache,
                RuleMode::Sequential,
                &[&groups, &nodes, &tags]
            );
            let cloud = Cloud {
                elasticache: client.into(),
                ..cloud()
            };
            let found = read(&cloud, &"example".into()).await;
            assert_eq!(found.is_ok(), seen, "{status}: {found:?}");
        }
    }

    #[tokio::test]
    async fn versions_are_not_lowered_and_redis_becomes_valkey() {
        let live = Live {
            spec: ReplicationGroup::example(),
            ..tagged("none")
        };
        let vetted = |version: &str| {
            let spec = Spec {
                engine_version: version.into(),
                ..ReplicationGroup::example()
            };
            let change = ("/engine_version", json!("8.0"), json!(version));
            let change = crate::cloud::tests::changes(&[change]);
            let live = &live;
            async move { ReplicationGroup::vet(&cloud(), live, &spec, &change).await }
        };
        assert_eq!(vetted("7.2").await.unwrap().len(), 1);
        assert!(vetted("8.1").await.unwrap().is_empty());
        let engine = |before: &str, after: &str| {
            ReplicationGroup::replaces(&Change {
                path: "/engine".into(),
                before: Some(json!(before)),
                after: Some(json!(after)),
            })
        };
        assert!(!engine("redis", "valkey") && engine("valkey", "redis"));
    }
}
