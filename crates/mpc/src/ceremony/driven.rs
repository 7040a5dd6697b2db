//! Runs a library's asynchronous protocol as a [`Machine`]. (The library's own wrapper is not
//! `Send`.) The future never waits for anything but its mailbox.

use std::{
    collections::VecDeque,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use futures_sink::Sink;
use round_based::{
    Incoming, MessageDestination, MessageType, MpcParty, Outgoing, runtime::AsyncRuntime,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Advance, Machine, Refusal, Said,
    schedule::{Address, Schedule},
};
use crate::wire;

/// A protocol's message type: which round a message belongs to, and whether its values are in
/// range.
pub(crate) trait Spoken: Serialize + DeserializeOwned + Send + 'static {
    /// The slot of the schedule, with or without the echo round.
    fn slot(&self, echo: bool) -> usize;
    /// Range checks that cost nothing, before the library computes with the values.
    fn in_range(&self) -> bool {
        true
    }
}

struct Mailbox<M> {
    incoming: VecDeque<Incoming<M>>,
    outgoing: VecDeque<Outgoing<M>>,
}

/// The protocol's end of the mailbox.
pub(crate) struct Line<M>(Arc<Mutex<Mailbox<M>>>);

impl<M> Line<M> {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Stream for Line<M> {
    type Item = Result<Incoming<M>, std::convert::Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.mailbox().incoming.pop_front() {
            Some(message) => Poll::Ready(Some(Ok(message))),
            None => Poll::Pending,
        }
    }
}

impl<M> Sink<Outgoing<M>> for Line<M> {
    type Error = std::convert::Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Outgoing<M>) -> Result<(), Self::Error> {
        self.mailbox().outgoing.push_back(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// Nothing else runs on this future's executor, so yielding is pointless.
pub(crate) struct NoYield;

impl AsyncRuntime for NoYield {
    type YieldNowFuture = Ready<()>;

    fn yield_now(&self) -> Ready<()> {
        ready(())
    }
}

/// What a protocol is given to talk through.
pub(crate) type Party<M> = MpcParty<M, (Line<M>, Line<M>), NoYield>;

type Run<O> = Pin<Box<dyn Future<Output = Result<O, Refusal>> + Send>>;

/// An asynchronous protocol and its mailbox.
pub(crate) struct Driven<M, O> {
    run: Run<O>,
    line: Line<M>,
    schedule: &'static Schedule,
    echo: bool,
    next_id: u64,
}

impl<M: Spoken, O: Send + 'static> Driven<M, O> {
    /// The protocol as a machine; it starts with the first step.
    pub(crate) fn machine<F>(
        schedule: &'static Schedule,
        echo: bool,
        protocol: impl FnOnce(Party<M>) -> F,
    ) -> Box<dyn Machine<O>>
    where
        F: Future<Output = Result<O, Refusal>> + Send + 'static,
    {
        let mailbox = Mailbox { incoming: VecDeque::new(), outgoing: VecDeque::new() };
        let mailbox = Arc::new(Mutex::new(mailbox));
        let line = || Line(Arc::clone(&mailbox));
        let party = MpcParty::connected((line(), line())).set_runtime(NoYield);
        let run = Box::pin(protocol(party));
        Box::new(Self { run, line: line(), schedule, echo, next_id: 0 })
    }
}

impl<M: Spoken, O: Send> Machine<O> for Driven<M, O> {
    fn receive(&mut self, slot: usize, seat: u16, body: &[u8]) -> Result<(), Refusal> {
        let form = &self.schedule.slots[slot];
        let malformed = Refusal::Malformed { seat };
        let msg: M = wire::decode(body, &form.shape).ok_or(malformed)?;
        if msg.slot(self.echo) != slot || !msg.in_range() {
            return Err(malformed);
        }
        let msg_type = match form.to {
            Address::Everyone => MessageType::Broadcast,
            Address::Each | Address::First => MessageType::P2P,
        };
        self.next_id += 1;
        let message = Incoming { id: self.next_id, sender: seat, msg_type, msg };
        self.line.mailbox().incoming.push_back(message);
        Ok(())
    }

    fn advance(&mut self) -> Result<Advance<O>, Refusal> {
        let output = match self.run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result?),
            Poll::Pending => None,
        };
        let mut said = Vec::new();
        for Outgoing { recipient, msg } in self.line.mailbox().outgoing.drain(..) {
            let to = match recipient {
                MessageDestination::AllParties => None,
                MessageDestination::OneParty(seat) => Some(seat),
            };
            let body = wire::encode(&msg).ok_or(Refusal::Aborted)?;
            said.push(Said { slot: msg.slot(self.echo), to, body });
        }
        Ok(Advance { said, output })
    }
}
