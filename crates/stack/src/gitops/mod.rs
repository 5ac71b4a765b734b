//! `gitops:`: the GitOps repository's contents, and what the pods of components may do in AWS.

mod bootstrap;
mod repository;
mod room;
mod runner;
mod workloads;

use std::collections::BTreeMap;

use platctl_aws::branch::Text;
use platctl_aws::ec2::vpc;
use platctl_aws::eks::cluster as eks_cluster;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::rds::db_cluster;
use platctl_aws::regions::dns_suffix;
use platctl_aws::s3::bucket::{self, Bucket};
use platctl_aws::s3::lifecycle::LifecycleRule;
use platctl_aws::secretsmanager::secret::{self, Secret};
use platctl_aws::sns::topic;
use platctl_engine::{Address, Handle, Input};
use platctl_gitops::{Component, File, Inputs, Settings};
use serde_json::Value;

use crate::common::{
    NetworkParts, encrypted, key, logs_use_key, role_name, tls_only, versioned_bucket,
};
use crate::declare::{Checked, Declare};
use crate::delivery::Follows;
use crate::error::Fault;
use crate::tree::Node;
use crate::{alerts, cluster, database, services};

/// What the block is made from.
pub(crate) struct Base<'a> {
    /// The stack file, for the places of what cannot be.
    pub(crate) root: &'a Node,
    pub(crate) network: &'a NetworkParts,
    pub(crate) cluster: &'a cluster::Parts,
    pub(crate) database: Option<&'a database::Parts>,
    /// The id and the name of the DNS zone.
    pub(crate) zone: Option<(Value, &'a str)>,
    pub(crate) services: &'a [services::Parts],
    pub(crate) alerts: Option<&'a alerts::Parts>,
    /// The nodes that pods can be on; none where that is not known.
    pub(crate) nodes: Option<Vec<platctl_gitops::Node>>,
    /// The environments that pipelines release to.
    pub(crate) environments: Vec<String>,
    /// The repository that the cluster follows.
    pub(crate) repository: &'a Follows,
}

/// What components keep outside of the cluster.
struct Keeps {
    vault_key: Handle<Key>,
    vault_keys: Handle<Secret>,
    backups: Handle<Bucket>,
    key: Handle<Key>,
}

/// Declares all of the block's resources.
pub(crate) fn declare(
    settings: &Settings,
    base: &Base<'_>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let keeps = keeps(declare)?;
    let environment = environment(settings, base, declare)?;
    let inputs = inputs(settings, base, &keeps, environment, declare);
    let chosen = platctl_gitops::chosen(&inputs, settings);
    let chosen = chosen.map_err(|one| vec![unfit(&one, base.root, declare)])?;
    let wrong = platctl_gitops::check(&inputs, settings);
    if !wrong.is_empty() {
        return Err(wrong
            .iter()
            .map(|one| unfit(one, base.root, declare))
            .collect());
    }
    room::check(&inputs, settings, base, declare)?;
    if let Some(fault) = reserved(&inputs, &chosen, base.root, declare) {
        return Err(vec![fault]);
    }
    let files = files(&inputs, settings, base, declare)?;
    let writes = chosen.iter().any(|one| one.name == "image-updater");
    let workloads = chosen.iter().flat_map(|one| (one.workloads)(&inputs));
    let identities: Checked<Vec<Address>> = workloads
        .map(|workload| workloads::declare(&workload, base.cluster, declare))
        .collect();
    let identities = identities?;
    let way = repository::Way {
        key: &keeps.key,
        branch: &inputs.branch,
        readers: &readers(base.cluster, declare),
        writes,
    };
    let bootstrap = settings.bootstrap != Some(false);
    let keys = repository::keys(base.repository, &way, bootstrap, declare)?;
    let files = repository::files(files, settings, base, keys.as_ref(), declare)?;
    if !bootstrap {
        return Ok(());
    }
    let login = repository::login(keys, &files, base.repository, &way, declare)?;
    let mut after = base.cluster.ready.clone();
    if base.cluster.private {
        after.extend(runner::declare(base, &keeps.key, &login.secrets, declare)?);
    }
    bootstrap::declare(
        &bootstrap::Wish {
            settings,
            inputs: &inputs,
            components: &chosen,
            base,
            login,
            files: files.address,
            after,
            identities,
        },
        declare,
    )
}

