//! `secretsmanager.Secret`: its value is made by AWS, or written by somebody else; platctl never keeps it.

use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use platctl_engine::fields::Fact::{CreateOnly, Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, CloudError, CloudResult, Contents, Declared, Id, Identity, Kind,
    Live, Owner, Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Then, Timing,
    Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{SecretTags, new_tags};
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, made};
use crate::tags::{Tags, by_address, claimed, edits, split, write};
use crate::text::any;
use crate::types::{Arn, day, unless_same};
use crate::{Cloud, Policy};

/// A secret in AWS Secrets Manager.
#[derive(Debug)]
pub struct Secret;

/// How the first value of a secret is generated. AWS generates the value and platctl writes it to the
/// secret. It is not stored anywhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// The length of the value, in characters, 8 to 4096.
    pub length: i64,
    /// The characters to exclude from the value.
    #[serde(default)]
    pub exclude_characters: String,
    /// Whether to exclude punctuation, so that the value has only letters and digits.
    #[serde(default)]
    pub exclude_punctuation: bool,
}

/// A secret in AWS Secrets Manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the secret. Must be unique within the account and region, including secrets that are
    /// scheduled for deletion.
    pub name: String,
    /// A description of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The ARN of the KMS key that encrypts the value. Default: the AWS managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<S::In<Arn>>,
    /// How the first value is generated. If omitted, the secret has no value until one is written to it. A
    /// later change does not generate a new value, because the users of the secret would have to be updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// The resource policy of the secret, in addition to the policies of identities. If omitted, the resource policy is
    /// not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<S::In<Policy>>,
    /// The number of days for which the secret can be restored after its deletion: 7 to 30, or 0 to delete it
    /// without a recovery window. Stored in a tag. Default: 30.
    #[serde(default = "thirty")]
    pub recovery_window_in_days: i64,
    /// Tags to assign to the secret.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn thirty() -> i64 {
    30
}

platctl_engine::outputs! {
    /// Attributes of the secret that other resources can reference.
    Secret {
        /// The Amazon Resource Name (ARN) of the secret.
        ARN: arn: Arn,
        /// The name of the secret.
        NAME: name: String,
    }
}

/// The tag that says for how long a deleted secret can be called back.
const WINDOW: &str = "platctl:recovery-window";

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (String, String)> + '_ {
    tags.iter().filter_map(|tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    })
}

async fn resource_policy(cloud: &Cloud, id: &Id) -> CloudResult<Option<Policy>> {
    let call = cloud.secretsmanager.get_resource_policy();
    let answer = call.secret_id(id.as_str()).send().ask().await?;
    Ok(answer.resource_policy().and_then(Policy::parse))
}

/// When a secret is gone for good. What AWS calls the date of its deletion is when the deletion was asked for; the
/// recovery window begins then.
fn end(asked: &DateTime, window_in_days: i64) -> DateTime {
    DateTime::from_secs(
        asked
            .secs()
            .saturating_add(window_in_days.saturating_mul(86_400)),
    )
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Secret>>> {
    let call = cloud
        .secretsmanager
        .describe_secret()
        .secret_id(id.as_str());
    let secret = call.send().ask().await?;
    let window = pairs(secret.tags())
        .find(|(key, _)| key == WINDOW)
        .and_then(|(_, days)| days.parse().ok());
    let phase = match secret.deleted_date() {
        Some(date) => Phase::Scheduled(match day(&end(date, window.unwrap_or(thirty()))) {
            Some(day) => format!("it is scheduled for deletion on {day}"),
            None => "it is scheduled for deletion".into(),
        }),
        None => Phase::Ready,
    };
    // Of one that is scheduled for deletion, nothing but its description can be read.
    let policy = match secret.deleted_date() {
        Some(_) => None,
        None => resource_policy(cloud, id).await?,
    };
    let (tags, owner) = split(pairs(secret.tags()));
    let name = secret.name().unwrap_or_default().to_owned();
    let spec = Spec {
        name: name.clone(),
        description: Some(secret.description().unwrap_or_default().to_owned()),
        kms_key_id: secret.kms_key_id().map(Arn::from),
        generate: None,
        resource_policy: policy,
        recovery_window_in_days: window.unwrap_or(thirty()),
        tags,
    };
    let outputs = Outputs {
        arn: secret.arn().unwrap_or_default().into(),
        name,
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner,
        phase,
    }))
}

