//! The rollback of a recent upgrade of a cluster: EKS offers it for seven days after an upgrade, to the version before.

use std::time::{Duration, SystemTime};

use aws_sdk_eks::types::{ResolveConflicts, Update, UpdateStatus, UpdateType};
use aws_smithy_types::DateTime;
use platctl_engine::retry::call_with_retries;
use platctl_engine::{Address, Class, CloudError, CloudResult};

use super::addon::CHOSEN_FOR;
use super::addon_versions::{self, Installed};
use super::node_versions::{Nodes, newer};
use super::readiness::version;
use super::updates::{self, Subject};
use crate::Cloud;
use crate::errors::Ask;
use crate::poll::until;
use crate::versions::kubernetes;

/// How often an update is looked at, and for how long: nodes go one after another.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// What a rollback of a cluster comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The cluster's version now.
    pub from: String,
    /// The version before, the only one to which EKS takes a cluster back.
    pub to: String,
    /// The node groups whose nodes are newer than that: nodes must not be newer than the cluster, so they go first.
    pub node_groups: Vec<Nodes>,
    /// The add-ons whose versions do not support that version, kube-proxy above all, and the versions that they get: EKS
    /// takes no cluster back before.
    pub add_ons: Vec<(String, String)>,
}

/// For how long EKS takes a cluster back, from the end of the upgrade on. That is within a day of its beginning.
const WINDOW: i64 = 7 * DAY;
const DAY: i64 = 24 * 60 * 60;

