//! Key pairs for SSH, as OpenSSH writes them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};

const KIND: &str = "ssh-ed25519";
/// The block of the cipher that is none.
const BLOCK: usize = 8;
const LINE: usize = 70;

/// A key pair. It has no `Debug`, so that nothing prints it.
pub(crate) struct Pair {
    /// One line, as it is in `authorized_keys`.
    pub(crate) public: String,
    /// A file that begins with `BEGIN OPENSSH PRIVATE KEY`.
    pub(crate) private: String,
}

/// A length that a number of four bytes has room for: all that is written here is short.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes()
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(length(bytes));
    out.extend(bytes);
}

/// A new key pair; none where this machine has no random numbers.
pub(crate) fn ed25519(comment: &str) -> Option<Pair> {
    let (mut seed, mut check) = ([0; 32], [0; 4]);
    let random = SystemRandom::new();
    random.fill(&mut seed).ok()?;
    random.fill(&mut check).ok()?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
    let public = pair.public_key().as_ref();

    let mut blob = Vec::new();
    put(&mut blob, KIND.as_bytes());
    put(&mut blob, public);

    let mut secret = [check, check].concat();
    secret.extend(&blob);
    put(&mut secret, &[&seed, public].concat());
    put(&mut secret, comment.as_bytes());
    for number in 1..=u8::MAX {
        if secret.len().is_multiple_of(BLOCK) {
            break;
        }
        secret.push(number);
    }

    let mut file = b"openssh-key-v1\0".to_vec();
    for none in ["none", "none", ""] {
        put(&mut file, none.as_bytes());
    }
    file.extend(1_u32.to_be_bytes());
    put(&mut file, &blob);
    put(&mut file, &secret);
    Some(Pair {
        public: format!("{KIND} {}", STANDARD.encode(blob)),
        private: pem(&file),
    })
}

fn pem(bytes: &[u8]) -> String {
    let mut text = "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned();
    let encoded = STANDARD.encode(bytes);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    text
}

/// The SHA-256 digest of a public key, for a name, whatever comment stands behind it.
pub(crate) fn digest(public: &str) -> String {
    let key = public.split_whitespace().nth(1).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// Takes what has its length before it.
    fn take<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
        let (length, rest) = bytes.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let (taken, rest) = rest.split_at(length);
        *bytes = rest;
        taken
    }

    #[test]
    fn a_key_is_written_as_openssh_writes_it() {
        let pair = ed25519("prod").unwrap();
        let body: String = pair
            .private
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        let file = STANDARD.decode(body).unwrap();
        let mut rest = file.strip_prefix(b"openssh-key-v1\0").unwrap();
        assert_eq!([take(&mut rest), take(&mut rest)], [b"none", b"none"]);
        assert!(take(&mut rest).is_empty());
        rest = rest.strip_prefix(&[0, 0, 0, 1]).unwrap();
        let blob = take(&mut rest);
        assert_eq!(
            pair.public,
            format!("ssh-ed25519 {}", STANDARD.encode(blob))
        );
        let mut secret = take(&mut rest);
        assert!(rest.is_empty() && secret.len().is_multiple_of(BLOCK));
        assert_eq!(secret[..4], secret[4..8]);
        secret = &secret[8..];
        assert_eq!(take(&mut secret), b"ssh-ed25519");
        let public = take(&mut secret);
        let both = take(&mut secret);
        assert_eq!(take(&mut secret), b"prod");
        assert!(b"\x01\x02\x03\x04\x05\x06\x07".starts_with(secret));
        let (seed, again) = both.split_at(32);
        assert_eq!(public, again);
        // The private half signs for the public one.
        let signed = Ed25519KeyPair::from_seed_and_public_key(seed, public)
            .unwrap()
            .sign(b"x");
        UnparsedPublicKey::new(&ED25519, public)
            .verify(b"x", signed.as_ref())
            .unwrap();
        assert_ne!(pair.private, ed25519("prod").unwrap().private);
        assert!(pair.private.lines().all(|line| line.len() <= LINE));
    }

    #[test]
    fn a_digest_is_of_the_key_without_its_comment() {
        assert_eq!(
            digest("ssh-ed25519 AAAA me@host"),
            digest("ssh-ed25519 AAAA")
        );
        assert_ne!(digest("ssh-ed25519 AAAA"), digest("ssh-ed25519 BBBB"));
        assert_eq!(digest("ssh-ed25519 AAAA").len(), 43);
    }
}
