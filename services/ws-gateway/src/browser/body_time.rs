//! A request's body must be there in time: one that is dribbled would hold a connection and a handler for ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{dev::Payload, error::PayloadError, web::Bytes};
use futures_util::Stream;
use tokio::time::{Sleep, sleep};

struct InTime {
    body: Payload,
    over: Pin<Box<Sleep>>,
}

impl Stream for InTime {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(read) = Pin::new(&mut self.body).poll_next(context) {
            return Poll::Ready(read);
        }
        let late = || PayloadError::Io(io::ErrorKind::TimedOut.into());
        self.over.as_mut().poll(context).map(|()| Some(Err(late())))
    }
}

/// The same body, broken off when it is not complete within `time`.
pub fn in_time(body: Payload, time: Duration) -> Payload {
    match body {
        Payload::None => Payload::None,
        body => Payload::Stream { payload: Box::pin(InTime { body, over: Box::pin(sleep(time)) }) },
    }
}

/// Whether a body was broken off for that reason.
pub fn is_late(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}
