//! What a plan does, from `EXPLAIN (FORMAT JSON)`.

use std::collections::BTreeSet;

use serde_json::Value;

/// Tables whose history grows for ever: none is read as a whole.
const BIG: [&str; 2] = ["messages", "room_members"];

/// What matters of a plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Indexes it uses.
    pub indexes: BTreeSet<String>,
    /// Tables it reads from one end to the other.
    pub seq_scans: BTreeSet<String>,
}

impl Plan {
    /// From the answer to EXPLAIN.
    pub fn parse(explained: &Value) -> Self {
        let mut plan = Self::default();
        plan.walk(explained);
        plan
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.walk(value)),
            Value::Object(node) => {
                if let Some(index) = node.get("Index Name").and_then(Value::as_str) {
                    self.indexes.insert(index.to_owned());
                }
                if node.get("Node Type").and_then(Value::as_str) == Some("Seq Scan")
                    && let Some(table) = node.get("Relation Name").and_then(Value::as_str)
                {
                    self.seq_scans.insert(table.to_owned());
                }
                node.values().for_each(|value| self.walk(value));
            }
            _ => {}
        }
    }

    /// What is not as it should be, if anything.
    pub fn fault(&self, expected: &[&str]) -> Option<String> {
        let missing: Vec<_> = expected.iter().filter(|index| !self.indexes.contains(**index)).copied().collect();
        let scanned: Vec<_> = BIG.iter().filter(|table| self.seq_scans.contains(**table)).copied().collect();
        match (missing.is_empty(), scanned.is_empty()) {
            (true, true) => None,
            (false, _) => Some(format!("does not use {}", missing.join(", "))),
            (true, false) => Some(format!("reads all of {}", scanned.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indexes_and_whole_tables_are_found_at_any_depth() {
        let plan = Plan::parse(&json!([{"Plan": {"Node Type": "Nested Loop", "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "rooms"},
            {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Index Name": "messages_pkey", "Relation Name": "messages"}]},
        ]}}]));
        assert_eq!(plan.indexes, BTreeSet::from(["messages_pkey".to_owned()]));
        assert_eq!(plan.seq_scans, BTreeSet::from(["rooms".to_owned()]));
        assert_eq!(plan.fault(&["messages_pkey"]), None, "rooms are few");
        assert_eq!(plan.fault(&["messages_id"]), Some("does not use messages_id".to_owned()));
    }

    #[test]
    fn a_plan_that_reads_all_messages_is_at_fault() {
        let plan = Plan::parse(&json!([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "messages"}}]));
        assert_eq!(plan.fault(&[]), Some("reads all of messages".to_owned()));
    }
}
