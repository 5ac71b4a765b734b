//! `elasticache.ParameterGroup`

use std::collections::BTreeMap;

use aws_sdk_elasticache::types::ParameterNameValue;
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CacheTags, check_name, tags_from};
use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::{Arn, unless_same};

/// A cache parameter group, which configures the nodes of a cache.
#[derive(Debug)]
pub struct ParameterGroup;

/// Names and values, all as text.
type Parameters = BTreeMap<String, String>;

/// ElastiCache changes this many parameters in one call.
const AT_ONCE: usize = 20;

/// A cache parameter group, which configures the nodes of a cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cache parameter group, in lower case. Must be unique within the account and region.
    pub cache_parameter_group_name: String,
    /// The family, which is the engine and its major version, such as `valkey8` or `redis7`.
    pub cache_parameter_group_family: String,
    /// A description of the cache parameter group. Cannot be changed.
    pub description: String,
    /// The parameters whose values differ from the defaults of the family. All values are strings. A cache with
    /// cluster mode requires `cluster-enabled: "yes"`.
    #[serde(default)]
    pub parameters: Parameters,
    /// Tags to assign to the cache parameter group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[serde(skip)]
    #[doc(hidden)]
    pub stage: std::marker::PhantomData<S>,
}

platctl_engine::outputs! {
    /// Attributes of the cache parameter group that other resources can reference.
    ParameterGroup {
        /// The name of the cache parameter group.
        CACHE_PARAMETER_GROUP_NAME: cache_parameter_group_name: String,
        /// The Amazon Resource Name (ARN) of the cache parameter group.
        ARN: arn: Arn,
    }
}

async fn values(cloud: &Cloud, name: &str) -> CloudResult<Parameters> {
    let pages = cloud
        .elasticache
        .describe_cache_parameters()
        .cache_parameter_group_name(name)
        .source("user")
        .into_paginator();
    let mut pages = pages.send();
    let mut found = Parameters::new();
    while let Some(page) = pages.next().await {
        let page = page.asked()?;
        let pair = |one: &aws_sdk_elasticache::types::Parameter| {
            let value = one.parameter_value()?.to_owned();
            Some((one.parameter_name()?.to_owned(), value))
        };
        found.extend(page.parameters().iter().filter_map(pair));
    }
    Ok(found)
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ParameterGroup>>> {
    let call = cloud
        .elasticache
        .describe_cache_parameter_groups()
        .cache_parameter_group_name(id.as_str());
    let answer = call.send().ask().await?;
    let Some(group) = answer.cache_parameter_groups().first() else {
        return Ok(None);
    };
    let arn = group.arn().unwrap_or_default();
    let tags = owned::<CacheTags>(cloud, arn);
    let ((tags, owner), parameters) = futures::try_join!(tags, values(cloud, id.as_str()))?;
    let family = group.cache_parameter_group_family();
    let spec = Spec {
        cache_parameter_group_name: id.to_string(),
        cache_parameter_group_family: family.unwrap_or_default().to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
        parameters,
        tags,
        stage: std::marker::PhantomData,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs: Outputs {
            cache_parameter_group_name: id.to_string(),
            arn: arn.into(),
        },
        owner,
        phase: Phase::Ready,
    }))
}

fn rows(parameters: &[(&String, Option<&String>)]) -> Option<Vec<ParameterNameValue>> {
    let row = |(name, value): &(&String, Option<&String>)| {
        ParameterNameValue::builder()
            .parameter_name(name.as_str())
            .set_parameter_value(value.cloned())
            .build()
    };
    Some(parameters.iter().map(row).collect())
}

/// Sets what is stated, and resets what is no longer stated to the default of the family.
async fn sync_parameters(
    cloud: &Cloud,
    group: &str,
    desired: &Parameters,
    live: &Parameters,
) -> CloudResult<()> {
    let set: Vec<_> = desired
        .iter()
        .filter(|(name, value)| live.get(*name) != Some(*value))
        .map(|(name, value)| (name, Some(value)))
        .collect();
    for some in set.chunks(AT_ONCE) {
        let call = cloud
            .elasticache
            .modify_cache_parameter_group()
            .cache_parameter_group_name(group)
            .set_parameter_name_values(rows(some));
        call.send().ask().await?;
    }
    let dropped: Vec<_> = live
        .keys()
        .filter(|name| !desired.contains_key(*name))
        .map(|name| (name, None))
        .collect();
    for some in dropped.chunks(AT_ONCE) {
        let call = cloud
            .elasticache
            .reset_cache_parameter_group()
            .cache_parameter_group_name(group)
            .set_parameter_name_values(rows(some));
        call.send().ask().await?;
    }
    Ok(())
}

