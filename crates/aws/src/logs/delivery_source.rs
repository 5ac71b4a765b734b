//! `logs.DeliverySource`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check_name;
use super::tags::LogsTags;
use crate::Cloud;
use crate::errors::{Ask, if_there};
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::{Arn, unless_same};

/// A delivery source of CloudWatch Logs: a resource whose logs can be delivered.
#[derive(Debug)]
pub struct DeliverySource;

/// A delivery source of CloudWatch Logs: a resource whose logs can be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the delivery source. Must be unique within the account and region. 1 to 60 letters, digits,
    /// `-` and `_`.
    pub name: String,
    /// The ARN of the resource that writes the logs. It can have only one delivery source for each log type. The
    /// delivery source of a CloudFront distribution must be in us-east-1. Cannot be changed.
    pub resource_arn: S::In<Arn>,
    /// The type of the logs, such as `ACCESS_LOGS` for a CloudFront distribution. Cannot be changed.
    pub log_type: String,
    /// Tags to assign to the delivery source.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the delivery source that other resources can reference.
    DeliverySource {
        /// The Amazon Resource Name (ARN) of the delivery source.
        ARN: arn: Arn,
        /// The name of the delivery source.
        NAME: name: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DeliverySource>>> {
    let call = cloud.logs.get_delivery_source().name(id.as_str());
    let Some(source) = call.send().ask().await?.delivery_source else {
        return Ok(None);
    };
    let arn = source.arn().unwrap_or_default();
    let (tags, owner) = owned::<LogsTags>(cloud, arn).await?;
    let resource = source.resource_arns().first();
    let spec = Spec {
        name: id.to_string(),
        resource_arn: resource.cloned().unwrap_or_default().into(),
        log_type: source.log_type().unwrap_or_default().to_owned(),
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        name: id.to_string(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

impl Kind for DeliverySource {
    const NAME: &'static str = "logs.DeliverySource";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/resource_arn", &[Immutable]),
        ("/log_type", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["logs:GetDeliverySource", "logs:ListTagsForResource"],
        // The service that writes the logs authorizes it, too.
        create: &[
            "logs:GetDeliverySource",
            "logs:PutDeliverySource",
            "logs:TagResource",
            "cloudfront:AllowVendedLogDeliveryForResource",
        ],
        update: &["logs:TagResource", "logs:UntagResource"],
        delete: &["logs:DeleteDeliverySource"],
    };
    const TIMING: Timing = Timing::seconds(5, 1, 5, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "example".into(),
            resource_arn:
                "arn:aws:workmail:eu-west-1:123456789012:organization/m-0123456789abcdef0123456789abcdef"
                    .into(),
            log_type: "ACCESS_CONTROL_LOGS".into(),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let other = "arn:aws:workmail:eu-west-1:123456789012:organization/m-fedcba9876543210fedcba9876543210";
        vec![
            ("/name", json!("example-2")),
            ("/resource_arn", json!(other)),
            ("/log_type", json!("AUTHENTICATION_LOGS")),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_name(&spec.name)
    }

    /// A resource has one source for each type of its logs.
    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        let same = live.resource_arn == desired.resource_arn && live.log_type == desired.log_type;
        if same {
            return Replace::DeleteFirst;
        }
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    /// Writing a source changes whatever has its name, so whether there is one is asked first.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let look = cloud.logs.get_delivery_source().name(&spec.name);
        if if_there(look.send().ask().await)?.is_some() {
            let message = format!("the delivery source {} already exists", spec.name);
            let operation = "logs:PutDeliverySource";
            return Err(CloudError::new(Class::AlreadyExists, operation, message));
        }
        let tags = claimed(&spec.tags, &claim.owner).into_iter().collect();
        let call = cloud
            .logs
            .put_delivery_source()
            .name(&spec.name)
            .resource_arn(spec.resource_arn.as_str())
            .log_type(&spec.log_type)
            .set_tags(Some(tags));
        call.send().ask().await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync::<LogsTags>(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.logs.delete_delivery_source().name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
