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

/// The operating systems that EKS has images of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ami {
    /// Amazon Linux 2023.
    #[default]
    Al2023,
    /// Bottlerocket: only what containers need, with a read-only root file system.
    Bottlerocket,
}

/// The AMI type for instances of these types.
///
/// # Errors
/// When they do not fit together: there is no image for all of them.
pub fn image<'a>(
    types: impl IntoIterator<Item = &'a str> + Clone,
    ami: Ami,
) -> Result<&'static str, String> {
    let of = one_of(types.clone(), of_type, "processors")?;
    let accelerator = one_of(types, |one| Some(accelerator(one)), "accelerators")?.flatten();
    let is_arm = of == Some(Architecture::Arm);
    match (ami, is_arm, accelerator) {
        (Ami::Al2023, false, None) => Ok("AL2023_x86_64_STANDARD"),
        (Ami::Al2023, false, Some(Accelerator::Nvidia)) => Ok("AL2023_x86_64_NVIDIA"),
        (Ami::Al2023, false, Some(Accelerator::Neuron)) => Ok("AL2023_x86_64_NEURON"),
        (Ami::Al2023, true, None) => Ok("AL2023_ARM_64_STANDARD"),
        (Ami::Al2023, true, Some(_)) => Ok("AL2023_ARM_64_NVIDIA"),
        (Ami::Bottlerocket, _, Some(Accelerator::Neuron)) => Err(
            "EKS has no Bottlerocket AMI for Trainium and Inferentia: use `ami: al2023`".to_owned(),
        ),
        (Ami::Bottlerocket, false, None) => Ok("BOTTLEROCKET_x86_64"),
        (Ami::Bottlerocket, false, Some(_)) => Ok("BOTTLEROCKET_x86_64_NVIDIA"),
        (Ami::Bottlerocket, true, None) => Ok("BOTTLEROCKET_ARM_64"),
        (Ami::Bottlerocket, true, Some(_)) => Ok("BOTTLEROCKET_ARM_64_NVIDIA"),
    }
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
        let al2023 = |types: &[&'static str]| image(types.iter().copied(), Ami::Al2023);
        assert_eq!(
            al2023(&["m6i.large", "m5.large"]),
            Ok("AL2023_x86_64_STANDARD")
        );
        assert_eq!(al2023(&["m7g.large"]), Ok("AL2023_ARM_64_STANDARD"));
        assert_eq!(
            al2023(&["g5.xlarge", "p4d.24xlarge"]),
            Ok("AL2023_x86_64_NVIDIA")
        );
        assert_eq!(al2023(&["g5g.xlarge"]), Ok("AL2023_ARM_64_NVIDIA"));
        assert_eq!(al2023(&["inf2.xlarge"]), Ok("AL2023_x86_64_NEURON"));
        assert_eq!(al2023(&["g4ad.xlarge"]), Ok("AL2023_x86_64_STANDARD"));
        assert_eq!(al2023(&[]), Ok("AL2023_x86_64_STANDARD"));
        assert_eq!(
            al2023(&["m6i.large", "m7g.large"]),
            Err(
                "`m6i.large` and `m7g.large` have different processors, so no AMI fits both".into()
            )
        );
        assert!(al2023(&["m6i.large", "g5.xlarge"]).is_err());
    }

    #[test]
    fn bottlerocket_has_an_image_for_the_same_types_but_those_with_neuron() {
        let bottlerocket = |one: &'static str| image([one], Ami::Bottlerocket);
        assert_eq!(bottlerocket("m6i.large"), Ok("BOTTLEROCKET_x86_64"));
        assert_eq!(bottlerocket("m7g.large"), Ok("BOTTLEROCKET_ARM_64"));
        assert_eq!(bottlerocket("g5.xlarge"), Ok("BOTTLEROCKET_x86_64_NVIDIA"));
        assert_eq!(bottlerocket("g5g.xlarge"), Ok("BOTTLEROCKET_ARM_64_NVIDIA"));
        assert!(bottlerocket("trn1.2xlarge").is_err_and(|why| why.contains("ami: al2023")));
        let known = aws_sdk_eks::types::AmiTypes::values();
        for ami in ["m6i.large", "m7g.large", "g5.xlarge", "g5g.xlarge"].map(bottlerocket) {
            assert!(ami.as_ref().is_ok_and(|ami| known.contains(ami)), "{ami:?}");
        }
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
