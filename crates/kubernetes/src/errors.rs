//! What the API server's errors mean to the engine.

use kube::Error;
use platctl_engine::{Class, CloudError, chain};

/// Translates an error of one call, such as `kubernetes:Apply Secret argocd/x`.
pub(crate) fn cloud_error(operation: &str, error: &Error) -> CloudError {
    // What stands between says it in the engine's own terms.
    if let Error::Service(cause) = error
        && let Some(said) = cause.downcast_ref::<CloudError>()
    {
        return CloudError {
            operation: operation.to_owned(),
            ..said.clone()
        };
    }
    match error {
        Error::Api(status) => {
            let class = class(status.code, &status.reason);
            let message = match class {
                Class::NotYetConsistent => format!(
                    "the API server rejected the credentials ({}). Access takes effect shortly after the \
                     access entry is created; if the error persists, the cluster has no access entry for \
                     this role",
                    status.message
                ),
                _ => status.message.clone(),
            };
            let code = Some(if status.reason.is_empty() {
                status.code.to_string()
            } else {
                status.reason.clone()
            });
            CloudError {
                code,
                ..CloudError::new(class, operation, message)
            }
        }
        Error::Discovery(_) => CloudError::new(Class::NotYetConsistent, operation, chain(error)),
        Error::SerdeError(_) | Error::BuildRequest(_) => {
            CloudError::new(Class::Invalid, operation, chain(error))
        }
        other => {
            let text = chain(other);
            CloudError::new(
                if never_sent(&text) {
                    Class::Unreachable
                } else {
                    Class::Interrupted
                },
                operation,
                text,
            )
        }
    }
}

const fn class(code: u16, reason: &str) -> Class {
    match code {
        401 => Class::NotYetConsistent,
        403 => Class::Denied,
        404 => Class::NotFound,
        409 if matches!(reason.as_bytes(), b"AlreadyExists") => Class::AlreadyExists,
        409 => Class::Busy,
        429 => Class::Throttled,
        400 | 405..=428 => Class::Invalid,
        500..=599 => Class::Interrupted,
        _ => Class::Unknown,
    }
}

/// Whether no connection came about at all.
fn never_sent(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "connect",
        "dns",
        "lookup",
        "refused",
        "unreachable",
        "deadline",
    ]
    .iter()
    .any(|word| text.contains(word))
        && !text.contains("reset")
}
