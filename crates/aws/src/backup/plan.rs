//! `backup.Plan`

use aws_sdk_backup::types::{
    BackupPlan, BackupPlanInput, BackupRule, BackupRuleInput, CopyAction, Lifecycle as SdkLifecycle,
};
use platctl_engine::{
    Candidate, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase,
    Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{sync_tags, tags_of};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, invalid, made};
use crate::tags::{Tags, by_address, claimed, of_stack};
use crate::types::Arn;
use crate::unmanaged::{part, settings, some};

/// An AWS Backup plan: when backups are created and how long they are kept.
#[derive(Debug)]
pub struct Plan;

/// The lifecycle of a backup: when it is moved to cold storage and when it is deleted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// The number of days after creation when a backup is deleted. Default: backups are never deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<i64>,
    /// The number of days after creation when a backup is moved to cold storage. Backups must stay in cold
    /// storage for at least 90 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to_cold_storage_after_days: Option<i64>,
}

/// A copy action of a backup rule, which copies backups to another vault.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Copy<S: Stage = Resolved> {
    /// The ARN of the destination vault, which can be in another region.
    pub destination_backup_vault_arn: S::In<Arn>,
    /// The lifecycle of the copy.
    #[serde(default)]
    pub lifecycle: Lifecycle,
}

/// A rule of a backup plan.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Rule<S: Stage = Resolved> {
    /// The name of the rule. Must be unique within the plan.
    pub rule_name: String,
    /// The name of the vault in which backups are stored.
    pub target_backup_vault_name: S::In<String>,
    /// The schedule, as a cron expression in UTC, such as `cron(0 3 * * ? *)`.
    pub schedule_expression: String,
    /// The number of minutes within which a backup must start. Default: 480.
    #[serde(default = "start_window")]
    pub start_window_minutes: i64,
    /// The number of minutes within which a backup must be completed. Default: 10080.
    #[serde(default = "completion_window")]
    pub completion_window_minutes: i64,
    /// The lifecycle of the backups.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// The vaults to which backups are copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copy_actions: Vec<Copy<S>>,
}

/// The minutes within which a backup starts, unless a rule states it.
pub const START_WINDOW_MINUTES: i64 = 480;
/// The minutes within which a backup is complete, unless a rule states it.
pub const COMPLETION_WINDOW_MINUTES: i64 = 10080;

const fn start_window() -> i64 {
    START_WINDOW_MINUTES
}

const fn completion_window() -> i64 {
    COMPLETION_WINDOW_MINUTES
}

/// An AWS Backup plan: when backups are created and how long they are kept.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the backup plan. Need not be unique.
    pub backup_plan_name: String,
    /// The rules of the backup plan.
    pub rules: Vec<Rule<S>>,
    /// Tags to assign to the backup plan.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the backup plan that other resources can reference.
    Plan {
        /// The ID of the backup plan.
        BACKUP_PLAN_ID: backup_plan_id: String,
        /// The Amazon Resource Name (ARN) of the backup plan.
        ARN: arn: Arn,
    }
    and unmanaged
}

fn lifecycle(lifecycle: Option<&SdkLifecycle>) -> Lifecycle {
    // AWS writes -1 for never.
    let days = |days: Option<i64>| days.filter(|days| *days >= 0);
    Lifecycle {
        delete_after_days: lifecycle.and_then(|lifecycle| days(lifecycle.delete_after_days())),
        move_to_cold_storage_after_days: lifecycle
            .and_then(|lifecycle| days(lifecycle.move_to_cold_storage_after_days())),
    }
}

fn sdk_lifecycle(lifecycle: Lifecycle) -> Option<SdkLifecycle> {
    (lifecycle != Lifecycle::default()).then(|| {
        SdkLifecycle::builder()
            .set_delete_after_days(lifecycle.delete_after_days)
            .set_move_to_cold_storage_after_days(lifecycle.move_to_cold_storage_after_days)
            .build()
    })
}

fn rule(rule: &BackupRule) -> Rule {
    let copy = |copy: &CopyAction| Copy {
        destination_backup_vault_arn: copy.destination_backup_vault_arn().into(),
        lifecycle: lifecycle(copy.lifecycle()),
    };
    Rule {
        rule_name: rule.rule_name().to_owned(),
        target_backup_vault_name: rule.target_backup_vault_name().to_owned(),
        schedule_expression: rule.schedule_expression().unwrap_or_default().to_owned(),
        start_window_minutes: rule.start_window_minutes().unwrap_or(start_window()),
        completion_window_minutes: rule
            .completion_window_minutes()
            .unwrap_or(completion_window()),
        lifecycle: lifecycle(rule.lifecycle()),
        copy_actions: rule.copy_actions().iter().map(copy).collect(),
    }
}

