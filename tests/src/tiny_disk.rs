//! A file system that is soon full. Needs the right to mount; whoever has it not skips, aloud.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A file system in memory of a certain size, gone when it is dropped.
#[derive(Debug)]
pub struct TinyDisk(TempDir);

impl TinyDisk {
    /// Mounts one of so many KiB; `None`, said aloud, if this is not allowed.
    ///
    /// # Panics
    /// If there is no temporary folder.
    #[must_use]
    pub fn mount(kib: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().expect("a temporary folder"));
        let options = format!("size={kib}k");
        if mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], disk.0.path()) {
            return Some(disk);
        }
        eprintln!("SKIPPED: no right to mount a small file system; root has it");
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path on it, as text.
    ///
    /// # Panics
    /// If the path is no UTF-8.
    #[must_use]
    pub fn name(&self, below: &str) -> String {
        self.0.path().join(below).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Makes room.
    ///
    /// # Panics
    /// If that fails.
    pub fn grow(&self, kib: u32) {
        assert!(mount(&["-o", &format!("remount,size={kib}k")], self.path()), "it cannot grow");
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        let _ = umount.arg("-l").arg(self.path()).stderr(Stdio::null()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let mut mount = Command::new("mount");
    let status = mount.args(arguments).arg(at).stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
