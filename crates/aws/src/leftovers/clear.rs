//! Deletes leftovers: one pass over what is there, in the order in which it can go.
//!
//! A pass never waits. What goes by itself is answered as pending, and the engine asks again; what cannot be deleted
//! is noted with the reason, and the rest goes on.

use aws_sdk_route53::types::ChangeAction;
use platctl_engine::{Class, CloudError, CloudResult};

use super::records::id_of;
use super::{Departure, Leftover, Maker, Remaining, Search, Thing, Volumes, find};
use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};
use crate::route53::{change_records, read_records};
use crate::tags::filter;

/// What came of one object.
enum Fate {
    Gone,
    /// It goes, but not at once.
    Going(String),
    Kept,
}

/// Deletes what programs of a cluster have made. Answers what is on its way out.
///
/// # Errors
/// Only what may pass: a throttled listing. What is refused for good is noted in [`Cloud::departure`].
pub async fn clear(cloud: &Cloud, search: &Search) -> CloudResult<Vec<String>> {
    let found = match find(cloud, search).await {
        Ok(found) => found,
        Err(error) if error.class.is_transient() => return Err(error),
        Err(error) => {
            cloud.departure.stays(unlisted(search, &error));
            return Ok(Vec::new());
        }
    };
    let departing = Departing {
        cloud,
        search,
        overdue: !found.is_empty() && cloud.departure.is_overdue(),
    };
    let mut going = Vec::new();
    for one in found {
        going.extend(departing.part_with(&one).await);
    }
    Ok(going)
}

fn unlisted(search: &Search, error: &CloudError) -> Remaining {
    let cluster = search.cluster.as_deref().unwrap_or_default();
    Remaining {
        what: format!("what programs in the cluster {cluster} made in AWS"),
        why: format!("it cannot be listed: {error}"),
        next: "allow the action, and run `platctl destroy` again".to_owned(),
        kept: false,
    }
}

/// One pass.
struct Departing<'a> {
    cloud: &'a Cloud,
    search: &'a Search,
    /// Whether what goes by itself has had its time.
    overdue: bool,
}

