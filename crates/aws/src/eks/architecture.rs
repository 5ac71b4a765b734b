//! What processors instance types have, and which images fit them.

use std::fmt;

/// The processors of an instance type, or those that an image is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Intel and AMD.
    X86,
    /// Graviton.
    Arm,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86 => "x86",
            Self::Arm => "Arm",
        })
    }
}

/// What an instance type computes with beside its processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// GPUs of NVIDIA.
    Nvidia,
    /// Trainium or Inferentia.
    Neuron,
}

/// A family such as `m7gd`: letters, generation, attributes.
fn family(instance_type: &str) -> Option<(&str, &str)> {
    let (family, _) = instance_type.split_once('.')?;
    let digits = family.find(|c: char| c.is_ascii_digit())?;
    let (letters, rest) = family.split_at_checked(digits)?;
    let sound = !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_lowercase());
    sound.then(|| {
        (
            letters,
            rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        )
    })
}

/// The processors of an instance type, by its name: the attribute `g` stands for Graviton. None for a name of another
/// form, such as `u-6tb1.metal`.
#[must_use]
pub fn of_type(instance_type: &str) -> Option<Architecture> {
    let (letters, attributes) = family(instance_type)?;
    let is_arm = attributes.contains('g') || letters == "a";
    Some(if is_arm {
        Architecture::Arm
    } else {
        Architecture::X86
    })
}

/// What an instance type computes with beside its processors.
#[must_use]
pub fn accelerator(instance_type: &str) -> Option<Accelerator> {
    match family(instance_type)? {
        // Of g4ad the GPUs are AMD's.
        ("g", attributes) if attributes.contains('a') => None,
        ("g" | "gr" | "p", _) => Some(Accelerator::Nvidia),
        ("inf" | "trn", _) => Some(Accelerator::Neuron),
        _ => None,
    }
}

/// What an AMI type is made for. None where it does not say: `CUSTOM`.
#[must_use]
pub fn of_ami(ami_type: &str) -> Option<Architecture> {
    if ami_type.contains("ARM_64") {
        return Some(Architecture::Arm);
    }
    let is_x86 = ami_type.contains("x86_64") || ami_type.starts_with("WINDOWS");
    is_x86.then_some(Architecture::X86)
}

/// The AMI type of Amazon Linux 2023 for instances of these types.
///
/// # Errors
/// When they do not fit together: there is no image for all of them.
pub fn image<'a>(types: impl IntoIterator<Item = &'a str> + Clone) -> Result<&'static str, String> {
    let of = one_of(types.clone(), of_type, "processors")?;
    let accelerator = one_of(types, |one| Some(accelerator(one)), "accelerators")?;
    Ok(
        match (of.unwrap_or(Architecture::X86), accelerator.flatten()) {
            (Architecture::X86, None) => "AL2023_x86_64_STANDARD",
            (Architecture::X86, Some(Accelerator::Nvidia)) => "AL2023_x86_64_NVIDIA",
            (Architecture::X86, Some(Accelerator::Neuron)) => "AL2023_x86_64_NEURON",
            (Architecture::Arm, None) => "AL2023_ARM_64_STANDARD",
            (Architecture::Arm, Some(_)) => "AL2023_ARM_64_NVIDIA",
        },
    )
}

/// What all of them have in common. None where no name says it.
fn one_of<'a, T: PartialEq>(
    types: impl IntoIterator<Item = &'a str>,
    of: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    let mut first: Option<(&str, T)> = None;
    for one in types {
        let Some(its) = of(one) else { continue };
        match &first {
            None => first = Some((one, its)),
            Some((other, known)) if *known != its => {
                return Err(format!(
                    "`{other}` and `{one}` have different {what}, so no AMI fits both"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(first.map(|(_, its)| its))
}

/// Whether EKS takes instances of these types with an image.
pub(super) fn check(types: &[String], ami_type: Option<&str>) -> Result<(), String> {
    let mixed = one_of(types.iter().map(String::as_str), of_type, "processors")?;
    let (Some(needed), Some(ami)) = (mixed, ami_type) else {
        return Ok(());
    };
    let Some(made_for) = of_ami(ami).filter(|made_for| *made_for != needed) else {
        return Ok(());
    };
    let example = types.first().map(String::as_str).unwrap_or_default();
    let fitting = match needed {
        Architecture::Arm => ami.replace("x86_64", "ARM_64"),
        Architecture::X86 => ami.replace("ARM_64", "x86_64"),
    };
    Err(format!(
        "`{example}` has {needed} processors, but {ami} is an {made_for} image: use {fitting}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_say_what_processors_they_have() {
        for arm in [
            "m7g.large",
            "c7gn.xlarge",
            "t4g.medium",
            "r8gd.2xlarge",
            "x2gd.large",
            "im4gn.large",
        ] {
            assert_eq!(of_type(arm), Some(Architecture::Arm), "{arm}");
        }
        for arm in [
            "is4gen.large",
            "i4g.large",
            "g5g.xlarge",
            "a1.large",
            "hpc7g.4xlarge",
            "c9g.large",
        ] {
            assert_eq!(of_type(arm), Some(Architecture::Arm), "{arm}");
        }
        for x86 in [
            "m6i.large",
            "t3.medium",
            "g4dn.xlarge",
            "g6e.xlarge",
            "c7a.large",
            "x2iedn.xlarge",
        ] {
            assert_eq!(of_type(x86), Some(Architecture::X86), "{x86}");
        }
        assert_eq!(of_type("u-6tb1.metal"), None);
        assert_eq!(of_type("large"), None);
    }

    #[test]
    fn an_image_fits_all_types_or_there_is_none() {
        assert_eq!(
            image(["m6i.large", "m5.large"]),
            Ok("AL2023_x86_64_STANDARD")
        );
        assert_eq!(image(["m7g.large"]), Ok("AL2023_ARM_64_STANDARD"));
        assert_eq!(
            image(["g5.xlarge", "p4d.24xlarge"]),
            Ok("AL2023_x86_64_NVIDIA")
        );
        assert_eq!(image(["inf2.xlarge"]), Ok("AL2023_x86_64_NEURON"));
        assert_eq!(image(["g4ad.xlarge"]), Ok("AL2023_x86_64_STANDARD"));
        assert_eq!(image([]), Ok("AL2023_x86_64_STANDARD"));
        assert_eq!(
            image(["m6i.large", "m7g.large"]),
            Err(
                "`m6i.large` and `m7g.large` have different processors, so no AMI fits both".into()
            )
        );
        assert!(image(["m6i.large", "g5.xlarge"]).is_err());
    }

    #[test]
    fn an_image_is_made_for_some_processors() {
        let types = |types: &[&str]| types.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            check(&types(&["m7g.large"]), Some("AL2023_ARM_64_STANDARD")),
            Ok(())
        );
        assert_eq!(check(&types(&["m7g.large"]), Some("CUSTOM")), Ok(()));
        assert_eq!(check(&types(&["m7g.large"]), None), Ok(()));
        assert_eq!(
            check(&types(&["m7g.large"]), Some("BOTTLEROCKET_x86_64")),
            Err("`m7g.large` has Arm processors, but BOTTLEROCKET_x86_64 is an x86 image: use BOTTLEROCKET_ARM_64"
                .into())
        );
        assert!(check(&types(&["m6i.large"]), Some("AL2023_ARM_64_STANDARD")).is_err());
        assert!(check(&types(&["m7g.large", "m6i.large"]), None).is_err());
    }
}
