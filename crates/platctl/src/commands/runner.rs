//! `platctl runner`

use platctl_aws::reach::Errand;
use platctl_kubernetes::{Outcome, Renewing, perform};

use crate::cli::{ClusterAccess, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::error_line;

/// Does one task in a cluster that can be reached from here, and leaves what came of it in the bucket.
pub(crate) async fn run(errand: Errand, global: &Global) -> Result<Exit, CliError> {
    let global = Global {
        cluster_access: ClusterAccess::Direct,
        ..global.clone()
    };
    let site = Site::connect(None, &global).await?;
    let cloud = site.aws.cloud(&site.region);
    let (cluster, task) = errand.read(&cloud).await?;
    let server = Renewing::new(site.aws.clusters(&site.region), cluster);
    let outcome = perform(&server, &task, &mut |text| error_line(text)).await;
    errand.report(&cloud, &outcome).await?;
    match outcome {
        Outcome::Set(_) | Outcome::Vacated(_) => Ok(Exit::Done),
        Outcome::Failed(error) => Err(CliError::Runner(error)),
    }
}
