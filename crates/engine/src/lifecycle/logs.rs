//! What a run logs: a story that can be followed, without a word of what was sent.

use serde_json::json;

use crate::testing::{Fault, Lab, Log, When, graph};

#[tokio::test(start_paused = true)]
async fn an_operation_s_log_stands_in_its_span() {
    let (log, _guard) = Log::start();
    let lab = Lab::new();
    let declared = |size: u8| {
        graph(
            &[("network.vpc", "toy.Tags", json!({"size": size}))],
            &lab.cloud,
        )
    };
    lab.apply(declared(1)).await;
    lab.apply(declared(2)).await;
    lab.destroy().await;
    for (verb, generation) in [("create", 1), ("update", 1), ("delete", 1)] {
        let span =
            format!("operation{{address=network.vpc verb=\"{verb}\" generation={generation}}}: ");
        let story: Vec<String> = log
            .lines(&format!("verb=\"{verb}\" generation"))
            .iter()
            .map(|line| line.strip_prefix(span.as_str()).unwrap_or(line).to_owned())
            .collect();
        let at = |word: &str| {
            let found = story.iter().position(|line| line.starts_with(word));
            found.unwrap_or_else(|| panic!("no {word} in {story:#?}"))
        };
        let intent = story.iter().position(|line| line.contains("\"intent\""));
        // Written down before it is done, and what became of it after.
        assert!(intent.unwrap() < at("toy call"), "{story:#?}");
        assert!(at("toy call") < at("ended"), "{story:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_repeated_says_which_attempt_it_is() {
    let (log, _guard) = Log::start();
    let lab = Lab::new();
    lab.fault(1, When::Before, Fault::Lost);
    let declared = graph(&[("queue", "toy.Token", json!({"size": 1}))], &lab.cloud);
    lab.apply(declared).await;
    let calls = log.lines("toy call");
    assert_eq!(calls.len(), 2, "{calls:#?}");
    assert!(calls[0].ends_with("attempt=1"), "{calls:#?}");
    assert!(calls[1].ends_with("attempt=2"), "{calls:#?}");
    let retries = log.lines("retrying");
    assert_eq!(retries.len(), 1, "{retries:#?}");
    assert!(retries[0].contains("class=Interrupted"), "{retries:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_and_what_is_skipped_for_it_are_logged() {
    let (log, _guard) = Log::start();
    let lab = Lab::new();
    let declared = [
        ("one", "toy.Tags", json!({"parent": "nobody"})),
        ("two", "toy.Tags", json!({"uses": [{"$ref": "one.id"}]})),
    ];
    let outcome = lab.run(Some(graph(&declared, &lab.cloud))).await.unwrap();
    assert_eq!(outcome.failed.len(), 1);
    let failed = log.lines(" failed ");
    assert!(
        failed.iter().any(|line| line.contains("address=one")),
        "{}",
        log.text()
    );
    let skipped = log.lines("skipped");
    assert!(
        skipped
            .iter()
            .any(|line| line.contains("address=two because=one")),
        "{}",
        log.text()
    );
}

#[tokio::test(start_paused = true)]
async fn no_spec_gets_into_the_log() {
    let (log, _guard) = Log::start();
    let lab = Lab::new();
    for word in ["hunter2", "hunter3"] {
        let spec = json!({"secret": word, "name": format!("{word}-name")});
        lab.apply(graph(&[("token", "toy.Tags", spec)], &lab.cloud))
            .await;
    }
    lab.destroy().await;
    let text = log.text();
    assert!(text.contains("address=token"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}
