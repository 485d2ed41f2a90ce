//! Customers in JSON, read and written by the feature table.

use churn_domain::{Column, FEATURES, Feature, Kind, Table};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A field that cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FieldError {
    /// Where it stands, such as `customers[3].tenure`.
    pub(crate) path: String,
    /// What is wrong, and what was expected.
    pub(crate) message: String,
}

/// Errors listed in one answer; a file of nonsense need not be echoed.
const MAX_ERRORS: usize = 20;

/// Reads customers. A feature that is absent or null is missing; a category may be unknown; anything else that is not as the
/// feature table says is an error.
pub(crate) fn read(customers: &[Value], path: &str) -> Result<Table, Vec<FieldError>> {
    let mut table = Table::default();
    let mut errors = Vec::new();
    for (row, customer) in customers.iter().enumerate() {
        let path = if path.is_empty() { String::new() } else { format!("{path}[{row}].") };
        match customer {
            Value::Object(fields) => read_customer(fields, &path, &mut table, &mut errors),
            other => {
                let message = format!("is {}, expected an object of features", kind_of(other));
                errors.push(FieldError { path: path.trim_end_matches('.').to_owned(), message });
            }
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok(table) } else { Err(errors) }
}

fn read_customer(fields: &Map<String, Value>, path: &str, table: &mut Table, errors: &mut Vec<FieldError>) {
    let unknown = fields.keys().filter(|name| FEATURES.iter().all(|feature| feature.name != name.as_str()));
    for name in unknown.take(MAX_ERRORS) {
        let shown: String = name.chars().take(80).collect();
        let nearest =
            FEATURES.iter().min_by_key(|feature| strsim::levenshtein(feature.name, &shown)).map_or("", |f| f.name);
        errors.push(FieldError {
            path: format!("{path}{shown}"),
            message: format!("is no feature; did you mean {nearest}?"),
        });
    }
    for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
        if let Err(message) = push(feature, column, fields.get(feature.name).unwrap_or(&Value::Null)) {
            column.push_missing();
            errors.push(FieldError { path: format!("{path}{}", feature.name), message });
        }
    }
}

fn push(feature: &Feature, column: &mut Column, value: &Value) -> Result<(), String> {
    let wrong = |what: &str| format!("is {what}, expected {}", feature.expected());
    match (column, value) {
        (column, Value::Null) => column.push_missing(),
        (Column::Category(words), Value::String(word)) if word.len() <= MAX_WORD => words.push(Some(word)),
        (Column::Category(_), Value::String(_)) => return Err(format!("is longer than {MAX_WORD} bytes")),
        (Column::Number(values), Value::Bool(yes)) if feature.kind == Kind::Flag => {
            values.push(f64::from(u8::from(*yes)));
        }
        (Column::Number(values), Value::Number(number)) => {
            let value = number.as_f64().ok_or_else(|| wrong("too large"))?;
            values.push(feature.check(value).map_err(|_| wrong(&number.to_string()))?);
        }
        (_, other) => return Err(wrong(kind_of(other))),
    }
    Ok(())
}

/// Longest word of a category, as on the wire.
const MAX_WORD: usize = 256;

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// One customer as JSON; missing values are null.
pub(crate) fn write(table: &Table, row: usize) -> Map<String, Value> {
    let value = |feature: &Feature, column: &Column| match column {
        _ if column.is_missing(row) => Value::Null,
        Column::Category(words) => json!(words.get(row)),
        Column::Number(values) if feature.kind == Kind::Flag => json!(values[row] == 1.0),
        Column::Number(values) if matches!(feature.kind, Kind::Integer { .. }) => json!(values[row] as i64),
        Column::Number(values) => json!(values[row]),
    };
    FEATURES
        .iter()
        .zip(table.columns())
        .map(|(feature, column)| (feature.name.to_owned(), value(feature, column)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_read_and_written_again_are_the_same() {
        let customer = json!({ "female": true, "tenure": 5, "monthly_charges": 29.85, "internet_service": "Dial-up" });
        let table = read(std::slice::from_ref(&customer), "").unwrap();
        let written = write(&table, 0);
        assert_eq!(written.len(), FEATURES.len());
        for (name, value) in customer.as_object().unwrap() {
            assert_eq!(&written[name], value);
        }
        assert_eq!(written["partner"], Value::Null);
    }

    #[test]
    fn every_faulty_field_is_named_by_its_path() {
        let customers = [json!({ "tenure": -1 }), json!({ "tenur": 1, "contract": 7, "female": "yes" }), json!(3)];
        let errors = read(&customers, "customers").unwrap_err();
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "customers[0].tenure",
                "customers[1].tenur",
                "customers[1].female",
                "customers[1].contract",
                "customers[2]"
            ]
        );
        assert!(errors[0].message.contains("a whole number from 0") && errors[1].message.contains("mean tenure?"));
    }

    #[test]
    fn long_and_many_unknown_names_cost_little() {
        let mut many: Map<String, Value> = (0..1_000).map(|number| (format!("unknown-{number}"), json!(1))).collect();
        many.insert("é".repeat(1_000_000), json!(1));
        let errors = read(&[Value::Object(many)], "").unwrap_err();
        assert!(errors.len() == MAX_ERRORS && errors.iter().all(|error| error.path.len() <= 160), "{errors:?}");
    }
}
