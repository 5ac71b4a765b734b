//! `iam.SharedOidcProvider`: an identity provider that the whole account uses.

use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cloud;
use crate::errors::Ask;
use crate::types::Arn;

/// An audience of an IAM OpenID Connect (OIDC) identity provider that is shared by the whole account, such as
/// GitHub Actions: an account has one provider for each URL. The provider and the audience are created if they do
/// not exist, used if they already exist, and never deleted. Its ID in platctl is `URL|AUDIENCE`.
#[derive(Debug)]
pub struct SharedOidcProvider;

/// An audience of an IAM OpenID Connect (OIDC) identity provider that is shared by the whole account, such as
/// GitHub Actions: an account has one provider for each URL. The provider and the audience are created if they do
/// not exist, used if they already exist, and never deleted. Its ID in platctl is `URL|AUDIENCE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The URL of the identity provider, beginning with `https://`. Cannot be changed.
    pub url: String,
    /// The client ID (audience) of the tokens. Default: `sts.amazonaws.com`. Cannot be changed.
    #[serde(default = "sts")]
    pub audience: String,
    #[serde(skip)]
    #[doc(hidden)]
    pub stage: std::marker::PhantomData<S>,
}

/// The audience of tokens for STS.
pub const STS: &str = "sts.amazonaws.com";

fn sts() -> String {
    STS.to_owned()
}

platctl_engine::outputs! {
    /// Attributes of the OIDC provider that other resources can reference.
    SharedOidcProvider {
        /// The ARN of the OIDC provider, for use in trust policies.
        ARN: arn: Arn,
    }
}

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.url, spec.audience))
}

fn arn(cloud: &Cloud, url: &str) -> String {
    let (partition, account) = (&cloud.partition, &cloud.account);
    let host = url.trim_start_matches("https://");
    format!("arn:{partition}:iam::{account}:oidc-provider/{host}")
}

/// A provider without the audience is as good as none: tokens for it are not taken.
async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<SharedOidcProvider>>> {
    let (url, audience) = id.as_str().rsplit_once('|').unwrap_or((id.as_str(), ""));
    let arn = arn(cloud, url);
    let call = cloud.iam.get_open_id_connect_provider();
    let call = call.open_id_connect_provider_arn(&arn);
    let provider = call.send().ask().await?;
    let mut audiences = provider.client_id_list().iter();
    Ok(audiences.any(|known| known == audience).then(|| Live {
        id: id.clone(),
        spec: Spec {
            url: url.to_owned(),
            audience: audience.to_owned(),
            stage: std::marker::PhantomData,
        },
        outputs: Outputs {
            arn: arn.as_str().into(),
        },
        owner: None,
        phase: Phase::Ready,
    }))
}

impl Kind for SharedOidcProvider {
    const NAME: &'static str = "iam.SharedOidcProvider";
    const FIELDS: &'static Table = &[("/url", &[Immutable]), ("/audience", &[Immutable])];
    // Each pair is another object.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    // It belongs to the account, not to a stack.
    const TAGGED: bool = false;
    const SHARED: bool = true;
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetOpenIDConnectProvider"],
        create: &[
            "iam:CreateOpenIDConnectProvider",
            "iam:AddClientIDToOpenIDConnectProvider",
        ],
        update: &[],
        delete: &[],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            url: "https://gitlab.com".into(),
            audience: sts(),
            stage: std::marker::PhantomData,
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/url", json!("https://agent.buildkite.com")),
            ("/audience", json!("https://gitlab.com")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !spec.url.starts_with("https://") || spec.url.contains('|') {
            return Err(SpecError::new("/url", "must begin with https://"));
        }
        if spec.audience.is_empty() || spec.audience.len() > 255 || spec.audience.contains('|') {
            return Err(SpecError::new(
                "/audience",
                "must have 1 to 255 characters, without `|`",
            ));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    /// Somebody else's provider keeps its other audiences.
    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_open_id_connect_provider()
            .url(&spec.url)
            .client_id_list(&spec.audience);
        match call.send().ask().await {
            Err(error) if error.class == Class::AlreadyExists => {
                let call = cloud.iam.add_client_id_to_open_id_connect_provider();
                let call = call
                    .open_id_connect_provider_arn(arn(cloud, &spec.url))
                    .client_id(&spec.audience);
                call.send().ask().await?;
            }
            other => {
                other?;
            }
        }
        Ok(id_of(spec))
    }

    /// Never called: no field of it can change.
    async fn update(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        _changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        Ok(())
    }

    /// Never called: the provider is the account's, and roles of others may trust it.
    async fn delete(_cloud: &Cloud, _live: &Live<Self>) -> CloudResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::operation::add_client_id_to_open_id_connect_provider::AddClientIdToOpenIdConnectProviderOutput;
    use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIDConnectProviderError;
    use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
    use aws_sdk_iam::types::error::EntityAlreadyExistsException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::cloud::tests::{claim, cloud};

    #[tokio::test]
    async fn a_provider_that_is_there_gets_the_audience() {
        let create = mock!(aws_sdk_iam::Client::create_open_id_connect_provider).then_error(|| {
            let meta = ErrorMetadata::builder()
                .code("EntityAlreadyExists")
                .message("Provider with url https://gitlab.com already exists.")
                .build();
            let error = EntityAlreadyExistsException::builder().meta(meta).build();
            CreateOpenIDConnectProviderError::EntityAlreadyExistsException(error)
        });
        let add = mock!(aws_sdk_iam::Client::add_client_id_to_open_id_connect_provider)
            .match_requests(|request| request.client_id() == Some("sts.amazonaws.com"))
            .then_output(|| AddClientIdToOpenIdConnectProviderOutput::builder().build());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&create, &add]).into(),
            ..cloud()
        };
        let id = SharedOidcProvider::create(&cloud, &SharedOidcProvider::example(), &claim())
            .await
            .unwrap();
        assert_eq!(id.as_str(), "https://gitlab.com|sts.amazonaws.com");
        assert_eq!((create.num_calls(), add.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_provider_without_the_audience_is_not_there() {
        let get = || {
            mock!(aws_sdk_iam::Client::get_open_id_connect_provider).then_output(|| {
                GetOpenIdConnectProviderOutput::builder()
                    .url("gitlab.com")
                    .client_id_list("sts.amazonaws.com")
                    .build()
            })
        };
        let (first, second) = (get(), get());
        let cloud = Cloud {
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[&first, &second]).into(),
            ..cloud()
        };
        let id = |audience: &str| Id::from(format!("https://gitlab.com|{audience}"));
        let found = read(&cloud, &id("sts.amazonaws.com")).await.unwrap();
        let arn = found.unwrap().outputs.arn;
        assert!(
            arn.as_str().ends_with(":oidc-provider/gitlab.com"),
            "{arn:?}"
        );
        assert!(read(&cloud, &id("other")).await.unwrap().is_none());
    }
}
