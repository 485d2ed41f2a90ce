//! The OpenAPI document against the routes that the parts serve.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

const SOURCES: [&str; 4] =
    ["services/api/src", "services/synthesizer/src", "services/trainer/src", "crates/runtime/src/http"];

/// Method and path of every route in a source file: `.route("PATH", get(..).post(..))`.
fn routes(source: &str) -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for call in source.split(".route(").skip(1) {
        let (path, rest) = call.trim_start().trim_start_matches('"').split_once('"').unwrap();
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let handlers = &rest[..end.unwrap()];
        let methods: Vec<_> = ["get", "post", "put", "delete", "patch"]
            .into_iter()
            .filter(|method| {
                let called = |before: char| handlers.contains(&format!("{before}{method}("));
                called(' ') || called('.') || handlers.contains(&format!("\n{method}("))
            })
            .collect();
        assert!(path.starts_with('/') && !methods.is_empty(), "unclear route {call:.80}");
        routes.extend(methods.into_iter().map(|method| (method.to_owned(), path.to_owned())));
    }
    routes
}

fn rust_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn the_document_has_every_route_of_every_part_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    SOURCES.iter().for_each(|folder| rust_files(&root.join(folder), &mut files));
    let mut served = BTreeSet::new();
    for file in &files {
        let source = std::fs::read_to_string(file).unwrap();
        // What stands behind the tests' mark is served by nobody.
        served.extend(routes(source.split("#[cfg(test)]").next().unwrap()));
    }
    assert!(served.len() > 15, "{served:?}");
    let document = churn_api::openapi();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    assert_eq!(served, documented);
}

#[test]
fn every_operation_says_who_serves_it_what_it_does_and_which_parameters_its_path_has() {
    let document = churn_api::openapi();
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{what}");
            assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{what}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{what}");
            let in_path: Vec<&str> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
            let declared: Vec<&str> = operation["parameters"]
                .as_array()
                .map_or_else(Vec::new, |all| all.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect());
            assert_eq!(in_path, declared, "{what}");
        }
    }
    // Every reference leads somewhere.
    let mut open: Vec<&Value> = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        open.extend(value.as_object().into_iter().flat_map(|fields| fields.values()));
        open.extend(value.as_array().into_iter().flatten());
    }
}
