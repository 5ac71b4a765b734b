//! Whether AWS offers an instance class: for the engine, its version, and in a zone. Asked while planning, because RDS
//! says so only when the cluster has been created already.

use std::collections::BTreeSet;

use aws_sdk_rds::types::OrderableDbInstanceOption;
use platctl_engine::{CloudResult, SpecError, nearest};

use crate::Cloud;
use crate::errors::Asked;

/// What is to be created or changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    pub(super) engine: &'a str,
    /// None where the cluster does not exist yet.
    pub(super) version: Option<&'a str>,
    pub(super) class: &'a str,
    pub(super) zone: Option<&'a str>,
}

impl Order<'_> {
    /// What RDS would refuse of it.
    pub(super) async fn vet(&self, cloud: &Cloud) -> CloudResult<Vec<SpecError>> {
        let offered = self.offered(cloud, Some(self.class)).await?;
        if offered.is_empty() {
            let all = self.offered(cloud, None).await?;
            return Ok(vec![self.unknown(&cloud.region, &all)]);
        }
        let zones: BTreeSet<&str> = offered
            .iter()
            .flat_map(OrderableDbInstanceOption::availability_zones)
            .filter_map(|zone| zone.name())
            .collect();
        // Without any the answer says nothing about zones.
        let elsewhere = self
            .zone
            .filter(|zone| !zones.is_empty() && !zones.contains(zone));
        Ok(elsewhere
            .map(|zone| self.not_in(zone, &zones))
            .into_iter()
            .collect())
    }

    async fn offered(
        &self,
        cloud: &Cloud,
        class: Option<&str>,
    ) -> CloudResult<Vec<OrderableDbInstanceOption>> {
        let call = cloud
            .rds
            .describe_orderable_db_instance_options()
            .engine(self.engine)
            .set_engine_version(self.version.map(ToOwned::to_owned))
            .set_db_instance_class(class.map(ToOwned::to_owned));
        let options: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        options.asked()
    }

    fn unknown(&self, region: &str, all: &[OrderableDbInstanceOption]) -> SpecError {
        let classes: BTreeSet<&str> = all
            .iter()
            .filter_map(OrderableDbInstanceOption::db_instance_class)
            .collect();
        let advice = match nearest(self.class, classes.iter().copied()) {
            Some(class) => format!("did you mean `{class}`?"),
            None => format!(
                "available: {}",
                classes.into_iter().collect::<Vec<_>>().join(", ")
            ),
        };
        let version = self
            .version
            .map(|version| format!(" {version}"))
            .unwrap_or_default();
        let Self { engine, class, .. } = self;
        let message = format!(
            "is `{class}`, which is not available for {engine}{version} in {region}; {advice}"
        );
        SpecError::new("/db_instance_class", message)
    }

    fn not_in(&self, zone: &str, zones: &BTreeSet<&str>) -> SpecError {
        let zones = zones.iter().copied().collect::<Vec<_>>().join(", ");
        let message = format!(
            "is {zone}, where `{}` is not available; use one of {zones}",
            self.class
        );
        SpecError::new("/availability_zone", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_rds::operation::describe_orderable_db_instance_options::DescribeOrderableDbInstanceOptionsOutput;
    use aws_sdk_rds::types::AvailabilityZone;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    const ORDER: Order<'_> = Order {
        engine: "aurora-postgresql",
        version: Some("16.8"),
        class: "db.r6g.large",
        zone: Some("eu-west-1a"),
    };

    fn answers(classes: &'static [&'static str]) -> Rule {
        mock!(aws_sdk_rds::Client::describe_orderable_db_instance_options)
            .match_requests(|request| request.engine_version() == Some("16.8"))
            .then_output(move || {
                let option = |class: &&str| {
                    let zones = ["eu-west-1b", "eu-west-1c"];
                    let zones = zones.map(|zone| AvailabilityZone::builder().name(zone).build());
                    OrderableDbInstanceOption::builder()
                        .db_instance_class(*class)
                        .set_availability_zones(Some(zones.into()))
                        .build()
                };
                DescribeOrderableDbInstanceOptionsOutput::builder()
                    .set_orderable_db_instance_options(Some(classes.iter().map(option).collect()))
                    .build()
            })
    }

    async fn faults(order: Order<'_>, rules: &[&Rule]) -> Vec<String> {
        let rds = mock_client!(aws_sdk_rds, RuleMode::Sequential, rules);
        let cloud = Cloud {
            rds: rds.into(),
            ..cloud()
        };
        order
            .vet(&cloud)
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[tokio::test]
    async fn a_class_is_offered_for_a_version_and_in_some_zones() {
        let there = answers(&["db.r6g.large"]);
        let good = Order {
            zone: Some("eu-west-1c"),
            ..ORDER
        };
        assert_eq!(faults(good, &[&there]).await, Vec::<String>::new());
        let there = answers(&["db.r6g.large"]);
        assert_eq!(
            faults(ORDER, &[&there]).await,
            [
                "/availability_zone: is eu-west-1a, where `db.r6g.large` is not available; use one of eu-west-1b, eu-west-1c"
            ]
        );
        let (none, all) = (answers(&[]), answers(&["db.r6g.large", "db.r7g.large"]));
        let order = Order {
            class: "db.r6g.larg",
            ..ORDER
        };
        assert_eq!(
            faults(order, &[&none, &all]).await,
            [
                "/db_instance_class: is `db.r6g.larg`, which is not available for aurora-postgresql 16.8 in eu-west-1; did \
                 you mean `db.r6g.large`?"
            ]
        );
    }
}
