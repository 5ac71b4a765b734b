//! What Karpenter leaves in AWS when its cluster goes: the instances that it has launched, and their launch templates.
//! Its controller ran on nodes that are gone by then, so nobody else terminates them, and they keep their subnets,
//! security groups and role from going.

use aws_sdk_ec2::types::{Filter, InstanceStateName};
use platctl_engine::{Class, CloudError, CloudResult};

use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};

/// The tag that Karpenter puts on all that it makes.
const NODE_POOL: &str = "karpenter.sh/nodepool";

/// By both tags: that of the cluster alone is on instances of others, too.
fn of_cluster(cluster: &str) -> [Filter; 2] {
    let filter = |name: String, value: &str| Filter::builder().name(name).values(value).build();
    [
        filter(format!("tag:kubernetes.io/cluster/{cluster}"), "owned"),
        filter("tag-key".to_owned(), NODE_POOL),
    ]
}

/// Terminates the instances and deletes the launch templates. As long as an instance is there, the deletion of the
/// cluster has to wait.
pub(super) async fn clear(cloud: &Cloud, cluster: &str) -> CloudResult<()> {
    let instances = instances(cloud, cluster).await?;
    let running: Vec<String> = instances
        .iter()
        .filter(|(_, state)| *state != InstanceStateName::ShuttingDown)
        .map(|(id, _)| id.clone())
        .collect();
    if !running.is_empty() {
        let call = cloud.ec2.terminate_instances();
        let call = call.set_instance_ids(Some(running)).send();
        if_there(call.ask().await)?;
    }
    if !instances.is_empty() {
        let message = format!(
            "nodes of Karpenter that are being terminated: {}",
            instances.len()
        );
        return Err(CloudError::new(Class::Busy, "eks:DeleteCluster", message));
    }
    for template in templates(cloud, cluster).await? {
        let call = cloud
            .ec2
            .delete_launch_template()
            .launch_template_id(template);
        if_there(call.send().ask().await)?;
    }
    Ok(())
}

/// The instances that are not gone, with their states.
async fn instances(cloud: &Cloud, cluster: &str) -> CloudResult<Vec<(String, InstanceStateName)>> {
    let present = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(
            ["pending", "running", "shutting-down", "stopping", "stopped"]
                .map(ToOwned::to_owned)
                .into(),
        ))
        .build();
    let filters = of_cluster(cluster).into_iter().chain([present]).collect();
    let call = cloud.ec2.describe_instances().set_filters(Some(filters));
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.asked()?;
    let reservations = pages.iter().flat_map(|page| page.reservations());
    let of = |instance: &aws_sdk_ec2::types::Instance| {
        let state = instance.state().and_then(|state| state.name().cloned());
        Some((
            instance.instance_id()?.to_owned(),
            state.unwrap_or(InstanceStateName::Pending),
        ))
    };
    Ok(reservations
        .flat_map(|reservation| reservation.instances())
        .filter_map(of)
        .collect())
}

async fn templates(cloud: &Cloud, cluster: &str) -> CloudResult<Vec<String>> {
    let call = cloud
        .ec2
        .describe_launch_templates()
        .set_filters(Some(of_cluster(cluster).into()));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found
        .iter()
        .filter_map(|template| template.launch_template_id().map(ToOwned::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_ec2::operation::delete_launch_template::DeleteLaunchTemplateOutput;
    use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
    use aws_sdk_ec2::operation::describe_launch_templates::DescribeLaunchTemplatesOutput;
    use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesOutput;
    use aws_sdk_ec2::types::{Instance, InstanceState, LaunchTemplate, Reservation};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn instance(id: &str, state: InstanceStateName) -> Instance {
        let state = InstanceState::builder().name(state).build();
        Instance::builder().instance_id(id).state(state).build()
    }

    fn found(instances: Vec<Instance>) -> DescribeInstancesOutput {
        let reservation = Reservation::builder().set_instances(Some(instances));
        DescribeInstancesOutput::builder()
            .reservations(reservation.build())
            .build()
    }

    #[tokio::test]
    async fn its_instances_are_terminated_and_the_cluster_waits_for_them() {
        let describe = mock!(aws_sdk_ec2::Client::describe_instances)
            .match_requests(|request| {
                let names: Vec<_> = request
                    .filters()
                    .iter()
                    .map(|filter| filter.name())
                    .collect();
                names.contains(&Some("tag:kubernetes.io/cluster/prod-cluster"))
                    && names.contains(&Some("tag-key"))
            })
            .then_output(|| {
                found(vec![
                    instance("i-1", InstanceStateName::Running),
                    instance("i-2", InstanceStateName::ShuttingDown),
                ])
            });
        let terminate = mock!(aws_sdk_ec2::Client::terminate_instances)
            .match_requests(|request| request.instance_ids() == ["i-1"])
            .then_output(|| TerminateInstancesOutput::builder().build());
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&describe, &terminate]);
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let error = clear(&cloud, "prod-cluster").await.unwrap_err();
        assert_eq!(error.class, Class::Busy);
        assert!(error.message.contains("being terminated: 2"), "{error:?}");
        assert_eq!(terminate.num_calls(), 1);
    }

    #[tokio::test]
    async fn launch_templates_go_after_the_instances() {
        let describe =
            mock!(aws_sdk_ec2::Client::describe_instances).then_output(|| found(Vec::new()));
        let templates = mock!(aws_sdk_ec2::Client::describe_launch_templates).then_output(|| {
            let template = LaunchTemplate::builder().launch_template_id("lt-1").build();
            DescribeLaunchTemplatesOutput::builder()
                .launch_templates(template)
                .build()
        });
        let delete = mock!(aws_sdk_ec2::Client::delete_launch_template)
            .match_requests(|request| request.launch_template_id() == Some("lt-1"))
            .then_output(|| DeleteLaunchTemplateOutput::builder().build());
        let ec2 = mock_client!(
            aws_sdk_ec2,
            RuleMode::Sequential,
            &[&describe, &templates, &delete]
        );
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        clear(&cloud, "prod-cluster").await.unwrap();
        assert_eq!(delete.num_calls(), 1);
    }
}