/// A value that is never seen: made by AWS, handed straight back.
async fn value(cloud: &Cloud, generate: &Generate) -> CloudResult<Option<String>> {
    let call = cloud
        .secretsmanager
        .get_random_password()
        .password_length(generate.length)
        .exclude_punctuation(generate.exclude_punctuation)
        .set_exclude_characters(
            Some(generate.exclude_characters.clone()).filter(|text| !text.is_empty()),
        );
    let answer = call.send().ask().await?;
    Ok(answer.random_password)
}

async fn listed(cloud: &Cloud, name: &str) -> CloudResult<Vec<SecretListEntry>> {
    let filter = Filter::builder()
        .key(FilterNameStringType::Name)
        .values(name)
        .build();
    let call = cloud
        .secretsmanager
        .list_secrets()
        .filters(filter)
        .include_planned_deletion(true);
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.asked()?;
    let mut found: Vec<_> = pages
        .into_iter()
        .flat_map(|page| page.secret_list.unwrap_or_default())
        .collect();
    // The filter is for beginnings.
    found.retain(|secret| secret.name() == Some(name));
    Ok(found)
}

/// Calls a secret of ours back that waits for its deletion; its name is taken until then.
async fn restore(
    cloud: &Cloud,
    spec: &Spec,
    claim: &Claim,
    refused: CloudError,
) -> CloudResult<Id> {
    let found = listed(cloud, &spec.name).await?;
    let waiting = found.iter().find(|secret| secret.deleted_date().is_some());
    let ours = waiting.filter(|secret| {
        split(pairs(secret.tags())).1.is_some_and(|owner| {
            owner.stack == claim.owner.stack && owner.address == claim.owner.address
        })
    });
    let Some(arn) = ours.and_then(|secret| secret.arn()) else {
        return Err(refused);
    };
    let call = cloud.secretsmanager.restore_secret().secret_id(arn);
    call.send().ask().await?;
    Ok(Id::from(arn))
}

