//! Tags, as EventBridge takes and answers them.

crate::tags::tags_by_arn!(
    EventsTags,
    events,
    aws_sdk_eventbridge::types::Tag,
    "events"
);
