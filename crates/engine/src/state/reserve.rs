//! What the stacks of one place share, and take from each other: blocks of a pool of addresses.

use super::{Session, StateError};

/// How often another value is tried. Runs that meet once seldom meet again, for each has an order of its own.
const TRIES: usize = 32;

/// What came of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// No other stack has this value.
    Value(String),
    /// There is nothing left to take.
    Nothing,
    /// Other runs took each value at the same time.
    Contested,
}

/// Takes a value that no other stack has, and writes it down. `pick` answers the value that the stack has already,
/// where nobody else has it, otherwise a free one.
///
/// No lock spans all states. Instead, a run writes what it takes into its own state *before* it reads those of the
/// others, and takes another value if one of them has the same. Of two runs that took the same, at least one reads after
/// both have written: both can step back, but they cannot both stay.
///
/// # Errors
/// When the others cannot be read, or the state cannot be written.
pub async fn reserve<E: From<StateError>>(
    session: &Session,
    what: &str,
    taken: impl AsyncFn() -> Result<Vec<String>, E>,
    pick: impl Fn(Option<&str>, &[String]) -> Option<String>,
) -> Result<Reserved, E> {
    for _ in 0..TRIES {
        let held = session.state().reserved.get(what).cloned();
        let Some(value) = pick(held.as_deref(), &taken().await?) else {
            session.set_reserved(what, None).await?;
            // What this run had, another one took at the same time, and may give it back as well. Who looks again then
            // gets it.
            if held.is_some() {
                continue;
            }
            return Ok(Reserved::Nothing);
        };
        if held.as_ref() == Some(&value) {
            return Ok(Reserved::Value(value));
        }
        session.set_reserved(what, Some(value)).await?;
    }
    session.set_reserved(what, None).await?;
    Ok(Reserved::Contested)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::{Arc, Mutex};
    use std::task::Poll;

    use futures::future::BoxFuture;

    use super::*;
    use crate::Address;
    use crate::state::open::OpenState;
    use crate::state::{Entry, Loaded, Record, State, Verb};

    const WHAT: &str = "network.cidr";
    /// How many steps are taken in every order; a run that meets nobody takes five.
    const STEPS: u32 = 10;

    /// The first value of an order of one's own that nobody has.
    fn first(order: &'static [&'static str]) -> impl Fn(Option<&str>, &[String]) -> Option<String> {
        move |held, taken| {
            let free = |value: &str| !taken.iter().any(|other| other == value);
            if let Some(held) = held.filter(|held| free(held)) {
                return Some(held.to_owned());
            }
            let found = order.iter().find(|value| free(value))?;
            Some((*found).to_owned())
        }
    }

    /// Lets the other one go on.
    async fn step() {
        let mut waited = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// What is durable of all states, by the name of the stack.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<BTreeMap<String, State>>>);

    impl Disk {
        fn session(&self, stack: &str) -> Session {
            let loaded = Loaded {
                state: State::new(stack),
                fresh: true,
                replayed: 0,
                doubtful: false,
            };
            Session::new(loaded, Box::new(self.clone()))
        }

        fn reserved(&self, stack: &str) -> Option<String> {
            let states = self.0.lock().unwrap();
            states.get(stack)?.reserved.get(WHAT).cloned()
        }
    }

    impl OpenState for Disk {
        fn append<'a>(
            &'a self,
            _entry: &'a Entry,
            _account: Option<String>,
            _now: &'a (dyn Fn() -> State + Sync),
        ) -> BoxFuture<'a, Result<(), StateError>> {
            Box::pin(async { Ok(()) })
        }

        fn checkpoint<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
            Box::pin(async {
                let mut states = self.0.lock().unwrap();
                states.insert(state.stack.clone(), state.clone());
                Ok(())
            })
        }

        fn close(&self) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    /// Other runs can go on before each read, and between it and the write that follows.
    async fn run(
        session: &Session,
        (disk, other): (&Disk, &str),
        order: &'static [&'static str],
    ) -> Reserved {
        let taken = async || {
            step().await;
            let found = disk.reserved(other);
            step().await;
            Ok::<_, StateError>(found.into_iter().collect())
        };
        reserve(session, WHAT, taken, first(order)).await.unwrap()
    }

    /// Both runs, one step at a time: a bit says whose turn it is. Afterwards, each goes on to its end.
    async fn interleaved(
        mut one: Pin<&mut impl Future<Output = Reserved>>,
        mut other: Pin<&mut impl Future<Output = Reserved>>,
        turns: u32,
    ) -> (Reserved, Reserved) {
        let (mut first, mut second) = (None, None);
        for turn in 0..64 {
            let mine = if turn < STEPS {
                turns >> turn & 1 == 0
            } else {
                first.is_none()
            };
            let polled = |poll| match poll {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            };
            if mine && first.is_none() {
                first = polled(futures::poll!(one.as_mut()));
            } else if !mine && second.is_none() {
                second = polled(futures::poll!(other.as_mut()));
            }
        }
        (first.unwrap(), second.unwrap())
    }

    #[tokio::test]
    async fn in_no_order_of_reads_and_writes_do_two_runs_get_the_same() {
        for turns in 0..1 << STEPS {
            let disk = Disk::default();
            let (a, b) = (disk.session("a"), disk.session("b"));
            // Both want the same one first.
            let one = pin!(run(&a, (&disk, "b"), &["x", "y", "z"]));
            let other = pin!(run(&b, (&disk, "a"), &["x", "z", "y"]));
            let (one, other) = interleaved(one, other, turns).await;
            assert!(
                matches!((&one, &other), (Reserved::Value(one), Reserved::Value(other)) if one != other),
                "{turns:b}: {one:?} and {other:?}"
            );
        }
    }

    #[tokio::test]
    async fn of_two_runs_that_want_the_last_one_exactly_one_gets_it() {
        for turns in 0..1 << STEPS {
            let disk = Disk::default();
            let (a, b) = (disk.session("a"), disk.session("b"));
            let one = pin!(run(&a, (&disk, "b"), &["x"]));
            let other = pin!(run(&b, (&disk, "a"), &["x"]));
            let (one, other) = interleaved(one, other, turns).await;
            let got = |reserved: &Reserved| matches!(reserved, Reserved::Value(_));
            assert_ne!(got(&one), got(&other), "{turns:b}: {one:?} and {other:?}");
        }
    }

    #[tokio::test]
    async fn what_is_reserved_stays_and_is_given_back_at_the_end() {
        let disk = Disk::default();
        let session = disk.session("a");
        let none = async || Ok::<_, StateError>(Vec::new());
        let got = reserve(&session, WHAT, none, first(&["x", "y"])).await;
        assert_eq!(got.unwrap(), Reserved::Value("x".into()));
        // Another order changes nothing: it is remembered.
        let got = reserve(&session, WHAT, none, first(&["y", "x"])).await;
        assert_eq!(got.unwrap(), Reserved::Value("x".into()));
        assert_eq!(disk.reserved("a").as_deref(), Some("x"));

        let address = Address::new("network.vpc").unwrap();
        let record = Record::new("toy.Tags", "here");
        session
            .outcome(Verb::Settle, &address, Some(record))
            .await
            .unwrap();
        session.release_if_empty().await.unwrap();
        assert!(!session.state().reserved.is_empty());
        session.remove(&address).await.unwrap();
        session.release_if_empty().await.unwrap();
        assert_eq!(disk.reserved("a"), None);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_pool_that_is_empty_or_contested() {
        let disk = Disk::default();
        let session = disk.session("a");
        let all = async || Ok::<_, StateError>(vec!["x".to_owned()]);
        let got = reserve(&session, WHAT, all, first(&["x"])).await;
        assert_eq!(got.unwrap(), Reserved::Nothing);
        // Whatever is taken, somebody else has it a moment later.
        let last = || session.state().reserved.get(WHAT).cloned();
        let rival = async || Ok::<_, StateError>(last().into_iter().collect());
        let got = reserve(&session, WHAT, rival, first(&["x", "y"])).await;
        assert_eq!(got.unwrap(), Reserved::Contested);
        assert!(session.state().reserved.is_empty());
    }
}
