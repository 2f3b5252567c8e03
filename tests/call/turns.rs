//! Whose turn it is: the end of the caller's words, how soon the answer follows, and what a silence means.

use trunkline::call::{Closing, Stop};
use trunkline::conversation::{Ending, Stage};

use crate::rig::{Outside, Rig, Thought, answer, json, logistics, recording, with_an_end_prepared};

#[test]
fn the_greeting_is_spoken_at_once_and_the_history_holds_it() {
    let mut rig = Rig::english();
    rig.run(100);
    assert_eq!(rig.count("SendMedia"), 1, "{}", rig.log());
    rig.run_until_quiet(300);
    assert!(rig.history()[0].starts_with("agent: Hello, this is an automated call from Sharma Logistics."));
    assert_eq!(rig.playback.heard().gaps, []);
    assert_eq!(rig.reports[0].first_sent_ms, Some(75));
}

#[test]
fn a_whole_call_collects_both_values_and_hangs_up() {
    let mut rig = Rig::begun(logistics(), None, true);
    rig.run_until_quiet(700);
    rig.say(rig.now, "english", "English");
    rig.run_until_quiet(700);
    rig.thoughts.push_back(answer("Thank you. And what time window suits you?", "NEED_MORE_INFO"));
    rig.say(rig.now, "five_hundred_rupees", "five hundred rupees");
    rig.run_until_quiet(700);
    rig.thoughts.extend([
        answer("Thank you, all is noted.", "THANK_YOU_RESPONSE"),
        answer("Thank you, all is noted.", "THANK_YOU_RESPONSE"),
        answer("Thank you, all is noted.", "THANK_YOU_RESPONSE"),
    ]);
    rig.say(rig.now, "two_pm_to_five_pm", "two pm to five pm");
    rig.run_to_the_end(rig.now + 20_000);
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
    assert_eq!(
        rig.history()[1..],
        [
            "caller: English",
            "agent: Hello, this is an automated call from Sharma Logistics. I need your charge for the delivery, and the \
             time window for the pickup. What would you charge, and when can you come?",
            "caller: five hundred rupees",
            "agent: Thank you. And what time window suits you?",
            "caller: two pm to five pm",
            "agent: Thank you, all is noted.",
        ]
    );
}

#[test]
fn one_key_answers_a_choice_at_once_and_a_number_waits_for_more() {
    let agent = trunkline::agent::parse("a.toml", include_str!("../../agents/appointment.toml")).unwrap();
    let mut rig = Rig::begun(agent, Some("en-IN"), false);
    rig.run_until_quiet(300);
    rig.give(Outside::Digit('1'));
    assert_eq!(rig.history()[1], "caller: 1", "will you come?");
    rig.run_until_quiet(300);
    let pressed = rig.now;
    rig.give(Outside::Digit('2'));
    assert_eq!(rig.history().len(), 3, "how many people may have two digits: {:?}", rig.history());
    rig.run(pressed + 1_900);
    assert_eq!(rig.history().len(), 3);
    rig.run(pressed + 2_100);
    assert_eq!(rig.history()[3], "caller: 2");
    rig.run_until_quiet(300);
    // A yes to a number may be the beginning of another number.
    for (key, turn, wait) in [('1', "place", 0), ('1', "read-back", 820)] {
        let lines = rig.history().len();
        rig.give(Outside::Digit(key));
        rig.run(rig.now + wait);
        assert_eq!(rig.history()[lines], format!("caller: {key}"), "{turn}");
        rig.run_until_quiet(300);
    }
    rig.run_to_the_end(rig.now + 15_000);
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
}

#[test]
fn a_hindi_call_without_a_mind_ends_after_the_last_value() {
    let mut rig = Rig::begun(logistics(), None, false);
    for (name, text) in
        [("hindi", "हिंदी"), ("dhai_hazaar_rupaye", "ढाई हज़ार रुपये"), ("do_se_paanch_baje", "दो से पाँच बजे")]
    {
        rig.run_until_quiet(700);
        rig.say(rig.now, name, text);
    }
    rig.run_to_the_end(rig.now + 15_000);
    assert_eq!(rig.call.conversation().stage(), Stage::Completed, "{}", rig.log());
}

