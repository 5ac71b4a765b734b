//! `cloudwatch.Dashboard`

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::Ask;
use crate::types::{Arn, unless_same};
use crate::{Cloud, Document};

/// A CloudWatch dashboard.
#[derive(Debug)]
pub struct Dashboard;

/// A CloudWatch dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the dashboard. Must be unique within the account, across all regions. 1 to 255 letters,
    /// digits, `-` and `_`.
    pub dashboard_name: String,
    /// The body of the dashboard: its widgets, in the structure that the CloudWatch documentation defines.
    pub dashboard_body: S::In<Document>,
}

platctl_engine::outputs! {
    /// Attributes of the dashboard that other resources can reference.
    Dashboard {
        /// The Amazon Resource Name (ARN) of the dashboard.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Dashboard>>> {
    let call = cloud.cloudwatch.get_dashboard().dashboard_name(id.as_str());
    let answer = match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let body = answer
        .dashboard_body()
        .and_then(Document::parse)
        .unwrap_or(Document::new(&Value::Null));
    let spec = Spec {
        dashboard_name: id.to_string(),
        dashboard_body: body,
    };
    let outputs = Outputs {
        arn: answer.dashboard_arn().unwrap_or_default().into(),
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
        .cloudwatch
        .put_dashboard()
        .dashboard_name(&spec.dashboard_name);
    let call = call.dashboard_body(spec.dashboard_body.to_json());
    call.send().ask().await.map(drop)
}

impl Kind for Dashboard {
    const NAME: &'static str = "cloudwatch.Dashboard";
    const FIELDS: &'static Table = &[("/dashboard_name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["cloudwatch:GetDashboard"],
        create: &["cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
        update: &["cloudwatch:PutDashboard"],
        delete: &["cloudwatch:DeleteDashboards"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let body = json!({"widgets": [{
            "type": "text", "x": 0, "y": 0, "width": 12, "height": 2, "properties": {"markdown": "# Platform"},
        }]});
        Spec {
            dashboard_name: "example".into(),
            dashboard_body: Document::new(&body),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/dashboard_body", json!({"widgets": []})),
            ("/dashboard_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.dashboard_name;
        let sound = (1..=255).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound {
            return Ok(());
        }
        Err(SpecError::new(
            "/dashboard_name",
            "must have 1 to 255 letters, digits, `-` and `_`",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.dashboard_name, &desired.dashboard_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.dashboard_name.as_str()))
    }

    /// Writing a dashboard replaces whatever has its name, so whether there is one is asked first.
    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let id = Id::from(spec.dashboard_name.as_str());
        if read(cloud, &id).await?.is_some() {
            let message = format!("the dashboard {id} already exists");
            return Err(CloudError::new(
                Class::AlreadyExists,
                "cloudwatch:PutDashboard",
                message,
            ));
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
        let call = cloud
            .cloudwatch
            .delete_dashboards()
            .dashboard_names(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
