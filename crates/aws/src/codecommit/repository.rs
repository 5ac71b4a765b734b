//! `codecommit.Repository`

use aws_sdk_codecommit::types::RepositoryMetadata;
use platctl_engine::fields::Fact::Name;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Contents, Id, Identity, Kind, Live,
    Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::CodeCommitTags;
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked};
use crate::size::counted;
use crate::tags::{Tags, claimed, owned, sync};
use crate::text::any;
use crate::types::{Arn, unless_same};

/// A CodeCommit Git repository. Its ID in platctl is the ID that AWS gives it, which stays when the repository is
/// renamed. To import a repository, its name can be used, too.
#[derive(Debug)]
pub struct Repository;

/// A CodeCommit Git repository. Its ID in platctl is the ID that AWS gives it, which stays when the repository is
/// renamed. To import a repository, its name can be used, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the repository. Must be unique within the account and region. 1 to 100 letters, digits,
    /// `.`, `_` and `-`; must not end with `.git`. A change renames the repository; its ARN and its URLs change too.
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

/// The repository of this name, and who owns it; none when there is none.
async fn named(cloud: &Cloud, name: &str) -> CloudResult<Option<Live<Repository>>> {
    let call = cloud.codecommit.get_repository().repository_name(name);
    let answer = match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let Some(found) = answer.repository_metadata() else {
        return Ok(None);
    };
    let arn = found.arn().unwrap_or_default();
    let (tags, owner) = owned::<CodeCommitTags>(cloud, arn).await?;
    Ok(live(found, tags, owner))
}

fn live(found: &RepositoryMetadata, tags: Tags, owner: Option<Owner>) -> Option<Live<Repository>> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let name = found.repository_name()?;
    Some(Live {
        id: Id::from(found.repository_id()?),
        spec: Spec {
            repository_name: name.to_owned(),
            repository_description: Some(text(found.repository_description())),
            kms_key_id: found.kms_key_id().map(Arn::from),
            tags,
        },
        outputs: Outputs {
            repository_name: name.to_owned(),
            arn: text(found.arn()).into(),
            clone_url_http: text(found.clone_url_http()),
        },
        owner,
        phase: Phase::Ready,
    })
}

/// All calls take the name, which can change; the list tells which name an ID has now. A name is taken for an ID, too:
/// that is what people import.
async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Repository>>>> {
    let list = cloud
        .codecommit
        .list_repositories()
        .into_paginator()
        .items();
    let all: Result<Vec<_>, _> = list.send().collect().await;
    let all = all.asked()?;
    let name = |id: &Id| {
        let is = |given: Option<&str>| given == Some(id.as_str());
        let mut found = all
            .iter()
            .filter(|one| is(one.repository_id()) || is(one.repository_name()));
        found.next()?.repository_name().map(ToOwned::to_owned)
    };
    let read = |name: Option<String>| async move {
        match name {
            Some(name) => named(cloud, &name).await,
            None => Ok(None),
        }
    };
    let names: Vec<Option<String>> = ids.iter().map(name).collect();
    each(cloud, "reading CodeCommit repositories", names, read).await
}

async fn rename(cloud: &Cloud, old: &str, new: &str) -> CloudResult<()> {
    let call = cloud.codecommit.update_repository_name();
    let call = call.old_name(old).new_name(new);
    call.send().ask().await.map(drop)
}

