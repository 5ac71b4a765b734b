//! Whether what `database:` says makes sense, before AWS is asked.

use platctl_aws::rds::classes::{self, Known};
use platctl_aws::rds::{names, windows};

use super::Database;
use crate::common::NetworkParts;
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

const INTERVALS: [u16; 7] = [0, 1, 5, 10, 15, 30, 60];
const DEFAULT_CLASS: &str = "db.r6g.large";

impl Database {
    pub(super) fn check(&self, network: &NetworkParts, declare: &Declare<'_>) -> Checked<()> {
        let mut faults = Vec::new();
        if network.zones.len() < 2 {
            let fault = Fault::new(format!(
                "Aurora requires at least two availability zones, but this network has {}",
                network.zones.len()
            ));
            faults.push(
                fault
                    .at(declare.place(), "too few availability zones")
                    .help("set network.availability_zones to 2 or more"),
            );
        }
        faults.extend(reserved(declare));
        faults.extend(self.check_version());
        let replica = self
            .replica
            .as_ref()
            .and_then(|replica| replica.class.as_ref());
        let classes = self
            .writer
            .class
            .iter()
            .chain(&self.readers.class)
            .chain(replica);
        faults.extend(classes.filter_map(unknown_class));
        faults.extend(wrong(
            "the name of the database",
            self.name.as_ref(),
            names::check_database,
        ));
        faults.extend(wrong(
            "the name of the master user",
            self.user.as_ref(),
            names::check_user,
        ));
        faults.extend(self.check_windows());
        faults.extend(self.check_parameters());
        faults.extend(self.check_counts());
        faults.extend(self.check_times());
        faults.extend(self.check_capacity(declare));
        faults.extend(self.check_replica(declare));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn check_version(&self) -> Option<Fault> {
        let version = self.version.as_ref()?;
        let parts: Vec<&str> = version.value.split('.').collect();
        // Which versions there are, RDS says when it is asked: `plan` does.
        if parts.len() == 2 && parts.iter().all(|part| part.parse::<u16>().is_ok()) {
            return None;
        }
        let fault = Fault::new(format!(
            "{} is not a version of Aurora PostgreSQL",
            quoted(&version.value)
        ));
        let help = "specify a major and a minor version in quotes, such as \"16.8\"";
        Some(fault.at(version.span, "not a version").help(help))
    }

    fn check_counts(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let readers = self.reader_count();
        if let Some(count) = self.readers.count.as_ref().filter(|count| count.value > 15) {
            faults.push(
                Fault::new("an Aurora cluster can have at most 15 readers")
                    .at(count.span, "too many"),
            );
        }
        if let Some(At { value, span }) = &self.readers.autoscale {
            if value.max > 15 || value.max < readers {
                let message = format!(
                    "`autoscale.max` must be between readers.count ({readers}) and 15, not {}",
                    value.max
                );
                faults.push(Fault::new(message).at(*span, "`max` is out of range"));
            }
            if readers == 0 {
                let fault = Fault::new("autoscaling of readers requires at least one reader");
                faults.push(fault.at(*span, "requires readers.count of 1 or more"));
            }
            if !(1..=100).contains(&value.cpu) {
                faults.push(
                    Fault::new("`cpu` must be between 1 and 100 percent").at(*span, "out of range"),
                );
            }
        }
        faults
    }

    fn check_times(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(days) = self
            .backup
            .retention_days
            .as_ref()
            .filter(|days| !(1..=35).contains(&days.value))
        {
            let message = format!(
                "the backup retention period must be between 1 and 35 days, not {}",
                days.value
            );
            faults.push(Fault::new(message).at(days.span, "not supported"));
        }
        if let Some(every) = self
            .monitoring
            .interval_seconds
            .as_ref()
            .filter(|every| !INTERVALS.contains(&every.value))
        {
            let fault = Fault::new(format!(
                "enhanced monitoring does not support an interval of {} seconds",
                every.value
            ));
            faults.push(
                fault
                    .at(every.span, "not supported")
                    .help("use 0, 1, 5, 10, 15, 30 or 60"),
            );
        }
        if let Some(days) = &self.monitoring.insights_days {
            let offered = matches!(days.value, 0 | 7 | 731)
                || (days.value % 31 == 0 && days.value / 31 <= 23);
            if !offered {
                let fault = Fault::new(format!(
                    "Performance Insights does not support a retention period of {} days",
                    days.value
                ));
                faults.push(
                    fault
                        .at(days.span, "not supported")
                        .help("use 0, 7, 731, or a multiple of 31 up to 713"),
                );
            }
        }
        faults
    }

    fn check_windows(&self) -> Vec<Fault> {
        let (backup, maintenance) = (
            self.backup.window.as_ref(),
            self.maintenance_window.as_ref(),
        );
        let mut faults: Vec<_> = wrong("the backup window", backup, windows::check_backup)
            .into_iter()
            .chain(wrong(
                "the maintenance window",
                maintenance,
                windows::check_maintenance,
            ))
            .collect();
        if let (Some(backup), Some(maintenance)) = (backup, maintenance)
            && windows::overlap(&backup.value, &maintenance.value)
        {
            let fault = Fault::new("the backup window and the maintenance window must not overlap");
            faults.push(
                fault
                    .at(backup.span, "every day")
                    .at(maintenance.span, "once a week"),
            );
        }
        faults
    }

    /// Names and values are checked by the plan, which asks AWS for them. What platctl sets itself is known here.
    fn check_parameters(&self) -> Option<Fault> {
        let At { value, span } = self.parameters.get("rds.force_ssl")?;
        (value.text() != "1").then(|| {
            Fault::new(
                "`rds.force_ssl` cannot be disabled: connections without TLS are always rejected",
            )
            .at(*span, "must be 1")
            .help("remove `rds.force_ssl`")
        })
    }

    fn check_capacity(&self, declare: &Declare<'_>) -> Option<Fault> {
        let serverless = [self.writer_class(), self.reader_class()].contains(&"db.serverless");
        match &self.serverless {
            Some(At { value, span }) => {
                let steps =
                    |acus: f64| (acus * 2.0).fract() == 0.0 && (0.0..=256.0).contains(&acus);
                let sound = steps(value.min)
                    && steps(value.max)
                    && value.min <= value.max
                    && value.max >= 1.0;
                let message = "capacity must be 0 to 256 ACUs in steps of 0.5, with `max` at least 1 and not \
                    less than `min`";
                (!sound).then(|| Fault::new(message).at(*span, "invalid capacity"))
            }
            None if serverless => {
                let fault = Fault::new(
                    "db.serverless requires `serverless`, the minimum and maximum capacity",
                );
                Some(
                    fault
                        .at(declare.place(), "required here")
                        .help("serverless: {min: 0.5, max: 8}"),
                )
            }
            None => None,
        }
    }

    fn check_replica(&self, declare: &Declare<'_>) -> Option<Fault> {
        let replica = self.replica.as_ref()?;
        let same = replica.region.value.as_str() == declare.context().region;
        same.then(|| {
            Fault::new("the database replica must be in another region")
                .at(replica.region.span, "same region as the stack")
        })
    }

    pub(super) fn writer_class(&self) -> &str {
        self.writer
            .class
            .as_ref()
            .map_or(DEFAULT_CLASS, |class| &class.value)
    }

    pub(super) fn reader_class(&self) -> &str {
        self.readers
            .class
            .as_ref()
            .map_or_else(|| self.writer_class(), |class| &class.value)
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.reader_count() > 0
    }

    /// Whether the cluster begins as a backup of another one.
    pub(crate) const fn is_restored(&self) -> bool {
        self.backup.restore.is_some()
    }

    pub(super) fn reader_count(&self) -> u8 {
        self.readers.count.as_ref().map_or(1, |count| count.value)
    }

    pub(super) fn interval(&self) -> u16 {
        self.monitoring
            .interval_seconds
            .as_ref()
            .map_or(60, |every| every.value)
    }

    pub(super) fn insights_days(&self) -> u16 {
        self.monitoring
            .insights_days
            .as_ref()
            .map_or(7, |days| days.value)
    }

    pub(super) fn log_days(&self) -> i32 {
        self.monitoring
            .log_days
            .as_ref()
            .map_or(30, |days| i32::from(days.value))
    }

    /// The version that is asked for.
    pub(super) fn version(&self) -> &str {
        self.version
            .as_ref()
            .map_or("16.8", |version| &version.value)
    }

    /// The family of parameters: the engine and its major version.
    pub(super) fn family(&self) -> String {
        format!(
            "aurora-postgresql{}",
            self.version().split('.').next().unwrap_or_default()
        )
    }
}

/// The endpoints are in Parameter Store, below the name of the stack, and AWS reserves some names there.
fn reserved(declare: &Declare<'_>) -> Option<Fault> {
    let stack = declare.stack().to_ascii_lowercase();
    let mut words = ["aws", "ssm"].into_iter();
    let word = words.find(|word| stack.starts_with(*word))?;
    let message = format!(
        "the name of a stack with a `database` must not begin with `{word}`: the endpoints are in Parameter Store as \
         /{}/database/…, and AWS reserves names that begin with /{word}",
        declare.stack()
    );
    let fault = Fault::new(message).at(declare.place(), "in this block");
    Some(fault.help("use another name for the stack"))
}

/// A class that no Aurora PostgreSQL runs on. One of a later generation than this version knows is left to AWS, which the
/// plan asks.
fn unknown_class(class: &At<String>) -> Option<Fault> {
    if classes::known(&class.value) != Known::No {
        return None;
    }
    let message = format!(
        "{} is not an instance class of Aurora PostgreSQL",
        quoted(&class.value)
    );
    let fault = Fault::new(message).at(class.span, "unknown class");
    Some(fault.help(classes::advice(&class.value)))
}

/// What is wrong with a value, where there is one.
fn wrong(
    what: &str,
    value: Option<&At<String>>,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Option<Fault> {
    let At { value, span } = value?;
    let message = check(value).err()?;
    Some(Fault::new(format!("{what} {message}")).at(*span, "not supported"))
}
