//! What `delivery.source` says, and the hosts of repositories outside of AWS.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::de::At;
use crate::error::quoted;

/// Where the code is.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Source {
    /// `codecommit`, or nothing at all.
    #[default]
    Default,
    Named(Named),
    Elsewhere(Box<Elsewhere>),
}

/// Sources that have a name of their own.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(crate) enum Named {
    /// AWS CodeCommit.
    Codecommit,
}

/// Code that is not in AWS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elsewhere {
    /// The ARN of an existing connection of CodeConnections, which is authorized. CodeBuild checks pull requests
    /// only if it is set. Default: a connection is created, which must be authorized once in the console.
    #[serde(default)]
    pub(super) connection: Option<At<String>>,
    /// The host of the repositories: `github`, `gitlab` or `Bitbucket`.
    #[serde(default)]
    pub(super) provider: Option<At<String>>,
    /// The organization or group that owns the repositories. Each repository has the name of its service.
    pub(super) owner: At<String>,
    /// The name or ARN of a secret in Secrets Manager with the credential for the GitOps repository. For `github`, it
    /// contains the keys `app_id`, `installation_id` and `private_key` of a GitHub App, for `gitlab` the key `token`
    /// with an access token. Required by `gitops`.
    #[serde(default)]
    pub(super) credential: Option<At<String>>,
    /// The name of the GitOps repository, which must exist. Default: STACK-gitops.
    #[serde(default)]
    pub(super) repository: Option<At<String>>,
    /// The URL of your own server: GitHub Enterprise Server, or GitLab. Default: `https://github.com` or
    /// `https://gitlab.com`.
    #[serde(default)]
    pub(super) url: Option<At<String>>,
    /// What checks pull requests: `codebuild` requires `connection`; `actions` writes a workflow of GitHub Actions and
    /// requires `provider: github` and `credential`; with `none`, they are not checked. Default: `codebuild`.
    #[serde(default)]
    pub(super) checks: Option<At<Checks>>,
    /// How Argo CD and Image Updater read and write the GitOps repository: `app` uses `credential`; `deploy_key` creates
    /// a deploy key for each of them, for this repository only, and requires `provider: github`. Default: `app`.
    #[serde(default)]
    pub(super) access: Option<At<Access>>,
}

/// What checks pull requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Checks {
    /// CodeBuild, which the host calls with a webhook. Requires `connection`.
    #[default]
    Codebuild,
    /// GitHub Actions, with a workflow that platctl writes to the repository of each service. Requires `credential`.
    Actions,
    /// Nothing.
    None,
}

/// How the cluster reads and writes the GitOps repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// With the GitHub App in `credential`, or its access token.
    App,
    /// With deploy keys, which platctl creates.
    DeployKey,
}

/// A host whose API platctl speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    GitHub,
    GitLab,
}

/// The words for hosts, as CodeConnections and as people say them.
static HOSTS: [(&str, &str, Option<Host>); 7] = [
    ("github", "GitHub", Some(Host::GitHub)),
    ("gitlab", "GitLab", Some(Host::GitLab)),
    ("GitHub", "GitHub", Some(Host::GitHub)),
    ("GitLab", "GitLab", Some(Host::GitLab)),
    ("Bitbucket", "Bitbucket", None),
    (
        "GitHubEnterpriseServer",
        "GitHubEnterpriseServer",
        Some(Host::GitHub),
    ),
    ("GitLabSelfManaged", "GitLabSelfManaged", Some(Host::GitLab)),
];

/// What `provider` can be.
pub(super) fn providers() -> impl Iterator<Item = &'static str> {
    HOSTS.iter().map(|(word, ..)| *word)
}

impl Elsewhere {
    fn found(&self) -> Option<&'static (&'static str, &'static str, Option<Host>)> {
        let word = &self.provider.as_ref()?.value;
        HOSTS.iter().find(|(known, ..)| known == word)
    }

    /// The host, where platctl can do more with it than hand it to a pipeline.
    pub(super) fn host(&self) -> Option<Host> {
        self.found().and_then(|(.., host)| *host)
    }

    /// What checks pull requests.
    pub(super) fn checks(&self) -> Checks {
        self.checks
            .as_ref()
            .map_or(Checks::Codebuild, |checks| checks.value)
    }

    /// Whether the cluster gets into the GitOps repository by deploy keys.
    pub(super) fn by_keys(&self) -> bool {
        let access = self.access.as_ref();
        access.is_some_and(|access| access.value == Access::DeployKey)
    }

    /// What CodeConnections calls it.
    pub(super) fn provider_type(&self) -> Option<&'static str> {
        self.found().map(|(_, provider, _)| *provider)
    }

    /// A server that is not the provider's own.
    pub(super) fn own_server(&self) -> bool {
        let provider = self.provider_type().unwrap_or_default();
        self.url.is_some() || provider.ends_with("Server") || provider.ends_with("SelfManaged")
    }

    /// Where the repositories are: `https://github.com`.
    pub(super) fn url(&self) -> Option<String> {
        if let Some(url) = &self.url {
            return Some(url.value.trim_end_matches('/').to_owned());
        }
        match self.provider_type()? {
            "GitHub" => Some("https://github.com".to_owned()),
            "GitLab" => Some("https://gitlab.com".to_owned()),
            "Bitbucket" => Some("https://bitbucket.org".to_owned()),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`codecommit` or a map")
    }

    fn visit_unit<E>(self) -> Result<Source, E> {
        Ok(Source::Default)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Source, E> {
        if word == "codecommit" {
            return Ok(Source::Named(Named::Codecommit));
        }
        let provider = providers().find(|known| known.eq_ignore_ascii_case(word));
        Err(E::custom(match provider {
            Some(provider) => format!(
                "{} is not enough: say who owns the repositories, such as `{{provider: {provider}, owner: acme}}`",
                quoted(word)
            ),
            None => format!(
                "unknown source {}: use `codecommit`, or a map such as `{{provider: github, owner: acme}}`",
                quoted(word)
            ),
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Source, A::Error> {
        let elsewhere = Elsewhere::deserialize(MapAccessDeserializer::new(access))?;
        Ok(Source::Elsewhere(Box::new(elsewhere)))
    }
}
