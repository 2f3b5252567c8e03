//! English.

use super::{Cues, Rows};

pub(super) const ROWS: Rows = &[
    (
        &[Cues::CALL],
        "call calls called calling callback ring phone phoned contact dial text message messages msg whatsapp sms talk \
         speak discuss ask buzz ping",
    ),
    (&[Cues::TELL], "tell inform update know confirm revert respond reply answer decide check touch"),
    (&[Cues::TO_ME], "reach try catch find get"),
    (&[Cues::ME], "me us out again him"),
    (
        &[Cues::OFFER],
        "come comes coming reach reaches reached arrive arrives send sends sending pick picks picked pickup available ready \
         start starts there book load collect collected deliver dispatch leave leaves go goes begin begins open opens",
    ),
    (&[Cues::OFFER, Cues::RETURN], "free"),
    (&[Cues::FINE], "ok okay fine works work suits good possible do done great perfect"),
    (
        &[Cues::AWAY],
        "sleeping asleep sleep meeting meetings busy occupied engaged away unavailable stuck resting closed travelling \
         traveling driving lunch prayer puja namaz entry engagement",
    ),
    (
        &[Cues::PERHAPS_AWAY],
        "out work working loading unloading trip job duty rest office class hospital site party loaded booked",
    ),
    (&[Cues::RETURN], "back return returns returning finish finishes finishing ends"),
    (&[Cues::MODAL], "can could will would shall should"),
    (&[Cues::DO], "do does did"),
    (&[Cues::BE], "is are am was were"),
    (&[Cues::SUBJECT], "you he she they it u anyone someone somebody anybody"),
    (&[Cues::FIRST], "i we im ill weve ive"),
    (&[Cues::GOES_ON], "have has having got"),
    (&[Cues::NOW], "now already only just still currently"),
    (&[Cues::THAT], "that this"),
    (&[Cues::THEN], "then afterwards"),
    (&[Cues::MACHINE], "press pressing beep voicemail keypad mailbox menu"),
    (&[Cues::ANNOUNCE], "welcome calling customers valued"),
    (&[Cues::HOURS], "hours timings timing"),
    (&[Cues::NEED], "need want require wanted needed asked"),
];
