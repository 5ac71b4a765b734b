//! CloudFront: the content delivery network.
