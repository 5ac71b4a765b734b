//! AWS Backup of the database: a vault of its own, a daily plan, and what it backs up.

use platctl_aws::backup::plan::{self, Plan};
use platctl_aws::backup::selection::{self, Selection};
use platctl_aws::backup::vault;
use platctl_aws::iam::role;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;

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
        let spec = vault::Spec {
            backup_vault_name: declare.name("database"),
            encryption_key_arn: Some(key.get(key::out::ARN)),
            tags: declare.tags("backup.vault"),
        };
        let vault: Handle<vault::Vault> = declare.add("backup.vault", &spec)?;
        let plan = wish.plan(&vault, declare)?;
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
        let spec = selection::Spec {
            backup_plan_id: plan.get(plan::out::BACKUP_PLAN_ID),
            selection_name: declare.name("database"),
            iam_role_arn: role.get(role::out::ARN),
            resources: declare.set([cluster.get(db_cluster::out::ARN)])?,
        };
        declare
            .add_after::<Selection>("backup.selection", &spec, &[policy.address()])
            .map(drop)
    }
}

impl Vault {
    fn plan(
        &self,
        vault: &Handle<vault::Vault>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Plan>> {
        let schedule = self.schedule.as_deref().unwrap_or("cron(0 3 * * ? *)");
        let rule = plan::Rule {
            rule_name: "daily".to_owned(),
            target_backup_vault_name: vault.get(vault::out::BACKUP_VAULT_NAME),
            schedule_expression: schedule.to_owned(),
            start_window_minutes: plan::START_WINDOW_MINUTES,
            completion_window_minutes: plan::COMPLETION_WINDOW_MINUTES,
            lifecycle: plan::Lifecycle {
                delete_after_days: Some(self.keep_days.unwrap_or(35).into()),
                move_to_cold_storage_after_days: None,
            },
            copy_actions: Vec::new(),
        };
        let spec = plan::Spec {
            backup_plan_name: declare.name("database"),
            rules: vec![rule],
            tags: declare.tags("backup.plan"),
        };
        declare.add("backup.plan", &spec)
    }
}
