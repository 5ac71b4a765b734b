//! `ecr.Repository`

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    Repository as Described,
};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Contents, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Then, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{EcrTags, tags_from};
use crate::errors::{Ask, Asked, invalid};
use crate::size::{counted, sized};
use crate::tags::{Tagged, Tags, claimed, edits, split, write};
use crate::types::{Arn, unless_same};
use crate::{Cloud, Policy};

/// An ECR repository for container images.
#[derive(Debug)]
pub struct Repository;

/// An ECR repository for container images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the repository, such as `prod/backend`. Must be unique within the account and region. 2 to
    /// 256 lower-case letters, digits, `-`, `_`, `.` and `/`.
    pub repository_name: String,
    /// Whether image tags can be overwritten: `MUTABLE`, or `IMMUTABLE` if a tag must always refer to the
    /// same image. Default: `IMMUTABLE`.
    #[serde(default = "immutable")]
    pub image_tag_mutability: String,
    /// Whether images are scanned for vulnerabilities when they are pushed. Default: `true`.
    #[serde(default = "on")]
    pub scan_on_push: bool,
    /// The ARN of the KMS key that encrypts the images. Default: AES-256 encryption with a key that AWS
    /// manages. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<S::In<Arn>>,
    /// The repository policy, which allows others to pull or push images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<S::In<Policy>>,
    /// Whether the images are deleted together with the repository. Stored in a tag, so that the repository
    /// can be deleted without a stack file.
    #[serde(default)]
    pub force_delete: bool,
    /// Tags to assign to the repository.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

fn immutable() -> String {
    "IMMUTABLE".to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the repository that other resources can reference.
    Repository {
        /// The name of the repository.
        REPOSITORY_NAME: repository_name: String,
        /// The Amazon Resource Name (ARN) of the repository.
        ARN: arn: Arn,
        /// The URI of the repository, for `docker pull`.
        REPOSITORY_URI: repository_uri: String,
    }
}

/// The tag that says that images may go with the repository.
const FORCE: &str = "platctl:force-delete";

async fn policy_of(cloud: &Cloud, name: &str) -> CloudResult<Option<Policy>> {
    let answer = cloud
        .ecr
        .get_repository_policy()
        .repository_name(name)
        .send()
        .await;
    match answer.asked() {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?.policy_text().and_then(Policy::parse)),
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Repository>>> {
    let call = cloud
        .ecr
        .describe_repositories()
        .repository_names(id.as_str());
    let answer = call.send().ask().await?;
    let Some(found) = answer.repositories().first() else {
        return Ok(None);
    };
    let arn = found.repository_arn().unwrap_or_default();
    let (all, policy) =
        futures::try_join!(EcrTags::list(cloud, arn), policy_of(cloud, id.as_str()))?;
    Ok(Some(live(id, found, all, policy)))
}

fn live(id: &Id, found: &Described, all: Tags, policy: Option<Policy>) -> Live<Repository> {
    let force_delete = all.get(FORCE).is_some_and(|value| value == "true");
    let (tags, owner) = split(all);
    let key = found
        .encryption_configuration()
        .and_then(|encryption| encryption.kms_key());
    let spec = Spec {
        repository_name: id.to_string(),
        image_tag_mutability: found
            .image_tag_mutability()
            .map_or_else(immutable, |kind| kind.as_str().to_owned()),
        scan_on_push: found
            .image_scanning_configuration()
            .is_some_and(|scan| scan.scan_on_push()),
        kms_key: key.map(Arn::from),
        policy,
        force_delete,
        tags,
    };
    let outputs = Outputs {
        repository_name: id.to_string(),
        arn: found.repository_arn().unwrap_or_default().into(),
        repository_uri: found.repository_uri().unwrap_or_default().to_owned(),
    };
    Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }
}

/// A part of a name: words of letters and digits, with a dot, one or two underscores, or hyphens between them.
fn is_part(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = part
        .split(is_word)
        .filter(|separator| !separator.is_empty());
    let sound = |separator: &str| {
        matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
    };
    part.starts_with(is_word) && part.ends_with(is_word) && between.into_iter().all(sound)
}

