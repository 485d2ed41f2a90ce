//! The same customers under the headers of others. `tests/ibm/make_ibm.py` made the sample.

use churn_domain::csv::{Customers, ReadError, ReadOptions, read};
use churn_domain::feature_index;

const SAMPLE: &str = include_str!("../ibm/sample.csv");
const SHIPPED: &[u8] = include_bytes!("../../../../data/telco_customer_churn.csv");

fn customers(text: &str) -> Result<Customers, ReadError> {
    read(text.as_bytes(), ReadOptions::default())
}

/// A customer as text, without the location and without an order of the customers.
fn lines(customers: &Customers) -> Vec<String> {
    let mut written = Vec::new();
    let mut writer = churn_domain::csv::Writer::new(&mut written, true, false, &[], &[]).unwrap();
    for row in 0..customers.len() {
        writer.write_row(row, customers.label.as_deref(), &customers.features, None, &[], &[]).unwrap();
    }
    writer.finish().unwrap();
    let mut lines: Vec<String> = String::from_utf8(written).unwrap().lines().map(Into::into).collect();
    lines.sort();
    lines
}

#[test]
fn ibms_header_gives_the_very_customers_of_the_shipped_one() {
    let ibm = customers(SAMPLE).unwrap();
    assert_eq!((ibm.len(), ibm.customer_id.as_ref().unwrap().len()), (400, 400));
    let shipped = lines(&read(SHIPPED, ReadOptions::default()).unwrap());
    let found = lines(&ibm);
    assert!(found.iter().all(|line| shipped.binary_search(line).is_ok()));
    let total = ibm.features.numbers(feature_index("total_charges").unwrap());
    assert_eq!(total.iter().filter(|total| total.is_nan()).count(), 11, "a blank total is a missing one");
}

#[test]
fn columns_that_leak_the_answer_are_left_out_and_named() {
    let ibm = customers(SAMPLE).unwrap();
    assert_eq!(ibm.leaking, ["Churn Value", "Churn Score", "CLTV", "Churn Reason"]);
    assert_eq!(ibm.ignored, ["Count", "Country", "State", "Lat Long"]);
}

#[test]
fn ibms_locations_are_read_without_a_county() {
    let location = customers(SAMPLE).unwrap().location.unwrap();
    assert_eq!(
        (location.zip_code.get(0), location.city.get(0), location.county.get(0)),
        (Some("95444"), Some("Graton"), None)
    );
    assert_eq!((location.latitude[0], location.longitude[0]), (38.4335, -122.8676));
}

#[test]
fn ones_and_zeros_and_words_mean_the_same() {
    let (head, rows) = SAMPLE.split_once('\n').unwrap();
    let column = head.split(',').position(|name| name == "Senior Citizen").unwrap();
    let numbered = |line: &str| {
        // The quoted pair of degrees stands before and holds a comma of its own.
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[column + 1] = if cells[column + 1] == "Yes" { "1" } else { "0" };
        cells.join(",")
    };
    let file = format!("{head}\n{}\n", rows.lines().map(numbered).collect::<Vec<_>>().join("\n"));
    assert_ne!(file, SAMPLE);
    assert_eq!(lines(&customers(&file).unwrap()), lines(&customers(SAMPLE).unwrap()));
}

#[test]
fn the_older_header_of_21_columns_is_read_as_well() {
    let file = "customerID,gender,SeniorCitizen,Partner,Dependents,tenure,PhoneService,MultipleLines,InternetService,\
OnlineSecurity,OnlineBackup,DeviceProtection,TechSupport,StreamingTV,StreamingMovies,Contract,PaperlessBilling,\
PaymentMethod,MonthlyCharges,TotalCharges,Churn\n\
7590-VHVEG,Female,0,Yes,No,1,No,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,Yes,Electronic check,29.85,29.85,No\n";
    let old = customers(file).unwrap();
    assert_eq!(
        lines(&old)[0],
        lines(&read(SHIPPED, ReadOptions::default()).unwrap())
            .into_iter()
            .find(
                |line| line.starts_with("No,1,0,1,0,1,0,No phone service,DSL,No,Yes,") && line.ends_with("29.85,29.85")
            )
            .unwrap()
    );
    assert_eq!((old.leaking.len(), old.ignored.len()), (0, 0));
}

#[test]
fn one_thing_under_two_names_is_told_with_both() {
    let both = SAMPLE.replacen("Count,", "tenure,", 1);
    let said = customers(&both).unwrap_err().to_string();
    assert!(said.contains("tenure (as tenure and as Tenure Months) occurs twice"), "{said}");
}

#[test]
fn a_bad_value_is_named_under_ibms_header_too() {
    let at_line_two = |from: &str, to: &str| {
        let (head, rows) = SAMPLE.split_once('\n').unwrap();
        customers(&format!("{head}\n{}", rows.replacen(from, to, 1))).unwrap_err().to_string()
    };
    for (from, to, named) in [
        (",Male,", ",Unknown,", "line 2, column gender: found \"Unknown\", expected Female or Male"),
        (",62.05,62.05,", ",62.05,much,", "line 2, column total_charges"),
        (",62.05,62.05,", ",inf,62.05,", "line 2, column monthly_charges"),
        (",DSL,", ",Dial-up,", "line 2, column internet_service"),
        (",38.4335,-122.8676,", ",north,-122.8676,", "line 2, column latitude"),
    ] {
        let said = at_line_two(from, to);
        assert!(said.contains(named), "{said}");
    }
}

#[test]
fn a_header_with_a_zip_code_and_no_city_is_refused_by_name() {
    let said = customers(&SAMPLE.replacen(",City,", ",Town,", 1)).unwrap_err().to_string();
    assert!(said.contains("lacks city"), "{said}");
}

#[test]
fn what_is_written_under_ibms_header_reads_back_as_the_same_customers() {
    let ibm = customers(SAMPLE).unwrap();
    let constants: Vec<(&str, &str)> = ibm.constants.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(constants, [("Count", "1"), ("Country", "United States"), ("State", "California")]);
    let (label, location) = (ibm.label.as_ref().unwrap(), ibm.location.as_ref().unwrap());
    let mut written = Vec::new();
    let mut writer = churn_domain::csv::IbmWriter::new(&mut written, &ibm.constants).unwrap();
    for row in 0..ibm.len() {
        writer.write_row(row, label, &ibm.features, location).unwrap();
    }
    writer.finish().unwrap();
    let written = String::from_utf8(written).unwrap();
    assert!(written.lines().nth(1).unwrap().starts_with("United States,California,"), "{written:.300}");
    let again = customers(&written).unwrap();
    assert_eq!(lines(&again), lines(&ibm));
    assert_eq!(again.location, ibm.location);
    assert!(again.leaking.is_empty());
}

#[test]
fn a_column_passed_over_that_differs_once_is_no_constant() {
    let text = SAMPLE.replacen("United States", "Canada", 1);
    let names: Vec<String> = customers(&text).unwrap().constants.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Count", "State"]);
}
