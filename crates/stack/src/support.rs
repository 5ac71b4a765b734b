//! How long AWS supports the versions that a stack file states, and what it costs to stay behind.

use platctl_engine::Address;
use platctl_engine::graph::Graph;
use platctl_engine::state::{Record, State};
use serde_json::Value;
use time::macros::date;
use time::{Date, Duration};

/// Until when EKS supports a version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// The version.
    pub version: &'static str,
    /// The end of standard support, and of extended support; none where AWS has not announced it.
    pub ends: Option<(Date, Date)>,
}

const fn until(version: &'static str, standard: Date, extended: Date) -> Support {
    Support {
        version,
        ends: Some((standard, extended)),
    }
}

/// When the table was last compared with the release calendar of EKS.
pub const AS_OF: Date = date!(2026 - 11 - 28);

/// The versions of Kubernetes that EKS has, the newest last.
pub const KUBERNETES: [Support; 5] = [
    until("1.32", date!(2026 - 03 - 23), date!(2027 - 03 - 23)),
    until("1.33", date!(2026 - 07 - 29), date!(2027 - 07 - 29)),
    until("1.34", date!(2026 - 12 - 02), date!(2027 - 12 - 02)),
    until("1.35", date!(2027 - 03 - 27), date!(2028 - 03 - 27)),
    Support {
        version: "1.36",
        ends: None,
    },
];

/// What a cluster costs an hour under standard support, and under extended support, in US dollars.
const PRICES: (f64, f64) = (0.10, 0.60);
/// How many hours a month has, as AWS counts them.
const HOURS: f64 = 730.0;
/// How long before the end it is told: AWS announces it as early.
const EARLY: Duration = Duration::days(60);

/// What is known of a version.
#[must_use]
pub fn support(version: &str) -> Option<&'static Support> {
    KUBERNETES.iter().find(|known| known.version == version)
}

/// The clusters of a graph whose version is at the end of its support, or close to it: each with the date, the price
/// and what to do.
#[must_use]
pub fn endings(graph: &Graph, today: Date) -> Vec<String> {
    let nodes = graph.in_order().map(|entry| &entry.node);
    let of = |node: &platctl_engine::graph::Node| {
        of_cluster(node.address.as_str(), &node.kind, &node.spec, today)
    };
    nodes.filter_map(of).collect()
}

/// The same of the clusters that a state knows, as they were last applied.
#[must_use]
pub fn endings_in(state: &State, today: Date) -> Vec<String> {
    let records = state.resources.iter();
    let of = |(address, record): (&Address, &Record)| {
        let object = record.object.as_ref()?;
        of_cluster(address.as_str(), &record.kind, &object.spec, today)
    };
    records.filter_map(of).collect()
}

fn of_cluster(address: &str, kind: &str, spec: &Value, today: Date) -> Option<String> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str);
    let version = text("version").filter(|_| kind == "eks.Cluster")?;
    let upgraded = text("support_type") == Some("STANDARD");
    ending(version, upgraded, today).map(|what| format!("`{address}`: {what}"))
}

/// What there is to say of a version; `upgraded` where EKS does not go into extended support, but upgrades.
fn ending(version: &str, upgraded: bool, today: Date) -> Option<String> {
    let known = support(version)?;
    let (standard, extended) = known.ends?;
    if today + EARLY < standard {
        return None;
    }
    let next = next(version).map_or_else(String::new, |next| {
        format!(". To see what is in the way of an upgrade, run `platctl upgrade FILE --to {next}`")
    });
    let (usual, more) = PRICES;
    let month = (more - usual) * HOURS;
    Some(if today >= extended {
        format!(
            "EKS no longer supports Kubernetes {version} (since {extended}), and upgrades the cluster{next}"
        )
    } else if upgraded {
        format!(
            "standard support of Kubernetes {version} ends on {standard}; EKS then upgrades the cluster{next}"
        )
    } else {
        let verb = if today < standard { "ends" } else { "ended" };
        format!(
            "standard support of Kubernetes {version} {verb} on {standard}. Extended support, until {extended}, costs \
             ${more:.2} instead of ${usual:.2} per cluster hour: ${month:.0} more a month{next}"
        )
    })
}

/// The version after this one.
fn next(version: &str) -> Option<&'static str> {
    let at = KUBERNETES
        .iter()
        .position(|known| known.version == version)?;
    KUBERNETES.get(at + 1).map(|known| known.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = date!(2026 - 11 - 28);

    #[test]
    fn the_end_of_standard_support_is_told_with_its_price() {
        let told = ending("1.34", false, TODAY).unwrap();
        for part in [
            "ends on 2026-12-02",
            "until 2027-12-02",
            "$0.60 instead of $0.10 per cluster hour: $365 more a month",
            "`platctl upgrade FILE --to 1.35`",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let told = ending("1.33", false, TODAY).unwrap();
        assert!(told.contains("ended on 2026-07-29"), "{told}");
        let told = ending("1.34", true, TODAY).unwrap();
        assert!(
            told.contains("EKS then upgrades") && !told.contains('$'),
            "{told}"
        );
    }

    #[test]
    fn it_is_told_sixty_days_before() {
        assert_eq!(ending("1.35", false, date!(2027 - 01 - 25)), None);
        assert!(ending("1.35", false, date!(2027 - 01 - 26)).is_some());
        assert_eq!(ending("1.36", false, TODAY), None, "not announced");
        assert_eq!(ending("1.99", false, TODAY), None, "not known");
    }

    #[test]
    fn a_version_without_support_is_told() {
        let told = ending("1.32", false, date!(2027 - 03 - 23)).unwrap();
        assert!(told.contains("no longer supports"), "{told}");
    }

    #[test]
    fn the_table_goes_up_and_is_dated() {
        let minors = KUBERNETES.map(|known| {
            let (_, minor) = known.version.split_once('.').unwrap();
            minor.parse::<u8>().unwrap()
        });
        assert!(minors.windows(2).all(|two| two[0] + 1 == two[1]));
        let ends = KUBERNETES.iter().filter_map(|known| known.ends);
        for (standard, extended) in ends {
            assert!(standard < extended && extended > AS_OF);
        }
    }
}
