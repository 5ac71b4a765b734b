//! `codeconnections.Connection`: usable only once a person has authorised it in the console.

use aws_sdk_codeconnections::types::{ProviderType, Tag};
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, invalid, made};
use crate::tags::{Tags, by_address, claimed, edits, of_stack, split};
use crate::types::Arn;

/// A CodeConnections connection to a third-party Git provider.
#[derive(Debug)]
pub struct Connection;

/// A CodeConnections connection to a third-party Git provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the connection. Need not be unique.
    pub connection_name: String,
    /// The Git provider: `GitHub`, `GitLab`, `Bitbucket`, …
    pub provider_type: String,
    /// Tags to assign to the connection.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[serde(skip)]
    #[doc(hidden)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the connection that other resources can reference.
    Connection {
        /// The Amazon Resource Name (ARN) of the connection.
        ARN: arn: Arn,
        /// The status of the connection: `PENDING` until a person has authorized it, then `AVAILABLE`.
        CONNECTION_STATUS: connection_status: String,
    }
}

fn new_tags(tags: Tags, operation: &str) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(|e| invalid(operation, &e))
    };
    tags.into_iter().map(tag).collect()
}

async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let answer = cloud
        .codeconnections
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let answer = answer.asked()?;
    Ok(split(
        answer
            .tags()
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    ))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Connection>>> {
    let call = cloud
        .codeconnections
        .get_connection()
        .connection_arn(id.as_str());
    let answer = call.send().ask().await?;
    let Some(found) = answer.connection() else {
        return Ok(None);
    };
    let (tags, owner) = tags_of(cloud, id.as_str()).await?;
    let spec = Spec {
        connection_name: found.connection_name().unwrap_or_default().to_owned(),
        provider_type: found
            .provider_type()
            .map(ProviderType::as_str)
            .unwrap_or_default()
            .to_owned(),
        tags,
        stage: std::marker::PhantomData,
    };
    let status = found
        .connection_status()
        .map(|status| status.as_str())
        .unwrap_or_default();
    // Waiting for a person would be waiting for ever.
    let phase = match status {
        "ERROR" => Phase::Degraded(
            "ERROR: AWS cannot connect to the provider. Update the connection in the CodePipeline console, \
             under Settings, Connections"
                .into(),
        ),
        _ => Phase::Ready,
    };
    let outputs = Outputs {
        arn: id.as_str().into(),
        connection_status: status.to_owned(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase,
    }))
}

impl Kind for Connection {
    const NAME: &'static str = "codeconnections.Connection";
    const FIELDS: &'static Table = &[
        ("/connection_name", &[Immutable]),
        ("/provider_type", &[Immutable]),
    ];
    const VOLATILE: &'static [&'static str] = &["connection_status"];
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "codeconnections:GetConnection",
            "codeconnections:ListConnections",
            "codeconnections:ListTagsForResource",
        ],
        create: &[
            "codeconnections:CreateConnection",
            "codeconnections:TagResource",
        ],
        update: &[
            "codeconnections:TagResource",
            "codeconnections:UntagResource",
        ],
        delete: &["codeconnections:DeleteConnection"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            connection_name: "example".into(),
            provider_type: "GitHub".into(),
            tags: Tags::from([("team".into(), "platform".into())]),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/tags/team", json!("data")),
            ("/connection_name", json!("example-2")),
            ("/provider_type", json!("GitLab")),
        ]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let pages: Result<Vec<_>, _> = cloud
            .codeconnections
            .list_connections()
            .into_paginator()
            .send()
            .collect()
            .await;
        let pages = pages.asked()?;
        let all = pages
            .into_iter()
            .flat_map(|page| page.connections.unwrap_or_default());
        let arns = all.filter_map(|connection| connection.connection_arn);
        let owners = arns.map(|arn| async move {
            let owner = tags_of(cloud, &arn).await?.1;
            Ok((Id::from(arn), owner))
        });
        Ok(by_address(
            wanted,
            of_stack(wanted, try_join_all(owners).await?),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "codeconnections:CreateConnection";
        let call = cloud
            .codeconnections
            .create_connection()
            .connection_name(&spec.connection_name)
            .provider_type(ProviderType::from(spec.provider_type.as_str()))
            .set_tags(Some(new_tags(
                claimed(&spec.tags, &claim.owner),
                operation,
            )?));
        let answer = call.send().ask().await?;
        made(operation, Some(answer.connection_arn()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (arn, edits) = (live.id.as_str(), edits(changes, owner));
        if !edits.set.is_empty() {
            let tags = new_tags(edits.set, "codeconnections:TagResource")?;
            let call = cloud
                .codeconnections
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            call.send().ask().await?;
        }
        if !edits.remove.is_empty() {
            let call = cloud
                .codeconnections
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(edits.remove));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .codeconnections
            .delete_connection()
            .connection_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
