//! The built `taster`, run as a user runs it: arguments, environment, exit code, streams.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::places;

/// A run that takes longer is killed and fails its test: nothing may hang.
const PATIENCE: Duration = Duration::from_secs(300);

/// The `taster` under test.
///
/// `cargo test` builds no binary of another package, so the first caller builds it: with the
/// profile of this test binary and the features of the whole workspace, which are those that the
/// tests were built with, so that nothing is compiled twice. `TASTER_BIN` names another one.
///
/// # Panics
/// If there is none and it cannot be built.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("TASTER_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the test binary has a path");
    // target/<profile>/deps/integration-…
    let profile = test.ancestors().nth(2).expect("it is in a target folder");
    let name = profile.file_name().and_then(|n| n.to_str());
    let profile_name = match name {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--workspace", "--bins", "--profile", profile_name]);
    // What cargo tells this test of its own package would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"].iter().any(|p| text.starts_with(p)) {
            command.env_remove(&name);
        }
    }
    let status = command.current_dir(places::repository()).stdin(Stdio::null()).status();
    let built = status.is_ok_and(|status| status.success());
    let binary = profile.join(format!("taster{}", std::env::consts::EXE_SUFFIX));
    assert!(
        built && binary.is_file(),
        "expected {} to be built; run `cargo build --workspace --bins --profile {profile_name}` \
         to see why it is not, or name another with TASTER_BIN",
        binary.display()
    );
    binary
}

/// A run that is being prepared.
#[derive(Debug)]
pub struct Taster {
    command: Command,
    streams: TempDir,
}

/// What a finished run left.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
    /// Largest resident memory in bytes, as far as it was seen.
    pub peak_bytes: u64,
}

/// `taster` with these arguments and an environment that says nothing.
pub fn taster<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Taster {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let streams = tempfile::tempdir().expect("a temporary folder");
    Taster { command, streams }
}

/// `taster audit INPUT --out OUT` with more arguments.
#[must_use]
pub fn audit(input: &str, out: &str, more: &[&str]) -> Taster {
    let fixed = ["audit", input, "--out", out, "--quiet"];
    taster(fixed.iter().chain(more))
}

impl Taster {
    /// With these variables in its environment.
    #[must_use]
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<std::ffi::OsStr>,
        V: AsRef<std::ffi::OsStr>,
    {
        self.command.envs(variables);
        self
    }

    /// Without any variable.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// By another program, which gets the path of the command and its arguments behind its own,
    /// and becomes the command in the end. With what the environment has so far.
    #[must_use]
    pub fn under(mut self, program: &[&str]) -> Self {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().stdin(Stdio::null());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = command;
        self
    }

    /// In this folder.
    #[must_use]
    pub fn directory(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it does not start or does not end in time.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let child = self.start();
        self.finish(child)
    }

    fn finish(&self, mut child: Child) -> Outcome {
        let started = Instant::now();
        let program = binary().canonicalize().expect("the binary is there");
        let mut peak_bytes = 0;
        let status = loop {
            peak_bytes = peak_bytes.max(resident_peak_bytes(child.id(), &program).unwrap_or(0));
            if let Some(status) = child.try_wait().expect("the child is ours") {
                break status;
            }
            if started.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{:?} had not ended after {PATIENCE:?}", self.command);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Outcome {
            code: status.code(),
            stdout: self.stream("stdout"),
            stderr: self.stream("stderr"),
            peak_bytes,
        }
    }

    /// Runs it and kills it, without any warning, after `delay`. Returns whether it was killed;
    /// else it had ended by itself.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn run_and_kill(self, delay: Duration) -> bool {
        self.run_and_signal(delay, "KILL").code.is_none()
    }

    /// Runs it and sends it a signal, such as `TERM`, after `delay`, if it has not ended by then.
    ///
    /// # Panics
    /// If it does not start, or does not end in time.
    #[must_use]
    pub fn run_and_signal(mut self, delay: Duration, signal: &str) -> Outcome {
        let mut child = self.start();
        let started = Instant::now();
        while started.elapsed() < delay && child.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // A process that has ended and was not waited for keeps its number, so no other is hit.
        if child.try_wait().is_ok_and(|status| status.is_none()) {
            let kill = format!("kill -{signal} {}", child.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        self.finish(child)
    }

    fn start(&mut self) -> Child {
        let file = |name| File::create(self.streams.path().join(name)).expect("a file");
        self.command.stdout(file("stdout")).stderr(file("stderr"));
        self.command.spawn().expect("the command starts")
    }

    fn stream(&self, name: &str) -> String {
        let bytes = std::fs::read(self.streams.path().join(name)).expect("the file is there");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The high-water mark of the process while it is `program`, which the kernel keeps, so that
/// looking now and then is enough.
///
/// A process that has just been started shares the memory of the one that started it until it has
/// become its program, which is a little after `spawn` returns: what is told of it then is the
/// high-water mark of the tests.
fn resident_peak_bytes(process: u32, program: &Path) -> Option<u64> {
    // In this order: what has become the program stays it.
    let running = std::fs::read_link(format!("/proc/{process}/exe")).ok()?;
    if running != program {
        return None;
    }
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

impl Outcome {
    /// Itself, if the exit code is one of `codes`.
    ///
    /// # Panics
    /// If it is not, with what the run said.
    #[must_use]
    pub fn expect_code(self, codes: &[i32]) -> Self {
        assert!(
            self.code.is_some_and(|code| codes.contains(&code)),
            "expected exit code {codes:?}, got {:?}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for memory from the system and gives it back, over and over: whoever starts a process
    /// meanwhile sees it for longer before it has become its program.
    fn map_and_unmap(deadline: Instant) {
        while Instant::now() < deadline {
            std::hint::black_box(Vec::<u8>::with_capacity(64 << 20));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_of_the_tests_is_not_taken_for_memory_of_the_command() {
        let program = Path::new("/bin/sleep").canonicalize().unwrap();
        let held = std::hint::black_box(vec![1_u8; 256 << 20]);
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut peaks = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(move || map_and_unmap(deadline));
            }
            while Instant::now() < deadline {
                peaks.push(peak_at_the_start(&program));
            }
        });
        // All of them may have been too early; this one is not.
        peaks.push(Some(peak_of_one_that_runs(&program)));
        let most = peaks.iter().flatten().max().copied().unwrap_or(0);
        assert!(peaks.len() > 1 && (1..held.len() as u64).contains(&most), "{peaks:?}");
    }

    fn peak_of_one_that_runs(program: &Path) -> u64 {
        let mut child = Command::new(program).arg("60").spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(50);
        let peak = loop {
            let peak = resident_peak_bytes(child.id(), program);
            if peak.is_some() || Instant::now() > deadline {
                break peak.unwrap_or(0);
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        peak
    }

    fn peak_at_the_start(program: &Path) -> Option<u64> {
        let mut child = Command::new(program).arg("0.02").spawn().unwrap();
        let peak = resident_peak_bytes(child.id(), program);
        assert!(child.wait().unwrap().success());
        peak
    }
}
