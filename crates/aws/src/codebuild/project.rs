//! `codebuild.Project`

use std::collections::BTreeSet;

use aws_sdk_codebuild::types::{Project as Described, Tag};
use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Attached, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Phase, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::webhook::Webhook;
use super::{kept, project_parts as parts};
use crate::Cloud;
use crate::bounded::each;
use crate::ec2::in_order;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, edits, split};
use crate::text::any;
use crate::types::{Arn, SecurityGroupId, SubnetId, VpcId, unless_same};

/// BatchGetProjects takes this many names.
const AT_ONCE: usize = 100;

/// A CodeBuild build project.
#[derive(Debug)]
pub struct Project;

/// How a build project gets access to its repository.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Auth<S: Stage = Resolved> {
    /// The type of access: `CODECONNECTIONS` or `SECRETS_MANAGER`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The ARN of the connection, or of the secret with a token.
    pub resource: S::In<Arn>,
}

/// The source code of a build project.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Source<S: Stage = Resolved> {
    /// The type of source: `CODEPIPELINE`, `CODECOMMIT`, `GITHUB`, `NO_SOURCE`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The URL of the repository, if the source is a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<S::In<String>>,
    /// The depth of history to download. 0 downloads the full history.
    #[serde(default)]
    pub git_clone_depth: i32,
    /// The buildspec, either inline or as the path of a file in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildspec: Option<String>,
    /// The access to a repository of GitHub, GitLab or Bitbucket. Default: the account's credentials for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth<S>>,
    /// Whether the host of the repository shows the results of builds. Not for CodeCommit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_build_status: Option<bool>,
}

impl<S: Stage> Source<S> {
    /// A source of this type, without a repository and a buildspec.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            location: None,
            git_clone_depth: 0,
            buildspec: None,
            auth: None,
            report_build_status: None,
        }
    }
}

/// The build output artifacts of a build project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// The type of artifacts: `CODEPIPELINE` or `NO_ARTIFACTS`. Must be `CODEPIPELINE` if and only if the
    /// source is `CODEPIPELINE`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An environment variable of a build.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Variable<S: Stage = Resolved> {
    /// The name of the variable.
    pub name: String,
    /// The value of the variable. If the type is not `PLAINTEXT`, the parameter or secret that contains the
    /// value.
    pub value: S::In<String>,
    /// The type of the variable: `PLAINTEXT`, `PARAMETER_STORE` or `SECRETS_MANAGER`. Default: `PLAINTEXT`.
    #[serde(rename = "type", default = "plaintext")]
    pub kind: String,
}

impl<S: Stage> Variable<S> {
    /// A variable whose value is not secret.
    pub fn plain(name: &str, value: S::In<String>) -> Self {
        Self {
            name: name.to_owned(),
            value,
            kind: plaintext(),
        }
    }
}

pub(super) fn plaintext() -> String {
    "PLAINTEXT".to_owned()
}

/// The build environment of a build project.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Environment<S: Stage = Resolved> {
    /// The type of build environment: `LINUX_CONTAINER`, `ARM_CONTAINER`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The Docker image of the build environment.
    pub image: String,
    /// The compute type: `BUILD_GENERAL1_SMALL`, `BUILD_GENERAL1_MEDIUM`, …
    pub compute_type: String,
    /// Whether builds can run the Docker daemon.
    #[serde(default)]
    pub privileged_mode: bool,
    /// The environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_variables: Vec<Variable<S>>,
}

/// The CloudWatch Logs settings of a build project.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Logs<S: Stage = Resolved> {
    /// The name of the log group.
    pub group_name: S::In<String>,
    /// The prefix of the log stream names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
}

/// The VPC configuration of a build project.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Vpc<S: Stage = Resolved> {
    /// The ID of the VPC.
    pub vpc_id: S::In<VpcId>,
    /// The IDs of the subnets. They must be private subnets that reach the internet through a NAT gateway.
    pub subnets: S::In<BTreeSet<SubnetId>>,
    /// The IDs of the security groups.
    pub security_group_ids: S::In<BTreeSet<SecurityGroupId>>,
}

