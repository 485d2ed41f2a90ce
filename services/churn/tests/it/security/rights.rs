//! Which rights on tables the parts make use of, by what Postgres wrote down of their statements.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// Rights that a part needs in a moment that this test does not wait for.
const RARE: [(&str, &str, &str, &str); 5] = [
    (
        "sink",
        "scored_event",
        "select",
        "a row that is stored already, after positions were reset: crates/store/tests/it/commits.rs",
    ),
    ("sink", "outcome", "select", "the same"),
    ("trainer", "probation_look", "select", "a champion on probation: services/trainer/tests/it/rollback.rs"),
    ("trainer", "probation_look", "insert", "the same"),
    ("trainer", "probation_look", "update", "the same"),
];

/// From now on the server's log has every statement behind the name of its user.
pub(super) async fn write_down(admin: &mut PgConnection) -> Result<()> {
    for setting in ["log_line_prefix = '%u|'", "log_statement = 'all'"] {
        admin.execute(AssertSqlSafe(format!("alter system set {setting}"))).await?;
    }
    admin.execute("select pg_reload_conf()").await?;
    Ok(())
}

/// What was written down, a statement a line, by user.
async fn statements(admin: &mut PgConnection) -> Result<BTreeMap<String, Vec<String>>> {
    let log: String = sqlx::query_scalar("select pg_read_file('server.log')").fetch_one(admin).await?;
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut user = "";
    for line in log.lines() {
        // A statement of several lines goes on behind a tab.
        if let Some(more) = line.strip_prefix('\t') {
            if let Some(last) = said.get_mut(user).and_then(|all| all.last_mut()) {
                last.push(' ');
                last.push_str(more.trim());
            }
        } else if let Some((by, what)) = line.split_once('|') {
            user = by;
            said.entry(by.to_owned()).or_default().push(what.to_owned());
        }
    }
    Ok(said)
}

/// Whether a statement needs this right on this table.
fn needs(statement: &str, table: &str, right: &str) -> bool {
    let name = format!("churn.{table}");
    let after = |word: &str| {
        let wanted = format!("{word} {name}");
        statement.match_indices(&wanted).any(|(at, _)| {
            // Not the name of a longer one.
            !statement[at + wanted.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        })
    };
    let (inserts, updates) = (after("insert into") || after("copy"), after("update"));
    let merges = inserts && statement.contains("do update");
    match right {
        "insert" => inserts,
        "update" => updates || merges,
        "delete" => after("delete from"),
        // Also to find the rows that are changed, and to say what they were.
        "select" => {
            after("from") || after("join") || updates || merges || (inserts && statement.contains("on conflict"))
        }
        _ => false,
    }
}

/// Each right of each part was made use of, or is one of [`RARE`], which are still granted.
pub(super) async fn all_are_used(admin: &mut PgConnection, access: &[Value]) -> Result<()> {
    let said = statements(admin).await?;
    let (mut idle, mut rare) = (Vec::new(), RARE.map(|(part, table, right, _)| (part, table, right)).to_vec());
    for part in access {
        let name = part["part"].as_str().context("a part")?;
        let own = said.get(&format!("churn_{name}")).map_or(&[][..], Vec::as_slice);
        for (table, right) in granted(part)? {
            let known = rare.iter().position(|rare| *rare == (name, &table, &right));
            if let Some(known) = known {
                rare.swap_remove(known);
            } else if !own.iter().any(|statement| needs(statement, &table, &right)) {
                idle.push(format!("{name}: {right} on {table}"));
            }
        }
    }
    ensure!(idle.is_empty(), "nobody used these rights of docs/permissions.toml: {idle:#?}");
    ensure!(rare.is_empty(), "these rights are listed as rare, and not granted: {rare:?}");
    Ok(())
}

/// Tables and rights of a part, as `churn access` prints them.
fn granted(part: &Value) -> Result<Vec<(String, String)>> {
    let mut granted = Vec::new();
    for statement in part["sql"].as_array().context("sql")? {
        let statement = statement.as_str().context("a statement")?;
        let Some((rights, rest)) = statement.strip_prefix("grant ").and_then(|text| text.split_once(" on churn."))
        else {
            continue;
        };
        let table = rest.split_whitespace().next().context("a table")?;
        granted.extend(rights.split(", ").map(|right| (table.to_owned(), right.to_owned())));
    }
    Ok(granted)
}

/// Every query of the dashboards, as Grafana fills it in.
pub(super) fn dashboard_queries() -> Result<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring/grafana/dashboards");
    let mut queries = Vec::new();
    for file in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let board: Value = serde_json::from_str(&std::fs::read_to_string(file?.path())?)?;
        let panels = board["panels"].as_array().context("panels")?;
        let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        queries.extend(targets.filter_map(|target| target["rawSql"].as_str()).map(filled));
    }
    ensure!(!queries.is_empty(), "no dashboard asks Postgres");
    Ok(queries)
}

fn filled(query: &str) -> String {
    query
        .replace("$__timeFrom()", "'2020-01-01T00:00:00Z'")
        .replace("$__timeTo()", "'2100-01-01T00:00:00Z'")
        // What a point's time is rounded to takes no right.
        .replace("$__timeGroup(", "coalesce(")
        .replace("$__interval", "null")
}

#[test]
fn a_statement_needs_the_rights_of_what_it_does() {
    let of = |statement: &str, table: &str| {
        ["select", "insert", "update", "delete"].map(|right| needs(statement, table, right))
    };
    assert_eq!(of("select 1 from churn.model", "model"), [true, false, false, false]);
    assert_eq!(of("select 1 from churn.model_metric", "model"), [false; 4]);
    assert_eq!(of("copy churn.outcome (a) from stdin", "outcome"), [false, true, false, false]);
    assert_eq!(
        of("insert into churn.lease as l on conflict (n) do update set a = 1", "lease"),
        [true, true, true, false]
    );
    assert_eq!(of("update churn.lease set a = 1 where b", "lease"), [true, false, true, false]);
    assert_eq!(of("delete from churn.lease", "lease"), [true, false, false, true]);
}
