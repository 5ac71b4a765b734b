//! The instance classes of Aurora PostgreSQL.

use platctl_engine::nearest;

/// Families and their sizes, as AWS offered them for Aurora PostgreSQL when this version was made. What AWS offers in a
/// region, for a version, only AWS knows: see [`super::orderable`].
const CLASSES: &[(&str, &[&str])] = &[
    ("t3", &["medium", "large"]),
    ("t4g", &["medium", "large"]),
    (
        "r4",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge",
        ],
    ),
    (
        "r5",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
        ],
    ),
    (
        "r6g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "r6gd",
        &[
            "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "r6i",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "32xlarge",
        ],
    ),
    ("r6id", &["24xlarge", "32xlarge"]),
    (
        "r7g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "r7i",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "48xlarge",
        ],
    ),
    (
        "r8a",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "48xlarge",
        ],
    ),
    (
        "r8g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "48xlarge",
        ],
    ),
    (
        "r8gd",
        &[
            "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "48xlarge",
        ],
    ),
    (
        "x2g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
];

/// The class of Aurora Serverless v2.
pub const SERVERLESS: &str = "db.serverless";

/// What a text is as an instance class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// AWS has it.
    Yes,
    /// It has the form of a class of a later generation than those known here: AWS may have it.
    Perhaps,
    /// AWS has no such class.
    No,
}

/// Whether Aurora PostgreSQL runs on this class.
#[must_use]
pub fn known(class: &str) -> Known {
    if class == SERVERLESS {
        return Known::Yes;
    }
    let Some((family, size)) = class
        .strip_prefix("db.")
        .and_then(|rest| rest.split_once('.'))
    else {
        return Known::No;
    };
    match CLASSES.iter().find(|(known, _)| *known == family) {
        Some((_, sizes)) if sizes.contains(&size) => Known::Yes,
        None if is_later(family) && is_size(size) => Known::Perhaps,
        _ => Known::No,
    }
}

/// What is wrong with a class that AWS does not have, and what was probably meant.
#[must_use]
pub fn unknown(class: &str) -> String {
    format!(
        "`{class}` is not an instance class of Aurora PostgreSQL; {}",
        advice(class)
    )
}

/// The class that was probably meant, or some that there are.
#[must_use]
pub fn advice(class: &str) -> String {
    let all: Vec<String> = all().collect();
    match nearest(class, all.iter().map(String::as_str)) {
        Some(found) => format!("did you mean `{found}`?"),
        None => "use a class such as db.r6g.large, db.t4g.medium or db.serverless".to_owned(),
    }
}

/// All classes that are known.
pub fn all() -> impl Iterator<Item = String> {
    let classes = CLASSES
        .iter()
        .flat_map(|(family, sizes)| sizes.iter().map(move |size| format!("db.{family}.{size}")));
    classes.chain([SERVERLESS.to_owned()])
}

/// Letters and the generation of a family: `r` and 8 of `r8gd`.
fn generation(family: &str) -> Option<(&str, u32)> {
    let digits = family.find(|c: char| c.is_ascii_digit())?;
    let (letters, rest) = family.split_at_checked(digits)?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((letters, number.parse().ok()?))
}

fn is_later(family: &str) -> bool {
    let Some((letters, number)) = generation(family) else {
        return false;
    };
    let same = CLASSES.iter().filter_map(|(known, _)| generation(known));
    let newest = same
        .filter(|(known, _)| *known == letters)
        .map(|(_, number)| number)
        .max();
    newest.is_some_and(|newest| number > newest)
}

fn is_size(size: &str) -> bool {
    let multiple = size
        .strip_suffix("xlarge")
        .is_some_and(|number| number.parse::<u16>().is_ok());
    multiple || ["micro", "small", "medium", "large", "xlarge"].contains(&size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_do_not_have_all_sizes() {
        for class in [
            "db.r6g.large",
            "db.t4g.medium",
            "db.r8gd.48xlarge",
            "db.serverless",
        ] {
            assert_eq!(known(class), Known::Yes, "{class}");
        }
        for class in [
            "db.r6g.24xlarge",
            "db.t3.micro",
            "db.r6id.large",
            "db.m6g.large",
            "db.r6g",
            "r6g.large",
            "db.r6gg.large",
            "db.r9g.largest",
        ] {
            assert_eq!(known(class), Known::No, "{class}");
        }
        assert_eq!(known("db.r9g.large"), Known::Perhaps);
        assert!(all().all(|class| known(&class) == Known::Yes));
    }
}