/// A CodeBuild build project.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the build project. Must be unique within the account and region. 2 to 150 letters, digits,
    /// `-` and `_`.
    pub name: String,
    /// A description of the build project.
    #[serde(default)]
    pub description: String,
    /// The source code to build.
    pub source: Source<S>,
    /// The build output artifacts.
    pub artifacts: Artifacts,
    /// The build environment.
    pub environment: Environment<S>,
    /// The ARN of the IAM role that builds assume.
    pub service_role: S::In<Arn>,
    /// The ARN of the KMS key that encrypts the artifacts. Default: the AWS managed key for Amazon S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<S::In<Arn>>,
    /// The build timeout, in minutes, 5 to 2160. Default: 60.
    #[serde(default = "hour")]
    pub timeout_in_minutes: i32,
    /// The VPC in which builds run. Default: the network of CodeBuild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc<S>>,
    /// The CloudWatch Logs settings. Default: a log group named after the build project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Logs<S>>,
    /// Tags to assign to the build project.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn hour() -> i32 {
    60
}

platctl_engine::outputs! {
    /// Attributes of the build project that other resources can reference.
    Project {
        /// The name of the build project.
        NAME: name: String,
        /// The Amazon Resource Name (ARN) of the build project.
        ARN: arn: Arn,
    }
    and unmanaged
}

fn live(project: &Described) -> Option<Live<Project>> {
    let name = project.name()?;
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    let (tags, owner) = split(project.tags().iter().filter_map(pair));
    let spec = Spec {
        name: name.to_owned(),
        description: project.description().unwrap_or_default().to_owned(),
        source: parts::source(project),
        artifacts: parts::artifacts(project),
        environment: parts::environment(project),
        service_role: project.service_role().unwrap_or_default().into(),
        encryption_key: project.encryption_key().map(Arn::from),
        timeout_in_minutes: project.timeout_in_minutes().unwrap_or(hour()),
        vpc: parts::vpc(project),
        logs: parts::logs(project),
        tags,
    };
    let arn = project.arn().unwrap_or_default().into();
    let outputs = Outputs {
        name: name.to_owned(),
        arn,
        unmanaged: kept::unmanaged(project),
    };
    Some(Live {
        id: name.into(),
        spec,
        outputs,
        owner,
        phase: Phase::Ready,
    })
}

async fn read(cloud: &Cloud, names: &[Id]) -> CloudResult<Vec<Live<Project>>> {
    let call = cloud.codebuild.batch_get_projects();
    let call = call.set_names(Some(names.iter().map(ToString::to_string).collect()));
    let answer = call.send().ask().await?;
    Ok(answer.projects().iter().filter_map(live).collect())
}

