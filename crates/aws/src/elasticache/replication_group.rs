//! `elasticache.ReplicationGroup`: Valkey and Redis.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types::{ClusterMode, TransitEncryptionMode};
use platctl_engine::fields::Fact::{CreateOnly, Holds, Immutable, Name};
use platctl_engine::fields::{Fields, Table};
use platctl_engine::{
    Candidate, Change, Changes, Claim, Class, CloudError, CloudResult, Contents, Id, Identity,
    Kind, Leaves, Live, Owner, Permissions, Read, Replace, Resolved, SpecError, Stage, Timing,
    Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::replication_group_live::{named, read};
use super::{replication_group_changes, replication_group_checks, tags_from};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::Ask;
use crate::tags::{Tags, claimed};
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

pub(super) fn disabled() -> String {
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

impl Kind for ReplicationGroup {
    const NAME: &'static str = "elasticache.ReplicationGroup";
    const FIELDS: &'static Table = &[
        ("/replication_group_id", &[Immutable, Name]),
        ("/engine", &[Immutable]),
        ("/cluster_mode", &[Immutable]),
        ("/cache_subnet_group_name", &[Immutable, Holds]),
        ("/security_group_ids", &[Holds]),
        ("/cache_parameter_group_name", &[Holds]),
        ("/port", &[Immutable]),
        ("/at_rest_encryption_enabled", &[Immutable]),
        ("/kms_key_id", &[Immutable]),
        ("/snapshot_name", &[CreateOnly]),
    ];
    const VOLATILE: &'static [&'static str] = &[
        "primary_endpoint",
        "reader_endpoint",
        "configuration_endpoint",
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
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
        delete: &[
            "elasticache:DeleteReplicationGroup",
            "elasticache:DescribeSnapshots",
        ],
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

    fn resets() -> Vec<(&'static str, Value)> {
        vec![
            ("user_group_ids", json!([])),
            ("auto_minor_version_upgrade", json!(true)),
        ]
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
        let migrates =
            change.path == "/engine" && is(&change.before, "redis") && is(&change.after, "valkey");
        !migrates && Fields::of::<Self>().holds(&change.path, Immutable)
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
            // Without it, it is disabled; earlier versions of Redis do not know it.
            .set_cluster_mode((spec.cluster_mode == "enabled").then_some(ClusterMode::Enabled))
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

    async fn contents(_cloud: &Cloud, _live: &Live<Self>) -> CloudResult<Option<Contents>> {
        Ok(Some(Contents {
            what: "the data in the cache".into(),
            ..Contents::default()
        }))
    }

    async fn left(cloud: &Cloud, what: &str) -> CloudResult<()> {
        let name = what.trim_start_matches("snapshot ");
        let call = cloud.elasticache.describe_snapshots().snapshot_name(name);
        let answer = call.send().ask().await?;
        let status = answer
            .snapshots()
            .first()
            .and_then(|one| one.snapshot_status());
        let refuse = |class, status: &str| {
            let operation = "elasticache:DescribeSnapshots";
            Err(CloudError::new(
                class,
                operation,
                format!("{what} is {status}"),
            ))
        };
        match status {
            Some("available") => Ok(()),
            Some("failed") => refuse(Class::Invalid, "failed"),
            Some(status) => refuse(Class::Busy, status),
            None => refuse(Class::NotFound, "not there"),
        }
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
    use super::super::replication_group_live::tests::tagged;
    use super::*;
    use crate::cloud::tests::cloud;

    #[test]
    fn the_data_is_kept_unless_a_tag_says_otherwise() {
        assert_eq!(ReplicationGroup::leaves(&tagged("none")), None);
        let left = ReplicationGroup::leaves(&tagged("last")).unwrap();
        assert_eq!(left.what, "snapshot last-20261128071320");
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
