//! A GitHub App: it signs who it is, and gets a token for what it is installed on.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platctl_engine::CloudResult;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::host::Credential;
use crate::web::Request;

/// What GitHub takes for a proof of who one is ends after 10 minutes at most; a clock may be fast.
const PROOF: u64 = 540;
const SLOW: u64 = 60;

/// A token is good for an hour; it is used for less, so that it does not end in the middle of something.
pub(super) const LIFE: Duration = Duration::from_secs(45 * 60);

/// The keys of the secret.
const APP: &str = "app_id";
const INSTALLATION: &str = "installation_id";
const KEY: &str = "private_key";

/// What a token may do, and nothing else that the App may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// Read and write files.
    Write,
    /// Write workflows as well, which is another permission. An App that does not have it gets no token for it.
    WriteWorkflows,
    /// Add and delete deploy keys.
    Administer,
}

impl May {
    fn permissions(self) -> Value {
        match self {
            Self::Write => json!({"contents": "write"}),
            Self::Administer => json!({"administration": "write"}),
            Self::WriteWorkflows => json!({"contents": "write", "workflows": "write"}),
        }
    }

    /// As the settings of an App name it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Write => "`Contents: read and write`",
            Self::Administer => "`Administration: read and write`",
            Self::WriteWorkflows => "`Contents: read and write` and `Workflows: read and write`",
        }
    }
}