impl Departing<'_> {
    /// Deletes one of them. Answers what is waited for, in words.
    async fn part_with(&self, one: &Leftover) -> Option<String> {
        let departure: &Departure = &self.cloud.departure;
        match self.delete(one).await {
            Ok(Fate::Gone) => departure.deletes(one.to_string()),
            Ok(Fate::Going(why)) if self.overdue => departure.stays(remaining(one, why, false)),
            Ok(Fate::Going(why)) => return Some(format!("{one} {why}")),
            Ok(Fate::Kept) => {
                let why = "its data is kept".to_owned();
                departure.stays(remaining(one, why, true));
            }
            Err(error) if error.class.is_transient() && !self.overdue => {
                return Some(format!("{one}: {error}"));
            }
            Err(error) => departure.stays(remaining(one, error.to_string(), false)),
        }
        None
    }

    async fn delete(&self, one: &Leftover) -> CloudResult<Fate> {
        let deleted = match one.thing {
            Thing::Instance => return self.instance(one).await,
            Thing::SecurityGroup => return self.group(one).await,
            Thing::Volume => return self.volume(one).await,
            Thing::LoadBalancer => self.load_balancer(one).await,
            Thing::TargetGroup => return self.target_group(one).await,
            Thing::NetworkInterface => self.interface(one).await,
            Thing::LaunchTemplate => self.template(one).await,
            Thing::InstanceProfile => self.profile(one).await,
            Thing::Record => self.record(one).await,
            Thing::LogGroup => self.log_group(one).await,
        };
        if_there(deleted).map(|_| Fate::Gone)
    }

    async fn instance(&self, one: &Leftover) -> CloudResult<Fate> {
        if one.status.as_deref() != Some("shutting-down") {
            let call = self.cloud.ec2.terminate_instances().instance_ids(&one.id);
            if if_there(call.send().ask().await)?.is_none() {
                return Ok(Fate::Gone);
            }
        }
        Ok(Fate::Going("is being terminated".to_owned()))
    }

    async fn load_balancer(&self, one: &Leftover) -> CloudResult<()> {
        let call = self.cloud.elbv2.delete_load_balancer();
        let call = call.load_balancer_arn(&one.id);
        call.send().ask().await.map(drop)
    }

    async fn target_group(&self, one: &Leftover) -> CloudResult<Fate> {
        let call = self.cloud.elbv2.delete_target_group();
        let deleted = call.target_group_arn(&one.id).send().ask().await;
        match if_there(deleted) {
            // The listener that used it went a moment ago.
            Err(error) if error.class == Class::InUse => Ok(Fate::Going(error.message)),
            other => other.map(|_| Fate::Gone),
        }
    }

    async fn interface(&self, one: &Leftover) -> CloudResult<()> {
        let call = self.cloud.ec2.delete_network_interface();
        let call = call.network_interface_id(&one.id);
        call.send().ask().await.map(drop)
    }

    async fn volume(&self, one: &Leftover) -> CloudResult<Fate> {
        if self.cloud.departure.volumes() == Volumes::Keep {
            return Ok(Fate::Kept);
        }
        let deleted = self.cloud.ec2.delete_volume().volume_id(&one.id).send();
        match if_there(deleted.ask().await) {
            Err(error) if error.class == Class::InUse => {
                Ok(Fate::Going("is being detached".to_owned()))
            }
            other => other.map(|_| Fate::Gone),
        }
    }

    async fn template(&self, one: &Leftover) -> CloudResult<()> {
        let call = self.cloud.ec2.delete_launch_template();
        let call = call.launch_template_id(&one.id);
        call.send().ask().await.map(drop)
    }

    async fn profile(&self, one: &Leftover) -> CloudResult<()> {
        let iam = &self.cloud.iam;
        let call = iam.get_instance_profile().instance_profile_name(&one.id);
        let found = call.send().ask().await?;
        let profile = found.instance_profile();
        for role in profile.map(|one| one.roles()).unwrap_or_default() {
            let call = iam
                .remove_role_from_instance_profile()
                .instance_profile_name(&one.id)
                .role_name(role.role_name());
            if_there(call.send().ask().await)?;
        }
        let call = iam.delete_instance_profile();
        let call = call.instance_profile_name(&one.id);
        call.send().ask().await.map(drop)
    }

    async fn record(&self, one: &Leftover) -> CloudResult<()> {
        let zone = one.zone.as_deref().unwrap_or_default();
        let all = read_records(self.cloud, zone, None).await?;
        let these = all.unwrap_or_default().into_iter();
        let these = these.filter(|record| id_of(record) == one.id).collect();
        change_records(self.cloud, zone, ChangeAction::Delete, these).await
    }

    async fn log_group(&self, one: &Leftover) -> CloudResult<()> {
        let call = self.cloud.logs.delete_log_group();
        call.log_group_name(&one.id).send().ask().await.map(drop)
    }

    /// A group goes when no rule refers to it and no interface has it.
    async fn group(&self, one: &Leftover) -> CloudResult<Fate> {
        // EKS deletes it with the cluster; after that, it is a leftover like all others.
        if one.made.by == Maker::Eks && !self.search.wants(Thing::LogGroup) {
            return Ok(Fate::Gone);
        }
        if let Some(vpc) = &one.vpc {
            self.revoke(vpc, &one.id).await?;
        }
        let call = self.cloud.ec2.delete_security_group().group_id(&one.id);
        match if_there(call.send().ask().await) {
            Err(error) if error.class == Class::InUse => self.held(one, error).await,
            other => other.map(|_| Fate::Gone),
        }
    }

    /// What has the group: the interfaces of a load balancer go after it, and those of nodes with them. For anything
    /// else there is nothing to wait for.
    async fn held(&self, one: &Leftover, error: CloudError) -> CloudResult<Fate> {
        let holders = crate::ec2::interfaces_with(self.cloud, &one.id).await?;
        let names: Vec<&str> = holders.iter().map(|(words, _)| words.as_str()).collect();
        if names.is_empty() {
            return Ok(Fate::Going(error.message));
        }
        if holders.iter().all(|(_, passes)| *passes) {
            return Ok(Fate::Going(format!("is used by {}", names.join(", "))));
        }
        let message = format!("it is used by {}", names.join(", "));
        Err(CloudError::new(Class::Invalid, error.operation, message))
    }

    /// Takes the rules of other groups of the VPC away that refer to this one: nothing goes from or to it any more.
    async fn revoke(&self, vpc: &str, group: &str) -> CloudResult<()> {
        let ec2 = &self.cloud.ec2;
        let call = ec2.describe_security_groups();
        let call = call.filters(filter("vpc-id", [vpc])).into_paginator();
        let groups: Result<Vec<_>, _> = call.items().send().collect().await;
        let refers = |rule: &aws_sdk_ec2::types::IpPermission| {
            let mut pairs = rule.user_id_group_pairs().iter();
            pairs.any(|pair| pair.group_id() == Some(group))
        };
        for other in groups.asked()? {
            let rules = [other.ip_permissions(), other.ip_permissions_egress()];
            if let Some(id) = other.group_id()
                && rules.into_iter().flatten().any(refers)
            {
                self.revoke_in(id, group).await?;
            }
        }
        Ok(())
    }

    async fn revoke_in(&self, other: &str, group: &str) -> CloudResult<()> {
        let ec2 = &self.cloud.ec2;
        let call = ec2.describe_security_group_rules();
        let call = call.filters(filter("group-id", [other])).into_paginator();
        let rules: Result<Vec<_>, _> = call.items().send().collect().await;
        let rules = rules.asked()?;
        let referring = |egress: bool| -> Vec<String> {
            let of = rules.iter().filter(|rule| {
                let info = rule.referenced_group_info();
                rule.is_egress() == Some(egress)
                    && info.and_then(|info| info.group_id()) == Some(group)
            });
            of.filter_map(|rule| rule.security_group_rule_id().map(ToOwned::to_owned))
                .collect()
        };
        let (ingress, egress) = (referring(false), referring(true));
        if !ingress.is_empty() {
            let call = ec2.revoke_security_group_ingress().group_id(other);
            let call = call.set_security_group_rule_ids(Some(ingress));
            if_there(call.send().ask().await)?;
        }
        if !egress.is_empty() {
            let call = ec2.revoke_security_group_egress().group_id(other);
            let call = call.set_security_group_rule_ids(Some(egress));
            if_there(call.send().ask().await)?;
        }
        Ok(())
    }
}

fn remaining(one: &Leftover, why: String, kept: bool) -> Remaining {
    Remaining {
        what: one.to_string(),
        why,
        next: one.command(),
        kept,
    }
}
