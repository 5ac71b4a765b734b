//! Progress: live on a terminal, plain lines without one, JSON lines for programs.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use platctl_engine::Address;
use platctl_engine::events::{Doing, Event, Listener, Pending};
use platctl_engine::plan::Plan;
use platctl_engine::tell::{QUIET, Teller};
use serde_json::json;

use super::value::clean;
use super::{Paint, error_line, json_line, time};
use crate::cli::Global;

/// How often a plain line says that a resource is still being waited for.
const STILL: Duration = Duration::from_secs(30);

/// How many resources are shown at work at once; a screen holds no more.
const SHOWN: usize = 20;

/// How many resources are named in one line.
const NAMED: usize = 8;

/// The live display, while there is one: other lines are printed above it.
static LIVE: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Writes to stderr without being overwritten by the live display.
pub(super) fn above(write: impl FnOnce()) {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match live {
        Some(live) => live.suspend(write),
        None => write(),
    }
}

/// Says what takes long outside of a run: connecting, locking, reading.
pub(crate) fn teller(global: &Global) -> Teller {
    let (json, paint) = (global.json, Paint::stderr(global));
    Teller::new(Arc::new(move |event| {
        if json {
            json_line(&json!({"type": "event", "event": event}));
        }
        if let Some(text) = text(&event, paint) {
            error_line(&text);
        }
    }))
}

/// Where events are shown.
pub(crate) struct Progress {
    view: Arc<View>,
}

struct View {
    json: bool,
    paint: Paint,
    live: Option<Live>,
    /// When each resource was last said to be waited for.
    said: Mutex<HashMap<Address, Duration>>,
}

struct Live {
    all: MultiProgress,
    total: ProgressBar,
    bars: Mutex<HashMap<Address, ProgressBar>>,
}

impl Progress {
    pub(crate) fn new(plan: &Plan, global: &Global) -> Self {
        let steps = plan.steps.iter().filter(|step| step.acts()).count();
        let live = std::io::stderr().is_terminal() && !global.json && steps > 0;
        let view = View {
            json: global.json,
            paint: Paint::stderr(global),
            live: live.then(|| Live::new(steps)),
            said: Mutex::default(),
        };
        Self {
            view: Arc::new(view),
        }
    }

    pub(crate) fn listener(&self) -> Listener {
        let view = self.view.clone();
        Arc::new(move |event| view.hear(event))
    }

    pub(crate) fn end(&self) {
        if let Some(live) = &self.view.live {
            let _ = live.all.clear();
            LIVE.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl View {
    fn hear(&self, event: Event) {
        if self.json {
            json_line(&json!({"type": "event", "event": event}));
        }
        match &self.live {
            Some(live) => live.hear(&event, self.paint),
            None => {
                if let Some(text) = self.plain(&event) {
                    error_line(&text);
                }
            }
        }
    }

    fn plain(&self, event: &Event) -> Option<String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Started { address, .. } = event {
            said.remove(address);
        }
        if let Event::Waiting {
            address,
            status,
            elapsed,
            usual,
        } = event
        {
            let next = said.get(address).map_or(QUIET, |last| *last + STILL);
            if *elapsed < next {
                return None;
            }
            said.insert(address.clone(), *elapsed);
            let (elapsed, usual) = (time(*elapsed), time(*usual));
            return Some(format!(
                "  {address}: {}, {elapsed} elapsed, usually {usual}",
                clean(status)
            ));
        }
        text(event, self.paint)
    }
}

impl Live {
    fn new(steps: usize) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}");
        let total = all.add(ProgressBar::new(steps as u64));
        total.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        total.enable_steady_tick(Duration::from_millis(200));
        *LIVE.lock().unwrap_or_else(PoisonError::into_inner) = Some(all.clone());
        Self {
            all,
            total,
            bars: Mutex::default(),
        }
    }

    fn show(&self, bars: &mut HashMap<Address, ProgressBar>, address: &Address, text: String) {
        if !bars.contains_key(address) && bars.len() < SHOWN {
            let bar = self
                .all
                .insert_before(&self.total, ProgressBar::new_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.insert(address.clone(), bar);
        }
        if let Some(bar) = bars.get(address) {
            bar.set_message(text);
        }
    }

    fn hear(&self, event: &Event, paint: Paint) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { address, doing, .. } => {
                self.show(
                    &mut bars,
                    address,
                    format!("{address}: {}", doing_text(*doing)),
                );
            }
            Event::Waiting {
                address,
                status,
                elapsed,
                usual,
            } => {
                let (elapsed, usual) = (time(*elapsed), time(*usual));
                let text = format!(
                    "{address}: {}, {elapsed} elapsed, usually {usual}",
                    clean(status)
                );
                self.show(&mut bars, address, text);
            }
            Event::Finished { address, .. } | Event::Failed { address, .. } => {
                if let Some(bar) = bars.remove(address) {
                    bar.finish_and_clear();
                }
                // The object itself is still to be deleted.
                let emptied = matches!(
                    event,
                    Event::Finished {
                        doing: Doing::Vacate,
                        ..
                    }
                );
                self.total.inc(u64::from(!emptied));
            }
            _ => {}
        }
        if let Some(text) = text(event, paint).filter(|_| !matches!(event, Event::Started { .. })) {
            let _ = self.all.println(text);
        }
    }
}

const fn doing_text(doing: Doing) -> &'static str {
    match doing {
        Doing::Create => "creating",
        Doing::Update => "updating",
        Doing::Delete => "deleting",
        Doing::Vacate => "deleting what its workloads made in AWS",
        Doing::Adopt => "adopting",
        Doing::Wait => "waiting",
        Doing::Keep => "keeping",
        Doing::Leave => "removing from the state",
    }
}

