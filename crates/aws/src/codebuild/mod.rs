//! CodeBuild: builds.
