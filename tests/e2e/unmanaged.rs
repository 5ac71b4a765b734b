//! What people set by hand, and a stack file cannot say: it is shown, and survives every change.

use aws_sdk_wafv2::types::{
    BlockAction, LabelMatchScope, LabelMatchStatement, Rule, RuleAction, Statement,
    VisibilityConfig, WebAcl,
};

use crate::world::World;

fn write(world: &World, description: &str, limit: u32) {
    world.file(
        "shield.yaml",
        &format!(
            "stack: shield\nregion: eu-west-1\nresources:\n  acl:\n    kind: wafv2.WebAcl\n    name: shield\n    \
             scope: REGIONAL\n    default_action: allow\n    description: {description}\n    rules:\n    \
             - {{name: flood, priority: 20, action: block, statement: {{rate_based_statement: {{limit: {limit}}}}}}}\n"
        ),
    );
}

/// A rule of a type that no stack file can say.
fn emergency() -> Rule {
    let label = LabelMatchStatement::builder()
        .scope(LabelMatchScope::Label)
        .key("awswaf:bad")
        .build();
    let visibility = VisibilityConfig::builder().metric_name("emergency-block");
    let visibility = visibility
        .sampled_requests_enabled(true)
        .cloud_watch_metrics_enabled(true)
        .build();
    Rule::builder()
        .name("emergency-block")
        .priority(0)
        .statement(
            Statement::builder()
                .label_match_statement(label.unwrap())
                .build(),
        )
        .action(
            RuleAction::builder()
                .block(BlockAction::builder().build())
                .build(),
        )
        .visibility_config(visibility.unwrap())
        .build()
        .unwrap()
}

async fn read(world: &World, arn: &str) -> (WebAcl, String) {
    let answer = world.wafv2().get_web_acl().arn(arn).send().await.unwrap();
    (answer.web_acl.unwrap(), answer.lock_token.unwrap())
}

async fn add(world: &World, arn: &str, rule: Rule) {
    let (acl, token) = read(world, arn).await;
    let call = world
        .wafv2()
        .update_web_acl()
        .name(acl.name())
        .scope("REGIONAL".into())
        .id(acl.id());
    let rules = [vec![rule], acl.rules.clone().unwrap_or_default()].concat();
    let call = call
        .lock_token(token)
        .set_rules(Some(rules))
        .set_default_action(acl.default_action.clone());
    let call = call.set_description(acl.description.clone());
    call.set_visibility_config(acl.visibility_config.clone())
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_somebody_added_in_an_emergency_is_shown_and_survives() {
    let world = World::new();
    write(&world, "first", 2000);
    world.platctl("apply shield.yaml --yes").expect(0);
    let arn = world
        .platctl("output shield acl.arn")
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    add(&world, &arn, emergency()).await;

    let said = "acl: rule emergency-block";
    let ended = world
        .platctl("plan shield.yaml --detailed-exitcode")
        .expect(0);
    assert!(
        ended.stdout.contains("Also set, not managed:"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    let ended = world.platctl("drift shield --detailed-exitcode").expect(0);
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert!(
        !ended.stdout.contains("AWS matches the last apply"),
        "{}",
        ended.stdout
    );
    let ended = world.platctl("status shield").expect(0);
    assert!(
        ended
            .stdout
            .contains("also set, not managed: rule emergency-block"),
        "{}",
        ended.stdout
    );

    for (description, limit) in [("second", 2000), ("second", 500)] {
        write(&world, description, limit);
        let ended = world.platctl("apply shield.yaml --yes").expect(0);
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
        let (acl, _) = read(&world, &arn).await;
        let names: Vec<_> = acl.rules().iter().map(Rule::name).collect();
        assert_eq!(names, ["emergency-block", "flood"]);
        assert_eq!(acl.rules()[0], emergency());
        assert_eq!(acl.description(), Some(description));
    }
    world
        .platctl("plan shield.yaml --detailed-exitcode")
        .expect(0);
}
