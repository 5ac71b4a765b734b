//! The control interface of a running local AWS: profiles, faults, held calls, recordings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::EmulatorError;

/// A request that was made to the local AWS.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// The position among all calls, from 1.
    pub number: usize,
    /// The service's signing name, such as `ec2`.
    pub service: String,
    /// The region that it was made in.
    pub region: String,
    /// The operation, such as `CreateVpc`.
    pub operation: String,
    /// The position among the calls that change something, from 1; none for one that only reads.
    pub mutation: Option<usize>,
    /// The HTTP status of the answer; none while there is none.
    pub status: Option<u16>,
    /// The parameters, without secret ones, where the profile asks for them.
    #[serde(default)]
    pub params: Value,
    /// Where the request does not keep to AWS's own model of the operation.
    #[serde(default)]
    pub violations: Vec<String>,
}

/// The instant at which a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened yet.
    Before,
    /// It has happened, and nobody knows.
    After,
}

impl Moment {
    /// As [`Held::moment`] says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Which call is held, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldAt {
    /// The call of this number among those that change something, from 1.
    Call(usize, Moment),
    /// The first call of an operation, such as `ec2:CreateVpc`.
    First(String, Moment),
    /// The first call of every operation that changes something.
    Each(Moment),
}

impl HoldAt {
    fn json(&self) -> Value {
        match self {
            Self::Call(number, moment) => json!({"mutation": number, "moment": moment.name()}),
            Self::First(operation, moment) => {
                json!({"operation": operation, "moment": moment.name()})
            }
            Self::Each(moment) => json!({"each": moment.name()}),
        }
    }
}

/// A call that is held.
#[derive(Clone, Debug, Deserialize)]
pub struct Held {
    /// The service and the operation, such as `ec2:CreateVpc`.
    pub operation: String,
    /// The position among the calls that change something.
    pub mutation: usize,
    /// `before` or `after` its effect.
    pub moment: String,
}

/// The header in which a control request carries the instance's access key.
pub const KEY_HEADER: &str = "x-platctl-key";

/// Talks to a running local AWS.
#[derive(Clone)]
pub struct Control {
    endpoint: String,
    key: String,
    agent: ureq::Agent,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(endpoint: &str, key: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Self {
            endpoint: endpoint.to_owned(),
            key: key.to_owned(),
            agent,
        }
    }

    fn get(&self, path: &str) -> Result<Value, EmulatorError> {
        let request = format!("GET {path}");
        let call = self
            .agent
            .get(format!("{}/_platctl/{path}", self.endpoint))
            .header(KEY_HEADER, &self.key);
        read(request, call.call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, EmulatorError> {
        let request = format!("POST {path}");
        let call = self
            .agent
            .post(format!("{}/_platctl/{path}", self.endpoint))
            .header(KEY_HEADER, &self.key);
        read(request, call.send_json(body))
    }

    /// How it is set, and how much it was asked.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> Result<Value, EmulatorError> {
        self.get("status")
    }

    /// Changes some settings of the profile.
    ///
    /// # Errors
    /// When one of them is unknown.
    pub fn profile(&self, changes: &Value) -> Result<(), EmulatorError> {
        self.post("profile", changes).map(drop)
    }

    /// Programs begin to work in a cluster: `{"cluster": NAME}`, with `"zone": ID` for records in that zone, with
    /// `"denied": true` for an API server that lets nobody in. Answers the IDs of what they make.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn controllers(&self, of: &Value) -> Result<Value, EmulatorError> {
        let answer = self.post("controllers", of)?;
        Ok(answer.get("made").cloned().unwrap_or_default())
    }

