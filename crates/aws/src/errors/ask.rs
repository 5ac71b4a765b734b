//! Calls of the SDK, ended in the engine's terms: `call.send().ask().await?`.

use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use platctl_engine::{Class, CloudResult};

use super::cloud_error;

/// Crates of the SDK that are not named like the service in IAM's actions.
const PREFIXES: [(&str, &str); 4] = [
    ("applicationautoscaling", "application-autoscaling"),
    ("cloudwatchlogs", "logs"),
    ("elasticloadbalancingv2", "elasticloadbalancing"),
    ("eventbridge", "events"),
];

/// A call that is under way.
pub(crate) trait Ask<T> {
    /// Waits for the answer. An error is classified, and names the operation.
    fn ask<'a>(self) -> BoxFuture<'a, CloudResult<T>>
    where
        Self: 'a;
}

impl<F, T, E> Ask<T> for F
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // On the heap, because the SDK's futures are large, and each kind's verb holds several. And without their type:
    // that they can be sent between threads is then proven once, here, and not again in each caller's caller. That
    // was a fourth of the time to check this crate.
    fn ask<'a>(self) -> BoxFuture<'a, CloudResult<T>>
    where
        Self: 'a,
    {
        Box::pin(async move { self.await.asked() })
    }
}

/// A call that has ended, or a page of one.
pub(crate) trait Asked<T> {
    /// An error is classified, and names the operation.
    fn asked(self) -> CloudResult<T>;
}

impl<T, E> Asked<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn asked(self) -> CloudResult<T> {
        self.map_err(cloud_error)
    }
}

/// None where the thing, or what it is in, is not there. A read that its kind states as `Read::Each` needs none of this.
pub(crate) fn if_there<T>(answer: CloudResult<T>) -> CloudResult<Option<T>> {
    match answer {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// The operation whose error this type is: `ec2:CreateVpc`. The SDK has one type of error for each operation,
/// `aws_sdk_ec2::operation::create_vpc::CreateVpcError`, so that no call has to be named by hand.
pub(super) fn operation<E>() -> String {
    let path = std::any::type_name::<E>();
    let (krate, name) = (
        path.split("::").next().unwrap_or(path),
        path.rsplit("::").next().unwrap_or(path),
    );
    let service = krate.trim_start_matches("aws_sdk_");
    let prefix = PREFIXES
        .iter()
        .find(|(krate, _)| *krate == service)
        .map_or(service, |(_, prefix)| prefix);
    format!("{prefix}:{}", name.trim_end_matches("Error"))
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn operations_are_named_as_in_iam() {
        use aws_sdk_applicationautoscaling::operation::put_scaling_policy::PutScalingPolicyError;
        use aws_sdk_ec2::operation::create_vpc::CreateVpcError;
        use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIDConnectProviderError;
        use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
        assert_eq!(operation::<CreateVpcError>(), "ec2:CreateVpc");
        assert_eq!(
            operation::<PutScalingPolicyError>(),
            "application-autoscaling:PutScalingPolicy"
        );
        assert_eq!(
            operation::<CreateOpenIDConnectProviderError>(),
            "iam:CreateOpenIDConnectProvider"
        );
        assert_eq!(operation::<ListObjectsV2Error>(), "s3:ListObjectsV2");
    }
}
