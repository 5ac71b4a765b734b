//! Repositories on hosts outside of AWS: where they are, and the secrets by which their hosts let us in.

use platctl_engine::{Changes, Class, CloudError, CloudResult, Id, SpecError};
use serde_json::{Map, Value};

use crate::Cloud;
use crate::errors::Asked;
use crate::secretsmanager::text;
use crate::types::Arn;
use crate::web::host_of;

/// The credential in a secret, with the version of the secret. It has no `Debug`, so that nothing prints it.
pub(crate) struct Credential {
    fields: Map<String, Value>,
    arn: String,
    pub(crate) version: String,
}

impl Credential {
    /// A field: a text, or a number as one.
    pub(crate) fn field(&self, key: &str) -> CloudResult<String> {
        let found = self.fields.get(key).and_then(text);
        let found = found.map(|text| text.trim().to_owned());
        found.filter(|text| !text.is_empty()).ok_or_else(|| {
            self.unfit(&format!(
                "does not have the key `{key}`: store a JSON object with this key in it"
            ))
        })
    }

    /// What is wrong with it.
    pub(crate) fn unfit(&self, why: &str) -> CloudError {
        let message = format!("the secret {} {why}", self.arn);
        CloudError::new(Class::Invalid, READ_SECRET, message)
    }
}

const READ_SECRET: &str = "secretsmanager:GetSecretValue";

/// Reads the credential that the user has put into a secret.
pub(crate) async fn credential(cloud: &Cloud, secret: &str) -> CloudResult<Credential> {
    let call = cloud.secretsmanager.get_secret_value().secret_id(secret);
    let found = match call.send().await.asked() {
        // What is asked for is not gone: the way to look is.
        Err(error) if error.class == Class::NotFound => {
            let message = format!(
                "the secret {secret} with the credential for the repository does not exist: create it, then run again"
            );
            return Err(CloudError {
                class: Class::Invalid,
                message,
                ..error
            });
        }
        other => other?,
    };
    let text = found.secret_string().unwrap_or_default();
    Ok(Credential {
        fields: serde_json::from_str(text).unwrap_or_default(),
        arn: secret.to_owned(),
        version: found.version_id().unwrap_or_default().to_owned(),
    })
}

/// Where files are, and by what: what identifies them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) cloud: &'a Cloud,
    /// The host: `https://github.com`.
    pub(crate) url: &'a str,
    /// The repository: `acme/prod-gitops`.
    pub(crate) repository: &'a str,
    /// The secret with the credential.
    pub(crate) secret: &'a str,
    pub(crate) branch: &'a str,
}

impl<'a> Place<'a> {
    /// From the identifier of files.
    pub(crate) fn of(cloud: &'a Cloud, id: &'a Id) -> Self {
        let mut parts = id.as_str().splitn(4, '|');
        let mut next = || parts.next().unwrap_or_default();
        Self {
            cloud,
            url: next(),
            repository: next(),
            secret: next(),
            branch: next(),
        }
    }

    /// The identifier.
    pub(crate) fn id(url: &str, repository: &str, secret: &Arn, branch: &str) -> Id {
        let url = url.trim_end_matches('/');
        Id::from(format!("{url}|{repository}|{secret}|{branch}"))
    }

    /// For people.
    pub(crate) fn words(&self) -> String {
        let host = host_of(self.url);
        format!("branch {} of {} on {host}", self.branch, self.repository)
    }

    /// The repository is not there, as far as the credential shows.
    pub(crate) fn no_repository(&self, operation: &str, how: &str) -> CloudError {
        let message = format!(
            "the repository {} does not exist on {}, or the credential in the secret {} does not have access to it. \
             Create it as a private repository if it does not exist, and {how}",
            self.repository,
            host_of(self.url),
            self.secret
        );
        CloudError::new(Class::Denied, operation, message)
    }
}

/// The credential is a part of the identifier, by which files are read: those of another one would be others.
pub(crate) fn credential_is_fixed(changes: &Changes) -> Option<SpecError> {
    changes.touch("/credential").then(|| {
        SpecError::new(
            "/credential",
            "cannot be changed: write the new credential to the secret that is in use, or remove the resource from \
             the state with `platctl state rm` and apply again",
        )
    })
}

