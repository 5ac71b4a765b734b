//! Deletes leftovers: one pass over what is there, in the order in which it can go.
//!
//! A pass never waits. What goes by itself is answered as pending, and the engine asks again; what cannot be deleted
//! is noted with the reason, and the rest goes on.

use aws_sdk_route53::types::ChangeAction;
use platctl_engine::retry::call_with_retries;
use platctl_engine::{Class, CloudError, CloudResult};

use super::records::id_of;
use super::{Departure, Leftover, Remaining, Search, Thing, find};
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
    if let Some(cluster) = search.cluster.as_deref().filter(|_| !search.alive) {
        cloud.departure.ends(&cloud.region, cluster);
    }
    let mut found = Vec::new();
    for looked in find::each(cloud, search).await {
        match looked {
            Ok(these) => found.extend(these),
            Err(error) if error.class.is_transient() => return Err(error),
            Err(error) => cloud.departure.stays(unlisted(search, &error)),
        }
    }
    let found = find::in_order(found.into_iter());
    let departing = Departing {
        cloud,
        overdue: !found.is_empty() && cloud.departure.is_overdue(),
    };
    let mut going = Vec::new();
    for one in found {
        going.extend(departing.part_with(&one).await);
    }
    Ok(going)
}

/// The last look at what services have written after all else was gone: they make log groups again. What fails is noted.
pub(crate) async fn clear_late(cloud: &Cloud, cluster: &str) {
    let search = Search {
        cluster: Some(cluster.to_owned()),
        only: vec![Thing::LogGroup],
        ..Search::default()
    };
    let what = format!("deleting log groups of the cluster {cluster}");
    let done = call_with_retries(&cloud.teller, what, || clear(cloud, &search)).await;
    if let Err(error) = done {
        cloud.departure.stays(unlisted(&search, &error));
    }
}

fn unlisted(search: &Search, error: &CloudError) -> Remaining {
    let cluster = search.cluster.as_deref().unwrap_or_default();
    Remaining {
        what: format!(
            "what workloads of the cluster {cluster} made, by {}",
            error.operation
        ),
        why: format!("it cannot be listed: {error}"),
        next: "allow the action, and run `platctl destroy` again".to_owned(),
        kept: false,
    }
}

