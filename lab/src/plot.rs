//! A picture of a laboratory's report: recipes by dose and spread, coloured by how high they rank.

use std::fmt::Write;

use crate::measurement::{LabReport, Row};
use crate::recipes::Recipe;
use crate::spread::Spread;

const CELL: (usize, usize) = (92, 24);
const LEFT: usize = 150;
const TOP: usize = 84;

/// Rank that at least half of the corpora reach, and the colour up to there.
const COLOURS: [(u32, &str); 4] =
    [(1, "#1a9850"), (10, "#91cf60"), (20, "#fee08b"), (100, "#fc8d59")];
const WORSE: &str = "#d73027";

/// The report as SVG: per cell the median and the worst rank of the first hit, `–` where it was missed.
pub fn plot(report: &LabReport) -> String {
    let columns = columns(&report.rows);
    let recipes = recipes(&report.rows);
    let (width, height) = (LEFT + columns.len() * CELL.0 + 20, TOP + recipes.len() * CELL.1 + 20);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = format!(
        "first hit: median / worst rank over {} seeds, {} documents ({})",
        report.experiment.seeds,
        report.clean.documents,
        report.part.name()
    );
    text(&mut svg, (10, 20), &title);
    for (index, (documents, spread)) in columns.iter().enumerate() {
        let x = LEFT + index * CELL.0 + 6;
        text(&mut svg, (x, TOP - 26), spread.name());
        text(&mut svg, (x, TOP - 10), &documents.to_string());
    }
    for (index, recipe) in recipes.iter().enumerate() {
        text(&mut svg, (10, TOP + index * CELL.1 + 16), recipe.name());
    }
    for row in &report.rows {
        let column = columns.iter().position(|column| *column == (row.documents, row.spread));
        let line = recipes.iter().position(|recipe| *recipe == row.recipe);
        if let (Some(column), Some(line)) = (column, line) {
            cell(&mut svg, (LEFT + column * CELL.0, TOP + line * CELL.1), row);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn columns(rows: &[Row]) -> Vec<(u64, Spread)> {
    let mut columns: Vec<(u64, Spread)> = Vec::new();
    for row in rows {
        if !columns.contains(&(row.documents, row.spread)) {
            columns.push((row.documents, row.spread));
        }
    }
    columns
}

fn recipes(rows: &[Row]) -> Vec<Recipe> {
    Recipe::all().filter(|recipe| rows.iter().any(|row| row.recipe == *recipe)).collect()
}

fn cell(svg: &mut String, (x, y): (usize, usize), row: &Row) {
    let (width, height) = (CELL.0 - 2, CELL.1 - 2);
    let colour = if row.recipe.is_control() { "#dddddd" } else { colour(row.median_rank()) };
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>"
    );
    text(
        svg,
        (x + 6, y + 16),
        &format!("{} / {}", rank(row.median_rank()), rank(row.worst_rank())),
    );
}

fn colour(median: Option<u32>) -> &'static str {
    let found = COLOURS.iter().find(|(up_to, _)| median.is_some_and(|rank| rank <= *up_to));
    found.map_or(WORSE, |(_, colour)| colour)
}

fn rank(rank: Option<u32>) -> String {
    rank.map_or("–".to_owned(), |rank| rank.to_string())
}

/// Names and numbers only: nothing of a corpus, so nothing to escape.
fn text(svg: &mut String, (x, y): (usize, usize), text: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_rank() {
        assert_eq!(colour(Some(1)), COLOURS[0].1);
        assert_eq!(colour(Some(11)), COLOURS[2].1);
        assert_eq!(colour(Some(101)), WORSE);
        assert_eq!(colour(None), WORSE);
    }
}
