//! What a process costs and how busy our own cores are, read from Linux's `/proc`. Nothing elsewhere.
//!
//! Not a profiler. Key types: [`Cost`], [`Cores`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a process has used up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) resident_bytes: u64,
}

/// What the server under test cost, where its process is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor seconds, user and system, while the calls went on.
    pub cpu_s: f64,
    /// The same for each minute of call.
    pub cpu_s_per_call_minute: f64,
    /// Resident memory before the first call, in bytes.
    pub resident_before: u64,
    /// The most resident memory while they went on, in bytes.
    pub resident_most: u64,
    /// The difference for each call, in bytes.
    pub resident_per_call: u64,
}

/// The time of the cores that this process may use, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cores {
    all: u64,
    idle: u64,
}

impl Cores {
    /// Up to now; `None` where there is no `/proc`.
    pub(super) fn ours() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        Self::parse(&status, &std::fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(status: &str, stat: &str) -> Option<Self> {
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
        let may = |core: u32| {
            allowed.split(',').any(|range| {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                from.parse().is_ok_and(|from: u32| from <= core) && to.parse().is_ok_and(|to: u32| core <= to)
            })
        };
        let mut sum = Self::default();
        for line in stat.lines() {
            let mut words = line.split_whitespace();
            let core = words.next().and_then(|name| name.strip_prefix("cpu")).and_then(|core| core.parse().ok());
            if core.is_some_and(may) {
                // user nice system idle iowait irq softirq steal; guests are in the first two.
                let ticks: Vec<u64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
                sum.all += ticks.iter().sum::<u64>();
                sum.idle += ticks.iter().skip(3).take(2).sum::<u64>();
            }
        }
        Some(sum)
    }

    /// Percent of the time since `before` that they were busy, whoever with.
    pub(super) fn busy_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        100.0 - self.idle.saturating_sub(before.idle) as f64 * 100.0 / all as f64
    }
}

impl Usage {
    /// Of the process with this id; `None` where there is none, or no `/proc`.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Self::parse(&stat, &status)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name in brackets may hold spaces and brackets.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11);
        let ticks = times.next()?.parse::<u64>().ok()? + times.next()?.parse::<u64>().ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some(Self { cpu: Duration::from_millis(ticks * 1_000 / TICKS), resident_bytes: kib * 1_024 })
    }
}

impl Cost {
    /// From what was used before the calls, after them, and the most memory between.
    pub(super) fn between(before: Usage, after: Usage, most: u64, calls: usize, minutes: f64) -> Self {
        let cpu_s = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let grown = most.saturating_sub(before.resident_bytes);
        Self {
            cpu_s,
            cpu_s_per_call_minute: if minutes > 0.0 { cpu_s / minutes } else { 0.0 },
            resident_before: before.resident_bytes,
            resident_most: most,
            resident_per_call: grown / calls.max(1) as u64,
        }
    }
}

/// `USER_HZ`, which Linux fixes for what it shows in `/proc`.
const TICKS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1000 500 18446744073709551615";
        let usage = Usage::parse(stat, "Name:\ta) b\nVmHWM:\t 300 kB\nVmRSS:\t    200 kB\n").unwrap();
        assert_eq!(usage, Usage { cpu: Duration::from_secs(3), resident_bytes: 204_800 });
        assert_eq!(Usage::parse("nonsense", ""), None);
    }

    #[test]
    fn only_the_cores_that_we_may_use_are_counted() {
        let stat = "cpu 9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 50 0 10 20 0 0 0 0 0 0\ncpu3 1 0 0 9 10 0 0 0 7 7\nintr 5";
        let cores = Cores::parse("Name: x\nCpus_allowed_list:\t1-2,3\n", stat).unwrap();
        assert_eq!(cores, Cores { all: 100, idle: 39 });
        assert_eq!(cores.busy_since(Cores { all: 60, idle: 29 }), 75.0);
    }

    #[test]
    fn cost_is_what_was_added() {
        let usage = |seconds, resident_bytes| Usage { cpu: Duration::from_secs(seconds), resident_bytes };
        let cost = Cost::between(usage(10, 1_000), usage(13, 2_000), 5_000, 4, 2.0);
        assert_eq!((cost.cpu_s, cost.cpu_s_per_call_minute, cost.resident_per_call), (3.0, 1.5, 1_000));
    }
}