/// The key as GitHub hands it out, or as others write it.
fn key(credential: &Credential) -> CloudResult<RsaKeyPair> {
    let pem = credential.field(KEY)?;
    let der = crate::reach::der(&pem).unwrap_or_default();
    let read = if pem.contains("BEGIN RSA PRIVATE KEY") {
        RsaKeyPair::from_der(&der)
    } else {
        RsaKeyPair::from_pkcs8(&der)
    };
    // What is wrong with a key says nothing of the key.
    read.map_err(|error| {
        credential.unfit(&format!(
            "does not have an RSA key in PEM format as `{KEY}` ({error}): store the private key of the GitHub App as \
             GitHub generated it, with its line breaks as `\\n`"
        ))
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The App's own proof of who it is, at this time.
fn proof(credential: &Credential, now: SystemTime) -> CloudResult<String> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let claims = json!({
        "iat": now.saturating_sub(SLOW), "exp": now + PROOF, "iss": credential.field(APP)?,
    });
    let head = json!({"alg": "RS256", "typ": "JWT"});
    let signed = format!("{}.{}", part(&head), part(&claims));
    let key = key(credential)?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| credential.unfit("has a private key that cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Asks for a token that may change the files of one repository.
pub(super) fn asks_for_token(
    api: &str,
    repository: &str,
    credential: &Credential,
    may: May,
) -> CloudResult<Request> {
    let installation = credential.field(INSTALLATION)?;
    let name = repository.rsplit('/').next().unwrap_or(repository);
    Ok(Request {
        method: http::Method::POST,
        url: format!("{api}/app/installations/{installation}/access_tokens"),
        headers: super::api::headers(&proof(credential, SystemTime::now())?),
        body: Some(json!({"repositories": [name], "permissions": may.permissions()})),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use platctl_engine::Class;
    use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::host::tests::in_secret;

    /// A key that was made for these tests alone: as GitHub writes it, and as others do.
    const AS_GITHUB_WRITES: &str = "\
        MIIEpAIBAAKCAQEAmlUTsQTD9OkxxNOy+ETKQWsBqK+IQAAyo26jRHo6lwfHgIiqdru9MO7ei2OsRefF6XzQ9It+qqyk7jbKxE1B\
        3dMVNauFD7fQHzfU2Mv3Ph0HYQ4+n/7nN9NFGAPc8V5ZdvIyM/zXXcwjOv8i1yXYEt7iDleatDGulnjOZ2WDsPTTNvx2sFxHb1zP\
        /jJfnoF98wzSwhwoH3GNFuGJfBJxJKwOsmMUPF703EGdqgb8aThjTFTMBpG9+Nhcw7EdwOQ+BQIwk/mkcShk8c+bL4K7n+lv50JP\
        7s8HzIUEZmrk12KA3oqi7HaI21j/ts/IUTcP/hhdfp7wxqUpnH3p1sGn0wIDAQABAoIBADMnvhYv6TAV17xRG4J1csEKUgty22uz\
        ZRWNB6scBK2pE3TEWBRxGD3O/48eY6zsLUq+Z5iXYE38WdLn8H/ux8VaQS6AAuP53o9qdy/BM9uvzZFbImDwIf38FmvmY+bRikAF\
        +aQHy+84Sfk1Nnwv/BYNMMrmOM4/pYoU0v2sxWDy0Xm47NLZihNaugrccVdBvIDS2ChVLEJdDvQizxri4xaBTBA5LW+QS/B432F/\
        kKSZH4OatOllodbAVltptJwKeicmUb1Ki/iEP2EKuk70/GcfmKSKDb+enqjT0IDqiaX0tSazuNzuYE3FZ51J0xf7UWAsa2c4Yrw9\
        dosSIu2PW4kCgYEA2cmkVOi7DbSU4DKcJsKWEyRw0MoAcF1wwXWCvBqLVUhqnEMShSzF4KCDpEOgpenyWLG5E9VNnZbTN9H2xXRj\
        zyhzYE3cvmOOk1z1d+pmZtpGj1ovHuzeoW8w8XEJhpSvtmqJzGwfrkdY/Eul7Reop1t3hujSoyvlHEa6ks3OpCUCgYEAtWk3Aqiw\
        yEFsjZkMUIzIvM99OeXBaoasyj/Opf/8S/AAmcQjcGZrWSpBeFpJIjTSAev6tdKOuJ0bUmmpF39dFpwpE8IGrmqmjyjC29ip+sJE\
        DE5lPsaoTy2/cOLXqyl2i8Pnw9yoe+XTMQFv+Jg96irZvW3QnewD9VXBShlQnpcCgYEAi+I2CMuLCZyJWw9muIaXOihXxeNZMNLz\
        j27Yz9UE1Xwz7bYu+Rbu6f5vT1yYnLiNDmboh1KkDapIdDwKEn1VdkN3B847EJaFhyVYDPOjXkCovX6hcW2W+X2fpBSEl8p8qd/4\
        LjLsjlYJU9OK+aQOkZ/wP9jfIisZd3X+dDh4l3kCgYB+5YlgZ8W5XuJjLiLKGaC1SmKrZEbmkCxAEWApCCZgrBKPfP7ZOhtvNLq1\
        SFqN/erFA1/NXesNwoABJv3r/OCN11B4jKmFyf6Wd4nOpQFJ8igNf60cu3OyZyrZ+SOpjAhrfe8aN7j3ae1QA1RizYPJ0I2dDzr1\
        rMmcDI93mLunIwKBgQC44NvxxpJGP9DUc0p7W4smm6g1RnFd5ja/LrsIICKL6Nva8yC0hpcG1ngjrXez9zW2AtIJS8yr7LUsN8iN\
        OIHWCqeMgDybTSqCm6UGuVAMrXTg9MAawMlOQHSWxZQTJVsZBvCVDtd5cvvb9aJZJY/qYel9Kl2F8Y7gzteQPWtfqQ==";
    const AS_OTHERS_WRITE: &str = "\
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCaVROxBMP06THE07L4RMpBawGor4hAADKjbqNEejqXB8eAiKp2\
        u70w7t6LY6xF58XpfND0i36qrKTuNsrETUHd0xU1q4UPt9AfN9TYy/c+HQdhDj6f/uc300UYA9zxXll28jIz/NddzCM6/yLXJdgS\
        3uIOV5q0Ma6WeM5nZYOw9NM2/HawXEdvXM/+Ml+egX3zDNLCHCgfcY0W4Yl8EnEkrA6yYxQ8XvTcQZ2qBvxpOGNMVMwGkb342FzD\
        sR3A5D4FAjCT+aRxKGTxz5svgruf6W/nQk/uzwfMhQRmauTXYoDeiqLsdojbWP+2z8hRNw/+GF1+nvDGpSmcfenWwafTAgMBAAEC\
        ggEAMye+Fi/pMBXXvFEbgnVywQpSC3Lba7NlFY0HqxwErakTdMRYFHEYPc7/jx5jrOwtSr5nmJdgTfxZ0ufwf+7HxVpBLoAC4/ne\
        j2p3L8Ez26/NkVsiYPAh/fwWa+Zj5tGKQAX5pAfL7zhJ+TU2fC/8Fg0wyuY4zj+lihTS/azFYPLRebjs0tmKE1q6CtxxV0G8gNLY\
        KFUsQl0O9CLPGuLjFoFMEDktb5BL8HjfYX+QpJkfg5q06WWh1sBWW2m0nAp6JyZRvUqL+IQ/YQq6TvT8Zx+YpIoNv56eqNPQgOqJ\
        pfS1JrO43O5gTcVnnUnTF/tRYCxrZzhivD12ixIi7Y9biQKBgQDZyaRU6LsNtJTgMpwmwpYTJHDQygBwXXDBdYK8GotVSGqcQxKF\
        LMXgoIOkQ6Cl6fJYsbkT1U2dltM30fbFdGPPKHNgTdy+Y46TXPV36mZm2kaPWi8e7N6hbzDxcQmGlK+2aonMbB+uR1j8S6XtF6in\
        W3eG6NKjK+UcRrqSzc6kJQKBgQC1aTcCqLDIQWyNmQxQjMi8z3055cFqhqzKP86l//xL8ACZxCNwZmtZKkF4WkkiNNIB6/q10o64\
        nRtSaakXf10WnCkTwgauaqaPKMLb2Kn6wkQMTmU+xqhPLb9w4terKXaLw+fD3Kh75dMxAW/4mD3qKtm9bdCd7AP1VcFKGVCelwKB\
        gQCL4jYIy4sJnIlbD2a4hpc6KFfF41kw0vOPbtjP1QTVfDPtti75Fu7p/m9PXJicuI0OZuiHUqQNqkh0PAoSfVV2Q3cHzjsQloWH\
        JVgM86NeQKi9fqFxbZb5fZ+kFISXynyp3/guMuyOVglT04r5pA6Rn/A/2N8iKxl3df50OHiXeQKBgH7liWBnxble4mMuIsoZoLVK\
        YqtkRuaQLEARYCkIJmCsEo98/tk6G280urVIWo396sUDX81d6w3CgAEm/ev84I3XUHiMqYXJ/pZ3ic6lAUnyKA1/rRy7c7JnKtn5\
        I6mMCGt97xo3uPdp7VADVGLNg8nQjZ0POvWsyZwMj3eYu6cjAoGBALjg2/HGkkY/0NRzSntbiyabqDVGcV3mNr8uuwggIovo29rz\
        ILSGlwbWeCOtd7P3NbYC0glLzKvstSw3yI04gdYKp4yAPJtNKoKbpQa5UAytdOD0wBrAyU5AdJbFlBMlWxkG8JUO13ly+9v1olkl\
        j+ph6X0qXYXxjuDO15A9a1+p";

    fn pem(kind: &str, body: &str) -> String {
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
            lines.join("\n")
        )
    }

    /// What a secret with an App in it contains.
    pub(crate) fn app() -> Value {
        let key = pem("RSA PRIVATE KEY", AS_GITHUB_WRITES);
        json!({"app_id": 12, "installation_id": "34", "private_key": key})
    }

    fn of(value: &Value, key: &str) -> Value {
        let text = value
            .as_str()
            .unwrap()
            .split('.')
            .nth(usize::from(key == "claims"))
            .unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn an_app_signs_who_it_is_for_a_few_minutes() {
        for body in [
            pem("RSA PRIVATE KEY", AS_GITHUB_WRITES),
            pem("PRIVATE KEY", AS_OTHERS_WRITE),
        ] {
            let credential = in_secret(&json!({"app_id": 12, "private_key": body}));
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
            let proof = proof(&credential, now).unwrap();
            let (signed, signature) = proof.rsplit_once('.').unwrap();
            let public = key(&credential).unwrap().public_key().as_ref().to_vec();
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                .verify(
                    signed.as_bytes(),
                    &URL_SAFE_NO_PAD.decode(signature).unwrap(),
                )
                .unwrap();
            let proof = Value::from(proof);
            assert_eq!(of(&proof, "head"), json!({"alg": "RS256", "typ": "JWT"}));
            assert_eq!(
                of(&proof, "claims"),
                json!({"iat": 999_940, "exp": 1_000_540, "iss": "12"})
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_what_is_in_it() {
        for (content, words) in [
            (
                json!({"app_id": "12", "private_key": "CANARY"}),
                "RSA key in PEM format",
            ),
            (
                json!({"private_key": "CANARY"}),
                "does not have the key `app_id`",
            ),
            (
                json!({"app_id": "", "private_key": "CANARY"}),
                "does not have the key `app_id`",
            ),
        ] {
            let error = proof(&in_secret(&content), SystemTime::now()).unwrap_err();
            assert_eq!(error.class, Class::Invalid);
            let text = error.to_string();
            assert!(text.contains(words) && !text.contains("CANARY"), "{text}");
        }
    }

    #[test]
    fn a_token_is_for_the_files_of_one_repository() {
        let request = asks_for_token(
            "https://api.github.com",
            "acme/prod-gitops",
            &in_secret(&app()),
            May::Write,
        )
        .unwrap();
        assert_eq!(
            request.url,
            "https://api.github.com/app/installations/34/access_tokens"
        );
        assert_eq!(
            request.body,
            Some(json!({"repositories": ["prod-gitops"], "permissions": {"contents": "write"}}))
        );
    }
}
