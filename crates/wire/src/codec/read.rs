//! Avro's primitive types, read from bytes that nobody vouches for.

use std::fmt::Display;
use std::ops::Range;

use churn_domain::{EventBatch, Interned};

use super::MAX_TEXT_BYTES;
use super::write::{NULL, VALUE};
use crate::{DecodeError, ErrorClass};

/// The bytes of one record, and the field at which the reading stands.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    field: &'static str,
}

/// The error is boxed within the codec: a small result travels in registers, which halves the cost of a row.
pub(super) type Read<T> = Result<T, Box<DecodeError>>;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, field: DecodeError::RECORD }
    }

    /// Names the field that is read next, for errors.
    #[inline]
    pub(super) fn field(&mut self, name: &'static str) -> &mut Self {
        self.field = name;
        self
    }

    /// Refuses bytes behind the record: whoever wrote them used another schema.
    #[inline]
    pub(super) fn end(&self) -> Read<()> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(Box::new(DecodeError::record(
                ErrorClass::Undecodable,
                format!("{bytes} bytes follow the record's end"),
            ))),
        }
    }

    #[cold]
    pub(super) fn undecodable(&self, message: impl Display) -> Box<DecodeError> {
        Box::new(DecodeError::new(ErrorClass::Undecodable, self.field, message))
    }

    #[cold]
    pub(super) fn out_of_range(&self, message: impl Display) -> Box<DecodeError> {
        Box::new(DecodeError::new(ErrorClass::OutOfRange, self.field, message))
    }

    #[inline]
    fn byte(&mut self) -> Read<u8> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[cold]
    fn truncated(&self) -> Box<DecodeError> {
        self.undecodable("the record ends here")
    }

    #[inline]
    pub(super) fn long(&mut self) -> Read<i64> {
        let bits = match self.rest {
            [first, rest @ ..] if *first < 0x80 => {
                self.rest = rest;
                u64::from(*first)
            }
            _ => self.varint()?,
        };
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    fn varint(&mut self) -> Read<u64> {
        let mut bits = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let payload = u64::from(byte & 0x7f);
            // The tenth byte has room for the last of the 64 bits only.
            if shift == 63 && payload > 1 {
                break;
            }
            bits |= payload << shift;
            if byte < 0x80 {
                return Ok(bits);
            }
        }
        Err(self.undecodable("the number has more than 64 bits"))
    }

    #[inline]
    pub(super) fn int(&mut self) -> Read<i32> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| self.undecodable(format!("{value} does not fit the 32 bits of an int")))
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.undecodable(format!("the byte {other:#04x} is no boolean"))),
        }
    }

    #[inline]
    pub(super) fn double(&mut self) -> Read<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(super) fn float(&mut self) -> Read<f32> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(super) fn fixed<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.array()
    }

    /// Whether a nullable field has a value, which then follows.
    #[inline]
    pub(super) fn present(&mut self) -> Read<bool> {
        let (present, rest) = match self.rest {
            [NULL, rest @ ..] => (false, rest),
            [VALUE, rest @ ..] => (true, rest),
            _ => return self.branch(),
        };
        self.rest = rest;
        Ok(present)
    }

    #[cold]
    fn branch(&mut self) -> Read<bool> {
        match self.long()? {
            0 => Ok(false),
            1 => Ok(true),
            branch => Err(self.undecodable(format!("the union has no branch {branch}"))),
        }
    }

    /// Items of the next block of an array, 0 at its end. Whoever wrote it may have written the block's size too.
    #[inline]
    pub(super) fn block(&mut self) -> Read<u64> {
        let items = self.long()?;
        if items < 0 {
            self.long()?;
        }
        Ok(items.unsigned_abs())
    }

    /// Which of these encoded values comes next; then it is read. `LENGTH` is the place of the byte that holds their length.
    #[inline]
    pub(super) fn one_of<const LENGTH: usize>(&mut self, encoded: &[Box<[u8]>]) -> Option<u16> {
        // The length mostly tells words apart without a call to compare them.
        let length = self.rest.get(LENGTH);
        let mut candidates = encoded.iter().zip(0..).filter(|(bytes, _)| bytes.get(LENGTH) == length);
        let (rest, code) = candidates.find_map(|(bytes, code)| Some((self.rest.strip_prefix(&**bytes)?, code)))?;
        self.rest = rest;
        Some(code)
    }

    /// The bytes of a string, its length checked.
    #[inline]
    pub(super) fn text_bytes(&mut self) -> Read<&'a [u8]> {
        // Nearly every text is shorter than 64 bytes, and its length one byte.
        if let [len, rest @ ..] = self.rest
            && len & 0x81 == 0
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(len >> 1))
        {
            self.rest = rest;
            return Ok(bytes);
        }
        self.long_text_bytes()
    }

    fn long_text_bytes(&mut self) -> Read<&'a [u8]> {
        let declared = self.long()?;
        match usize::try_from(declared).ok().and_then(|len| self.rest.split_at_checked(len)) {
            Some((bytes, rest)) if bytes.len() <= MAX_TEXT_BYTES => {
                self.rest = rest;
                Ok(bytes)
            }
            _ => Err(self.bad_length(declared)),
        }
    }

    #[cold]
    fn bad_length(&self, declared: i64) -> Box<DecodeError> {
        match usize::try_from(declared) {
            Err(_) => self.undecodable(format!("a string cannot have {declared} bytes")),
            Ok(len) if len > self.rest.len() => {
                self.undecodable(format!("a string of {len} bytes cannot end within the {} left", self.rest.len()))
            }
            Ok(len) => self.out_of_range(format!("{len} bytes of text, expected at most {MAX_TEXT_BYTES}")),
        }
    }

    /// Checks the bytes of a string: UTF-8, without the NUL that Postgres cannot store.
    #[inline]
    pub(super) fn text(&self, bytes: &'a [u8]) -> Read<&'a str> {
        if has_nul(bytes) {
            return Err(self.out_of_range("text with a NUL character"));
        }
        std::str::from_utf8(bytes).map_err(|error| self.undecodable(error))
    }

    #[inline]
    pub(super) fn string(&mut self) -> Read<&'a str> {
        let bytes = self.text_bytes()?;
        self.text(bytes)
    }

    #[inline]
    pub(super) fn optional_string(&mut self) -> Read<Option<&'a str>> {
        if self.present()? { self.string().map(Some) } else { Ok(None) }
    }

    /// A string that names something.
    #[inline]
    pub(super) fn name(&mut self) -> Read<&'a str> {
        match self.string()? {
            "" => Err(self.out_of_range("is empty")),
            name => Ok(name),
        }
    }

    /// Appends a string that names something to a column where it must not be confused with another, as an
    /// [`Interned`] column does once it is full.
    #[inline]
    pub(super) fn push_name(&mut self, column: &mut Interned) -> Read<()> {
        let bytes = self.text_bytes()?;
        if !push_again(column, bytes) {
            self.push_new(column, bytes)?;
        }
        if bytes.is_empty() { Err(self.out_of_range("is empty")) } else { Ok(()) }
    }

    /// The same for a string that may be missing, or empty.
    #[inline]
    pub(super) fn push_optional_name(&mut self, column: &mut Interned) -> Read<()> {
        if !self.present()? {
            column.push(None);
            return Ok(());
        }
        let bytes = self.text_bytes()?;
        if push_again(column, bytes) { Ok(()) } else { self.push_new(column, bytes) }
    }

    fn push_new(&self, column: &mut Interned, bytes: &'a [u8]) -> Read<()> {
        let word = Some(self.text(bytes)?);
        column.push(word);
        if column.get(column.len() - 1) == word {
            return Ok(());
        }
        Err(self.out_of_range(format!("more than {} different values in one batch", Interned::MAX_WORDS - 1)))
    }

    /// A number from 0 up.
    #[inline]
    pub(super) fn ordinal(&mut self) -> Read<i64> {
        let value = self.long()?;
        if value >= 0 { Ok(value) } else { Err(self.out_of_range(format!("{value}, expected 0 or more"))) }
    }

    /// An int from 0 up.
    #[inline]
    pub(super) fn small_ordinal(&mut self) -> Read<i32> {
        let value = self.int()?;
        if value >= 0 { Ok(value) } else { Err(self.out_of_range(format!("{value}, expected 0 or more"))) }
    }

    /// A time within the accepted bounds.
    #[inline]
    pub(super) fn time(&mut self) -> Read<i64> {
        const BOUNDS: Range<i64> = EventBatch::TIME_BOUNDS_MS;
        let value = self.long()?;
        if BOUNDS.contains(&value) {
            return Ok(value);
        }
        Err(self.out_of_range(format!("{value} ms, expected from {} up to {} ms", BOUNDS.start, BOUNDS.end)))
    }

    /// A number within `-limit..=limit`, `NaN` where missing.
    #[inline]
    pub(super) fn degrees(&mut self, limit: f64) -> Read<f64> {
        if !self.present()? {
            return Ok(f64::NAN);
        }
        let value = self.double()?;
        // Written so that NaN is refused.
        if value.abs() <= limit {
            return Ok(value);
        }
        Err(self.out_of_range(format!("{value} degrees, expected from -{limit} to {limit}")))
    }

    /// A number from 0 to 1.
    #[inline]
    pub(super) fn probability(&mut self) -> Read<f64> {
        let value = self.double()?;
        churn_domain::Probability::new(value).map(churn_domain::Probability::get).map_err(|e| self.out_of_range(e))
    }
}

/// Appends the word of the row before, if these are its bytes: streams and versions hardly ever change within a batch.
#[inline]
fn push_again(column: &mut Interned, bytes: &[u8]) -> bool {
    let Some(&code) = column.codes().last() else { return false };
    let again = column.word(code).is_some_and(|word| word.as_bytes() == bytes);
    if again {
        column.push_code(code);
    }
    again
}

/// Whether a byte is zero, eight bytes at a time: texts are too short for `memchr` to pay.
#[inline]
fn has_nul(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // Subtracting one sets the high bit of a zero byte, and of a byte that had it already (Mycroft 1987).
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().any(|word| zeros(u64::from_ne_bytes(*word)) != 0) || rest.contains(&0)
}
