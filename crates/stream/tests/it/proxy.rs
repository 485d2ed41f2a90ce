//! A proxy between clients and a broker, which can tell them that there is no broker at all, as one does that is just waking up.
//!
//! Clients stay behind the proxy because it names itself wherever the broker names itself. It asks clients for versions of the
//! protocol that it can read, in which no field has a tag.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

const FETCH: i16 = 1;
const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const API_VERSIONS: i16 = 18;
/// The last versions without tagged fields or, for fetches, without topic ids, which old metadata does not give.
const LAST: [(i16, i16); 3] = [(FETCH, 12), (METADATA, 8), (FIND_COORDINATOR, 2)];

pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    broker: String,
    port: u16,
    /// Answers about brokers name none.
    silent: AtomicBool,
    /// Answers without brokers to questions about `topic`.
    unnamed: AtomicU64,
    topic: String,
    open: Mutex<Vec<TcpStream>>,
}

/// What a connection's requests were, by their number: kind, version, and whether they are about the topic.
type Asked = Arc<Mutex<HashMap<[u8; 4], (i16, i16, bool)>>>;

impl Proxy {
    /// In front of `broker`; counts what it hides from those who ask about `topic`.
    pub(crate) fn start(broker: &str, topic: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Arc::new(Shared {
            broker: broker.to_owned(),
            port: listener.local_addr()?.port(),
            silent: AtomicBool::new(false),
            unnamed: AtomicU64::new(0),
            topic: topic.to_owned(),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose connection fails connects again.
                let _ = accepting.connect(&client);
            }
        });
        Ok(Self { shared })
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.shared.port)
    }

    /// From now on there is no broker; whoever is connected has to connect again.
    pub(crate) fn name_no_broker(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
        for stream in self.shared.open().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// From now on there is one again.
    pub(crate) fn name_brokers(&self) {
        self.shared.silent.store(false, Ordering::SeqCst);
    }

    /// How often somebody who asked about the topic was told that there is no broker.
    pub(crate) fn unnamed(&self) -> u64 {
        self.shared.unnamed.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: &TcpStream) -> Result<()> {
        let broker = TcpStream::connect(&self.broker)?;
        for stream in [client, &broker] {
            stream.set_nodelay(true)?;
            self.open().push(stream.try_clone()?);
        }
        let asked = Asked::default();
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        let (mut from, mut to) = (client.try_clone()?, broker.try_clone()?);
        let (mut answers, mut answered) = (broker, client.try_clone()?);
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            let _ = pass(&mut from, &mut to, |frame| there.note(frame, &noted));
            let _ = to.shutdown(Shutdown::Both);
        });
        std::thread::spawn(move || {
            let _ = pass(&mut answers, &mut answered, |frame| back.rewrite(frame, &asked));
            let _ = answered.shutdown(Shutdown::Both);
        });
        Ok(())
    }

    fn note(&self, frame: Vec<u8>, asked: &Asked) -> Result<Vec<u8>> {
        let mut head = Reading(&frame);
        let (kind, version, number) = (head.i16()?, head.i16()?, head.take::<4>()?);
        let about = frame.windows(self.topic.len()).any(|part| part == self.topic.as_bytes());
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(number, (kind, version, about));
        Ok(frame)
    }

    fn rewrite(&self, frame: Vec<u8>, asked: &Asked) -> Result<Vec<u8>> {
        let mut rest = Reading(&frame);
        let number = rest.take::<4>()?;
        let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        Ok(match asked {
            Some((API_VERSIONS, version, _)) => cap_versions(frame, version)?,
            Some((METADATA, version, about)) => {
                let silent = self.silent.load(Ordering::SeqCst);
                let mut answer = number.to_vec();
                // The time that a client was throttled for.
                answer.extend(if version >= 3 { rest.take::<4>()?.to_vec() } else { Vec::new() });
                let count = rest.i32()?;
                answer.extend(if silent { 0 } else { count }.to_be_bytes());
                for _ in 0..count {
                    let node = rest.take::<4>()?;
                    rest.text()?;
                    rest.i32()?;
                    let rack = if version >= 1 { rest.text()? } else { &[] };
                    if !silent {
                        answer.extend(node);
                        answer.extend(self.place());
                        answer.extend(rack);
                    }
                }
                answer.extend(rest.0);
                self.unnamed.fetch_add(u64::from(silent && about), Ordering::SeqCst);
                answer
            }
            Some((FIND_COORDINATOR, version, _)) => {
                let before = if version >= 1 { 4 + 2 } else { 2 };
                let mut answer = [&number, rest.bytes(before)?].concat();
                answer.extend(if version >= 1 { rest.text()? } else { &[] });
                answer.extend(rest.take::<4>()?);
                answer.extend(self.place());
                answer
            }
            _ => frame,
        })
    }

    /// This proxy as a broker names itself.
    fn place(&self) -> Vec<u8> {
        let host = b"127.0.0.1";
        [&(host.len() as i16).to_be_bytes()[..], host, &i32::from(self.port).to_be_bytes()].concat()
    }
}

/// Hands on frames, each as `change` makes it.
fn pass(from: &mut TcpStream, to: &mut TcpStream, change: impl Fn(Vec<u8>) -> Result<Vec<u8>>) -> Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut frame)?;
        let frame = change(frame)?;
        to.write_all(&(frame.len() as u32).to_be_bytes())?;
        to.write_all(&frame)?;
    }
}

/// Lowers the last versions that the broker offers to those of [`LAST`].
fn cap_versions(mut frame: Vec<u8>, version: i16) -> Result<Vec<u8>> {
    // Number and error come first. Entries end with a (zero) count of tags from version 3 on.
    let (first, entry) = if version >= 3 { (4 + 2 + 1, 7) } else { (4 + 2 + 4, 6) };
    let count = if version >= 3 {
        ensure!(frame[first - 1] < 128, "more kinds of request than one byte can count");
        usize::from(frame[first - 1]) - 1
    } else {
        Reading(&frame[first - 4..]).i32()? as usize
    };
    for place in (0..count).map(|n| first + n * entry) {
        let kind = Reading(&frame[place..]).i16()?;
        if let Some((_, last)) = LAST.iter().find(|(capped, _)| *capped == kind) {
            frame[place + 4..place + 6].copy_from_slice(&last.to_be_bytes());
        }
    }
    Ok(frame)
}

struct Reading<'a>(&'a [u8]);

impl<'a> Reading<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("a frame is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.bytes(N)?.try_into()?)
    }

    fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    /// A text with its length, which is -1 for none.
    fn text(&mut self) -> Result<&'a [u8]> {
        let length = Reading(self.0).i16()?.max(0) as usize;
        self.bytes(2 + length)
    }
}
