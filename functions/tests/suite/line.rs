//! What lies between functions and their store on a bad day: an HTTP proxy with faults.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request of the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The store refuses it before it does anything.
    Refused(u16, &'static str),
    /// The store cancels the transaction, for this reason with its first item.
    Cancelled(&'static str),
    /// The store carries it out, and its answer never comes.
    Unanswered,
    /// The store carries it out, and the connection ends in the middle of its answer.
    Cut,
    /// It reaches the store after this time.
    Late(Duration),
    /// It is answered as the same request was the first time: by a copy that lags behind.
    Stale,
}

/// The way to a store.
pub(crate) struct Line {
    endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    store: SocketAddr,
    plan: Mutex<VecDeque<(&'static str, &'static str, Fault)>>,
    /// Requests by operation and body, with their first answers.
    first: Mutex<Vec<(String, Value, Message)>>,
    late: Mutex<usize>,
}

impl Line {
    /// To a store at this address.
    pub(crate) async fn to(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            store,
            plan: Mutex::default(),
            first: Mutex::default(),
            late: Mutex::default(),
        });
        let line = Self { endpoint, shared: shared.clone() };
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                // A caller who hangs up is no fault of the line.
                tokio::spawn(carry(shared.clone(), BufReader::new(caller)));
            }
        });
        line
    }

    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The next requests of this operation that name this table meet a fault.
    pub(crate) fn will(&self, operation: &'static str, table: &'static str, faults: &[Fault]) {
        let planned = faults.iter().map(|fault| (operation, table, *fault));
        self.shared.plan.lock().unwrap().extend(planned);
    }

    /// All is well again. Returns how many of the faults have not happened.
    pub(crate) fn heal(&self) -> usize {
        let mut plan = self.shared.plan.lock().unwrap();
        let left = plan.len();
        plan.clear();
        left
    }

    /// How many late requests have reached the store.
    pub(crate) fn late(&self) -> usize {
        *self.shared.late.lock().unwrap()
    }
}

async fn carry(shared: Arc<Shared>, mut caller: BufReader<TcpStream>) -> Result<()> {
    while let Some(request) = Message::read(&mut caller).await? {
        let operation = request.operation();
        let answer = match shared.fault(&operation, &request) {
            None => shared.pass(&operation, &request).await?,
            Some(Fault::Refused(status, name)) => {
                Message::refusal(status, &json!({ "__type": name }))
            }
            Some(Fault::Cancelled(reason)) => cancelled(&request, reason),
            Some(Fault::Unanswered) => {
                shared.pass(&operation, &request).await?;
                // Until the caller has had enough.
                caller.read_u8().await?;
                return Ok(());
            }
            Some(Fault::Cut) => {
                let answer = shared.pass(&operation, &request).await?;
                let bytes = answer.bytes();
                return caller
                    .write_all(&bytes[..bytes.len() - answer.body.len().div_ceil(2)])
                    .await;
            }
            Some(Fault::Late(after)) => {
                tokio::time::sleep(after).await;
                let answer = shared.pass(&operation, &request).await?;
                *shared.late.lock().unwrap() += 1;
                answer
            }
            Some(Fault::Stale) => shared.first_answer(&operation, &request).unwrap(),
        };
        caller.write_all(&answer.bytes()).await?;
    }
    Ok(())
}

impl Shared {
    fn fault(&self, operation: &str, request: &Message) -> Option<Fault> {
        let text = String::from_utf8_lossy(&request.body);
        let mut plan = self.plan.lock().unwrap();
        let met = |(of, table, _): &(&str, &str, Fault)| {
            *of == operation && text.contains(&format!("\"test-{table}\""))
        };
        let place = plan.iter().position(met)?;
        plan.remove(place).map(|(.., fault)| fault)
    }

    async fn pass(&self, operation: &str, request: &Message) -> Result<Message> {
        let mut store = BufReader::new(TcpStream::connect(self.store).await?);
        store.write_all(&request.bytes()).await?;
        let answer = Message::read(&mut store).await?.ok_or(ErrorKind::UnexpectedEof)?;
        if self.first_answer(operation, request).is_none() {
            let first = (operation.to_owned(), request.json(), answer.clone());
            self.first.lock().unwrap().push(first);
        }
        Ok(answer)
    }

    fn first_answer(&self, operation: &str, request: &Message) -> Option<Message> {
        let asked = request.json();
        let first = self.first.lock().unwrap();
        let same = first.iter().find(|(of, body, _)| of == operation && *body == asked)?;
        Some(same.2.clone())
    }
}

fn cancelled(request: &Message, reason: &str) -> Message {
    let items = request.json()["TransactItems"].as_array().unwrap().len();
    let reasons: Vec<_> =
        (0..items).map(|item| json!({ "Code": if item == 0 { reason } else { "None" } })).collect();
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Message::refusal(400, &json!({ "__type": name, "CancellationReasons": reasons }))
}

/// An HTTP/1.1 request or response with a body of known length.
#[derive(Clone)]
struct Message {
    /// To the empty line, and with it.
    head: String,
    body: Vec<u8>,
}

impl Message {
    /// `None` when the other side has nothing more to say.
    async fn read(from: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head).await? == 0 {
                return Ok(None);
            }
        }
        let length = header(&head, "content-length").and_then(|text| text.parse().ok());
        let mut body = vec![0; length.ok_or_else(|| Error::other("a body of unknown length"))?];
        from.read_exact(&mut body).await?;
        Ok(Some(Self { head, body }))
    }

    fn refusal(status: u16, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        let head = format!(
            "HTTP/1.1 {status} Fault\r\ncontent-type: application/x-amz-json-1.0\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        Self { head, body }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The part of `X-Amz-Target` after the dot.
    fn operation(&self) -> String {
        let target = header(&self.head, "x-amz-target").unwrap();
        target.split_once('.').unwrap().1.to_owned()
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
