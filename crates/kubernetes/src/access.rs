//! Clusters, and the ways to them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use kube::{Client, Config};
use platctl_engine::{Class, CloudError, CloudResult, Owner, Vacated};
use tokio::sync::Mutex;

use crate::budgets::{self, Blocking};
use crate::forward::{self, Destination, Forwarder};
use crate::server::vacate;
use crate::tokens::{Tokens, authenticated};
use crate::{Api, JobOrder, Order, ReleaseOrder, Server, SetState, VacateOrder, VacateReport};

/// An API server that can be reached from here.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its address.
    pub server: String,
    /// The name in its certificate, where it is not that of the address (a tunnel).
    pub tls_server_name: Option<String>,
    /// The certificate of its authority, as DER; none for a server without TLS.
    pub authority: Option<Vec<u8>>,
}

/// The way to a cluster.
pub enum Way {
    /// Its API server can be reached from here.
    Direct(Access),
    /// Somebody else goes there.
    Other {
        /// Who.
        server: Arc<dyn Server>,
        /// Why a read does not look at the cluster itself, if it does not.
        remark: Option<String>,
    },
}

/// Who knows clusters, and what is kept outside of them.
pub trait Provider: Send + Sync {
    /// The way to a cluster; none when there is no such cluster.
    fn way<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, CloudResult<Option<Way>>>;
    /// A bearer token for a cluster that can be reached from here. EKS takes one for 15 minutes.
    fn token<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, CloudResult<String>>;
    /// A value that is kept outside of the cluster: key `key` of the JSON in the secret of this ARN.
    fn secret<'a>(&'a self, arn: &'a str, key: &'a str) -> BoxFuture<'a, CloudResult<String>>;
    /// Whether claims of volumes may be deleted when a cluster is, and the data of the volumes with them.
    fn deletes_volumes(&self) -> bool {
        false
    }
    /// What became of the programs in a cluster that is to be deleted, or why they were not reached.
    fn vacated<'a>(
        &'a self,
        _cluster: &'a str,
        _report: &'a CloudResult<VacateReport>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
    /// What is at this address.
    fn fetch<'a>(&'a self, manifest: &'a crate::Manifest) -> BoxFuture<'a, CloudResult<Vec<u8>>>;
}

/// How long a way is taken before it is looked for again: a cluster's endpoint can change.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// A connection, and since when it stands.
type Open = (Instant, Arc<dyn Server>);

/// All clusters that a provider knows.
pub struct Clusters {
    provider: Arc<dyn Provider>,
    open: Mutex<HashMap<String, Open>>,
    clients: Mutex<HashMap<String, Client>>,
    tokens: std::sync::Mutex<HashMap<String, Arc<Tokens>>>,
    remark: std::sync::Mutex<Option<String>>,
}

impl fmt::Debug for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clusters")
    }
}

impl Clusters {
    /// The clusters of this provider.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            open: Mutex::default(),
            clients: Mutex::default(),
            tokens: std::sync::Mutex::default(),
            remark: std::sync::Mutex::default(),
        }
    }

    /// The token of a cluster; the same one, however often the way to it is looked for.
    fn tokens(&self, cluster: &str) -> Arc<Tokens> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Tokens::new(self.provider.clone(), cluster));
        tokens.entry(cluster.to_owned()).or_insert_with(new).clone()
    }

    /// Why sets are not looked at themselves, if one of them was not.
    pub(crate) fn remark(&self) -> Option<String> {
        self.remark
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The way into a cluster; none when there is no such cluster.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn server(&self, cluster: &str) -> CloudResult<Option<Arc<dyn Server>>> {
        let mut open = self.open.lock().await;
        if let Some((since, server)) = open.get(cluster)
            && since.elapsed() < FRESH
        {
            return Ok(Some(server.clone()));
        }
        let server: Arc<dyn Server> = match self.provider.way(cluster).await? {
            None => return Ok(None),
            Some(Way::Other { server, remark }) => {
                *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = remark;
                server
            }
            Some(Way::Direct(access)) => {
                let client = authenticated(connect(&access)?, self.tokens(cluster));
                Arc::new(Api::new(client, self.provider.clone()))
            }
        };
        open.insert(cluster.to_owned(), (Instant::now(), server.clone()));
        Ok(Some(server))
    }

    /// A client of a cluster that can be reached from here, for what is no set of objects. The way to it is opened
    /// once: it may be a tunnel.
    async fn client(&self, cluster: &str) -> CloudResult<Client> {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(cluster) {
            return Ok(client.clone());
        }
        let access = match self.provider.way(cluster).await? {
            None => return Err(no_cluster(cluster)),
            Some(Way::Direct(access)) => access,
            Some(Way::Other { .. }) => {
                let message = format!(
                    "this requires a connection to the API server of {cluster}, which the runner cannot open. Use \
                     --cluster-access tunnel, or, inside the VPC or through a VPN, --cluster-access direct"
                );
                return Err(CloudError::new(
                    Class::Unreachable,
                    "kubernetes:Connect",
                    message,
                ));
            }
        };
        let client = authenticated(connect(&access)?, self.tokens(cluster));
        clients.insert(cluster.to_owned(), client.clone());
        Ok(client)
    }

    /// Leads to the pods of a Service. The way has to end here: what others do for this machine is no way.
    ///
    /// # Errors
    /// When the API server cannot be reached from here.
    pub async fn forwarder(&self, cluster: &str, to: Destination) -> CloudResult<Forwarder> {
        Ok(Forwarder::new(self.client(cluster).await?, to))
    }

    /// The value of a key of a Secret; none when there is none.
    ///
    /// # Errors
    /// What the API server answers, or that it cannot be reached from here.
    pub async fn secret_value(
        &self,
        cluster: &str,
        (namespace, name): (&str, &str),
        key: &str,
    ) -> CloudResult<Option<String>> {
        let client = self.client(cluster).await?;
        forward::secret_value(&client, namespace, name, key).await
    }

    /// The PodDisruptionBudgets that let no pod go now.
    ///
    /// # Errors
    /// What the API server answers, or that it cannot be reached from here.
    pub async fn blocking_budgets(&self, cluster: &str) -> CloudResult<Vec<Blocking>> {
        budgets::blocking(&self.client(cluster).await?).await
    }
}

