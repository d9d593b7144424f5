//! Where lines come from and go to: an editor with history on a terminal, plain lines otherwise.

use std::{
    io::{BufRead, IsTerminal, Write, stdin, stdout},
    sync::mpsc as blocking,
    thread,
};

use anyhow::{Context, Result};
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc;

/// Typed lines that wait; the terminal waits when it is full.
const LINES: usize = 64;

/// Both directions.
pub struct Console {
    /// The prompt for the next line, once this one was handled; only with an editor.
    prompts: Option<blocking::Sender<String>>,
    printer: Box<dyn FnMut(String) + Send>,
    lines: mpsc::Receiver<String>,
}

impl Console {
    /// An editor when both input and output are terminals.
    pub fn open(prompt: &str) -> Result<Self> {
        if stdin().is_terminal() && stdout().is_terminal() { Self::editor(prompt) } else { Ok(Self::plain()) }
    }

    fn editor(prompt: &str) -> Result<Self> {
        let mut editor = DefaultEditor::new().context("open the terminal")?;
        let mut external = editor.create_external_printer().context("open the terminal")?;
        let (sender, lines) = mpsc::channel(LINES);
        let (prompts, next_prompt) = blocking::channel();
        let mut prompt = prompt.to_owned();
        // Reading a line blocks, so it has a thread of its own. It ends with the process, or when nobody listens.
        thread::spawn(move || {
            loop {
                // Ctrl-C, Ctrl-D and a terminal that went away all mean the end.
                let Ok(line) = editor.readline(&prompt) else { return };
                if !line.trim().is_empty() {
                    // The history is only a convenience.
                    drop(editor.add_history_entry(&line));
                }
                if sender.blocking_send(line).is_err() {
                    return;
                }
                // Wait until the line was handled: the answer comes before the next prompt, which may be another.
                let Ok(next) = next_prompt.recv() else { return };
                prompt = next;
            }
        });
        // A terminal that went away ends the reading thread, and with it the chat.
        let printer = Box::new(move |line: String| drop(external.print(line)));
        Ok(Self { prompts: Some(prompts), printer, lines })
    }

    fn plain() -> Self {
        let (sender, lines) = mpsc::channel(LINES);
        thread::spawn(move || {
            for line in stdin().lock().lines() {
                let Ok(line) = line else { return };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        // A closed pipe: nobody reads, and nothing can be told.
        let printer = Box::new(|line: String| drop(stdout().write_all(line.as_bytes())));
        Self { prompts: None, printer, lines }
    }

    /// Whether a person types at a terminal.
    pub fn is_interactive(&self) -> bool {
        self.prompts.is_some()
    }

    /// The next line; `None` at the end. Cancel-safe.
    pub async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// The line was handled; `prompt` is for the next.
    pub fn handled(&self, prompt: &str) {
        if let Some(prompts) = &self.prompts {
            // Fails when the reading thread has ended; then `line` says so.
            drop(prompts.send(prompt.to_owned()));
        }
    }

    pub fn print(&mut self, line: &str) {
        (self.printer)(format!("{line}\n"));
    }
}
