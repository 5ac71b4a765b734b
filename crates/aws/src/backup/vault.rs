//! `backup.Vault`

use aws_sdk_backup::types::{RecoveryPointStatus, VaultState};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Contents, Id, Identity, Kind, Leaves, Live,
    Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{sync_tags, tags_of};
use crate::Cloud;
use crate::bounded::try_join_all;
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
        /// The number of recovery points in the backup vault.
        NUMBER_OF_RECOVERY_POINTS: number_of_recovery_points: i64,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Vault>>> {
    let call = cloud
        .backup
        .describe_backup_vault()
        .backup_vault_name(id.as_str());
    let vault = match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        // That is how AWS answers for a vault that is not there, too; the listing tells.
        Err(error) if error.class == Class::Denied && !is_listed(cloud, id).await? => {
            return Ok(None);
        }
        other => other?,
    };
    let arn = vault.backup_vault_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        backup_vault_name: id.to_string(),
        encryption_key_arn: vault.encryption_key_arn().map(Arn::from),
        tags,
    };
    let outputs = Outputs {
        backup_vault_name: id.to_string(),
        arn: arn.into(),
        number_of_recovery_points: vault.number_of_recovery_points(),
    };
    let phase = match vault.vault_state() {
        Some(VaultState::Creating) => Phase::Settling("CREATING".into()),
        Some(VaultState::Failed) => Phase::Failed("FAILED".into()),
        _ => Phase::Ready,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase,
    }))
}

async fn is_listed(cloud: &Cloud, id: &Id) -> CloudResult<bool> {
    let pages = cloud
        .backup
        .list_backup_vaults()
        .into_paginator()
        .items()
        .send();
    let vaults: Result<Vec<_>, _> = pages.collect().await;
    let vaults = vaults.asked()?;
    Ok(vaults
        .iter()
        .any(|vault| vault.backup_vault_name() == Some(id.as_str())))
}

/// Begins to delete the recovery points of a vault. Answers how many are still there.
async fn empty(cloud: &Cloud, vault: &str) -> CloudResult<usize> {
    let call = cloud
        .backup
        .list_recovery_points_by_backup_vault()
        .backup_vault_name(vault);
    let points: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let points = points.asked()?;
    let stay = points
        .iter()
        .filter(|point| point.status() != Some(&RecoveryPointStatus::Deleting));
    let arns = stay.filter_map(|point| point.recovery_point_arn());
    let deletions = arns.map(|arn| async move {
        let call = cloud
            .backup
            .delete_recovery_point()
            .backup_vault_name(vault)
            .recovery_point_arn(arn);
        match call.send().ask().await {
            // It is gone already, or busy: the next look tells.
            Err(error) if matches!(error.class, Class::NotFound | Class::Busy) => Ok(()),
            other => other.map(drop),
        }
    });
    try_join_all(deletions).await?;
    Ok(points.len())
}

fn points(count: i64) -> String {
    if count == 1 {
        "1 recovery point".to_owned()
    } else {
        format!("{count} recovery points")
    }
}

