//! `backup.Selection`

use std::collections::BTreeSet;

use aws_sdk_backup::types::BackupSelection;
use platctl_engine::fields::Fact::{Holds, Home, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Resolved, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, invalid, made};
use crate::types::Arn;

/// A resource selection of an AWS Backup plan: the resources that the plan backs up.
#[derive(Debug)]
pub struct Selection;

/// A resource selection of an AWS Backup plan: the resources that the plan backs up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ID of the backup plan.
    pub backup_plan_id: S::In<String>,
    /// The name of the selection. Must be unique within the plan.
    pub selection_name: String,
    /// The ARN of the IAM role that AWS Backup uses to create backups.
    pub iam_role_arn: S::In<Arn>,
    /// The ARNs of the resources to back up. `*` is allowed as a wildcard.
    pub resources: S::In<BTreeSet<Arn>>,
}

platctl_engine::outputs! {
    /// Attributes of the backup selection that other resources can reference.
    Selection {
        /// The ID of the selection within its backup plan.
        SELECTION_ID: selection_id: String,
    }
}

fn id_of(plan: &str, selection: &str) -> Id {
    Id::from(format!("{plan}|{selection}"))
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Selection>>> {
    let (plan, selection) = id.as_str().split_once('|').unwrap_or((id.as_str(), ""));
    let call = cloud
        .backup
        .get_backup_selection()
        .backup_plan_id(plan)
        .selection_id(selection);
    let answer = call.send().ask().await?;
    let Some(found) = answer.backup_selection() else {
        return Ok(None);
    };
    let spec = Spec {
        backup_plan_id: plan.to_owned(),
        selection_name: found.selection_name().to_owned(),
        iam_role_arn: found.iam_role_arn().into(),
        resources: found
            .resources()
            .iter()
            .map(|arn| Arn::from(arn.as_str()))
            .collect(),
    };
    let outputs = Outputs {
        selection_id: selection.to_owned(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }))
}

async fn named(cloud: &Cloud, wanted: &Wanted<Selection>) -> CloudResult<Vec<Candidate>> {
    let Some(spec) = &wanted.spec else {
        return Ok(Vec::new());
    };
    let pages = cloud
        .backup
        .list_backup_selections()
        .backup_plan_id(&spec.backup_plan_id)
        .into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    let found = match found.asked() {
        Err(error) if error.class == Class::NotFound => Vec::new(),
        other => other?,
    };
    let ours = found
        .iter()
        .filter(|one| one.selection_name() == Some(spec.selection_name.as_str()));
    let ids = ours.filter_map(|one| one.selection_id());
    Ok(ids
        .map(|id| Candidate {
            id: id_of(&spec.backup_plan_id, id),
            owner: None,
        })
        .collect())
}

impl Kind for Selection {
    const NAME: &'static str = "backup.Selection";
    const FIELDS: &'static Table = &[
        ("/backup_plan_id", &[Immutable, Holds, Home]),
        ("/selection_name", &[Immutable]),
        ("/iam_role_arn", &[Immutable]),
        ("/resources", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &["backup:GetBackupSelection", "backup:ListBackupSelections"],
        // The first selection of an account creates the service-linked role of AWS Backup.
        create: &[
            "backup:CreateBackupSelection",
            "iam:CreateServiceLinkedRole",
            "iam:GetRole",
            "iam:PassRole",
        ],
        update: &["backup:CreateBackupSelection"],
        delete: &["backup:DeleteBackupSelection"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            backup_plan_id: "example-plan-id".into(),
            selection_name: "example".into(),
            iam_role_arn: "arn:aws:iam::123456789012:role/services-example".into(),
            resources: BTreeSet::from(["arn:aws:rds:eu-west-1:123456789012:cluster:prod".into()]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            (
                "/resources",
                json!(["arn:aws:rds:eu-west-1:123456789012:cluster:other"]),
            ),
            ("/selection_name", json!("example-2")),
        ]
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        try_join_all(wanted.iter().map(|wanted| named(cloud, wanted))).await
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "backup:CreateBackupSelection";
        let selection = BackupSelection::builder()
            .selection_name(&spec.selection_name)
            .iam_role_arn(spec.iam_role_arn.as_str())
            .set_resources(Some(
                spec.resources.iter().map(ToString::to_string).collect(),
            ))
            .build()
            .map_err(|e| invalid(operation, &e))?;
        let call = cloud
            .backup
            .create_backup_selection()
            .backup_plan_id(&spec.backup_plan_id);
        let call = call
            .backup_selection(selection)
            .creator_request_id(&claim.token);
        let answer = call.send().ask().await?;
        made(
            operation,
            answer
                .selection_id()
                .map(|id| id_of(&spec.backup_plan_id, id)),
        )
    }

    async fn update(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .backup
            .delete_backup_selection()
            .backup_plan_id(&live.spec.backup_plan_id);
        let call = call.selection_id(&live.outputs.selection_id);
        call.send().ask().await.map(drop)
    }
}
