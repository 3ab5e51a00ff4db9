//! Tables of text that nobody may trust: every cell is escaped before it is measured.

use taster_findings::visible;
use unicode_width::UnicodeWidthChar;

/// Blanks between columns.
const GAP: usize = 2;

/// The last column keeps this much of a narrow window.
const MIN_LAST: usize = 20;

/// Characters shown per column of width: combining marks take no width, and a thousand of them
/// on one letter would still run over the lines around it.
const CHARACTERS_PER_COLUMN: usize = 2;

/// How a column is set.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Numbers are set to the right.
    pub right: bool,
    /// Longer cells are cut to this width, on a terminal or not; `usize::MAX` cuts none.
    pub max: usize,
}

/// How a cell stands out on a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// It does not.
    #[default]
    Plain,
    /// Demands attention.
    Alarm,
    /// Wants attention.
    Warning,
    /// Good news.
    Good,
    /// Can be overlooked.
    Faint,
}

impl Style {
    /// The escape sequence that begins it (ECMA-48, SGR).
    fn sequence(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Alarm => "\u{1b}[1;31m",
            Self::Warning => "\u{1b}[33m",
            Self::Good => "\u{1b}[32m",
            Self::Faint => "\u{1b}[2m",
        }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with this text, whatever is in it.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::styled(text, Style::Plain)
    }

    /// A cell that stands out.
    pub fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self { text: visible(text.as_ref()).into_owned(), style }
    }
}

/// Columns and rows. The last column takes what the others leave of the window.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The lines, headings first; at most `window` wide if that is given and not very narrow.
    pub fn lines(&self, window: Option<usize>, colour: bool) -> Vec<String> {
        let titles: Vec<_> =
            self.columns.iter().map(|column| Cell::styled(column.title, Style::Faint)).collect();
        let widths = self.widths(window);
        let rows = std::iter::once(&titles).chain(&self.rows);
        rows.map(|row| self.line(row, &widths, colour)).collect()
    }

    fn widths(&self, window: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> =
            (0..self.columns.len()).map(|column| self.natural(column)).collect();
        let before: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        if let (Some(window), Some(last)) = (window, widths.last_mut()) {
            *last = (*last).min(window.saturating_sub(before).max(MIN_LAST));
        }
        widths
    }

    fn natural(&self, index: usize) -> usize {
        let Column { title, max, .. } = self.columns[index];
        let cells = self.rows.iter().map(|row| width(&row[index].text));
        cells.max().unwrap_or(0).min(max).max(width(title))
    }

    fn line(&self, row: &[Cell], widths: &[usize], colour: bool) -> String {
        let mut line = String::new();
        let last = row.len().saturating_sub(1);
        for (index, (cell, &width_max)) in row.iter().zip(widths).enumerate() {
            let text = fit(&cell.text, width_max);
            let padding = " ".repeat(width_max - width(&text).min(width_max));
            let text = painted(&text, cell.style, colour);
            match (self.columns[index].right, index == last) {
                (true, _) => line.extend([padding.as_str(), text.as_str()]),
                (false, false) => line.extend([text.as_str(), padding.as_str()]),
                (false, true) => line.push_str(&text),
            }
            if index < last {
                line.push_str(&" ".repeat(GAP));
            }
        }
        line
    }
}

fn painted(text: &str, style: Style, colour: bool) -> String {
    match style {
        Style::Plain => text.to_owned(),
        _ if !colour => text.to_owned(),
        style => format!("{}{text}\u{1b}[0m", style.sequence()),
    }
}

/// Columns that the text takes on a terminal (Unicode Standard Annex #11).
fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// The text within `width_max` columns, with an ellipsis if it was cut.
fn fit(text: &str, width_max: usize) -> String {
    let characters_max = width_max.saturating_mul(CHARACTERS_PER_COLUMN);
    if width(text) <= width_max && text.chars().count() <= characters_max {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for (count, character) in text.chars().enumerate() {
        used += character.width().unwrap_or(0);
        if used + 1 > width_max || count >= characters_max {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column { title: "#", right: true, max: 4 },
            Column { title: "where", right: false, max: 12 },
            Column { title: "text", right: false, max: usize::MAX },
        ]);
        let rows = [
            ("1", "host a.example", "SUDO \u{202e}evil\u{1b}[2J"),
            ("12", "漢字漢字漢字漢字", "two\nlines\tand a zero\u{200b}width"),
            ("345", "", "漢字かな and more than the window has room for, which is cut"),
            ("4", "e\u{301}e\u{301}", "plain"),
        ];
        for (rank, place, text) in rows {
            table.row(vec![Cell::new(rank), Cell::new(place), Cell::styled(text, Style::Alarm)]);
        }
        table
    }

    #[test]
    fn golden_table_of_nasty_characters_in_a_window() {
        let expected = [
            "  #  where         text",
            r"  1  host a.exam…  SUDO \u{202e}evil\u{1b}[2J",
            r" 12  漢字漢字漢…   two\u{a}lines\u{9}and a zero\u{2…",
            "345                漢字かな and more than the windo…",
            "  4  e\u{301}e\u{301}            plain",
        ];
        assert_eq!(table().lines(Some(52), false), expected);
        assert!(table().lines(Some(52), false).iter().all(|line| width(line) <= 52));
    }

    #[test]
    fn without_a_window_the_last_column_is_whole() {
        let lines = table().lines(None, false);
        assert!(lines[3].ends_with("which is cut"));
        assert!(lines.iter().all(|line| !line.contains('\u{1b}') && !line.contains('\n')));
    }

    #[test]
    fn colour_is_put_around_cells_and_nowhere_else() {
        let lines = table().lines(Some(52), true);
        assert!(lines[4].ends_with("\u{1b}[1;31mplain\u{1b}[0m"));
        let escapes = lines.iter().map(|line| line.matches('\u{1b}').count());
        // Three faint headings, then one alarm per row; the escape of the corpus is text.
        assert_eq!(escapes.collect::<Vec<_>>(), [6, 2, 2, 2, 2]);
    }

    #[test]
    fn stacked_marks_are_cut_too() {
        let stacked = format!("a{}", "\u{301}".repeat(1000));
        assert_eq!(width(&stacked), 1);
        assert!(fit(&stacked, 10).chars().count() <= 21);
    }

    #[test]
    fn a_very_narrow_window_keeps_some_text() {
        let lines = table().lines(Some(5), false);
        assert!(lines[3].ends_with("漢字かな and more t…"), "{}", lines[3]);
    }
}
