//! `ec2.ElasticIp`

use aws_sdk_ec2::types::{Address, DomainType, Filter, ResourceType};
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::{id_filters, in_order};
use crate::Cloud;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::AllocationId;

/// An Elastic IP address.
#[derive(Debug)]
pub struct ElasticIp;

/// An Elastic IP address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// Tags to assign to the Elastic IP address.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[doc(hidden)]
    #[serde(skip)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the Elastic IP address that other resources can reference.
    ElasticIp {
        /// The allocation ID of the Elastic IP address, such as `eipalloc-…`.
        ALLOCATION_ID: allocation_id: AllocationId,
        /// The public IPv4 address, which AWS chooses.
        PUBLIC_IP: public_ip: String,
    }
}

async fn read(cloud: &Cloud, filters: Vec<Filter>) -> CloudResult<Vec<Address>> {
    let mut addresses = Vec::new();
    for filter in filters {
        // DescribeAddresses has no pages.
        let answer = cloud.ec2.describe_addresses().filters(filter).send().await;
        addresses.extend(answer.asked()?.addresses.unwrap_or_default());
    }
    Ok(addresses)
}

fn live(address: &Address) -> Option<Live<ElasticIp>> {
    let (tags, owner) = split_ec2(address.tags());
    let id = address.allocation_id()?;
    let public_ip = address.public_ip().unwrap_or_default().to_owned();
    let outputs = Outputs {
        allocation_id: id.into(),
        public_ip,
    };
    let spec = Spec {
        tags,
        stage: std::marker::PhantomData,
    };
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<ElasticIp>>>> {
    let found = read(
        cloud,
        id_filters("allocation-id", ids.iter().map(Id::as_str)),
    )
    .await?;
    Ok(in_order(ids, found.iter().filter_map(live)))
}

impl Kind for ElasticIp {
    const NAME: &'static str = "ec2.ElasticIp";
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["ec2:DescribeAddresses"],
        create: &["ec2:AllocateAddress", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:ReleaseAddress"],
    };
    // Free only once the NAT gateway that used it is really gone.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            tags: Tags::from([("Name".into(), "prod-nat-a".into())]),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/tags/Name", json!("other"))]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let found = read(cloud, vec![owned_by(wanted)]).await?;
        let pair = |address: &Address| {
            Some((address.allocation_id()?.into(), split_ec2(address.tags()).1))
        };
        Ok(by_address(wanted, found.iter().filter_map(pair)))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = ec2_specification(ResourceType::ElasticIp, &spec.tags, &claim.owner);
        let call = cloud
            .ec2
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(tags);
        let answer = call.send().ask().await?;
        made("ec2:AllocateAddress", answer.allocation_id())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.ec2.release_address().allocation_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{claim, cloud};
    use aws_sdk_ec2::operation::allocate_address::AllocateAddressOutput;
    use aws_sdk_ec2::operation::release_address::ReleaseAddressError;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use platctl_engine::Class;

    #[tokio::test]
    async fn an_address_is_tagged_in_the_call_that_makes_it() {
        let make = mock!(aws_sdk_ec2::Client::allocate_address)
            .match_requests(|request| {
                let tags = request.tag_specifications()[0].tags();
                let has = |key: &str, value: &str| {
                    tags.iter()
                        .any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
                };
                request.domain() == Some(&DomainType::Vpc)
                    && has("platctl:stack", "prod")
                    && has("platctl:address", "network.thing")
                    && has("platctl:generation", "1")
                    && has("Name", "prod-nat-a")
            })
            .then_output(|| {
                AllocateAddressOutput::builder()
                    .allocation_id("eipalloc-1")
                    .build()
            });
        let cloud = Cloud {
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&make]).into(),
            ..cloud()
        };
        let id = ElasticIp::create(&cloud, &ElasticIp::example(), &claim())
            .await
            .unwrap();
        assert_eq!(id, Id::from("eipalloc-1"));
    }

    #[tokio::test]
    async fn an_address_that_something_still_has_is_in_use() {
        for code in ["InvalidIPAddress.InUse", "AuthFailure"] {
            let refuse = mock!(aws_sdk_ec2::Client::release_address).then_error(move || {
                ReleaseAddressError::generic(ErrorMetadata::builder().code(code).build())
            });
            let cloud = Cloud {
                ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&refuse]).into(),
                ..cloud()
            };
            let address = live(&Address::builder().allocation_id("eipalloc-1").build()).unwrap();
            let error = ElasticIp::delete(&cloud, &address).await.unwrap_err();
            assert!(
                matches!(error.class, Class::InUse | Class::Busy),
                "{code}: {:?}",
                error.class
            );
        }
    }
}
