//! The `alerts:` block: who is told when something is wrong, and what that is.

mod alarms;
mod dashboard;
mod events;

use platctl_aws::Policy;
use platctl_aws::kms::key::{self, Key};
use platctl_aws::sns::subscription::{self, Subscription};
use platctl_aws::sns::topic::{self, Topic};
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{key, policy, service_uses_key};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};
use crate::names::TagMap;
use crate::{database, edge, services};

/// What `alerts:` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alerts {
    /// The email addresses to notify. AWS sends each one a confirmation request.
    email: Option<At<Recipients>>,
    /// Whether to create a dashboard. Enabled by default.
    dashboard: Option<bool>,
    /// The thresholds of the alarms.
    thresholds: Thresholds,
    /// Tags to add to the resources of this block.
    tags: Option<At<TagMap>>,
}

/// One address, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Recipients {
    One(String),
    Many(Vec<String>),
}

/// When an alarm goes off.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// CPU utilization of the database, in percent. Default: 80.
    database_cpu: Option<f64>,
    /// Connections to the database. Default: 800.
    database_connections: Option<f64>,
    /// Free memory of the database, in MiB. Default: 1024.
    database_memory_mib: Option<f64>,
    /// Replication lag of the readers, in milliseconds. Default: 1000.
    replica_lag_ms: Option<f64>,
    /// Failed requests (5xx) in 5 minutes. Default: 25.
    failed_requests: Option<f64>,
}

/// What other blocks take from the alerts.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) topic: Handle<Topic>,
    pub(crate) key: Handle<Key>,
}

/// What is watched.
pub(crate) struct Watched<'a> {
    pub(crate) database: Option<&'a database::Parts>,
    pub(crate) edge: Option<&'a edge::Parts>,
    pub(crate) services: &'a [services::Parts],
}

impl Alerts {
    /// Declares topic, alarms and dashboard.
    pub(crate) fn declare(
        &self,
        watched: &Watched<'_>,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        let recipients = self.recipients()?;
        let account = json!({"StringEquals": {"aws:SourceAccount": declare.context().account}});
        let statements = PUBLISHERS
            .map(|service| service_uses_key(service, account.clone()))
            .to_vec();
        let key = key("", "Encrypts alerts", statements, declare)?;
        let spec = topic::Spec {
            name: declare.name("alerts"),
            display_name: None,
            kms_master_key_id: Some(key.get(key::out::KEY_ID)),
            policy: Some(Policy::declared(publishers(declare))),
            tags: declare.tags("topic"),
        };
        let topic: Handle<Topic> = declare.add("topic", &spec)?;
        for (number, address) in recipients.iter().enumerate() {
            let spec = subscription::Spec {
                topic_arn: topic.get(topic::out::ARN),
                protocol: "email".to_owned(),
                endpoint: address.clone().into(),
                filter_policy: None,
            };
            declare.add::<Subscription>(&format!("email.{}", number + 1), &spec)?;
        }
        self.alarms(&topic, watched, declare)?;
        if let Some(database) = watched.database {
            events::declare(database, &topic, declare)?;
        }
        if self.dashboard.unwrap_or(true) {
            self.board(watched, declare)?;
        }
        Ok(Parts { topic, key })
    }

    fn recipients(&self) -> Checked<Vec<String>> {
        let Some(At { value, span }) = &self.email else {
            return Ok(Vec::new());
        };
        let all = match value {
            Recipients::One(address) => vec![address.clone()],
            Recipients::Many(addresses) => addresses.clone(),
        };
        let sound = |address: &&String| {
            address.split_once('@').is_some_and(|(who, host)| {
                !who.is_empty() && host.contains('.') && !address.contains(' ')
            })
        };
        match all.iter().find(|address| !sound(address)) {
            Some(wrong) => {
                let fault = Fault::new(format!("{} is not a valid email address", quoted(wrong)));
                Err(vec![fault.at(*span, "such as ops@example.com")])
            }
            None => Ok(all),
        }
    }
}

/// The services of AWS that publish, and so use the key.
const PUBLISHERS: [&str; 3] = [
    "cloudwatch.amazonaws.com",
    "events.amazonaws.com",
    events::SERVICE,
];

/// Who may publish: this account, and services of AWS that act for it. A topic without a policy of its own is open to
/// the account only, and RDS is refused.
fn publishers(declare: &Declare<'_>) -> Value {
    let topic = declare.arn("sns", &declare.name("alerts"));
    let context = declare.context();
    policy([
        json!({
            "Sid": "Account", "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", context.partition, context.account)},
            "Action": ["sns:GetTopicAttributes", "sns:Publish", "sns:Subscribe"], "Resource": topic,
        }),
        json!({
            "Sid": "Services", "Effect": "Allow",
            "Principal": {"Service": PUBLISHERS},
            "Action": "sns:Publish", "Resource": topic,
            "Condition": {"StringEquals": {"aws:SourceAccount": context.account}},
        }),
    ])
}
