//! Every request on its way out: counted, and held back where its family's budget says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use platctl_engine::tell::Teller;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::budget::Budgets;
use crate::wire;

/// How the operation's name gets from the interceptor to the connector. It is taken off before sending.
const HEADER: &str = "x-platctl-operation";

/// How many calls were made, by service and operation.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<String, u64>>);

impl Calls {
    fn count(&self, operation: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(operation.to_owned()).or_default() += 1;
    }

    /// The calls of each operation: `EC2:DescribeVpcs`.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_operation().values().sum()
    }
}

/// How many requests are under way at once. A refresh asks for everything at once; more connections than that only
/// wait for each other, and some systems do not let a process open more.
const AT_ONCE: usize = 96;

/// How long a request may take from being sent to the beginning of its answer. The time that it waits for its turn does
/// not count: the SDK's own limits would count it.
const LONGEST: Duration = Duration::from_secs(90);

/// What all clients share: the count, the requests under way, and the budgets unless they are switched off.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) calls: Arc<Calls>,
    pub(crate) budgets: Option<Arc<Budgets>>,
    pub(crate) teller: Teller,
    under_way: Arc<Semaphore>,
}

impl Meter {
    pub(crate) fn new(budgets: Option<Arc<Budgets>>) -> Self {
        let under_way = Arc::new(Semaphore::new(AT_ONCE));
        Self {
            calls: Arc::default(),
            budgets,
            teller: Teller::default(),
            under_way,
        }
    }

    /// The same meter, which says what takes long.
    pub(crate) fn telling(self, teller: Teller) -> Self {
        Self { teller, ..self }
    }

    /// Waits until the operation's family may make a request.
    async fn acquire(&self, service: &str, operation: &str) {
        if let Some(budgets) = &self.budgets {
            let told = self
                .teller
                .about(format!("calls to {service}, such as {operation}"));
            told.for_reason("waiting to stay within the API's request rate");
            told.during(budgets.acquire(service, operation)).await;
        }
    }
}

/// Notes the operation's name for the connector.
#[dyn_dispatch_hint]
impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "platctl meter"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let name = format!("{}:{}", metadata.service(), metadata.name());
            context
                .request_mut()
                .headers_mut()
                .try_insert(HEADER, name)?;
        }
        Ok(())
    }
}

/// An HTTP client whose requests are metered.
#[derive(Clone, Debug)]
pub(crate) struct Metered {
    inner: SharedHttpClient,
    meter: Meter,
}

impl Metered {
    pub(crate) const fn new(inner: SharedHttpClient, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl HttpClient for Metered {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(MeteredConnector {
            inner,
            meter: self.meter.clone(),
        })
    }
}

#[derive(Debug)]
struct MeteredConnector {
    inner: SharedHttpConnector,
    meter: Meter,
}

impl HttpConnector for MeteredConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let name = request.headers_mut().remove(HEADER);
        let (inner, meter) = (self.inner.clone(), self.meter.clone());
        HttpConnectorFuture::new(async move {
            let family = name.as_deref().and_then(|name| name.split_once(':'));
            if let Some((service, operation)) = family {
                meter.calls.count(&format!("{service}:{operation}"));
                meter.acquire(service, operation).await;
            }
            // Never closed, so there is always a permit in the end.
            let _permit = meter.under_way.acquire().await;
            let sent = Instant::now();
            let late = |_| {
                ConnectorError::timeout(
                    format!("no response within {} s", LONGEST.as_secs()).into(),
                )
            };
            let mut answer = timeout(LONGEST, inner.call(request))
                .await
                .map_err(late)??;
            if let (Some(budgets), Some((service, operation))) = (&meter.budgets, family) {
                if throttled(&mut answer).await? {
                    budgets.throttled(service, operation, sent);
                } else {
                    budgets.taken(service, operation, sent);
                }
            }
            Ok(answer)
        })
    }
}

/// Whether an answer says that there were too many requests. Above this layer the SDK reads a body only after every
/// hook that sees it as bytes, so an error's body, which is short, is read here and put back.
async fn throttled(answer: &mut HttpResponse) -> Result<bool, ConnectorError> {
    let status = answer.status().as_u16();
    if status < 400 {
        return Ok(false);
    }
    let body = ByteStream::new(answer.take_body()).collect().await;
    let bytes = body
        .map_err(|error| ConnectorError::io(error.into()))?
        .into_bytes();
    let said = wire::throttled(status, |name| answer.headers().get(name), &bytes);
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::{self, Options};
    use crate::local::{Answer, serve};

    /// Throttled answers as they are on the wire.
    async fn rests_after(answer: Answer) -> bool {
        let url = serve(move |_| answer.clone()).await;
        let meter = Meter::new(Some(Arc::default()));
        let options = Options {
            region: Some("eu-west-1".into()),
            endpoint_url: Some(url),
            credentials: Some(("id".into(), "secret".into())),
            ..Options::default()
        };
        let config = connect::load(&options, &meter).await;
        let builder = aws_sdk_iam::config::Builder::from(&config);
        let interceptor =
            aws_smithy_runtime_api::client::interceptors::SharedInterceptor::new(meter.clone());
        let iam = aws_sdk_iam::Client::from_conf(builder.interceptor(interceptor).build());
        let call = iam
            .create_role()
            .role_name("r")
            .assume_role_policy_document("{}");
        let error = crate::errors::cloud_error(call.send().await.unwrap_err());
        // The body is still there for whoever reads it above.
        assert!(error.code.is_some(), "{error:?}");
        assert_eq!(meter.calls.total(), 1);
        let budgets = meter.budgets.unwrap();
        assert!(!budgets.rests("IAM", "GetRole"), "reads are another family");
        budgets.rests("IAM", "PutRolePolicy")
    }

    fn error(status: &'static str, code: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>Rate exceeded</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        );
        Answer {
            status,
            headers: "content-type: text/xml\r\n",
            body,
        }
    }

    #[tokio::test]
    async fn a_throttled_answer_makes_its_family_rest() {
        assert!(rests_after(error("400 Bad Request", "Throttling")).await);
        assert!(rests_after(error("503 Service Unavailable", "RequestLimitExceeded")).await);
    }

    #[tokio::test]
    async fn any_other_error_does_not() {
        assert!(!rests_after(error("409 Conflict", "EntityAlreadyExists")).await);
        assert!(!rests_after(error("500 Internal Server Error", "ServiceFailure")).await);
    }
}
