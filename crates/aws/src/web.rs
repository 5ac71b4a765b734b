//! Calls of APIs outside of AWS: those of hosts of Git repositories.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::HeaderMap;
use platctl_engine::tell::millis;
use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::Value;

/// How long a host may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most of an answer that is read. A file of a repository is much smaller.
const MOST: u64 = 32 * 1024 * 1024;

/// A call of a host's API.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: http::Method,
    pub(crate) url: String,
    /// Names and values; one of them usually is a secret.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// What a host answers.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body may be a token.
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text in the answer, at a JSON pointer. An answer without it is as good as lost.
    pub(crate) fn text(&self, operation: &str, pointer: &str) -> CloudResult<String> {
        let answer = self.json();
        let found = answer.pointer(pointer).and_then(Value::as_str);
        found.map(ToOwned::to_owned).ok_or_else(|| {
            let message = format!("cannot parse the response: it has no `{pointer}`");
            CloudError::new(Class::Interrupted, operation, message)
        })
    }
}

/// Who carries requests to hosts.
pub(crate) trait Carrier: Send + Sync + fmt::Debug {
    fn carry<'a>(
        &'a self,
        operation: &'a str,
        request: Request,
    ) -> BoxFuture<'a, CloudResult<Answer>>;
}

/// The hosts of repositories.
#[derive(Clone)]
pub struct Hosts {
    carrier: Arc<dyn Carrier>,
    /// Tokens that hosts gave out for a time, until when they are used, by what they were given out for.
    tokens: Arc<Mutex<HashMap<String, (String, Instant)>>>,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}

impl Hosts {
    /// Those on the internet, or their stand-in in an emulator at this endpoint, which asks for this key.
    #[must_use]
    pub fn new(emulator: Option<(String, String)>) -> Self {
        Self::by(Web { emulator })
    }

    pub(crate) fn by(carrier: impl Carrier + 'static) -> Self {
        Self {
            carrier: Arc::new(carrier),
            tokens: Arc::default(),
        }
    }

    /// What a host answers, whatever it is.
    pub(crate) async fn ask(&self, operation: &str, request: Request) -> CloudResult<Answer> {
        self.carrier.carry(operation, request).await
    }

    pub(crate) fn token(&self, key: &str) -> Option<String> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, until) = tokens.get(key)?;
        (*until > Instant::now()).then(|| token.clone())
    }

    pub(crate) fn keep_token(&self, key: String, token: String, life: Duration) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(key, (token, Instant::now() + life));
    }
}

/// HTTPS, as this machine is set up for it.
#[derive(Clone)]
struct Web {
    emulator: Option<(String, String)>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Web")
    }
}

impl Web {
    /// The emulator stands for hosts, too: `https://HOST/PATH` is below its control interface.
    fn directed(&self, mut request: Request) -> Request {
        if let Some((endpoint, key)) = &self.emulator {
            let rest = request.url.trim_start_matches("https://");
            request.url = format!("{endpoint}/_platctl/hosts/{rest}");
            request.headers.push(("x-platctl-key", key.clone()));
        }
        request
    }
}

impl Carrier for Web {
    fn carry<'a>(
        &'a self,
        operation: &'a str,
        request: Request,
    ) -> BoxFuture<'a, CloudResult<Answer>> {
        let request = self.directed(request);
        Box::pin(async move {
            let host = host_of(&request.url).to_owned();
            // What is on this machine is not behind a proxy.
            let near = self.emulator.is_some();
            let begun = Instant::now();
            let sent = tokio::task::spawn_blocking(move || send(request, near)).await;
            let sent = sent.map_err(|error| {
                CloudError::new(Class::Interrupted, operation, error.to_string())
            })?;
            log(operation, &host, begun.elapsed(), &sent);
            sent.map_err(|error| {
                let message = format!("{host} does not respond: {error}");
                CloudError::new(class_of(&error), operation, message)
            })
        })
    }
}

/// One event for each call. Headers and bodies are not logged: tokens are in them.
fn log(operation: &str, host: &str, duration: Duration, result: &Result<Answer, ureq::Error>) {
    let duration_ms = millis(duration);
    match result {
        Ok(answer) => {
            let status = answer.status;
            tracing::debug!(operation, host, duration_ms, status, "Git host call");
        }
        Err(error) => tracing::debug!(
            operation,
            host,
            duration_ms,
            %error,
            "Git host call without a response"
        ),
    }
}

pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn send(request: Request, near: bool) -> Result<Answer, ureq::Error> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // A token is for this host alone, and a repository that has moved is to be said.
        .max_redirects(0);
    if near {
        config = config.proxy(None);
    }
    let agent = ureq::Agent::new_with_config(config.build());
    let mut builder = http::Request::builder()
        .method(request.method)
        .uri(request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let answer = match request.body {
        Some(body) => {
            let builder = builder.header("content-type", "application/json");
            agent.run(builder.body(body.to_string())?)?
        }
        None => agent.run(builder.body(())?)?,
    };
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.into_body().into_with_config().limit(MOST);
    Ok(Answer {
        status,
        headers,
        body: body.read_to_vec()?,
    })
}

/// Whether the request can have had an effect.
fn class_of(error: &ureq::Error) -> Class {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => Class::Unreachable,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Class::Unreachable
        }
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => Class::Invalid,
        _ => Class::Interrupted,
    }
}

/// What the host says is wrong: GitHub has `message` and details in `errors`, GitLab has `message` or `error`.
pub(crate) fn said(answer: &Answer) -> String {
    let body = answer.json();
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut parts: Vec<String> = ["message", "error", "error_description"]
        .iter()
        .map(|key| word(&body[*key]))
        .collect();
    for detail in body["errors"].as_array().into_iter().flatten() {
        parts.push(word(detail.get("message").unwrap_or(detail)));
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() {
        return format!("HTTP status {}", answer.status);
    }
    parts.join(": ")
}

/// What hosts say of somebody else's commit in between: the next try looks again.
const MOVED_ON: [&str; 4] = [
    "is not a fast forward",
    "since you started editing",
    "with this name already exists",
    "Could not update refs",
];

/// What hosts say of a branch that does not take commits without a review.
const PROTECTED: [&str; 4] = [
    "rule violations",
    "through a pull request",
    "Protected branch",
    "not allowed to push",
];

/// The one place where answers of hosts become classes.
pub(crate) fn class(answer: &Answer, said: &str) -> Class {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let exhausted = answer.header("x-ratelimit-remaining") == Some("0")
        || answer.header("retry-after").is_some()
        || said.contains("rate limit");
    match answer.status {
        429 => Class::Throttled,
        403 if exhausted => Class::Throttled,
        _ if says(&MOVED_ON) => Class::Busy,
        _ if says(&PROTECTED) => Class::Denied,
        // A token that the host does not know is no reason to log in to AWS again.
        401 | 403 => Class::Denied,
        404 => Class::NotFound,
        409 => Class::Busy,
        500.. => Class::Interrupted,
        _ => Class::Invalid,
    }
}

/// The answer, unless it is a refusal.
pub(crate) fn accepted(host: &str, operation: &str, answer: Answer) -> CloudResult<Answer> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let words = said(&answer);
    let message = match (answer.status, answer.header("location")) {
        (300..=399, Some(to)) => format!("the repository has moved to {to}: correct its name"),
        (401, _) => format!("{host} does not accept the credential: {words}"),
        _ if PROTECTED.iter().any(|word| words.contains(word)) => format!(
            "{words}. Allow platctl to push to this branch in the settings of the repository, or use another branch"
        ),
        _ => words.clone(),
    };
    let id = answer.header("x-github-request-id");
    Err(CloudError {
        class: class(&answer, &words),
        operation: operation.to_owned(),
        code: Some(answer.status.to_string()),
        message,
        request_id: id
            .or_else(|| answer.header("x-request-id"))
            .map(ToOwned::to_owned),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A host that answers what it was told to, in order, and remembers what it was asked.
    #[derive(Debug, Default)]
    pub(crate) struct Script {
        answers: Mutex<VecDeque<(&'static str, Answer)>>,
        asked: Arc<Mutex<Vec<Asked>>>,
    }

    /// A request: what it was, its authorization, and its body.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Asked {
        pub(crate) line: String,
        pub(crate) authorization: String,
        pub(crate) body: Value,
    }

    /// What a host is told to answer: the end of the request's line, the status, and the body.
    pub(crate) type Line = (&'static str, u16, Value);

    /// Hosts that answer these requests and no others, and what they were asked.
    pub(crate) fn script(lines: Vec<Line>) -> (Hosts, Arc<Mutex<Vec<Asked>>>) {
        let answers = lines.into_iter().map(|(line, status, body)| {
            let body = match body {
                Value::String(text) => text.into_bytes(),
                body => body.to_string().into_bytes(),
            };
            let headers = HeaderMap::new();
            let answer = Answer {
                status,
                headers,
                body,
            };
            (line, answer)
        });
        let script = Script {
            answers: Mutex::new(answers.collect()),
            asked: Arc::default(),
        };
        let asked = script.asked.clone();
        (Hosts::by(script), asked)
    }

    impl Carrier for Script {
        fn carry<'a>(
            &'a self,
            _operation: &'a str,
            request: Request,
        ) -> BoxFuture<'a, CloudResult<Answer>> {
            let line = format!("{} {}", request.method, request.url);
            let mut headers = request.headers.iter();
            let authorization = headers
                .find(|(name, _)| matches!(*name, "authorization" | "private-token"))
                .map(|(_, value)| value.clone())
                .unwrap_or_default();
            let (expected, answer) = self
                .answers
                .lock()
                .unwrap()
                .pop_front()
                .unwrap_or_else(|| panic!("nobody expects {line}"));
            assert_eq!(line, expected);
            self.asked.lock().unwrap().push(Asked {
                line,
                authorization,
                body: request.body.unwrap_or_default(),
            });
            Box::pin(async move { Ok(answer) })
        }
    }

    fn answer(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, http::HeaderValue::from_static(value));
        }
        Answer {
            status,
            headers: all,
            body: body.as_bytes().to_vec(),
        }
    }

    fn refused(answer: Answer) -> CloudError {
        accepted("github.com", "github:UpdateReference", answer).unwrap_err()
    }

    #[test]
    fn refusals_have_their_class_and_say_what_the_host_said() {
        let fast = r#"{"message": "Update is not a fast forward"}"#;
        let moved = r#"{"message": "You are attempting to update a file that has changed since you started editing it."}"#;
        let rules = r#"{"message": "Repository rule violations found\n\nChanges must be made through a pull request."}"#;
        for (answer, class) in [
            (answer(422, fast, &[]), Class::Busy),
            (answer(400, moved, &[]), Class::Busy),
            (answer(422, rules, &[]), Class::Denied),
            (
                answer(401, r#"{"message": "Bad credentials"}"#, &[]),
                Class::Denied,
            ),
            (answer(403, "{}", &[]), Class::Denied),
            (
                answer(403, "{}", &[("x-ratelimit-remaining", "0")]),
                Class::Throttled,
            ),
            (
                answer(403, "{}", &[("retry-after", "60")]),
                Class::Throttled,
            ),
            (answer(429, "{}", &[]), Class::Throttled),
            (
                answer(404, r#"{"message": "Not Found"}"#, &[]),
                Class::NotFound,
            ),
            (answer(502, "<html>", &[]), Class::Interrupted),
            (
                answer(422, r#"{"message": "Validation Failed"}"#, &[]),
                Class::Invalid,
            ),
        ] {
            let error = refused(answer);
            assert_eq!(error.class, class, "{error}");
        }
        let error = refused(answer(
            422,
            r#"{"message": "Validation Failed", "errors": [{"message": "path is wrong"}]}"#,
            &[("x-github-request-id", "AB:CD")],
        ));
        assert_eq!(
            error.to_string(),
            "github:UpdateReference failed with 422: Validation Failed: path is wrong (request id AB:CD)"
        );
    }

    #[test]
    fn the_emulator_stands_for_every_host() {
        let request = Request {
            method: http::Method::GET,
            url: "https://api.github.com/app".into(),
            headers: Vec::new(),
            body: None,
        };
        let emulator = Some(("http://127.0.0.1:9".to_owned(), "KEY".to_owned()));
        let directed = Web { emulator }.directed(request);
        assert_eq!(
            directed.url,
            "http://127.0.0.1:9/_platctl/hosts/api.github.com/app"
        );
        assert_eq!(directed.headers, [("x-platctl-key", "KEY".to_owned())]);
    }

    #[test]
    fn a_call_is_logged_without_what_it_says() {
        let answer = Answer {
            status: 201,
            body: b"{\"token\": \"CANARY\"}".to_vec(),
            ..Answer::default()
        };
        let text = crate::transport::tests::Log::of(|| {
            let operation = "github:CreateCommit";
            log(
                operation,
                "github.com",
                Duration::from_millis(7),
                &Ok(answer),
            );
            log(
                operation,
                "github.com",
                Duration::ZERO,
                &Err(ureq::Error::HostNotFound),
            );
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        for part in [
            "Git host call",
            "host=\"github.com\"",
            "duration_ms=7",
            "status=201",
        ] {
            assert!(lines[0].contains(part), "{text}");
        }
        assert!(lines[1].contains("without a response"), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }
}
