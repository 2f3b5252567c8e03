//! `trunkline try`: what is understood of a text, for people who write agents and for measuring against known cases.
//!
//! Key types: [`Try`], [`Case`]. It reads as a call would (same reader, same limits), but holds no conversation. Values are printed in the
//! form of the fixtures: every key always present, `null` where nothing was said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use trunkline::agent::Agent;
use trunkline::agent::field::{Field, FieldKind};
use trunkline::config::Config;
use trunkline::config::agents::Folder;
use trunkline::conversation;
use trunkline::understand::{self, Kind, Reading, Scene, Value};

use crate::terminal::{say, table};

/// Arguments of `trunkline try`.
#[derive(Args)]
pub(crate) struct Try {
    /// What the caller said, as a recogniser writes it
    #[arg(required_unless_present = "file", conflicts_with = "file", allow_hyphen_values = true)]
    text: Option<String>,
    /// Read cases from JSON Lines instead: text, kind, context.now, context.expect, and for --score value, ambiguous, readings ("-": standard input)
    #[arg(long, value_name = "FILE.jsonl")]
    file: Option<PathBuf>,
    /// The agent whose field is asked for, such as LOGISTICS
    #[arg(long, requires = "field")]
    agent: Option<String>,
    /// The field, such as charge
    #[arg(long, requires = "agent")]
    field: Option<String>,
    /// What to look for, where no agent is named
    #[arg(long, value_enum, conflicts_with = "agent")]
    kind: Option<SpokenKind>,
    /// What the agent just asked for; without it, what is looked for
    #[arg(long, value_enum)]
    expect: Option<Expected>,
    /// The language of the words to say
    #[arg(long, default_value = "en-IN")]
    language: String,
    /// The time of the call, RFC 3339 such as 2026-11-23T10:00:00+05:30; without it, now
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Compare the cases of --file with the values they give; exits 1 unless all are right
    #[arg(long, requires = "file", conflicts_with = "json")]
    score: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum SpokenKind {
    #[serde(alias = "charge")]
    Money,
    TimeWindow,
    Date,
    Number,
    YesNo,
    Language,
    Handover,
    Phone,
}

impl SpokenKind {
    fn kind(self) -> Kind {
        match self {
            Self::Date => Kind::Date,
            Self::Handover => Kind::Handover,
            Self::Language => Kind::Language,
            Self::Money => Kind::Money,
            Self::Number => Kind::Number,
            Self::Phone => Kind::Phone,
            Self::TimeWindow => Kind::TimeWindow,
            Self::YesNo => Kind::YesNo,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Expected {
    #[value(alias = "money")]
    Charge,
    TimeWindow,
    Date,
    Number,
    YesNo,
    Language,
    Phone,
    /// Nothing in particular
    None,
}

impl Expected {
    fn kind(self) -> Option<Kind> {
        match self {
            Self::Charge => Some(Kind::Money),
            Self::Date => Some(Kind::Date),
            Self::Language => Some(Kind::Language),
            Self::None => None,
            Self::Number => Some(Kind::Number),
            Self::Phone => Some(Kind::Phone),
            Self::TimeWindow => Some(Kind::TimeWindow),
            Self::YesNo => Some(Kind::YesNo),
        }
    }
}

/// One line of a file.
#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    id: String,
    text: String,
    kind: Option<SpokenKind>,
    #[serde(default)]
    language: String,
    #[serde(default)]
    context: Surroundings,
    #[serde(default)]
    value: Json,
    #[serde(default)]
    ambiguous: bool,
    #[serde(default)]
    readings: Vec<Json>,
}

#[derive(Default, Deserialize)]
struct Surroundings {
    now: Option<String>,
    expect: Option<SpokenKind>,
}

/// What is looked for.
enum Target {
    Kind(Kind),
    Field(Box<Field>),
}

/// Prints what is understood.
pub(crate) fn try_text(config: &Config, args: &Try) -> anyhow::Result<ExitCode> {
    let agent = args.agent.as_deref().map(|name| agent(&config.agents_dir, name)).transpose()?;
    let target = target(args, agent.as_ref())?;
    let zone_name = agent.as_ref().map_or("Asia/Kolkata", |agent| agent.timezone.as_str());
    let zone = TimeZone::get(zone_name).with_context(|| format!("timezone {zone_name}"))?;
    let now = match &args.now {
        Some(text) => local(text, &zone).context("--now")?,
        None => Zoned::now().with_time_zone(zone.clone()).datetime(),
    };
    let Some(file) = &args.file else {
        let text = args.text.as_deref().unwrap_or_default();
        let target = target.context("say what to look for: --agent and --field, or --kind")?;
        let expect = args.expect.map_or_else(|| target.kind(), Expected::kind);
        let found = Found::read(text, &target, &Scene { now, expect });
        say(&if args.json { format!("{}\n", found.json()) } else { found.shown(text, &args.language) })?;
        return Ok(ExitCode::SUCCESS);
    };
    let cases = cases(file)?;
    let mut score = Score::default();
    let mut out = String::new();
    for (line, case) in &cases {
        let by_line = || case.kind.map(|kind| Target::Kind(kind.kind()));
        let (own, target) = (by_line(), target.as_ref());
        let target = target.or(own.as_ref()).with_context(|| format!("{}:{line}: kind is missing", file.display()))?;
        let now = match &case.context.now {
            Some(text) => local(text, &zone).with_context(|| format!("{}:{line}: context.now", file.display()))?,
            None => now,
        };
        let expect = args.expect.map_or_else(|| case.context.expect.map(SpokenKind::kind), Expected::kind);
        let found = Found::read(&case.text, target, &Scene { now, expect });
        if args.score {
            score.add(case, target, &found);
        } else if args.json {
            writeln!(out, "{}", found.json())?;
        } else {
            writeln!(out, "{}  ->  {}", found.marked(&case.text), found.summary())?;
        }
    }
    if args.score {
        out = score.to_string();
    }
    say(&out)?;
    Ok(if score.misses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn agent(folder: &Path, name: &str) -> anyhow::Result<Agent> {
    let folder = Folder::read(folder);
    let (agents, problems) = (folder.agents(), folder.problems());
    let known: Vec<_> = agents.iter().map(|agent| agent.agent_type.clone()).collect();
    match agents.into_iter().find(|agent| agent.agent_type == name) {
        Some(agent) => Ok(agent),
        None if problems.is_empty() => bail!("no agent {name}; there are {}", known.join(", ")),
        None => bail!("no agent {name}; there are {}; wrong: {}", known.join(", "), problems.join("; ")),
    }
}

fn target(args: &Try, agent: Option<&Agent>) -> anyhow::Result<Option<Target>> {
    match (agent, &args.field, args.kind) {
        (Some(agent), Some(name), _) => {
            let known: Vec<_> = agent.fields.iter().map(|field| field.name.as_str()).collect();
            let field =
                agent.field(name).with_context(|| format!("no field {name}; there are {}", known.join(", ")))?;
            Ok(Some(Target::Field(Box::new(field.clone()))))
        }
        (_, _, kind) => Ok(kind.map(|kind| Target::Kind(kind.kind()))),
    }
}

impl Target {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Field(field) => field.kind.spoken(),
            Self::Kind(kind) => Some(*kind),
        }
    }
}

fn local(text: &str, zone: &TimeZone) -> anyhow::Result<DateTime> {
    let at: Timestamp =
        text.parse().map_err(|_| anyhow::anyhow!("expected RFC 3339 such as 2026-11-23T10:00:00+05:30"))?;
    Ok(at.to_zoned(zone.clone()).datetime())
}

fn cases(file: &Path) -> anyhow::Result<Vec<(usize, Case)>> {
    let name = file.display();
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| name.to_string())?;
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let case = serde_json::from_str(line).with_context(|| format!("{name}:{}", index + 1))?;
            Ok((index + 1, case))
        })
        .collect()
}

