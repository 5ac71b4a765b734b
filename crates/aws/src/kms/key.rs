//! `kms.Key`

use aws_sdk_kms::types::{KeyMetadata, KeyState};
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudResult, Contents, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Resolved, SpecError, Stage, Then, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::tags::{KmsTags, tags_from};
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, claimed, owned, sync};
use crate::types::{Arn, KeyId, day};
use crate::{Cloud, Policy};

/// How long a deleted key can be called back, in days: the longest that KMS offers. Whatever it encrypts
/// is unreadable for good after that. A key waiting for its deletion costs nothing.
const PENDING_WINDOW_IN_DAYS: i32 = 30;

/// A symmetric encryption key in AWS KMS.
#[derive(Debug)]
pub struct Key;

/// A symmetric encryption key in AWS KMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// A description of the key. Up to 8192 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The key policy. A policy that would lock everyone out of the key is rejected. AWS default: access is
    /// controlled by IAM policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<S::In<Policy>>,
    /// Whether the key material is rotated every year. Default: `true`, unlike the default of AWS, which is
    /// `false`.
    #[serde(default = "on")]
    pub enable_key_rotation: bool,
    /// Whether the key is enabled. Default: `true`.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Tags to assign to the key.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the key that other resources can reference.
    Key {
        /// The ID of the key.
        KEY_ID: key_id: KeyId,
        /// The Amazon Resource Name (ARN) of the key.
        ARN: arn: Arn,
    }
}

async fn policy_of(cloud: &Cloud, id: &str) -> CloudResult<Option<Policy>> {
    let call = cloud.kms.get_key_policy().key_id(id).policy_name("default");
    let answer = call.send().ask().await?;
    Ok(answer.policy().and_then(Policy::parse))
}

/// A key whose material does not come from KMS is never rotated, and asking is refused.
async fn rotates(cloud: &Cloud, id: &str) -> CloudResult<bool> {
    let call = cloud.kms.get_key_rotation_status().key_id(id);
    match call.send().ask().await {
        Err(error) if error.code.as_deref() == Some("UnsupportedOperationException") => Ok(false),
        other => Ok(other?.key_rotation_enabled()),
    }
}

async fn metadata(cloud: &Cloud, id: &str) -> CloudResult<Option<KeyMetadata>> {
    let answer = cloud.kms.describe_key().key_id(id).send().ask().await;
    match answer {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?.key_metadata),
    }
}

/// Whether it waits for its deletion. Until then it can be had back, and with it all that it encrypts.
fn is_scheduled(key: &KeyMetadata) -> bool {
    matches!(
        key.key_state(),
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
    )
}