    /// How many things there are of each kind, counted in the local AWS itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn inventory(&self) -> Result<BTreeMap<String, usize>, EmulatorError> {
        let answer = self.get("inventory")?;
        serde_json::from_value(answer.get("inventory").cloned().unwrap_or_default()).map_err(
            |error| EmulatorError::Control {
                request: "GET inventory".into(),
                reason: error.to_string(),
            },
        )
    }

    /// Forgets every resource, fault and setting.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn reset(&self) -> Result<(), EmulatorError> {
        self.post("reset", &json!({})).map(drop)
    }

    /// Adds faults, as `docs/emulator.md` describes them.
    ///
    /// # Errors
    /// When one of them is unknown.
    pub fn faults(&self, faults: &Value) -> Result<(), EmulatorError> {
        self.post("faults", &json!({"faults": faults})).map(drop)
    }

    /// Starts counting and recording calls anew.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn clear_calls(&self) -> Result<(), EmulatorError> {
        self.post("counters", &json!({})).map(drop)
    }

    /// Puts a thing into a state that no call leads to: `acm.Certificate`, its ARN, `EXPIRED`.
    ///
    /// # Errors
    /// When it does not answer, or has no such thing.
    pub fn set_state(&self, kind: &str, id: &str, state: &str) -> Result<(), EmulatorError> {
        self.post("state", &json!({"kind": kind, "id": id, "state": state}))
            .map(drop)
    }

    /// Does what only people do at GitHub and GitLab; answers what is shown only once, such as a key.
    ///
    /// # Errors
    /// When it does not answer, or there is no such repository.
    pub fn hosts(&self, body: &Value) -> Result<Value, EmulatorError> {
        self.post("hosts", body)
    }

    /// The files on the default branch of a repository at GitHub or GitLab, and what its commits say.
    ///
    /// # Errors
    /// When it does not answer, or there is no such repository.
    pub fn repository(&self, name: &str) -> Result<Value, EmulatorError> {
        self.get(&format!("hosts?repository={name}"))
    }

    /// The calls since the last [`Control::clear_calls`].
    ///
    /// # Errors
    /// When it does not answer.
    pub fn calls(&self) -> Result<Vec<Call>, EmulatorError> {
        let answer = self.get("calls")?;
        let calls = answer.get("calls").cloned().unwrap_or_default();
        serde_json::from_value(calls).map_err(|error| EmulatorError::Control {
            request: "GET calls".into(),
            reason: error.to_string(),
        })
    }

    /// From now on counts the calls that change something, and holds the given one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn hold(&self, mutation: usize, moment: Moment) -> Result<(), EmulatorError> {
        self.post(
            "hold",
            &json!({"mutation": mutation, "moment": moment.name()}),
        )
        .map(drop)
    }

    /// The same for the first call of an operation, such as `ec2:CreateVpc`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn hold_first(&self, operation: &str, moment: Moment) -> Result<(), EmulatorError> {
        self.post(
            "hold",
            &json!({"operation": operation, "moment": moment.name()}),
        )
        .map(drop)
    }

    /// From now on counts the calls that change something, and holds each of the given ones, one at a time.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn hold_all(&self, at: &[HoldAt]) -> Result<(), EmulatorError> {
        let (each, single): (Vec<&HoldAt>, Vec<&HoldAt>) =
            at.iter().partition(|one| matches!(one, HoldAt::Each(_)));
        let mut body =
            json!({"instants": single.into_iter().map(HoldAt::json).collect::<Vec<_>>()});
        if let Some(HoldAt::Each(moment)) = each.first() {
            body["each"] = moment.name().into();
        }
        self.post("hold", &body).map(drop)
    }

    /// The call that is held, if one is within the given time (at most 20 s).
    ///
    /// # Errors
    /// When it does not answer.
    pub fn held(&self, patience: Duration) -> Result<Option<Held>, EmulatorError> {
        let seconds = patience.as_secs_f64().min(20.0);
        let answer = self.get(&format!("held?seconds={seconds}"))?;
        Ok(answer
            .get("held")
            .and_then(|held| serde_json::from_value(held.clone()).ok()))
    }

    /// Lets the held call go on, or drops it: held before its effect, it then has none.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn release(&self, drop: bool) -> Result<(), EmulatorError> {
        self.post("release", &json!({"drop": drop}))
            .map(std::mem::drop)
    }

    /// The same, and what else is to be held still is.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn release_one(&self, drop: bool) -> Result<(), EmulatorError> {
        self.post("release", &json!({"drop": drop, "others": true}))
            .map(std::mem::drop)
    }

    /// How many calls that only read were made since the last one that changes something.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn reads_since_change(&self) -> Result<u64, EmulatorError> {
        Ok(self
            .status()?
            .get("reads_since")
            .and_then(Value::as_u64)
            .unwrap_or_default())
    }

    /// How often each operation has begun something that takes time; where the time stands, since it does.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn timed(&self) -> Result<BTreeMap<String, usize>, EmulatorError> {
        begun(&self.get("timed")?)
    }

    /// Whether the time stands.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn time_stands(&self) -> Result<bool, EmulatorError> {
        Ok(self
            .get("timed")?
            .get("standing")
            .and_then(Value::as_bool)
            .unwrap_or_default())
    }

    /// Lets the time stand from the moment on at which one of these operations begins something that takes time:
    /// whatever is being made or deleted then stays so.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stop_time_at<'a>(
        &self,
        until: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), EmulatorError> {
        let until: Vec<&String> = until.into_iter().collect();
        self.post("time", &json!({"until": until})).map(drop)
    }

    /// Lets the time go on where it stood, until one of these operations begins something that takes time. Answers
    /// which operations had begun something, and how often, while it stood.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn let_time_go_on<'a>(
        &self,
        until: impl IntoIterator<Item = &'a String>,
    ) -> Result<BTreeMap<String, usize>, EmulatorError> {
        let until: Vec<&String> = until.into_iter().collect();
        begun(&self.post("time", &json!({"go_on": true, "until": until}))?)
    }

    /// Lets everything that is under way come to its end at once.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn run_time_out(&self) -> Result<(), EmulatorError> {
        self.post("time", &json!({"run_out": true})).map(drop)
    }

    /// A copy of this one takes its place until [`Control::back`]: whatever is done from now on will never have
    /// happened. What is connected to this one stays connected to it, so it should be doing nothing.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn branch(&self) -> Result<(), EmulatorError> {
        self.post("branch", &json!({})).map(drop)
    }

    /// Ends a copy that [`Control::branch`] made.
    ///
    /// # Errors
    /// When this is none, or does not answer.
    pub fn back(&self) -> Result<(), EmulatorError> {
        let process = |status: Value| status.get("pid").cloned();
        let copy = process(self.status()?);
        self.post("back", &json!({}))?;
        let begun = Instant::now();
        // Between the two nobody answers.
        while self
            .get("status")
            .map_or(true, |status| process(status) == copy)
        {
            if begun.elapsed() > Duration::from_secs(30) {
                let reason = "the copy is over, and nobody has taken its place".to_owned();
                return Err(EmulatorError::Control {
                    request: "POST back".into(),
                    reason,
                });
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub(crate) fn fork(&self, instance: &Path) -> Result<(), EmulatorError> {
        self.post("fork", &json!({"instance": instance})).map(drop)
    }

    pub(crate) fn stop(&self) -> Result<(), EmulatorError> {
        self.post("stop", &json!({})).map(drop)
    }
}

fn begun(answer: &Value) -> Result<BTreeMap<String, usize>, EmulatorError> {
    let begun = answer.get("begun").cloned().unwrap_or_default();
    serde_json::from_value(begun).map_err(|error| EmulatorError::Control {
        request: "time".into(),
        reason: error.to_string(),
    })
}

fn read(
    request: String,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, EmulatorError> {
    let failed = |reason: String| EmulatorError::Control {
        request: request.clone(),
        reason,
    };
    let mut answer = answer.map_err(|error| failed(error.to_string()))?;
    let value: Value = answer
        .body_mut()
        .read_json()
        .map_err(|error| failed(error.to_string()))?;
    if answer.status().is_success() {
        return Ok(value);
    }
    let reason = value
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or("no reason was given");
    Err(failed(reason.to_owned()))
}
