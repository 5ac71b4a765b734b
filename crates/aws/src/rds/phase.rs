//! What RDS's statuses mean for whoever uses the thing.

use platctl_engine::Phase;

/// What to do about a status that does not end by itself, as RDS's documentation says it.
const ADVICE: [(&str, &str); 11] = [
    (
        "inaccessible-encryption-credentials",
        "RDS could not use its KMS key for seven days. The data of this cluster cannot be recovered: enable \
         the key, then restore a snapshot, or restore the cluster to a point in time",
    ),
    (
        "incompatible-parameters",
        "its parameter group has values that are not compatible with the engine or the instance class. \
         Correct them, or reset the group, then reboot the instance: aws rds reboot-db-instance",
    ),
    (
        "incompatible-network",
        "the subnets of its subnet group have no free IP addresses, or DNS is not enabled in the VPC. \
         Correct that, then start the cluster: aws rds start-db-cluster",
    ),
    (
        "incompatible-restore",
        "it cannot be restored with these settings. Restore it with other settings",
    ),
    (
        "incompatible-option-group",
        "its option group could not be applied. To see its events, run aws rds describe-events",
    ),
    (
        "incompatible-create",
        "it could not be created with these settings. To see its events, run aws rds describe-events",
    ),
    (
        "insufficient-capacity",
        "AWS has insufficient capacity for its instance class in this zone. Delete it, then create it with \
         another class or in another zone",
    ),
    (
        "restore-error",
        "the snapshot could not be restored. Restore another one",
    ),
    (
        "cloning-failed",
        "the clone could not be created. Delete it, then clone again",
    ),
    (
        "migration-failed",
        "the data could not be migrated. Delete it, then migrate again",
    ),
    (
        "failed",
        "it failed. To see its events, run aws rds describe-events",
    ),
];

const RECOVERABLE: &str = "inaccessible-encryption-credentials-recoverable";

fn failed(status: &str) -> Option<Phase> {
    let advice = ADVICE
        .iter()
        .find(|(known, _)| *known == status)
        .map(|(_, advice)| *advice);
    let looks = status.starts_with("incompatible-")
        || status.starts_with("inaccessible-")
        || status.ends_with("failed")
        || status.ends_with("error");
    match advice {
        Some(advice) => Some(Phase::Failed(format!("{status}: {advice}"))),
        None if looks => Some(Phase::Failed(status.to_owned())),
        None => None,
    }
}

/// The phase of a cluster or a snapshot. AWS adds statuses: whatever is neither the end nor a failure is on its way.
pub(crate) fn phase(status: Option<&str>) -> Phase {
    match status.unwrap_or("available") {
        "available" | "storage-optimization" => Phase::Ready,
        "deleting" => Phase::Deleting,
        "stopped" => Phase::Stopped("it is stopped".into()),
        RECOVERABLE => Phase::Stopped(format!(
            "{RECOVERABLE}: RDS cannot use its KMS key. The cluster can be started again when the key is \
             enabled; after seven days without the key its data is lost, except for backups"
        )),
        other => failed(other).unwrap_or_else(|| Phase::Settling(other.to_owned())),
    }
}

/// Whether nothing but a start of the cluster is taken in this status.
pub(crate) fn is_stopped(status: &str) -> bool {
    matches!(status, "stopped" | RECOVERABLE)
}

/// The phase of an instance of a cluster. It is started and stopped with its cluster, never alone, so a stopped one
/// is waited for.
pub(crate) fn instance_phase(status: Option<&str>) -> Phase {
    match status {
        Some("storage-full") => Phase::Degraded("storage-full: no storage space is left".into()),
        Some(status) if is_stopped(status) => Phase::Settling(status.to_owned()),
        other => phase(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_statuses_are_on_their_way() {
        assert_eq!(phase(Some("available")), Phase::Ready);
        assert!(matches!(
            phase(Some("configuring-enhanced-monitoring")),
            Phase::Settling(_)
        ));
        assert!(matches!(
            phase(Some("incompatible-something")),
            Phase::Failed(_)
        ));
        assert!(matches!(phase(Some("restore-failed")), Phase::Failed(_)));
    }

    #[test]
    fn failures_say_what_to_do() {
        let Phase::Failed(why) = instance_phase(Some("incompatible-parameters")) else {
            panic!("it failed")
        };
        assert!(
            why.starts_with("incompatible-parameters: ") && why.contains("reboot-db-instance"),
            "{why}"
        );
        let lost = phase(Some("inaccessible-encryption-credentials"));
        assert!(matches!(lost, Phase::Failed(why) if why.contains("restore a snapshot")));
    }

    #[test]
    fn what_starts_again_has_not_failed() {
        for status in ["stopped", RECOVERABLE] {
            assert!(matches!(phase(Some(status)), Phase::Stopped(_)), "{status}");
            assert!(
                matches!(instance_phase(Some(status)), Phase::Settling(_)),
                "{status}"
            );
        }
        assert!(matches!(phase(Some("stopping")), Phase::Settling(_)));
    }
}
