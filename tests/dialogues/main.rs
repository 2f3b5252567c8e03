//! Whole calls, as data: what a supplier says, and what must stand in the record at the end. `README.md` beside this file says how.
//!
//! Every call is played through the pure conversation and through the real server's webhooks, with no mind, a truthful one and a
//! lying one. `make dialogues` prints the table; `DIALOGUES=FILE,FILE` plays other files instead, `ONLY=en-hold,hg-` some calls.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, reason = "the table is what people read here")]

mod caller;
#[path = "../server/house.rs"]
#[expect(dead_code, reason = "the tests of the server use the rest")]
mod house;
mod played;
mod pure;
mod webhooks;

use caller::{Dialogue, Mind};
use played::Table;

#[test]
fn the_conversation_ends_with_the_right_record() {
    let agent = pure::agent();
    let mut table = Table::new("the conversation");
    for mind in Mind::ALL {
        for dialogue in Dialogue::all() {
            table.add(mind, &dialogue, pure::play(&agent, &dialogue, mind));
        }
    }
    table.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_ends_with_the_right_record() {
    let mut table = Table::new("the server");
    for mind in Mind::ALL {
        for (dialogue, played) in webhooks::play_all(Dialogue::all(), mind).await {
            table.add(mind, &dialogue, played);
        }
    }
    table.must_hold();
}