impl Kind for Secret {
    const NAME: &'static str = "secretsmanager.Secret";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name]), ("/generate", &[CreateOnly])];
    /// Those of ownership, and the recovery window.
    const OWN_TAGS: usize = 6;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const HOLDS_DATA: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:ListSecrets",
        ],
        create: &[
            "secretsmanager:CreateSecret",
            "secretsmanager:RestoreSecret",
            "secretsmanager:GetRandomPassword",
            "secretsmanager:TagResource",
            "kms:Decrypt",
            "kms:GenerateDataKey",
        ],
        update: &[
            "secretsmanager:UpdateSecret",
            "secretsmanager:PutResourcePolicy",
            "secretsmanager:DeleteResourcePolicy",
            "secretsmanager:RestoreSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
        ],
        delete: &["secretsmanager:DeleteSecret"],
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
            name: "example".into(),
            description: Some("The password of something".into()),
            kms_key_id: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            generate: Some(Generate {
                length: 32,
                exclude_characters: "\"@/".into(),
                exclude_punctuation: false,
            }),
            resource_policy: None,
            recovery_window_in_days: 7,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("description", json!("")), ("resource_policy", Value::Null)]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/reader"}},
        }]});
        vec![
            ("/resource_policy", policy),
            ("/description", json!("The password of something else")),
            ("/recovery_window_in_days", json!(0)),
            ("/tags/team", json!("data")),
            ("/name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        any(2048).check("/description", spec.description.as_deref())?;
        if !matches!(spec.recovery_window_in_days, 0 | 7..=30) {
            return Err(SpecError::new(
                "/recovery_window_in_days",
                "must be 0, or between 7 and 30 days",
            ));
        }
        if spec
            .generate
            .as_ref()
            .is_some_and(|generate| !(8..=4096).contains(&generate.length))
        {
            return Err(SpecError::new(
                "/generate/length",
                "must be between 8 and 4096 characters",
            ));
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let names = wanted
            .iter()
            .filter_map(|wanted| wanted.spec.as_ref())
            .map(|spec| spec.name.as_str());
        let found = try_join_all(names.map(|name| listed(cloud, name)))
            .await?
            .concat();
        // One that waits for its deletion keeps its name: it is restored, and the plan shows that.
        Ok(by_address(
            wanted,
            found
                .iter()
                .filter_map(|one| Some((one.arn()?.into(), split(pairs(one.tags())).1))),
        ))
    }

    /// The name of a secret that waits for its deletion cannot be used. One of this stack is restored.
    async fn vet_new(cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        let found = listed(cloud, &spec.name).await?;
        let strangers = found.iter().filter(|secret| {
            secret.deleted_date().is_some() && split(pairs(secret.tags())).1.is_none()
        });
        let refuse = |secret: &SecretListEntry| {
            let (arn, region) = (secret.arn().unwrap_or_default(), &cloud.region);
            SpecError::new(
                "/name",
                format!(
                    "is the name of {arn}, which is scheduled for deletion and belongs to no stack; until it is deleted, \
                     the name cannot be used. Use another name. To use the secret, run `aws secretsmanager \
                     restore-secret --secret-id {arn} --region {region}`, then `platctl import`. To delete it now, with \
                     its value, run `aws secretsmanager delete-secret --secret-id {arn} --region {region} \
                     --force-delete-without-recovery`"
                ),
            )
        };
        Ok(strangers.map(refuse).collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let value = match &spec.generate {
            Some(generate) => value(cloud, generate).await?,
            None => None,
        };
        let mut tags = claimed(&spec.tags, &claim.owner);
        tags.insert(WINDOW.to_owned(), spec.recovery_window_in_days.to_string());
        let call = cloud
            .secretsmanager
            .create_secret()
            .name(&spec.name)
            .client_request_token(&claim.token)
            .set_description(spec.description.clone())
            .set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string))
            .set_secret_string(value)
            .set_tags(Some(new_tags(tags)));
        match call.send().ask().await {
            Err(error) if error.code.as_deref() == Some("InvalidRequestException") => {
                restore(cloud, spec, claim, error).await
            }
            other => made("secretsmanager:CreateSecret", other?.arn()),
        }
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let id = live.id.as_str();
        if changes.touch(Changes::RESTORE) {
            // A secret that waits for its deletion takes no other change.
            let call = cloud
                .secretsmanager
                .restore_secret()
                .secret_id(id)
                .send()
                .await;
            return call.map(drop).asked();
        }
        if changes.touch("/description") || changes.touch("/kms_key_id") {
            let call = cloud
                .secretsmanager
                .update_secret()
                .secret_id(id)
                .set_description(spec.description.clone());
            let call = call.set_kms_key_id(spec.kms_key_id.as_ref().map(ToString::to_string));
            call.send().ask().await?;
        }
        if changes.touch("/resource_policy") {
            put_policy(cloud, id, spec.resource_policy.as_ref()).await?;
        }
        let mut edits = edits(changes, owner);
        if changes.touch("/recovery_window_in_days") {
            edits
                .set
                .insert(WINDOW.to_owned(), spec.recovery_window_in_days.to_string());
        }
        write::<SecretTags>(cloud, id, edits).await
    }

    async fn contents(_cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        if matches!(live.phase, Phase::Scheduled(_)) {
            return Ok(None);
        }
        let then = match u32::try_from(live.spec.recovery_window_in_days) {
            Ok(days) if days > 0 => Then::Recoverable(days),
            _ => Then::Deleted,
        };
        Ok(Some(Contents {
            what: "a secret".into(),
            then,
            ..Contents::default()
        }))
    }

    fn recall(cloud: &Cloud, live: &Live<Self>) -> Option<String> {
        Some(format!(
            "aws secretsmanager restore-secret --secret-id {} --region {}",
            live.id, cloud.region
        ))
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .secretsmanager
            .delete_secret()
            .secret_id(live.id.as_str());
        let call = match live.spec.recovery_window_in_days {
            0 => call.force_delete_without_recovery(true),
            days => call.recovery_window_in_days(days),
        };
        call.send().ask().await.map(drop)
    }
}

