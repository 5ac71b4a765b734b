//! Rotation of a user's credential for a service: the new one is in use before the old one goes, and whatever cuts it
//! off, one that works is in the secret.

use aws_sdk_iam::types::ServiceSpecificCredentialMetadata;
use platctl_engine::{Class, CloudError, CloudResult, Id};

use super::service_specific_credential::{Standing, add, delete, place, standing};
use crate::Cloud;

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A new credential is in the secret, in place of one that still works.
    New,
    /// So it was already: an earlier rotation was cut off.
    Resumed,
}

fn created(credential: &ServiceSpecificCredentialMetadata) -> i64 {
    credential.create_date().secs()
}

/// A rotation that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// How it came about.
    pub progress: Progress,
    /// The ID of the credential in the secret, which is to stay.
    pub credential: String,
}

/// Whether a rotation has begun and not ended: the secret has the newer one of two credentials.
///
/// # Errors
/// What AWS answers.
pub async fn is_begun(cloud: &Cloud, id: &Id) -> CloudResult<bool> {
    let Standing { kept, others } = standing(cloud, id).await?;
    Ok(kept.is_some_and(|kept| is_newer(&kept, &others)))
}

/// Whether a credential has taken the place of another one that is still there.
fn is_newer(
    kept: &ServiceSpecificCredentialMetadata,
    others: &[ServiceSpecificCredentialMetadata],
) -> bool {
    others.iter().any(|other| created(other) < created(kept))
}

/// Creates a second credential and writes it to the secret. The first one keeps working.
///
/// # Errors
/// What AWS answers; [`Class::Invalid`] where the secret contains no credential of the user.
pub async fn begin(cloud: &Cloud, id: &Id) -> CloudResult<Begun> {
    let Standing { kept, others } = standing(cloud, id).await?;
    let Some(kept) = kept else {
        let (user, _, secret) = place(id);
        let message = format!(
            "the secret {secret} does not contain a credential of the user {user}: to create one, run `platctl apply`"
        );
        let operation = "iam:ListServiceSpecificCredentials";
        return Err(CloudError::new(Class::Invalid, operation, message));
    };
    // The secret has the newer one: whoever was cut off had come so far.
    if is_newer(&kept, &others) {
        return Ok(Begun {
            progress: Progress::Resumed,
            credential: kept.service_specific_credential_id().to_owned(),
        });
    }
    // Otherwise nobody knows the password of the other one, and it takes the place of the new one.
    remove(cloud, id, &others).await?;
    let credential = add(cloud, id).await?;
    Ok(Begun {
        progress: Progress::New,
        credential,
    })
}

/// Deletes all credentials but the one that [`begin`] told of. Answers how many there were.
///
/// # Errors
/// What AWS answers; [`Class::Invalid`] where the secret does not contain that one any more: another run has begun the
/// next rotation, and what is in the cluster may be one of those that would be deleted.
pub async fn finish(cloud: &Cloud, id: &Id, credential: &str) -> CloudResult<usize> {
    let Standing { kept, others } = standing(cloud, id).await?;
    let stays = kept.is_some_and(|kept| kept.service_specific_credential_id() == credential);
    if !stays {
        let message = "the secret does not contain the credential of this rotation any more: another run has replaced \
                       it. No credential was deleted. Run `platctl rotate` again";
        let operation = "iam:DeleteServiceSpecificCredential";
        return Err(CloudError::new(Class::Invalid, operation, message));
    }
    remove(cloud, id, &others).await?;
    Ok(others.len())
}

