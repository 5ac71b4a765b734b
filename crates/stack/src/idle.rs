//! Keys that are read and have no effect, because of what else the file says or does not say.
//!
//! Within one block this is a contradiction, and an error. Where another block is missing or disabled it is a warning:
//! the file may be the base of several stacks, and not all of them have the block.

use crate::database::Database;
use crate::delivery::Delivery;
use crate::edge::Edge;
use crate::error::Fault;
use crate::file::File;
use crate::network::Network;
use crate::source::{Sources, Span};
use crate::tree::{Node, Tree};

/// Keys, and what has to be so for them to have an effect.
struct Idle {
    /// The block, or a map within it; `*` stands for any name.
    at: &'static str,
    keys: &'static [&'static str],
    has_effect: fn(&File) -> bool,
    /// What is the case otherwise.
    because: &'static str,
    /// What to do.
    help: &'static str,
}

const CONTRADICTIONS: &[Idle] = &[
    Idle {
        at: "edge",
        keys: &["price_class", "content_security_policy"],
        has_effect: |file| file.edge.as_ref().is_some_and(Edge::uses_cdn),
        because: "only CloudFront uses it, and `edge.cdn` is `false`",
        help: "remove it, or remove `cdn: false`",
    },
    Idle {
        at: "edge",
        keys: &["rate_limit"],
        has_effect: |file| file.edge.as_ref().is_some_and(Edge::uses_waf),
        because: "only the web ACL uses it, and `edge.waf` is `false`",
        help: "remove it, or remove `waf: false`",
    },
    Idle {
        at: "database.readers",
        keys: &["class"],
        has_effect: |file| file.database.as_ref().is_some_and(Database::has_readers),
        because: "`database.readers.count` is 0",
        help: "remove it, or set `count` to 1 or more",
    },
    Idle {
        at: "delivery",
        keys: &["approvals"],
        has_effect: |file| file.delivery.as_ref().is_some_and(Delivery::in_codecommit),
        because: "approval rules exist only in CodeCommit, and the repositories are on another host",
        help: "remove it, and protect the branches on the host of the repositories",
    },
    Idle {
        at: "delivery.source",
        keys: &["repository"],
        has_effect: |file| {
            file.delivery
                .as_ref()
                .is_some_and(Delivery::can_be_followed)
        },
        because: "the GitOps repository is used only with `credential`",
        help: "remove it, or add `credential` with the name of a secret",
    },
    Idle {
        at: "gitops",
        keys: &["manifest"],
        has_effect: |file| {
            file.gitops
                .as_ref()
                .is_some_and(|one| one.bootstrap != Some(false))
        },
        because: "only the installation of Argo CD uses it, and `gitops.bootstrap` is `false`",
        help: "remove it, or remove `bootstrap: false`",
    },
    Idle {
        at: "network",
        keys: &["endpoint_access"],
        has_effect: |file| file.network.as_ref().is_some_and(Network::limits_endpoints),
        because: "`network.endpoints` has no service whose endpoint can be limited",
        help: "remove it, or add an endpoint such as s3",
    },
];

