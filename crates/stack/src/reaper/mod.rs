//! The `reaper:` block: a schedule in AWS that deletes temporary stacks when they have expired. A rule starts a build
//! that runs `platctl reap`, and another rule tells when a build fails.

mod rights;

use std::time::Duration;

use platctl_aws::Document;
use platctl_aws::codebuild::project::{self, Project};
use platctl_aws::events::rule::{self, Rule};
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::{self, LogGroup};
use platctl_aws::sns::topic;
use platctl_engine::{Address, Declared, Handle, Input};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{allow, join, key, log_group, logs_use_key, permit, role, trust, trust_of};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};
use crate::names::{Digest, ObjectPlace, StackPrefix, StatePlace, TagMap, Ttl, lifetime};
use crate::source::Span;
use crate::{StateUrl, alerts};

/// What `reaper:` says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reaper {
    /// The location of the states of the temporary stacks: `s3://bucket/prefix`. They need a prefix of their own.
    states: At<StatePlace>,
    /// What the names of the temporary stacks begin with, such as `pr-`. Other stacks cannot be deleted.
    stacks: At<StackPrefix>,
    /// The platctl executable (Linux x86-64, statically linked) that the builds use: `s3://bucket/key`.
    program: At<ObjectPlace>,
    /// The SHA-256 digest of the executable. Builds do not run another one.
    sha256: At<Digest>,
    /// How often to look for expired stacks, 5m to 1d. Default: 30m.
    #[serde(default)]
    every: Option<At<Ttl>>,
    /// Tags to add to the resources of this block.
    #[serde(default)]
    tags: Option<At<TagMap>>,
}

/// The longest that a build may take, in minutes: the deletion of many stacks with databases and clusters.
const LONGEST: i32 = 480;
/// How builds end that have not done what they should.
const FAILURES: [&str; 4] = ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"];

impl Reaper {
    /// Declares the schedule, the builds, their role, and the rule that tells when one fails.
    pub(crate) fn declare(&self, alerts: &alerts::Parts, declare: &mut Declare<'_>) -> Checked<()> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        let schedule = self.schedule()?;
        self.check_name(declare.stack())?;
        let group = format!("/platctl/{}/reaper", declare.stack());
        let statement = logs_use_key(&group, declare);
        let key = key(
            "",
            "Encrypts the logs of the reaper",
            vec![statement],
            declare,
        )?;
        let days = declare.log_days(30);
        let logs = log_group("log_group", &group, days, &key, declare)?;
        let (role, policy) = self.role(&key, &logs, declare)?;
        let project = self.project((&role, &policy), &key, &logs, declare)?;
        starts(&schedule, &project, declare)?;
        tells_of_failures(&project, alerts, declare)
    }

    /// How often, as EventBridge says it.
    fn schedule(&self) -> Checked<String> {
        const MINUTE: u64 = 60;
        let usual = Duration::from_secs(30 * MINUTE);
        let every = self.every.as_ref();
        let wanted = every.and_then(|every| lifetime(every.value.as_str()));
        let minutes = wanted.unwrap_or(usual).as_secs() / MINUTE;
        match every {
            Some(every) if !(5..=24 * 60).contains(&minutes) => {
                let fault = Fault::new("a reaper can run every 5m to every 1d");
                Err(vec![fault.at(every.span, "outside of this range")])
            }
            _ => Ok(format!("rate({minutes} minutes)")),
        }
    }

    /// What deletes stacks must not be able to delete itself.
    fn check_name(&self, stack: &str) -> Checked<()> {
        let prefix = self.stacks.value.as_str();
        if !stack.starts_with(prefix) {
            return Ok(());
        }
        let message = format!(
            "the reaper could delete its own stack: {} begins with {}",
            quoted(stack),
            quoted(prefix)
        );
        let fault = Fault::new(message).at(self.stacks.span, "the stacks that can be deleted");
        Err(vec![fault.help(
            "use another name for this stack, or another beginning for the others",
        )])
    }

    fn role(
        &self,
        key: &Handle<Key>,
        logs: &Handle<LogGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<(Handle<Role>, Address)> {
        let states = place(self.states.value.as_str(), self.states.span)?;
        let program = place(self.program.value.as_str(), self.program.span)?;
        let source = declare.arn("codebuild", &format!("project/{}", name(declare)));
        let trust = trust_of("codebuild.amazonaws.com", &source, declare);
        let description = "Builds that delete expired stacks";
        let role = role("role", "reaper", description, trust, declare)?;
        let mut statements = rights::of(self.stacks.value.as_str(), declare.context());
        statements.extend(rights::of_places(&states, &program, declare.context()));
        statements.push(allow(
            &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
            key.json(key::out::ARN),
        ));
        statements.push(allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            join([logs.json(log_group::out::ARN), ":*".into()]),
        ));
        let policy = permit("policy", &role, statements, declare)?;
        Ok((role, policy.address().clone()))
    }