/// An event as a line; none where a line would only be noise.
fn text(event: &Event, paint: Paint) -> Option<String> {
    Some(match event {
        Event::Started { address, doing, .. } => format!("  {address}: {}…", doing_text(*doing)),
        Event::Finished {
            address,
            doing,
            id,
            elapsed,
        } => {
            let id = id
                .as_ref()
                .map(|id| format!(" {}", clean(id.as_str())))
                .unwrap_or_default();
            let (mark, what) = match doing {
                Doing::Create => (paint.add("+"), "created"),
                Doing::Update => (paint.change("~"), "updated"),
                Doing::Delete => (paint.remove("-"), "deleted"),
                // What came of it is told at the end: they may not have been reached.
                Doing::Vacate => (" ".to_owned(), "finished with the workloads of"),
                Doing::Adopt => (paint.add("+"), "adopted"),
                Doing::Wait => (paint.add("+"), "ready"),
                Doing::Keep => (paint.dim("."), "kept"),
                Doing::Leave => (
                    " ".to_owned(),
                    "not deleted: it does not belong to this stack",
                ),
            };
            format!("{mark} {address}: {what}{id} ({})", time(*elapsed))
        }
        Event::Failed {
            address,
            error,
            elapsed,
            ..
        } => {
            format!(
                "{} {address}: {} ({})",
                paint.remove("✗"),
                clean(error),
                time(*elapsed)
            )
        }
        Event::Retrying {
            address,
            message,
            delay,
            ..
        } => {
            format!(
                "  {address}: {}; retrying in {}",
                clean(message),
                time(*delay)
            )
        }
        Event::Detached { address, what } => format!(
            "{} {address}: removed {}, which was not in the state",
            paint.remove("-"),
            clean(what)
        ),
        Event::Slow { what, why, elapsed } => {
            let why = why.as_deref().unwrap_or("no response yet");
            format!("  {}: {} (for {})", clean(what), clean(why), time(*elapsed))
        }
        Event::Stopping { calls, states } => stopping(calls, states),
        Event::Skipped { .. } | Event::Accepted { .. } | Event::Waiting { .. } => return None,
    })
}

/// What a run that was asked to stop still waits for, and what it leaves to AWS.
fn stopping(calls: &[Pending], states: &[Pending]) -> String {
    let mut lines = Vec::new();
    lines.push(match calls {
        [] => "  No API calls are in progress.".to_owned(),
        calls => format!("  Waiting for API calls in progress: {}.", named(calls)),
    });
    if !states.is_empty() {
        let states = named(states);
        lines.push(format!(
            "  Not waiting for these operations, the next run continues with them: {states}."
        ));
    }
    lines.join("\n")
}

fn named(pending: &[Pending]) -> String {
    let one = |one: &Pending| format!("{} ({})", one.address, clean(&one.what));
    let mut names: Vec<String> = pending.iter().take(NAMED).map(one).collect();
    if pending.len() > NAMED {
        names.push(format!("and {} more", pending.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(addresses: &[&str], what: &str) -> Vec<Pending> {
        let one = |address: &&str| Pending {
            address: Address::new(*address).unwrap(),
            what: what.into(),
        };
        addresses.iter().map(one).collect()
    }

    #[test]
    fn a_run_that_stops_says_what_it_waits_for_and_what_it_leaves() {
        let calls = pending(&["gitops.argo_cd"], "being updated");
        let states = pending(&["cluster", "database.cluster"], "CREATING");
        assert_eq!(
            stopping(&calls, &states),
            "  Waiting for API calls in progress: gitops.argo_cd (being updated).\n  \
             Not waiting for these operations, the next run continues with them: cluster (CREATING), database.cluster (CREATING)."
        );
        let many: Vec<String> = (0..10).map(|number| format!("a{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = stopping(&[], &pending(&many, "CREATING"));
        assert!(
            text.starts_with("  No API calls are in progress.\n") && text.ends_with("and 2 more."),
            "{text}"
        );
    }

    #[test]
    fn what_takes_long_says_what_why_and_for_how_long() {
        let paint = Paint::plain();
        let slow = |why: Option<&str>| Event::Slow {
            what: "reading 12 ssm.Parameter".into(),
            why: why.map(ToOwned::to_owned),
            elapsed: Duration::from_secs(35),
        };
        let said = |why| text(&slow(why), paint).unwrap();
        assert_eq!(
            said(None),
            "  reading 12 ssm.Parameter: no response yet (for 35 s)"
        );
        assert_eq!(
            said(Some(
                "ssm:GetParameters failed with InternalServerError: oh"
            )),
            "  reading 12 ssm.Parameter: ssm:GetParameters failed with InternalServerError: oh (for 35 s)"
        );
    }

    #[test]
    fn without_a_terminal_a_wait_is_said_after_five_seconds_and_then_every_half_a_minute() {
        let view = View {
            json: false,
            paint: Paint::plain(),
            live: None,
            said: Mutex::default(),
        };
        let address = Address::new("cluster").unwrap();
        let wait = |seconds| Event::Waiting {
            address: address.clone(),
            status: "CREATING".into(),
            elapsed: Duration::from_secs(seconds),
            usual: Duration::from_secs(600),
        };
        let said = |seconds: &[u64]| -> Vec<u64> {
            seconds
                .iter()
                .copied()
                .filter(|at| view.plain(&wait(*at)).is_some())
                .collect()
        };
        assert_eq!(said(&[1, 4, 6, 16, 26, 37, 50, 70]), [6, 37, 70]);
        let started = Event::Started {
            address: address.clone(),
            kind: "eks.Cluster".into(),
            doing: Doing::Delete,
        };
        view.plain(&started);
        assert_eq!(said(&[2, 7]), [7], "another operation on it begins anew");
    }
}
