//! Generators: conditions, reports, and what the registry remembers of a fit.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, shipped_data, stderr, stdout};

/// The first rows of the shipped file.
fn small(folder: &Path, name: &str, rows: std::ops::Range<usize>) {
    let text = fs::read_to_string(shipped_data()).unwrap();
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    let body: Vec<&str> = lines.skip(rows.start).take(rows.len()).collect();
    fs::write(folder.join(name), format!("{head}\n{}\n", body.join("\n"))).unwrap();
}

/// City, zip code, and degrees, which may be written with more or fewer zeros.
type Place = (String, String, u64, u64);

fn place(city: &str, zip: &str, latitude: &str, longitude: &str) -> Place {
    let bits = |degrees: &str| degrees.trim().parse::<f64>().unwrap().to_bits();
    (city.into(), zip.into(), bits(latitude), bits(longitude))
}

/// The place in a line of IBM's file: city, zip code, and the quoted pair of degrees behind them.
fn ibm_place(line: &str) -> Place {
    let cells: Vec<&str> = line.split(',').collect();
    place(cells[4], cells[5], cells[8], cells[9])
}

fn fit(folder: &Path, data: &str, out: &str) -> Value {
    json(&run(folder, &["synth", "fit", "--data", data, "--out", out, "--json"]))
}

#[test]
fn a_better_or_equal_fit_becomes_the_champion_and_a_worse_one_is_only_recorded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    small(path, "few.csv", 0..150);
    let first = fit(path, "few.csv", "few.json");
    assert_eq!((&first["recorded"]["version"], &first["recorded"]["champion"]), (&"v1".into(), &true.into()));
    let second = fit(path, &shipped_data(), "all.json");
    assert_eq!(
        (&second["recorded"]["version"], &second["recorded"]["champion"]),
        (&"v2".into(), &true.into()),
        "{second}"
    );
    let reason = second["recorded"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("not worse than v1 on the same customers: overall"), "{reason}");
    assert!(second["overall"].as_f64().unwrap() > 0.98, "{second}");
    let report: Value =
        serde_json::from_slice(&fs::read(path.join(".churn/registry/generators/v2/report.json")).unwrap()).unwrap();
    assert!(report["privacy"]["overfitting"]["score"].as_f64().unwrap() > 0.9);
    let manifest: Value =
        serde_json::from_slice(&fs::read(path.join(".churn/registry/generators/v2/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["metrics"]["overall"], report["quality"]["overall"]);
    assert!(fs::read_to_string(path.join(".churn/registry/generators/v2/report.html")).unwrap().contains("<svg"));
}

#[test]
fn a_fit_that_is_not_to_be_recorded_leaves_the_registry_alone() {
    let folder = TempDir::new().unwrap();
    small(folder.path(), "few.csv", 0..150);
    let args = ["synth", "fit", "--data", "few.csv", "--out", "few.json", "--no-record", "--json"];
    assert_eq!(json(&run(folder.path(), &args))["recorded"], Value::Null);
    assert!(!folder.path().join(".churn/registry").exists());
}

#[test]
fn conditions_hold_in_the_file_and_an_impossible_one_names_its_rule() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let args = ["synth", "fit", "--data", &shipped_data(), "--out", "gen.json", "--no-record"];
    assert!(run(path, &args).status.success());
    let sample = |conditions: &[&str]| {
        let args = ["synth", "sample", "--generator", "gen.json", "--rows", "500", "--out", "some.csv"];
        let conditions = conditions.iter().flat_map(|condition| ["--where", condition]).collect::<Vec<_>>();
        run(path, &[&args[..], &conditions].concat())
    };
    assert!(sample(&["contract=Two year", "churn=Yes"]).status.success());
    let text = fs::read_to_string(path.join("some.csv")).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), 500);
    assert!(rows.iter().all(|row| row.starts_with("Yes,") && row.contains(",Two year,")));
    let refused = sample(&["internet_service=No", "tech_support=Yes"]);
    assert_eq!(refused.status.code(), Some(64));
    let rule = "tech_support is \"No internet service\" exactly where internet_service is absent";
    assert!(stderr(&refused).contains(rule), "{}", stderr(&refused));
    assert!(stderr(&sample(&["contract"])).contains("expected COLUMN=VALUE"));
}

