//! Reading values back before the call completes.

use trunkline::conversation::Stage;

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent, now};

const TIME: &str = "Between what times can you pick up?";

fn doubtful() -> Phone {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("500 or 600, 2 to 5"), "I understood five hundred rupees. Is that right?");
    assert_eq!(phone.data(), [("time", "2-5pm")]);
    phone
}

#[test]
fn yes_or_one_confirms() {
    for yes in ["yes", "haan ji", "sahi hai", "correct"] {
        let mut phone = doubtful();
        phone.says(yes);
        phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
    }
    let mut phone = doubtful();
    phone.presses("1");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn no_or_two_takes_the_other_reading_and_then_asks_anew() {
    let mut phone = doubtful();
    assert_eq!(phone.says("no"), "I understood six hundred rupees. Is that right?");
    assert_eq!(phone.presses("2"), "What would you charge for the delivery?");
    phone.says("seven hundred");
    phone.completed_with(&[("charge", "₹700"), ("time", "2-5pm")]);
}

#[test]
fn a_correction_comes_in_one_go() {
    for (words, charge) in [
        ("no, six hundred", "₹600"),
        ("nahi nahi, saade paanch sau", "₹550"),
        ("six hundred", "₹600"),
        ("yes five hundred", "₹500"),
    ] {
        let mut phone = doubtful();
        phone.says(words);
        phone.completed_with(&[("charge", charge), ("time", "2-5pm")]);
    }
    let mut phone = Phone::alone(LOGISTICS, "hi-IN");
    assert_eq!(phone.says("पाँच सौ या छह सौ, दो से पाँच बजे"), "मैंने समझा, पाँच सौ रुपये। क्या यह सही है?");
    phone.says("नहीं, छह सौ");
    phone.completed_with(&[("charge", "₹600"), ("time", "2-5pm")]);
}

#[test]
fn half_a_day_is_enough_to_choose_between_two_windows() {
    for (words, time) in [("no, morning", "5-8am"), ("in the morning", "5-8am"), ("evening", "5-8pm"), ("no", "5-8am")]
    {
        let mut phone = Phone::alone(LOGISTICS, "en-IN");
        phone.says("500 rupees");
        assert_eq!(phone.says("5 to 8"), "I understood five in the evening to eight at night. Is that right?");
        phone.says(words);
        if words == "no" {
            phone.says("yes");
        }
        phone.completed_with(&[("charge", "₹500"), ("time", time)]);
    }
}

#[test]
fn more_than_the_answer_is_heard_too() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 or 600");
    phone.says("yes, and I come between 2 and 5");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn words_about_something_else_do_not_decide_and_do_not_go_on_for_ever() {
    let mut phone = doubtful();
    let question = "I understood five hundred rupees. Is that right?";
    assert_eq!(phone.says("what?"), format!("Sorry, I did not get that. {question}"));
    assert_eq!(phone.says("my truck is red"), "Sorry, I did not get that. What would you charge for the delivery?");
    assert_eq!(phone.data(), [("time", "2-5pm")]);
    for _ in 0..20 {
        phone.says("my truck is red");
    }
    assert_eq!(phone.stage(), Stage::Abandoned);
}

fn mode(mode: &str) -> impl Fn(String) -> String {
    let line = format!("read_back = \"{mode}\"");
    move |text| text.replace("read_back = \"ambiguous\"", &line).replace("read_back = \"always\"", &line)
}

#[test]
fn always_reads_all_back_once_at_the_end() {
    let mut phone = Phone::welcomed(agent(LOGISTICS, mode("always")), "en-IN", false);
    assert_eq!(phone.says("500"), TIME);
    let question = "I understood five hundred rupees, two to five in the afternoon. Is that right?";
    assert_eq!(phone.says("2 to 5"), question);
    assert!(phone.data().is_empty(), "nothing is stored before the yes");
    phone.says("yes");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_correction_of_all_is_read_back_alone_and_once() {
    let mut phone = Phone::welcomed(agent(LOGISTICS, mode("always")), "en-IN", false);
    phone.says("500, 2 to 5");
    assert_eq!(phone.says("no, six hundred"), "I understood six hundred rupees. Is that right?");
    phone.says("no, seven hundred");
    phone.completed_with(&[("charge", "₹700"), ("time", "2-5pm")]);
}

#[test]
fn a_plain_no_to_all_goes_through_them_one_by_one() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for (words, answer) in [
        ("yes", "How many people come with you?"),
        ("none", "Shall it be at the clinic or by video?"),
        ("at the clinic", "I noted you will come, people with you: zero, place: clinic. Is that right?"),
        ("no", "I noted you will come. Is that right?"),
        ("yes", "I noted people with you: zero. Is that right?"),
        ("no", "How many people come with you?"),
        ("three", "I noted people with you: three. Is that right?"),
        ("yes", "I noted place: clinic. Is that right?"),
        ("yes", "Thank you, I have noted it. Goodbye."),
    ] {
        assert_eq!(phone.says(words), answer);
    }
    phone.completed_with(&[("coming", "yes"), ("companions", "3"), ("place", "clinic")]);
}

#[test]
fn no_to_a_yes_is_a_no() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for line in ["yes", "none", "video", "no"] {
        phone.says(line);
    }
    // "You will come, is that right?" No: then the rest no longer matters, and another day does.
    assert_eq!(phone.says("no"), "Which day suits you better?");
    assert_eq!(phone.says("tomorrow"), "I noted new day: twenty fourth November. Is that right?");
    phone.says("yes");
    phone.completed_with(&[("coming", "no"), ("other_day", "24 Nov")]);
}

