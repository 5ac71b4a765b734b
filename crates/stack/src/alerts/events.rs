//! What RDS itself reports of the database: failovers, failures, maintenance.

use platctl_aws::rds::db_cluster;
use platctl_aws::rds::db_instance;
use platctl_aws::rds::event_subscription::{EventSubscription, Spec};
use platctl_aws::sns::topic::{self, Topic};
use platctl_engine::{Declared, Handle, Input};

use crate::database;
use crate::declare::{Checked, Declare};

/// By which RDS publishes.
pub(super) const SERVICE: &str = "events.rds.amazonaws.com";

/// What somebody has to look at, or wants to have known. Backups and restarts are not among it.
const CLUSTER: [&str; 4] = ["deletion", "failover", "failure", "maintenance"];
const INSTANCE: [&str; 5] = [
    "configuration change",
    "deletion",
    "failure",
    "low storage",
    "maintenance",
];

pub(super) fn declare(
    database: &database::Parts,
    topic: &Handle<Topic>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let cluster = database.cluster.get(db_cluster::out::DB_CLUSTER_IDENTIFIER);
    subscribe("cluster", vec![cluster], &CLUSTER, topic, declare)?;
    let instances = std::iter::once(&database.writer).chain(&database.readers);
    let instances = instances.map(|one| one.get(db_instance::out::DB_INSTANCE_IDENTIFIER));
    subscribe("instance", instances.collect(), &INSTANCE, topic, declare)
}

fn subscribe(
    what: &str,
    sources: Vec<Input<String>>,
    categories: &[&str],
    topic: &Handle<Topic>,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let address = format!("events.{what}");
    declare.add::<EventSubscription>(
        &address,
        &Spec::<Declared> {
            subscription_name: declare.name(&format!("database-{what}")),
            sns_topic_arn: topic.get(topic::out::ARN),
            source_type: format!("db-{what}"),
            source_ids: Some(declare.set(sources)?),
            event_categories: categories.iter().map(|one| (*one).to_owned()).collect(),
            enabled: true,
            tags: declare.tags(&address),
        },
    )?;
    Ok(())
}
