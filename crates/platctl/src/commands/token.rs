//! `platctl token`

use std::time::Duration;

use platctl_kubernetes::kubeconfig::credential;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// For how long the token is used: EKS takes it for a minute longer.
const USED: Duration = Duration::from_secs(14 * 60);

/// Prints a token for a cluster, as kubectl wants it of the program that its file names.
pub(crate) async fn run(cluster: &str, global: &Global) -> Result<Exit, CliError> {
    let site = Site::connect(None, global).await?;
    let token = site.aws.cluster_token(&site.region, cluster).await?;
    let until = (OffsetDateTime::now_utc() + USED)
        .format(&Rfc3339)
        .map_err(|error| CliError::other(error.to_string()))?;
    render::raw(&format!("{}\n", credential(&token, &until)));
    Ok(Exit::Done)
}
