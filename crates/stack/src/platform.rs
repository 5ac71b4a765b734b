//! All blocks of a stack file, in the order in which they build on each other.

use crate::Context;
use crate::common::NetworkParts;
use crate::declare::{Checked, Declare, Placed};
use crate::error::{Fault, quoted};
use crate::file::{File, Switch};
use crate::source::Span;
use crate::tree::Node;
use crate::{alerts, cluster, database, delivery, edge, gitops, idle, logs, services};

/// Turns the blocks of a file into resources.
pub(crate) struct Platform<'a> {
    pub(crate) file: &'a File,
    pub(crate) root: &'a Node,
    pub(crate) context: &'a Context,
}

/// What earlier blocks have made.
#[derive(Default)]
struct Made {
    logs: logs::Parts,
    network: Option<NetworkParts>,
    cluster: Option<cluster::Parts>,
    database: Option<database::Parts>,
    edge: Option<edge::Parts>,
    services: Vec<services::Parts>,
    alerts: Option<alerts::Parts>,
    /// The repository that the cluster follows.
    repository: Option<delivery::Follows>,
}

/// Declares one block.
type Step<'a> = fn(&Platform<'a>, &mut Made) -> Checked<Vec<Placed>>;

impl<'a> Platform<'a> {
    /// The resources of all blocks. What is wrong with one block does not hide what is wrong with another.
    pub(crate) fn declare(&self) -> Checked<Vec<Placed>> {
        let (mut nodes, mut faults) = (Vec::new(), idle::faults(self.file, self.root));
        let mut made = Made::default();
        let steps: [Step<'a>; 10] = [
            Self::logs,
            Self::network,
            Self::cluster,
            Self::database,
            Self::edge,
            Self::services,
            Self::delivery,
            Self::alerts,
            Self::reaper,
            Self::gitops,
        ];
        for step in steps {
            match step(self, &mut made) {
                Ok(more) => nodes.extend(more),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(nodes)
        } else {
            Err(faults)
        }
    }

    fn begin(&self, block: &'static str, made: &Made) -> Declare<'a> {
        let place = self.place(block);
        let name = self.file.stack.value.as_str();
        let mut declare = Declare::new(self.context, name, block, place)
            .data(self.file.protect, self.file.ttl.is_some())
            .logging_to(made.logs.buckets.clone());
        declare.tag(self.file.tags.as_ref().map(|tags| &tags.value));
        declare
    }

    fn place(&self, block: &str) -> Span {
        self.root
            .get(block)
            .map_or(Span::new(0, 0, 0), |(key, _)| key.span)
    }

    /// The network that a block builds in. Where the network itself is at fault, nothing more is said.
    fn network_for<'m>(&self, block: &str, made: &'m Made) -> Checked<&'m NetworkParts> {
        if let Some(network) = &made.network {
            return Ok(network);
        }
        if self.file.network.is_some() {
            return Err(Vec::new());
        }
        let fault =
            Fault::new(format!("`{block}` requires a network")).at(self.place(block), "missing");
        Err(vec![fault.help("declare `network: {}`")])
    }

    /// Access logs are kept where data is protected, if there is something that writes them.
    fn logs(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let usual = logs::Logs::default();
        let file = self.file;
        let writers = file.edge.is_some() || file.delivery.is_some() || file.gitops.is_some();
        let logs = match &file.logs {
            Some(Switch::On(logs)) => logs,
            None if file.protect && writers => &usual,
            Some(Switch::Off) | None => return Ok(Vec::new()),
        };
        let mut declare = self.begin("logs", made);
        made.logs = logs.declare(&mut declare)?;
        Ok(declare.finish())
    }

    fn network(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(network) = &self.file.network else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("network", made);
        made.network = Some(network.declare(self.file.cluster.is_some(), &mut declare)?);
        Ok(declare.finish())
    }

    fn cluster(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(cluster) = &self.file.cluster else {
            return Ok(Vec::new());
        };
        if cluster.requires_gitops() && self.file.gitops.is_none() {
            let fault =
                Fault::new("`nodes: karpenter` requires `gitops`, which installs Karpenter")
                    .at(self.place("cluster"), "missing");
            return Err(vec![fault.help("declare `gitops: {}`")]);
        }
        let mut declare = self.begin("cluster", made);
        let gitops = self.file.gitops.as_ref();
        let bootstraps = gitops.is_some_and(|gitops| gitops.bootstrap != Some(false));
        let network = self.network_for("cluster", made)?;
        made.cluster = Some(cluster.declare(network, bootstraps, &mut declare)?);
        Ok(declare.finish())
    }

    fn database(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(database) = &self.file.database else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("database", made);
        let nodes = made.cluster.as_ref().map(|cluster| &cluster.nodes);
        made.database =
            Some(database.declare(self.network_for("database", made)?, nodes, &mut declare)?);
        Ok(declare.finish())
    }

    fn edge(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(edge) = &self.file.edge else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("edge", made);
        made.edge =
            Some(edge.declare(self.network_for("edge", made)?, &made.logs, &mut declare)?);
        Ok(declare.finish())
    }

