//! What a cloud answered, by meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an error of the cloud means to the engine. Providers translate their codes in one table;
/// nobody else compares strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The object is not there.
    NotFound,
    /// An object of this name, or with this exact configuration, is there already.
    AlreadyExists,
    /// Too many requests: the whole API family backs off.
    Throttled,
    /// The object is in a state that does not take this call now.
    Busy,
    /// Something else still holds the object, so it cannot be deleted.
    InUse,
    /// A thing just made is not visible everywhere yet (a new id, an IAM role, a certificate).
    NotYetConsistent,
    /// The object is protected from this change; the user has to lift the protection.
    Protected,
    /// Nobody can delete the object: it ends by itself, or with the one that it belongs to.
    Lapsing,
    /// The caller may not do this.
    Denied,
    /// No credentials, or they are invalid or expired.
    Unauthenticated,
    /// The request is wrong and will stay wrong.
    Invalid,
    /// A quota is reached.
    Limit,
    /// The provider has no capacity for it at this time or place.
    Capacity,
    /// The request never reached the service.
    Unreachable,
    /// The request was sent, but its answer was lost or was a server error: the effect is unknown.
    Interrupted,
    /// None of the above.
    Unknown,
}

impl Class {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::Busy
                | Self::InUse
                | Self::NotYetConsistent
                | Self::Unreachable
                | Self::Interrupted
        )
    }
}

/// An error of one call to the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudError {
    /// What it means.
    pub class: Class,
    /// The API operation: `ec2:CreateVpc`.
    pub operation: String,
    /// The service's own code: `VpcLimitExceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The service's own words, or the transport's.
    pub message: String,
    /// The id under which the provider's support finds the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The result of one call to the cloud.
pub type CloudResult<T> = Result<T, CloudError>;

impl Class {
    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NotFound => {
                "a resource it depends on no longer exists: run again to create a new plan"
            }
            Self::AlreadyExists => {
                "an object with that name already exists: import it with `platctl import`, or choose another \
                 name for this resource"
            }
            Self::Throttled => {
                "the API request rate was exceeded: run again with a lower --parallelism"
            }
            Self::Busy => {
                "another operation on this resource is in progress: run again when it has finished"
            }
            Self::InUse => {
                "something outside this stack still uses it: remove that, then run again"
            }
            Self::NotYetConsistent => {
                "a dependency has not propagated to all of AWS yet: run again"
            }
            Self::Protected => {
                "the change was refused to protect what is there: do what the error says, then run again"
            }
            Self::Lapsing => {
                "it expires by itself, or is deleted with the resource it belongs to: run again later"
            }
            Self::Denied => {
                "access denied: grant these credentials the missing permission, then run again"
            }
            Self::Unauthenticated => {
                "the credentials are expired or invalid: renew them (for example with `aws sso login`), then \
                 run again"
            }
            Self::Invalid => {
                "AWS rejected the request as invalid: correct the stack file, then run again"
            }
            Self::Limit => {
                "a service quota is exceeded: request an increase, or reduce usage, then run again"
            }
            Self::Capacity => {
                "AWS has insufficient capacity: run again later, or choose another size or zone"
            }
            Self::Unreachable => {
                "AWS could not be reached: check the network connection, then run again"
            }
            Self::Interrupted => {
                "it is not known whether the call succeeded: run again, the next run finds out"
            }
            Self::Unknown => "run again; if the error persists, give the request ID to AWS Support",
        }
    }
}

impl CloudError {
    /// An error without code and request id, such as one found by the provider itself.
    pub fn new(class: Class, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            operation: operation.into(),
            code: None,
            message: message.into(),
            request_id: None,
        }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " failed with {code}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for CloudError {}

/// What an error says, with all its causes; what the one before has said already is not said again.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