/// Answers a question with these words; gives the report of the turn.
fn one_turn(mut rig: Rig, name: &str, text: &str) -> (Rig, u64) {
    rig.run_until_quiet(700);
    // The welcome asks for both values, this answer for one.
    rig.thoughts.push_front(answer("Sharma Logistics. What would you charge for the delivery?", "NEED_MORE_INFO"));
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run_until_quiet(700);
    let reports = rig.reports.len();
    rig.say(rig.now, name, text);
    rig.run_until_quiet(700);
    let report = rig.reports[reports].clone();
    let took = report.voice_to_voice_ms().unwrap();
    rig.reports = vec![report];
    (rig, took)
}

#[test]
fn words_that_answer_the_question_are_answered_as_soon_as_the_upstreams_can() {
    let (rig, took) = one_turn(Rig::english(), "five_hundred_rupees", "five hundred rupees");
    // The recording ends 100 ms after its voice; a partial needs 100 ms, the mind 200 and a clause, the voice 75.
    assert!(took <= 100 + 100 + 200 + 25 + 75 + 25, "{took} ms\n{}", rig.log());
    assert!(rig.reports[0].speculated);
}

#[test]
fn a_recogniser_that_writes_the_last_word_before_the_voice_ends_is_not_waited_for() {
    let mut rig = Rig::english();
    rig.partial_delay = 0;
    let (rig, took) = one_turn(rig, "five_hundred_rupees", "five hundred rupees");
    // The words count as all once nothing was added to them for 180 ms.
    assert!(took <= 180 + 20 + 200 + 25 + 75 + 25, "{took} ms\n{}", rig.log());
}

#[test]
fn the_end_of_a_word_reaches_the_recogniser_with_the_next_frame_and_silence_in_its_own_time() {
    let (rig, _) = one_turn(Rig::english(), "five_hundred_rupees", "five hundred rupees");
    let ended = rig.reports[0].speech_ended_ms.unwrap();
    assert!(rig.hurries.contains(&(ended + 20)), "{ended} ms: {:?}", rig.hurries);
    let began = rig.hurries.iter().rfind(|at| **at + 3_000 < ended).copied().unwrap_or(0);
    let speaking = rig.hurries.iter().filter(|at| **at > began).collect::<Vec<_>>();
    assert!(speaking.windows(2).all(|pair| pair[1] - pair[0] <= 100), "{speaking:?}");
    assert!(rig.now > rig.hurries.last().unwrap() + 700, "nobody speaks, nothing hurries");
}

#[test]
fn without_partial_words_the_final_ones_start_the_mind() {
    let mut rig = Rig::english();
    rig.partials = false;
    let (rig, took) = one_turn(rig, "five_hundred_rupees", "five hundred rupees");
    assert!(took <= 260 + 150 + 200 + 25 + 75 + 20, "{took} ms\n{}", rig.log());
}

#[test]
fn speculation_that_proves_right_is_used() {
    let (rig, _) = one_turn(Rig::english(), "five_hundred_rupees", "five hundred rupees");
    assert!(rig.reports[0].speculated);
    assert_eq!(rig.reports[0].wasted_starts, 0);
    assert!(rig.reports[0].asked_ms < rig.reports[0].turn_ended_ms);
}

#[test]
fn speculation_that_proves_wrong_is_thrown_away_and_never_heard() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.extend([answer("WRONG", "NEED_MORE_INFO"), answer("Right?", "NEED_MORE_INFO")]);
    // Usual words, so that 700 ms must pass; he goes on after 500.
    let end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.say(end + 500, "okay", "please");
    rig.run_until_quiet(700);
    assert_eq!(rig.prompts.len(), 2, "{}", rig.log());
    assert_eq!(rig.count("DropMind"), 0, "the first had answered already");
    assert!(rig.history().ends_with(&["caller: hello who is calling please".to_owned(), "agent: Right?".to_owned()]));
    assert_eq!(rig.reports.last().unwrap().wasted_starts, 1);
    assert_eq!(rig.clears, [] as [u64; 0]);
}

#[test]
fn an_answer_prepared_on_fewer_words_rests_on_the_final_ones() {
    let (rig, _) = one_turn(Rig::english(), "five_hundred_rupees", "five hundred rupees");
    assert!(rig.prompts.last().unwrap().lines.last().unwrap().text == "five hundred", "{}", rig.log());
    assert_eq!(rig.history()[3], "caller: five hundred rupees");
    let agent = logistics();
    let (name, value) = rig.call.conversation().collected(&agent).next().unwrap();
    assert_eq!((name, value.evidence.words.as_str()), ("charge", "five hundred rupees"));
}