impl Kind for Repository {
    const NAME: &'static str = "codecommit.Repository";
    const FIELDS: &'static Table = &[("/repository_name", &[Name])];
    const FOLLOWS: &'static [(&'static str, &'static [&'static str])] = &[
        ("repository_name", &["/repository_name"]),
        ("arn", &["/repository_name"]),
        ("clone_url_http", &["/repository_name"]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "codecommit:GetRepository",
            "codecommit:ListRepositories",
            "codecommit:ListTagsForResource",
        ],
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
            "codecommit:UpdateRepositoryName",
            "codecommit:TagResource",
            "codecommit:UntagResource",
        ],
        delete: &["codecommit:DeleteRepository", "codecommit:ListBranches"],
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

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("repository_description", json!(""))]
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

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let name = |wanted: &Wanted<Self>| Some(wanted.spec.as_ref()?.repository_name.clone());
        let names: Vec<Option<String>> = wanted.iter().map(name).collect();
        let find = |name: Option<String>| async move {
            let found = match name {
                Some(name) => named(cloud, &name).await?,
                None => None,
            };
            let candidate = found.map(|live| Candidate {
                id: live.id,
                owner: live.owner,
            });
            Ok::<_, CloudError>(candidate.into_iter().collect())
        };
        each(cloud, "looking for CodeCommit repositories", names, find).await
    }

    async fn vet(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        if !changes.touch("/repository_name") {
            return Ok(Vec::new());
        }
        let taken = named(cloud, &spec.repository_name).await?;
        let taken = taken.filter(|other| other.id != live.id);
        let fault = taken.map(|_| {
            let message = "is the name of another repository in this region: use another name";
            SpecError::new("/repository_name", message)
        });
        Ok(fault.into_iter().collect())
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
        let answer = call.send().ask().await?;
        let made = answer.repository_metadata();
        let id = made.and_then(RepositoryMetadata::repository_id);
        id.map(Id::from).ok_or_else(|| {
            let message = "the answer has no repository ID";
            CloudError::new(Class::Unknown, "codecommit:CreateRepository", message)
        })
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (name, arn) = (&live.outputs.repository_name, live.outputs.arn.as_str());
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
        sync::<CodeCommitTags>(cloud, arn, changes, owner).await?;
        // Last: name and ARN are others afterwards.
        if changes.touch("/repository_name") {
            rename(cloud, name, &spec.repository_name).await?;
        }
        Ok(())
    }

    async fn contents(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        let call = cloud.codecommit.list_branches();
        let page = call
            .repository_name(&live.spec.repository_name)
            .send()
            .ask()
            .await?;
        let (count, more) = (page.branches().len(), page.next_token().is_some());
        Ok((count > 0).then(|| Contents {
            what: format!("commits on {}", counted(count, "branch", "branches", more)),
            count: u64::try_from(count).ok(),
            at_least: more,
            ..Contents::default()
        }))
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .codecommit
            .delete_repository()
            .repository_name(&live.outputs.repository_name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_codecommit::operation::get_repository::GetRepositoryOutput;
    use aws_sdk_codecommit::operation::list_repositories::ListRepositoriesOutput;
    use aws_sdk_codecommit::operation::list_tags_for_resource::ListTagsForResourceOutput;
    use aws_sdk_codecommit::operation::tag_resource::TagResourceOutput;
    use aws_sdk_codecommit::operation::update_repository_name::UpdateRepositoryNameOutput;
    use aws_sdk_codecommit::types::RepositoryNameIdPair;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    const ID: &str = "f7579e13-b83e-4027-aaef-650c0EXAMPLE";

    fn repository(name: &str) -> RepositoryMetadata {
        RepositoryMetadata::builder()
            .repository_id(ID)
            .repository_name(name)
            .arn(format!("arn:aws:codecommit:eu-west-1:123456789012:{name}"))
            .build()
    }

    fn is_there(name: &'static str) -> aws_smithy_mocks::Rule {
        mock!(aws_sdk_codecommit::Client::get_repository)
            .match_requests(move |request| request.repository_name() == Some(name))
            .then_output(move || {
                GetRepositoryOutput::builder()
                    .repository_metadata(repository(name))
                    .build()
            })
    }

    fn tags() -> aws_smithy_mocks::Rule {
        mock!(aws_sdk_codecommit::Client::list_tags_for_resource)
            .then_output(|| ListTagsForResourceOutput::builder().build())
    }

    #[tokio::test]
    async fn a_repository_is_found_by_its_id_under_the_name_that_it_has_now() {
        let list = mock!(aws_sdk_codecommit::Client::list_repositories).then_output(|| {
            let pair = RepositoryNameIdPair::builder();
            let pair = pair.repository_id(ID).repository_name("new").build();
            ListRepositoriesOutput::builder().repositories(pair).build()
        });
        let (get, tags) = (is_there("new"), tags());
        let codecommit = mock_client!(
            aws_sdk_codecommit,
            RuleMode::MatchAny,
            &[&list, &get, &tags]
        );
        let cloud = Cloud {
            codecommit: codecommit.into(),
            ..cloud()
        };
        let ids = [ID, "new", "old"].map(Id::from);
        let found = describe(&cloud, &ids).await.unwrap();
        let names = found.iter().map(|live| {
            live.as_ref()
                .map(|live| (live.id.as_str(), live.spec.repository_name.as_str()))
        });
        let names: Vec<_> = names.collect();
        assert_eq!(names, [Some((ID, "new")), Some((ID, "new")), None]);
    }

    #[tokio::test]
    async fn a_repository_is_renamed_after_all_that_is_done_under_its_old_name() {
        let tag = mock!(aws_sdk_codecommit::Client::tag_resource)
            .match_requests(|request| {
                request
                    .resource_arn()
                    .is_some_and(|arn| arn.ends_with("old"))
            })
            .then_output(|| TagResourceOutput::builder().build());
        let rename = mock!(aws_sdk_codecommit::Client::update_repository_name)
            .match_requests(|request| {
                (request.old_name(), request.new_name()) == (Some("old"), Some("new"))
            })
            .then_output(|| UpdateRepositoryNameOutput::builder().build());
        let codecommit = mock_client!(aws_sdk_codecommit, RuleMode::Sequential, &[&tag, &rename]);
        let cloud = Cloud {
            codecommit: codecommit.into(),
            ..cloud()
        };
        let old = live(&repository("old"), Tags::new(), None).unwrap();
        let desired = Spec {
            repository_name: "new".into(),
            ..Repository::example()
        };
        let asked = changes(&[
            ("/repository_name", json!("old"), json!("new")),
            ("/tags/team", json!("a"), json!("b")),
        ]);
        Repository::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!((tag.num_calls(), rename.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_name_that_another_repository_has_is_refused_by_the_plan() {
        let (get, tags) = (is_there("taken"), tags());
        let codecommit = mock_client!(aws_sdk_codecommit, RuleMode::MatchAny, &[&get, &tags]);
        let cloud = Cloud {
            codecommit: codecommit.into(),
            ..cloud()
        };
        let mut old = live(&repository("old"), Tags::new(), None).unwrap();
        old.id = Id::from("another");
        let desired = Spec {
            repository_name: "taken".into(),
            ..Repository::example()
        };
        let asked = changes(&[("/repository_name", json!("old"), json!("taken"))]);
        let faults = Repository::vet(&cloud, &old, &desired, &asked)
            .await
            .unwrap();
        assert_eq!(faults[0].path, "/repository_name");
    }
}
