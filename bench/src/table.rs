//! Aligned columns of text.

/// Lines of a table: the first column is left-aligned, as are the columns in `left`; numbers
/// stand right. Every row has as many cells as the head.
pub fn lines(head: &[&str], left: &[usize], rows: &[Vec<String>]) -> Vec<String> {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(&head, rows, column)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| {
            if column == 0 || left.contains(&column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&head).chain(rows).map(line).collect()
}

fn width(head: &[String], rows: &[Vec<String>], column: usize) -> usize {
    let cells = std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
    let width = |row: &[String]| row.get(column).map_or(0, |cell| cell.chars().count());
    cells.map(width).max().unwrap_or(0)
}

/// Prints a table.
pub fn print(head: &[&str], left: &[usize], rows: &[Vec<String>]) {
    for line in lines(head, left, rows) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let rows = [
            vec!["ab".into(), "1".into(), "x".into()],
            vec!["c".into(), "22".into(), String::new()],
        ];
        let expected = ["what   n  note", "ab     1  x", "c     22"];
        assert_eq!(lines(&["what", "n", "note"], &[2], &rows), expected);
    }
}
