//! Customers survive the way through a file, and broken files are named for what they are.

use churn_domain::csv::{ReadError, ReadOptions, UnknownCategory, Writer, read};
use churn_domain::{FEATURES, LABEL};

fn header() -> String {
    let names: Vec<&str> = std::iter::once(LABEL).chain(FEATURES.iter().map(|feature| feature.name)).collect();
    names.join(",")
}

const ROW: &str =
    "No,1,0,1,0,1,0,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,1,Electronic check,29.85,29.85";

fn file(rows: &[&str]) -> String {
    format!("{}\n{}\n", header(), rows.join("\n"))
}

#[test]
fn customers_written_and_read_again_are_the_same() {
    let source = file(&[ROW, &ROW.replace("29.85,29.85", "29.85,")]);
    let customers = read(source.as_bytes(), ReadOptions::default()).unwrap();
    let mut written = Vec::new();
    let mut writer = Writer::new(&mut written, true, false, &[], &[]).unwrap();
    for row in 0..customers.len() {
        writer.write_row(row, customers.label.as_deref(), &customers.features, None, &[], &[]).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), source);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let reversed = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",");
    let straight = read(file(&[ROW]).as_bytes(), ReadOptions::default()).unwrap();
    let turned =
        read(format!("{}\n{}\n", reversed(&header()), reversed(ROW)).as_bytes(), ReadOptions::default()).unwrap();
    assert_eq!(straight.features, turned.features);
}

#[test]
fn a_bad_value_names_line_column_value_and_what_was_expected() {
    for (bad, column, expected) in [
        (ROW.replace("DSL", "Dial-up"), "internet_service", "one of DSL, Fiber optic, No"),
        (ROW.replace("29.85,29.85", "abc,29.85"), "monthly_charges", "an amount from 0"),
        (ROW.replace("29.85,29.85", "inf,29.85"), "monthly_charges", "an amount from 0"),
        (ROW.replace("No,1,0,1,0,1", "No,1,0,1,0,-4"), "tenure", "a whole number from 0"),
        (ROW.replacen("No", "Maybe", 1), "churn", "No or Yes"),
        (format!("{ROW},7"), "(row)", "20 cells"),
    ] {
        let error = read(file(&[ROW, &bad]).as_bytes(), ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains(column) && error.contains(expected), "{error}");
    }
}

#[test]
fn bad_rows_are_left_out_listed_and_counted_on_demand() {
    let bad = ROW.replace("DSL", "Dial-up");
    let options = ReadOptions { skip_bad_rows: true, ..ReadOptions::default() };
    let customers = read(file(&[ROW, &bad, ROW]).as_bytes(), options).unwrap();
    assert_eq!((customers.len(), customers.bad_row_count, customers.bad_rows[0].line), (2, 1, 3));
    assert_eq!(customers.lines, [2, 4]);
}

#[test]
fn unknown_categories_are_kept_for_scoring() {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, ..ReadOptions::default() };
    let customers = read(file(&[&ROW.replace("DSL", "Dial-up")]).as_bytes(), options).unwrap();
    assert_eq!(customers.features.words(7).get(0), Some("Dial-up"));
}

#[test]
fn broken_tables_are_told_apart() {
    let options = ReadOptions::default();
    assert!(matches!(read(header().as_bytes(), options), Err(ReadError::Empty)));
    assert!(matches!(read("".as_bytes(), options), Err(ReadError::MissingColumns(_))));
    let lacking = read(header().replace("tenure,", "").as_bytes(), options).unwrap_err().to_string();
    assert!(lacking.contains("lacks tenure"), "{lacking}");
    let twice = read(format!("{},tenure", header()).as_bytes(), options).unwrap_err().to_string();
    assert!(twice.contains("tenure occurs twice"), "{twice}");
    assert!(matches!(read(&[b'\xff', b'\n'][..], options), Err(ReadError::Csv(_))));
}

#[test]
fn cells_that_start_a_formula_are_neutralised() {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, ..ReadOptions::default() };
    let customers = read(file(&[&ROW.replace("DSL", "=1+1")]).as_bytes(), options).unwrap();
    let mut written = Vec::new();
    let mut writer = Writer::new(&mut written, false, false, &[], &[]).unwrap();
    writer.write_row(0, None, &customers.features, None, &[], &[]).unwrap();
    writer.finish().unwrap();
    assert!(String::from_utf8(written).unwrap().contains(",'=1+1,"));
}

#[test]
fn locations_need_every_field_and_real_degrees() {
    let read = |rows: &str| {
        churn_domain::csv::read_locations(format!("zip_code,city,county,latitude,longitude\n{rows}").as_bytes())
    };
    assert_eq!(read("90001,Los Angeles,Los Angeles County,33.97,-118.25\n").unwrap().zip_code.get(0), Some("90001"));
    for (rows, column) in
        [("90001,,X,1,1\n", "city"), ("90001,X,X,91,1\n", "latitude"), ("90001,X,X,1,east\n", "longitude")]
    {
        let error = read(rows).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(column), "{error}");
    }
    assert!(matches!(read(""), Err(ReadError::Empty)));
}
