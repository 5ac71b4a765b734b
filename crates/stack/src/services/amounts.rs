//! CPU and memory as a stack file writes them.

use schemars::JsonSchema;
use serde::Deserialize;

/// An amount as a stack file writes it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an amount, such as 0.5 or 500m")]
enum Amount {
    Whole(u32),
    Part(f64),
    Text(String),
}

/// CPU, in thousandths of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Amount")]
pub(crate) struct Cpu(u32);

schema_of!(Cpu, Amount);

impl Cpu {
    pub(super) const fn thousandths(self) -> u32 {
        self.0
    }
}

impl TryFrom<Amount> for Cpu {
    type Error = String;

    fn try_from(amount: Amount) -> Result<Self, String> {
        let text = match amount {
            Amount::Whole(cores) => cores.to_string(),
            Amount::Part(cores) => cores.to_string(),
            Amount::Text(text) => text,
        };
        let thousandths = match text.strip_suffix('m') {
            Some(number) => number.parse().ok(),
            None => thousandths(&text),
        };
        let wrong = format!(
            "`{text}` is not an amount of CPU: use cores, such as 0.5, or thousandths, such as 500m"
        );
        thousandths
            .filter(|amount| (1..=1_000_000).contains(amount))
            .map(Self)
            .ok_or(wrong)
    }
}

/// Cores in thousandths; none for what is no amount, or has more than three digits behind its point.
fn thousandths(cores: &str) -> Option<u32> {
    let (whole, part) = cores.split_once('.').unwrap_or((cores, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(part)
}

/// Memory, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Memory(u32);

schema_of!(Memory, String);

impl Memory {
    pub(super) const fn mib(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let amount = |unit: &str, factor: u32| {
            let number = text.strip_suffix(unit)?.parse::<u32>().ok()?;
            number.checked_mul(factor)
        };
        amount("Mi", 1)
            .or_else(|| amount("Gi", 1024))
            .filter(|amount| (16..=16_777_216).contains(amount))
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is not an amount of memory: use Mi or Gi, such as 512Mi, and at least 16Mi")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_writes_them() {
        let cpu = |text: &str| serde_yaml::from_str::<Cpu>(text).map(|cpu| cpu.0).ok();
        assert_eq!(cpu("250m"), Some(250));
        assert_eq!(cpu("0.5"), Some(500));
        assert_eq!(cpu("2"), Some(2000));
        assert_eq!(cpu("'1.5'"), Some(1500));
        for wrong in ["0", "-1", "250M", "a", "0.0001", "[1]"] {
            assert_eq!(cpu(wrong), None, "{wrong}");
        }
        let memory = |text: &str| serde_yaml::from_str::<Memory>(text).map(|one| one.0).ok();
        assert_eq!(memory("512Mi"), Some(512));
        assert_eq!(memory("2Gi"), Some(2048));
        for wrong in ["512", "512M", "8Mi", "Gi", "99999999Gi"] {
            assert_eq!(memory(wrong), None, "{wrong}");
        }
    }
}
