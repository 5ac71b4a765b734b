//! Everything that is there, in words that do not depend on ids: equal inventories are equal networks.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ec2::types::Tag;

use crate::world::World;

/// Every resource of every kind, one line each, sorted; a resource that is there twice has two lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory(pub(crate) BTreeMap<&'static str, Vec<String>>);

impl Inventory {
    /// Asks the local AWS.
    pub(crate) async fn of(world: &World) -> Self {
        let mut reader = Reader::default();
        reader.vpcs(world).await;
        reader.addresses_and_gateways(world).await;
        reader.groups(world).await;
        reader.routes(world).await;
        reader.endpoints(world).await;
        reader.logs(world).await;
        let mut found = reader.found;
        found.values_mut().for_each(|lines| lines.sort());
        found.retain(|_, lines| !lines.is_empty());
        Self(found)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The lines of which one has more than the other: none where both are equal.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let all = |inventory: &Self| -> Vec<String> {
            inventory
                .0
                .iter()
                .flat_map(|(kind, lines)| lines.iter().map(move |line| format!("{kind}: {line}")))
                .collect()
        };
        let (mut ours, mut theirs) = (all(self), all(other));
        ours.retain(|line| match theirs.iter().position(|their| their == line) {
            Some(at) => {
                theirs.remove(at);
                false
            }
            None => true,
        });
        let mark = |sign: char| move |line: String| format!("{sign} {line}");
        ours.into_iter()
            .map(mark('+'))
            .chain(theirs.into_iter().map(mark('-')))
            .collect()
    }

    pub(crate) fn of_kind(&self, kind: &str) -> &[String] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }
}

#[derive(Default)]
struct Reader {
    /// The address of each id.
    names: HashMap<String, String>,
    found: BTreeMap<&'static str, Vec<String>>,
}

/// The address that a resource belongs to, and its other tags. The generation counts lost tries, and each state has a
/// lineage of its own, so both may differ.
fn owned(tags: &[Tag]) -> (String, String) {
    let pairs: BTreeMap<&str, &str> = tags
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value()?)))
        .collect();
    let address = pairs
        .get("platctl:address")
        .copied()
        .unwrap_or("(nobody's)")
        .to_owned();
    let rest: Vec<String> = pairs
        .iter()
        .filter(|(key, _)| {
            !["platctl:address", "platctl:generation", "platctl:lineage"].contains(*key)
        })
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (address, rest.join(","))
}

impl Reader {
    fn add(&mut self, kind: &'static str, line: String) {
        self.found.entry(kind).or_default().push(line);
    }

    fn tagged(&mut self, kind: &'static str, id: Option<&str>, tags: &[Tag], more: &str) {
        let (address, rest) = owned(tags);
        self.names
            .insert(id.unwrap_or_default().to_owned(), address.clone());
        self.add(kind, format!("{address} [{rest}] {more}"));
    }

