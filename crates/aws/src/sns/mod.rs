//! SNS: notifications.
