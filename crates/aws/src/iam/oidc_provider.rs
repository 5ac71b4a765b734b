//! `iam.OidcProvider`: whose tokens IAM believes.

use std::collections::BTreeSet;

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use platctl_engine::fields::Fact::Immutable;
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{OidcProviderTags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::{Ask, made};
use crate::tags::{Tags, sync};
use crate::types::{Arn, unless_same};

/// An IAM OpenID Connect (OIDC) identity provider, such as an EKS cluster, whose tokens can be exchanged for
/// roles.
#[derive(Debug)]
pub struct OidcProvider;

/// An IAM OpenID Connect (OIDC) identity provider, such as an EKS cluster, whose tokens can be exchanged for
/// roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The URL of the identity provider, beginning with `https://`. Cannot be changed.
    pub url: S::In<String>,
    /// The client IDs (audiences) of the tokens. Default: `sts.amazonaws.com`, which is the audience of EKS
    /// tokens.
    #[serde(default = "sts")]
    pub client_id_list: BTreeSet<String>,
    /// The thumbprints of the identity provider's certificate authorities. Up to 5. Can be omitted for common
    /// authorities, which IAM already trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint_list: Option<BTreeSet<String>>,
    /// Tags to assign to the OIDC provider.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn sts() -> BTreeSet<String> {
    BTreeSet::from(["sts.amazonaws.com".to_owned()])
}

platctl_engine::outputs! {
    /// Attributes of the OIDC provider that other resources can reference.
    OidcProvider {
        /// The ARN of the OIDC provider, for use in trust policies.
        ARN: arn: Arn,
    }
}

/// IAM answers an issuer without its scheme.
fn live(arn: &str, provider: &GetOpenIdConnectProviderOutput) -> Option<Live<OidcProvider>> {
    let (tags, owner) = tags_of(provider.tags());
    let spec = Spec {
        url: format!("https://{}", provider.url()?.trim_start_matches("https://")),
        client_id_list: provider.client_id_list().iter().cloned().collect(),
        thumbprint_list: Some(
            provider
                .thumbprint_list()
                .iter()
                .map(|text| text.to_lowercase())
                .collect(),
        ),
        tags,
    };
    Some(Live {
        id: arn.into(),
        spec,
        outputs: Outputs { arn: arn.into() },
        owner,
        phase: Phase::Ready,
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<OidcProvider>>> {
    let call = cloud
        .iam
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(id.as_str());
    Ok(live(id.as_str(), &call.send().ask().await?))
}

async fn set_clients(cloud: &Cloud, live: &Live<OidcProvider>, spec: &Spec) -> CloudResult<()> {
    let (old, new) = (&live.spec.client_id_list, &spec.client_id_list);
    for client in new.difference(old) {
        let call = cloud.iam.add_client_id_to_open_id_connect_provider();
        let call = call
            .open_id_connect_provider_arn(live.id.as_str())
            .client_id(client);
        call.send().ask().await?;
    }
    for client in old.difference(new) {
        let call = cloud.iam.remove_client_id_from_open_id_connect_provider();
        let call = call
            .open_id_connect_provider_arn(live.id.as_str())
            .client_id(client);
        call.send().ask().await?;
    }
    Ok(())
}

impl Kind for OidcProvider {
    const NAME: &'static str = "iam.OidcProvider";
    const FIELDS: &'static Table = &[("/url", &[Immutable])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["iam:GetOpenIDConnectProvider"],
        create: &[
            "iam:CreateOpenIDConnectProvider",
            "iam:TagOpenIDConnectProvider",
        ],
        update: &[
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:RemoveClientIDFromOpenIDConnectProvider",
            "iam:UpdateOpenIDConnectProviderThumbprint",
            "iam:TagOpenIDConnectProvider",
            "iam:UntagOpenIDConnectProvider",
        ],
        delete: &["iam:DeleteOpenIDConnectProvider"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            url: "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
                .into(),
            client_id_list: sts(),
            thumbprint_list: None,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/url", json!("https://token.actions.githubusercontent.com")),
            ("/client_id_list", json!(["sts.amazonaws.com", "other"])),
            ("/client_id_list", json!(["other"])),
            (
                "/thumbprint_list",
                json!(["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]),
            ),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if !spec.url.starts_with("https://") {
            return Err(SpecError::new("/url", "must begin with https://"));
        }
        let hex = |text: &String| {
            text.len() == 40 && text.chars().all(|c| "0123456789abcdef".contains(c))
        };
        match &spec.thumbprint_list {
            Some(list) if list.len() > 5 || !list.iter().all(hex) => Err(SpecError::new(
                "/thumbprint_list",
                "must have at most 5 entries of 40 lower-case hexadecimal digits each",
            )),
            _ => Ok(()),
        }
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.url, &desired.url)
    }

    fn natural_id(cloud: &Cloud, spec: &Spec) -> Option<Id> {
        let (partition, account) = (&cloud.partition, &cloud.account);
        let host = spec.url.trim_start_matches("https://");
        Some(format!("arn:{partition}:iam::{account}:oidc-provider/{host}").into())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .iam
            .create_open_id_connect_provider()
            .url(&spec.url)
            .set_client_id_list(Some(spec.client_id_list.iter().cloned().collect()))
            .set_thumbprint_list(
                spec.thumbprint_list
                    .as_ref()
                    .map(|list| list.iter().cloned().collect()),
            )
            .set_tags(tags_with(&spec.tags, &claim.owner)?);
        let answer = call.send().ask().await?;
        made(
            "iam:CreateOpenIDConnectProvider",
            answer.open_id_connect_provider_arn(),
        )
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        if changes.touch("/client_id_list") {
            set_clients(cloud, live, spec).await?;
        }
        if let Some(list) = spec
            .thumbprint_list
            .as_ref()
            .filter(|_| changes.touch("/thumbprint_list"))
        {
            let call = cloud.iam.update_open_id_connect_provider_thumbprint();
            let call = call.open_id_connect_provider_arn(live.id.as_str());
            let call = call.set_thumbprint_list(Some(list.iter().cloned().collect()));
            call.send().ask().await?;
        }
        sync::<OidcProviderTags>(cloud, live.id.as_str(), changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.iam.delete_open_id_connect_provider();
        let call = call.open_id_connect_provider_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_has_its_scheme_again() {
        for url in [
            "oidc.eks.eu-west-1.amazonaws.com/id/A",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
        ] {
            let answer = GetOpenIdConnectProviderOutput::builder().url(url).build();
            let found = live("arn:p", &answer).unwrap();
            assert_eq!(
                found.spec.url,
                "https://oidc.eks.eu-west-1.amazonaws.com/id/A"
            );
        }
    }
}
