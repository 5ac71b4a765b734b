//! A rule's targets. The calls succeed even when none of their items did. A target is written whole, and can say more
//! than a spec.

use aws_sdk_eventbridge::types::{InputTransformer as SdkTransformer, Target as SdkTarget};
use platctl_engine::{CloudError, CloudResult};

use super::rule::{InputTransformer, Target};
use crate::Cloud;
use crate::errors::{Ask, classify, invalid};
use crate::unmanaged::{part, settings};

fn sdk(target: &Target) -> CloudResult<SdkTarget> {
    let operation = "events:PutTargets";
    let transformer = target.input_transformer.as_ref().map(|transformer| {
        SdkTransformer::builder()
            .set_input_paths_map(Some(
                transformer.input_paths_map.clone().into_iter().collect(),
            ))
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

/// A target as it is, with what is stated of it. What is invoked in another way says it in another way, too.
fn over(now: Option<&SdkTarget>, stated: &Target) -> CloudResult<SdkTarget> {
    let new = sdk(stated)?;
    let Some(now) = now.filter(|now| service(&now.arn) == service(&new.arn)) else {
        return Ok(new);
    };
    let mut sent = now.clone();
    // A target has one input: the event, a part of it, or what is made of it.
    if new.input.is_some() || new.input_transformer.is_some() {
        sent.input_path = None;
    }
    sent.arn = new.arn;
    sent.role_arn = new.role_arn;
    sent.input = new.input;
    sent.input_transformer = new.input_transformer;
    Ok(sent)
}

/// The service of an ARN.
fn service(arn: &str) -> Option<&str> {
    arn.split(':').nth(2)
}

/// Writes the stated targets over the live ones.
pub(super) async fn put(cloud: &Cloud, rule: &str, targets: &[Target]) -> CloudResult<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let now = read(cloud, rule).await?;
    let one = |target: &Target| over(now.iter().find(|now| now.id == target.id), target);
    let targets = targets.iter().map(one).collect::<CloudResult<Vec<_>>>()?;
    let call = cloud
        .events
        .put_targets()
        .rule(rule)
        .set_targets(Some(targets));
    let answer = call.send().ask().await?;
    match answer.failed_entries().first() {
        Some(failed) => Err(refused(
            "events:PutTargets",
            failed.error_code(),
            failed.error_message(),
        )),
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
        Some(failed) => Err(refused(
            "events:RemoveTargets",
            failed.error_code(),
            failed.error_message(),
        )),
        None => Ok(()),
    }
}

/// The targets in the order of their IDs.
pub(super) async fn read(cloud: &Cloud, rule: &str) -> CloudResult<Vec<SdkTarget>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = cloud
            .events
            .list_targets_by_rule()
            .rule(rule)
            .set_next_token(next);
        let answer = call.send().ask().await?;
        found.extend(answer.targets.unwrap_or_default());
        next = answer.next_token;
        if next.is_none() {
            found.sort_by(|one: &SdkTarget, other| one.id.cmp(&other.id));
            return Ok(found);
        }
    }
}

/// What is set on a target and cannot be said in a spec.
pub(super) fn unmanaged(target: &SdkTarget) -> Option<String> {
    let own = settings([
        ("dead-letter queue", target.dead_letter_config().is_some()),
        ("retry policy", target.retry_policy().is_some()),
        ("input path", target.input_path().is_some()),
        ("ECS settings", target.ecs_parameters().is_some()),
        ("Batch settings", target.batch_parameters().is_some()),
        ("SQS settings", target.sqs_parameters().is_some()),
        ("Kinesis settings", target.kinesis_parameters().is_some()),
        (
            "Run Command settings",
            target.run_command_parameters().is_some(),
        ),
        ("HTTP settings", target.http_parameters().is_some()),
        (
            "Redshift settings",
            target.redshift_data_parameters().is_some(),
        ),
        (
            "SageMaker settings",
            target.sage_maker_pipeline_parameters().is_some(),
        ),
        ("AppSync settings", target.app_sync_parameters().is_some()),
    ]);
    part(&format!("target {}", target.id()), &own)
}

pub(super) fn target(found: &SdkTarget) -> Target {
    let transformer = found
        .input_transformer()
        .map(|transformer| InputTransformer {
            input_paths_map: transformer
                .input_paths_map()
                .map(|all| {
                    all.iter()
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect()
                })
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_eventbridge::types::{DeadLetterConfig, EcsParameters, RetryPolicy};

    fn by_hand() -> SdkTarget {
        let ecs = EcsParameters::builder()
            .task_definition_arn("arn:aws:ecs:eu-west-1:1:task-definition/t");
        SdkTarget::builder()
            .id("task")
            .arn("arn:aws:ecs:eu-west-1:1:cluster/c")
            .role_arn("arn:aws:iam::1:role/events")
            .input_path("$.detail")
            .ecs_parameters(ecs.build().unwrap())
            .dead_letter_config(
                DeadLetterConfig::builder()
                    .arn("arn:aws:sqs:eu-west-1:1:dead")
                    .build(),
            )
            .retry_policy(RetryPolicy::builder().maximum_retry_attempts(3).build())
            .build()
            .unwrap()
    }

    #[test]
    fn a_target_keeps_what_a_spec_cannot_say() {
        let now = by_hand();
        let mut stated = target(&now);
        stated.role_arn = Some("arn:aws:iam::1:role/other".into());
        let mut wanted = now.clone();
        wanted.role_arn = Some("arn:aws:iam::1:role/other".into());
        assert_eq!(over(Some(&now), &stated).unwrap(), wanted);
        assert_eq!(
            unmanaged(&now).unwrap(),
            "target task: dead-letter queue, retry policy, input path, ECS settings"
        );
    }

    #[test]
    fn an_input_takes_the_place_of_the_path_and_another_service_of_all() {
        let now = by_hand();
        let input = Target {
            input: Some("{}".into()),
            ..target(&now)
        };
        let sent = over(Some(&now), &input).unwrap();
        assert_eq!((sent.input_path(), sent.input()), (None, Some("{}")));
        assert!(sent.dead_letter_config().is_some());
        let other = Target {
            arn: "arn:aws:sns:eu-west-1:1:topic".into(),
            ..target(&now)
        };
        assert_eq!(over(Some(&now), &other).unwrap(), sdk(&other).unwrap());
    }
}
