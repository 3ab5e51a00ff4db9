//! The machine and this process.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::error::BenchError;

/// Threads for input and output, as in the product.
const IO_THREADS: usize = 2;

/// What the figures were taken on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Threads that the operating system offers.
    pub cores: usize,
    /// As the processor names itself.
    pub processor: String,
    /// Main memory.
    pub memory_bytes: u64,
    /// Processes that wanted to run over the last minute: figures of a busy machine are low.
    pub load: f64,
    /// `linux-x86_64` and the like.
    pub platform: String,
    /// Version of this program.
    pub version: &'static str,
}

impl Machine {
    /// Looks at `/proc`; what it does not say is empty or zero.
    pub fn here() -> Self {
        let load = read("/proc/loadavg");
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            memory_bytes: kilobytes(&read("/proc/meminfo"), "MemTotal"),
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes as f64 / f64::from(1 << 30);
        write!(
            f,
            "{} cores ({}), {gib:.1} GiB memory, {}",
            self.cores, self.processor, self.platform
        )?;
        write!(f, ", load {:.2} before the first measurement; taster {}", self.load, self.version)
    }
}

/// The runtime for input and output.
///
/// # Errors
/// The operating system gives no threads.
pub fn runtime() -> Result<Runtime, BenchError> {
    let built = Builder::new_multi_thread().worker_threads(IO_THREADS).enable_all().build();
    built.map_err(|error| BenchError::file("start threads of", Path::new("the runtime"), error))
}

/// Largest resident set of this process so far, in bytes; 0 where `/proc` does not tell.
pub fn peak_bytes() -> u64 {
    kilobytes(&read("/proc/self/status"), "VmHWM")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The same for a value in kB, which here means KiB, as bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    let value = field(text, name).unwrap_or_default();
    value.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let text = "VmPeak:\t  10 kB\nVmHWM:\t   2 kB\nmodel name\t: A: B\n";
        assert_eq!(kilobytes(text, "VmHWM"), 2048);
        assert_eq!(kilobytes(text, "VmRSS"), 0);
        assert_eq!(field(text, "model name").as_deref(), Some("A: B"));
    }
}
