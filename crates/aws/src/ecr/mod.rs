//! ECR: repositories of images.
