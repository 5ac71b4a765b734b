//! Runs that are cut off at every call, paused, and woken up again, over a bucket in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::state::{
    Answer, Blob, Blobs, Condition, Holder, Listed, LockStatus, Put, Record, Session, State,
    StateError, Store, Verb,
};
use crate::{Address, Class, CloudError};

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It fails before it has an effect, and from then on every call.
    DeadBefore,
    /// It has its effect, nobody is told, and from then on every call fails.
    DeadAfter,
    /// It has its effect, and the answer is lost once.
    Lost,
}

#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<String, (Vec<u8>, u64, Option<Instant>)>,
    writes: u64,
}

/// A client of a bucket that all of its clones share.
#[derive(Clone, Debug, Default)]
struct Memory {
    contents: Arc<Mutex<Contents>>,
    /// The write, counted from here on, and what becomes of it.
    fate: Arc<Mutex<Option<(usize, Fate)>>>,
    dead: Arc<Mutex<bool>>,
    /// Objects that cannot be read.
    unreachable: Arc<Mutex<Option<String>>>,
}

impl Memory {
    /// Another client of the same bucket.
    fn other(&self) -> Self {
        Self {
            contents: self.contents.clone(),
            ..Self::default()
        }
    }

    fn doomed(&self, write: usize, fate: Fate) -> Self {
        let other = self.other();
        *other.fate.lock().unwrap() = Some((write, fate));
        other
    }

    fn store(&self) -> Store {
        Store::within(Arc::new(self.clone()), "s", Duration::from_secs(90))
    }

    fn cut() -> CloudError {
        CloudError::new(Class::Invalid, "s3:PutObject", "the process is dead")
    }

    fn alive(&self) -> Result<(), CloudError> {
        if *self.dead.lock().unwrap() {
            Err(Self::cut())
        } else {
            Ok(())
        }
    }

    fn write(&self, key: &str, bytes: Vec<u8>, condition: &Condition) -> Put {
        let mut contents = self.contents.lock().unwrap();
        let present = contents
            .objects
            .get(key)
            .map(|(_, version, _)| version.to_string());
        let holds = match condition {
            Condition::Absent => present.is_none(),
            Condition::Is(tag) => present.as_ref() == Some(tag),
        };
        if !holds {
            return Put::Refused;
        }
        contents.writes += 1;
        let version = contents.writes;
        contents
            .objects
            .insert(key.to_owned(), (bytes, version, Some(Instant::now())));
        Put::Done(version.to_string())
    }

    /// What becomes of this write, if it is one of those.
    fn next_fate(&self) -> Option<Fate> {
        let mut fate = self.fate.lock().unwrap();
        let (left, what) = (*fate)?;
        *fate = (left > 1).then(|| (left - 1, what));
        (left <= 1).then_some(what)
    }
}