/// What was found in one text.
struct Found {
    value: Json,
    display: String,
    typed: Option<Value>,
    ambiguous: bool,
    readings: Vec<Json>,
    shown_readings: Vec<String>,
    unfinished: bool,
    span: std::ops::Range<usize>,
    note: Option<String>,
}

impl Found {
    fn read(text: &str, target: &Target, scene: &Scene) -> Self {
        match target {
            Target::Kind(kind) => Self::spoken(understand::read(text, *kind, scene)),
            Target::Field(field) => match field.kind.spoken() {
                Some(kind) => {
                    let mut found = Self::spoken(understand::read(text, kind, scene));
                    let beyond = found.typed.as_ref().is_some_and(|value| !conversation::within(field, value));
                    found.note = beyond.then(|| format!("outside the limits of {}: asked again", field.name));
                    found
                }
                None if field.kind == FieldKind::Choice => Self::choice(text, field),
                None => Self::whole(text),
            },
        }
    }

    fn spoken(reading: Reading) -> Self {
        Self {
            value: typed(reading.value.as_ref()),
            display: reading.value.as_ref().map(understand::display).unwrap_or_default(),
            ambiguous: reading.ambiguous,
            readings: reading.readings.iter().map(|value| typed(value.as_ref())).collect(),
            shown_readings: reading
                .readings
                .iter()
                .map(|value| value.as_ref().map_or_else(|| "nothing".to_owned(), understand::display))
                .collect(),
            unfinished: reading.unfinished,
            span: reading.span,
            typed: reading.value,
            note: None,
        }
    }

