//! `iam.InstanceProfile`, with its role.

use platctl_engine::fields::Fact::{Holds, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::is_name;
use super::tags::{InstanceProfileTags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};
use crate::tags::{Tags, sync};
use crate::types::{Arn, RoleName, unless_same};

/// An IAM instance profile, which passes an IAM role to an EC2 instance.
#[derive(Debug)]
pub struct InstanceProfile;

/// An IAM instance profile, which passes an IAM role to an EC2 instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the instance profile. Must be unique within the account and is not case-sensitive. Up to
    /// 128 characters.
    pub instance_profile_name: String,
    /// The name of the IAM role. It must trust `ec2.amazonaws.com`.
    pub role_name: S::In<RoleName>,
    /// The path: `/`, or a path that begins and ends with a slash. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Tags to assign to the instance profile.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the instance profile that other resources can reference.
    InstanceProfile {
        /// The Amazon Resource Name (ARN) of the instance profile.
        ARN: arn: Arn,
        /// The name of the instance profile.
        INSTANCE_PROFILE_NAME: instance_profile_name: String,
    }
}

fn live(profile: &aws_sdk_iam::types::InstanceProfile) -> Live<InstanceProfile> {
    let (tags, owner) = tags_of(profile.tags());
    let name = profile.instance_profile_name();
    let spec = Spec {
        instance_profile_name: name.to_owned(),
        role_name: profile
            .roles()
            .first()
            .map(|role| role.role_name())
            .unwrap_or_default()
            .into(),
        path: Some(profile.path().to_owned()),
        tags,
    };
    let outputs = Outputs {
        arn: profile.arn().into(),
        instance_profile_name: name.to_owned(),
    };
    Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<InstanceProfile>>> {
    let call = cloud
        .iam
        .get_instance_profile()
        .instance_profile_name(id.as_str());
    Ok(call.send().ask().await?.instance_profile().map(live))
}

/// A profile holds one role, so the old one leaves first.
async fn take_out(cloud: &Cloud, live: &Live<InstanceProfile>) -> CloudResult<()> {
    let role = live.spec.role_name.as_str();
    if role.is_empty() {
        return Ok(());
    }
    let call = cloud
        .iam
        .remove_role_from_instance_profile()
        .instance_profile_name(live.id.as_str());
    let answer = call.role_name(role).send().await;
    if_there(answer.asked()).map(drop)
}

impl Kind for InstanceProfile {
    const NAME: &'static str = "iam.InstanceProfile";
    const FIELDS: &'static Table = &[
        ("/instance_profile_name", &[Immutable, Name]),
        ("/path", &[Immutable]),
        // A role in a profile cannot be deleted.
        ("/role_name", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetInstanceProfile"],
        create: &[
            "iam:CreateInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:AddRoleToInstanceProfile",
            "iam:PassRole",
        ],
        update: &[
            "iam:AddRoleToInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:PassRole",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        ],
        delete: &[
            "iam:RemoveRoleFromInstanceProfile",
            "iam:DeleteInstanceProfile",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            instance_profile_name: "prod-nodes".into(),
            role_name: "example-role".into(),
            path: Some("/".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/role_name", json!("another-role")),
            ("/instance_profile_name", json!("prod-others")),
            ("/path", json!("/platform/")),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if is_name(&spec.instance_profile_name, 128) {
            return Ok(());
        }
        let message = "must have 1 to 128 letters, digits and any of +=,.@_-";
        Err(SpecError::new("/instance_profile_name", message))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.instance_profile_name, &desired.instance_profile_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.instance_profile_name.as_str()))
    }

    /// The role follows by `update`.
    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_instance_profile()
            .instance_profile_name(&spec.instance_profile_name)
            .set_path(spec.path.clone())
            .set_tags(tags_with(&spec.tags, &claim.owner)?);
        call.send().ask().await?;
        Ok(Id::from(spec.instance_profile_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/role_name") {
            take_out(cloud, live).await?;
            let call = cloud
                .iam
                .add_role_to_instance_profile()
                .instance_profile_name(live.id.as_str());
            let answer = call.role_name(spec.role_name.as_str()).send().await;
            answer.asked()?;
        }
        sync::<InstanceProfileTags>(cloud, live.id.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        take_out(cloud, live).await?;
        let call = cloud
            .iam
            .delete_instance_profile()
            .instance_profile_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_iam::operation::add_role_to_instance_profile::AddRoleToInstanceProfileOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_profile_without_a_role_loses_none() {
        let add = mock!(aws_sdk_iam::Client::add_role_to_instance_profile)
            .match_requests(|request| request.role_name() == Some("example-role"))
            .then_output(|| AddRoleToInstanceProfileOutput::builder().build());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&add]).into(),
            ..cloud()
        };
        let outputs = Outputs {
            arn: "arn:p".into(),
            instance_profile_name: "p".into(),
        };
        let spec = Spec {
            role_name: "".into(),
            ..InstanceProfile::example()
        };
        let empty = Live {
            id: "p".into(),
            spec,
            outputs,
            owner: None,
            phase: Phase::Ready,
        };
        let asked = changes(&[("/role_name", json!(""), json!("example-role"))]);
        let desired = InstanceProfile::example();
        InstanceProfile::update(&cloud, &empty, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(add.num_calls(), 1);
    }
}
