//! `backup.Vault`

use aws_sdk_backup::types::VaultState;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read, Replace,
    Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{sync_tags, tags_of};
use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, claimed};
use crate::types::{Arn, unless_same};

/// An AWS Backup vault, in which backups are stored.
#[derive(Debug)]
pub struct Vault;

/// An AWS Backup vault, in which backups are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the vault. Must be unique within the account and region. 2 to 50 letters, digits, `-` and
    /// `_`; must not be `Default`.
    pub backup_vault_name: String,
    /// The ARN of the KMS key that encrypts the backups in the vault. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key_arn: Option<S::In<Arn>>,
    /// Tags to assign to the backup vault.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the backup vault that other resources can reference.
    Vault {
        /// The name of the backup vault.
        BACKUP_VAULT_NAME: backup_vault_name: String,
        /// The Amazon Resource Name (ARN) of the backup vault.
        ARN: arn: Arn,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Vault>>> {
    let call = cloud.backup.describe_backup_vault().backup_vault_name(id.as_str());
    let vault = match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        // That is how AWS answers for a vault that is not there, too; the listing tells.
        Err(error) if error.class == Class::Denied && !is_listed(cloud, id).await? => return Ok(None),
        other => other?,
    };
    let arn = vault.backup_vault_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        backup_vault_name: id.to_string(),
        encryption_key_arn: vault.encryption_key_arn().map(Arn::from),
        tags,
    };
    let outputs = Outputs { backup_vault_name: id.to_string(), arn: arn.into() };
    let phase = match vault.vault_state() {
        Some(VaultState::Creating) => Phase::Settling("CREATING".into()),
        Some(VaultState::Failed) => Phase::Failed("FAILED".into()),
        _ => Phase::Ready,
    };
    Ok(Some(Live { id: id.clone(), spec, outputs, owner, phase }))
}

async fn is_listed(cloud: &Cloud, id: &Id) -> CloudResult<bool> {
    let pages = cloud.backup.list_backup_vaults().into_paginator().items().send();
    let vaults: Result<Vec<_>, _> = pages.collect().await;
    let vaults = vaults.asked()?;
    Ok(vaults.iter().any(|vault| vault.backup_vault_name() == Some(id.as_str())))
}

impl Kind for Vault {
    const NAME: &'static str = "backup.Vault";
    const REPLACE_ON: &'static [&'static str] = &["/backup_vault_name", "/encryption_key_arn"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const NAMED_BY: &'static [&'static str] = &["/backup_vault_name"];
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &["backup:DescribeBackupVault", "backup:ListBackupVaults", "backup:ListTags"],
        create: &[
            "backup:CreateBackupVault",
            "backup:TagResource",
            "backup-storage:MountCapsule",
            "kms:CreateGrant",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "kms:Decrypt",
            "kms:RetireGrant",
        ],
        update: &["backup:TagResource", "backup:UntagResource"],
        delete: &["backup:DeleteBackupVault"],
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
            backup_vault_name: "example".into(),
            encryption_key_arn: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef".into(),
            ),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![("/tags/team", json!("data")), ("/backup_vault_name", json!("example-2"))]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.backup_vault_name;
        let sound = (2..=50).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound && name != "Default" {
            return Ok(());
        }
        Err(SpecError::new(
            "/backup_vault_name",
            "must have 2 to 50 letters, digits, `-` and `_`, and must not be `Default`",
        ))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.backup_vault_name, &desired.backup_vault_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.backup_vault_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .backup
            .create_backup_vault()
            .backup_vault_name(&spec.backup_vault_name)
            .set_encryption_key_arn(spec.encryption_key_arn.as_ref().map(ToString::to_string))
            .creator_request_id(&claim.token)
            .set_backup_vault_tags(Some(claimed(&spec.tags, &claim.owner).into_iter().collect()));
        call.send().ask().await?;
        Ok(Id::from(spec.backup_vault_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.backup.delete_backup_vault().backup_vault_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