/// One pass.
struct Departing<'a> {
    cloud: &'a Cloud,
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
            Ok(Fate::Going(why)) => {
                // A terminated instance is not found by the next look.
                if one.thing == Thing::Instance {
                    departure.deletes(one.to_string());
                }
                return Some(format!("{one} {why}"));
            }
            Ok(Fate::Kept) => {
                let why = "its data is kept".to_owned();
                departure.stays(remaining(one, why, true));
            }
            Err(error) if error.class.is_transient() && !self.overdue => {
                return Some(format!("{one}: {error}"));
            }
            Err(error) => departure.stays(Remaining {
                next: next(one, &error),
                ..remaining(one, error.to_string(), false)
            }),
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
        if self.cloud.departure.keeps(&one.id) {
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
        if let Some(name) = self.stays_with(&one.id).await? {
            let message = format!("it is used by load balancer {name}, which is not deleted");
            return Err(CloudError::new(Class::Invalid, error.operation, message));
        }
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

    /// The load balancer that has the group and stays for good, so that nobody lets go of the group.
    async fn stays_with(&self, group: &str) -> CloudResult<Option<String>> {
        let staying = self.cloud.departure.remaining();
        let stays = |name: &str| {
            let words = format!("{} {name} (", Thing::LoadBalancer.name());
            staying.iter().any(|other| other.what.starts_with(&words))
        };
        if !staying
            .iter()
            .any(|other| other.what.starts_with(Thing::LoadBalancer.name()))
        {
            return Ok(None);
        }
        let pages = self.cloud.elbv2.describe_load_balancers().into_paginator();
        let found: Result<Vec<_>, _> = pages.items().send().collect().await;
        let found = found.asked()?;
        let has = |groups: &[String]| groups.iter().any(|one| one == group);
        let mut holding = found
            .iter()
            .filter(|one| has(one.security_groups()))
            .filter_map(|one| one.load_balancer_name());
        Ok(holding.find(|name| stays(name)).map(ToOwned::to_owned))
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

/// What to type. AWS refuses a protected load balancer to everybody.
fn next(one: &Leftover, error: &CloudError) -> String {
    if one.thing == Thing::LoadBalancer && error.message.contains("deletion protection") {
        return format!(
            "aws elbv2 modify-load-balancer-attributes --load-balancer-arn {} --attributes \
             Key=deletion_protection.enabled,Value=false; then run `platctl destroy` again",
            one.id
        );
    }
    one.command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use crate::leftovers::{Made, Maker, Volumes};
    use aws_sdk_ec2::operation::delete_security_group::{
        DeleteSecurityGroupError, DeleteSecurityGroupOutput,
    };
    use aws_sdk_ec2::operation::delete_volume::DeleteVolumeOutput;
    use aws_sdk_ec2::operation::describe_security_group_rules::DescribeSecurityGroupRulesOutput;
    use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsOutput;
    use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressOutput;
    use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesOutput;
    use aws_sdk_ec2::types::{
        IpPermission, ReferencedSecurityGroup, SecurityGroup, SecurityGroupRule, UserIdGroupPair,
    };
    use aws_sdk_elasticloadbalancingv2::operation::delete_load_balancer::DeleteLoadBalancerError;
    use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::DescribeLoadBalancersOutput;
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
    use aws_sdk_elasticloadbalancingv2::types::error::OperationNotPermittedException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    fn leftover(thing: Thing, id: &str) -> Leftover {
        Leftover {
            thing,
            id: id.to_owned(),
            name: String::new(),
            made: Made {
                cluster: "prod-cluster".into(),
                by: Maker::LoadBalancerController,
                known_by: "tag elbv2.k8s.aws/cluster=prod-cluster".into(),
            },
            vpc: Some("vpc-1".into()),
            status: None,
            size_gib: None,
            zone: None,
        }
    }

    const fn pass(cloud: &Cloud) -> Departing<'_> {
        Departing {
            cloud,
            overdue: false,
        }
    }

    #[tokio::test]
    async fn rules_that_refer_to_a_group_go_before_it() {
        let groups = mock!(aws_sdk_ec2::Client::describe_security_groups).then_output(|| {
            let pair = UserIdGroupPair::builder().group_id("sg-1").build();
            let refers = IpPermission::builder().user_id_group_pairs(pair).build();
            let nodes = SecurityGroup::builder()
                .group_id("sg-nodes")
                .ip_permissions(refers);
            let other = SecurityGroup::builder().group_id("sg-other");
            DescribeSecurityGroupsOutput::builder()
                .security_groups(nodes.build())
                .security_groups(other.build())
                .build()
        });
        let rules = mock!(aws_sdk_ec2::Client::describe_security_group_rules).then_output(|| {
            let rule = |id: &str, from: &str| {
                let group = ReferencedSecurityGroup::builder().group_id(from).build();
                SecurityGroupRule::builder()
                    .security_group_rule_id(id)
                    .is_egress(false)
                    .referenced_group_info(group)
                    .build()
            };
            DescribeSecurityGroupRulesOutput::builder()
                .security_group_rules(rule("sgr-1", "sg-1"))
                .security_group_rules(rule("sgr-2", "sg-2"))
                .build()
        });
        let revoke = mock!(aws_sdk_ec2::Client::revoke_security_group_ingress)
            .match_requests(|request| {
                request.group_id() == Some("sg-nodes")
                    && request.security_group_rule_ids() == ["sgr-1"]
            })
            .then_output(|| RevokeSecurityGroupIngressOutput::builder().build());
        let delete = mock!(aws_sdk_ec2::Client::delete_security_group)
            .match_requests(|request| request.group_id() == Some("sg-1"))
            .then_output(|| DeleteSecurityGroupOutput::builder().build());
        let ec2 = mock_client!(
            aws_sdk_ec2,
            RuleMode::Sequential,
            &[&groups, &rules, &revoke, &delete]
        );
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let one = leftover(Thing::SecurityGroup, "sg-1");
        assert_eq!(pass(&cloud).part_with(&one).await, None);
        assert_eq!(delete.num_calls(), 1);
        assert_eq!(cloud.departure.deleted(), [one.to_string()]);
    }

    #[tokio::test]
    async fn what_cannot_be_deleted_is_named_with_what_to_type() {
        let delete = mock!(aws_sdk_elasticloadbalancingv2::Client::delete_load_balancer)
            .then_error(|| {
                let meta = ErrorMetadata::builder()
                    .code("OperationNotPermitted")
                    .message("deletion protection is enabled")
                    .build();
                let error = OperationNotPermittedException::builder().meta(meta).build();
                DeleteLoadBalancerError::OperationNotPermittedException(error)
            });
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&delete]
        );
        let cloud = Cloud {
            elbv2: elbv2.into(),
            ..cloud()
        };
        let one = leftover(Thing::LoadBalancer, "arn:aws:balancer");
        assert_eq!(pass(&cloud).part_with(&one).await, None);
        let remaining = cloud.departure.remaining();
        assert!(cloud.departure.is_incomplete());
        assert!(
            remaining[0].why.contains("deletion protection is enabled"),
            "{remaining:?}"
        );
        assert_eq!(
            remaining[0].next,
            "aws elbv2 modify-load-balancer-attributes --load-balancer-arn arn:aws:balancer --attributes \
             Key=deletion_protection.enabled,Value=false; then run `platctl destroy` again"
        );
    }

    #[tokio::test]
    async fn a_group_of_a_load_balancer_that_stays_is_not_waited_for() {
        let groups = mock!(aws_sdk_ec2::Client::describe_security_groups)
            .then_output(|| DescribeSecurityGroupsOutput::builder().build());
        let delete = mock!(aws_sdk_ec2::Client::delete_security_group).then_error(|| {
            let meta = ErrorMetadata::builder()
                .code("DependencyViolation")
                .message("resource sg-1 has a dependent object")
                .build();
            DeleteSecurityGroupError::generic(meta)
        });
        let balancers = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_load_balancers)
            .then_output(|| {
                let balancer = LoadBalancer::builder()
                    .load_balancer_name("k8s-web")
                    .security_groups("sg-1")
                    .build();
                DescribeLoadBalancersOutput::builder()
                    .load_balancers(balancer)
                    .build()
            });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&groups, &delete]);
        let elbv2 = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            &[&balancers]
        );
        let cloud = Cloud {
            ec2: ec2.into(),
            elbv2: elbv2.into(),
            ..cloud()
        };
        let balancer = Leftover {
            name: "k8s-web".into(),
            ..leftover(Thing::LoadBalancer, "arn:aws:balancer")
        };
        let why = "it is protected".to_owned();
        cloud.departure.stays(remaining(&balancer, why, false));
        let group = leftover(Thing::SecurityGroup, "sg-1");
        assert_eq!(pass(&cloud).part_with(&group).await, None);
        let stays = cloud.departure.remaining();
        assert!(
            stays[1]
                .why
                .contains("it is used by load balancer k8s-web, which is not deleted"),
            "{stays:?}"
        );
    }

    #[tokio::test]
    async fn an_instance_is_terminated_and_waited_for() {
        let terminate = mock!(aws_sdk_ec2::Client::terminate_instances)
            .match_requests(|request| request.instance_ids() == ["i-1"])
            .then_output(|| TerminateInstancesOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&terminate]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let going = Leftover {
            status: Some("shutting-down".into()),
            ..leftover(Thing::Instance, "i-2")
        };
        let one = leftover(Thing::Instance, "i-1");
        let waits = pass(&cloud).part_with(&one).await;
        assert!(waits.is_some_and(|waits| waits.contains("i-1")));
        assert!(pass(&cloud).part_with(&going).await.is_some());
        assert_eq!(terminate.num_calls(), 1);
    }

    #[tokio::test]
    async fn the_data_of_a_volume_dies_only_by_consent() {
        let delete = mock!(aws_sdk_ec2::Client::delete_volume)
            .match_requests(|request| request.volume_id() == Some("vol-2"))
            .then_output(|| DeleteVolumeOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&delete]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let one = leftover(Thing::Volume, "vol-1");
        pass(&cloud).part_with(&one).await;
        assert!(cloud.departure.remaining()[0].kept);
        assert!(!cloud.departure.is_incomplete(), "it is kept on purpose");

        cloud.departure.set_volumes(Volumes::Delete);
        cloud.departure.keep(["vol-1".to_owned()]);
        pass(&cloud).part_with(&one).await;
        let other = leftover(Thing::Volume, "vol-2");
        pass(&cloud).part_with(&other).await;
        assert_eq!(delete.num_calls(), 1, "one whose claim retains it stays");
    }
}