fn input(spec: &Spec, operation: &str) -> CloudResult<BackupPlanInput> {
    let rules = spec.rules.iter().map(|rule| {
        let copies = rule.copy_actions.iter().map(|copy| {
            CopyAction::builder()
                .destination_backup_vault_arn(copy.destination_backup_vault_arn.as_str())
                .set_lifecycle(sdk_lifecycle(copy.lifecycle))
                .build()
        });
        let copies: Result<Vec<_>, _> = copies.collect();
        let copies = copies.map_err(|e| invalid(operation, &e))?;
        BackupRuleInput::builder()
            .rule_name(&rule.rule_name)
            .target_backup_vault_name(&rule.target_backup_vault_name)
            .schedule_expression(&rule.schedule_expression)
            .start_window_minutes(rule.start_window_minutes)
            .completion_window_minutes(rule.completion_window_minutes)
            .set_lifecycle(sdk_lifecycle(rule.lifecycle))
            .set_copy_actions((!copies.is_empty()).then_some(copies))
            .build()
            .map_err(|e| invalid(operation, &e))
    });
    let rules = rules.collect::<CloudResult<Vec<_>>>()?;
    let builder = BackupPlanInput::builder()
        .backup_plan_name(&spec.backup_plan_name)
        .set_rules(Some(rules));
    builder.build().map_err(|e| invalid(operation, &e))
}

/// An update replaces the whole plan: what the spec has no words for keeps its value.
async fn kept(cloud: &Cloud, id: &str, plan: BackupPlanInput) -> CloudResult<BackupPlanInput> {
    let call = cloud.backup.get_backup_plan().backup_plan_id(id);
    Ok(match call.send().ask().await?.backup_plan {
        Some(now) => over(now, plan),
        None => plan,
    })
}

/// What is stated, over the plan as it is. AWS answers a rule in another form than it takes one, so each of its parts
/// is named here.
fn over(now: BackupPlan, mut plan: BackupPlanInput) -> BackupPlanInput {
    plan.advanced_backup_settings = now.advanced_backup_settings;
    plan.scan_settings = now.scan_settings;
    for rule in &mut plan.rules {
        let Some(now) = now.rules.iter().find(|now| now.rule_name == rule.rule_name) else {
            continue;
        };
        rule.target_logically_air_gapped_backup_vault_arn
            .clone_from(&now.target_logically_air_gapped_backup_vault_arn);
        rule.schedule_expression_timezone
            .clone_from(&now.schedule_expression_timezone);
        rule.enable_continuous_backup = now.enable_continuous_backup;
        rule.recovery_point_tags
            .clone_from(&now.recovery_point_tags);
        rule.index_actions.clone_from(&now.index_actions);
        rule.scan_actions.clone_from(&now.scan_actions);
        rule.lifecycle = lived(now.lifecycle.clone(), rule.lifecycle.take());
        for copy in rule.copy_actions.iter_mut().flatten() {
            let vault = &copy.destination_backup_vault_arn;
            let now = now
                .copy_actions()
                .iter()
                .find(|now| now.destination_backup_vault_arn == *vault);
            copy.lifecycle = lived(
                now.and_then(|now| now.lifecycle.clone()),
                copy.lifecycle.take(),
            );
        }
    }
    plan
}

/// A lifecycle with the stated days.
fn lived(now: Option<SdkLifecycle>, new: Option<SdkLifecycle>) -> Option<SdkLifecycle> {
    let (Some(mut sent), Some(new)) = (now, new.clone()) else {
        return new;
    };
    sent.delete_after_days = new.delete_after_days;
    sent.move_to_cold_storage_after_days = new.move_to_cold_storage_after_days;
    Some(sent)
}

/// What is set on a plan and cannot be said in a spec.
fn unmanaged(plan: &BackupPlan) -> Vec<String> {
    let of_rule = |rule: &BackupRule| {
        let archive = rule
            .lifecycle()
            .and_then(SdkLifecycle::opt_in_to_archive_for_supported_resources);
        let own = settings([
            (
                "time zone",
                rule.schedule_expression_timezone()
                    .is_some_and(|zone| zone != "Etc/UTC"),
            ),
            (
                "continuous backup",
                rule.enable_continuous_backup() == Some(true),
            ),
            (
                "tags of recovery points",
                rule.recovery_point_tags()
                    .is_some_and(|tags| !tags.is_empty()),
            ),
            ("index", some(rule.index_actions())),
            ("malware scan", some(rule.scan_actions())),
            ("archive", archive == Some(true)),
            (
                "air-gapped vault",
                rule.target_logically_air_gapped_backup_vault_arn()
                    .is_some(),
            ),
        ]);
        part(&format!("rule {}", rule.rule_name()), &own)
    };
    let mut all: Vec<String> = plan.rules().iter().filter_map(of_rule).collect();
    all.extend(settings([
        ("advanced settings", some(plan.advanced_backup_settings())),
        ("scan settings", some(plan.scan_settings())),
    ]));
    all
}

