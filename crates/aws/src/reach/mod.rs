//! The way into an EKS cluster: straight, through a tunnel, or by a build next to it.

mod fetch;
mod program;
mod rights;
mod runner;
mod token;
mod tunnel;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use platctl_engine::{Class, CloudError, CloudResult};
use platctl_kubernetes::{Access, Manifest, Provider, Way};
use serde_json::Value;

use self::fetch::StandIn;
use crate::Cloud;
use crate::errors::Asked;

pub(crate) use rights::{Given, policy as runner_policy};
pub use runner::{Errand, bucket_name, project_name};

/// How a cluster's API server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Path {
    /// Straight where the cluster has a public endpoint, else by the runner.
    #[default]
    Auto,
    /// Straight: from within the VPC, or through a VPN.
    Direct,
    /// Through a port that Session Manager forwards over one of the cluster's nodes.
    Tunnel,
    /// By a CodeBuild project in the cluster's private subnets, which runs platctl itself.
    Runner,
}

/// The program that the runner runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This file: an executable for Linux on x86-64.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// How clusters are reached.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The way.
    pub path: Path,
    /// What the runner runs; by default this very program, if it needs no libraries.
    pub program: Option<Program>,
    /// Whether the runner looks at the cluster itself. A build takes a minute: it otherwise tells how it left things.
    pub look: bool,
}

/// The clusters of one region.
pub(crate) struct Reach {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) settings: Settings,
    pub(crate) credentials: Option<SharedCredentialsProvider>,
    /// Where an emulator is, if AWS is one.
    pub(crate) emulator: Option<String>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("region", &self.cloud.region)
            .finish_non_exhaustive()
    }
}

fn unfit(message: impl Into<String>) -> CloudError {
    CloudError::new(Class::Invalid, "eks:DescribeCluster", message)
}

/// The bytes of a PEM block.
pub(crate) fn der(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    STANDARD.decode(body).ok().filter(|bytes| !bytes.is_empty())
}

impl Reach {
    async fn find(&self, cluster: &str) -> CloudResult<Option<aws_sdk_eks::types::Cluster>> {
        let call = self.cloud.eks.describe_cluster().name(cluster).send().await;
        match call.asked() {
            Err(error) if error.class == Class::NotFound => Ok(None),
            other => Ok(other?.cluster),
        }
    }

    async fn choose(&self, name: &str) -> CloudResult<Option<Way>> {
        let Some(cluster) = self.find(name).await? else {
            return Ok(None);
        };
        // One that is on its way in or out has no server to speak to.
        let Some(endpoint) = cluster.endpoint() else {
            return Ok(None);
        };
        let public = cluster
            .resources_vpc_config()
            .is_some_and(|network| network.endpoint_public_access());
        let path = match self.settings.path {
            Path::Auto if public => Path::Direct,
            Path::Auto => Path::Runner,
            stated => stated,
        };
        if path == Path::Runner {
            let runner = runner::Runner::new(self.cloud.clone(), name, self.settings.clone());
            let remark = (!self.settings.look).then(|| {
                format!("the API server of {name} is accessible only from its VPC, and reading from it takes a build (to do so, run `platctl drift`)")
            });
            return Ok(Some(Way::Other {
                server: Arc::new(runner),
                remark,
            }));
        }
        let authority = cluster
            .certificate_authority()
            .and_then(|authority| authority.data())
            .and_then(|data| STANDARD.decode(data).ok())
            .and_then(|pem| der(&String::from_utf8_lossy(&pem)));
        let mut access = Access {
            server: endpoint.to_owned(),
            tls_server_name: None,
            authority: authority.filter(|_| endpoint.starts_with("https:")),
        };
        if path == Path::Tunnel {
            tunnel::through(&self.cloud, name, &mut access).await?;
        }
        Ok(Some(Way::Direct(access)))
    }

    async fn provided(&self) -> CloudResult<Credentials> {
        let provider = self
            .credentials
            .as_ref()
            .ok_or_else(|| unfit("no credentials found"))?;
        provider.provide_credentials().await.map_err(|error| {
            CloudError::new(
                Class::Unauthenticated,
                "sts:GetCallerIdentity",
                error.to_string(),
            )
        })
    }

    async fn stand_in(&self) -> CloudResult<Option<StandIn>> {
        let Some(endpoint) = self.emulator.clone() else {
            return Ok(None);
        };
        let key = self.provided().await?.access_key_id().to_owned();
        Ok(Some(StandIn { endpoint, key }))
    }

    async fn new_token(&self, cluster: &str) -> CloudResult<String> {
        let credentials = self.provided().await?;
        let place = token::Place {
            region: &self.cloud.region,
            partition: &self.cloud.partition,
            cluster,
        };
        token::token(credentials, place, std::time::SystemTime::now())
    }

    async fn value(&self, arn: &str, key: &str) -> CloudResult<String> {
        let operation = "secretsmanager:GetSecretValue";
        let call = self
            .cloud
            .secretsmanager
            .get_secret_value()
            .secret_id(arn)
            .send()
            .await;
        let found = call.asked()?;
        let content: Value = found
            .secret_string()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let found = match content.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            // A person may write the ID of an App as a number.
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        found.ok_or_else(|| {
            CloudError::new(
                Class::NotYetConsistent,
                operation,
                format!("the secret {arn} does not have the key `{key}` (yet)"),
            )
        })
    }
}

impl Provider for Reach {
    fn way<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, CloudResult<Option<Way>>> {
        Box::pin(self.choose(cluster))
    }

    fn token<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, CloudResult<String>> {
        Box::pin(self.new_token(cluster))
    }

    fn secret<'a>(&'a self, arn: &'a str, key: &'a str) -> BoxFuture<'a, CloudResult<String>> {
        Box::pin(self.value(arn, key))
    }

    fn fetch<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, CloudResult<Vec<u8>>> {
        Box::pin(async move { fetch::fetch(&self.cloud, self.stand_in().await?, manifest).await })
    }
}
