//! Ports of this machine that lead to pods, by the API server: nothing in the cluster has to be open for that.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::{Api as KubeApi, Client};
use platctl_engine::{Class, CloudError, CloudResult};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::errors::cloud_error;

const OPERATION: &str = "kubernetes:Forward";

/// A Service, and the port of it that a port of this machine is to lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// Its port.
    pub port: u16,
}

/// Leads connections to the pods of a Service.
#[derive(Clone)]
pub struct Forwarder {
    client: Client,
    destination: Arc<Destination>,
}

fn failed(class: Class, message: String) -> CloudError {
    CloudError::new(class, OPERATION, message)
}

/// The value of a Secret, as the API server of this client has it.
pub(crate) async fn secret_value(
    client: &Client,
    namespace: &str,
    name: &str,
    key: &str,
) -> CloudResult<Option<String>> {
    let secrets: KubeApi<Secret> = KubeApi::namespaced(client.clone(), namespace);
    let found = secrets.get_opt(name).await;
    let found = found.map_err(|error| {
        cloud_error(&format!("kubernetes:Get Secret {namespace}/{name}"), &error)
    })?;
    let data = found.and_then(|secret| secret.data).unwrap_or_default();
    Ok(data
        .get(key)
        .map(|value| String::from_utf8_lossy(&value.0).into_owned()))
}

impl Forwarder {
    pub(crate) fn new(client: Client, destination: Destination) -> Self {
        Self {
            client,
            destination: Arc::new(destination),
        }
    }

    /// A pod that answers now, and its port. Asked for each connection: pods come and go while one is open.
    ///
    /// # Errors
    /// [`Class::NotFound`] when there is no such Service, or none of its pods is ready.
    pub async fn pod(&self) -> CloudResult<(String, u16)> {
        let Destination {
            namespace,
            service,
            port,
        } = &*self.destination;
        let services: KubeApi<Service> = KubeApi::namespaced(self.client.clone(), namespace);
        let operation = format!("kubernetes:Get Service {namespace}/{service}");
        let found = services.get_opt(service).await;
        let found = found
            .map_err(|error| cloud_error(&operation, &error))?
            .and_then(|service| service.spec)
            .ok_or_else(|| {
                let message = format!(
                    "the cluster has no Service {namespace}/{service}: Argo CD has not deployed it yet, or it is \
                     disabled in the stack file"
                );
                failed(Class::NotFound, message)
            })?;
        let ports = found.ports.unwrap_or_default();
        let target = ports
            .into_iter()
            .find(|one| one.port == i32::from(*port))
            .map(|one| one.target_port.unwrap_or(IntOrString::Int(one.port)))
            .ok_or_else(|| {
                let message = format!("the Service {namespace}/{service} has no port {port}");
                failed(Class::NotFound, message)
            })?;
        let labels: Vec<String> = found
            .selector
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let pods: KubeApi<Pod> = KubeApi::namespaced(self.client.clone(), namespace);
        let listed = pods
            .list(&ListParams::default().labels(&labels.join(",")))
            .await
            .map_err(|error| cloud_error(&format!("kubernetes:List Pods {namespace}"), &error))?;
        listed
            .items
            .iter()
            .find_map(|pod| reached(pod, &target))
            .ok_or_else(|| {
                let message = format!(
                    "no pod of the Service {namespace}/{service} is ready. To see why, run `kubectl get pods -n \
                     {namespace}`"
                );
                failed(Class::NotFound, message)
            })
    }

    /// Takes connections and leads each to a pod, until it is dropped. What is wrong with one connection is told, and
    /// ends no other one.
    ///
    /// # Errors
    /// When no connection can be taken any more.
    pub async fn run(
        self,
        listener: TcpListener,
        tell: impl Fn(&CloudError) + Clone + Send + 'static,
    ) -> CloudResult<()> {
        loop {
            let (connection, _) = listener
                .accept()
                .await
                .map_err(|error| failed(Class::Unknown, error.to_string()))?;
            let (forwarder, tell) = (self.clone(), tell.clone());
            tokio::spawn(async move {
                if let Err(error) = forwarder.lead(connection).await {
                    tell(&error);
                }
            });
        }
    }

