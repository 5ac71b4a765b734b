//! The `services:` block: what AWS has to have for each service. One entry gives it a repository of images, a
//! target group behind the shared load balancer, a role, and its pipelines; or only a role, where it runs the image of
//! another one.

mod amounts;
mod check;
mod environment;
mod fits;
mod images;
mod pods;
mod role;
mod route;
mod schedule;
mod spec;

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::Document;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ecr::lifecycle_policy::{self, LifecyclePolicy};
use platctl_aws::ecr::repository::{self, Repository};
use platctl_aws::elbv2::target_group::TargetGroup;
use platctl_aws::kms::key::{self, Key};
use platctl_engine::Handle;
use serde_json::json;

use crate::common::{NetworkParts, NodesGroup, Peer, Rule, key, rule};
use crate::declare::{Checked, Declare};
use crate::resources::Reference;
use crate::{cluster, database, edge};

pub(crate) use spec::{Service, Services};

/// The first port that needs no privileges.
const UNPRIVILEGED: u16 = 1024;

/// What other blocks take from a service.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) repository: Handle<Repository>,
    /// Whether its image is its own, and not that of another service.
    pub(crate) builds: bool,
    pub(crate) target_group: Option<Handle<TargetGroup>>,
    /// What it is in the cluster, where there is one.
    pub(crate) pods: Option<platctl_gitops::Service>,
}

/// What all services stand on.
pub(crate) struct Base<'a> {
    pub(crate) network: Option<&'a NetworkParts>,
    pub(crate) cluster: Option<&'a cluster::Parts>,
    pub(crate) database: Option<&'a database::Parts>,
    pub(crate) edge: Option<&'a edge::Parts>,
    pub(crate) domain: Option<&'a str>,
    /// Whether the file has a database, and an edge, whatever is wrong with them.
    pub(crate) has: Has,
    /// The environments, those that get new images most rarely first.
    pub(crate) environments: Vec<String>,
}

/// The blocks that some services need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Has {
    pub(crate) database: bool,
    pub(crate) edge: bool,
}

/// The user of the database that a service logs in as without a password.
fn database_user(name: &str) -> String {
    name.replace('-', "_")
}

/// What the texts of all services refer to.
pub(crate) fn references(services: &Services) -> Vec<Reference> {
    let texts = services.values().flat_map(|service| service.value.late());
    texts
        .flat_map(|text| {
            text.value.references().map(move |path| Reference {
                path: path.to_owned(),
                span: text.span,
            })
        })
        .collect()
}

/// Declares the AWS side of all services.
pub(crate) fn declare(
    services: &Services,
    base: &Base<'_>,
    declare: &mut Declare<'_>,
) -> Checked<Vec<Parts>> {
    let checked = [
        check::check(services, base.has, declare),
        fits::check(services, base.has),
    ];
    let faults: Vec<_> = checked
        .into_iter()
        .filter_map(Result::err)
        .flatten()
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
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
    let mut repositories: BTreeMap<&str, Handle<Repository>> = BTreeMap::new();
    let mut made = Vec::new();
    // Those that have an image come before those that only run it.
    let (own, others): (Vec<_>, Vec<_>) = services
        .iter()
        .partition(|(_, service)| service.value.owner().is_none());
    for (name, service) in own.into_iter().chain(others) {
        let service = &service.value;
        let repository = match service.owner().and_then(|owner| repositories.get(owner)) {
            Some(repository) => Handle::clone(repository),
            None => service.repository(name, &key, &base.environments, declare)?,
        };
        repositories.insert(name.as_str(), repository.clone());
        made.push(service.parts(name, repository, base, &mut ports, declare)?);
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
    let from_balancer = Rule {
        address: &address,
        protocol: "tcp",
        ports: Some((port.min(UNPRIVILEGED), last)),
        peer: Peer::Group(balancer.get(security_group::out::GROUP_ID)),
        description: "From the load balancer to the services",
    };
    rule(nodes.id(), from_balancer, declare).map(drop)
}

impl Service {
    /// What one service has beside its image.
    fn parts(
        &self,
        name: &str,
        repository: Handle<Repository>,
        base: &Base<'_>,
        ports: &mut BTreeSet<u16>,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        let port = self.port.as_ref().map(|port| port.value);
        let groups = match (base.network, base.edge, port) {
            (Some(network), Some(edge), Some(_)) => {
                self.route(name, network, edge, base, declare)?
            }
            _ => route::Groups::default(),
        };
        let mut pods = None;
        if let Some(cluster) = base.cluster {
            let wish = role::Wish {
                name,
                cluster,
                database: base.database,
            };
            let role = self.role(&wish, declare)?;
            pods = Some(self.pods(name, &role, &repository, &groups, declare));
            if let (Some(port), Some(edge)) = (port, base.edge)
                && ports.insert(port.min(UNPRIVILEGED))
            {
                open(port, &cluster.nodes, &edge.group, declare)?;
            }
        }
        Ok(Parts {
            name: name.to_owned(),
            repository,
            builds: self.owner().is_none(),
            target_group: groups.active,
            pods,
        })
    }

    /// Images are scanned when they come, never changed, and go when they are old.
    fn repository(
        &self,
        name: &str,
        key: &Handle<Key>,
        environments: &[String],
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Repository>> {
        let address = format!("{name}.repository");
        let spec = repository::Spec {
            repository_name: format!("{}/{name}", declare.stack()),
            image_tag_mutability: "IMMUTABLE".to_owned(),
            scan_on_push: true,
            kms_key: Some(key.get(key::out::ARN)),
            policy: None,
            force_delete: !declare.protects(),
            tags: declare.tags(&address),
        };
        let repository: Handle<Repository> = declare.add(&address, &spec)?;
        let keep = self.images.as_ref().map_or(30, |images| images.value);
        let spec = lifecycle_policy::Spec {
            repository_name: repository.get(repository::out::REPOSITORY_NAME),
            policy: Document::new(&json!({"rules": images::rules(keep, environments)})),
        };
        declare.add::<LifecyclePolicy>(&format!("{name}.lifecycle"), &spec)?;
        Ok(repository)
    }
}
