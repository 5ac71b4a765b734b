//! `cloudfront.OriginAccessControl`

use aws_sdk_cloudfront::types::{
    OriginAccessControlConfig, OriginAccessControlOriginTypes, OriginAccessControlSigningBehaviors,
    OriginAccessControlSigningProtocols, OriginAccessControlSummary,
};
use platctl_engine::fields::Fact::Name;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::built;
use crate::Cloud;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked, made};
use crate::tags::by_name;

/// A CloudFront origin access control: how CloudFront signs its requests to an origin, so that only
/// CloudFront can read from it.
#[derive(Debug)]
pub struct OriginAccessControl;

/// A CloudFront origin access control: how CloudFront signs its requests to an origin, so that only
/// CloudFront can read from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the origin access control. Must be unique within the account. Up to 64 characters.
    pub name: String,
    /// A description of the origin access control. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The type of origin: `s3`, `lambda`, `mediastore` or `mediapackagev2`. Default: `s3`.
    #[serde(default = "s3")]
    pub origin_access_control_origin_type: String,
    /// Which requests CloudFront signs: `always`, `never`, or `no-override` to keep the signature of the
    /// viewer's request. Default: `always`.
    #[serde(default = "always")]
    pub signing_behavior: String,
    #[doc(hidden)]
    #[serde(skip)]
    pub stage: std::marker::PhantomData<S>,
}

fn s3() -> String {
    "s3".into()
}

fn always() -> String {
    "always".into()
}

platctl_engine::outputs! {
    /// Attributes of the origin access control that other resources can reference.
    OriginAccessControl {
        /// The ID of the origin access control.
        ORIGIN_ACCESS_CONTROL_ID: origin_access_control_id: String,
    }
}

/// One listing reads all of them: there are few, and a summary says everything.
async fn read(cloud: &Cloud) -> CloudResult<Vec<OriginAccessControlSummary>> {
    let mut all = Vec::new();
    let mut pages = cloud
        .cloudfront
        .list_origin_access_controls()
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.asked()?;
        all.extend(
            page.origin_access_control_list
                .and_then(|list| list.items)
                .unwrap_or_default(),
        );
    }
    Ok(all)
}

