//! `churn model export`: a model in the format of another program.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use churn_domain::csv::{ReadOptions, UnknownCategory};
use churn_learn::ScoringModel;
use churn_registry::Version;
use churn_runtime::exit::Ending;
use churn_serving::Served;
use serde::Serialize;

use crate::app::App;
use crate::cli::{ExportFormat, ModelExport};
use crate::shipped;

#[derive(Debug, Serialize)]
struct Answer {
    model_version: String,
    format: &'static str,
    out: PathBuf,
    columns: usize,
    encoded_rows: Option<usize>,
}

/// Writes the model, and customers encoded for it where they are asked for.
///
/// # Errors
/// There is no such version, it cannot be written in this format, or a file cannot be read or written.
pub(super) async fn run(app: &App, args: &ModelExport) -> anyhow::Result<()> {
    let version: Version = args.version.parse().map_err(Ending::usage).context("the version")?;
    let served =
        Served::of_version(&app.registry().await?, version).await.map_err(Ending::of).context("load the model")?;
    let model = &served.contents().model;
    let (format, bytes) = match args.format {
        ExportFormat::XgboostJson => ("xgboost-json", model.to_xgboost_json()),
    };
    let bytes = bytes.map_err(Ending::data).with_context(|| format!("export model {version} as {format}"))?;
    let out = args.out.clone().unwrap_or_else(|| format!("model-{version}.json").into());
    fs::write(&out, bytes).map_err(Ending::data).with_context(|| format!("write {}", out.display()))?;
    let encoded_rows = match (&args.data, &args.matrix) {
        (Some(data), Some(matrix)) => Some(encode(model, data, matrix)?),
        _ => None,
    };
    let columns = model.encoder().columns();
    let answer = Answer { model_version: version.to_string(), format, out, columns, encoded_rows };
    app.answer(&answer, |answer| {
        let rows = answer.encoded_rows.map_or_else(String::new, |rows| format!("; {rows} customers encoded"));
        format!("model {} written to {} as {}{rows}", answer.model_version, answer.out.display(), answer.format)
    })
}

fn encode(model: &ScoringModel, data: &Path, out: &Path) -> anyhow::Result<usize> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: false };
    let customers = shipped::customers(Some(data), options)?;
    let matrix = model.encoder().encode(&customers.features, 0..customers.len());
    let file = fs::File::create(out).map_err(Ending::data).with_context(|| format!("create {}", out.display()))?;
    let mut file = BufWriter::new(file);
    let mut write = || -> std::io::Result<()> {
        writeln!(file, "{},probability", model.encoder().column_names().join(","))?;
        for (row, probability) in matrix.values.chunks_exact(matrix.columns).zip(model.predict_all(&customers.features))
        {
            for value in row {
                if !value.is_nan() {
                    write!(file, "{value}")?;
                }
                write!(file, ",")?;
            }
            writeln!(file, "{probability}")?;
        }
        file.flush()
    };
    write().with_context(|| format!("write {}", out.display()))?;
    Ok(customers.len())
}
