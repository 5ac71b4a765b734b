//! `platctl kubeconfig`

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use platctl_aws::reach::Endpoint;
use platctl_kubernetes::kubeconfig::{Entry, Unfit, merged};

use crate::cli::{Global, Kubeconfig};
use crate::cluster::{StackCluster, port_flag};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// Writes how kubectl finds the cluster of a stack, and who makes its tokens.
pub(crate) async fn run(
    stack: &Path,
    wish: &Kubeconfig,
    global: &Global,
) -> Result<Exit, CliError> {
    let access = global.cluster_access;
    access.without_runner("kubectl cannot connect")?;
    let cluster = StackCluster::find(stack, global).await?;
    let endpoint = cluster.endpoint().await?;
    let tunnel = !access.is_direct(endpoint.public);
    let entry = entry(
        &cluster,
        endpoint,
        tunnel.then_some(wish.port),
        wish,
        global,
    )?;
    if wish.stdout {
        let text = merged(None, &entry).map_err(|error| CliError::other(error.to_string()))?;
        render::raw(&text);
        return Ok(Exit::Done);
    }
    let path = wish.file.clone().map_or_else(default_file, Ok)?;
    write(&path, &entry)?;
    render::line(&said(&path, &entry, stack, tunnel, wish.port), global);
    Ok(Exit::Done)
}

fn said(path: &Path, entry: &Entry, stack: &Path, tunnel: bool, port: u16) -> String {
    let written = format!(
        "Wrote the context `{}` to {}. It is now the current context.",
        entry.context,
        path.display()
    );
    if !tunnel {
        return written;
    }
    let flag = port_flag(port);
    format!(
        "{written}\nThe API server is accessible only from its VPC. Before you use kubectl, run `platctl connect \
         {}{flag}` in another terminal. Inside the VPC or through a VPN, run this command with --cluster-access direct \
         instead.",
        stack.display()
    )
}

fn entry(
    cluster: &StackCluster,
    endpoint: Endpoint,
    port: Option<u16>,
    wish: &Kubeconfig,
    global: &Global,
) -> Result<Entry, CliError> {
    let (server, tls_server_name) = match port {
        Some(port) => (format!("https://127.0.0.1:{port}"), Some(endpoint.host)),
        None => (endpoint.url, None),
    };
    let account = &cluster.site.aws.identity().account;
    let names = Names::new(&cluster.stack, &cluster.region, account);
    Ok(Entry {
        context: wish.context.clone().unwrap_or(names.context),
        name: names.cluster,
        server,
        tls_server_name,
        authority: endpoint.authority,
        command: command(cluster, global)?,
    })
}

/// The names of an entry. Stacks in other regions or accounts may have the same name, and their clusters are others.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    /// What a person types: an account would make it long, and a context that is taken is never overwritten.
    context: String,
    cluster: String,
}

impl Names {
    fn new(stack: &str, region: &str, account: &str) -> Self {
        Self {
            context: format!("{stack}-{region}"),
            cluster: format!("platctl-{stack}-{region}-{account}"),
        }
    }
}

/// This program, asked for a token as it was asked for this file.
fn command(cluster: &StackCluster, global: &Global) -> Result<Vec<String>, CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::other(format!("cannot find the path of platctl: {error}")))?;
    let mut command = vec![
        program.display().to_string(),
        "token".to_owned(),
        cluster.name.clone(),
        "--region".to_owned(),
        cluster.region.clone(),
    ];
    if let Some(profile) = &global.profile {
        command.extend(["--profile".to_owned(), profile.clone()]);
    }
    if let Some(url) = &global.endpoint_url {
        command.extend(["--endpoint-url".to_owned(), url.clone()]);
    }
    if global.emulator {
        command.push("--emulator".to_owned());
    }
    Ok(command)
}

/// The file that kubectl writes to.
fn default_file() -> Result<PathBuf, CliError> {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let first = std::env::split_paths(&listed).find(|path| !path.as_os_str().is_empty());
    first
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".kube/config")))
        .ok_or_else(|| CliError::other("HOME is not set: specify the file with --file"))
}

/// Adds the entry to the file, which is the old or the new one at every instant, and private to its owner.
fn write(path: &Path, entry: &Entry) -> Result<(), CliError> {
    // Where it is a link, what it leads to is replaced, and not the link.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |source| CliError::File {
        path: path.clone(),
        source,
    };
    let existing = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        other => Some(other.map_err(failed)?),
    };
    let text = merged(existing.as_deref(), entry)
        .map_err(|error: Unfit| CliError::other(format!("{}: {error}", path.display())))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new);
    file.and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    })
    .and_then(|()| std::fs::rename(&new, path))
    .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn entry() -> Entry {
        Entry {
            context: "prod".into(),
            name: "platctl-prod".into(),
            server: "https://127.0.0.1:9443".into(),
            tls_server_name: Some("example.com".into()),
            authority: None,
            command: vec!["platctl".into(), "token".into()],
        }
    }

    #[test]
    fn stacks_of_one_name_in_two_regions_or_accounts_have_two_entries() {
        let one = Names::new("prod", "eu-west-1", "111111111111");
        assert_eq!(one.context, "prod-eu-west-1");
        let (region, account) = (
            Names::new("prod", "us-east-1", "111111111111"),
            Names::new("prod", "eu-west-1", "222222222222"),
        );
        assert_ne!(one.context, region.context);
        assert_ne!(one.cluster, region.cluster);
        assert_ne!(one.cluster, account.cluster);
        // In one file, the second one is not written over the first one.
        let of = |names: Names| Entry {
            context: names.context,
            name: names.cluster,
            ..entry()
        };
        let first = merged(None, &of(one)).unwrap();
        let both = merged(Some(&first), &of(region)).unwrap();
        assert!(both.contains("platctl-prod-eu-west-1-111111111111"));
        assert!(both.contains("platctl-prod-us-east-1-111111111111"));
        let taken = merged(Some(&first), &of(account)).unwrap_err();
        assert!(taken.to_string().contains("--context"), "{taken}");
    }

    #[test]
    fn the_file_is_private_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("config"), folder.path().join("link"));
        write(&file, &entry()).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, &entry()).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "nothing is left behind");
    }

    #[test]
    fn a_file_that_is_none_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes");
        std::fs::write(&file, "- one\n- two\n").unwrap();
        let error = write(&file, &entry()).unwrap_err().to_string();
        assert!(error.contains("not a kubeconfig file"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "- one\n- two\n");
    }

    #[test]
    fn a_private_endpoint_is_told_with_the_next_command() {
        let text = |port| said(Path::new("config"), &entry(), Path::new("prod"), true, port);
        assert!(text(9443).contains("run `platctl connect prod` in another terminal"));
        assert!(text(9999).contains("run `platctl connect prod --port 9999`"));
    }
}
