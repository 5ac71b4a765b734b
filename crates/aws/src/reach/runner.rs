//! The way by a build: a CodeBuild project in the cluster's private subnets runs platctl itself, for one task, and
//! what comes of it is kept in a bucket.
//!
//! Between builds a set is known as the last build left it: looking at it takes no build.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_codebuild::types::{Build, EnvironmentVariable, StatusType};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use platctl_engine::retry::call_with_retries;
use platctl_engine::tell::Told;
use platctl_engine::{Class, CloudError, CloudResult, Owner};
use platctl_kubernetes::{
    JobOrder, Manifest, Order, Outcome, ReleaseOrder, Server, SetState, Task, VacateOrder,
    VacateReport,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Settings;
use super::builds::running;
use super::program::program;
use super::rights::{Rights, Share};
use crate::Cloud;
use crate::errors::{Ask, Asked};

/// The bucket of a cluster's runner.
#[must_use]
pub fn bucket_name(cluster: &str, account: &str, region: &str) -> String {
    format!("{cluster}-runner-{account}-{region}")
}

/// The CodeBuild project of a cluster's runner.
#[must_use]
pub fn project_name(cluster: &str) -> String {
    format!("{cluster}-runner")
}

const OPERATION: &str = "codebuild:StartBuild";
/// How often a build is looked at.
const PAUSE: Duration = Duration::from_secs(3);
/// The buildspec's own limit, and some more.
const LONGEST: Duration = Duration::from_secs(35 * 60);

/// What a build of the runner is for: what it is told by its environment.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The bucket in which the task is, and into which its outcome goes.
    pub bucket: String,
    /// The task's key.
    pub task: String,
    /// The task's SHA-256, in hexadecimal digits. It comes with the build, and not from the bucket: whoever can write
    /// an object there gives no orders.
    pub sha256: String,
}

impl Errand {
    /// Apart from the tasks: builds write here and nowhere else.
    fn outcome(&self) -> String {
        format!("outcomes/{}", self.task.trim_start_matches("tasks/"))
    }

    /// Reads the task.
    ///
    /// # Errors
    /// What S3 answers; [`Class::Denied`] for a task that is not the one that the build was started for.
    pub async fn read(&self, cloud: &Cloud) -> CloudResult<(String, Task)> {
        let found = get_bytes(cloud, &self.bucket, &self.task).await?;
        let bytes = found.ok_or_else(|| {
            CloudError::new(Class::NotFound, "s3:GetObject", "the task does not exist")
        })?;
        if hex(&Sha256::digest(&bytes)) != self.sha256 {
            let message = format!(
                "s3://{}/{} is not the task that this build was started for: its SHA-256 is another one. Somebody has \
                 written to the bucket",
                self.bucket, self.task
            );
            return Err(CloudError::new(Class::Denied, "s3:GetObject", message));
        }
        parse(&bytes, &self.bucket, &self.task)
    }

    /// Writes down what came of it.
    ///
    /// # Errors
    /// What S3 answers.
    pub async fn report(&self, cloud: &Cloud, outcome: &Outcome) -> CloudResult<()> {
        put(cloud, &self.bucket, &self.outcome(), outcome).await
    }
}

/// What a build changes that ends the work of a cluster.
const VACATE: &str = "the cluster";

/// The variable that tells what a build changes.
const SUBJECT: &str = "SUBJECT";

/// What a task changes: of two tasks that change the same thing, only one may be under way. None for one that only looks:
/// `drift` takes no lock, and must neither stop the builds of an `apply` nor those of another `drift`.
fn subject(task: &Task) -> Option<&str> {
    match task {
        Task::Read { .. } => None,
        Task::Apply { set, .. } | Task::Delete { set } => Some(set),
        Task::Job { job } => Some(&job.name),
        Task::Release { order } => Some(&order.name),
        Task::Vacate { .. } => Some(VACATE),
    }
}

