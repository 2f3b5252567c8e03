//! What a word betrays of what is done in its clause, beside its meaning as a part of a value.
//!
//! A word may betray several things, and has a [`super::Word`] besides: "phone" names a number and a call. One file a language:
//! [`english`], [`hindi`]. Key types: [`Cues`].

mod english;
mod hindi;

/// A set of things that a word betrays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::understand) struct Cues(u32);

impl Cues {
    /// A call or a message: what happens then is talk, not work.
    pub(in crate::understand) const CALL: Self = Self(1);
    /// An answer that comes later, if the time is joined to it: "tell you by five".
    pub(in crate::understand) const TELL: Self = Self(1 << 1);
    /// The work that was asked about: coming, sending, being free.
    pub(in crate::understand) const OFFER: Self = Self(1 << 2);
    /// Somebody cannot be had: asleep, in a meeting.
    pub(in crate::understand) const AWAY: Self = Self(1 << 3);
    /// Perhaps so: "out", "work". Only with the hour until when.
    pub(in crate::understand) const PERHAPS_AWAY: Self = Self(1 << 4);
    /// The end of an absence: "returns".
    pub(in crate::understand) const RETURN: Self = Self(1 << 5);
    /// Can, will, shall: before its subject it asks.
    pub(in crate::understand) const MODAL: Self = Self(1 << 6);
    /// Do, does, did.
    pub(in crate::understand) const DO: Self = Self(1 << 7);
    /// Is, are, am.
    pub(in crate::understand) const BE: Self = Self(1 << 8);
    /// A pronoun as a subject.
    pub(in crate::understand) const SUBJECT: Self = Self(1 << 9);
    /// The verb that makes a Hindi verb of a noun: "(phone) karna".
    pub(in crate::understand) const LIGHT: Self = Self(1 << 10);
    /// Of Hindi, where the verb stands last.
    pub(in crate::understand) const HINDI: Self = Self(1 << 11);
    /// Now, already.
    pub(in crate::understand) const NOW: Self = Self(1 << 12);
    /// That, as in "after that".
    pub(in crate::understand) const THAT: Self = Self(1 << 13);
    /// Then.
    pub(in crate::understand) const THEN: Self = Self(1 << 14);
    /// Only a machine says so: "press", "beep".
    pub(in crate::understand) const MACHINE: Self = Self(1 << 15);
    /// Machines say so, and people.
    pub(in crate::understand) const ANNOUNCE: Self = Self(1 << 16);
    /// What the caller wants: "(you) need".
    pub(in crate::understand) const NEED: Self = Self(1 << 17);
    /// "tu": nobody says so to us.
    pub(in crate::understand) const FAMILIAR: Self = Self(1 << 18);
    /// Goes on for a while, or is had: "raha", "have".
    pub(in crate::understand) const GOES_ON: Self = Self(1 << 19);
    /// Asks, at either end of a Hindi clause: "kya".
    pub(in crate::understand) const KYA: Self = Self(1 << 21);
    /// "I", "we".
    pub(in crate::understand) const FIRST: Self = Self(1 << 22);
    /// To reach somebody, if "me" follows: "reach me", "try again".
    pub(in crate::understand) const TO_ME: Self = Self(1 << 23);
    /// "me", "us", "out", "again".
    pub(in crate::understand) const ME: Self = Self(1 << 24);
    /// Approves of the time before it.
    pub(in crate::understand) const FINE: Self = Self(1 << 25);
    /// A business tells its hours.
    pub(in crate::understand) const HOURS: Self = Self(1 << 26);
    /// Any verb or its like, which ends the reach of the verb before it.
    pub(in crate::understand) const VERB: Self =
        Self(Self::CALL.0 | Self::TELL.0 | Self::OFFER.0 | Self::AWAY.0 | Self::RETURN.0);

    /// Nothing.
    pub(in crate::understand) const NONE: Self = Self(0);

    /// Whether it shares anything with `other`.
    pub(in crate::understand) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    pub(in crate::understand) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Rows of a language: what is betrayed, and by which single words.
pub(super) type Rows = &'static [(&'static [Cues], &'static str)];

/// All languages.
pub(super) const ROWS: [Rows; 2] = [english::ROWS, hindi::ROWS];