/// Who applies the cluster's objects, and so reads what is secret in them: the builds of the runner, and the
/// administrators of the cluster.
fn readers(cluster: &cluster::Parts, declare: &Declare<'_>) -> Vec<String> {
    let runner = format!("role/{}", role_name("runner", declare));
    let runner = cluster.private.then(|| declare.global_arn("iam", &runner));
    runner.into_iter().chain(cluster.admins.clone()).collect()
}

/// A service with the name of a component, or of its namespace, which it would share.
fn reserved(
    inputs: &Inputs,
    chosen: &[&Component],
    root: &Node,
    declare: &Declare<'_>,
) -> Option<Fault> {
    let theirs = |name: &str| {
        chosen
            .iter()
            .any(|one| one.namespace == name || one.name == name)
    };
    let service = inputs
        .services
        .iter()
        .find(|service| theirs(&service.name))?;
    let message = format!(
        "the service name `{0}` is reserved: the platform has a component with this name",
        service.name
    );
    let place = root
        .get("services")
        .and_then(|(_, services)| services.get(&service.name))
        .map_or(declare.place(), |(key, _)| key.span);
    Some(Fault::new(message).at(place, "use another name"))
}

/// What cannot be, at the key that asks for it, or at the nearest one above it that is there.
fn unfit(unfit: &platctl_gitops::Unfit, root: &Node, declare: &Declare<'_>) -> Fault {
    let (mut node, mut place, mut found) = (root, declare.place(), 0);
    for part in &unfit.key {
        let Some((key, below)) = node.get(part) else {
            break;
        };
        (node, place, found) = (below, key.span, found + 1);
    }
    let label = if found > 1 {
        "configured here"
    } else {
        "in this block"
    };
    let fault = Fault::new(format!("`{}` {}", unfit.what, unfit.why)).at(place, label);
    fault.maybe_help(unfit.help.clone())
}

/// The files of the repository, by path.
fn files(
    inputs: &Inputs,
    settings: &Settings,
    base: &Base<'_>,
    declare: &Declare<'_>,
) -> Checked<Input<BTreeMap<String, Text>>> {
    let files = platctl_gitops::files(inputs, settings);
    let files = files.map_err(|one| vec![unfit(&one, base.root, declare)])?;
    declare.map(
        files
            .iter()
            .map(|(path, file)| (path.as_str(), content(file))),
    )
}

/// YAML is written out once the references in it are known.
fn content(file: &File) -> Input<Text> {
    match file {
        File::Text(text) => Text::from(text.clone()).into(),
        File::Yaml(documents) => Input::Expr(documents.clone().into()),
    }
}

