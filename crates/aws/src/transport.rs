//! Every request on its way out: counted, held back where its family's budget says so, and logged.

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
use platctl_engine::chain;
use platctl_engine::retry::attempt;
use platctl_engine::tell::{Teller, millis};
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
            let result = answer(&inner, request).await;
            log(family, sent.elapsed(), &result);
            let Answered { response, code } = result?;
            if let (Some(budgets), Some((service, operation))) = (&meter.budgets, family) {
                if wire::is_throttling(response.status().as_u16(), code.as_deref()) {
                    budgets.throttled(service, operation, sent);
                } else {
                    budgets.taken(service, operation, sent);
                }
            }
            Ok(response)
        })
    }
}

/// A response, and the error code in it.
struct Answered {
    response: HttpResponse,
    code: Option<String>,
}

async fn answer(
    inner: &SharedHttpConnector,
    request: HttpRequest,
) -> Result<Answered, ConnectorError> {
    let late =
        |_| ConnectorError::timeout(format!("no response within {} s", LONGEST.as_secs()).into());
    let mut response = timeout(LONGEST, inner.call(request))
        .await
        .map_err(late)??;
    let code = code(&mut response).await?;
    Ok(Answered { response, code })
}

/// The code of an error. Above this layer the SDK reads a body only after every hook that sees it as bytes, so an
/// error's body, which is short, is read here and put back.
async fn code(answer: &mut HttpResponse) -> Result<Option<String>, ConnectorError> {
    if answer.status().as_u16() < 400 {
        return Ok(None);
    }
    let body = ByteStream::new(answer.take_body()).collect().await;
    let bytes = body
        .map_err(|error| ConnectorError::io(error.into()))?
        .into_bytes();
    let code = wire::code(|name| answer.headers().get(name), &bytes);
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(code)
}

/// One event for each request, as the log of a run shows it. No URL, header or body: they hold credentials and what
/// users keep secret.
fn log(
    family: Option<(&str, &str)>,
    duration: Duration,
    result: &Result<Answered, ConnectorError>,
) {
    // What has no name is the SDK's own: it asks for credentials.
    let (service, operation) = family.unwrap_or(("SDK", "GetCredentials"));
    let duration_ms = millis(duration);
    let attempt = attempt();
    match result {
        Ok(Answered { response, code }) => {
            let request_id = wire::request_id(|name| response.headers().get(name));
            tracing::debug!(
                service,
                operation,
                duration_ms,
                attempt,
                status = response.status().as_u16(),
                code,
                request_id,
                "AWS call"
            );
        }
        Err(error) => {
            let error = chain(error);
            tracing::debug!(
                service,
                operation,
                duration_ms,
                attempt,
                error,
                "AWS call without a response"
            );
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::connect::{self, Options};
    use crate::local::{Answer, serve};
    use std::sync::OnceLock;

    /// The meter after one call that creates a role and gets this error.
    async fn metered(answer: Answer) -> Meter {
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
            .assume_role_policy_document("{\"the\": \"policy\"}");
        let error = crate::errors::cloud_error(call.send().await.unwrap_err());
        // The body is still there for whoever reads it above.
        assert!(error.code.is_some(), "{error:?}");
        assert_eq!(meter.calls.total(), 1);
        meter
    }

    /// Throttled answers as they are on the wire.
    async fn rests_after(answer: Answer) -> bool {
        let budgets = metered(answer).await.budgets.unwrap();
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

    /// A subscriber that stays, and hears nothing. As long as there was only one, an event that a thread without a
    /// subscriber comes to first counts as one that nobody is interested in, for good.
    static SECOND: OnceLock<tracing::Dispatch> = OnceLock::new();

    /// A log in memory.
    #[derive(Clone, Default)]
    pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        /// What hears all that is logged.
        fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
            SECOND.get_or_init(|| tracing::Dispatch::new(tracing_subscriber::registry()));
            let sink = self.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_ansi(false)
                .with_writer(move || sink.clone())
                .finish()
        }

        /// What is logged by this work.
        pub(crate) fn of(work: impl FnOnce()) -> String {
            let log = Self::default();
            tracing::subscriber::with_default(log.subscriber(), work);
            log.text()
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_call_is_logged_with_its_code_and_request_id_and_nothing_that_was_sent() {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.subscriber());
        let answer = Answer {
            headers: "content-type: text/xml\r\nx-amzn-requestid: 7a62c49f-347e\r\n",
            ..error("409 Conflict", "EntityAlreadyExists")
        };
        metered(answer).await;
        let text = log.text();
        let line = text.lines().find(|line| line.contains("AWS call")).unwrap();
        for part in [
            "service=\"IAM\"",
            "operation=\"CreateRole\"",
            "duration_ms=",
            "attempt=1",
            "status=409",
            "code=\"EntityAlreadyExists\"",
            "request_id=\"7a62c49f-347e\"",
        ] {
            assert!(line.contains(part), "no {part} in {line}");
        }
        let ours = text
            .lines()
            .filter(|line| line.contains(module_path!().trim_end_matches("::tests")));
        for line in ours {
            assert!(
                !line.contains("policy") && !line.contains("Rate exceeded"),
                "{line}"
            );
        }
    }
}