fn live(control: &OriginAccessControlSummary) -> Live<OriginAccessControl> {
    let spec = Spec {
        name: control.name.clone(),
        description: Some(control.description.clone()),
        origin_access_control_origin_type: control.origin_access_control_origin_type.to_string(),
        signing_behavior: control.signing_behavior.to_string(),
        stage: std::marker::PhantomData,
    };
    let outputs = Outputs {
        origin_access_control_id: control.id.clone(),
    };
    Live {
        id: control.id.as_str().into(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }
}

fn config(spec: &Spec, live: Option<&Spec>) -> CloudResult<OriginAccessControlConfig> {
    let description = spec
        .description
        .as_ref()
        .or_else(|| live?.description.as_ref());
    let builder = OriginAccessControlConfig::builder()
        .name(&spec.name)
        .set_description(description.cloned())
        .signing_protocol(OriginAccessControlSigningProtocols::Sigv4)
        .signing_behavior(OriginAccessControlSigningBehaviors::from(
            spec.signing_behavior.as_str(),
        ))
        .origin_access_control_origin_type(OriginAccessControlOriginTypes::from(
            spec.origin_access_control_origin_type.as_str(),
        ));
    built(builder.build())
}

async fn etag(cloud: &Cloud, id: &Id) -> CloudResult<Option<String>> {
    let call = cloud.cloudfront.get_origin_access_control().id(id.as_str());
    Ok(call.send().ask().await?.e_tag)
}

async fn describe(
    cloud: &Cloud,
    ids: &[Id],
) -> CloudResult<Vec<Option<Live<OriginAccessControl>>>> {
    Ok(in_order(ids, read(cloud).await?.iter().map(live)))
}

impl Kind for OriginAccessControl {
    const NAME: &'static str = "cloudfront.OriginAccessControl";
    const FIELDS: &'static Table = &[("/name", &[Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["cloudfront:ListOriginAccessControls"],
        create: &["cloudfront:CreateOriginAccessControl"],
        update: &[
            "cloudfront:GetOriginAccessControl",
            "cloudfront:UpdateOriginAccessControl",
        ],
        delete: &[
            "cloudfront:GetOriginAccessControl",
            "cloudfront:DeleteOriginAccessControl",
        ],
    };
    // A distribution that gave it up keeps it until it is deployed everywhere.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 1800);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "prod-assets".into(),
            description: Some("Static files".into()),
            origin_access_control_origin_type: s3(),
            signing_behavior: always(),
            stage: std::marker::PhantomData,
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("description", json!(""))]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        vec![
            ("/name", "prod-static".into()),
            ("/description", "All static files".into()),
            ("/origin_access_control_origin_type", "lambda".into()),
            ("/signing_behavior", "no-override".into()),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.name.is_empty() || spec.name.len() > 64 {
            return Err(SpecError::new("/name", "must have 1 to 64 characters"));
        }
        if !["s3", "lambda", "mediastore", "mediapackagev2"]
            .contains(&spec.origin_access_control_origin_type.as_str())
        {
            let message = "must be `s3`, `lambda`, `mediastore` or `mediapackagev2`";
            return Err(SpecError::new(
                "/origin_access_control_origin_type",
                message,
            ));
        }
        if !["always", "never", "no-override"].contains(&spec.signing_behavior.as_str()) {
            return Err(SpecError::new(
                "/signing_behavior",
                "must be `always`, `never` or `no-override`",
            ));
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let all = read(cloud).await?;
        Ok(by_name(
            wanted,
            |spec| &spec.name,
            all.iter().map(|one| (one.id.as_str(), one.name.as_str())),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let operation = "cloudfront:CreateOriginAccessControl";
        let call = cloud.cloudfront.create_origin_access_control();
        let call = call.origin_access_control_config(config(spec, None)?);
        let answer = call.send().ask().await?;
        made(
            operation,
            answer.origin_access_control().map(|control| control.id()),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let call = cloud
            .cloudfront
            .update_origin_access_control()
            .id(live.id.as_str())
            .set_if_match(etag(cloud, &live.id).await?)
            .origin_access_control_config(config(spec, Some(&live.spec))?);
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .cloudfront
            .delete_origin_access_control()
            .id(live.id.as_str());
        let call = call.set_if_match(etag(cloud, &live.id).await?);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_cloudfront::operation::get_origin_access_control::GetOriginAccessControlOutput;
    use aws_sdk_cloudfront::operation::update_origin_access_control::UpdateOriginAccessControlOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    #[tokio::test]
    async fn an_update_carries_a_fresh_etag_and_keeps_what_is_not_stated() {
        let get = mock!(aws_sdk_cloudfront::Client::get_origin_access_control)
            .then_output(|| GetOriginAccessControlOutput::builder().e_tag("E2").build());
        let update = mock!(aws_sdk_cloudfront::Client::update_origin_access_control)
            .match_requests(|request| {
                let config = request.origin_access_control_config();
                request.if_match() == Some("E2")
                    && config.and_then(|config| config.description()) == Some("Static files")
            })
            .then_output(|| UpdateOriginAccessControlOutput::builder().build());
        let client = mock_client!(aws_sdk_cloudfront, RuleMode::Sequential, &[&get, &update]);
        let cloud = Cloud {
            cloudfront: client.into(),
            ..cloud()
        };
        let old = Live {
            id: "E1".into(),
            spec: OriginAccessControl::example(),
            outputs: Outputs {
                origin_access_control_id: "E1".into(),
            },
            owner: None,
            phase: Phase::Ready,
        };
        let desired = Spec {
            signing_behavior: "never".into(),
            description: None,
            ..OriginAccessControl::example()
        };
        let asked = changes(&[("/signing_behavior", json!("always"), json!("never"))]);
        OriginAccessControl::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }
}
