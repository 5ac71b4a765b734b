//! Why nodes do not come: what EC2 Auto Scaling says of its last tries, and subnets without a way to the API server.
//!
//! EKS itself tells only after a quarter of an hour or more (`NodeCreationFailure`).

use aws_sdk_autoscaling::types::{Activity, ScalingActivityStatusCode};
use aws_sdk_ec2::types::{Filter, Route, RouteState, RouteTable};
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Ask;

/// Everything of it that is to be seen.
pub(super) async fn why(
    cloud: &Cloud,
    groups: &[&str],
    subnets: &[&str],
) -> CloudResult<Option<String>> {
    let mut said = Vec::new();
    for group in groups {
        said.extend(last_failure(cloud, group).await?);
    }
    let shut = without_a_way(cloud, subnets).await?;
    if !shut.is_empty() {
        let verb = if shut.len() == 1 { "has" } else { "have" };
        said.push(format!(
            "{} {verb} no working route to the internet (0.0.0.0/0): without it, nodes cannot reach the API \
             server or pull images, unless VPC endpoints exist for all of these services",
            shut.join(", ")
        ));
    }
    Ok((!said.is_empty()).then(|| said.join("; ")))
}

/// What Auto Scaling says of its last try, if that was none.
async fn last_failure(cloud: &Cloud, group: &str) -> CloudResult<Option<String>> {
    let call = cloud
        .asg
        .describe_scaling_activities()
        .auto_scaling_group_name(group)
        .max_records(5);
    let answer = call.send().ask().await?;
    let failed =
        |activity: &&Activity| activity.status_code() == Some(&ScalingActivityStatusCode::Failed);
    let last = answer.activities().iter().find(failed);
    Ok(last
        .and_then(Activity::status_message)
        .map(|why| format!("EC2 Auto Scaling: {why}")))
}

/// The subnets whose route table leads nowhere. A subnet without a table of its own has the VPC's main one.
async fn without_a_way(cloud: &Cloud, subnets: &[&str]) -> CloudResult<Vec<String>> {
    let ids = subnets.iter().map(|subnet| (*subnet).to_owned()).collect();
    let filter = Filter::builder()
        .name("association.subnet-id")
        .set_values(Some(ids))
        .build();
    let call = cloud.ec2.describe_route_tables().filters(filter);
    let answer = call.send().ask().await?;
    let serves = |table: &RouteTable, subnet: &str| {
        table
            .associations()
            .iter()
            .any(|association| association.subnet_id() == Some(subnet))
    };
    let shut = subnets.iter().filter(|subnet| {
        let table = answer
            .route_tables()
            .iter()
            .find(|table| serves(table, subnet));
        table.is_some_and(|table| !table.routes().iter().any(leads_out))
    });
    Ok(shut.map(|subnet| (*subnet).to_owned()).collect())
}

fn leads_out(route: &Route) -> bool {
    route.destination_cidr_block() == Some("0.0.0.0/0")
        && route.state() != Some(&RouteState::Blackhole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_autoscaling::operation::describe_scaling_activities::DescribeScalingActivitiesOutput;
    use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesOutput;
    use aws_sdk_ec2::types::RouteTableAssociation;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn table(subnet: &str, route: Option<RouteState>) -> RouteTable {
        let route = route.map(|state| {
            Route::builder()
                .destination_cidr_block("0.0.0.0/0")
                .state(state)
                .build()
        });
        let association = RouteTableAssociation::builder().subnet_id(subnet).build();
        RouteTable::builder()
            .associations(association)
            .set_routes(route.map(|route| vec![route]))
            .build()
    }

    async fn said(tables: Vec<RouteTable>, failure: Option<&'static str>) -> Option<String> {
        let mut cloud = cloud();
        let routes = mock!(aws_sdk_ec2::Client::describe_route_tables).then_output(move || {
            DescribeRouteTablesOutput::builder()
                .set_route_tables(Some(tables.clone()))
                .build()
        });
        let activities = mock!(aws_sdk_autoscaling::Client::describe_scaling_activities)
            .then_output(move || {
                let activity = failure.map(|why| {
                    Activity::builder()
                        .activity_id("1")
                        .auto_scaling_group_name("eks-general")
                        .cause("a user")
                        .start_time(aws_smithy_types::DateTime::from_secs(0))
                        .status_code(ScalingActivityStatusCode::Failed)
                        .status_message(why)
                        .build()
                });
                DescribeScalingActivitiesOutput::builder()
                    .set_activities(activity.map(|a| vec![a]))
                    .build()
            });
        cloud.ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&routes]).into();
        cloud.asg = mock_client!(aws_sdk_autoscaling, RuleMode::Sequential, &[&activities]).into();
        why(&cloud, &["eks-general"], &["subnet-1", "subnet-2"])
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_failed_launch_is_told() {
        let open = || {
            vec![
                table("subnet-1", Some(RouteState::Active)),
                table("subnet-2", Some(RouteState::Active)),
            ]
        };
        let why = said(
            open(),
            Some("You have requested more vCPU capacity than your current vCPU limit"),
        )
        .await;
        assert!(
            why.unwrap()
                .starts_with("EC2 Auto Scaling: You have requested more vCPU")
        );
        assert_eq!(said(open(), None).await, None);
    }

    #[tokio::test]
    async fn a_subnet_without_a_working_way_out_is_named() {
        let tables = vec![
            table("subnet-1", Some(RouteState::Blackhole)),
            table("subnet-2", None),
        ];
        let why = said(tables, None).await.unwrap();
        assert!(
            why.starts_with("subnet-1, subnet-2 have no working route to the internet"),
            "{why}"
        );
    }
}
