//! What a session asks of the place that its state lives in.

use futures::future::BoxFuture;

use super::{Entry, State, StateError};

/// A locked state, open for writing.
pub(super) trait OpenState: Send + Sync {
    /// Makes an entry durable. `account` is where the resources live; `now` is the state that it is the first to
    /// change, should nothing be written yet: it copies everything, so it is asked for once.
    fn append<'a>(
        &'a self,
        entry: &'a Entry,
        account: Option<String>,
        now: &'a (dyn Fn() -> State + Sync),
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// Makes a whole state durable, with an empty journal behind it.
    fn checkpoint<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>>;

    /// Whether the state is still locked for this run.
    fn check(&self) -> BoxFuture<'_, Result<(), StateError>> {
        Box::pin(async { Ok(()) })
    }

    /// Lets go of the lock.
    fn close(&self) -> BoxFuture<'_, ()>;
}
