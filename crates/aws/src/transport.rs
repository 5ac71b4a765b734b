//! Every request on its way out: counted, and held back where its family's budget says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Semaphore;

use crate::budget::Budgets;

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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// What all clients share: the count, the requests under way, and the budgets unless they are switched off.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) calls: Arc<Calls>,
    pub(crate) budgets: Option<Arc<Budgets>>,
    under_way: Arc<Semaphore>,
}

impl Meter {
    pub(crate) fn new(budgets: Option<Arc<Budgets>>) -> Self {
        Self { calls: Arc::default(), budgets, under_way: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Notes the operation's name for the connector, and hears what became of the request.
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
            context.request_mut().headers_mut().try_insert(HEADER, name)?;
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(budgets), Some(metadata)) = (&self.budgets, config.load::<Metadata>()) {
            let response = context.response();
            let failed = response.status().as_u16() >= 400;
            let body = response.body().bytes().unwrap_or_default();
            if failed && says_throttled(&String::from_utf8_lossy(body)) {
                budgets.throttled(metadata.service(), metadata.name());
            } else {
                budgets.taken(metadata.service(), metadata.name());
            }
        }
        Ok(())
    }
}

fn says_throttled(body: &str) -> bool {
    ["Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"].iter().any(|code| body.contains(code))
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
        SharedHttpConnector::new(MeteredConnector { inner, meter: self.meter.clone() })
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
            if let Some((service, operation)) = name.as_deref().and_then(|name| name.split_once(':')) {
                meter.calls.count(&format!("{service}:{operation}"));
                if let Some(budgets) = &meter.budgets {
                    budgets.acquire(service, operation).await;
                }
            }
            // Never closed, so there is always a permit in the end.
            let _permit = meter.under_way.acquire().await;
            inner.call(request).await
        })
    }
}
