//! What people read on standard output.

use std::io::Write as _;

use anyhow::Context as _;

/// Appends rows as aligned columns.
pub(crate) fn table<'a, const N: usize>(
    out: &mut String,
    head: [&'a str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) {
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in &rows {
        let cells: Vec<_> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out.push('\n');
}

/// Writes to standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("standard output is closed")
}
