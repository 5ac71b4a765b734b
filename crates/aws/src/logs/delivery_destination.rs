//! `logs.DeliveryDestination`

use aws_sdk_cloudwatchlogs::types::{DeliveryDestinationConfiguration, OutputFormat};
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
use crate::errors::{Ask, if_there, invalid};
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::{Arn, unless_same};

/// A delivery destination of CloudWatch Logs: where logs can be delivered to.
#[derive(Debug)]
pub struct DeliveryDestination;

/// A delivery destination of CloudWatch Logs: where logs can be delivered to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the delivery destination. Must be unique within the account and region. 1 to 60 letters,
    /// digits, `-` and `_`.
    pub name: String,
    /// The ARN of a log group, of a Firehose stream, or of an S3 bucket, which can be followed by a prefix:
    /// `arn:aws:s3:::BUCKET/PREFIX`. The policy of the bucket must allow `delivery.logs.amazonaws.com` to write.
    pub destination_resource_arn: S::In<Arn>,
    /// The format of the logs: `json`, `plain`, `w3c`, `raw` or `parquet`. Default: depends on the source. Cannot
    /// be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// Tags to assign to the delivery destination.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the delivery destination that other resources can reference.
    DeliveryDestination {
        /// The Amazon Resource Name (ARN) of the delivery destination.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<DeliveryDestination>>> {
    let call = cloud.logs.get_delivery_destination().name(id.as_str());
    let Some(destination) = call.send().ask().await?.delivery_destination else {
        return Ok(None);
    };
    let arn = destination.arn().unwrap_or_default();
    let (tags, owner) = owned::<LogsTags>(cloud, arn).await?;
    let configuration = destination.delivery_destination_configuration();
    let target = configuration.map(DeliveryDestinationConfiguration::destination_resource_arn);
    let format = destination.output_format();
    let spec = Spec {
        name: id.to_string(),
        destination_resource_arn: target.unwrap_or_default().trim_end_matches(":*").into(),
        output_format: format.map(|format| format.as_str().to_owned()),
        tags,
    };
    let outputs = Outputs { arn: arn.into() };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// Tags can be sent with a creation only.
async fn put(cloud: &Cloud, spec: &Spec, tags: Option<Tags>) -> CloudResult<()> {
    let configuration = DeliveryDestinationConfiguration::builder()
        .destination_resource_arn(spec.destination_resource_arn.as_str())
        .build()
        .map_err(|error| invalid("logs:PutDeliveryDestination", &error))?;
    let call = cloud
        .logs
        .put_delivery_destination()
        .name(&spec.name)
        .set_output_format(spec.output_format.as_deref().map(OutputFormat::from))
        .delivery_destination_configuration(configuration)
        .set_tags(tags.map(|tags| tags.into_iter().collect()));
    call.send().ask().await.map(drop)
}

impl Kind for DeliveryDestination {
    const NAME: &'static str = "logs.DeliveryDestination";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/output_format", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["logs:GetDeliveryDestination", "logs:ListTagsForResource"],
        create: &[
            "logs:GetDeliveryDestination",
            "logs:PutDeliveryDestination",
            "logs:TagResource",
        ],
        update: &[
            "logs:PutDeliveryDestination",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        delete: &["logs:DeleteDeliveryDestination"],
    };
    const TIMING: Timing = Timing::seconds(2, 2, 2, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "example".into(),
            destination_resource_arn: "arn:aws:logs:eu-west-1:123456789012:log-group:example"
                .into(),
            output_format: Some("json".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/name", json!("example-2")),
            ("/output_format", json!("plain")),
            (
                "/destination_resource_arn",
                json!("arn:aws:s3:::example-bucket"),
            ),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        const FORMATS: [&str; 5] = ["json", "plain", "w3c", "raw", "parquet"];
        check_name(&spec.name)?;
        match spec.output_format.as_deref() {
            Some(format) if !FORMATS.contains(&format) => {
                let message = format!("must be one of {}", FORMATS.join(", "));
                Err(SpecError::new("/output_format", message))
            }
            _ => Ok(()),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    /// Writing a destination changes whatever has its name, so whether there is one is asked first.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let look = cloud.logs.get_delivery_destination().name(&spec.name);
        if if_there(look.send().ask().await)?.is_some() {
            let message = format!("the delivery destination {} already exists", spec.name);
            let operation = "logs:PutDeliveryDestination";
            return Err(CloudError::new(Class::AlreadyExists, operation, message));
        }
        put(cloud, spec, Some(claimed(&spec.tags, &claim.owner))).await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/destination_resource_arn") {
            put(cloud, spec, None).await?;
        }
        sync::<LogsTags>(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.logs.delete_delivery_destination();
        call.name(live.id.as_str()).send().ask().await.map(drop)
    }
}
