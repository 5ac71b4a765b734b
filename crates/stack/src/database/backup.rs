//! AWS Backup of the database: a vault of its own, a daily plan, and what it backs up.

use platctl_aws::backup::plan::{self, Plan};
use platctl_aws::backup::selection::Selection;
use platctl_aws::backup::vault;
use platctl_aws::iam::role;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Database;
use crate::common::{attach, role, trust};
use crate::declare::{Checked, Declare};
use crate::file::Switch;

/// A plan of AWS Backup.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Vault {
    /// How long the backups are kept, in days. Default: 35.
    keep_days: Option<u16>,
    /// The schedule, as an AWS cron expression: `cron(0 3 * * ? *)`.
    schedule: Option<String>,
}

impl Database {
    pub(super) fn vault(
        &self,
        cluster: &Handle<DbCluster>,
        key: &Handle<Key>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Switch::On(wish) = &self.backup.vault else {
            return Ok(());
        };
        let vault: Handle<vault::Vault> = declare.make(
            "backup.vault",
            json!({
                "backup_vault_name": declare.name("database"),
                "encryption_key_arn": key.json(key::out::ARN),
            }),
        )?;
        let plan: Handle<Plan> = declare.make(
            "backup.plan",
            json!({
                "backup_plan_name": declare.name("database"),
                "rules": [{
                    "rule_name": "daily",
                    "target_backup_vault_name": vault.json(vault::out::BACKUP_VAULT_NAME),
                    "schedule_expression": wish.schedule.as_deref().unwrap_or("cron(0 3 * * ? *)"),
                    "lifecycle": {"delete_after_days": wish.keep_days.unwrap_or(35)},
                }],
            }),
        )?;
        let trust = trust("backup.amazonaws.com", declare);
        let role = role(
            "backup.role",
            "database-backup",
            "Backs the database up",
            trust,
            declare,
        )?;
        let policy = attach(
            "backup.policy",
            &role,
            "service-role/AWSBackupServiceRolePolicyForBackup",
            declare,
        )?;
        declare.make_after::<Selection>(
            "backup.selection",
            json!({
                "backup_plan_id": plan.json(plan::out::BACKUP_PLAN_ID),
                "selection_name": declare.name("database"),
                "iam_role_arn": role.json(role::out::ARN),
                "resources": [cluster.json(db_cluster::out::ARN)],
            }),
            &[policy.address()],
        )?;
        Ok(())
    }
}