impl Clusters {
    /// Has what runs in a cluster delete what it has made in AWS. A cluster that cannot be reached is no failure: the
    /// provider hears of it, and what is left is deleted without it.
    pub(crate) async fn vacate(&self, cluster: &str) -> CloudResult<Vacated> {
        let order = VacateOrder {
            claims: self.provider.deletes_volumes(),
        };
        let mut tell = |text: &str| tracing::debug!(cluster, text, "waiting");
        let report = match self.server(cluster).await {
            Ok(None) => return Ok(Vacated::Left),
            Ok(Some(server)) => vacate(&*server, &order, false, &mut tell).await,
            Err(error) => Err(error),
        };
        self.provider.vacated(cluster, &report).await;
        Ok(match report {
            Ok(report) if report.alive => Vacated::Told,
            _ => Vacated::Left,
        })
    }
}

/// The way into one cluster, for longer than a token lasts.
#[derive(Debug)]
pub struct Renewing {
    clusters: Arc<Clusters>,
    cluster: String,
}

impl Renewing {
    /// The way into the cluster of this name.
    #[must_use]
    pub const fn new(clusters: Arc<Clusters>, cluster: String) -> Self {
        Self { clusters, cluster }
    }

    async fn server(&self) -> CloudResult<Arc<dyn Server>> {
        self.clusters
            .server(&self.cluster)
            .await?
            .ok_or_else(|| no_cluster(&self.cluster))
    }
}

pub(crate) fn no_cluster(cluster: &str) -> CloudError {
    let message = format!("cluster `{cluster}` not found or not accessible");
    CloudError::new(Class::NotYetConsistent, "kubernetes:Connect", message)
}

impl Server for Renewing {
    fn read<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<Option<SetState>>> {
        Box::pin(async move { self.server().await?.read(set).await })
    }

    fn claim<'a>(&'a self, set: &'a str, owner: &'a Owner) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.server().await?.claim(set, owner).await })
    }

    fn apply<'a>(&'a self, set: &'a str, order: &'a Order) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.server().await?.apply(set, order).await })
    }

    fn run_job<'a>(&'a self, job: &'a JobOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.server().await?.run_job(job).await })
    }

    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.server().await?.release(order).await })
    }

    fn vacate<'a>(&'a self, order: &'a VacateOrder) -> BoxFuture<'a, CloudResult<VacateReport>> {
        Box::pin(async move { self.server().await?.vacate(order).await })
    }

    fn delete<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.server().await?.delete(set).await })
    }
}

fn connect(access: &Access) -> CloudResult<Client> {
    let wrong = |why: String| CloudError::new(Class::Invalid, "kubernetes:Connect", why);
    let url = access
        .server
        .parse()
        .map_err(|_| wrong(format!("`{}` is not a valid address", access.server)))?;
    let mut config = Config::new(url);
    config.connect_timeout = Some(Duration::from_secs(8));
    config.read_timeout = Some(Duration::from_secs(60));
    // The engine repeats calls itself.
    config.default_retry = false;
    config.tls_server_name.clone_from(&access.tls_server_name);
    config.root_cert = access.authority.clone().map(|der| vec![der]);
    Client::try_from(config).map_err(|error| wrong(error.to_string()))
}