#[test]
fn an_agent_that_may_not_speculate_asks_once_at_the_end() {
    let mut agent = logistics();
    agent.turn_taking.speculate = false;
    let (rig, _) = one_turn(Rig::begun(agent, Some("en-IN"), true), "five_hundred_rupees", "five hundred rupees");
    assert!(!rig.reports[0].speculated);
    assert!(rig.reports[0].asked_ms >= rig.reports[0].turn_ended_ms);
}

#[test]
fn an_unfinished_amount_with_a_pause_is_one_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "five_hundred", "between five hundred and");
    rig.say(end + 1_200, "no", "six hundred rupees");
    rig.run_until_quiet(700);
    assert_eq!(rig.prompts.len(), 1, "{}", rig.log());
    assert_eq!(rig.history()[1], "caller: between five hundred and six hundred rupees");
}

#[test]
fn speech_during_thinking_is_one_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.push_back(Thought::Late(1_300, json("WRONG", "NEED_MORE_INFO")));
    let end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run(end + 900);
    assert_eq!(rig.count("AskMind"), 1, "{}", rig.log());
    rig.say(end + 900, "five_hundred_rupees", "five hundred rupees");
    rig.run_until_quiet(700);
    let history = rig.history();
    assert_eq!(history[1], "caller: hello who is calling five hundred rupees", "{}", rig.log());
    assert_eq!(history.len(), 3);
    assert!(!rig.spoken.iter().any(|(_, text)| text == "WRONG"));
}

#[test]
fn final_words_after_the_end_of_the_turn_still_count() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.final_delay = Some(1_300);
    let end = rig.say(rig.now, "five_hundred", "five hundred rupees");
    // The recogniser's final words differ from its partial ones, and come after the partial ones were taken.
    rig.replace_final = Some("nine hundred rupees".to_owned());
    rig.mind_delay = 900;
    rig.run(end + 1_200);
    assert_eq!(rig.history()[1], "caller: five hundred rupees", "{}", rig.log());
    rig.final_delay = Some(150);
    rig.run_until_quiet(700);
    assert_eq!(rig.history()[1], "caller: nine hundred rupees", "{}", rig.log());
    assert_eq!(rig.history().len(), 3);
}

#[test]
fn a_late_repetition_of_the_same_words_is_no_new_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.final_delay = Some(1_300);
    rig.say(rig.now, "five_hundred", "five hundred rupees");
    rig.run(rig.now + 9_000);
    let callers = rig.history().iter().filter(|line| line.starts_with("caller")).count();
    assert_eq!(callers, 1, "{}", rig.log());
    assert!(rig.clears.is_empty());
}

#[test]
fn a_recogniser_that_never_answers_a_commit_costs_no_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.final_delay = None;
    rig.say(rig.now, "five_hundred_rupees", "five hundred rupees");
    rig.run_until_quiet(700);
    let took = rig.reports.last().unwrap().voice_to_voice_ms().unwrap();
    assert!(took < 1_300, "{took} ms\n{}", rig.log());
    assert_eq!(rig.history()[1], "caller: five hundred rupees");
}

#[test]
fn silence_asks_twice_then_says_goodbye_and_closes() {
    let mut rig = Rig::english();
    rig.run_to_the_end(60_000);
    assert_eq!(rig.spoken.iter().filter(|(_, text)| text.starts_with("Sorry, I did not hear you.")).count(), 2);
    assert_eq!(rig.spoken.last().unwrap().1, "Thank you, and goodbye.");
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    assert_eq!(rig.call.conversation().stage(), Stage::Abandoned);
    assert!(rig.prompts.is_empty());
}

#[test]
fn a_key_chooses_the_language_while_the_prompt_is_spoken() {
    let mut rig = Rig::begun(logistics(), None, true);
    rig.run(1_000);
    rig.give(Outside::Digit('2'));
    assert_eq!(rig.clears, [1_000]);
    assert_eq!(rig.call.conversation().language(), Some("hi-IN"));
    rig.run_until_quiet(300);
    let history = rig.history();
    assert!(history[0].starts_with("agent (cut): For English, say"), "{history:?}");
    assert_eq!(history[1], "caller: 2");
    assert!(history[2].starts_with("agent: नमस्ते"));
}

#[test]
fn keys_pressed_one_after_the_other_are_one_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(300);
    for digit in ['5', '0', '0'] {
        rig.give(Outside::Digit(digit));
        rig.run(rig.now + 700);
    }
    rig.give(Outside::Digit('#'));
    assert_eq!(rig.history()[1], "caller: 500");
}

