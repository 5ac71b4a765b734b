//! Whether what is asked for makes sense, before anything of it is written.

use crate::{AlertReceivers, Inputs, Service, Settings, Unfit, chosen};

/// All that is wrong with the settings of components, and with services whose components are not there.
#[must_use]
pub fn check(inputs: &Inputs, settings: &Settings) -> Vec<Unfit> {
    let mut wrong = numbers(settings);
    wrong.extend(alerts(&settings.prometheus().alerts));
    // A component that cannot be has been told by whoever chose.
    if let Ok(components) = chosen(inputs, settings) {
        let has = |name: &str| components.iter().any(|component| component.name == name);
        let without_rollouts = inputs.services.iter().filter(|_| !has("argo-rollouts"));
        wrong.extend(without_rollouts.filter(|service| service.blue_green).map(no_rollouts));
        let without_controller = inputs.services.iter().filter(|_| !has("load-balancer-controller"));
        wrong.extend(without_controller.filter(|service| service.target_group.is_some()).map(no_controller));
    }
    wrong
}

fn no_rollouts(service: &Service) -> Unfit {
    let name = &service.name;
    let why = "is rolled out blue-green, which needs `argo_rollouts`, which is switched off";
    Unfit::new(name, why, &["services", name, "rollout"])
        .help(format!("set services.{name}.rollout to rolling, or leave gitops.argo_rollouts on"))
}

fn no_controller(service: &Service) -> Unfit {
    let why = "is reached through the load balancer, but without `load_balancer_controller` nothing registers its pods";
    Unfit::new(&service.name, why, &["gitops", "load_balancer_controller"])
        .help("leave gitops.load_balancer_controller on, or leave out `edge`")
}

fn numbers(settings: &Settings) -> Vec<Unfit> {
    let (vault, prometheus, elastic) = (settings.vault(), settings.prometheus(), settings.elastic());
    let mut wrong = Vec::new();
    if let Some(replicas) = vault.replicas.filter(|replicas| ![1, 3, 5].contains(replicas)) {
        let why = format!("cannot have {replicas} servers: they decide by majority");
        wrong.push(Unfit::new("vault", why, &["gitops", "vault", "replicas"]).help("1, 3 or 5"));
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
        let why = format!("cannot be with `{key}: 0`");
        let help = format!("1 or more, or `{component}: false` for none at all");
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
    let AlertReceivers { slack_secret, slack_channel, email, from, smtp, smtp_user, smtp_secret, .. } =
        alerts;
    if slack_channel.is_some() && slack_secret.is_none() {
        say("slack_channel", "needs `slack_secret`", "name a Secret whose key `url` is Slack's webhook");
    }
    if email.is_some() && smtp.is_none() {
        say("email", "needs a mail server: `smtp`", "smtp: smtp.example.com:587");
    }
    for (key, value) in [("email", email), ("from", from)] {
        if value.as_ref().is_some_and(|address| !is_address(address)) {
            say(key, "is no mail address", "such as ops@example.com");
        }
    }
    let of_mail = [("from", from), ("smtp", smtp), ("smtp_user", smtp_user), ("smtp_secret", smtp_secret)];
    for (key, _) in of_mail.iter().filter(|(_, value)| value.is_some() && email.is_none()) {
        say(key, "is of no use without `email`", "email: ops@example.com");
    }
    if smtp.as_ref().is_some_and(|server| !is_server(server)) {
        say("smtp", "is no mail server with its port", "such as smtp.example.com:587");
    }
    match (smtp_user, smtp_secret) {
        (Some(_), None) => {
            say("smtp_user", "needs `smtp_secret`", "a Secret whose key `password` is the user's")
        }
        (None, Some(_)) => say("smtp_secret", "needs `smtp_user`", "the user whose password it is"),
        _ => {}
    }
    match (&alerts.telegram_secret, alerts.telegram_chat) {
        (Some(_), None) => say("telegram_secret", "needs `telegram_chat`", "the number of the chat"),
        (None, Some(_)) => {
            say("telegram_chat", "needs `telegram_secret`", "a Secret whose key `token` is the bot's")
        }
        _ => {}
    }
    wrong
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
}

fn is_server(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
