//! `ssm.Parameter`

use std::collections::HashMap;

use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{ParameterMetadata, ParameterTier, ParameterType};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::{Fields, Table};
use platctl_engine::{
    Change, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{SsmTags, tags_from};
use crate::Cloud;
use crate::bounded::each;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked, invalid};
use crate::tags::{Tags, claimed, owned, sync};
use crate::text::{Text, any};
use crate::types::{Arn, unless_same};
use crate::unmanaged::{settings, some};

/// GetParameters takes this many names.
const AT_ONCE: usize = 10;

/// A parameter in AWS Systems Manager Parameter Store.
#[derive(Debug)]
pub struct Parameter;

/// A parameter in AWS Systems Manager Parameter Store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the parameter, such as `/prod/database/endpoint`. Must be unique within the account and
    /// region, and must not begin with `aws` or `ssm`, with or without `/`.
    pub name: String,
    /// The type of parameter: `String` or `StringList`. Use `secretsmanager.Secret` for secrets.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value of the parameter. Must not be a secret.
    pub value: S::In<String>,
    /// A description of the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parameter tier: `Standard` (up to 4 KiB, free), `Advanced` (up to 8 KiB), or `Intelligent-Tiering` (AWS
    /// chooses one of the two). An advanced parameter cannot be changed to a standard one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Tags to assign to the parameter.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the parameter that other resources can reference.
    Parameter {
        /// The Amazon Resource Name (ARN) of the parameter.
        ARN: arn: Arn,
        /// The name of the parameter.
        NAME: name: String,
    }
    and unmanaged
}

/// The tier that AWS chooses.
const INTELLIGENT: &str = "Intelligent-Tiering";

/// What only a listing tells: description and tier.
async fn metadata(cloud: &Cloud, names: &[Id]) -> CloudResult<Vec<ParameterMetadata>> {
    let values = names.iter().map(ToString::to_string).collect();
    let filter = aws_sdk_ssm::types::ParameterStringFilter::builder()
        .key("Name")
        .option("Equals")
        .set_values(Some(values))
        .build()
        .map_err(|e| invalid("ssm:DescribeParameters", &e))?;
    let call = cloud.ssm.describe_parameters().parameter_filters(filter);
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.asked()?;
    Ok(pages
        .into_iter()
        .flat_map(|page| page.parameters.unwrap_or_default())
        .collect())
}

/// A parameter, with what only a listing tells.
type Found = (aws_sdk_ssm::types::Parameter, Option<ParameterMetadata>);

async fn read(cloud: &Cloud, names: &[Id]) -> CloudResult<Vec<Found>> {
    let call = cloud
        .ssm
        .get_parameters()
        .set_names(Some(names.iter().map(ToString::to_string).collect()));
    let values = async { call.send().ask().await };
    let (values, metadata) = futures::try_join!(values, metadata(cloud, names))?;
    let mut metadata: HashMap<String, _> = metadata
        .into_iter()
        .filter_map(|more| Some((more.name()?.to_owned(), more)))
        .collect();
    let found = values
        .parameters
        .unwrap_or_default()
        .into_iter()
        .map(|parameter| {
            let more = parameter.name().and_then(|name| metadata.remove(name));
            (parameter, more)
        });
    Ok(found.collect())
}

