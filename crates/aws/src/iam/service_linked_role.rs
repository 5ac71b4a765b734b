//! `iam.ServiceLinkedRole`: the role that a service of AWS works with.

use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::types::{Arn, RoleName};

/// A service-linked role, of which an account has only one per service. It is created if it does not exist,
/// used if it already exists, and never deleted. Its ID in platctl is `SERVICE` or `SERVICE|SUFFIX`.
#[derive(Debug)]
pub struct ServiceLinkedRole;

/// A service-linked role, of which an account has only one per service. It is created if it does not exist,
/// used if it already exists, and never deleted. Its ID in platctl is `SERVICE` or `SERVICE|SUFFIX`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the AWS service: `eks-nodegroup.amazonaws.com`, `spot.amazonaws.com`, …
    pub aws_service_name: String,
    /// A suffix of the role name, for services that support several roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_suffix: Option<String>,
    /// A description of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip)]
    #[doc(hidden)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the service-linked role that other resources can reference.
    ServiceLinkedRole {
        /// The Amazon Resource Name (ARN) of the service-linked role.
        ARN: arn: Arn,
        /// The name of the service-linked role.
        ROLE_NAME: role_name: RoleName,
    }
}

fn id_of(spec: &Spec) -> Id {
    match &spec.custom_suffix {
        Some(suffix) => Id::from(format!("{}|{suffix}", spec.aws_service_name)),
        None => Id::from(spec.aws_service_name.as_str()),
    }
}

/// The name of the role is the service's own choice, its path is not.
async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ServiceLinkedRole>>> {
    let (service, suffix) = id
        .as_str()
        .split_once('|')
        .map_or((id.as_str(), None), |(a, b)| (a, Some(b)));
    let path = format!("/aws-service-role/{service}/");
    let pages = cloud
        .iam
        .list_roles()
        .path_prefix(&path)
        .into_paginator()
        .items()
        .send();
    let roles: Result<Vec<_>, _> = pages.collect().await;
    let mut roles = roles.asked()?;
    let ending = suffix.map(|suffix| format!("_{suffix}"));
    roles.retain(|role| role.path() == path);
    roles.retain(|role| {
        ending
            .as_ref()
            .is_none_or(|ending| role.role_name().ends_with(ending.as_str()))
    });
    // Without a suffix the name is the shortest.
    let role = roles.into_iter().min_by_key(|role| role.role_name().len());
    Ok(role.map(|role| {
        let spec = Spec {
            aws_service_name: service.to_owned(),
            custom_suffix: suffix.map(ToOwned::to_owned),
            description: Some(role.description().unwrap_or_default().to_owned()),
            stage: std::marker::PhantomData,
        };
        let outputs = Outputs {
            arn: role.arn().into(),
            role_name: role.role_name().into(),
        };
        Live {
            id: id.clone(),
            spec,
            outputs,
            owner: None,
            phase: Phase::Ready,
        }
    }))
}

impl Kind for ServiceLinkedRole {
    const NAME: &'static str = "iam.ServiceLinkedRole";
    const FIELDS: &'static Table = &[
        ("/aws_service_name", &[Immutable]),
        ("/custom_suffix", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    // It belongs to the account, not to a stack.
    const TAGGED: bool = false;
    const SHARED: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:ListRoles"],
        create: &["iam:CreateServiceLinkedRole"],
        update: &["iam:UpdateRole"],
        delete: &[],
    };
    const TIMING: Timing = Timing::seconds(2, 1, 15, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            aws_service_name: "spot.amazonaws.com".into(),
            custom_suffix: None,
            description: None,
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/aws_service_name", json!("autoscaling.amazonaws.com")),
            ("/description", json!("For spot instances")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.aws_service_name.contains('.') && !spec.aws_service_name.contains(['/', '|']) {
            return Ok(());
        }
        Err(SpecError::new(
            "/aws_service_name",
            "must be a service such as spot.amazonaws.com",
        ))
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_service_linked_role()
            .aws_service_name(&spec.aws_service_name)
            .set_custom_suffix(spec.custom_suffix.clone())
            .set_description(spec.description.clone());
        match call.send().ask().await {
            // The service, or another stack, was faster: the role is the account's.
            Err(error) if error.class == Class::AlreadyExists => Ok(id_of(spec)),
            other => other.map(|_| id_of(spec)),
        }
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        if let Some(text) = spec
            .description
            .as_ref()
            .filter(|_| changes.touch("/description"))
        {
            let call = cloud
                .iam
                .update_role()
                .role_name(live.outputs.role_name.as_str())
                .description(text);
            call.send().ask().await?;
        }
        Ok(())
    }

    /// Never called: the role is the account's, and other stacks, or the service itself, may use it.
    async fn delete(_cloud: &Cloud, _live: &Live<Self>) -> CloudResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{claim, cloud};
    use aws_sdk_iam::operation::create_service_linked_role::CreateServiceLinkedRoleError;
    use aws_sdk_iam::operation::list_roles::ListRolesOutput;
    use aws_sdk_iam::types::Role;
    use aws_sdk_iam::types::error::InvalidInputException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;

    fn role(name: &str) -> Role {
        let builder = Role::builder()
            .role_name(name)
            .path("/aws-service-role/spot.amazonaws.com/");
        builder
            .role_id("A")
            .arn(format!("arn:{name}"))
            .create_date(DateTime::from_secs(0))
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn the_name_without_a_suffix_is_the_shortest() {
        let list = mock!(aws_sdk_iam::Client::list_roles).then_output(|| {
            let roles = ["AWSServiceRoleForEC2Spot_Other", "AWSServiceRoleForEC2Spot"]
                .map(role)
                .to_vec();
            ListRolesOutput::builder()
                .set_roles(Some(roles))
                .build()
                .unwrap()
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let live = read(&cloud, &Id::from("spot.amazonaws.com"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(live.outputs.role_name.as_str(), "AWSServiceRoleForEC2Spot");
    }

    #[tokio::test]
    async fn a_role_that_somebody_made_first_is_used() {
        let create = mock!(aws_sdk_iam::Client::create_service_linked_role).then_error(|| {
            let message =
                "Service role name AWSServiceRoleForEC2Spot has been taken in this account";
            let meta = ErrorMetadata::builder()
                .code("InvalidInput")
                .message(message)
                .build();
            let error = InvalidInputException::builder()
                .message(message)
                .meta(meta)
                .build();
            CreateServiceLinkedRoleError::InvalidInputException(error)
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&create]).into(),
            ..cloud()
        };
        let id = ServiceLinkedRole::create(&cloud, &ServiceLinkedRole::example(), &claim())
            .await
            .unwrap();
        assert_eq!(id.as_str(), "spot.amazonaws.com");
    }
}
