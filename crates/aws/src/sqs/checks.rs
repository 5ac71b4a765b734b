//! What SQS would refuse of a queue.

use std::collections::BTreeSet;

use platctl_engine::SpecError;

use super::queue::{RedriveAllowPolicy, Spec};

/// Whether SQS takes this spec, as far as that is known without asking.
pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    check_name(spec)?;
    check_fifo(spec)?;
    check_ranges(spec)?;
    check_encryption(spec)?;
    spec.redrive_allow_policy
        .as_ref()
        .map_or(Ok(()), check_redrive_allow)
}

fn check_name(spec: &Spec) -> Result<(), SpecError> {
    let stem = if spec.fifo_queue {
        spec.queue_name.strip_suffix(".fifo")
    } else {
        Some(spec.queue_name.as_str())
    };
    let sound = |stem: &str| {
        !stem.is_empty()
            && spec.queue_name.len() <= 80
            && stem
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match stem {
        Some(stem) if sound(stem) => Ok(()),
        _ if spec.fifo_queue => Err(SpecError::new(
            "/queue_name",
            "must have 1 to 75 letters, digits, `-` and `_`, followed by `.fifo`",
        )),
        _ => Err(SpecError::new(
            "/queue_name",
            "must have 1 to 80 letters, digits, `-` and `_`; only the name of a FIFO queue ends with `.fifo`",
        )),
    }
}

fn check_fifo(spec: &Spec) -> Result<(), SpecError> {
    let fields = [
        (
            "/content_based_deduplication",
            spec.content_based_deduplication.is_some(),
        ),
        ("/deduplication_scope", spec.deduplication_scope.is_some()),
        (
            "/fifo_throughput_limit",
            spec.fifo_throughput_limit.is_some(),
        ),
    ];
    if let Some((path, _)) = fields
        .into_iter()
        .find(|(_, stated)| *stated && !spec.fifo_queue)
    {
        return Err(SpecError::new(path, "requires `fifo_queue: true`"));
    }
    let (scope, limit) = (
        spec.deduplication_scope.as_deref(),
        spec.fifo_throughput_limit.as_deref(),
    );
    if !matches!(scope, None | Some("queue" | "messageGroup")) {
        let message = "must be `queue` or `messageGroup`";
        return Err(SpecError::new("/deduplication_scope", message));
    }
    match limit {
        Some("perMessageGroupId") if scope != Some("messageGroup") => Err(SpecError::new(
            "/fifo_throughput_limit",
            "`perMessageGroupId` requires `deduplication_scope: messageGroup`",
        )),
        None | Some("perQueue" | "perMessageGroupId") => Ok(()),
        Some(_) => Err(SpecError::new(
            "/fifo_throughput_limit",
            "must be `perQueue` or `perMessageGroupId`",
        )),
    }
}

fn check_ranges(spec: &Spec) -> Result<(), SpecError> {
    let receives = spec
        .redrive_policy
        .as_ref()
        .map(|policy| policy.max_receive_count);
    let ranges = [
        ("/delay_seconds", spec.delay_seconds, 0..=900),
        (
            "/maximum_message_size",
            spec.maximum_message_size,
            1024..=1_048_576,
        ),
        (
            "/message_retention_period",
            spec.message_retention_period,
            60..=1_209_600,
        ),
        (
            "/receive_message_wait_time_seconds",
            spec.receive_message_wait_time_seconds,
            0..=20,
        ),
        ("/visibility_timeout", spec.visibility_timeout, 0..=43_200),
        (
            "/kms_data_key_reuse_period_seconds",
            spec.kms_data_key_reuse_period_seconds,
            60..=86_400,
        ),
        ("/redrive_policy/max_receive_count", receives, 1..=1000),
    ];
    let wrong = ranges
        .into_iter()
        .find(|(_, value, range)| value.is_some_and(|value| !range.contains(&value)));
    match wrong {
        Some((path, _, range)) => Err(SpecError::new(
            path,
            format!("must be between {} and {}", range.start(), range.end()),
        )),
        None => Ok(()),
    }
}

fn check_encryption(spec: &Spec) -> Result<(), SpecError> {
    let key = spec.kms_master_key_id.is_some();
    if key && spec.sqs_managed_sse_enabled == Some(true) {
        return Err(SpecError::new(
            "/sqs_managed_sse_enabled",
            "cannot be `true` with `kms_master_key_id`: a queue has one kind of encryption",
        ));
    }
    if !key && spec.kms_data_key_reuse_period_seconds.is_some() {
        return Err(SpecError::new(
            "/kms_data_key_reuse_period_seconds",
            "requires `kms_master_key_id`",
        ));
    }
    Ok(())
}

fn check_redrive_allow(policy: &RedriveAllowPolicy) -> Result<(), SpecError> {
    let arns = policy.source_queue_arns.as_ref().map(BTreeSet::len);
    match (policy.redrive_permission.as_str(), arns) {
        ("byQueue", Some(1..=10)) | ("allowAll" | "denyAll", None) => Ok(()),
        ("byQueue", _) => Err(SpecError::new(
            "/redrive_allow_policy/source_queue_arns",
            "must have 1 to 10 ARNs with `redrive_permission: byQueue`",
        )),
        ("allowAll" | "denyAll", _) => Err(SpecError::new(
            "/redrive_allow_policy/source_queue_arns",
            "requires `redrive_permission: byQueue`",
        )),
        _ => Err(SpecError::new(
            "/redrive_allow_policy/redrive_permission",
            "must be `allowAll`, `denyAll` or `byQueue`",
        )),
    }
}

/// A dead-letter queue of the other type, as far as its ARN is known.
pub(super) fn other_type(fifo: bool, arn: &str) -> Option<SpecError> {
    let message = if fifo {
        "the dead-letter queue of a FIFO queue must be a FIFO queue"
    } else {
        "the dead-letter queue of a standard queue must be a standard queue"
    };
    (arn.ends_with(".fifo") != fifo)
        .then(|| SpecError::new("/redrive_policy/dead_letter_target_arn", message))
}

#[cfg(test)]
mod tests {
    use super::super::queue::Queue;
    use super::*;
    use platctl_engine::Kind;

    fn fifo(change: impl FnOnce(&mut Spec)) -> Spec {
        let mut spec = Spec {
            queue_name: "orders.fifo".into(),
            fifo_queue: true,
            ..Queue::example()
        };
        change(&mut spec);
        spec
    }

    /// Where a spec is wrong.
    fn wrong(spec: &Spec) -> Option<String> {
        check(spec).err().map(|error| error.path)
    }

    #[test]
    fn names_end_with_fifo_if_the_queue_is_one() {
        let named = |name: &str, fifo_queue: bool| {
            wrong(&Spec {
                queue_name: name.into(),
                fifo_queue,
                ..Queue::example()
            })
        };
        let long = "a".repeat(76) + ".fifo";
        for (name, fifo) in [
            ("orders", false),
            ("Orders_1-a", false),
            ("a.fifo", true),
            (&long[1..], true),
        ] {
            assert_eq!(named(name, fifo), None, "{name}");
        }
        for (name, fifo) in [
            ("", false),
            ("a.fifo", false),
            ("orders", true),
            (".fifo", true),
            ("a b", false),
            (&*long, true),
        ] {
            assert_eq!(named(name, fifo).as_deref(), Some("/queue_name"), "{name}");
        }
    }

    #[test]
    fn what_only_fifo_queues_have_is_refused_elsewhere() {
        assert_eq!(
            wrong(&fifo(|spec| spec.content_based_deduplication = Some(true))),
            None
        );
        let standard = Spec {
            content_based_deduplication: Some(false),
            ..Queue::example()
        };
        assert_eq!(
            wrong(&standard).as_deref(),
            Some("/content_based_deduplication")
        );
        let limited = fifo(|spec| spec.fifo_throughput_limit = Some("perMessageGroupId".into()));
        assert_eq!(wrong(&limited).as_deref(), Some("/fifo_throughput_limit"));
        let both = fifo(|spec| {
            spec.fifo_throughput_limit = Some("perMessageGroupId".into());
            spec.deduplication_scope = Some("messageGroup".into());
        });
        assert_eq!(wrong(&both), None);
    }

    /// A change of a spec.
    type Change = fn(&mut Spec);

    #[test]
    fn ranges_and_combinations_are_checked() {
        let with = |change: Change| {
            let mut spec = Queue::example();
            change(&mut spec);
            wrong(&spec)
        };
        let cases: [(Change, &str); 5] = [
            (|spec| spec.delay_seconds = Some(901), "/delay_seconds"),
            (
                |spec| spec.maximum_message_size = Some(1023),
                "/maximum_message_size",
            ),
            (
                |spec| spec.sqs_managed_sse_enabled = Some(true),
                "/sqs_managed_sse_enabled",
            ),
            (
                |spec| spec.kms_master_key_id = None,
                "/kms_data_key_reuse_period_seconds",
            ),
            (
                |spec| {
                    spec.redrive_allow_policy = Some(RedriveAllowPolicy {
                        redrive_permission: "byQueue".into(),
                        source_queue_arns: None,
                    });
                },
                "/redrive_allow_policy/source_queue_arns",
            ),
        ];
        for (change, path) in cases {
            assert_eq!(with(change).as_deref(), Some(path));
        }
    }
}
