//! The bearer token that EKS takes: a signed question to STS who one is, which only EKS asks.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platctl_engine::{Class, CloudError, CloudResult};

use crate::regions::dns_suffix;

/// Which cluster the token is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) partition: &'a str,
    pub(super) cluster: &'a str,
}

/// How long the question itself is valid; EKS takes the token for 15 minutes all the same.
const VALID: Duration = Duration::from_secs(60);

/// A token for a cluster, valid for 15 minutes.
pub(super) fn token(
    credentials: Credentials,
    place: Place<'_>,
    now: SystemTime,
) -> CloudResult<String> {
    let failed = |why: String| CloudError::new(Class::Unknown, "sts:GetCallerIdentity", why);
    let host = format!("sts.{}.{}", place.region, dns_suffix(place.partition));
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALID);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(place.region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| failed(error.to_string()))?
        .into();
    let headers = [("host", host.as_str()), ("x-k8s-aws-id", place.cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(error.to_string()))?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| failed(error.to_string()))?
        .into_parts();
    let mut request = http::Request::get(&url)
        .body(())
        .map_err(|error| failed(error.to_string()))?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(format!(
        "k8s-aws-v1.{}",
        URL_SAFE_NO_PAD.encode(request.uri().to_string())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore's `RequestSigner.generate_presigned_url` makes of the same key, time, cluster and session.
    const BY_BOTOCORE: &str = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260921%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20260921T141320Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=session%2Ftoken%2B%3D&X-Amz-Signature=b354ef4c9db8ac3f72ef6813010b6a5cf8e54a4d697aa88d9bdb969ea1b94c7c";

    #[test]
    fn a_token_is_what_the_aws_command_line_makes() {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "secret",
            Some("session/token+=".into()),
            None,
            "test",
        );
        let place = Place {
            region: "eu-west-1",
            partition: "aws",
            cluster: "example",
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let token = token(credentials, place, now).unwrap();
        let url = URL_SAFE_NO_PAD
            .decode(token.strip_prefix("k8s-aws-v1.").unwrap())
            .unwrap();
        let sorted = |url: &str| {
            let (_, query) = url.split_once('?').unwrap();
            let mut pairs: Vec<String> = query.split('&').map(ToOwned::to_owned).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(
            sorted(std::str::from_utf8(&url).unwrap()),
            sorted(BY_BOTOCORE)
        );
    }
}
