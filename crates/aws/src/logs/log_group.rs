//! `logs.LogGroup`

use std::collections::HashSet;

use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use super::tags::LogsTags;
use crate::Cloud;
use crate::bounded::each;
use crate::ec2::in_order;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, claimed, owned, sync};
use crate::types::{Arn, LogGroupName, unless_same};

/// For how many days CloudWatch Logs can keep records.
const RETENTION_DAYS: &[i32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// The shortest period that CloudWatch Logs supports and that is not shorter than this one.
#[must_use]
pub fn retention_of(days: u16) -> i32 {
    let days = i32::from(days);
    let longest = RETENTION_DAYS.iter().copied().max().unwrap_or(days);
    let long_enough = RETENTION_DAYS.iter().copied().find(|known| *known >= days);
    long_enough.unwrap_or(longest)
}

/// A CloudWatch Logs log group.
#[derive(Debug)]
pub struct LogGroup;

/// A CloudWatch Logs log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the log group. Must be unique within the account and region. 1 to 512 letters, digits,
    /// `-`, `_`, `/`, `.` and `#`; must not begin with `aws/`.
    pub log_group_name: String,
    /// The number of days for which log events are kept: one of the periods that CloudWatch Logs supports. If
    /// omitted, they never expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_in_days: Option<i32>,
    /// The ARN of the KMS key that encrypts the log events. Its key policy must allow CloudWatch Logs to use
    /// it. Default: encryption with a key that AWS manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<S::In<Arn>>,
    /// The log group class: `STANDARD` or `INFREQUENT_ACCESS`. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_class: Option<String>,
    /// Tags to assign to the log group.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

platctl_engine::outputs! {
    /// Attributes of the log group that other resources can reference.
    LogGroup {
        /// The ARN of the log group, without the trailing `:*` that stands for its log streams.
        ARN: arn: Arn,
        /// The name of the log group.
        LOG_GROUP_NAME: log_group_name: LogGroupName,
    }
}

/// The longest beginning that all names share: one listing reads all of them.
fn common_prefix<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let Some(mut prefix) = names.next() else {
        return String::new();
    };
    for name in names {
        let same = prefix
            .char_indices()
            .zip(name.chars())
            .take_while(|((_, a), b)| a == b);
        let length = same
            .map(|((at, c), _)| at + c.len_utf8())
            .last()
            .unwrap_or_default();
        prefix = &prefix[..length];
    }
    prefix.to_owned()
}

async fn read(cloud: &Cloud, names: &[&str]) -> CloudResult<Vec<Live<LogGroup>>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let prefix = Some(common_prefix(names.iter().copied())).filter(|prefix| !prefix.is_empty());
    let pages = cloud
        .logs
        .describe_log_groups()
        .set_log_group_name_prefix(prefix)
        .into_paginator()
        .items()
        .send();
    let groups: Result<Vec<_>, _> = pages.collect().await;
    let groups = groups.asked()?;
    let names: HashSet<&str> = names.iter().copied().collect();
    let wanted = groups.into_iter().filter(|group| {
        group
            .log_group_name()
            .is_some_and(|name| names.contains(name))
    });
    let lives = each(cloud, "reading the tags of log groups", wanted, |group| {
        live(cloud, group)
    })
    .await?;
    Ok(lives.into_iter().flatten().collect())
}

async fn live(
    cloud: &Cloud,
    group: aws_sdk_cloudwatchlogs::types::LogGroup,
) -> CloudResult<Option<Live<LogGroup>>> {
    let (Some(name), Some(arn)) = (group.log_group_name(), group.arn()) else {
        return Ok(None);
    };
    let arn = arn.trim_end_matches(":*");
    let (tags, owner) = match owned::<LogsTags>(cloud, arn).await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let spec = Spec {
        log_group_name: name.to_owned(),
        retention_in_days: group.retention_in_days(),
        kms_key_id: group.kms_key_id().map(Arn::from),
        log_group_class: Some(
            group
                .log_group_class()
                .map_or("STANDARD", LogGroupClass::as_str)
                .to_owned(),
        ),
        tags,
    };
    let outputs = Outputs {
        arn: arn.into(),
        log_group_name: name.into(),
    };
    Ok(Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    }))
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<LogGroup>>>> {
    let names: Vec<&str> = ids.iter().map(Id::as_str).collect();
    Ok(in_order(ids, read(cloud, &names).await?))
}

