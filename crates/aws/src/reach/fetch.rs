//! Manifests: from the web, from a bucket, or from a file.

use std::io::Read as _;
use std::time::Duration;

use platctl_engine::{Class, CloudError, CloudResult};
use platctl_kubernetes::{Manifest, verify};

use crate::Cloud;
use crate::errors::Asked;

/// The largest manifest that there is, and some more.
const MOST: u64 = 32 * 1024 * 1024;

fn failed(class: Class, manifest: &Manifest, why: impl std::fmt::Display) -> CloudError {
    let message = format!(
        "cannot download {}: {why}. Without internet access, put the file in a bucket or a folder, and set \
         `gitops.manifest`",
        manifest.url
    );
    CloudError::new(class, "kubernetes:Fetch", message)
}

/// The emulator, which has something for what its builds would fetch from the web, and the access key that it asks for.
pub(super) struct StandIn {
    pub(super) endpoint: String,
    pub(super) key: String,
}

/// What is at the manifest's address, with its digest verified.
pub(super) async fn fetch(
    cloud: &Cloud,
    emulator: Option<StandIn>,
    manifest: &Manifest,
) -> CloudResult<Vec<u8>> {
    if let Some(rest) = manifest.url.strip_prefix("s3://") {
        let bytes = from_bucket(cloud, rest, manifest).await?;
        verify(manifest, &bytes)?;
        return Ok(bytes);
    }
    if manifest.url.starts_with("https://") {
        // The emulator stands for AWS and for what its builds fetch. It has something shorter than the real thing,
        // which therefore has another digest.
        if let Some(StandIn { endpoint, key }) = emulator {
            return from_web(format!("{endpoint}/_platctl/manifest"), Some(key), manifest).await;
        }
        let bytes = from_web(manifest.url.clone(), None, manifest).await?;
        verify(manifest, &bytes)?;
        return Ok(bytes);
    }
    let bytes = tokio::fs::read(&manifest.url)
        .await
        .map_err(|error| failed(Class::NotFound, manifest, error))?;
    verify(manifest, &bytes)?;
    Ok(bytes)
}

async fn from_bucket(cloud: &Cloud, place: &str, manifest: &Manifest) -> CloudResult<Vec<u8>> {
    let (bucket, key) = place.split_once('/').ok_or_else(|| {
        failed(
            Class::Invalid,
            manifest,
            "it does not contain an object key",
        )
    })?;
    let found = cloud.s3.get_object().bucket(bucket).key(key).send().await;
    let found = found.asked()?;
    let bytes = found
        .body
        .collect()
        .await
        .map_err(|error| failed(Class::Interrupted, manifest, error))?;
    Ok(bytes.to_vec())
}

async fn from_web(url: String, key: Option<String>, manifest: &Manifest) -> CloudResult<Vec<u8>> {
    let read = move || {
        let agent = ureq::Agent::new_with_config(
            ureq::Agent::config_builder()
                .timeout_global(Some(Duration::from_secs(60)))
                .build(),
        );
        let mut bytes = Vec::new();
        let call = agent.get(&url);
        let call = if let Some(key) = key {
            call.header("x-platctl-key", key)
        } else {
            call
        };
        let answer = call.call().map_err(|error| error.to_string())?;
        let mut body = answer.into_body().into_reader().take(MOST);
        body.read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|error| failed(Class::Unknown, manifest, error))?;
    read.map_err(|error| failed(Class::Unreachable, manifest, error))
}