#[test]
fn never_takes_the_likeliest_and_asks_where_there_is_none() {
    let mut phone = Phone::welcomed(agent(LOGISTICS, mode("never")), "en-IN", false);
    assert_eq!(phone.says("500 or 600"), "Sorry, I did not get that. What would you charge for the delivery?");
    phone.says("500, 5 to 8");
    phone.completed_with(&[("charge", "₹500"), ("time", "5-8pm")]);
}

#[test]
fn a_value_outside_the_limits_is_never_taken() {
    for read_back in ["always", "ambiguous", "never"] {
        let mut phone = Phone::welcomed(agent(APPOINTMENT, mode(read_back)), "en-IN", false);
        phone.says("yes");
        assert_eq!(phone.says("40"), "Sorry, I did not get that. How many people come with you?", "{read_back}");
        assert!(phone.says("four").starts_with("Shall it be"));
    }
}

#[test]
fn words_that_stop_in_the_middle_are_read_back() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("five hundred and"), "I understood five hundred rupees. Is that right?");
    assert_eq!(phone.says("five hundred and fifty"), TIME);
    assert_eq!(phone.data(), [("charge", "₹550")]);
}

/// Whether something else is so is asked after the charge.
fn with_a_question() -> Phone {
    let change =
        |text: String| text.replace("name = \"time\"\nkind = \"time_window\"", "name = \"time\"\nkind = \"yes_no\"");
    Phone::welcomed(agent(LOGISTICS, change), "en-IN", false)
}

#[test]
fn a_yes_or_no_to_a_read_back_answers_no_question_that_was_not_asked() {
    for (words, charge) in [("yes", "₹500"), ("no, six hundred", "₹600")] {
        let mut phone = with_a_question();
        assert_eq!(phone.says("500 or 600"), "I understood five hundred rupees. Is that right?");
        assert_eq!(phone.says(words), TIME, "{words}");
        assert_eq!(phone.data(), [("charge", charge)], "{words}");
        assert!(!phone.stage().is_over());
    }
}

#[test]
fn who_has_confirmed_everything_when_the_time_is_over_is_thanked() {
    for (words, stage) in [("yes", Stage::Completed), ("hmm", Stage::Abandoned)] {
        let mut phone = doubtful();
        phone.conversation.heard(&phone.agent, words, None, now());
        phone.conversation.say_goodbye(&phone.agent, now());
        assert_eq!(phone.stage(), stage, "{words}");
    }
}
