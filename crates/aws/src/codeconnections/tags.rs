//! Tags, as CodeConnections takes and answers them.

crate::tags::tags_by_arn!(
    CodeConnectionsTags,
    codeconnections,
    aws_sdk_codeconnections::types::Tag,
    "codeconnections"
);
