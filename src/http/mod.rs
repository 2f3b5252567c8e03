//! to come
/// A part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// a
    pub name: &'static str,
    /// b
    pub in_force: String,
    /// c
    pub why: String,
}