impl Kind for ParameterGroup {
    const NAME: &'static str = "elasticache.ParameterGroup";
    const FIELDS: &'static Table = &[
        ("/cache_parameter_group_name", &[Immutable, Name]),
        ("/cache_parameter_group_family", &[Immutable]),
        ("/description", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "elasticache:DescribeCacheParameterGroups",
            "elasticache:DescribeCacheParameters",
            "elasticache:ListTagsForResource",
        ],
        create: &[
            "elasticache:CreateCacheParameterGroup",
            "elasticache:AddTagsToResource",
        ],
        update: &[
            "elasticache:ModifyCacheParameterGroup",
            "elasticache:ResetCacheParameterGroup",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        delete: &["elasticache:DeleteCacheParameterGroup"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            cache_parameter_group_name: "example-cache-parameters".into(),
            cache_parameter_group_family: "valkey8".into(),
            description: "Parameters".into(),
            parameters: Parameters::from([("maxmemory-policy".into(), "allkeys-lru".into())]),
            tags: Tags::from([("team".into(), "platform".into())]),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/cache_parameter_group_name",
                json!("example-cache-parameters-2"),
            ),
            ("/description", json!("Other parameters")),
            (
                "/parameters",
                json!({"timeout": "300", "maxmemory-policy": "noeviction"}),
            ),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        check_name(
            "/cache_parameter_group_name",
            &spec.cache_parameter_group_name,
            255,
        )
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.cache_parameter_group_name,
            &desired.cache_parameter_group_name,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.cache_parameter_group_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .elasticache
            .create_cache_parameter_group()
            .cache_parameter_group_name(&spec.cache_parameter_group_name)
            .cache_parameter_group_family(&spec.cache_parameter_group_family)
            .description(&spec.description)
            .set_tags(Some(tags_from(claimed(&spec.tags, &claim.owner))));
        call.send().ask().await?;
        Ok(Id::from(spec.cache_parameter_group_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/parameters") {
            let (desired, known) = (&spec.parameters, &live.spec.parameters);
            sync_parameters(cloud, live.id.as_str(), desired, known).await?;
        }
        let arn = live.outputs.arn.as_str();
        sync::<CacheTags>(cloud, arn, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .elasticache
            .delete_cache_parameter_group()
            .cache_parameter_group_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_elasticache::operation::modify_cache_parameter_group::ModifyCacheParameterGroupOutput;
    use aws_sdk_elasticache::operation::reset_cache_parameter_group::ResetCacheParameterGroupOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn only_what_differs_is_set_and_what_is_dropped_is_reset() {
        let set = mock!(aws_sdk_elasticache::Client::modify_cache_parameter_group)
            .match_requests(|request| {
                let rows = request.parameter_name_values();
                rows.len() == 1 && rows[0].parameter_name() == Some("timeout")
            })
            .then_output(|| ModifyCacheParameterGroupOutput::builder().build());
        let reset = mock!(aws_sdk_elasticache::Client::reset_cache_parameter_group)
            .match_requests(|request| {
                let rows = request.parameter_name_values();
                rows.len() == 1
                    && rows[0].parameter_name() == Some("activedefrag")
                    && rows[0].parameter_value().is_none()
            })
            .then_output(|| ResetCacheParameterGroupOutput::builder().build());
        let client = mock_client!(aws_sdk_elasticache, RuleMode::Sequential, &[&set, &reset]);
        let cloud = Cloud {
            elasticache: client.into(),
            ..cloud()
        };
        let some = |list: &[(&str, &str)]| -> Parameters {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            list.iter().map(own).collect()
        };
        let desired = some(&[("timeout", "300"), ("maxmemory-policy", "noeviction")]);
        let live = some(&[("activedefrag", "yes"), ("maxmemory-policy", "noeviction")]);
        sync_parameters(&cloud, "app", &desired, &live)
            .await
            .unwrap();
        assert_eq!((set.num_calls(), reset.num_calls()), (1, 1));
    }
}
