//! The machine that the simulator runs on.

use crate::units::Bytes;

/// Processor and system: "Intel(R) Xeon(R) CPU, x86_64 linux"; the system alone where the processor has no name.
pub fn name() -> String {
    let system = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    match model {
        Some((_, processor)) => format!("{}, {system}", processor.trim()),
        None => system,
    }
}

/// Most memory that this process has had, zero where the system does not say.
pub fn peak_memory() -> Bytes {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().split(' ').next())
        .and_then(|number| number.parse::<u64>().ok());
    Bytes(kib.unwrap_or(0) * 1024)
}

/// Memory that the system could give to a new process; `None` where it does not say.
pub fn free_memory() -> Option<Bytes> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(Bytes(kib * 1024))
}

/// Version of this program and the hash of its file: two builds that may differ have two names.
pub fn program() -> String {
    let file = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    format!("wafersim {} {}", env!("CARGO_PKG_VERSION"), &blake3::hash(&file).to_hex()[..16])
}
