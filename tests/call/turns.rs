//! Whose turn it is: the end of the caller's words, and how soon the answer follows.

use crate::rig::{Rig, answer, logistics};

#[test]
fn the_greeting_is_spoken_at_once_and_the_history_holds_it() {
    let mut rig = Rig::english();
    rig.run(100);
    assert_eq!(rig.count("SendMedia"), 1, "{}", rig.log());
    rig.run_until_quiet(300);
    assert!(rig.history()[0].starts_with("agent: Hello, this is an automated call from Sharma Logistics."));
    assert_eq!(rig.playback.heard().gaps, []);
}

#[test]
fn zz_hindi_local() {
    let mut rig = Rig::begun(logistics(), None, false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "hindi", "हिंदी");
    rig.run_until_quiet(700);
    rig.say(rig.now, "dhai_hazaar_rupaye", "ढाई हज़ार रुपये");
    rig.run_until_quiet(700);
    rig.say(rig.now, "do_se_paanch_baje", "दो से पाँच बजे");
    rig.run(rig.now + 30000);
    panic!("{}\n{:?}", rig.log(), rig.history());
}

#[test]
fn zz_english() {
    let mut rig = Rig::begun(logistics(), None, true);
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "english", "English");
    rig.log.push(format!("end {end}"));
    rig.run_until_quiet(700);
    rig.thoughts.push_back(answer("Thank you. And what time window suits you?", "NEED_MORE_INFO"));
    let end = rig.say(rig.now, "five_hundred_rupees", "five hundred rupees");
    rig.log.push(format!("end {end}"));
    rig.run_until_quiet(700);
    rig.thoughts.push_back(answer("Thank you, all is noted.", "THANK_YOU_RESPONSE"));
    let end = rig.say(rig.now, "two_pm_to_five_pm", "two pm to five pm");
    rig.log.push(format!("end {end}"));
    rig.run_to_the_end(rig.now + 30000);
    panic!("{}\n{:?}\n{:#?}", rig.log(), rig.history(), rig.reports);
}
