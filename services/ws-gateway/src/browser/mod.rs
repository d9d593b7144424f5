//! What keeps browsers, and clients in general, on the safe side: CORS, headers on every answer, problems for every error, bodies that come.

mod accept;
mod body_time;
mod cors;
mod every_answer;
mod headers;

pub use self::{body_time::is_late, cors::cors, every_answer::every_answer};
