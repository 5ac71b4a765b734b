//! `ecr.LifecyclePolicy`

use platctl_engine::fields::Fact::{Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::Ask;
use crate::{Cloud, Document};

/// An ECR lifecycle policy, which determines when images in a repository expire.
#[derive(Debug)]
pub struct LifecyclePolicy;

/// An ECR lifecycle policy, which determines when images in a repository expire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the repository.
    pub repository_name: S::In<String>,
    /// The lifecycle policy rules, in the structure that the ECR documentation defines.
    pub policy: Document,
}

platctl_engine::outputs! {
    /// Attributes of the lifecycle policy that other resources can reference.
    LifecyclePolicy {
        /// The name of the repository.
        REPOSITORY_NAME: repository_name: String,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<LifecyclePolicy>>> {
    let call = cloud
        .ecr
        .get_lifecycle_policy()
        .repository_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(policy) = answer.lifecycle_policy_text().and_then(Document::parse) else {
        return Ok(None);
    };
    let spec = Spec {
        repository_name: id.to_string(),
        policy,
    };
    let outputs = Outputs {
        repository_name: id.to_string(),
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
        .ecr
        .put_lifecycle_policy()
        .repository_name(&spec.repository_name);
    let call = call.lifecycle_policy_text(spec.policy.to_json());
    call.send().ask().await.map(drop)
}

fn rules(most: u32) -> Value {
    json!({"rules": [{
        "rulePriority": 1, "description": "the last ones stay", "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": most},
    }]})
}

impl Kind for LifecyclePolicy {
    const NAME: &'static str = "ecr.LifecyclePolicy";
    const FIELDS: &'static Table = &[("/repository_name", &[Immutable, Home])];
    // Each repository has its own.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["ecr:GetLifecyclePolicy"],
        create: &["ecr:PutLifecyclePolicy"],
        update: &["ecr:PutLifecyclePolicy"],
        delete: &["ecr:DeleteLifecyclePolicy"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            repository_name: "example-repository".into(),
            policy: Document::new(&rules(30)),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![("/policy", rules(10))]
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.repository_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        put(cloud, spec).await?;
        Ok(Id::from(spec.repository_name.as_str()))
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
        let call = cloud
            .ecr
            .delete_lifecycle_policy()
            .repository_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