#[test]
fn without_frames_the_wall_clock_ends_the_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "five_hundred_rupees", "five hundred rupees");
    rig.run(end - 200);
    rig.frames = false;
    rig.run_until_heard();
    assert!(rig.now < end + 3_000, "{}", rig.log());
    assert_eq!(rig.history()[1], "caller: five hundred rupees");
    rig.run_to_the_end(60_000);
}

#[test]
fn a_gap_in_the_timestamps_is_silence() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "five_hundred_rupees", "five hundred rupees");
    rig.lost = Some((end + 20, end + 700));
    rig.run(end + 760);
    // The first frame after the gap brings all of its silence.
    assert_eq!(rig.history().get(1).map(String::as_str), Some("caller: five hundred rupees"), "{}", rig.log());
}

#[test]
fn a_late_mind_gets_one_filler_and_never_two() {
    for (late_ms, fillers) in [(1_000, 0), (1_800, 1), (4_500, 1), (60_000, 1)] {
        let mut rig = Rig::english();
        rig.run_until_quiet(700);
        let at_last = "At last, what do you charge?";
        rig.thoughts.push_back(Thought::Late(late_ms, json(at_last, "NEED_MORE_INFO")));
        let welcome = rig.heard.clone();
        rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
        rig.run(rig.now + late_ms.min(9_500) + 5_500);
        let filler = ["One moment."];
        assert_eq!(rig.spoken.iter().filter(|(_, text)| *text == filler[0]).count(), fillers, "{}", rig.log());
        assert_eq!(rig.reports.last().unwrap().filler, fillers == 1);
        let after: Vec<&str> = filler[..fillers]
            .iter()
            .copied()
            .chain(rig.spoken.iter().map(|(_, text)| text.as_str()).skip(3 + fillers))
            .collect();
        let expected: Vec<u8> = after.iter().flat_map(|text| rig.sound_of(text)).collect();
        assert_eq!(rig.heard[welcome.len()..].len(), expected.len(), "{after:?}\n{}", rig.log());
        assert!(rig.heard[welcome.len()..] == expected, "the filler, then the answer");
        let last =
            if late_ms < 10_000 { at_last } else { "Could you please tell me your charge and your pickup time?" };
        assert_eq!(after.last(), Some(&last), "{}", rig.log());
    }
}

#[test]
fn a_caller_who_speaks_over_the_filler_gets_no_second_one_for_the_same_words() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.push_back(Thought::Never);
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run_until_heard();
    rig.say(rig.now + 150, "okay", "okay");
    rig.run(rig.now + 7_000);
    assert_eq!(rig.spoken.iter().filter(|(_, text)| text == "One moment.").count(), 1, "{}", rig.log());
}

#[test]
fn a_failed_mind_says_the_default_and_then_asks_the_agents_own_questions() {
    let mut rig = Rig::english();
    rig.thoughts.extend([Thought::Fail, Thought::Fail]);
    for _ in 0..2 {
        rig.run_until_quiet(700);
        rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    }
    let said = rig.now + 1_433;
    rig.run_until_quiet(700);
    assert_eq!(
        rig.history()[2],
        "agent: Sorry, I did not get that. Could you please tell me your charge and your pickup time?"
    );
    assert!(rig.history()[4].ends_with("What would you charge for the delivery?"), "{:?}", rig.history());
    let heard = rig.reports.last().unwrap().first_sent_ms.unwrap();
    assert!(heard < said + 3_000, "something is heard within three seconds of the caller's words");
}

#[test]
fn a_mind_that_gets_stuck_in_the_middle_does_not_hold_the_call() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.push_back(Thought::Never);
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    while rig.asked.is_empty() {
        rig.run(rig.now + 1);
    }
    rig.give(Outside::MindDelta(rig.asked[0], r#"{"say": "I am calling from Sharma Logistics. And"#.to_owned()));
    rig.run_to_the_end(60_000);
}

#[test]
fn a_voice_that_fails_moves_the_call_to_gather_with_the_unheard_words() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.voice = crate::rig::Voice::Fails;
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run_to_the_end(20_000);
    let Closing::Gather(unheard) = &rig.closed.as_ref().unwrap().1 else { panic!("{}", rig.log()) };
    assert_eq!(unheard[0].text, "And what time suits you?");
    assert_eq!(rig.history().last().unwrap(), "caller: hello who is calling");
}