fn new_tags(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

async fn describe(cloud: &Cloud, ids: &[Id]) -> CloudResult<Vec<Option<Live<Project>>>> {
    let chunks = ids.chunks(AT_ONCE);
    let found = each(cloud, "reading CodeBuild projects", chunks, |ids| {
        read(cloud, ids)
    })
    .await?;
    Ok(in_order(ids, found.into_iter().flatten()))
}

/// The tags to send, all of them; none where they stay as they are.
fn tags(now: &Described, changes: &Changes, owner: &Owner) -> Option<Vec<Tag>> {
    if !changes.touch("/tags") && !changes.touch(Changes::OWNER) {
        return None;
    }
    let edits = edits(changes, owner);
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    let mut tags: Tags = now.tags().iter().filter_map(pair).collect();
    tags.retain(|key, _| !edits.remove.contains(key));
    tags.extend(edits.set);
    Some(new_tags(tags))
}

impl Kind for Project {
    const NAME: &'static str = "codebuild.Project";
    const FIELDS: &'static Table = &[("/name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Many(|cloud, ids| Box::pin(describe(cloud, ids)));
    const PERMISSIONS: Permissions = Permissions {
        read: &["codebuild:BatchGetProjects"],
        create: &["codebuild:CreateProject", "iam:PassRole"],
        update: &[
            "codebuild:BatchGetProjects",
            "codebuild:UpdateProject",
            "iam:PassRole",
        ],
        delete: &["codebuild:DeleteProject"],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            name: "example".into(),
            description: "Builds an example".into(),
            source: Source {
                kind: "CODEPIPELINE".into(),
                location: None,
                git_clone_depth: 0,
                buildspec: Some("version: 0.2\nphases:\n  build:\n    commands: [make]\n".into()),
                auth: None,
                report_build_status: None,
            },
            artifacts: Artifacts {
                kind: "CODEPIPELINE".into(),
            },
            environment: Environment {
                kind: "LINUX_CONTAINER".into(),
                image: "aws/codebuild/amazonlinux-x86_64-standard:5.0".into(),
                compute_type: "BUILD_GENERAL1_SMALL".into(),
                privileged_mode: false,
                environment_variables: vec![Variable {
                    name: "STAGE".into(),
                    value: "test".into(),
                    kind: plaintext(),
                }],
            },
            service_role: "arn:aws:iam::123456789012:role/services-example".into(),
            encryption_key: Some(
                "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
                    .into(),
            ),
            timeout_in_minutes: 30,
            vpc: None,
            logs: Some(Logs {
                group_name: "/example/builds".into(),
                stream_name: Some("build".into()),
            }),
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("vpc", Value::Null)]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        vec![
            ("/description", json!("Builds something else")),
            ("/source/buildspec", json!("ci/build.yml")),
            (
                "/environment/image",
                json!("aws/codebuild/amazonlinux-aarch64-standard:3.0"),
            ),
            ("/environment/compute_type", json!("BUILD_GENERAL1_LARGE")),
            ("/environment/privileged_mode", json!(true)),
            ("/environment/environment_variables/0/value", json!("prod")),
            (
                "/service_role",
                json!("arn:aws:iam::123456789012:role/others-example"),
            ),
            ("/timeout_in_minutes", json!(45)),
            ("/logs/stream_name", json!("other")),
            ("/tags/team", json!("data")),
            ("/name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let name = &spec.name;
        let sound = (2..=150).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !sound {
            return Err(SpecError::new(
                "/name",
                "must have 2 to 150 letters, digits, `-` and `_`",
            ));
        }
        any(255).check("/description", Some(&spec.description))?;
        if (spec.source.kind == "CODEPIPELINE") != (spec.artifacts.kind == "CODEPIPELINE") {
            return Err(SpecError::new(
                "/artifacts/type",
                "must be CODEPIPELINE if and only if the source is CODEPIPELINE",
            ));
        }
        if !(5..=2160).contains(&spec.timeout_in_minutes) {
            return Err(SpecError::new(
                "/timeout_in_minutes",
                "must be between 5 and 2160",
            ));
        }
        let secret = |name: &str| {
            ["PASSWORD", "SECRET", "TOKEN", "PRIVATE_KEY"]
                .iter()
                .any(|word| name.contains(word))
        };
        for (number, variable) in spec.environment.environment_variables.iter().enumerate() {
            if variable.kind == "PLAINTEXT" && secret(&variable.name.to_ascii_uppercase()) {
                let path = format!("/environment/environment_variables/{number}/type");
                return Err(SpecError::new(
                    path,
                    "would be stored in plain text: use SECRETS_MANAGER",
                ));
            }
        }
        Ok(())
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    async fn attached(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Vec<Attached>> {
        let call = cloud.codebuild.batch_get_projects();
        let answer = call.names(live.id.as_str()).send().ask().await?;
        let webhooks = answer.projects().iter().filter_map(Described::webhook);
        let attached = webhooks.map(|webhook| Attached {
            kind: Webhook::NAME,
            id: live.id.clone(),
            what: format!("webhook {}", webhook.url().unwrap_or_default()),
        });
        Ok(attached.collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let call = cloud
            .codebuild
            .create_project()
            .name(&spec.name)
            .description(&spec.description)
            .source(parts::sdk_source(&spec.source)?)
            .artifacts(parts::sdk_artifacts(&spec.artifacts)?)
            .environment(parts::sdk_environment(&spec.environment)?)
            .service_role(spec.service_role.as_str())
            .set_encryption_key(spec.encryption_key.as_ref().map(ToString::to_string))
            .timeout_in_minutes(spec.timeout_in_minutes)
            .set_vpc_config(parts::sdk_vpc(spec))
            .set_logs_config(parts::sdk_logs(spec)?)
            .set_tags(Some(new_tags(claimed(&spec.tags, &claim.owner))));
        call.send().ask().await?;
        Ok(Id::from(spec.name.as_str()))
    }

    /// AWS keeps what is not sent, and takes each part whole: a part that changes is sent as it is now, but for what
    /// is stated of it. So are the tags, which have no calls of their own.
    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let (operation, name) = ("codebuild:UpdateProject", live.id.as_str());
        let now = cloud
            .codebuild
            .batch_get_projects()
            .names(name)
            .send()
            .ask()
            .await?
            .projects;
        let now = now.and_then(|all| all.into_iter().next());
        let now = now.ok_or_else(|| {
            CloudError::new(Class::NotFound, operation, format!("{name} is gone"))
        })?;
        let touched = |path: &str| changes.touch(path).then_some(());
        let key = spec.encryption_key.as_ref().map(ToString::to_string);
        let call = cloud
            .codebuild
            .update_project()
            .name(name)
            .set_description(touched("/description").map(|()| spec.description.clone()))
            .set_service_role(touched("/service_role").map(|()| spec.service_role.to_string()))
            .set_encryption_key(key.filter(|_| changes.touch("/encryption_key")))
            .set_timeout_in_minutes(
                touched("/timeout_in_minutes").map(|()| spec.timeout_in_minutes),
            )
            .set_vpc_config(touched("/vpc").map(|()| parts::new_vpc(spec)))
            .set_tags(tags(&now, changes, owner));
        kept::parts(call, now, spec, changes)?
            .send()
            .ask()
            .await
            .map(drop)
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud.codebuild.delete_project().name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_codebuild::operation::batch_get_projects::BatchGetProjectsOutput;
    use aws_sdk_codebuild::operation::update_project::UpdateProjectOutput;
    use aws_sdk_codebuild::types::{
        CredentialProviderType, GitSubmodulesConfig, LogsConfig, LogsConfigStatusType,
        ProjectArtifacts, ProjectSource, RegistryCredential, S3LogsConfig, SourceAuth,
        SourceAuthType, SourceType,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn spec() -> Spec {
        let source = Source {
            kind: "GITHUB".into(),
            ..Project::example().source
        };
        Spec {
            source,
            artifacts: Artifacts { kind: "S3".into() },
            ..Project::example()
        }
    }

    /// The project, with all that people set by hand.
    fn by_hand() -> Described {
        let spec = spec();
        let mut source: ProjectSource = parts::sdk_source(&spec.source).unwrap();
        source.auth = Some(
            SourceAuth::builder()
                .r#type(SourceAuthType::Codeconnections)
                .build()
                .unwrap(),
        );
        source.git_submodules_config = Some(
            GitSubmodulesConfig::builder()
                .fetch_submodules(true)
                .build()
                .unwrap(),
        );
        let mut artifacts: ProjectArtifacts = parts::sdk_artifacts(&spec.artifacts).unwrap();
        artifacts.location = Some("releases".into());
        let mut environment = parts::sdk_environment(&spec.environment).unwrap();
        let credential = RegistryCredential::builder().credential("arn:secret");
        let credential = credential.credential_provider(CredentialProviderType::SecretsManager);
        environment.registry_credential = Some(credential.build().unwrap());
        let mut logs: LogsConfig = parts::sdk_logs(&spec).unwrap().unwrap();
        let s3 = S3LogsConfig::builder()
            .status(LogsConfigStatusType::Enabled)
            .location("logs/")
            .build()
            .unwrap();
        logs.s3_logs = Some(s3);
        Described::builder()
            .name("example")
            .source(source)
            .artifacts(artifacts)
            .environment(environment)
            .logs_config(logs)
            .tags(Tag::builder().key("theirs").value("x").build())
            .build()
    }

    type Request = aws_sdk_codebuild::operation::update_project::UpdateProjectInput;

    async fn update(asked: Changes, spec: Spec, expected: fn(&Request) -> bool) {
        let get = mock!(aws_sdk_codebuild::Client::batch_get_projects).then_output(|| {
            BatchGetProjectsOutput::builder()
                .projects(by_hand())
                .build()
        });
        let update = mock!(aws_sdk_codebuild::Client::update_project)
            .match_requests(expected)
            .then_output(|| UpdateProjectOutput::builder().build());
        let codebuild = mock_client!(aws_sdk_codebuild, RuleMode::Sequential, &[&get, &update]);
        let cloud = Cloud {
            codebuild: codebuild.into(),
            ..cloud()
        };
        let live = live(&by_hand()).unwrap();
        Project::update(&cloud, &live, &spec, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[test]
    fn an_empty_configuration_takes_a_project_out_of_its_vpc() {
        let bare = Spec {
            vpc: None,
            ..Project::example()
        };
        let sent = parts::new_vpc(&bare);
        assert!(sent.vpc_id().is_none() && sent.subnets().is_empty());
    }

    #[tokio::test]
    async fn tags_alone_change_nothing_else() {
        update(
            changes(&[("/tags/team", Value::Null, json!("web"))]),
            spec(),
            |request| {
                let keys: Vec<_> = request.tags().iter().filter_map(Tag::key).collect();
                keys == ["team", "theirs"]
                    && request.source.is_none()
                    && request.artifacts.is_none()
                    && request.environment.is_none()
                    && request.logs_config.is_none()
                    && request.description.is_none()
                    && request.service_role.is_none()
            },
        )
        .await;
    }

    #[tokio::test]
    async fn each_part_keeps_what_a_spec_cannot_say() {
        let mut spec = spec();
        spec.source.buildspec = Some("ci.yml".into());
        spec.environment.image = "other".into();
        spec.logs = Some(Logs {
            group_name: "/other".into(),
            stream_name: None,
        });
        let all = [
            "/source/buildspec",
            "/environment/image",
            "/logs/group_name",
        ];
        let asked = all.map(|path| (path, Value::Null, json!("new")));
        update(changes(&asked), spec, |request| {
            let (source, logs) = (request.source().unwrap(), request.logs_config().unwrap());
            let (environment, was) = (request.environment().unwrap(), by_hand());
            source.auth == was.source().unwrap().auth
                && source.git_submodules_config == was.source().unwrap().git_submodules_config
                && (source.buildspec(), source.r#type()) == (Some("ci.yml"), &SourceType::Github)
                && environment.image() == "other"
                && environment.registry_credential == was.environment().unwrap().registry_credential
                && logs.s3_logs == was.logs_config().unwrap().s3_logs
                && logs.cloud_watch_logs().unwrap().group_name() == Some("/other")
                && request.artifacts.is_none()
                && request.tags.is_none()
        })
        .await;
    }

    #[test]
    fn what_stays_is_said() {
        assert_eq!(
            live(&by_hand()).unwrap().outputs.unmanaged,
            [
                "source credentials",
                "Git submodules",
                "image credentials",
                "S3 artifacts",
                "S3 logs"
            ]
        );
    }
}
