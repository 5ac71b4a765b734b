//! `iam.ManagedPolicy`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::is_name;
use super::tags::{PolicyTags, tags_of, tags_with};
use crate::errors::{Ask, Asked, if_there, made};
use crate::tags::{Tags, sync};
use crate::text::any;
use crate::types::{Arn, unless_same};
use crate::{Cloud, Policy};

/// How many versions of a policy IAM keeps.
const VERSIONS: usize = 5;

/// A customer managed IAM policy, which can be attached to roles.
#[derive(Debug)]
pub struct ManagedPolicy;

/// A customer managed IAM policy, which can be attached to roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the policy. Must be unique within the account and is not case-sensitive. Up to 128
    /// characters.
    pub policy_name: String,
    /// The policy document. Up to 6144 characters, not counting white space.
    pub policy_document: S::In<Policy>,
    /// The path: `/`, or a path that begins and ends with a slash. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A description of the policy. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags to assign to the policy.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the policy that other resources can reference.
    ManagedPolicy {
        /// The Amazon Resource Name (ARN) of the policy.
        ARN: arn: Arn,
        /// The name of the policy.
        POLICY_NAME: policy_name: String,
    }
}

fn live(policy: &aws_sdk_iam::types::Policy, document: &str) -> Option<Live<ManagedPolicy>> {
    let (tags, owner) = tags_of(policy.tags());
    let spec = Spec {
        policy_name: policy.policy_name()?.to_owned(),
        policy_document: Policy::parse(document)?,
        path: Some(policy.path().unwrap_or("/").to_owned()),
        description: Some(policy.description().unwrap_or_default().to_owned()),
        tags,
    };
    let arn = policy.arn()?;
    let outputs = Outputs {
        arn: arn.into(),
        policy_name: spec.policy_name.clone(),
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ManagedPolicy>>> {
    let arn = id.as_str();
    // The policies that AWS manages belong to no stack.
    if arn.contains(":iam::aws:policy/") {
        return Ok(None);
    }
    let call = cloud.iam.get_policy().policy_arn(arn);
    let answer = call.send().ask().await?;
    let Some(policy) = answer.policy else {
        return Ok(None);
    };
    let version = policy.default_version_id().unwrap_or_default();
    let call = cloud
        .iam
        .get_policy_version()
        .policy_arn(arn)
        .version_id(version);
    let answer = if_there(call.send().ask().await)?;
    let version = answer.and_then(|answer| answer.policy_version);
    Ok(version.and_then(|version| live(&policy, version.document()?)))
}

/// The versions that are not in force, the oldest first.
async fn idle_versions(cloud: &Cloud, arn: &str) -> CloudResult<Vec<String>> {
    let pages = cloud
        .iam
        .list_policy_versions()
        .policy_arn(arn)
        .into_paginator()
        .items()
        .send();
    let versions: Result<Vec<_>, _> = pages.collect().await;
    let versions = versions.asked()?;
    let idle = versions
        .iter()
        .filter(|version| !version.is_default_version());
    let mut idle: Vec<String> = idle
        .filter_map(|version| version.version_id().map(ToOwned::to_owned))
        .collect();
    idle.sort_by_key(|id| {
        id.trim_start_matches('v')
            .parse::<u32>()
            .unwrap_or_default()
    });
    Ok(idle)
}

async fn delete_version(cloud: &Cloud, arn: &str, version: &str) -> CloudResult<()> {
    let call = cloud
        .iam
        .delete_policy_version()
        .policy_arn(arn)
        .version_id(version);
    if_there(call.send().ask().await).map(drop)
}

impl Kind for ManagedPolicy {
    const NAME: &'static str = "iam.ManagedPolicy";
    const FIELDS: &'static Table = &[
        ("/policy_name", &[Immutable, Name]),
        ("/path", &[Immutable]),
        ("/description", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetPolicy", "iam:GetPolicyVersion"],
        create: &["iam:CreatePolicy", "iam:TagPolicy"],
        update: &[
            "iam:ListPolicyVersions",
            "iam:CreatePolicyVersion",
            "iam:DeletePolicyVersion",
            "iam:TagPolicy",
            "iam:UntagPolicy",
        ],
        delete: &[
            "iam:ListPolicyVersions",
            "iam:DeletePolicyVersion",
            "iam:DeletePolicy",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        let statement =
            json!({"Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*"});
        Spec {
            policy_name: "prod-external-dns".into(),
            policy_document: Policy::new(
                &json!({"Version": "2012-10-17", "Statement": [statement]}),
            ),
            path: Some("/".into()),
            description: Some("Lets external-dns find its zone".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let statement =
            json!({"Effect": "Deny", "Action": ["route53:DeleteHostedZone"], "Resource": ["*"]});
        vec![
            (
                "/policy_document",
                json!({"Version": "2012-10-17", "Statement": [statement]}),
            ),
            ("/policy_name", json!("prod-other")),
            ("/path", json!("/platform/")),
            ("/description", json!("Something else")),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !is_name(&spec.policy_name, 128) {
            return Err(SpecError::new(
                "/policy_name",
                "must have 1 to 128 letters, digits and any of +=,.@_-",
            ));
        }
        any(1000).check("/description", spec.description.as_deref())?;
        match spec.policy_document.to_json().len() {
            0..=6144 => Ok(()),
            length => Err(SpecError::new(
                "/policy_document",
                format!("must have at most 6144 characters, not {length}"),
            )),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.policy_name, &desired.policy_name)
    }

    fn natural_id(cloud: &Cloud, spec: &Spec) -> Option<Id> {
        let path = spec.path.as_deref().unwrap_or("/");
        let (partition, account) = (&cloud.partition, &cloud.account);
        Some(
            format!(
                "arn:{partition}:iam::{account}:policy{path}{}",
                spec.policy_name
            )
            .into(),
        )
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_policy()
            .policy_name(&spec.policy_name)
            .policy_document(spec.policy_document.to_json())
            .set_path(spec.path.clone())
            .set_description(spec.description.clone())
            .set_tags(tags_with(&spec.tags, &claim.owner)?);
        let answer = call.send().ask().await?;
        made(
            "iam:CreatePolicy",
            answer.policy().and_then(|policy| policy.arn()),
        )
    }

    /// A new document is a new version; the oldest goes where there is no room for it.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let arn = live.id.as_str();
        if changes.touch("/policy_document") {
            let idle = idle_versions(cloud, arn).await?;
            if let Some(oldest) = idle.first().filter(|_| idle.len() + 1 >= VERSIONS) {
                delete_version(cloud, arn, oldest).await?;
            }
            let call = cloud
                .iam
                .create_policy_version()
                .policy_arn(arn)
                .set_as_default(true);
            let call = call.policy_document(spec.policy_document.to_json());
            call.send().ask().await?;
        }
        sync::<PolicyTags>(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let arn = live.id.as_str();
        for version in idle_versions(cloud, arn).await? {
            delete_version(cloud, arn, &version).await?;
        }
        let call = cloud.iam.delete_policy().policy_arn(arn);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_iam::operation::create_policy_version::CreatePolicyVersionOutput;
    use aws_sdk_iam::operation::delete_policy_version::DeletePolicyVersionOutput;
    use aws_sdk_iam::operation::list_policy_versions::ListPolicyVersionsOutput;
    use aws_sdk_iam::types::PolicyVersion;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn the_oldest_idle_version_makes_room() {
        let list = mock!(aws_sdk_iam::Client::list_policy_versions).then_output(|| {
            let version = |id: &str| {
                PolicyVersion::builder()
                    .version_id(id)
                    .is_default_version(id == "v7")
                    .build()
            };
            let versions = ["v11", "v10", "v9", "v8", "v7"].map(version).to_vec();
            ListPolicyVersionsOutput::builder()
                .set_versions(Some(versions))
                .build()
        });
        let delete = mock!(aws_sdk_iam::Client::delete_policy_version)
            .match_requests(|request| request.version_id() == Some("v8"))
            .then_output(|| DeletePolicyVersionOutput::builder().build());
        let create = mock!(aws_sdk_iam::Client::create_policy_version)
            .match_requests(|request| request.set_as_default() == Some(true))
            .then_output(|| CreatePolicyVersionOutput::builder().build());
        let iam = mock_client!(
            aws_sdk_iam,
            RuleMode::Sequential,
            &[&list, &delete, &create]
        );
        let builder = aws_sdk_iam::types::Policy::builder()
            .policy_name("p")
            .arn("arn:p");
        let old = live(&builder.build(), "{}").unwrap();
        let asked = changes(&[("/policy_document", json!({}), json!({"Statement": []}))]);
        let cloud = Cloud {
            iam: iam.into(),
            ..cloud()
        };
        ManagedPolicy::update(&cloud, &old, &ManagedPolicy::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!((delete.num_calls(), create.num_calls()), (1, 1));
    }
}
