//! The `services:` block: what AWS has to have for each service. One entry gives it a repository of images, a
//! target group behind the shared load balancer, a role, and its pipelines.

mod check;
mod images;
mod route;

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::security_group_rule::SecurityGroupRule;
use platctl_aws::ecr::lifecycle_policy::LifecyclePolicy;
use platctl_aws::ecr::repository::{self, Repository};
use platctl_aws::eks::cluster as eks_cluster;
use platctl_aws::elbv2::target_group::TargetGroup;
use platctl_aws::iam::oidc_provider;
use platctl_aws::iam::role::Role;
use platctl_aws::kms::key::{self, Key};
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{NetworkParts, NodesGroup, join, key, permit, role};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::{cluster, edge};

/// What `services:` says: each service by its name.
pub(crate) type Services = BTreeMap<String, At<Service>>;

/// The first port that needs no privileges.
const UNPRIVILEGED: u16 = 1024;

/// One service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The port that the pods listen on.
    port: u16,
    /// The path pattern of the service, such as `/api/*`. Default: all paths.
    #[serde(default)]
    path: Option<At<String>>,
    /// The host name of the service in the domain: `api` for api.example.com. Default: all hosts.
    #[serde(default)]
    host: Option<At<String>>,
    /// The path of the health check. Default: `/healthz`.
    #[serde(default)]
    health_path: Option<At<String>>,
    /// The number of pods.
    #[serde(default)]
    replicas: Replicas,
    /// The deployment strategy for new versions.
    #[serde(default)]
    rollout: Rollout,
    /// The permissions of the service's IAM role: actions on resources. Default: none.
    #[serde(default)]
    permissions: Vec<At<Permission>>,
    /// The number of images to keep for each environment, and of images that are not released to any
    /// environment. Default: 30.
    #[serde(default)]
    images: Option<u16>,
    /// The commit ID of the image to run, to go back to an older version. Default: the newest released
    /// image.
    #[serde(default)]
    pin: Option<At<String>>,
}

/// How many pods a service has.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replicas {
    /// The minimum number of pods.
    min: u16,
    /// The maximum number of pods.
    max: u16,
    /// The target for the average CPU utilization, in percent of the pods' CPU requests.
    #[serde(default = "load")]
    cpu: u8,
}

const fn load() -> u8 {
    70
}

impl From<Replicas> for platctl_gitops::Replicas {
    fn from(Replicas { min, max, cpu }: Replicas) -> Self {
        Self { min, max, cpu }
    }
}

impl Default for Replicas {
    fn default() -> Self {
        Self {
            min: 3,
            max: 6,
            cpu: load(),
        }
    }
}

/// The deployment strategy for new versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rollout {
    /// The new version runs beside the old version until it is promoted.
    #[default]
    BlueGreen,
    /// Pod by pod.
    Rolling,
}

/// Something that a service's role may do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permission {
    /// The IAM actions, such as `s3:GetObject`.
    actions: Vec<String>,
    /// The ARNs of the resources.
    resources: Vec<String>,
}

/// What other blocks take from a service.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) repository: Handle<Repository>,
    pub(crate) target_group: Option<Handle<TargetGroup>>,
    pub(crate) role: Option<Handle<Role>>,
    pub(crate) port: u16,
    pub(crate) health_path: String,
    pub(crate) replicas: platctl_gitops::Replicas,
    pub(crate) blue_green: bool,
    pub(crate) pin: Option<String>,
}

/// What all services stand on.
pub(crate) struct Base<'a> {
    pub(crate) network: Option<&'a NetworkParts>,
    pub(crate) cluster: Option<&'a cluster::Parts>,
    pub(crate) edge: Option<&'a edge::Parts>,
    pub(crate) domain: Option<&'a str>,
    /// The environments, those that get new images most rarely first.
    pub(crate) environments: Vec<String>,
}