    fn project(
        &self,
        (role, policy): (&Handle<Role>, &Address),
        key: &Handle<Key>,
        logs: &Handle<LogGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<Project>> {
        let variable = |name: &str, value: &str| project::Variable {
            name: name.to_owned(),
            value: value.to_owned().into(),
            kind: "PLAINTEXT".to_owned(),
        };
        let spec = project::Spec::<Declared> {
            name: name(declare),
            description: "Deletes stacks that have expired".to_owned(),
            source: project::Source {
                kind: "NO_SOURCE".to_owned(),
                location: None,
                git_clone_depth: 0,
                buildspec: Some(include_str!("reaper.yml").to_owned()),
                auth: None,
                report_build_status: None,
            },
            artifacts: project::Artifacts {
                kind: "NO_ARTIFACTS".to_owned(),
            },
            environment: project::Environment {
                kind: "LINUX_CONTAINER".to_owned(),
                image: "aws/codebuild/amazonlinux-x86_64-standard:5.0".to_owned(),
                compute_type: "BUILD_GENERAL1_SMALL".to_owned(),
                privileged_mode: false,
                environment_variables: vec![
                    variable("PROGRAM", self.program.value.as_str()),
                    variable("PROGRAM_SHA256", self.sha256.value.as_str()),
                    variable("STATES", self.states.value.as_str()),
                ],
            },
            service_role: role.get(role::out::ARN),
            encryption_key: Some(key.get(key::out::ARN)),
            timeout_in_minutes: LONGEST,
            vpc: None,
            logs: Some(project::Logs {
                group_name: Input::Expr(logs.json(log_group::out::LOG_GROUP_NAME)),
                stream_name: Some("reaper".to_owned()),
            }),
            tags: declare.tags("project"),
        };
        declare.add_after("project", &spec, &[policy])
    }
}

/// A place in S3 that was checked when it was read.
fn place(text: &str, span: Span) -> Checked<StateUrl> {
    text.parse()
        .map_err(|why: String| vec![Fault::new(why).at(span, "here")])
}

fn name(declare: &Declare<'_>) -> String {
    declare.name("reaper")
}

/// The rule that starts a build, and the role that it does so with.
fn starts(schedule: &str, project: &Handle<Project>, declare: &mut Declare<'_>) -> Checked<()> {
    let trust = trust("events.amazonaws.com", declare);
    let description = "Starts the builds that delete expired stacks";
    let starter = role(
        "trigger.role",
        "reaper-trigger",
        description,
        trust,
        declare,
    )?;
    let start = allow(&["codebuild:StartBuild"], project.json(project::out::ARN));
    let policy = permit("trigger.policy", &starter, vec![start], declare)?;
    let spec = rule::Spec::<Declared> {
        name: name(declare),
        description: "Looks for expired stacks".to_owned(),
        event_pattern: None,
        schedule_expression: Some(schedule.to_owned()),
        enabled: true,
        targets: vec![rule::Target {
            id: "reaper".to_owned(),
            arn: project.get(project::out::ARN),
            role_arn: Some(starter.get(role::out::ARN)),
            input: None,
            input_transformer: None,
        }],
        tags: declare.tags("schedule"),
    };
    declare.add_after::<Rule>("schedule", &spec, &[policy.address()])?;
    Ok(())
}

fn failed_builds(project: &str) -> Value {
    json!({
        "source": ["aws.codebuild"],
        "detail-type": ["CodeBuild Build State Change"],
        "detail": {"build-status": FAILURES, "project-name": [project]},
    })
}

/// A stack that nobody deletes costs money: whoever gets the alerts is told.
fn tells_of_failures(
    project: &Handle<Project>,
    alerts: &alerts::Parts,
    declare: &mut Declare<'_>,
) -> Checked<()> {
    let pattern = failed_builds(&name(declare));
    let spec = rule::Spec::<Declared> {
        name: declare.name("reaper-failed"),
        description: "Tells when expired stacks could not be deleted".to_owned(),
        event_pattern: Some(Document::new(&pattern).into()),
        schedule_expression: None,
        enabled: true,
        targets: vec![rule::Target {
            id: "alerts".to_owned(),
            arn: alerts.topic.get(topic::out::ARN),
            role_arn: None,
            input: None,
            input_transformer: None,
        }],
        tags: declare.tags("failed"),
    };
    declare.add_after::<Rule>("failed", &spec, &[project.address()])?;
    Ok(())
}
