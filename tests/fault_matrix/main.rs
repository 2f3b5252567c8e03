//! Every vendor fails in every way, at every moment of a call, in both modes: the caller hears something within 3 s, the call moves on,
//! the data is complete, and nothing of the call is left behind. `make faults` prints the table.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, reason = "the table is what people run it for")]

#[path = "../server/house.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod house;
mod line;
mod memory;
#[path = "../rig/mod.rs"]
mod rig;
mod table;
#[expect(dead_code, reason = "the short table has its own cases")]
mod vendors;

use crate::table::Row;

/// All rows, in the order of the issue: part, fault, moment, mode.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_the_call_goes_on() {
    let (vendors, memory, line) = tokio::join!(vendors::rows(), memory::rows(), line::rows());
    let rows: Vec<Row> = [vendors, memory, line].into_iter().flatten().collect();
    table::show(&rows);
    let open = table::show_the_rest(&rows);
    assert!(open.is_empty(), "neither a case nor a reason: {open:#?}");
    let wrong: Vec<&Row> = rows.iter().filter(|row| !row.problems.is_empty()).collect();
    assert!(wrong.is_empty(), "{} of {} cases failed", wrong.len(), rows.len());
}
