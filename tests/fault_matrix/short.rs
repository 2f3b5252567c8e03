//! A part of the fault matrix that is quick enough for every run of the tests: each vendor of a call fails in each way once. The calls
//! go on and lose nothing; how long the caller waited is the matter of `make faults`.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, reason = "the table is what people look for when it fails")]

#[path = "../server/house.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod house;
#[expect(dead_code, reason = "no test program uses all of it")]
mod table;
#[expect(dead_code, reason = "no test program uses all of it")]
mod vendors;

use std::sync::atomic::Ordering;

use crate::table::Row;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_vendor_fails_in_each_way_and_the_call_goes_on() {
    table::TIMED.store(false, Ordering::Relaxed);
    let rows = vendors::few_rows().await;
    table::show(&rows);
    let wrong: Vec<&Row> = rows.iter().filter(|row| !row.problems.is_empty()).collect();
    assert!(wrong.is_empty(), "{} of {} cases failed", wrong.len(), rows.len());
    assert_eq!(rows.len(), 45);
}