fn is_about(build: &Build, subject: &str) -> bool {
    let variables = build
        .environment()
        .map(|environment| environment.environment_variables());
    let mut variables = variables.unwrap_or_default().iter();
    variables.any(|variable| variable.name() == SUBJECT && variable.value() == subject)
}

fn program_key(digest: &str) -> String {
    format!("platctl/{digest}")
}

/// What a build is doing: its phase, and the last line of its log, which says what a phase that takes long is at.
fn phase_and_line(build: &Build, log: &[String]) -> String {
    let phase = build.current_phase().unwrap_or("starting");
    match log.iter().rev().find(|line| !line.is_empty()) {
        Some(line) => format!("CodeBuild phase: {phase}, last line of its log: {line}"),
        None => format!("CodeBuild phase: {phase}"),
    }
}

pub(super) struct Runner {
    cloud: Arc<Cloud>,
    cluster: String,
    bucket: String,
    settings: Settings,
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse<T: DeserializeOwned>(bytes: &[u8], bucket: &str, key: &str) -> CloudResult<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        CloudError::new(
            Class::Invalid,
            "s3:GetObject",
            format!("s3://{bucket}/{key}: {e}"),
        )
    })
}

async fn get<T: DeserializeOwned>(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
) -> CloudResult<Option<T>> {
    let bytes = get_bytes(cloud, bucket, key).await?;
    bytes.map(|bytes| parse(&bytes, bucket, key)).transpose()
}

async fn get_bytes(cloud: &Cloud, bucket: &str, key: &str) -> CloudResult<Option<Vec<u8>>> {
    let read = || async {
        let call = cloud.s3.get_object().bucket(bucket).key(key).send().await;
        let found = call.asked()?;
        let bytes = found.body.collect().await;
        bytes.map_err(|e| CloudError::new(Class::Interrupted, "s3:GetObject", e.to_string()))
    };
    match call_with_retries(&cloud.teller, format!("reading s3://{bucket}/{key}"), read).await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other.map(|bytes| Some(bytes.to_vec())),
    }
}

async fn put(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
    value: &(impl Serialize + Sync),
) -> CloudResult<()> {
    let text = serde_json::to_vec(value);
    let text = text.map_err(|e| CloudError::new(Class::Invalid, "s3:PutObject", e.to_string()))?;
    write(cloud, bucket, key, text).await
}

async fn write(cloud: &Cloud, bucket: &str, key: &str, bytes: Vec<u8>) -> CloudResult<()> {
    let write = || async {
        let call = cloud
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from(bytes.clone()));
        // S3 computes it as well, and tells it later: by it, what is in the bucket is known without a download.
        call.checksum_sha256(checksum(&bytes))
            .send()
            .ask()
            .await
            .map(drop)
    };
    call_with_retries(&cloud.teller, format!("writing s3://{bucket}/{key}"), write).await
}

/// A digest as S3 writes it.
fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

async fn erase(cloud: &Cloud, bucket: &str, key: &str) -> CloudResult<()> {
    let erase = || async {
        let call = cloud
            .s3
            .delete_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await;
        call.map(drop).asked()
    };
    call_with_retries(
        &cloud.teller,
        format!("deleting s3://{bucket}/{key}"),
        erase,
    )
    .await
}

impl Runner {
    pub(super) fn new(cloud: Arc<Cloud>, cluster: &str, settings: Settings) -> Self {
        let bucket = bucket_name(cluster, &cloud.account, &cloud.region);
        Self {
            cloud,
            cluster: cluster.to_owned(),
            bucket,
            settings,
        }
    }

    fn set_key(set: &str) -> String {
        format!("sets/{set}.json")
    }

