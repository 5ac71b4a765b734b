//! IAM: roles and what they may do. Global: one name serves all regions.

mod codes;
pub mod instance_profile;
pub mod managed_policy;
pub mod oidc_provider;
pub mod policy_attachment;
pub mod role;
pub mod role_policy;
pub mod rotation;
pub mod service_linked_role;
pub mod service_specific_credential;
pub mod shared_oidc_provider;
mod tags;
pub mod user;
pub mod user_policy;

pub(crate) use codes::CODES;

/// Whether a name is one that IAM takes.
pub(crate) fn is_name(name: &str, longest: usize) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    !name.is_empty() && name.len() <= longest && name.chars().all(sound)
}
