//! The regions of AWS, its partitions, and the names that differ between them.

use platctl_engine::nearest;

/// A part of AWS with regions, accounts and names of its own.
#[derive(Debug)]
struct Partition {
    name: &'static str,
    /// What the names of its hosts end with.
    dns_suffix: &'static str,
    /// What the names of its regions begin with, so that the partition of one that is not listed is known.
    prefix: &'static str,
    regions: &'static [&'static str],
}

/// The one that all other regions are in comes last.
const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws-cn",
        dns_suffix: "amazonaws.com.cn",
        prefix: "cn-",
        regions: &["cn-north-1", "cn-northwest-1"],
    },
    Partition {
        name: "aws-us-gov",
        dns_suffix: "amazonaws.com",
        prefix: "us-gov-",
        regions: &["us-gov-east-1", "us-gov-west-1"],
    },
    Partition {
        name: "aws-eusc",
        dns_suffix: "amazonaws.eu",
        prefix: "eusc-",
        regions: &["eusc-de-east-1"],
    },
    Partition {
        name: "aws-iso",
        dns_suffix: "c2s.ic.gov",
        prefix: "us-iso-",
        regions: &["us-iso-east-1", "us-iso-west-1"],
    },
    Partition {
        name: "aws-iso-b",
        dns_suffix: "sc2s.sgov.gov",
        prefix: "us-isob-",
        regions: &["us-isob-east-1", "us-isob-west-1"],
    },
    Partition {
        name: "aws-iso-e",
        dns_suffix: "cloud.adc-e.uk",
        prefix: "eu-isoe-",
        regions: &["eu-isoe-west-1"],
    },
    Partition {
        name: "aws-iso-f",
        dns_suffix: "csp.hci.ic.gov",
        prefix: "us-isof-",
        regions: &["us-isof-east-1", "us-isof-south-1"],
    },
    Partition {
        name: "aws",
        dns_suffix: "amazonaws.com",
        prefix: "",
        regions: &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "me-west-1",
            "mx-central-1",
            "sa-east-1",
            "sa-west-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    },
];

/// All regions that AWS had when this version was made.
pub fn all() -> impl Iterator<Item = &'static str> {
    PARTITIONS
        .iter()
        .flat_map(|partition| partition.regions)
        .copied()
}

/// Whether AWS has a region of this name.
///
/// # Errors
/// That it has none, and which one was probably meant.
pub fn check(region: &str) -> Result<(), String> {
    if all().any(|known| known == region) {
        return Ok(());
    }
    let meant = nearest(region, all()).map(|found| format!(": did you mean `{found}`?"));
    Err(format!(
        "AWS has no region `{region}`{}",
        meant.unwrap_or_default()
    ))
}

/// The partition of a region: `aws`, `aws-cn`, …
#[must_use]
pub fn partition(region: &str) -> &'static str {
    PARTITIONS
        .iter()
        .find(|partition| region.starts_with(partition.prefix))
        .map_or("aws", |found| found.name)
}

/// What the names of hosts and of services end with in a partition.
#[must_use]
pub fn dns_suffix(partition: &str) -> &'static str {
    PARTITIONS
        .iter()
        .find(|one| one.name == partition)
        .map_or("amazonaws.com", |found| found.dns_suffix)
}

/// The services of which the interface endpoints in China have names that begin with `cn.`.
const CHINESE: &[&str] = &[
    "application-autoscaling",
    "athena",
    "autoscaling",
    "backup",
    "batch",
    "cassandra",
    "cloudcontrolapi",
    "cloudformation",
    "databrew",
    "dms",
    "ebs",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "emr-containers",
    "execute-api",
    "fsx",
    "imagebuilder",
    "kinesis-streams",
    "lambda",
    "license-manager",
    "monitoring",
    "rds",
    "redshift",
    "redshift-data",
    "sagemaker.api",
    "sagemaker.runtime",
    "securityhub",
    "servicecatalog",
    "sqs",
    "states",
    "sts",
    "synthetics",
    "transfer",
    "xray",
];

/// The full name of the endpoint service of a service of AWS. A name that is written in full stays as it is.
#[must_use]
pub fn endpoint_service(service: &str, region: &str) -> String {
    if service.contains(&format!(".{region}.")) || service.contains("amazonaws.") {
        return service.to_owned();
    }
    let prefix = if partition(region) == "aws-cn" && CHINESE.contains(&service) {
        "cn."
    } else {
        ""
    };
    format!("{prefix}com.amazonaws.{region}.{service}")
}

/// What the IDs of a region's zones begin with: `euw1` for eu-west-1. None for a region of an unusual form.
#[must_use]
pub fn zone_prefix(region: &str) -> Option<String> {
    let mut parts: Vec<&str> = region.split('-').collect();
    let number = parts.pop()?;
    let direction = match parts.pop()? {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        "central" => "c",
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        _ => return None,
    };
    let place = match parts.as_slice() {
        [area] => (*area).to_owned(),
        ["us", "gov"] => "usg".to_owned(),
        _ => return None,
    };
    Some(format!("{place}{direction}{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_in_the_partition_that_lists_it() {
        for listed in &PARTITIONS {
            for region in listed.regions {
                assert_eq!(partition(region), listed.name, "{region}");
            }
        }
        assert_eq!(partition("eu-west-9"), "aws");
        assert_eq!(dns_suffix(partition("cn-north-1")), "amazonaws.com.cn");
        assert_eq!(dns_suffix(partition("eusc-de-east-1")), "amazonaws.eu");
        assert_eq!(dns_suffix("aws"), "amazonaws.com");
    }

    #[test]
    fn unknown_regions_are_refused_with_what_was_probably_meant() {
        assert_eq!(check("eu-west-1"), Ok(()));
        assert_eq!(
            check("eu-wset-1"),
            Err("AWS has no region `eu-wset-1`: did you mean `eu-west-1`?".into())
        );
        assert_eq!(
            check("somewhere-else"),
            Err("AWS has no region `somewhere-else`".into())
        );
    }

    #[test]
    fn endpoint_services_have_other_names_in_china() {
        let name = endpoint_service;
        assert_eq!(
            name("ecr.api", "eu-west-1"),
            "com.amazonaws.eu-west-1.ecr.api"
        );
        assert_eq!(
            name("ecr.api", "cn-north-1"),
            "cn.com.amazonaws.cn-north-1.ecr.api"
        );
        assert_eq!(
            name("sts", "cn-northwest-1"),
            "cn.com.amazonaws.cn-northwest-1.sts"
        );
        assert_eq!(name("logs", "cn-north-1"), "com.amazonaws.cn-north-1.logs");
        // The gateway endpoint.
        assert_eq!(name("s3", "cn-north-1"), "com.amazonaws.cn-north-1.s3");
        for full in [
            "com.amazonaws.eu-west-1.sts",
            "gov.ic.c2s.us-iso-east-1.ecr.api",
        ] {
            assert_eq!(name(full, "us-iso-east-1"), full);
        }
    }

    #[test]
    fn zones_are_named_after_their_region() {
        let known = [
            ("us-east-1", "use1"),
            ("us-west-1", "usw1"),
            ("ca-central-1", "cac1"),
            ("ap-southeast-2", "apse2"),
            ("us-gov-west-1", "usgw1"),
        ];
        for (region, prefix) in known {
            assert_eq!(zone_prefix(region).as_deref(), Some(prefix));
        }
        assert_eq!(zone_prefix("somewhere"), None);
    }
}
