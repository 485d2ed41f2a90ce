//! TOML values as JSON values, the common form of all layers.

use serde_json::Value;
use toml::de::DeValue;

/// The same value in JSON. Dates become text.
pub(crate) fn to_json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Integer(number) => integer(number.as_str(), number.radix())?,
        DeValue::Float(number) => float(number.as_str())?,
        DeValue::Array(list) => {
            Value::Array(list.iter().map(|item| to_json(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &toml::de::DeString<'_> = key.get_ref();
                Ok((key.to_string(), to_json(value.get_ref())?))
            };
            Value::Object(table.iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}

fn integer(digits: &str, radix: u32) -> Result<Value, String> {
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return Ok(number.into());
    }
    u64::from_str_radix(digits, radix).map(Value::from).map_err(|_| "is a number too large to hold".to_owned())
}

fn float(digits: &str) -> Result<Value, String> {
    let finite = digits.parse().ok().and_then(serde_json::Number::from_f64);
    finite.map(Value::Number).ok_or_else(|| "is not a finite number".to_owned())
}

/// The TOML value that a text spells, if it spells one.
pub(crate) fn parse(text: &str) -> Option<Value> {
    to_json(DeValue::parse(text.trim()).ok()?.get_ref()).ok()
}

/// The line, counted from 1, that a byte position lies on.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|&byte| byte == b'\n').count() + 1
}