async fn live(
    cloud: &Cloud,
    parameter: &aws_sdk_ssm::types::Parameter,
    more: Option<&ParameterMetadata>,
) -> CloudResult<Option<Live<Parameter>>> {
    let kind = parameter
        .r#type()
        .map(ParameterType::as_str)
        .unwrap_or_default();
    // A secret's value must not get any further than here.
    let (Some(name), true) = (parameter.name(), kind != "SecureString") else {
        return Ok(None);
    };
    let (tags, owner) = match owned::<SsmTags>(cloud, name).await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let spec = Spec {
        name: name.to_owned(),
        kind: kind.to_owned(),
        value: parameter.value().unwrap_or_default().to_owned(),
        description: Some(
            more.and_then(|more| more.description())
                .unwrap_or_default()
                .to_owned(),
        ),
        tier: more
            .and_then(|more| more.tier())
            .map(|tier| tier.as_str().to_owned()),
        tags,
    };
    let unmanaged = more.map(unmanaged).unwrap_or_default();
    let arn = parameter.arn().unwrap_or_default().into();
    let outputs = Outputs {
        arn,
        name: name.to_owned(),
        unmanaged,
    };
    Ok(Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

/// What is set on a parameter and cannot be said in a spec.
fn unmanaged(more: &ParameterMetadata) -> Vec<String> {
    settings([
        (
            "allowed pattern",
            more.allowed_pattern()
                .is_some_and(|pattern| !pattern.is_empty()),
        ),
        ("policies", some(more.policies())),
        (
            "data type",
            more.data_type().is_some_and(|kind| kind != "text"),
        ),
    ])
}

/// The parameter that a spec describes.
fn put(cloud: &Cloud, spec: &Spec) -> PutParameterFluentBuilder {
    cloud
        .ssm
        .put_parameter()
        .name(&spec.name)
        .r#type(ParameterType::from(spec.kind.as_str()))
        .value(&spec.value)
        .set_description(spec.description.clone())
        .set_tier(spec.tier.as_deref().map(ParameterTier::from))
}

/// Writes the parameter over: what a spec cannot say goes back as it is now. AWS takes no tags with it.
async fn change(cloud: &Cloud, live: &Live<Parameter>, spec: &Spec) -> CloudResult<()> {
    let more = metadata(cloud, std::slice::from_ref(&live.id))
        .await?
        .into_iter()
        .next();
    let mut call = put(cloud, &crate::merge::over(&live.spec, spec)?).overwrite(true);
    if let Some(more) = more {
        let pattern = more.allowed_pattern.filter(|pattern| !pattern.is_empty());
        let policies = more.policies.unwrap_or_default();
        let policies: Vec<String> = policies
            .into_iter()
            .filter_map(|policy| policy.policy_text)
            .collect();
        // They are answered one by one, and taken as one list.
        let policies = (!policies.is_empty()).then(|| format!("[{}]", policies.join(",")));
        call = call
            .set_allowed_pattern(pattern)
            .set_policies(policies)
            .set_data_type(more.data_type);
    }
    call.send().ask().await.map(drop)
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Parameter>>>> {
    let chunks = ids.chunks(AT_ONCE);
    let found = each(cloud, "reading SSM parameters", chunks, |ids| {
        read(cloud, ids)
    })
    .await?
    .concat();
    let what = "reading the tags of SSM parameters";
    let lives = each(cloud, what, &found, |(parameter, more)| {
        live(cloud, parameter, more.as_ref())
    })
    .await?;
    Ok(in_order(ids, lives.into_iter().flatten()))
}

/// What AWS takes as a part of a name.
const PART: Text = Text {
    most: LONGEST,
    sound: |c| c.is_ascii_alphanumeric() || "_.-/".contains(c),
    characters: "letters, digits, `_`, `.`, `-` and `/`",
};

/// With the ARN of the parameter up to its name, which is not known here.
const LONGEST: usize = 1011;

/// How many levels a name may have.
const DEPTH: usize = 15;

/// AWS answers a name that begins with `/aws` with a lack of access, as if a permission were missing.
fn check_name(name: &str) -> Result<(), SpecError> {
    let wrong = |message: String| Err(SpecError::new("/name", message));
    PART.check("/name", Some(name))?;
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if let Some(reserved) = ["aws", "ssm"].iter().find(|word| first.starts_with(**word)) {
        return wrong(format!(
            "must not begin with `{reserved}` or `/{reserved}`: AWS reserves these names. Use another one, such as \
             `/prod/{}`",
            name.trim_start_matches('/')
        ));
    }
    let levels = name.trim_start_matches('/').split('/').count();
    match name.strip_prefix('/') {
        None if levels > 1 => wrong(format!(
            "must begin with `/`, because it has several levels: `/{name}`"
        )),
        _ if name.ends_with('/') || name.contains("//") || name.is_empty() => {
            wrong("must have at least one character in each level, as in `/prod/endpoint`".into())
        }
        _ if levels > DEPTH => wrong(format!("must have at most {DEPTH} levels, not {levels}")),
        _ => Ok(()),
    }
}

impl Kind for Parameter {
    const NAME: &'static str = "ssm.Parameter";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name]), ("/type", &[Immutable])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "ssm:GetParameters",
            "ssm:DescribeParameters",
            "ssm:ListTagsForResource",
        ],
        create: &["ssm:PutParameter", "ssm:AddTagsToResource"],
        update: &[
            "ssm:DescribeParameters",
            "ssm:PutParameter",
            "ssm:AddTagsToResource",
            "ssm:RemoveTagsFromResource",
        ],
        delete: &["ssm:DeleteParameter"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            name: "/example/endpoint".into(),
            kind: "String".into(),
            value: "db.example.com".into(),
            description: Some("Where the database is".into()),
            tier: Some("Standard".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/value", json!("other.example.com")),
            ("/description", json!("Where it is now")),
            ("/tags/team", json!("data")),
            ("/tier", json!("Advanced")),
            ("/type", json!("StringList")),
            ("/name", json!("/example/other")),
        ]
    }

    /// AWS answers with the tier that it has chosen.
    fn alike(path: &str, desired: &Value, _live: &Value) -> bool {
        path == "/tier" && desired["tier"] == INTELLIGENT
    }

    /// Back from `Advanced` leads no way but a new parameter.
    fn replaces(change: &Change) -> bool {
        let back = change.path == "/tier" && change.before == Some(json!("Advanced"));
        back || Fields::of::<Self>().is(&change.path, Immutable)
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_name(&spec.name)?;
        any(1024).check("/description", spec.description.as_deref())?;
        let tiers = ["Standard", "Advanced", INTELLIGENT];
        if spec
            .tier
            .as_deref()
            .is_some_and(|tier| !tiers.contains(&tier))
        {
            return Err(SpecError::new(
                "/tier",
                format!("must be one of {}", tiers.join(", ")),
            ));
        }
        match spec.kind.as_str() {
            "String" | "StringList" => Ok(()),
            "SecureString" => {
                let message = "must not be `SecureString`, because the value would be stored in the stack file and in the state: use secretsmanager.Secret";
                Err(SpecError::new("/type", message))
            }
            _ => Err(SpecError::new("/type", "must be `String` or `StringList`")),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = tags_from(claimed(&spec.tags, &claim.owner), "ssm:PutParameter")?;
        put(cloud, spec).set_tags(Some(tags)).send().ask().await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if ["/value", "/description", "/tier"]
            .iter()
            .any(|path| changes.touch(path))
        {
            change(cloud, live, spec).await?;
        }
        sync::<SsmTags>(cloud, live.id.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.ssm.delete_parameter().name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_ssm::operation::describe_parameters::DescribeParametersOutput;
    use aws_sdk_ssm::operation::put_parameter::PutParameterOutput;
    use aws_sdk_ssm::types::ParameterInlinePolicy;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[test]
    fn a_name_that_aws_does_not_take_is_refused_with_the_reason() {
        let said = |name: &str| check_name(name).map_err(|error| error.to_string());
        let sixteen = "/a".repeat(16);
        for name in [
            "endpoint",
            "/prod/database/endpoint",
            "/a.b_c-d",
            &sixteen[2..],
        ] {
            assert_eq!(said(name), Ok(()));
        }
        for (name, why) in [
            ("/aws/service/x", "must not begin with `aws` or `/aws`"),
            ("AWSthing", "must not begin with `aws`"),
            ("/SSM/x", "must not begin with `ssm` or `/ssm`"),
            (
                "a/b",
                "must begin with `/`, because it has several levels: `/a/b`",
            ),
            ("/a//b", "at least one character in each level"),
            ("/a/", "at least one character in each level"),
            ("", "at least one character in each level"),
            (&sixteen, "must have at most 15 levels, not 16"),
            (
                "a b",
                "must have only letters, digits, `_`, `.`, `-` and `/`, not ` `",
            ),
        ] {
            let error = said(name).unwrap_err();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[test]
    fn a_tier_that_aws_chooses_is_not_compared() {
        let of = |tier: &str| json!({"tier": tier});
        assert!(Parameter::alike(
            "/tier",
            &of("Intelligent-Tiering"),
            &of("Standard")
        ));
        assert!(Parameter::alike(
            "/tier",
            &of("Intelligent-Tiering"),
            &of("Advanced")
        ));
        assert!(!Parameter::alike("/tier", &of("Advanced"), &of("Standard")));
        assert!(!Parameter::alike(
            "/value",
            &of("Intelligent-Tiering"),
            &of("Standard")
        ));
        let spec = Spec {
            tier: Some("INTELLIGENT_TIERING".into()),
            ..Parameter::example()
        };
        assert_eq!(Parameter::check(&spec).unwrap_err().path, "/tier");
    }

    #[tokio::test]
    async fn a_parameter_keeps_its_pattern_and_its_policies() {
        let policy = |kind: &str| {
            ParameterInlinePolicy::builder().policy_text(format!("{{\"Type\":\"{kind}\"}}"))
        };
        let more = ParameterMetadata::builder()
            .allowed_pattern("^[a-z]+$")
            .policies(policy("Expiration").build())
            .policies(policy("NoChangeNotification").build())
            .data_type("text")
            .build();
        assert_eq!(unmanaged(&more), ["allowed pattern", "policies"]);
        let read = mock!(aws_sdk_ssm::Client::describe_parameters).then_output(move || {
            DescribeParametersOutput::builder()
                .parameters(more.clone())
                .build()
        });
        let put = mock!(aws_sdk_ssm::Client::put_parameter)
            .match_requests(|request| {
                let policies = "[{\"Type\":\"Expiration\"},{\"Type\":\"NoChangeNotification\"}]";
                request.allowed_pattern() == Some("^[a-z]+$")
                    && request.policies() == Some(policies)
                    && request.overwrite() == Some(true)
            })
            .then_output(|| PutParameterOutput::builder().build());
        let ssm = mock_client!(aws_sdk_ssm, RuleMode::Sequential, &[&read, &put]);
        let outputs = Outputs {
            arn: "arn:p".into(),
            name: "p".into(),
            unmanaged: Vec::new(),
        };
        let live = Live {
            id: "p".into(),
            spec: Parameter::example(),
            outputs,
            owner: None,
            phase: Phase::Ready,
        };
        let asked = changes(&[("/value", json!("old"), json!("new"))]);
        let cloud = Cloud {
            ssm: ssm.into(),
            ..cloud()
        };
        Parameter::update(&cloud, &live, &Parameter::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(put.num_calls(), 1);
    }
}
