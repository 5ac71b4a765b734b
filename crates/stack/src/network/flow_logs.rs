//! The log of the VPC's traffic, and all that it takes to write it: a log group and a role, or a bucket;
//! and a key, where it is to be encrypted with one of the stack's own.

use platctl_aws::Policy;
use platctl_aws::ec2::flow_log::{self, FlowLog};
use platctl_aws::ec2::vpc;
use platctl_aws::iam::role::{self, Role};
use platctl_aws::iam::role_policy::{self, RolePolicy};
use platctl_aws::kms::alias::{self, Alias};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::s3::bucket::{self, Bucket};
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_engine::{Declared, Handle, Input, Kind};

use super::policies::{self, Place};
use super::vpc::Base;
use super::{Destination, FlowLogs, Network, Traffic};
use crate::declare::{Checked, Declare};
use crate::error::Fault;
use crate::file::Switch;

impl Network {
    /// Whether flow logs go to a bucket.
    pub(crate) fn logs_to_bucket(&self) -> bool {
        matches!(&self.flow_logs, Switch::On(logs) if logs.destination == Destination::S3)
    }

    pub(super) fn flow_logs(&self, base: &Base, declare: &mut Declare<'_>) -> Checked<()> {
        match &self.flow_logs {
            Switch::Off => Ok(()),
            Switch::On(logs) if logs.destination == Destination::S3 => {
                logs.to_bucket(base, declare)
            }
            Switch::On(logs) => logs.to_log_group(base, declare),
        }
    }
}

impl FlowLogs {
    /// The retention period of flow log records, in days. Default: 30.
    fn days(&self) -> Checked<i32> {
        let Some(days) = &self.retention_days else {
            return Ok(30);
        };
        let fault = |message: String| vec![Fault::new(message).at(days.span, "not supported")];
        let count = i32::try_from(days.value).ok().filter(|count| *count >= 1);
        let count = count.ok_or_else(|| {
            fault(format!(
                "CloudWatch Logs does not support a retention period of {} days",
                days.value
            ))
        })?;
        if self.destination == Destination::Cloudwatch {
            // CloudWatch Logs knows certain periods only, and its kind knows which.
            let group = log_group::Spec {
                retention_in_days: Some(count),
                ..LogGroup::example()
            };
            LogGroup::check(&group).map_err(|error| fault(error.message))?;
        }
        Ok(count)
    }

    fn to_log_group(&self, base: &Base, declare: &mut Declare<'_>) -> Checked<()> {
        let place = Place::new(declare);
        let name = place.log_group.clone();
        let key = self.key(policies::key_of_log_group(&place), declare)?;
        let is_encrypted = key.is_some();
        let spec = log_group::Spec {
            log_group_name: name,
            retention_in_days: Some(self.days()?),
            kms_key_id: key.map(|key| key.get(key::out::ARN)),
            log_group_class: None,
            tags: declare.tags("flow_log_group"),
        };
        let group = declare.add::<LogGroup>("flow_log_group", &spec)?;
        // A group that went on using a key that is deleted would lose all that is written to it.
        if !is_encrypted {
            declare.remove(group.address(), "kms_key_id");
        }
        let (role, policy) = writer(&group, &place, declare)?;
        let mut spec = self.log(
            base,
            "cloud-watch-logs",
            group.get(log_group::out::ARN),
            declare,
        );
        spec.deliver_logs_permission_arn = Some(role.get(role::out::ARN));
        // AWS takes a flow log whose role may not write yet, and then loses what it records meanwhile.
        declare
            .add_after::<FlowLog>("flow_log", &spec, &[policy.address()])
            .map(drop)
    }

