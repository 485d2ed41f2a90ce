//! Avro's primitive types, written.

/// The branches of a nullable field's union.
pub(super) const NULL: u8 = 0;
pub(super) const VALUE: u8 = 2;

/// A long or int: zigzag, then seven bits a byte, least significant first.
#[inline]
pub(super) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut bits = (value << 1 ^ value >> 63).cast_unsigned();
    if bits < 0x80 {
        return out.push(bits.to_le_bytes()[0]);
    }
    let mut bytes = [0; 10];
    let mut len = 0;
    loop {
        bytes[len] = bits.to_le_bytes()[0] | 0x80;
        len += 1;
        bits >>= 7;
        if bits == 0 {
            break;
        }
    }
    bytes[len - 1] &= 0x7f;
    out.extend_from_slice(&bytes[..len]);
}

#[inline]
pub(super) fn put_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn put_float(out: &mut Vec<u8>, value: f32) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn put_boolean(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Length in bytes, then the bytes.
#[inline]
pub(super) fn put_string(out: &mut Vec<u8>, value: &str) {
    // A slice is never longer than isize::MAX.
    put_long(out, value.len().cast_signed() as i64);
    out.extend_from_slice(value.as_bytes());
}

#[inline]
pub(super) fn put_optional_string(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        None => out.push(NULL),
        Some(value) => {
            out.push(VALUE);
            put_string(out, value);
        }
    }
}

/// A double that is `NaN` where missing.
#[inline]
pub(super) fn put_optional_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.push(NULL);
    }
    out.push(VALUE);
    put_double(out, value);
}
