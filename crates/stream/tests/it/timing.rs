use std::time::Instant;
use anyhow::Result;
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, Event, KafkaConfig, Outgoing, Position};
use crate::support::{PATIENCE, add_topic, assign};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timing() -> Result<()> {
    let t = Instant::now();
    let progress = Progress::new();
    let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
    println!("embedded {:?}", t.elapsed());
    add_topic(&cluster, "one", 4).await?;
    println!("topic {:?}", t.elapsed());
    let stage = progress.stage("x");
    let mut consumer = cluster.consumer(&stage, "g", &["one"]).await?;
    println!("consumer {:?}", t.elapsed());
    assign(&mut consumer, Position::Stored).await?;
    println!("assigned {:?}", t.elapsed());
    let mut p = cluster.producer(&stage)?;
    println!("producer {:?}", t.elapsed());
    p.send(Outgoing::new("one", b"k", b"v"))?;
    println!("sent {:?}", t.elapsed());
    p.flush(PATIENCE)?;
    println!("flushed {:?}", t.elapsed());
    let Event::Records(_) = consumer.next().await else { panic!() };
    println!("received {:?}", t.elapsed());
    consumer.close().await;
    println!("closed {:?}", t.elapsed());
    let mut p2 = cluster.transactional_producer(&stage, "tx").await?;
    println!("txn producer {:?}", t.elapsed());
    let c = cluster.consumer(&stage, "g2", &["one"]).await?;
    for _ in 0..3 {
        p2.begin()?;
        p2.send(Outgoing::new("one", b"k", b"v"))?;
        p2.commit(&[], &c)?;
        println!("txn committed {:?}", t.elapsed());
    }
    drop(p2);
    println!("txn producer dropped {:?}", t.elapsed());
    drop(p);
    println!("producer dropped {:?}", t.elapsed());
    drop(c);
    drop(cluster);
    println!("cluster dropped {:?}", t.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timing2() -> Result<()> {
    let progress = Progress::new();
    let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
    add_topic(&cluster, "one", 4).await?;
    let stage = progress.stage("x");
    let mut p = cluster.producer(&stage)?;
    for round in 0..3 {
        let t = Instant::now();
        for i in 0..40_000u64 {
            p.send(Outgoing::new("one", &i.to_be_bytes(), &[7; 250]))?;
        }
        p.flush(PATIENCE)?;
        println!("produced {:?}", t.elapsed());
        let t = Instant::now();
        let mut consumer = cluster.consumer(&stage, &format!("g{round}"), &["one"]).await?;
        println!("consumer {:?}", t.elapsed());
        let starts: Vec<_> = (0..4).map(|i| churn_stream::TopicPartition::new("one", i)).map(|p| {let e = progress.produced_end("one", p.partition).unwrap(); (p, Position::Offset(e-9000))}).collect();
        let _ = consumer.next().await;
        consumer.assign(&starts).await?;
        println!("assigned {:?}", t.elapsed());
        let mut n = 0; let mut k = 0;
        let mut busy = std::time::Duration::ZERO;
        while n < 36_000 {
            let Event::Records(b) = consumer.next().await else { panic!() };
            n += b.len(); k += 1;
            if k < 4 || n >= 36_000 { println!("   batch {} {:?}", b.len(), t.elapsed()); }
            let t = Instant::now(); consumer.durable(&b.next_offsets()); busy += t.elapsed();
        }
        println!("read {:?} in {k} {busy:?}", t.elapsed());
        consumer.close().await;
        println!("closed {:?}", t.elapsed());
    }
    Ok(())
}