async fn remove(
    cloud: &Cloud,
    id: &Id,
    credentials: &[ServiceSpecificCredentialMetadata],
) -> CloudResult<()> {
    let (user, ..) = place(id);
    for credential in credentials {
        delete(cloud, user, credential.service_specific_credential_id()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_iam::Client;
    use aws_sdk_iam::operation::create_service_specific_credential::CreateServiceSpecificCredentialOutput;
    use aws_sdk_iam::operation::delete_service_specific_credential::DeleteServiceSpecificCredentialOutput;
    use aws_sdk_iam::operation::list_service_specific_credentials::ListServiceSpecificCredentialsOutput;
    use aws_sdk_iam::types::{ServiceSpecificCredential, StatusType};
    use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
    use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;

    const ID: &str = "git|codecommit.amazonaws.com|arn:aws:secretsmanager:eu-west-1:1:secret:git";

    fn metadata(name: &str, seconds: i64) -> ServiceSpecificCredentialMetadata {
        ServiceSpecificCredentialMetadata::builder()
            .user_name("git")
            .status(StatusType::Active)
            .service_user_name("git-user")
            .create_date(DateTime::from_secs(seconds))
            .service_specific_credential_id(name)
            .service_name("codecommit.amazonaws.com")
            .build()
            .unwrap()
    }

    /// What is created, written and deleted, where these credentials are there (in the order of their creation) and the
    /// secret has one of them: with `begin`, or with a `finish` by which one of them is to stay.
    async fn calls(
        there: &'static [&'static str],
        held: &'static str,
        stays: Option<&str>,
    ) -> [usize; 3] {
        let list = mock!(Client::list_service_specific_credentials).then_output(|| {
            let all = there
                .iter()
                .zip(1..)
                .map(|(name, at)| metadata(name, at))
                .collect();
            ListServiceSpecificCredentialsOutput::builder()
                .set_service_specific_credentials(Some(all))
                .build()
        });
        let create = mock!(Client::create_service_specific_credential).then_output(|| {
            let made = ServiceSpecificCredential::builder()
                .create_date(DateTime::from_secs(9))
                .service_name("codecommit.amazonaws.com")
                .service_user_name("git-user")
                .service_password("CANARY")
                .service_specific_credential_id("new")
                .user_name("git")
                .status(StatusType::Active);
            CreateServiceSpecificCredentialOutput::builder()
                .service_specific_credential(made.build().unwrap())
                .build()
        });
        let delete = mock!(Client::delete_service_specific_credential)
            .match_requests(move |request| request.service_specific_credential_id() != Some(held))
            .then_output(|| DeleteServiceSpecificCredentialOutput::builder().build());
        let describe =
            mock!(aws_sdk_secretsmanager::Client::describe_secret).then_output(move || {
                let version = format!("platctl-credential-{held:-<13}");
                DescribeSecretOutput::builder()
                    .version_ids_to_stages(version, vec!["AWSCURRENT".into()])
                    .build()
            });
        let put = mock!(aws_sdk_secretsmanager::Client::put_secret_value)
            .then_output(|| PutSecretValueOutput::builder().build());
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, &[&list, &create, &delete]);
        let secrets = mock_client!(
            aws_sdk_secretsmanager,
            RuleMode::MatchAny,
            &[&describe, &put]
        );
        let cloud = Cloud {
            iam: iam.into(),
            secretsmanager: secrets.into(),
            ..cloud()
        };
        let id = Id::from(ID);
        match stays {
            None => begin(&cloud, &id).await.map(drop),
            Some(stays) => finish(&cloud, &id, stays).await.map(drop),
        }
        .unwrap_or_default();
        [create.num_calls(), put.num_calls(), delete.num_calls()]
    }

    #[tokio::test]
    async fn a_credential_that_works_is_in_the_secret_wherever_a_rotation_is_cut_off() {
        // The usual way: a second one, and then the first one goes.
        let two: &[&str] = &["one", "two"];
        assert_eq!(calls(&["one"], "one", None).await, [1, 1, 0]);
        assert_eq!(calls(two, "two", Some("two")).await, [0, 0, 1]);
        // Cut off between the creation and the secret: what nobody knows the password of goes first.
        assert_eq!(calls(two, "one", None).await, [1, 1, 1]);
        // Cut off after the secret: nothing more is created.
        assert_eq!(calls(two, "two", None).await, [0, 0, 0]);
        // Nothing is done where nobody knows which one is in use.
        assert_eq!(calls(two, "none", None).await, [0, 0, 0]);
        assert_eq!(calls(two, "none", Some("two")).await, [0, 0, 0]);
        // Another run has begun the next rotation: the cluster may still have the one of this.
        assert_eq!(calls(two, "two", Some("one")).await, [0, 0, 0]);
    }
}
