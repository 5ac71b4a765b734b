//! Tags, as SNS takes and answers them.

crate::tags::tags_by_arn!(SnsTags, sns, aws_sdk_sns::types::Tag, "sns");
