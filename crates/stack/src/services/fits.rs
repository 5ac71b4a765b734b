//! Whether what a service says fits together: its kind, what it is deployed with, its new versions.

use super::Has;
use super::schedule::is_schedule;
use super::spec::{Kind, Service, Services};
use crate::de::At;
use crate::declare::Checked;
use crate::error::{Fault, nearest, quoted};
use crate::file::Switch;
use crate::source::Span;

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Worker => "worker",
            Self::Cron => "cron",
            Self::Job => "job",
        }
    }
}

/// One service among all.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    span: Span,
    pub(super) service: &'a Service,
    all: &'a Services,
    pub(super) has: Has,
}

pub(super) fn check(services: &Services, has: Has) -> Checked<()> {
    let mut faults = Vec::new();
    for (name, at) in services {
        let subject = Subject {
            name,
            span: at.span,
            service: &at.value,
            all: services,
            has,
        };
        faults.extend(subject.faults());
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn place<T>(at: Option<&At<T>>) -> Option<Span> {
    at.map(|at| at.span)
}

impl Subject<'_> {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = self.of_other_kinds();
        faults.extend(self.missing());
        faults.extend(self.owner());
        faults.extend(self.ranges());
        faults.extend(self.numbers());
        faults.extend(self.traffic());
        faults.extend(self.variables());
        let secrets = self.service.secrets.iter();
        faults.extend(secrets.filter_map(|(variable, source)| self.secret(variable, source)));
        faults
    }

    /// Keys that mean nothing for this kind.
    fn of_other_kinds(&self) -> Vec<Fault> {
        const WEB: &[Kind] = &[Kind::Web];
        const STAYS: &[Kind] = &[Kind::Web, Kind::Worker];
        const ENDS: &[Kind] = &[Kind::Cron, Kind::Job];
        let service = self.service;
        let keys: [(&str, Option<Span>, &[Kind]); 12] = [
            ("port", place(service.port.as_ref()), WEB),
            ("path", place(service.path.as_ref()), WEB),
            ("host", place(service.host.as_ref()), WEB),
            ("health_path", place(service.health_path.as_ref()), WEB),
            (
                "startup_seconds",
                place(service.startup_seconds.as_ref()),
                WEB,
            ),
            ("analysis", place(service.analysis.as_ref()), WEB),
            ("preview", place(service.preview.as_ref()), WEB),
            ("replicas", place(service.replicas.as_ref()), STAYS),
            ("rollout", place(service.rollout.as_ref()), STAYS),
            (
                "timeout_seconds",
                place(service.timeout_seconds.as_ref()),
                ENDS,
            ),
            ("schedule", place(service.schedule.as_ref()), &[Kind::Cron]),
            (
                "before_deploy",
                place(service.before_deploy.as_ref()),
                &[Kind::Job],
            ),
        ];
        let kind = service.kind;
        let wrong = keys.into_iter().filter_map(|(key, span, kinds)| {
            let words: Vec<String> = kinds
                .iter()
                .map(|one| format!("`kind: {}`", one.word()))
                .collect();
            let fault = Fault::new(format!(
                "`{key}` cannot be used with `kind: {}`",
                kind.word()
            ))
            .at(span?, "not for this kind")
            .help(format!("remove it, or use {}", words.join(" or ")));
            (!kinds.contains(&kind)).then_some(fault)
        });
        wrong.collect()
    }

    fn fault(&self, message: String, label: &str) -> Fault {
        Fault::new(message).at(self.span, label)
    }

    /// Keys that this kind requires.
    fn missing(&self) -> Vec<Fault> {
        let service = self.service;
        let mut faults = Vec::new();
        if service.kind == Kind::Web && service.port.is_none() {
            let fault = self.fault(
                "`port` is missing".to_owned(),
                "`kind: web` requires `port`",
            );
            faults.push(fault.help(
                "add the port that the pods listen on, or use `kind: worker` if they do not listen",
            ));
        }
        match &service.schedule {
            None if service.kind == Kind::Cron => {
                let fault = self.fault(
                    "`schedule` is missing".to_owned(),
                    "`kind: cron` requires `schedule`",
                );
                faults.push(fault.help("such as schedule: \"15 3 * * *\""));
            }
            Some(schedule) if !is_schedule(&schedule.value) => {
                let message = format!("{} is not a schedule", quoted(&schedule.value));
                let fault =
                    Fault::new(message).at(schedule.span, "not five fields in their ranges");
                faults.push(fault.help(
                    "minute (0-59), hour (0-23), day of the month (1-31), month (1-12) and day of the week (0-6), such as \
                     `15 3 * * *`",
                ));
            }
            _ => {}
        }
        let rolled = service.rollout.as_ref();
        let blue_green = rolled.filter(|rollout| rollout.value == super::spec::Rollout::BlueGreen);
        if let Some(rollout) = blue_green.filter(|_| service.kind == Kind::Worker) {
            let message = "`rollout: blue_green` cannot be used with `kind: worker`";
            let fault = Fault::new(message).at(
                rollout.span,
                "a worker gets no requests that could be switched",
            );
            faults.push(fault.help("use `rollout: rolling`"));
        }
        faults
    }

    /// The service that it is deployed with.
    fn owner(&self) -> Vec<Fault> {
        let service = self.service;
        let before = service.before_deploy.as_ref().filter(|before| before.value);
        let Some(owner) = &service.image_of else {
            let fault = before.map(|before| {
                Fault::new("`before_deploy` requires `image_of`")
                    .at(before.span, "before which service is deployed?")
                    .help("add image_of with the name of the service")
            });
            return fault.into_iter().collect();
        };
        let mut faults = Vec::new();
        let mut wrong = |span: Span, message: String, label: &str, help: Option<String>| {
            faults.push(Fault::new(message).at(span, label).maybe_help(help));
        };
        if service.kind == Kind::Web {
            let message = "`image_of` cannot be used with `kind: web`".to_owned();
            let help = "use `kind: worker`, `cron` or `job`, or remove `image_of`".to_owned();
            wrong(owner.span, message, "not for this kind", Some(help));
        }
        match self.all.get(&owner.value) {
            None => {
                let names = self.all.keys().map(String::as_str);
                let help =
                    nearest(&owner.value, names).map(|name| format!("did you mean `{name}`?"));
                wrong(
                    owner.span,
                    format!("there is no service {}", quoted(&owner.value)),
                    "unknown service",
                    help,
                );
            }
            Some(other) if other.value.image_of.is_some() => {
                let message = format!("{} has no image of its own", quoted(&owner.value));
                let help = other.value.owner().filter(|_| owner.value != self.name);
                let help = help.map(|name| format!("use image_of: {name}"));
                wrong(owner.span, message, "it uses `image_of` too", help);
            }
            Some(_) => {}
        }
        let of_owner = [
            ("images", place(service.images.as_ref())),
            ("pin", place(service.pin.as_ref())),
        ];
        for (key, span) in of_owner {
            if let Some(span) = span {
                let message = format!("`{key}` cannot be used with `image_of`");
                let help = format!("set services.{}.{key}", owner.value);
                wrong(
                    span,
                    message,
                    "the image is that of another service",
                    Some(help),
                );
            }
        }
        faults
    }

    fn ranges(&self) -> Vec<Fault> {
        let service = self.service;
        let short = |at: &Option<At<u16>>| at.as_ref().map(|at| (u32::from(at.value), at.span));
        let long = service.timeout_seconds.as_ref();
        let ranges = [
            (short(&service.startup_seconds), 5..=3600),
            (short(&service.shutdown_seconds), 1..=3600),
            (long.map(|at| (at.value, at.span)), 10..=86_400),
        ];
        let wrong = ranges.into_iter().filter_map(|(stated, range)| {
            let (seconds, span) = stated?;
            let label = format!("use {} to {} seconds", range.start(), range.end());
            let fault = Fault::new(format!("{seconds} seconds are out of range"));
            (!range.contains(&seconds)).then(|| fault.at(span, label))
        });
        wrong.collect()
    }

    /// The port, and the numbers of pods.
    fn numbers(&self) -> Vec<Fault> {
        let service = self.service;
        let port = service.port.as_ref().filter(|port| port.value == 0);
        let port = port.map(|port| {
            let fault = Fault::new("0 is not a port").at(port.span, "here");
            fault.help("use the port that the pods listen on: 1 to 65535")
        });
        let replicas = service.replicas.as_ref().and_then(|replicas| {
            let why = replicas.value.wrong()?;
            Some(Fault::new("these numbers of pods cannot be used").at(replicas.span, why))
        });
        port.into_iter().chain(replicas).collect()
    }

    /// The preview and the analysis of a new version.
    fn traffic(&self) -> Vec<Fault> {
        let service = self.service;
        let mut faults = Vec::new();
        let preview = service.preview.as_ref().filter(|preview| preview.value);
        let analysis = service.analysis.as_ref();
        let analysis = analysis.filter(|analysis| matches!(analysis.value, Switch::On(_)));
        let rolling = service.kind == Kind::Web && !service.blue_green();
        for (key, span) in [("preview", place(preview)), ("analysis", place(analysis))] {
            if let Some(span) = span.filter(|_| rolling) {
                let fault = Fault::new(format!("`{key}` requires `rollout: blue_green`"));
                faults.push(fault.at(span, "pods are replaced one by one"));
            }
        }
        if let Some(preview) = preview.filter(|_| !self.has.edge) {
            let fault =
                Fault::new("`preview` requires a load balancer").at(preview.span, "no `edge`");
            faults.push(fault.help("declare `edge: {domain: example.com}`"));
        }
        if let Some(analysis) = analysis
            && let Switch::On(limits) = &analysis.value
            && (!(0.0..=100.0).contains(&limits.errors) || limits.latency_ms == 0)
        {
            let fault =
                Fault::new("these limits cannot be checked").at(analysis.span, "out of range");
            faults.push(
                fault.help("use 0 to 100 percent for `errors`, and 1 or more for `latency_ms`"),
            );
        }
        faults
    }
}
