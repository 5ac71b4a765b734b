//! `iam.RolePolicy`: a policy that is a part of one role.

use futures::future::try_join_all;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use crate::errors::cloud_error;
use crate::types::RoleName;
use crate::{Cloud, Policy};

/// An inline policy of a role. Its id is our own, `ROLE|NAME`.
#[derive(Debug)]
pub struct RolePolicy;

/// What an inline policy is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The role that it is a part of.
    pub role_name: S::In<RoleName>,
    /// Unique in the role.
    pub policy_name: String,
    /// What it allows. All inline policies of a role together take 10,240 characters.
    pub policy_document: S::In<Policy>,
}

platctl_engine::outputs! {
    /// What others take from an inline policy.
    RolePolicy {
        /// Its name.
        POLICY_NAME: policy_name: String,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.role_name, spec.policy_name))
}

async fn get(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<RolePolicy>>> {
    let Some((role, name)) = id.as_str().split_once('|') else { return Ok(None) };
    let call = cloud.iam.get_role_policy().role_name(role).policy_name(name);
    let answer = match call.send().await.map_err(|e| cloud_error("iam:GetRolePolicy", e)) {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let Some(policy_document) = Policy::parse(answer.policy_document()) else { return Ok(None) };
    let spec = Spec { role_name: role.into(), policy_name: name.to_owned(), policy_document };
    let outputs = Outputs { policy_name: name.to_owned() };
    Ok(Some(Live { id: id.clone(), spec, outputs, owner: None, phase: Phase::Ready }))
}

async fn put(cloud: &Cloud, spec: &Spec) -> CloudResult<()> {
    let call = cloud
        .iam
        .put_role_policy()
        .role_name(spec.role_name.as_str())
        .policy_name(&spec.policy_name)
        .policy_document(spec.policy_document.to_json());
    call.send().await.map(drop).map_err(|e| cloud_error("iam:PutRolePolicy", e))
}

impl Kind for RolePolicy {
    const NAME: &'static str = "iam.RolePolicy";
    const REPLACE_ON: &'static [&'static str] = &["/role_name", "/policy_name"];
    // A role with policies cannot be deleted.
    const HOLDS: &'static [&'static str] = &["/role_name"];
    const SHARED_MAPS: &'static [&'static str] = &[];
    const IDENTITY: Identity = Identity::Name;
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetRolePolicy"],
        create: &["iam:PutRolePolicy"],
        update: &["iam:PutRolePolicy"],
        delete: &["iam:DeleteRolePolicy"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            role_name: "prod-flow-logs".into(),
            policy_name: "write".into(),
            policy_document: Policy::new(&serde_json::json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}],
            })),
        }
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| async {
            let Some(spec) = &wanted.spec else { return Ok(Vec::new()) };
            let found = get(cloud, &id_of(spec)).await?;
            Ok(found.map(|live| Candidate { id: live.id, owner: None }).into_iter().collect())
        }))
        .await
    }

    async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Self>>>> {
        try_join_all(ids.iter().map(|id| get(cloud, id))).await
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
        let (role, name) = (live.spec.role_name.as_str(), &live.spec.policy_name);
        let call = cloud.iam.delete_role_policy().role_name(role).policy_name(name);
        call.send().await.map(drop).map_err(|e| cloud_error("iam:DeleteRolePolicy", e))
    }
}
