//! The program that the runner runs: it has to run in an image that has other libraries than this machine.

use platctl_engine::{Class, CloudError, CloudResult};

use super::Program;

const OPERATION: &str = "codebuild:StartBuild";
const STATIC: &str = "use a static build (`cargo build --release --target x86_64-unknown-linux-musl`) with \
                      --runner-program, or choose another --cluster-access";

fn failed(message: impl Into<String>) -> CloudError {
    CloudError::new(Class::Invalid, OPERATION, message)
}

/// The program's bytes: what is stated, else this very one.
pub(super) async fn program(stated: Option<Program>) -> CloudResult<Vec<u8>> {
    let (file, whose) = match stated {
        // Whoever makes them himself knows where they run.
        Some(Program::Bytes(bytes)) => return Ok(bytes),
        Some(Program::File(file)) => (file.clone(), file.display().to_string()),
        None if cfg!(all(target_os = "linux", target_arch = "x86_64")) => {
            let file = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
            (file, "this executable".to_owned())
        }
        None => {
            let message = format!(
                "the runner requires platctl for Linux on x86-64, but this executable is for another system; {STATIC}"
            );
            return Err(failed(message));
        }
    };
    let bytes = tokio::fs::read(&file).await;
    let bytes =
        bytes.map_err(|error| failed(format!("cannot read {}: {error}", file.display())))?;
    match fault(&bytes) {
        Some(fault) => Err(failed(format!(
            "the runner cannot use {whose}: it {fault}; {STATIC}"
        ))),
        None => Ok(bytes),
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// What keeps an ELF file from running in any image for Linux on x86-64. A script is its author's business.
fn fault(bytes: &[u8]) -> Option<&'static str> {
    const X86_64: u16 = 62;
    const INTERPRETER: u32 = 3;
    if bytes.starts_with(b"#!") {
        return None;
    }
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Some("is not a 64-bit executable for Linux");
    }
    if number(bytes, 0x12).map(u16::from_le_bytes) != Some(X86_64) {
        return Some("is not for x86-64");
    }
    let headers = number(bytes, 0x20)
        .map(u64::from_le_bytes)
        .and_then(|at| usize::try_from(at).ok())?;
    let size = usize::from(u16::from_le_bytes(number(bytes, 0x36)?));
    let count = usize::from(u16::from_le_bytes(number(bytes, 0x38)?));
    let kind = |header: usize| {
        let at = headers.checked_add(header.checked_mul(size)?)?;
        number(bytes, at).map(u32::from_le_bytes)
    };
    let linked = (0..count).any(|header| kind(header) == Some(INTERPRETER));
    linked.then_some("is dynamically linked")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file for this processor, with program headers of these kinds.
    fn elf(machine: u16, kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 * kinds.len()];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x12..0x14].copy_from_slice(&machine.to_le_bytes());
        bytes[0x20..0x28].copy_from_slice(&64_u64.to_le_bytes());
        bytes[0x36..0x38].copy_from_slice(&56_u16.to_le_bytes());
        bytes[0x38..0x3a].copy_from_slice(&u16::try_from(kinds.len()).unwrap().to_le_bytes());
        for (number, kind) in kinds.iter().enumerate() {
            bytes[64 + 56 * number..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn what_needs_an_interpreter_or_another_processor_is_refused() {
        assert_eq!(fault(&elf(62, &[6, 1, 1])), None);
        assert_eq!(fault(&elf(62, &[6, 3, 1])), Some("is dynamically linked"));
        assert_eq!(fault(&elf(183, &[1])), Some("is not for x86-64"));
        assert_eq!(fault(b"MZ"), Some("is not a 64-bit executable for Linux"));
        assert_eq!(fault(b"#!/bin/sh\n"), None);
        // Cut off anywhere, it is read to no harm.
        let whole = elf(62, &[6, 3, 1]);
        for length in 0..whole.len() {
            fault(&whole[..length]);
        }
    }

    #[tokio::test]
    async fn a_stated_program_that_is_linked_is_refused_with_the_way_out() {
        let folder = std::env::temp_dir().join(format!("platctl-program-{}", std::process::id()));
        tokio::fs::create_dir_all(&folder).await.unwrap();
        let file = folder.join("platctl");
        tokio::fs::write(&file, elf(62, &[3])).await.unwrap();
        let error = program(Some(Program::File(file.clone())))
            .await
            .unwrap_err();
        assert!(
            error.message.contains("--runner-program") && error.message.contains("musl"),
            "{error}"
        );
        tokio::fs::write(&file, elf(62, &[1])).await.unwrap();
        assert_eq!(
            program(Some(Program::File(file))).await.unwrap(),
            elf(62, &[1])
        );
        tokio::fs::remove_dir_all(&folder).await.unwrap();
        assert!(
            program(Some(Program::Bytes(b"anything".to_vec())))
                .await
                .is_ok()
        );
    }
}
