//! Where the code is.

use std::marker::PhantomData;

use platctl_aws::codecommit::repository::{self, Repository};
use platctl_aws::codeconnections::connection::{self, Connection};
use platctl_aws::kms::key;
use platctl_aws::types::Arn;
use platctl_engine::{Handle, Input};
use serde_json::Value;

use super::elsewhere::{Elsewhere, Host, Source};
use super::{Base, Delivery};
use crate::declare::{Checked, Declare};

/// The source of one service.
pub(super) enum Code {
    /// A repository of the stack's own.
    Own(Handle<Repository>),
    /// Somewhere else, through a connection.
    Elsewhere(Outside),
}

/// A repository outside of AWS.
pub(super) struct Outside {
    /// The ARN of the connection.
    pub(super) connection: Input<Arn>,
    /// Its name: `owner/name`.
    pub(super) repository: String,
    /// What CodeBuild calls its host, and the URL of the host; none where only the connection knows.
    pub(super) host: Option<(&'static str, String)>,
    /// Whether the connection is one that somebody has authorized.
    pub(super) authorized: bool,
}

/// The way to a source outside of AWS.
pub(super) struct Way<'a> {
    arn: Input<Arn>,
    source: &'a Elsewhere,
}

/// The repository that the cluster follows.
pub(crate) enum Follows {
    CodeCommit(Handle<Repository>),
    Remote(Remote),
}

/// A repository outside of AWS that platctl writes to.
pub(crate) struct Remote {
    pub(crate) host: Host,
    /// The URL of the host: `https://github.com`.
    pub(crate) url: String,
    /// Its name: `owner/name`.
    pub(crate) name: String,
    /// The name or ARN of the secret with the credential.
    pub(crate) credential: String,
    /// Whether the cluster gets in by deploy keys, and not by that credential.
    pub(crate) by_keys: bool,
}

impl Remote {
    /// Where the stack's GitOps repository is; none without a credential for it.
    pub(super) fn of(source: &Elsewhere, declare: &Declare<'_>) -> Option<Self> {
        let name = source
            .repository
            .as_ref()
            .map_or_else(|| declare.name("gitops"), |name| name.value.clone());
        Some(Self {
            host: source.host()?,
            url: source.url()?,
            name: format!("{}/{name}", source.owner.value),
            credential: source.credential.as_ref()?.value.clone(),
            by_keys: source.by_keys(),
        })
    }

    /// Where it is cloned from.
    pub(crate) fn clone_url(&self) -> String {
        if self.by_keys {
            return format!("git@github.com:{}.git", self.name);
        }
        format!("{}/{}.git", self.url, self.name)
    }
}

impl Delivery {
    /// The connection, where code is not in CodeCommit.
    pub(super) fn connection(&self, declare: &mut Declare<'_>) -> Checked<Option<Way<'_>>> {
        let Source::Elsewhere(elsewhere) = &self.source else {
            return Ok(None);
        };
        let arn = match &elsewhere.connection {
            Some(arn) => Arn(arn.value.clone()).into(),
            None => {
                let spec = connection::Spec {
                    connection_name: declare.name("source"),
                    provider_type: elsewhere.provider_type().unwrap_or_default().to_owned(),
                    tags: declare.tags("connection"),
                    stage: PhantomData,
                };
                let made: Handle<Connection> = declare.add("connection", &spec)?;
                made.get(connection::out::ARN)
            }
        };
        Ok(Some(Way {
            arn,
            source: elsewhere,
        }))
    }

    pub(super) fn source(
        &self,
        service: &str,
        way: Option<&Way<'_>>,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Code> {
        if let Some(way) = way {
            return Ok(Code::Elsewhere(way.to(service)));
        }
        let description = format!("The code of {service}");
        Ok(Code::Own(repository(
            &format!("{service}.source"),
            service,
            &description,
            base,
            declare,
        )?))
    }

    /// What the cluster runs is written down here.
    pub(super) fn gitops_repository(
        &self,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Repository>> {
        repository(
            "gitops",
            "gitops",
            "What runs in the cluster",
            base,
            declare,
        )
    }
}

impl Way<'_> {
    /// The repository of a service.
    fn to(&self, service: &str) -> Outside {
        let kind = match (self.source.provider_type(), self.source.own_server()) {
            (Some("Bitbucket"), _) => Some("BITBUCKET"),
            (Some(provider), own) if provider.starts_with("GitHub") => {
                Some(if own { "GITHUB_ENTERPRISE" } else { "GITHUB" })
            }
            (Some(_), own) => Some(if own { "GITLAB_SELF_MANAGED" } else { "GITLAB" }),
            (None, _) => None,
        };
        Outside {
            connection: self.arn.clone(),
            repository: format!("{}/{service}", self.source.owner.value),
            host: kind.zip(self.source.url()),
            authorized: self.source.connection.is_some(),
        }
    }
}

fn repository(
    address: &str,
    name: &str,
    description: &str,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Repository>> {
    let spec = repository::Spec {
        repository_name: declare.name(name),
        repository_description: Some(description.to_owned()),
        kms_key_id: Some(base.key.get(key::out::ARN)),
        tags: declare.tags(address),
    };
    declare.add(address, &spec)
}

impl Code {
    /// The repository, where it is one of the stack's own.
    pub(super) const fn own(&self) -> Option<&Handle<Repository>> {
        match self {
            Self::Own(own) => Some(own),
            Self::Elsewhere { .. } => None,
        }
    }

    /// What a role has to be allowed to read it.
    pub(super) fn permissions(&self, pipeline: bool) -> Value {
        match self {
            Self::Own(own) => {
                let actions: &[&str] = if pipeline {
                    &[
                        "codecommit:CancelUploadArchive",
                        "codecommit:GetBranch",
                        "codecommit:GetCommit",
                        "codecommit:GetRepository",
                        "codecommit:GetUploadArchiveStatus",
                        "codecommit:UploadArchive",
                    ]
                } else {
                    &["codecommit:GitPull"]
                };
                crate::common::allow(actions, own.json(repository::out::ARN))
            }
            Self::Elsewhere(Outside { connection, .. }) => {
                let actions: &[&str] = if pipeline {
                    &[
                        "codeconnections:UseConnection",
                        "codestar-connections:UseConnection",
                    ]
                } else {
                    &[
                        "codeconnections:GetConnection",
                        "codeconnections:GetConnectionToken",
                        "codestar-connections:GetConnection",
                        "codestar-connections:GetConnectionToken",
                    ]
                };
                crate::common::allow(actions, connection.clone())
            }
        }
    }
}