    fn choice(text: &str, field: &Field) -> Self {
        let options = conversation::options_said(field, text);
        let ambiguous = options.len() > 1;
        let only = options.first().filter(|_| !ambiguous);
        Self {
            value: only.map_or(Json::Null, |(option, _)| json!({ "option": option })),
            display: only.map_or_else(String::new, |(option, _)| (*option).to_owned()),
            typed: None,
            ambiguous,
            readings: options.iter().filter(|_| ambiguous).map(|(option, _)| json!({ "option": option })).collect(),
            shown_readings: options.iter().filter(|_| ambiguous).map(|(option, _)| (*option).to_owned()).collect(),
            unfinished: false,
            span: only.map_or(0..0, |(_, span)| span.clone()),
            note: None,
        }
    }

    /// Free words need the mind to pick them out.
    fn whole(text: &str) -> Self {
        Self {
            value: json!({ "text": text }),
            display: text.to_owned(),
            typed: None,
            ambiguous: false,
            readings: Vec::new(),
            shown_readings: Vec::new(),
            unfinished: false,
            span: 0..text.len(),
            note: Some("free words: the mind picks them out of what the caller says".to_owned()),
        }
    }

    fn json(&self) -> Json {
        json!({
            "value": self.value, "ambiguous": self.ambiguous, "readings": self.readings, "unfinished": self.unfinished,
        })
    }

    /// The text with the words the value rests on in brackets.
    fn marked(&self, text: &str) -> String {
        match (text.get(..self.span.start), text.get(self.span.clone()), text.get(self.span.end..)) {
            (Some(before), Some(words), Some(after)) if !words.is_empty() => format!("{before}[{words}]{after}"),
            (_, _, _) => text.to_owned(),
        }
    }

    fn summary(&self) -> String {
        let mut text = if self.display.is_empty() { "nothing".to_owned() } else { self.display.clone() };
        if self.ambiguous {
            text.push_str(&format!(" (ambiguous: {})", self.shown_readings.join(" or ")));
        }
        if self.unfinished {
            text.push_str(" (unfinished)");
        }
        text
    }

