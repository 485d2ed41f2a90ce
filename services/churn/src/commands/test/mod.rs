//! `churn test`: what the pipeline makes of given events, without a broker and without a database.
//!
//! An event goes the way that it goes in the stream: written with the schema, framed, read and checked by the scorer's own code,
//! scored by a model of the registry, and read again as the sink reads it. docs/test-cases.md describes the file.

mod case;
mod expect;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use churn_domain::ScoreBatch;
use churn_runtime::exit::Ending;
use churn_scorer::Rehearsal;
use churn_serving::Served;
use churn_wire::{DecodeError, Decoded, Decoder, Record, SchemaRegistry, ScoreCodec, from_json, to_json, write_prefix};
use serde::Serialize;
use serde_json::Value;

use super::predict;
use crate::app::App;
use crate::cli;

use case::{Case, Cases, Input};

/// Schema id of the scores; the ids of the events' schemas are the built-in registry's.
const SCORE_SCHEMA: i32 = 1;
/// Bytes before a value's record: a zero and the schema's id.
const FRAMING: usize = 5;

/// What the pipeline made of an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Made {
    /// A score, with its fields by name.
    Score(Value),
    /// A dead letter, with the fields `class`, `field` and `message`.
    DeadLetter(Value),
}

#[derive(Debug, Serialize)]
struct Verdict {
    name: String,
    passed: bool,
    /// What is not as expected, one entry a field.
    differences: Vec<String>,
    made: Made,
}

#[derive(Debug, Serialize)]
struct Answer {
    model_version: String,
    passed: usize,
    failed: usize,
    cases: Vec<Verdict>,
}

pub(super) async fn run(app: &App, args: &cli::Test) -> anyhow::Result<()> {
    let cases = read(&args.cases)?;
    let served = predict::load(&app.registry().await?, args.model.as_deref().or(cases.model.as_deref())).await?;
    let mut bench = Bench::new(app.config().scorer.reasons);
    let mut verdicts = Vec::with_capacity(cases.cases.len());
    for (place, case) in cases.cases.iter().enumerate() {
        let made = bench.run(place, case, &served).await.with_context(|| format!("case {:?}", case.name))?;
        let differences = expect::differences(&case.expect, &made);
        verdicts.push(Verdict { name: case.name.clone(), passed: differences.is_empty(), differences, made });
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    let answer =
        Answer { model_version: served.version().to_owned(), passed: verdicts.len() - failed, failed, cases: verdicts };
    app.answer(&answer, text)?;
    if failed > 0 {
        bail!("{failed} of {} cases failed", answer.cases.len());
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Cases> {
    let text =
        std::fs::read_to_string(path).map_err(Ending::data).with_context(|| format!("open {}", path.display()))?;
    let cases: Cases =
        serde_norway::from_str(&text).map_err(Ending::data).with_context(|| format!("read {}", path.display()))?;
    cases.check().map_err(Ending::data).with_context(|| format!("read {}", path.display()))?;
    Ok(cases)
}

fn text(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for case in &answer.cases {
        lines.push(format!("{} {}", if case.passed { "ok    " } else { "FAILED" }, case.name));
        lines.extend(case.differences.iter().map(|difference| format!("         {difference}")));
    }
    lines.push(format!("{} passed, {} failed, with model {}", answer.passed, answer.failed, answer.model_version));
    lines.join("\n")
}

/// The pipeline without its servers.
struct Bench {
    schemas: Arc<SchemaRegistry>,
    scorer: Rehearsal,
}

impl Bench {
    fn new(reasons: usize) -> Self {
        let schemas = Arc::new(SchemaRegistry::builtin());
        Self { scorer: Rehearsal::new(schemas.clone(), SCORE_SCHEMA, reasons), schemas }
    }

    async fn run(&mut self, place: usize, case: &Case, served: &Served) -> anyhow::Result<Made> {
        let value = self.value(place, case).await?;
        match self.scorer.score(value.as_deref(), served).await? {
            Err(error) => Ok(dead_letter(&error)),
            Ok(score) => self.stored(&score).await,
        }
    }

    /// The value that the events' topic would hold.
    async fn value(&self, place: usize, case: &Case) -> anyhow::Result<Option<Vec<u8>>> {
        let event = match &case.input {
            Input::Hex(bytes) => return Ok(Some(bytes.clone())),
            Input::Null => return Ok(None),
            Input::Event(event) => event,
        };
        let schema = Record::CustomerEvent.avsc();
        let id = self.schemas.lookup("customer-events.v1-value", schema).await?;
        let mut value = Vec::new();
        write_prefix(id.context("the built-in registry lacks the schema of events")?, &mut value);
        let record = case::complete(event, place);
        value.extend(from_json(schema, &record).map_err(Ending::data).context("the event cannot be written")?);
        Ok(Some(value))
    }

    /// Reads the score as the sink does; what the sink would refuse is a dead letter of its own.
    async fn stored(&self, score: &[u8]) -> anyhow::Result<Made> {
        let mut framed = Vec::new();
        let schema = Record::CustomerScore.avsc();
        let id = self.schemas.lookup("customer-scores.v1-value", schema).await?;
        write_prefix(id.context("the built-in registry lacks the schema of scores")?, &mut framed);
        let record = &score[FRAMING..];
        framed.extend_from_slice(record);
        let mut decoder = Decoder::<ScoreCodec>::new(self.schemas.clone(), "customer-scores.v1");
        let mut rows = ScoreBatch::default();
        loop {
            match decoder.decode_into(&framed, None, &mut rows) {
                Ok(Decoded::Row { .. }) => break,
                Ok(Decoded::Miss(schema)) => decoder.learn(schema).await?,
                Err(error) => return Ok(dead_letter(&error)),
            }
        }
        let mut fields = to_json(schema, record)?;
        fields["score_id"] = rows.score_id.first().map(ToString::to_string).into();
        Ok(Made::Score(fields))
    }
}

fn dead_letter(error: &DecodeError) -> Made {
    Made::DeadLetter(serde_json::json!({
        "class": error.class.name(),
        "field": error.field,
        "message": error.message,
    }))
}