fn phase(key: &KeyMetadata) -> Phase {
    match key.key_state() {
        Some(KeyState::Creating | KeyState::Updating) => Phase::Settling("being created".into()),
        Some(KeyState::Unavailable) => Phase::Failed(
            "Unavailable: its key store is not connected. To connect it, run aws kms connect-custom-key-store"
                .into(),
        ),
        Some(KeyState::PendingImport) => Phase::Failed(
            "PendingImport: its key material is missing. To import it, run aws kms import-key-material".into(),
        ),
        _ if is_scheduled(key) => Phase::Scheduled(match key.deletion_date().and_then(day) {
            Some(day) => format!("it is scheduled for deletion on {day}"),
            None => "it is scheduled for deletion".into(),
        }),
        _ => Phase::Ready,
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Key>>> {
    let Some(key) = metadata(cloud, id.as_str()).await? else {
        return Ok(None);
    };
    let id_text = id.as_str();
    let rotation = async {
        // AWS says that it is off while a key waits for its deletion, and has it back afterwards.
        if is_scheduled(&key) {
            Ok(true)
        } else {
            rotates(cloud, id_text).await
        }
    };
    let rest = futures::try_join!(
        owned::<KmsTags>(cloud, id_text),
        policy_of(cloud, id_text),
        rotation
    );
    let ((tags, owner), policy, enable_key_rotation) = match rest {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let spec = Spec {
        description: Some(key.description().unwrap_or_default().to_owned()),
        policy,
        enable_key_rotation,
        enabled: key.enabled(),
        tags,
    };
    let outputs = Outputs {
        key_id: key.key_id().into(),
        arn: key.arn().unwrap_or_default().into(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase: phase(&key),
    }))
}

async fn enable(cloud: &Cloud, id: &str, on: bool) -> CloudResult<()> {
    if on {
        cloud
            .kms
            .enable_key()
            .key_id(id)
            .send()
            .ask()
            .await
            .map(drop)
    } else {
        cloud
            .kms
            .disable_key()
            .key_id(id)
            .send()
            .ask()
            .await
            .map(drop)
    }
}

async fn rotate(cloud: &Cloud, id: &str, on: bool) -> CloudResult<()> {
    if on {
        let call = cloud.kms.enable_key_rotation().key_id(id);
        call.send().ask().await.map(drop)
    } else {
        let call = cloud.kms.disable_key_rotation().key_id(id);
        call.send().ask().await.map(drop)
    }
}

impl Kind for Key {
    const NAME: &'static str = "kms.Key";
    const IDENTITY: Identity = Identity::Tags;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "kms:ListKeys",
            "kms:DescribeKey",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListResourceTags",
        ],
        create: &["kms:CreateKey", "kms:TagResource"],
        update: &[
            "kms:CancelKeyDeletion",
            "kms:PutKeyPolicy",
            "kms:UpdateKeyDescription",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        delete: &["kms:ScheduleKeyDeletion"],
    };
    const TIMING: Timing = Timing::seconds(3, 3, 1, 300);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &serde_json::Value, live: &serde_json::Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            description: Some("Logs of prod".into()),
            policy: None,
            enable_key_rotation: true,
            enabled: true,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![("description", json!(""))]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("/description", json!("Other logs")),
            ("/enable_key_rotation", json!(false)),
            ("/enabled", json!(false)),
            (
                "/policy",
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}]}),
            ),
            ("/tags/team", json!("data")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        match &spec.description {
            Some(text) if text.len() > 8192 => Err(SpecError::new(
                "/description",
                "must have at most 8192 characters",
            )),
            _ => Ok(()),
        }
    }

    /// Keys have no names, so every key's tags are read. Asked only for keys that state does not know.
    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let pages = cloud.kms.list_keys().into_paginator().items().send();
        let keys: Result<Vec<_>, _> = pages.collect().await;
        let keys = keys.asked()?;
        let stack = wanted.first().map(|wanted| wanted.owner.stack.as_str());
        let reads = keys
            .iter()
            .filter_map(|key| key.key_id())
            .map(|id| async move {
                let owner = match owned::<KmsTags>(cloud, id).await {
                    Ok((_, owner)) => owner.filter(|owner| Some(owner.stack.as_str()) == stack),
                    // Keys that AWS manages do not show their tags.
                    Err(error) if matches!(error.class, Class::Denied | Class::NotFound) => None,
                    Err(error) => return Err(error),
                };
                // One that waits for its deletion is not what a new creation is looking for.
                let ours = owner.is_some()
                    && metadata(cloud, id)
                        .await?
                        .is_some_and(|key| !is_scheduled(&key));
                Ok((Id::from(id), owner.filter(|_| ours)))
            });
        Ok(by_address(wanted, try_join_all(reads).await?))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let tags = tags_from(claimed(&spec.tags, &claim.owner), "kms:CreateKey")?;
        let call = cloud
            .kms
            .create_key()
            .set_description(spec.description.clone())
            .set_policy(spec.policy.as_ref().map(Policy::to_json))
            .set_tags(Some(tags));
        let answer = call.send().ask().await?;
        made(
            "kms:CreateKey",
            answer.key_metadata().map(|key| key.key_id()),
        )
    }

    /// A key whose deletion is taken back is disabled. A disabled key takes no change of its rotation: enable, rotate,
    /// disable, in this order.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let id = live.id.as_str();
        if changes.touch(Changes::RESTORE) {
            let call = cloud.kms.cancel_key_deletion().key_id(id).send().await;
            call.asked()?;
            // What else differs, the next look tells.
            return if spec.enabled {
                enable(cloud, id, true).await
            } else {
                Ok(())
            };
        }
        if spec.enabled && changes.touch("/enabled") {
            enable(cloud, id, true).await?;
        }
        if changes.touch("/enable_key_rotation") {
            rotate(cloud, id, spec.enable_key_rotation).await?;
        }
        if let Some(policy) = spec.policy.as_ref().filter(|_| changes.touch("/policy")) {
            let call = cloud
                .kms
                .put_key_policy()
                .key_id(id)
                .policy_name("default")
                .policy(policy.to_json());
            call.send().ask().await?;
        }
        if let Some(text) = spec
            .description
            .as_ref()
            .filter(|_| changes.touch("/description"))
        {
            let call = cloud
                .kms
                .update_key_description()
                .key_id(id)
                .description(text);
            call.send().ask().await?;
        }
        if !spec.enabled && changes.touch("/enabled") {
            enable(cloud, id, false).await?;
        }
        sync::<KmsTags>(cloud, id, changes, owner).await
    }

    async fn contents(_cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        let is_waiting = matches!(live.phase, Phase::Scheduled(_));
        Ok((!is_waiting).then(|| Contents {
            what: "a key: what it encrypts cannot be read without it".into(),
            then: Then::Recoverable(PENDING_WINDOW_IN_DAYS.unsigned_abs()),
            ..Contents::default()
        }))
    }

    fn recall(cloud: &Cloud, live: &Live<Self>) -> Option<String> {
        Some(format!(
            "aws kms cancel-key-deletion --key-id {} --region {}",
            live.id, cloud.region
        ))
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.kms.schedule_key_deletion().key_id(live.id.as_str());
        let call = call.pending_window_in_days(PENDING_WINDOW_IN_DAYS);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{cloud, owner};
    use aws_sdk_kms::operation::cancel_key_deletion::CancelKeyDeletionOutput;
    use aws_sdk_kms::operation::enable_key::EnableKeyOutput;
    use aws_sdk_kms::operation::schedule_key_deletion::ScheduleKeyDeletionOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;

    #[test]
    fn a_key_that_waits_for_its_deletion_is_there_and_says_until_when() {
        let date = DateTime::from_secs(1_798_070_400);
        let key = KeyMetadata::builder()
            .key_id("key-1")
            .key_state(KeyState::PendingDeletion);
        let scheduled = phase(&key.deletion_date(date).build().unwrap());
        assert_eq!(
            scheduled,
            Phase::Scheduled("it is scheduled for deletion on 2026-12-24".into())
        );
    }

    #[tokio::test]
    async fn a_key_is_had_back_and_enabled() {
        let cancel = mock!(aws_sdk_kms::Client::cancel_key_deletion)
            .then_output(|| CancelKeyDeletionOutput::builder().build());
        let enable = mock!(aws_sdk_kms::Client::enable_key)
            .then_output(|| EnableKeyOutput::builder().build());
        let kms = mock_client!(aws_sdk_kms, RuleMode::Sequential, &[&cancel, &enable]);
        let outputs = Outputs {
            key_id: "key-1".into(),
            arn: "arn:aws:kms:…".into(),
        };
        let phase = Phase::Scheduled("soon".into());
        let live = Live {
            id: "key-1".into(),
            spec: Key::example(),
            outputs,
            owner: None,
            phase,
        };
        let change = platctl_engine::Change {
            path: Changes::RESTORE.into(),
            before: None,
            after: None,
        };
        let changes = Changes::new(vec![change]).unwrap();
        Key::update(
            &Cloud {
                kms: kms.into(),
                ..cloud()
            },
            &live,
            &Key::example(),
            &changes,
            &owner(),
        )
        .await
        .unwrap();
        assert_eq!((cancel.num_calls(), enable.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_plan_says_for_how_long_a_key_can_be_had_back() {
        let live = |phase| Live::<Key> {
            id: "key-1".into(),
            spec: Key::example(),
            outputs: Outputs {
                key_id: "key-1".into(),
                arn: "arn:aws:kms:…".into(),
            },
            owner: None,
            phase,
        };
        let found = Key::contents(&cloud(), &live(Phase::Ready)).await.unwrap();
        assert_eq!(found.unwrap().then, Then::Recoverable(30));
        let waiting = live(Phase::Scheduled("it is scheduled for deletion".into()));
        assert_eq!(Key::contents(&cloud(), &waiting).await.unwrap(), None);
        assert_eq!(
            Key::recall(&cloud(), &waiting).unwrap(),
            "aws kms cancel-key-deletion --key-id key-1 --region eu-west-1"
        );
    }

    #[tokio::test]
    async fn a_key_is_deleted_as_late_as_aws_allows() {
        let delete = mock!(aws_sdk_kms::Client::schedule_key_deletion)
            .match_requests(|request| request.pending_window_in_days() == Some(30))
            .then_output(|| ScheduleKeyDeletionOutput::builder().build());
        let cloud = Cloud {
            kms: mock_client!(aws_sdk_kms, RuleMode::Sequential, &[&delete]).into(),
            ..cloud()
        };
        let outputs = Outputs {
            key_id: "key-1".into(),
            arn: "arn:aws:kms:…".into(),
        };
        let live = Live {
            id: "key-1".into(),
            spec: Key::example(),
            outputs,
            owner: None,
            phase: Phase::Ready,
        };
        Key::delete(&cloud, &live).await.unwrap();
        assert_eq!(delete.num_calls(), 1);
    }
}