    async fn lead(&self, mut connection: TcpStream) -> CloudResult<()> {
        let (name, port) = self.pod().await?;
        let namespace = &self.destination.namespace;
        let pods: KubeApi<Pod> = KubeApi::namespaced(self.client.clone(), namespace);
        let mut forwarded = pods
            .portforward(&name, &[port])
            .await
            .map_err(|error| cloud_error(&format!("{OPERATION} {namespace}/{name}"), &error))?;
        let Some(mut stream) = forwarded.take_stream(port) else {
            return Ok(());
        };
        // Either side may end a connection at any time; a browser does so all the time.
        let _ = copy_bidirectional(&mut connection, &mut stream).await;
        drop(stream);
        forwarded.abort();
        Ok(())
    }
}

/// The name of a pod that is ready, and its port.
fn reached(pod: &Pod, target: &IntOrString) -> Option<(String, u16)> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|one| one.type_ == "Ready" && one.status == "True");
    if !ready || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let port = match target {
        IntOrString::Int(port) => *port,
        IntOrString::String(name) => {
            let containers = &pod.spec.as_ref()?.containers;
            let mut ports = containers.iter().flat_map(|one| one.ports.iter().flatten());
            ports
                .find(|port| port.name.as_deref() == Some(name))?
                .container_port
        }
    };
    Some((pod.metadata.name.clone()?, u16::try_from(port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clusters;
    use crate::testing::Provided;
    use serde_json::{Value, json};

    fn pod(ready: &str, ports: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-0"},
            "spec": {"containers": [{"name": "web", "ports": ports}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_that_is_ready_is_reached_at_its_own_port() {
        let ports = json!([{"name": "metrics", "containerPort": 9000}, {"name": "http", "containerPort": 3000}]);
        let named = IntOrString::String("http".into());
        let found = Some(("web-0".to_owned(), 3000));
        assert_eq!(reached(&pod("True", ports.clone()), &named), found);
        assert_eq!(reached(&pod("False", ports.clone()), &named), None);
        assert_eq!(reached(&pod("True", json!([])), &named), None);
        let found = Some(("web-0".to_owned(), 8080));
        assert_eq!(reached(&pod("True", ports), &IntOrString::Int(8080)), found);
    }

    #[test]
    fn a_pod_that_leaves_is_not_reached() {
        let mut pod = pod("True", json!([]));
        pod.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-31T02:17:00Z")).unwrap();
        assert_eq!(reached(&pod, &IntOrString::Int(80)), None);
    }

    /// A cluster with the page of Argo CD, whose pods are ready or not.
    fn argo_cd(ready: &str) -> Provided {
        let provided = Provided::default();
        let service = json!({
            "metadata": {"name": "argocd-server", "namespace": "argocd"},
            "spec": {
                "selector": {"app.kubernetes.io/name": "argocd-server"},
                "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443, "targetPort": 8080}],
            },
        });
        let mut pod = serde_json::to_value(pod(ready, json!([]))).unwrap();
        pod["metadata"]["namespace"] = "argocd".into();
        let mut world = provided.fake.world();
        let mut put = |at: &str, object: Value| world.objects.insert(at.to_owned(), object);
        put("v1/services/argocd/argocd-server", service);
        put("v1/pods/argocd/web-0", pod);
        drop(world);
        provided
    }

    fn to(provided: &Provided, service: &str, port: u16) -> Forwarder {
        let destination = Destination {
            namespace: "argocd".into(),
            service: service.into(),
            port,
        };
        Forwarder::new(provided.fake.client(), destination)
    }

    #[tokio::test]
    async fn what_is_missing_behind_a_page_is_said() {
        let well = argo_cd("True");
        let found = to(&well, "argocd-server", 443).pod().await.unwrap();
        assert_eq!(found, ("web-0".to_owned(), 8080));
        let error = to(&well, "other", 443).pod().await.unwrap_err();
        assert!(error.message.contains("no Service argocd/other"), "{error}");
        let error = to(&well, "argocd-server", 9).pod().await.unwrap_err();
        assert!(error.message.contains("has no port 9"), "{error}");
        let unwell = argo_cd("False");
        let error = to(&unwell, "argocd-server", 443).pod().await.unwrap_err();
        assert!(
            error.message.contains("`kubectl get pods -n argocd`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_build_leads_no_connection() {
        let clusters = Clusters::new(Arc::new(Provided::default()));
        let destination = to(&Provided::default(), "argocd-server", 443);
        let destination = (*destination.destination).clone();
        let asked = clusters
            .forwarder("open-example-cluster", destination)
            .await;
        let error = asked.err().unwrap();
        assert!(error.message.contains("--cluster-access tunnel"), "{error}");
    }
}
