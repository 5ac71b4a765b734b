//! `iam.UserPolicy`: a policy that is a part of one user.

use platctl_engine::fields::Fact::{Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use crate::errors::Ask;
use crate::{Cloud, Policy};

/// An inline policy of an IAM user. Its ID in platctl is `USER|NAME`.
#[derive(Debug)]
pub struct UserPolicy;

/// An inline policy of an IAM user. Its ID in platctl is `USER|NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the user.
    pub user_name: S::In<String>,
    /// The name of the policy. Must be unique within the user.
    pub policy_name: String,
    /// The policy document. All inline policies of a user together can have up to 2,048 characters.
    pub policy_document: S::In<Policy>,
}

platctl_engine::outputs! {
    /// Attributes of the inline policy that other resources can reference.
    UserPolicy {
        /// The name of the inline policy.
        POLICY_NAME: policy_name: String,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.user_name, spec.policy_name))
}

async fn get(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<UserPolicy>>> {
    let Some((user, name)) = id.as_str().split_once('|') else {
        return Ok(None);
    };
    let call = cloud
        .iam
        .get_user_policy()
        .user_name(user)
        .policy_name(name);
    let answer = call.send().ask().await?;
    let Some(policy_document) = Policy::parse(answer.policy_document()) else {
        return Ok(None);
    };
    let spec = Spec {
        user_name: user.to_owned(),
        policy_name: name.to_owned(),
        policy_document,
    };
    let outputs = Outputs {
        policy_name: name.to_owned(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }))
}

async fn put(cloud: &Cloud, spec: &Spec) -> CloudResult<()> {
    let call = cloud
        .iam
        .put_user_policy()
        .user_name(spec.user_name.as_str())
        .policy_name(&spec.policy_name)
        .policy_document(spec.policy_document.to_json());
    call.send().ask().await.map(drop)
}

impl Kind for UserPolicy {
    const NAME: &'static str = "iam.UserPolicy";
    const FIELDS: &'static Table = &[
        // A user with policies cannot be deleted.
        ("/user_name", &[Immutable, Holds, Home]),
        ("/policy_name", &[Immutable]),
    ];
    // Both are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(get(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetUserPolicy"],
        create: &["iam:PutUserPolicy"],
        update: &["iam:PutUserPolicy"],
        delete: &["iam:DeleteUserPolicy"],
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
            user_name: "example-user".into(),
            policy_name: "write".into(),
            policy_document: Policy::new(&serde_json::json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}],
            })),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            (
                "/policy_document",
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:CreateLogStream", "Resource": "*"}]}),
            ),
            ("/policy_name", json!("read")),
        ]
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        put(cloud, spec).await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        put(cloud, spec).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (user, name) = (live.spec.user_name.as_str(), &live.spec.policy_name);
        let call = cloud
            .iam
            .delete_user_policy()
            .user_name(user)
            .policy_name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_iam::operation::get_user_policy::GetUserPolicyOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn a_policy_is_known_by_role_and_name_and_read_decoded() {
        let get = mock!(aws_sdk_iam::Client::get_user_policy)
            .match_requests(|request| {
                request.user_name() == Some("example-user") && request.policy_name() == Some("write")
            })
            .then_output(|| {
                let document = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%5B%22logs%3APutLogEvents%22%5D%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
                let builder = GetUserPolicyOutput::builder().user_name("example-user").policy_name("write");
                builder.policy_document(document).build().unwrap()
            });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&get]).into(),
            ..cloud()
        };
        let ids = [id_of(&UserPolicy::example()), Id::from("no-separator")];
        let found = UserPolicy::describe(&cloud, &ids).await.unwrap();
        // A list of one is the same as the one.
        assert_eq!(found[0].as_ref().unwrap().spec, UserPolicy::example());
        assert!(found[1].is_none());
    }
}
