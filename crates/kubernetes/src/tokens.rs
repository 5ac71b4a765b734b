//! The bearer token of a cluster: renewed before it ends, and forgotten when the server refuses it. It is put on each
//! request on its own, for what a connection is used for can take longer than a token lasts.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use platctl_engine::tell::millis;
use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Provider;

/// How long a token is used: well below the 15 minutes for which EKS takes it.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// For how long after the first one a refusal may be the work of an access policy that is not known everywhere yet.
const SETTLES: Duration = Duration::from_secs(60);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The token of one cluster.
pub(crate) struct Tokens {
    provider: Arc<dyn Provider>,
    cluster: String,
    current: Mutex<Option<(Instant, HeaderValue)>>,
    refused: std::sync::Mutex<Option<Instant>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(provider: Arc<dyn Provider>, cluster: &str) -> Self {
        let cluster = cluster.to_owned();
        Self {
            provider,
            cluster,
            current: Mutex::default(),
            refused: std::sync::Mutex::default(),
        }
    }

    /// The header to send, and whether it was sent before.
    async fn header(&self) -> CloudResult<(HeaderValue, bool)> {
        let mut current = self.current.lock().await;
        if let Some((since, header)) = current.as_ref()
            && since.elapsed() < FRESH
        {
            return Ok((header.clone(), true));
        }
        let token = self.provider.token(&self.cluster).await?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            CloudError::new(
                Class::Unauthenticated,
                "kubernetes:Connect",
                "the token is not valid text",
            )
        })?;
        header.set_sensitive(true);
        *current = Some((Instant::now(), header.clone()));
        Ok((header, false))
    }

    async fn evict(&self, refused: &HeaderValue) {
        let mut current = self.current.lock().await;
        if current
            .as_ref()
            .is_some_and(|(_, header)| header == refused)
        {
            *current = None;
        }
    }

    /// Whether a refusal may pass by itself: access policies take a moment after their association.
    fn may_settle(&self) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get_or_insert_with(Instant::now).elapsed() < SETTLES
    }

    async fn send(
        &self,
        client: &Client,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Failure> {
        let again = copy(&request);
        let (header, used) = self.header().await?;
        request.headers_mut().insert(AUTHORIZATION, header.clone());
        let mut response = client.send(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.evict(&header).await;
            // It was good once: the next one is, unless access itself has ended.
            if let Some(mut request) = again.filter(|_| used) {
                let (header, _) = self.header().await?;
                request.headers_mut().insert(AUTHORIZATION, header.clone());
                response = client.send(request).await?;
                if response.status() == StatusCode::UNAUTHORIZED {
                    self.evict(&header).await;
                }
            }
        }
        if response.status() == StatusCode::FORBIDDEN && self.may_settle() {
            let body = response.into_body().collect_bytes().await?;
            let status: Value = serde_json::from_slice(&body).unwrap_or_default();
            let message = format!(
                "the API server denied the request ({}). An access policy takes effect shortly after it is \
                 associated; if the error persists, no access policy of this role allows it",
                status["message"].as_str().unwrap_or("403 Forbidden")
            );
            return Err(
                CloudError::new(Class::NotYetConsistent, "kubernetes:Authorize", message).into(),
            );
        }
        Ok(response)
    }
}

/// One event for each request. The path names an object; what it holds is in bodies, which are not logged.
fn log(method: &Method, path: &str, duration: Duration, result: &Result<Response<Body>, Failure>) {
    let duration_ms = millis(duration);
    match result {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(%method, path, duration_ms, status, "Kubernetes call");
        }
        Err(error) => {
            tracing::debug!(%method, path, duration_ms, %error, "Kubernetes call without a response");
        }
    }
}

/// The same request once more, where its body can be had twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// A client that speaks through this one, with the token on each request.
pub(crate) fn authenticated(client: Client, tokens: Arc<Tokens>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, tokens) = (client.clone(), tokens.clone());
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let begun = Instant::now();
            let result = tokens.send(&client, request).await;
            log(&method, &path, begun.elapsed(), &result);
            result
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, parse};
    use crate::testing::{Fault, Provided};
    use crate::{Api, Server};
    use platctl_engine::Owner;

    const CLUSTER: &str = "open-example-cluster";

    fn open(provided: &Provided) -> Api {
        let provider: Arc<dyn Provider> = Arc::new(provided.clone());
        let tokens = Arc::new(Tokens::new(provider.clone(), CLUSTER));
        Api::new(authenticated(provided.fake.client(), tokens), provider)
    }

    fn guarded() -> Provided {
        let provided = Provided::default();
        provided.fake.world().guarded = true;
        provided
    }

    fn thing() -> Key {
        parse("v1 ConfigMap kube-system/thing").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_used_for_ten_minutes_and_then_renewed() {
        let provided = guarded();
        let api = open(&provided);
        for _ in 0..60 {
            api.get(&thing()).await.unwrap();
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        let world = provided.fake.world();
        assert_eq!(world.refused, 0, "none was used after its end");
        assert_eq!(world.issued.len(), 6, "nor renewed too often");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_forgotten_and_the_call_made_with_another() {
        let provided = guarded();
        let api = open(&provided);
        api.get(&thing()).await.unwrap();
        provided.fake.world().issued.clear();
        let owner = Owner {
            stack: "prod".into(),
            address: "gitops.x".into(),
            generation: 1,
            region: Some("eu-west-1".into()),
            lineage: Some("lineage".into()),
        };
        api.claim("set", &owner).await.unwrap();
        assert_eq!(provided.fake.world().refused, 1);
        // Where even a new token is refused, it is not asked for another in the same call.
        provided.fake.world().faults.push(Fault {
            line: "GET",
            status: 401,
            times: 9,
        });
        assert_eq!(
            api.get(&thing()).await.unwrap_err().class,
            Class::NotYetConsistent
        );
        assert_eq!(provided.fake.world().faults[0].times, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_may_pass_for_a_minute_and_then_is_one() {
        let provided = guarded();
        let api = open(&provided);
        api.get(&thing()).await.unwrap();
        provided.fake.world().faults.push(Fault {
            line: "thing",
            status: 403,
            times: u32::MAX,
        });
        let error = api.get(&thing()).await.unwrap_err();
        assert_eq!(error.class, Class::NotYetConsistent, "{error}");
        assert!(
            error.message.contains("as the test wants it"),
            "what the server says: {error}"
        );
        assert!(
            error.operation.starts_with("kubernetes:Get ConfigMap"),
            "what was done: {error}"
        );
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(api.get(&thing()).await.unwrap_err().class, Class::Denied);
    }
}
