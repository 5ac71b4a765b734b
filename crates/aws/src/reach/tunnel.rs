//! A port of this machine that Session Manager forwards to the API server, over one of the cluster's nodes.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use platctl_engine::{Class, CloudError, CloudResult};
use platctl_kubernetes::Access;
use serde_json::json;
use tokio::process::Command;

use crate::Cloud;
use crate::errors::Ask;
use crate::regions::dns_suffix;

const DOCUMENT: &str = "AWS-StartPortForwardingSessionToRemoteHost";
const PLUGIN: &str = "session-manager-plugin";

fn failed(message: impl Into<String>) -> CloudError {
    CloudError::new(Class::Unreachable, "ssm:StartSession", message)
}

/// A running node of the cluster.
async fn node(cloud: &Cloud, cluster: &str) -> CloudResult<String> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = cloud
        .ec2
        .describe_instances()
        .filters(filter("tag:eks:cluster-name", cluster))
        .filters(filter("instance-state-name", "running"));
    let found = call.send().ask().await?;
    let mut instances = found
        .reservations()
        .iter()
        .flat_map(|reservation| reservation.instances());
    instances
        .find_map(|instance| instance.instance_id().map(ToOwned::to_owned))
        .ok_or_else(|| {
            // What needs a connection of its own cannot go through the runner: that is no way out for all.
            failed(format!(
                "cluster {cluster} has no running node for a tunnel. Use --cluster-access direct inside the VPC or \
                 through a VPN"
            ))
        })
}

/// A port that nobody listens at: this one, or any.
fn free_port(wanted: Option<u16>) -> CloudResult<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0))).map_err(|error| {
            failed(match wanted {
                Some(port) => format!(
                    "cannot listen on port {port} of this machine: {error}. Use another --port"
                ),
                None => error.to_string(),
            })
        })?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|error| failed(error.to_string()))
}

/// Opens the tunnel and turns the access to it. It ends with this process.
pub(super) async fn through(
    cloud: &Cloud,
    cluster: &str,
    access: &mut Access,
    port: Option<u16>,
) -> CloudResult<()> {
    let host = super::host(&access.server);
    // Found before a session is begun: what is missing on this machine is known at once.
    let port = free_port(port)?;
    let target = node(cloud, cluster).await?;
    let parameters = [
        ("host", host.clone()),
        ("portNumber", "443".into()),
        ("localPortNumber", port.to_string()),
    ];
    let mut call = cloud
        .ssm
        .start_session()
        .target(&target)
        .document_name(DOCUMENT);
    for (name, value) in &parameters {
        call = call.parameters(*name, vec![value.clone()]);
    }
    let session = call.send().ask().await?;
    let answer = json!({
        "SessionId": session.session_id(), "TokenValue": session.token_value(), "StreamUrl": session.stream_url(),
    });
    let lists: serde_json::Map<_, _> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!([value])))
        .collect();
    let asked = json!({"Target": target, "DocumentName": DOCUMENT, "Parameters": lists});
    let endpoint = format!(
        "https://ssm.{}.{}",
        cloud.region,
        dns_suffix(&cloud.partition)
    );
    // The session's token goes by the environment: arguments can be read by everybody on this machine.
    let mut plugin = Command::new(PLUGIN)
        .args([
            "AWS_SSM_START_SESSION_RESPONSE",
            &cloud.region,
            "StartSession",
            "",
            &asked.to_string(),
            &endpoint,
        ])
        .env("AWS_SSM_START_SESSION_RESPONSE", answer.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            failed(format!(
                "cannot start {PLUGIN} ({error}). Install the AWS Session Manager plugin, or, inside the VPC or through \
                 a VPN, use --cluster-access direct"
            ))
        })?;
    for _ in 0..120 {
        if let Ok(Some(status)) = plugin.try_wait() {
            return Err(failed(format!(
                "{PLUGIN} exited with {status} before the tunnel was established"
            )));
        }
        if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_ok()
        {
            access.server = format!("https://127.0.0.1:{port}");
            access.tls_server_name = Some(host);
            tokio::spawn(async move { plugin.wait().await });
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Err(failed("the tunnel was not established within 30 seconds"))
}
