//! Experiments on how read marks are kept, kept themselves so that they can be repeated.
//!
//! | module | question |
//! | --- | --- |
//! | [`read_receipts`] | which way to move a mark forward loses none, and what does it cost under contention? |
//! | [`mark_cost`] | what does one mark cost every process of the system, in a small and in a large room? |
//!
//! Both answer with a table, on the terminal and between two marks of a document.
#![warn(missing_docs)]

pub mod cpu;
pub mod document;
pub mod figures;
pub mod mark_cost;
pub mod read_receipts;
pub mod table;