/// What a rollback of the cluster would do. None when there is no such cluster.
///
/// # Errors
/// What EKS answers.
pub async fn look(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Rollback>> {
    let Some(from) = version(cloud, cluster).await? else {
        return Ok(None);
    };
    let Some((major, minor)) = kubernetes(&from).filter(|(_, minor)| *minor > 0) else {
        let message =
            format!("the version of {cluster} is `{from}`, which has no version before it");
        return Err(CloudError::new(Class::Invalid, OPERATION, message));
    };
    // EKS itself says so only at the end, when all nodes have been replaced.
    let last = last_move(cloud, cluster).await?;
    if let Some(why) = refused(last.as_ref(), &from, now()) {
        let message = format!("{cluster} cannot be rolled back: {why}. Nothing was changed");
        return Err(CloudError::new(Class::Protected, OPERATION, message));
    }
    let to = format!("{major}.{}", minor - 1);
    let node_groups = newer(cloud, cluster, &to).await?;
    let add_ons = unfit(cloud, cluster, &to).await?;
    Ok(Some(Rollback {
        from,
        to,
        node_groups,
        add_ons,
    }))
}

fn now() -> i64 {
    DateTime::from(SystemTime::now()).secs()
}

/// The last upgrade or rollback of the control plane; those that EKS gave up do not count.
async fn last_move(cloud: &Cloud, cluster: &str) -> CloudResult<Option<Update>> {
    let counts = |update: &Update| {
        let moved = [UpdateType::VersionUpdate, UpdateType::VersionRollback];
        let made = [UpdateStatus::Successful, UpdateStatus::InProgress];
        update.r#type().is_some_and(|kind| moved.contains(kind))
            && update.status().is_some_and(|status| made.contains(status))
    };
    let of = Subject {
        cluster,
        ..Subject::default()
    };
    let what = format!("reading the updates of {cluster}");
    call_with_retries(&cloud.teller, what, || updates::latest(cloud, of, counts)).await
}

/// Why EKS would not take a cluster back after this upgrade or rollback; none where it may.
fn refused(last: Option<&Update>, from: &str, now: i64) -> Option<String> {
    let Some(last) = last else {
        return Some(format!(
            "EKS knows of no upgrade to Kubernetes {from}, and a cluster stays at the version with which it was created"
        ));
    };
    let goes_on = last.status() == Some(&UpdateStatus::InProgress);
    let is_rollback = last.r#type() == Some(&UpdateType::VersionRollback);
    match (is_rollback, goes_on) {
        (true, true) => return Some("it is being rolled back already".into()),
        (true, false) => return Some("its last upgrade has been rolled back already".into()),
        (false, true) => return Some("its upgrade has not ended yet".into()),
        (false, false) => {}
    }
    let begun = last.created_at().map(DateTime::secs)?;
    (now - begun > WINDOW + DAY).then(|| {
        "its last upgrade was more than seven days ago, and EKS allows it no longer".into()
    })
}

const OPERATION: &str = "eks:UpdateClusterVersion";

/// The add-ons whose versions do not support a version of Kubernetes, and EKS's default there.
async fn unfit(
    cloud: &Cloud,
    cluster: &str,
    kubernetes: &str,
) -> CloudResult<Vec<(String, String)>> {
    let installed = addon_versions::installed(cloud, cluster, kubernetes).await?;
    let unfit = |addon: Installed| {
        let fits = addon.offered.all.contains(&addon.version);
        Some((addon.name, addon.offered.default.filter(|_| !fits)?))
    };
    Ok(installed.into_iter().filter_map(unfit).collect())
}

/// Gives an add-on another version, with the settings that it has, and waits for it. `kubernetes` is noted as the version
/// for which it was chosen, so that the next upgrade takes it along.
///
/// # Errors
/// What EKS answers, and why it gave the update up.
pub async fn add_on(
    cloud: &Cloud,
    cluster: &str,
    name: &str,
    (version, kubernetes): (&str, &str),
) -> CloudResult<()> {
    let call = cloud.eks.describe_addon().cluster_name(cluster);
    let found = call.addon_name(name).send().ask().await?;
    let addon = found.addon();
    let values = addon.and_then(|addon| addon.configuration_values());
    let role = addon.and_then(|addon| addon.service_account_role_arn());
    let call = cloud.eks.update_addon().cluster_name(cluster);
    let call = call.addon_name(name).addon_version(version);
    let call = call.set_configuration_values(values.map(ToOwned::to_owned));
    let call = call.set_service_account_role_arn(role.map(ToOwned::to_owned));
    let call = call.resolve_conflicts(ResolveConflicts::Overwrite);
    let begun = call.send().ask().await?;
    let of = Subject {
        cluster,
        addon: Some(name),
        ..Subject::default()
    };
    ended(cloud, of, begun.update()).await?;
    let Some(arn) = addon.and_then(|addon| addon.addon_arn()) else {
        return Ok(());
    };
    let call = cloud.eks.tag_resource().resource_arn(arn);
    let call = call.tags(CHOSEN_FOR, kubernetes);
    call.send().ask().await.map(drop)
}

/// Replaces the nodes of a group by ones of the version, and waits for it; with `force`, in spite of
/// PodDisruptionBudgets.
///
/// # Errors
/// What EKS answers, and why it gave the update up.
pub async fn node_group(
    cloud: &Cloud,
    cluster: &str,
    nodes: &Nodes,
    (version, force): (&str, bool),
) -> CloudResult<()> {
    let call = cloud.eks.update_nodegroup_version().cluster_name(cluster);
    let call = call.nodegroup_name(&nodes.name).version(version);
    let begun = call.set_force(force.then_some(true)).send().ask().await?;
    let of = Subject {
        cluster,
        node_group: Some(&nodes.name),
        address: nodes.address.as_ref().map(Address::as_str),
        ..Subject::default()
    };
    ended(cloud, of, begun.update()).await
}

/// Takes the control plane back to the version, and waits for it. EKS checks first whether anything speaks against it.
///
/// # Errors
/// What EKS answers, and why it gave the update up.
pub async fn control_plane(cloud: &Cloud, cluster: &str, version: &str) -> CloudResult<()> {
    let call = cloud.eks.update_cluster_version().name(cluster);
    let begun = call.version(version).send().ask().await?;
    let of = Subject {
        cluster,
        ..Subject::default()
    };
    ended(cloud, of, begun.update()).await
}

/// Waits until an update has ended.
async fn ended(cloud: &Cloud, of: Subject<'_>, update: Option<&Update>) -> CloudResult<()> {
    let Some(id) = update.and_then(Update::id) else {
        return Ok(());
    };
    let what = of.node_group.or(of.addon).unwrap_or(of.cluster);
    let told = cloud.teller.about(format!("rolling back {what}"));
    told.for_reason("EKS is working on it");
    told.during(until_ended(cloud, of, id)).await
}

async fn until_ended(cloud: &Cloud, of: Subject<'_>, id: &str) -> CloudResult<()> {
    let operation = "eks:DescribeUpdate";
    let state = until(PAUSE, LONGEST, || async {
        let what = format!("reading the update {id}");
        let update =
            call_with_retries(&cloud.teller, what, || updates::read(cloud, of, id)).await?;
        let status = update.as_ref().and_then(Update::status);
        if status == Some(&UpdateStatus::Successful) {
            return Ok(Ok(()));
        }
        match update.as_ref().and_then(|update| updates::why(update, of)) {
            Some(why) => Err(CloudError::new(Class::Invalid, operation, why)),
            None => Ok(Err(())),
        }
    });
    state.await?.map_err(|()| {
        let message = format!("the update {id} has not ended after 6 hours; EKS continues with it");
        CloudError::new(Class::Busy, operation, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_eks::operation::describe_addon::DescribeAddonOutput;
    use aws_sdk_eks::operation::describe_addon_versions::DescribeAddonVersionsOutput;
    use aws_sdk_eks::operation::describe_cluster::DescribeClusterOutput;
    use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupOutput;
    use aws_sdk_eks::operation::describe_update::DescribeUpdateOutput;
    use aws_sdk_eks::operation::list_addons::ListAddonsOutput;
    use aws_sdk_eks::operation::list_nodegroups::ListNodegroupsOutput;
    use aws_sdk_eks::operation::list_updates::ListUpdatesOutput;
    use aws_sdk_eks::operation::tag_resource::TagResourceOutput;
    use aws_sdk_eks::operation::update_addon::UpdateAddonOutput;
    use aws_sdk_eks::operation::update_cluster_version::UpdateClusterVersionOutput;
    use aws_sdk_eks::operation::update_nodegroup_version::UpdateNodegroupVersionOutput;
    use aws_sdk_eks::types::{
        Addon, AddonInfo, AddonVersionInfo, Cluster, Compatibility, ErrorCode, ErrorDetail,
        Nodegroup,
    };
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    /// An upgrade or a rollback that was begun at this time.
    fn moved(kind: UpdateType, status: UpdateStatus, begun: i64) -> Update {
        let update = Update::builder().id("u").r#type(kind).status(status);
        update.created_at(DateTime::from_secs(begun)).build()
    }

    /// An EKS that remembers an upgrade of a minute ago.
    fn upgraded() -> [Rule; 2] {
        let list = mock!(aws_sdk_eks::Client::list_updates)
            .then_output(|| ListUpdatesOutput::builder().update_ids("u").build());
        let read = mock!(aws_sdk_eks::Client::describe_update).then_output(|| {
            let update = moved(
                UpdateType::VersionUpdate,
                UpdateStatus::Successful,
                now() - 60,
            );
            DescribeUpdateOutput::builder().update(update).build()
        });
        [list, read]
    }

    /// kube-proxy as it is on a cluster of 1.35, and what EKS offers for 1.34.
    fn kube_proxy() -> [Rule; 3] {
        let list = mock!(aws_sdk_eks::Client::list_addons)
            .then_output(|| ListAddonsOutput::builder().addons("kube-proxy").build());
        let read = mock!(aws_sdk_eks::Client::describe_addon).then_output(|| {
            let addon = Addon::builder()
                .addon_version("v1.35.0-eksbuild.2")
                .addon_arn("arn:aws:eks:eu-west-1:123456789012:addon/prod/kube-proxy/1")
                .configuration_values(r#"{"mode":"ipvs"}"#);
            DescribeAddonOutput::builder().addon(addon.build()).build()
        });
        let offered = mock!(aws_sdk_eks::Client::describe_addon_versions)
            .match_requests(|request| request.kubernetes_version() == Some("1.34"))
            .then_output(|| {
                let fits = Compatibility::builder()
                    .cluster_version("1.34")
                    .default_version(true);
                let version = AddonVersionInfo::builder()
                    .addon_version("v1.34.0-eksbuild.2")
                    .compatibilities(fits.build());
                let addon = AddonInfo::builder().addon_versions(version.build());
                DescribeAddonVersionsOutput::builder()
                    .addons(addon.build())
                    .build()
            });
        [list, read, offered]
    }

    #[test]
    fn only_the_last_upgrade_of_seven_days_is_undone() {
        let (upgrade, rollback) = (UpdateType::VersionUpdate, UpdateType::VersionRollback);
        let (done, goes_on) = (UpdateStatus::Successful, UpdateStatus::InProgress);
        for (kind, status, days, said) in [
            (&upgrade, &done, 7, None),
            (&upgrade, &done, 9, Some("more than seven days ago")),
            (&upgrade, &goes_on, 0, Some("has not ended yet")),
            (&rollback, &done, 0, Some("rolled back already")),
            (&rollback, &goes_on, 0, Some("being rolled back")),
        ] {
            let last = moved(kind.clone(), status.clone(), 100 * DAY);
            let why = refused(Some(&last), "1.35", (100 + days) * DAY);
            assert_eq!(why.is_some(), said.is_some(), "{why:?}");
            assert!(why.unwrap_or_default().contains(said.unwrap_or_default()));
        }
        let why = refused(None, "1.35", 0).unwrap();
        assert!(why.contains("no upgrade to Kubernetes 1.35"), "{why}");
    }

    #[tokio::test]
    async fn an_add_on_goes_back_with_its_settings_and_comes_along_with_the_next_upgrade() {
        let [_, read, _] = kube_proxy();
        let update = mock!(aws_sdk_eks::Client::update_addon)
            .match_requests(|request| {
                request.addon_version() == Some("v1.34.0-eksbuild.2")
                    && request.configuration_values() == Some(r#"{"mode":"ipvs"}"#)
            })
            .then_output(|| UpdateAddonOutput::builder().build());
        let tag = mock!(aws_sdk_eks::Client::tag_resource)
            .match_requests(|request| {
                let tags = request.tags();
                tags.and_then(|tags| tags.get(CHOSEN_FOR))
                    .is_some_and(|version| version == "1.34")
            })
            .then_output(|| TagResourceOutput::builder().build());
        let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&read, &update, &tag]);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let to = ("v1.34.0-eksbuild.2", "1.34");
        add_on(&cloud, "prod", "kube-proxy", to).await.unwrap();
        assert_eq!(tag.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_cluster_goes_back_one_minor_version_and_its_newer_nodes_go_first() {
        let cluster = mock!(aws_sdk_eks::Client::describe_cluster).then_output(|| {
            let cluster = Cluster::builder().name("prod").version("1.35").build();
            DescribeClusterOutput::builder().cluster(cluster).build()
        });
        let list = mock!(aws_sdk_eks::Client::list_nodegroups).then_output(|| {
            let names = ListNodegroupsOutput::builder().nodegroups("new");
            names.nodegroups("old").build()
        });
        let group = |name: &'static str, version: &'static str| {
            mock!(aws_sdk_eks::Client::describe_nodegroup)
                .match_requests(move |request| request.nodegroup_name() == Some(name))
                .then_output(move || {
                    let group = Nodegroup::builder().nodegroup_name(name).version(version);
                    let group = group
                        .tags("platctl:stack", "prod")
                        .tags("platctl:address", "cluster.node_group.general")
                        .tags("platctl:generation", "1");
                    DescribeNodegroupOutput::builder()
                        .nodegroup(group.build())
                        .build()
                })
        };
        let (new, old) = (group("new", "1.35"), group("old", "1.34"));
        let ([updates, update], [addons, addon, offered]) = (upgraded(), kube_proxy());
        let rules = [
            &cluster, &updates, &update, &list, &new, &old, &addons, &addon, &offered,
        ];
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &rules);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let found = look(&cloud, "prod").await.unwrap().unwrap();
        let wanted = Rollback {
            from: "1.35".into(),
            to: "1.34".into(),
            node_groups: vec![nodes("new")],
            add_ons: vec![("kube-proxy".into(), "v1.34.0-eksbuild.2".into())],
        };
        assert_eq!(found, wanted);
    }

    fn nodes(name: &str) -> Nodes {
        Nodes {
            name: name.into(),
            address: Some("cluster.node_group.general".parse().unwrap()),
        }
    }

    /// A budget that lets no pod go is told with the flag that replaces the nodes all the same.
    #[tokio::test(start_paused = true)]
    async fn nodes_that_a_budget_keeps_are_replaced_by_force_only() {
        let begin = |force: Option<bool>| {
            mock!(aws_sdk_eks::Client::update_nodegroup_version)
                .match_requests(move |request| request.force() == force)
                .then_output(|| {
                    let update = Update::builder().id("u").build();
                    UpdateNodegroupVersionOutput::builder()
                        .update(update)
                        .build()
                })
        };
        let (gently, by_force) = (begin(None), begin(Some(true)));
        let failed = mock!(aws_sdk_eks::Client::describe_update).then_output(|| {
            let error = ErrorDetail::builder()
                .error_code(ErrorCode::PodEvictionFailure)
                .error_message("Reached max retries while trying to evict pods");
            let update = Update::builder().id("u").status(UpdateStatus::Failed);
            let update = update.errors(error.build()).build();
            DescribeUpdateOutput::builder().update(update).build()
        });
        let ended = ending(UpdateStatus::Successful);
        let rules = [&gently, &failed, &by_force, &ended];
        let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &rules);
        let cloud = Cloud {
            eks: eks.into(),
            ..cloud()
        };
        let error = node_group(&cloud, "prod", &nodes("general"), ("1.34", false))
            .await
            .unwrap_err();
        let hint = "add `--force-evict cluster.node_group.general` to the command";
        assert!(error.message.contains(hint), "{error}");
        node_group(&cloud, "prod", &nodes("general"), ("1.34", true))
            .await
            .unwrap();
    }

    fn ending(status: UpdateStatus) -> Rule {
        mock!(aws_sdk_eks::Client::describe_update).then_output(move || {
            let update = Update::builder()
                .id("u")
                .r#type(UpdateType::from("VersionRollback"))
                .status(status.clone());
            let error = ErrorDetail::builder()
                .error_code(ErrorCode::OperationNotPermitted)
                .error_message("not in the window");
            let update = match status {
                UpdateStatus::Failed => update.errors(error.build()),
                _ => update,
            };
            DescribeUpdateOutput::builder()
                .update(update.build())
                .build()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_update_and_says_why_eks_gave_it_up() {
        for (status, why) in [
            (UpdateStatus::Successful, None),
            (UpdateStatus::Failed, Some("not in the window")),
        ] {
            let begin = mock!(aws_sdk_eks::Client::update_cluster_version)
                .match_requests(|request| request.version() == Some("1.34"))
                .then_output(|| {
                    let update = Update::builder().id("u").build();
                    UpdateClusterVersionOutput::builder().update(update).build()
                });
            let (going, end) = (ending(UpdateStatus::InProgress), ending(status));
            let eks = mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&begin, &going, &end]);
            let cloud = Cloud {
                eks: eks.into(),
                ..cloud()
            };
            let found = control_plane(&cloud, "prod", "1.34").await;
            let said = found.err().map(|error| error.message);
            assert_eq!(
                said.is_some_and(|said| said.contains(why.unwrap_or("never"))),
                why.is_some()
            );
        }
    }
}
