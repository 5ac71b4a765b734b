//! CloudWatch: alarms and dashboards.

pub mod dashboard;
pub mod metric_alarm;

pub(crate) use crate::errors::NONE as CODES;
