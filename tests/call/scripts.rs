//! The situations that turn-taking is judged by, each as one script: what the call did, what the history holds, and what the
//! caller heard of the agent, byte by byte.

use trunkline::call::Closing;
use trunkline::conversation::{Ending, Stage};

use crate::rig::{Rig, Said, Thought, answer, json, logistics};

const WELCOME: [&str; 3] = [
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];
/// What the welcome makes the core do where nothing comes between.
const WELCOME_ACTIONS: [&str; 6] = [
    r#"Speak 0.0 "Hello, this is an automated call from Sharma Logistics.""#,
    r#"Speak 0.1 "I need your charge for the delivery, and the time window for the pickup.""#,
    r#"Speak 0.2 "What would you charge, and when can you come?""#,
    "SendMedia …",
    "SendMedia …",
    "SendMedia …",
];
const HINDI_WELCOME: [&str; 3] = [
    "नमस्ते, यह Sharma Logistics की तरफ़ से एक स्वचालित कॉल है।",
    "मुझे डिलीवरी का आपका चार्ज और पिकअप का समय चाहिए।",
    "आप कितना चार्ज लेंगे, और कब आ सकते हैं?",
];

fn line(clauses: &[&str]) -> String {
    format!("agent: {}", clauses.join(" "))
}

/// The agent's interrupted line.
fn cut(history: &[String], at: usize) -> &str {
    history[at].strip_prefix("agent (cut): ").unwrap_or_else(|| panic!("not cut: {history:?}"))
}

/// How many words of a text its voice has spoken after so many ms.
fn words_within(rig: &Rig, text: &str, ms: usize) -> usize {
    let mut spoken = 0;
    text.split_whitespace()
        .take_while(|word| {
            spoken += (word.chars().count() + 1) * rig.ms_per_character as usize;
            spoken <= ms
        })
        .count()
}

/// Fails unless the history's cut line holds what was heard of the text in so many ms, within one word.
fn assert_cut(rig: &Rig, at: usize, text: &str, heard_ms: usize) {
    let history = rig.history();
    let held = cut(&history, at);
    assert!(text.starts_with(held), "\"{held}\" is not what was said: \"{text}\"");
    let (held, spoken) = (held.split_whitespace().count(), words_within(rig, text, heard_ms));
    assert!(held.abs_diff(spoken) <= 1, "{heard_ms} ms: {spoken} words were heard, {held} are held\n{}", rig.log());
}

#[test]
fn a_cough() {
    for at in [600, 1_500, 4_000, 8_300] {
        let mut rig = Rig::english();
        rig.run(at);
        rig.say(at, "cough", "");
        rig.run_until_quiet(700);
        assert_eq!(rig.actions()[..6], WELCOME_ACTIONS);
        assert!(rig.actions()[6..].iter().all(|action| *action == "Commit"), "{}", rig.log());
        assert_eq!(rig.history(), [line(&WELCOME)]);
        rig.assert_said(&[Said::Whole(&WELCOME)]);
        assert_eq!(rig.playback.heard().gaps, [], "it never stopped");
    }
}

#[test]
fn a_click() {
    // A receiver that is knocked, a switch: 3 ms at full scale, once and as a volley.
    let click: Vec<u8> = (0..24).map(|n| if n % 3 == 0 { 0x00 } else { 0x80 }).collect();
    for at in [600, 1_507, 4_011, 8_300] {
        let mut rig = Rig::english();
        rig.run(at);
        for n in 0..6 {
            rig.utter(at + n * 170, click.clone(), "");
        }
        rig.run_until_quiet(700);
        assert_eq!(rig.actions(), WELCOME_ACTIONS, "{}", rig.log());
        assert_eq!(rig.history(), [line(&WELCOME)]);
        rig.assert_said(&[Said::Whole(&WELCOME)]);
    }
}

#[test]
fn a_backchannel_in_the_languages_of_the_agent() {
    for (language, welcome) in [("en-IN", WELCOME), ("hi-IN", HINDI_WELCOME)] {
        for (name, text) in [
            ("haan_haan", "haan haan"),
            ("haan", "हाँ।"),
            ("haan_haan", "जी हाँ, ठीक है।"),
            ("okay", "Okay."),
            ("haan_haan", "uh huh, I see"),
            ("haan_haan", "theek hai ji"),
        ] {
            let mut rig = Rig::begun(logistics(), Some(language), true);
            rig.run(1_500);
            rig.say(1_500, name, text);
            rig.run_until_quiet(700);
            let actions = rig.actions();
            assert_eq!(rig.clears.len(), 1, "it pauses once, {language} {text}:\n{}", rig.log());
            assert!(rig.clears[0] - 1_500 <= 180, "{}", rig.log());
            assert!(
                !actions.iter().any(|action| action.starts_with("Drop") || action.starts_with("AskMind")),
                "{language} {text}:\n{}",
                rig.log()
            );
            assert_eq!(rig.history(), [line(&welcome)], "{text}");
            rig.assert_said(&[Said::Whole(&welcome)]);
        }
    }
}

