//! A fact that an agent collects: its name, its kind and its limits.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A fact to collect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its key in `data`, `values` and `evidence`: lower-case letters, digits and `_`.
    pub name: String,
    /// What sort of value it holds.
    pub kind: FieldKind,
    /// Whether the call may complete without it.
    #[serde(default = "yes")]
    pub required: bool,
    /// What belongs in it, for the mind.
    #[serde(default)]
    pub description: String,
    /// The question for it, by language tag.
    pub question: BTreeMap<String, String>,
    /// Smallest acceptable amount or number.
    pub min: Option<f64>,
    /// Largest acceptable amount or number.
    pub max: Option<f64>,
    /// ISO 4217 code of a money field's currency; only `INR` is understood now.
    pub currency: Option<String>,
    /// The options of a choice.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// The field only matters where earlier yes/no and choice fields hold these values (`yes`, `no`, an option); until then it is not asked.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// How its value is named when it is read back, by language tag, with `{value}`: "{value} people come along". Without it, the bare value.
    #[serde(default)]
    pub read_back: BTreeMap<String, String>,
    /// The same for the answer no of a yes/no field: "you will not come".
    #[serde(default)]
    pub read_back_no: BTreeMap<String, String>,
}

/// One option of a choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The value that is stored.
    pub value: String,
    /// Words that mean it, in any language or script; the value itself always does.
    #[serde(default)]
    pub words: Vec<String>,
}

/// The kinds of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One of the options.
    Choice,
    /// A day.
    Date,
    /// An amount.
    Money,
    /// A plain number.
    Number,
    /// A telephone number.
    Phone,
    /// Free words.
    Text,
    /// A window of time.
    TimeWindow,
    /// Yes or no.
    YesNo,
}

impl FieldKind {
    /// What `understand` looks for; choices and free words are not its business.
    pub fn spoken(self) -> Option<crate::understand::Kind> {
        use crate::understand::Kind;
        match self {
            Self::Date => Some(Kind::Date),
            Self::Money => Some(Kind::Money),
            Self::Number => Some(Kind::Number),
            Self::Phone => Some(Kind::Phone),
            Self::TimeWindow => Some(Kind::TimeWindow),
            Self::YesNo => Some(Kind::YesNo),
            Self::Choice | Self::Text => None,
        }
    }

    /// The name in agent files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Date => "date",
            Self::Money => "money",
            Self::Number => "number",
            Self::Phone => "phone",
            Self::Text => "text",
            Self::TimeWindow => "time_window",
            Self::YesNo => "yes_no",
        }
    }
}

fn yes() -> bool {
    true
}
