//! `platctl connect`

use std::net::Ipv4Addr;
use std::path::Path;

use platctl_kubernetes::Destination;
use platctl_stack::pages::{Login, Place, find};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{API_PORT, Connect, Global};
use crate::cluster::{StackCluster, port_flag};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::{self, error_line};

/// Opens the way to the API server, or to a page of a component, until it is interrupted.
pub(crate) async fn run(stack: &Path, wish: &Connect, global: &Global) -> Result<Exit, CliError> {
    let access = global.cluster_access;
    access.without_runner("a connection cannot be opened")?;
    match &wish.page {
        None => to_api_server(stack, wish, global).await,
        Some(name) => {
            let place = find(name).map_err(CliError::other)?;
            to_page(stack, place, wish, global).await
        }
    }
}

/// Until somebody ends it: that is how it is meant to end.
async fn until_interrupted() -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::other(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn to_api_server(stack: &Path, wish: &Connect, global: &Global) -> Result<Exit, CliError> {
    let cluster = StackCluster::find(stack, global).await?;
    let (aws, region, name) = (&cluster.site.aws, &cluster.region, &cluster.name);
    let endpoint = cluster.endpoint().await?;
    if global.cluster_access.is_direct(endpoint.public) {
        let text = format!(
            "The API server of {name} is accessible directly: no connection has to be opened. To use kubectl, run \
             `platctl kubeconfig {}`.",
            stack.display()
        );
        render::line(&text, global);
        return Ok(Exit::Done);
    }
    let port = wish.port.unwrap_or(API_PORT);
    aws.tunnel(region, name, port)
        .await
        .map_err(CliError::Connection)?;
    let flag = port_flag(port);
    let text = format!(
        "The API server of {name} is available at https://127.0.0.1:{port}. To use kubectl, run `platctl kubeconfig \
         {}{flag}` once.\nThe connection stays open until you press Ctrl-C.",
        stack.display()
    );
    render::line(&text, global);
    until_interrupted().await?;
    Ok(Exit::Done)
}

/// A port of this machine: the one that was asked for, or else the usual one if it is free.
async fn listen(wanted: Option<u16>, usual: u16) -> Result<(TcpListener, u16), CliError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match wanted {
        Some(port) => bind(port).await.map_err(|error| {
            CliError::other(format!(
                "cannot listen on port {port} of this machine: {error}. Use another --port"
            ))
        })?,
        None => match bind(usual).await {
            Ok(listener) => listener,
            Err(_) => bind(0)
                .await
                .map_err(|error| CliError::other(format!("cannot listen on a port: {error}")))?,
        },
    };
    let port = listener
        .local_addr()
        .map_err(|error| CliError::other(error.to_string()))?
        .port();
    Ok((listener, port))
}

async fn to_page(
    stack: &Path,
    place: Place,
    wish: &Connect,
    global: &Global,
) -> Result<Exit, CliError> {
    let cluster = StackCluster::find(stack, global).await?;
    let clusters = cluster.site.aws.clusters(&cluster.region);
    let page = place.page;
    let destination = Destination {
        namespace: place.namespace.to_owned(),
        service: page.service.to_owned(),
        port: page.port,
    };
    let told = cluster
        .site
        .aws
        .teller()
        .about(format!("connecting to {}", page.title));
    let forwarder = told
        .during(clusters.forwarder(&cluster.name, destination))
        .await
        .map_err(CliError::Connection)?;
    // What is missing is said now, and not by the browser.
    forwarder.pod().await.map_err(CliError::Connection)?;
    let password = match page.login {
        Login::Password { secret, key, .. } if wish.show_password => clusters
            .secret_value(&cluster.name, (place.namespace, secret), key)
            .await
            .map_err(CliError::Connection)?,
        _ => None,
    };
    let (listener, port) = listen(wish.port, page.local_port).await?;
    let shown = Shown {
        place,
        stack: &stack.display().to_string(),
        name: &cluster.stack,
        port,
        password,
        asked: wish.show_password,
    };
    if global.json {
        render::json_line(&shown.json());
    } else {
        render::raw(&shown.text());
    }
    let running = forwarder.run(listener, |error| error_line(&format!("{error}")));
    tokio::select! {
        done = running => done.map_err(CliError::Connection)?,
        done = until_interrupted() => done?,
    }
    Ok(Exit::Done)
}

