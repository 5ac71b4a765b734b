//! CodePipeline: the way of a commit to production.
