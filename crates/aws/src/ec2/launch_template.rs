//! `ec2.LaunchTemplate`: what virtual machines are made from.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    InstanceType, LaunchTemplateBlockDeviceMapping, LaunchTemplateBlockDeviceMappingRequest,
    LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateInstanceMetadataOptionsRequest, LaunchTemplateTagSpecificationRequest,
    LaunchTemplateVersion, LaunchTemplatesMonitoringRequest, RequestLaunchTemplateData,
    ResourceType, ResponseLaunchTemplateData, Tag, VolumeType,
};
use aws_smithy_types::base64;
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::launch_template_kept as kept;
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked, if_there, made};
use crate::tags::{Tags, by_address, ec2_specification, owned_by, split_ec2, sync_ec2};
use crate::types::{Arn, SecurityGroupId, unless_same};

/// An EC2 launch template. The default version always matches the configuration: a change creates a new
/// version and keeps the old ones.
#[derive(Debug)]
pub struct LaunchTemplate;

/// The instance metadata options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataOptions {
    /// Whether session tokens (IMDSv2) are `required` or `optional` for metadata requests. Default:
    /// `required`.
    #[serde(default = "required")]
    pub http_tokens: String,
    /// The hop limit of metadata responses, 1 to 64. With 1, containers cannot reach the metadata. Default:
    /// 1.
    #[serde(default = "one")]
    pub http_put_response_hop_limit: i32,
}

fn required() -> String {
    "required".into()
}

const fn one() -> i32 {
    1
}

const fn on() -> bool {
    true
}

fn gp3() -> String {
    "gp3".into()
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            http_tokens: required(),
            http_put_response_hop_limit: one(),
        }
    }
}

/// A block device mapping, which defines an EBS volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockDevice {
    /// The device name, such as `/dev/xvda`.
    pub device_name: String,
    /// The size of the volume, in GiB.
    pub volume_size: i32,
    /// The volume type. Default: `gp3`.
    #[serde(default = "gp3")]
    pub volume_type: String,
    /// Whether the volume is encrypted. Default: `true`.
    #[serde(default = "on")]
    pub encrypted: bool,
    /// The ARN of the KMS key that encrypts the volume. Default: the default EBS encryption key of the
    /// account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<Arn>,
    /// The number of I/O operations per second (IOPS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<i32>,
    /// The throughput of the volume, in MiB/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i32>,
    /// Whether the volume is deleted when the instance is terminated. Default: `true`.
    #[serde(default = "on")]
    pub delete_on_termination: bool,
}

impl BlockDevice {
    pub(super) fn to_aws(&self) -> LaunchTemplateBlockDeviceMappingRequest {
        let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
            .volume_size(self.volume_size)
            .volume_type(VolumeType::from(self.volume_type.as_str()))
            .encrypted(self.encrypted)
            .set_kms_key_id(self.kms_key_id.as_ref().map(ToString::to_string))
            .set_iops(self.iops)
            .set_throughput(self.throughput)
            .delete_on_termination(self.delete_on_termination);
        LaunchTemplateBlockDeviceMappingRequest::builder()
            .device_name(&self.device_name)
            .ebs(ebs.build())
            .build()
    }

    pub(super) fn from_aws(mapping: &LaunchTemplateBlockDeviceMapping) -> Option<Self> {
        let ebs = mapping.ebs()?;
        Some(Self {
            device_name: mapping.device_name()?.to_owned(),
            volume_size: ebs.volume_size().unwrap_or_default(),
            volume_type: ebs
                .volume_type()
                .map_or("gp2", VolumeType::as_str)
                .to_owned(),
            encrypted: ebs.encrypted().unwrap_or_default(),
            kms_key_id: ebs.kms_key_id().map(Arn::from),
            iops: ebs.iops(),
            throughput: ebs.throughput(),
            delete_on_termination: ebs.delete_on_termination().unwrap_or(true),
        })
    }
}

