//! What a service is in the cluster.

use platctl_aws::ecr::repository::{self, Repository};
use platctl_aws::elbv2::target_group::{self, TargetGroup};
use platctl_aws::iam::role::{self, Role};
use platctl_engine::Handle;
use platctl_gitops::{DatabaseLogin, STARTUP_SECONDS, Secret, Source, Web, Work};
use serde_json::Value;

use super::route::Groups;
use super::spec::{Kind, Method, SecretSource, Service};
use crate::declare::Declare;
use crate::file::Switch;

impl Service {
    pub(super) fn pods(
        &self,
        name: &str,
        role: &Handle<Role>,
        repository: &Handle<Repository>,
        groups: &Groups,
        declare: &Declare<'_>,
    ) -> platctl_gitops::Service {
        let env = self.env.iter();
        let secrets = self.secrets.iter();
        platctl_gitops::Service {
            name: name.to_owned(),
            part_of: self.owner().map(ToOwned::to_owned),
            work: self.work(groups, declare),
            replicas: self
                .replicas
                .as_ref()
                .map(|replicas| replicas.value.clone())
                .unwrap_or_default()
                .into(),
            pin: self.pin.as_ref().map(|pin| pin.value.clone()),
            image: repository.json(repository::out::REPOSITORY_URI),
            role: role.json(role::out::ARN),
            resources: self.resources(),
            command: self.command.clone(),
            args: self.args.clone(),
            env: env
                .map(|(name, value)| (name.clone(), value.value.value()))
                .collect(),
            secrets: secrets
                .filter_map(|(variable, source)| {
                    let source = source_of(&source.value)?;
                    Some(Secret {
                        variable: variable.clone(),
                        source,
                    })
                })
                .collect(),
            login: self.login().map(|method| match method {
                Method::Password => DatabaseLogin::Password,
                Method::Iam => DatabaseLogin::Iam {
                    user: super::database_user(name),
                },
            }),
            shutdown_seconds: self.shutdown_seconds(),
            timeout_seconds: self.timeout_seconds.as_ref().map(|seconds| seconds.value),
        }
    }

    fn work(&self, groups: &Groups, declare: &Declare<'_>) -> Work {
        let text = |at: &Option<crate::de::At<String>>| {
            at.as_ref().map(|at| at.value.clone()).unwrap_or_default()
        };
        match self.kind {
            Kind::Web => Work::Web(self.web(groups, declare)),
            Kind::Worker => Work::Worker,
            Kind::Cron => Work::Cron {
                schedule: text(&self.schedule),
            },
            Kind::Job => Work::Job {
                before_deploy: self.before_deploy.as_ref().is_some_and(|one| one.value),
            },
        }
    }

    fn web(&self, groups: &Groups, declare: &Declare<'_>) -> Web {
        let arn = |group: &Option<Handle<TargetGroup>>| -> Option<Value> {
            Some(group.as_ref()?.json(target_group::out::ARN))
        };
        Web {
            port: self.port.as_ref().map_or(0, |port| port.value),
            health_path: self.health_path().to_owned(),
            startup_seconds: self
                .startup_seconds
                .as_ref()
                .map_or(STARTUP_SECONDS, |seconds| seconds.value),
            blue_green: self.blue_green(),
            analysis: self.analysis(declare),
            target_group: arn(&groups.active),
            preview_group: arn(&groups.preview),
        }
    }

    /// What a new version is held against: by default where data is protected.
    fn analysis(&self, declare: &Declare<'_>) -> Option<platctl_gitops::Analysis> {
        let usual = super::spec::Analysis::default();
        let limits = match self.analysis.as_ref().map(|analysis| &analysis.value) {
            Some(Switch::Off) => return None,
            Some(Switch::On(limits)) => limits,
            None if declare.protects() && self.blue_green() => &usual,
            None => return None,
        };
        Some(platctl_gitops::Analysis {
            errors: limits.errors,
            latency_ms: limits.latency_ms,
            asked_for: self.analysis.is_some(),
        })
    }
}

fn source_of(source: &SecretSource) -> Option<Source> {
    let key = source.key.clone();
    match source {
        SecretSource {
            secret: Some(id), ..
        } => Some(Source::SecretsManager {
            id: id.value.value(),
            key,
        }),
        SecretSource {
            parameter: Some(name),
            ..
        } => Some(Source::ParameterStore {
            name: name.value.as_str().into(),
            key,
        }),
        SecretSource {
            vault: Some(path), ..
        } => Some(Source::Vault {
            path: path.value.clone(),
            key: key?,
        }),
        _ => None,
    }
}