impl Blobs for Memory {
    fn place(&self, key: &str) -> String {
        format!("s3://memory/{key}")
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Blob>> {
        Box::pin(async move {
            self.alive()?;
            if self
                .unreachable
                .lock()
                .unwrap()
                .as_ref()
                .is_some_and(|far| key.starts_with(far.as_str()))
            {
                return Err(CloudError::new(
                    Class::Denied,
                    "s3:GetObject",
                    "access denied",
                ));
            }
            let contents = self.contents.lock().unwrap();
            Ok(contents.objects.get(key).map(|(bytes, version, at)| Blob {
                bytes: bytes.clone(),
                tag: version.to_string(),
                age: at.map_or(Duration::ZERO, |at| at.elapsed()),
            }))
        })
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, condition: Condition) -> Answer<'a, Put> {
        Box::pin(async move {
            self.alive()?;
            match self.next_fate() {
                None => Ok(self.write(key, bytes, &condition)),
                Some(Fate::Lost) => {
                    self.write(key, bytes, &condition);
                    Err(CloudError::new(
                        Class::Interrupted,
                        "s3:PutObject",
                        "the answer was lost",
                    ))
                }
                Some(fate) => {
                    if fate == Fate::DeadAfter {
                        self.write(key, bytes, &condition);
                    }
                    *self.dead.lock().unwrap() = true;
                    Err(Self::cut())
                }
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Listed>> {
        Box::pin(async move {
            let contents = self.contents.lock().unwrap();
            let found = contents
                .objects
                .iter()
                .filter(|(key, _)| key.starts_with(prefix));
            let listed =
                |(key, (_, version, _)): (&String, &(Vec<u8>, u64, Option<Instant>))| Listed {
                    key: key.clone(),
                    written: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(*version)),
                };
            Ok(found.map(listed).collect())
        })
    }
}

/// A holder on a machine of its own, so that nobody can know whether it lives.
fn holder(command: &str) -> Holder {
    Holder {
        machine: command.to_owned(),
        ..Holder::here(command)
    }
}

fn address(number: usize) -> Address {
    Address::new(format!("a{number}")).unwrap()
}

async fn open(store: &Store, command: &str, wait: u64) -> Result<Session, StateError> {
    store
        .open(&holder(command), Duration::from_secs(wait))
        .await
}

async fn note(session: &Session, number: usize) -> Result<(), StateError> {
    session
        .outcome(
            Verb::Create,
            &address(number),
            Some(Record::new("toy.Tags", "here")),
        )
        .await
}

/// Two entries, a checkpoint, another entry, another checkpoint; answers what was promised to be durable.
async fn work(store: &Store) -> (usize, Result<(), StateError>) {
    let mut promised = 0;
    let result = async {
        let session = open(store, "apply", 0).await?;
        for number in 0..2 {
            note(&session, number).await?;
            promised += 1;
        }
        session.finish().await?;
        note(&session, 2).await?;
        promised += 1;
        session.finish().await?;
        session.close().await;
        Ok(())
    };
    let result = result.await;
    (promised, result)
}

fn known(state: &State) -> usize {
    state.resources.len()
}

#[tokio::test(start_paused = true)]
async fn what_was_promised_is_there_wherever_a_run_dies() {
    for fate in [Fate::DeadBefore, Fate::DeadAfter] {
        for write in 1.. {
            let bucket = Memory::default();
            let (promised, result) = work(&bucket.doomed(write, fate).store()).await;
            let store = bucket.store();
            let found = known(&store.read().await.unwrap().state);
            assert!(
                found == promised || found == promised + 1,
                "{fate:?} {write}: {found} of {promised}"
            );
            // The next run waits for the lease to run out, and goes on.
            let (_, again) = {
                let session = open(&store, "again", 600).await.unwrap();
                for number in found..3 {
                    note(&session, number).await.unwrap();
                }
                (session.finish().await.unwrap(), session.close().await)
            };
            let () = again;
            assert_eq!(
                known(&store.read().await.unwrap().state),
                3,
                "{fate:?} {write}"
            );
            if result.is_ok() {
                assert!(write > 6, "only {write} writes");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_refusal() {
    for write in 1..=8 {
        let bucket = Memory::default();
        let (promised, result) = work(&bucket.doomed(write, Fate::Lost).store()).await;
        result.unwrap();
        assert_eq!(promised, 3, "write {write}");
        assert_eq!(
            known(&bucket.store().read().await.unwrap().state),
            3,
            "write {write}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_wakes_up_writes_nothing_any_more() {
    let bucket = Memory::default();
    let sleeper = bucket.other();
    let first = open(&sleeper.store(), "first", 0).await.unwrap();
    note(&first, 0).await.unwrap();
    // It sleeps: its heartbeat does not arrive.
    *sleeper.dead.lock().unwrap() = true;
    let second = open(&bucket.store(), "second", 600).await.unwrap();
    assert_eq!(known(&second.state()), 1);
    *sleeper.dead.lock().unwrap() = false;
    let error = note(&first, 1).await.unwrap_err();
    assert!(
        matches!(&error, StateError::Lost { holder, .. } if holder.command == "second"),
        "{error}"
    );
    assert!(matches!(first.finish().await, Err(StateError::Lost { .. })));
    note(&second, 2).await.unwrap();
    second.finish().await.unwrap();
    let state = bucket.store().read().await.unwrap().state;
    assert_eq!(
        state.resources.keys().collect::<Vec<_>>(),
        [&address(0), &address(2)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_the_longest_wait() {
    let bucket = Memory::default();
    let first = open(&bucket.store(), "first", 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7200)).await;
    let error = open(&bucket.store(), "second", 0).await.err().unwrap();
    assert!(
        matches!(&error, StateError::Leased { holder, .. } if holder.command == "first"),
        "{error}"
    );
    note(&first, 0).await.unwrap();
    first.close().await;
    open(&bucket.store(), "second", 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn unlocking_ends_a_lease_and_stops_its_holder() {
    let bucket = Memory::default();
    let first = open(&bucket.store(), "first", 0).await.unwrap();
    note(&first, 0).await.unwrap();
    assert!(matches!(
        bucket.store().lock_status().await.unwrap(),
        LockStatus::Lease { .. }
    ));
    bucket.store().unlock(&holder("unlock")).await.unwrap();
    assert_eq!(
        bucket.store().lock_status().await.unwrap(),
        LockStatus::Free
    );
    assert!(matches!(
        note(&first, 1).await,
        Err(StateError::Lost { .. })
    ));
    assert_eq!(known(&bucket.store().read().await.unwrap().state), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_of_this_machine_is_not_waited_for() {
    let bucket = Memory::default();
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let gone = Holder {
        pid: dead.id(),
        ..Holder::here("apply")
    };
    std::mem::forget(bucket.store().open(&gone, Duration::ZERO).await.unwrap());
    bucket
        .store()
        .open(&Holder::here("apply"), Duration::ZERO)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_version_can_be_brought_back() {
    let bucket = Memory::default();
    work(&bucket.store()).await.1.unwrap();
    let store = bucket.store();
    let serials: Vec<u64> = store
        .history()
        .await
        .unwrap()
        .iter()
        .map(|version| version.serial)
        .collect();
    assert_eq!(serials, [1, 2]);
    let session = open(&store, "state rollback", 0).await.unwrap();
    let earlier = store.version(1).await.unwrap().unwrap();
    assert_eq!(session.bring_back(earlier).await.unwrap(), 3);
    session.close().await;
    let state = store.read().await.unwrap().state;
    assert_eq!((state.serial, known(&state)), (3, 2));
    let history = store.history().await.unwrap();
    assert_eq!(
        history
            .iter()
            .filter(|version| version.current)
            .map(|version| version.serial)
            .max(),
        Some(3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_state_of_another_stack_or_with_a_hole_is_an_error() {
    let bucket = Memory::default();
    work(&bucket.store()).await.1.unwrap();
    let keys: Vec<String> = bucket
        .contents
        .lock()
        .unwrap()
        .objects
        .keys()
        .cloned()
        .collect();
    let last = keys
        .iter()
        .filter(|key| key.contains("versions"))
        .max()
        .unwrap();
    bucket.contents.lock().unwrap().objects.remove(last);
    assert!(matches!(
        bucket.store().read().await,
        Err(StateError::Missing { .. })
    ));
    let journal = bucket.contents.lock().unwrap().objects["s/journal"].clone();
    bucket
        .contents
        .lock()
        .unwrap()
        .objects
        .insert("t/journal".into(), journal);
    let other = Store::within(Arc::new(bucket.clone()), "t", Duration::from_secs(90));
    assert!(matches!(
        other.read().await,
        Err(StateError::OtherStack { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deleted_bricks_nothing_and_lets_nobody_back_in() {
    let bucket = Memory::default();
    for number in 0..3 {
        let session = open(&bucket.store(), "earlier", 0).await.unwrap();
        note(&session, number).await.unwrap();
        session.close().await;
    }
    let first = open(&bucket.store(), "first", 0).await.unwrap();
    bucket.contents.lock().unwrap().objects.remove("s/lease");
    let second = open(&bucket.store(), "second", 0).await.unwrap();
    assert!(matches!(
        note(&first, 3).await,
        Err(StateError::Lost { .. })
    ));
    note(&second, 4).await.unwrap();
    assert_eq!(known(&bucket.store().read().await.unwrap().state), 4);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_for_long_costs_no_lease() {
    let bucket = Memory::default();
    let mine = bucket.other();
    let first = open(&mine.store(), "first", 0).await.unwrap();
    *mine.fate.lock().unwrap() = Some((1, Fate::DeadAfter));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(*mine.dead.lock().unwrap(), "no renewal was cut");
    *mine.dead.lock().unwrap() = false;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(matches!(
        open(&bucket.store(), "second", 0).await,
        Err(StateError::Leased { .. })
    ));
    first.check().await.unwrap();
    note(&first, 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_gone_is_no_new_stack() {
    let bucket = Memory::default();
    work(&bucket.store()).await.1.unwrap();
    bucket.contents.lock().unwrap().objects.remove("s/journal");
    assert!(matches!(
        bucket.store().read().await,
        Err(StateError::NoJournal { .. })
    ));
    bucket.store().set_aside().await.unwrap();
    let found = bucket.store().read().await.unwrap();
    assert_eq!((known(&found.state), found.fresh), (3, false));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_cannot_be_reached_is_not_passed_over() {
    let bucket = Memory::default();
    work(&bucket.store()).await.1.unwrap();
    bucket.contents.lock().unwrap().objects.remove("s/journal");
    let far = bucket.other();
    *far.unreachable.lock().unwrap() = Some("s/versions/0000000002".into());
    assert!(matches!(
        far.store().set_aside().await,
        Err(StateError::Remote { .. })
    ));
}
