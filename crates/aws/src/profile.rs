//! Whether the chosen profile exists. The SDK takes one that does not for an empty one, and goes on to other sources of
//! credentials: a typo in its name could reach another account.

use std::borrow::Cow;

use aws_config::profile::{ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};
use platctl_engine::nearest;

use crate::connect::ConnectError;

/// # Errors
/// The profile that `--profile` or `AWS_PROFILE` names is in neither of the configuration files. Files that cannot be
/// read are the SDK's to report.
pub(crate) async fn check(flag: Option<&str>, env: &Env, fs: &Fs) -> Result<(), ConnectError> {
    let stated = flag
        .map(ToOwned::to_owned)
        .or_else(|| env.get("AWS_PROFILE").ok());
    let Some(name) = stated.filter(|name| !name.is_empty() && name != "default") else {
        return Ok(());
    };
    let chosen = Some(Cow::Owned(name.clone()));
    match load(fs, env, &Default::default(), chosen).await {
        Ok(profiles) if profiles.get_profile(&name).is_none() => Err(missing(name, &profiles)),
        _ => Ok(()),
    }
}

fn missing(name: String, profiles: &ProfileSet) -> ConnectError {
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let hint = match nearest(&name, known.iter().copied()) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None if known.is_empty() => "no profiles are configured; run `aws configure`".to_owned(),
        None => format!("the available profiles are {}", known.join(", ")),
    };
    ConnectError::NoProfile { name, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        "[profile production]\nregion = eu-west-1\n[profile dev]\nregion = eu-west-1\n";

    async fn said(flag: Option<&str>, variables: &[(&str, &str)], config: &str) -> Option<String> {
        let home = ("HOME", "/home/me");
        let env = Env::from_slice(&[&[home], variables].concat());
        let fs = Fs::from_slice(&[("/home/me/.aws/config", config)]);
        let checked = check(flag, &env, &fs).await;
        checked.err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_profile_that_does_not_exist_is_named() {
        assert_eq!(
            said(Some("prodution"), &[], CONFIG).await.unwrap(),
            "the AWS profile `prodution` could not be found: did you mean `production`?"
        );
        assert_eq!(
            said(None, &[("AWS_PROFILE", "nope")], CONFIG)
                .await
                .unwrap(),
            "the AWS profile `nope` could not be found: the available profiles are dev, production"
        );
        assert_eq!(
            said(Some("nope"), &[], "").await.unwrap(),
            "the AWS profile `nope` could not be found: no profiles are configured; run `aws configure`"
        );
    }

    #[tokio::test]
    async fn one_that_exists_or_is_not_stated_is_fine() {
        assert_eq!(
            said(Some("dev"), &[("AWS_PROFILE", "nope")], CONFIG).await,
            None
        );
        assert_eq!(
            said(None, &[("AWS_PROFILE", "production")], CONFIG).await,
            None
        );
        assert_eq!(said(None, &[], "").await, None);
        assert_eq!(said(Some("default"), &[], "").await, None);
    }
}
