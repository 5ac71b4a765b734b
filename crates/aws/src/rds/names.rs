//! Names of users and databases that Aurora PostgreSQL takes, and its ports.

/// The keywords that PostgreSQL keeps for itself.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// Users that RDS has made itself, or keeps for itself.
const USERS: &[&str] = &[
    "admin",
    "rdsadmin",
    "rds_superuser",
    "rds_replication",
    "rds_iam",
    "rds_password",
];

/// Databases that are there already, and other words that RDS is known to refuse for one.
const DATABASES: &[&str] = &[
    "admin",
    "catalog",
    "control",
    "dispatch",
    "flag",
    "postgres",
    "rdsadmin",
    "template0",
    "template1",
];

/// The ports that an Aurora cluster can have.
pub const PORTS: std::ops::RangeInclusive<i32> = 1150..=65535;

/// Whether a cluster can listen on this port.
///
/// # Errors
/// What is wrong with it.
pub fn check_port(port: i32) -> Result<(), String> {
    if PORTS.contains(&port) {
        return Ok(());
    }
    Err(format!(
        "must be between {} and {}",
        PORTS.start(),
        PORTS.end()
    ))
}

/// Whether Aurora PostgreSQL takes a master user of this name.
///
/// # Errors
/// What is wrong with it.
pub fn check_user(name: &str) -> Result<(), String> {
    if !is_word(name, 16) {
        return Err("must have 1 to 16 letters, digits and `_`, and begin with a letter".into());
    }
    if name.to_ascii_lowercase().starts_with("pg_") {
        return Err("must not begin with `pg_`: PostgreSQL keeps such names for itself".into());
    }
    free(name, USERS, "for a user")
}

/// Whether Aurora PostgreSQL makes a database of this name.
///
/// # Errors
/// What is wrong with it.
pub fn check_database(name: &str) -> Result<(), String> {
    if !is_word(name, 63) {
        return Err("must have 1 to 63 letters, digits and `_`, and begin with a letter".into());
    }
    free(name, DATABASES, "for a database")
}

fn is_word(name: &str, most: usize) -> bool {
    (1..=most).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn free(name: &str, taken: &[&str], what: &str) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) || taken.contains(&name.as_str()) {
        return Err(format!(
            "must not be `{name}`: AWS does not allow this word {what}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_postgresql() {
        for good in ["platform", "postgres", "App_1", "a234567890123456"] {
            assert_eq!(check_user(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "admin",
            "Admin",
            "rdsadmin",
            "pg_dba",
            "user",
            "1st",
            "a-b",
            "a2345678901234567",
            "\u{fc}",
        ] {
            assert!(check_user(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn databases_of_postgresql() {
        for good in ["app", "app_2", "catalogue"] {
            assert_eq!(check_database(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "my-app",
            "grant",
            "catalog",
            "admin",
            "postgres",
            "template1",
            "_app",
        ] {
            assert!(check_database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_of_aurora() {
        assert_eq!(
            (check_port(1150), check_port(5432), check_port(65535)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert!(check_port(1149).is_err() && check_port(65536).is_err());
    }
}