    /// What the last build left, as the bucket has it. Its checksum tells whether it is what a run left there. One that
    /// cannot be parsed is another one like that: whoever can write to the bucket must not keep all runs from working.
    async fn saved(&self, set: &str) -> CloudResult<Option<SetState>> {
        let key = Self::set_key(set);
        let Some(bytes) = get_bytes(&self.cloud, &self.bucket, &key).await? else {
            return Ok(None);
        };
        let Ok(mut state) = serde_json::from_slice::<SetState>(&bytes) else {
            return Ok(Some(SetState {
                drifted: vec![format!("s3://{}/{key} cannot be parsed", self.bucket)],
                checksum: hex(&Sha256::digest(&bytes)),
                ..SetState::default()
            }));
        };
        let text = serde_json::to_vec(&state)
            .map_err(|e| CloudError::new(Class::Invalid, "s3:GetObject", e.to_string()))?;
        state.checksum = hex(&Sha256::digest(&text));
        Ok(Some(state))
    }

    async fn save(&self, set: &str, state: &SetState) -> CloudResult<()> {
        put(&self.cloud, &self.bucket, &Self::set_key(set), state).await
    }

    /// A manifest as a build can get it: what is not on the web comes into the bucket, for a build has no files of
    /// this machine, and may read no other bucket.
    async fn handed_over(&self, manifest: Option<&Manifest>) -> CloudResult<Option<Manifest>> {
        let Some(manifest) = manifest.filter(|manifest| !manifest.url.starts_with("https://"))
        else {
            return Ok(manifest.cloned());
        };
        let bytes = super::fetch::fetch(&self.cloud, None, manifest).await?;
        let key = format!("manifests/{}", manifest.sha256);
        write(&self.cloud, &self.bucket, &key, bytes).await?;
        Ok(Some(Manifest {
            url: format!("s3://{}/{key}", self.bucket),
            ..manifest.clone()
        }))
    }

    /// Sees that the program is in the bucket, under a key that says what it is: another build of platctl is another
    /// object. Answers its SHA-256. One that has another checksum than this one was written by somebody else.
    async fn upload(&self) -> CloudResult<String> {
        let bytes = program(self.settings.program.clone()).await?;
        let digest = hex(&Sha256::digest(&bytes));
        let key = program_key(&digest);
        let look = || async {
            let call = self.cloud.s3.head_object().bucket(&self.bucket).key(&key);
            call.checksum_mode(ChecksumMode::Enabled)
                .send()
                .await
                .asked()
        };
        match call_with_retries(
            &self.cloud.teller,
            format!("reading s3://{}/{key}", self.bucket),
            look,
        )
        .await
        {
            Ok(found) if found.checksum_sha256() == Some(checksum(&bytes).as_str()) => {}
            Err(error) if error.class != Class::NotFound => return Err(error),
            Ok(_) | Err(_) => write(&self.cloud, &self.bucket, &key, bytes).await?,
        }
        Ok(digest)
    }

