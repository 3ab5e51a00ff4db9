//! Receipts as they are stored: a line of JSON, and a line with the BLAKE3 of its bytes. A digit that turned into another is JSON
//! like any other, and would be believed.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taster_planning::Digest;

use crate::TaskError;
use crate::error::InObject;

/// Bytes of the digest's line, with the line end before it and its own.
const SEAL: usize = 2 + 64;

/// The bytes to store under `key`.
pub(crate) fn seal<T: Serialize>(key: &str, receipt: &T) -> Result<Bytes, TaskError> {
    let mut bytes = serde_json::to_vec(receipt).in_object(key)?;
    let digest = Digest::of(&bytes);
    bytes.extend_from_slice(format!("\n{digest}\n").as_bytes());
    Ok(Bytes::from(bytes))
}

/// The receipt in the bytes stored under `key`. One without a digest, as work of older versions has, is taken as it is: bytes that
/// only look so, because a line end of theirs turned, are no JSON.
///
/// # Errors
/// If the bytes are not those that were stored.
pub(crate) fn unseal<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, TaskError> {
    let Some((receipt, digest)) = split(bytes) else {
        return serde_json::from_slice(bytes).in_object(key);
    };
    let found = Digest::of(receipt).to_string();
    if digest != found.as_bytes() {
        let expected = String::from_utf8_lossy(digest);
        return Err(TaskError::damaged(key, format!("expected BLAKE3 {expected}, got {found}")));
    }
    serde_json::from_slice(receipt).in_object(key)
}

/// The JSON and the digest of a sealed receipt.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (receipt, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
    let digest = seal.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    Some((receipt, digest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Receipt = (u64, String, Vec<f64>);

    fn receipt() -> Receipt {
        (171, "count/7f/run-00000\n".to_owned(), vec![0.5, 1e-9])
    }

    #[test]
    fn receipts_come_back_and_so_do_those_without_a_digest() {
        let sealed = seal("r", &receipt()).unwrap();
        assert_eq!(unseal::<Receipt>("r", &sealed).unwrap(), receipt());
        let bare = serde_json::to_vec(&receipt()).unwrap();
        assert_eq!(unseal::<Receipt>("r", &bare).unwrap(), receipt());
    }

    #[test]
    fn every_flipped_bit_and_every_missing_end_is_seen() {
        let sealed = seal("r", &receipt()).unwrap();
        for bit in 0..8 * sealed.len() {
            let mut flipped = sealed.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = unseal::<Receipt>("r", &flipped).unwrap_err().to_string();
            assert!(refused.starts_with("r is damaged: "), "{bit}: {refused}");
        }
        let whole = sealed.len() - SEAL;
        for end in (0..sealed.len()).filter(|&end| end != whole && end != whole + 1) {
            assert!(unseal::<Receipt>("r", &sealed[..end]).is_err(), "{end}");
        }
    }
}