/// A deleted plan can still be read for a while, with the date of its end.
async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Plan>>> {
    let call = cloud.backup.get_backup_plan().backup_plan_id(id.as_str());
    let answer = call.send().ask().await?;
    let (Some(plan), None) = (answer.backup_plan(), answer.deletion_date()) else {
        return Ok(None);
    };
    let arn = answer.backup_plan_arn().unwrap_or_default();
    let (tags, owner) = tags_of(cloud, arn).await?;
    let spec = Spec {
        backup_plan_name: plan.backup_plan_name().to_owned(),
        rules: plan.rules().iter().map(rule).collect(),
        tags,
    };
    let outputs = Outputs {
        backup_plan_id: id.to_string(),
        arn: arn.into(),
        unmanaged: unmanaged(plan),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

impl Kind for Plan {
    const NAME: &'static str = "backup.Plan";
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "backup:GetBackupPlan",
            "backup:ListBackupPlans",
            "backup:ListTags",
        ],
        create: &[
            "backup:CreateBackupPlan",
            "backup:TagResource",
            "iam:PassRole",
        ],
        update: &[
            "backup:UpdateBackupPlan",
            "backup:TagResource",
            "backup:UntagResource",
            "iam:PassRole",
        ],
        delete: &["backup:DeleteBackupPlan"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            backup_plan_name: "example".into(),
            rules: vec![Rule {
                rule_name: "daily".into(),
                target_backup_vault_name: "example-vault".into(),
                schedule_expression: "cron(0 3 * * ? *)".into(),
                start_window_minutes: 480,
                completion_window_minutes: 10080,
                lifecycle: Lifecycle {
                    delete_after_days: Some(35),
                    move_to_cold_storage_after_days: None,
                },
                copy_actions: Vec::new(),
            }],
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/backup_plan_name", json!("example-2")),
            ("/rules/0/schedule_expression", json!("cron(0 4 * * ? *)")),
            ("/rules/0/lifecycle/delete_after_days", json!(14)),
            ("/rules/0/start_window_minutes", json!(60)),
            ("/rules/0/completion_window_minutes", json!(600)),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        for (number, rule) in spec.rules.iter().enumerate() {
            let Lifecycle {
                delete_after_days,
                move_to_cold_storage_after_days,
            } = rule.lifecycle;
            if let (Some(end), Some(cold)) = (delete_after_days, move_to_cold_storage_after_days)
                && end - cold < 90
            {
                let path = format!("/rules/{number}/lifecycle");
                return Err(SpecError::new(
                    path,
                    "must keep backups in cold storage for at least 90 days",
                ));
            }
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let pages = cloud
            .backup
            .list_backup_plans()
            .into_paginator()
            .items()
            .send();
        let plans: Result<Vec<_>, _> = pages.collect().await;
        let plans = plans.asked()?;
        let pairs = plans
            .iter()
            .filter_map(|plan| Some((plan.backup_plan_id()?, plan.backup_plan_arn()?)));
        let owners =
            pairs.map(|(id, arn)| async move { Ok((Id::from(id), tags_of(cloud, arn).await?.1)) });
        Ok(by_address(
            wanted,
            of_stack(wanted, try_join_all(owners).await?),
        ))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "backup:CreateBackupPlan";
        let call = cloud
            .backup
            .create_backup_plan()
            .backup_plan(input(spec, operation)?)
            .creator_request_id(&claim.token)
            .set_backup_plan_tags(Some(
                claimed(&spec.tags, &claim.owner).into_iter().collect(),
            ));
        let answer = call.send().ask().await?;
        made(operation, answer.backup_plan_id())
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/rules") || changes.touch("/backup_plan_name") {
            let operation = "backup:UpdateBackupPlan";
            let plan = kept(cloud, live.id.as_str(), input(spec, operation)?).await?;
            let call = cloud
                .backup
                .update_backup_plan()
                .backup_plan_id(live.id.as_str())
                .backup_plan(plan);
            call.send().ask().await?;
        }
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .backup
            .delete_backup_plan()
            .backup_plan_id(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_keeps_what_a_spec_cannot_say() {
        let spec = Plan::example();
        let wanted = input(&spec, "").unwrap();
        let (stated, days) = (&wanted.rules[0], 20_000);
        let lifecycle = SdkLifecycle::builder()
            .delete_after_days(days)
            .opt_in_to_archive_for_supported_resources(true)
            .build();
        let rule = BackupRule::builder()
            .rule_name(&stated.rule_name)
            .target_backup_vault_name("other")
            .schedule_expression_timezone("Europe/Berlin")
            .enable_continuous_backup(true)
            .lifecycle(lifecycle);
        let now = BackupPlan::builder()
            .backup_plan_name("old")
            .rules(rule.build().unwrap())
            .build()
            .unwrap();
        assert_eq!(
            unmanaged(&now),
            [format!(
                "rule {}: time zone, continuous backup, archive",
                stated.rule_name
            )]
        );
        let sent = over(now, wanted.clone());
        let rule = &sent.rules[0];
        assert_eq!(
            rule.target_backup_vault_name,
            stated.target_backup_vault_name
        );
        assert_eq!(rule.schedule_expression_timezone(), Some("Europe/Berlin"));
        assert_eq!(rule.enable_continuous_backup(), Some(true));
        let (kept, new) = (rule.lifecycle().unwrap(), stated.lifecycle().unwrap());
        assert_eq!(kept.delete_after_days(), new.delete_after_days());
        assert_eq!(kept.opt_in_to_archive_for_supported_resources(), Some(true));
    }
}
