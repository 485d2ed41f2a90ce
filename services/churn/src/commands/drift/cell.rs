//! What one cell of a CSV file is.

/// Words that stand for a missing value, as in pandas.
const MISSING: [&[u8]; 18] = [
    b"#N/A",
    b"#N/A N/A",
    b"#NA",
    b"-1.#IND",
    b"-1.#QNAN",
    b"-NaN",
    b"-nan",
    b"1.#IND",
    b"1.#QNAN",
    b"<NA>",
    b"N/A",
    b"NA",
    b"NULL",
    b"NaN",
    b"None",
    b"n/a",
    b"nan",
    b"null",
];

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Missing,
    /// A whole number, without decimal point or exponent.
    Whole(f64),
    Number(f64),
    /// True or false, in a spelling that pandas reads as such.
    Flag(bool),
    Word,
}

impl Cell {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if is_missing(bytes) {
            return Self::Missing;
        }
        if let Some(flag) = flag(bytes) {
            return Self::Flag(flag);
        }
        let bytes = bytes.trim_ascii();
        if let Some(whole) = whole(bytes) {
            return Self::Whole(whole);
        }
        match std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Self::Number(number),
            // Infinity counts in any case, as to pandas; NaN in another spelling and what is too large do not.
            Some(number) if number.is_infinite() && !bytes.iter().any(u8::is_ascii_digit) => Self::Number(number),
            _ => Self::Word,
        }
    }
}

pub(super) fn is_missing(bytes: &[u8]) -> bool {
    // Most cells are no such word by their first byte.
    match bytes.first() {
        None => true,
        Some(b'#' | b'-' | b'1' | b'<' | b'N' | b'n') => MISSING.contains(&bytes),
        Some(_) => false,
    }
}

pub(super) fn flag(bytes: &[u8]) -> Option<bool> {
    match bytes {
        b"True" | b"TRUE" | b"true" => Some(true),
        b"False" | b"FALSE" | b"false" => Some(false),
        _ => None,
    }
}

fn whole(bytes: &[u8]) -> Option<f64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // More digits need not fit 64 bits.
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -number } else { number } as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_pandas_takes_them_for() {
        for (text, cell) in [
            ("", Cell::Missing),
            ("NA", Cell::Missing),
            ("None", Cell::Missing),
            ("No", Cell::Word),
            ("12", Cell::Whole(12.0)),
            (" -7 ", Cell::Whole(-7.0)),
            ("12.0", Cell::Number(12.0)),
            ("1e3", Cell::Number(1_000.0)),
            ("-inf", Cell::Number(f64::NEG_INFINITY)),
            ("12345678901234567890", Cell::Number(12_345_678_901_234_567_890.0)),
            ("+Infinity", Cell::Number(f64::INFINITY)),
            ("NAN", Cell::Word),
            ("1e400", Cell::Word),
            ("1_000", Cell::Word),
            ("True", Cell::Flag(true)),
            ("FALSE", Cell::Flag(false)),
            ("tRUE", Cell::Word),
            ("-", Cell::Word),
        ] {
            assert_eq!(Cell::of(text.as_bytes()), cell, "{text}");
        }
    }
}