/// Declares the AWS side of all services.
pub(crate) fn declare(
    services: &Services,
    base: &Base<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Vec<Parts>> {
    check::check(services, declare)?;
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let key = key(
        "",
        "Encrypts the images of the services",
        Vec::new(),
        declare,
    )?;
    let mut ports = BTreeSet::new();
    let mut made = Vec::new();
    for (name, At { value: service, .. }) in services {
        let repository = service.repository(name, &key, &base.environments, declare)?;
        let target_group = match (base.network, base.edge) {
            (Some(network), Some(edge)) => Some(service.route(name, network, edge, base, declare)?),
            _ => None,
        };
        let mut role = None;
        if let Some(cluster) = base.cluster {
            role = Some(service.role(name, cluster, declare)?);
            if let Some(edge) = base
                .edge
                .filter(|_| ports.insert(service.port.min(UNPRIVILEGED)))
            {
                open(service.port, &cluster.nodes, &edge.group, declare)?;
            }
        }
        made.push(Parts {
            name: name.clone(),
            repository,
            target_group,
            role,
            port: service.port,
            health_path: service.health_path().to_owned(),
            replicas: service.replicas.clone().into(),
            blue_green: service.rollout == Rollout::BlueGreen,
            pin: service.pin.as_ref().map(|pin| pin.value.clone()),
        });
    }
    Ok(made)
}

/// Lets the load balancer reach pods. All ports that need no privileges are open to it at once: when a service moves
/// from one to another, some of its pods still listen on the old one until GitOps has replaced them. It sends requests
/// to registered targets only.
fn open(
    port: u16,
    nodes: &NodesGroup,
    balancer: &Handle<SecurityGroup>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let (address, last) = if port < UNPRIVILEGED {
        (format!("port-{port}.ingress"), port)
    } else {
        ("ports.ingress".into(), u16::MAX)
    };
    let spec = json!({
        "group_id": nodes.id(),
        "direction": "ingress",
        "ip_protocol": "tcp",
        "from_port": port.min(UNPRIVILEGED),
        "to_port": last,
        "referenced_group_id": balancer.json(security_group::out::GROUP_ID),
        "description": "From the load balancer to the services",
    });
    declare.make::<SecurityGroupRule>(&address, spec).map(drop)
}

impl Service {
    /// Where its health is asked for.
    fn health_path(&self) -> &str {
        self.health_path
            .as_ref()
            .map_or("/healthz", |path| &path.value)
    }

    /// Images are scanned when they come, never changed, and go when they are old.
    fn repository(
        &self,
        name: &str,
        key: &Handle<Key>,
        environments: &[String],
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Repository>> {
        let repository: Handle<Repository> = declare.make(
            &format!("{name}.repository"),
            json!({
                "repository_name": format!("{}/{name}", declare.stack()),
                "kms_key": key.json(key::out::ARN),
                "force_delete": !declare.protects(),
            }),
        )?;
        declare.make::<LifecyclePolicy>(
            &format!("{name}.lifecycle"),
            json!({
                "repository_name": repository.json(repository::out::REPOSITORY_NAME),
                "policy": {"rules": images::rules(self.images.unwrap_or(30), environments)},
            }),
        )?;
        Ok(repository)
    }

    /// The role that the service's pods take on, and nobody else's.
    fn role(
        &self,
        name: &str,
        cluster: &cluster::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Role>> {
        let issuer = cluster.cluster.json(eks_cluster::out::OIDC_ISSUER_HOST);
        let account = format!("system:serviceaccount:{name}:{name}");
        let trust = web_identity(
            cluster.oidc.json(oidc_provider::out::ARN),
            &issuer,
            &account,
        );
        let description = format!("The pods of {name}");
        let role = role(
            &format!("{name}.role"),
            &format!("service-{name}"),
            &description,
            trust,
            declare,
        )?;
        if !self.permissions.is_empty() {
            let statements = self.permissions.iter().map(|wanted| {
                json!({"Effect": "Allow", "Action": wanted.value.actions, "Resource": wanted.value.resources})
            });
            permit(
                &format!("{name}.permissions"),
                &role,
                statements.collect(),
                declare,
            )?;
        }
        Ok(role)
    }
}

/// Keys of a policy cannot be references, so the document is composed as a text.
fn web_identity(provider: Value, issuer: &Value, account: &str) -> Value {
    join([
        json!(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":""#
        ),
        provider,
        json!(r#""},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{""#),
        issuer.clone(),
        json!(format!(r#":sub":"{account}",""#)),
        issuer.clone(),
        json!(r#":aud":"sts.amazonaws.com"}}}]}"#),
    ])
}
