//! CloudWatch: alarms and dashboards.

pub mod dashboard;
pub mod metric_alarm;
mod tags;

pub(crate) use crate::errors::NONE as CODES;