/// An EC2 launch template. The default version always matches the configuration: a change creates a new
/// version and keeps the old ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the launch template. Must be unique within the account and region. 3 to 128 characters.
    /// Cannot be changed.
    pub launch_template_name: String,
    /// The ID of the AMI. EKS node groups provide their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<S::In<String>>,
    /// The instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The name of the key pair for SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// The IDs of the security groups. For EKS nodes, they must include the cluster security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<S::In<BTreeSet<SecurityGroupId>>>,
    /// The instance metadata options. Default: session tokens are required, and containers cannot reach the
    /// metadata.
    #[serde(default)]
    pub metadata_options: MetadataOptions,
    /// The block device mappings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_device_mappings: Option<S::In<Vec<BlockDevice>>>,
    /// Whether detailed monitoring is enabled. It provides metrics every minute instead of every five
    /// minutes, for an additional charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<bool>,
    /// The user data that runs at the first boot, in plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<S::In<String>>,
    /// The tags of the resources that are created from the launch template, by resource type: `instance`,
    /// `volume` or `network-interface`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_specifications: Option<BTreeMap<String, Tags>>,
    /// Tags to assign to the launch template itself.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the launch template that other resources can reference.
    LaunchTemplate {
        /// The ID of the launch template, such as `lt-…`.
        LAUNCH_TEMPLATE_ID: launch_template_id: String,
        /// The name of the launch template.
        LAUNCH_TEMPLATE_NAME: launch_template_name: String,
        /// The number of the version that matches the configuration: the latest that platctl created. Versions that
        /// somebody else created do not change it.
        VERSION_NUMBER: version_number: String,
    }
    and unmanaged
}

pub(super) fn data(spec: &Spec) -> RequestLaunchTemplateData {
    let metadata = LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_tokens(LaunchTemplateHttpTokensState::from(
            spec.metadata_options.http_tokens.as_str(),
        ))
        .http_put_response_hop_limit(spec.metadata_options.http_put_response_hop_limit);
    let tagged = |(kind, tags): (&String, &Tags)| {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let specification = LaunchTemplateTagSpecificationRequest::builder().set_tags(Some(tags));
        specification
            .resource_type(ResourceType::from(kind.as_str()))
            .build()
    };
    let groups = spec.security_group_ids.as_ref();
    let disks = spec.block_device_mappings.as_ref();
    let monitoring = |enabled| {
        LaunchTemplatesMonitoringRequest::builder()
            .enabled(enabled)
            .build()
    };
    RequestLaunchTemplateData::builder()
        .set_image_id(spec.image_id.clone())
        .set_instance_type(spec.instance_type.as_deref().map(InstanceType::from))
        .set_key_name(spec.key_name.clone())
        .set_security_group_ids(groups.map(|ids| ids.iter().map(ToString::to_string).collect()))
        .metadata_options(metadata.build())
        .set_block_device_mappings(
            disks.map(|disks| disks.iter().map(BlockDevice::to_aws).collect()),
        )
        .set_monitoring(spec.monitoring.map(monitoring))
        .set_user_data(spec.user_data.as_ref().map(base64::encode))
        .set_tag_specifications(
            spec.tag_specifications
                .as_ref()
                .map(|map| map.iter().map(tagged).collect()),
        )
        .build()
}