#[test]
fn words_of_listening_in_no_language_of_the_agent_interrupt() {
    let mut agent = logistics();
    agent.languages.truncate(1);
    let mut rig = Rig::begun(agent, Some("en-IN"), true);
    rig.run(1_500);
    rig.say(1_500, "haan_haan", "theek theek");
    rig.run_until_quiet(700);
    assert_eq!(rig.count("DropSpeech 0"), 1, "{}", rig.log());
}

#[test]
fn a_real_interruption() {
    let mut rig = Rig::english();
    rig.thoughts.push_back(answer("Certainly, I will wait.", "NEED_MORE_INFO"));
    rig.run(1_500);
    let end = rig.say(1_500, "wait_one_moment_please", "wait one moment please");
    rig.run(end);
    rig.run_until_heard();
    rig.run_until_quiet(700);
    assert_eq!(
        rig.actions(),
        [
            &WELCOME_ACTIONS[..3],
            &[
                "SendMedia …",
                "Clear",
                "DropSpeech 0",
                "Commit",
                r#"AskMind 2 "wait one moment please""#,
                r#"Speak 2.0 "Certainly, I will wait.""#,
                r#"Speak 2.1 "What would you charge for the delivery?""#,
                "SendMedia …",
                "SendMedia …",
            ]
        ]
        .concat(),
        "{}",
        rig.log()
    );
    assert!(rig.clears[0] - 1_500 <= 140, "{} ms after the first voice", rig.clears[0] - 1_500);
    let heard = rig.assert_said(&[
        Said::Part(&WELCOME),
        Said::Whole(&["Certainly, I will wait.", "What would you charge for the delivery?"]),
    ]);
    assert_cut(&rig, 0, &WELCOME.join(" "), heard[0]);
    assert_eq!(
        rig.history()[1..],
        ["caller: wait one moment please", "agent: Certainly, I will wait. What would you charge for the delivery?"]
    );
    assert!(rig.reports[0].interrupted_ms.is_some());
}

#[test]
fn an_interruption_during_the_first_word() {
    for at in [80, 160, 240] {
        let mut rig = Rig::english();
        rig.thoughts.push_back(answer("Yes, what do you charge?", "NEED_MORE_INFO"));
        rig.run(at);
        let end = rig.say(at, "hello_who_is_calling", "hello who is calling");
        rig.run(end);
        rig.run_until_heard();
        rig.run_until_quiet(700);
        let heard = rig.assert_said(&[Said::Part(&WELCOME), Said::Whole(&["Yes, what do you charge?"])]);
        assert!(heard[0] <= at as usize - 75 + 140, "{} ms were heard", heard[0]);
        let history = rig.history();
        let said = history.iter().position(|line| line == "caller: hello who is calling").unwrap();
        assert!(said == 0 || history[0] == "agent (cut): Hello,", "{history:?}");
        assert_eq!(history[said + 1..], ["agent: Yes, what do you charge?"]);
        assert_eq!((rig.count("DropSpeech 0"), rig.prompts.len()), (1, 1), "{}", rig.log());
    }
}

#[test]
fn two_interruptions_in_a_row() {
    let wait_clauses = ["Of course I will wait for you,", "take all the time that you need for it."];
    let wait = &wait_clauses.join(" ");
    let mut rig = Rig::english();
    let noted = answer("Noted. And when can you come?", "NEED_MORE_INFO");
    // The mind starts early, on "no six hundred", and again.
    rig.thoughts.extend([answer(wait, "NEED_MORE_INFO"), noted.clone(), noted]);
    rig.run(1_500);
    let end = rig.say(1_500, "wait_one_moment_please", "wait one moment please");
    rig.run(end);
    rig.run_until_heard();
    rig.run(rig.now + 700);
    let end = rig.say(rig.now, "no_six_hundred_rupees", "no six hundred rupees");
    rig.run(end);
    rig.run_until_heard();
    rig.run_until_quiet(700);
    let heard = rig.assert_said(&[
        Said::Part(&WELCOME),
        Said::Part(&wait_clauses),
        Said::Whole(&["Noted.", "And when can you come?"]),
    ]);
    assert_eq!(rig.clears.len(), 2, "{}", rig.log());
    assert_cut(&rig, 0, &WELCOME.join(" "), heard[0]);
    assert_cut(&rig, 2, wait, heard[1]);
    let history = rig.history();
    assert_eq!(
        [&history[1], &history[3], &history[4]],
        ["caller: wait one moment please", "caller: no six hundred rupees", "agent: Noted. And when can you come?"]
    );
    assert_eq!(rig.reports.iter().filter(|report| report.interrupted_ms.is_some()).count(), 2);
    let last = &rig.prompts[2].lines;
    assert_eq!(last[last.len() - 2].text, cut(&history, 2), "the mind is told what was heard, not what was meant");
}

