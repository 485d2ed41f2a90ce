//! Files that a generator is fitted on as they come: spoilt, half empty, or written by another program.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::run::{json, run, shipped_data, stderr, stdout};

/// The first rows of the shipped file, as header and rows of cells.
fn cells() -> Vec<Vec<String>> {
    let text = fs::read_to_string(shipped_data()).unwrap();
    text.lines().take(301).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn join(lines: &[Vec<String>], end: &str) -> String {
    lines.iter().map(|line| line.join(",") + end).collect()
}

fn at(lines: &[Vec<String>], column: &str) -> usize {
    lines[0].iter().position(|name| name == column).unwrap()
}

/// The file with one cell changed, in its fifth line.
fn with(column: &str, value: &str) -> String {
    let mut lines = cells();
    let column = at(&lines, column);
    lines[4][column] = value.into();
    join(&lines, "\n")
}

/// The file with one column the same in every row.
fn constant(column: &str, value: &str) -> String {
    let mut lines = cells();
    let column = at(&lines, column);
    lines.iter_mut().skip(1).for_each(|line| line[column] = value.into());
    join(&lines, "\n")
}

/// The file with another column at its end, of the same value in every row.
fn with_column(name: &str, value: &str) -> String {
    let mut lines = cells();
    lines[0].push(name.into());
    lines.iter_mut().skip(1).for_each(|line| line.push(value.into()));
    join(&lines, "\n")
}

fn without(column: &str) -> String {
    let mut lines = cells();
    let column = at(&lines, column);
    lines.iter_mut().for_each(|line| drop(line.remove(column)));
    join(&lines, "\n")
}

/// Customers with a place each, of which some cities are left out.
fn placed(has_city: impl Fn(usize) -> bool) -> String {
    let mut lines = cells();
    lines[0].extend(["zip_code", "city", "latitude", "longitude"].map(str::to_owned));
    for (row, line) in lines.iter_mut().enumerate().skip(1) {
        let city = if has_city(row) { "\"Town, \"\"Old\"\"\"" } else { "" };
        line.extend(["12345", city, "34.5", "-118.5"].map(str::to_owned));
    }
    join(&lines, "\n")
}

fn fit(folder: &Path, text: &str) -> std::process::Output {
    fs::write(folder.join("data.csv"), text).unwrap();
    run(folder, &["synth", "fit", "--data", "data.csv", "--out", "generator.json", "--no-record"])
}

/// What a sample of the fitted generator looks like.
fn sample(folder: &Path) -> String {
    json(&run(
        folder,
        &["synth", "sample", "--generator", "generator.json", "--rows", "200", "--out", "some.csv", "--json"],
    ));
    fs::read_to_string(folder.join("some.csv")).unwrap()
}

#[test]
fn a_file_that_cannot_be_fitted_is_refused_with_the_place_and_the_fault() {
    let lines = cells();
    let cases = [
        ("an empty file", String::new(), "the header lacks female"),
        ("a header alone", join(&lines[..1], "\n"), "the table has no rows"),
        ("one row", join(&lines[..2], "\n"), "the generator needs at least 100"),
        ("a missing column", without("tenure"), "the header lacks tenure"),
        ("no label", without("churn"), "lacks the label column churn"),
        ("a column twice", with_column("tenure", "1"), "column tenure occurs twice"),
        ("a column twice, in another case", with_column("Tenure", "1"), "as tenure and as Tenure"),
        ("a category never seen", with("contract", "Three year"), "line 5, column contract: found \"Three year\""),
        ("text in a number", with("tenure", "abc"), "line 5, column tenure: found \"abc\""),
        ("an infinite value", with("monthly_charges", "inf"), "line 5, column monthly_charges: found \"inf\""),
        ("not a number", with("total_charges", "NaN"), "line 5, column total_charges: found \"NaN\""),
        ("a value too large for any number", with("total_charges", "1e400"), "column total_charges: found \"1e400\""),
        ("half a month", with("tenure", "1.5"), "line 5, column tenure: found \"1.5\""),
    ];
    let folder = TempDir::new().unwrap();
    for (what, text, fault) in cases {
        let output = fit(folder.path(), &text);
        assert_eq!(output.status.code(), Some(65), "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains("data.csv") || stderr(&output).contains("fit the generator"), "{what}");
        assert!(stderr(&output).contains(fault), "{what}: {}", stderr(&output));
        assert!(!folder.path().join("generator.json").exists(), "{what} left a generator");
    }
}

#[test]
fn a_constant_column_is_told_and_stays_constant() {
    let folder = TempDir::new().unwrap();
    for (column, value) in [("contract", "One year"), ("churn", "No"), ("partner", "1")] {
        let output = fit(folder.path(), &constant(column, value));
        assert!(
            stdout(&output).contains(&format!("always the same: {column}")),
            "{}{}",
            stdout(&output),
            stderr(&output)
        );
        let text = sample(folder.path());
        let mut lines = text.lines();
        let place = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
        assert!(lines.all(|line| line.split(',').nth(place) == Some(value)), "{column}");
    }
}

#[test]
fn a_byte_order_mark_other_line_ends_and_quotes_give_the_same_generator() {
    let folder = TempDir::new().unwrap();
    let lines = cells();
    let plain = join(&lines, "\n");
    let quoted: Vec<Vec<String>> =
        lines.iter().map(|line| line.iter().map(|cell| format!("\"{cell}\"")).collect()).collect();
    assert!(fit(folder.path(), &plain).status.success());
    let expected = fs::read(folder.path().join("generator.json")).unwrap();
    for (what, text) in [
        ("a byte-order mark", format!("\u{feff}{plain}")),
        ("CRLF", join(&lines, "\r\n")),
        ("quoted cells", join(&quoted, "\n")),
    ] {
        let output = fit(folder.path(), &text);
        assert!(output.status.success(), "{what}: {}", stderr(&output));
        assert!(fs::read(folder.path().join("generator.json")).unwrap() == expected, "{what} changed the generator");
    }
}

#[test]
fn a_place_without_a_city_is_not_drawn_and_told() {
    let folder = TempDir::new().unwrap();
    let some = fit(folder.path(), &placed(|row| row != 3));
    assert!(stdout(&some).trim_end().ends_with("which are not drawn: 1"), "{}{}", stdout(&some), stderr(&some));
    let text = sample(folder.path());
    assert!(text.lines().skip(1).all(|line| line.contains(",12345,\"Town, \"\"Old\"\"\",")), "{text}");
    let none = fit(folder.path(), &placed(|_| false));
    assert!(stdout(&none).contains("drawn: 300; no customer has a whole one, so the list's are"), "{}", stdout(&none));
    assert!(!sample(folder.path()).contains("12345"));
}

#[test]
fn a_list_of_places_with_a_zip_code_without_a_city_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("places.csv"), "zip_code,city,latitude,longitude\n12345,,34.5,-118.5\n").unwrap();
    let (data, out) = (shipped_data(), "generator.json");
    let args = ["synth", "fit", "--data", &data, "--locations", "places.csv", "--out", out, "--no-record"];
    let output = run(folder.path(), &args);
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains("places.csv: line 2, column city"), "{}", stderr(&output));
}
