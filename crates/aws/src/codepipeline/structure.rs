//! A pipeline's structure, as AWS takes and answers it.

use aws_sdk_codepipeline::types::{
    ActionCategory, ActionDeclaration, ActionOwner, ActionTypeId, ArtifactStore as SdkStore,
    ArtifactStoreType, EncryptionKey, EncryptionKeyType, ExecutionMode, GitBranchFilterCriteria,
    GitConfiguration, GitFilePathFilterCriteria, GitPushFilter, InputArtifact, OutputArtifact,
    PipelineDeclaration, PipelineTriggerDeclaration, PipelineTriggerProviderType, PipelineType,
    StageDeclaration,
};
use platctl_engine::CloudResult;

use super::pipeline::{Action, ArtifactStore, Filter, Push, Spec, StageSpec, Trigger};
use crate::errors::invalid;

const OPERATION: &str = "codepipeline:CreatePipeline";

pub(super) fn declaration(spec: &Spec) -> CloudResult<PipelineDeclaration> {
    let stages = spec
        .stages
        .iter()
        .map(stage)
        .collect::<CloudResult<Vec<_>>>()?;
    let triggers = spec
        .triggers
        .iter()
        .map(trigger)
        .collect::<CloudResult<Vec<_>>>()?;
    PipelineDeclaration::builder()
        .name(&spec.name)
        .role_arn(spec.role_arn.as_str())
        .artifact_store(store(&spec.artifact_store)?)
        .set_stages(Some(stages))
        .pipeline_type(PipelineType::from(spec.pipeline_type.as_str()))
        .execution_mode(ExecutionMode::from(spec.execution_mode.as_str()))
        .set_triggers((!triggers.is_empty()).then_some(triggers))
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

fn store(store: &ArtifactStore) -> CloudResult<SdkStore> {
    let key = store.encryption_key.as_ref().map(|key| {
        let builder = EncryptionKey::builder()
            .id(key.as_str())
            .r#type(EncryptionKeyType::Kms);
        builder.build().map_err(|e| invalid(OPERATION, &e))
    });
    let builder = SdkStore::builder()
        .r#type(ArtifactStoreType::S3)
        .location(&store.location);
    builder
        .set_encryption_key(key.transpose()?)
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

fn stage(stage: &StageSpec) -> CloudResult<StageDeclaration> {
    let actions = stage
        .actions
        .iter()
        .map(action)
        .collect::<CloudResult<Vec<_>>>()?;
    let builder = StageDeclaration::builder()
        .name(&stage.name)
        .set_actions(Some(actions));
    builder.build().map_err(|e| invalid(OPERATION, &e))
}

fn action(action: &Action) -> CloudResult<ActionDeclaration> {
    let kind = ActionTypeId::builder()
        .category(ActionCategory::from(action.category.as_str()))
        .owner(ActionOwner::from(action.owner.as_str()))
        .provider(&action.provider)
        .version(&action.version)
        .build()
        .map_err(|e| invalid(OPERATION, &e))?;
    let mut builder = ActionDeclaration::builder()
        .name(&action.name)
        .action_type_id(kind)
        .run_order(action.run_order)
        .set_configuration(Some(action.configuration.clone().into_iter().collect()))
        .set_namespace(action.namespace.clone())
        .set_role_arn(action.role_arn.as_ref().map(ToString::to_string));
    for name in &action.input_artifacts {
        builder = builder.input_artifacts(
            InputArtifact::builder()
                .name(name)
                .build()
                .map_err(|e| invalid(OPERATION, &e))?,
        );
    }
    for name in &action.output_artifacts {
        builder = builder.output_artifacts(
            OutputArtifact::builder()
                .name(name)
                .build()
                .map_err(|e| invalid(OPERATION, &e))?,
        );
    }
    builder.build().map_err(|e| invalid(OPERATION, &e))
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn trigger(trigger: &Trigger) -> CloudResult<PipelineTriggerDeclaration> {
    let push = trigger.push.iter().map(|push| {
        let branches = push.branches.as_ref().map(|filter| {
            let builder = GitBranchFilterCriteria::builder().set_includes(some(&filter.includes));
            builder.set_excludes(some(&filter.excludes)).build()
        });
        let paths = push.file_paths.as_ref().map(|filter| {
            let builder = GitFilePathFilterCriteria::builder().set_includes(some(&filter.includes));
            builder.set_excludes(some(&filter.excludes)).build()
        });
        GitPushFilter::builder()
            .set_branches(branches)
            .set_file_paths(paths)
            .build()
    });
    let git = GitConfiguration::builder()
        .source_action_name(&trigger.source_action_name)
        .set_push(Some(push.collect()))
        .build()
        .map_err(|e| invalid(OPERATION, &e))?;
    PipelineTriggerDeclaration::builder()
        .provider_type(PipelineTriggerProviderType::CodeStarSourceConnection)
        .git_configuration(git)
        .build()
        .map_err(|e| invalid(OPERATION, &e))
}

/// The artifact store; where there is one for each region, that of the pipeline's own.
pub(super) fn store_of(found: &PipelineDeclaration, region: &str) -> ArtifactStore {
    let store = found
        .artifact_store()
        .or_else(|| found.artifact_stores()?.get(region));
    ArtifactStore {
        location: store
            .map(|store| store.location())
            .unwrap_or_default()
            .to_owned(),
        encryption_key: store
            .and_then(|store| store.encryption_key())
            .map(|key| key.id().into()),
    }
}

pub(super) fn stage_of(found: &StageDeclaration) -> StageSpec {
    StageSpec {
        name: found.name().to_owned(),
        actions: found.actions().iter().map(action_of).collect(),
    }
}

fn action_of(found: &ActionDeclaration) -> Action {
    let kind = found.action_type_id();
    let text = |of: fn(&ActionTypeId) -> &str| kind.map(of).unwrap_or_default().to_owned();
    Action {
        name: found.name().to_owned(),
        category: text(|kind| kind.category().as_str()),
        owner: text(|kind| kind.owner().as_str()),
        provider: text(|kind| kind.provider()),
        version: text(|kind| kind.version()),
        run_order: found.run_order().unwrap_or(1),
        namespace: found.namespace().map(ToOwned::to_owned),
        role_arn: found.role_arn().map(Into::into),
        configuration: found
            .configuration()
            .map(|all| {
                all.iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            })
            .unwrap_or_default(),
        input_artifacts: found
            .input_artifacts()
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        output_artifacts: found
            .output_artifacts()
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
    }
}

/// Whether a filter for pushes has a form of ours: those for tags have none.
pub(super) const fn is_push(push: &GitPushFilter) -> bool {
    push.tags.is_none()
}

/// None for a trigger that has no form of ours, such as one for pull requests only.
pub(super) fn trigger_of(found: &PipelineTriggerDeclaration) -> Option<Trigger> {
    let git = found.git_configuration()?;
    let push = git
        .push()
        .iter()
        .filter(|push| is_push(push))
        .map(|push| Push {
            branches: push.branches().map(|found| Filter {
                includes: found.includes().to_vec(),
                excludes: found.excludes().to_vec(),
            }),
            file_paths: push.file_paths().map(|found| Filter {
                includes: found.includes().to_vec(),
                excludes: found.excludes().to_vec(),
            }),
        });
    let push: Vec<Push> = push.collect();
    let source_action_name = git.source_action_name().to_owned();
    (!push.is_empty()).then_some(Trigger {
        source_action_name,
        push,
    })
}
