//! Tags, as CodePipeline takes and answers them.

crate::tags::tags_by_arn!(
    CodePipelineTags,
    codepipeline,
    aws_sdk_codepipeline::types::Tag,
    "codepipeline"
);
