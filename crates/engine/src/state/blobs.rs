//! Objects in a bucket, as far as state needs them: read, and written under a condition.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;

use crate::CloudResult;

/// What a call answers, some time.
pub type Answer<'a, T> = BoxFuture<'a, CloudResult<T>>;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Which of its versions this is: S3's `ETag`.
    pub tag: String,
    /// How long ago it was written, by the clock of the store.
    pub age: Duration,
}

/// What has to be true of an object at the instant that it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is not there.
    Absent,
    /// It is this version.
    Is(String),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was written, as this version.
    Done(String),
    /// The condition was not true; nothing was written.
    Refused,
}

/// An object as a listing has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, without what stands before the stack's name.
    pub key: String,
    /// When it was written.
    pub written: Option<SystemTime>,
}

/// A place for objects. Each call is tried once; errors tell by their class whether to try again.
pub trait Blobs: Debug + Send + Sync {
    /// Where a key is, for people: `s3://bucket/prefix/key`.
    fn place(&self, key: &str) -> String;

    /// An object, if it is there.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Blob>>;

    /// Writes an object, in full or not at all.
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, condition: Condition) -> Answer<'a, Put>;

    /// All objects whose keys begin so.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Listed>>;
}
