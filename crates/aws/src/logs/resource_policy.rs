//! `logs.ResourcePolicy`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::Ask;
use crate::policy::Policy;
use crate::types::unless_same;

/// A resource policy of CloudWatch Logs, which allows services of AWS to write to log groups. An account can have 10
/// in each region.
#[derive(Debug)]
pub struct ResourcePolicy;

/// A resource policy of CloudWatch Logs, which allows services of AWS to write to log groups. An account can have 10
/// in each region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the policy. Must be unique within the account and region.
    pub policy_name: String,
    /// The policy document. Up to 5120 characters.
    pub policy_document: S::In<Policy>,
}

platctl_engine::outputs! {
    /// Attributes of the resource policy that other resources can reference.
    ResourcePolicy {
        /// The name of the policy.
        POLICY_NAME: policy_name: String,
    }
}

/// The policy of this name; the API knows lists only, and the SDK has no paginator for them.
async fn get(cloud: &Cloud, name: &str) -> CloudResult<Option<Policy>> {
    let mut token = None;
    loop {
        let call = cloud.logs.describe_resource_policies();
        let page = call.set_next_token(token).send().ask().await?;
        let mut policies = page.resource_policies().iter();
        if let Some(found) = policies.find(|policy| policy.policy_name() == Some(name)) {
            return Ok(found.policy_document().and_then(Policy::parse));
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(None);
        }
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ResourcePolicy>>> {
    let Some(document) = get(cloud, id.as_str()).await? else {
        return Ok(None);
    };
    let spec = Spec {
        policy_name: id.to_string(),
        policy_document: document,
    };
    let outputs = Outputs {
        policy_name: id.to_string(),
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
    let call = cloud.logs.put_resource_policy();
    let call = call.policy_name(&spec.policy_name);
    let call = call.policy_document(spec.policy_document.to_json());
    call.send().ask().await.map(drop)
}

impl Kind for ResourcePolicy {
    const NAME: &'static str = "logs.ResourcePolicy";
    const FIELDS: &'static Table = &[("/policy_name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["logs:DescribeResourcePolicies"],
        create: &["logs:DescribeResourcePolicies", "logs:PutResourcePolicy"],
        update: &["logs:PutResourcePolicy"],
        delete: &["logs:DeleteResourcePolicy"],
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
            policy_name: "example".into(),
            policy_document: Policy::new(&json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": "arn:aws:logs:*:123456789012:log-group:/aws/route53/*",
                }],
            })),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let other = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents",
                "Resource": "arn:aws:logs:*:123456789012:log-group:/aws/opensearch/*",
            }],
        });
        vec![
            ("/policy_document", other),
            ("/policy_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.policy_document.to_json().len() > 5120 {
            let message = "must have at most 5120 characters";
            return Err(SpecError::new("/policy_document", message));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.policy_name, &desired.policy_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.policy_name.as_str()))
    }

    /// Writing a policy replaces whatever has its name, so whether there is one is asked first.
    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let id = Id::from(spec.policy_name.as_str());
        if read(cloud, &id).await?.is_some() {
            let message = format!("the resource policy {id} already exists");
            let operation = "logs:PutResourcePolicy";
            return Err(CloudError::new(Class::AlreadyExists, operation, message));
        }
        put(cloud, spec).await?;
        Ok(id)
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
        let call = cloud.logs.delete_resource_policy();
        let call = call.policy_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
