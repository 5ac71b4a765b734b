//! The one place where AWS's error codes become classes.

mod ask;
mod classify;
mod codes;

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use platctl_engine::{Class, CloudError, CloudResult, Id, chain};

pub(crate) use ask::{Ask, Asked, if_there};
pub use classify::classify;
pub(crate) use codes::{Codes, NONE};

use crate::wire;

/// The id of what a creation made. An answer without one is as good as lost.
pub(crate) fn made(operation: &str, id: Option<impl Into<Id>>) -> CloudResult<Id> {
    id.map(Into::into)
        .ok_or_else(|| CloudError::new(Class::Interrupted, operation, "no ID in the response"))
}

/// A request that the SDK itself would not build.
pub(crate) fn invalid(operation: &str, error: &impl ToString) -> CloudError {
    CloudError::new(Class::Invalid, operation, error.to_string())
}

/// What an SDK call ended with, in the engine's terms.
pub fn cloud_error<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: SdkError<E, HttpResponse>,
) -> CloudError {
    let operation = &ask::operation::<E>();
    match &error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let metadata = context.err().meta();
            let request_id = metadata
                .extra("aws_request_id")
                .or_else(|| wire::request_id(|name| context.raw().headers().get(name)))
                .map(ToOwned::to_owned);
            let answered = match status {
                // The call had its effect; only its answer is none that this version understands.
                0..300 => {
                    let message = format!("cannot parse the response: {}", chain(&error));
                    CloudError::new(Class::Interrupted, operation, message)
                }
                _ => refused(operation, metadata, status),
            };
            CloudError {
                request_id,
                ..answered
            }
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            let message = format!(
                "cannot read the response (HTTP status {status}): {}",
                chain(&error)
            );
            CloudError::new(Class::Interrupted, operation, message)
        }
        SdkError::DispatchFailure(failure) => {
            let class = without_identity(&error).unwrap_or_else(|| {
                not_sent(failure.as_connector_error().is_some(), &chain(&error))
            });
            CloudError::new(class, operation, chain(&error))
        }
        SdkError::TimeoutError(_) => {
            CloudError::new(Class::Interrupted, operation, "the request timed out")
        }
        _ => {
            let class = without_identity(&error).unwrap_or(Class::Invalid);
            CloudError::new(class, operation, chain(&error))
        }
    }
}

/// What the service answered instead of doing what it was asked.
fn refused(operation: &str, metadata: &ErrorMetadata, status: u16) -> CloudError {
    let (code, message) = (metadata.code(), metadata.message().unwrap_or_default());
    let class = classify(operation, code, message, status);
    let message = match message {
        "" => format!("HTTP status {status}"),
        message => message.to_owned(),
    };
    CloudError {
        code: code.map(ToOwned::to_owned),
        ..CloudError::new(class, operation, message)
    }
}

/// A request without an answer: whether it can have had an effect. A connection that never came about carried nothing.
fn not_sent(by_connector: bool, text: &str) -> Class {
    let connecting = ["connect error", "onnection refused", "dns error"]
        .iter()
        .any(|words| text.contains(words));
    match by_connector && !connecting {
        true => Class::Interrupted,
        false => Class::Unreachable,
    }
}

/// How the SDK says that a provider of credentials did not answer in time; the type of that error is its own.
const IDENTITY_TOO_SLOW: &str = "identity resolver timed out";

/// What it means that there was nobody to sign the request as, if that is what happened. The SDK looks for an identity
/// after the request is made and before it is sent, and calls the failure one of sending.
fn without_identity(error: &(dyn std::error::Error + 'static)) -> Option<Class> {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source()).collect();
    let at = causes.iter().position(|cause| {
        cause.is::<CredentialsError>()
            || cause.is::<TokenError>()
            || cause.to_string().starts_with(IDENTITY_TOO_SLOW)
            || cause
                .to_string()
                .starts_with("failed to select an auth scheme")
    })?;
    // There are credentials, but where they come from cannot be reached at the moment.
    let lost = causes[at..]
        .iter()
        .filter_map(|cause| cause.downcast_ref::<ConnectorError>());
    let passes = lost
        .into_iter()
        .any(|lost| lost.is_io() || lost.is_timeout());
    let loads = causes[at..].iter().all(|cause| {
        let none =
            |error: &CredentialsError| matches!(error, CredentialsError::CredentialsNotLoaded(_));
        !cause.downcast_ref::<CredentialsError>().is_some_and(none)
    });
    Some(if passes && loads {
        Class::Unreachable
    } else {
        Class::Unauthenticated
    })
}
