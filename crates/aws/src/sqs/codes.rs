//! What SQS's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &["AWS.SimpleQueueService.NonExistentQueue"],
        ),
        (
            Class::Busy,
            &["AWS.SimpleQueueService.QueueDeletedRecently"],
        ),
        (Class::Limit, &["OverLimit"]),
    ],
    special: &[
        // A principal or a dead-letter queue that was made a moment ago.
        (
            Class::NotYetConsistent,
            "sqs:",
            "InvalidAttributeValue",
            "parameter Policy",
        ),
        (
            Class::NotYetConsistent,
            "sqs:",
            "InvalidParameterValue",
            "Dead letter target does not exist",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::classify;

    #[test]
    fn codes_mean_what_the_service_says() {
        let table = [
            (
                Class::NotFound,
                "sqs:GetQueueAttributes",
                "AWS.SimpleQueueService.NonExistentQueue",
                "",
            ),
            (
                Class::Busy,
                "sqs:CreateQueue",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds",
            ),
            (
                Class::AlreadyExists,
                "sqs:CreateQueue",
                "QueueAlreadyExists",
                "",
            ),
            (
                Class::NotYetConsistent,
                "sqs:SetQueueAttributes",
                "InvalidAttributeValue",
                "Invalid value for the parameter Policy.",
            ),
            (
                Class::Invalid,
                "sqs:SetQueueAttributes",
                "InvalidAttributeValue",
                "Invalid value for the parameter DelaySeconds.",
            ),
            (
                Class::NotYetConsistent,
                "sqs:CreateQueue",
                "InvalidParameterValue",
                "Value {} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
            ),
        ];
        for (expected, operation, code, message) in table {
            let class = classify(operation, Some(code), message, 400);
            assert_eq!(class, expected, "{operation} {code}");
        }
    }
}