/// Without its key, nobody can read what Vault keeps, backups included.
fn keeps(declare: &mut Declare<'_>) -> Checked<Keeps> {
    let vault_key = key(
        "vault",
        "Unseals Vault: what Vault keeps is lost with it",
        Vec::new(),
        declare,
    )?;
    let logs = logs_use_key(&runner::log_group_name(declare), declare);
    let key = key(
        "",
        "Encrypts backups of the cluster's configuration, and what its bootstrap needs",
        vec![logs],
        declare,
    )?;
    let purpose = "Recovery keys and first token of Vault, written by Vault's initialisation";
    let spec = secret::Spec {
        name: declare.name("vault-recovery-keys"),
        description: Some(purpose.to_owned()),
        kms_key_id: Some(vault_key.get(key::out::ARN)),
        generate: None,
        resource_policy: None,
        recovery_window_in_days: if declare.protects() { 30 } else { 0 },
        tags: declare.tags("vault_keys"),
    };
    let vault_keys = declare.add("vault_keys", &spec)?;
    let context = declare.context();
    let name = declare.name(&format!("backups-{}-{}", context.account, context.region));
    let tls_only = tls_only(&name, declare);
    let expire = LifecycleRule {
        noncurrent_version_expiration_days: Some(30),
        ..LifecycleRule::expire("expire", Some(90))
    };
    let mut spec = versioned_bucket("backups", name, tls_only, vec![expire], declare);
    spec.encryption = Some(encrypted(&key));
    spec.logging = Some(declare.access_logs("backups"));
    spec.force_destroy = !declare.protects();
    let backups = declare.add("backups", &spec)?;
    Ok(Keeps {
        vault_key,
        vault_keys,
        backups,
        key,
    })
}

/// Whose images run here.
fn environment(settings: &Settings, base: &Base<'_>, declare: &Declare<'_>) -> Checked<String> {
    let known = &base.environments;
    if let Some(wanted) = &settings.environment {
        if known.contains(wanted) {
            return Ok(wanted.clone());
        }
        return Err(declare.fault(format!(
            "unknown environment `{wanted}`: `delivery` has {}",
            known.join(", ")
        )));
    }
    let found = [declare.stack(), "prod"]
        .into_iter()
        .find(|name| known.iter().any(|one| one == name));
    Ok(found.map_or_else(
        || known.last().cloned().unwrap_or_default(),
        ToOwned::to_owned,
    ))
}

fn inputs(
    settings: &Settings,
    base: &Base<'_>,
    keeps: &Keeps,
    environment: String,
    declare: &Declare<'_>,
) -> Inputs {
    let context = declare.context();
    Inputs {
        stack: declare.stack().to_owned(),
        region: context.region.clone(),
        account: context.account.clone(),
        partition: context.partition.clone(),
        dns_suffix: dns_suffix(&context.partition).to_owned(),
        cluster: base.cluster.name.clone(),
        version: base.cluster.version.clone(),
        nodes: base.cluster.source.clone(),
        vpc_id: base.network.vpc.json(vpc::out::VPC_ID),
        zone: base.zone.as_ref().map(|(id, domain)| platctl_gitops::Zone {
            id: id.clone(),
            domain: (*domain).to_owned(),
        }),
        database: base.database.map(|database| platctl_gitops::Database {
            endpoint: database.cluster.json(db_cluster::out::ENDPOINT),
            reader_endpoint: database.cluster.json(db_cluster::out::READER_ENDPOINT),
            port: database.port,
            name: database.name.clone(),
            secret: database
                .cluster
                .json(db_cluster::out::MASTER_USER_SECRET_ARN),
        }),
        alerts: base
            .alerts
            .filter(|_| settings.alerts_by_topic())
            .map(|alerts| platctl_gitops::Alerts {
                topic: alerts.topic.json(topic::out::ARN),
                key: alerts.key.json(key::out::ARN),
            }),
        vault_key: keeps.vault_key.json(key::out::ARN),
        vault_secret: keeps.vault_keys.json(secret::out::ARN),
        backup_bucket: keeps.backups.json(bucket::out::BUCKET),
        backup_key: keeps.key.json(key::out::ARN),
        repository_url: repository::url(base.repository),
        by_github_app: repository::by_github_app(base.repository),
        environment,
        branch: settings.branch.clone().unwrap_or_else(|| "main".to_owned()),
        services: base
            .services
            .iter()
            .filter_map(|service| service.pods.clone())
            .collect(),
    }
}

/// The cluster's name as a reference, for what has to be made after it.
fn cluster_name(cluster: &cluster::Parts) -> Input<String> {
    cluster.cluster.get(eks_cluster::out::NAME)
}