impl Kind for Vault {
    const NAME: &'static str = "backup.Vault";
    const FIELDS: &'static Table = &[
        ("/backup_vault_name", &[Immutable, Name]),
        ("/encryption_key_arn", &[Immutable]),
    ];
    const VOLATILE: &'static [&'static str] = &["number_of_recovery_points"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "backup:DescribeBackupVault",
            "backup:ListBackupVaults",
            "backup:ListTags",
        ],
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
        delete: &[
            "backup:DeleteBackupVault",
            "backup:ListRecoveryPointsByBackupVault",
            "backup:DeleteRecoveryPoint",
        ],
    };
    /// Recovery points take a while to go.
    const TIMING: Timing = Timing::seconds(1, 1, 1, 1800);

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
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/tags/team", json!("data")),
            ("/backup_vault_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.backup_vault_name;
        let sound = (2..=50).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
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
            .set_backup_vault_tags(Some(
                claimed(&spec.tags, &claim.owner).into_iter().collect(),
            ));
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

    /// Once the databases are gone, the vault has the only copies of them.
    fn last_copies(live: &Live<Self>) -> Option<Leaves> {
        let count = live.outputs.number_of_recovery_points;
        let what = || format!("{} in the backup vault {}", points(count), live.id);
        let needs = live
            .spec
            .encryption_key_arn
            .iter()
            .map(ToString::to_string)
            .collect();
        (count > 0).then(|| Leaves {
            what: what(),
            needs,
        })
    }

    async fn contents(_cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        let count = live.outputs.number_of_recovery_points;
        Ok((count > 0).then(|| Contents {
            what: points(count),
            count: u64::try_from(count).ok(),
            ..Contents::default()
        }))
    }

    /// AWS deletes only empty vaults. Recovery points that were there when the deletion was planned are deleted first,
    /// by the consent that the engine asked for. Those that came later are nobody's to delete: AWS then refuses.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if live.outputs.number_of_recovery_points > 0 {
            let left = empty(cloud, live.id.as_str()).await?;
            if left > 0 {
                let count = points(i64::try_from(left).unwrap_or(i64::MAX));
                let message = format!("deleting {count} of the backup vault {} first", live.id);
                return Err(CloudError::new(
                    Class::Busy,
                    "backup:DeleteBackupVault",
                    message,
                ));
            }
        }
        let call = cloud
            .backup
            .delete_backup_vault()
            .backup_vault_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_backup::operation::delete_backup_vault::DeleteBackupVaultOutput;
    use aws_sdk_backup::operation::delete_recovery_point::DeleteRecoveryPointOutput;
    use aws_sdk_backup::operation::list_recovery_points_by_backup_vault::ListRecoveryPointsByBackupVaultOutput;
    use aws_sdk_backup::types::RecoveryPointByBackupVault;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn vault(count: i64) -> Live<Vault> {
        let outputs = Outputs {
            backup_vault_name: "example".into(),
            arn: "arn:v".into(),
            number_of_recovery_points: count,
        };
        Live {
            id: "example".into(),
            spec: Vault::example(),
            outputs,
            owner: None,
            phase: Phase::Ready,
        }
    }

    #[test]
    fn a_used_vault_has_the_last_copies_and_needs_its_key() {
        assert_eq!(Vault::last_copies(&vault(0)), None);
        let copies = Vault::last_copies(&vault(1)).unwrap();
        assert_eq!(copies.what, "1 recovery point in the backup vault example");
        assert!(copies.needs[0].contains(":key/"));
    }

    #[tokio::test]
    async fn recovery_points_go_first_and_only_those_that_were_there() {
        let list =
            mock!(aws_sdk_backup::Client::list_recovery_points_by_backup_vault).then_output(|| {
                let point = |arn, status| {
                    RecoveryPointByBackupVault::builder()
                        .recovery_point_arn(arn)
                        .status(status)
                        .build()
                };
                ListRecoveryPointsByBackupVaultOutput::builder()
                    .recovery_points(point("arn:1", RecoveryPointStatus::Completed))
                    .recovery_points(point("arn:2", RecoveryPointStatus::Deleting))
                    .build()
            });
        let point = mock!(aws_sdk_backup::Client::delete_recovery_point)
            .match_requests(|request| request.recovery_point_arn() == Some("arn:1"))
            .then_output(|| DeleteRecoveryPointOutput::builder().build());
        let delete = mock!(aws_sdk_backup::Client::delete_backup_vault)
            .then_output(|| DeleteBackupVaultOutput::builder().build());
        let backup = mock_client!(
            aws_sdk_backup,
            RuleMode::MatchAny,
            &[&list, &point, &delete]
        );
        let cloud = Cloud {
            backup: backup.into(),
            ..cloud()
        };
        let refused = Vault::delete(&cloud, &vault(2)).await.unwrap_err();
        assert_eq!(
            (refused.class, point.num_calls(), delete.num_calls()),
            (Class::Busy, 1, 0)
        );
        Vault::delete(&cloud, &vault(0)).await.unwrap();
        assert_eq!(
            (list.num_calls(), point.num_calls(), delete.num_calls()),
            (1, 1, 1)
        );
    }
}
