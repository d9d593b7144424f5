//! A request's body must be there in time: one that is dribbled would hold a connection and a handler for ever.

use std::{
    cell::RefCell,
    io, mem,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceResponse},
    error::PayloadError,
    http::ConnectionType,
    web::Bytes,
};
use futures_util::Stream;
use tokio::time::{Sleep, sleep};

/// The body that was broken off, if it was.
pub type Late = Rc<RefCell<Option<Payload>>>;

struct InTime {
    body: Payload,
    over: Pin<Box<Sleep>>,
    late: Late,
}

impl Stream for InTime {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(read) = Pin::new(&mut self.body).poll_next(context) {
            return Poll::Ready(read);
        }
        self.over.as_mut().poll(context).map(|()| {
            let body = mem::replace(&mut self.body, Payload::None);
            self.late.replace(Some(body));
            Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into())))
        })
    }
}

/// The same body, broken off when it is not complete within `time`.
pub fn in_time(body: Payload, time: Duration) -> (Payload, Late) {
    let late = Late::default();
    let body: Payload = match body {
        Payload::None => Payload::None,
        body => {
            let in_time = InTime { body, over: Box::pin(sleep(time)), late: late.clone() };
            Payload::Stream { payload: Box::pin(in_time) }
        }
    };
    (body, late)
}

/// Whether a body was broken off for that reason.
pub fn is_late(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// The answer to a request whose body was broken off ends its connection. The body is kept until the answer is written: the server reads the
/// rest of one that nobody holds any more, however long that takes.
pub fn end<B: MessageBody + 'static>(mut response: ServiceResponse<B>, rest: Payload) -> ServiceResponse<BoxBody> {
    response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    response.map_body(|_, body| BoxBody::new(Holding { body: Box::pin(body), _rest: rest }))
}

struct Holding<B> {
    body: Pin<Box<B>>,
    _rest: Payload,
}

impl<B: MessageBody> MessageBody for Holding<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_mut().poll_next(context)
    }
}
