//! How much memory the process may use, and what of it decoding may take.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use clearshot_core::ingest::DecodeMemory;

/// What decoding may take.
#[derive(Clone, Copy, Debug, Args)]
pub struct MemoryConfig {
    /// Bytes that all decodes at once may take together; a photo that needs more alone is refused, others wait for each other
    /// [default: half of what the container or the machine has].
    #[arg(long, env = "CLEARSHOT_DECODE_MEMORY")]
    pub decode_memory: Option<NonZeroU64>,
}

impl MemoryConfig {
    /// The memory for decodes.
    #[must_use]
    pub fn decode(self) -> Arc<DecodeMemory> {
        DecodeMemory::new(self.decode_memory.map_or_else(|| available() / 2, NonZeroU64::get))
    }
}

/// Bytes that this process may use: what the machine has, or less where a control group says so (a container's limit).
#[must_use]
pub fn available() -> u64 {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    limits(&groups, &|path| read(path)?.trim().parse().ok()).chain(machine).min().unwrap_or(4 << 30)
}

/// `MemTotal` of /proc/meminfo in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The limits of the memory groups that this process is in, and of all groups around them. In a container the path may be that of
/// the host while only the container's own group is to be seen, at the root.
fn limits<'a>(groups: &'a str, read: &'a dyn Fn(&Path) -> Option<u64>) -> impl Iterator<Item = u64> + 'a {
    groups.lines().flat_map(move |line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next().unwrap_or("-"), fields.next().unwrap_or("/"));
        // Version 2 of the kernel's interface has one hierarchy, version 1 one for each controller.
        let (root, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            ("", "")
        };
        let around = Path::new(path.trim_start_matches('/')).ancestors().filter(|_| !file.is_empty());
        around.filter_map(move |group| read(&Path::new(root).join(group).join(file)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_tightest_limit_around_the_process_counts() {
        let files = BTreeMap::from([
            ("/sys/fs/cgroup/memory.max", 8u64 << 30),
            ("/sys/fs/cgroup/pods/memory.max", 1 << 30),
            ("/sys/fs/cgroup/pods/one/memory.max", 2 << 30),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", 3 << 30),
        ]);
        let read = |path: &Path| files.get(path.to_str().expect("text")).copied();
        let tightest = |groups: &str| limits(groups, &read).min();
        assert_eq!(tightest("0::/pods/one\n"), Some(1 << 30));
        assert_eq!(tightest("5:cpu:/x\n4:memory:/docker/abc\n0::/nowhere\n"), Some(3 << 30));
        assert_eq!(tightest("5:cpu:/x\n"), None);
    }

    #[test]
    fn memory_of_the_machine_is_read_in_bytes() {
        assert_eq!(total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert!(available() > 64 << 20, "this machine has some");
    }
}
