//! The checker itself: what is sound is valid, what proves nothing is unknown, every defect is caught and named.

mod clean;
mod defects;
mod guards;
mod model;
mod planted;
mod program;
mod recorded;
mod story;
mod timing;
