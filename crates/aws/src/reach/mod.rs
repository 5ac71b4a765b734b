//! The way into an EKS cluster: straight, through a tunnel, or by a build next to it.

mod builds;
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
use platctl_kubernetes::{Access, Manifest, Provider, VacateReport, Way};
use serde_json::Value;

use self::fetch::StandIn;
use crate::Cloud;
use crate::errors::Asked;
use crate::leftovers::claims;

pub(crate) use rights::{Given, is_at_work, policy as runner_policy};
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
    /// Straight where the cluster has a public endpoint, else by a tunnel: for what a person does here and now.
    Here,
}

impl Path {
    /// The way to a cluster with or without a public endpoint.
    const fn to(self, public: bool) -> Self {
        match self {
            Self::Auto | Self::Here if public => Self::Direct,
            Self::Auto => Self::Runner,
            Self::Here => Self::Tunnel,
            stated => stated,
        }
    }
}

/// The API server of a cluster, for other programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub url: String,
    /// The certificate of its authority: PEM, base64-encoded.
    pub authority: Option<String>,
    /// The name in its certificate.
    pub host: String,
    /// Whether it can be reached from the internet.
    pub public: bool,
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

/// The host of an address.
fn host(url: &str) -> String {
    let host = url.trim_start_matches("https://");
    host.trim_end_matches('/').to_owned()
}

fn is_public(cluster: &aws_sdk_eks::types::Cluster) -> bool {
    cluster
        .resources_vpc_config()
        .is_some_and(|network| network.endpoint_public_access())
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
        let path = self.settings.path.to(is_public(&cluster));
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
            tunnel::through(&self.cloud, name, &mut access, None).await?;
        }
        Ok(Some(Way::Direct(access)))
    }

    /// Where the API server of a cluster is; none when there is no such cluster.
    pub(crate) async fn endpoint(&self, name: &str) -> CloudResult<Option<Endpoint>> {
        let Some(cluster) = self.find(name).await? else {
            return Ok(None);
        };
        let url = cluster.endpoint().ok_or_else(|| {
            let status = cluster.status().map_or("unknown", |status| status.as_str());
            unfit(format!(
                "cluster {name} has no API server yet: its status is {status}"
            ))
        })?;
        let authority = cluster
            .certificate_authority()
            .and_then(|authority| authority.data());
        Ok(Some(Endpoint {
            url: url.to_owned(),
            authority: authority
                .filter(|_| url.starts_with("https:"))
                .map(ToOwned::to_owned),
            host: host(url),
            public: is_public(&cluster),
        }))
    }

    /// Lets a port of this machine lead to the API server, until this process ends.
    pub(crate) async fn tunnel(&self, name: &str, port: u16) -> CloudResult<()> {
        let endpoint = self.endpoint(name).await?;
        let endpoint = endpoint.ok_or_else(|| unfit(format!("cluster {name} does not exist")))?;
        let mut access = Access {
            server: endpoint.url,
            tls_server_name: None,
            authority: None,
        };
        tunnel::through(&self.cloud, name, &mut access, Some(port)).await
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

    pub(crate) async fn new_token(&self, cluster: &str) -> CloudResult<String> {
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
        let found = content.get(key).and_then(crate::secretsmanager::text);
        found.ok_or_else(|| {
            CloudError::new(
                Class::NotYetConsistent,
                operation,
                format!("the secret {arn} does not have the key `{key}` (yet)"),
            )
        })
    }
}

impl Reach {
    /// What came of telling the workloads of a cluster to delete what they made.
    async fn heard(&self, cluster: &str, report: &CloudResult<VacateReport>) {
        let departure = &self.cloud.departure;
        match report {
            Ok(report) => {
                claims::retain(&self.cloud, cluster, &report.retained).await;
                if report.alive && !report.held.is_empty() {
                    departure.note(format!(
                        "In the cluster {cluster}, these objects were not deleted in time: {}. What their controllers \
                         made in AWS is deleted without them",
                        report.held.join(", ")
                    ));
                }
            }
            Err(error) => departure.note(format!(
                "The workloads of the cluster {cluster} could not be told to delete what they made in AWS: {error}. \
                 platctl deletes what carries the tags of the cluster"
            )),
        }
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

    fn deletes_volumes(&self) -> bool {
        self.cloud.departure.deletes_volumes()
    }

    fn vacated<'a>(
        &'a self,
        cluster: &'a str,
        report: &'a CloudResult<VacateReport>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.heard(cluster, report))
    }

    fn fetch<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, CloudResult<Vec<u8>>> {
        Box::pin(async move { fetch::fetch(&self.cloud, self.stand_in().await?, manifest).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_goes_by_a_tunnel_where_apply_takes_the_runner() {
        assert_eq!(Path::Auto.to(false), Path::Runner);
        assert_eq!(Path::Here.to(false), Path::Tunnel);
        assert_eq!(Path::Here.to(true), Path::Direct);
        assert_eq!(Path::Tunnel.to(true), Path::Tunnel, "what is stated stays");
    }

    #[test]
    fn the_certificate_has_the_name_of_the_host() {
        assert_eq!(
            host("https://ABC.gr7.eu-west-1.eks.amazonaws.com"),
            "ABC.gr7.eu-west-1.eks.amazonaws.com"
        );
    }
}
