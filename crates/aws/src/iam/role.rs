//! `iam.Role`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use super::policy_attachment::PolicyAttachment;
use super::role_policy::RolePolicy;
use super::tags::{RoleTags, tags_of, tags_with};
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, sync};
use crate::text::Text;
use crate::types::{Arn, RoleName, unless_same};
use crate::{Cloud, Policy};

/// An IAM role. Its inline policies and policy attachments are separate kinds. Those created outside platctl
/// are left unchanged.
#[derive(Debug)]
pub struct Role;

/// An IAM role. Its inline policies and policy attachments are separate kinds. Those created outside platctl
/// are left unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the role. Must be unique within the account and is not case-sensitive. Up to 64
    /// characters.
    pub role_name: String,
    /// The trust policy, which determines who can assume the role.
    pub assume_role_policy_document: S::In<Policy>,
    /// The path: `/`, or a path that begins and ends with a slash. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A description of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The maximum session duration, in seconds, 3600 to 43200. AWS default: 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// The ARN of the policy that sets the permissions boundary of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<S::In<Arn>>,
    /// Tags to assign to the role.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the role that other resources can reference.
    Role {
        /// The Amazon Resource Name (ARN) of the role.
        ARN: arn: Arn,
        /// The name of the role.
        ROLE_NAME: role_name: RoleName,
        /// The unique ID of the role, such as `AROA…`.
        ROLE_ID: role_id: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Role>>> {
    let answer = cloud
        .iam
        .get_role()
        .role_name(id.as_str())
        .send()
        .ask()
        .await?;
    Ok(answer.role().and_then(live))
}

fn live(role: &aws_sdk_iam::types::Role) -> Option<Live<Role>> {
    let (tags, owner) = tags_of(role.tags());
    let trust = role.assume_role_policy_document().and_then(Policy::parse)?;
    let boundary = role
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    let spec = Spec {
        role_name: role.role_name().to_owned(),
        assume_role_policy_document: trust,
        path: Some(role.path().to_owned()),
        description: Some(role.description().unwrap_or_default().to_owned()),
        max_session_duration: Some(role.max_session_duration().unwrap_or(3600)),
        permissions_boundary: boundary.map(Arn::from),
        tags,
    };
    let outputs = Outputs {
        arn: role.arn().into(),
        role_name: role.role_name().into(),
        role_id: role.role_id().to_owned(),
    };
    Some(Live {
        id: role.role_name().into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

/// Latin-1, as far as it can be printed.
const DESCRIPTION: Text = Text {
    most: 1000,
    sound: |c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}'),
    characters: "characters of Latin-1 (ASCII, and the letters of Western Europe)",
};

impl Kind for Role {
    const NAME: &'static str = "iam.Role";
    const FIELDS: &'static Table = &[("/role_name", &[Immutable, Name]), ("/path", &[Immutable])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
        ],
        create: &["iam:CreateRole", "iam:TagRole"],
        update: &[
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:TagRole",
            "iam:UntagRole",
        ],
        delete: &["iam:DeleteRole"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &serde_json::Value, live: &serde_json::Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            role_name: "prod-flow-logs".into(),
            assume_role_policy_document: Policy::new(&serde_json::json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }],
            })),
            path: Some("/".into()),
            description: Some("Writes flow logs".into()),
            max_session_duration: Some(3600),
            permissions_boundary: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("description", json!("")),
            ("max_session_duration", json!(3600)),
            ("permissions_boundary", json!(null)),
        ]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/description", json!("Writes other logs")),
            ("/max_session_duration", json!(7200)),
            (
                "/assume_role_policy_document",
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}),
            ),
            ("/tags/team", json!("data")),
            ("/path", json!("/other/")),
            ("/role_name", json!("prod-others")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        if spec.role_name.is_empty()
            || spec.role_name.len() > 64
            || !spec.role_name.chars().all(sound)
        {
            return Err(SpecError::new(
                "/role_name",
                "must have 1 to 64 letters, digits and any of +=,.@_-",
            ));
        }
        if spec
            .max_session_duration
            .is_some_and(|seconds| !(3600..=43200).contains(&seconds))
        {
            return Err(SpecError::new(
                "/max_session_duration",
                "must be between 3600 and 43200 seconds",
            ));
        }
        DESCRIPTION.check("/description", spec.description.as_deref())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.role_name, &desired.role_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.role_name.as_str()))
    }

    async fn attached(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        let role = live.id.as_str();
        let managed = cloud
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send();
        let inline = cloud
            .iam
            .list_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send();
        let (managed, inline): (Result<Vec<_>, _>, Result<Vec<_>, _>) =
            futures::join!(managed.collect(), inline.collect());
        let (managed, inline) = (managed.asked()?, inline.asked()?);
        let managed = managed
            .into_iter()
            .filter_map(|policy| policy.policy_arn)
            .map(|arn| Attached {
                kind: PolicyAttachment::NAME,
                id: Id::from(format!("{role}|{arn}")),
                what: format!("policy {arn}"),
            });
        let inline = inline.into_iter().map(|name| Attached {
            kind: RolePolicy::NAME,
            id: Id::from(format!("{role}|{name}")),
            what: format!("inline policy {name}"),
        });
        Ok(managed.chain(inline).collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_role()
            .role_name(&spec.role_name)
            .assume_role_policy_document(spec.assume_role_policy_document.to_json())
            .set_path(spec.path.clone())
            .set_description(spec.description.clone())
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary.as_ref().map(ToString::to_string))
            .set_tags(tags_with(&spec.tags, &claim.owner)?);
        call.send().ask().await?;
        Ok(Id::from(spec.role_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let name = live.id.as_str();
        if changes.touch("/assume_role_policy_document") {
            let document = spec.assume_role_policy_document.to_json();
            let call = cloud
                .iam
                .update_assume_role_policy()
                .role_name(name)
                .policy_document(document);
            call.send().ask().await?;
        }
        if changes.touch("/description") || changes.touch("/max_session_duration") {
            // Both are always sent: leaving one out may reset it.
            let description = spec
                .description
                .clone()
                .or_else(|| live.spec.description.clone());
            let duration = spec.max_session_duration.or(live.spec.max_session_duration);
            let call = cloud
                .iam
                .update_role()
                .role_name(name)
                .set_description(description);
            let call = call.set_max_session_duration(duration);
            call.send().ask().await?;
        }
        if changes.touch("/permissions_boundary") {
            let boundary = spec.permissions_boundary.as_ref();
            put_boundary(cloud, name, boundary.map(Arn::as_str)).await?;
        }
        sync::<RoleTags>(cloud, name, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.iam.delete_role().role_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

async fn put_boundary(cloud: &Cloud, name: &str, boundary: Option<&str>) -> CloudResult<()> {
    let Some(boundary) = boundary else {
        let call = cloud.iam.delete_role_permissions_boundary().role_name(name);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .iam
        .put_role_permissions_boundary()
        .role_name(name)
        .permissions_boundary(boundary);
    call.send().ask().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_iam::operation::delete_role_permissions_boundary::DeleteRolePermissionsBoundaryOutput;
    use aws_sdk_iam::operation::get_role::GetRoleError;
    use aws_sdk_iam::operation::update_role::UpdateRoleOutput;
    use aws_sdk_iam::types::error::NoSuchEntityException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::json;

    #[test]
    fn descriptions_are_latin() {
        let described = |text: &str| {
            let spec = Spec {
                description: Some(text.into()),
                ..Role::example()
            };
            Role::check(&spec).map_err(|error| error.path)
        };
        assert_eq!(described("f\u{fc}r alle: it's (100%)\n"), Ok(()));
        assert_eq!(described("one \u{2014} two"), Err("/description".into()));
        assert_eq!(described(&"x".repeat(1001)), Err("/description".into()));
    }

    fn role() -> aws_sdk_iam::types::Role {
        let builder = aws_sdk_iam::types::Role::builder()
            .role_name("nodes")
            .path("/")
            .role_id("AROA1");
        let builder = builder
            .arn("arn:aws:iam::123456789012:role/nodes")
            .create_date(DateTime::from_secs(0));
        let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        builder
            .description("old")
            .max_session_duration(7200)
            .assume_role_policy_document(trust)
            .build()
            .unwrap()
    }

    #[test]
    fn policies_are_read_although_they_come_percent_encoded() {
        let found = live(&role()).unwrap();
        let wanted = Policy::new(&json!({"Version": "2012-10-17", "Statement": []}));
        assert_eq!(found.spec.assume_role_policy_document, wanted);
    }

    #[tokio::test]
    async fn a_new_description_does_not_reset_the_session_duration() {
        let update = mock!(aws_sdk_iam::Client::update_role)
            .match_requests(|request| {
                request.description() == Some("new") && request.max_session_duration() == Some(7200)
            })
            .then_output(|| UpdateRoleOutput::builder().build());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&update]).into(),
            ..cloud()
        };
        let desired = Spec {
            description: Some("new".into()),
            max_session_duration: None,
            ..Role::example()
        };
        let asked = changes(&[("/description", json!("old"), json!("new"))]);
        Role::update(&cloud, &live(&role()).unwrap(), &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_boundary_that_is_stated_as_nothing_is_removed() {
        let remove = mock!(aws_sdk_iam::Client::delete_role_permissions_boundary)
            .match_requests(|request| request.role_name() == Some("nodes"))
            .then_output(|| DeleteRolePermissionsBoundaryOutput::builder().build());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&remove]).into(),
            ..cloud()
        };
        let asked = changes(&[("/permissions_boundary", json!("arn:old"), json!(null))]);
        let live = live(&role()).unwrap();
        Role::update(&cloud, &live, &Role::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(remove.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_role_that_is_gone_is_no_error() {
        let gone = mock!(aws_sdk_iam::Client::get_role).then_error(|| {
            let meta = ErrorMetadata::builder().code("NoSuchEntity").build();
            GetRoleError::NoSuchEntityException(NoSuchEntityException::builder().meta(meta).build())
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&gone]).into(),
            ..cloud()
        };
        assert!(Role::describe(&cloud, &[Id::from("nodes")]).await.unwrap()[0].is_none());
    }
}
