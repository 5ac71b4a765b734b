//! `iam.ServiceSpecificCredential`: a user's name and password for one service, such as Git over HTTPS.

use aws_sdk_iam::types::{ServiceSpecificCredentialMetadata, StatusType};
use platctl_engine::fields::Fact::{Holds, Home, Immutable};
use platctl_engine::fields::{Fields, Table};
use platctl_engine::{
    Change, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Resolved, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::{Ask, Asked, if_there};
use crate::types::{Arn, day};

/// The service-specific credential of an IAM user. IAM returns the password only once, and platctl writes it
/// directly to a secret: it is neither shown nor stored elsewhere.
#[derive(Debug)]
pub struct ServiceSpecificCredential;

/// The service-specific credential of an IAM user. IAM returns the password only once, and platctl writes it
/// directly to a secret: it is neither shown nor stored elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the user. If the secret does not contain the credential, all credentials of the user for the
    /// service are deleted.
    pub user_name: S::In<String>,
    /// The name of the service: `codecommit.amazonaws.com`.
    pub service_name: String,
    /// The ARN of the secret that receives the credential, as a JSON object with `ServiceUserName` and
    /// `ServicePassword`. It is read as empty if the secret does not contain this credential, which is then
    /// created anew.
    pub secret_id: S::In<Arn>,
}

platctl_engine::outputs! {
    /// Attributes of the credential that other resources can reference.
    ServiceSpecificCredential {
        /// The ID of the credential. A new credential has a new ID and a new password.
        CREDENTIAL_ID: credential_id: String,
        /// The ARN of the secret that contains the credential.
        SECRET_ID: secret_id: Arn,
        /// The day on which the credential was created, in UTC: `2026-12-24`.
        CREATED_ON: created_on: String,
    }
}

/// Ours, with all that finds it.
fn id_of(spec: &Spec) -> Id {
    Id::from(format!(
        "{}|{}|{}",
        spec.user_name, spec.service_name, spec.secret_id
    ))
}