    /// Does a task by a build.
    async fn run(&self, task: Task) -> CloudResult<Option<SetState>> {
        match self.outcome_of(task).await? {
            Outcome::Set(state) => Ok(state),
            Outcome::Vacated(_) => Ok(None),
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Does a task by a build, and answers what it came to.
    async fn outcome_of(&self, task: Task) -> CloudResult<Outcome> {
        let program = self.upload().await?;
        let text = serde_json::to_vec(&(&self.cluster, &task))
            .map_err(|e| CloudError::new(Class::Invalid, "s3:PutObject", e.to_string()))?;
        let sha256 = hex(&Sha256::digest(&text));
        let moment = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!(
            "tasks/{}-{}.json",
            moment.as_millis(),
            sha256.get(..16).unwrap_or_default()
        );
        let errand = Errand {
            bucket: self.bucket.clone(),
            task: name,
            sha256,
        };
        let subject = subject(&task);
        if let Some(subject) = subject {
            self.stop_others(subject).await?;
        }
        write(&self.cloud, &self.bucket, &errand.task, text).await?;
        let rights = Rights::of(&self.cloud, &self.cluster).await?;
        let share = rights.give().await?;
        let build = self.build(&rights, &program, &errand, subject).await;
        self.take_back(&rights, share).await;
        let build = build?;
        let outcome: Option<Outcome> = get(&self.cloud, &self.bucket, &errand.outcome()).await?;
        erase(&self.cloud, &self.bucket, &errand.task).await?;
        erase(&self.cloud, &self.bucket, &errand.outcome()).await?;
        match outcome {
            Some(outcome) => Ok(outcome),
            None => Err(self.no_outcome(&build).await),
        }
    }

    /// Starts a build and waits for its end.
    async fn build(
        &self,
        rights: &Rights<'_>,
        program: &str,
        errand: &Errand,
        subject: Option<&str>,
    ) -> CloudResult<Build> {
        let id = self.start(program, errand, subject).await?;
        // From here on, other runs see the build, and leave the rights alone.
        rights.keep().await?;
        self.until_done(&id).await
    }

    /// Takes the rights of builds away, unless another one needs them. What the task has done is done: where this
    /// fails, it is told, and the next plan shows what is left.
    async fn take_back(&self, rights: &Rights<'_>, share: Share) {
        let in_use = || async { Ok(!running(&self.cloud, &self.cluster).await?.is_empty()) };
        if let Err(error) = rights.take(share, in_use).await {
            tracing::warn!(
                cluster = self.cluster,
                "the role of the runner is still an administrator of the cluster: {error}. To take its access away, \
                 run `platctl apply`"
            );
        }
    }

    /// Ends builds about the same thing that are still running: those of a run that was cut off, whose work would
    /// otherwise land after that of this one.
    async fn stop_others(&self, subject: &str) -> CloudResult<()> {
        let running = running(&self.cloud, &self.cluster).await?;
        for build in running.iter().filter(|build| is_about(build, subject)) {
            let Some(id) = build.id() else { continue };
            tracing::info!(
                build = id,
                "stopping an earlier build for {subject} that is still running"
            );
            let stop = || async {
                let call = self.cloud.codebuild.stop_build().id(id).send().await;
                call.map(drop).asked()
            };
            call_with_retries(&self.cloud.teller, format!("stopping the build {id}"), stop).await?;
            self.until_done(id).await?;
        }
        Ok(())
    }

    async fn start(
        &self,
        program: &str,
        errand: &Errand,
        subject: Option<&str>,
    ) -> CloudResult<String> {
        let mut call = self
            .cloud
            .codebuild
            .start_build()
            .project_name(project_name(&self.cluster));
        let variables = [
            ("PROGRAM", program_key(program)),
            ("PROGRAM_SHA256", program.to_owned()),
            ("TASK", errand.task.clone()),
            ("TASK_SHA256", errand.sha256.clone()),
        ];
        let subject = subject.map(|subject| (SUBJECT, subject.to_owned()));
        for (name, value) in variables.into_iter().chain(subject) {
            let variable = EnvironmentVariable::builder()
                .name(name)
                .value(value)
                .build();
            let variable =
                variable.map_err(|e| CloudError::new(Class::Invalid, OPERATION, e.to_string()))?;
            call = call.environment_variables_override(variable);
        }
        let started = call.send().ask().await?;
        let id = started
            .build_value()
            .and_then(|build| build.id().map(ToOwned::to_owned));
        id.ok_or_else(|| {
            CloudError::new(Class::Unknown, OPERATION, "the response contains no build")
        })
    }

    /// Waits for the build, and passes its log on.
    async fn until_done(&self, id: &str) -> CloudResult<Build> {
        let told = self
            .cloud
            .teller
            .about(format!("waiting for the build {id}"));
        told.during(self.done(id, &told)).await
    }

    async fn done(&self, id: &str, why: &Told<'_>) -> CloudResult<Build> {
        let begun = tokio::time::Instant::now();
        let (mut told, mut pause) = (0, Duration::from_millis(100));
        loop {
            let look = || async {
                let call = self.cloud.codebuild.batch_get_builds().ids(id).send().await;
                call.asked()
            };
            let found =
                call_with_retries(&self.cloud.teller, "reading the runner's builds", look).await?;
            let build = found.builds().first().cloned().ok_or_else(|| {
                CloudError::new(
                    Class::Unknown,
                    "codebuild:BatchGetBuilds",
                    format!("build {id} no longer exists"),
                )
            })?;
            let log = self.log(&build).await;
            why.for_reason(phase_and_line(&build, &log));
            for line in log.iter().skip(told) {
                tracing::info!(build = id, "{line}");
                told += 1;
            }
            if build.build_complete() || build.build_status() != Some(&StatusType::InProgress) {
                return Ok(build);
            }
            if begun.elapsed() > LONGEST {
                let message = format!(
                    "build {id} is still running after {} minutes",
                    LONGEST.as_secs() / 60
                );
                return Err(CloudError::new(Class::Unknown, OPERATION, message));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// What the build wrote. A log that cannot be read is no reason to fail.
    async fn log(&self, build: &Build) -> Vec<String> {
        let at = build
            .logs()
            .and_then(|logs| logs.group_name().zip(logs.stream_name()));
        let Some((group, stream)) = at else {
            return Vec::new();
        };
        let call = self
            .cloud
            .logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream);
        let Ok(found) = call.start_from_head(true).send().await else {
            return Vec::new();
        };
        let messages = found.events().iter().filter_map(|event| event.message());
        messages
            .map(|message| message.trim_end().to_owned())
            .collect()
    }

    /// A build that ended without a word of platctl's: its own log has to tell why.
    async fn no_outcome(&self, build: &Build) -> CloudError {
        let log = self.log(build).await;
        let tail = log
            .iter()
            .rev()
            .take(12)
            .rev()
            .cloned()
            .collect::<Vec<_>>()
            .join(" | ");
        let phase = build.phases().iter().rev().find_map(|phase| {
            let context = phase.contexts().first()?;
            Some(format!(
                "{}: {}",
                phase.phase_type()?.as_str(),
                context.message()?
            ))
        });
        let message = format!(
            "build {} ended {}{}{}",
            build.id().unwrap_or_default(),
            build
                .build_status()
                .map_or("without a status", StatusType::as_str),
            phase.map(|phase| format!(" ({phase})")).unwrap_or_default(),
            if tail.is_empty() {
                String::new()
            } else {
                format!(". The end of its log: {tail}")
            },
        );
        CloudError::new(Class::Unknown, OPERATION, message)
    }
}

impl Server for Runner {
    fn read<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<Option<SetState>>> {
        Box::pin(async move {
            match self.saved(set).await? {
                // One that was never applied is known without a look.
                Some(saved) if self.settings.look && !saved.is_only_claimed() => {
                    let seen = self
                        .run(Task::Read {
                            set: set.to_owned(),
                        })
                        .await?;
                    // The next plan knows what this look has found.
                    if let Some(state) = &seen {
                        self.save(set, state).await?;
                    }
                    Ok(seen)
                }
                saved => Ok(saved),
            }
        })
    }

    fn claim<'a>(&'a self, set: &'a str, owner: &'a Owner) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            // What lies there is not believed: nothing of a set that is being created is there.
            self.save(set, &SetState::claimed(Some(owner.clone())))
                .await
        })
    }