async fn put_policy(cloud: &Cloud, id: &str, policy: Option<&Policy>) -> CloudResult<()> {
    let Some(policy) = policy else {
        let call = cloud.secretsmanager.delete_resource_policy().secret_id(id);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .secretsmanager
        .put_resource_policy()
        .secret_id(id)
        .resource_policy(policy.to_json());
    call.send().ask().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{cloud, owner};
    use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
    use aws_sdk_secretsmanager::operation::list_secrets::ListSecretsOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn waiting(tags: &[(&str, &str)]) -> SecretListEntry {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        SecretListEntry::builder()
            .name("s")
            .arn("arn:s")
            .deleted_date(DateTime::from_secs(1_795_824_000))
            .set_tags(Some(tags.collect()))
            .build()
    }

    fn listing(secret: SecretListEntry) -> Cloud {
        let list = mock!(aws_sdk_secretsmanager::Client::list_secrets).then_output(move || {
            ListSecretsOutput::builder()
                .secret_list(secret.clone())
                .build()
        });
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, &[&list]);
        Cloud {
            secretsmanager: client.into(),
            ..cloud()
        }
    }

    #[tokio::test]
    async fn a_name_that_is_still_taken_is_seen_while_planning() {
        let spec = Spec::<Declared> {
            name: "s".into(),
            description: None,
            kms_key_id: None,
            generate: None,
            resource_policy: None,
            recovery_window_in_days: 30,
            tags: Tags::new(),
        };
        let faults = Secret::vet_new(&listing(waiting(&[])), &spec)
            .await
            .unwrap();
        assert!(
            faults[0].message.contains("is the name of arn:s"),
            "{faults:?}"
        );
        let ours = [
            ("platctl:stack", "prod"),
            ("platctl:address", "network.thing"),
        ];
        let cloud = listing(waiting(&ours));
        assert_eq!(Secret::vet_new(&cloud, &spec).await.unwrap(), []);
        let wanted = Wanted {
            owner: owner(),
            spec: Some(Spec {
                name: "s".into(),
                ..Secret::example()
            }),
        };
        let found = Secret::find(&cloud, &[wanted]).await.unwrap();
        assert_eq!(
            found[0].len(),
            1,
            "it is restored by the plan that finds it"
        );
    }

    #[tokio::test]
    async fn a_secret_that_waits_says_when_it_is_gone_and_how_to_have_it_back() {
        let describe = mock!(aws_sdk_secretsmanager::Client::describe_secret).then_output(|| {
            DescribeSecretOutput::builder()
                .arn("arn:s")
                .name("s")
                // 2026-11-28, when the deletion was asked for.
                .deleted_date(DateTime::from_secs(1_795_824_000))
                .tags(Tag::builder().key(WINDOW).value("7").build())
                .build()
        });
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, &[&describe]);
        let cloud = Cloud {
            secretsmanager: client.into(),
            ..cloud()
        };
        let live = read(&cloud, &"arn:s".into()).await.unwrap().unwrap();
        assert_eq!(
            live.phase,
            Phase::Scheduled("it is scheduled for deletion on 2026-12-05".into())
        );
        assert_eq!(Secret::contents(&cloud, &live).await.unwrap(), None);
        assert_eq!(
            Secret::recall(&cloud, &live).unwrap(),
            "aws secretsmanager restore-secret --secret-id arn:s --region eu-west-1"
        );
    }
}