    fn services(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(wanted) = &self.file.services else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("services", made);
        let base = services::Base {
            network: made.network.as_ref(),
            cluster: made.cluster.as_ref(),
            database: made.database.as_ref(),
            edge: made.edge.as_ref(),
            has: services::Has {
                database: self.file.database.is_some(),
                edge: self.file.edge.is_some(),
            },
            domain: self.file.edge.as_ref().map(edge::Edge::domain),
            environments: self
                .file
                .delivery
                .as_ref()
                .map(delivery::Delivery::rarest_first)
                .unwrap_or_default(),
        };
        made.services = services::declare(wanted, &base, &mut declare)?;
        Ok(declare.finish())
    }

    fn delivery(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(delivery) = &self.file.delivery else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("delivery", made);
        if let Some(foreign) = self
            .file
            .cluster
            .as_ref()
            .and_then(cluster::Cluster::arm_nodes)
        {
            let message = format!(
                "the delivery builds images for x86, but {} has Arm processors",
                quoted(&foreign.value)
            );
            let fault =
                Fault::new(message).at(foreign.span, "the pods of services cannot start here");
            let help =
                "use x86 instance types, such as m7i.large, or add a taint to the node group";
            return Err(vec![fault.help(help)]);
        }
        // Services that are at fault have said so already.
        let at_fault = made.services.is_empty()
            && self
                .file
                .services
                .as_ref()
                .is_some_and(|all| !all.is_empty());
        if !at_fault {
            made.repository = delivery.declare(&made.services, &mut declare)?;
        }
        Ok(declare.finish())
    }

    fn gitops(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(settings) = &self.file.gitops else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("gitops", made);
        let Some(cluster) = &made.cluster else {
            return Err(self.lacks("a cluster", "cluster: {}", self.file.cluster.is_some()));
        };
        let Some(repository) = &made.repository else {
            let (what, how) = self.way_to_a_repository();
            return Err(self.lacks(what, how, self.at_fault()));
        };
        let domain = self.file.edge.as_ref().map(edge::Edge::zone_domain);
        let network = self.network_for("gitops", made)?;
        let fits = self
            .file
            .cluster
            .as_ref()
            .map_or_else(Vec::new, |file| file.check_for(settings, network, &declare));
        if !fits.is_empty() {
            return Err(fits);
        }
        let base = gitops::Base {
            root: self.root,
            network,
            cluster,
            database: made.database.as_ref(),
            zone: made.edge.as_ref().map(|edge| edge.zone.clone()).zip(domain),
            services: &made.services,
            alerts: made.alerts.as_ref(),
            nodes: self
                .file
                .cluster
                .as_ref()
                .and_then(|cluster| cluster.capacity(network)),
            environments: self
                .file
                .delivery
                .as_ref()
                .map(delivery::Delivery::names)
                .unwrap_or_default(),
            repository,
        };
        gitops::declare(settings, &base, &mut declare)?;
        Ok(declare.finish())
    }

    /// What is missing for the cluster's contents; nothing when another block has said already why it is.
    fn lacks(&self, what: &str, how: &str, said: bool) -> Vec<Fault> {
        if said {
            return Vec::new();
        }
        let fault =
            Fault::new(format!("`gitops` requires {what}")).at(self.place("gitops"), "missing");
        vec![fault.help(format!("declare `{how}`"))]
    }

    /// Whether the delivery is declared so that there would be a repository, had it not failed.
    fn at_fault(&self) -> bool {
        self.file
            .delivery
            .as_ref()
            .is_some_and(delivery::Delivery::can_be_followed)
    }

    /// What the delivery lacks so that a cluster can follow a repository, and what to declare.
    fn way_to_a_repository(&self) -> (&'static str, &'static str) {
        let delivery = self.file.delivery.as_ref();
        if delivery.is_some_and(|delivery| !delivery.in_codecommit()) {
            return (
                "a credential for the GitOps repository, on GitHub or GitLab",
                "delivery: {source: {credential: NAME-OF-A-SECRET}}",
            );
        }
        (
            "a repository in CodeCommit",
            "delivery: {source: codecommit}",
        )
    }

    fn reaper(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(reaper) = &self.file.reaper else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("reaper", made);
        match &made.alerts {
            Some(alerts) => reaper.declare(alerts, &mut declare)?,
            None if self.file.alerts.is_some() => return Err(Vec::new()),
            None => {
                let fault = Fault::new("`reaper` requires `alerts`, which tells when it fails");
                let fault = fault.at(self.place("reaper"), "missing");
                return Err(vec![
                    fault.help("declare `alerts: {email: ops@example.com}`"),
                ]);
            }
        }
        Ok(declare.finish())
    }

    fn alerts(&self, made: &mut Made) -> Checked<Vec<Placed>> {
        let Some(alerts) = &self.file.alerts else {
            return Ok(Vec::new());
        };
        let mut declare = self.begin("alerts", made);
        let watched = alerts::Watched {
            database: made.database.as_ref(),
            edge: made.edge.as_ref(),
            services: &made.services,
        };
        made.alerts = Some(alerts.declare(&watched, &mut declare)?);
        Ok(declare.finish())
    }
}