    fn apply<'a>(&'a self, set: &'a str, order: &'a Order) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            let mut sent = order.clone();
            sent.manifest = self.handed_over(order.manifest.as_ref()).await?;
            let state = self
                .run(Task::Apply {
                    set: set.to_owned(),
                    order: sent,
                })
                .await?;
            let mut state = state.unwrap_or_default();
            state.manifest = state.manifest.and(order.manifest.clone());
            if let Some(waiting) = state.waiting.take() {
                return Err(CloudError::new(Class::Busy, "kubernetes:Apply", waiting));
            }
            self.save(set, &state).await
        })
    }

    fn run_job<'a>(&'a self, job: &'a JobOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.run(Task::Job { job: job.clone() }).await.map(drop) })
    }

    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            let order = order.clone();
            self.run(Task::Release { order }).await.map(drop)
        })
    }

    fn vacate<'a>(&'a self, order: &'a VacateOrder) -> BoxFuture<'a, CloudResult<VacateReport>> {
        Box::pin(async move {
            let task = Task::Vacate { order: *order };
            match self.outcome_of(task).await? {
                Outcome::Vacated(report) => Ok(report),
                Outcome::Failed(error) => Err(error),
                Outcome::Set(_) => Ok(VacateReport::default()),
            }
        })
    }

    fn delete<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            self.run(Task::Delete {
                set: set.to_owned(),
            })
            .await?;
            erase(&self.cloud, &self.bucket, &Self::set_key(set)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use crate::reach::Program;
    use aws_sdk_codebuild::Client;
    use aws_sdk_codebuild::operation::batch_get_builds::BatchGetBuildsOutput;
    use aws_sdk_codebuild::operation::batch_get_projects::BatchGetProjectsOutput;
    use aws_sdk_codebuild::operation::list_builds_for_project::ListBuildsForProjectOutput;
    use aws_sdk_codebuild::operation::stop_build::StopBuildOutput;
    use aws_sdk_codebuild::types::{ComputeType, EnvironmentType, Project, ProjectEnvironment};
    use aws_sdk_eks::operation::associate_access_policy::AssociateAccessPolicyOutput;
    use aws_sdk_eks::operation::disassociate_access_policy::DisassociateAccessPolicyOutput;
    use aws_sdk_eks::operation::list_associated_access_policies::ListAssociatedAccessPoliciesOutput;
    use aws_sdk_eks::types::AssociatedAccessPolicy;
    use aws_sdk_s3::operation::get_object::GetObjectOutput;
    use aws_sdk_s3::operation::head_object::HeadObjectOutput;
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn build(id: &str, subject: &str, status: StatusType) -> Build {
        let variable = EnvironmentVariable::builder()
            .name(SUBJECT)
            .value(subject)
            .build()
            .unwrap();
        let environment = ProjectEnvironment::builder()
            .r#type(EnvironmentType::LinuxContainer)
            .image("image")
            .compute_type(ComputeType::BuildGeneral1Small)
            .environment_variables(variable)
            .build()
            .unwrap();
        let done = status != StatusType::InProgress;
        Build::builder()
            .id(id)
            .environment(environment)
            .build_status(status)
            .build_complete(done)
            .build()
    }

    #[test]
    fn a_build_that_only_looks_stops_none_and_is_stopped_by_none() {
        let set = || "argo-cd".to_owned();
        assert_eq!(subject(&Task::Read { set: set() }), None);
        assert_eq!(subject(&Task::Delete { set: set() }), Some("argo-cd"));
    }

    #[test]
    fn a_wait_says_the_phase_and_the_last_line_of_the_log() {
        let build = Build::builder().current_phase("BUILD").build();
        assert_eq!(phase_and_line(&build, &[]), "CodeBuild phase: BUILD");
        let log = [
            "one".to_owned(),
            "waiting for CRD".to_owned(),
            String::new(),
        ];
        let said = phase_and_line(&build, &log);
        assert_eq!(
            said,
            "CodeBuild phase: BUILD, last line of its log: waiting for CRD"
        );
    }

    const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    const ROLE: &str = "arn:aws:iam::123456789012:role/runner";

    /// What is done about the role's rights when a build of `own` has ended while `running` still runs: how often they
    /// are given, and taken.
    async fn rights_after(own: usize, running: Option<&'static str>) -> (usize, usize) {
        let projects = mock!(Client::batch_get_projects).then_output(|| {
            let project = Project::builder().name("prod-runner").service_role(ROLE);
            BatchGetProjectsOutput::builder()
                .projects(project.build())
                .build()
        });
        let list = mock!(Client::list_builds_for_project)
            .then_output(|| ListBuildsForProjectOutput::builder().ids("one").build());
        let builds = mock!(Client::batch_get_builds).then_output(move || {
            let done = build("done", "argo-cd", StatusType::Succeeded);
            let other = running.map(|id| build(id, "vault", StatusType::InProgress));
            let builds = std::iter::once(done).chain(other).collect();
            BatchGetBuildsOutput::builder()
                .set_builds(Some(builds))
                .build()
        });
        let give = mock!(aws_sdk_eks::Client::associate_access_policy)
            .match_requests(|request| request.policy_arn() == Some(ADMIN))
            .then_output(|| AssociateAccessPolicyOutput::builder().build());
        let look = mock!(aws_sdk_eks::Client::list_associated_access_policies).then_output(|| {
            let policy = AssociatedAccessPolicy::builder().policy_arn(ADMIN).build();
            ListAssociatedAccessPoliciesOutput::builder()
                .associated_access_policies(policy)
                .build()
        });
        let take = mock!(aws_sdk_eks::Client::disassociate_access_policy)
            .match_requests(|request| request.principal_arn() == Some(ROLE))
            .then_output(|| DisassociateAccessPolicyOutput::builder().build());
        let codebuild = mock_client!(
            aws_sdk_codebuild,
            RuleMode::MatchAny,
            &[&projects, &list, &builds]
        );
        let eks = mock_client!(aws_sdk_eks, RuleMode::MatchAny, &[&give, &look, &take]);
        let cloud = Cloud {
            codebuild: codebuild.into(),
            eks: eks.into(),
            ..cloud()
        };
        let runner = Runner::new(Arc::new(cloud), "prod", Settings::default());
        let rights = Rights::of(&runner.cloud, "prod").await.unwrap();
        let mut shares = Vec::new();
        for _ in 0..own {
            shares.push(rights.give().await.unwrap());
        }
        for share in shares {
            runner.take_back(&rights, share).await;
        }
        (give.num_calls(), take.num_calls())
    }

    #[tokio::test(start_paused = true)]
    async fn the_role_has_rights_while_a_build_runs_and_no_longer() {
        assert_eq!(rights_after(1, None).await, (1, 1));
        // The last one of this run takes them away.
        assert_eq!(rights_after(3, None).await, (3, 1));
        // A build of another run needs them: that run takes them away.
        assert_eq!(rights_after(1, Some("other")).await, (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_of_a_set_has_a_checksum_that_tells_who_wrote_it() {
        let written = |text: &str| {
            let text = text.as_bytes().to_vec();
            mock!(aws_sdk_s3::Client::get_object).then_output(move || {
                GetObjectOutput::builder()
                    .body(ByteStream::from(text.clone()))
                    .build()
            })
        };
        let state = SetState {
            drifted: vec!["v1 ConfigMap a/b".into()],
            ..SetState::default()
        };
        let own = serde_json::to_string(&state).unwrap();
        let spaced = own.replace(':', ": ");
        let forged = own.replace(r#"["v1 ConfigMap a/b"]"#, "[]");
        assert_ne!(own, forged);
        let (own, spaced, forged) = (written(&own), written(&spaced), written(&forged));
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&own, &spaced, &forged]);
        let cloud = Cloud {
            s3: s3.into(),
            ..cloud()
        };
        let runner = Runner::new(Arc::new(cloud), "prod", Settings::default());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let checksum = runner.saved("root").await.unwrap().unwrap().checksum;
            assert_eq!(checksum.len(), 64);
            seen.push(checksum);
        }
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[0], seen[2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_cannot_be_parsed_is_one_of_somebody_else() {
        let found = mock!(aws_sdk_s3::Client::get_object).then_output(|| {
            GetObjectOutput::builder()
                .body(ByteStream::from_static(b"{"))
                .build()
        });
        let cloud = Cloud {
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&found]).into(),
            ..cloud()
        };
        let runner = Runner::new(Arc::new(cloud), "prod", Settings::default());
        let state = runner.saved("root").await.unwrap().unwrap();
        assert_eq!(state.checksum.len(), 64);
        // Where a look at the cluster was asked for, it is taken.
        assert!(!state.is_only_claimed());
    }

    #[tokio::test(start_paused = true)]
    async fn builds_of_a_run_that_was_cut_off_are_stopped_and_others_are_not() {
        let list = mock!(Client::list_builds_for_project)
            .match_requests(|request| request.project_name() == Some("prod-runner"))
            .then_output(|| {
                ListBuildsForProjectOutput::builder()
                    .ids("new")
                    .ids("other")
                    .ids("old")
                    .build()
            });
        let builds = mock!(Client::batch_get_builds).then_output(|| {
            BatchGetBuildsOutput::builder()
                .builds(build("new", "argo-cd", StatusType::InProgress))
                .builds(build("other", "vault", StatusType::InProgress))
                .builds(build("old", "argo-cd", StatusType::Succeeded))
                .build()
        });
        let stop = mock!(Client::stop_build)
            .match_requests(|request| request.id() == Some("new"))
            .then_output(|| StopBuildOutput::builder().build());
        let stopped = mock!(Client::batch_get_builds)
            .match_requests(|request| request.ids() == ["new"])
            .then_output(|| {
                BatchGetBuildsOutput::builder()
                    .builds(build("new", "argo-cd", StatusType::Stopped))
                    .build()
            });
        let codebuild = mock_client!(
            aws_sdk_codebuild,
            RuleMode::Sequential,
            &[&list, &builds, &stop, &stopped]
        );
        let runner = Runner::new(
            Arc::new(Cloud {
                codebuild: codebuild.into(),
                ..cloud()
            }),
            "prod",
            Settings::default(),
        );
        runner.stop_others("argo-cd").await.unwrap();
        assert_eq!((stop.num_calls(), stopped.num_calls()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_build_does_the_task_that_it_was_started_for_and_no_other() {
        let text = serde_json::to_vec(&(
            "prod",
            Task::Delete {
                set: "argo-cd".into(),
            },
        ))
        .unwrap();
        let sha256 = hex(&Sha256::digest(&text));
        let get = mock!(aws_sdk_s3::Client::get_object).then_output(move || {
            GetObjectOutput::builder()
                .body(ByteStream::from(text.clone()))
                .build()
        });
        let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, &[&get]);
        let cloud = Cloud {
            s3: s3.into(),
            ..cloud()
        };
        let errand = |sha256: &str| Errand {
            bucket: "bucket".into(),
            task: "tasks/1.json".into(),
            sha256: sha256.into(),
        };
        assert_eq!(errand(&sha256).read(&cloud).await.unwrap().0, "prod");
        for other in ["", &sha256[1..], &"0".repeat(64)] {
            let error = errand(other).read(&cloud).await.unwrap_err();
            assert_eq!(error.class, Class::Denied);
            assert!(
                error
                    .message
                    .contains("s3://bucket/tasks/1.json is not the task"),
                "{error}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_somebody_else_wrote_is_written_anew() {
        let program = b"#!/bin/sh\n".to_vec();
        for (there, puts) in [
            (Some(checksum(&program)), 0),
            (Some(checksum(b"evil")), 1),
            (None, 1),
        ] {
            let head = mock!(aws_sdk_s3::Client::head_object).then_output(move || {
                HeadObjectOutput::builder()
                    .set_checksum_sha256(there.clone())
                    .build()
            });
            let put = mock!(aws_sdk_s3::Client::put_object)
                .then_output(|| PutObjectOutput::builder().build());
            let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, &[&head, &put]);
            let settings = Settings {
                program: Some(Program::Bytes(program.clone())),
                ..Settings::default()
            };
            let runner = Runner::new(
                Arc::new(Cloud {
                    s3: s3.into(),
                    ..cloud()
                }),
                "prod",
                settings,
            );
            assert_eq!(
                runner.upload().await.unwrap(),
                hex(&Sha256::digest(&program))
            );
            assert_eq!(put.num_calls(), puts);
        }
    }
}