    fn shown(&self, text: &str, language: &str) -> String {
        let mut rows = vec![("heard", self.marked(text)), ("value", self.summary())];
        if let Some(value) = &self.typed {
            rows.push(("say", understand::words(value, language)));
        }
        if !self.value.is_null() {
            rows.push(("typed", self.value.to_string()));
        }
        rows.extend(self.note.iter().map(|note| ("note", note.clone())));
        rows.iter().fold(String::new(), |out, (name, what)| format!("{out}{name:<6} {what}\n"))
    }
}

/// A value as the fixtures write it.
fn typed(value: Option<&Value>) -> Json {
    let clock = |time: Option<jiff::civil::Time>| time.map(understand::clock_text);
    match value {
        None => Json::Null,
        Some(Value::Date(date)) => json!({ "date": date.to_string() }),
        Some(Value::Handover(wanted)) => json!({ "wanted": wanted }),
        Some(Value::Language(language)) => json!({ "language": language }),
        Some(Value::Money(money)) => json!({
            "amount": understand::amount(money.paise),
            "currency": "INR",
            "per": money.per.map(understand::Per::as_str),
            "upper": money.upper_paise.map(understand::amount),
        }),
        Some(Value::Number(number)) => json!({ "value": number }),
        Some(Value::Phone(e164)) => json!({ "e164": e164 }),
        Some(Value::TimeWindow(window)) => json!({
            "start": clock(window.start), "end": clock(window.end), "date": window.date.map(|date| date.to_string()),
        }),
        Some(Value::YesNo(answer)) => json!({ "answer": answer }),
    }
}

#[derive(Default)]
struct Score {
    /// Right ones and all, by kind and language.
    cells: BTreeMap<(String, String), (usize, usize)>,
    misses: Vec<String>,
    /// Misses that name a value where there is none: the worst sort.
    invented: usize,
}

impl Score {
    fn add(&mut self, case: &Case, target: &Target, found: &Found) {
        let kind = match target {
            Target::Kind(kind) => format!("{kind:?}"),
            Target::Field(field) => field.name.clone(),
        };
        // The middle of an id tells romanised Hindi from English, which the language setting does not.
        let language = case.id.split('-').nth(1).map_or_else(|| case.language.clone(), str::to_owned);
        let same_readings = case.readings.len() == found.readings.len()
            && case.readings.iter().all(|reading| found.readings.contains(reading));
        let right = case.value == found.value && case.ambiguous == found.ambiguous && same_readings;
        let cell = self.cells.entry((kind, language)).or_default();
        cell.0 += usize::from(right);
        cell.1 += 1;
        if !right {
            let invented = case.value.is_null() && !case.ambiguous && !found.value.is_null();
            self.invented += usize::from(invented);
            self.misses.push(format!(
                "{} {:?}\n  wanted {} {} {}\n  got    {} {} {}{}",
                case.id,
                case.text,
                case.value,
                case.ambiguous,
                Json::from(case.readings.clone()),
                found.value,
                found.ambiguous,
                Json::from(found.readings.clone()),
                if invented { "  INVENTED" } else { "" },
            ));
        }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (right, all) = self.cells.values().fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        let rows: Vec<[String; 4]> = self
            .cells
            .iter()
            .map(|((kind, language), (right, all))| {
                [kind.clone(), language.clone(), right.to_string(), all.to_string()]
            })
            .chain([["all".to_owned(), String::new(), right.to_string(), all.to_string()]])
            .collect();
        let mut out = String::new();
        table(&mut out, ["kind", "language", "right", "of"], rows.iter().map(|row| row.each_ref().map(String::as_str)));
        f.write_str(&out)?;
        for miss in &self.misses {
            writeln!(f, "{miss}")?;
        }
        #[expect(clippy::cast_precision_loss, reason = "case counts are small")]
        let percent = if all == 0 { 0.0 } else { right as f64 * 100.0 / all as f64 };
        writeln!(f, "{right} of {all} right ({percent:.1} %), {} invented", self.invented)
    }
}
