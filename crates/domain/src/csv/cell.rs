//! What a cell of text says.

/// Whether the cell holds no value.
pub(super) fn is_missing(cell: &str) -> bool {
    cell.is_empty() || cell == "NA"
}

/// Yes or no, as files of this data spell it.
pub(super) fn flag(cell: &str) -> Option<bool> {
    match cell {
        "1" => Some(true),
        "0" => Some(false),
        _ if cell.eq_ignore_ascii_case("yes") || cell.eq_ignore_ascii_case("true") => Some(true),
        _ if cell.eq_ignore_ascii_case("no") || cell.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether a gender is female, as a flag.
pub(super) fn gender(cell: &str) -> Option<f64> {
    match cell {
        _ if cell.eq_ignore_ascii_case("female") => Some(1.0),
        _ if cell.eq_ignore_ascii_case("male") => Some(0.0),
        _ => None,
    }
}