pub(super) fn place(id: &Id) -> (&str, &str, &str) {
    let mut parts = id.as_str().splitn(3, '|');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// The secret's version that holds a credential: what says, without a look at it, that it does.
fn version(credential: &str) -> String {
    format!("platctl-credential-{credential:-<13}")
}

async fn list(
    cloud: &Cloud,
    user: &str,
    service: &str,
) -> CloudResult<Vec<ServiceSpecificCredentialMetadata>> {
    let call = cloud
        .iam
        .list_service_specific_credentials()
        .user_name(user)
        .service_name(service);
    let answer = call.send().ask().await;
    Ok(if_there(answer)?
        .and_then(|answer| answer.service_specific_credentials)
        .unwrap_or_default())
}

/// Whoever uses a credential that is not active is refused. Somebody made it so; it is shown, and left as it is. So is
/// another credential of the user: one that a rotation which was cut off has left.
fn phase(found: &ServiceSpecificCredentialMetadata, others: usize) -> Phase {
    match &found.status {
        StatusType::Active if others > 0 => Phase::Degraded(
            "the user has another credential for the service: to delete it, run `platctl rotate FILE`"
                .into(),
        ),
        StatusType::Active => Phase::Ready,
        status => Phase::Degraded(format!("{status}: AWS refuses it")),
    }
}

/// The credentials of a user for a service.
#[derive(Debug)]
pub(super) struct Standing {
    /// The one that the secret contains.
    pub(super) kept: Option<ServiceSpecificCredentialMetadata>,
    pub(super) others: Vec<ServiceSpecificCredentialMetadata>,
}

/// What is there, and which of them the current version of the secret holds.
pub(super) async fn standing(cloud: &Cloud, id: &Id) -> CloudResult<Standing> {
    let (user, service, secret) = place(id);
    let mut others = list(cloud, user, service).await?;
    if others.is_empty() {
        return Ok(Standing { kept: None, others });
    }
    let call = cloud
        .secretsmanager
        .describe_secret()
        .secret_id(secret)
        .send()
        .await;
    let answer = if_there(call.asked())?;
    let versions = answer
        .and_then(|answer| answer.version_ids_to_stages)
        .unwrap_or_default();
    let holds = |found: &ServiceSpecificCredentialMetadata| {
        let stages = versions.get(&version(found.service_specific_credential_id()));
        stages.is_some_and(|stages| stages.iter().any(|stage| stage == "AWSCURRENT"))
    };
    let at = others.iter().position(holds);
    let kept = at.map(|at| others.remove(at));
    Ok(Standing { kept, others })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ServiceSpecificCredential>>> {
    let (user, service, secret) = place(id);
    let Standing { kept, others } = standing(cloud, id).await?;
    let held = kept.is_some();
    let Some(found) = kept.as_ref().or_else(|| others.first()) else {
        return Ok(None);
    };
    // One that is in no secret is of no use to anybody: all of them are replaced.
    let others = if held { others.len() } else { 0 };
    let spec = Spec {
        user_name: user.to_owned(),
        service_name: service.to_owned(),
        secret_id: Arn::from(if held { secret } else { "" }),
    };
    let outputs = Outputs {
        credential_id: found.service_specific_credential_id.clone(),
        secret_id: Arn::from(secret),
        created_on: day(found.create_date()).unwrap_or_default(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: phase(found, others),
    }))
}

pub(super) async fn delete(cloud: &Cloud, user: &str, credential: &str) -> CloudResult<()> {
    let call = cloud
        .iam
        .delete_service_specific_credential()
        .user_name(user);
    let call = call.service_specific_credential_id(credential);
    if_there(call.send().ask().await).map(drop)
}

async fn delete_all(cloud: &Cloud, user: &str, service: &str) -> CloudResult<()> {
    for credential in list(cloud, user, service).await? {
        delete(cloud, user, credential.service_specific_credential_id()).await?;
    }
    Ok(())
}

/// One more credential, in the secret. A user can have two for a service. Answers its ID.
pub(super) async fn add(cloud: &Cloud, id: &Id) -> CloudResult<String> {
    let (user, service, secret) = place(id);
    let call = cloud
        .iam
        .create_service_specific_credential()
        .user_name(user)
        .service_name(service);
    let made = call.send().ask().await?;
    let Some(credential) = made.service_specific_credential else {
        return Ok(String::new());
    };
    let content = json!({
        "ServiceUserName": credential.service_user_name, "ServicePassword": credential.service_password,
    });
    let call = cloud
        .secretsmanager
        .put_secret_value()
        .secret_id(secret)
        .client_request_token(version(credential.service_specific_credential_id()))
        .secret_string(content.to_string());
    call.send().ask().await?;
    Ok(credential.service_specific_credential_id().to_owned())
}

/// A new credential, in the secret. A password whose way there was cut off is lost: its credential goes first.
async fn make(cloud: &Cloud, spec: &Spec) -> CloudResult<()> {
    delete_all(cloud, &spec.user_name, &spec.service_name).await?;
    add(cloud, &id_of(spec)).await.map(drop)
}

impl Kind for ServiceSpecificCredential {
    const NAME: &'static str = "iam.ServiceSpecificCredential";
    const FIELDS: &'static Table = &[
        // A user with credentials cannot be deleted.
        ("/user_name", &[Immutable, Holds, Home]),
        ("/service_name", &[Immutable]),
        ("/secret_id", &[Immutable]),
    ];
    const VOLATILE: &'static [&'static str] = &["credential_id", "created_on"];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "iam:ListServiceSpecificCredentials",
            "secretsmanager:DescribeSecret",
        ],
        create: &[
            "iam:CreateServiceSpecificCredential",
            "secretsmanager:PutSecretValue",
        ],
        update: &[
            "iam:CreateServiceSpecificCredential",
            "iam:DeleteServiceSpecificCredential",
            "secretsmanager:PutSecretValue",
        ],
        delete: &["iam:DeleteServiceSpecificCredential"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            user_name: "example-user".into(),
            service_name: "codecommit.amazonaws.com".into(),
            secret_id: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example".into(),
        }
    }

    /// A credential that is not in its secret is replaced in place.
    fn replaces(change: &Change) -> bool {
        let lost = change.path == "/secret_id" && change.before == Some(Value::from(""));
        !lost && Fields::of::<Self>().is(&change.path, Immutable)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        make(cloud, spec).await?;
        Ok(id_of(spec))
    }

    async fn update(
        cloud: &Cloud,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        make(cloud, spec).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let (user, service, _) = place(&live.id);
        delete_all(cloud, user, service).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_iam::operation::create_service_specific_credential::CreateServiceSpecificCredentialOutput;
    use aws_sdk_iam::operation::list_service_specific_credentials::ListServiceSpecificCredentialsOutput;
    use aws_sdk_iam::types::ServiceSpecificCredential as Made;
    use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
    use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;

    fn listed() -> ServiceSpecificCredentialsList {
        ServiceSpecificCredentialsList::builder()
            .service_specific_credentials(metadata())
            .build()
    }

    type ServiceSpecificCredentialsList = ListServiceSpecificCredentialsOutput;

    fn metadata() -> ServiceSpecificCredentialMetadata {
        ServiceSpecificCredentialMetadata::builder()
            .user_name("example-user")
            .status(StatusType::Active)
            .service_user_name("git-user")
            .create_date(DateTime::from_secs(0))
            .service_specific_credential_id("ACCAEXAMPLE")
            .service_name("codecommit.amazonaws.com")
            .build()
            .unwrap()
    }

    #[test]
    fn one_that_somebody_deactivated_is_shown() {
        assert_eq!(phase(&metadata(), 0), Phase::Ready);
        assert!(matches!(phase(&metadata(), 1), Phase::Degraded(_)));
        let mut inactive = metadata();
        inactive.status = StatusType::Inactive;
        assert_eq!(
            phase(&inactive, 0),
            Phase::Degraded("Inactive: AWS refuses it".into())
        );
    }

    #[tokio::test]
    async fn the_password_goes_into_the_secret_and_nowhere_else() {
        let none = mock!(aws_sdk_iam::Client::list_service_specific_credentials)
            .then_output(|| ListServiceSpecificCredentialsOutput::builder().build());
        let create =
            mock!(aws_sdk_iam::Client::create_service_specific_credential).then_output(|| {
                let made = Made::builder()
                    .create_date(DateTime::from_secs(0))
                    .service_name("codecommit.amazonaws.com")
                    .service_user_name("git-user")
                    .service_password("CANARY")
                    .service_specific_credential_id("ACCAEXAMPLE")
                    .user_name("example-user")
                    .status(StatusType::Active);
                let made = made.build().unwrap();
                CreateServiceSpecificCredentialOutput::builder()
                    .service_specific_credential(made)
                    .build()
            });
        let put = mock!(aws_sdk_secretsmanager::Client::put_secret_value)
            .match_requests(|request| {
                let token = request.client_request_token().unwrap_or_default();
                request
                    .secret_string()
                    .is_some_and(|text| text.contains("CANARY"))
                    && token.contains("ACCAEXAMPLE")
                    && (32..=64).contains(&token.len())
            })
            .then_output(|| PutSecretValueOutput::builder().build());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&none, &create]).into(),
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, &[&put])
                .into(),
            ..cloud()
        };
        let spec = ServiceSpecificCredential::example();
        let claim = Claim {
            owner: owner(),
            token: "t".into(),
        };
        let id = ServiceSpecificCredential::create(&cloud, &spec, &claim)
            .await
            .unwrap();
        assert_eq!(put.num_calls(), 1);
        assert!(!id.as_str().contains("CANARY"));
    }

    #[tokio::test]
    async fn a_credential_that_is_not_in_its_secret_is_made_anew_in_place() {
        let list =
            mock!(aws_sdk_iam::Client::list_service_specific_credentials).then_output(listed);
        let other = mock!(aws_sdk_secretsmanager::Client::describe_secret).then_output(|| {
            DescribeSecretOutput::builder()
                .version_ids_to_stages("other", vec!["AWSCURRENT".into()])
                .build()
        });
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&list]).into(),
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, &[&other])
                .into(),
            ..cloud()
        };
        let spec = ServiceSpecificCredential::example();
        let live = ServiceSpecificCredential::describe(&cloud, &[id_of(&spec)])
            .await
            .unwrap();
        assert_eq!(live[0].as_ref().unwrap().spec.secret_id, Arn::from(""));
        let lost = changes(&[("/secret_id", json!(""), json!("arn:one"))]);
        let moved = changes(&[("/secret_id", json!("arn:one"), json!("arn:two"))]);
        assert!(!lost.iter().any(ServiceSpecificCredential::replaces));
        assert!(moved.iter().all(ServiceSpecificCredential::replaces));
    }
}
