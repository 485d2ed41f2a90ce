//! Access control lists of a Kafka broker, which the Rust client cannot write: one request of Kafka's own protocol does.
//!
//! CreateAcls, version 1: <https://kafka.apache.org/protocol#The_Messages_CreateAcls>. Numbers are big-endian; a text is its
//! length as 16 bits and its bytes; a list is its length as 32 bits and its items.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kafka::Kafka;

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const ALLOW: i8 = 3;

/// What a user may do with one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// `topic`, `group`, `cluster` or `transactional_id`.
    pub resource: String,
    /// Its name; with `prefixed` the beginning of its name.
    pub name: String,
    /// Whether `name` is only the beginning.
    pub prefixed: bool,
    /// `read`, `write`, `create`, `describe`, ..
    pub operation: String,
}

/// Lets a user (its plain name) do these things at a broker whose plain listener belongs to a super user.
///
/// # Errors
/// When the broker cannot be reached or refuses, or a word is none of Kafka's.
pub async fn allow(kafka: &Kafka, user: &str, acls: &[Acl]) -> Result<()> {
    let mut body = Vec::new();
    body.extend(i32::try_from(acls.len())?.to_be_bytes());
    for acl in acls {
        body.extend(resource(&acl.resource)?.to_be_bytes());
        text(&mut body, &acl.name)?;
        body.extend((if acl.prefixed { 4_i8 } else { 3 }).to_be_bytes());
        text(&mut body, &format!("User:{user}"))?;
        text(&mut body, "*")?;
        body.extend(operation(&acl.operation)?.to_be_bytes());
        body.extend(ALLOW.to_be_bytes());
    }
    let answer = ask(&kafka.bootstrap, &body).await.with_context(|| format!("no ACLs at {}", kafka.bootstrap))?;
    // Correlation id, throttle time, number of results; each result begins with its error code.
    let mut rest = answer.get(12..).context("the answer is cut short")?;
    for acl in acls {
        let (code, more) = rest.split_first_chunk::<2>().context("the answer is cut short")?;
        ensure!(i16::from_be_bytes(*code) == 0, "{acl:?} is refused with code {}", i16::from_be_bytes(*code));
        let (length, more) = more.split_first_chunk::<2>().context("the answer is cut short")?;
        rest = more.get(usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0)..).context("cut short")?;
    }
    Ok(())
}

async fn ask(broker: &str, body: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    text(&mut request, "churnstream-test")?;
    request.extend(body);
    let mut socket = TcpStream::connect(broker).await?;
    socket.write_all(&i32::try_from(request.len())?.to_be_bytes()).await?;
    socket.write_all(&request).await?;
    let length = socket.read_u32().await?;
    ensure!(length < 1 << 20, "an answer of {length} bytes");
    let mut answer = vec![0; length as usize];
    socket.read_exact(&mut answer).await?;
    Ok(answer)
}

fn text(into: &mut Vec<u8>, text: &str) -> Result<()> {
    into.extend(i16::try_from(text.len())?.to_be_bytes());
    into.extend(text.as_bytes());
    Ok(())
}

fn resource(name: &str) -> Result<i8> {
    Ok(match name {
        "topic" => 2,
        "group" => 3,
        "cluster" => 4,
        "transactional_id" => 5,
        other => bail!("{other} is no resource type of kafka"),
    })
}

fn operation(name: &str) -> Result<i8> {
    let known = [
        ("read", 3),
        ("write", 4),
        ("create", 5),
        ("delete", 6),
        ("alter", 7),
        ("describe", 8),
        ("describe_configs", 10),
        ("alter_configs", 11),
        ("idempotent_write", 12),
    ];
    let found = known.iter().find(|(word, _)| *word == name);
    found.map(|(_, code)| *code).with_context(|| format!("{name} is no operation of kafka"))
}
