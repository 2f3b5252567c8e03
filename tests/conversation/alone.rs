//! Without a model: `understand` and the agent's own questions hold the whole call.

use super::caller::{APPOINTMENT, LOGISTICS, Phone};

fn held(source: &str, language: &str, lines: &[&str]) -> Phone {
    let mut phone = Phone::alone(source, language);
    for line in lines {
        phone.says(line);
    }
    println!("{}\n{:?}\n", phone.transcript.join("\n"), phone.data());
    phone
}

#[test]
fn show() {
    held(LOGISTICS, "en-IN", &["five hundred rupees", "2 to 5"]);
    held(LOGISTICS, "en-IN", &["five hundred, two to five"]);
    held(LOGISTICS, "en-IN", &["what is this about?", "500", "between five and eight", "no, morning"]);
    held(LOGISTICS, "en-IN", &["what is this about?", "500", "between five and eight", "no", "yes"]);
    held(LOGISTICS, "en-IN", &["not less than 800", "no, six hundred", "after 4pm"]);
    held(LOGISTICS, "en-IN", &["500 or 600", "no", "no", "700", "any time tomorrow"]);
    held(LOGISTICS, "en-IN", &["500 rupees", "make it 600", "yes", "2 to 5", "hello"]);
    held(LOGISTICS, "en-IN", &["2 to 5", "2 to 5", "five", "6"]);
    held(LOGISTICS, "hi-IN", &["ढाई हज़ार", "दो से पाँच बजे"]);
    held(LOGISTICS, "hi-IN", &["dhai hazaar, do se paanch baje"]);
    held(LOGISTICS, "hi-IN", &["हाँ बोलिए", "पाँच सौ या छह सौ", "नहीं, छह सौ", "शाम को"]);
    held(LOGISTICS, "en-IN", &["I want to talk to your manager"]);
    held(APPOINTMENT, "en-IN", &["yes", "two people", "video", "yes"]);
    held(APPOINTMENT, "en-IN", &["yes, with two people, by video please", "yes"]);
    held(APPOINTMENT, "en-IN", &["no", "Monday", "yes"]);
    held(APPOINTMENT, "en-IN", &["no", "Tuesday is better", "yes"]);
    held(APPOINTMENT, "en-IN", &["yes", "none", "at the clinic", "no", "yes", "no", "three", "yes", "yes"]);
    held(APPOINTMENT, "en-IN", &["yes", "2", "clinic", "no, three people", "yes"]);
    held(APPOINTMENT, "en-IN", &["yes", "2", "clinic", "no, video", "yes"]);
    held(APPOINTMENT, "en-IN", &["yes", "40", "4", "clinic or video", "video", "yes"]);
    held(APPOINTMENT, "hi-IN", &["हाँ आऊँगा", "दो लोग", "क्लिनिक पर", "जी हाँ"]);
    held(APPOINTMENT, "hi-IN", &["नहीं आ पाऊँगा", "कल", "हाँ"]);
    held(APPOINTMENT, "hi-IN", &["haan", "koi nahi", "video", "nahi", "haan", "do log", "haan", "haan"]);
}