#[test]
fn a_voice_that_falls_silent_moves_the_call_to_gather_within_three_seconds() {
    let mut rig = Rig::new(logistics(), Some("en-IN"), true);
    rig.voice = crate::rig::Voice::Silent;
    rig.give(Outside::Started);
    rig.run_to_the_end(3_000);
    let Closing::Gather(unheard) = &rig.closed.as_ref().unwrap().1 else { panic!("{}", rig.log()) };
    assert_eq!(unheard.len(), 3);
}

#[test]
fn lost_ears_move_the_call_to_gather_and_keep_the_words_so_far() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run(end);
    rig.give(Outside::EarsLost);
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Gather(vec![]));
    assert!(rig.history()[1].starts_with("caller: hello who"), "{:?}", rig.history());
}

#[test]
fn a_call_that_lasts_too_long_says_goodbye() {
    let mut agent = logistics();
    agent.limits.max_call_seconds = 4;
    let mut rig = Rig::begun(agent, Some("en-IN"), true);
    rig.run_to_the_end(12_000);
    assert_eq!(rig.clears, [4_000]);
    assert_eq!(rig.spoken.last().unwrap().1, "Thank you, and goodbye.");
    assert!(rig.history()[0].starts_with("agent (cut): Hello, this is"));
    assert!(rig.closed.as_ref().unwrap().0 > 5_000, "the goodbye is heard first");
}

#[test]
fn an_end_that_is_being_prepared_does_not_count_until_the_words_are_final() {
    let mut rig = Rig::begun(logistics(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    // Complete at first, and yet not all.
    let end = rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.say(end + 200, "no", "no six");
    rig.run(end + 5_000);
    assert!(rig.history()[1].ends_with("no six"), "{:?}", rig.history());
}

#[test]
fn an_end_that_was_only_prepared_is_not_kept_and_the_words_are() {
    for (mind, stop) in [(true, Stop::Lost), (true, Stop::HangUp), (false, Stop::Lost), (false, Stop::HangUp)] {
        let (mut rig, _) = with_an_end_prepared(mind);
        assert!(!rig.history().last().unwrap().starts_with("caller"), "an answer was prepared: {:?}", rig.history());
        rig.give(Outside::Stop(stop));
        let conversation = rig.call.conversation();
        let wanted = if stop == Stop::Lost { Stage::Collecting } else { Stage::Abandoned };
        assert_eq!(conversation.stage(), wanted, "{mind} {stop:?} {:?}", rig.history());
        assert_eq!(rig.history().last().unwrap(), "caller: five hundred rupees two pm to five pm");
        assert_eq!(conversation.collected(&logistics()).count(), 2);
        let closing = rig.closed.as_ref().unwrap().1.clone();
        assert!(matches!(closing, Closing::Gone | Closing::Ended(_)), "{closing:?}");
    }
}

#[test]
fn a_goodbye_instead_of_a_prepared_end_keeps_the_words() {
    let (mut rig, _) = with_an_end_prepared(true);
    rig.give(Outside::Stop(Stop::Draining));
    rig.run_to_the_end(rig.now + 12_000);
    let history = rig.history();
    assert!(history[1..].contains(&"caller: five hundred rupees two pm to five pm".to_owned()), "{history:?}");
    assert_eq!(rig.call.conversation().collected(&logistics()).count(), 2);
}

#[test]
fn a_thanks_that_the_line_cut_off_is_said_again() {
    let (mut rig, _) = with_an_end_prepared(true);
    let heard = rig.heard.len();
    while rig.heard.len() == heard {
        rig.run(rig.now + 1);
        assert!(rig.closed.is_none(), "{}", rig.log());
    }
    rig.run(rig.now + 300);
    assert!(rig.closed.is_none(), "the thanks are being said");
    rig.give(Outside::Stop(Stop::Lost));
    let closing = rig.closed.as_ref().unwrap().1.clone();
    assert!(matches!(&closing, Closing::Gather(unheard) if !unheard.is_empty()), "{closing:?}");
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
}

#[test]
fn noise_without_words_does_not_keep_the_call_for_ever() {
    let mut rig = Rig::english();
    let mut noise = Vec::new();
    while noise.len() < 8 * 200_000 {
        noise.extend(recording("hello_who_is_calling"));
    }
    rig.utter(0, noise, "");
    rig.run_to_the_end(400_000);
}
