//! Who asked for what: logs of CloudFront, of AWS WAF and of Route 53.

use std::collections::BTreeSet;

use platctl_aws::cloudfront::distribution::{self, Distribution};
use platctl_aws::logs::delivery::{self, Delivery};
use platctl_aws::logs::delivery_destination::{self, DeliveryDestination};
use platctl_aws::logs::delivery_source::{self, DeliverySource};
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::logs::resource_policy::{self, ResourcePolicy};
use platctl_aws::policy::Policy;
use platctl_aws::route53::hosted_zone;
use platctl_aws::route53::query_logging_config::{self, QueryLoggingConfig};
use platctl_aws::wafv2::logging_configuration::{self, LoggingConfiguration};
use platctl_aws::wafv2::web_acl::{self, WebAcl};
use platctl_engine::{Declared, Handle, Input};
use serde_json::json;

use super::cdn::GLOBAL;
use super::{Edge, Records};
use crate::common::policy;
use crate::declare::{Checked, Declare};
use crate::logs;

/// Headers that whoever reads the logs could use in the name of a user.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

impl Edge {
    /// CloudFront's access logs, in the bucket.
    pub(super) fn cdn_logs(
        &self,
        distribution: &Handle<Distribution>,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(place) = &logs.cdn else {
            return Ok(());
        };
        declare.region(Some(GLOBAL));
        let source: Handle<DeliverySource> = declare.add(
            "logs.source",
            &delivery_source::Spec::<Declared> {
                name: declare.global_name("edge"),
                resource_arn: distribution.get(distribution::out::ARN),
                log_type: "ACCESS_LOGS".into(),
                tags: declare.tags("logs.source"),
            },
        )?;
        let destination: Handle<DeliveryDestination> = declare.add_after(
            "logs.destination",
            &delivery_destination::Spec::<Declared> {
                name: declare.global_name("edge"),
                destination_resource_arn: Input::Value(place.arn.as_str().into()),
                output_format: Some("json".into()),
                tags: declare.tags("logs.destination"),
            },
            &[place.bucket.address()],
        )?;
        declare.add::<Delivery>(
            "logs.delivery",
            &delivery::Spec::<Declared> {
                delivery_source_name: source.get(delivery_source::out::NAME),
                delivery_destination_arn: destination.get(delivery_destination::out::ARN),
                tags: declare.tags("logs.delivery"),
            },
        )?;
        declare.region(None);
        Ok(())
    }

    /// What AWS WAF did with each request. The log group is where the web ACL is: as that, it is another resource in
    /// another scope.
    pub(super) fn waf_logs(
        &self,
        scope: &str,
        acl: &Handle<WebAcl>,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(days) = logs.waf_days else {
            return Ok(());
        };
        // AWS WAF writes to no other names.
        let name = format!("aws-waf-logs-{}", declare.global_name("edge"));
        let address = if scope == "CLOUDFRONT" {
            "logs.waf"
        } else {
            "logs.regional_waf"
        };
        let group = log_group(&format!("{address}_group"), name, days, declare)?;
        declare.add::<LoggingConfiguration>(
            address,
            &logging_configuration::Spec::<Declared> {
                resource_arn: acl.get(web_acl::out::ARN),
                log_destination_arn: group.get(log_group::out::ARN),
                redacted_headers: Some(BTreeSet::from(CREDENTIALS.map(ToOwned::to_owned))),
            },
        )?;
        Ok(())
    }

    /// The DNS queries for a zone of the stack's own. What is done about another one is for its owner to say.
    pub(super) fn dns_logs(
        &self,
        records: &Records,
        logs: &logs::Parts,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let (Some(days), Records::Own(zone)) = (logs.dns_days, records) else {
            return Ok(());
        };
        declare.region(Some(GLOBAL));
        let name = format!(
            "/platctl/{}/{}/dns",
            declare.stack(),
            declare.context().region
        );
        let may_write = policy([json!({
            "Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": declare.arn("logs", &format!("log-group:{name}:*")),
            "Condition": {"StringEquals": {"aws:SourceAccount": declare.context().account}},
        })]);
        let group = log_group("logs.dns_group", name, days, declare)?;
        let policy: Handle<ResourcePolicy> = declare.add(
            "logs.dns_policy",
            &resource_policy::Spec::<Declared> {
                policy_name: declare.global_name("dns-logs"),
                policy_document: Input::Value(Policy::new(&may_write)),
            },
        )?;
        declare.region(None);
        declare.add_after::<QueryLoggingConfig>(
            "logs.dns",
            &query_logging_config::Spec::<Declared> {
                hosted_zone_id: zone.get(hosted_zone::out::ZONE_ID),
                cloud_watch_logs_log_group_arn: group.get(log_group::out::ARN),
            },
            &[policy.address()],
        )?;
        Ok(())
    }
}

/// A log group in the region of what is declared next. A key would have to be in that region, too.
fn log_group(
    address: &str,
    name: String,
    days: i32,
    declare: &mut Declare<'_>,
) -> Checked<Handle<LogGroup>> {
    declare.add(
        address,
        &log_group::Spec::<Declared> {
            log_group_name: name,
            retention_in_days: Some(days),
            kms_key_id: None,
            log_group_class: None,
            tags: declare.tags(address),
        },
    )
}
