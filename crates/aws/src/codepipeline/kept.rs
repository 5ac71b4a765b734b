//! What an update of a pipeline keeps: AWS takes the structure as a whole, and it can say more than a spec.

use aws_sdk_codepipeline::types::{
    ActionDeclaration, OutputArtifact, PipelineDeclaration, PipelineTriggerDeclaration,
    StageDeclaration,
};
use platctl_engine::{Changes, CloudResult};

use super::pipeline::Spec;
use super::structure::{declaration, is_push, trigger_of};
use crate::unmanaged::{part, settings, some};

/// The structure as it is, with what changes of it. Stages and actions are known by their names, triggers by the
/// action that they are for. `region` is the pipeline's own.
pub(super) fn over(
    mut now: PipelineDeclaration,
    spec: &Spec,
    changes: &Changes,
    region: &str,
) -> CloudResult<PipelineDeclaration> {
    let new = declaration(spec)?;
    now.role_arn = new.role_arn;
    now.pipeline_type = new.pipeline_type;
    now.execution_mode = new.execution_mode;
    if changes.touch("/artifact_store") {
        // With actions in several regions there is a store for each.
        match (&mut now.artifact_stores, new.artifact_store) {
            (Some(stores), Some(store)) if !stores.is_empty() => {
                drop(stores.insert(region.to_owned(), store))
            }
            (_, store) => now.artifact_store = store,
        }
    }
    if changes.touch("/stages") {
        now.stages = by_name(now.stages, new.stages, |stage| stage.name.as_str(), stage);
    }
    if changes.touch("/triggers") {
        now.triggers = triggers(
            now.triggers.unwrap_or_default(),
            new.triggers.unwrap_or_default(),
        );
    }
    Ok(now)
}

/// Each new one over the live one of its name.
fn by_name<T>(mut live: Vec<T>, new: Vec<T>, name: fn(&T) -> &str, over: fn(T, T) -> T) -> Vec<T> {
    let one = |new: T| match live.iter().position(|live| name(live) == name(&new)) {
        Some(at) => over(live.remove(at), new),
        None => new,
    };
    new.into_iter().map(one).collect()
}

fn stage(mut live: StageDeclaration, new: StageDeclaration) -> StageDeclaration {
    live.actions = by_name(
        live.actions,
        new.actions,
        |action| action.name.as_str(),
        action,
    );
    live
}

/// An action of another provider is another action; its settings are its own.
fn action(mut live: ActionDeclaration, new: ActionDeclaration) -> ActionDeclaration {
    let provider =
        |of: &ActionDeclaration| of.action_type_id.as_ref().map(|id| id.provider.clone());
    if provider(&live) != provider(&new) {
        return new;
    }
    live.action_type_id = new.action_type_id;
    live.run_order = new.run_order;
    live.configuration = new.configuration;
    live.role_arn = new.role_arn;
    live.namespace = new.namespace;
    live.input_artifacts = new.input_artifacts;
    let (mut now, stated) = (
        live.output_artifacts.take().unwrap_or_default(),
        new.output_artifacts,
    );
    let keep = |new: OutputArtifact| match now.iter().position(|live| live.name == new.name) {
        Some(at) => now.remove(at),
        None => new,
    };
    live.output_artifacts = stated.map(|stated| stated.into_iter().map(keep).collect());
    live
}

/// The stated pushes start the pipeline, and whatever else starts it stays: pull requests, and pushes of tags.
fn triggers(
    live: Vec<PipelineTriggerDeclaration>,
    new: Vec<PipelineTriggerDeclaration>,
) -> Option<Vec<PipelineTriggerDeclaration>> {
    let source = |of: &PipelineTriggerDeclaration| {
        of.git_configuration
            .as_ref()
            .map(|git| git.source_action_name.clone())
    };
    let mut sent = new;
    for mut old in live {
        if let Some(git) = &mut old.git_configuration {
            git.push = git
                .push
                .take()
                .map(|all| all.into_iter().filter(|push| !is_push(push)).collect());
            git.push = git.push.take().filter(|all| !all.is_empty());
        }
        let stated = sent.iter_mut().find(|new| source(new) == source(&old));
        match (
            stated.and_then(|new| new.git_configuration.as_mut()),
            old.git_configuration.take(),
        ) {
            (Some(new), Some(old)) => {
                new.push
                    .get_or_insert_default()
                    .extend(old.push.unwrap_or_default());
                new.pull_request = old.pull_request;
            }
            (None, Some(git)) if git.push.is_some() || some(git.pull_request()) => {
                old.git_configuration = Some(git);
                sent.push(old);
            }
            _ => {}
        }
    }
    (!sent.is_empty()).then_some(sent)
}

/// What is set on a pipeline and cannot be said in a spec.
pub(super) fn unmanaged(found: &PipelineDeclaration, region: &str) -> Vec<String> {
    let variables: Vec<String> = found
        .variables()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    let stores = found
        .artifact_stores()
        .into_iter()
        .flatten()
        .map(|(region, _)| region.clone());
    let mut stores: Vec<String> = stores.filter(|one| one != region).collect();
    stores.sort();
    let mut all: Vec<String> = part("variables", &variables).into_iter().collect();
    all.extend(part("artifact stores in", &stores));
    all.extend(found.stages().iter().flat_map(of_stage));
    all.extend(found.triggers().iter().filter_map(of_trigger));
    all
}

