//! A rule's targets. The calls succeed even when none of their items did.

use aws_sdk_eventbridge::types::{InputTransformer as SdkTransformer, Target as SdkTarget};
use platctl_engine::{CloudError, CloudResult};

use super::rule::{InputTransformer, Target};
use crate::Cloud;
use crate::errors::{Ask, classify, invalid};

fn sdk(target: &Target) -> CloudResult<SdkTarget> {
    let operation = "events:PutTargets";
    let transformer = target.input_transformer.as_ref().map(|transformer| {
        SdkTransformer::builder()
            .set_input_paths_map(Some(transformer.input_paths_map.clone().into_iter().collect()))
            .input_template(&transformer.input_template)
            .build()
            .map_err(|e| invalid(operation, &e))
    });
    SdkTarget::builder()
        .id(&target.id)
        .arn(target.arn.as_str())
        .set_role_arn(target.role_arn.as_ref().map(ToString::to_string))
        .set_input(target.input.clone())
        .set_input_transformer(transformer.transpose()?)
        .build()
        .map_err(|e| invalid(operation, &e))
}

fn refused(operation: &str, code: Option<&str>, message: Option<&str>) -> CloudError {
    let message = message.unwrap_or("a target was rejected");
    let mut error = CloudError::new(classify(operation, code, message, 400), operation, message);
    error.code = code.map(ToOwned::to_owned);
    error
}

pub(super) async fn put(cloud: &Cloud, rule: &str, targets: &[Target]) -> CloudResult<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let targets = targets.iter().map(sdk).collect::<CloudResult<Vec<_>>>()?;
    let call = cloud.events.put_targets().rule(rule).set_targets(Some(targets));
    let answer = call.send().ask().await?;
    match answer.failed_entries().first() {
        Some(failed) => Err(refused("events:PutTargets", failed.error_code(), failed.error_message())),
        None => Ok(()),
    }
}

pub(super) async fn remove(cloud: &Cloud, rule: &str, ids: Vec<String>) -> CloudResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let call = cloud.events.remove_targets().rule(rule).set_ids(Some(ids));
    let answer = call.send().ask().await?;
    match answer.failed_entries().first() {
        Some(failed) => Err(refused("events:RemoveTargets", failed.error_code(), failed.error_message())),
        None => Ok(()),
    }
}

pub(super) async fn list(cloud: &Cloud, rule: &str) -> CloudResult<Vec<Target>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = cloud.events.list_targets_by_rule().rule(rule).set_next_token(next);
        let answer = call.send().ask().await?;
        found.extend(answer.targets().iter().map(target));
        next = answer.next_token;
        if next.is_none() {
            found.sort_by(|one: &Target, other| one.id.cmp(&other.id));
            return Ok(found);
        }
    }
}

fn target(found: &SdkTarget) -> Target {
    let transformer = found.input_transformer().map(|transformer| InputTransformer {
        input_paths_map: transformer
            .input_paths_map()
            .map(|all| all.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            .unwrap_or_default(),
        input_template: transformer.input_template().to_owned(),
    });
    Target {
        id: found.id().to_owned(),
        arn: found.arn().into(),
        role_arn: found.role_arn().map(Into::into),
        input: found.input().map(ToOwned::to_owned),
        input_transformer: transformer,
    }
}
