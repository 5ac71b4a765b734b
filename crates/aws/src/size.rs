//! Amounts as people say them.

/// `1 image`, `1,204 images`, `more than 1,000 images`.
pub(crate) fn counted(count: usize, one: &str, many: &str, more: bool) -> String {
    let name = if count == 1 && !more { one } else { many };
    let digits = count.to_string();
    let groups: Vec<String> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    format!("{}{} {name}", at_least(more), groups.join(","))
}

/// `0 B`, `1.5 kB`, `more than 12.0 GB`: decimal units, as the consoles of AWS and registries of images say them.
pub(crate) fn sized(bytes: u64, more: bool) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{}{bytes} B", at_least(more));
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!(
        "{}{}.{} {}",
        at_least(more),
        tenths / 10,
        tenths % 10,
        UNITS[unit]
    )
}

const fn at_least(more: bool) -> &'static str {
    if more { "more than " } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!(counted(1, "image", "images", false), "1 image");
        assert_eq!(counted(1204, "image", "images", false), "1,204 images");
        assert_eq!(
            counted(1000, "image", "images", true),
            "more than 1,000 images"
        );
        assert_eq!(sized(999, false), "999 B");
        assert_eq!(sized(1500, false), "1.5 kB");
        assert_eq!(sized(12_345_678_900, true), "more than 12.3 GB");
        assert_eq!(sized(u64::MAX, false), "18446.7 PB");
    }
}