fn of_stage(stage: &StageDeclaration) -> Vec<String> {
    let own = settings([
        ("on failure", stage.on_failure.is_some()),
        ("on success", stage.on_success.is_some()),
        ("before entry", stage.before_entry.is_some()),
        ("blockers", some(stage.blockers())),
    ]);
    let actions = stage.actions().iter().filter_map(|action| {
        let files = action
            .output_artifacts()
            .iter()
            .any(|artifact| some(artifact.files()));
        let own = settings([
            ("region", action.region.is_some()),
            ("timeout", action.timeout_in_minutes.is_some()),
            ("commands", some(action.commands())),
            ("output variables", some(action.output_variables())),
            (
                "environment variables",
                some(action.environment_variables()),
            ),
            ("files of artifacts", files),
        ]);
        part(&format!("action {}/{}", stage.name, action.name), &own)
    });
    part(&format!("stage {}", stage.name), &own)
        .into_iter()
        .chain(actions)
        .collect()
}

fn of_trigger(trigger: &PipelineTriggerDeclaration) -> Option<String> {
    let git = trigger.git_configuration()?;
    let own = settings([
        ("pull requests", some(git.pull_request())),
        ("tags", git.push().iter().any(|push| !is_push(push))),
        (
            "every change",
            git.push.is_none() && git.pull_request.is_none() && trigger_of(trigger).is_none(),
        ),
    ]);
    part(&format!("trigger {}", git.source_action_name), &own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::changes;
    use crate::codepipeline::pipeline::{Filter, Pipeline, Push, Trigger};
    use aws_sdk_codepipeline::types::{
        FailureConditions, GitPullRequestFilter, GitPushFilter, GitTagFilterCriteria,
        PipelineVariableDeclaration, Result as Outcome,
    };
    use platctl_engine::Kind;
    use serde_json::json;

    fn with_triggers() -> Spec {
        let branches = Some(Filter {
            includes: vec!["main".into()],
            excludes: Vec::new(),
        });
        let push = vec![Push {
            branches,
            file_paths: None,
        }];
        Spec {
            triggers: vec![Trigger {
                source_action_name: "Source".into(),
                push,
            }],
            ..Pipeline::example()
        }
    }

    /// The example, with all that people set by hand.
    fn by_hand() -> PipelineDeclaration {
        let mut now = declaration(&with_triggers()).unwrap();
        now.variables = Some(vec![
            PipelineVariableDeclaration::builder()
                .name("TAG")
                .build()
                .unwrap(),
        ]);
        let stage = &mut now.stages[1];
        stage.on_failure = Some(
            FailureConditions::builder()
                .result(Outcome::Rollback)
                .build(),
        );
        stage.actions[0].timeout_in_minutes = Some(30);
        stage.actions[0].region = Some("us-east-1".into());
        let git = now.triggers.as_mut().unwrap()[0]
            .git_configuration
            .as_mut()
            .unwrap();
        git.pull_request = Some(vec![GitPullRequestFilter::builder().build()]);
        let tags = GitTagFilterCriteria::builder().includes("v*").build();
        git.push
            .as_mut()
            .unwrap()
            .push(GitPushFilter::builder().tags(tags).build());
        let mut stores = std::collections::HashMap::new();
        for region in ["eu-west-1", "us-east-1"] {
            stores.insert(region.to_owned(), now.artifact_store.clone().unwrap());
        }
        (now.artifact_store, now.artifact_stores) = (None, Some(stores));
        now
    }

    #[test]
    fn what_a_spec_cannot_say_goes_back_as_it_was() {
        let now = by_hand();
        let asked = changes(&[
            ("/stages", json!([]), json!([])),
            ("/triggers", json!([]), json!([])),
        ]);
        let mut spec = with_triggers();
        spec.stages[1].actions[0]
            .configuration
            .insert("CustomData".into(), "Sure?".into());
        let mut wanted = now.clone();
        let configuration = wanted.stages[1].actions[0].configuration.as_mut().unwrap();
        configuration.insert("CustomData".into(), "Sure?".into());
        assert_eq!(over(now, &spec, &asked, "eu-west-1").unwrap(), wanted);
    }

    #[test]
    fn of_several_stores_the_one_of_the_pipelines_region_is_managed() {
        let mut spec = with_triggers();
        spec.artifact_store.location = "other".into();
        let asked = changes(&[("/artifact_store/location", json!(""), json!("other"))]);
        let sent = over(by_hand(), &spec, &asked, "eu-west-1").unwrap();
        let stores = sent.artifact_stores.unwrap();
        assert_eq!(
            (
                stores["eu-west-1"].location(),
                stores["us-east-1"].location()
            ),
            ("other", "example-artifacts")
        );
        assert_eq!(sent.artifact_store, None);
    }

    #[test]
    fn a_stage_that_is_no_longer_stated_goes_and_other_triggers_stay() {
        let mut spec = with_triggers();
        spec.stages[1].name = "Decide".into();
        spec.triggers.clear();
        let asked = changes(&[
            ("/stages", json!([]), json!([])),
            ("/triggers", json!([]), json!(null)),
        ]);
        let sent = over(by_hand(), &spec, &asked, "eu-west-1").unwrap();
        assert_eq!(sent.stages[1].on_failure, None);
        let git = sent.triggers()[0].git_configuration().unwrap();
        assert_eq!((git.push().len(), git.pull_request().len()), (1, 1));
        assert!(git.push()[0].tags().is_some());
    }

    #[test]
    fn what_stays_is_said() {
        assert_eq!(
            unmanaged(&by_hand(), "eu-west-1"),
            [
                "variables: TAG",
                "artifact stores in: us-east-1",
                "stage Approve: on failure",
                "action Approve/Approve: region, timeout",
                "trigger Source: pull requests, tags",
            ]
        );
        assert!(unmanaged(&declaration(&with_triggers()).unwrap(), "eu-west-1").is_empty());
    }
}
