//! How a run is asked to stop.

use tokio::sync::watch;

/// How urgently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    #[default]
    Run,
    Stop,
    Abandon,
}

/// The side that asks.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Urgency>);

/// The side that listens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Urgency>);

/// A pair of both sides.
#[must_use]
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Urgency::Run);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Start nothing new; let calls in flight be recorded; stop.
    pub fn stop(&self) {
        self.0
            .send_modify(|urgency| *urgency = (*urgency).max(Urgency::Stop));
    }

    /// Leave at once: whatever is in flight is settled by the next run, from the journal.
    pub fn abandon(&self) {
        self.0.send_replace(Urgency::Abandon);
    }
}

impl Stop {
    /// Whether nothing new may start.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() >= Urgency::Stop
    }

    /// Resolves when nothing new may start; never, if that is never asked.
    pub async fn stopping(&self) {
        self.reached(Urgency::Stop).await;
    }

    /// Resolves when the run is to be left at once; never, if that is never asked.
    pub async fn abandoned(&self) {
        self.reached(Urgency::Abandon).await;
    }

    async fn reached(&self, urgency: Urgency) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= urgency).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}
