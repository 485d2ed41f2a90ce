//! What any version ever wrote decodes for ever.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use apache_avro::Schema;
use churn_wire::{
    Codec, Decoded, Decoder, EventCodec, ModelUpdate, OutcomeCodec, RareRecord, Record, RetrainRequest, SchemaRegistry,
    ScoreCodec, to_json, write_prefix,
};
use serde_json::Value as Json;

fn folder(record: Record) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden").join(record.name())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The record as today's reader understands it, written by today's schema.
async fn reread(record: Record, writer: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    match record {
        Record::CustomerEvent => reread_columns::<EventCodec>(writer, bytes).await,
        Record::CustomerOutcome => reread_columns::<OutcomeCodec>(writer, bytes).await,
        Record::CustomerScore => reread_columns::<ScoreCodec>(writer, bytes).await,
        Record::RetrainRequest => Ok(RetrainRequest::decode(bytes, writer)?.encode()?),
        Record::ModelUpdate => Ok(ModelUpdate::decode(bytes, writer)?.encode()?),
    }
}

async fn reread_columns<C: Codec>(writer: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let registry = SchemaRegistry::builtin();
    let mut value = Vec::new();
    write_prefix(registry.register("golden", writer).await?, &mut value);
    value.extend_from_slice(bytes);
    let mut decoder = Decoder::<C>::new(registry.into(), "golden");
    let mut batch = C::Batch::default();
    while let Decoded::Miss(schema) = decoder.decode_into(&value, None, &mut batch)? {
        decoder.learn(schema).await?;
    }
    let mut out = Vec::new();
    C::default().encode_into(&batch, 0, &mut out);
    Ok(out)
}

/// A field that the version did not have yet is null today.
fn assert_says(today: &Json, then: &Json, case: &Path) {
    for (name, value) in today.as_object().unwrap() {
        assert_eq!(value, then.get(name).unwrap_or(&Json::Null), "{name} of {}", case.display());
    }
}

#[tokio::test]
async fn golden_bytes_of_every_version_decode_to_what_they_said() -> Result<()> {
    let mut cases = 0;
    for record in Record::ALL {
        for version in entries(&folder(record))? {
            let writer = read_text(&version.join("schema.avsc"))?;
            for case in entries(&version)?.iter().filter(|path| path.extension().is_some_and(|end| end == "bin")) {
                let bytes = fs::read(case).with_context(|| format!("reading {}", case.display()))?;
                let said: Json = serde_json::from_str(&read_text(&case.with_extension("json"))?)?;
                assert_eq!(to_json(&writer, &bytes)?, said, "{}", case.display());
                let today = reread(record, &writer, &bytes).await.with_context(|| format!("{}", case.display()))?;
                assert_says(&to_json(record.avsc(), &today)?, &said, case);
                if writer == record.avsc() {
                    assert_eq!(today, bytes, "{} is written otherwise today", case.display());
                }
                cases += 1;
            }
        }
    }
    assert!(cases >= 27, "only {cases} cases");
    Ok(())
}

#[test]
fn every_schema_has_golden_bytes_of_its_present_form() -> Result<()> {
    for record in Record::ALL {
        let known = entries(&folder(record))?
            .iter()
            .map(|version| Ok(Schema::parse_str(&read_text(&version.join("schema.avsc"))?)?.canonical_form()))
            .collect::<Result<Vec<_>>>()?;
        assert!(
            known.contains(&record.schema().canonical_form()),
            "{}.avsc has changed: write golden bytes of a new version with schemas/golden/make_golden.py",
            record.name()
        );
    }
    Ok(())
}
