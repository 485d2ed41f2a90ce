//! Values in the binary format of COPY.

use std::io::Write as _;

use uuid::Uuid;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;
const NULL: i32 = -1;
/// Postgres counts microseconds from 2000-01-01 UTC; this is that moment in epoch milliseconds.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;
/// First byte of a jsonb: the version of its binary form, of which there is one; the text follows.
const JSONB_VERSION: u8 = 1;
/// Signs of a numeric.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Bytes on their way to the server. Each method writes one field: its length, then its value in network byte order.
#[derive(Debug, Default)]
pub(crate) struct CopyBuffer {
    bytes: Vec<u8>,
}

impl CopyBuffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(HEADER);
    }

    pub(crate) fn end(&mut self) {
        self.bytes.extend_from_slice(&TRAILER.to_be_bytes());
    }

    /// Starts a row of so many fields.
    pub(crate) fn row(&mut self, fields: i16) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.bytes.extend_from_slice(&NULL.to_be_bytes());
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.field([u8::from(value)]);
    }

    pub(crate) fn integer(&mut self, value: i32) {
        self.field(value.to_be_bytes());
    }

    pub(crate) fn bigint(&mut self, value: i64) {
        self.field(value.to_be_bytes());
    }

    pub(crate) fn double(&mut self, value: f64) {
        self.field(value.to_be_bytes());
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.field(value.into_bytes());
    }

    /// A text. The caller has made sure that it holds no NUL, which Postgres cannot store.
    pub(crate) fn text(&mut self, value: &str) {
        // A batch is bounded far below 2 GiB.
        self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn optional_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// Reasons as jsonb, null where there are none: `[{"feature": .., "contribution": ..}, ..]`, in their order. The caller has
    /// made sure that the numbers are finite and the names hold no NUL.
    pub(crate) fn reasons<'a>(&mut self, reasons: impl ExactSizeIterator<Item = (&'a str, f32)>) {
        if reasons.len() == 0 {
            return self.null();
        }
        let start = self.bytes.len();
        self.null();
        self.bytes.push(JSONB_VERSION);
        for (place, (feature, contribution)) in reasons.enumerate() {
            self.bytes.extend_from_slice(if place == 0 { b"[" } else { b"," });
            self.bytes.extend_from_slice(b"{\"feature\":");
            self.json_string(feature);
            self.bytes.extend_from_slice(b",\"contribution\":");
            // The shortest digits that are this number again; memory takes everything.
            let _ = serde_json::to_writer(&mut self.bytes, &contribution);
            self.bytes.push(b'}');
        }
        self.bytes.push(b']');
        let length = (self.bytes.len() - start - 4) as i32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn json_string(&mut self, text: &str) {
        self.bytes.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.bytes.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    let _ = write!(self.bytes, "\\u{byte:04x}");
                }
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(b'"');
    }

    /// A time from epoch milliseconds, which the caller has checked to be within the years 1 to 9999.
    pub(crate) fn timestamp(&mut self, epoch_ms: i64) {
        self.bigint((epoch_ms - POSTGRES_EPOCH_MS) * 1_000);
    }

    /// A numeric with two decimals, from hundredths. In base 10,000: whole groups first, then one group of hundredths
    /// times 100; groups of zeros at either end are left out, and `weight` is the power of the first group.
    pub(crate) fn numeric_cents(&mut self, cents: i64) {
        let (sign, cents) = if cents < 0 { (NEGATIVE, cents.unsigned_abs()) } else { (POSITIVE, cents.unsigned_abs()) };
        // 20 digits of whole dollars at most, so five groups, and one of hundredths.
        let mut groups = [0_u16; 6];
        groups[5] = (cents % 100) as u16 * 100;
        let mut whole = cents / 100;
        let mut first = 5;
        while whole > 0 {
            first -= 1;
            groups[first] = (whole % 10_000) as u16;
            whole /= 10_000;
        }
        let mut last = 6;
        while last > first && groups[last - 1] == 0 {
            last -= 1;
        }
        while first < last && groups[first] == 0 {
            first += 1;
        }
        let weight = if first == last { 0 } else { 4 - first as i16 };
        let digits = &groups[first..last];
        self.bytes.extend_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(&(digits.len() as i16).to_be_bytes());
        self.bytes.extend_from_slice(&weight.to_be_bytes());
        self.bytes.extend_from_slice(&sign.to_be_bytes());
        self.bytes.extend_from_slice(&2_i16.to_be_bytes());
        for digit in digits {
            self.bytes.extend_from_slice(&digit.to_be_bytes());
        }
    }

    fn field<const N: usize>(&mut self, value: [u8; N]) {
        self.bytes.extend_from_slice(&(N as i32).to_be_bytes());
        self.bytes.extend_from_slice(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(cents: i64) -> Vec<i16> {
        let mut buffer = CopyBuffer::default();
        buffer.numeric_cents(cents);
        buffer.bytes()[4..].chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    /// Expected values: `select numeric_send(x::numeric(10, 2))` on Postgres 15.
    #[test]
    fn numerics_are_the_bytes_that_postgres_sends() {
        assert_eq!(numeric(0), [0, 0, 0, 2]);
        assert_eq!(numeric(1), [1, -1, 0, 2, 100]);
        assert_eq!(numeric(2_985), [2, 0, 0, 2, 29, 8_500]);
        assert_eq!(numeric(100_000_000), [1, 1, 0, 2, 100]);
        assert_eq!(numeric(999_999_999), [3, 1, 0, 2, 999, 9_999, 9_900]);
        assert_eq!(numeric(-150), [2, 0, 0x4000, 2, 1, 5_000]);
    }

    #[test]
    fn reasons_are_a_jsonb_whose_text_any_reader_of_json_understands() {
        let reasons = [("contract", 1.25), ("a \"quoted\" \\ name\n", -1e-7), ("tenure", 3e38)];
        let mut buffer = CopyBuffer::default();
        buffer.reasons(reasons.iter().copied());
        let (length, value) = buffer.bytes().split_first_chunk().unwrap();
        assert_eq!((i32::from_be_bytes(*length) as usize, value[0]), (value.len(), 1));
        let read: serde_json::Value = serde_json::from_slice(&value[1..]).unwrap();
        let read: Vec<_> = read
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["feature"].as_str().unwrap(), one["contribution"].as_f64().unwrap() as f32))
            .collect();
        assert_eq!(read, reasons);
        buffer.clear();
        buffer.reasons([].into_iter());
        assert_eq!(buffer.bytes(), (-1_i32).to_be_bytes());
    }

    #[test]
    fn times_count_microseconds_from_2000() {
        let mut buffer = CopyBuffer::default();
        buffer.timestamp(946_684_800_001);
        assert_eq!(buffer.bytes(), [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 3, 232]);
    }
}