#[test]
fn speech_during_the_models_thinking() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.extend([
        Thought::Late(1_300, json("Wrong.", "NEED_MORE_INFO")),
        answer("Sharma. And when can you come?", "NEED_MORE_INFO"),
    ]);
    let end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    // The turn is over and the mind is thinking; nothing has been said yet.
    rig.run(end + 900);
    assert_eq!((rig.asked.len(), rig.reports.len()), (1, 1), "{}", rig.log());
    rig.say(end + 900, "five_hundred_rupees", "five hundred rupees");
    rig.run_until_quiet(700);
    let asked: Vec<&str> = rig.actions().into_iter().filter(|action| action.contains("Mind")).collect();
    assert_eq!(
        [asked[0], asked[1], asked.last().unwrap()],
        [
            r#"AskMind 1 "hello who is calling""#,
            "DropMind 1",
            r#"AskMind 3 "hello who is calling five hundred rupees""#
        ],
        "{}",
        rig.log()
    );
    assert_eq!(
        rig.history()[1..],
        ["caller: hello who is calling five hundred rupees", "agent: Sharma. And when can you come?"]
    );
    rig.assert_said(&[Said::Whole(&WELCOME), Said::Whole(&["Sharma.", "And when can you come?"])]);
    assert_eq!(rig.clears, [] as [u64; 0], "nothing was sent that had to be taken back");
}

#[test]
fn an_unfinished_amount_with_a_pause() {
    for (first, then, pause) in [
        ("five hundred and", "fifty rupees", 1_200),
        ("five hundred and", "fifty rupees", 1_650),
        ("between five hundred and", "six hundred rupees", 1_500),
        ("पाँच सौ से", "छह सौ रुपये", 1_200),
    ] {
        let mut rig = Rig::english();
        rig.run_until_quiet(700);
        rig.thoughts.push_back(answer("And when can you come?", "NEED_MORE_INFO"));
        let end = rig.say(rig.now, "five_hundred", first);
        rig.say(end + pause, "five_hundred", then);
        rig.run_until_quiet(700);
        assert_eq!(rig.prompts.len(), 1, "{first} … {then}: {}", rig.log());
        assert_eq!(rig.history()[1..], [format!("caller: {first} {then}"), "agent: And when can you come?".to_owned()]);
        rig.assert_said(&[Said::Whole(&WELCOME), Said::Whole(&["And when can you come?"])]);
        assert_eq!(rig.reports.last().unwrap().wasted_starts, 0);
    }
}

#[test]
fn an_amount_that_is_never_finished_is_answered_all_the_same() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "five_hundred", "five hundred and");
    rig.run_until_heard();
    assert!((1_700..2_400).contains(&(rig.now - end)), "after {} ms", rig.now - end);
    rig.run_until_quiet(700);
    assert_eq!(
        rig.history()[1..],
        ["caller: five hundred and", "agent: I understood five hundred rupees. Is that right?"]
    );
}

#[test]
fn silence_to_the_end() {
    let mut rig = Rig::english();
    rig.run_to_the_end(60_000);
    let again = ["Sorry, I did not hear you.", "What would you charge for the delivery?"];
    let goodbye = ["We will call you again.", "Thank you, and goodbye."];
    let spoken: Vec<&str> = rig.spoken.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(spoken, [&WELCOME[..], &again, &again, &goodbye].concat());
    rig.assert_said(&[Said::Whole(&WELCOME), Said::Whole(&again), Said::Whole(&again), Said::Whole(&goodbye)]);
    assert_eq!(rig.history(), [line(&[&WELCOME[..], &again, &again, &goodbye].concat())]);
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    assert_eq!(rig.call.conversation().stage(), Stage::Abandoned);
    assert_eq!((rig.prompts.len(), rig.clears.len(), rig.commits.len()), (0, 0, 0), "{}", rig.log());
    assert_eq!(rig.actions().last().unwrap(), &"Close Ended(HangUp)");
}
