//! What is around the clusters of tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use platctl_engine::{Class, CloudError, CloudResult};

use super::Fake;
use crate::{Api, Manifest, Provider, Way, verify};

/// One cluster, that of the example, and what is kept outside of it.
#[derive(Clone, Default)]
pub(crate) struct Provided {
    pub(crate) fake: Fake,
    pub(crate) manifests: Arc<Mutex<HashMap<String, String>>>,
}

impl Provided {
    pub(crate) fn api(&self) -> Api {
        Api::new(self.fake.client(), Arc::new(self.clone()))
    }
}

impl Provider for Provided {
    fn way<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, CloudResult<Option<Way>>> {
        Box::pin(async move {
            Ok((cluster == "open-example-cluster").then(|| Way::Other {
                server: Arc::new(self.api()),
                remark: None,
            }))
        })
    }

    fn token<'a>(&'a self, _cluster: &'a str) -> BoxFuture<'a, CloudResult<String>> {
        Box::pin(async move { Ok(self.fake.world().issue()) })
    }

    fn secret<'a>(&'a self, arn: &'a str, key: &'a str) -> BoxFuture<'a, CloudResult<String>> {
        Box::pin(async move { Ok(format!("CANARY {arn} {key}")) })
    }

    fn fetch<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, CloudResult<Vec<u8>>> {
        Box::pin(async move {
            let manifests = self
                .manifests
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let text = manifests.get(&manifest.url).ok_or_else(|| {
                CloudError::new(Class::NotFound, "kubernetes:Fetch", "nothing there")
            })?;
            verify(manifest, text.as_bytes())?;
            Ok(text.clone().into_bytes())
        })
    }
}