#[test]
fn a_report_on_files_tells_good_customers_from_bad_ones_and_is_one_page() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    small(path, "real.csv", 0..1_500);
    small(path, "other.csv", 1_500..3_000);
    small(path, "holdout.csv", 3_000..4_500);
    let report = |synthetic: &str, more: &[&str]| {
        let args = ["synth", "report", "--real", "real.csv", "--synthetic", synthetic, "--json"];
        json(&run(path, &[&args[..], more].concat()))
    };
    let fresh = report("other.csv", &["--holdout", "holdout.csv", "--html", "page.html"]);
    let copied = report("real.csv", &["--holdout", "holdout.csv"]);
    let protection = |report: &Value| report["privacy"]["overfitting"]["score"].as_f64().unwrap();
    assert!(protection(&fresh) > 0.9 && protection(&copied) < 0.1, "{} {}", protection(&fresh), protection(&copied));
    assert_eq!(copied["privacy"]["new_rows"]["score"], 0.0);
    assert!(fresh["usefulness"]["auc_trained_on_synthetic"].as_f64().unwrap() > 0.8);
    let page = fs::read_to_string(path.join("page.html")).unwrap();
    assert!(page.contains("pair trends") && page.contains("<svg") && page.contains("Least alike"));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"), "not self-contained");
}

#[test]
fn a_report_without_anything_to_report_on_says_what_to_give() {
    let folder = TempDir::new().unwrap();
    let nothing = run(folder.path(), &["synth", "report"]);
    assert!(!nothing.status.success());
    assert!(stderr(&nothing).contains("has no generator yet"), "{}", stderr(&nothing));
    let unreal = run(folder.path(), &["synth", "report", "--synthetic", "x.csv"]);
    assert_eq!(unreal.status.code(), Some(64));
    let missing = run(folder.path(), &["synth", "report", "--real", &shipped_data(), "--synthetic", "x.csv"]);
    assert!(stderr(&missing).contains("x.csv"), "{}", stderr(&missing));
}

#[test]
fn ibms_file_is_fitted_with_its_own_places_and_without_what_leaks() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/domain/tests/ibm/sample.csv");
    let data = data.display().to_string();
    let fitted = run(path, &["synth", "fit", "--data", &data, "--out", "gen.json", "--no-record"]);
    assert!(fitted.status.success(), "{}", stderr(&fitted));
    let said = stderr(&fitted);
    assert!(said.contains("leak the answer: Churn Value, Churn Score, CLTV, Churn Reason"), "{said}");
    let args = ["synth", "sample", "--generator", "gen.json", "--rows", "2000", "--out", "made.csv"];
    assert!(run(path, &args).status.success());
    let known: HashSet<Place> = fs::read_to_string(&data).unwrap().lines().skip(1).map(ibm_place).collect();
    let made = fs::read_to_string(path.join("made.csv")).unwrap();
    for line in made.lines().skip(1) {
        let cells: Vec<&str> = line.rsplitn(6, ',').collect();
        let [longitude, latitude, county, city, zip] = cells[..5] else { panic!("{line}") };
        assert!(county.is_empty());
        assert!(known.contains(&place(city, zip, latitude, longitude)), "{line}");
    }
    let args = ["synth", "sample", "--generator", "gen.json", "--rows", "50", "--header", "ibm", "--out", "ibm.csv"];
    assert!(run(path, &args).status.success());
    let ibm = fs::read_to_string(path.join("ibm.csv")).unwrap();
    assert!(ibm.starts_with("Country,State,City,Zip Code,Latitude,Longitude,Gender,"), "{ibm:.200}");
    assert!(ibm.lines().skip(1).all(|line| line.starts_with("United States,California,")), "{ibm:.500}");
    let trained = run(path, &["synth", "report", "--generator", "gen.json", "--real", &data, "--rows", "2000"]);
    assert!(stdout(&trained).contains("trained on synthetic"), "{}", stderr(&trained));
}
