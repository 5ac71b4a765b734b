//! Whether what is asked for makes sense, before anything of it is written.

use crate::{AlertReceivers, Inputs, Service, Settings, Source, Unfit, chosen};

/// All that is wrong with the settings of components, and with services whose components are not there.
#[must_use]
pub fn check(inputs: &Inputs, settings: &Settings) -> Vec<Unfit> {
    let mut wrong = numbers(settings);
    wrong.extend(alerts(&settings.prometheus().alerts));
    // A component that cannot be has been told by whoever chose.
    if let Ok(components) = chosen(inputs, settings) {
        let has = |name: &str| components.iter().any(|component| component.name == name);
        let is_lacking = |lack: &&Lack| {
            let by_aws = lack.component == "load-balancer-controller" && inputs.nodes.is_auto();
            !has(lack.component) && !by_aws
        };
        for lack in LACKS.iter().filter(is_lacking) {
            let lacking = inputs.services.iter().filter(|service| (lack.of)(service));
            wrong.extend(lacking.map(lack.why));
        }
    }
    wrong
}

/// A component, the services that need it, and what is said where it is not there.
struct Lack {
    component: &'static str,
    of: fn(&Service) -> bool,
    why: fn(&Service) -> Unfit,
}

const LACKS: &[Lack] = &[
    Lack {
        component: "argo-rollouts",
        of: Service::blue_green,
        why: no_rollouts,
    },
    Lack {
        component: "load-balancer-controller",
        of: |service| service.web().is_some_and(|web| web.target_group.is_some()),
        why: no_controller,
    },
    Lack {
        component: "external-secrets",
        of: Service::needs_secrets,
        why: no_operator,
    },
    Lack {
        component: "vault",
        of: |service| {
            let mut sources = service.secrets.iter().map(|secret| &secret.source);
            sources.any(|source| matches!(source, Source::Vault { .. }))
        },
        why: no_vault,
    },
    Lack {
        component: "prometheus",
        of: |service| {
            let analysis = service.web().and_then(|web| web.analysis);
            analysis.is_some_and(|analysis| analysis.asked_for)
        },
        why: no_prometheus,
    },
];

fn no_operator(service: &Service) -> Unfit {
    let key = if service.secrets.is_empty() {
        "database"
    } else {
        "secrets"
    };
    let why = format!("uses `{key}`, which requires `external_secrets`, but it is disabled");
    Unfit::new(&service.name, why, &["services", &service.name, key])
        .help("enable gitops.external_secrets")
}

fn no_vault(service: &Service) -> Unfit {
    let why = "has secrets in Vault, but `vault` is disabled";
    Unfit::new(&service.name, why, &["services", &service.name, "secrets"])
        .help("enable gitops.vault, or keep the secret in Secrets Manager")
}

fn no_prometheus(service: &Service) -> Unfit {
    let why = "uses `analysis`, which requires `prometheus`, but it is disabled";
    Unfit::new(&service.name, why, &["services", &service.name, "analysis"])
        .help("enable gitops.prometheus, or remove `analysis`")
}

fn no_rollouts(service: &Service) -> Unfit {
    let name = &service.name;
    let why = "uses blue-green rollout, which requires `argo_rollouts`, but it is disabled";
    Unfit::new(name, why, &["services", name, "rollout"]).help(format!(
        "set services.{name}.rollout to rolling, or enable gitops.argo_rollouts"
    ))
}

fn no_controller(service: &Service) -> Unfit {
    let why = "requires `load_balancer_controller` to register its pods, but it is disabled";
    Unfit::new(&service.name, why, &["gitops", "load_balancer_controller"])
        .help("enable gitops.load_balancer_controller, or remove `edge`")
}

fn numbers(settings: &Settings) -> Vec<Unfit> {
    let (vault, prometheus, elastic) =
        (settings.vault(), settings.prometheus(), settings.elastic());
    let mut wrong = Vec::new();
    if let Some(replicas) = vault
        .replicas
        .filter(|replicas| ![1, 3, 5].contains(replicas))
    {
        let why = format!("does not support {replicas} servers");
        wrong
            .push(Unfit::new("vault", why, &["gitops", "vault", "replicas"]).help("use 1, 3 or 5"));
    }
    let counts = [
        (vault.disk_gib, "vault", "disk_gib"),
        (prometheus.retention_days, "prometheus", "retention_days"),
        (prometheus.disk_gib, "prometheus", "disk_gib"),
        (elastic.nodes.map(u16::from), "elastic", "nodes"),
        (elastic.retention_days, "elastic", "retention_days"),
        (elastic.disk_gib, "elastic", "disk_gib"),
    ];
    for (_, component, key) in counts.into_iter().filter(|(count, ..)| *count == Some(0)) {
        let why = format!("does not allow `{key}: 0`");
        let help = format!("use 1 or more, or `{component}: false` to disable it");
        wrong.push(Unfit::new(component, why, &["gitops", component, key]).help(help));
    }
    wrong
}

/// Half of a receiver is none: Alertmanager would refuse all settings for it, or nobody would be told.
fn alerts(alerts: &AlertReceivers) -> Vec<Unfit> {
    let mut wrong = Vec::new();
    let mut say = |key: &str, why: &str, help: &str| {
        let at = ["gitops", "prometheus", "alerts", key];
        wrong.push(Unfit::new(&format!("prometheus.alerts.{key}"), why, &at).help(help));
    };
    let AlertReceivers {
        slack_secret,
        slack_channel,
        email,
        from,
        smtp,
        smtp_user,
        smtp_secret,
        ..
    } = alerts;
    if slack_channel.is_some() && slack_secret.is_none() {
        say(
            "slack_channel",
            "requires `slack_secret`",
            "specify a Secret with the Slack webhook in its key `url`",
        );
    }
    if email.is_some() && smtp.is_none() {
        say(
            "email",
            "requires `smtp`, the mail server",
            "smtp: smtp.example.com:587",
        );
    }
    for (key, value) in [("email", email), ("from", from)] {
        if value.as_ref().is_some_and(|address| !is_address(address)) {
            say(
                key,
                "is not a valid email address",
                "such as ops@example.com",
            );
        }
    }
    let of_mail = [
        ("from", from),
        ("smtp", smtp),
        ("smtp_user", smtp_user),
        ("smtp_secret", smtp_secret),
    ];
    for (key, _) in of_mail
        .iter()
        .filter(|(_, value)| value.is_some() && email.is_none())
    {
        say(key, "requires `email`", "email: ops@example.com");
    }
    if smtp.as_ref().is_some_and(|server| !is_server(server)) {
        say(
            "smtp",
            "is not a mail server with a port",
            "such as smtp.example.com:587",
        );
    }
    match (smtp_user, smtp_secret) {
        (Some(_), None) => say(
            "smtp_user",
            "requires `smtp_secret`",
            "specify a Secret with the user's password in its key `password`",
        ),
        (None, Some(_)) => say(
            "smtp_secret",
            "requires `smtp_user`",
            "specify the user that the password belongs to",
        ),
        _ => {}
    }
    match (&alerts.telegram_secret, alerts.telegram_chat) {
        (Some(_), None) => say(
            "telegram_secret",
            "requires `telegram_chat`",
            "specify the chat ID",
        ),
        (None, Some(_)) => say(
            "telegram_chat",
            "requires `telegram_secret`",
            "specify a Secret with the bot token in its key `token`",
        ),
        _ => {}
    }
    wrong
}

fn is_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
}

fn is_server(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
