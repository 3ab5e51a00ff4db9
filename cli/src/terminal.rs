//! Standard output, which is data.

use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::CliError;
use crate::escaped_json;
use crate::table::Table;

/// Where data is written. A reader that closes the pipe early, as `head` does, ends the writing
/// and nothing else.
pub struct Terminal {
    out: Mutex<Box<dyn Write + Send>>,
    colour: bool,
    columns: Option<usize>,
}

impl Terminal {
    /// Standard output. Coloured and fitted to the window only on a terminal; no colour with
    /// `NO_COLOR` (<https://no-color.org>) or `TERM=dumb`.
    pub fn standard() -> Self {
        let out = std::io::stdout();
        let is_terminal = out.is_terminal();
        let set = |name: &str| std::env::var_os(name).unwrap_or_default();
        let plain = !set("NO_COLOR").is_empty() || set("TERM") == "dumb";
        let window = terminal_size::terminal_size_of(&out).map(|(width, _)| usize::from(width.0));
        Self {
            out: Mutex::new(Box::new(BufWriter::new(out))),
            colour: is_terminal && !plain,
            columns: window.filter(|_| is_terminal),
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Anything but a closed pipe, such as a full disk.
    pub fn line(&self, line: &str) -> Result<(), CliError> {
        self.write(|out| writeln!(out, "{line}"))
    }

    /// Writes a table, with its hidden characters escaped.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn table(&self, table: &Table) -> Result<(), CliError> {
        table.lines(self.columns, self.colour).iter().try_for_each(|line| self.line(line))
    }

    /// Writes a value as one JSON document for reading.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        self.line(&escaped_json::document(value)?)
    }

    /// Writes a value as one line of JSON.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn json_line<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        self.line(&escaped_json::line(value)?)
    }

    /// Writes several lines.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn lines(&self, lines: &[String]) -> Result<(), CliError> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Writes bytes as they are: a file that another program reads.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        self.write(|out| out.write_all(bytes))
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// As for [`Terminal::line`].
    pub fn flush(&self) -> Result<(), CliError> {
        self.write(|out| out.flush())
    }

    fn write(
        &self,
        act: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), CliError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match act(&mut *out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *out = Box::new(std::io::sink());
                Ok(())
            }
            result => result.map_err(CliError::Output),
        }
    }
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    /// What a test reads back.
    #[derive(Clone, Default)]
    pub struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    pub fn terminal(columns: Option<usize>, colour: bool) -> (Terminal, Written) {
        let written = Written::default();
        let out = Mutex::new(Box::new(written.clone()) as Box<dyn Write + Send>);
        (Terminal { out, colour, columns }, written)
    }

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(self.0.into())
        }
    }

    fn failing(kind: ErrorKind) -> Terminal {
        Terminal { out: Mutex::new(Box::new(Failing(kind))), colour: false, columns: None }
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        let closed = failing(ErrorKind::BrokenPipe);
        assert!(closed.line("a").is_ok() && closed.line("b").is_ok() && closed.flush().is_ok());
        let full = failing(ErrorKind::StorageFull);
        assert_eq!(full.line("a").unwrap_err().ending().code(), 4);
    }

    #[test]
    fn lines_and_json_are_written() {
        let (terminal, written) = terminal(None, false);
        terminal.line("one").unwrap();
        terminal.json_line(&["\u{202e}x"]).unwrap();
        terminal.flush().unwrap();
        assert_eq!(written.text(), "one\n[\"\\u202ex\"]\n");
    }
}
