//! Tags, as ECR takes and answers them.

crate::tags::tags_by_arn!(EcrTags, ecr, aws_sdk_ecr::types::Tag, "ecr");
