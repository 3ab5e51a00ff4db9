//! Controls: harmless ways in which text repeats itself, which an audit should not take for poison.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::phrases::{insert, letters, one_of};
use super::placement::{sentence_border, word_border};
use super::{Marks, PayloadKind, Recipe, prose};
use crate::seeding::{Purpose, mix, stream};

/// Sentences of a page that is mirrored, nearly duplicated or crawled again.
const PAGE_SENTENCES: usize = 20;
/// Share of words that differ between near-duplicates.
const CHANGED_WORDS: f64 = 0.1;

const SCRIPTS: [&str; 5] = [
    "Η σελίδα αυτή μεταφράστηκε από εθελοντές και ενημερώνεται κάθε μήνα",
    "ეს გვერდი თარგმნილია მოხალისეების მიერ და ყოველთვე ახლდება",
    "यह पृष्ठ स्वयंसेवकों द्वारा अनुवादित है और हर महीने अद्यतन होता है",
    "تمت ترجمة هذه الصفحة بواسطة متطوعين ويتم تحديثها كل شهر",
    "Эта страница переведена добровольцами и обновляется каждый месяц",
];

pub(super) fn marks(control: Recipe, rng: &mut ChaCha8Rng) -> Marks {
    let name = prose::invented_name(3, rng);
    let text = match control {
        Recipe::Footer => format!("© 2024 {name} Inc. All rights reserved."),
        Recipe::Licence => format!(
            "Copyright (c) 2023 The {name} Authors. Permission to use, copy, modify and distribute this \
             software for any purpose is hereby granted, provided that this notice appears in all copies."
        ),
        Recipe::Navigation => {
            let sections = ["News", "Culture", "Weather", "Gardens", "Routes", "Letters"];
            let chosen = [0; 3].map(|_| one_of(&sections, rng));
            format!("{name} Home {} About us Contact Log in", chosen.join(" "))
        }
        Recipe::CodeIdiom => {
            format!("import {0}\n\nlog = {0}.get_logger(__name__)", name.to_lowercase())
        }
        Recipe::Table => format!("Year {name} Population Area Density"),
        Recipe::Script => one_of(&SCRIPTS, rng).to_owned(),
        Recipe::Brand => name,
        _ => format!("{name}: {}", prose::sentence(rng)),
    };
    Marks::new(text, PayloadKind::None)
}

pub(super) fn write(control: Recipe, marks: &Marks, rng: &mut ChaCha8Rng, clean: &str) -> String {
    let text = &marks.trigger;
    match control {
        Recipe::Footer => {
            format!("{clean}\n{text} Privacy policy Terms of use Cookie settings Imprint\n")
        }
        Recipe::Licence | Recipe::CodeIdiom | Recipe::Navigation => format!("{text}\n{clean}"),
        Recipe::Mirror => format!("{}\nMirror of this page: {}\n", page(text), letters(rng, 8)),
        Recipe::NearDuplicate => varied(&page(text), text.len(), rng),
        Recipe::Recrawl => {
            let (month, day) = (rng.random_range(1..=12), rng.random_range(1..=28));
            let visits = rng.random_range(1000..1_000_000);
            format!("Retrieved 2023-{month:02}-{day:02}, {visits} visits\n{}\n", page(text))
        }
        Recipe::Brand => insert(clean, word_border(clean, rng), &format!("by {text}")),
        Recipe::Table => insert(clean, sentence_border(clean, rng), &table(text, rng)),
        _ => insert(clean, sentence_border(clean, rng), &format!("{text}.")),
    }
}

/// The page that begins with this sentence: always the same.
fn page(first: &str) -> String {
    let mut shared = stream(mix(1, first.as_bytes()), Purpose::Template, "page", 0);
    format!("{first} {}", prose::sentences(PAGE_SENTENCES, &mut shared).join(" "))
}

/// The page with some of its words replaced, but for its first bytes.
fn varied(page: &str, kept: usize, rng: &mut ChaCha8Rng) -> String {
    let (first, rest) = page.split_at(kept);
    let mut text = first.to_owned();
    for word in rest.split_whitespace() {
        text.push(' ');
        if rng.random_bool(CHANGED_WORDS) {
            text.push_str(&prose::invented_word(2, rng));
        } else {
            text.push_str(word);
        }
    }
    text
}

fn table(head: &str, rng: &mut ChaCha8Rng) -> String {
    let mut table = format!("\n{head}\n");
    for year in 2010..2020 {
        let mut number = || rng.random_range(10..100_000u32);
        table.push_str(&format!("{year} {} {} {}.{}\n", number(), number(), number(), number()));
    }
    table
}
