//! Rules, dashboards and pages against what the program declares.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, stdout};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    assert!(!files.is_empty(), "no {ending} in {folder}");
    files
}

fn yaml(path: &Path) -> Value {
    serde_norway::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every rule of every group.
fn rules() -> Vec<Value> {
    let groups =
        files("monitoring/prometheus/rules", ".yaml").into_iter().flat_map(|path| list(&yaml(&path)["groups"]));
    groups.flat_map(|group| list(&group["rules"])).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Words that begin like a metric or a recorded series.
fn names(text: &str) -> BTreeSet<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !part(c)).filter(|word| word.starts_with("churn_") || word.starts_with("churn:")).collect()
}

/// Metrics as they are scraped: a histogram is three.
fn declared() -> BTreeSet<String> {
    let folder = TempDir::new().unwrap();
    let reference = json(&run(folder.path(), &["metrics", "reference", "--json"]));
    let mut names = BTreeSet::new();
    for metric in list(&reference["metrics"]) {
        let name = text(&metric, "name");
        match text(&metric, "kind") {
            "histogram" => names.extend(["bucket", "count", "sum"].map(|end| format!("{name}_{end}"))),
            _ => drop(names.insert(name.to_owned())),
        }
    }
    names
}

#[test]
fn the_page_of_metrics_is_what_the_program_declares() {
    let folder = TempDir::new().unwrap();
    let printed = stdout(&run(folder.path(), &["metrics", "reference"]));
    assert_eq!(printed, read("docs/metrics.md"), "run: churn metrics reference > docs/metrics.md");
}

#[test]
fn grafana_reads_by_the_rights_that_are_written_down() {
    let folder = TempDir::new().unwrap();
    let login = read("compose/observability/grafana-login.sql");
    let access = json(&run(folder.path(), &["access", "--part", "grafana", "--json"]));
    let statements: Vec<String> = list(&access[0]["sql"]).iter().map(|sql| sql.as_str().unwrap().to_owned()).collect();
    // The database's name is that of the moment; and what is granted is nothing more.
    let granted: BTreeSet<&str> = login.lines().filter(|line| line.starts_with("grant ")).collect();
    let expected: BTreeSet<&str> =
        statements.iter().map(String::as_str).filter(|statement| !statement.contains(" on database ")).collect();
    assert_eq!(granted, expected);
    assert!(login.contains("grant connect on database %I to \"churn_grafana\""), "{statements:?}");
}

#[test]
fn rules_and_dashboards_name_only_what_is_declared_or_recorded() {
    let mut known = declared();
    known.extend(rules().iter().map(|rule| text(rule, "record").to_owned()));
    let mut sources: Vec<(String, String)> = Vec::new();
    for rule in rules() {
        sources
            .push((format!("rule {}{}", text(&rule, "alert"), text(&rule, "record")), text(&rule, "expr").to_owned()));
    }
    for path in files("monitoring/grafana/dashboards", ".json") {
        sources.push((path.display().to_string(), read(&path)));
    }
    for path in files("docs/runbooks", ".md") {
        sources.push((path.display().to_string(), read(&path)));
    }
    for (source, text) in sources {
        for name in names(&text) {
            assert!(known.contains(name), "{source} names {name}, which nobody declares or records");
        }
    }
}

#[test]
fn every_alert_has_a_severity_a_test_and_a_page() {
    let index = read("docs/runbooks/README.md");
    let tests: String = files("monitoring/prometheus/tests", ".yaml").iter().map(read).collect();
    let mut pages = BTreeSet::new();
    for rule in rules().iter().filter(|rule| rule.get("alert").is_some()) {
        let alert = text(rule, "alert");
        assert!(["critical", "warning", "info"].contains(&text(&rule["labels"], "severity")), "{alert}: severity");
        for key in ["summary", "description"] {
            assert!(!text(&rule["annotations"], key).is_empty(), "{alert}: no {key}");
        }
        let page = format!("{alert}.md");
        assert_eq!(text(&rule["annotations"], "runbook_url"), format!("docs/runbooks/{page}"), "{alert}");
        let dashboard = format!("monitoring/grafana/dashboards/{}.json", text(&rule["annotations"], "dashboard"));
        assert!(root().join(&dashboard).exists(), "{alert}: there is no {dashboard}");
        let runbook = read(format!("docs/runbooks/{page}"));
        for heading in [&format!("# {alert}\n"), "## Dashboard\n", "## Likely causes\n", "## What to do\n"] {
            assert!(runbook.contains(heading), "{page}: no {heading:?}");
        }
        assert!(index.contains(&format!("[{alert}]({page})")), "the index leaves {alert} out");
        let tested =
            tests.contains(&format!("alertname: {alert}\n")) || tests.contains(&format!("alertname=\"{alert}\""));
        assert!(tested, "no test of {alert} in monitoring/prometheus/tests");
        pages.insert(page);
    }
    for path in files("docs/runbooks", ".md") {
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(page == "README.md" || pages.contains(&page), "{page} is about an alert that is no more");
    }
}
