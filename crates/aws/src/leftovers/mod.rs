//! What programs in a cluster have made in AWS, and what nobody deletes when the programs and the cluster are gone.
//!
//! Only exact tags count: the name of the cluster is compared as a whole, so that a cluster of a similar name, another
//! cluster in the same VPC and what somebody else named in the same way are left alone. What carries the ownership tags
//! of a stack is never a leftover: its stack deletes it.

mod balancers;
pub(crate) mod claims;
mod clear;
mod compute;
mod find;
mod interfaces;
mod logs;
mod made;
mod profiles;
mod records;
mod report;

use std::fmt;

pub use clear::clear;
pub(crate) use clear::clear_late;
pub(crate) use compute::tags_of;
pub use find::find;
pub use made::{Made, Maker};
pub(crate) use made::{group, interface};
pub use report::{Departure, Remaining, Volumes};

/// What a leftover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Thing {
    Instance,
    LoadBalancer,
    TargetGroup,
    NetworkInterface,
    SecurityGroup,
    Volume,
    LaunchTemplate,
    InstanceProfile,
    Record,
    LogGroup,
}

impl Thing {
    /// All of them, in the order in which they are deleted: what others are used by comes first.
    pub const ALL: [Self; 10] = [
        Self::Instance,
        Self::LoadBalancer,
        Self::TargetGroup,
        Self::NetworkInterface,
        Self::SecurityGroup,
        Self::Volume,
        Self::LaunchTemplate,
        Self::InstanceProfile,
        Self::Record,
        Self::LogGroup,
    ];

    /// Its name, as AWS's documentation writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instance => "EC2 instance",
            Self::LoadBalancer => "load balancer",
            Self::TargetGroup => "target group",
            Self::NetworkInterface => "network interface",
            Self::SecurityGroup => "security group",
            Self::Volume => "EBS volume",
            Self::LaunchTemplate => "launch template",
            Self::InstanceProfile => "instance profile",
            Self::Record => "DNS record",
            Self::LogGroup => "log group",
        }
    }

    /// What deletes it with the AWS CLI, for where platctl must not or cannot.
    #[must_use]
    const fn command(self) -> &'static str {
        match self {
            Self::Instance => "aws ec2 terminate-instances --instance-ids",
            Self::LoadBalancer => "aws elbv2 delete-load-balancer --load-balancer-arn",
            Self::TargetGroup => "aws elbv2 delete-target-group --target-group-arn",
            Self::NetworkInterface => "aws ec2 delete-network-interface --network-interface-id",
            Self::SecurityGroup => "aws ec2 delete-security-group --group-id",
            Self::Volume => "aws ec2 delete-volume --volume-id",
            Self::LaunchTemplate => "aws ec2 delete-launch-template --launch-template-id",
            Self::InstanceProfile => "aws iam delete-instance-profile --instance-profile-name",
            Self::Record => "aws route53 change-resource-record-sets",
            Self::LogGroup => "aws logs delete-log-group --log-group-name",
        }
    }
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The cluster; without it, what was made for any cluster counts.
    pub cluster: Option<String>,
    /// The VPC, for what is in one; without it, all VPCs of the region.
    pub vpc: Option<String>,
    /// The IDs of the hosted zones in which records may be deleted: those of the stack.
    pub zones: Vec<String>,
    /// What to look for; everything when there is nothing.
    pub only: Vec<Thing>,
    /// Whether the cluster is still there: its own security group and its log groups are then no leftovers yet.
    pub alive: bool,
}

impl Search {
    pub(crate) fn wants(&self, thing: Thing) -> bool {
        let early = self.alive && thing == Thing::LogGroup;
        !early && (self.only.is_empty() || self.only.contains(&thing))
    }

    fn is_about(&self, cluster: &str) -> bool {
        self.cluster.as_deref().is_none_or(|name| name == cluster)
    }

    fn is_in(&self, vpc: Option<&str>) -> bool {
        self.vpc.is_none() || self.vpc.as_deref() == vpc
    }
}

/// An object that a program in a cluster has made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// What it is.
    pub thing: Thing,
    /// Its ID, ARN or name: what the API of its service takes.
    pub id: String,
    /// The name by which people know it; empty if it has none.
    pub name: String,
    /// For which cluster it was made, by whom, and by which tag that is known.
    pub made: Made,
    /// The VPC that it is in; none for what is in no VPC.
    pub vpc: Option<String>,
    /// AWS's own status: `available`, `in-use`, `running`.
    pub status: Option<String>,
    /// The size of a volume.
    pub size_gib: Option<i32>,
    /// The hosted zone of a record.
    pub zone: Option<String>,
}

impl Leftover {
    /// What deletes it by hand.
    #[must_use]
    pub fn command(&self) -> String {
        match (&self.zone, self.thing) {
            (Some(zone), Thing::Record) => {
                format!(
                    "{} --hosted-zone-id {zone}, for {}",
                    self.thing.command(),
                    self.name
                )
            }
            _ => format!("{} {}", self.thing.command(), self.id),
        }
    }
}

impl fmt::Display for Leftover {
    /// `load balancer k8s-web (made by AWS Load Balancer Controller, tag elbv2.k8s.aws/cluster=prod-cluster)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.id.starts_with("arn:") && !self.name.is_empty();
        let id = if known { &self.name } else { &self.id };
        write!(f, "{} {id}", self.thing.name())?;
        if let Some(size) = self.size_gib {
            write!(f, " of {size} GiB")?;
        }
        if !known && !self.name.is_empty() && self.name != self.id {
            write!(f, " ({})", self.name)?;
        }
        write!(f, " (made by {}, {})", self.made.by, self.made.known_by)
    }
}