/// What a person needs to know of an open page.
struct Shown<'a> {
    place: Place,
    /// The stack as it was named to this command.
    stack: &'a str,
    name: &'a str,
    port: u16,
    password: Option<String>,
    asked: bool,
}

impl Shown<'_> {
    fn url(&self) -> String {
        let scheme = if self.place.page.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.port)
    }

    fn login(&self) -> String {
        let (page, namespace) = (self.place.page, self.place.namespace);
        match page.login {
            Login::Nobody => "No login is required.".into(),
            Login::Other { how } => {
                format!("Log in {}.", how.replace("STACK", self.name))
            }
            Login::Password { user, secret, key } => {
                let stated = match &self.password {
                    Some(password) => password.clone(),
                    None if self.asked => {
                        format!(
                            "not found: the Secret {namespace}/{secret} does not exist (any more)"
                        )
                    }
                    None => format!(
                        "key `{key}` of the Secret {namespace}/{secret}. To print it, run `platctl connect {} {} \
                         --show-password`",
                        self.stack, page.name
                    ),
                };
                format!("User: {user}\nPassword: {stated}")
            }
        }
    }

    fn text(&self) -> String {
        let page = self.place.page;
        let certificate = if page.tls {
            " (your browser warns about its certificate, which no public certificate authority issued)"
        } else {
            ""
        };
        format!(
            "{}: {}{certificate}\n{}\nThe connection stays open until you press Ctrl-C.\n",
            page.title,
            self.url(),
            self.login()
        )
    }

    fn json(&self) -> serde_json::Value {
        let page = self.place.page;
        let (user, secret) = match page.login {
            Login::Password { user, secret, key } => (
                Some(user),
                Some(json!({"namespace": self.place.namespace, "name": secret, "key": key})),
            ),
            _ => (None, None),
        };
        json!({
            "type": "connected", "page": page.name, "url": self.url(), "user": user, "secret": secret,
            "password": self.password,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(page: &str, password: Option<&str>, asked: bool) -> Shown<'static> {
        Shown {
            place: find(page).unwrap(),
            stack: "stacks/prod.yaml",
            name: "prod",
            port: 8080,
            password: password.map(ToOwned::to_owned),
            asked,
        }
    }

    #[test]
    fn the_password_is_named_and_not_shown_unless_it_is_asked_for() {
        let text = shown("argocd", None, false).text();
        assert!(text.contains("https://localhost:8080"), "{text}");
        assert!(text.contains("User: admin"), "{text}");
        let next = "run `platctl connect stacks/prod.yaml argocd --show-password`";
        assert!(text.contains(next), "{text}");
        let text = shown("argocd", Some("s3cret"), true).text();
        assert!(text.contains("Password: s3cret"), "{text}");
        let text = shown("argocd", None, true).text();
        assert!(text.contains("does not exist"), "{text}");
    }

    #[test]
    fn a_page_without_a_password_says_how_to_get_in() {
        let text = shown("vault", None, false).text();
        assert!(text.contains("prod-vault-recovery-keys"), "{text}");
        let text = shown("prometheus", None, false).text();
        assert!(text.contains("No login is required"), "{text}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_only_if_it_was_asked_for() {
        let (_taken, port) = listen(None, 0).await.unwrap();
        let (_other, found) = listen(None, port).await.unwrap();
        assert_ne!(found, port);
        let error = listen(Some(port), 1).await.unwrap_err().to_string();
        assert!(error.contains("Use another --port"), "{error}");
    }
}