/// Rejects what no host has: `parts` is how many parts the name of a repository has, where that is fixed.
pub(crate) fn check_place(
    repository: &str,
    branch: &str,
    url: Option<&str>,
    parts: Option<usize>,
) -> Result<(), SpecError> {
    let name = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    let count = repository.split('/').count();
    if !repository.split('/').all(name) || parts.map_or(count < 2, |parts| count != parts) {
        let message =
            "must be the owner and the name of a repository, such as `acme/platform-gitops`";
        return Err(SpecError::new("/repository", message));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || "|~^:?*[\\".contains(c);
    if branch.is_empty() || branch.contains(odd) || branch.contains("..") || branch.starts_with('/')
    {
        return Err(SpecError::new("/branch_name", "is not a valid branch name"));
    }
    let host = |url: &str| {
        url.strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '|', '@', ' ', '?']))
    };
    if url.is_some_and(|url| !host(url)) {
        let message = "must be `https://` and a host, such as `https://git.example.com`";
        return Err(SpecError::new("/url", message));
    }
    Ok(())
}

/// A path in a URL, or with `/` as a part of a name, as GitLab has paths of repositories and files.
pub(crate) fn encoded(text: &str, slashes: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || (byte == b'/' && !slashes) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;
    use crate::web::Hosts;

    /// The credential that a secret with this content is.
    pub(crate) fn in_secret(content: &Value) -> Credential {
        Credential {
            fields: content.as_object().cloned().unwrap_or_default(),
            arn: "example/credential".into(),
            version: "v1".into(),
        }
    }

    /// A cloud with these hosts, and a secret with this content, which is read any number of times.
    pub(crate) fn with_hosts(hosts: Hosts, content: &Value) -> Cloud {
        let content = content.to_string();
        let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_output(move || {
            GetSecretValueOutput::builder()
                .secret_string(content.clone())
                .version_id("v1")
                .build()
        });
        Cloud {
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, &[&get])
                .into(),
            hosts,
            ..crate::cloud::tests::cloud()
        }
    }

    #[test]
    fn places_that_no_host_has_are_refused() {
        let check = |repository: &str, branch: &str, url: Option<&str>| {
            check_place(repository, branch, url, Some(2)).map_err(|error| error.path)
        };
        assert_eq!(check("acme/prod", "main", None), Ok(()));
        assert_eq!(
            check(
                "acme/prod",
                "feature/x",
                Some("https://git.example.com:8443")
            ),
            Ok(())
        );
        for name in [
            "prod",
            "acme/prod/x",
            "acme/",
            "acme/..",
            "acme/a b",
            "acme/a|b",
        ] {
            assert_eq!(
                check(name, "main", None),
                Err("/repository".into()),
                "{name}"
            );
        }
        for branch in ["", "a b", "a|b", "a..b", "/a"] {
            let found = check("acme/prod", branch, None);
            assert_eq!(found, Err("/branch_name".into()), "{branch}");
        }
        for url in [
            "http://git.example.com",
            "https://",
            "https://a/b",
            "https://u@a",
            "git",
        ] {
            let found = check("acme/prod", "main", Some(url));
            assert_eq!(found, Err("/url".into()), "{url}");
        }
        assert!(check_place("acme/platform/prod", "main", None, None).is_ok());
    }

    #[test]
    fn a_place_is_found_again_by_its_identifier() {
        let cloud = crate::cloud::tests::cloud();
        let secret = Arn::from("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-b1");
        let id = Place::id("https://github.com/", "acme/prod", &secret, "a/b");
        let at = Place::of(&cloud, &id);
        assert_eq!(
            (at.url, at.repository, at.secret, at.branch),
            ("https://github.com", "acme/prod", secret.as_str(), "a/b")
        );
        assert_eq!(at.words(), "branch a/b of acme/prod on github.com");
        let changed = crate::cloud::tests::changes(&[("/credential", json!("a"), json!("b"))]);
        assert_eq!(credential_is_fixed(&changed).unwrap().path, "/credential");
    }

    #[tokio::test]
    async fn a_secret_that_is_missing_is_not_taken_for_a_repository_that_is_gone() {
        use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
        use aws_smithy_types::error::ErrorMetadata;
        let gone = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_error(|| {
            let code = ErrorMetadata::builder().code("ResourceNotFoundException");
            GetSecretValueError::generic(code.build())
        });
        let cloud = Cloud {
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, &[&gone])
                .into(),
            ..crate::cloud::tests::cloud()
        };
        let error = credential(&cloud, "prod/app").await.err().unwrap();
        assert_eq!(error.class, Class::Invalid);
        assert!(error.to_string().contains("prod/app"), "{error}");
    }

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encoded("a b/ü?.md", false), "a%20b/%C3%BC%3F.md");
        assert_eq!(encoded("acme/prod-gitops", true), "acme%2Fprod-gitops");
    }
}
