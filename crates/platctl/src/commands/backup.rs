//! `platctl backup` and `platctl restore`

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use platctl_aws::s3::listing::keys;
use platctl_engine::state::State;
use platctl_kubernetes::{JobOrder, Renewing, Server};

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

/// Where backups are in their bucket.
const PREFIX: &str = "argo-cd/";

/// A stack whose cluster has Argo CD in it.
struct Place {
    site: Site,
    cluster: String,
    bucket: String,
}

async fn place(path: &Path, global: &Global) -> Result<Place, CliError> {
    let named = Named::find(path, global)?;
    let state = named.store(global).await?.read().await?.state;
    let name = named.name;
    let none = || {
        CliError::other(format!(
            "stack `{name}` has no Argo CD backups: add `gitops:` to the stack file and run `platctl apply` \
             first. Nothing was changed"
        ))
    };
    let cluster = id_of(&state, "gitops.argo_cd")
        .and_then(|id| Some(id.split_once('|')?.0.to_owned()))
        .ok_or_else(none)?;
    let bucket = id_of(&state, "gitops.backups").ok_or_else(none)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    Ok(Place {
        site,
        cluster,
        bucket,
    })
}

fn id_of(state: &State, address: &str) -> Option<String> {
    let (_, record) = state
        .resources
        .iter()
        .find(|(known, _)| known.as_str() == address)?;
    record.object.as_ref().map(|object| object.id.to_string())
}

impl Place {
    async fn backups(&self) -> Result<Vec<String>, CliError> {
        let cloud = self.site.aws.cloud(&self.site.region);
        let found = keys(&cloud, &self.bucket, PREFIX).await?;
        Ok(found
            .into_iter()
            .filter_map(|key| key.strip_prefix(PREFIX).map(ToOwned::to_owned))
            .collect())
    }

    async fn run(
        &self,
        cron_job: &str,
        variables: BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let job = JobOrder {
            namespace: "argocd".into(),
            cron_job: cron_job.into(),
            name: format!("{cron_job}-{now}"),
            variables,
        };
        let server = Renewing::new(
            self.site.aws.clusters(&self.site.region),
            self.cluster.clone(),
        );
        let told = self
            .site
            .aws
            .teller()
            .about(format!("waiting for the job {}", job.name));
        told.during(server.run_job(&job))
            .await
            .map_err(CliError::Runner)
    }
}

/// Runs the nightly backup now.
pub(crate) async fn backup(path: &Path, global: &Global) -> Result<Exit, CliError> {
    let place = place(path, global).await?;
    place.run("argo-cd-backup", BTreeMap::new()).await?;
    let newest = place.backups().await?.pop();
    let what = newest.map_or_else(
        || "the Argo CD configuration".to_owned(),
        |file| format!("`{file}`"),
    );
    render::line(
        &format!("Backed up: {what} in s3://{}/{PREFIX}", place.bucket),
        global,
    );
    Ok(Exit::Done)
}

/// Brings one backup back.
pub(crate) async fn restore(
    path: &Path,
    from: Option<&str>,
    yes: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let place = place(path, global).await?;
    let backups = place.backups().await?;
    let Some(file) = from else {
        let none = || format!("No backups found in s3://{}/{PREFIX}", place.bucket);
        render::line(
            &if backups.is_empty() {
                none()
            } else {
                backups.join("\n")
            },
            global,
        );
        return Ok(Exit::Done);
    };
    if !backups.iter().any(|backup| backup == file) {
        return Err(CliError::other(format!(
            "backup `{file}` not found in s3://{}/{PREFIX}; to list the backups, run `platctl restore {}`. \
             Nothing was changed",
            place.bucket,
            path.display()
        )));
    }
    let question = format!(
        "Do you want to restore the Argo CD configuration in {} from {file}?",
        place.cluster
    );
    agreed(yes, &question)?;
    place
        .run(
            "argo-cd-restore",
            BTreeMap::from([("FILE".to_owned(), file.to_owned())]),
        )
        .await?;
    render::line(
        &format!("Restored from {file}. Argo CD now syncs the restored configuration."),
        global,
    );
    Ok(Exit::Done)
}
