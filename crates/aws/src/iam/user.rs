//! `iam.User`: for what cannot take on a role.

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::is_name;
use super::tags::{UserTags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tags, sync};
use crate::types::{Arn, unless_same};

/// An IAM user, created without a password and without access keys.
#[derive(Debug)]
pub struct User;

/// An IAM user, created without a password and without access keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name of the user. Must be unique within the account and is not case-sensitive. Up to 64
    /// characters.
    pub user_name: String,
    /// The path: `/`, or a path that begins and ends with a slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Tags to assign to the user.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the user that other resources can reference.
    User {
        /// The Amazon Resource Name (ARN) of the user.
        ARN: arn: Arn,
        /// The name of the user.
        USER_NAME: user_name: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<User>>> {
    let call = cloud.iam.get_user().user_name(id.as_str());
    Ok(call.send().ask().await?.user.map(|user| {
        let (tags, owner) = tags_of(user.tags());
        let name = user.user_name().to_owned();
        let spec = Spec {
            user_name: name.clone(),
            path: Some(user.path().to_owned()),
            tags,
        };
        let outputs = Outputs {
            arn: user.arn().into(),
            user_name: name,
        };
        Live {
            id: id.clone(),
            spec,
            outputs,
            owner,
            phase: Phase::Ready,
        }
    }))
}

impl Kind for User {
    const NAME: &'static str = "iam.User";
    const FIELDS: &'static Table = &[("/user_name", &[Immutable, Name])];
    const VOLATILE: &'static [&'static str] = &["arn"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetUser"],
        create: &["iam:CreateUser", "iam:TagUser"],
        update: &["iam:UpdateUser", "iam:TagUser", "iam:UntagUser"],
        delete: &["iam:DeleteUser"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            user_name: "prod-git".into(),
            path: Some("/".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/tags/team", json!("data")),
            ("/path", json!("/platform/")),
            ("/user_name", json!("prod-other")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if is_name(&spec.user_name, 64) {
            return Ok(());
        }
        Err(SpecError::new(
            "/user_name",
            "must have 1 to 64 letters, digits and any of +=,.@_-",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.user_name, &desired.user_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.user_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_user()
            .user_name(&spec.user_name)
            .set_path(spec.path.clone());
        let call = call.set_tags(tags_with(&spec.tags, &claim.owner)?);
        call.send().ask().await?;
        Ok(Id::from(spec.user_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let name = live.id.as_str();
        // The path is part of the user's ARN. The user keeps its credentials and its policies.
        if let Some(path) = spec.path.as_ref().filter(|_| changes.touch("/path")) {
            cloud
                .iam
                .update_user()
                .user_name(name)
                .new_path(path)
                .send()
                .ask()
                .await?;
        }
        sync::<UserTags>(cloud, name, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.iam.delete_user().user_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
