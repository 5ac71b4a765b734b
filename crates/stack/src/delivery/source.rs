//! Where the code is.

use platctl_aws::codecommit::repository::{self, Repository};
use platctl_aws::codeconnections::connection::{self, Connection};
use platctl_aws::kms::key;
use platctl_engine::Handle;
use serde_json::{Value, json};

use super::{Base, Delivery, Source};
use crate::declare::{Checked, Declare};

/// The source of one service.
pub(super) enum Code {
    /// A repository of the stack's own.
    Own(Handle<Repository>),
    /// Somewhere else, through a connection: its ARN, and `owner/name`.
    Elsewhere {
        connection: Value,
        repository: String,
    },
}

/// The way to a source outside of AWS.
pub(super) struct Way {
    arn: Value,
    owner: String,
}

impl Delivery {
    /// The connection, where code is not in CodeCommit.
    pub(super) fn connection(&self, declare: &mut Declare<'_>) -> Checked<Option<Way>> {
        let Source::Elsewhere(elsewhere) = &self.source else {
            return Ok(None);
        };
        let arn = match (&elsewhere.connection, &elsewhere.provider) {
            (Some(arn), _) => json!(arn),
            (None, provider) => {
                let spec =
                    json!({"connection_name": declare.name("source"), "provider_type": provider});
                declare
                    .make::<Connection>("connection", spec)?
                    .json(connection::out::ARN)
            }
        };
        Ok(Some(Way {
            arn,
            owner: elsewhere.owner.clone(),
        }))
    }

    pub(super) fn source(
        &self,
        service: &str,
        way: Option<&Way>,
        base: &Base,
        declare: &mut Declare<'_>,
    ) -> Checked<Code> {
        if let Some(way) = way {
            let repository = format!("{}/{service}", way.owner);
            return Ok(Code::Elsewhere {
                connection: way.arn.clone(),
                repository,
            });
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

fn repository(
    address: &str,
    name: &str,
    description: &str,
    base: &Base,
    declare: &mut Declare<'_>,
) -> Checked<Handle<Repository>> {
    declare.make(
        address,
        json!({
            "repository_name": declare.name(name),
            "repository_description": description,
            "kms_key_id": base.key.json(key::out::ARN),
        }),
    )
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
            Self::Elsewhere { connection, .. } => crate::common::allow(
                &[
                    "codeconnections:UseConnection",
                    "codestar-connections:UseConnection",
                ],
                connection.clone(),
            ),
        }
    }
}
