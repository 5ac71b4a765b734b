//! Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use platctl_engine::stop::{Stop, Stopper, channel};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::render::error_line;

const NONE: u8 = 0;
const INTERRUPT: u8 = 1;
const TERMINATE: u8 = 2;

/// What the user or the system asked of this process.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    pub(crate) stop: Stop,
    received: Arc<AtomicU8>,
}

impl Signals {
    /// Listens from now on. The first signal lets calls in flight be recorded, the second leaves at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (stopper, stop) = channel();
        let received = Arc::new(AtomicU8::new(NONE));
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let seen = received.clone();
        tokio::spawn(async move {
            loop {
                let which = tokio::select! {
                    _ = interrupt.recv() => INTERRUPT,
                    _ = terminate.recv() => TERMINATE,
                };
                ask(&stopper, &seen, which);
            }
        });
        Ok(Self { stop, received })
    }

    /// The exit code of a run that was stopped by a signal.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.received.load(Ordering::SeqCst) {
            INTERRUPT => Some(Exit::Interrupted),
            TERMINATE => Some(Exit::Terminated),
            _ => None,
        }
    }
}

fn ask(stopper: &Stopper, seen: &AtomicU8, which: u8) {
    if seen.swap(which, Ordering::SeqCst) == NONE {
        error_line(
            "Interrupt received: nothing new is started, and API calls in progress are recorded. Press \
             Ctrl-C again to exit immediately; the next run then checks the result of those calls.",
        );
        stopper.stop();
    } else {
        stopper.abandon();
    }
}