impl Kind for Repository {
    const NAME: &'static str = "ecr.Repository";
    const FIELDS: &'static Table = &[
        ("/repository_name", &[Immutable, Name]),
        ("/kms_key", &[Immutable]),
    ];
    /// Those of ownership, and whether its images are deleted.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "ecr:DescribeRepositories",
            "ecr:GetRepositoryPolicy",
            "ecr:ListTagsForResource",
        ],
        create: &[
            "ecr:CreateRepository",
            "ecr:TagResource",
            "kms:CreateGrant",
            "kms:DescribeKey",
            "kms:RetireGrant",
        ],
        update: &[
            "ecr:PutImageTagMutability",
            "ecr:PutImageScanningConfiguration",
            "ecr:SetRepositoryPolicy",
            "ecr:DeleteRepositoryPolicy",
            "ecr:TagResource",
            "ecr:UntagResource",
        ],
        delete: &["ecr:DeleteRepository", "ecr:DescribeImages"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("policy", Value::Null)]
    }

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            repository_name: "example/backend".into(),
            image_tag_mutability: immutable(),
            scan_on_push: true,
            kms_key: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            policy: None,
            force_delete: true,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "ecr:BatchGetImage",
        }]});
        vec![
            ("/image_tag_mutability", json!("MUTABLE")),
            ("/scan_on_push", json!(false)),
            ("/policy", policy),
            ("/force_delete", json!(false)),
            ("/tags/team", json!("data")),
            ("/repository_name", json!("example/frontend")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.repository_name;
        if !(2..=256).contains(&name.len()) || !name.split('/').all(is_part) {
            let message = "must have 2 to 256 lower-case letters and digits, with single - _ . / (or __ or --) between them";
            return Err(SpecError::new("/repository_name", message));
        }
        if ["IMMUTABLE", "MUTABLE"].contains(&spec.image_tag_mutability.as_str()) {
            return Ok(());
        }
        Err(SpecError::new(
            "/image_tag_mutability",
            "must be `IMMUTABLE` or `MUTABLE`",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.repository_name, &desired.repository_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.repository_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "ecr:CreateRepository";
        let encryption = spec.kms_key.as_ref().map(|key| {
            let builder = EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms);
            builder
                .kms_key(key.as_str())
                .build()
                .map_err(|e| invalid(operation, &e))
        });
        let mut tags = claimed(&spec.tags, &claim.owner);
        tags.insert(FORCE.to_owned(), spec.force_delete.to_string());
        let scan = ImageScanningConfiguration::builder()
            .scan_on_push(spec.scan_on_push)
            .build();
        let call = cloud
            .ecr
            .create_repository()
            .repository_name(&spec.repository_name)
            .image_tag_mutability(ImageTagMutability::from(spec.image_tag_mutability.as_str()))
            .image_scanning_configuration(scan)
            .set_encryption_configuration(encryption.transpose()?)
            .set_tags(Some(tags_from(tags, operation)?));
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
        let name = live.id.as_str();
        if changes.touch("/image_tag_mutability") {
            let call = cloud.ecr.put_image_tag_mutability().repository_name(name);
            let call = call
                .image_tag_mutability(ImageTagMutability::from(spec.image_tag_mutability.as_str()));
            call.send().ask().await?;
        }
        if changes.touch("/scan_on_push") {
            let scan = ImageScanningConfiguration::builder()
                .scan_on_push(spec.scan_on_push)
                .build();
            let call = cloud
                .ecr
                .put_image_scanning_configuration()
                .repository_name(name);
            let call = call.image_scanning_configuration(scan);
            call.send().ask().await?;
        }
        if changes.touch("/policy") {
            put_policy(cloud, name, spec.policy.as_ref()).await?;
        }
        let mut edits = edits(changes, owner);
        if changes.touch("/force_delete") {
            edits
                .set
                .insert(FORCE.to_owned(), spec.force_delete.to_string());
        }
        write::<EcrTags>(cloud, live.outputs.arn.as_str(), edits).await
    }

    async fn contents(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        let call = cloud.ecr.describe_images();
        let call = call.repository_name(live.id.as_str()).max_results(1000);
        let page = call.send().ask().await?;
        let images = page.image_details();
        if images.is_empty() {
            return Ok(None);
        }
        let sizes = images.iter().filter_map(|one| one.image_size_in_bytes());
        let bytes: u64 = sizes.map(|size| u64::try_from(size).unwrap_or(0)).sum();
        let more = page.next_token().is_some();
        let what = counted(images.len(), "image", "images", more);
        let then = if live.spec.force_delete {
            Then::Deleted
        } else {
            Then::Refused(
                "to delete them with the repository, set `force_delete: true` and apply; otherwise delete them first"
                    .into(),
            )
        };
        Ok(Some(Contents {
            what: format!("{what} ({})", sized(bytes, more)),
            count: u64::try_from(images.len()).ok(),
            bytes: Some(bytes),
            at_least: more,
            then,
            leaves: None,
        }))
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .ecr
            .delete_repository()
            .repository_name(live.id.as_str())
            .force(live.spec.force_delete);
        call.send().ask().await.map(drop)
    }
}

async fn put_policy(cloud: &Cloud, name: &str, policy: Option<&Policy>) -> CloudResult<()> {
    let Some(policy) = policy else {
        let call = cloud.ecr.delete_repository_policy().repository_name(name);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .ecr
        .set_repository_policy()
        .repository_name(name)
        .policy_text(policy.to_json());
    call.send().ask().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_have_words_and_separators() {
        let named = |name: &str| {
            Repository::check(&Spec {
                repository_name: name.into(),
                ..Repository::example()
            })
            .is_ok()
        };
        for good in ["app", "prod/web.api", "a__b", "a---b", "team-1/app_2"] {
            assert!(named(good), "{good}");
        }
        for bad in [
            "a",
            "App",
            "-app",
            "app-",
            "a..b",
            "a._b",
            "a___b",
            "prod//web",
            "prod/",
            "pr\u{f6}d",
        ] {
            assert!(!named(bad), "{bad}");
        }
    }
}