    fn name(&self, id: Option<&str>) -> String {
        let id = id.unwrap_or("-");
        self.names
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.split('-').next().unwrap_or(id).to_owned())
    }

    async fn vpcs(&mut self, world: &World) {
        let ec2 = world.ec2();
        for vpc in ec2.describe_vpcs().send().await.unwrap().vpcs() {
            if vpc.is_default() != Some(true) {
                self.tagged("vpc", vpc.vpc_id(), vpc.tags(), vpc.cidr_block().unwrap());
            }
        }
        for subnet in ec2.describe_subnets().send().await.unwrap().subnets() {
            if subnet.default_for_az() != Some(true) {
                let more = format!(
                    "{} {} public={:?}",
                    subnet.cidr_block().unwrap(),
                    subnet.availability_zone().unwrap(),
                    subnet.map_public_ip_on_launch()
                );
                self.tagged("subnet", subnet.subnet_id(), subnet.tags(), &more);
            }
        }
        for gateway in ec2
            .describe_internet_gateways()
            .send()
            .await
            .unwrap()
            .internet_gateways()
        {
            let vpc = gateway
                .attachments()
                .first()
                .and_then(|attachment| attachment.vpc_id());
            let more = format!("attached to {}", self.name(vpc));
            self.tagged(
                "internet gateway",
                gateway.internet_gateway_id(),
                gateway.tags(),
                &more,
            );
        }
    }

    async fn addresses_and_gateways(&mut self, world: &World) {
        let ec2 = world.ec2();
        for address in ec2.describe_addresses().send().await.unwrap().addresses() {
            self.tagged("elastic ip", address.allocation_id(), address.tags(), "");
        }
        for nat in ec2
            .describe_nat_gateways()
            .send()
            .await
            .unwrap()
            .nat_gateways()
        {
            let state = nat.state().unwrap().as_str();
            if state != "deleted" {
                let address = nat
                    .nat_gateway_addresses()
                    .first()
                    .and_then(|a| a.allocation_id());
                let more = format!(
                    "{state} in {} with {}",
                    self.name(nat.subnet_id()),
                    self.name(address)
                );
                self.tagged("nat gateway", nat.nat_gateway_id(), nat.tags(), &more);
            }
        }
    }

    async fn groups(&mut self, world: &World) {
        let ec2 = world.ec2();
        for group in ec2
            .describe_security_groups()
            .send()
            .await
            .unwrap()
            .security_groups()
        {
            if group.group_name() != Some("default") {
                let more = format!(
                    "{} in {}",
                    group.group_name().unwrap(),
                    self.name(group.vpc_id())
                );
                self.tagged("security group", group.group_id(), group.tags(), &more);
            }
        }
        for rule in ec2
            .describe_security_group_rules()
            .send()
            .await
            .unwrap()
            .security_group_rules()
        {
            let group = self.name(rule.group_id());
            if group.starts_with("network.") {
                let more = format!(
                    "{group} egress={:?} {:?} {:?}-{:?} {:?} {:?}",
                    rule.is_egress(),
                    rule.ip_protocol(),
                    rule.from_port(),
                    rule.to_port(),
                    rule.cidr_ipv4(),
                    rule.description(),
                );
                self.tagged("rule", rule.security_group_rule_id(), rule.tags(), &more);
            }
        }
    }

    async fn routes(&mut self, world: &World) {
        let tables = world.ec2().describe_route_tables().send().await.unwrap();
        for table in tables.route_tables() {
            if table
                .associations()
                .iter()
                .any(|association| association.main() == Some(true))
            {
                continue;
            }
            self.tagged("route table", table.route_table_id(), table.tags(), "");
            let name = self.name(table.route_table_id());
            for route in table
                .routes()
                .iter()
                .filter(|route| route.gateway_id() != Some("local"))
            {
                let target = route.nat_gateway_id().or(route.gateway_id());
                // A prefix list is AWS's own; its id is another one in every new AWS.
                let to = route.destination_cidr_block().unwrap_or("a prefix list");
                let line = format!("{name}: {to} to {} {:?}", self.name(target), route.state());
                self.add("route", line);
            }
            for association in table.associations() {
                let subnet = self.name(association.subnet_id());
                self.add("association", format!("{subnet} with {name}"));
            }
        }
    }

    async fn endpoints(&mut self, world: &World) {
        let ec2 = world.ec2();
        for endpoint in ec2
            .describe_vpc_endpoints()
            .send()
            .await
            .unwrap()
            .vpc_endpoints()
        {
            let mut parts: Vec<String> = Vec::new();
            parts.extend(endpoint.subnet_ids().iter().map(|id| self.name(Some(id))));
            parts.extend(
                endpoint
                    .route_table_ids()
                    .iter()
                    .map(|id| self.name(Some(id))),
            );
            parts.extend(
                endpoint
                    .groups()
                    .iter()
                    .map(|group| self.name(group.group_id())),
            );
            parts.sort();
            let service = endpoint.service_name().unwrap();
            let more = format!(
                "{service} {:?} in {}",
                endpoint.private_dns_enabled(),
                parts.join(" ")
            );
            self.tagged(
                "endpoint",
                endpoint.vpc_endpoint_id(),
                endpoint.tags(),
                &more,
            );
        }
    }

    async fn logs(&mut self, world: &World) {
        for log in world
            .ec2()
            .describe_flow_logs()
            .send()
            .await
            .unwrap()
            .flow_logs()
        {
            let more = format!(
                "{} to {}",
                self.name(log.resource_id()),
                log.log_destination().unwrap()
            );
            self.tagged("flow log", log.flow_log_id(), log.tags(), &more);
        }
        for group in world
            .logs()
            .describe_log_groups()
            .send()
            .await
            .unwrap()
            .log_groups()
        {
            let line = format!(
                "{} {:?}",
                group.log_group_name().unwrap(),
                group.retention_in_days()
            );
            self.add("log group", line);
        }
        let iam = world.iam();
        for role in iam.list_roles().send().await.unwrap().roles() {
            let policies = iam
                .list_role_policies()
                .role_name(role.role_name())
                .send()
                .await
                .unwrap();
            self.add(
                "role",
                format!("{} {:?}", role.role_name(), policies.policy_names()),
            );
        }
    }
}
