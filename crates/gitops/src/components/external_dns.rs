//! external-dns.

use serde_json::json;

use crate::application::LAST_WAVE;
use crate::component::{Component, Exit, Leftover, PLAIN, Pods, Resources, Workload, allow, join};
use crate::versions::EXTERNAL_DNS;

const ACCOUNT: &str = "external-dns";
const CONTAINER: Resources = Resources::new(25, 64, 256);

pub(crate) const COMPONENT: Component = Component {
    name: "external-dns",
    purpose: "Manages DNS records for workloads in the cluster",
    namespace: "external-dns",
    wave: LAST_WAVE,
    exits: |_, _| vec![Exit::https()],
    pods: |_, _| vec![Pods::of("external-dns", 1, &[CONTAINER])],
    chart: Some(EXTERNAL_DNS),
    values: |inputs, _| {
        let domain = inputs.zone.as_ref().map_or("", |zone| zone.domain.as_str());
        json!({
            "provider": {"name": "aws"},
            "resources": CONTAINER.json(),
            "serviceAccount": {"create": true, "name": ACCOUNT},
            "env": [{"name": "AWS_DEFAULT_REGION", "value": inputs.region}],
            "domainFilters": [domain],
            "txtOwnerId": inputs.cluster,
            "txtPrefix": "_external-dns.",
            "registry": "txt",
            "policy": "sync",
            "sources": ["service", "ingress"],
            "extraArgs": ["--aws-zone-type=public"],
        })
    },
    workloads: |inputs| {
        let zone = inputs
            .zone
            .as_ref()
            .map(|zone| zone.id.clone())
            .unwrap_or_default();
        let zone = join([
            format!("arn:{}:route53:::hostedzone/", inputs.partition).into(),
            zone,
        ]);
        vec![Workload {
            namespace: "external-dns",
            service_account: ACCOUNT,
            statements: vec![
                allow(&["route53:ChangeResourceRecordSets"], zone),
                allow(
                    &[
                        "route53:ListHostedZones",
                        "route53:ListResourceRecordSets",
                        "route53:ListTagsForResources",
                    ],
                    "*",
                ),
            ],
        }]
    },
    missing: |inputs, _| {
        inputs
            .zone
            .is_none()
            .then_some("requires a DNS zone: `edge:` with a domain")
    },
    leftovers: &[Leftover {
        what: "DNS records",
        found_by: "TXT records with heritage=external-dns,external-dns/owner=CLUSTER identify the records",
    }],
    health: &["Deployment external-dns/external-dns"],
    ..PLAIN
};
