//! Signatures: Ed25519 (RFC 8032), over a document's very bytes, so that they are checked before anything in it is understood.
//!
//! A manifest's is a file beside it; it lists the SHA-256 of every file, so its signature covers them all. The champion's pointer
//! changes by one conditional write, so its signature is within it, as its last field. Without it whoever may write to the
//! registry could point to any signed version, one that was never promoted included.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::digest::hex;

/// What is signed begins so, and a signature given for anything else is none of such a document.
const MANIFEST: &[u8] = b"churnstream manifest v1\n";
const POINTER: &[u8] = b"churnstream pointer v1\n";
/// The end of a pointer without and with its signature: it covers all that comes before.
const POINTER_END: &[u8] = b"\n}\n";
const SIGNATURE_START: &[u8] = b",\n  \"signature\": \"";
const SIGNATURE_END: &[u8] = b"\"\n}\n";
const SIGNATURE_DIGITS: usize = 128;
/// Head of an Ed25519 `SubjectPublicKeyInfo` (RFC 8410, section 4); the 32 bytes of the key follow.
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
/// A signature file: 128 hexadecimal digits and a line end.
pub(crate) const SIGNATURE_BYTES: u64 = 129;

/// A private key.
pub(crate) struct SigningKey(Ed25519KeyPair);

/// A public key whose signatures count.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TrustedKey([u8; 32]);

/// Who signs, and whose signatures are needed.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    signing: Option<SigningKey>,
    trusted: Vec<TrustedKey>,
}

impl SigningKey {
    pub(crate) fn from_pem(text: &str) -> Result<Self, String> {
        let der = pem(text, PRIVATE_LABEL)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map(Self)
            .map_err(|error| format!("is no Ed25519 key ({error}); `openssl genpkey -algorithm ed25519` makes one"))
    }

    fn public(&self) -> TrustedKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        TrustedKey(key)
    }
}

impl TrustedKey {
    pub(crate) fn from_pem(text: &str) -> Result<Self, String> {
        let der = pem(text, PUBLIC_LABEL)?;
        let key = der.strip_prefix(&SPKI_HEAD).and_then(|key| key.try_into().ok());
        key.map(Self)
            .ok_or_else(|| "is no Ed25519 public key; `openssl pkey -pubout` writes that of a private one".into())
    }
}

impl Keys {
    /// The private key that signs, if any, and the public keys that count beside its own.
    pub(crate) fn new(signing: Option<SigningKey>, mut trusted: Vec<TrustedKey>) -> Self {
        trusted.extend(signing.as_ref().map(SigningKey::public));
        Self { signing, trusted }
    }

    /// Whether manifests and pointers need a signature.
    pub(crate) fn required(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// The pointer as it is stored: signed where signatures are needed.
    ///
    /// # Errors
    /// There is no key to sign with.
    pub(crate) fn sign_pointer(&self, document: Vec<u8>) -> Result<Vec<u8>, String> {
        if !self.required() {
            return Ok(document);
        }
        let signing =
            self.signing.as_ref().ok_or("is needed to move a pointer that registry.trusted_keys ask to be signed")?;
        let body = document.strip_suffix(POINTER_END).ok_or("cannot sign a pointer that ends otherwise")?;
        let signature = hex(signing.0.sign(&[POINTER, body].concat()).as_ref());
        Ok([body, SIGNATURE_START, signature.as_bytes(), SIGNATURE_END].concat())
    }

    /// Whether a pointer holds the signature of a trusted key for all the rest of it.
    pub(crate) fn verify_pointer(&self, document: &[u8]) -> Result<(), String> {
        let parts = || {
            let (rest, digits) = document.strip_suffix(SIGNATURE_END)?.split_last_chunk::<SIGNATURE_DIGITS>()?;
            Some((rest.strip_suffix(SIGNATURE_START)?, digits))
        };
        let (body, digits) = parts().ok_or(
            "it has no signature, and registry.signing_key or registry.trusted_keys asks for one; if it is from before there were \
             keys, move it away and promote the version again with the key",
        )?;
        self.verify_message(&[POINTER, body].concat(), digits)
    }

    /// The signature file of a manifest, where there is a key to sign with.
    pub(crate) fn sign(&self, manifest: &[u8]) -> Option<Vec<u8>> {
        let signature = self.signing.as_ref()?.0.sign(&[MANIFEST, manifest].concat());
        Some(format!("{}\n", hex(signature.as_ref())).into_bytes())
    }

    /// Whether a signature file is that of a trusted key for this manifest.
    pub(crate) fn verify(&self, manifest: &[u8], signature: &[u8]) -> Result<(), String> {
        self.verify_message(&[MANIFEST, manifest].concat(), signature.trim_ascii_end())
    }

    fn verify_message(&self, message: &[u8], digits: &[u8]) -> Result<(), String> {
        let signature = unhex(digits).ok_or("its signature is not 128 hexadecimal digits")?;
        let valid = |key: &TrustedKey| UnparsedPublicKey::new(&ED25519, key.0).verify(message, &signature).is_ok();
        if self.trusted.iter().any(valid) {
            return Ok(());
        }
        Err(format!("its signature is of none of the {} trusted keys, or of another content", self.trusted.len()))
    }
}

/// The bytes between the lines of a PEM text (RFC 7468).
fn pem(text: &str, label: &str) -> Result<Vec<u8>, String> {
    let (head, foot) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body = text.split_once(&head).and_then(|(_, rest)| rest.split_once(&foot)).map(|(body, _)| body);
    let body = body.ok_or_else(|| format!("is no PEM text of a {}", label.to_lowercase()))?;
    unbase64(body).ok_or_else(|| format!("is no PEM text of a {}: its base64 is damaged", label.to_lowercase()))
}

/// Base64 with its padding (RFC 4648, section 4), line ends passed over.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for symbol in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?));
    pairs.collect::<Option<Vec<u8>>>().filter(|bytes| bytes.len() == 64)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {:?}", self.public())
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_equals_the_published_vectors() {
        // RFC 4648, section 10.
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(unbase64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(unbase64("Zm9v!"), None);
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        for text in ["", "hello", "-----BEGIN PUBLIC KEY-----\nZm9v\n-----END PUBLIC KEY-----"] {
            assert!(TrustedKey::from_pem(text).is_err(), "{text}");
            assert!(SigningKey::from_pem(text).is_err(), "{text}");
        }
    }
}