const WARNINGS: &[Idle] = &[
    Idle {
        at: "logs",
        keys: &["load_balancer"],
        has_effect: |file| file.edge.is_some(),
        because: "there is no `edge`, so there is no load balancer",
        help: "remove it",
    },
    Idle {
        at: "logs",
        keys: &["cdn"],
        has_effect: |file| file.edge.as_ref().is_some_and(Edge::uses_cdn),
        because: "the stack does not use CloudFront",
        help: "remove it",
    },
    Idle {
        at: "logs",
        keys: &["waf"],
        has_effect: |file| file.edge.as_ref().is_some_and(Edge::uses_waf),
        because: "the stack has no web ACL",
        help: "remove it",
    },
    Idle {
        at: "logs",
        keys: &["dns"],
        has_effect: |file| file.edge.as_ref().is_some_and(Edge::creates_zone),
        because: "the stack does not create a Route 53 zone",
        help: "remove it",
    },
    Idle {
        at: "logs",
        keys: &["buckets"],
        has_effect: File::has_buckets,
        because: "the stack has no other S3 bucket",
        help: "remove it",
    },
    Idle {
        at: "database",
        keys: &["name", "user"],
        has_effect: |file| file.database.as_ref().is_some_and(|one| !one.is_restored()),
        because: "the database is restored from a backup, which has its own",
        help: "remove it, or keep it for the next new database",
    },
    Idle {
        at: "alerts.thresholds",
        keys: &[
            "database_cpu",
            "database_connections",
            "database_memory_mib",
        ],
        has_effect: |file| file.database.is_some(),
        because: "there is no `database`",
        help: "remove it",
    },
    Idle {
        at: "alerts.thresholds",
        keys: &["replica_lag_ms"],
        has_effect: |file| file.database.as_ref().is_some_and(Database::has_readers),
        because: "the stack has no database with readers",
        help: "remove it",
    },
    Idle {
        at: "alerts.thresholds",
        keys: &["failed_requests"],
        has_effect: |file| file.edge.is_some(),
        because: "there is no `edge`, so there is no load balancer",
        help: "remove it",
    },
    Idle {
        at: "alerts",
        keys: &["dashboard"],
        has_effect: |file| file.database.is_some() || file.edge.is_some(),
        because: "there is neither `database` nor `edge`, so there is nothing to show",
        help: "remove it",
    },
    Idle {
        at: "services.*.secrets.*",
        keys: &["vault"],
        has_effect: |file| file.gitops.is_some(),
        because: "there is no `gitops`, so there is no Vault",
        help: "remove it, or declare `gitops: {}`",
    },
    Idle {
        at: "services.*",
        keys: &["host", "path"],
        has_effect: |file| file.edge.is_some(),
        because: "there is no `edge`, so there is no load balancer",
        help: "remove it, or declare `edge: {domain: example.com}`",
    },
    Idle {
        at: "services.*",
        keys: &["permissions", "secrets", "database"],
        has_effect: |file| file.cluster.is_some(),
        because: "there is no `cluster`, so there are no pods",
        help: "remove it, or declare `cluster: {}`",
    },
    Idle {
        at: "services.*",
        keys: &["health_path"],
        has_effect: |file| file.edge.is_some() || file.gitops.is_some(),
        because: "there is neither `gitops` nor `edge`, so nothing checks the health of pods",
        help: "remove it, or declare `gitops: {}`",
    },
    Idle {
        at: "services.*",
        keys: &["shutdown_seconds"],
        // The load balancer sends the last requests to a pod for as long.
        has_effect: |file| file.edge.is_some() || file.gitops.is_some(),
        because: "there is neither `gitops` nor `edge`, so nothing stops pods or sends them requests",
        help: "remove it, or declare `gitops: {}`",
    },
    Idle {
        at: "services.*",
        keys: &[
            "analysis",
            "args",
            "before_deploy",
            "command",
            "cpu",
            "env",
            "memory",
            "pin",
            "replicas",
            "rollout",
            "schedule",
            "startup_seconds",
            "timeout_seconds",
        ],
        has_effect: |file| file.gitops.is_some(),
        because: "there is no `gitops`, so platctl does not deploy the service",
        help: "remove it, or declare `gitops: {}`",
    },
];

/// The keys that contradict another key of their block.
pub(crate) fn faults(file: &File, root: &Node) -> Vec<Fault> {
    let found = idle(CONTRADICTIONS, file, root);
    let fault = |Found { key, span, why }: Found<'_>| {
        Fault::new(format!("`{key}` has no effect: {}", why.because))
            .at(span, "not used")
            .help(why.help)
    };
    found.into_iter().map(fault).collect()
}

/// The keys that wait for a block that is not there, each with its place.
pub(crate) fn warnings(file: &File, root: &Node, sources: &Sources) -> Vec<String> {
    let found = idle(WARNINGS, file, root);
    let warning = |Found { key, span, why }: Found<'_>| {
        let place = sources.whereabouts(span);
        // A sentence of its own begins with what to do.
        let help = why.help.replacen("remove", "Remove", 1);
        format!(
            "{place}: `{key}` has no effect, because {}. {help}",
            why.because
        )
    };
    found.into_iter().map(warning).collect()
}

/// A key without an effect.
struct Found<'a> {
    /// Its whole path.
    key: String,
    span: Span,
    why: &'a Idle,
}

fn idle<'a>(all: &'a [Idle], file: &File, root: &Node) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for why in all.iter().filter(|why| !(why.has_effect)(file)) {
        let mut maps = vec![(String::new(), root)];
        for part in why.at.split('.') {
            maps = maps.into_iter().flat_map(|map| below(map, part)).collect();
        }
        for (path, map) in maps {
            let stated = why.keys.iter().filter_map(|key| map.get(key));
            // Nothing below a key is as good as no key.
            let stated = stated.filter(|(_, value)| !matches!(value.tree, Tree::Null));
            found.extend(stated.map(|(key, _)| Found {
                key: format!("{path}{}", key.text),
                span: key.span,
                why,
            }));
        }
    }
    found
}

/// The entries of a map that a part of a path names, each with its path up to the next part.
fn below<'a>((path, map): (String, &'a Node), part: &str) -> Vec<(String, &'a Node)> {
    let entries = map.entries().iter();
    entries
        .filter(|(key, _)| part == "*" || key.text == part)
        .map(|(key, value)| (format!("{path}{}.", key.text), value))
        .collect()
}

impl File {
    /// Whether there is a bucket that could write access logs.
    fn has_buckets(&self) -> bool {
        let flow_logs = self.network.as_ref().is_some_and(Network::logs_to_bucket);
        self.delivery.is_some() || self.gitops.is_some() || flow_logs
    }
}
