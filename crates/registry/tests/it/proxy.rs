//! A network that misbehaves between a client and the real S3 server.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The server does what it was asked, and the client never hears of it.
    LoseAnswer,
    /// The client hears that it was done, and the server never hears of it.
    PretendSuccess,
}

#[derive(Debug, Default)]
struct Plan {
    next: Option<(String, Fault)>,
    times: usize,
    faults: usize,
}

/// Passes requests on to a server, and does wrong to some of them.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: String,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (server, shared) = (server.trim_start_matches("http://").to_owned(), plan.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server.clone(), shared.clone()));
            }
        });
        Self { address, plan }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next puts whose head has this text, in lower case, meet this fault, so many times.
    pub(crate) fn next_puts_with(&self, text: &str, fault: Fault, times: usize) {
        let mut plan = self.plan.lock().unwrap();
        (plan.next, plan.times) = (Some((text.to_owned(), fault)), times);
    }

    /// How many requests were done wrong so far.
    pub(crate) fn faults(&self) -> usize {
        self.plan.lock().unwrap().faults
    }
}

/// One connection, request after request, until either side closes it.
async fn serve(mut client: TcpStream, server: String, plan: Arc<Mutex<Plan>>) {
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    while let Some(request) = message(&mut client, true).await {
        let fault = meet(&request, &plan);
        if fault == Some(Fault::PretendSuccess) {
            let answer = b"HTTP/1.1 200 OK\r\nETag: \"0\"\r\nContent-Length: 0\r\n\r\n";
            if client.write_all(answer).await.is_err() {
                return;
            }
            continue;
        }
        if upstream.write_all(&request).await.is_err() {
            return;
        }
        let Some(answer) = message(&mut upstream, !request.starts_with(b"HEAD")).await else { return };
        if fault == Some(Fault::LoseAnswer) || client.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn meet(request: &[u8], plan: &Mutex<Plan>) -> Option<Fault> {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let head = text.split("\r\n\r\n").next()?;
    let mut plan = plan.lock().unwrap();
    let (wanted, fault) = plan.next.clone()?;
    if plan.times == 0 || !head.starts_with("put ") || !head.contains(&wanted) {
        return None;
    }
    plan.times -= 1;
    plan.faults += 1;
    Some(fault)
}

/// The bytes of one HTTP message whose length is in its head.
async fn message(stream: &mut TcpStream, has_body: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or("0", str::trim);
    let whole = head + if has_body { length.parse().ok()? } else { 0 };
    while bytes.len() < whole {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(bytes)
}
