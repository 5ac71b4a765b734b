//! Progress: live on a terminal, plain lines without one, JSON lines for programs.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use platctl_engine::Address;
use platctl_engine::events::{Doing, Event, Listener};
use platctl_engine::plan::Plan;
use serde_json::json;

use super::value::clean;
use super::{Paint, error_line, json_line, time};
use crate::cli::Global;

/// How often a plain line says that a resource is still being waited for.
const STILL: Duration = Duration::from_secs(30);

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
        Self { view: Arc::new(view) }
    }

    pub(crate) fn listener(&self) -> Listener {
        let view = self.view.clone();
        Arc::new(move |event| view.hear(event))
    }

    pub(crate) fn end(&self) {
        if let Some(live) = &self.view.live {
            let _ = live.all.clear();
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
        if let Event::Waiting { address, status, elapsed, usual } = event {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let last = said.entry(address.clone()).or_default();
            if *elapsed < *last + STILL {
                return None;
            }
            *last = *elapsed;
            let (elapsed, usual) = (time(*elapsed), time(*usual));
            return Some(format!("  {address}: {}, {elapsed} of usually {usual}", clean(status)));
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
        Self { all, total, bars: Mutex::default() }
    }

    fn hear(&self, event: &Event, paint: Paint) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { address, doing, .. } => {
                let bar = self.all.insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_message(format!("{address}: {}", doing_text(*doing)));
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.insert(address.clone(), bar);
            }
            Event::Waiting { address, status, elapsed, usual } => {
                if let Some(bar) = bars.get(address) {
                    let (elapsed, usual) = (time(*elapsed), time(*usual));
                    bar.set_message(format!("{address}: {}, {elapsed} of usually {usual}", clean(status)));
                }
            }
            Event::Finished { address, .. } | Event::Failed { address, .. } => {
                if let Some(bar) = bars.remove(address) {
                    bar.finish_and_clear();
                }
                self.total.inc(1);
            }
            Event::Accepted { .. } | Event::Retrying { .. } | Event::Skipped { .. } => {}
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
        Doing::Adopt => "taking over",
        Doing::Wait => "waiting",
        Doing::Keep => "keeping",
        Doing::Leave => "leaving alone",
    }
}

/// An event as a line; none where a line would only be noise.
fn text(event: &Event, paint: Paint) -> Option<String> {
    Some(match event {
        Event::Started { address, doing, .. } => format!("  {address}: {}…", doing_text(*doing)),
        Event::Finished { address, doing, id, elapsed } => {
            let id = id.as_ref().map(|id| format!(" {}", clean(id.as_str()))).unwrap_or_default();
            let (mark, what) = match doing {
                Doing::Create => (paint.add("+"), "created"),
                Doing::Update => (paint.change("~"), "updated"),
                Doing::Delete => (paint.remove("-"), "deleted"),
                Doing::Adopt => (paint.add("+"), "taken over"),
                Doing::Wait => (paint.add("+"), "ready"),
                Doing::Keep => (paint.dim("."), "kept"),
                Doing::Leave => (" ".to_owned(), "left alone: it is not this stack's to delete"),
            };
            format!("{mark} {address}: {what}{id} ({})", time(*elapsed))
        }
        Event::Failed { address, error, elapsed, .. } => {
            format!("{} {address}: {} ({})", paint.remove("✗"), clean(error), time(*elapsed))
        }
        Event::Retrying { address, message, delay, .. } => {
            format!("  {address}: {}; again in {}", clean(message), time(*delay))
        }
        Event::Skipped { .. } | Event::Accepted { .. } | Event::Waiting { .. } => return None,
    })
}
