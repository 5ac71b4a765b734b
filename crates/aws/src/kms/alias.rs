//! `kms.Alias`

use aws_sdk_kms::types::AliasListEntry;
use platctl_engine::fields::Fact::{Home, Immutable, Leads, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Replace, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::types::{KeyId, unless_same};

/// An alias of a KMS key.
#[derive(Debug)]
pub struct Alias;

/// An alias of a KMS key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the alias, beginning with `alias/` but not with `alias/aws/`. Must be unique within the
    /// account and region.
    pub alias_name: String,
    /// The ID of the key to which the alias refers. Can be changed in place.
    pub target_key_id: S::In<KeyId>,
}

platctl_engine::outputs! {
    /// Attributes of the alias that other resources can reference.
    Alias {
        /// The name of the alias, such as `alias/…`.
        ALIAS_NAME: alias_name: String,
    }
}

async fn read(cloud: &Cloud) -> CloudResult<Vec<AliasListEntry>> {
    let pages = cloud.kms.list_aliases().into_paginator().items().send();
    let all: Result<Vec<_>, _> = pages.collect().await;
    all.asked()
}

fn live(alias: &AliasListEntry) -> Option<Live<Alias>> {
    let name = alias.alias_name()?.to_owned();
    // AWS's own aliases have no key before their first use.
    let target_key_id = alias.target_key_id()?.into();
    let spec = Spec {
        alias_name: name.clone(),
        target_key_id,
    };
    let outputs = Outputs {
        alias_name: name.clone(),
    };
    Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    })
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Alias>>>> {
    let all = read(cloud).await?;
    Ok(crate::ec2::in_order(ids, all.iter().filter_map(live)))
}

impl Kind for Alias {
    const NAME: &'static str = "kms.Alias";
    const FIELDS: &'static Table = &[
        ("/alias_name", &[Immutable, Name]),
        // An alias of a key of ours is ours; one of another key is somebody else's.
        ("/target_key_id", &[Home, Leads]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["kms:ListAliases"],
        create: &["kms:CreateAlias"],
        update: &["kms:UpdateAlias"],
        delete: &["kms:DeleteAlias"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            alias_name: "alias/prod-logs".into(),
            target_key_id: "01234567-89ab-cdef-0123-456789abcdef".into(),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("/alias_name", json!("alias/prod-others"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !spec.alias_name.starts_with("alias/") || spec.alias_name.starts_with("alias/aws/") {
            return Err(SpecError::new(
                "/alias_name",
                "must begin with `alias/`, but not with `alias/aws/`",
            ));
        }
        let sound = |b: u8| b.is_ascii_alphanumeric() || b":/_-".contains(&b);
        if (7..=256).contains(&spec.alias_name.len()) && spec.alias_name.bytes().all(sound) {
            return Ok(());
        }
        Err(SpecError::new(
            "/alias_name",
            "must have 7 to 256 letters, digits and any of :/_-",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.alias_name, &desired.alias_name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let all = read(cloud).await?;
        let find = |wanted: &Wanted<Self>| {
            let name = wanted.spec.as_ref().map(|spec| spec.alias_name.as_str());
            let mine = all
                .iter()
                .filter(|alias| name.is_some() && alias.alias_name() == name)
                .filter_map(live);
            mine.map(|live| Candidate {
                id: live.id,
                owner: None,
            })
            .collect()
        };
        Ok(wanted.iter().map(find).collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud.kms.create_alias().alias_name(&spec.alias_name);
        let call = call.target_key_id(spec.target_key_id.as_str());
        call.send().ask().await?;
        Ok(Id::from(spec.alias_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let call = cloud.kms.update_alias().alias_name(&spec.alias_name);
        let call = call.target_key_id(spec.target_key_id.as_str());
        call.send().ask().await.map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.kms.delete_alias().alias_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_kms::operation::list_aliases::ListAliasesOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn one_list_serves_all_and_aliases_without_a_key_are_none() {
        let list = mock!(aws_sdk_kms::Client::list_aliases).then_output(|| {
            ListAliasesOutput::builder()
                .aliases(
                    AliasListEntry::builder()
                        .alias_name("alias/a")
                        .target_key_id("key-1")
                        .build(),
                )
                .aliases(AliasListEntry::builder().alias_name("alias/b").build())
                .build()
        });
        let cloud = Cloud {
            kms: mock_client!(aws_sdk_kms, RuleMode::Sequential, &[&list]).into(),
            ..cloud()
        };
        let found = Alias::describe(&cloud, &["alias/a", "alias/b"].map(Id::from))
            .await
            .unwrap();
        assert_eq!(
            found[0].as_ref().unwrap().spec.target_key_id.as_str(),
            "key-1"
        );
        assert!(found[1].is_none());
    }

    #[test]
    fn names_of_aws_itself_are_refused() {
        for name in ["prod", "alias/aws/s3"] {
            assert!(
                Alias::check(&Spec {
                    alias_name: name.into(),
                    ..Alias::example()
                })
                .is_err(),
                "{name}"
            );
        }
    }
}
