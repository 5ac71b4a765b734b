//! The `delivery:` block: how a commit becomes an image, and an image reaches an environment.
//!
//! Each service has a repository, checks of its pull requests, and a pipeline for each environment's branch:
//! source, build, approval where it is asked for, release.

mod actions;
mod approvals;
mod builds;
mod check;
mod elsewhere;
mod pipelines;
mod roles;
mod source;

use std::collections::BTreeMap;

use platctl_aws::kms::key::Key;
use platctl_aws::s3::bucket::Bucket;
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::common::{encrypted, key, logs_use_key, tls_only, versioned_bucket};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::names::TagMap;
use crate::services;

pub(crate) use elsewhere::Host;
use elsewhere::{Elsewhere, Source};
use source::Code;
pub(crate) use source::{Follows, Remote};

/// What `delivery:` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Delivery {
    /// The source of the code: `codecommit` creates CodeCommit repositories; a map names the host and the owner of
    /// repositories that exist.
    source: Source,
    /// The environments. Each one is deployed from the branch with its name.
    environments: Option<BTreeMap<String, At<Gate>>>,
    /// The image for the builds.
    build_image: Option<String>,
    /// The compute size for the builds: `small`, `medium` or `large`.
    build_size: Size,
    /// The retention period of build artifacts, in days. Default: 30.
    keep_days: Option<At<u16>>,
    /// The retention period of build logs, in days. Default: 365 with `protect`, otherwise the same as
    /// `keep_days`.
    log_days: Option<At<u16>>,
    /// How many other people have to approve a pull request before it can be merged, in all repositories of the
    /// stack: 0 to 10. Pushing to a branch needs no approval. Default: 1 with `protect`, otherwise 0.
    approvals: Option<At<u8>>,
    /// Tags to add to the resources of this block.
    tags: Option<At<TagMap>>,
}

/// How a commit comes into an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gate {
    /// Releases automatically.
    Auto,
    /// Requires manual approval.
    Approval,
}

/// The machine that builds run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Size {
    /// 2 vCPUs, 4 GiB.
    Small,
    /// 4 vCPUs, 8 GiB.
    #[default]
    Medium,
    /// 8 vCPUs, 16 GiB.
    Large,
}

/// What all pipelines share.
pub(super) struct Base {
    pub(super) key: Handle<Key>,
    pub(super) artifacts: Handle<Bucket>,
    /// How long logs of builds are kept.
    pub(super) log_days: i32,
}

impl Delivery {
    /// Declares the delivery of every service, and the GitOps repository where code is in CodeCommit. Answers the
    /// repository that the cluster follows, where there is a way into it.
    pub(crate) fn declare(
        &self,
        services: &[services::Parts],
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Follows>> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        self.check(services, declare)?;
        let base = self.base(declare)?;
        let connection = self.connection(declare)?;
        let actions = self.actions(declare)?;
        let mut own = Vec::new();
        for service in services.iter().filter(|service| service.builds) {
            let source = self.source(&service.name, connection.as_ref(), &base, declare)?;
            own.extend(source.own().cloned());
            let builds = self.builds(service, &source, &base, declare)?;
            self.pipelines(service, &source, &builds, &base, declare)?;
            match (&source, &actions) {
                (Code::Elsewhere(outside), Some(actions)) => {
                    self.workflow(service, outside, actions, declare)?;
                }
                _ => self.checks(service, &source, &builds, declare)?,
            }
        }
        if let Source::Elsewhere(elsewhere) = &self.source {
            return Ok(Remote::of(elsewhere, declare).map(Follows::Remote));
        }
        let gitops = self.gitops_repository(&base, declare)?;
        own.push(gitops.clone());
        self.approval_rule(&own, declare)?;
        Ok(Some(Follows::CodeCommit(gitops)))
    }

    /// The names of the environments.
    pub(crate) fn names(&self) -> Vec<String> {
        self.environments()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// The environments, those that get new images most rarely first: behind an approval, then by the usual order.
    pub(crate) fn rarest_first(&self) -> Vec<String> {
        let mut all = self.environments();
        let usual = |name: &str| {
            ["prod", "staging"]
                .iter()
                .position(|known| *known == name)
                .unwrap_or(2)
        };
        all.sort_by_key(|(name, gate)| (*gate == Gate::Auto, usual(name), name.clone()));
        all.into_iter().map(|(name, _)| name).collect()
    }

    /// Whether there is a repository that a cluster can follow.
    pub(crate) fn can_be_followed(&self) -> bool {
        match &self.source {
            Source::Elsewhere(elsewhere) => {
                elsewhere.credential.is_some() && elsewhere.host().is_some()
            }
            _ => true,
        }
    }

    /// The source, where code is not in AWS.
    fn elsewhere(&self) -> Option<&Elsewhere> {
        match &self.source {
            Source::Elsewhere(elsewhere) => Some(elsewhere),
            _ => None,
        }
    }

    /// Whether the code is in CodeCommit.
    pub(crate) const fn in_codecommit(&self) -> bool {
        !matches!(self.source, Source::Elsewhere(_))
    }

    /// One key and one bucket for all artefacts.
    fn base(&self, declare: &mut Declare<'_>) -> Checked<Base> {
        let logs = format!("/platctl/{}/builds/*", declare.stack());
        let statements = vec![logs_use_key(&logs, declare)];
        let key = key(
            "",
            "Encrypts source, artefacts and logs of builds",
            statements,
            declare,
        )?;
        let days = self
            .keep_days
            .as_ref()
            .map_or(30, |days| i32::from(days.value));
        let context = declare.context();
        let name = declare.name(&format!("artifacts-{}-{}", context.account, context.region));
        let tls_only = tls_only(&name, declare);
        let expire = LifecycleRule {
            noncurrent_version_expiration_days: Some(7),
            ..LifecycleRule::expire("expire", Some(days))
        };
        let mut spec = versioned_bucket("artifacts", name, tls_only, vec![expire], declare);
        spec.encryption = Some(encrypted(&key));
        spec.logging = Some(declare.access_logs("artifacts"));
        spec.force_destroy = true;
        let artifacts = declare.add("artifacts", &spec)?;
        let log_days = self
            .log_days
            .as_ref()
            .map_or_else(|| declare.log_days(days), |days| i32::from(days.value));
        Ok(Base {
            key,
            artifacts,
            log_days,
        })
    }

    /// The environments with their gates; the reference's three unless they are said.
    pub(super) fn environments(&self) -> Vec<(String, Gate)> {
        let usual = || {
            [
                ("develop", Gate::Auto),
                ("staging", Gate::Auto),
                ("prod", Gate::Approval),
            ]
            .map(|(name, gate)| (name.to_owned(), gate))
            .to_vec()
        };
        self.environments
            .as_ref()
            .map_or_else(usual, |environments| {
                environments
                    .iter()
                    .map(|(name, gate)| (name.clone(), gate.value))
                    .collect()
            })
    }
}