fn spec_of(name: &str, data: &ResponseLaunchTemplateData, tags: Tags) -> Spec {
    let metadata = data.metadata_options();
    let tokens = metadata.and_then(|options| options.http_tokens());
    let tagged = data
        .tag_specifications()
        .iter()
        .filter_map(|specification| {
            Some((
                specification.resource_type()?.as_str().to_owned(),
                split_ec2(specification.tags()).0,
            ))
        });
    let decoded = |text: &str| {
        base64::decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    Spec {
        launch_template_name: name.to_owned(),
        image_id: data.image_id().map(ToOwned::to_owned),
        instance_type: data.instance_type().map(|kind| kind.as_str().to_owned()),
        key_name: data.key_name().map(ToOwned::to_owned),
        security_group_ids: Some(
            data.security_group_ids()
                .iter()
                .map(|id| SecurityGroupId::from(id.as_str()))
                .collect(),
        ),
        metadata_options: MetadataOptions {
            http_tokens: tokens
                .map_or("optional", |tokens| tokens.as_str())
                .to_owned(),
            http_put_response_hop_limit: metadata
                .and_then(|options| options.http_put_response_hop_limit())
                .unwrap_or(1),
        },
        block_device_mappings: Some(
            data.block_device_mappings()
                .iter()
                .filter_map(BlockDevice::from_aws)
                .collect(),
        ),
        monitoring: Some(
            data.monitoring()
                .and_then(|monitoring| monitoring.enabled())
                .unwrap_or_default(),
        ),
        user_data: data.user_data().and_then(decoded),
        tag_specifications: Some(tagged.collect()),
        tags,
    }
}

/// The tag with the number of the version that platctl created last.
const VERSION: &str = "platctl:version";

/// The version that platctl created last; for a template that it did not create, the default one.
fn ours(template: &aws_sdk_ec2::types::LaunchTemplate) -> &str {
    let tag = template
        .tags()
        .iter()
        .find(|tag| tag.key() == Some(VERSION));
    tag.and_then(|tag| tag.value()).unwrap_or(DEFAULT)
}

const DEFAULT: &str = "$Default";

/// A default version that somebody else created: nodes do not get it, because their node group names a version.
fn foreign(template: &aws_sdk_ec2::types::LaunchTemplate, version: i64) -> Option<String> {
    let default = template
        .default_version_number()
        .filter(|default| *default != version)?;
    Some(format!(
        "the default version {default}, which platctl did not create"
    ))
}

fn live(
    template: &aws_sdk_ec2::types::LaunchTemplate,
    version: &LaunchTemplateVersion,
) -> Option<Live<LaunchTemplate>> {
    let (tags, owner) = split_ec2(template.tags());
    let (id, name) = (
        template.launch_template_id()?,
        template.launch_template_name()?,
    );
    let data = version.launch_template_data()?;
    let mut unmanaged = kept::unmanaged(data);
    unmanaged.extend(foreign(template, version.version_number()?));
    let outputs = Outputs {
        launch_template_id: id.to_owned(),
        launch_template_name: name.to_owned(),
        version_number: version.version_number()?.to_string(),
        unmanaged,
    };
    let spec = spec_of(name, data, tags);
    Some(Live {
        id: id.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

/// The templates of these ids. There is no filter for ids, and an id that is gone is an error: then they are asked
/// one by one.
async fn templates(
    cloud: &Cloud,
    ids: &[Id],
) -> CloudResult<Vec<aws_sdk_ec2::types::LaunchTemplate>> {
    let ask = |ids: Vec<String>| async move {
        let call = cloud
            .ec2
            .describe_launch_templates()
            .set_launch_template_ids(Some(ids));
        let answer = call.send().ask().await;
        answer.map(|answer| answer.launch_templates.unwrap_or_default())
    };
    let mut found = Vec::new();
    for ids in ids.chunks(200) {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        match ask(ids.clone()).await {
            Err(error) if error.class == Class::NotFound => {
                for id in ids {
                    match ask(vec![id]).await {
                        Err(error) if error.class == Class::NotFound => {}
                        other => found.extend(other?),
                    }
                }
            }
            other => found.extend(other?),
        }
    }
    Ok(found)
}

async fn read(
    cloud: &Cloud,
    template: aws_sdk_ec2::types::LaunchTemplate,
) -> CloudResult<Option<Live<LaunchTemplate>>> {
    let ask = |version: String| {
        let call = cloud
            .ec2
            .describe_launch_template_versions()
            .versions(version);
        let call =
            call.set_launch_template_id(template.launch_template_id().map(ToOwned::to_owned));
        async move { if_there(call.send().ask().await) }
    };
    let ours = ours(&template);
    let answer = match ask(ours.to_owned()).await? {
        // Somebody has deleted it.
        None if ours != DEFAULT => ask(DEFAULT.to_owned()).await?,
        answer => answer,
    };
    let versions = answer
        .and_then(|answer| answer.launch_template_versions)
        .unwrap_or_default();
    Ok(versions
        .first()
        .and_then(|version| live(&template, version)))
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<LaunchTemplate>>>> {
    let found = templates(cloud, ids).await?;
    let what = "reading versions of launch templates";
    let lives = each(cloud, what, found, |template| read(cloud, template)).await?;
    Ok(super::in_order(ids, lives.into_iter().flatten()))
}

/// What a version says.
async fn said(cloud: &Cloud, id: &Id, version: &str) -> CloudResult<ResponseLaunchTemplateData> {
    let call = cloud
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id.as_str())
        .versions(version);
    let found = call
        .send()
        .ask()
        .await?
        .launch_template_versions
        .unwrap_or_default();
    let data = found
        .into_iter()
        .next()
        .and_then(|version| version.launch_template_data);
    let operation = "ec2:DescribeLaunchTemplateVersions";
    data.ok_or_else(|| {
        CloudError::new(
            Class::NotFound,
            operation,
            format!("version {version} of {id} is gone"),
        )
    })
}

impl Kind for LaunchTemplate {
    const NAME: &'static str = "ec2.LaunchTemplate";
    const FIELDS: &'static Table = &[("/launch_template_name", &[Immutable])];
    const VOLATILE: &'static [&'static str] = &["version_number"];
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
        ],
        create: &["ec2:CreateLaunchTemplate", "ec2:CreateTags"],
        update: &[
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:ModifyLaunchTemplate",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DeleteLaunchTemplate"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        let disk = BlockDevice {
            device_name: "/dev/xvda".into(),
            volume_size: 50,
            volume_type: gp3(),
            encrypted: true,
            kms_key_id: None,
            iops: None,
            throughput: None,
            delete_on_termination: true,
        };
        let tags = Tags::from([("Name".into(), "prod-node".into())]);
        Spec {
            launch_template_name: "prod-nodes".into(),
            image_id: None,
            instance_type: None,
            key_name: None,
            security_group_ids: Some(BTreeSet::from(["sg-0123456789abcdef0".into()])),
            metadata_options: MetadataOptions::default(),
            block_device_mappings: Some(vec![disk]),
            monitoring: Some(false),
            user_data: None,
            tag_specifications: Some(BTreeMap::from([("instance".into(), tags)])),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
        let disk = json!({"device_name": "/dev/xvda", "volume_size": 100, "iops": 4000, "kms_key_id": key});
        vec![
            ("/launch_template_name", json!("prod-others")),
            ("/image_id", json!("ami-12345678")),
            ("/instance_type", json!("m7g.large")),
            ("/key_name", json!("operators")),
            ("/security_group_ids", json!(["sg-0123456789abcdef1"])),
            ("/metadata_options/http_put_response_hop_limit", json!(2)),
            ("/block_device_mappings", json!([disk])),
            ("/monitoring", json!(true)),
            ("/user_data", json!("#!/bin/sh\necho hello\n")),
            (
                "/tag_specifications",
                json!({"volume": {"Name": "prod-disk"}}),
            ),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "()./_-".contains(c);
        let name = &spec.launch_template_name;
        if !(3..=128).contains(&name.len()) || !name.chars().all(sound) {
            let message = "must have 3 to 128 letters, digits and any of ()./_-";
            return Err(SpecError::new("/launch_template_name", message));
        }
        if !["required", "optional"].contains(&spec.metadata_options.http_tokens.as_str()) {
            return Err(SpecError::new(
                "/metadata_options/http_tokens",
                "must be `required` or `optional`",
            ));
        }
        if !(1..=64).contains(&spec.metadata_options.http_put_response_hop_limit) {
            let path = "/metadata_options/http_put_response_hop_limit";
            return Err(SpecError::new(path, "must be between 1 and 64"));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.launch_template_name, &desired.launch_template_name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let pages = cloud
            .ec2
            .describe_launch_templates()
            .filters(owned_by(wanted));
        let found: Result<Vec<_>, _> = pages.into_paginator().items().send().collect().await;
        let found = found.asked()?;
        let id = |one: &aws_sdk_ec2::types::LaunchTemplate| one.launch_template_id().map(Id::from);
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|one| Some((id(one)?, split_ec2(one.tags()).1))),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let mut tags = spec.tags.clone();
        tags.insert(VERSION.to_owned(), "1".to_owned());
        let call = cloud
            .ec2
            .create_launch_template()
            .launch_template_name(&spec.launch_template_name)
            .launch_template_data(data(spec))
            .client_token(&claim.token)
            .tag_specifications(ec2_specification(
                ResourceType::LaunchTemplate,
                &tags,
                &claim.owner,
            ));
        let answer = call.send().ask().await?;
        let id = answer
            .launch_template()
            .and_then(|template| template.launch_template_id());
        made("ec2:CreateLaunchTemplate", id)
    }

    /// A version cannot be changed: a new one takes over what does not change from the one that the plan saw.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let tags =
            |path: &str| path == Changes::OWNER || path == "/tags" || path.starts_with("/tags/");
        if changes.iter().any(|change| !tags(&change.path)) {
            let source = live.outputs.version_number.as_str();
            let call = cloud
                .ec2
                .create_launch_template_version()
                .launch_template_id(live.id.as_str())
                .source_version(source)
                .launch_template_data(kept::version(
                    &said(cloud, &live.id, source).await?,
                    spec,
                    changes,
                ));
            let answer = call.send().ask().await?;
            let number = answer
                .launch_template_version()
                .and_then(|version| version.version_number());
            let number = made(
                "ec2:CreateLaunchTemplateVersion",
                number.map(|number| number.to_string()),
            )?;
            let call = cloud
                .ec2
                .modify_launch_template()
                .launch_template_id(live.id.as_str());
            let call = call.default_version(number.as_str());
            call.send().ask().await?;
            let tag = Tag::builder().key(VERSION).value(number.as_str()).build();
            cloud
                .ec2
                .create_tags()
                .resources(live.id.as_str())
                .tags(tag)
                .send()
                .ask()
                .await?;
        }
        sync_ec2(cloud, &live.id, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .ec2
            .delete_launch_template()
            .launch_template_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ec2::operation::create_launch_template_version::CreateLaunchTemplateVersionOutput;
    use aws_sdk_ec2::operation::describe_launch_template_versions::DescribeLaunchTemplateVersionsOutput;
    use aws_sdk_ec2::operation::modify_launch_template::ModifyLaunchTemplateOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn template() -> Live<LaunchTemplate> {
        let builder = aws_sdk_ec2::types::LaunchTemplate::builder().launch_template_id("lt-1");
        let data = ResponseLaunchTemplateData::builder()
            .user_data("aGVsbG8=")
            .build();
        let version = LaunchTemplateVersion::builder()
            .version_number(3)
            .launch_template_data(data)
            .build();
        live(&builder.launch_template_name("nodes").build(), &version).unwrap()
    }

    #[tokio::test]
    async fn a_version_that_somebody_else_made_the_default_is_shown_and_not_taken_over() {
        let tag = Tag::builder().key(VERSION).value("3").build();
        let template = aws_sdk_ec2::types::LaunchTemplate::builder()
            .launch_template_id("lt-1")
            .launch_template_name("nodes")
            .default_version_number(4)
            .tags(tag)
            .build();
        let versions = mock!(aws_sdk_ec2::Client::describe_launch_template_versions)
            .match_requests(|request| request.versions() == ["3"])
            .then_output(|| {
                let data = ResponseLaunchTemplateData::builder().build();
                let version = LaunchTemplateVersion::builder()
                    .version_number(3)
                    .launch_template_data(data);
                DescribeLaunchTemplateVersionsOutput::builder()
                    .launch_template_versions(version.build())
                    .build()
            });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[&versions]);
        let found = read(
            &Cloud {
                ec2: ec2.into(),
                ..cloud()
            },
            template,
        )
        .await
        .unwrap()
        .unwrap();
        assert_eq!(found.outputs.version_number, "3", "nodes stay on it");
        assert_eq!(
            found.outputs.unmanaged,
            ["the default version 4, which platctl did not create"]
        );
    }

    #[test]
    fn what_aws_leaves_out_is_its_default_and_not_ours() {
        let found = template().spec;
        assert_eq!(found.user_data.as_deref(), Some("hello"));
        assert_eq!(found.metadata_options.http_tokens, "optional");
    }

    #[tokio::test]
    async fn a_change_is_a_new_default_version() {
        let said = mock!(aws_sdk_ec2::Client::describe_launch_template_versions)
            .match_requests(|request| request.versions() == ["3"])
            .then_output(|| {
                let data = ResponseLaunchTemplateData::builder()
                    .user_data("aGVsbG8=")
                    .build();
                let version = LaunchTemplateVersion::builder()
                    .version_number(3)
                    .launch_template_data(data);
                DescribeLaunchTemplateVersionsOutput::builder()
                    .launch_template_versions(version.build())
                    .build()
            });
        let create = mock!(aws_sdk_ec2::Client::create_launch_template_version)
            .match_requests(|request| {
                let data = request.launch_template_data();
                let data =
                    data.is_some_and(|data| data.monitoring.is_some() && data.user_data.is_none());
                request.source_version() == Some("3") && data
            })
            .then_output(|| {
                let version = LaunchTemplateVersion::builder().version_number(5).build();
                CreateLaunchTemplateVersionOutput::builder()
                    .launch_template_version(version)
                    .build()
            });
        let modify = mock!(aws_sdk_ec2::Client::modify_launch_template)
            .match_requests(|request| request.default_version() == Some("5"))
            .then_output(|| ModifyLaunchTemplateOutput::builder().build());
        let mark = mock!(aws_sdk_ec2::Client::create_tags)
            .match_requests(|request| {
                let tag = &request.tags()[0];
                (tag.key(), tag.value()) == (Some(VERSION), Some("5"))
            })
            .then_output(|| {
                aws_sdk_ec2::operation::create_tags::CreateTagsOutput::builder().build()
            });
        let ec2 = mock_client!(
            aws_sdk_ec2,
            RuleMode::Sequential,
            &[&said, &create, &modify, &mark]
        );
        let cloud = Cloud {
            ec2: ec2.into(),
            ..cloud()
        };
        let asked = changes(&[("/monitoring", json!(false), json!(true))]);
        LaunchTemplate::update(
            &cloud,
            &template(),
            &LaunchTemplate::example(),
            &asked,
            &owner(),
        )
        .await
        .unwrap();
        assert_eq!((create.num_calls(), modify.num_calls()), (1, 1));
    }
}
