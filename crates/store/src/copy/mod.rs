//! Binary COPY: rows straight from columns into the server's own format, through one buffer that is used again and
//! again.
//!
//! The format is the one of the manual's page on COPY ("Binary Format"): a header, then for each row a count of fields
//! and for each field its length and bytes, then a trailer. Nothing is parsed by the server, which is why it is the
//! fastest way in.

mod binary;
mod check;
mod columns;
mod rows;

pub(crate) use binary::CopyBuffer;
pub(crate) use check::{rejected_customers, rejected_outcomes, rejected_scores};
pub(crate) use columns::{OUTCOME_CONTENT, outcome_columns, score_columns, score_content};
pub(crate) use rows::{Indexed, OutcomeRows, ReferenceRows, Rows, ScoreRows};

use sqlx::postgres::PgConnection;

/// Bytes sent at a time. Smaller chunks cost a system call each, larger ones leave the server idle while they fill.
const CHUNK_BYTES: usize = 128 * 1024;

/// Copies all rows but the skipped ones, which are sorted. Returns how many the server took.
pub(crate) async fn copy_in(
    connection: &mut PgConnection,
    buffer: &mut CopyBuffer,
    rows: &impl Rows,
    skip: &[usize],
) -> Result<u64, sqlx::Error> {
    let mut copy = connection.copy_in_raw(&rows.statement()).await?;
    buffer.begin();
    let mut skip = skip.iter().copied().peekable();
    for row in 0..rows.len() {
        if skip.next_if_eq(&row).is_some() {
            continue;
        }
        rows.encode(row, buffer);
        if buffer.bytes().len() >= CHUNK_BYTES {
            copy.send(buffer.bytes()).await?;
            buffer.clear();
        }
    }
    buffer.end();
    copy.send(buffer.bytes()).await?;
    buffer.clear();
    copy.finish().await
}
