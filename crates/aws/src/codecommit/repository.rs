//! `codecommit.Repository`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, claimed, edits, split};
use crate::text::any;
use crate::types::{Arn, unless_same};

/// A CodeCommit Git repository.
#[derive(Debug)]
pub struct Repository;

/// A CodeCommit Git repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the repository. Must be unique within the account and region. 1 to 100 letters, digits,
    /// `.`, `_` and `-`; must not end with `.git`.
    pub repository_name: String,
    /// A description of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_description: Option<String>,
    /// The ARN of the KMS key that encrypts the repository. Default: the AWS managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<S::In<Arn>>,
    /// Tags to assign to the repository.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the repository that other resources can reference.
    Repository {
        /// The name of the repository.
        REPOSITORY_NAME: repository_name: String,
        /// The Amazon Resource Name (ARN) of the repository.
        ARN: arn: Arn,
        /// The URL for cloning the repository over HTTPS.
        CLONE_URL_HTTP: clone_url_http: String,
    }
}

async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let answer = cloud
        .codecommit
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let answer = answer.asked()?;
    Ok(split(answer.tags.unwrap_or_default()))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Repository>>> {
    let call = cloud
        .codecommit
        .get_repository()
        .repository_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(found) = answer.repository_metadata() else {
        return Ok(None);
    };
    let arn = found.arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        repository_name: id.to_string(),
        repository_description: Some(
            found
                .repository_description()
                .unwrap_or_default()
                .to_owned(),
        ),
        kms_key_id: found.kms_key_id().map(Arn::from),
        tags,
    };
    let outputs = Outputs {
        repository_name: id.to_string(),
        arn: arn.into(),
        clone_url_http: found.clone_url_http().unwrap_or_default().to_owned(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

impl Kind for Repository {
    const NAME: &'static str = "codecommit.Repository";
    const FIELDS: &'static Table = &[
        // AWS could rename it; but other resources name it, and would have to move over at the same moment.
        ("/repository_name", &[Immutable, Name]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &["codecommit:GetRepository", "codecommit:ListTagsForResource"],
        create: &[
            "codecommit:CreateRepository",
            "codecommit:TagResource",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:Decrypt",
        ],
        update: &[
            "codecommit:UpdateRepositoryDescription",
            "codecommit:UpdateRepositoryEncryptionKey",
            "codecommit:TagResource",
            "codecommit:UntagResource",
        ],
        delete: &["codecommit:DeleteRepository"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            repository_name: "example".into(),
            repository_description: Some("The code of an example".into()),
            kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/repository_description",
                json!("The code of something else"),
            ),
            ("/tags/team", json!("data")),
            ("/repository_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.repository_name;
        let sound = (1..=100).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && !name.ends_with(".git");
        any(1000).check(
            "/repository_description",
            spec.repository_description.as_deref(),
        )?;
        if sound {
            return Ok(());
        }
        Err(SpecError::new(
            "/repository_name",
            "must have 1 to 100 letters, digits and . _ -, and must not end with .git",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.repository_name, &desired.repository_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.repository_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .codecommit
            .create_repository()
            .repository_name(&spec.repository_name)
            .set_repository_description(spec.repository_description.clone())
            .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
            .set_tags(Some(
                claimed(&spec.tags, &claim.owner).into_iter().collect(),
            ));
        call.send().ask().await?;
        Ok(Id::from(spec.repository_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (name, arn) = (live.id.as_str(), live.outputs.arn.as_str());
        if changes.touch("/repository_description") {
            let call = cloud
                .codecommit
                .update_repository_description()
                .repository_name(name);
            let call = call.set_repository_description(spec.repository_description.clone());
            call.send().ask().await?;
        }
        if let Some(key) = spec
            .kms_key_id
            .as_ref()
            .filter(|_| changes.touch("/kms_key_id"))
        {
            let call = cloud
                .codecommit
                .update_repository_encryption_key()
                .repository_name(name);
            let call = call.kms_key_id(key.as_str());
            call.send().ask().await?;
        }
        let edits = edits(changes, owner);
        if !edits.set.is_empty() {
            let tags = edits.set.into_iter().collect();
            let call = cloud
                .codecommit
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            call.send().ask().await?;
        }
        if !edits.remove.is_empty() {
            let call = cloud
                .codecommit
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(edits.remove));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .codecommit
            .delete_repository()
            .repository_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
