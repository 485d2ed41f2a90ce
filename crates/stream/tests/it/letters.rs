//! Dead letters that are larger than what their topic takes.

use anyhow::Result;
use churn_stream::deadletter::{DeadLetter, LetterLimit, OFFSET, TRUNCATED, Verdict};
use churn_stream::{Event, Outgoing, Position, StreamError, TopicSpec};

use crate::support::{PATIENCE, add_topic, assign, noise, real};

const VERDICT: Verdict<'_> =
    Verdict { stage: "test", error_class: "undecodable", error_text: "no event", schema_id: Some(7) };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_letter_of_the_largest_record_fits_its_topic_and_is_cut_for_one_with_defaults() -> Result<()> {
    let (cluster, progress, topic) = real("large", 1).await?;
    let letters =
        TopicSpec { name: format!("{topic}.dlq"), partitions: 1, replication: 1, compacted: false, dead_letters: true };
    cluster.create_topics(&[letters]).await?;
    let stage = progress.stage("writer");
    let mut consumer = cluster.consumer(&stage, "large", &[&topic]).await?;
    assign(&mut consumer, Position::Beginning).await?;
    let mut producer = cluster.producer(&stage)?;
    // The default limit of a topic is 1,048,588 bytes, its own framing included.
    let value = noise(1_048_400);
    tokio::task::block_in_place(|| -> Result<()> {
        producer.send(Outgoing::new(&topic, b"k", &value))?;
        Ok(producer.flush(PATIENCE)?)
    })?;
    let Event::Records(batch) = tokio::time::timeout(PATIENCE, consumer.next()).await? else {
        anyhow::bail!("expected the record")
    };
    let record = batch.get(0).ok_or_else(|| anyhow::anyhow!("an empty batch"))?;
    let mut letter = DeadLetter::new(&record, &VERDICT);
    tokio::task::block_in_place(|| -> Result<()> {
        letter.send_with(|outgoing| producer.send(outgoing))?;
        Ok(producer.flush(PATIENCE)?)
    })?;
    let whole = cluster.tail(&format!("{topic}.dlq"), 0, 1).await?;
    let whole = whole.get(0).ok_or_else(|| anyhow::anyhow!("no letter"))?;
    assert_eq!(whole.value().map(<[u8]>::len), Some(value.len()));
    assert!(whole.header(TRUNCATED).is_none());

    // The same letter for a topic that somebody made with the defaults: refused, then cut.
    let plain = topic.replace("large", "plain");
    add_topic(&cluster, &plain, 1).await?;
    let mut limit = LetterLimit::default();
    let mut send = |letter: &DeadLetter| {
        tokio::task::block_in_place(|| {
            letter.send_with(|outgoing| producer.send(Outgoing { topic: &plain, ..outgoing }))?;
            producer.flush(PATIENCE)
        })
    };
    let refused = send(&letter);
    assert!(matches!(refused, Err(StreamError::TooLarge { .. })), "{refused:?}");
    assert!(limit.refused());
    limit.apply(&mut letter);
    send(&letter)?;
    let cut = cluster.tail(&plain, 0, 1).await?;
    let cut = cut.get(0).ok_or_else(|| anyhow::anyhow!("no letter"))?;
    assert!(cut.value().is_some_and(|kept| value.starts_with(kept) && kept.len() > 800_000));
    assert_eq!(cut.header(TRUNCATED), Some(value.len().to_string().as_bytes()));
    assert_eq!(cut.header(OFFSET), Some(&b"0"[..]));
    consumer.close().await;
    Ok(())
}