impl Kind for LogGroup {
    const NAME: &'static str = "logs.LogGroup";
    const FIELDS: &'static Table = &[
        ("/log_group_name", &[Immutable, Name]),
        ("/log_group_class", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
        create: &["logs:CreateLogGroup", "logs:TagResource"],
        update: &[
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        delete: &["logs:DeleteLogGroup"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &serde_json::Value, live: &serde_json::Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        // Events are kept for good, and are encrypted with a key of CloudWatch Logs.
        vec![
            ("retention_in_days", serde_json::Value::Null),
            ("kms_key_id", serde_json::Value::Null),
        ]
    }

    fn example() -> Spec {
        Spec {
            log_group_name: "/platctl/prod/flow-logs".into(),
            retention_in_days: Some(30),
            kms_key_id: None,
            log_group_class: Some("STANDARD".into()),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/retention_in_days", json!(60)),
            ("/tags/team", json!("data")),
            ("/log_group_name", json!("/platctl/prod/others")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_/.#".contains(c);
        let name = &spec.log_group_name;
        if name.is_empty()
            || name.len() > 512
            || name.starts_with("aws/")
            || !name.chars().all(sound)
        {
            let message = "must have 1 to 512 letters, digits and any of -_/.#, and must not begin with `aws/`";
            return Err(SpecError::new("/log_group_name", message));
        }
        match spec.retention_in_days {
            Some(days) if !RETENTION_DAYS.contains(&days) => {
                let known: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
                let message = format!(
                    "{days} is not a retention period that CloudWatch Logs supports: {}",
                    known.join(", ")
                );
                Err(SpecError::new("/retention_in_days", message))
            }
            _ => Ok(()),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.log_group_name, &desired.log_group_name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.log_group_name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .logs
            .create_log_group()
            .log_group_name(&spec.log_group_name)
            .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
            .set_log_group_class(spec.log_group_class.as_deref().map(LogGroupClass::from))
            .set_tags(Some(
                claimed(&spec.tags, &claim.owner).into_iter().collect(),
            ));
        call.send().ask().await?;
        Ok(Id::from(spec.log_group_name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let name = live.id.as_str();
        if changes.touch("/retention_in_days") {
            put_retention(cloud, name, spec.retention_in_days).await?;
        }
        if changes.touch("/kms_key_id") {
            put_key(cloud, name, spec.kms_key_id.as_ref().map(Arn::as_str)).await?;
        }
        sync::<LogsTags>(cloud, live.outputs.arn.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .logs
            .delete_log_group()
            .log_group_name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

async fn put_retention(cloud: &Cloud, name: &str, days: Option<i32>) -> CloudResult<()> {
    let Some(days) = days else {
        let call = cloud.logs.delete_retention_policy().log_group_name(name);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .logs
        .put_retention_policy()
        .log_group_name(name)
        .retention_in_days(days);
    call.send().ask().await.map(drop)
}

async fn put_key(cloud: &Cloud, name: &str, key: Option<&str>) -> CloudResult<()> {
    let Some(key) = key else {
        let call = cloud.logs.disassociate_kms_key().log_group_name(name);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .logs
        .associate_kms_key()
        .log_group_name(name)
        .kms_key_id(key);
    call.send().ask().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listing_reads_all_groups_of_a_stack() {
        assert_eq!(
            common_prefix(["/platctl/prod/a", "/platctl/prod/b"]),
            "/platctl/prod/"
        );
        assert_eq!(common_prefix(["/a"]), "/a");
        assert_eq!(common_prefix(["/a", "b"]), "");
        assert_eq!(common_prefix([]), "");
    }

    #[test]
    fn a_period_that_is_not_supported_becomes_a_longer_one() {
        assert_eq!([1, 365, 366, 31].map(retention_of), [1, 365, 400, 60]);
        assert_eq!(retention_of(u16::MAX), 3653);
    }

    #[test]
    fn retention_is_one_of_the_known_periods() {
        let with = |days| Spec {
            retention_in_days: Some(days),
            ..LogGroup::example()
        };
        assert!(LogGroup::check(&with(30)).is_ok());
        assert!(
            LogGroup::check(&with(31))
                .unwrap_err()
                .message
                .contains("not a retention period")
        );
    }
}