    fn to_bucket(&self, base: &Base, declare: &mut Declare<'_>) -> Checked<()> {
        let place = Place::new(declare);
        let key = self.key(policies::key_of_bucket(&place), declare)?;
        let spec = bucket::Spec {
            bucket: place.bucket.clone(),
            versioning: None,
            // Said also without a key: a bucket that went on using one that is deleted could not be written to.
            encryption: Some(match key {
                Some(key) => bucket::Encryption {
                    sse_algorithm: "aws:kms".to_owned(),
                    kms_master_key_id: Some(key.get(key::out::ARN)),
                },
                None => bucket::Encryption {
                    sse_algorithm: "AES256".to_owned(),
                    kms_master_key_id: None,
                },
            }),
            block_public_access: true,
            lifecycle_rules: Some(vec![LifecycleRule::expire("expire", Some(self.days()?))]),
            policy: Some(Policy::declared(policies::delivery(&place))),
            object_ownership: None,
            logging: Some(declare.access_logs("flow-logs")),
            cors_rules: None,
            event_bridge: None,
            object_lock: None,
            // As the other buckets of the stack: logs go with a stack that is not protected.
            force_destroy: !declare.protects(),
            tags: declare.tags("flow_log_bucket"),
        };
        let bucket = declare.add::<Bucket>("flow_log_bucket", &spec)?;
        let spec = self.log(base, "s3", bucket.get(bucket::out::ARN), declare);
        declare.add::<FlowLog>("flow_log", &spec).map(drop)
    }

    /// The key, if there is to be one: who may use it besides the account is for the destination to say.
    fn key(
        &self,
        policy: serde_json::Value,
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Handle<Key>>> {
        if !self.encrypt.unwrap_or_else(|| declare.protects()) {
            return Ok(None);
        }
        let spec = key::Spec {
            description: Some("Encrypts the flow logs of the VPC".to_owned()),
            policy: Some(Policy::declared(policy)),
            enable_key_rotation: true,
            enabled: true,
            tags: declare.tags("flow_log_key"),
        };
        let key = declare.add::<Key>("flow_log_key", &spec)?;
        let spec = alias::Spec {
            alias_name: format!("alias/{}", declare.name("flow-logs")),
            target_key_id: key.get(key::out::KEY_ID),
        };
        declare.add::<Alias>("flow_log_alias", &spec)?;
        Ok(Some(key))
    }

    fn log(
        &self,
        base: &Base,
        kind: &str,
        destination: Input<platctl_aws::types::Arn>,
        declare: &Declare<'_>,
    ) -> flow_log::Spec<Declared> {
        let traffic = match self.traffic {
            Traffic::All => "ALL",
            Traffic::Accept => "ACCEPT",
            Traffic::Reject => "REJECT",
        };
        flow_log::Spec {
            vpc_id: base.vpc.get(vpc::out::VPC_ID),
            traffic_type: traffic.to_owned(),
            log_destination_type: kind.to_owned(),
            log_destination: destination,
            deliver_logs_permission_arn: None,
            max_aggregation_interval: None,
            tags: declare.tags("flow_log"),
        }
    }
}

/// The role with which records are written, and what it may do.
fn writer(
    group: &Handle<LogGroup>,
    place: &Place<'_>,
    declare: &mut Declare<'_>,
) -> Checked<(Handle<Role>, Handle<RolePolicy>)> {
    let spec = role::Spec {
        // Roles belong to the account, so stacks of one name in two regions would share it.
        role_name: declare.global_name("flow-logs"),
        assume_role_policy_document: Policy::declared(policies::trust(place)),
        path: None,
        description: Some("Writes the flow logs of the VPC".to_owned()),
        max_session_duration: None,
        permissions_boundary: None,
        tags: declare.tags("flow_log_role"),
    };
    let role = declare.add::<Role>("flow_log_role", &spec)?;
    let spec = role_policy::Spec {
        role_name: role.get(role::out::ROLE_NAME),
        policy_name: "write".to_owned(),
        policy_document: Policy::declared(policies::write(group.json(log_group::out::ARN), place)),
    };
    let policy = declare.add::<RolePolicy>("flow_log_policy", &spec)?;
    Ok((role, policy))
}
