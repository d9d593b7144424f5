//! What the model proves, and that it can fail. `--nocapture` shows how many states were looked at.

mod broken_rules;
mod real_rules;
mod scenario;
