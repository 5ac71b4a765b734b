//! Which images of a service stay.

use serde_json::{Value, json};

/// An image that one rule speaks of is not another one's any more, so what an environment runs is not counted with all
/// that was ever built. The environment that gets new images most rarely comes first: an image that several of them
/// have is its.
pub(super) fn rules(keep: u16, environments: &[String]) -> Vec<Value> {
    let mut selections = vec![(
        "What lost its tag goes after a week".to_owned(),
        json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7}),
    )];
    selections.extend(environments.iter().map(|environment| {
        let released = json!({
            "tagStatus": "tagged", "tagPrefixList": [format!("{environment}-")],
            "countType": "imageCountMoreThan", "countNumber": keep,
        });
        (
            format!("The last {keep} that were released to {environment} stay"),
            released,
        )
    }));
    selections.push((
        format!("Of all others, the last {keep} stay"),
        json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep}),
    ));
    let rule = |(number, (description, selection)): (usize, (String, Value))| {
        json!({
            "rulePriority": number + 1, "description": description, "selection": selection,
            "action": {"type": "expire"},
        })
    };
    selections.into_iter().enumerate().map(rule).collect()
}
